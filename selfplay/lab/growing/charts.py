"""Pictures of trainings of many sizes: strength over compute, forms that are to foretell it, the best size."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import games
from selfplay.lab.growing import fits
from selfplay.lab.growing.boards import Board
from selfplay.report import plots, words
from selfplay.stats import laws

_COMPUTE = "training compute (FLOPs)"


def growth(main: Board, others: Sequence[Board], forecasts: Sequence[Mapping[str, Any]]) -> Figure:
    """Elo over compute of every size, the frontier with its power law, and forecasts; smaller boards beside it."""
    figure = Figure(figsize=(13, 6), layout="constrained")
    axes, aside = figure.subplots(1, 2, width_ratios=[2.4, 1])
    for network, colour in zip(main.networks, plots.COLOURS, strict=False):
        _draw_size(axes, main, network, colour, f"{network}, {main.of(network)[0].parameters:,} parameters")
    frontiers = main.frontiers()
    x_P, line_K = frontiers[0][0], laws.fit(laws.POWER, frontiers)
    axes.plot(10**x_P, laws.POWER.curve(x_P, line_K), "--", color="#111827", label="power law of the frontier")
    for number, told in enumerate(forecasts):
        value, low, high = told["Elo"]
        axes.errorbar([told["for"] * (1.4 + 0.5 * number)], [value], yerr=[[value - low], [high - value]], marker="D",
                      capsize=4, color=plots.GREY, alpha=0.9 - 0.4 * number, markersize=5,
                      label=f"forecast from runs below {words.flops(told['from runs below'])}")  # fmt: skip
    highest = max([*(float(one.elo_X.max()) for one in main.trained), *(told["Elo"][2] for told in forecasts)])
    axes.set(title=f"{_size(main)}", ylabel="Elo above random play", ylim=(-50, highest + 50))
    _draw_ladder(axes, main)
    for board, colour in zip(others, plots.COLOURS[::-1], strict=False):
        for network in board.networks:
            _draw_size(aside, board, network, colour, f"{_size(board)}, {network}")
        aside.axhline(max(board.ladder.values()), color=colour, linestyle=":", linewidth=1)
    aside.set_title("smaller boards\n(dotted: the strongest program there)", fontsize=10)
    for each in (axes, aside):
        each.set(xscale="log", xlabel=_COMPUTE)
        plots.plain(each, legend=False)
        each.legend(frameon=False, fontsize=7.5, loc="upper left")
    return figure


def _size(board: Board) -> str:
    game = games.make(board.game)
    return f"{game.width} x {game.height}"


def _draw_size(axes: Axes, board: Board, network: str, colour: str, label: str) -> None:
    """The mean over seeds as a line, each seed as dots."""
    ours = board.of(network)
    axes.plot(np.mean([one.flops_X for one in ours], axis=0), np.mean([one.elo_X for one in ours], axis=0),
              color=colour, label=label)  # fmt: skip
    for one in ours:
        axes.plot(one.flops_X, one.elo_X, ".", color=colour, markersize=4, alpha=0.6)


def _draw_ladder(axes: Axes, board: Board) -> None:
    for opponent, elo in board.ladder.items():
        if elo > axes.get_ylim()[1]:
            continue
        axes.axhline(elo, color=plots.GREY, linestyle=":", linewidth=0.9)
        axes.text(1.0, elo, f" {words.label(opponent)}", transform=axes.get_yaxis_transform(), fontsize=7.5,
                  color=plots.GREY, va="center", clip_on=False)  # fmt: skip


def forms(board: Board, decades: float) -> Figure:
    """Decisions kept over compute, and each form fitted to all but the last decades."""
    figure = Figure(figsize=(7, 4.6), layout="constrained")
    axes = figure.subplots()
    frontiers = board.frontiers("kept_X")
    x_P = frontiers[0][0]
    until = float(x_P[-1]) - decades
    for _, kept_P in frontiers:
        axes.plot(10**x_P, 100 * kept_P, ".", color=plots.GREY)
    for law, colour in zip(fits.LAWS, plots.COLOURS, strict=False):
        constants_K = laws.fit(law, [(x_P[x_P <= until], kept_P[x_P <= until]) for _, kept_P in frontiers])
        for shown_P, style in ((x_P <= until, "-"), (x_P >= until, "--")):
            axes.plot(10 ** x_P[shown_P], 100 * law.curve(x_P[shown_P], constants_K), style, color=colour,
                      label=law.name if style == "-" else None)  # fmt: skip
    axes.axvline(10**until, color=plots.GREY, linewidth=0.8, linestyle=":")
    axes.set(xscale="log", xlabel=_COMPUTE, ylabel="real decisions kept (%)")
    plots.plain(axes, legend=False)
    axes.legend(frameon=False, fontsize=8, title="fitted left of the dotted line")
    return figure


def best_size(board: Board) -> Figure:
    """Elo over parameters for several amounts of compute, the mean of the seeds, and where the best sizes lie."""
    figure = Figure(figsize=(7, 4.6), layout="constrained")
    axes = figure.subplots()
    x_P = [x for x in board.frontiers()[0][0][::2] if len(board.by_size(board.seeds[0], x)[0]) >= 2]
    colours = colormaps["viridis_r"](np.linspace(0.1, 1, max(1, len(x_P))))
    for x, colour in zip(x_P, colours, strict=False):
        each = [board.by_size(seed, x) for seed in board.seeds]
        elo_SN = [elo_N for _, elo_N in each if len(elo_N) == len(each[0][1])]
        axes.plot(10 ** each[0][0], np.mean(elo_SN, axis=0), marker="o", color=colour,
                  label=f"{words.flops(10**x)} FLOPs")  # fmt: skip
    for number, (_, top_P) in enumerate(fits.best_sizes(board).values()):
        for at, top in enumerate(10**top_P):
            axes.axvline(top, ymax=0.04, color="#111827", label=None if at or number else "best sizes, a mark each")
    axes.set(xscale="log", xlabel="parameters of the network", ylabel="Elo above random play")
    plots.plain(axes, legend=False)
    if x_P:
        axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure
