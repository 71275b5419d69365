"""Misere tic-tac-toe: whoever makes three in a row has lost. A full board without one is a draw."""

import dataclasses

import numpy as np

import games
from games.game import DRAW, MOVER_LOST, ONGOING, Game, wins_by_stepping
from games.kernel import STEP, kernel

_LINES = (0b111, 0b111000, 0b111000000, 0b1001001, 0b10010010, 0b100100100, 0b100010001, 0b1010100)


@kernel(STEP, allocates=False)
def _step(state_W, action, next_W):
    stones = state_W[0] | (np.uint64(1) << np.uint64(action))
    next_W[0] = state_W[1]
    next_W[1] = stones
    next_W[2] = state_W[2] + np.uint64(1)
    for line in _LINES:
        if stones & np.uint64(line) == np.uint64(line):
            return MOVER_LOST
    return DRAW if next_W[2] == np.uint64(9) else ONGOING


def misere_game() -> Game:
    """The board and the moves of tic-tac-toe, and the opposite end."""
    tictactoe = games.make("tictactoe")
    return dataclasses.replace(
        tictactoe, name="misere", kind="misere", title="", in_a_row=0, step=_step, wins=wins_by_stepping
    )
