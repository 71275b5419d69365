"""The rules of board games, compiled; nothing here knows of learning.

Point of view, stated once for the whole project: every state, plane and value is seen by the player
to move at that state. `step` hands the position to the other player, so a value changes sign with it.

`make("connect4")`, `make("gomoku:size=9,rule=standard")` or `make("tictactoe")` gives a `Game`.
"""

# pyright: reportUnusedImport=false
# Importing a rules file registers its games, and importing gym_env its Gymnasium ids (30 ms, once numpy is there).
import games.connect4
import games.gomoku
import games.gym_env  # noqa: F401
from games.game import DRAW, MOVER_LOST, MOVER_WON, ONGOING, Game
from games.registry import make, names, register

__all__ = ["DRAW", "MOVER_LOST", "MOVER_WON", "ONGOING", "Game", "make", "names", "register"]
