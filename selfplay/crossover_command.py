"""`selfplay crossover`: the crossover record of runs, as a table or as JSON."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfplay import crossover, runs

_EPILOG = """\
Several runs are seeds of one experiment: the interval is then Student's over the seeds. `<` stands before a crossing
that came before the first evaluation, `>` before one that has not come by the compute given.

examples:
  selfplay crossover runs/connect4
  selfplay crossover runs/connect4-seed0 runs/connect4-seed1 runs/connect4-seed2 --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.epilog = _EPILOG
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


def run(args: argparse.Namespace) -> int:
    """Recompute the record from evals.jsonl, and print it."""
    games = []
    for path in args.runs:
        config = runs.recorded_config(path)
        if config is None:
            raise ValueError(f"{path} is no run folder")
        games.append(config.game)
    for path, game in zip(args.runs, games, strict=True):
        if game != games[0]:
            raise ValueError(f"{path} is a run of {game}, but {args.runs[0]} of {games[0]}: seeds share one game")
    record = crossover.record([runs.read_lines(path / runs.EVALS) for path in args.runs], games[0])
    print(json.dumps(record) if args.json else table(record))
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
        crossing = f"> {low:.2g}"
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
