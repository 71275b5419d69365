"""The lines of a Gomoku board and how many stones each holds, kept up to date move by move.

C cells, L lines of k cells that lie inside the board, M places a cell can take in its lines (-1 pads). Sides
0 and 1; `board_C` holds 0 for empty, else side + 1. `counts_2L[side, line]`: stones of that side in the line.
`sums_3`: the worth of all lines to side 0 less their worth to side 1, then for each side its lines that are
one stone short and hold none of the other's. A line is worth worth_K[n] to the only side in it, with n stones.
"""

import functools
from dataclasses import dataclass

import numpy as np
from numba import types

from games.game import Game
from games.kernel import i64, kernel, words_W

i32 = types.int32
cells_C = types.Array(types.int8, 1, "C")
counts_2L = types.Array(types.int8, 2, "C")
table = types.Array(i32, 2, "C")
numbers = types.Array(i64, 1, "C")

_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))


@dataclass(frozen=True)
class Lines:
    """The tables of one board."""

    cells_LK: np.ndarray  # int32
    ends_L2: np.ndarray  # int32; the cells just outside both ends, -1 beyond the board
    through_CM: np.ndarray  # int32; the lines of each cell
    exact: int  # 1 if longer lines do not win


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
        exact=exact,
    )


def lines_of_game(game: Game) -> Lines:
    """The tables of a game of kind `gomoku`."""
    return lines_of(game.height, game.in_a_row, int(game.options["rule"] == "standard"))


@kernel(types.void(cells_C, counts_2L, numbers, table, numbers, i64, i64, i64))
def put(board_C, counts_2L, sums_3, through_CM, worth_K, cell, side, change):
    """Put a stone of `side` on `cell` (change 1), or take it back (change -1)."""
    other = 1 - side
    short = len(worth_K) - 2  # stones in a line that one stone completes
    gained = 0
    for m in range(through_CM.shape[1]):
        line = through_CM[cell, m]
        if line < 0:
            break
        if change < 0:
            counts_2L[side, line] -= 1
        mine = counts_2L[side, line]
        theirs = counts_2L[other, line]
        if theirs == 0:
            gained += worth_K[mine + 1] - worth_K[mine]
            if mine == short:
                sums_3[1 + side] -= change
            elif mine == short - 1:
                sums_3[1 + side] += change
        elif mine == 0:
            gained += worth_K[theirs]
            if theirs == short:
                sums_3[1 + other] -= change
        if change > 0:
            counts_2L[side, line] += 1
    sums_3[0] += change * gained if side == 0 else -change * gained
    board_C[cell] = side + 1 if change > 0 else 0


@kernel(i64(cells_C, counts_2L, numbers, table, numbers, i64, i64))
def gain(board_C, counts_2L, sums_3, through_CM, worth_K, cell, side):
    """What a stone of `side` on the empty `cell` would add to its owner's worth."""
    gained = 0
    for m in range(through_CM.shape[1]):
        line = through_CM[cell, m]
        if line < 0:
            break
        mine = counts_2L[side, line]
        theirs = counts_2L[1 - side, line]
        if theirs == 0:
            gained += worth_K[mine + 1] - worth_K[mine]
        elif mine == 0:
            gained += worth_K[theirs]
    return gained


@kernel(i64(cells_C, counts_2L, numbers, table, table, i64, i64, numbers))
def winning_cells(board_C, counts_2L, sums_3, cells_LK, ends_L2, exact, side, found_2):
    """How many cells (counted up to 2) win at once for `side`; the first of them go to found_2."""
    count = 0
    if sums_3[1 + side] == 0:
        return count
    short = cells_LK.shape[1] - 1
    for line in range(len(cells_LK)):
        if counts_2L[side, line] != short or counts_2L[1 - side, line] != 0:
            continue
        if exact == 1:
            longer = False
            for e in range(2):
                end = ends_L2[line, e]
                longer = longer or (end >= 0 and board_C[end] == side + 1)
            if longer:
                continue
        for i in range(short + 1):
            cell = cells_LK[line, i]
            if board_C[cell] == 0 and (count == 0 or found_2[0] != cell):
                found_2[count] = cell
                count += 1
                if count == 2:
                    return count
    return count


@kernel(i64(words_W, cells_C, counts_2L, numbers, table, numbers))
def read(state_W, board_C, counts_2L, sums_3, through_CM, worth_K):
    """Fill board, counts and sums from a state, the mover as side 0; returns how many stones there are."""
    board_C[:] = 0
    counts_2L[:] = 0
    sums_3[:] = 0
    side_words = (len(state_W) - 1) // 2
    stones = 0
    for cell in range(len(board_C)):
        for side in range(2):
            word = state_W[side * side_words + (cell >> 6)]
            if (word >> np.uint64(cell & 63)) & np.uint64(1) != 0:
                put(board_C, counts_2L, sums_3, through_CM, worth_K, cell, side, 1)
                stones += 1
    return stones
