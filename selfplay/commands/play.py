"""`selfplay play`: a game against any agent in the terminal, and recorded games gone through."""

import argparse
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

from games import files
from games.game import Game
from selfplay.players.agent import Agent
from selfplay.players.make import DEFAULT_GAME, game_of, make_agent
from selfplay.players.spec import GRAMMAR, Spec
from selfplay.report.terminal.game import COMMANDS, HUMAN, Dialogue, review
from selfplay.run import checkpoint, folder

_PRETRAINED = "mcts:pretrained,sims=200"
_WITHOUT_NETWORK = ("alphabeta:nodes=200000", "rollout:sims=2000")  # the strongest that people made, else no knowledge
_MISTAKES = 5  # of a file that are told
_EXAMPLES = """\
Connect Four: type a column, 4. Gomoku: a cell, h8, column letter and row number from the bottom left. Also:
{commands}

Without a terminal it reads moves and commands from stdin, one a line, and writes plain lines.

{grammar}

examples:
  selfplay play --game connect4
  selfplay play --game gomoku9 --agent alphabeta:ms=500 --first agent --hints
  selfplay play --game gomoku:rule=renju --swap2       Black has fouls; who puts three stones lets the other choose
  selfplay play --game connect4 --agent human          two people, one keyboard
  selfplay play --replay games.jsonl --number 3        go through recorded games
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `selfplay play`."""
    commands = "\n".join(f"  {name:6} {meaning}" for name, meaning in COMMANDS.items())
    parser.epilog = _EXAMPLES.format(commands=commands, grammar=GRAMMAR)
    parser.add_argument(
        "--game", help=f"the game, as in gomoku:size=9 (default that of the agent's run, or else {DEFAULT_GAME})"
    )
    parser.add_argument(
        "--agent", metavar="SPEC", help=f"who you play against (default {_PRETRAINED} where there is one)"
    )
    parser.add_argument("--first", choices=("me", "agent"), default="me", help="who begins (default me)")
    parser.add_argument(
        "--swap2", action="store_true", help="Gomoku: who begins puts three stones, and the other chooses a colour"
    )
    parser.add_argument("--hints", action="store_true", help="show what the agent thinks of your moves before you move")
    parser.add_argument("--seed", type=int, help="decides all that is random; by default every game is another")
    parser.add_argument("--replay", metavar="FILE", help="go through the games of a file instead: our own, psq, SGF")
    parser.add_argument("--number", type=int, default=1, metavar="N", help="with --replay: from the N-th game on")


def run(args: argparse.Namespace) -> int:
    """`selfplay play`."""
    import games

    console = Console(highlight=False)
    if args.replay:
        return _replay(args.replay, games.make(args.game) if args.game else None, args.number, console)
    if args.agent is not None:
        Spec.parse(args.agent)
    game = games.make(args.game or game_of([args.agent] if args.agent else []))
    if args.seed is not None and args.seed < 0:
        raise ValueError(f"--seed is at least 0, not {args.seed}")
    agent = None  # a second person
    if args.agent != HUMAN:
        agent = make_agent(args.agent, game) if args.agent else _default(game, console)
    if args.swap2 and (game.kind != "gomoku" or game.in_a_row != 5):
        raise ValueError(f"--swap2 is an opening of Gomoku, five in a row, not of {game.name!r}")
    if args.swap2 and agent is None:
        raise ValueError("--swap2 is played against an agent; two people agree by themselves on who plays Black")
    seed = secrets.randbits(32) if args.seed is None else args.seed
    me = 0 if args.first == "me" else 1
    Dialogue(game, agent, console, me=me, hints=args.hints, seed=seed, swap2=args.swap2).hold(_typed(console))
    return 0


def _replay(path: str, game: Game | None, number: int, console: Console) -> int:
    recorded = Path(path) / folder.OVERTAKEN
    if (Path(path) / folder.CONFIG).is_file():
        games_there = f"; its games are in {recorded}" if recorded.is_file() else ""
        raise ValueError(f"{path} is a run folder, not a file of games{games_there}")
    found, mistakes = files.scan(path, game)
    if not found and mistakes:
        raise ValueError(files.no_games(path, mistakes))
    for line in mistakes[:_MISTAKES]:
        print(line, file=sys.stderr)
    if len(mistakes) > _MISTAKES:
        print(f"and {len(mistakes) - _MISTAKES} more mistakes", file=sys.stderr)
    if not found:
        raise ValueError(f"{path} holds no game")
    if not 1 <= number <= len(found):
        raise ValueError(f"--number is 1 to {len(found)}, the games of {path}, not {number}")
    review(found, number, _typed(console), console)
    return 1 if mistakes else 0


def _default(game: Game, console: Console) -> Agent:
    """The pretrained player of this game, or else the strongest other one; which, is said."""
    try:
        checkpoint.resolve("pretrained", game.name)
    except ValueError:
        for spec in _WITHOUT_NETWORK:
            try:
                agent = make_agent(spec, game)
            except ValueError:
                continue
            console.print(
                Text(f"no pretrained player of {game.name} ships with this version: you play {spec}"), soft_wrap=True
            )
            return agent
        raise
    return make_agent(_PRETRAINED, game)


def _typed(console: Console) -> Iterator[str]:
    """What is typed, line by line; a prompt where somebody sits there."""
    at_terminal = sys.stdin.isatty()
    while True:
        if at_terminal:
            console.print("> ", end="")
        line = sys.stdin.readline()
        if not line:
            if at_terminal:
                console.print()
            return
        yield line
