"""One-ply human rules of Gomoku.

Five in a row, freestyle and standard, is judged by shapes: win; stop a five; make an open four or two fours; stop that;
make a four with an open three, or two open threes; stop that; else the cell that makes the best shapes for oneself and
spoils the other's. Other rules and winning lengths by lines, of the moves that are legal: win; block; else extend the
longest line, or stop the other's where it is longer. The first stone goes to the middle. Ties are broken at random, by
each position's own seed. N positions, C cells, Q quadruples of shapes.
"""

import functools

import numpy as np
from numba import types

from games.game import Game
from games.kernel import LEGAL, flags_A, i64, kernel, u64
from games.rng import below
from selfplay.knowledge.gomoku import board as gomoku_board
from selfplay.knowledge.gomoku import lines, shapes
from selfplay.knowledge.gomoku.board import Knowledge, knowledge_t, quad_at

_LEGAL = types.FunctionType(LEGAL)
_NEAR = 2
# Points of a shape, by the table of `gomoku_shapes`: what it could become decides, then in how many ways.
_POINTS = (0, 1, 2, 4, 8, 9, 10, 11, 24, 28, 26, 0, 0)
_POINTS_OF_OWN, _POINTS_OF_OTHER = 5, 4  # one's own shapes are a tempo ahead
_URGENT = 10_000  # above any points
_RULES = (0, 0, 1, 0, 2, 3, 4)  # how urgent a cell of each class is
_NOT_HERE = -(1 << 40)  # the rank of a cell that is taken or out of the question


@kernel((u64[:, ::1], gomoku_board.boards_t, knowledge_t, i64[:, ::1]), allocates=False)
def _rank_by_shapes(states_NW, board_1, know, ranks_NC):
    board = board_1[0]
    for n in range(len(states_NW)):
        side = gomoku_board.read(board, know, states_NW[n])
        for cell in range(ranks_NC.shape[1]):
            ranks_NC[n, cell] = _NOT_HERE
            near = (board["near"][board["stones"], cell >> 6] >> np.uint64(cell & 63)) & 1
            if board["stone"][cell] != 0 or near == 0:
                continue
            own, other = quad_at(board, cell, side), quad_at(board, cell, 1 - side)
            rule = max(2 * _RULES[know.classes_Q[own]], 2 * _RULES[know.classes_Q[other]] - 1, 0)
            points = _POINTS_OF_OWN * know.ordering_scores_Q[own] + _POINTS_OF_OTHER * know.ordering_scores_Q[other]
            ranks_NC[n, cell] = rule * _URGENT + points


@kernel((_LEGAL, u64[:, ::1], flags_A, i64, i64, i64, i64, i64[:, ::1]), allocates=False)
def _rank_by_lines(legal, states_NW, flags_A, size, k, rule, other_rule, ranks_NC):
    """The player who began wins by `rule`, the other by `other_rule`."""
    side_words = (len(flags_A) + 63) >> 6
    for n in range(len(states_NW)):
        legal(states_NW[n], flags_A)
        stones = np.int64(states_NW[n, 2 * side_words])
        mine, theirs = (rule, other_rule) if stones & 1 == 0 else (other_rule, rule)
        for cell in range(len(flags_A)):
            open_ = stones > 0 and flags_A[cell] == 1
            ranks_NC[n, cell] = lines.urgency(states_NW[n], size, k, mine, theirs, cell) if open_ else _NOT_HERE


@kernel((i64[:, ::1], u64[::1], i64, i64[::1]), allocates=False)
def _choose(ranks_NC, rng_N, middle, actions_N):
    """The cell of the highest rank; each of several with equal probability."""
    for n in range(len(ranks_NC)):
        actions_N[n] = middle
        best, ties = _NOT_HERE, 0
        for cell in range(ranks_NC.shape[1]):
            rank = ranks_NC[n, cell]
            if rank == _NOT_HERE or rank < best:
                continue
            ties = ties + 1 if rank == best else 1
            best = rank
            if below(rng_N, n, ties) == 0:
                actions_N[n] = cell


@functools.cache
def _knowledge(size: int, exact: int) -> Knowledge:
    quads = np.arange(shapes.QUADS)
    points = np.array([*_POINTS, 0, 0, 0])
    points_Q = np.stack([points[(quads >> shift) & 15] for shift in (0, 4, 8, 12)]).sum(axis=0)
    none_Q = np.zeros_like(points_Q)
    return Knowledge(
        gomoku_board.geometry(size, exact, _NEAR),
        shapes.shapes(exact),
        shapes.classes(),
        none_Q,
        points_Q,
        none_Q,
        0,
    )


def choose(game: Game, states_NW: np.ndarray, seeds_N: np.ndarray) -> np.ndarray:
    """The rules' moves, int64 [N]."""
    ranks_NC = np.zeros((len(states_NW), game.cells), np.int64)
    if gomoku_board.knows(game):
        know = _knowledge(game.width, gomoku_board.exact_of(game))
        _rank_by_shapes(states_NW, np.zeros(1, gomoku_board.BOARD), know, ranks_NC)
    else:
        flags_A = np.zeros(game.cells, np.uint8)
        _rank_by_lines(game.legal, states_NW, flags_A, game.width, game.in_a_row, *lines.rules_of(game), ranks_NC)
    actions_N = np.zeros(len(states_NW), np.int64)
    _choose(ranks_NC, seeds_N.copy(), (game.width // 2) * (game.width + 1), actions_N)
    return actions_N
