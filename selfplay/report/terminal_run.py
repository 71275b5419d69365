"""What a run looks like in the terminal: a live view on a terminal, plain lines elsewhere, a summary at the end."""

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from selfplay.config import Config
from selfplay.ledger import Ledger
from selfplay.report import words
from selfplay.stats.records import Crossing, CrossoverRecord, EvalLine, Lines

if TYPE_CHECKING:
    from selfplay.train.trainer import Generation

_BARS = "▁▂▃▄▅▆▇█"
_NO_NUMBER = "–"


def sparkline(scores: Sequence[float], width: int = 18) -> str:
    """Scores in [0, 1], the newest `width` of them, as bars."""
    return "".join(_BARS[min(len(_BARS) - 1, max(0, int(score * len(_BARS))))] for score in scores[-width:])


def spent(config: Config, ledger: Ledger, generation: int) -> float:
    """Share of the budget that is used up, in [0, 1], by the limit that will end the run."""
    shares = [0.0]
    if config.minutes:
        shares.append(ledger.train_seconds / (60 * config.minutes))
    if config.generations:
        shares.append(generation / config.generations)
    if config.flops:
        shares.append(ledger.train_flops / config.flops)
    return min(1.0, max(shares))


def seconds_left(config: Config, ledger: Ledger, generation: int) -> float | None:
    """Estimate of the time to the end of training, matches at their rate so far included; None before there is one."""
    share = spent(config, ledger, generation)
    return (ledger.train_seconds + ledger.eval_seconds) * (1 - share) / share if share else None


def plain_line(config: Config, generation: "Generation") -> str:
    """One generation in one line."""
    metrics, ledger = generation.metrics, generation.ledger
    left = seconds_left(config, generation.own, generation.number)
    return (
        f"generation {generation.number}  {words.clock(ledger.train_seconds)} trained"
        f"  games {ledger.games:,}  positions/s {_number(metrics, 'play/positions_per_s', ',.0f')}"
        f"  loss policy {_number(metrics, 'loss/policy', '.3f')} value {_number(metrics, 'loss/value', '.3f')}"
        f"  memory {_number(metrics, 'memory/rss_mb', ',.0f')} MB"
        f"  {'done' if generation.done else 'ETA ' + (words.clock(left) if left is not None else 'unknown')}"
    )


def match_line(match: EvalLine) -> str:
    """One match in one line."""
    return (
        f"generation {match.generation}  {words.player(match.agent)} against {words.player(match.opponent)}:"
        f" {words.match_score(match)}"
        f"  wins {match.wins} draws {match.draws} losses {match.losses},"
        f" {words.distinct(match.distinct_games, match.distinct_pairs)}"
    )


def _number(metrics: Mapping[str, float], name: str, form: str) -> str:
    return format(metrics[name], form) if name in metrics else _NO_NUMBER


class Show(NamedTuple):
    """What a run tells whoever watches it."""

    generation: Callable[["Generation", CrossoverRecord | None], None]
    """one is done; with the crossover record after its matches, if it had any"""
    match: Callable[[EvalLine], None]
    """one is over: its line of evals.jsonl"""
    doing: Callable[[str], None]
    """what takes the time now, other than self-play and learning"""


class _View:
    """The live picture; asked to draw itself twice a second, told what happens by the methods of `Show`."""

    def __init__(self, config: Config, title: str, history: Lines) -> None:
        self._config = config
        self._title = title
        self._began = time.monotonic()
        self._generation: Generation | None = None
        self._matches: dict[tuple[str, str], list[EvalLine]] = defaultdict(list)
        self._crossings: dict[tuple[str, str], Crossing] = {}
        self._doing = ""
        for match in history:
            self.match(match)

    def generation(self, generation: "Generation", record: CrossoverRecord | None) -> None:
        self._generation, self._doing = generation, ""
        if record is not None:
            self._crossings = {(crossed.opponent, crossed.agent): crossed for crossed in record.crossings}

    def match(self, line: EvalLine) -> None:
        self._matches[line.opponent, line.agent].append(line)

    def doing(self, text: str) -> None:
        self._doing = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        parts = [self._progress()]
        if self._generation is not None:
            columns = Table.grid(padding=(0, 3), expand=True)
            columns.add_row(self._learning(self._generation), self._playing(self._generation))
            parts += [Text(), columns]
        if self._matches:
            parts += [Text(), self._strength()]
        if self._doing:
            parts += [Text(), Text(f"match: {self._doing}", style="dim")]
        yield Panel(Group(*parts), title=self._title, title_align="left", box=box.ROUNDED, padding=(0, 1))

    def _progress(self) -> Table:
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True)
        elapsed = words.clock(time.monotonic() - self._began)
        done = self._generation
        if done is None:
            grid.add_row("[bold]first games[/]", ProgressBar(pulse=True), f"{elapsed}")
            return grid
        left = seconds_left(self._config, done.own, done.number)
        share = spent(self._config, done.own, done.number)
        grid.add_row(
            f"[bold]generation {done.number}[/]",
            ProgressBar(total=1.0, completed=share),
            f"{elapsed}  ETA {words.clock(left) if left is not None else 'unknown'}",
        )
        return grid

    @staticmethod
    def _facts(title: str, rows: Sequence[tuple[str, str]]) -> Table:
        table = Table(
            title=title, title_justify="left", title_style="bold", box=None, show_header=False, pad_edge=False
        )
        table.add_column(style="dim", no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        return table

    def _learning(self, done: "Generation") -> Table:
        names = {
            "loss/policy": "policy loss",
            "loss/value": "value loss",
            "policy/entropy": "target entropy",
            "policy/kl_search_net": "KL(search, net)",
            "value/calibration": "calibration error",
            "learn/reuse": "reuse",
        }
        rows = [(label, _number(done.metrics, name, ".3f")) for name, label in names.items()]
        return self._facts("learning", [*rows, ("training FLOPs", words.flops(done.ledger.train_flops))])

    def _playing(self, done: "Generation") -> Table:
        metrics, ledger = done.metrics, done.ledger
        whole = ledger.play_seconds + ledger.learn_seconds + ledger.eval_seconds
        parts = (("play", ledger.play_seconds), ("learn", ledger.learn_seconds), ("matches", ledger.eval_seconds))
        where = ", ".join(f"{name} {seconds / whole:.0%}" for name, seconds in parts) if whole else _NO_NUMBER
        network, length = _number(metrics, "play/network_share", ".0%"), _number(metrics, "games/length", ".1f")
        rows = [
            ("games", f"{ledger.games:,}"),
            ("positions/s", _number(metrics, "play/positions_per_s", ",.0f")),
            ("evaluations/s", _number(metrics, "play/evaluations_per_s", ",.0f")),
            ("plies a game", length),
            ("in the network", network),
            ("memory", f"{_number(metrics, 'memory/rss_mb', ',.0f')} MB"),
            ("time", where),
        ]
        return self._facts("self-play", rows)

    def _strength(self) -> Table:
        table = Table(title="score against", title_justify="left", title_style="bold", box=None, pad_edge=False)
        table.add_column("opponent", header_style="dim", no_wrap=True)
        table.add_column("network", header_style="dim", style="dim", no_wrap=True)
        table.add_column("score [95 %]", header_style="dim", no_wrap=True)
        table.add_column("over time", header_style="dim", no_wrap=True)
        table.add_column("overtaken (training FLOPs)", header_style="dim", no_wrap=True)
        for (opponent, agent), matches in self._matches.items():
            ahead = matches[-1].score_low > 0.5
            crossed = self._crossings.get((opponent, agent))
            table.add_row(
                words.player(opponent),
                words.learner(agent),
                Text(words.match_score(matches[-1]), style="green" if ahead else ""),
                Text(sparkline([match.score for match in matches]), style="cyan"),
                words.outlook(crossed, crossed.forecast) if crossed else "",
            )
        return table


def redraws(console: Console) -> bool:
    """Whether a view may draw itself over: on a terminal that wants it, not in a notebook, which shows lines well."""
    wanted = "NO_COLOR" not in os.environ and not console.is_dumb_terminal
    return console.is_terminal and not console.is_jupyter and wanted


@contextmanager
def watching(config: Config, title: str, history: Lines = (), *, quiet: bool = False) -> Iterator[Show]:
    """Shows a run: live on a terminal, as lines elsewhere, in a notebook or under NO_COLOR, or not at all.

    `history` are the matches of the run so far.
    """
    console = Console()
    if quiet:
        yield Show(lambda generation, record: None, lambda line: None, lambda text: None)
    elif redraws(console):
        view = _View(config, title, history)
        with Live(view, console=console, refresh_per_second=2):
            yield Show(view.generation, view.match, view.doing)
    else:
        print(title, flush=True)

        announced: set[tuple[str, str]] = set()

        def generation(done: "Generation", record: CrossoverRecord | None) -> None:
            print(plain_line(config, done), flush=True)
            for crossed in record.crossings if record else ():
                if crossed.overtaken and crossed.pairing not in announced:
                    announced.add(crossed.pairing)
                    print(words.overtaken(crossed), flush=True)

        yield Show(generation, lambda line: print(match_line(line), flush=True), lambda text: None)


def summary(matches: Lines) -> Table | None:
    """The last match of each pairing as a table; None if there was none."""
    latest = {(match.opponent, match.agent): match for match in matches}
    if not latest:
        return None
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("opponent", no_wrap=True)
    table.add_column("network", no_wrap=True)
    table.add_column("score [95 %]", no_wrap=True, justify="right")
    table.add_column("W-D-L", justify="right", no_wrap=True)
    table.add_column("distinct", justify="right", no_wrap=True)
    for (opponent, agent), match in latest.items():
        counts = f"{match.wins}-{match.draws}-{match.losses}"
        table.add_row(
            words.player(opponent), words.learner(agent), words.match_score(match), counts, str(match.distinct_games)
        )
    return table


def show_summary(matches: Lines) -> None:
    """Print `summary`, uncut where the output goes to a file."""
    console = Console()
    if not console.is_terminal:
        console.width = 120
    console.print(summary(matches))
