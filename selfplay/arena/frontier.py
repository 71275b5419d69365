"""Training compute against thinking time: from which compute on how many simulations a move overtake each opponent.

A run's checkpoints play at other numbers of simulations than in its own evaluations. frontier.jsonl holds a line for
each match, as evals.jsonl does; it is only added to, so that a measurement that was stopped goes on, and one of other
numbers joins it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import games
from selfplay.arena.match import play_match
from selfplay.config import Config
from selfplay.ledger import Ledger
from selfplay.players import make
from selfplay.run import checkpoint, folder
from selfplay.stats import crossover

Lines = Sequence[Mapping[str, Any]]

_SPENT = ("flops", "evaluations", "games", "seconds")


def measure(
    run_dir: Path,
    config: Config,
    due: Iterable[tuple[int, Ledger]],
    simulations: Sequence[int],
    say: Callable[[Mapping[str, Any]], None],
) -> None:
    """Play what frontier.jsonl and evals.jsonl do not hold yet: the generations `due`, weakest opponent first.

    As in training, only opponents that tell something are met, and all of them by the last generation. `say` is told
    each new line.
    """
    game = games.make(config.game)
    opponents = {spec: make.make(spec, game) for spec in config.eval.opponents}
    lines = together(run_dir)
    schedule = list(due)
    for number in simulations:
        name = f"mcts:sims={number}"
        for generation, ledger in schedule:
            weights = checkpoint.resolve(f"{run_dir}@{generation}", game.name)
            learner = make.make(f"mcts:{weights},sims={number},device={config.device}", game, name=name)
            played = {line["opponent"] for line in lines if (line["generation"], line["agent"]) == (generation, name)}
            so_far = [line for line in lines if line["generation"] < generation]
            last = generation == schedule[-1][0]
            for opponent in opponents if last else crossover.informative(so_far, list(opponents), name):
                if opponent in played:
                    continue
                result = play_match(game, learner, opponents[opponent], games=config.eval.games, seed=config.seed)
                spent = (ledger.train_flops, ledger.evaluations, ledger.games, ledger.train_seconds)
                line = {
                    "generation": generation,
                    **dict(zip(_SPENT, spent, strict=True)),
                    "agent": name,
                    "opponent": opponent,
                    "simulations": number,
                    **result.as_dict(),
                }
                folder.append(run_dir / folder.FRONTIER, [line])
                lines.append(line)
                say(line)


def together(run_dir: Path) -> list[dict[str, Any]]:
    """The run's own evaluations and those of its frontier."""
    return [*folder.read_lines(run_dir / folder.EVALS), *folder.read_lines(run_dir / folder.FRONTIER)]


def crossings(lines: Lines, game: str) -> list[dict[str, Any]]:
    """The rungs of `crossover.record`, each with its number of `simulations`; 1 for the network alone.

    None if there are fewer than three numbers of simulations: then there is no frontier to see. Players by the clock
    have no such number.
    """
    rungs = []
    for rung in crossover.record([lines], game)["rungs"]:
        found = re.fullmatch(r"mcts:sims=(\d+)", rung["agent"])
        if found or rung["agent"] == "net":
            rungs.append({**rung, "simulations": int(found[1]) if found else 1})
    return rungs if len({rung["simulations"] for rung in rungs}) > 2 else []
