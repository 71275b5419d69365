"""What a run begins with instead of random weights: the network of another run (`selfplay train --init`).

The weights alone pass on, the averaged ones that play; optimiser, replay window and schedules begin anew. So does
the budget. What the weights cost passes on too: the totals of the new run count from there, or its strength would
stand too far to the left on the axis of compute.
"""

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import games
from games.game import Game
from selfplay.ledger import Ledger
from selfplay.network.architectures import Network, build
from selfplay.network.weights import load_weights, weights_metadata
from selfplay.run import checkpoint, read


@dataclass(frozen=True, kw_only=True)
class InitialWeights:
    """A network that has learned, and what that cost."""

    weights: Path
    network: Network
    game: str
    spent: Ledger | None
    """with what its own parents had spent; None where the file does not lie in a run folder, which alone tells"""

    def record(self) -> dict[str, Any]:
        """What meta.json says of it."""
        return {
            "weights": str(self.weights),
            "sha256": hashlib.sha256(self.weights.read_bytes()).hexdigest(),
            "game": self.game,
            "spent": self.spent and dataclasses.asdict(self.spent),
        }


def find(spec: str, game: Game, architecture: str) -> InitialWeights:
    """The network that `spec` names (a PATH of the agent grammar); `ValueError` if it cannot begin this run."""
    weights = checkpoint.resolve(spec, game.name)
    metadata = weights_metadata(weights)
    learned, its = metadata["game"], metadata["architecture"]
    if games.make(learned).kind != game.kind:
        raise ValueError(f"{spec} learned {learned}, which is another game than {game.name}")
    if its != architecture:
        raise ValueError(
            f"{spec} is a {its} and this run's network a {architecture}: give --network.architecture {its}"
        )
    network, _ = load_weights(weights)
    if _shapes(network) != _shapes(build(game, architecture)):
        raise ValueError(
            f"{spec} learned {learned}, and a {its} fits no other board there; only a resnet of a game whose moves are"
            f" cells, as Gomoku, goes on to {game.name}"
        )
    return InitialWeights(weights=weights, network=network, game=learned, spent=_spent(weights))


def _shapes(network: Network) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def _spent(weights: Path) -> Ledger | None:
    """The totals of the run in whose folder the weights lie, up to their generation."""
    if weights.parent.parent.name != "checkpoints":
        return None
    for line in read.metrics(weights.parents[2]):
        if line.generation == int(weights.parent.name):
            return line.ledger
    return None
