"""Pictures of players that grew and think: lines of equal strength, rates of exchange, mistakes by stage."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from selfplay.lab.experiment import Constant
from selfplay.lab.thinking.players import Players
from selfplay.report import plots, words

_EVERY = 100  # Elo between two lines


def equal_strength(players: Players, opponents: Sequence[str], slope: float, slope_name: str) -> Figure:
    """Elo (the mean over seeds) over training and thinking, where it equals that of each opponent, and a slope."""
    figure = Figure(figsize=(8.5, 5.6), layout="constrained")
    axes = figure.subplots()
    elo_TX = players.elo_SXT.mean(axis=0).T
    low, high = (_EVERY * round(float(each) / _EVERY) for each in (elo_TX.min(), elo_TX.max()))
    levels = np.arange(low - _EVERY, high + 2 * _EVERY, _EVERY)
    shades = axes.contourf(players.flops_X, players.thought_T, elo_TX, levels, cmap="Greys", alpha=0.55)
    figure.colorbar(shades, ax=axes, label="Elo (one-ply rules: 0)", pad=0.01)
    axes.contour(
        players.flops_X, players.thought_T, elo_TX, levels, colors="#6b7280", linewidths=0.6, linestyles="solid"
    )
    for opponent, colour in zip(opponents, plots.COLOURS, strict=False):
        level = float(players.ladder_S[opponent].mean())
        label = f"as strong as {words.label(opponent)}"
        if elo_TX.min() < level < elo_TX.max():
            axes.contour(players.flops_X, players.thought_T, elo_TX, [level], colors=[colour], linewidths=2.4)
            axes.plot([], [], color=colour, linewidth=2.4, label=label)
        else:
            axes.plot([], [], color=colour, linestyle=":", label=f"{label}: nobody here")
    x_2 = np.geomspace(players.flops_X[0], players.flops_X[-1], 2)
    middle = np.sqrt(x_2.prod()), np.sqrt(players.thought_T[0] * players.thought_T[-1])
    axes.plot(x_2, middle[1] * (x_2 / middle[0]) ** slope, "--", color="#111827", linewidth=1.2, label=slope_name)
    axes.plot(*(each.ravel() for each in np.meshgrid(players.flops_X, players.thought_T)), ".", color="#111827",
              markersize=2.5)  # fmt: skip
    axes.set(xscale="log", yscale="log", ylim=(players.thought_T[0] / 1.1, players.thought_T[-1] * 1.1))
    axes.set(xlabel="training compute (FLOPs)", ylabel="simulations a move (1: the network alone)")
    axes.set_yticks(players.thought_T, [str(number) for number in players.thought_T])
    axes.set_yticks([], minor=True)
    plots.plain(axes, legend=False)
    axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2)
    return figure


def rates(by_ruler: Mapping[str, Mapping[float, Constant]], marks: Mapping[str, float]) -> Figure:
    """The rate of exchange by the share of players that are weaker, for each ruler; `marks` are values of others."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    for number, (ruler, found) in enumerate(by_ruler.items()):
        x_X = 100 * np.array([*found]) + 1.2 * number
        value_X, low_X, high_X = (-np.array([getattr(each, side) for each in found.values()], float)
                                  for side in ("value", "high", "low"))  # fmt: skip
        axes.errorbar(x_X, value_X, yerr=[value_X - low_X, high_X - value_X], color=plots.COLOURS[number], marker="o",
                      capsize=3, label=ruler)  # fmt: skip
    for (name, value), style in zip(marks.items(), ("--", ":", "-."), strict=False):
        axes.axhline(-value, color=plots.GREY, linestyle=style, label=name)
    axes.set(xlabel="strength: share of all players here that are weaker (%)")
    axes.set(ylabel="tenfolds of thinking that\none tenfold of training replaces", ylim=(-1, 4))
    plots.plain(axes, legend=False)
    axes.legend(frameon=False, fontsize=8, ncols=2)
    return figure


def mistakes(players: Players) -> Figure:
    """Share of mistakes over thinking, a panel for each stage, a line for each age."""
    figure = Figure(figsize=(12.5, 4), layout="constrained")
    colours = colormaps["viridis_r"](np.linspace(0.1, 1, len(players.flops_X)))
    several = figure.subplots(1, len(players.wrong_SXT), sharey=True, squeeze=False)[0]
    for axes, (stage, wrong_SXT) in zip(several, players.wrong_SXT.items(), strict=True):
        for flops, wrong_T, colour in zip(players.flops_X, wrong_SXT.mean(axis=0), colours, strict=True):
            axes.plot(players.thought_T, 100 * wrong_T, color=colour, marker=".", label=f"{words.flops(flops)} FLOPs")
        axes.set(xscale="log", yscale="log", title=f"plies {stage}", xlabel="simulations a move")
        axes.set_xticks(*zip(*[(number, str(number)) for number in players.thought_T[::3]], strict=True))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
        axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g} %" if f"{value:e}"[0] in "25" else "")
        plots.plain(axes, legend=False)
    several[0].set_ylabel("real decisions that go wrong")
    figure.legend(*several[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(colours),
                  frameon=False, fontsize=8, title="trained for")  # fmt: skip
    return figure
