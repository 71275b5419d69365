"""Ways of learning side by side: how strong each is over training compute, and what it gains over one of them.

Strength is a share of decisions kept; laws are straight lines of its log odds over log10 of compute. Seeds are pairs:
the same seed begins with the same weights in each arm.
"""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from selfplay.lab import curves
from selfplay.lab.curves import Curve
from selfplay.lab.experiment import Claim, Constant
from selfplay.report import plots, words
from selfplay.stats import laws, seeds

LEAST = 0.25  # of the reference's rise per decade: less than that is a plateau
_LAST = 1.0  # decades that a plateau is looked for in
_SAID = 100  # the quotient of two numbers that are about 0 can be anything
_SEEN = (-4, 4)  # decades of a gain that a picture could show


def log_odds(curve: Curve, number: int) -> list[laws.Run]:
    """x and y of each seed; shares are of so many decisions, so that none is surely 0 or 1."""
    share_SX = np.clip(curve.values_SX, 0.5 / number, 1 - 0.5 / number)
    return [(np.log10(curve.x_X), y_X) for y_X in np.log(share_SX / (1 - share_SX))]


def gains(arms: Mapping[str, Curve], reference: str, number: int) -> dict[str, laws.Gain]:
    """What each of the others gains, at the points of the reference's curve."""
    theirs, x_X = log_odds(arms[reference], number), np.log10(arms[reference].x_X)
    return {name: laws.gain(log_odds(arm, number), theirs, x_X) for name, arm in arms.items() if name != reference}


def plateau(arm: Curve, reference: Curve, number: int) -> Constant:
    """The rise of log odds per decade over the last decade, as a share of the reference's over all of its curve."""
    last_X = arm.x_X >= arm.x_X[-1] / 10**_LAST
    ours_S, theirs_S = (
        np.array([laws.fit(laws.POWER, [run])[1] for run in log_odds(curve, number)])
        for curve in (Curve(arm.x_X[last_X], arm.values_SX[:, last_X]), reference)
    )
    return Constant(*seeds.ratio(ours_S, theirs_S))


def below(claim: str, found: Constant | laws.Bounds, bound: float) -> Claim:
    """A claim that something is below a bound: it held if its interval is, and did not if its interval is above."""
    value, low, high = (found.value, found.low, found.high) if isinstance(found, Constant) else found
    held = True if high is not None and high < bound else False if low is not None and low > bound else None
    return Claim(claim, held, signed(value, low, high))


def above(claim: str, found: Constant | laws.Bounds, bound: float) -> Claim:
    """The opposite."""
    it = below(claim, found, bound)
    return Claim(claim, None if it.held is None else not it.held, it.why)


def signed(value: float | None, low: float | None, high: float | None) -> str:
    """`-0.25 [-0.40, -0.10]`; `…` for what cannot be told."""
    said = ("…" if each is None or abs(each) > _SAID else f"{each:+.2f}" for each in (value, low, high))
    return "{} [{}, {}]".format(*said)


def against_0(found: laws.Bounds) -> str:
    """Which side of 0 an interval is on, in words."""
    _, low, high = found
    if high is not None and high < 0:
        return "below 0"
    return "above 0" if low is not None and low > 0 else "undecided"


def factor(found: laws.Bounds) -> Constant:
    """Ten to the power of it; beyond twelve decades nobody knows."""
    return Constant(*(None if each is None or abs(each) > 12 else 10**each for each in found))


def in_words(found: laws.Bounds) -> str:
    """A gain: `2.1 times [1.2, 3.9]`."""
    each = factor(found)
    value, low, high = ("…" if x is None else f"{x:.2g}" for x in (each.value, each.low, each.high))
    return f"{value} times [{low}, {high}]"


def course(gain: laws.Gain) -> str:
    """From the first point to the last: `from 6.4 times to 1.1 (falling)`, where the slope is surely so."""
    first, last = (f"{factor(at).value or 0:.2g}" for at in (gain.log10_P[0], gain.log10_P[-1]))
    way = {"below 0": "falling", "above 0": "rising"}.get(against_0(gain.slope), "which way is undecided")
    return f"from {first} times to {last} ({way})"


def since(found: Constant) -> str:
    """In a sentence, of compute: `from 2.0e12 FLOPs on [1.1e12, …]`, or that it does not come."""
    low, value, high = ("…" if each is None else words.flops(each) for each in (found.low, found.value, found.high))
    if found.value is None:
        return "not by the end"
    return f"from {value} FLOPs on [{low}, {high}]"


def in_order(claim: str, events: Mapping[str, Constant]) -> Claim:
    """A claim that events come one after the other: it held if each is surely before the next, and did not if one is
    surely after the next."""
    pairs = list(itertools.pairwise(events.values()))
    held = all(a.high is not None and b.low is not None and a.high <= b.low for a, b in pairs)
    wrong = any(a.low is not None and b.high is not None and b.high <= a.low for a, b in pairs)
    why = "; ".join(f"{name} {since(event)}" for name, event in events.items())
    return Claim(claim, True if held else False if wrong else None, why)


def table(
    measures: Mapping[str, Mapping[str, Curve]], gains: Mapping[str, laws.Gain]
) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """Headers, and a row for each arm: its measures at the last point, what it gains at the first and at the last, and
    how that changes; of the reference these are 1, 1 and 0."""
    rows: list[Sequence[str]] = []
    for arm in next(iter(measures.values())):
        ends = (curves.share(measure[arm].values_SX[:, -1]) for measure in measures.values())
        gain = gains.get(arm)
        gained = (
            (in_words(gain.log10_P[0]), in_words(gain.log10_P[-1]), signed(*gain.slope)) if gain else ("1", "1", "0")
        )
        rows.append((arm, *ends, *gained))
    return ("arm", *measures, "gain at the first age", "at the last", "its slope"), rows


def gains_over_compute(
    arms: Mapping[str, Curve], reference: str, colours: Mapping[str, str], number: int, levels: Mapping[str, float]
) -> Figure:
    """Strength on the left, gains on the right."""
    figure = Figure(figsize=(12, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_strength(left, arms, colours, levels)
    left.set_title("decisions kept", fontsize=10)
    _draw_gains(right, arms, reference, colours, number)
    right.set_title(f"compute that {reference} need for as much", fontsize=10)
    return figure


def _draw_strength(
    axes: Axes, arms: Mapping[str, Curve], colours: Mapping[str, str], levels: Mapping[str, float]
) -> None:
    """Lines: means of the seeds; dots: each seed; broken lines: levels by name."""
    for name, arm in arms.items():
        axes.plot(arm.x_X, 100 * arm.values_SX.mean(axis=0), color=colours[name], linewidth=2, label=name)
        for values_X in arm.values_SX:
            axes.plot(arm.x_X, 100 * values_X, ".", color=colours[name], markersize=3.5, alpha=0.5)
    first = min(arm.x_X[0] for arm in arms.values())
    for name, level in levels.items():
        axes.axhline(100 * level, color=plots.GREY, linestyle=(0, (4, 3)), linewidth=1)
        axes.text(first, 100 * level, name, fontsize=8, color=plots.GREY, va="bottom")
    axes.set(xscale="log", xlabel="training compute, FLOPs (the expert's included)")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    plots.plain(axes, legend=False)
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def _draw_gains(axes: Axes, arms: Mapping[str, Curve], reference: str, colours: Mapping[str, str], number: int) -> None:
    """The gain of each arm over compute: the fit as a line with its band, and dots where it was measured."""
    theirs = log_odds(arms[reference], number)
    per_decade = np.mean([laws.fit(laws.POWER, [run])[1] for run in theirs])
    for name, found in gains(arms, reference, number).items():
        x_X, colour = arms[reference].x_X, colours[name]
        value_X, low_X, high_X = (
            np.array([np.nan if each is None else each for each in side], float)
            for side in zip(*found.log10_P, strict=True)
        )
        axes.plot(x_X, 10 ** np.clip(value_X, *_SEEN), color=colour, linewidth=2, label=name)
        low_X, high_X = (10 ** np.clip(side_X, *_SEEN) for side_X in (low_X, high_X))
        axes.fill_between(x_X, low_X, high_X, color=colour, alpha=0.1, linewidth=0)
        ours = log_odds(arms[name], number)
        lead_X = np.mean([mine_X - its_X for (_, mine_X), (_, its_X) in zip(ours, theirs, strict=True)], axis=0)
        axes.plot(x_X, 10 ** np.clip(lead_X / per_decade, *_SEEN), "o", color=colour, markersize=3.5, alpha=0.7)
    axes.axhline(1, color=plots.GREY, linewidth=1)
    axes.set(xscale="log", yscale="log", xlabel="training compute, FLOPs (the expert's included)")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} times")
    axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    axes.tick_params(axis="y", which="minor", labelsize=7)
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, 0.02), min(high, 50))
    plots.plain(axes, legend=False)


def paths(
    across: Mapping[str, Curve], up: Mapping[str, Curve], colours: Mapping[str, str], xlabel: str, ylabel: str
) -> Figure:
    """Two measures of each arm against each other, from the first age (small) to the last (large)."""
    figure = Figure(figsize=(6.5, 5), layout="constrained")
    axes = figure.subplots()
    for name, measure in across.items():
        x_X, y_X = (100 * curve.values_SX.mean(axis=0) for curve in (measure, up[name]))
        axes.plot(x_X, y_X, color=colours[name], linewidth=1.5, label=name)
        axes.scatter(x_X, y_X, s=np.linspace(5, 45, len(x_X)), color=colours[name], zorder=3)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g} %")
    axes.set(xlabel=xlabel, ylabel=ylabel)
    plots.plain(axes, legend=False)
    axes.legend(frameon=False, fontsize=8)
    return figure


def clocks(known: Mapping[str, Mapping[str, Curve]], level: float, worth: Mapping[str, tuple[float, float]]) -> Figure:
    """By name of an arm, how far its networks have come with each piece of knowledge, from chance, 0, to always, 1, and
    from `level` on know it. Beside that what each piece is `worth`, with half an interval."""
    figure = Figure(figsize=(4.4 * (1 + len(known)), 4.4), layout="constrained")
    *panels, what = figure.subplots(1, 1 + len(known))
    for axes, (arm, of_piece) in zip(panels, known.items(), strict=True):
        for curve, colour in zip(of_piece.values(), plots.COLOURS, strict=False):
            axes.plot(curve.x_X, 100 * curve.values_SX.mean(axis=0), color=colour, linewidth=2)
            axes.plot(curve.x_X, 100 * curve.values_SX.T, ".", color=colour, markersize=3, alpha=0.5)
        axes.axhline(100 * level, color=plots.GREY, linewidth=1, linestyle="--")
        axes.axhline(0, color=plots.GREY, linewidth=0.8)
        axes.set(xscale="log", xlabel="training compute, FLOPs", ylim=(-125, 105))
        axes.set_title(f"known to the network: {arm}", fontsize=10)
    panels[0].set_ylabel("from chance (0) to always right (100)")
    for y, ((points, half), colour) in enumerate(zip(worth.values(), plots.COLOURS, strict=False)):
        what.barh(y, 100 * points, color=colour, alpha=0.8, height=0.55)
        what.errorbar(100 * points, y, xerr=100 * half, color=plots.GREY, linewidth=1, capsize=3)
    what.set_yticks(range(len(worth)), [*worth])
    what.set_xlabel("points of decisions kept")
    what.set_title("what it is worth to a player of rules", fontsize=10)
    what.invert_yaxis()
    for axes in (*panels, what):
        plots.plain(axes, legend=False)
    for label, colour in zip(what.get_yticklabels(), plots.COLOURS, strict=False):
        label.set_color(colour)
    return figure
