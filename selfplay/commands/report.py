"""`selfplay report`: the picture and the page of a run, or of several as seeds of one experiment, from the files of
their folders alone."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from selfplay.report import page, plots, story
from selfplay.run import atomic, groups, read
from selfplay.stats import crossover

_EPILOG = """\
A page is one file that needs nothing else: what it overtook and when, the frontier where `selfplay measure --frontier`
has been there, price tags where `selfplay arena --ablate --run` has, the health of the run, and how to repeat it.

examples:
  selfplay report runs/connect4
  selfplay report runs/connect4-seed0 runs/connect4-seed1 runs/connect4-seed2 --out seeds.html
  selfplay report runs/connect4-seed0 runs/connect4-seed1 runs/connect4-seed2 --out seeds.png
  selfplay report runs/connect4 --out story.png --story
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `selfplay report`."""
    parser.description = "Write report.html and the pictures of each run anew, from the files of its folder."
    parser.epilog = _EPILOG
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="all the runs together, as seeds of one setting, in this file alone: their page (.html), or curves (.png)",
    )
    parser.add_argument(
        "--story", action="store_true", help="with --out FILE.png: the picture for who sees such a thing the first time"
    )
    parser.add_argument(
        "--narrow",
        action="store_true",
        help="with --out FILE.png: for the width of a telephone, parts below each other",
    )
    parser.add_argument("--dark", action="store_true", help="with --story: for a page with a dark background")


def run(args: argparse.Namespace) -> int:
    """Write the pages, and the page or picture of all runs if asked for."""
    if args.out is not None and args.out.suffix not in (".html", ".png"):
        raise ValueError(f"--out is a page, as in all.html, or a picture, as in all.png, not {args.out}")
    if args.story and (args.out is None or args.out.suffix != ".png"):
        raise ValueError("--story is a picture: give --out FILE.png")
    if args.narrow and (args.out is None or args.out.suffix != ".png"):
        raise ValueError("--narrow is about a picture: give --out FILE.png")
    if args.dark and not args.story:
        raise ValueError("--dark is about the story: give --story, too")
    if args.out is None:
        for path in args.runs:
            print(page.write(path))
        return 0
    atomic.check_replaceable(args.out)
    runs = groups.seeds(args.runs)
    if args.out.suffix == ".html":
        together = page.written(runs).encode()
    else:
        together = _story(runs, args.narrow, args.dark) if args.story else plots.overlay_runs(runs, narrow=args.narrow)
    atomic.write_file(args.out, together)
    print(args.out)
    return 0


def _story(runs: Sequence[read.Run], narrow: bool, dark: bool) -> bytes:
    told = story.of([run.evals for run in runs], crossover.together([run.crossover for run in runs]))
    if told is None:
        raise ValueError("there is no story yet: each run needs two evaluations with search")
    return story.picture(told, narrow=narrow, colours=story.DARK if dark else story.LIGHT)
