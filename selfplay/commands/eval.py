"""`selfplay eval`: an agent's moves against perfect play, as a table or as JSON."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import games
from selfplay.arena import perfect
from selfplay.knowledge import oracle
from selfplay.players.make import make_agent

_REFERENCES = ("rules", "alphabeta:depth=4")

_EXAMPLES = """\
A move keeps the outcome if it does not turn a win into a draw or a loss, nor a draw into a loss. It is the fastest
if it also wins as early, or loses as late, as can be. Intervals are 95 %. The exact scores come from the
package `bitbully` and are kept in ~/.cache/selfplay. Beside the agent stand `rules` and `alphabeta:depth=4`.

examples:
  selfplay eval --game connect4 --agent mcts:runs/connect4,sims=600 --suite ../shared/data/pons
  selfplay eval --game connect4 --agent net:runs/connect4 --positions 200 --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `selfplay eval`."""
    parser.epilog = _EXAMPLES
    parser.add_argument("--game", default="connect4", help="the game; perfect play is known of connect4 only")
    parser.add_argument("--agent", required=True, metavar="SPEC", help="who is graded")
    positions = parser.add_mutually_exclusive_group()
    positions.add_argument("--suite", type=Path, help="a file with lines `MOVES SCORE`, or a folder of them")
    positions.add_argument("--positions", type=int, default=300, help="random positions for each stage (default 300)")
    parser.add_argument("--seed", type=int, default=0, help="decides positions and all that is random (default 0)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")


def run(args: argparse.Namespace) -> int:
    """`selfplay eval`."""
    game = games.make(args.game)
    oracle.check(game)
    if args.positions < 1:
        raise ValueError(f"--positions is at least 1, not {args.positions}")
    specs = [args.agent, *(spec for spec in _REFERENCES if spec != args.agent)]
    players = [make_agent(spec, game) for spec in specs]
    suites = (
        perfect.read_suites(game, args.suite) if args.suite else perfect.random_suites(game, args.positions, args.seed)
    )
    marks = []
    for suite in suites:
        for player in players:
            marks.append(perfect.grade(suite, player, args.seed))
            print(f"{suite.name}: {player.name}, {marks[-1].seconds:.1f} s", file=sys.stderr)
    if args.json:
        print(json.dumps({"game": game.name, "agent": args.agent, "results": [mark.as_dict() for mark in marks]}))
    else:
        print(_table(marks))
    return 0


def _table(marks: Sequence[perfect.Mark]) -> str:
    """Mistakes and fastest moves in percent, with intervals, a line for each suite and agent."""
    width = max(len(mark.agent) for mark in marks)
    across = max(len(mark.suite) for mark in marks)
    header = f"{'positions':{across}}  {'agent':{width}}  {'outcome mistakes, %':>22}  {'fastest, %':>22}"
    lines = [header]
    for mark in marks:
        record = mark.as_dict()

        def percent(key: str, record: dict = record) -> str:
            low, high = (100 * record[f"{key}_{end}"] for end in ("low", "high"))
            return f"{100 * record[key]:5.1f} [{low:5.1f}, {high:5.1f}]"

        mistakes, fastest = percent("outcome_mistake_rate"), percent("fastest")
        lines.append(f"{mark.suite:{across}}  {mark.agent:{width}}  {mistakes:>22}  {fastest:>22}")
    return "\n".join(lines)
