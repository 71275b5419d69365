"""`selfplay bench`: which part is measured, and what is printed of it."""

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any

import games
from selfplay.bench import parts
from selfplay.run import session

_EPILOG = """\
examples:
  selfplay bench search --game connect4 --games 256
  selfplay bench network --network resnet:5x64
  selfplay bench all --game gomoku15 --json
  selfplay bench knowledge --game gomoku15                 # alpha-beta and shapes, on one core
  selfplay bench agent --game gomoku9 --agent mcts:pretrained,ms=10    # a move: how long it takes, with how many visits
  selfplay bench serve --agent mcts:pretrained,sims=200    # a move in the page, for one and for ten people
  selfplay bench soak --minutes 120    # not speed: whether a long training grows or slows down
  selfplay bench ray --game connect4    # processes of a Ray cluster of this machine against threads, in turns
  selfplay bench coverage    # not the machine: how often 95 % intervals hold the truth, by simulation; about a minute
  selfplay bench laws        # the same of fitted laws: how often planted constants lie in their intervals; a minute
"""


def _coverage(args: argparse.Namespace) -> dict[str, float]:
    from selfplay.stats import coverage

    return coverage.measure()


def _laws(args: argparse.Namespace) -> dict[str, float]:
    from selfplay.stats import law_coverage

    return law_coverage.measure()


def _knowledge(args: argparse.Namespace) -> dict[str, float]:
    from selfplay.bench import knowledge

    return knowledge.measure(games.make(args.game), args.seconds)


def _agent(args: argparse.Namespace) -> dict[str, float]:
    from selfplay.bench import agent

    return agent.measure(games.make(args.game), args.agent, args.seconds)


def _serve(args: argparse.Namespace) -> dict[str, float]:
    from selfplay.bench import waiting

    return waiting.measure(games.make(args.game).name, args.agent)


def _ray(args: argparse.Namespace) -> dict[str, float]:
    from selfplay.bench import ray

    return ray.measure(games.make(args.game).name, args.threads or session.cores(), args.positions)


def _soak(args: argparse.Namespace) -> dict[str, float]:
    from selfplay.bench import soak

    training = ["--game", args.game, "--minutes", str(args.minutes), "--seed", "0"]
    if args.run:
        return soak.measure(training, Path(args.run))
    with tempfile.TemporaryDirectory() as folder:
        return soak.measure(training, Path(folder) / "run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    plain = parts.Setting()
    parser.epilog = _EPILOG
    parser.add_argument(
        "part",
        nargs="?",
        choices=(*PARTS, "all", *APART),
        default="all",
        help=f"what to measure (default: all but {', '.join(APART)})",
    )
    parser.add_argument("--game", default=plain.game, help=f"default: {plain.game}")
    parser.add_argument("--network", default=plain.network, help=f"default: {plain.network}")
    parser.add_argument(
        "--games", type=int, default=plain.games, help=f"games at once per thread (default: {plain.games})"
    )
    parser.add_argument(
        "--threads", type=int, default=0, help="threads of network, selfplay and train (default: one per core)"
    )
    parser.add_argument(
        "--simulations", type=int, default=plain.simulations, help=f"per move (default: {plain.simulations})"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: auto")
    parser.add_argument(
        "--seconds", type=float, default=plain.seconds, help=f"for each part (default: {plain.seconds:g})"
    )
    parser.add_argument(
        "--agent",
        default="mcts:pretrained,sims=200",
        help="for agent, and whom people play against in serve (default: %(default)s)",
    )
    parser.add_argument(
        "--positions", type=int, default=0, help="of a generation, for ray (default: that of the game's preset)"
    )
    parser.add_argument("--minutes", type=float, default=120.0, help="of training, for soak (default: 120)")
    parser.add_argument("--run", default="", help="where soak trains (default: a folder that is deleted)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


def run(args: argparse.Namespace) -> int:
    """Measure, and print figures with the machine they were taken on."""
    for name in ("games", "simulations", "seconds", "minutes"):
        if getattr(args, name) <= 0:
            raise ValueError(f"--{name} is above 0, not {getattr(args, name)}")
    setting = parts.Setting(
        game=games.make(args.game).name,
        network=args.network,
        games=args.games,
        threads=args.threads or session.cores(),
        simulations=args.simulations,
        device=args.device,
        seconds=args.seconds,
    )
    chosen = tuple(PARTS) if args.part == "all" else (args.part,)
    if {"network", "selfplay", "train"} & set(chosen):
        parts.check(setting)
    found: dict[str, Any] = {}
    for part in chosen:
        found[part] = APART[part](args) if part in APART else PARTS[part](setting)
        if not args.json:
            figures = "  ".join(f"{name} {_figure(value)}" for name, value in found[part].items())
            print(f"{part:<10}{figures}", flush=True)
    found |= {"setting": dataclasses.asdict(setting), "machine": session.machine()}
    if args.json:
        print(json.dumps(found))
    return 0


def _figure(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.0f}"


PARTS = {"search": parts.search, "network": parts.network, "selfplay": parts.selfplay, "train": parts.train}
# Asked for by name: they are not about the speed of training.
APART = {
    "knowledge": _knowledge,
    "coverage": _coverage,
    "laws": _laws,
    "agent": _agent,
    "serve": _serve,
    "soak": _soak,
    "ray": _ray,
}
