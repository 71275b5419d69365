"""The `analyze` command: positions in as lines of moves, an agent's analysis out as lines of JSON."""

import argparse
import json
import sys

from selfplay.players.spec import GRAMMAR

_EXAMPLES = f"""\
One position a line on stdin: the moves so far, an empty line being the empty board. Connect Four: digits 1 to
7, as in 44352. Gomoku: h8 i9 ..., column letter and row number from the bottom left. One JSON object a line on
stdout, in order:

  move     what the agent plays
  value    in [-1, 1] for the player to move; null for agents that have no notion of it (random, rules)
  policy   how it spreads its belief over moves
  visits   simulations spent below each move; empty for agents that do not search by simulation
  proven   "win", "loss" or "draw" for the player to move, where the agent knows; else null

A line that is no position gives {{"moves", "error"}}, the others are still answered, and the exit code is 1.

{GRAMMAR}

examples:
  echo 44352 | selfplay analyze --game connect4 --agent mcts:runs/connect4,sims=400
  selfplay analyze --game connect4 --agent solver < positions.txt > answers.jsonl
  echo "h8 i9 h9" | selfplay analyze --game gomoku --size 15 --agent alphabeta:depth=3
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `selfplay analyze`."""
    parser.epilog = _EXAMPLES
    parser.add_argument("--game", required=True, help="the game, as in connect4 or gomoku:size=9")
    parser.add_argument("--agent", required=True, metavar="SPEC", help="who thinks")
    parser.add_argument("--size", type=int, help="side of the Gomoku board, short for --game gomoku:size=N")
    parser.add_argument("--seed", type=int, default=0, help="decides all that is random (default 0)")


def run(args: argparse.Namespace) -> int:
    """`selfplay analyze`."""
    import games
    from selfplay.players import analysis
    from selfplay.players.make import make_agent

    name = args.game
    if args.size is not None:
        if name.partition(":")[0] != "gomoku":
            raise ValueError(f"--size is for --game gomoku, not for {name}")
        name += f"{',' if ':' in name else ':'}size={args.size}"
    game = games.make(name)
    agent = make_agent(args.agent, game)
    failed = False
    batch_size = 1 if sys.stdin.isatty() else analysis.BATCH  # a person waits for each answer
    for record in analysis.answers(game, agent, sys.stdin, args.seed, batch_size):
        failed = failed or "error" in record
        print(json.dumps(record))
    return 1 if failed else 0
