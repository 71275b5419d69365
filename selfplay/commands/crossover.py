"""`selfplay crossover`: the crossover record of runs, as a table or as JSON."""

import argparse
import json
from pathlib import Path

from selfplay.report import words
from selfplay.run import groups
from selfplay.stats import crossover

_BEFORE = "before: ahead at its first evaluation already, so when it drew level is not known"
_EPILOG = """\
Several runs are seeds of one setting: the interval is then Student's over the seeds. Runs of different settings are
refused: `selfplay compare` is for those. "before" the first
evaluation nobody knows when. "beyond 5.6e13" is not overtaken: until there the learner was surely behind, since then
nobody can tell. The fitted score at the end is that of the curve through all matches, and decides: it knows those
before the last, and that checkpoints differ by more than the luck of their games, so its interval is mostly wider.

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
    runs = groups.seeds(args.runs)
    record = crossover.together([crossover.record(one.evals, one.config.game) for one in runs])
    if args.json:
        print(json.dumps(record.as_dict()))
    else:
        before = any(found.overtaken and found.flops is None for found in record.crossings)
        forecasts = words.newest_forecasts(record.crossings, "selfplay crossover --json has them all")
        parts = [words.crossings(record.crossings), *([_BEFORE] if before else []), *([""] if forecasts else [])]
        print("\n".join([*parts, *forecasts]))
    return 0
