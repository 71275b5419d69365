"""Matches between players: the same openings with both colours, all games of a match at once.

G games, W words. Game 2i and game 2i + 1 are a pair: opening i, first with `a` to move, then with `b`.
"""

import argparse
import itertools
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from games import text
from games.game import MOVER_WON, ONGOING, Game
from selfplay import openings, score
from selfplay.agents import Agent


@dataclass(frozen=True, kw_only=True)
class MatchResult:
    """A match as `a` sees it."""

    game: str
    a: str
    b: str
    seed: int
    wins: int
    draws: int
    losses: int
    pairs_5: tuple[int, int, int, int, int]
    """pairs in which `a` got 0, 1/2, 1, 3/2 and 2 points"""
    distinct_games: int
    seconds_per_move: dict[str, float]

    @property
    def games(self) -> int:
        return self.wins + self.draws + self.losses

    @property
    def score(self) -> float:
        """Points per game, a draw being half."""
        return (self.wins + self.draws / 2) / self.games

    @property
    def interval(self) -> tuple[float, float]:
        """The score's 95 % interval."""
        return score.interval(self.pairs_5)[1:]

    def as_dict(self) -> dict:
        """The record that commands print; Elo is null where it is unbounded."""
        low, high = self.interval
        return {
            "a": self.a,
            "b": self.b,
            "wins": self.wins,
            "draws": self.draws,
            "losses": self.losses,
            "pairs": list(self.pairs_5),
            "distinct_games": self.distinct_games,
            "score": self.score,
            "score_low": low,
            "score_high": high,
            "elo": score.elo(self.score),
            "elo_low": score.elo(low),
            "elo_high": score.elo(high),
        }


def _seeds(seed: int, games_G: np.ndarray, ply: int) -> np.ndarray:
    """A seed for each game at this ply, uint64; they differ in every game and ply."""
    first = np.random.SeedSequence([seed, ply]).generate_state(1, np.uint64)
    return first + games_G.astype(np.uint64) * np.uint64(0xD1B54A32D192ED03)


def check_games(games: int) -> None:
    """`ValueError` if so many games do not make pairs."""
    if games < 2 or games % 2:
        raise ValueError(f"a match has an even number of games, at least 2, not {games}")


def play_match(game: Game, a: Agent, b: Agent, *, games: int, seed: int = 0) -> MatchResult:
    """`games` games (an even number) between `a` and `b` from `games / 2` openings.

    The two players think at the same time, each about the games in which it is to move, unless one of them
    thinks by the clock.
    """
    check_games(games)
    lines = [list(line) for line in openings.openings(game, games // 2, seed) for _ in range(2)]
    states_GW = np.array([text.replay(game, line)[0] for line in lines])
    points_G = np.full(games, np.nan)  # for `a`
    a_moves_G = np.arange(games) % 2 == 0
    seconds, moves = [0.0, 0.0], [0, 0]

    def think(side: int, agent: Agent, games_G: np.ndarray, ply: int) -> np.ndarray:
        if len(games_G) == 0:
            return np.zeros(0, np.int64)
        started = time.perf_counter()
        actions_G = agent.act(states_GW[games_G], _seeds(seed, games_G, ply)).actions_N
        seconds[side] += time.perf_counter() - started
        moves[side] += len(games_G)
        return actions_G

    workers = 1 if a is b or a.timed or b.timed else 2
    with ThreadPoolExecutor(workers) as pool:
        for ply in itertools.count():
            playing_G = np.isnan(points_G)
            if not playing_G.any():
                break
            sides = [np.flatnonzero(playing_G & a_moves_G), np.flatnonzero(playing_G & ~a_moves_G)]
            answers = list(pool.map(think, (0, 1), (a, b), sides, (ply, ply)))
            for side, (games_G, actions_G) in enumerate(zip(sides, answers, strict=True)):
                for g, action in zip(games_G, actions_G, strict=True):
                    states_GW[g], status = game.after(states_GW[g], int(action))
                    lines[g].append(int(action))
                    if status != ONGOING:
                        points_G[g] = 0.5 if status != MOVER_WON else 1.0 - side
            a_moves_G = ~a_moves_G

    pairs = (2 * points_G.reshape(-1, 2).sum(axis=1)).astype(int)
    counts_5 = np.bincount(pairs, minlength=5)
    return MatchResult(
        game=game.name,
        a=a.name,
        b=b.name,
        seed=seed,
        wins=int((points_G == 1).sum()),
        draws=int((points_G == 0.5).sum()),
        losses=int((points_G == 0).sum()),
        pairs_5=tuple(int(count) for count in counts_5),  # type: ignore[arg-type]
        distinct_games=len({tuple(line) for line in lines}),
        seconds_per_move={
            agent.name: spent / max(1, count) for agent, spent, count in zip((a, b), seconds, moves, strict=True)
        },
    )


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
        for name, seconds in result.seconds_per_move.items():
            times.setdefault(name, []).append(seconds)
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
