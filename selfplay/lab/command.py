"""`selfplay lab`: run an experiment, or go on with one that was stopped."""

import argparse
import json
import sys
from pathlib import Path

from selfplay.lab import experiments, page, runner
from selfplay.lab.experiment import PRESETS
from selfplay.lab.store import CELLS

_EPILOG = """\
The folder gets cells.jsonl (what each cell gave), fit.json (constants with 95 % intervals, claims that held or did
not), pictures (SVG and PNG) and report.html, which stands on its own. Stopped at any moment, the same command goes on
with the cell that it was at.

experiments:
{experiments}

presets:
{presets}

examples:
  selfplay lab data
  selfplay lab data --preset tiny --out /tmp/data --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.epilog = _EPILOG.format(
        experiments="\n".join(f"  {name:10} {sentence}" for name, sentence in experiments.SENTENCES.items()),
        presets="\n".join(f"  {name:10} {sentence}" for name, sentence in PRESETS.items()),
    )
    parser.add_argument("experiment", metavar="EXPERIMENT", help=f"one of {', '.join(experiments.NAMES)}")
    parser.add_argument("--preset", default="cpu-hour", help=f"one of {', '.join(PRESETS)} (default: cpu-hour)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the folder (default: lab/EXPERIMENT-PRESET)")
    parser.add_argument(
        "--predict",
        action="store_true",
        help="with scaling: foretell the largest run before it begins, and grade that (what it does anyway)",
    )
    parser.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="compute cells at once on the Ray cluster at HOST:PORT, or auto for the one that runs on this machine;"
        " without an address on all cores of this machine. --out has to be a folder that all its machines share",
    )
    parser.add_argument("--json", action="store_true", help="print what fit.json holds instead of text")


def run(args: argparse.Namespace) -> int:
    """Run the experiment and print what came out."""
    runner.check(args.experiment, args.preset)
    if args.predict and args.experiment != "scaling":
        raise ValueError(f"--predict is about scaling, whose largest run is foretold; {args.experiment} has none")
    out = args.out or runner.default_out(args.experiment, args.preset)
    try:
        command = ["selfplay", *sys.argv[1:]]
        found = runner.run(args.experiment, preset=args.preset, out=out, command=command, ray=args.ray)
    except BaseException as error:
        if not isinstance(error, ValueError) and (out / CELLS).exists():
            kept = sum(1 for _ in (out / CELLS).open(encoding="utf-8"))
            print(f"\n{kept} cells are kept in {out}; the same command goes on from there", file=sys.stderr)
        raise
    for note in [*([page.TINY] if args.preset == "tiny" else []), *found.notes]:
        print(f"selfplay: {note}", file=sys.stderr)
    if args.json:
        print(json.dumps(json.loads((out / page.FIT).read_bytes())))
        return 0
    for claim in found.claims:
        print(f"{ {True: 'held', False: 'did not hold', None: 'undecided'}[claim.held] }: {claim.claim} ({claim.why})")
    print(f"{found.answer}\nreport: {found.report}")
    return 0
