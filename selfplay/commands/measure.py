"""`selfplay measure`: the evaluations of a finished run once more, from its checkpoints and against other opponents;
or at other numbers of simulations.

Training never sees an evaluation, so the curve is the one that the run would have drawn, had it met these opponents.
"""

import argparse
import dataclasses
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import games
from selfplay.arena import frontier, moments
from selfplay.arena.referee import Referee
from selfplay.config import Config, EvalConfig, merged
from selfplay.ledger import Ledger
from selfplay.network.frozen import FrozenNetwork
from selfplay.report import words
from selfplay.report.terminal import run as terminal_run
from selfplay.run import checkpoint, checksums, folder, read
from selfplay.stats import crossover
from selfplay.stats.records import CrossoverRecord, EvalLine

_EPILOG = """\
The run's own opponents and schedule are used where nothing else is asked for. The last checkpoint meets every
opponent. evals.jsonl, crossover.json and overtaken.jsonl are written anew; forecasts.jsonl is removed, since
nothing can be forecast afterwards (`selfplay crossover` still grades what each part of the curve foretold).

--frontier leaves all of that alone. Its matches go to frontier.jsonl, from which `selfplay report` draws how much
training compute each opponent takes at how many simulations a move. Stopped, it goes on where it was.

examples:
  selfplay measure runs/connect4 --opponents rules alphabeta:depth=4 alphabeta:depth=8 --equal_time alphabeta:ms=20
  selfplay measure runs/connect4 --games 400 --per_decade 8
  selfplay measure runs/connect4 --frontier 4 16 256
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.epilog = _EPILOG
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder that no process trains in")
    parser.add_argument("--opponents", nargs="*", metavar="AGENT", help="the ladder, weakest first")
    parser.add_argument(
        "--equal_time", "--clocked", nargs="*", metavar="AGENT", help="opponents at equal time, as alphabeta:ms=20"
    )
    parser.add_argument("--games", type=int, metavar="N", help="games of one match")
    parser.add_argument("--final_games", type=int, metavar="N", help="games of each match of the last checkpoint")
    parser.add_argument("--simulations", type=int, metavar="N", help="of the learner's search")
    parser.add_argument("--per_decade", type=int, metavar="N", help="evaluations per tenfold of training compute")
    parser.add_argument(
        "--frontier", nargs="+", type=int, metavar="N", help="play with N simulations a move instead, for the frontier"
    )


def run(args: argparse.Namespace) -> int:
    """Play the matches, write the files, and print the crossings."""
    config = folder.recorded_config(args.run)
    if config is None:
        raise ValueError(folder.no_run(args.run))
    given = {item.name: getattr(args, item.name, None) for item in dataclasses.fields(EvalConfig)}
    given["final_share"] = 0.0  # as many games as are asked for: nobody waits for a run to end
    config = merged(config, {"eval": {name: value for name, value in given.items() if value is not None}})
    if args.frontier:
        return _frontier(args, config)
    with folder.locked(args.run):
        record = _measured(args.run, config)
    print(words.crossings(record.crossings))
    return 0


def _frontier(args: argparse.Namespace, config: Config) -> int:
    if (fewest := min(args.frontier)) < 1:
        raise ValueError(f"--frontier takes numbers of simulations, at least 1, not {fewest}")
    with folder.locked(args.run):
        due = list(_due(config.eval, read.metrics(args.run)))
        folder.mend(args.run / folder.FRONTIER)
        frontier.measure(
            args.run, config, due, args.frontier, lambda line: print(terminal_run.match_line(line), flush=True)
        )
    points = sorted(read.Run(args.run).frontier, key=lambda point: point.simulations)
    print(words.crossings(point.crossing for point in points))
    return 0


def _measured(run_dir: Path, config: Config) -> CrossoverRecord:
    game = games.make(config.game)
    referee = Referee(config, on_match_end=lambda line: print(terminal_run.match_line(line), flush=True))
    due = list(_due(config.eval, read.metrics(run_dir)))
    if not due:
        raise ValueError(f"{run_dir} has no generation yet")
    for name in (folder.OVERTAKEN, folder.FORECASTS):
        checksums.remove(run_dir / name)
    new = run_dir / f"{folder.EVALS}.new"  # what is there stays until all of this is played
    new.unlink(missing_ok=True)
    untrained = _untrained(run_dir, config)
    referee.lines += untrained
    folder.append(new, [line.as_dict() for line in untrained])
    record = CrossoverRecord(game=game.name, crossings=())
    began = time.perf_counter()
    for number, (generation, ledger) in enumerate(due, start=1):
        print(f"generation {generation}, {number} of {len(due)}", flush=True)
        weights = FrozenNetwork.load(checkpoint.resolve(f"{run_dir}@{generation}", game.name), game)
        ledger = dataclasses.replace(ledger, eval_seconds=time.perf_counter() - began)
        lines = referee(weights, ledger, generation=generation, final=number == len(due))
        folder.append(new, [line.as_dict() for line in lines])
        record = crossover.record(referee.lines, game.name)
        wins = {pairing: win for pairing, result in referee.results.items() if (win := moments.best_win(result))}
        moments.add_overtaken(run_dir, game, record, referee.lines, wins)
    checksums.replace(run_dir / folder.EVALS, new.read_bytes())
    new.unlink()
    moments.write_record(run_dir, record)
    return record


def _untrained(run_dir: Path, config: Config) -> list[EvalLine]:
    """The matches before any training, whose weights nobody keeps, as far as they are those of this config."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", checksums.DamageWarning)  # the file is made anew
        known = read.evals(run_dir)
    agent, opponents = f"mcts:sims={config.eval.simulations}", config.eval.opponents
    return [line for line in known if not line.generation and line.agent == agent and line.opponent in opponents]


def _due(schedule: EvalConfig, metrics: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, Ledger]]:
    """The generations that the trainer would have evaluated, with what was spent until then."""
    last = 0.0
    for line in metrics:
        ledger = Ledger(**{item.name: line[item.name] for item in dataclasses.fields(Ledger) if item.name in line})
        if schedule.due(ledger.train_flops, last) or line is metrics[-1]:
            last = ledger.train_flops
            yield line["generation"], ledger
