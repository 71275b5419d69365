"""Records as curves: what was measured, over an axis of the grid, for each seed; compared and drawn.

S seeds, X points along the axis.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from selfplay.lab.experiment import Claim, Constant, Parameter, Record
from selfplay.report import plots
from selfplay.stats import seeds

_LARGE = 1e7  # from which on zeros are not written out


class Curve(NamedTuple):
    """A measure along an axis."""

    x_X: np.ndarray
    values_SX: np.ndarray

    def at(self, x_X: np.ndarray) -> np.ndarray:
        """The values [S, X] at points of this curve."""
        return self.values_SX[:, np.searchsorted(self.x_X, x_X)]


def gather(
    records: Iterable[Record], where: Mapping[str, Parameter], *, by: str, axis: str, measure: str
) -> dict[str, Curve]:
    """Of the records with these parameters, a curve for each value of the parameter `by`, in the order in which they
    come. Every seed has every point."""
    found: dict[str, dict[tuple[int, float], float]] = {}
    for record in records:
        if where.items() <= record.cell.parameters.items():
            found.setdefault(str(record[by]), {})[record.cell.seed, record[axis]] = record[measure]
    curves: dict[str, Curve] = {}
    for name, values in found.items():
        ours, x = sorted({seed for seed, _ in values}), sorted({place for _, place in values})
        curves[name] = Curve(np.array(x, float), np.array([[values[seed, place] for place in x] for seed in ours]))
    return curves


def lead(first: Curve, second: Curve) -> Curve:
    """How much more the first has, seed by seed, where both were measured."""
    x_X = np.intersect1d(first.x_X, second.x_X)
    return Curve(x_X, first.at(x_X) - second.at(x_X))


def overtaking(first: Curve, second: Curve) -> Constant:
    """From where along the axis the first has more than the second; see `seeds.overtaking`."""
    return Constant(*seeds.overtaking(*lead(first, second)))


def reaching(curve: Curve, level_S1: np.ndarray) -> Constant:
    """From where along the axis a curve is above a level that each seed has."""
    return Constant(*seeds.overtaking(curve.x_X, curve.values_SX - level_S1))


def mean(values_S: np.ndarray) -> Constant:
    """Over seeds, with its interval."""
    middle_1, half_1 = seeds.mean(values_S[:, None])
    return Constant(*(float(x_1[0]) for x_1 in (middle_1, middle_1 - half_1, middle_1 + half_1)))


def all_above_zero(claim: str, leads: Mapping[str, np.ndarray], unit: str = " points", scale: float = 100.0) -> Claim:
    """A claim that each of these [S] is above 0: it held if every interval is, and did not if one is below."""
    found = {name: mean(scale * values_S) for name, values_S in leads.items()}
    above = all(each.low is not None and each.low > 0 for each in found.values())
    below = any(each.high is not None and each.high < 0 for each in found.values())
    why = "; ".join(
        f"{name} {each.value:+.1f}{unit} [{each.low:+.1f}, {each.high:+.1f}]" for name, each in found.items()
    )
    return Claim(claim, True if above else False if below else None, why)


def above(claim: str, found: Constant) -> Claim:
    """A claim that a constant is above 0: it held if its interval is, and did not if that is below."""
    assert found.low is not None and found.high is not None
    why = f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
    return Claim(claim, True if found.low > 0 else False if found.high < 0 else None, why)


def contains(claim: str, found: Constant, value: float) -> Claim:
    """A claim that a constant is this: it held if the interval has it; undecided where there is none."""
    if found.low is None or found.high is None:
        return Claim(claim, None, "too little to tell")
    why = f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
    return Claim(claim, found.low <= value <= found.high, why)


def exponent_of_error(curve: Curve, least: float) -> Constant:
    """a of 1 - value = c x^-a; errors below `least` are too small to be seen and count as that."""
    return Constant(*seeds.exponent(curve.x_X, np.maximum(1 - curve.values_SX, least)))


def panels_of_errors(panels: Mapping[str, Mapping[str, Curve]], alike: Mapping[str, str]) -> Figure:
    """Errors over an axis, side by side, by title; panels without curves are left out. A name has one colour in all of
    them, and names that are `alike` share theirs."""
    shown = {title: curves for title, curves in panels.items() if curves}
    names = dict.fromkeys(alike.get(name, name) for curves in shown.values() for name in curves)
    colour_of = dict(zip(names, plots.COLOURS * 3, strict=False))
    figure = Figure(figsize=(5 * len(shown), 5), layout="constrained")
    for axes, (title, curves) in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown.items(), strict=True):
        _draw_errors(axes, curves, {name: colour_of[alike.get(name, name)] for name in curves})
        axes.set(title=title, ylabel="wrong", xlabel="examples")
    return figure


def _draw_errors(axes: Axes, curves: Mapping[str, Curve], colours: Mapping[str, str]) -> None:
    """1 - value of each curve, both axes logarithmic: the mean over seeds as a line, single seeds as dots."""
    for name, curve in curves.items():
        colour = colours[name]
        error_SX = 100 * (1 - curve.values_SX)
        axes.plot(curve.x_X, error_SX.mean(axis=0), color=colour, linewidth=1.8, label=name)
        for error_X in error_SX:
            axes.plot(curve.x_X, error_X, ".", color=colour, markersize=3.5, alpha=0.6)
    axes.set(xscale="log", yscale="log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g} %" if f"{value:e}"[0] in "25" else "")
    axes.tick_params(axis="y", which="minor", labelsize=7)
    plots.plain(axes, legend=False)
    axes.legend(frameon=False, fontsize=8)


def table(curves: Mapping[str, Curve]) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """Headers, and a row for each curve: its name, then in percent the mean over seeds at each point, with half the
    width of its interval; `–` where it was not measured."""
    x = sorted({place for curve in curves.values() for place in curve.x_X.tolist()})
    rows: list[tuple[str, ...]] = []
    for name, curve in curves.items():
        percent_SX = 100 * curve.values_SX
        said = {place: _mean_in_words(percent_SX[:, at]) for at, place in enumerate(curve.x_X.tolist())}
        rows.append((name, *(said.get(place, "–") for place in x)))
    return ("learner", *(f"{place:,.0f}" for place in x)), rows


def _mean_in_words(values_S: np.ndarray) -> str:
    found = mean(values_S)
    assert found.value is not None and found.high is not None
    return f"{found.value:.1f} ± {found.high - found.value:.1f}"


def share(values_S: np.ndarray) -> str:
    """A mean over seeds in a sentence: `71.2 % [69.0, 73.4]`. Student's interval ends where shares do."""
    found = mean(100 * values_S)
    assert found.low is not None and found.high is not None
    return f"{found.value:.1f} % [{max(0.0, found.low):.1f}, {min(100.0, found.high):.1f}]"


def powers(found: Constant, sign: float = 1.0) -> Constant:
    """Ten to that power, or to its negative."""
    assert found.value is not None and found.low is not None and found.high is not None
    value, low, high = (10 ** (sign * each) for each in (found.value, found.low, found.high))
    return Constant(value, min(low, high), max(low, high))


def said(found: Constant, scale: float = 1.0, unit: str = "") -> str:
    """A constant in a sentence, with two digits: `16 [12, 22]`, `0.83 % [0.5, 1.2]`."""
    value, low, high = ("…" if each is None else f"{float(f'{scale * each:.2g}'):,g}".replace("e+", "e")
                        for each in (found.value, found.low, found.high))  # fmt: skip
    return f"{value}{unit} [{low}, {high}]"


def since(found: Constant) -> str:
    """In a sentence, behind an event: `from 120,000 on [80,000, …]`, or that it does not come."""
    low, value, high = ("…" if each is None else _amount(each) for each in (found.low, found.value, found.high))
    if found.value is None:
        return "not by the end" + ("" if found.low is None else f" (at the earliest from {low} on)")
    return f"from {value} on" + ("" if found.low is found.high is None else f" [{low}, {high}]")


def beats(whom: str, found: Constant) -> str:
    """In a sentence, behind who does: `in the mean beats them from 120,000 on [80,000, …]`, or that it does not."""
    return f"does not beat {whom} by the end" if found.value is None else f"in the mean beats {whom} {since(found)}"


def _amount(value: float) -> str:
    """With two digits: `120,000`, `2.1e12`."""
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if rounded < _LARGE else f"{rounded:.1e}".replace("e+", "e")
