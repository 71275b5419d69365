"""The largest run, foretold from smaller ones before it began, and what came out."""

import datetime
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from selfplay.lab import curves
from selfplay.lab.experiment import Claim, Constant
from selfplay.lab.growing.boards import Board
from selfplay.run import atomic
from selfplay.stats import laws, score, seeds

PREDICTION = "prediction.json"


def write(folder: Path, entry: Mapping[str, Any]) -> None:
    """Add to prediction.json, with the time: forecasts, then the largest run's grade."""
    path = folder / PREDICTION
    entries = json.loads(path.read_bytes()) if path.exists() else []
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    atomic.write_file(path, json.dumps([*entries, {"written": now, **entry}], indent=1).encode())


def forecast(law: laws.Law, runs: Sequence[laws.Run], x: float) -> Constant:
    """What a law says of strength at x, log10 of compute, as the mean of as many seeds: from the law's scatter over
    seeds, and that of points about it."""
    found = laws.bootstrap(lambda some: float(law.curve(np.array([x]), laws.fit(law, some))[0]), runs)
    rest = np.concatenate([law.curve(x_P, laws.fit(law, runs)) - y_P for x_P, y_P in runs])
    quantile = float(score.student_quantile(0.975, np.array(len(runs) - 1.0)))
    half = float(np.hypot(found.high - found.value, quantile * np.sqrt(np.mean(rest**2) / len(runs))))
    return Constant(found.value, found.value - half, found.value + half)


def crossing(runs: Sequence[laws.Run], elo: float) -> Constant:
    """log10 of the compute at which a power law reaches this Elo; unknown where it may not grow."""

    def statistic(some: Sequence[laws.Run]) -> float:
        level, slope = laws.fit(laws.POWER, some).tolist()
        return (elo - level) / slope if slope > 0 else math.nan

    found = laws.bootstrap(statistic, runs)
    return Constant(*found) if all(map(math.isfinite, found)) else Constant(None, None, None)


def predict(board: Board, flops: float, share: float, rivals: Sequence[str]) -> dict[str, Any]:
    """The strength at so much compute from all that was trained with less than this share of it."""
    elo, x = board.frontiers(until=share * flops), float(np.log10(flops))
    told = {"Elo": forecast(laws.POWER, elo, x)}
    if board.trained[0].kept_X is not None:
        kept = board.frontiers("kept_X", until=share * flops)
        told["decisions kept"] = forecast(laws.sigmoid(1.0), kept, x)
    for rival in rivals:
        told[f"log10 FLOPs to be level with {rival}"] = crossing(elo, board.ladder[rival])
    return {
        "from runs below": share * flops,
        "for": flops,
        **{name: [each.value, each.low, each.high] for name, each in told.items()},
    }


def came(board: Board, network: str, rivals: Sequence[str]) -> dict[str, list[float | None]]:
    """What became of it: the same of the last age of the largest, and when all sizes together were level."""
    ours = board.of(network)
    found = {"Elo": curves.mean(np.array([one.elo_X[-1] for one in ours]))}
    if ours[0].kept_X is not None:
        found["decisions kept"] = curves.mean(np.array([one.kept_X[-1] for one in ours if one.kept_X is not None]))
    frontiers = board.frontiers()
    for rival in rivals:
        lead_SX = np.array([y_P for _, y_P in frontiers]) - board.ladder[rival]
        level = seeds.overtaking(10 ** frontiers[0][0], lead_SX)
        found[f"log10 FLOPs to be level with {rival}"] = Constant(*(None if c is None else np.log10(c) for c in level))
    return {name: [each.value, each.low, each.high] for name, each in found.items()}


def grade(told: Mapping[str, Any], came_out: Mapping[str, Sequence[float | None]]) -> dict[str, bool | None]:
    """Of each forecast whether its interval held what came out; None where there was no forecast, or nothing came."""
    held: dict[str, bool | None] = {}
    for what, (value, *_) in came_out.items():
        _, low, high = told[what]
        held[what] = None if value is None or low is None else bool(low <= value <= high)
    return held


def claims(told: Sequence[Mapping[str, Any]], graded: Mapping[str, Any]) -> list[Claim]:
    """That each forecast of the Elo holds what came."""
    found: list[Claim] = []
    for each, held in zip(told, graded["held"], strict=True):
        value, low, high = each["Elo"]
        why = f"foretold {value:.0f} [{low:.0f}, {high:.0f}], came {graded['came']['Elo'][0]:.0f}"
        share = each["from runs below"] / each["for"]
        found.append(
            Claim(f"the Elo of the largest run is as foretold from runs below {share:g} of it", held["Elo"], why)
        )
    return found


def said(told: Mapping[float, Mapping[str, Any]], graded: Mapping[str, Any]) -> str:
    """A sentence on the Elo of the largest run, by the share of its compute that a forecast was made from."""
    each = " and ".join(
        "{:,.0f} [{:,.0f}, {:,.0f}]".format(*one["Elo"]) + f" from runs below {share:g} of its compute"
        for share, one in told.items()
    )
    return f" Before the largest run began, its Elo was foretold as {each}; it came to {graded['came']['Elo'][0]:,.0f}."
