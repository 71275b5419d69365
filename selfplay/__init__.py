"""Self-play reinforcement learning for small games, measured against human knowledge.

    import selfplay
    player = selfplay.player("mcts:pretrained,sims=200", game="connect4")
    player.analyze("44352").move
    selfplay.match(player, "alphabeta:depth=6", games=100).score
    for generation in selfplay.train("connect4", minutes=10): ...
    selfplay.Run("runs/connect4").crossovers()
    selfplay.compare(["runs/a0", "runs/a1"], ["runs/b0", "runs/b1"]).verdict
    selfplay.lab.run("data").claims

What each name needs is loaded when the name is first used: importing the package loads neither torch nor numpy.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selfplay import lab as lab
    from selfplay.interface.compare import compare as compare
    from selfplay.interface.match import match as match
    from selfplay.interface.player import Player as Player
    from selfplay.interface.player import player as player
    from selfplay.interface.position import Position as Position
    from selfplay.interface.position import PositionAnalysis as PositionAnalysis
    from selfplay.interface.train import train as train
    from selfplay.run.read import Run as Run

__version__ = "0.2.0"

_HOMES = {
    "Player": "selfplay.interface.player",
    "Position": "selfplay.interface.position",
    "PositionAnalysis": "selfplay.interface.position",
    "Run": "selfplay.run.read",
    "compare": "selfplay.interface.compare",
    "lab": "selfplay.lab",
    "match": "selfplay.interface.match",
    "player": "selfplay.interface.player",
    "train": "selfplay.train",
}

__all__ = ["Player", "Position", "PositionAnalysis", "Run", "compare", "lab", "match", "player", "train"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(_HOMES[name])
    value = home if name in ("lab", "train") else getattr(home, name)  # rooms; that of training can be called
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
