"""Measuring the frontier of training compute against thinking time (`selfplay.stats.frontier`).

A run's checkpoints play at other numbers of simulations than in its own evaluations. frontier.jsonl holds a line for
each match, as evals.jsonl does; it is only added to, so that a measurement that was stopped goes on, and one of other
numbers joins it. matches.jsonl keeps what was played (`selfplay.arena.store`), so that a run that is cut back and goes
on as before does not play it again.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import games
from selfplay.arena import schedule
from selfplay.arena.referee import eval_line
from selfplay.arena.store import Entrant, MatchStore
from selfplay.config import Config
from selfplay.ledger import Ledger
from selfplay.run import folder, read
from selfplay.stats.records import EvalLine


def measure(
    run_dir: Path,
    config: Config,
    due: Iterable[tuple[int, Ledger]],
    simulations: Sequence[int],
    on_match_end: Callable[[EvalLine], None],
) -> None:
    """Play what frontier.jsonl and evals.jsonl do not hold yet: the generations `due`, weakest opponent first.

    As in training, only opponents that tell something are met, and all of them by the last generation.
    """
    game = games.make(config.game)
    store = MatchStore(run_dir / folder.MATCHES)
    opponents = {spec: Entrant.of(spec, game) for spec in config.eval.opponents}
    lines = [*read.evals(run_dir), *read.frontier(run_dir)]
    generations = list(due)
    for number in simulations:
        name = f"mcts:sims={number}"
        for generation, ledger in generations:
            learner = Entrant.of(f"mcts:{run_dir}@{generation},sims={number},device={config.device}", game, name=name)
            met = {line.opponent for line in lines if (line.generation, line.agent) == (generation, name)}
            before = [line for line in lines if line.generation < generation]
            last = generation == generations[-1][0]
            for opponent in opponents if last else schedule.informative(before, list(opponents), name):
                if opponent in met:
                    continue
                result = store.match(game, learner, opponents[opponent], games=config.eval.games, seed=config.seed)
                line = eval_line(result, ledger, opponent=opponent, generation=generation, simulations=number)
                folder.append(run_dir / folder.FRONTIER, [line.as_dict()])
                lines.append(line)
                on_match_end(line)
