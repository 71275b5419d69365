"""What people know of Gomoku with other winning lengths than five, of which no shapes are known: lines.

A line is k cells in a row inside the board. It belongs to a side that has stones in it while the other has none. The
alpha-beta over it is `generic`'s. C cells; side 0 is to move, side 1 the other.
"""

import functools
from collections.abc import Callable

import numpy as np

from games.game import Game
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
    word = side * ((len(state_W) - 1) // 2) + (cell >> 6)
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
def longest(state_W, side, size, k, exact, cell):
    """The most stones that `side` has in a line through the empty cell that it can still win, -1 if there is none."""
    most = -1
    for d_row, d_column in _DIRECTIONS:
        for i in range(k):
            row, column = cell // size - i * d_row, cell % size - i * d_column
            before = _is_there(state_W, side, size, row - d_row, column - d_column)
            after = _is_there(state_W, side, size, row + k * d_row, column + k * d_column)
            if exact == 0 or before + after == 0:
                most = max(most, _stones_in(state_W, side, size, k, row, column, d_row, d_column))
    return most


@kernel(i64(words_W, i64, i64, i64, i64), allocates=False)
def urgency(state_W, size, k, exact, cell):
    """Of a move: to win, then to stop a win, to extend one's longest line or stop one of the other's that is longer."""
    mine = longest(state_W, 0, size, k, exact, cell)
    theirs = longest(state_W, 1, size, k, exact, cell)
    return max(2 * mine + 1, 2 * theirs)


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
def _kernels(size: int, k: int) -> tuple[Callable, Callable]:
    """`evaluate` and `candidates` of one board."""

    @kernel(EVALUATE, allocates=False)
    def evaluate(state_W):
        return _evaluate(state_W, size, k)

    @kernel(LEGAL, allocates=False)
    def candidates(state_W, flags_A):
        """Empty cells near stones; the middle of an empty board."""
        count = 0
        for cell in range(size * size):
            row, column = cell // size, cell % size
            flags_A[cell] = 0
            if _is_there(state_W, 0, size, row, column) + _is_there(state_W, 1, size, row, column) == 0:
                for r in range(row - _REACH, row + _REACH + 1):
                    for c in range(column - _REACH, column + _REACH + 1):
                        flags_A[cell] |= _is_there(state_W, 0, size, r, c) | _is_there(state_W, 1, size, r, c)
            count += flags_A[cell]
        if count == 0:
            flags_A[(size // 2) * (size + 1)] = 1
            count = 1
        return count

    return evaluate, candidates


def worths(game: Game, without: frozenset[str]) -> Hints:
    """What lines are worth, and which moves are near, as far as these pieces are not left out."""
    evaluate, candidates = _kernels(game.width, game.in_a_row)
    return Hints(even if "lines" in without else evaluate, game.legal if "near" in without else candidates)
