"""How strong the learner is right now: matches against the reference players of its config.

The trainer is handed `evaluate_agent` from outside, so that nothing which learns can reach human knowledge.
"""

from pathlib import Path

import games
from selfplay import agents, arena
from selfplay.config import Config
from selfplay.ledger import Ledger


def evaluate_agent(
    weights: Path, config: Config, ledger: Ledger, *, games_each: int | None = None, dtype: str = "auto"
) -> list[dict]:
    """The matches of the weights, with search and by the network alone, as lines of evals.jsonl.

    `dtype` is that in which the network plays; by default the faster one, which a measurement decides and
    which is therefore not always the same. Openings and seeds are the same at every evaluation, so a curve
    does not move with them.
    """
    game = games.make(config.game)
    simulations = config.eval.simulations
    how = f"device={config.device},dtype={dtype}"
    learners = [
        (f"mcts:sims={simulations}", f"mcts:{weights},sims={simulations},{how}", simulations),
        ("net", f"net:{weights},{how}", 0),
    ]
    lines = []
    for name, spec, used in learners:
        learner = agents.make(spec, game, name=name)
        for opponent in config.eval.opponents:
            result = arena.play_match(
                game,
                learner,
                agents.make(opponent, game),
                games=games_each or config.eval.games,
                seed=config.seed,
            )
            low, high = result.interval
            lines.append(
                {
                    "flops": ledger.train_flops,
                    "evaluations": ledger.evaluations,
                    "games": ledger.games,
                    "seconds": ledger.train_seconds,
                    "agent": name,
                    "opponent": opponent,
                    "simulations": used,
                    "wins": result.wins,
                    "draws": result.draws,
                    "losses": result.losses,
                    "pairs": list(result.pairs_5),
                    "distinct_games": result.distinct_games,
                    "score": result.score,
                    "score_low": low,
                    "score_high": high,
                    "seed": config.seed,
                }
            )
    return lines


def check(config: Config) -> None:
    """`ValueError` before a run begins, if one of its reference players cannot play the game."""
    game = games.make(config.game)
    for opponent in config.eval.opponents:
        agents.make(opponent, game)
