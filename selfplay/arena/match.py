"""One match: the same openings with both colours, and what came of it.

G games. Game 2i and game 2i + 1 are a pair; see `selfplay.arena.ongoing`, and `selfplay.arena.pacing` for who thinks
when.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from games import interrupt
from games.game import Game
from games.record import GameRecord
from selfplay.arena import openings
from selfplay.arena.ongoing import OngoingGames
from selfplay.arena.pacing import Pace, Watch, by_the_clock, in_batches, seats_of, warm_up
from selfplay.players.agent import Agent
from selfplay.stats import score
from selfplay.stats.records import Counts5

Until = Callable[[Sequence[float]], bool]
"""asked with pairs_5, each distinct pair counted once, after every batch of games, whether the match is decided"""

_BATCH = 32  # pairs that are played before a match is asked whether it is decided


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
    pairs_5: Counts5
    """pairs in which `a` got 0, 1/2, 1, 3/2 and 2 points"""
    distinct_games: int
    distinct_pairs: int | None = None
    """pairs that are not the same games again; None if none was played twice"""
    paces: tuple[Pace, Pace] = field(repr=False)
    games: tuple[GameRecord, ...] = field(repr=False)
    """on paper, in the order of the pairs"""

    @property
    def played(self) -> int:
        """Games of the match."""
        return self.wins + self.draws + self.losses

    @property
    def score(self) -> float:
        """Points per game, a draw being half."""
        return (self.wins + self.draws / 2) / self.played

    @property
    def interval(self) -> tuple[float, float]:
        """The score's 95 % interval."""
        return score.interval(self.evidence_5)[1:]

    @property
    def evidence_5(self) -> Sequence[float]:
        """`pairs_5`, each distinct pair counted once: what intervals are made of."""
        return score.evidence(self.pairs_5, self.distinct_pairs)

    @property
    def elo(self) -> float | None:
        """The difference that the score stands for, above 0 for a stronger `a`; None where one side won every game."""
        return score.elo(self.score)

    def as_dict(self) -> dict:
        """The record that commands print; Elo is null where it is unbounded."""
        low, high = self.interval
        repeated = {} if self.distinct_pairs is None else {"distinct_pairs": self.distinct_pairs}
        return {
            "a": self.a,
            "b": self.b,
            "wins": self.wins,
            "draws": self.draws,
            "losses": self.losses,
            "pairs": list(self.pairs_5),
            "distinct_games": self.distinct_games,
            **repeated,
            "score": self.score,
            "score_low": low,
            "score_high": high,
            "elo": self.elo,
            "elo_low": score.elo(low),
            "elo_high": score.elo(high),
        }


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
    batch: int = _BATCH,
    watch: Watch | None = None,
) -> MatchResult:
    """`games` games (an even number) between `a` and `b` from `games / 2` openings; fewer if `until` says so, which is
    asked after every `batch` pairs."""
    check_games(games)
    lines = openings.openings(game, games // 2, seed)
    if until is None:
        batch = len(lines)
    paces = tuple(Pace(budget=None if agent.ms is None else agent.ms / 1000) for agent in (a, b))
    seats = seats_of(a, b, batch) if a.timed or b.timed else []
    played: list[OngoingGames] = []
    for start in range(0, len(lines), batch):
        now = OngoingGames(game, lines[start : start + batch], 2 * start, seed)
        played.append(now)

        def show(points_G: np.ndarray, share: float, done: int = start, pairs: int = len(now.lines) // 2) -> None:
            if watch:
                before = [some.points_G for some in played[:-1]]
                watch(np.concatenate([*before, points_G]), (done + share * pairs) / len(lines))

        with interrupt.listening():
            if seats:
                if start == 0:
                    warm_up(now, seats)
                by_the_clock(now, seats, paces, show)
            else:
                in_batches(now, a, b, paces, show)
        pairs_5 = _pairs(np.concatenate([some.points_G for some in played]))
        if until and until(score.evidence(pairs_5, _distinct_pairs(played))):
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
        distinct_pairs=_distinct_pairs(played),
        paces=paces,  # type: ignore[arg-type]
        games=tuple(kept),
    )


def _distinct_pairs(played: Sequence[OngoingGames]) -> int | None:
    """How many pairs are not the same games again; None if all are other ones."""
    lines = [tuple(line) for some in played for line in some.lines]
    pairs = list(zip(lines[::2], lines[1::2], strict=True))
    distinct = len(set(pairs))
    return None if distinct == len(pairs) else distinct


def _pairs(points_G: np.ndarray) -> Counts5:
    """Pairs of finished games in which `a` got 0, 1/2, 1, 3/2 and 2 points."""
    counts_5 = np.bincount((2 * points_G.reshape(-1, 2).sum(axis=1)).astype(int), minlength=5)
    return tuple(int(count) for count in counts_5)  # type: ignore[return-value]
