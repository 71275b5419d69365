"""The tables of one board, rule and choice of pieces of knowledge, put together. Q quadruples of shapes."""

import functools

import numpy as np

from games.game import Game
from selfplay.knowledge.gomoku import board
from selfplay.knowledge.gomoku import shapes as gomoku_shapes
from selfplay.knowledge.gomoku.weights import MAKES, MOVER, STOPS, TEMPO, WAITING

_NEAR = 2  # cells from a stone that count as near
_OFFSET = 100  # added to every worth, so that sums of them are never negative; it cancels between the sides


def pairs(of_pairs: tuple[int, ...]) -> np.ndarray:
    """int64 [Q]: what the best two shapes are worth, from a table as in `gomoku_weights`."""
    quads = np.arange(gomoku_shapes.QUADS)
    shapes_4Q = np.sort([np.minimum((quads >> shift) & 15, gomoku_shapes.FIVE) for shift in (0, 4, 8, 12)], axis=0)
    best_Q, second_Q = shapes_4Q[3], shapes_4Q[2]
    return np.array(of_pairs, np.int64)[best_Q * (best_Q + 1) // 2 + second_Q]


def knowledge(game: Game, *, shapes: bool = True, near: bool = True) -> board.Knowledge:
    """The tables of a game; without `shapes` nothing is worth anything, without `near` every cell is near."""
    return _knowledge(game.width, board.exact_of(game), shapes, near)


@functools.cache
def _knowledge(size: int, exact: int, shapes: bool, near: bool) -> board.Knowledge:
    worths_Q = (pairs(MOVER) + _OFFSET) + ((pairs(WAITING) + _OFFSET) << 32)
    return board.Knowledge(
        board.geometry(size, exact, _NEAR if near else 0),
        gomoku_shapes.shapes(exact),
        gomoku_shapes.classes(),
        worths_Q * shapes,
        pairs(MAKES),
        pairs(STOPS),
        TEMPO * shapes,
    )
