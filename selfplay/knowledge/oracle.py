"""Perfect play in Connect Four (7 x 6), by `bitbully`; the only file that imports it.

A score is exact and seen by the player to move: positive wins, 0 draws, negative loses, and its size says how
early: one more than half the cells left free when the game ends, rounded down. An action that cannot be played
has the score ILLEGAL. N positions, W words, A = 7 actions.
"""

import functools
import importlib.util
import sys
from typing import TYPE_CHECKING

import numpy as np

from games.game import Game

if TYPE_CHECKING:
    from bitbully import BitBully

ILLEGAL = -100
_INSTALL = f"the perfect player needs the package `bitbully`: {sys.executable} -m pip install bitbully"


def available() -> bool:
    """Whether `bitbully` is installed."""
    return importlib.util.find_spec("bitbully") is not None


def check(game: Game) -> None:
    """`ValueError` if there is no perfect player of this game here."""
    if game.name != "connect4":
        raise ValueError(f"there is a perfect player of connect4 (7 x 6) only, not of {game.name}")
    if not available():
        raise ValueError(_INSTALL)


@functools.cache
def _solver() -> "BitBully":
    from bitbully import BitBully

    return BitBully()


def _board(state_W: np.ndarray) -> list[list[int]]:
    """What bitbully reads: columns from the left, rows from the bottom, 1 for who began the game, 2 for the other."""
    own, mask, plies = (int(word) for word in state_W)
    mine, theirs = (1, 2) if plies % 2 == 0 else (2, 1)
    board = [[0] * 6 for _ in range(7)]
    for column in range(7):
        for row in range(6):
            bit = 1 << (column * 7 + row)
            if mask & bit:
                board[column][row] = mine if own & bit else theirs
    return board


@functools.lru_cache(maxsize=1 << 16)
def _scores(state: bytes) -> tuple[int, ...]:
    from bitbully import Board

    found = _solver().score_all_moves(Board.from_array(_board(np.frombuffer(state, np.uint64))))
    return tuple(found.get(column, ILLEGAL) for column in range(7))


def scores(states_NW: np.ndarray) -> np.ndarray:
    """Exact scores of all moves, int64 [N, 7]. The positions must not be over."""
    return np.array([_scores(state_W.tobytes()) for state_W in states_NW], np.int64).reshape(-1, 7)
