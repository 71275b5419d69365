"""The books of a generation that is played elsewhere: its shares, who plays them, and what is lost and played again.

A generation has one share for each random stream, as many as the run has threads, and any process can play any of
them. A stream's share of the next generation goes on from the ongoing games of the one before, which are kept here;
so where a process dies, its share goes to another, from the same games and with the same weights, and the records are
those of a run in which nothing died. There are as many processes as streams, once there is room for them: those that
join take shares of those that play several.

With a lag of n, generation k + n is asked for when k is, with the weights that there are by then, and is played while
the learner learns. Those of a lag of 0 are always the newest, and the run is that of threads of this process.
"""

import contextlib
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from games.game import Game
from selfplay.config import Config
from selfplay.network.architectures import Network
from selfplay.train.actor import UNLIMITED, Allowance, Harvest
from selfplay.train.pool import OngoingGame, Progress, Watch, furthest
from selfplay.train.remote.worker import Share, State, unpacked, weights_of

_LOOKS_S = 0.25  # seconds between two looks at what was played
_SHORT_LOOKS_S = 0.05  # likewise, where the learner may want to know at any time
_MOST_LOSSES = 5  # of one share, or of processes in a row that never began: it is no accident then


@dataclass(frozen=True, kw_only=True)
class Started:
    """A process can play."""

    worker: int
    node: str
    """where it runs"""


@dataclass(frozen=True, kw_only=True)
class Played:
    """A process has played its share."""

    worker: int
    harvest: Harvest
    state: State
    """the ongoing games after it, packed"""


@dataclass(frozen=True, kw_only=True)
class Lost:
    """A process is gone."""

    worker: int
    why: str


Event = Started | Played | Lost


class Workers(Protocol):
    """Processes that play shares, by number."""

    def publish(self, weights: dict[str, np.ndarray]) -> Any:
        """Bring weights to where all can read them; what `submit` takes. They go when nobody holds that any more."""
        ...

    def start(self) -> int:
        """Ask for one more process; `Started` tells when there is room for it, and it runs."""
        ...

    def submit(self, worker: int, share: Share, weights: Any, state: State | None, held: bool) -> None:
        """Have a share played (`Worker.play`); `Played` or `Lost` tells the rest. One at a time."""
        ...

    def progress(self, worker: int) -> tuple[int, int, int]:
        """Finished positions, positions of ongoing games, evaluations; of its share, as it said last."""
        ...

    def wait(self, seconds: float) -> Sequence[Event]:
        """What has happened, as soon as anything has. What failed in a process for another reason than its death is
        raised, and `ConnectionError` where no process can be reached any more."""
        ...

    def close(self) -> None:
        """End all processes."""
        ...


@dataclass(kw_only=True)
class _Process:
    node: str
    share: Share | None = None
    """that it plays"""
    holds: tuple[int, int] | None = None
    """stream and generation of the ongoing games that it has"""


@dataclass(kw_only=True)
class _Stream:
    states: dict[int, State | None] = field(default_factory=dict)
    """the ongoing games after each generation, from that on which the trainer got last; None for none"""
    losses: int = 0
    """of its present share"""


@dataclass(frozen=True, kw_only=True)
class _Generation:
    """One that was asked for."""

    version: int
    """of the weights it is played with: the generation that they were learned in"""
    weights: Any
    simulations: int
    allowance: Allowance
    harvests: dict[int, Harvest] = field(default_factory=dict)
    """by stream, what is played of it"""
    nodes: dict[int, str] = field(default_factory=dict)
    """by stream, where that was played"""


@dataclass(frozen=True, kw_only=True)
class _Summary:
    """What is remembered of the generation that was handed on last."""

    positions: int
    evaluations: int
    simulations: int
    busy: float
    """seconds of all processes"""
    lag: int
    seconds: float
    """since the one before, with the learning between"""
    rates: dict[str, float]
    """evaluations per second of play of a process, by node"""


def _summary(number: int, generation: _Generation, seconds: float) -> _Summary:
    harvests = generation.harvests.values()
    rates = {}
    for node in set(generation.nodes.values()):
        there = [generation.harvests[i] for i, name in generation.nodes.items() if name == node]
        rates[node] = sum(one.evaluations for one in there) / max(1e-9, sum(one.seconds for one in there))
    return _Summary(
        positions=sum(len(harvest.states_MW) for harvest in harvests),
        evaluations=sum(harvest.evaluations for harvest in harvests),
        simulations=sum(harvest.simulations for harvest in harvests),
        busy=sum(harvest.seconds for harvest in harvests),
        lag=number - 1 - generation.version,
        seconds=max(1e-9, seconds),
        rates=rates,
    )


class RemotePool:
    """A `Pool` whose generations are played by `workers`."""

    def __init__(self, game: Game, config: Config, workers: Workers, dtype: str) -> None:
        """`dtype` is what all of them play in."""
        self.dtype = dtype
        self.workers = workers
        self._config = config
        self._usual = game.max_plies / 2  # positions of a game, as a first guess
        self._streams = [_Stream() for _ in range(config.threads or 1)]
        self._restored: dict[int, State | None] = {}
        self._processes: dict[int, _Process] = {}
        self._generations: dict[int, _Generation] = {}  # that were asked for and not yet handed on, oldest first
        self._delivered: int | None = None  # the generation that was handed on last
        self._lost = 0
        self._unborn = 0  # processes that were lost before they began, since one began
        self._last: _Summary | None = None
        self._clock = time.perf_counter()
        self._ahead_of_time: _Thread | None = None  # keeps the books while the learner learns
        for _ in self._streams:
            workers.start()

    def begin(self) -> None:
        """Wait until one process can play, whose start is no time of the run's."""
        while not self._processes:
            self._step(_LOOKS_S)

    def play(
        self, network: Network, number: int, simulations: int, allowance: Allowance, watch: Watch
    ) -> list[Harvest]:
        weights = self.workers.publish(weights_of(network))
        self._take_over()
        if self._delivered is None:
            self._delivered = number - 1
            for i, stream in enumerate(self._streams):
                stream.states = {number - 1: self._restored.get(i)}
        assert number == self._delivered + 1
        before = sum(_positions(stream.states[number - 1]) for stream in self._streams)
        for asked in range(number, number + 1 + self._ahead(number, allowance)):
            if asked not in self._generations:
                self._generations[asked] = _Generation(
                    version=number - 1,
                    weights=weights,
                    simulations=simulations,
                    allowance=self._share_of(allowance) if asked == number else UNLIMITED,
                )
        generation = self._generations[number]
        self._assign()
        began = told = time.perf_counter()
        while len(generation.harvests) < len(self._streams):
            self._step(_LOOKS_S)
            now = time.perf_counter()
            if now - told >= _LOOKS_S:
                told = now
                self._report(number, before, now - began, allowance, watch)
        del self._generations[number]
        self._delivered = number
        for stream in self._streams:
            stream.states = {k: state for k, state in stream.states.items() if k >= number}
        now = time.perf_counter()
        self._last, self._clock = _summary(number, generation, now - self._clock), now
        if self._generations:
            self._ahead_of_time = _Thread(self._step)
        return [generation.harvests[i] for i in range(len(self._streams))]

    def _take_over(self) -> None:
        """Keep the books in this thread again."""
        thread, self._ahead_of_time = self._ahead_of_time, None
        if thread is not None:
            thread.end()

    def _share_of(self, allowance: Allowance) -> Allowance:
        """Of one stream, where fewer processes than streams play them one after the other."""
        rounds = math.ceil(len(self._streams) / max(1, len(self._processes)))
        share = allowance.of_one(len(self._streams))
        return Allowance(
            evaluations=share.evaluations,
            evaluations_per_position=share.evaluations_per_position,
            seconds=share.seconds / rounds,
            seconds_per_position=share.seconds_per_position / rounds,
        )

    def _ahead(self, number: int, allowance: Allowance) -> int:
        """How many generations to ask for beyond `number`: what is asked ahead is not cut, so as many as the run is
        sure to want."""
        ahead, config = self._config.ray.lag, self._config
        if config.generations:
            ahead = min(ahead, config.generations - number)
        if math.isfinite(allowance.evaluations) or math.isfinite(allowance.seconds):
            if self._last is None:
                return 0
            each = self._last.evaluations + allowance.evaluations_per_position * self._last.positions
            rest = min(allowance.evaluations / each, allowance.seconds / self._last.seconds)
            ahead = min(ahead, math.floor(rest) - 2)
        return max(0, ahead)

    def _report(self, number: int, before: int, seconds: float, allowance: Allowance, watch: Watch) -> None:
        """Tell the `watch` how far the generation is."""
        done = self._generations[number].harvests
        finished = sum(len(harvest.states_MW) for harvest in done.values())
        evaluations = sum(harvest.evaluations for harvest in done.values())
        games = sum(len(harvest.lengths) for harvest in done.values())
        length = finished / games if games else self._usual
        ongoing = sum(_positions(self._streams[i].states[number]) for i in done)
        for i, process in self._processes.items():
            if process.share is not None and process.share.number == number:
                more = self.workers.progress(i)
                finished, ongoing, evaluations = finished + more[0], ongoing + more[1], evaluations + more[2]
        waiting = {i for i in range(len(self._streams)) if i not in done} - {
            process.share.stream for process in self._processes.values() if process.share is not None
        }
        ongoing += sum(_positions(self._streams[i].states[number - 1]) for i in waiting)
        now = Progress(finished=finished, more=ongoing - before, evaluations=evaluations, seconds=seconds)
        slots, quota = len(self._streams) * self._config.play.games, self._config.play.positions
        watch(max(0, finished + ongoing - before), now.expected(quota, slots * length / 2 - before, allowance))

    def _step(self, seconds: float) -> None:
        """Hear what happens, for so long at most, and hand out what is to be done."""
        for event in self.workers.wait(seconds):
            self._hear(event)
        self._assign()

    def _hear(self, event: Event) -> None:
        match event:
            case Started(worker=worker, node=node):
                self._processes[worker] = _Process(node=node)
                self._unborn = 0
            case Played(worker=worker, harvest=harvest, state=state):
                process = self._processes[worker]
                share, process.share = process.share, None
                assert share is not None
                stream = self._streams[share.stream]
                stream.states[share.number], stream.losses = state, 0
                process.holds = share.stream, share.number
                generation = self._generations[share.number]
                generation.harvests[share.stream], generation.nodes[share.stream] = harvest, process.node
            case Lost(worker=worker, why=why):
                self._lose(self._processes.pop(worker, None), why)

    def _lose(self, process: _Process | None, why: str) -> None:
        """Start another process in the place of one, whose share is to be played again."""
        self._lost += 1
        if process is None:
            self._unborn += 1
            if self._unborn >= _MOST_LOSSES:
                raise ValueError(f"{_MOST_LOSSES} processes in a row ended before they could play: {why}")
        elif process.share is not None:
            stream = self._streams[process.share.stream]
            stream.losses += 1
            if stream.losses >= _MOST_LOSSES:
                raise ValueError(f"{_MOST_LOSSES} processes in a row ended while they played the same games: {why}")
        self.workers.start()

    def _assign(self) -> None:
        """A share for every idle process, the one that goes on with its own games if there is such a one."""
        playing = {process.share.stream for process in self._processes.values() if process.share is not None}
        ready: dict[int, int] = {}  # generation by stream: the one after that which its games have played
        for i, stream in enumerate(self._streams):
            following = max(stream.states, default=-1) + 1
            if i not in playing and following in self._generations:
                ready[i] = following
        idle = [(i, process) for i, process in self._processes.items() if process.share is None]
        # First those that can go on with what they have, then the others with the oldest that is left.
        for own in (True, False):
            for number, process in idle:
                if process.share is not None or not ready:
                    continue
                held = process.holds is not None and ready.get(process.holds[0]) == process.holds[1] + 1
                if own and not held:
                    continue
                i = process.holds[0] if held and process.holds else min(ready, key=lambda i: (ready[i], i))
                generation = self._generations[ready[i]]
                share = Share(
                    number=ready.pop(i),
                    stream=i,
                    simulations=generation.simulations,
                    allowance=generation.allowance,
                )
                process.share = share
                state = None if held else self._streams[i].states[share.number - 1]
                self.workers.submit(number, share, generation.weights, state, held)

    def ongoing(self) -> OngoingGame:
        """The game that has come furthest, of the first stream's."""
        state = self._streams[0].states[self._delivered or 0]
        assert state is not None
        return furthest(unpacked(state))

    def state(self) -> dict[str, np.ndarray]:
        states = [stream.states[self._delivered or 0] for stream in self._streams]
        return {
            f"{i}/{key}": value for i, state in enumerate(states) if state for key, value in unpacked(state).items()
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        assert self._delivered is None
        found = {key.partition("/")[0] for key in state}
        if found != {str(i) for i in range(len(self._streams))}:
            raise ValueError(f"the run was saved with {len(found)} threads, not {len(self._streams)}")
        for name in found:
            prefix = f"{name}/"
            self._restored[int(name)] = {
                key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)
            }

    def metrics(self) -> dict[str, float]:
        last = self._last
        nodes = Counter(process.node for process in list(self._processes.values()))
        assert last is not None
        processes = sum(nodes.values())
        ahead = {  # with a lag they play while the learner learns
            "play/positions_per_s": last.positions / last.seconds,
            "play/evaluations_per_s": last.evaluations / last.seconds,
            "play/simulations_per_s": last.simulations / last.seconds,
        }
        return {
            "pool/nodes": len(nodes),
            "pool/processes": processes,
            "pool/lost": self._lost,
            "pool/lag": last.lag,
            "pool/busy": last.busy / (last.seconds * max(1, processes)),
            **{f"node_evaluations_per_s/{node}": rate * nodes[node] for node, rate in last.rates.items()},
            **(ahead if self._config.ray.lag else {}),
        }

    def close(self) -> None:
        """End the processes."""
        with contextlib.suppress(Exception):  # the run ends anyway
            self._take_over()
        self.workers.close()


class _Thread:
    """Steps, again and again, until its end."""

    def __init__(self, step: Callable[[float], None]) -> None:
        self._step = step
        self._ends = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="selfplay-pool", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._ends.is_set():
                self._step(_SHORT_LOOKS_S)
        except Exception as error:
            self._error = error

    def end(self) -> None:
        """Wait for the last step; what went wrong is raised here."""
        self._ends.set()
        self._thread.join()
        if self._error is not None:
            raise self._error


def _positions(state: State | None) -> int:
    return 0 if state is None else int(state["count_G"].sum())
