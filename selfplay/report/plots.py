"""What is drawn of runs: strength over training compute, what learning looks like, and the frontier.

The same drawings make PNG files and, with text as text and colours that follow the page, SVG inside of one.
"""

import io
import re
import textwrap
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from selfplay.config import Config
from selfplay.report import story, words
from selfplay.run.read import Metrics, Run
from selfplay.stats import crossover
from selfplay.stats.frontier import Point
from selfplay.stats.rating import strength
from selfplay.stats.records import CrossoverRecord, Lines

# Okabe and Ito's palette, told apart by everyone.
_INK, GREY, _GRID = "#111827", "#6b7280", "#e5e7eb"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", _INK, "#b3a100")
_APART = 0.035  # of the height of a picture, between the middles of two labels
_NARROW, _NARROW_DPI = 4.4, 180  # inches, and dots of each, of a picture for a telephone
_LONGEST = 30  # characters of a learner's name
_FEW = 4  # labels that find room inside a picture
_FOLLOWING = {_INK: "var(--ink)", GREY: "var(--soft)", _GRID: "var(--line)", story.LIGHT.learner: "var(--learner)"}
"""colours that a page decides"""

_DIAMONDS = "diamonds: overtaken, with the 95 % interval of when"
LOSSES = {"loss/policy": "policy", "loss/value": "value", "loss/reply": "reply"}
SEARCH = {"policy/entropy": "entropy of the targets", "policy/kl_search_net": "KL(search, network)"}


def _colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for each name, the same wherever the same names are drawn."""
    return {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}


def curves(config: Config, metrics: Metrics, evals: Lines, record: CrossoverRecord, *, narrow: bool = False) -> bytes:
    """A PNG: Elo among the ladder and scores over training compute, losses, and what search adds to the network; one
    below the other where it is `narrow`, for a telephone."""
    if narrow:
        figure = Figure(figsize=(_NARROW, 16), dpi=_NARROW_DPI, layout="constrained")
        elo, scores, losses, search = figure.subplots(4, 1, height_ratios=[4, 4, 2, 2])
    else:
        figure = Figure(figsize=(15, 9), dpi=110, layout="constrained")
        elo, scores, losses, search = figure.subplot_mosaic(
            [["elo", "scores"], ["losses", "search"]], height_ratios=[5, 3]
        ).values()
    title = f"{config.game}, {config.network.architecture}, seed {config.seed}"
    figure.suptitle(title, x=0.01, ha="left", weight="bold")
    draw_elo(elo, [evals], narrow=narrow)
    draw_scores(scores, [evals], record)
    scores.set_title(_filled(f"bands: 95 % intervals; {_DIAMONDS}", narrow), fontsize=8, color=GREY)
    draw_lines(losses, metrics, LOSSES, "loss (nats)")
    draw_lines(search, metrics, SEARCH, "nats")
    return _png(figure, narrow=narrow)


def overlay(names: Sequence[str], evals: Sequence[Lines], record: CrossoverRecord, *, narrow: bool = False) -> bytes:
    """A PNG of several runs as seeds of one experiment: Elo and scores, same colours, one line a run; `narrow` as in
    `curves`."""
    if narrow:
        figure = Figure(figsize=(_NARROW, 11), dpi=_NARROW_DPI, layout="constrained")
        elo, scores = figure.subplots(2, 1)
    else:
        figure = Figure(figsize=(15, 5.6), dpi=110, layout="constrained")
        elo, scores = figure.subplots(1, 2)
    figure.suptitle((",\n" if narrow else ", ").join(names), x=0.01, ha="left", weight="bold")
    draw_elo(elo, evals, narrow=narrow)
    draw_scores(scores, evals, record)
    scores.set_title(_filled(f"thick: the mean of the runs; {_DIAMONDS}", narrow), fontsize=8, color=GREY)
    return _png(figure, narrow=narrow)


def _filled(text: str, narrow: bool) -> str:
    return textwrap.fill(text, 60) if narrow else text


def overlay_runs(runs: Sequence[Run], *, narrow: bool = False) -> bytes:
    """`overlay` of what these runs, seeds of one setting, have written."""
    record = crossover.together([one.crossover for one in runs])
    return overlay([one.dir.name for one in runs], [one.evals for one in runs], record, narrow=narrow)


def frontier(points: Sequence[Point]) -> bytes:
    """A PNG of `draw_frontier`."""
    figure = Figure(figsize=(8, 4.6), dpi=110, layout="constrained")
    draw_frontier(figure.subplots(), points)
    return _png(figure)


def svg(
    draw: Callable[[Axes], None], salt: str, *, inches: tuple[float, float] = (5.4, 3.7), grid: bool = True
) -> tuple[Markup, dict[str, str]]:
    """A drawing as an SVG element for a page that defines --ink, --soft, --line and --learner, and the colours of its
    lines by name. `salt` is unlike that of any other drawing of the page."""
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt, "font.family": "sans-serif"}):
        figure = Figure(figsize=inches, layout="constrained")
        axes = figure.subplots()
        draw(axes)
        keys = {name: _following(line.lines[0] if isinstance(line, ErrorbarContainer) else line)
                for line, name in zip(*axes.get_legend_handles_labels(), strict=True)}  # fmt: skip
        if grid:
            plain(axes, legend=False)
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format")))
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1">', text, count=1, flags=re.DOTALL)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' id="[\w.]+_\d+"', "", text)  # groups are not referred to, and pages have one id once
    for colour, name in _FOLLOWING.items():
        text = text.replace(colour, name)
    return Markup(text.strip()), keys


def _following(line: Any) -> str:
    colour = to_hex(line.get_color())
    return _FOLLOWING.get(colour, colour)


def plain(axes: Axes, *, legend: bool) -> None:
    """The look that all drawings share."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(_INK)
    axes.tick_params(which="both", color=_INK, labelcolor=_INK)
    axes.spines[["left", "bottom"]].set_color(_INK)
    labels = axes.get_legend_handles_labels()[1] if legend else ()
    if len(labels) > _FEW:
        axes.legend(frameon=False, fontsize=7.5, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    elif labels:
        axes.legend(frameon=False, fontsize=8)


def _png(figure: Figure, *, narrow: bool = False) -> bytes:
    for axes in figure.axes:
        plain(axes, legend=True)
        if narrow and len(axes.get_legend_handles_labels()[1]) > _FEW:
            axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.45, -0.1))
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def _placed(evals: Sequence[Lines]) -> list[Lines]:
    """Without those of an untrained network, which has no place on a logarithmic axis."""
    return [[match for match in lines if match.flops > 0] for lines in evals]


def draw_lines(axes: Axes, metrics: Metrics, names: Mapping[str, str], unit: str) -> None:
    """Metrics over generations; `names` has their labels."""
    for colour, (name, label) in zip(COLOURS, names.items(), strict=False):
        points = [(row["generation"], row[name]) for row in metrics if row.get(name) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.4, label=label)
    axes.set(xlabel="generation", ylabel=unit)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _compute_axis(axes: Axes, evals: Sequence[Lines]) -> None:
    axes.set_xlabel("training compute (FLOPs, 2 per multiply-add)")
    if any(evals):
        axes.set_xscale("log")
    else:
        axes.text(0.5, 0.5, "no matches yet", transform=axes.transAxes, ha="center", va="bottom", color=GREY)


def draw_elo(axes: Axes, evals: Sequence[Lines], *, narrow: bool = False) -> None:
    """The learner's Elo, its opponents as lines across, with their names beside them or, where it is `narrow`, on them;
    with several runs, on the scale of the average opponent."""
    evals = _placed(evals)
    found = [strength(lines) for lines in evals if lines]
    levels: dict[str, list[float]] = defaultdict(list)
    for one in found:
        for opponent, value in one.opponents.items():
            levels[opponent].append(value)
    met_by_all = {opponent: values for opponent, values in levels.items() if len(values) == len(found)}
    heights = {opponent: float(np.mean(values)) for opponent, values in met_by_all.items()}
    shades = _colours(list(dict.fromkeys(player for one in found for player in one.learner)))
    for player, colour in shades.items():
        lines = [points for one in found if (points := one.learner.get(player))]
        _draw_runs(axes, lines, colour, words.label(player))
    for height in heights.values():
        axes.axhline(height, color=GREY, linewidth=0.9, linestyle=":")
    low, high = axes.get_ylim()
    placed = story.spread(list(heights.values()), _APART * (high - low))
    for opponent, height in zip(heights, placed, strict=True):
        axes.text(0.99 if narrow else 1.0, height, f" {words.label(opponent)}", fontsize=7.5, color=GREY,
                  transform=axes.get_yaxis_transform(), ha="right" if narrow else "left",
                  va="bottom" if narrow else "center")  # fmt: skip
    axes.set_ylabel("Elo among the ladder")
    _compute_axis(axes, evals)


def _draw_runs(axes: Axes, runs: Sequence[Sequence[tuple[float, float]]], colour: str, label: str) -> None:
    """(FLOPs, value) of each run; of several their mean as a line, and each of them as a thin one."""
    if len(runs) == 1:
        axes.plot(*zip(*runs[0], strict=True), color=colour, marker="o", markersize=3.5, label=label)
        return
    for points in runs:
        axes.plot(*zip(*points, strict=True), color=colour, linewidth=0.7, alpha=0.5)
    first, last = max(points[0][0] for points in runs), min(points[-1][0] for points in runs)
    if first < last:
        at = np.geomspace(first, last, 50)
        values = [np.interp(np.log(at), np.log([x for x, _ in points]), [y for _, y in points]) for points in runs]
        axes.plot(at, np.mean(values, axis=0), color=colour, linewidth=2.4, label=label)
    else:
        axes.plot([], [], color=colour, label=label)


def draw_scores(axes: Axes, evals: Sequence[Lines], record: CrossoverRecord) -> None:
    """Scores of the player with search, with their bands, and where they cross 50 % with the crossing's interval.

    `record` is that of all these runs together. Of several runs the mean is drawn, without bands.
    """
    evals = [[match for match in lines if match.agent != "net"] for lines in _placed(evals)]
    pairs = list(dict.fromkeys((match.opponent, match.agent) for lines in evals for match in lines))
    shades = _colours(list(dict.fromkeys(opponent for opponent, _ in pairs)))
    for opponent, agent in pairs:
        played = [[match for match in lines if (match.opponent, match.agent) == (opponent, agent)] for lines in evals]
        played = [matches for matches in played if matches]
        points = [[(match.flops, 100 * match.score) for match in matches] for matches in played]
        _draw_runs(axes, points, shades[opponent], f"{words.label(opponent)} ({words.learner(agent):.{_LONGEST}})")
        if len(evals) == 1:
            flops, low, high = zip(*((m.flops, 100 * m.score_low, 100 * m.score_high) for m in played[0]), strict=True)
            axes.fill_between(flops, low, high, color=shades[opponent], alpha=0.1, linewidth=0)
    for crossing in record.crossings:
        if crossing.agent != "net" and crossing.flops is not None and crossing.flops_high is not None:
            axes.errorbar(
                [crossing.flops],
                [50],
                xerr=[[crossing.flops - crossing.flops_low], [crossing.flops_high - crossing.flops]],
                color=shades[crossing.opponent],
                marker="D",
                markersize=6,
                capsize=4,
                linewidth=2,
                markeredgecolor="white",
            )
    axes.axhline(50, color=GREY, linewidth=1, linestyle=":")
    axes.set(ylim=(0, 102), ylabel="score with search (%)")
    _compute_axis(axes, evals)


def draw_frontier(axes: Axes, points: Sequence[Point]) -> None:
    """For each opponent, the training compute from which so many simulations a move overtake it.

    Triangles point to where it lies: earlier than the first evaluation, or later than what was reached.
    """
    for opponent, colour in _colours(list(dict.fromkeys(point.crossing.opponent for point in points))).items():
        mine = sorted((p for p in points if p.crossing.opponent == opponent), key=lambda point: point.simulations)
        known = [
            (point.simulations, at.flops, at.flops - at.flops_low, at.flops_high - at.flops)
            for point in mine
            if (at := point.crossing).flops is not None and at.flops_high is not None
        ]
        if known:
            counts, flops, below, above = zip(*known, strict=True)
            axes.errorbar(
                flops,
                counts,
                xerr=np.array([below, above]),
                color=colour,
                marker="o",
                markersize=4,
                capsize=3,
                linewidth=1.4,
            )
        axes.plot([], [], color=colour, label=words.label(opponent))
        later = [(p.crossing.flops_low, p.simulations, ">") for p in mine if not p.crossing.overtaken]
        earlier = [
            (p.crossing.flops_high, p.simulations, "<")
            for p in mine
            if p.crossing.overtaken and p.crossing.flops is None
        ]
        for end, count, marker in later + earlier:
            if end:
                axes.plot(
                    end, count, color=colour, marker=marker, markersize=6, markerfacecolor="none", linestyle="none"
                )
    axes.set(xscale="log", yscale="log", ylabel="simulations a move (1: the network alone)")
    axes.set_xlabel("training compute (FLOPs, 2 per multiply-add)")
    counts = sorted({point.simulations for point in points})
    axes.set_yticks(counts, [str(count) for count in counts])
    axes.set_yticks([], minor=True)
