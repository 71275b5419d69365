"""Elo ratings of many players from all their matches: Bradley-Terry by maximum likelihood.

N players. P(i beats j) = 1 / (1 + exp(r_j - r_i)); a draw counts as half a win and half a loss. A weak prior
(each player also drew one game with a player rated 0 on the fit's own scale) keeps the ratings finite.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ELO = 400 / math.log(10)  # Elo points of one unit of log odds
_PRIOR_GAMES = 1.0
_RESAMPLES = 400
_UNSEEN_5 = np.array([0.5, 0, 0, 0, 0.5])


@dataclass(frozen=True)
class Rating:
    """A player's Elo and its 95 % interval, relative to the anchor."""

    agent: str
    elo: float
    elo_low: float
    elo_high: float

    def as_dict(self) -> dict:
        return {"agent": self.agent, "elo": self.elo, "elo_low": self.elo_low, "elo_high": self.elo_high}


def fit(points_NN: np.ndarray, prior_games: float = _PRIOR_GAMES) -> np.ndarray:
    """Log-odds ratings [N] that maximise the likelihood of points_NN[i, j], the points of i against j.

    Newton's method; the prior makes the problem strictly concave. The prior's opponent has rating 0.
    """
    games_NN = points_NN + points_NN.T
    rating_N = np.zeros(len(points_NN))
    for _ in range(100):
        expected_NN = 1 / (1 + np.exp(rating_N[None, :] - rating_N[:, None]))
        prior_N = 1 / (1 + np.exp(-rating_N))
        slope_N = (points_NN - games_NN * expected_NN).sum(axis=1) + prior_games * (0.5 - prior_N)
        curvature_NN = games_NN * expected_NN * (1 - expected_NN)
        diagonal_N = curvature_NN.sum(axis=1) + prior_games * prior_N * (1 - prior_N)
        step_N = np.linalg.solve(np.diag(diagonal_N) - curvature_NN, slope_N)
        rating_N += np.clip(step_N, -2, 2)  # far from the maximum a full step overshoots
        if np.abs(step_N).max() < 1e-10:
            break
    return rating_N


def _points(names: Sequence[str], matches: Sequence[tuple[str, str, Sequence[int]]]) -> np.ndarray:
    points_NN = np.zeros((len(names), len(names)))
    for a, b, pairs_5 in matches:
        i, j = names.index(a), names.index(b)
        points_NN[i, j] += sum(count * half / 2 for half, count in enumerate(pairs_5))
        points_NN[j, i] += sum(count * (4 - half) / 2 for half, count in enumerate(pairs_5))
    return points_NN


def rate(
    names: Sequence[str],
    matches: Sequence[tuple[str, str, Sequence[int]]],
    *,
    anchor: int = 0,
    seed: int = 0,
    resamples: int = _RESAMPLES,
) -> list[Rating]:
    """Ratings from matches (a, b, pairs_5 as `score` counts them); player number `anchor` is 0 Elo.

    Intervals: the pairs of games of every match are drawn anew, with replacement, and everything is fitted again.
    Half a lost and half a won pair are among those drawn from, so that a clean sweep does not look certain.
    """
    rng = np.random.default_rng(seed)
    elo_N = ELO * fit(_points(names, matches))
    samples_RN = np.empty((resamples, len(names)))
    for r in range(resamples):
        drawn = []
        for a, b, pairs_5 in matches:
            weights_5 = np.array(pairs_5) + _UNSEEN_5
            drawn.append((a, b, rng.multinomial(sum(pairs_5), weights_5 / weights_5.sum())))
        samples_RN[r] = ELO * fit(_points(names, drawn))
    low_N, high_N = np.quantile(samples_RN - samples_RN[:, [anchor]], [0.025, 0.975], axis=0)
    return [
        Rating(name, float(elo), float(low), float(high))
        for name, elo, low, high in zip(names, elo_N - elo_N[anchor], low_N, high_N, strict=True)
    ]
