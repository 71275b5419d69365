"""One match: the same openings with both colours, and what came of it.

G games, W words. Game 2i and game 2i + 1 are a pair: opening i, first with `a` to move, then with `b`. Side 0 is
`a`, side 1 is `b`. Players that think by the clock are measured; see `_by_the_clock` for what makes that fair.
"""

import itertools
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

import numpy as np

from games import text
from games.game import MOVER_WON, ONGOING, Game
from selfplay import openings, records, score
from selfplay.agents import Agent
from selfplay.records import GameRecord

Watch = Callable[[np.ndarray, float], None]
"""called now and then with points_G for `a` (nan while a game lasts), and the share of the match that is done"""

_LATE = 1.1  # a player that takes longer than this times its budget on average did not play at equal time


@dataclass(kw_only=True)
class Pace:
    """How long a player thought."""

    moves: int = 0
    seconds: float = 0.0
    slowest: float | None = None
    """seconds of its slowest move; None where moves were made in batches"""
    budget: float | None = None
    """seconds that it was given for a move, if any"""

    @property
    def mean(self) -> float:
        """Seconds per move; moves of one batch share its time."""
        return self.seconds / max(1, self.moves)

    @property
    def late(self) -> bool:
        """Whether it took more than a tenth longer than it was given, on average."""
        return self.budget is not None and self.mean > _LATE * self.budget


@dataclass(frozen=True, kw_only=True)
class MatchResult:
    """A match as `a` sees it."""

    game: str
    a: str
    b: str
    seed: int
    wins: int
    draws: int
    losses: int
    pairs_5: tuple[int, int, int, int, int]
    """pairs in which `a` got 0, 1/2, 1, 3/2 and 2 points"""
    distinct_games: int
    paces: tuple[Pace, Pace]
    records: tuple[GameRecord, ...] = field(repr=False)
    """every game, in the order of the pairs"""

    @property
    def games(self) -> int:
        return self.wins + self.draws + self.losses

    @property
    def score(self) -> float:
        """Points per game, a draw being half."""
        return (self.wins + self.draws / 2) / self.games

    @property
    def interval(self) -> tuple[float, float]:
        """The score's 95 % interval."""
        return score.interval(self.pairs_5)[1:]

    def as_dict(self) -> dict:
        """The record that commands print; Elo is null where it is unbounded."""
        low, high = self.interval
        return {
            "a": self.a,
            "b": self.b,
            "wins": self.wins,
            "draws": self.draws,
            "losses": self.losses,
            "pairs": list(self.pairs_5),
            "distinct_games": self.distinct_games,
            "score": self.score,
            "score_low": low,
            "score_high": high,
            "elo": score.elo(self.score),
            "elo_low": score.elo(low),
            "elo_high": score.elo(high),
        }


class _Games:
    """Games as they stand, each with the number that decides its seeds."""

    def __init__(self, game: Game, lines: Sequence[Sequence[int]], first_number: int, seed: int) -> None:
        self.game = game
        self.seed = seed
        self.lines = [list(line) for line in lines for _ in range(2)]
        self.states_GW = np.array([text.replay(game, line)[0] for line in self.lines])
        self.points_G = np.full(len(self.lines), np.nan)  # for `a`
        self.side_G = np.arange(len(self.lines)) % 2  # who is to move
        self.plies = 0  # moves made by the players, in all games
        self.numbers_G = first_number + np.arange(len(self.lines))

    def think(self, agent: Agent, games_G: np.ndarray, ply: int, pace: Pace) -> np.ndarray:
        """The agent's moves in these games, `ply` moves after their openings."""
        if len(games_G) == 0:
            return np.zeros(0, np.int64)
        started = time.perf_counter()
        actions_G = agent.act(self.states_GW[games_G], _seeds(self.seed, self.numbers_G[games_G], ply)).actions_N
        spent = time.perf_counter() - started
        pace.seconds += spent
        pace.moves += len(games_G)
        if pace.slowest is not None:
            pace.slowest = max(pace.slowest, spent)
        return actions_G

    def play(self, g: int, action: int) -> None:
        """A move of whoever's turn it is in game g."""
        self.states_GW[g], status = self.game.after(self.states_GW[g], action)
        self.lines[g].append(action)
        self.plies += 1
        if status != ONGOING:
            self.points_G[g] = 0.5 if status != MOVER_WON else 1.0 - self.side_G[g]
        self.side_G[g] = 1 - self.side_G[g]

    def record(self, g: int, a: Agent, b: Agent, opening_plies: int) -> GameRecord:
        """A finished game on paper."""
        a_began = (g + opening_plies) % 2 == 0
        first, second = (a, b) if a_began else (b, a)
        return records.of_game(self.game, first.name, second.name, self.lines[g], opening_plies=opening_plies)


def _seeds(seed: int, numbers_G: np.ndarray, ply: int) -> np.ndarray:
    """A seed for each game at this ply, uint64; they differ in every game and ply."""
    first = np.random.SeedSequence([seed, ply]).generate_state(1, np.uint64)
    return first + numbers_G.astype(np.uint64) * np.uint64(0xD1B54A32D192ED03)


def _in_batches(games: _Games, a: Agent, b: Agent, paces: Sequence[Pace], watch: Watch) -> None:
    """All games at once. The two players think at the same time, each about the games in which it is to move."""
    finished = 0  # plies of the finished games
    with ThreadPoolExecutor(1 if a is b else 2) as pool:
        for ply in itertools.count():
            playing_G = np.isnan(games.points_G)
            if not playing_G.any():
                break
            done = len(playing_G) - playing_G.sum()
            length = finished / done if done else games.game.max_plies  # of a game, as far as we have seen
            ahead = playing_G.sum() * max(1.0, length - ply)
            watch(games.points_G, games.plies / (games.plies + ahead))
            sides = [np.flatnonzero(playing_G & (games.side_G == side)) for side in (0, 1)]
            for games_G, actions_G in zip(
                sides, list(pool.map(games.think, (a, b), sides, (ply, ply), paces)), strict=True
            ):
                for g, action in zip(games_G, actions_G, strict=True):
                    games.play(int(g), int(action))
                    finished += 0 if np.isnan(games.points_G[g]) else ply + 1


def _by_the_clock(games: _Games, a: Agent, b: Agent, paces: Sequence[Pace], watch: Watch) -> None:
    """Games one move at a time. A pair of games has a core of its own from its first move to its last, and within
    a game one player thinks while the other waits.

    Where both think by the clock there is one worker for every core, so that a match takes half the time on two
    cores; each of the two meets the same neighbour: one game of the same match, in which either player thinks. If
    only one thinks by the clock, the other may take any number of cores and of seconds, so there is one worker.
    """
    workers = min(os.cpu_count() or 1, len(games.lines) // 2) if a.timed and b.timed else 1
    copies = [(a, b)] + [(a.again(), b.again()) for _ in range(workers - 1) if a.again and b.again]
    seats: queue.SimpleQueue[tuple[Agent, Agent]] = queue.SimpleQueue()
    for seat in copies:
        seats.put(seat)
    stopped, counting = threading.Event(), threading.Lock()

    def pair(first_g: int) -> None:
        seat = seats.get()
        mine = [Pace(slowest=0.0), Pace(slowest=0.0)]
        for g in (first_g, first_g + 1):
            for ply in itertools.count():
                if stopped.is_set() or not np.isnan(games.points_G[g]):
                    break
                side = games.side_G[g]
                games.play(g, int(games.think(seat[side], np.array([g]), ply, mine[side])[0]))
        seats.put(seat)
        with counting:
            for pace, more in zip(paces, mine, strict=True):
                pace.moves += more.moves
                pace.seconds += more.seconds
                pace.slowest = max(pace.slowest or 0.0, more.slowest or 0.0)

    with ThreadPoolExecutor(len(copies), initializer=_one_core) as pool:
        try:
            for worker_seat in copies:  # the first answers load kernels and measure; they are not the players' time
                pool.submit(_warm_up, games, worker_seat).result()
            pairs = [pool.submit(pair, g) for g in range(0, len(games.lines), 2)]
            for done, finished in enumerate(as_completed(pairs), start=1):
                finished.result()
                watch(games.points_G, done / len(pairs))
        except BaseException:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _warm_up(games: _Games, seat: tuple[Agent, Agent]) -> None:
    for agent in seat:
        for ply in range(2):
            agent.act(games.states_GW[:1], _seeds(games.seed, games.numbers_G[:1], ply))


def _one_core() -> None:
    """Keep torch, if anyone brought it, on the core of this thread."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


def check_games(games: int) -> None:
    """`ValueError` if so many games do not make pairs."""
    if games < 2 or games % 2:
        raise ValueError(f"a match has an even number of games, at least 2, not {games}")


def play_match(
    game: Game, a: Agent, b: Agent, *, games: int, seed: int = 0, watch: Watch = lambda points_G, share: None
) -> MatchResult:
    """`games` games (an even number) between `a` and `b` from `games / 2` openings."""
    check_games(games)
    lines = openings.openings(game, games // 2, seed)
    paces = tuple(
        Pace(slowest=0.0 if a.timed or b.timed else None, budget=agent.ms / 1000 if agent.ms is not None else None)
        for agent in (a, b)
    )
    played = _Games(game, lines, 0, seed)
    drive = _by_the_clock if a.timed or b.timed else _in_batches
    drive(played, a, b, paces, watch)
    points_G = played.points_G
    counts_5 = np.bincount((2 * points_G.reshape(-1, 2).sum(axis=1)).astype(int), minlength=5)
    return MatchResult(
        game=game.name,
        a=a.name,
        b=b.name,
        seed=seed,
        wins=int((points_G == 1).sum()),
        draws=int((points_G == 0.5).sum()),
        losses=int((points_G == 0).sum()),
        pairs_5=tuple(int(count) for count in counts_5),  # type: ignore[arg-type]
        distinct_games=len({tuple(line) for line in played.lines}),
        paces=paces,  # type: ignore[arg-type]
        records=tuple(played.record(g, a, b, len(lines[g // 2])) for g in range(games)),
    )
