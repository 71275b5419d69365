"""Matches one after the other: watched, put on paper, stopped when they are decided."""

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

import numpy as np

from games import files
from games.game import Game
from selfplay.arena.match import MatchResult, Until, play_match
from selfplay.arena.store import Entrant, MatchStore
from selfplay.players.agent import LATE, Agent

Couple = tuple[Agent, Agent]


class View(Protocol):
    """Whoever watches the matches of a tournament."""

    def playing(self, points_G: np.ndarray, share: float) -> None:
        """The next match is under way; see `selfplay.arena.pacing.Watch`."""

    def played(self, result: MatchResult) -> None:
        """It is over."""


Watching = Callable[[Sequence[tuple[str, str]]], AbstractContextManager[View]]
"""given the names of each couple, in the order of their matches: the view for the time of the tournament"""


class _NoView:
    def playing(self, points_G: np.ndarray, share: float) -> None: ...
    def played(self, result: MatchResult) -> None: ...


def unwatched(couples: Sequence[tuple[str, str]]) -> AbstractContextManager[View]:
    """Nobody watches."""
    return nullcontext(_NoView())


def everyone(players: Sequence[Agent]) -> list[Couple]:
    """Every player against every other."""
    return list(itertools.combinations(players, 2))


def play(
    game: Game,
    couples: Sequence[Couple],
    *,
    games: int,
    seed: int = 0,
    until: Until | None = None,
    record: str | Path | None = None,
    watching: Watching = unwatched,
    store: MatchStore | None = None,
    identities: Mapping[str, str | None] | None = None,
) -> list[MatchResult]:
    """A match for each couple, of `games` games or until `until` is satisfied.

    Args:
        record: a file to which the games of each match are added when it ends.
        watching: shows how things stand.
        store: where matches are looked up before they are played, and kept; not asked where `until` or `record` is
            given, since it holds whole matches without their games.
        identities: of the players by name, as `selfplay.arena.store.identity` tells them; matches of others are played.
    """
    known = identities or {}
    asked = store if until is None and record is None else None
    results = []
    with watching([(a.name, b.name) for a, b in couples]) as view:
        for a, b in couples:
            if asked is not None:
                first, second = (Entrant(agent.name, known.get(agent.name), agent) for agent in (a, b))
                result = asked.match(game, first, second, games=games, seed=seed, watch=view.playing)
            else:
                result = play_match(game, a, b, games=games, seed=seed, until=until, watch=view.playing)
            if record is not None:
                files.append(record, result.games)
            view.played(result)
            results.append(result)
    return results


def warnings(results: Sequence[MatchResult]) -> list[str]:
    """A line about each player that took more time than it was given."""
    lines = []
    for result in results:
        for name, pace in zip((result.a, result.b), result.paces, strict=True):
            if pace.late and pace.budget is not None:
                lines.append(
                    f"{name} took more than {1100 * pace.budget:.3g} ms in {pace.late_moves} of {pace.moves} moves"
                    f" (mean {1000 * pace.mean:.3g} ms, slowest {1000 * pace.slowest:.3g} ms)"
                )
    return lines


def void(result: MatchResult) -> str:
    """Why a match says nothing of strength: a player could not go on, for another reason than its time. Else empty."""
    reasons = Counter(game.note for game in result.games if game.note and f" {LATE} " not in game.note)
    if not reasons:
        return ""
    count, ((most, _),) = sum(reasons.values()), reasons.most_common(1)
    return f"{count} of {result.played} games of {result.a} against {result.b} were forfeited: {most}"


def forfeits(results: Sequence[MatchResult]) -> list[str]:
    """A line about each reason why players could not go on, most frequent first."""
    reasons = Counter(game.note for result in results for game in result.games if game.note)
    return [f"{count} x {reason}" for reason, count in reasons.most_common()]
