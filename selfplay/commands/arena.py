"""`selfplay arena`: who is stronger, and what a piece of knowledge is worth; as a table or as JSON."""

import argparse
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

import games
from games import files
from games.game import Game
from games.registry import nearest
from selfplay.arena import ablation, tournament
from selfplay.arena.match import MatchResult, check_games
from selfplay.players.make import game_of, make_agent
from selfplay.players.spec import GRAMMAR, Spec
from selfplay.report import words
from selfplay.report.terminal import match as terminal_match
from selfplay.run import atomic, folder, formats, read
from selfplay.stats import rating, score
from selfplay.stats.growth import Growth

_BUSY = 1.0  # on two cores with a load of 6 a network got a fifth of its simulations, alpha-beta nearly all its nodes
_SURPRISING = 3.0  # standard errors between a match and what the ratings make of it

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
  selfplay arena --ablate alphabeta:nodes=20000 --run runs/connect4
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `selfplay arena`."""
    parser.epilog = _EXAMPLES.format(grammar=GRAMMAR)
    parser.add_argument("agents", nargs="*", metavar="AGENT", help="two or more players; each meets each other")
    parser.add_argument(
        "--game", help="the game, as in connect4 or gomoku:size=9 (default that of the agents' runs, or else connect4)"
    )
    parser.add_argument("--games", type=int, default=400, help="games of each match, an even number (default 400)")
    parser.add_argument("--seed", type=int, default=0, help="decides openings and all that is random (default 0)")
    parser.add_argument(
        "--anchor",
        action="append",
        default=[],
        metavar="AGENT[=ELO]",
        help="an agent that keeps this Elo, 0 if none is given; may be repeated (default: the first agent is 0)",
    )
    parser.add_argument(
        "--sprt",
        metavar="ELO0,ELO1",
        help="stop each match as soon as it is decided whether the first player is rather ELO0 or ELO1 stronger"
        " (sequential probability ratio test, errors of 5 %%); --games is then the most that are played",
    )
    parser.add_argument("--record", metavar="FILE", help="add every game to this file, for `selfplay play --replay`")
    parser.add_argument(
        "--ablate",
        metavar="AGENT",
        help="instead of a tournament: this player against itself without each of its pieces of knowledge",
    )
    parser.add_argument(
        "--run",
        metavar="RUN",
        help="with --ablate: the training compute of this run that buys the same; kept for its report in prices.json",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")


def run(args: argparse.Namespace) -> int:
    """`selfplay arena`."""
    if not args.ablate and len(args.agents) < 2:
        raise ValueError("a match needs two agents")
    game = games.make(_game_name(args))
    for spec in (*args.agents, *filter(None, [args.ablate])):
        Spec.parse(spec)
    check_games(args.games)
    if args.seed < 0:
        raise ValueError(f"--seed is at least 0, not {args.seed}")
    if args.record and not Path(args.record).parent.is_dir():
        raise ValueError(f"--record {args.record}: there is no folder {Path(args.record).parent}")
    if args.record:
        files.check_name(args.record, args.games)
    print(f"{args.games} games resolve about +-{score.resolution(args.games):.0f} Elo between equals", file=sys.stderr)
    return _ablation(game, args) if args.ablate else _tournament(game, args)


def _game_name(args: argparse.Namespace) -> str:
    """What is played; ablation values are those of the run's game, or of Connect Four, if nothing else is said."""
    if args.run and not args.ablate:
        raise ValueError("--run goes with --ablate")
    if args.run and not (Path(args.run) / folder.CONFIG).exists():
        raise ValueError(f"--run {folder.no_run(Path(args.run))}")
    trained = folder.recorded_config(Path(args.run)) if args.run else None
    if args.game is None and args.ablate:
        return trained.game if trained else "connect4"
    if args.game is None:
        name = game_of(args.agents)
        print(f"no --game is given: {games.make(name).title or name}", file=sys.stderr)
        return name
    if trained and games.make(trained.game).name != games.make(args.game).name:
        raise ValueError(f"--run {args.run} learns {trained.game}, not {args.game}")
    return args.game


def _tournament(game: Game, args: argparse.Namespace) -> int:
    names = _distinct_names(args.agents)
    anchors = dict(_anchor(text, names) for text in args.anchor or names[:1])
    bounds = _bounds(args.sprt)
    players = [make_agent(spec, game, name=name) for spec, name in zip(args.agents, names, strict=True)]
    if any(player.timed for player in players) and (load := _others()) > _BUSY:
        print(
            f"this machine is busy (load {load:.1f}): by the clock a network loses more to that than alpha-beta",
            file=sys.stderr,
        )
    results = tournament.play(
        game,
        tournament.everyone(players),
        games=args.games,
        seed=args.seed,
        until=(lambda pairs_5: score.sprt(pairs_5, *bounds).decided) if bounds else None,
        record=args.record,
        watching=terminal_match.watching,
    )
    found = report(game, names, results, anchors=anchors, seed=args.seed, bounds=bounds)
    print(json.dumps(found) if args.json else _void(found) if "void" in found else _table(found))
    for line in tournament.warnings(results):
        print(f"not at equal time: {line}", file=sys.stderr)
    for line in tournament.forfeits(results):
        print(f"lost by forfeit: {line}", file=sys.stderr)
    return 0


def _others() -> float:
    """How many processes have been running in the last minute, on average; 0 where nobody counts."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def report(
    game: Game,
    names: Sequence[str],
    results: Sequence[MatchResult],
    *,
    anchors: Mapping[str, float],
    seed: int = 0,
    bounds: tuple[float, float] | None = None,
) -> dict:
    """What `--json` prints of these matches between the players called `names`; `anchors` keep the Elo given.

    `bounds` are those of the sequential test that stopped the matches, if one did. `residuals` say how far each
    match is from what the ratings make of it, z in standard errors. With a match that is `void` nobody is rated.
    """
    void = [*filter(None, map(tournament.void, results))]
    matches = [(result.a, result.b, result.evidence_5) for result in results]
    ratings = [] if void else rating.rate(names, matches, anchors=anchors, seed=seed)
    return {
        "game": game.name,
        "pairs": [_pair(result, bounds) for result in results],
        "ratings": [entry.as_dict() for entry in ratings],
        "seconds_per_move": _seconds_per_move(results),
        **({"void": void} if void else {}),
        "residuals": [] if void else [asdict(residual) for residual in rating.residuals(ratings, matches)],
        "cycles": [] if void else [list(cycle) for cycle in rating.cycles(matches)],
    }


def _pair(result: MatchResult, bounds: tuple[float, float] | None) -> dict:
    found = result.as_dict()
    if tournament.void(result):
        found = {name: value for name, value in found.items() if not name.startswith("elo")}
    if any(pace.budget for pace in result.paces):
        found["ms_per_move"] = [1000 * pace.mean for pace in result.paces]
        found["ms_slowest"] = [1000 * pace.slowest for pace in result.paces]
        found["late_moves"] = [pace.late_moves for pace in result.paces]
    if bounds:
        found["sprt"] = score.sprt(result.evidence_5, *bounds).as_dict()
    return found


def _seconds_per_move(results: Sequence[MatchResult]) -> dict[str, float]:
    """The average over an agent's matches, by agent."""
    times: dict[str, list[float]] = {}
    for result in results:
        for name, pace in zip((result.a, result.b), result.paces, strict=True):
            times.setdefault(name, []).append(pace.mean)
    return {name: float(np.mean(values)) for name, values in times.items()}


def _anchor(text: str, names: Sequence[str]) -> tuple[str, float]:
    """An agent and the Elo that it keeps; specs hold `=` too, so whole names are tried first."""
    if text in names:
        return text, 0.0
    name, _, elo = text.rpartition("=")
    if name not in names:
        raise ValueError(f"--anchor {text!r} names none of the agents{nearest(text, list(names))}")
    try:
        if math.isfinite(value := float(elo)):
            return name, value
    except ValueError:
        pass
    raise ValueError(f"--anchor {text!r}: the Elo of {name} is a number, not {elo!r}")


def _bounds(text: str | None) -> tuple[float, float] | None:
    """The two differences of strength, in Elo, between which a sequential test decides."""
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"--sprt takes two numbers of Elo, as 0,20, not {text!r}") from None
    if not (-1000 <= low < high <= 1000):
        raise ValueError(f"--sprt takes two numbers of Elo from -1000 to 1000, the smaller first, not {text!r}")
    return low, high


def _distinct_names(specs: Sequence[str]) -> list[str]:
    """The specs, those named again with a number, so that a player can meet its like."""
    return [spec if spec not in specs[:i] else f"{spec} ({specs[:i].count(spec) + 1})" for i, spec in enumerate(specs)]


def _void(found: dict) -> str:
    """What a person reads where a match says nothing of strength."""
    lines = [f"no Elo: {line}" for line in found["void"]]
    for pair in found["pairs"]:
        played = f"{pair['wins']} won, {pair['draws']} drawn, {pair['losses']} lost"
        lines.append(f"{pair['a']} against {pair['b']}: {played}")
    return "\n".join(lines)


def _table(found: dict) -> str:
    """What a person reads: Elo of every agent, and its time for a move."""
    width = max(len(entry["agent"]) for entry in found["ratings"])
    lines = [f"{'agent':{width}}   Elo  95 % interval   ms/move"]
    for entry in sorted(found["ratings"], key=lambda entry: -entry["elo"]):
        span = f"{words.elo(entry['elo_low'])} .. {words.elo(entry['elo_high'])}"
        mean = 1000 * found["seconds_per_move"][entry["agent"]]
        lines.append(f"{entry['agent']:{width}} {words.elo(entry['elo']):>5}  {span:<14} {mean:9.3f}")
    for pair in found["pairs"]:
        if test := pair.get("sprt"):
            verdict = {"H1": f"{test['elo1']:+g} Elo rather than {test['elo0']:+g}"}
            verdict["H0"] = f"{test['elo0']:+g} Elo rather than {test['elo1']:+g}"
            played = pair["wins"] + pair["draws"] + pair["losses"]
            lines.append(
                f"{pair['a']} against {pair['b']}: {verdict.get(test['decision'], 'undecided')} after {played} games"
                f" (log likelihood ratio {test['llr']:.2f}, decided at +-{test['upper']:.2f})"
            )
        if spent := pair.get("ms_per_move"):
            lines.append(
                "; ".join(
                    f"{pair[side]} took {mean:.1f} ms a move on average, {slowest:.1f} at most"
                    for side, mean, slowest in zip("ab", spent, pair["ms_slowest"], strict=True)
                )
            )
    for residual in found["residuals"]:
        if abs(residual["z"]) > _SURPRISING:
            lines.append(
                f"surprising: {residual['a']} scores {100 * residual['score']:.0f} % against {residual['b']}, where the"
                f" ratings expect {100 * residual['expected']:.0f} % ({residual['z']:+.1f} standard errors)"
            )
    lines += [f"a circle: {a} beats {b}, which beats {c}, which beats {a}" for a, b, c in found["cycles"]]
    return "\n".join(lines)


def _ablation(game: Game, args: argparse.Namespace) -> int:
    """`selfplay arena --ablate`."""
    if args.agents:
        raise ValueError(f"--ablate plays one player against itself; {' '.join(args.agents)} cannot join in")
    if args.sprt or args.anchor:
        raise ValueError(f"{'--sprt' if args.sprt else '--anchor'} goes with a tournament, not with --ablate")
    found, grown = ablation.values(
        game,
        args.ablate,
        games=args.games,
        seed=args.seed,
        lines=read.evals(Path(args.run)) if args.run else (),
        record=args.record,
        watching=terminal_match.watching,
    )
    record = {
        "game": game.name,
        "agent": args.ablate,
        "prices": [value.as_dict() for value in found],
        "growth": grown and grown.as_dict(),
    }
    if args.run:
        atomic.write_file(
            Path(args.run) / folder.PRICES, json.dumps({**formats.stamp(), **record}, indent=1).encode() + b"\n"
        )
    if args.json:
        print(json.dumps(record))
    else:
        print(_ablation_table(found, grown, args.run))
    return 0


def _ablation_table(found: Sequence[ablation.AblationValue], grown: Growth | None, run: str | None) -> str:
    """What a person reads: Elo of each piece, and the factor of compute that buys as much."""
    width = max(len("piece"), *(len(value.piece) for value in found))
    lines = [f"{'piece':{width}}   Elo  95 % interval" + ("   training compute" if grown else "")]
    for value in found:
        match = value.match.as_dict()
        span = f"{words.elo(match['elo_low'])} .. {words.elo(match['elo_high'])}"
        line = f"{value.piece:{width}} {words.elo(match['elo']):>5}  {span:<14}"
        if grown:
            compute = value.compute
            line += f"  {words.factor_interval(compute.factor, compute.factor_low, compute.factor_high)}"
        lines.append(line.rstrip())
    if grown:
        lines.append(
            f"\n{grown.agent} of {run} gained {grown.elo_per_decade:.0f} Elo by ten times the training compute where it"
            f" was even with {grown.opponent}, at {words.flops(grown.flops)} FLOPs ({grown.evaluations} evaluations)"
        )
    elif run:
        lines.append(f"\n{run} has too few evaluations of 10 to 90 % against any one opponent to price compute")
    return "\n".join(lines)
