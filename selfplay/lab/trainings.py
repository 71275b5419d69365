"""A training as a cell: the networks of one run at several ages, kept for whoever plays with them later.

    FOLDER/                       of an experiment
        NAME/                     of one training
            age-0.safetensors ..  the averaged network at each age, float32
            ages.json             what was asked for, and the ages that are reached
            checkpoints/          while it is under way

An age is training compute in FLOPs, 2 per multiply-add, of self-play and learning. A generation is cut short where an
age falls into it, so trainings of other seeds have the same ages within a hundredth. Nothing is measured on the way.
"""

import functools
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import games
from games.game import Game
from selfplay.arena.perfect.table import Counted
from selfplay.config import Config, merged
from selfplay.network.frozen import FrozenNetwork
from selfplay.network.weights import weights_bytes, weights_metadata
from selfplay.players.agent import Agent
from selfplay.players.learned import from_network
from selfplay.run import atomic, checkpoint, limits, presets

if TYPE_CHECKING:
    from selfplay.train.pool import Pool

MakePool = Callable[[Game, Config, str], "Pool"]
"""of a game, a config and a dtype; "" is that of the config"""

THREADS = 2
"""that play, on every machine: their number decides what is learned"""
NODE_FLOPS = 2e3
"""what a node of alpha-beta is charged, on every machine: a core of the reference machine visits about ten million in a
second, in which it computes about 2e10 FLOPs of a small network"""
_AGES = "ages.json"
_SAVES_S = 30.0  # seconds between two checkpoints: what a kill costs at most


@dataclass(frozen=True, kw_only=True)
class Age:
    """A network of a training, and what it had cost by then."""

    flops: float
    games: int
    positions: int
    generation: int
    weights: str
    """file, from the folder of the experiment"""

    def as_json(self) -> dict[str, Any]:
        """For the result of a cell."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Age":
        return cls(**found)


def ages_of(result: Mapping[str, Any]) -> list[Age]:
    """From the result of a cell that keeps them as `ages`."""
    return [Age.from_json(age) for age in result["ages"]]


def configured(game: str, seed: int, *, network: str, at_once: int, positions: int) -> Config:
    """The preset of a game with another network, games at once on each thread, and positions of a generation: the
    fewer they are, the earlier an age can be. In float32, which is no matter of measuring; and without what presets
    learned since the first results, so that those still are what the same command gives."""
    changes = {
        "game": game,
        "seed": seed,
        "network": {"architecture": network, "dtype": "float32"},
        "play": {"games": at_once, "positions": positions},
        "learn": {"ownership_weight": 0.0},
    }
    return merged(merged(Config(), presets.for_game(game)), changes)


def train(
    folder: Path, config: Config, *, ages: Sequence[float], game: Game | None = None, pool: MakePool | None = None
) -> list[Age]:
    """Train by `config` until the last of these ages, and keep the network at each of them.

    Args:
        folder: of the training, in that of the experiment. A training that was stopped goes on there from its last
            checkpoint, to the same end; one that is finished is not repeated; what another config left is removed.
        config: its limits are replaced by the last age, and `threads` where that is 0. An "auto" of `network.dtype` is
            measured, so name one.
        ages: FLOPs, ascending. 0 is the untrained network. The first game takes what it takes: an age below that has
            the network after it.
        game: the game of the config in another view, which is then given to `network` and `player` too.
        pool: makes who plays, if it is not self-play by threads.
    """
    from selfplay.train.pool import LocalPool
    from selfplay.train.trainer import Trainer, restore_counters

    config = replace(config, threads=config.threads or THREADS, minutes=0.0, generations=0, flops=float(ages[-1]))
    asked = json.loads(json.dumps({"config": asdict(config), "ages": [float(age) for age in ages]}))
    done = _begun(folder, asked)
    if len(done) == len(ages):
        return done
    game = game or games.make(config.game)
    saved = checkpoint.newest(folder, checkpoint.STATE)
    dtype = restore_counters(saved)["dtype"] if saved else ""
    trainer = Trainer(game, config, (pool or LocalPool)(game, config, dtype))
    if saved:
        trainer.restore(saved)
    done = [age for age in done if age.generation <= trainer.number]
    saved_at = time.monotonic()
    for number in range(len(done), len(ages)):
        trainer.config = replace(config, flops=float(ages[number]))
        while ages[number] and not limits.reached(trainer.config, trainer.ledger, trainer.number):
            trainer.learned()
            if time.monotonic() - saved_at > _SAVES_S:
                trainer.save(folder)
                saved_at = time.monotonic()
        file, spent = folder / f"age-{number}.safetensors", trainer.ledger
        atomic.write_file(file, weights_bytes(trainer.learner.average, game.name))
        done.append(
            Age(
                flops=spent.train_flops,
                games=spent.games,
                positions=spent.positions,
                generation=trainer.number,
                weights=f"{folder.name}/{file.name}",
            )
        )
        _write(folder, asked, done)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return done


def _begun(folder: Path, asked: Mapping[str, Any]) -> list[Age]:
    """The ages that were reached before; a folder for them, without what is left of another training."""
    try:
        found = json.loads((folder / _AGES).read_bytes())
        if found["asked"] == asked:
            return [Age.from_json(age) for age in found["ages"]]
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        pass
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    for file in folder.glob("age-*.safetensors"):
        file.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder, asked, [])
    return []


def _write(folder: Path, asked: Mapping[str, Any], done: Sequence[Age]) -> None:
    content = {"asked": asked, "ages": [age.as_json() for age in done]}
    atomic.write_file(folder / _AGES, json.dumps(content, indent=1).encode())


def network(folder: Path, age: Age, game: Game | None = None) -> Counted:
    """The network of that age, which counts its evaluations; `folder` is that of the experiment. `ValueError` where it
    was not kept."""
    return _network(folder / age.weights, game)


@functools.lru_cache(maxsize=64)  # who plays with several numbers of simulations loads it once
def _network(path: Path, game: Game | None) -> Counted:
    if not path.exists():
        raise ValueError(f"{path} is not there: results are published without their networks, so give another --out")
    return Counted(FrozenNetwork.load(path, game or games.make(weights_metadata(path)["game"])))


def thinking_flops(folder: Path, ages: Sequence[Age]) -> float:
    """Of all that players made of these networks have thought so far in this process."""
    from selfplay.network.architectures import evaluation_flops

    found = [network(folder, age) for age in ages]
    return sum(each.evaluations * evaluation_flops(each.module, each.game) for each in found)


def player(
    folder: Path, age: Age, simulations: int, *, game: Game | None = None, dtype: str = "float32", **how: Any
) -> Agent:
    """Who plays with that network and so many simulations a move; 0 is the policy alone.

    `how` is what `selfplay.players.learned.from_network` takes besides. The dtype has a default that is not measured,
    so that a cell gives the same again.
    """
    frozen = network(folder, age, game)
    if simulations == 0:
        return from_network(frozen, frozen.game, policy_only=True, dtype=dtype, **how)
    return from_network(frozen, frozen.game, simulations=simulations, dtype=dtype, **how)


def parameters(folder: Path, age: Age) -> int:
    """Trainable numbers of the network."""
    from selfplay.network.architectures import parameter_count

    return parameter_count(network(folder, age).module)
