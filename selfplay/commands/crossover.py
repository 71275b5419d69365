"""`selfplay crossover`: the crossover record of runs, as a table or as JSON."""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from selfplay.run import folder, read
from selfplay.stats import crossover
from selfplay.stats.records import Crossing, CrossoverRecord

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
    record = crossover.together([crossover.record(read.evals(path), first.game) for path in args.runs])
    print(json.dumps(record.as_dict()) if args.json else "\n".join([table(record.crossings), *forecasts(record)]))
    return 0


def table(crossings: Iterable[Crossing]) -> str:
    """What a person reads: one line for each player and opponent."""
    rows = [("player", "opponent", "crossing (FLOPs)", "95 % interval", "minutes", "score at the end")]
    rows += [_row(crossing) for crossing in crossings]
    if len(rows) == 1:
        return "no matches yet"
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(crossing: Crossing) -> tuple[str, ...]:
    low, high = crossing.flops_low, crossing.flops_high
    if crossing.overtaken:
        when = f"< {high:.2g}" if crossing.flops is None else f"{crossing.flops:.2g}"
    else:
        when = f"> {low:.2g}" if low else "unknown"
        if done := sum(run.overtaken for run in crossing.runs):
            when += f" ({done} of {len(crossing.runs)} runs have)"
    return (
        crossing.agent,
        crossing.opponent,
        when,
        f"{low:.2g} .. {'' if high is None else f'{high:.2g}'}".rstrip(),
        "" if crossing.seconds is None else f"{crossing.seconds / 60:.1f}",
        f"{100 * crossing.score_at_end:.1f} % [{100 * crossing.score_low:.1f}, {100 * crossing.score_high:.1f}]",
    )


def forecasts(record: CrossoverRecord) -> list[str]:
    """A line for each forecast that was made before a crossing, and what became of it."""
    lines = []
    for crossing in record.crossings:
        for number, run in enumerate(crossing.runs, start=1):
            if made := run.forecast:
                whose = f" (run {number})" if len(crossing.runs) > 1 else ""
                lines.append(
                    f"{crossing.agent} against {crossing.opponent}{whose}: forecast at {made.made_at_flops:.2g} FLOPs:"
                    f" {_amount(made.flops)} [{made.flops_low:.2g}, {made.flops_high:.2g}]; {_came(run)}"
                )
    return ["", *lines] if lines else []


def _amount(flops: float | None) -> str:
    return "later" if flops is None else f"{flops:.2g}"


def _came(run: Crossing) -> str:
    assert run.forecast is not None
    covered = run.forecast.covered
    if run.flops is None:
        return "not yet" if covered is None else "passed by"
    return f"came at {run.flops:.2g}, {'inside' if covered else 'outside'} the interval"
