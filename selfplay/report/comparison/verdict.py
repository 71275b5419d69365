"""A comparison of settings in words: who is stronger, by how much, and what the seeds could have shown."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from selfplay.report import words
from selfplay.run import groups as grouping
from selfplay.stats.comparison import Comparison, Factor

if TYPE_CHECKING:
    from selfplay.report.comparison.settings import SettingsComparison


def sentence(found: Comparison, first: str, second: str) -> str:
    """`A is stronger by 45 Elo [12, 78] at 2.0e14 FLOPs; for the same strength B needs 1.6x [1.1, 2.4] the compute`, or
    why that cannot be said."""
    where = f"at {words.flops(found.flops)} FLOPs"
    if found.stronger == "first":
        gain = _elo(found.elo, found.elo_low, found.elo_high)
        return f"{first} is stronger by {gain} {where}; {_needs(second, found.gain)}"
    if found.stronger == "second":
        gain = _elo(-found.elo, -found.elo_high, -found.elo_low)
        return f"{second} is stronger by {gain} {where}; {_needs(first, found.gain.inverse)}"
    difference = words.elo_interval(found.elo, found.elo_low, found.elo_high)
    if found.over == "games":
        return (
            f"no difference shown: one seed each says nothing of the settings ({first} - {second}: {difference} Elo"
            f" {where}, the interval of these two runs' games alone)"
        )
    seeds = str(found.seeds[0]) if len(set(found.seeds)) == 1 else " and ".join(map(str, found.seeds))
    half = (found.elo_high - found.elo_low) / 2
    return (
        f"no difference shown: {seeds} seeds tell {half:.0f} Elo apart ({first} - {second}: {difference} Elo {where})"
    )


def _elo(value: float, low: float, high: float) -> str:
    return f"{value:.0f} Elo [{low:.0f}, {high:.0f}]"


def _needs(name: str, gain: Factor) -> str:
    if gain.value is not None:
        return f"for the same strength {name} needs {times(gain)} the compute"
    if gain.low is not None:
        return f"for the same strength {name} needs more than {_times(gain.low)}x the compute"
    return f"how much more compute {name} needs is beyond what these runs tell"


def times(factor: Factor) -> str:
    """`1.6x [1.1, 2.4]`; `…` for a bound that cannot be told. Of a factor that cannot, what is known: `below 0.3x`,
    `above 2.0x`, or `-`."""
    if factor.value is None:
        sides = [("below", factor.high)] if factor.high is not None else [("above", factor.low)]
        return " ".join(f"{side} {_times(each)}x" for side, each in sides if each is not None) or "-"
    low, high = ("…" if each is None else _times(each) for each in (factor.low, factor.high))
    return f"{_times(factor.value)}x [{low}, {high}]"


def _times(value: float) -> str:
    return f"{value:#.2g}" if value < 9.95 else f"{value:.0f}"


def text(found: "SettingsComparison") -> str:
    """Groups, what differs, a table for each pair and player with the verdict below it; that of the first player is the
    last line."""
    return "\n\n".join(_parts(found))


def _parts(found: "SettingsComparison") -> Iterator[str]:
    rows = [
        (group.name, f"seed{'s' if len(group.runs) > 1 else ''} {', '.join(map(str, group.seeds))}",
         f"to {words.flops(min(group.ends))} FLOPs" if len({words.flops(end) for end in group.ends}) == 1
         else f"to {words.flops(min(group.ends))} - {words.flops(max(group.ends))} FLOPs",
         " ".join(str(run.dir) for run in group.runs))
        for group in found.groups
    ]  # fmt: skip
    yield words.columns(rows)
    if keys := list(found.groups[0].differs):
        values = [[grouping.value(group.differs[key]) for group in found.groups] for key in keys]
        names = [group.name for group in found.groups]
        yield words.columns([("setting", *names), *((key, *row) for key, row in zip(keys, values, strict=True))])
    for pair in found.pairs:
        a, b = pair.first.name, pair.second.name
        headers = ("player", "opponent", f"Elo, {a} - {b}", f"compute, {b} / {a}", "at (FLOPs)")
        table = [
            (
                one.agent,
                one.opponent or "all together",
                words.elo_interval(one.elo, one.elo_low, one.elo_high),
                times(one.gain),
                words.flops(one.flops),
            )
            for one in (pair.overall, *pair.against)
        ]
        told = "" if pair.overall.agent == found.pairs[0].overall.agent else f"\n{pair.overall.agent}: {pair.verdict}"
        yield words.columns([headers, *table]) + told
    held = "" if len(found.groups) == 2 else "; those of all pairs hold together"
    over = found.pairs[0].overall.over
    yield (
        f"In brackets 95 % intervals over {over}{held}. Compute: how many times the FLOPs the second needs for the same"
        " strength."
    )
    main = found.pairs[0].overall.agent
    yield "\n".join(f"{pair.verdict}" for pair in found.pairs if pair.overall.agent == main)
