"""The arena: every agent against every other, and what a person or a program reads of it."""

import argparse
import itertools
import json
import sys
import time
from collections.abc import Sequence

import numpy as np

from games.game import Game
from selfplay import score
from selfplay.agents import Agent
from selfplay.match import MatchResult, check_games, play_match


def all_matches(game: Game, agents: Sequence[Agent], *, games: int, seed: int) -> list[MatchResult]:
    """Every agent against every other, with a line about each on stderr."""
    results = []
    couples = list(itertools.combinations(agents, 2))
    for number, (a, b) in enumerate(couples, start=1):
        started = time.perf_counter()
        result = play_match(game, a, b, games=games, seed=seed)
        results.append(result)
        spent = time.perf_counter() - started
        low, high = result.interval
        print(
            f"{number}/{len(couples)}  {a.name} against {b.name}: +{result.wins} ={result.draws} -{result.losses}, "
            f"score {result.score:.3f} [{low:.3f}, {high:.3f}], {result.distinct_games} distinct games, {spent:.1f} s",
            file=sys.stderr,
        )
    return results


def seconds_per_move(results: Sequence[MatchResult]) -> dict[str, float]:
    """The average over an agent's matches, by agent; moves of one batch share its time."""
    times: dict[str, list[float]] = {}
    for result in results:
        for name, pace in zip((result.a, result.b), result.paces, strict=True):
            times.setdefault(name, []).append(pace.mean)
    return {name: float(np.mean(values)) for name, values in times.items()}


_EXAMPLES = """\
Each opening is played twice, with both colours. Intervals are 95 %, by pair of games. The first agent named
is the zero of the Elo scale. An Elo of null (or `-`) is beyond what so few games can tell.

{grammar}

examples:
  selfplay arena rules alphabeta:depth=4 --game connect4
  selfplay arena mcts:runs/connect4,sims=64 rules alphabeta:depth=4 --game connect4 --games 400 --json
  selfplay arena mcts:runs/connect4@5,sims=64 mcts:runs/connect4@20,sims=64 --game connect4
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `selfplay arena`."""
    from selfplay.agents import GRAMMAR

    parser.epilog = _EXAMPLES.format(grammar=GRAMMAR)
    parser.add_argument("agents", nargs="+", metavar="AGENT", help="two or more players; each meets each other")
    parser.add_argument("--game", required=True, help="the game, as in connect4 or gomoku:size=9")
    parser.add_argument("--games", type=int, default=400, help="games of each match, an even number (default 400)")
    parser.add_argument("--seed", type=int, default=0, help="decides openings and all that is random (default 0)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")


def run(args: argparse.Namespace) -> int:
    """`selfplay arena`."""
    import games
    from selfplay import agents, rating

    game = games.make(args.game)
    if len(args.agents) < 2:
        raise ValueError("a match needs two agents")
    for spec in args.agents:
        agents.check(spec)
    check_games(args.games)
    if args.seed < 0:
        raise ValueError(f"--seed is at least 0, not {args.seed}")
    names = _distinct_names(args.agents)
    players = [agents.make(spec, game, name=name) for spec, name in zip(args.agents, names, strict=True)]
    points = score.resolution(args.games)
    print(f"{args.games} games resolve about +-{points:.0f} Elo between equals", file=sys.stderr)
    results = all_matches(game, players, games=args.games, seed=args.seed)
    ratings = rating.rate(names, [(result.a, result.b, result.pairs_5) for result in results], seed=args.seed)
    if args.json:
        record = {
            "game": game.name,
            "pairs": [result.as_dict() for result in results],
            "ratings": [entry.as_dict() for entry in ratings],
            "seconds_per_move": seconds_per_move(results),
        }
        print(json.dumps(record))
    else:
        print(_table(results, ratings))
    return 0


def _distinct_names(specs: Sequence[str]) -> list[str]:
    """The specs, those named again with a number, so that a player can meet its like."""
    return [spec if spec not in specs[:i] else f"{spec} ({specs[:i].count(spec) + 1})" for i, spec in enumerate(specs)]


def _table(results: Sequence[MatchResult], ratings: Sequence) -> str:
    """What a person reads: Elo of every agent, and its time for a move."""
    times = seconds_per_move(results)

    def shown(elo: float | None) -> str:
        return "-" if elo is None else f"{elo:+.0f}"

    width = max(len(entry.agent) for entry in ratings)
    lines = [f"{'agent':{width}}   Elo  95 % interval   ms/move"]
    for entry in sorted(ratings, key=lambda entry: -entry.elo):
        span = f"{shown(entry.elo_low)} .. {shown(entry.elo_high)}"
        lines.append(f"{entry.agent:{width}} {shown(entry.elo):>5}  {span:<14} {1000 * times[entry.agent]:9.3f}")
    return "\n".join(lines)
