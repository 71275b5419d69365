"""One-ply human rules of Gomoku.

Five in a row is judged by shapes: win; stop a five; make an open four or two fours; stop that; make a four with an
open three, or two open threes; stop that; else the cell that makes the best shapes for oneself and spoils the
other's. For other winning lengths by lines: win; block; else extend the longest line, or stop the other's where it
is longer. The first stone goes to the middle. Ties are broken at random, by each position's own seed. N positions,
C cells, Q quadruples of shapes.
"""

import functools

import numpy as np

from games.game import Game
from games.kernel import i64, kernel, u64
from selfplay.knowledge import gomoku_board, gomoku_shapes
from selfplay.knowledge.gomoku_board import Knowledge, knowledge_t, quad_at
from selfplay.knowledge.gomoku_lines import lines_of_game, numbers, read, table, winning_cells
from selfplay.search.rng import below

_FIVE = 5
_NEAR = 2
# Points of a shape, by the table of `gomoku_shapes`: what it could become decides, then in how many ways.
_POINTS = (0, 1, 2, 4, 8, 9, 10, 11, 24, 28, 26, 0, 0)
_POINTS_OF_OWN, _POINTS_OF_OTHER = 5, 4  # one's own shapes are a tempo ahead
_URGENT = 10_000  # above any points
_RULES = (0, 0, 1, 0, 2, 3, 4)  # how urgent a cell of each class is


@kernel((u64[:, ::1], u64[::1], gomoku_board.boards_t, knowledge_t, i64, numbers), allocates=False)
def _choose_by_shapes(states_NW, rng_N, board_1, know, size, actions_N):
    board = board_1[0]
    for n in range(len(states_NW)):
        side = gomoku_board.read(board, know, states_NW[n])
        actions_N[n] = (size // 2) * size + size // 2
        best = -1
        ties = 0
        for cell in range(size * size):
            if (
                board["stone"][cell] != 0
                or (board["near"][board["stones"], cell >> 6] >> np.uint64(cell & 63)) & 1 == 0
            ):
                continue
            own, other = quad_at(board, cell, side), quad_at(board, cell, 1 - side)
            rule = max(2 * _RULES[know.classes_Q[own]], 2 * _RULES[know.classes_Q[other]] - 1)
            points = _POINTS_OF_OWN * know.promises_Q[own] + _POINTS_OF_OTHER * know.promises_Q[other]
            rank = max(rule, 0) * _URGENT + points
            if rank < best:
                continue
            ties = ties + 1 if rank == best else 1
            best = rank
            if below(rng_N, n, ties) == 0:  # each of the ties is kept with equal probability
                actions_N[n] = cell


@functools.cache
def _knowledge(size: int, exact: int) -> Knowledge:
    quads = np.arange(gomoku_shapes.QUADS)
    points = np.array([*_POINTS, 0, 0, 0])
    points_Q = np.stack([points[(quads >> shift) & 15] for shift in (0, 4, 8, 12)]).sum(axis=0)
    none_Q = np.zeros_like(points_Q)
    return Knowledge(
        gomoku_board.geometry(size, exact, _NEAR),
        gomoku_shapes.shapes(exact),
        gomoku_shapes.classes(),
        none_Q,
        points_Q,
        none_Q,
    )


@kernel((u64[:, ::1], u64[::1], table, table, table, i64, i64, numbers))
def _choose_by_lines(states_NW, rng_N, cells_LK, ends_L2, through_CM, exact, size, actions_N):
    board_C = np.zeros(len(through_CM), np.int8)
    counts_2L = np.zeros((2, len(cells_LK)), np.int8)
    sums_3 = np.zeros(3, np.int64)
    worth_K = np.zeros(cells_LK.shape[1] + 1, np.int64)
    found_2 = np.zeros(2, np.int64)
    for n in range(len(states_NW)):
        stones = read(states_NW[n], board_C, counts_2L, sums_3, through_CM, worth_K)
        if stones == 0:
            actions_N[n] = (size // 2) * size + size // 2
            continue
        if winning_cells(board_C, counts_2L, sums_3, cells_LK, ends_L2, exact, 0, found_2) > 0:
            actions_N[n] = found_2[0]
            continue
        if winning_cells(board_C, counts_2L, sums_3, cells_LK, ends_L2, exact, 1, found_2) > 0:
            actions_N[n] = found_2[0]
            continue
        longest = -1
        ties = 0
        for cell in range(len(board_C)):
            if board_C[cell] != 0:
                continue
            length = 0  # twice the stones of the longest line that can still be won, and one if it is our own
            for m in range(through_CM.shape[1]):
                line = through_CM[cell, m]
                if line < 0:
                    break
                mine = counts_2L[0, line]
                theirs = counts_2L[1, line]
                if theirs == 0:
                    length = max(length, 2 * mine + 1)
                elif mine == 0:
                    length = max(length, 2 * theirs)
            if length < longest:
                continue
            ties = ties + 1 if length == longest else 1
            longest = length
            if below(rng_N, n, ties) == 0:  # each of the ties is kept with equal probability
                actions_N[n] = cell


def choose(game: Game, states_NW: np.ndarray, seeds_N: np.ndarray) -> np.ndarray:
    """The rules' moves, int64 [N]."""
    actions_N = np.zeros(len(states_NW), np.int64)
    rng_N = seeds_N.copy()
    if game.in_a_row == _FIVE:
        know = _knowledge(game.width, gomoku_board.exact_of(game))
        _choose_by_shapes(states_NW, rng_N, np.zeros(1, gomoku_board.BOARD), know, game.width, actions_N)
        return actions_N
    lines = lines_of_game(game)
    _choose_by_lines(
        states_NW, rng_N, lines.cells_LK, lines.ends_L2, lines.through_CM, lines.exact, game.width, actions_N
    )
    return actions_N
