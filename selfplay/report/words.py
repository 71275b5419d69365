"""What scores, amounts, crossings and players are called: the same words in the terminal, the pictures, the report,
TensorBoard and, through the server's JSON, the browser.

Intervals are 95 % and stand in brackets. FLOPs have two digits and a power of ten, `1.5e14`; a bound that cannot be
told is `…`, an Elo or a factor that cannot is `-`.
"""

from collections.abc import Iterable, Sequence

from selfplay import ledger
from selfplay.players import spec as players
from selfplay.run.activity import Activity
from selfplay.stats.records import Crossing, EvalLine, Forecast, GradedForecast, Lines

_LABEL = 40  # characters
_ABOUT = {  # by kind of player
    "random": "any legal move",
    "rules": "win, block, do not hand over a win",
    "alphabeta": "a search on a handcrafted evaluation",  # where `plain_player` knows no better
    "rollout": "no knowledge, no learning",
}

# Players.


def player(spec: str) -> str:
    """`one-ply rules`, `alpha-beta, depth 6`, `network + 64 simulations`; the spec itself where nobody knows better."""
    return players.describe(spec)


def label(spec: str) -> str:
    """`player` where there is little room, as in a picture."""
    return _short(player(spec))


def _short(name: str) -> str:
    return name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…"


def learner(agent: str) -> str:
    """A run's own player beside others of its own: `64 simulations`, `20 ms`, `alone`."""
    return player(agent).removeprefix("network ").removeprefix("+ ")


def plain_player(spec: str) -> str:
    """An opponent for somebody who knows no term of the field: `a program that looks 6 moves ahead`."""
    try:
        found = players.Spec.parse(spec)
    except ValueError:  # of another version
        return label(spec)
    if found.kind != "alphabeta" or "without" in found.options:
        return label(spec)
    if "preset" in found.options:
        return "a textbook minimax"
    if "ms" in found.options:
        return f"a handcrafted program with {found.options['ms']:g} ms a move"
    if "nodes" in found.options:
        return f"a program that looks at {found.options['nodes']:,} positions"
    return f"a program that looks {found.options.get('depth', 4)} moves ahead"


def about(spec: str) -> str:
    """What such a player goes by, in a few words, which may be its `plain_player`; empty where its name says it."""
    plain = plain_player(spec)
    return _ABOUT.get(spec.partition(":")[0], "") if plain == label(spec) else plain


# Amounts.


def flops(value: float | None) -> str:
    """`1.5e14`; `0` for nothing, `…` for what cannot be told."""
    return "…" if value is None else ledger.written(value)


def score(value: float, low: float, high: float, *, digits: int = 1) -> str:
    """Shares of points as `61.5 % [56.7, 66.1]`."""
    return f"{100 * value:.{digits}f} % [{100 * low:.{digits}f}, {100 * high:.{digits}f}]"


def match_score(line: EvalLine) -> str:
    return score(line.score, line.score_low, line.score_high)


def distinct(games: int, pairs: int | None) -> str:
    """How many games of a match were distinct; of how many pairs its interval is made, where some were played twice."""
    return f"{games} distinct games" + ("" if pairs is None else f", the interval counts {pairs} distinct pairs")


def score_at_end(crossing: Crossing, *, digits: int = 1) -> str:
    """Of the curve at the last evaluation."""
    return score(crossing.score_at_end, crossing.score_low, crossing.score_high, digits=digits)


def elo(value: float | None) -> str:
    """A difference, `+120`."""
    return "-" if value is None else f"{value:+.0f}"


def elo_interval(value: float | None, low: float | None, high: float | None) -> str:
    """`+120 [+95, +150]`."""
    return f"{elo(value)} [{elo(low)}, {elo(high)}]"


def factor_interval(value: float | None, low: float | None, high: float | None) -> str:
    """A multiple of training compute, `x 4.81 [3.31, -]`."""
    said = ("-" if each is None else f"{each:.3g}" for each in (value, low, high))
    return "x {} [{}, {}]".format(*said)


def minutes(seconds: float | None) -> str:
    """`20.1`, for a column that says what it is; empty where there is nothing to say."""
    return "" if seconds is None else f"{seconds / 60:.1f}"


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `1 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds else "0"
    hours, rest = divmod(round(seconds / 60), 60)
    return " ".join(filter(None, (f"{hours} h" if hours else "", f"{rest} min" if rest else "")))


def long_minutes(minutes: float) -> str:
    """In a sentence: `34 seconds`, `1 minute`, `2.3 minutes`, `12 minutes`, `2.5 hours`."""
    if minutes < 0.95:
        amount, unit = round(60 * minutes), "second"
    else:
        amount, unit = (minutes, "minute") if minutes < 90 else (minutes / 60, "hour")
    said = f"{amount:.0f}" if amount >= 9.5 else f"{amount:.1f}".removesuffix(".0")
    return f"{said} {unit}{'' if said == '1' else 's'}"


def clock(seconds: float) -> str:
    """As a watch shows it: `2:31`, or `1:02:31` from an hour on."""
    whole, rest = divmod(round(seconds), 60)
    hours, whole = divmod(whole, 60)
    return f"{hours}:{whole:02d}:{rest:02d}" if hours else f"{whole}:{rest:02d}"


def amount(name: str, value: float) -> str:
    """What had been spent, by its name in a crossing: `1.5e14 training FLOPs`, `12 min of training`."""
    if name == "seconds":
        return f"{duration(value)} of training"
    units = {"flops": "training FLOPs", "evaluations": "network evaluations", "games": "games of self-play"}
    return f"{flops(value) if name == 'flops' else f'{value:,.0f}'} {units[name]}"


# What a run does.


def matches(now: Activity) -> str:
    """`final matches 9 of 15, about 2 min`; on the way `matches 3 of 6`."""
    name = "final matches" if now.final else "matches"
    left = f", about {duration(now.seconds_left)}" if now.final and now.seconds_left else ""
    return f"{name} {min(now.done + 1, now.of)} of {now.of}{left}"


def match(now: Activity) -> str:
    """`network + 64 simulations against one-ply rules, about 400 games, 50% done`; of a small board `400 games from 30
    openings`, since some are then the same."""
    games = f"{'about ' if now.final else ''}{now.games} games"
    few = f" from {now.openings} openings" if 0 < 2 * now.openings < now.games else ""
    return f"{player(now.agent)} against {player(now.opponent)}, {games}{few}, {now.share:.0%} done"


def doing(now: Activity) -> str:
    """`playing: 5,120 of about 20,000 positions`; of matches, the present one too."""
    if now.kind == "play":
        return f"playing: {now.done:,}{f' of about {_rough(now.of):,}' if now.of else ''} positions"
    if now.kind == "learn":
        return f"learning: {now.done:,} of {now.of:,} steps"
    return f"{matches(now)}: {match(now)}"


def _rough(count: int) -> int:
    """With two digits, which is all that is known of it."""
    return int(float(f"{count:.1e}"))


# Crossings.

UNTRAINED = "before any training"
SEARCH_ALONE = f"search alone beats it, {UNTRAINED}"


def generation(number: int) -> str:
    """`generation 12`; of the network before its first, `before any training`."""
    return f"generation {number}" if number else UNTRAINED


def crossing(found: Crossing) -> str:
    """When an opponent was overtaken, in training FLOPs: `at 3.1e13 [2.2e13, 4.0e13]`, `before 2.5e12` (the first
    evaluation), `before any training` (by search alone), `beyond 1.2e14` (not by then), or `not yet`."""
    if not found.overtaken:
        done = sum(run.overtaken for run in found.runs)
        some = f" ({done} of {len(found.runs)} runs have)" if done else ""
        return (f"beyond {flops(found.flops_low)}" if found.flops_low else "not yet") + some
    if found.beaten_untrained:
        return UNTRAINED
    if found.flops is None:
        return f"before {flops(found.flops_high)}"
    return f"at {_between(found)}"


def outlook(found: Crossing, expected: Forecast | None) -> str:
    """`crossing`; of one that is yet to come the forecast, if it is not passed by: `expected at 5.0e14 [2.0e14, …]`."""
    ahead = expected is not None and expected.flops is not None and expected.flops > found.flops_at_end
    return f"expected at {_between(expected)}" if expected and ahead and not found.overtaken else crossing(found)


def expectation(made: Forecast) -> str:
    """`alpha-beta, depth 6: expected to be overtaken at 5.0e14 [2.0e14, …] training FLOPs`."""
    return f"{player(made.opponent)}: expected to be overtaken at {_between(made)} training FLOPs"


def _between(found: Crossing | Forecast) -> str:
    """A lower bound of 0 lies before the first evaluation, and nobody knows where."""
    return f"{flops(found.flops)} [{flops(found.flops_low or None)}, {flops(found.flops_high)}]"


def overtaken(found: Crossing) -> str:
    """The news that it was: `network + 64 simulations has overtaken one-ply rules, at 1.6e13 [...] training FLOPs`."""
    if found.beaten_untrained:
        return f"{player(found.agent)} is ahead of {player(found.opponent)}: {SEARCH_ALONE}"
    before = f" ({score(*found.untrained)} {UNTRAINED})" if found.untrained else ""
    if found.flops is None:
        return f"{player(found.agent)} was ahead of {player(found.opponent)} before its first evaluation{before}"
    return f"{player(found.agent)} has overtaken {player(found.opponent)}, {crossing(found)} training FLOPs{before}"


def both_minutes(found: Crossing) -> str:
    """`13.8; 20.0`, for a column that says that these are equal and surely ahead."""
    return (
        ""
        if found.beaten_untrained
        else "; ".join(filter(None, (minutes(found.seconds), minutes(found.ahead_seconds))))
    )


def status(found: Crossing) -> str:
    """In a word or two: `overtaken`, `search alone`, `not yet`."""
    return ("search alone" if found.beaten_untrained else "overtaken") if found.overtaken else "not yet"


def times(found: Crossing) -> str:
    """When, in time of training: `equal at 5.1 min, surely ahead at 6.8 min`; as much of it as is known."""
    if found.overtaken and found.beaten_untrained:
        return SEARCH_ALONE
    known = (("equal", found.seconds), ("surely ahead", found.ahead_seconds))
    return ", ".join(f"{name} at {_time(seconds)}" for name, seconds in known if seconds)


def _time(seconds: float) -> str:
    """With two digits, so that two moments of one run are told apart: `57 s`, `6.8 min`, `20 min`, `1 h 20 min`."""
    minutes = seconds / 60
    return f"{minutes:.1f} min" if 1.5 <= minutes < 9.95 else duration(seconds)


def untrained(lines: Lines) -> str:
    """What a run's search scored before any training, in a line: what it owes to search alone; empty where that was not
    measured."""
    met = [line for line in lines if not line.flops]
    if not met:
        return ""
    scores = ", ".join(f"{player(line.opponent)} {match_score(line)}" for line in met)
    return f"{UNTRAINED.capitalize()}, {player(met[0].agent)} scores against {scores}"


def fell_back(found: Crossing) -> str:
    """The news that it was not for good."""
    return f"{player(found.agent)} is no longer surely ahead of {player(found.opponent)}"


def forecasts(crossings: Iterable[Crossing]) -> list[str]:
    """A line for each forecast that was made before a crossing, and what became of it."""
    return [
        f"{player(found.agent)} against {player(found.opponent)}"
        + (f" (run {number})" if len(found.runs) > 1 else "")
        + f": forecast at {flops(made.made_at_flops)} FLOPs: {_between(made)}; {_outcome(run, made)}"
        for found in crossings
        for number, run in enumerate(found.runs, start=1)
        if (made := run.forecast)
    ]


def newest_forecasts(crossings: Sequence[Crossing], where: str) -> list[str]:
    """A line for the newest of `forecasts` for each opponent; and how many others there are, and `where`."""
    newest: dict[str, tuple[float, str]] = {}
    count = 0
    for found in crossings:
        for run, line in zip([run for run in found.runs if run.forecast], forecasts([found]), strict=True):
            assert run.forecast is not None
            count += 1
            if run.forecast.made_at_flops > newest.get(found.opponent, (0.0, ""))[0]:
                newest[found.opponent] = run.forecast.made_at_flops, line
    others = count - len(newest)
    return [line for _, line in newest.values()] + ([f"{others} other forecasts: {where}"] if others else [])


def _outcome(run: Crossing, made: GradedForecast) -> str:
    if run.flops is None:
        return "not yet" if made.covered is None else "passed by"
    return f"came at {flops(run.flops)}, {'inside' if made.covered else 'outside'} the interval"


CROSSING_HEADERS = ("player", "opponent", "overtaken (training FLOPs)", "minutes", "fitted score at the end")


def crossing_row(found: Crossing) -> tuple[str, ...]:
    """A crossing below `CROSSING_HEADERS`; players by their specs, which commands and scripts take."""
    return found.agent, found.opponent, crossing(found), minutes(found.seconds), score_at_end(found)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text, padded so that their columns stand below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def crossings(found: Iterable[Crossing], width: int | None = None) -> str:
    """A table of plain text with a line for each player and opponent. Where `width` is too narrow for it, the last
    columns are left out: of scores and minutes other tables tell."""
    rows = [crossing_row(each) for each in found]
    if not rows:
        return "no matches yet"
    tables = [columns([row[:count] for row in (CROSSING_HEADERS, *rows)]) for count in (5, 4, 3)]
    fitting = [table for table in tables if width is None or max(map(len, table.splitlines())) <= width]
    return (fitting or tables[-1:])[0]
