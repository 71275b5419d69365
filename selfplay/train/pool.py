"""Who plays a generation: threads of this process here; elsewhere other machines, or a teacher.

The trainer is handed a pool and knows nothing else of self-play. All randomness of a generation comes from (seed of
the run, number of the generation, stream), so a pool that keeps to that gives the same run every time.
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch

from games.game import Game
from selfplay.config import Config
from selfplay.network.architectures import Network, build
from selfplay.network.evaluator import NetworkEvaluator
from selfplay.train.actor import UNLIMITED, Actor, Allowance, Harvest
from selfplay.train.slots import FACT

Watch = Callable[[int, int], None]
"""called now and then with the positions searched in this generation, and about how many it will be; 0 while nobody
knows"""

_LOOKS_S = 0.25  # seconds between two looks at what the threads have played


@dataclass(frozen=True, kw_only=True)
class OngoingGame:
    """A game of self-play that is not over: T plies since its random opening, W words of a state."""

    start_W: np.ndarray
    """where the searches took over"""
    actions_T: np.ndarray
    wdl_T3: np.ndarray
    """the searches' chances to win, draw and lose, for the player who then moved"""


def stream_seed(seed: int, number: int, stream: int) -> np.random.SeedSequence:
    """Of all randomness of one stream in generation `number`."""
    return np.random.SeedSequence([seed, number, stream])


def furthest(state: dict[str, np.ndarray]) -> OngoingGame:
    """The game that has come furthest, of an actor's state."""
    g = int(state["count_G"].argmax())
    plies = int(state["count_G"][g])
    facts_T = np.ascontiguousarray(state["facts_GT"][g]).view(FACT)[:plies]
    return OngoingGame(
        start_W=(state["states_GTW"][g, 0] if plies else state["state_GW"][g]).copy(),
        actions_T=facts_T["action"].copy(),
        wdl_T3=state["wdl_GT3"][g, :plies].copy(),
    )


def _nobody(done: int, of: int) -> None:
    """Watches nothing."""


@runtime_checkable
class MeasuredPool(Protocol):
    """A pool that has numbers of its own to log."""

    def metrics(self) -> dict[str, float]:
        """Of the generation that it played last, by the names of `selfplay.run.metrics`."""
        ...


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


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a generation is."""

    finished: int
    """positions, in games that are over"""
    more: int
    """positions of ongoing games, beyond those that there were at its beginning"""
    evaluations: int
    seconds: float

    def expected(self, quota: int, more_at_the_end: float, allowance: Allowance) -> int:
        """How many positions will have been searched, about, when the quota is finished or the allowance spent; 0
        while nobody knows."""
        searched = self.finished + self.more
        done = min(1.0, self.finished / quota)
        more = max(0.0, done * self.more + (1 - done) * more_at_the_end)
        ends = [quota + more]
        spent = (self.evaluations, allowance.evaluations, allowance.evaluations_per_position)
        for used, most, learning in (spent, (self.seconds, allowance.seconds, allowance.seconds_per_position)):
            if math.isinf(most):
                continue
            if searched <= 0 or used <= 0:
                return 0
            # At x positions: used / searched * x + learning * (x - more) = most.
            ends.append((most + learning * more) / (used / searched + learning))
        return max(1, searched, round(min(ends)))


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
        self._usual = game.max_plies / 2  # positions of a game, as a first guess

    def play(
        self, network: Network, number: int, simulations: int, allowance: Allowance = UNLIMITED, watch: Watch = _nobody
    ) -> list[Harvest]:
        harvests: list[Harvest | BaseException | None] = [None] * len(self.actors)

        def work(thread: int) -> None:
            torch.set_num_threads(1)  # of this thread: the cores are shared out among actors
            try:
                seed = stream_seed(self.seed, number, self.first_stream + thread)
                self.evaluators[thread].load(network)
                harvests[thread] = self.actors[thread].play(seed, simulations, share)
            except BaseException as error:
                harvests[thread] = error

        share = allowance.of_one(len(self.actors))
        before = sum(actor.ongoing_positions for actor in self.actors)
        began = time.perf_counter()
        workers = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(len(self.actors))]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            deadline = time.monotonic() + _LOOKS_S
            for worker in workers:
                worker.join(max(0.0, deadline - time.monotonic()))
            more = sum(actor.ongoing_positions for actor in self.actors) - before
            finished = sum(actor.finished_positions for actor in self.actors)
            now = Progress(
                finished=finished,
                more=more,
                evaluations=sum(actor.evaluations for actor in self.actors),
                seconds=time.perf_counter() - began,
            )
            watch(max(0, finished + more), now.expected(self._quota, self._more_at_the_end(before), allowance))
        for harvest in harvests:
            if isinstance(harvest, BaseException):
                raise harvest
        return [harvest for harvest in harvests if isinstance(harvest, Harvest)]

    @property
    def _quota(self) -> int:
        return sum(actor.quota for actor in self.actors)

    def _more_at_the_end(self, before: int) -> float:
        """Positions of ongoing games that come to the `before`, about: games end at any time, so half of each is
        played."""
        games = sum(actor.finished_games for actor in self.actors)
        finished = sum(actor.finished_positions for actor in self.actors)
        slots = sum(len(actor.slots.count_G) for actor in self.actors)
        length = finished / games if games > slots / 2 else self._usual
        return slots * length / 2 - before

    def ongoing(self) -> OngoingGame:
        """The game that has come furthest, of the first thread's."""
        return furthest(self.actors[0].state())

    def state(self) -> dict[str, np.ndarray]:
        return {f"{i}/{key}": value for i, actor in enumerate(self.actors) for key, value in actor.state().items()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        for i, actor in enumerate(self.actors):
            actor.restore({key[len(f"{i}/") :]: value for key, value in state.items() if key.startswith(f"{i}/")})
