"""The lines of a Gomoku board, for winning lengths other than five, of which no shapes are known.

C cells, L lines of k cells that lie inside the board, M places a cell can take in its lines (-1 pads). `board_C` holds
0 for empty, else side + 1; side 0 is to move in the position that was read.
"""

import functools
from typing import NamedTuple

import numpy as np
from numba import types

from games.game import Game
from games.kernel import i64, kernel, words_W

cells_C = types.Array(types.int8, 1, "C")
i64s = types.Array(i64, 1, "C")
_table = types.Array(types.int32, 2, "C")

_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))


class Lines(NamedTuple):
    """The tables of one board."""

    cells_LK: np.ndarray  # int32
    ends_L2: np.ndarray  # int32; the cells just outside both ends, -1 beyond the board
    through_CM: np.ndarray  # int32; the lines of each cell
    size: int
    exact: int  # 1 if longer lines do not win


lines_t = types.NamedTuple([_table, _table, _table, i64, i64], Lines)


@functools.cache
def lines_of(size: int, k: int, exact: int) -> Lines:
    """All lines of a `size` x `size` board."""

    def cell(row: int, column: int) -> int:
        return row * size + column if 0 <= row < size and 0 <= column < size else -1

    cells, ends = [], []
    for row in range(size):
        for column in range(size):
            for d_row, d_column in _DIRECTIONS:
                if cell(row + (k - 1) * d_row, column + (k - 1) * d_column) >= 0:
                    cells.append([cell(row + i * d_row, column + i * d_column) for i in range(k)])
                    ends.append([cell(row + i * d_row, column + i * d_column) for i in (-1, k)])
    through: list[list[int]] = [[] for _ in range(size * size)]
    for line, members in enumerate(cells):
        for member in members:
            through[member].append(line)
    most = max(len(lines) for lines in through)
    return Lines(
        cells_LK=np.array(cells, np.int32),
        ends_L2=np.array(ends, np.int32),
        through_CM=np.array([lines + [-1] * (most - len(lines)) for lines in through], np.int32),
        size=size,
        exact=exact,
    )


def lines_of_game(game: Game) -> Lines:
    """The tables of a game of kind `gomoku`."""
    return lines_of(game.height, game.in_a_row, int(game.options["rule"] == "standard"))


@kernel(i64(words_W, cells_C), allocates=False)
def read(state_W, board_C):
    """Fill the board from a state; returns how many stones there are."""
    side_words = (len(state_W) - 1) // 2
    stones = 0
    for cell in range(len(board_C)):
        board_C[cell] = 0
        for side in range(2):
            if (state_W[side * side_words + (cell >> 6)] >> np.uint64(cell & 63)) & np.uint64(1) != 0:
                board_C[cell] = side + 1
                stones += 1
    return stones


@kernel(i64(lines_t, cells_C, i64, i64), allocates=False)
def stones_in(lines, board_C, line, side):
    """How many stones `side` has in a line, -1 if the other has some."""
    count = 0
    for i in range(lines.cells_LK.shape[1]):
        stone = board_C[lines.cells_LK[line, i]]
        if stone == 2 - side:
            return -1
        count += stone != 0
    return count


@kernel(i64(lines_t, cells_C, i64, i64), allocates=False)
def longest(lines, board_C, cell, side):
    """The most stones that `side` has in a line through the empty cell that it can still win, -1 if there is none."""
    most = -1
    for m in range(lines.through_CM.shape[1]):
        line = lines.through_CM[cell, m]
        if line < 0:
            break
        longer = False
        for e in range(2):
            end = lines.ends_L2[line, e]
            longer = longer or (lines.exact == 1 and end >= 0 and board_C[end] == side + 1)
        if not longer:
            most = max(most, stones_in(lines, board_C, line, side))
    return most


@kernel(i64(lines_t, cells_C, i64, i64), allocates=False)
def urgency(lines, board_C, cell, side):
    """Of a move: to win, then to stop a win, to extend one's longest line or stop one of the other's that is longer."""
    return max(2 * longest(lines, board_C, cell, side) + 1, 2 * longest(lines, board_C, cell, 1 - side))
