"""One match: the same openings with both colours, and what came of it.

G games, W words. Game 2i and game 2i + 1 are a pair: opening i, first with `a` to move, then with `b`. Side 0 is
`a`, side 1 is `b`. How players that think by the clock are treated alike: see `_by_the_clock` and `_seats`.
"""

import itertools
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

import numpy as np

from games import record as records
from games import text
from games.game import ONGOING, Game
from games.outcome import outcome_of, value
from games.record import GameRecord
from selfplay.arena import openings
from selfplay.players.agent import Agent, one_core
from selfplay.stats import score

Watch = Callable[[np.ndarray, float], None]
"""called now and then with points_G for `a` (nan while a game lasts), and the share of the match that is done"""

Until = Callable[[Sequence[int]], bool]
"""asked with pairs_5 after every batch of games, whether the match is decided"""

_BATCH = 32  # pairs that are played before a match is asked whether it is decided
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
        self.opening_plies_G = [len(line) for line in self.lines]
        self.states_GW = np.array([text.replay(game, line)[0] for line in self.lines])
        self.points_G = np.full(len(self.lines), np.nan)  # for `a`
        self.side_G = np.arange(len(self.lines)) % 2  # who is to move
        self.plies = 0  # moves made by the players, in all games
        self.numbers_G = first_number + np.arange(len(self.lines))
        self.forfeits: dict[int, str] = {}  # who could not go on, and why

    def think(self, agent: Agent, games_G: np.ndarray, ply: int) -> np.ndarray:
        """The agent's moves in these games, `ply` moves after their openings; -1 where it forfeits."""
        analysis = agent.act(self.states_GW[games_G], _seeds(self.seed, self.numbers_G[games_G], ply))
        for n, why in analysis.forfeits.items():
            self.forfeits[int(games_G[n])] = f"{agent.name} {why}"
        return analysis.actions_N

    def play(self, g: int, action: int) -> None:
        """A move of whoever's turn it is in game g."""
        if g in self.forfeits:
            self.points_G[g] = float(self.side_G[g])
            return
        self.states_GW[g], status = self.game.after(self.states_GW[g], action)
        self.lines[g].append(action)
        self.plies += 1
        if status != ONGOING:
            won = value(outcome_of(status)) * (1 - 2 * self.side_G[g])  # side 0 is `a`
            self.points_G[g] = (1 + won) / 2
        self.side_G[g] = 1 - self.side_G[g]

    def records(self, a: Agent, b: Agent) -> Iterator[GameRecord]:
        """The finished games on paper."""
        for g, line in enumerate(self.lines):
            opening_plies = self.opening_plies_G[g]
            first, second = (a, b) if (g + opening_plies) % 2 == 0 else (b, a)
            yield records.of_game(
                self.game,
                first.name,
                second.name,
                line,
                opening_plies=opening_plies,
                forfeit=self.forfeits.get(g, ""),
            )


def _seeds(seed: int, numbers_G: np.ndarray, ply: int) -> np.ndarray:
    """A seed for each game at this ply, uint64; they differ in every game and ply."""
    first = np.random.SeedSequence([seed, ply]).generate_state(1, np.uint64)
    return first + numbers_G.astype(np.uint64) * np.uint64(0xD1B54A32D192ED03)


def _in_batches(games: _Games, a: Agent, b: Agent, paces: Sequence[Pace], watch: Watch) -> None:
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


def _by_the_clock(games: _Games, seats: Sequence[tuple[Agent, Agent]], paces: Sequence[Pace], watch: Watch) -> None:
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


def _seats(a: Agent, b: Agent, most: int) -> list[tuple[Agent, Agent]]:
    """The players of a match by the clock, once for each game that may be played at the same time.

    Where both think by the clock that is one game for every core: a match takes half the time on two cores, and
    each player meets the same neighbour, a game of the same match in which either may think. (Cores that share memory
    and vector units slow a network's calls more than alpha-beta, by up to a third here: the comparison then leans
    against the network.) If only one does, the other may take any number of cores and any time, so there is one game
    at a time.
    """
    games = min(os.cpu_count() or 1, most) if a.timed and b.timed else 1
    return [(a, b)] + [(a.clone(), b.clone()) for _ in range(games - 1) if a.clone and b.clone]


def _warm_up(games: _Games, seats: Sequence[tuple[Agent, Agent]]) -> None:
    """Let everyone answer twice: what is loaded and measured at a first answer is not a player's time."""
    with ThreadPoolExecutor(1, initializer=one_core) as pool:
        for agent in itertools.chain.from_iterable(seats):
            for ply in range(2):
                pool.submit(games.think, agent, np.array([0]), ply).result()
    games.forfeits.clear()  # of moves that nobody played


def check_games(games: int) -> None:
    """`ValueError` if so many games do not make pairs."""
    if games < 2 or games % 2:
        raise ValueError(f"a match has an even number of games, at least 2, not {games}")


def play_match(
    game: Game,
    a: Agent,
    b: Agent,
    *,
    games: int,
    seed: int = 0,
    until: Until | None = None,
    watch: Watch | None = None,
) -> MatchResult:
    """`games` games (an even number) between `a` and `b` from `games / 2` openings; fewer if `until` says so."""
    check_games(games)
    lines = openings.openings(game, games // 2, seed)
    batch = _BATCH if until else len(lines)
    paces = tuple(Pace(budget=None if agent.ms is None else agent.ms / 1000) for agent in (a, b))
    seats = _seats(a, b, batch) if a.timed or b.timed else []
    played: list[_Games] = []
    for start in range(0, len(lines), batch):
        now = _Games(game, lines[start : start + batch], 2 * start, seed)
        played.append(now)

        def show(points_G: np.ndarray, share: float, done: int = start, pairs: int = len(now.lines) // 2) -> None:
            if watch:
                before = [some.points_G for some in played[:-1]]
                watch(np.concatenate([*before, points_G]), (done + share * pairs) / len(lines))

        if seats:
            if start == 0:
                _warm_up(now, seats)
            _by_the_clock(now, seats, paces, show)
        else:
            _in_batches(now, a, b, paces, show)
        pairs_5 = _pairs(np.concatenate([some.points_G for some in played]))
        if until and until(pairs_5):
            break
    points_G = np.concatenate([some.points_G for some in played])
    kept = [record for some in played for record in some.records(a, b)]
    return MatchResult(
        game=game.name,
        a=a.name,
        b=b.name,
        seed=seed,
        wins=int((points_G == 1).sum()),
        draws=int((points_G == 0.5).sum()),
        losses=int((points_G == 0).sum()),
        pairs_5=_pairs(points_G),
        distinct_games=len({record.moves for record in kept}),
        paces=paces,  # type: ignore[arg-type]
        records=tuple(kept),
    )


def _pairs(points_G: np.ndarray) -> tuple[int, int, int, int, int]:
    """Pairs of finished games in which `a` got 0, 1/2, 1, 3/2 and 2 points."""
    counts_5 = np.bincount((2 * points_G.reshape(-1, 2).sum(axis=1)).astype(int), minlength=5)
    return tuple(int(count) for count in counts_5)  # type: ignore[return-value]
