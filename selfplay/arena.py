"""`selfplay arena`: who is stronger, and what a piece of knowledge is worth; as a table or as JSON."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from games.game import Game
from games.registry import nearest
from selfplay import agents, prices, rating, score, tournament
from selfplay.match import MatchResult, Pace, Until, check_games, play_match

__all__ = ["play_match", "report"]

_EXAMPLES = """\
Each opening is played twice, with both colours. Intervals are 95 %, by pair of games. The first agent named
is the zero of the Elo scale, unless --anchor names another. An Elo of null (or `-`) is beyond what so few games
can tell. Matches between players that think by the clock play one game on each core, a move at a time; how long
they really took is printed beside them.

{grammar}

examples:
  selfplay arena rules alphabeta:depth=4 --game connect4
  selfplay arena mcts:runs/connect4,sims=64 rules alphabeta:depth=4 --game connect4 --games 400 --json
  selfplay arena mcts:runs/connect4@20,sims=64 mcts:runs/connect4@5,sims=64 --game connect4 --sprt 0,20
  selfplay arena mcts:runs/connect4,ms=20 alphabeta:ms=20 --game connect4 --record games.jsonl
  selfplay arena --ablate alphabeta:nodes=20000 --game connect4 --run runs/connect4
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `selfplay arena`."""
    parser.epilog = _EXAMPLES.format(grammar=agents.GRAMMAR)
    parser.add_argument("agents", nargs="*", metavar="AGENT", help="two or more players; each meets each other")
    parser.add_argument("--game", help="the game, as in connect4 or gomoku:size=9")
    parser.add_argument("--games", type=int, default=400, help="games of each match, an even number (default 400)")
    parser.add_argument("--seed", type=int, default=0, help="decides openings and all that is random (default 0)")
    parser.add_argument("--anchor", metavar="AGENT", help="which of the agents is the zero of the Elo scale")
    parser.add_argument(
        "--sprt",
        metavar="ELO0,ELO1",
        help="stop each match as soon as it is decided whether the first player is rather ELO0 or ELO1 stronger"
        " (sequential probability ratio test, errors of 5 %%); --games is then the most that are played",
    )
    parser.add_argument("--record", metavar="FILE", help="add every game to this file, for `selfplay play --replay`")
    parser.add_argument(
        "--ablate", metavar="AGENT", help="instead of a tournament: this player against itself without each of its"
        " pieces of knowledge"
    )
    parser.add_argument("--run", metavar="RUN", help="with --ablate: the training compute of this run that buys the same")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")


def run(args: argparse.Namespace) -> int:
    """`selfplay arena`."""
    import games

    if args.game is None:
        raise ValueError("--game is missing, as in --game connect4")
    game = games.make(args.game)
    for spec in (*args.agents, *filter(None, [args.ablate])):
        agents.check(spec)
    check_games(args.games)
    if args.seed < 0:
        raise ValueError(f"--seed is at least 0, not {args.seed}")
    if args.record and not Path(args.record).parent.is_dir():
        raise ValueError(f"--record {args.record}: there is no folder {Path(args.record).parent}")
    print(f"{args.games} games resolve about +-{score.resolution(args.games):.0f} Elo between equals", file=sys.stderr)
    return _ablation(game, args) if args.ablate else _tournament(game, args)


def _tournament(game: Game, args: argparse.Namespace) -> int:
    if len(args.agents) < 2:
        raise ValueError("a match needs two agents")
    if args.run:
        raise ValueError("--run goes with --ablate")
    names = _distinct_names(args.agents)
    if args.anchor and args.anchor not in names:
        raise ValueError(f"--anchor {args.anchor!r} is none of the agents{nearest(args.anchor, names)}")
    anchor = names.index(args.anchor) if args.anchor else 0
    bounds = _bounds(args.sprt)
    players = [agents.make(spec, game, name=name) for spec, name in zip(args.agents, names, strict=True)]
    results = tournament.play(
        game,
        tournament.everyone(players),
        games=args.games,
        seed=args.seed,
        until=_decided(bounds),
        record=args.record,
    )
    found = report(game, names, results, anchor=anchor, seed=args.seed, bounds=bounds)
    print(json.dumps(found) if args.json else _table(found))
    for line in tournament.warnings(results):
        print(f"not at equal time: {line}", file=sys.stderr)
    return 0
