"""The player by one-ply human rules."""

import numpy as np

from games.game import Game
from selfplay.knowledge import generic
from selfplay.knowledge.connect4 import rules as connect4_rules
from selfplay.knowledge.gomoku import rules as gomoku_rules

_CHOOSE = {"connect4": connect4_rules.choose, "gomoku": gomoku_rules.choose}


class Rules:
    """Wins, blocks, and prefers what people are told to prefer, where we know of it; sees one move ahead.

    Ties are random, by seed.
    """

    def __init__(self, game: Game) -> None:
        self.game = game
        self._choose = _CHOOSE.get(game.kind, generic.choose)

    def choose(self, states_NW: np.ndarray, seeds_N: np.ndarray) -> np.ndarray:
        """Moves, int64 [N]; one uint64 seed for each position."""
        return self._choose(self.game, states_NW, seeds_N)
