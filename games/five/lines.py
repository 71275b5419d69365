"""Winning lines on bitboards, by each rule of how long they are and what may stand at their ends.

Freestyle: k or more in a row. Standard: exactly k. Caro: exactly k, and not with a stone of the other player at both
ends. Caro6: likewise, but more than k win whatever stands at their ends.

Caro is the rule of Gomocup's caro league (gomocup.org, result of 2023: neither oxxxxxo nor xxxxxx wins). What the edge
of the board is at the end of a row is said by the program that judges there, Piskvork (github.com/plastovicka/Piskvork,
source/game.cpp, doMove1): only a stone of the other player closes, the edge does not. Its manager numbers the rule with
overlines 8 (Caro6) and the league's 8 + 1 (Caro).

Bit `row * size + column`, row 0 at the top; a player's stones are `words` words of the state.
"""

# A kernel's types are its numba signature, which type checkers cannot read.
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false

import numpy as np

from games.bits import ahead
from games.kernel import flags_A, i64, kernel, words_W

_ONE = np.uint64(1)

FREESTYLE, STANDARD, CARO, CARO6 = 0, 1, 2, 3


@kernel(i64(words_W, i64, i64, i64, i64, i64, i64, i64), allocates=False)
def _run(state_W, first_word, size, row, column, d_row, d_column, most):
    """Stones in a row going out from a cell, the cell itself not counted, up to `most`."""
    count = 0
    row += d_row
    column += d_column
    while count < most and 0 <= row < size and 0 <= column < size:
        cell = row * size + column
        if (state_W[first_word + (cell >> 6)] >> np.uint64(cell & 63)) & _ONE == 0:
            break
        count += 1
        row += d_row
        column += d_column
    return count


@kernel(i64(words_W, i64, i64, i64, i64), allocates=False)
def _stands(state_W, first_word, size, row, column):
    """1 if there is a stone; beyond the board there is none."""
    if not (0 <= row < size and 0 <= column < size):
        return 0
    cell = row * size + column
    return np.int64((state_W[first_word + (cell >> 6)] >> np.uint64(cell & 63)) & _ONE)


@kernel(i64(words_W, i64, i64, i64, i64, i64, i64), allocates=False)
def completes(state_W, first_word, other_word, size, cell, k, rule):
    """1 if a stone on `cell`, whose own bit is not looked at, makes a winning line of the stones from `first_word` on;
    the other player's are those from `other_word` on."""
    row = cell // size
    column = cell % size
    for d_row, d_column in ((0, 1), (1, 0), (1, 1), (1, -1)):
        forward = _run(state_W, first_word, size, row, column, d_row, d_column, k)
        backward = _run(state_W, first_word, size, row, column, -d_row, -d_column, k)
        length = 1 + forward + backward
        if length > k and (rule in (FREESTYLE, CARO6)):
            return 1
        if length == k:
            if rule < CARO:
                return 1
            after, before = forward + 1, backward + 1
            closed = _stands(state_W, other_word, size, row + after * d_row, column + after * d_column)
            closed += _stands(state_W, other_word, size, row - before * d_row, column - before * d_column)
            if closed < 2:
                return 1
    return 0


@kernel(i64(words_W, i64, i64, i64, i64, i64, i64, i64, flags_A), allocates=False)
def _flag_gap(state_W, words, size, k, rule, start, d_row, d_column, flags_A):
    """`k` cells in a line from `start` hold the mover's stones but for one: flag that one if it is there to be taken,
    wins, and is not flagged yet. Returns 1 if it is flagged."""
    end_row = start // size + (k - 1) * d_row
    end_column = start % size + (k - 1) * d_column
    if not (end_row < size and 0 <= end_column < size):
        return 0  # these bits are no line of the board
    cell = start
    while (state_W[cell >> 6] >> np.uint64(cell & 63)) & _ONE == 1:
        cell += d_row * size + d_column
    taken = (state_W[words + (cell >> 6)] >> np.uint64(cell & 63)) & _ONE
    if taken == 1 or flags_A[cell] == 1:
        return 0
    if rule != FREESTYLE and completes(state_W, 0, words, size, cell, k, rule) == 0:
        return 0
    flags_A[cell] = 1
    return 1


@kernel(i64(words_W, i64, i64, i64, i64, flags_A), allocates=False)
def flag_wins(state_W, words, size, k, rule, flags_A):
    """Flag the empty cells that give the mover a winning line, 64 lines at a time; how many."""
    for cell in range(len(flags_A)):
        flags_A[cell] = 0
    count = 0
    for d_row, d_column in ((0, 1), (1, 0), (1, 1), (1, -1)):
        for word in range(words):
            full = ~np.uint64(0)  # lines from here without a gap so far
            one = np.uint64(0)  # and with a single one
            for i in range(k):
                stones = ahead(state_W, 0, words, word, i * (d_row * size + d_column))
                one = (one & stones) | (full & ~stones)
                full &= stones
                if one | full == 0:
                    break
            bit = 0
            while one != 0:
                if one & _ONE == 1:
                    count += _flag_gap(state_W, words, size, k, rule, 64 * word + bit, d_row, d_column, flags_A)
                one >>= _ONE
                bit += 1
    return count


@kernel(i64(words_W, i64, i64, i64, i64, i64, i64), allocates=False)
def any_line(state_W, first_word, other_word, words, size, k, rule):
    """1 if the stones of `words` words from `first_word` on hold a winning line."""
    for word in range(words):
        stones = state_W[first_word + word]
        cell = 64 * word
        while stones != 0:
            if stones & _ONE == 1 and completes(state_W, first_word, other_word, size, cell, k, rule) == 1:
                return 1
            stones >>= _ONE
            cell += 1
    return 0
