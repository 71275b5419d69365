"""What a generation's self-play was like, as numbers; selfplay/run/metrics.py says what each of them means."""

import numpy as np

from games import outcome
from selfplay.train.actor import Harvest


def play_metrics(harvests: list[Harvest], seconds: float) -> dict[str, float]:
    """What one generation's self-play was like."""
    facts = np.concatenate([harvest.facts_M for harvest in harvests])
    policies_MA = np.concatenate([harvest.policies_MA for harvest in harvests])
    states_MW = np.concatenate([harvest.states_MW for harvest in harvests])
    results = np.concatenate([harvest.results for harvest in harvests])
    lengths = np.concatenate([harvest.lengths for harvest in harvests])
    evaluations = sum(harvest.evaluations for harvest in harvests)
    hits = sum(harvest.cache_hits for harvest in harvests)
    busy = sum(harvest.seconds for harvest in harvests)
    network = sum(harvest.network_seconds for harvest in harvests)
    reached_M = outcome.value(facts["z"].astype(np.float64))
    entropy_M = -(policies_MA * np.log(np.maximum(policies_MA, 1e-12))).sum(axis=1)
    rows = np.ascontiguousarray(states_MW).view(np.dtype((np.void, states_MW.shape[1] * 8)))
    of_games = {
        "games/length": lengths.mean,
        "games/first_player_score": (1.0 - results / 2.0).mean,
        "games/draws": (results == outcome.DRAWN).mean,
        "games/redrawn_openings": lambda: sum(harvest.redrawn for harvest in harvests) / len(results),
    }
    return {
        "policy/entropy": float(entropy_M.mean()),
        "policy/kl_search_net": float(facts["divergence"].mean()),
        "value/calibration": calibration_error(facts["net_value"], reached_M),
        "value/accuracy": float((np.sign(np.round(facts["net_value"])) == reached_M).mean()),
        **({name: float(number()) for name, number in of_games.items()} if len(results) else {}),
        "games/distinct_positions": len(np.unique(rows)) / len(rows),
        "proven/share": float((facts["proven"] > 0).mean()),
        "play/positions_per_s": len(facts) / seconds,
        "play/evaluations_per_s": evaluations / seconds,
        "play/simulations_per_s": sum(harvest.simulations for harvest in harvests) / seconds,
        "play/network_share": network / busy,
        "play/tree_share": 1.0 - network / busy,
        "play/cache_hits": hits / max(hits + evaluations, 1),
    }


def calibration_error(predicted_M: np.ndarray, reached_M: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error of values in [-1, 1]: the mean distance of prediction from outcome by bin."""
    bin_M = np.clip(((predicted_M + 1.0) / 2.0 * bins).astype(int), 0, bins - 1)
    total = np.bincount(bin_M, minlength=bins)
    gap = np.bincount(bin_M, predicted_M, bins) - np.bincount(bin_M, reached_M, bins)
    return float(np.abs(gap).sum() / max(total.sum(), 1))
