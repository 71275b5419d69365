"""The one picture for somebody who has never heard of any of this: how strong the learner was after how many minutes,
human knowledge as levels that stand still, and the moments at which it was overtaken.

R runs (seeds of one experiment), T points of the axis of time.
"""

import io
import itertools
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from selfplay.players.spec import Spec
from selfplay.stats.rating import Strength, strength
from selfplay.stats.records import Crossing, CrossoverRecord, Lines

_INK, _GREY, _LEARNER, _BAND = "#111827", "#6b7280", "#0072b2", "#0072b2"
_NEW = 1.1  # times the training: an evaluation that tells something else
_APART = 0.045  # of the height of the picture, between the middles of two labels


def picture(evals: Sequence[Lines], record: CrossoverRecord, name: Callable[[str], str]) -> bytes:
    """A PNG of `draw`, with what it shows as its title."""
    figure = Figure(figsize=(10, 5.6), dpi=130, layout="constrained")
    axes = figure.subplots()
    draw(axes, evals, record, name)
    figure.suptitle(finding(record, name), x=0.01, ha="left", fontsize=14, weight="bold", color=_INK)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def finding(record: CrossoverRecord, name: Callable[[str], str]) -> str:
    """What the picture shows, in a sentence: the last opponent of the ladder that was overtaken, and when."""
    dated = [(row.seconds, row.opponent) for row in _by_search(record) if row.overtaken and row.seconds]
    if not dated:
        return "From nothing but the rules: not past human knowledge yet"
    seconds, opponent = max(dated)
    return f"From nothing but the rules, it passes {name(opponent)} in {_minutes(seconds)}"


def draw(axes: Axes, evals: Sequence[Lines], record: CrossoverRecord, name: Callable[[str], str]) -> None:
    """The learner's Elo over minutes of training: the mean of the runs and their range.

    Args:
        evals: the lines of each run's evals.jsonl; those of the player with a fixed number of simulations are drawn.
        record: of `selfplay.stats.crossover`, over all of these runs.
        name: what an opponent's spec is called.
    """
    agent = _by_search(record)[0].agent
    found = [strength([line for line in lines if line.flops > 0]) for lines in evals]
    curves = [_curve(lines, one, agent) for lines, one in zip(evals, found, strict=True)]
    first, last = max(t_E[0] for t_E, _ in curves), min(t_E[-1] for t_E, _ in curves)
    minutes_T = np.geomspace(first, last, 200)
    elo_RT = np.stack([np.interp(np.log(minutes_T), np.log(t_E), elo_E) for t_E, elo_E in curves])
    if len(curves) > 1:
        axes.fill_between(minutes_T, elo_RT.min(axis=0), elo_RT.max(axis=0), color=_BAND, alpha=0.18, linewidth=0)
    axes.plot(minutes_T, elo_RT.mean(axis=0), color=_LEARNER, linewidth=3, solid_capstyle="round")
    label = "self-play, from nothing" + (f"\n(mean and range of {len(curves)} runs)" if len(curves) > 1 else "")
    axes.annotate(label, (minutes_T[-1], elo_RT.mean(axis=0)[-1]), xytext=(8, 0), textcoords="offset points",
                  va="center", color=_LEARNER, weight="bold", annotation_clip=False)  # fmt: skip
    levels = {
        opponent: float(np.mean([one.opponents[opponent] for one in found]))
        for opponent in found[0].opponents
        if all(opponent in one.opponents for one in found)
    }
    crossed = {row.opponent: row for row in _by_search(record) if row.overtaken}
    axes.set_xscale("log")
    axes.set_xlim(first, last)
    top, bottom = max([*levels.values(), elo_RT.max()]) + 60, min([*levels.values(), elo_RT.min()]) - 60
    axes.set_ylim(bottom, top)
    dots: list[tuple[float, float]] = []
    heights = _spread(list(levels.values()), _APART * (top - bottom))
    for (opponent, level), height in zip(levels.items(), heights, strict=True):
        axes.axhline(level, color=_GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        row = crossed.get(opponent)
        when = f", passed after {_minutes(row.seconds)}" if row and row.seconds else ", passed before" if row else ""
        axes.text(-0.01, height, name(opponent) + when, transform=axes.get_yaxis_transform(), ha="right", va="center",
                  fontsize=9, color=_INK if row else _GREY)  # fmt: skip
        if row and row.seconds and first <= row.seconds / 60 <= last:
            dots.append((row.seconds / 60, level))
            axes.plot(*dots[-1], marker="o", markersize=9, color=_LEARNER, markeredgecolor="white")
    if dots:
        axes.annotate(
            "equal strength:\novertaken from here on",
            max(dots),
            xytext=(14, -34),
            textcoords="offset points",
            fontsize=9,
            color=_INK,
            arrowprops={"arrowstyle": "-", "color": _GREY},
        )
    ticks = [t for t in (0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1440) if first <= t <= last]
    axes.set_xticks(ticks, [f"{t:g} min" for t in ticks])
    axes.set_xticks([], minor=True)
    axes.set_yticks([])
    axes.set_xlabel("minutes of training", color=_INK)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _by_search(record: CrossoverRecord) -> list[Crossing]:
    """The crossings of the player that searches a fixed number of simulations."""
    return [row for row in record.crossings if "sims" in Spec.parse(row.agent, learner=True).options]


def _curve(lines: Lines, one: Strength, agent: str) -> tuple[np.ndarray, np.ndarray]:
    """Minutes of training and Elo at each evaluation; of two that are all but one, the later."""
    minutes = {line.flops: line.seconds / 60 for line in lines}
    points = [(minutes[flops], elo) for flops, elo in one.learner[agent]]
    kept = [here for here, there in itertools.pairwise(points) if there[0] > _NEW * here[0]] + points[-1:]
    t_E, elo_E = np.array(kept).T
    return t_E, elo_E


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    minutes = seconds / 60
    return f"{minutes:.0f} minutes" if minutes >= 9.5 else f"{minutes:.1f} minutes"


def _spread(heights: Sequence[float], apart: float) -> list[float]:
    """Heights for labels: the same, moved up as far as keeps each `apart` from the one below it."""
    order = np.argsort(heights)
    placed = np.array(heights, float)
    for below, above in itertools.pairwise(order):
        placed[above] = max(placed[above], placed[below] + apart)
    return placed.tolist()
