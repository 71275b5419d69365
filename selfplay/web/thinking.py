"""Agents that think for many people at once, on a few threads.

Who asks the same agent while it thinks is answered together with the others who did: a network answers sixteen
positions in little more time than one. Between agents it goes in turn. Every batch is bounded in time, so nobody
waits for another's game to end.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from games.game import Game
from selfplay.players.agent import Agent
from selfplay.players.analysis import full_answer
from selfplay.players.make import make_agent
from selfplay.players.spec import Spec

_THREADS = 2
_AGENTS_KEPT = 12  # some tens of megabytes each at most
_MOST_WAITING = 64  # requests
_AT_ONCE = 16  # positions of one batch of a network
_MOST_SIMULATIONS = 8192  # of one batch


class BusyError(Exception):
    """Too many requests wait already."""


@dataclass
class _Desk:
    """One agent and who waits for it."""

    spec: str
    game: Game
    agent: Agent | None = None
    waiting: deque[tuple[np.ndarray, int, asyncio.Future]] = field(default_factory=deque)
    serving: asyncio.Task | None = None

    def at_once(self) -> int:
        """Positions of a batch: many for networks, which gain by it; one for the others, whose times add up."""
        simulations = Spec.parse(self.spec).simulations
        return 1 if simulations is None else max(1, min(_AT_ONCE, _MOST_SIMULATIONS // simulations))

    def think(self, states_NW: np.ndarray, seeds_N: np.ndarray) -> list[dict[str, Any]]:
        """On a thread of the pool; the first call makes the agent."""
        if self.agent is None:
            self.agent = make_agent(self.spec, self.game)
        analysis = self.agent.act(states_NW, seeds_N)
        return [full_answer(self.game, analysis, n) for n in range(len(states_NW))]


class Thinking:
    """Answers from agents by spec; those not asked for longest go first when there are too many."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, "thinking")
        self._desks: OrderedDict[tuple[str, str], _Desk] = OrderedDict()
        self._waiting = 0

    async def ask(self, spec: str, game: Game, state_W: np.ndarray, seed: int) -> dict[str, Any]:
        """What the agent thinks of a position that is not over; `ValueError` if it cannot be made, or `BusyError`."""
        desk = self._desk(spec, game)
        future = asyncio.get_running_loop().create_future()
        with self._place():
            desk.waiting.append((state_W, seed, future))
            if desk.serving is None:
                desk.serving = asyncio.create_task(self._serve(desk))
            return await future

    async def work(self, call: Callable[[], Any]) -> Any:
        """Another piece of bounded work in the same pool."""
        with self._place():
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def close(self) -> None:
        """Start nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._waiting >= _MOST_WAITING:
            raise BusyError
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    def _desk(self, spec: str, game: Game) -> _Desk:
        key = (game.name, spec)
        if key not in self._desks:
            self._desks[key] = _Desk(spec, game)
            idle = [old for old, desk in self._desks.items() if desk.serving is None and old != key]
            for old in idle[: max(0, len(self._desks) - _AGENTS_KEPT)]:
                del self._desks[old]
        self._desks.move_to_end(key)
        return self._desks[key]

    async def _serve(self, desk: _Desk) -> None:
        """One batch after the other until nobody waits; between two, other agents have their turn in the pool."""
        loop = asyncio.get_running_loop()
        while desk.waiting:
            batch = [desk.waiting.popleft() for _ in range(min(desk.at_once(), len(desk.waiting)))]
            states_NW = np.array([state_W for state_W, _, _ in batch])
            seeds_N = np.array([seed for _, seed, _ in batch], np.uint64)
            try:
                answers = await loop.run_in_executor(self._pool, desk.think, states_NW, seeds_N)
            except Exception as error:  # the askers' to handle, each in its own request
                for _, _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            else:
                for (_, _, future), told in zip(batch, answers, strict=True):
                    if not future.done():
                        future.set_result(told)
        desk.serving = None
