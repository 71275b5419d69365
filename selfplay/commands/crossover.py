"""`selfplay crossover`: the crossover record of runs, as a table or as JSON."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfplay.run import folder
from selfplay.stats import crossover

_EPILOG = """\
Several runs are seeds of one experiment: the interval is then Student's over the seeds. `<` stands before a crossing
that came before the first evaluation, `>` before one that has not come by the compute given.

examples:
  selfplay crossover runs/connect4
  selfplay crossover runs/connect4-seed0 runs/connect4-seed1 runs/connect4-seed2 --json
"""
_SHARED = ("search", "play", "network", "replay", "learn", "knowledge")  # settings that seeds have in common


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.epilog = _EPILOG
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


def run(args: argparse.Namespace) -> int:
    """Recompute the record from evals.jsonl, and print it."""
    configs = {}
    for path in args.runs:
        config = folder.recorded_config(path)
        if config is None:
            raise ValueError(f"{path} is no run folder")
        if path.resolve() in configs:
            raise ValueError(f"{path} is given twice: seeds are different runs")
        configs[path.resolve()] = config
    first = configs[args.runs[0].resolve()]
    for path, config in zip(args.runs, configs.values(), strict=True):
        if config.game != first.game:
            raise ValueError(
                f"{path} is a run of {config.game}, but {args.runs[0]} of {first.game}: seeds share one game"
            )
        for part in _SHARED:
            if getattr(config, part) != getattr(first, part):
                print(f"{path} differs from {args.runs[0]} in [{part}]: not seeds of one experiment", file=sys.stderr)
    record = crossover.record([folder.read_lines(path / folder.EVALS) for path in args.runs], first.game)
    print(json.dumps(record) if args.json else "\n".join([table(record), *forecasts(record)]))
    return 0


def table(record: Mapping[str, Any]) -> str:
    """What a person reads: one line for each player and opponent."""
    rows = [("player", "opponent", "crossing (FLOPs)", "95 % interval", "minutes", "score at the end")]
    rows += [_row(rung) for rung in record["rungs"]]
    if len(rows) == 1:
        return "no matches yet"
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(rung: Mapping[str, Any]) -> tuple[str, ...]:
    low, high, seconds = rung["flops_low"], rung["flops_high"], rung["seconds"]
    if rung["status"] == "not overtaken":
        crossing = f"> {low:.2g}" if low else "unknown"
        if done := sum(one["status"] == "overtaken" for one in rung["runs"]):
            crossing += f" ({done} of {len(rung['runs'])} runs have)"
    else:
        crossing = f"< {high:.2g}" if rung["flops"] is None else f"{rung['flops']:.2g}"
    return (
        rung["agent"],
        rung["opponent"],
        crossing,
        f"{low:.2g} .. {'' if high is None else f'{high:.2g}'}".rstrip(),
        "" if seconds is None else f"{seconds / 60:.1f}",
        f"{100 * rung['score_at_end']:.1f} % [{100 * rung['score_low']:.1f}, {100 * rung['score_high']:.1f}]",
    )


def forecasts(record: Mapping[str, Any]) -> list[str]:
    """A line for each forecast that was made before a crossing, and what became of it."""
    lines = []
    for rung in record["rungs"]:
        for number, one in enumerate(rung["runs"], start=1):
            if made := one["forecast"]:
                whose = f" (run {number})" if len(rung["runs"]) > 1 else ""
                at, low, high = (f"{made[key]:.2g}" for key in ("made_at_flops", "flops_low", "flops_high"))
                lines.append(
                    f"{rung['agent']} against {rung['opponent']}{whose}: forecast at {at} FLOPs:"
                    f" {_amount(made['flops'])} [{low}, {high}]; {_came(one)}"
                )
    return ["", *lines] if lines else []


def _amount(flops: float | None) -> str:
    return "later" if flops is None else f"{flops:.2g}"


def _came(crossing: Mapping[str, Any]) -> str:
    covered = crossing["forecast"]["covered"]
    if crossing["flops"] is None:
        return "not yet" if covered is None else "passed by"
    return f"came at {crossing['flops']:.2g}, {'inside' if covered else 'outside'} the interval"
