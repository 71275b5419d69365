"""Pictures of judges and of what they teach.

S seeds, X points along an axis.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from selfplay.lab.curves import Curve
from selfplay.lab.experiment import Picture
from selfplay.lab.judging.effects import Effects
from selfplay.lab.judging.gap import ByCompute
from selfplay.report import plots, words
from selfplay.stats import seeds

_POLICY = "#111827"
Name = TypeVar("Name")


def gap(kept: ByCompute, gaps: ByCompute) -> Picture:
    """Three panels: decisions kept over compute, by simulations (0: the policy alone); the gaps over compute; and over
    what the policy gets wrong."""
    figure = Figure(figsize=(15, 4.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    colours = {0: _POLICY, **_shades(list(gaps))}
    errors_X = 100 * (1 - kept[0].values_SX.mean(axis=0))
    for searched, curve in kept.items():
        name = f"search of {searched}" if searched else "policy alone"
        _band(left, curve, colours[searched], name, width=1.5 if searched else 3, alpha=0 if searched else 0.15)
    for searched, curve in gaps.items():
        _band(middle, curve, colours[searched], f"{searched}", width=1.5, alpha=0.15 if searched == max(gaps) else 0)
        right.plot(errors_X, 100 * curve.values_SX.mean(axis=0), "o-", color=colours[searched], markersize=3)
    left.set(title="Decisions kept", ylabel="%")
    middle.set(title="The gap: kept by the search, less by the policy", ylabel="points")
    right.set(title="The gap over what is left to learn", ylabel="points")
    right.set(xlabel="decisions that the policy gets wrong, %", xlim=(float(errors_X.max()) * 1.05, 0))
    for axes in (left, middle):
        axes.set(xscale="log", xlabel="training compute, FLOPs")
    for axes in (middle, right):
        axes.axhline(0, color=plots.GREY, linewidth=0.8)
    for axes in (left, middle, right):
        plots.plain(axes, legend=False)
    right.legend(*left.get_legend_handles_labels(), frameon=False, fontsize=8, loc="upper right")
    return Picture(
        figure=figure,
        label="Decisions kept by the policy alone and by searches, the gap between them, and how it closes",
        caption="Decisions are positions in which some moves keep what the game is worth and others do not, as the"
        " solver has it. Left: how many are kept by the network's policy alone (black), and by the targets that"
        " searches make for it. Middle: the gap, which is what a search can teach the policy. Right: the same over what"
        " the policy still gets wrong; perfect play is at the right edge. Means of the seeds; bands: 95 % intervals of"
        " the policy and of the widest gap.",
    )


def _shades(names: Sequence[Name]) -> dict[Name, Any]:
    """A colour for each, from light to dark."""
    return dict(zip(names, mpl.colormaps["viridis_r"](np.linspace(0.1, 1.0, len(names))), strict=True))


def _band(axes: Axes, curve: Curve, colour: Any, name: str, *, width: float, alpha: float = 0.1) -> None:
    """A mean in percent with its interval."""
    middle_X, half_X = seeds.mean(100 * curve.values_SX)
    axes.plot(curve.x_X, middle_X, color=colour, linewidth=width, label=name)
    if alpha and np.isfinite(half_X).all():
        axes.fill_between(curve.x_X, middle_X - half_X, middle_X + half_X, color=colour, alpha=alpha, linewidth=0)


def lessons(found: Effects) -> Picture:
    """A panel for each start network: decisions kept by whom a judge taught, over those that the judge keeps. In a last
    one: what is gained from results alone, over the points that the learner gets at first."""
    starts_X = next(iter(found.imitation.values())).x_X
    figure = Figure(figsize=(4.6 * (len(starts_X) + 1), 4.8), layout="constrained")
    *panels, last = figure.subplots(1, len(starts_X) + 1)
    for axes, start in zip(panels, starts_X, strict=True):
        before = float(100 * found.policy.at(np.array([start])).mean())
        axes.axhline(before, color=_POLICY, linewidth=1, linestyle="--", label="before the lesson")
        axes.axvline(before, color=_POLICY, linewidth=1, linestyle="--")
        for name, curve in found.imitation.items():
            x_S, y_S = (100 * each.at(np.array([start]))[:, 0] for each in (found.judges[name], curve))
            _cross(axes, x_S, y_S, name)
        axes.set(
            title=f"Taught by a judge, after {words.flops(start)} FLOPs", xlabel="decisions that the judge keeps, %"
        )
        axes.set(ylabel="decisions kept after the lesson, %")
    last.axhline(0, color=_POLICY, linewidth=1, linestyle="--", label="before the lesson")
    for name, curve in found.results.items():
        _cross(last, 100 * found.points[name].values_SX[:, -1], 100 * curve.values_SX[:, -1], name)
    last.set(title="Taught by results alone", xlabel="points that the learner gets at first, %")
    last.set(ylabel="decisions kept, less those before, points", xlim=(-3, 103))
    for axes in (*panels, last):
        plots.plain(axes, legend=False)
    panels[0].legend(frameon=False, fontsize=8, loc="lower right")
    return Picture(
        figure=figure,
        label="What networks keep after lessons by weak and strong judges, and after learning from results alone",
        caption="Each dot is a lesson of the same compute, the judge's or the opponent's included. Left: the network"
        " imitates a judge, and dots further to the right had a better one; dashed: the network before the lesson."
        " Right: it is told only who won, by opponents that are too strong (left), even (50 %) or too weak. Means of"
        " the seeds with 95 % intervals; small dots: each seed.",
    )


def _cross(axes: Axes, x_S: np.ndarray, y_S: np.ndarray, name: str) -> None:
    """A labelled dot with the interval of its height, and small dots for seeds."""
    colour = _colour(name)
    (middle,), (half,) = (each.tolist() for each in seeds.mean(y_S[:, None]))
    axes.errorbar(
        x_S.mean(), middle, half if np.isfinite(half) else None, fmt="o", color=colour, capsize=2, markersize=5
    )
    axes.plot(x_S, y_S, ".", color=colour, markersize=3, alpha=0.6)
    axes.annotate(name, (float(x_S.mean()), middle), (4, 4), textcoords="offset points", fontsize=7, color=colour)


def _colour(name: str) -> str:
    kinds = ("own", "itself", "older", "alpha-beta", "solver", "random")
    of_kind = (plots.COLOURS[0], plots.COLOURS[0], plots.COLOURS[5], plots.COLOURS[1], plots.COLOURS[2], plots.GREY)
    return next(colour for kind, colour in zip(kinds, of_kind, strict=True) if name.startswith(kind))


def crossings(found: Effects) -> Picture:
    """Two panels over compute: decisions kept by the network's own search and by handcrafted judges; and what lessons
    by these give more than one by that."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _band(left, found.judges[found.own], _POLICY, found.own, width=3)
    for (name, curve), colour in zip(found.helped.items(), _shades(list(found.helped)).values(), strict=True):
        left.axhline(100 * float(found.judges[name].values_SX.mean()), color=colour, label=name)
        _band(right, curve, colour, name, width=1.8)
    right.axhline(0, color=plots.GREY, linewidth=0.8)
    left.set(title="Who is the better judge", ylabel="decisions kept, %")
    right.set(title="What a handcrafted judge's lesson gives", ylabel=f"kept more than after {found.own}, points")
    for axes in (left, right):
        axes.set(xscale="log", xlabel="training compute before the lesson, FLOPs")
        plots.plain(axes, legend=False)
    right.set_xlim(left.get_xlim())
    left.legend(frameon=False, fontsize=8)
    return Picture(
        figure=figure,
        label="When a network's own search overtakes handcrafted judges, and what their lessons give before and after",
        caption="Left: decisions that a search of the network keeps (black), and those that alpha-beta keeps by depth."
        " Right: what a lesson by alpha-beta gives more than one by that search, at equal compute. If a handcrafted"
        " judge helps until it is overtaken, a line on the right crosses 0 where the black line crosses that of the"
        " same colour on the left.",
    )
