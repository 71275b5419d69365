"""Connect Four as a network sees it, with threats or without: views of equal size, for networks of equal size.

Two planes stand beside those of the rules. With threats they show the empty cells that complete a line of the mover's,
and of the opponent's; without, they are empty. Rules, moves and symmetries are those of the game.
"""

# A kernel's types are its numba signature, which type checkers cannot read.
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false

import dataclasses
import functools

import numpy as np

import games
from games.game import Game
from games.kernel import OBSERVE, kernel
from selfplay.knowledge.connect4.lines import ONE, board_bits, winning_bits

_HEIGHT, _WIDTH, _K = 6, 7, 4
PLANES = 6


@kernel(OBSERVE, allocates=False)
def _observe_stones(state_W, planes_PHW):
    """The planes of the rules, then two empty ones."""
    own, mask = state_W[0], state_W[1]
    began = 1.0 if (state_W[2] & ONE) == 0 else 0.0
    for column in range(_WIDTH):
        for row in range(_HEIGHT):
            bit = np.uint64(column * (_HEIGHT + 1) + row)
            y = _HEIGHT - 1 - row
            mine, taken = (own >> bit) & ONE, (mask >> bit) & ONE
            planes_PHW[0, y, column] = mine
            planes_PHW[1, y, column] = taken - mine
            planes_PHW[2, y, column] = 1.0
            planes_PHW[3, y, column] = began
            planes_PHW[4, y, column] = 0.0
            planes_PHW[5, y, column] = 0.0


@kernel(OBSERVE, allocates=False)
def _observe_threats(state_W, planes_PHW):
    """The same with threats in the last two."""
    _observe_stones(state_W, planes_PHW)
    own, mask = state_W[0], state_W[1]
    empty = board_bits(_HEIGHT, _WIDTH) & ~mask
    mine, theirs = winning_bits(own, _HEIGHT, _K) & empty, winning_bits(mask ^ own, _HEIGHT, _K) & empty
    for column in range(_WIDTH):
        for row in range(_HEIGHT):
            bit = np.uint64(column * (_HEIGHT + 1) + row)
            planes_PHW[4, _HEIGHT - 1 - row, column] = (mine >> bit) & ONE
            planes_PHW[5, _HEIGHT - 1 - row, column] = (theirs >> bit) & ONE


@functools.cache
def connect4(threats: bool) -> Game:
    """The game with one of the two views; its name is that of the game."""
    observe = _observe_threats if threats else _observe_stones
    return dataclasses.replace(games.make("connect4"), planes=PLANES, observe=observe)
