"""`selfplay compare`: which of two settings is stronger at equal compute, by how much, and how surely."""

import argparse
import json
import sys
from pathlib import Path

from selfplay.report.comparison import settings
from selfplay.run import atomic

_BETWEEN = "\0"  # argparse keeps "--" for itself
_EPILOG = """\
Runs that differ in their seed alone are seeds of one setting. Groups are parted by --; without it, runs are grouped
by their settings. The first group is compared with each of the others, at the largest compute that all runs reached:
strength among all opponents that any of them met (one scale for all runs), and against each opponent that all of them
met. Intervals are over seeds and games (docs/statistics.md); of one seed each, the games alone, and no verdict.

Compute: 1.6x says that the other setting takes 1.6 times the FLOPs to become as strong, measured at the strength that
the weaker one has at equal compute; "…" is a bound that these runs cannot tell.

examples:
  selfplay compare runs/wide-seed0 runs/wide-seed1 runs/wide-seed2 -- runs/deep-seed0 runs/deep-seed1 runs/deep-seed2
  selfplay compare runs/*-seed* --out compare.png
  selfplay compare runs/wide-seed* -- runs/deep-seed* --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.usage = "selfplay compare RUN [RUN ...] [-- RUN [RUN ...]] ... [--out FILE.png] [--json]"
    parser.epilog = _EPILOG
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a run folder; -- between the groups")
    parser.add_argument("--out", type=Path, metavar="FILE", help="a picture, as in compare.png")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.set_defaults(separator=_BETWEEN)


def run(args: argparse.Namespace) -> int:
    """Print the comparison, and draw it if asked to."""
    if args.out is not None and args.out.suffix != ".png":
        raise ValueError(f"--out is a picture, as in compare.png, not {args.out}")
    if args.out is not None:
        atomic.check_replaceable(args.out)
    parts: list[list[str]] = [[]]
    for word in args.runs:
        if word == _BETWEEN:
            parts.append([])
        else:
            parts[-1].append(word)
    if not all(parts):
        raise ValueError("-- stands between two groups of runs")
    found = settings.compare(parts)
    for warning in found.warnings:
        print(f"selfplay: warning: {warning}", file=sys.stderr)
    if args.out is not None:
        atomic.write_file(args.out, found.picture())
    print(json.dumps(found.as_dict()) if args.json else found)
    return 0
