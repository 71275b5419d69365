"""The player by one-ply human rules."""

import numpy as np

from games.game import Game
from selfplay.knowledge.connect4 import rules as connect4_rules
from selfplay.knowledge.gomoku import rules as gomoku_rules

_PLAYS = {"connect4": connect4_rules, "gomoku": gomoku_rules}


class Rules:
    """Wins, blocks, and prefers what people are told to prefer; sees one move ahead. Ties are random, by seed."""

    def __init__(self, game: Game) -> None:
        if game.kind not in _PLAYS:
            raise ValueError(f"rules knows nothing of {game.name!r}; it plays {', '.join(_PLAYS)}")
        self.game = game
        self._module = _PLAYS[game.kind]

    def choose(self, states_NW: np.ndarray, seeds_N: np.ndarray) -> np.ndarray:
        """Moves, int64 [N]; one uint64 seed for each position."""
        return self._module.choose(self.game, states_NW, seeds_N)
