"""The `analyze` command: positions in as lines of moves, an agent's analysis out as lines of JSON."""

import argparse
import io
import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from selfplay.players.spec import GRAMMAR

if TYPE_CHECKING:
    from games.game import Game

_EXAMPLES = f"""\
One position a line on stdin: the moves so far, an empty line being the empty board. Connect Four: digits 1 to
7, as in 44352, alone or with a score as in public test sets (32164625 11). Gomoku: h8 i9 ..., column letter and row
number from the bottom left. All from # on is a remark. One JSON object a line on stdout, in order, each as soon as it
is known:

  move     what the agent plays
  value    in [-1, 1] for the player to move; null for agents that have no notion of it (random, rules)
  policy   how it spreads its belief over moves
  visits   simulations spent below each move; empty for agents that do not search by simulation
  proven   "win", "loss" or "draw" for the player to move, where the agent knows; else null
  score    what the line said, where it said one

With --games, every position of the games of a file (our own, psq, SGF); `game` is its number there, from 1.

A line that is no position gives {{"moves", "error"}}, the others are still answered, and the exit code is 1.

{GRAMMAR}

examples:
  echo 44352 | selfplay analyze --game connect4 --agent mcts:runs/connect4,sims=400
  selfplay analyze --game connect4 --agent solver < positions.txt > answers.jsonl
  selfplay analyze --games game.psq --agent alphabeta:ms=200
  echo "h8 i9 h9" | selfplay analyze --game gomoku --size 15 --agent alphabeta:depth=3
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `selfplay analyze`."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "--game",
        help="the game, as in connect4 or gomoku:size=9 (default that of --games or of the agent's run, else connect4)",
    )
    parser.add_argument("--games", metavar="FILE", help="a file of games, instead of stdin")
    parser.add_argument("--agent", required=True, metavar="SPEC", help="who thinks")
    parser.add_argument("--size", type=int, help="side of the Gomoku board, short for --game gomoku:size=N")
    parser.add_argument("--seed", type=int, default=0, help="decides all that is random (default 0)")


def run(args: argparse.Namespace) -> int:
    """`selfplay analyze`."""
    import games
    from selfplay.players import analysis
    from selfplay.players.make import make_agent

    game = games.make(_name(args)) if args.game or not args.games else None
    numbers: list[int] = []
    lines: Iterable[str] | analysis.Arriving
    failed = False
    if args.games:
        game, numbers, lines, mistakes = _recorded(args.games, game)
        for line in mistakes:
            print(line, file=sys.stderr)
        failed = bool(mistakes)
    else:
        assert game is not None
        lines = analysis.Arriving(sys.stdin.buffer) if isinstance(sys.stdin, io.TextIOWrapper) else sys.stdin
    agent = make_agent(args.agent, game)
    for n, record in enumerate(analysis.answers(game, agent, lines, args.seed)):
        failed = failed or "error" in record
        print(json.dumps({"game": numbers[n], **record} if numbers else record), flush=True)
    return 1 if failed else 0


def _name(args: argparse.Namespace) -> str:
    from selfplay.players.make import game_of

    if args.size is None:
        return args.game or game_of([args.agent])
    game = args.game or "gomoku"
    if game.partition(":")[0] != "gomoku":
        raise ValueError(f"--size is for --game gomoku, not for {game}")
    return f"{game}{',' if ':' in game else ':'}size={args.size}"


def _recorded(path: str, game: "Game | None") -> "tuple[Game, list[int], list[str], list[str]]":
    """The game of a file's games, number and moves of each of their positions that is not over, and mistakes."""
    from games import files, text
    from games.game import ONGOING

    found, mistakes = files.scan(path, game)
    if not found:
        raise ValueError(mistakes[0] if mistakes else f"{path} holds no game")
    game = game or found[0].replayable()[0]
    numbers, lines = [], []
    for number, record in enumerate(found, start=1):
        its_game, actions = record.replayable()
        if its_game != game:
            mistakes.append(f"{path}: game {number} is one of {its_game.name}, not of {game.name}")
            continue
        for plies in range(len(actions) + 1):
            if text.replay(game, actions[:plies])[1] == ONGOING:
                numbers.append(number)
                lines.append(text.format_moves(game, actions[:plies]))
    return game, numbers, lines, mistakes
