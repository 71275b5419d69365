"""Who plays a generation: threads of this process here; elsewhere other machines, or a teacher.

The trainer is handed a pool and knows nothing else of self-play. All randomness of a generation comes from (seed of
the run, number of the generation, stream), so a pool that keeps to that gives the same run every time.
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from games.game import Game
from selfplay.config import Config
from selfplay.network.architectures import Network, build
from selfplay.network.evaluator import NetworkEvaluator
from selfplay.train.actor import UNLIMITED, Actor, Allowance, Harvest

Watch = Callable[[int, int], None]
"""called now and then with the positions searched in this generation, and about how many it will be"""

_LOOKS_S = 0.25  # seconds between two looks at what the threads have played


@dataclass(frozen=True, kw_only=True)
class OngoingGame:
    """A game of self-play that is not over: T plies since its random opening, W words of a state."""

    start_W: np.ndarray
    """where the searches took over"""
    actions_T: np.ndarray
    wdl_T3: np.ndarray
    """the searches' chances to win, draw and lose, for the player who then moved"""


def _nobody(done: int, of: int) -> None:
    """Watches nothing."""


class Pool(Protocol):
    """Plays the games that the trainer learns from."""

    dtype: str
    """in which the network plays, "float32" or "bfloat16"; the learner's autocast follows it"""

    def play(
        self, network: Network, number: int, simulations: int, allowance: Allowance, watch: Watch
    ) -> list[Harvest]:
        """Generation `number`: at least `play.positions` new positions of finished games, in harvests whose order and
        content depend on nothing but the arguments, the config and what was played before; and on the clock where the
        `allowance` has an end in seconds.

        At the end of a run the generation is cut to what the `allowance` has left. A pool that does not look at it
        ends a run later than it was told to. `network` is the average of the learner's weights, which go on changing: a
        pool copies what it keeps. Full searches take so many `simulations`. An error in any part of the pool is raised
        here.
        """
        ...

    def ongoing(self) -> OngoingGame:
        """A game that is not over, for whoever looks on."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """The ongoing games, as arrays to save."""
        ...

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on with saved games; `ValueError` if they do not fit this pool."""
        ...


class LocalPool:
    """Threads of this process, each with games, trees and an evaluator of its own."""

    def __init__(self, game: Game, config: Config, dtype: str = "", first_stream: int = 0) -> None:
        """Threads whose random streams are `first_stream` and those after it: several such pools of one run, on several
        machines, must not share any.

        `dtype` is what a saved run was settled to; by default that of the config, where auto measures.
        """
        threads = config.threads or 1
        network = build(game, config.network.architecture)  # of no use but to be measured
        first = NetworkEvaluator(
            network, config.device, game=game, batch=config.play.games, dtype=dtype or config.network.dtype
        )
        self.dtype = first.dtype
        self.seed = config.seed
        self.first_stream = first_stream
        self.evaluators = [first] + [
            NetworkEvaluator(network, config.device, game=game, batch=config.play.games, dtype=self.dtype)
            for _ in range(threads - 1)
        ]
        quota = math.ceil(config.play.positions / threads)
        self.actors = [Actor(game, config, evaluator, quota) for evaluator in self.evaluators]

    def play(
        self, network: Network, number: int, simulations: int, allowance: Allowance = UNLIMITED, watch: Watch = _nobody
    ) -> list[Harvest]:
        harvests: list[Harvest | BaseException | None] = [None] * len(self.actors)

        def work(thread: int) -> None:
            torch.set_num_threads(1)  # of this thread: the cores are shared out among actors
            try:
                seed = np.random.SeedSequence([self.seed, number, self.first_stream + thread])
                self.evaluators[thread].load(network)
                harvests[thread] = self.actors[thread].play(seed, simulations, share)
            except BaseException as error:
                harvests[thread] = error

        share = allowance.of_one(len(self.actors))
        before = sum(actor.ongoing_positions for actor in self.actors)
        workers = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(len(self.actors))]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            deadline = time.monotonic() + _LOOKS_S
            for worker in workers:
                worker.join(max(0.0, deadline - time.monotonic()))
            more = sum(actor.ongoing_positions for actor in self.actors) - before
            finished = sum(actor.finished_positions for actor in self.actors)
            watch(max(0, finished + more), max(1, sum(actor.quota for actor in self.actors) + more))
        for harvest in harvests:
            if isinstance(harvest, BaseException):
                raise harvest
        return [harvest for harvest in harvests if isinstance(harvest, Harvest)]

    def ongoing(self) -> OngoingGame:
        """The game that has come furthest, of the first thread's."""
        slots = self.actors[0].slots
        g = int(slots.count_G.argmax())
        plies = int(slots.count_G[g])
        return OngoingGame(
            start_W=(slots.states_GTW[g, 0] if plies else slots.state_GW[g]).copy(),
            actions_T=slots.facts_GT["action"][g, :plies].copy(),
            wdl_T3=slots.wdl_GT3[g, :plies].copy(),
        )

    def state(self) -> dict[str, np.ndarray]:
        return {f"{i}/{key}": value for i, actor in enumerate(self.actors) for key, value in actor.state().items()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        for i, actor in enumerate(self.actors):
            actor.restore({key[len(f"{i}/") :]: value for key, value in state.items() if key.startswith(f"{i}/")})
