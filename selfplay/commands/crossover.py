"""`selfplay crossover`: the crossover record of runs, as a table or as JSON."""

import argparse
import json
import sys
from pathlib import Path

from selfplay.report import words
from selfplay.run import folder, read
from selfplay.stats import crossover

_EPILOG = """\
Several runs are seeds of one experiment: the interval is then Student's over the seeds. "before" the first
evaluation nobody knows when; "beyond" the compute given, it was not overtaken by then.

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
    if args.json:
        print(json.dumps(record.as_dict()))
    else:
        forecasts = words.forecasts(record.crossings)
        print("\n".join([words.crossings(record.crossings), *([""] if forecasts else []), *forecasts]))
    return 0
