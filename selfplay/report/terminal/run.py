"""What a run looks like in the terminal: a live view on a terminal, plain lines elsewhere, a summary at the end."""

import os
import shutil
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.measure import Measurement
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from selfplay.config import Config
from selfplay.ledger import Ledger
from selfplay.report import story, words
from selfplay.run import limits
from selfplay.run.activity import Activity
from selfplay.run.read import Run
from selfplay.stats.records import Crossing, CrossoverRecord, EvalLine, Lines

if TYPE_CHECKING:
    from selfplay.train.trainer import Generation

_BARS = "▁▂▃▄▅▆▇█"
_NO_NUMBER = "–"
_OTHER_LINES = 21  # of the view, beside a line for each match
_NODE = "node_evaluations_per_s/"
_MOST_NODES = 4  # that have a line of their own
_NODE_LINES = _MOST_NODES + 5  # of their table
_SILENCE_S = 15.0  # seconds after which a line says what goes on


def sparkline(scores: Sequence[float], width: int = 18) -> str:
    """Scores in [0, 1], the newest `width` of them, as bars."""
    return "".join(_BARS[min(len(_BARS) - 1, max(0, int(score * len(_BARS))))] for score in scores[-width:])


def plain_line(config: Config, generation: "Generation", left: float | None = None) -> str:
    """One generation in one line; `left` are the seconds to the end of the run, by default those of training."""
    metrics, ledger = generation.metrics, generation.ledger
    if left is None:
        left = limits.seconds_left(config, generation.own, generation.number)
    return (
        f"generation {generation.number}  {words.clock(ledger.train_seconds)} trained"
        f"{_flops_of(config, generation)}  games {ledger.games:,}"
        f"  positions/s {_number(metrics, 'play/positions_per_s', ',.0f')}"
        f"  loss policy {_number(metrics, 'loss/policy', '.3f')} value {_number(metrics, 'loss/value', '.3f')}"
        f"  memory {_number(metrics, 'memory/rss_mb', ',.0f')} MB{_cluster(metrics)}"
        f"  {'done' if generation.done else 'ETA ' + (words.clock(left) if left is not None else 'unknown')}"
    )


def _flops_of(config: Config, generation: "Generation") -> str:
    """Of a run that ends by compute, how much of it is spent."""
    own = generation.own.train_flops
    return f"  FLOPs {words.flops(own)} of {words.flops(config.flops)}" if config.flops else ""


def _cluster(metrics: Mapping[str, float]) -> str:
    """Who plays, of a run on several machines."""
    if "pool/nodes" not in metrics:
        return ""
    lost, lag = metrics["pool/lost"], metrics["pool/lag"]
    more = f" lag {lag:.0f}" * (lag > 0) + f" lost {lost:.0f}" * (lost > 0)
    return f"  nodes {metrics['pool/nodes']:.0f} processes {metrics['pool/processes']:.0f}{more}"


def _processes(metrics: Mapping[str, float]) -> str:
    return (
        f"{metrics['pool/processes']:.0f} processes, busy {metrics['pool/busy']:.0%} of the time;"
        f" {metrics['pool/lost']:.0f} died; weights {metrics['pool/lag']:.0f} generations old"
    )


def match_line(match: EvalLine) -> str:
    """One match in one line."""
    return (
        f"{words.generation(match.generation)}  {words.player(match.agent)} against {words.player(match.opponent)}:"
        f" {words.match_score(match)}"
        f"  wins {match.wins} draws {match.draws} losses {match.losses},"
        f" {words.distinct(match.distinct_games, match.distinct_pairs)}"
    )


def _number(metrics: Mapping[str, float], name: str, form: str) -> str:
    return format(metrics[name], form) if name in metrics else _NO_NUMBER


class Show(NamedTuple):
    """What a run tells whoever watches it."""

    generation: Callable[["Generation", CrossoverRecord | None, float | None], None]
    """one is done; with the crossover record after its matches, if it had any, and the seconds left, about"""
    match: Callable[[EvalLine], None]
    """one is over: its line of evals.jsonl"""
    activity: Callable[[Activity], None]
    """what takes the time now; called a few times a second"""


class _View:
    """The live picture; asked to draw itself twice a second, told what happens by the methods of `Show`."""

    def __init__(self, config: Config, title: str, history: Lines) -> None:
        self._config = config
        self._title = title
        self._began = time.monotonic()
        self._generation: Generation | None = None
        self._matches: dict[tuple[str, str], list[EvalLine]] = defaultdict(list)
        self._crossings: dict[tuple[str, str], Crossing] = {}
        self._now: Activity | None = None
        self._end: float | None = None  # of the run, about, on the clock of `_began`
        for match in history:
            self.match(match)

    def generation(self, generation: "Generation", record: CrossoverRecord | None, left: float | None) -> None:
        self._generation, self._now = generation, None
        self._expect(left)
        if record is not None:
            self._crossings = {(crossed.opponent, crossed.agent): crossed for crossed in record.crossings}

    def match(self, line: EvalLine) -> None:
        self._matches[line.opponent, line.agent].append(line)

    def activity(self, now: Activity) -> None:
        self._now = now
        self._expect(now.seconds_left)

    def _expect(self, left: float | None) -> None:
        if left is not None:
            self._end = time.monotonic() + left

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        inside = options.update(width=max(1, options.max_width - 4))
        parts: list[RenderableType] = [self._progress()]
        if self._now is not None:
            said = words.match(self._now) if self._now.final else words.doing(self._now)
            parts.append(Text(said, style="dim", no_wrap=True, overflow="ellipsis"))
        if self._generation is not None:
            columns = Table.grid(padding=(0, 3), expand=True)
            columns.add_row(self._learning(self._generation), self._playing(self._generation))
            parts += [Text(), columns]
            if "pool/nodes" in self._generation.metrics:
                parts += [Text(), self._nodes(self._generation.metrics)]
                parts.append(Text(_processes(self._generation.metrics), style="dim"))
            parts += [Text(_where_the_time_goes(self._generation.ledger), style="dim")]
        if self._matches:
            latest = {pairing: matches[-1] for pairing, matches in self._matches.items()}
            nodes = _NODE_LINES if self._generation is not None and "pool/nodes" in self._generation.metrics else 0
            shown = _closest(latest, console.height - _OTHER_LINES - nodes)
            parts += [Text(), fitting(console, inside, lambda compact: self._strength(shown, compact))]
            if others := len(latest) - len(shown):
                parts.append(Text(f"and {others} less even matches, in the report", style="dim"))
        yield Panel(Group(*parts), title=self._title, title_align="left", box=box.ROUNDED, padding=(0, 1))

    def _progress(self) -> Table:
        """What is being done, how much of the whole is, and for how long."""
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True)
        done, now, clock = self._generation, self._now, time.monotonic()
        if now is not None and now.kind == "matches" and now.final:
            name, share = words.matches(now), (now.done + now.share) / now.of
        elif now is not None and now.kind == "matches" and not now.generation:
            name, share = words.UNTRAINED, (now.done + now.share) / now.of
        elif done is None:  # the first generation by itself, so that something is seen to move
            name = "first games"
            share = now.done / now.of if now is not None and now.kind == "play" and now.of else None
        else:
            name, share = f"generation {done.number}", limits.spent(self._config, done.own, done.number)
        eta = f"  ETA {words.clock(max(0.0, self._end - clock))}" if self._end is not None else ""
        bar = ProgressBar(pulse=True) if share is None else ProgressBar(total=1.0, completed=share)
        grid.add_row(f"[bold]{name}[/]", bar, f"{words.clock(clock - self._began)}{eta}")
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
        network, length = _number(metrics, "play/network_share", ".0%"), _number(metrics, "games/length", ".1f")
        rows = [
            ("games", f"{ledger.games:,}"),
            ("positions/s", _number(metrics, "play/positions_per_s", ",.0f")),
            ("evaluations/s", _number(metrics, "play/evaluations_per_s", ",.0f")),
            ("plies a game", length),
            ("in the network", network),
            ("memory", f"{_number(metrics, 'memory/rss_mb', ',.0f')} MB"),
        ]
        return self._facts("self-play", rows)

    @staticmethod
    def _nodes(metrics: Mapping[str, float]) -> Table:
        """Who plays elsewhere, how fast each is, and what was lost."""
        table = Table(title="nodes", title_justify="left", title_style="bold", box=None, pad_edge=False)
        for name in ("address", "evaluations/s"):
            table.add_column(name, header_style="dim", no_wrap=True, justify="right" if "/" in name else "left")
        rates = {name.partition("/")[2]: rate for name, rate in metrics.items() if name.startswith(_NODE)}
        fastest = sorted(rates, key=lambda node: -rates[node])
        for node in fastest[:_MOST_NODES]:
            table.add_row(node, f"{rates[node]:,.0f}")
        if others := fastest[_MOST_NODES:]:
            table.add_row(f"{len(others)} others", f"{sum(rates[node] for node in others):,.0f}")
        return table

    def _strength(self, latest: Mapping[tuple[str, str], EvalLine], compact: bool) -> Table:
        def over_time(pairing: tuple[str, str]) -> tuple[Text, str]:
            crossed = self._crossings.get(pairing)
            bars = sparkline([match.score for match in self._matches[pairing]], 8 if compact else 18)
            when = "" if crossed is None else words.outlook(crossed, crossed.forecast)
            return Text(bars, style="cyan"), when.partition(" [")[0] if compact else when

        headers = ("over time", "overtaken" if compact else "overtaken (training FLOPs)")
        return _scores(latest, headers, over_time, compact=compact, title="score against")


def _closest(latest: Mapping[tuple[str, str], EvalLine], room: int) -> dict[tuple[str, str], EvalLine]:
    """The most even matches, as many as there is room for, in their order."""
    even = sorted(latest, key=lambda pairing: abs(latest[pairing].score - 0.5))[: max(1, room)]
    return {pairing: match for pairing, match in latest.items() if len(latest) <= room or pairing in even}


def _where_the_time_goes(ledger: Ledger) -> str:
    parts = (("play", ledger.play_seconds), ("learn", ledger.learn_seconds), ("matches", ledger.eval_seconds))
    whole = sum(seconds for _, seconds in parts)
    return "time: " + (", ".join(f"{name} {seconds / whole:.0%}" for name, seconds in parts) if whole else _NO_NUMBER)


def fitting(console: Console, options: ConsoleOptions, table: Callable[[bool], Table]) -> Table:
    """The table as it is, or its compact form where the console is too narrow: no number is ever cut off."""
    wide = table(False)
    needs = Measurement.get(console, options.update(width=1000), wide).maximum
    return wide if needs <= options.max_width else table(True)


def _scores(
    matches: Mapping[tuple[str, str], EvalLine],
    headers: Sequence[str],
    more: Callable[[tuple[str, str]], Sequence[str | Text]],
    *,
    compact: bool,
    title: str = "",
) -> Table:
    """Matches by (opponent, agent), with `more` columns. The compact form says the player once, and scores and their
    intervals in whole percent."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    columns = ("opponent", *(() if compact else ("network",)), "score [95 %]", *headers)
    for name in columns:
        table.add_column(name, header_style="dim", no_wrap=True)
    said = ""
    for pairing, match in sorted(matches.items(), key=lambda item: item[0][1] if compact else ""):
        opponent, agent = pairing
        if compact and agent != said:
            said = agent
            table.add_row(Text(words.player(agent), style="dim"))
        score = words.score(match.score, match.score_low, match.score_high, digits=0 if compact else 1)
        style = "green" if match.score_low > 0.5 else ""
        table.add_row(
            Text(words.player(opponent)),
            *(() if compact else (Text(words.learner(agent), style="dim"),)),
            Text(score, style=style),
            *more(pairing),
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
        yield Show(lambda generation, record, left: None, lambda line: None, lambda now: None)
    elif redraws(console):
        view = _View(config, title, history)
        with Live(view, console=console, refresh_per_second=4):
            yield Show(view.generation, view.match, view.activity)
    else:
        print(title, flush=True)
        lines = _Lines(config)
        yield Show(lines.generation, lines.match, lines.activity)


class _Lines:
    """A line for each generation, match and crossing, and now and then one while nothing of that happens."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._announced: set[tuple[str, str]] = set()
        self._printed = time.monotonic()
        self._told = False

    def _print(self, line: str) -> None:
        self._printed = time.monotonic()
        print(line, flush=True)

    def generation(self, done: "Generation", record: CrossoverRecord | None, left: float | None) -> None:
        self._print(plain_line(self._config, done, left))
        for crossed in record.crossings if record else ():
            if crossed.overtaken and crossed.pairing not in self._announced:
                self._announced.add(crossed.pairing)
                self._print(words.overtaken(crossed))
            elif not crossed.overtaken and crossed.pairing in self._announced:
                self._announced.remove(crossed.pairing)
                self._print(words.fell_back(crossed))

    def match(self, line: EvalLine) -> None:
        self._print(match_line(line))

    def activity(self, now: Activity) -> None:
        told = now.kind == "matches" and (now.final or not now.generation)  # what takes a while is announced
        announces = told and not self._told
        self._told = told
        if announces or time.monotonic() - self._printed >= _SILENCE_S:
            self._print(f"{words.generation(now.generation)}  {words.doing(now)}")


def summary(matches: Lines, *, compact: bool = False) -> Table | None:
    """The last match of each pairing as a table; None if there was none."""
    latest = {(match.opponent, match.agent): match for match in matches}
    if not latest:
        return None

    def counts(pairing: tuple[str, str]) -> tuple[str, str]:
        match = latest[pairing]
        return f"{match.wins}-{match.draws}-{match.losses}", str(match.distinct_games)

    return _scores(latest, ("W-D-L", "distinct"), counts, compact=compact)


def width() -> int | None:
    """Columns of the terminal; None where the output goes to a file."""
    console = Console()
    return console.width if console.is_terminal else None


def show_summary(matches: Lines) -> None:
    """Print `summary`, uncut where the output goes to a file."""
    console = Console()
    if not console.is_terminal:
        console.width = 120
    if matches:
        console.print(fitting(console, console.options, lambda compact: summary(matches, compact=compact) or Table()))


def what_next(run: Run, trained: int) -> str:
    """What a finished run has found, and how to play against it and go on with it; `trained` generations are new."""
    command, game = _command(), run.config.game
    spent = run.last.get("play_seconds", 0.0) + run.last.get("learn_seconds", 0.0)
    told = story.of([run.evals], run.crossover)
    lines = [f"{told.finding}."] if told else []
    if not trained:
        lines.append(f"The run had all that was asked for already: {words.duration(spent)} of training.")
    return "\n".join(
        [
            *lines,
            f"play against it:  {command} play --game {game} --agent mcts:{run.dir},sims=200",
            f"in a browser:     {command} serve",
            f"train it longer:  {command} train --game {game} --run {run.dir} --minutes {max(1, round(spent / 30))}",
        ]
    )


def _command() -> str:
    """What to type for `selfplay` here."""
    if shutil.which("selfplay"):
        return "selfplay"
    path = Path(sys.argv[0])
    if path.name != "selfplay":
        return "python -m selfplay"
    return str(path.relative_to(Path.cwd()) if path.is_absolute() and path.is_relative_to(Path.cwd()) else path)
