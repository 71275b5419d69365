"""The picture of a comparison: strength over compute, coloured by setting, and the differences between settings."""

import io
import textwrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from selfplay.report import plots, words
from selfplay.stats import comparison, rating

if TYPE_CHECKING:
    from selfplay.report.comparison.settings import SettingsComparison


def picture(found: "SettingsComparison") -> bytes:
    """A PNG with the verdict as its title."""
    figure = Figure(figsize=(15, 6), dpi=110, layout="constrained")
    strengths, differences = figure.subplots(1, 2, width_ratios=[3, 2])
    title = "\n".join(textwrap.wrap(found.verdict, 150))
    figure.suptitle(title, x=0.01, ha="left", weight="bold", fontsize=12)
    draw_strengths(strengths, found)
    draw_differences(differences, found)
    for axes in (strengths, differences):
        plots.plain(axes, legend=True)
        axes.tick_params(axis="x", which="minor", labelsize=7)  # of less than a decade they are many
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def draw_strengths(axes: Axes, found: "SettingsComparison") -> None:
    """Each group's mean with the 95 % interval of the mean over its seeds, up to equal compute; single seeds thin, as
    far as each went."""
    known = found.strengths
    flops_G, place = 10**known.x_G, 0
    for colour, group in zip(plots.COLOURS * 4, found.groups, strict=False):
        runs = range(place, place + len(group.runs))
        place = runs.stop
        for run in runs:
            upto = slice(known.ends_R[run] + 1)
            axes.plot(flops_G[upto], rating.ELO * known.mean_RG[run, upto], color=colour, linewidth=0.8, alpha=0.6)
        middle_G, half_G = comparison.means(known, runs)
        upto = slice(known.end + 1)
        seeds = f"{len(runs)} seed{'s' if len(runs) > 1 else ''}"
        axes.plot(flops_G[upto], middle_G, color=colour, linewidth=2.6, label=f"{group.label} ({seeds})")
        axes.fill_between(flops_G[upto], middle_G - half_G, middle_G + half_G, color=colour, alpha=0.15, linewidth=0)
    # Bands of few seeds are wide; the lines decide what is seen.
    lines = np.concatenate([line.get_ydata() for line in axes.lines])  # pyright: ignore[reportArgumentType]
    room = 0.25 * (lines.max() - lines.min()) + 20
    low, high = float(lines.min() - room), float(lines.max() + room)
    for opponent, elo in known.opponents.items():
        if low < elo < high:
            axes.axhline(elo, color=plots.GREY, linewidth=0.9, linestyle=":")
            axes.text(1.0, elo, f" {words.label(opponent)}", transform=axes.get_yaxis_transform(), va="center",
                      fontsize=7.5, color=plots.GREY)  # fmt: skip
    axes.axvline(known.flops, color=plots.GREY, linewidth=0.9, linestyle="--")
    axes.set(xscale="log", ylim=(low, high), ylabel=f"Elo of {words.label(known.agent)} among all opponents")
    axes.set_xlabel("training compute (FLOPs, 2 per multiply-add)")
    said = "bands: 95 % intervals of the mean over seeds; thin: single seeds; dashed: equal compute"
    axes.set_title(said, fontsize=8, color=plots.GREY)


def draw_differences(axes: Axes, found: "SettingsComparison") -> None:
    """The first group's strength less another's, over compute, with its 95 % interval."""
    main = found.pairs[0].overall.agent
    pairs = [pair for pair in found.pairs if pair.overall.agent == main]
    for colour, pair in zip((plots.COLOURS * 4)[1:], pairs, strict=False):
        at = pair.overall.at
        flops = [one.flops for one in at]
        label = f"{pair.first.name} - {pair.second.name}"
        axes.plot(flops, [one.elo for one in at], color=colour, linewidth=2, marker="o", markersize=3.5, label=label)
        low, high = [one.elo_low for one in at], [one.elo_high for one in at]
        axes.fill_between(flops, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.axhline(0, color=plots.GREY, linewidth=1, linestyle=":")
    axes.set(xscale="log", ylabel="difference (Elo)")
    axes.set_xlabel("training compute (FLOPs, 2 per multiply-add)")
    axes.set_title("difference at equal compute, with its 95 % interval over seeds and games", fontsize=8,
                   color=plots.GREY)  # fmt: skip
