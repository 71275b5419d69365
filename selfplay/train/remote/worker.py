"""What one process plays: a share of a generation at a time, for whoever asks.

A share is what one thread of a local run would play: the games of one random stream. A process keeps the ongoing games
of the share that it played last; for any other it is handed them, so any process can go on with any stream.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

import games
from selfplay import __version__
from selfplay.config import Config
from selfplay.network.architectures import build
from selfplay.network.evaluator import NetworkEvaluator
from selfplay.train.actor import Actor, Allowance, Harvest
from selfplay.train.pool import stream_seed

State = dict[str, np.ndarray]

_PLAYED = "played_GT"  # which rows of the packed arrays there are
_BY_PLY = ("states_GTW", "policies_GTA", "wdl_GT3", "facts_GT")
_GAMES = "SELFPLAY_GAMES"  # where the rules of added games are found


@dataclass(frozen=True, kw_only=True)
class Share:
    """A part of a generation."""

    number: int
    """of the generation"""
    stream: int
    """of random numbers, and the games that are played with it"""
    simulations: int
    allowance: Allowance


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a process has to know before it plays."""

    config: Config
    dtype: str
    added_games: str
    """of the variable SELFPLAY_GAMES, where the run was begun"""
    version: str
    """of this package, there"""


def setup(config: Config, dtype: str) -> Setup:
    return Setup(config=config, dtype=dtype, added_games=os.environ.get(_GAMES, ""), version=__version__)


class Worker:
    """A process's games, trees and network."""

    def __init__(self, setup: Setup) -> None:
        """`ValueError` where another version is installed than where the run was begun."""
        if setup.version != __version__:
            raise ValueError(f"a node has selfplay {__version__}, and the run was begun with {setup.version}")
        if setup.added_games:
            os.environ[_GAMES] = setup.added_games
        torch.set_num_threads(1)
        config = setup.config
        self._game, self._config = games.make(config.game), config
        self._network = build(self._game, config.network.architecture)
        self._evaluator = NetworkEvaluator(
            self._network, config.device, game=self._game, batch=config.play.games, dtype=setup.dtype
        )
        self._actor = self._new_actor()

    def _new_actor(self) -> Actor:
        quota = math.ceil(self._config.play.positions / (self._config.threads or 1))
        return Actor(self._game, self._config, self._evaluator, quota)

    def play(
        self, share: Share, weights: Mapping[str, np.ndarray], state: State | None, held: bool
    ) -> tuple[Harvest, State]:
        """The harvest of a share, and the ongoing games after it, packed.

        They go on from `state`, None for none; or, where `held`, from those of the share that was played last.
        """
        torch.set_num_threads(1)  # of this thread, which need not be that of the constructor
        if not held:
            self._actor = self._new_actor()
            if state is not None:
                self._actor.restore(unpacked(state))
        self._network.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})
        self._evaluator.load(self._network)
        harvest = self._actor.play(
            stream_seed(self._config.seed, share.number, share.stream), share.simulations, share.allowance
        )
        return harvest, packed(self._actor.state())

    def progress(self) -> tuple[int, int, int]:
        """Of the share that is being played: finished positions, positions of ongoing games, evaluations."""
        actor = self._actor
        return actor.finished_positions, actor.ongoing_positions, actor.evaluations


def weights_of(network: torch.nn.Module) -> dict[str, np.ndarray]:
    """The weights as arrays of their own: those of the network go on changing."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in network.state_dict().items()}


def packed(state: State) -> State:
    """An actor's state without the plies that were not played, which are most of it."""
    longest = state["states_GTW"].shape[1]
    played_GT = np.arange(longest) < state["count_G"][:, None]
    small = {
        name: _rows(array, longest)[played_GT] if name in _BY_PLY else array.copy() for name, array in state.items()
    }
    return {**small, _PLAYED: played_GT}


def unpacked(state: State) -> State:
    """What `packed` was given, zeros where nothing was played; a state that is not packed as it is."""
    if _PLAYED not in state:
        return state
    played_GT = state[_PLAYED]
    found = {}
    for name, array in state.items():
        if name in _BY_PLY:
            whole = np.zeros((*played_GT.shape, *array.shape[1:]), array.dtype)
            whole[played_GT] = array
            array = whole.reshape(len(played_GT), -1) if name == "facts_GT" else whole
        if name != _PLAYED:
            found[name] = array
    return found


def _rows(array: np.ndarray, longest: int) -> np.ndarray:
    """With plies as the second axis, also of facts, whose plies lie side by side as bytes."""
    return array if array.ndim == 3 else array.reshape(len(array), longest, -1 if longest else 0)
