"""What people know of Gomoku where no shapes are known, by the rules of Caro and Renju and with other winning lengths
than five: lines.

A line is k cells in a row inside the board. It belongs to a side that has stones in it while the other has none. The
alpha-beta over it is `generic`'s, which makes every move by the game's own rules and asks them what wins and what may
be played: so Black never plays a foul, a row that is closed or too long is none, and a four that Black may only answer
by a foul is found to win. C cells; side 0 is to move, side 1 the other.
"""

import functools
from collections.abc import Callable

import numpy as np

from games.five.lines import CARO, CARO6, FREESTYLE, STANDARD
from games.game import Game
from games.gomoku import LINES, RENJU
from games.kernel import LEGAL, i64, kernel, words_W
from selfplay.knowledge.generic import EVALUATE, Hints, even, new_context, search

__all__ = ["PIECES", "SCALE", "longest", "new_context", "search", "urgency", "worths"]

# The pieces of knowledge, as `without=` names them: what lines are worth, and that moves near stones are enough.
PIECES = ("lines", "near")
SCALE = 200.0  # a score of this size is a clear advantage

_REACH = 2  # cells from a stone that count as near
_WORTH = (0, 216, 36, 6, 1)  # of a line that lacks so many stones, at most
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
_ONE = np.uint64(1)


@kernel(i64(words_W, i64, i64, i64, i64), allocates=False)
def _is_there(state_W, side, size, row, column):
    """1 if `side` has a stone there; beyond the board nobody has."""
    if not (0 <= row < size and 0 <= column < size):
        return 0
    cell = row * size + column
    word = side * ((size * size + 63) >> 6) + (cell >> 6)
    return int((state_W[word] >> np.uint64(cell & 63)) & _ONE)


@kernel(i64(words_W, i64, i64, i64, i64, i64, i64, i64), allocates=False)
def _stones_in(state_W, side, size, k, row, column, d_row, d_column):
    """How many stones `side` has in the `k` cells from there; -1 if the other has some, or they leave the board."""
    last_row, last_column = row + (k - 1) * d_row, column + (k - 1) * d_column
    if not (0 <= row < size and 0 <= column < size and 0 <= last_row < size and 0 <= last_column < size):
        return -1
    count = 0
    for i in range(k):
        if _is_there(state_W, 1 - side, size, row + i * d_row, column + i * d_column) == 1:
            return -1
        count += _is_there(state_W, side, size, row + i * d_row, column + i * d_column)
    return count


@kernel(i64(words_W, i64, i64, i64, i64, i64), allocates=False)
def longest(state_W, side, size, k, rule, cell):
    """The most stones that `side` has in a line through the empty cell that it can still win by a rule of
    `games.five.lines`, -1 if there is none."""
    most = -1
    for d_row, d_column in _DIRECTIONS:
        for i in range(k):
            row, column = cell // size - i * d_row, cell % size - i * d_column
            last_row, last_column = row + k * d_row, column + k * d_column
            if rule in (STANDARD, CARO):
                before = _is_there(state_W, side, size, row - d_row, column - d_column)
                if before + _is_there(state_W, side, size, last_row, last_column) > 0:
                    continue
            if rule in (CARO, CARO6):
                before = _is_there(state_W, 1 - side, size, row - d_row, column - d_column)
                if before + _is_there(state_W, 1 - side, size, last_row, last_column) == 2:
                    continue
            most = max(most, _stones_in(state_W, side, size, k, row, column, d_row, d_column))
    return most


@kernel(i64(words_W, i64, i64, i64, i64, i64), allocates=False)
def urgency(state_W, size, k, rule, other_rule, cell):
    """Of a move: to win, then to stop a win, to extend one's longest line or stop one of the other's that is longer.

    `rule` is the mover's, `other_rule` the other side's: in Renju they differ.
    """
    mine = longest(state_W, 0, size, k, rule, cell)
    theirs = longest(state_W, 1, size, k, other_rule, cell)
    return max(2 * mine + 1, 2 * theirs)


def rules_of(game: Game) -> tuple[int, int]:
    """By which rule of `games.five.lines` the player who began wins, and the other."""
    rule = str(game.options["rule"])
    return (STANDARD, FREESTYLE) if rule == RENJU else (LINES[rule], LINES[rule])


@kernel(i64(words_W, i64, i64), allocates=False)
def _evaluate(state_W, size, k):
    """What the lines of the mover are worth, less those of the other."""
    total = 0
    for cell in range(size * size):
        for d_row, d_column in _DIRECTIONS:
            for side in range(2):
                stones = _stones_in(state_W, side, size, k, cell // size, cell % size, d_row, d_column)
                if stones > 0:
                    worth = _WORTH[min(k - stones, 4)]
                    total += worth if side == 0 else -worth
    return total


@functools.cache
def _kernels(size: int, k: int, fouls: bool) -> tuple[Callable, Callable]:
    """`evaluate` and `candidates` of one board; with `fouls` by the rules of Renju."""
    side = (size * size + 63) // 64

    @kernel(EVALUATE, allocates=False)
    def evaluate(state_W):
        return _evaluate(state_W, size, k)

    @kernel(LEGAL, allocates=False)
    def candidates(state_W, flags_A):
        """Cells near stones where the mover may play, or if there are none any; the middle of an empty board."""
        count = 0
        barred = fouls and state_W[2 * side] > 0 and (state_W[2 * side] & _ONE) == 0
        for cell in range(size * size):
            row, column = cell // size, cell % size
            flags_A[cell] = 0
            if barred and (state_W[2 * side + 1 + (cell >> 6)] >> np.uint64(cell & 63)) & _ONE == _ONE:
                continue
            if _is_there(state_W, 0, size, row, column) + _is_there(state_W, 1, size, row, column) == 0:
                for r in range(row - _REACH, row + _REACH + 1):
                    for c in range(column - _REACH, column + _REACH + 1):
                        flags_A[cell] |= _is_there(state_W, 0, size, r, c) | _is_there(state_W, 1, size, r, c)
            count += flags_A[cell]
        if count == 0 and state_W[2 * side] > 0:
            for cell in range(size * size):
                word, bit = cell >> 6, np.uint64(cell & 63)
                taken = state_W[word] | state_W[side + word]
                if barred:
                    taken |= state_W[2 * side + 1 + word]
                flags_A[cell] = 1 - int((taken >> bit) & _ONE)
                count += flags_A[cell]
        elif count == 0:
            flags_A[(size // 2) * (size + 1)] = 1
            count = 1
        return count

    return evaluate, candidates


def worths(game: Game, without: frozenset[str]) -> Hints:
    """What lines are worth, and which moves are near, as far as these pieces are not left out."""
    evaluate, candidates = _kernels(game.width, game.in_a_row, game.options["rule"] == RENJU)
    return Hints(even if "lines" in without else evaluate, game.legal if "near" in without else candidates)
