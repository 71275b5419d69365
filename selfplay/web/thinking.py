"""Agents that think for many people at once, on a few threads.

Threads are shared out among clients, by their addresses: each has one at a time at most, and they take turns; of one
client the agents that it asked do. So who asks for much waits for it, and others do not. Who asks the same network at
the same time is answered together: it answers sixteen positions in little more time than one. When everybody has gone
who asked for a piece of work, it is stopped.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from games import interrupt
from games.game import Game
from selfplay.players.agent import Agent
from selfplay.players.analysis import full_answer
from selfplay.players.make import make_agent
from selfplay.players.spec import Spec

_THREADS = 2
_THREADS_OF_ONE = 1  # for one client at a time, so that a thread is there for the next
_AGENTS_KEPT = 8  # up to fifty megabytes each
_MOST_WAITING = 64  # requests,
_MOST_OF_ONE = 16  # and those of one client
_AT_ONCE = 16  # positions of one batch of a network
_MOST_SIMULATIONS = 8192  # of one batch


class BusyError(Exception):
    """Too many requests wait already."""


@dataclass(eq=False)
class _Desk:
    """One agent, or a piece of other work, which is done by one thread at a time."""

    spec: str = ""
    game: Game | None = None
    call: Callable[[], Any] | None = None
    agent: Agent | None = None
    busy: bool = False

    def at_once(self) -> int:
        """Positions of a batch: many for networks, which gain by it; one for the others, whose times add up."""
        simulations = None if self.call else Spec.parse(self.spec).simulations
        return 1 if simulations is None else max(1, min(_AT_ONCE, _MOST_SIMULATIONS // simulations))

    def answers(self, asks: Sequence["_Ask"]) -> list[Any]:
        """On a thread of the pool; the first call makes the agent."""
        if self.call is not None:
            return [self.call()]
        assert self.game is not None
        if self.agent is None:
            self.agent = make_agent(self.spec, self.game)
        states_NW = np.array([ask.state_W for ask in asks])
        analysis = self.agent.act(states_NW, np.array([ask.seed for ask in asks], np.uint64))
        return [full_answer(self.game, analysis, n) for n in range(len(asks))]


@dataclass(eq=False)
class _Ask:
    """One request."""

    client: str
    desk: _Desk
    answer: asyncio.Future[Any]
    state_W: np.ndarray = field(default_factory=lambda: np.zeros(0))
    seed: int = 0


@dataclass(eq=False)
class _Batch:
    """Requests that one thread works at."""

    asks: list[_Ask]
    stop_1: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int64))

    def work(self) -> list[Any]:
        """Answers; none if it was stopped."""
        with interrupt.stoppable(self.stop_1):
            try:
                interrupt.check()
                return self.asks[0].desk.answers(self.asks)
            except interrupt.Stopped:
                self.asks[0].desk.agent = None  # in the midst of a thought
                return []


class Thinking:
    """Answers from agents by spec; those not asked for longest go first when there are too many."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, "thinking")
        self._desks: OrderedDict[tuple[str, str], _Desk] = OrderedDict()
        self._queues: OrderedDict[str, OrderedDict[_Desk, deque[_Ask]]] = OrderedDict()  # by client, next one first
        self._waiting: Counter[str] = Counter()  # requests that are not answered, by client
        self._batches: dict[asyncio.Task[None], _Batch] = {}

    async def ask(self, spec: str, game: Game, state_W: np.ndarray, seed: int, *, client: str = "") -> dict[str, Any]:
        """What the agent thinks of a position that is not over; `ValueError` if it cannot be made, or `BusyError`."""
        key = (game.name, spec)
        desk = self._desks.setdefault(key, _Desk(spec, game))
        self._desks.move_to_end(key)
        return await self._answered(_Ask(client, desk, asyncio.get_running_loop().create_future(), state_W, seed))

    async def work(self, call: Callable[[], Any], *, client: str = "") -> Any:
        """Another piece of bounded work in the same pool."""
        desk = _Desk(call=call)
        return await self._answered(_Ask(client, desk, asyncio.get_running_loop().create_future()))

    def close(self) -> None:
        """Start nothing more, and stop what is being done."""
        self._queues.clear()
        for batch in self._batches.values():
            batch.stop_1[0] = 1
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _answered(self, ask: _Ask) -> Any:
        if self._waiting.total() >= _MOST_WAITING or self._waiting[ask.client] >= _MOST_OF_ONE:
            raise BusyError
        self._waiting[ask.client] += 1
        self._queues.setdefault(ask.client, OrderedDict()).setdefault(ask.desk, deque()).append(ask)
        asyncio.get_running_loop().call_soon(self._start)  # not before others have asked who do so in this moment
        try:
            return await ask.answer
        finally:
            self._waiting[ask.client] -= 1
            if not self._waiting[ask.client]:
                del self._waiting[ask.client]
            if ask.answer.cancelled():
                self._leave(ask)

    def _leave(self, ask: _Ask) -> None:
        """Who asked has gone: take the request back, or stop the work if nobody else waits for it."""
        self._take_out(ask)
        for batch in self._batches.values():
            if all(each.answer.done() for each in batch.asks):
                batch.stop_1[0] = 1

    def _take_out(self, ask: _Ask) -> None:
        queues = self._queues.get(ask.client, OrderedDict())
        if ask in queues.get(ask.desk, ()):
            queues[ask.desk].remove(ask)
            if not queues[ask.desk]:
                del queues[ask.desk]
            if not queues:
                del self._queues[ask.client]

    def _start(self) -> None:
        """Give the threads that are free something to do."""
        while len(self._batches) < _THREADS and (asks := self._next()):
            batch = _Batch(asks)
            asks[0].desk.busy = True
            task = asyncio.get_running_loop().create_task(self._serve(batch))
            self._batches[task] = batch
            task.add_done_callback(self._done)

    def _next(self) -> list[_Ask]:
        """The requests whose turn it is; none if nobody may have a thread now."""
        served = Counter(batch.asks[0].client for batch in self._batches.values())
        for client, queues in self._queues.items():
            if served[client] >= _THREADS_OF_ONE:
                continue
            for desk, waiting in queues.items():
                if desk.busy:
                    continue
                self._queues.move_to_end(client)
                queues.move_to_end(desk)
                others = [ask for each in self._queues.values() for ask in each.get(desk, ()) if ask.client != client]
                asks = [*waiting, *others][: desk.at_once()]
                for ask in asks:
                    self._take_out(ask)
                return asks
        return []

    async def _serve(self, batch: _Batch) -> None:
        try:
            answers = await asyncio.get_running_loop().run_in_executor(self._pool, batch.work)
        except Exception as error:  # the askers' to handle, each in its own request
            for ask in batch.asks:
                if not ask.answer.done():
                    ask.answer.set_exception(error)
        else:
            for ask, answer in zip(batch.asks, answers, strict=False):
                if not ask.answer.done():
                    ask.answer.set_result(answer)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._batches.pop(task).asks[0].desk.busy = False
        wanted = {desk for queues in self._queues.values() for desk in queues}
        made = sum(desk.agent is not None for desk in self._desks.values())
        for key, desk in list(self._desks.items()):
            if desk.busy:
                continue
            if desk.agent is not None and made > _AGENTS_KEPT:
                desk.agent, made = None, made - 1
            if desk.agent is None and desk not in wanted:
                del self._desks[key]
        self._start()
