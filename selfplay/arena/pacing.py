"""Who thinks when: all games at once in batches, or by the clock, where players get equal time on equal terms.

G games; see `selfplay.arena.ongoing`. How players that think by the clock are treated alike: see `by_the_clock` and
`seats_of`.
"""

import itertools
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import numpy as np

from selfplay.arena.ongoing import OngoingGames
from selfplay.players.agent import Agent, one_core

Watch = Callable[[np.ndarray, float], None]
"""called now and then with points_G for `a` (nan while a game lasts), and the share of the match that is done"""

_LATE = 1.1  # a move that takes longer than this times its budget is late
_LATE_SHARE = 0.05  # now and then the machine is to blame; more than this, and the match was not at equal time


@dataclass(kw_only=True)
class Pace:
    """How long a player thought."""

    budget: float | None = None
    """seconds that it was given for a move, if it thinks by the clock"""
    moves: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    """seconds of its slowest answer, which in a batch is about many games"""
    late_moves: int = 0
    """those that took more than a tenth longer than the budget"""

    def add(self, moves: int, seconds: float) -> None:
        self.moves += moves
        self.seconds += seconds
        self.slowest = max(self.slowest, seconds)
        self.late_moves += self.budget is not None and seconds > _LATE * moves * self.budget

    @property
    def mean(self) -> float:
        """Seconds per move; moves of one batch share its time."""
        return self.seconds / max(1, self.moves)

    @property
    def late(self) -> bool:
        """Whether more than one move in twenty was late, so that the match was not as fair as it looks."""
        return self.late_moves > _LATE_SHARE * self.moves


def in_batches(games: OngoingGames, a: Agent, b: Agent, paces: Sequence[Pace], watch: Watch) -> None:
    """All games at once. The two players think at the same time, each about the games in which it is to move."""

    def think(agent: Agent, games_G: np.ndarray, ply: int, pace: Pace) -> np.ndarray:
        started = time.perf_counter()
        actions_G = games.think(agent, games_G, ply) if len(games_G) else np.zeros(0, np.int64)
        pace.add(len(games_G), time.perf_counter() - started)
        return actions_G

    finished_plies = 0
    with ThreadPoolExecutor(1 if a is b else 2) as pool:
        for ply in itertools.count():
            playing_G = np.isnan(games.points_G)
            left = int(playing_G.sum())
            if left == 0:
                break
            done = len(playing_G) - left
            length = finished_plies / done if done else games.game.max_plies  # of a game, as far as has been seen
            watch(games.points_G, games.plies / (games.plies + left * max(1.0, length - ply)))
            sides = [np.flatnonzero(playing_G & (games.side_G == side)) for side in (0, 1)]
            answers = list(pool.map(think, (a, b), sides, (ply, ply), paces))
            for g, action in zip(np.concatenate(sides), np.concatenate(answers), strict=True):
                games.play(int(g), int(action))
                finished_plies += 0 if np.isnan(games.points_G[g]) else ply + 1


def by_the_clock(
    games: OngoingGames, seats: Sequence[tuple[Agent, Agent]], paces: Sequence[Pace], watch: Watch
) -> None:
    """Games one move at a time. A pair of games has a core of its own from its first move to its last, and within
    a game one player thinks while the other waits."""
    free: queue.SimpleQueue[tuple[Agent, Agent]] = queue.SimpleQueue()
    for seat in seats:
        free.put(seat)
    stopped, counting = threading.Event(), threading.Lock()

    def move(seat: tuple[Agent, Agent], g: int, ply: int) -> None:
        side = games.side_G[g]
        started = time.perf_counter()
        action = int(games.think(seat[side], np.array([g]), ply)[0])
        spent = time.perf_counter() - started
        games.play(g, action)
        with counting:
            paces[side].add(1, spent)

    def pair(first_g: int) -> None:
        seat = free.get()
        try:
            for g in (first_g, first_g + 1):
                for ply in itertools.count():
                    if stopped.is_set() or not np.isnan(games.points_G[g]):
                        break
                    move(seat, g, ply)
        finally:
            free.put(seat)

    with ThreadPoolExecutor(len(seats), initializer=one_core) as pool:
        try:
            pairs = [pool.submit(pair, g) for g in range(0, len(games.lines), 2)]
            for done, finished in enumerate(as_completed(pairs), start=1):
                finished.result()
                watch(games.points_G, done / len(pairs))
        except BaseException:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def seats_of(a: Agent, b: Agent, most: int) -> list[tuple[Agent, Agent]]:
    """The players of a match by the clock, once for each game that may be played at the same time.

    Where both think by the clock that is one game for every core: a match takes half the time on two cores, and
    each player meets the same neighbour, a game of the same match in which either may think. (Cores that share memory
    and vector units slow a network's calls more than alpha-beta, by up to a third here: the comparison then leans
    against the network.) If only one does, the other may take any number of cores and any time, so there is one game
    at a time.
    """
    games = min(os.cpu_count() or 1, most) if a.timed and b.timed else 1
    return [(a, b)] + [(a.clone(), b.clone()) for _ in range(games - 1) if a.clone and b.clone]


def warm_up(games: OngoingGames, seats: Sequence[tuple[Agent, Agent]]) -> None:
    """Let everyone answer twice: what is loaded and measured at a first answer is not a player's time."""
    with ThreadPoolExecutor(1, initializer=one_core) as pool:
        for agent in itertools.chain.from_iterable(seats):
            for ply in range(2):
                pool.submit(games.think, agent, np.array([0]), ply).result()
    games.forfeits.clear()  # of moves that nobody played
