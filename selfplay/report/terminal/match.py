"""What an arena looks like while it is played: a live table on a terminal, plain lines elsewhere. All on stderr."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from selfplay.arena.match import MatchResult
from selfplay.report import words
from selfplay.report.terminal.run import redraws

_SILENCE = 15.0  # seconds after which plain lines say how far a match is


class Standings:
    """Told of every match as it goes on; this one keeps it to itself."""

    def __init__(self, couples: Sequence[tuple[str, str]]) -> None:
        self.couples = couples
        self.results: list[MatchResult] = []
        self.began = time.monotonic()

    def playing(self, points_G: np.ndarray, share: float) -> None:
        """The match after those in `results` is under way; `points_G` for its first player, nan while a game lasts."""

    def played(self, result: MatchResult) -> None:
        self.results.append(result)

    def seconds_left(self, share: float) -> float | None:
        """Until the last match ends, from the time taken so far; None before there is one to go by."""
        done = (len(self.results) + share) / len(self.couples)
        return (time.monotonic() - self.began) * (1 - done) / done if done > 0 else None


def line_of(result: MatchResult) -> str:
    """A finished match in one line."""
    return (
        f"{result.a} against {result.b}: +{result.wins} ={result.draws} -{result.losses}, "
        f"{words.score(result.score, *result.interval)}, {words.distinct(result.distinct_games, result.distinct_pairs)}"
    )


class _Lines(Standings):
    """A line for each match, and now and then one about how far it is."""

    def __init__(self, couples: Sequence[tuple[str, str]]) -> None:
        super().__init__(couples)
        self._said = time.monotonic()

    def _say(self, line: str) -> None:
        print(f"{line}, {words.clock(time.monotonic() - self.began)}", file=sys.stderr, flush=True)
        self._said = time.monotonic()

    def playing(self, points_G: np.ndarray, share: float) -> None:
        if time.monotonic() - self._said > _SILENCE:
            a, b = self.couples[len(self.results)]
            finished = int((~np.isnan(points_G)).sum())
            self._say(
                f"{len(self.results) + 1}/{len(self.couples)}  {a} against {b}: {finished} of {len(points_G)} over"
                f", {share:.0%}{_eta(self.seconds_left(share))}"
            )

    def played(self, result: MatchResult) -> None:
        super().played(result)
        self._say(f"{len(self.results)}/{len(self.couples)}  {line_of(result)}{_eta(self.seconds_left(0) or None)}")


def _eta(seconds: float | None) -> str:
    return "" if seconds is None else f", ETA {words.clock(seconds)}"


class _Live(Standings):
    """A table that draws itself: the matches over, the one being played, how many are to come."""

    def __init__(self, couples: Sequence[tuple[str, str]]) -> None:
        super().__init__(couples)
        self._points_G = np.zeros(0)
        self._share = 0.0

    def playing(self, points_G: np.ndarray, share: float) -> None:
        self._points_G, self._share = points_G.copy(), share

    def played(self, result: MatchResult) -> None:
        super().played(result)
        self._points_G, self._share = np.zeros(0), 0.0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("", "against"):
            table.add_column(name, overflow="fold")
        for name in ("W-D-L", "score [95 %]", "distinct"):
            table.add_column(name, justify="right", no_wrap=True)
        room = max(3, options.max_height - 6)
        for result in self.results[-room:]:
            low, high = result.interval
            style = "green" if low > 0.5 else "red" if high < 0.5 else ""
            table.add_row(
                Text(result.a),
                Text(result.b),
                f"{result.wins}-{result.draws}-{result.losses}",
                Text(words.score(result.score, low, high), style=style),
                str(result.distinct_games)
                + ("" if result.distinct_pairs is None else f" ({result.distinct_pairs} pairs)"),
            )
        if len(self.results) < len(self.couples):
            a, b = self.couples[len(self.results)]
            wins, draws, losses = (int((self._points_G == points).sum()) for points in (1, 0.5, 0))
            table.add_row(Text(a), Text(b), f"{wins}-{draws}-{losses}", f"{self._share:.0%} played", "", style="bold")
        yield table
        waiting = len(self.couples) - len(self.results) - 1
        elapsed = words.clock(time.monotonic() - self.began)
        more = f", {waiting} to come" if waiting > 0 else ""
        yield Text(f"{elapsed}{_eta(self.seconds_left(self._share))}{more}", style="dim")


@contextmanager
def watching(couples: Sequence[tuple[str, str]], *, quiet: bool = False) -> Iterator[Standings]:
    """Standings of these matches, in this order, for whoever sits at stderr."""
    console = Console(stderr=True)
    if quiet:
        yield Standings(couples)
    elif redraws(console):
        standings = _Live(couples)
        with Live(standings, console=console, refresh_per_second=4):
            yield standings
    else:
        yield _Lines(couples)
