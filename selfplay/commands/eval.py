"""`selfplay eval`: an agent's moves against perfect play, as a table or as JSON."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import games
from games.game import Game
from selfplay.arena.perfect import marks, suites, table
from selfplay.arena.perfect.marks import Mark, Suite
from selfplay.knowledge import oracle
from selfplay.players.make import make_agent
from selfplay.players.spec import Spec

_REFERENCES = ("rules", "alphabeta:depth=4")
_POSITIONS = 300  # of each stage, if nothing else is asked for

_EXAMPLES = """\
A move keeps the outcome if it does not turn a win into a draw or a loss, nor a draw into a loss. It is the fastest
if it also wins as early, or loses as late, as can be. Intervals are 95 %. The exact scores come from the
package `bitbully` and are kept in ~/.cache/selfplay. Beside the agent stand `rules` and `alphabeta:depth=4`.

--table asks how near a network is to perfect play: alone and with more and more simulations, on decisions that matter
(some legal moves keep the outcome, others do not) by stage of the game, on the quiet ones (nobody could win at once),
and in every opening of at most 4 plies that is won for who began, played out against perfect play. Up to
600 simulations that took 21 minutes on two busy cores; --decisions 20 --openings 20 --simulations 0 16 64 is seconds.

examples:
  selfplay eval --game connect4 --agent mcts:runs/connect4,sims=600 --suite FOLDER
  selfplay eval --game connect4 --agent net:runs/connect4 --positions 200 --json
  selfplay eval --game connect4 --agent net:pretrained --table --decisions 300 --suite FOLDER
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `selfplay eval`."""
    parser.epilog = _EXAMPLES
    parser.add_argument("--game", default="connect4", help="the game; perfect play is known of connect4 only")
    parser.add_argument(
        "--agent", required=True, metavar="SPEC", help="who is graded; for --table a network of any spec"
    )
    parser.add_argument("--suite", type=Path, help="a file with lines `MOVES SCORE`, or a folder of them")
    parser.add_argument(
        "--positions",
        type=int,
        help=f"random positions for each of three stages (default {_POSITIONS}, if nothing else is asked for)",
    )
    parser.add_argument(
        "--decisions",
        type=int,
        help=f"decisions that matter for each six plies (default {_POSITIONS} in a --table, else none)",
    )
    parser.add_argument("--table", action="store_true", help="the network alone and at growing numbers of simulations")
    parser.add_argument(
        "--simulations",
        type=int,
        nargs="+",
        default=list(table.SIMULATIONS),
        metavar="N",
        help="columns of the table, 0 for the network alone (default: %(default)s)",
    )
    parser.add_argument("--openings", type=int, help="how many won openings the table plays out (default: all 364)")
    parser.add_argument("--seed", type=int, default=0, help="decides positions and all that is random (default 0)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")


def run(args: argparse.Namespace) -> int:
    """`selfplay eval`."""
    game = games.make(args.game)
    oracle.check(game)
    for name in ("positions", "decisions", "openings"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise ValueError(f"--{name} is at least 1, not {getattr(args, name)}")
    if min(args.simulations) < 0:
        raise ValueError(f"--simulations are at least 0, not {min(args.simulations)}")
    return _near_to_perfect(game, args) if args.table else _graded(game, args)


def _suites(game: Game, args: argparse.Namespace) -> list[Suite]:
    """All that was asked for."""
    found = suites.decision_suites(game, args.decisions, args.seed) if args.decisions else []
    found += suites.random_suites(game, args.positions, args.seed) if args.positions else []
    return found + (suites.read_suites(game, args.suite) if args.suite else [])


def _graded(game: Game, args: argparse.Namespace) -> int:
    """The agent beside references."""
    specs = [args.agent, *(spec for spec in _REFERENCES if spec != args.agent)]
    players = [make_agent(spec, game) for spec in specs]
    if not (args.suite or args.positions or args.decisions):
        args.positions = _POSITIONS
    found = []
    for suite in _suites(game, args):
        for player in players:
            found.append(marks.grade(suite, player, args.seed))
            print(f"{suite.name}: {player.name}, {found[-1].seconds:.1f} s", file=sys.stderr)
    if args.json:
        print(json.dumps({"game": game.name, "agent": args.agent, "results": [mark.as_dict() for mark in found]}))
    else:
        print(_table(found))
    return 0


def _near_to_perfect(game: Game, args: argparse.Namespace) -> int:
    """A network at growing numbers of simulations."""
    from selfplay.network.frozen import FrozenNetwork
    from selfplay.run import checkpoint

    spec = Spec.parse(args.agent)
    if spec.kind not in ("net", "mcts"):
        raise ValueError(f"--table is of a network, as net:PATH, not of {args.agent!r}")
    network = FrozenNetwork.load(checkpoint.resolve(spec.path, game.name), game)
    args.decisions = args.decisions or _POSITIONS
    found, began = [], time.perf_counter()
    graded = _suites(game, args)
    for row in table.rows(game, network, graded, simulations=args.simulations, openings=args.openings, seed=args.seed):
        found.append(row)
        print(f"{row.simulations} simulations: after {time.perf_counter() - began:.0f} s", file=sys.stderr)
    if args.json:
        print(json.dumps({"game": game.name, "agent": args.agent, "rows": [row.as_dict() for row in found]}))
    else:
        print(table.text(found))
    return 0


def _table(found: Sequence[Mark]) -> str:
    """Mistakes and fastest moves in percent, with intervals, a line for each suite and agent."""
    width = max(len(mark.agent) for mark in found)
    across = max(len(mark.suite) for mark in found)
    header = f"{'positions':{across}}  {'agent':{width}}  {'outcome mistakes, %':>22}  {'fastest, %':>22}"
    lines = [header]
    for mark in found:
        record = mark.as_dict()

        def percent(key: str, record: dict = record) -> str:
            low, high = (100 * record[f"{key}_{end}"] for end in ("low", "high"))
            return f"{100 * record[key]:5.1f} [{low:5.1f}, {high:5.1f}]"

        mistakes, fastest = percent("outcome_mistake_rate"), percent("fastest")
        lines.append(f"{mark.suite:{across}}  {mark.agent:{width}}  {mistakes:>22}  {fastest:>22}")
    return "\n".join(lines)
