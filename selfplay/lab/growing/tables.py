"""Tables of trainings of many sizes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from selfplay.lab import curves
from selfplay.lab.experiment import Constant, Table
from selfplay.lab.growing import fits
from selfplay.lab.growing.boards import Board
from selfplay.report import words
from selfplay.stats import seeds


def sizes(board: Board) -> Table:
    """What each size reached, and what ten times as much of something brought it."""
    headers = ("network", "parameters", "FLOPs", "Elo", "per ten times the compute", "the games", "the positions")
    rows: list[tuple[str, ...]] = []
    for network in board.networks:
        ours = board.of(network)
        elo = curves.mean(np.array([one.elo_X[-1] for one in ours]))
        slopes = [fits.per_decade(board, network, axis) for axis in ("flops_X", "games_X", "positions_X")]
        said = [f"{each.value:+.0f} [{each.low:+.0f}, {each.high:+.0f}]" for each in (elo, *slopes)]
        rows.append((network, f"{ours[0].parameters:,}", words.flops(float(ours[0].flops_X[-1])), *said))
    return Table("Elo above random play at the last age, and marginal returns", headers, rows)


def forms(errors: Mapping[float, Mapping[str, np.ndarray]]) -> Table:
    """How far off each form is in so many last decades."""
    names = [*next(iter(errors.values()))]
    headers = ("form", *(f"last {each:g} decade{'s' if each > 1 else ''}" for each in errors))
    rows: list[tuple[str, ...]] = []
    for name in names:
        found = [seeds.mean(each[name][:, None]) for each in errors.values()]
        rows.append((name, *(f"{middle_1[0]:.1f} ± {half_1[0]:.1f}" for middle_1, half_1 in found)))
    return Table("Error on compute that a form has not seen, points of decisions kept", headers, rows)


def forecasts(told: Sequence[Mapping[str, Any]], came: Mapping[str, Sequence[float | None]]) -> Table:
    """What was foretold from runs below each share of the compute, and what came out."""
    headers = ("", *(f"from runs below {words.flops(each['from runs below'])}" for each in told), "came out")
    rows = [(what, *(_three(each[what]) for each in told), _three(value)) for what, value in came.items()]
    return Table("Forecasts of the largest run, written before it began", headers, rows)


def _three(found: Sequence[float | None]) -> str:
    value, low, high = ("…" if each is None else f"{each:.4g}" for each in found)
    return f"{value} [{low}, {high}]"


def reached(found: Mapping[str, tuple[int, Constant]], share: float) -> Table:
    """By board: cells, and from when its networks have that share of the Elo of its ladder."""
    rows = [(game, f"{cells}", curves.said(each)) for game, (cells, each) in found.items()]
    title = f"FLOPs from which a network has {share:.0%} of the Elo of its board's strongest program"
    return Table(title, ("board", "cells", "FLOPs"), rows)
