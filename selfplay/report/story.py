"""The one picture for somebody who has never heard of any of this: how strong the learner was after how many minutes,
human knowledge as levels that stand still, and the moments at which it was overtaken.

`of` makes a `Story` from evaluations; `picture` and `draw` show it by matplotlib, and the page of runs draws it itself.
R runs (seeds of one experiment), E evaluations, T points of the axis of time.
"""

import io
import itertools
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import games
from selfplay.players.spec import Spec
from selfplay.report import words
from selfplay.stats.rating import Strength, strength
from selfplay.stats.records import Crossing, CrossoverRecord, Lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NEW = 1.1  # times the training: an evaluation that tells something else
_POINTS = 60  # of the curve
_APART = 0.05  # of the height of the picture, between the middles of two labels
_TICKS = (1 / 60, 2 / 60, 5 / 60, 10 / 60, 20 / 60, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1440)  # minutes
_BEFORE = 0.06  # of the axis, left of it, for what was before any training
_BESIDE = 0.06  # of the axis, between its end and the last round time
_NO_KNOWLEDGE = ("random", "rollout")  # kinds of players that know nothing but the rules


class Colours(NamedTuple):
    """Of the picture."""

    ink: str
    grey: str
    learner: str
    ground: str


LIGHT = Colours("#111827", "#6b7280", "#0b6bb0", "white")
DARK = Colours("#e6edf3", "#8b949e", "#58a6ff", "#0d1117")


@dataclass(frozen=True, kw_only=True)
class Level:
    """One opponent, which is as strong at any time."""

    name: str
    short: str
    """the same in fewer words"""
    elo: float
    overtaken: bool
    minutes: float | None
    """of training at which the learner was as strong; None if that was not seen: before the first evaluation, or yet to
    come"""
    ahead: float | None = None
    """minutes of training at the evaluation since which the learner was surely ahead; None if it is not, or in records
    of before version 0.2"""
    untrained: bool = False
    """whether search alone beats it, so that learning overtook nothing"""
    knows: bool = True
    """whether it is made of human knowledge, unlike one that plays at random"""


@dataclass(frozen=True, kw_only=True)
class Story:
    """What the picture shows. Elo is on the scale of the opponents' mean, the weakest opponent first."""

    finding: str
    """in a sentence"""
    caption: str
    """what the axis and the lines are"""
    minutes: tuple[float, ...]
    """of training, evenly apart on a logarithmic axis"""
    elo: tuple[float, ...]
    """of the learner there, the mean of the runs"""
    low: tuple[float, ...]
    high: tuple[float, ...]
    """of the runs; the mean itself if there is but one"""
    untrained: float | None
    """Elo of the same search before any training, the mean of the runs; None if one of them did not measure it"""
    levels: tuple[Level, ...]


def of(evals: Sequence[Lines], record: CrossoverRecord) -> Story | None:
    """What there is to tell of runs of one experiment; None before each has two evaluations of its search.

    Args:
        evals: the lines of each run's evals.jsonl; those of the player with a fixed number of simulations count.
        record: of `selfplay.stats.crossover`, over all of these runs.
    """
    rows = [row for row in record.crossings if _counts(row.agent)]
    if not rows:
        return None
    found = [strength(lines) for lines in evals]
    curves = [_curve(lines, one, rows[0].agent) for lines, one in zip(evals, found, strict=True)]
    if any(len(minutes_E) < 2 or minutes_E[0] <= 0 for minutes_E, _ in curves):
        return None
    first, last = max(minutes_E[0] for minutes_E, _ in curves), min(minutes_E[-1] for minutes_E, _ in curves)
    minutes_T = np.geomspace(first, last, _POINTS)
    elo_RT = np.stack([np.interp(np.log(minutes_T), np.log(minutes_E), elo_E) for minutes_E, elo_E in curves])
    crossed = {row.opponent: row for row in rows}
    levels = [
        _level(float(np.mean([one.opponents[opponent] for one in found])), crossed[opponent])
        for opponent in found[0].opponents
        if opponent in crossed and all(opponent in one.opponents for one in found)
    ]
    levels.sort(key=lambda level: level.elo)
    starts = [elo for one in found for flops, elo in one.learner[rows[0].agent] if not flops]
    untrained = float(np.mean(starts)) if len(starts) == len(found) else None
    return Story(
        finding=_finding(levels, first),
        caption=(
            f"Training time at {_title(record.game)}. Blue: learned from self-play alone"
            + (f", mean and range of {len(curves)} runs. " if len(curves) > 1 else ". ")
            + _dashed(levels)
            + (
                " Dots: equal strength, by the matches against each alone; surely ahead is later."
                if any(one.minutes for one in levels)
                else ""
            )
            + ("" if untrained is None else f" Ring: the same search {words.UNTRAINED}.")
        ),
        minutes=tuple(minutes_T.tolist()),
        elo=tuple(elo_RT.mean(axis=0).tolist()),
        low=tuple(elo_RT.min(axis=0).tolist()),
        high=tuple(elo_RT.max(axis=0).tolist()),
        untrained=untrained,
        levels=tuple(levels),
    )


def _title(game: str) -> str:
    """What people call a game; its name where that is not known here, as of a run from elsewhere."""
    try:
        return games.make(game).title
    except ValueError:
        return game


def _counts(agent: str) -> bool:
    """Whether it plays with a fixed number of simulations."""
    try:
        return "sims" in Spec.parse(agent, learner=True).options
    except ValueError:  # of another version
        return False


def _level(elo: float, row: Crossing) -> Level:
    minutes = row.seconds / 60 if row.overtaken and row.seconds else None
    name = words.plain_player(row.opponent)
    short = name.removeprefix("a program that ")
    done = sum(run.overtaken for run in row.runs)
    if done and not row.overtaken:
        name, short = f"{name} (passed in {done} of {len(row.runs)} runs)", f"{short} ({done} of {len(row.runs)} runs)"
    alone = row.overtaken and row.beaten_untrained
    return Level(
        name=name,
        short=short,
        elo=elo,
        overtaken=row.overtaken,
        minutes=None if alone else minutes,
        ahead=row.ahead_seconds / 60 if row.ahead_seconds and not alone else None,
        untrained=alone,
        knows=row.opponent.partition(":")[0] not in _NO_KNOWLEDGE,
    )


def _dashed(levels: Sequence[Level]) -> str:
    """What the lines across are."""
    if all(level.knows for level in levels):
        return "Dashed: human knowledge, which does not learn."
    if len(levels) == 1:
        return f"Dashed: {levels[0].name}, the only opponent."
    return "Dashed: its opponents, which do not learn."


def _finding(levels: Sequence[Level], first: float) -> str:
    """The strongest opponent that was overtaken, and when: after the `first` minutes, nobody saw it."""
    overtaken = [level for level in levels if level.overtaken]
    ahead = [level for level in levels if level.knows and not level.overtaken]
    if not overtaken:
        still = "human knowledge is still ahead" if ahead else f"not yet ahead of {levels[0].name}"
        return f"From nothing but the rules, and {still}"
    best = overtaken[-1]
    more = "; human knowledge is still ahead" if ahead and not best.knows else ""
    if best.untrained:
        return f"Ahead of {best.name}, though {words.SEARCH_ALONE}{more}"
    sure = f" (surely ahead at {words.long_minutes(best.ahead)})" if best.ahead else ""
    if best.minutes:
        return f"From nothing, it overtakes {best.name} in {words.long_minutes(best.minutes)}{sure}{more}"
    return f"Ahead of {best.name} at its first evaluation, after {words.long_minutes(first)}{more}"


def _curve(lines: Lines, one: Strength, agent: str) -> tuple[np.ndarray, np.ndarray]:
    """Minutes of training and Elo at each evaluation; of two that are all but one, the later."""
    minutes = {line.flops: line.seconds / 60 for line in lines}
    points = [(minutes[flops], elo) for flops, elo in one.learner.get(agent, ()) if flops]
    kept = [here for here, there in itertools.pairwise(points) if there[0] > _NEW * here[0]] + points[-1:]
    minutes_E, elo_E = np.array(kept).reshape(-1, 2).T
    return minutes_E, elo_E


def picture(story: Story, *, narrow: bool = False, colours: Colours = LIGHT) -> bytes:
    """A PNG of `draw`, with what it shows as its title; `narrow` for a telephone."""
    from matplotlib.figure import Figure

    size, dpi, columns = ((4.4, 5.8), 180, 54) if narrow else ((10, 5.6), 130, 110)
    figure = Figure(figsize=size, dpi=dpi, layout="constrained", facecolor=colours.ground)
    axes = figure.subplots()
    draw(axes, story, narrow=narrow, colours=colours)
    axes.set_xlabel(textwrap.fill(story.caption, columns), color=colours.grey, fontsize=9)
    title = textwrap.fill(story.finding, columns * 3 // 4)
    figure.suptitle(title, x=0.012, ha="left", fontsize=12 if narrow else 14, weight="bold", color=colours.ink)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def draw(axes: "Axes", story: Story, *, narrow: bool = False, colours: Colours = LIGHT) -> None:
    """The learner's Elo over minutes of training, and its opponents as lines across, with fewer words where it is
    `narrow`.

    A name stands on its line where the curve is far from it: at the left of one overtaken late or never, else at the
    right.
    """
    learner = colours.learner
    axes.set_facecolor(colours.ground)
    minutes_T, elo_T = np.array(story.minutes), np.array(story.elo)
    first, last = minutes_T[0], max(minutes_T[-1], 1.01 * minutes_T[0])
    if story.low != story.high:
        axes.fill_between(minutes_T, story.low, story.high, color=learner, alpha=0.18, linewidth=0)
    axes.plot(minutes_T, elo_T, color=learner, linewidth=3, solid_capstyle="round", zorder=3)
    elos = [level.elo for level in story.levels]
    start = () if story.untrained is None else (story.untrained,)
    bottom, top = min(*elos, *story.low, *start) - 50, max(*elos, *story.high, *start) + 90
    axes.set_xscale("log")
    axes.set_xlim(first, last)
    if story.untrained is not None:
        before = first / (last / first) ** _BEFORE
        axes.set_xlim(before / (last / first) ** (_BEFORE / 3), last)
        axes.plot([before, first], [story.untrained, elo_T[0]], color=learner, linewidth=1.2, linestyle=":", zorder=2)
        axes.plot(before, story.untrained, marker="o", markersize=9, color=colours.ground, markeredgecolor=learner,
                  markeredgewidth=2, zorder=4, clip_on=False)  # fmt: skip
        axes.annotate(words.UNTRAINED, (before, story.untrained), xytext=(0, -8), textcoords="offset points", va="top",
                      fontsize=10, color=learner, zorder=4)  # fmt: skip
    axes.set_ylim(bottom, top)
    middle = np.sqrt(first * last)
    heights = spread(elos, _APART * (top - bottom))
    right = [level.overtaken and (level.minutes or 0.0) < middle for level in story.levels]
    for level, height, early in zip(story.levels, heights, right, strict=True):
        axes.axhline(level.elo, color=colours.grey, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        axes.annotate(
            level.short if narrow else level.name,
            (1.0 if early else 0.0, height),
            xycoords=axes.get_yaxis_transform(),
            xytext=(0, 3),
            textcoords="offset points",
            ha="right" if early else "left",
            va="bottom",
            fontsize=10,
            color=colours.ink if level.overtaken else colours.grey,
        )
    dots = [(level.minutes, level.elo) for level in story.levels if level.minutes and first <= level.minutes <= last]
    for minutes, elo in dots:
        axes.plot(minutes, elo, marker="o", markersize=9, color=learner, markeredgecolor=colours.ground, zorder=4)
        said = words.long_minutes(minutes) + ("\nequal strength" if (minutes, elo) == dots[-1] and not narrow else "")
        # Below it, unless the name of a weaker opponent stands there.
        below = elo - 2 * _APART * (top - bottom)
        names = [height for height, early in zip(heights, right, strict=True) if early]
        full = minutes > middle and any(below < height < elo for height in names)
        side = {"xytext": (-9, 6), "va": "bottom", "ha": "right"} if full else {"xytext": (9, -5), "va": "top"}
        axes.annotate(said, (minutes, elo), textcoords="offset points", fontsize=10, color=learner, weight="bold",
                      zorder=4, **side)  # fmt: skip
    axes.set_xticks(*ticks(first, last))
    axes.set_xticks([], minor=True)
    axes.set_yticks([])
    axes.set_ylabel("stronger →", color=colours.grey)
    axes.tick_params(color=colours.grey, labelcolor=colours.ink)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(colours.grey)


def ticks(first: float, last: float) -> tuple[list[float], list[str]]:
    """Round times from `first` to `last` minutes, with those two where they are far from the others, and what they are
    called."""
    beside = (last / first) ** _BESIDE
    here = [minutes for minutes in _TICKS if first <= minutes <= last]
    if not here or here[-1] * beside < last:
        here.append(last)
    if here[0] > first * beside**2:
        here.insert(0, first)
    return here, [_tick(minutes) for minutes in here]


def _tick(minutes: float) -> str:
    amount, unit = (60 * minutes, "s") if minutes < 0.995 else (minutes, "min") if minutes < 60 else (minutes / 60, "h")
    return f"{amount:.0f} {unit}" if amount >= 9.5 else f"{amount:.2g} {unit}"


def spread(heights: Sequence[float], apart: float) -> list[float]:
    """Heights for labels: the same, moved up as far as keeps each `apart` from the one below it."""
    order = np.argsort(heights)
    placed = np.array(heights, float)
    for below, above in itertools.pairwise(order):
        placed[above] = max(placed[above], placed[below] + apart)
    return placed.tolist()
