"""A learner's score over its training compute: a smooth curve through its matches, with a band.

B curves, E evaluations of each (missing ones have no pairs), G points of a grid. x is log10 of training FLOPs;
strength is the logit of the score (1 is 174 Elo; 0 is a score of 50 %).

    strength(x) = level + integral of slope from the first x      what is sought
    pairs at x ~ mean logistic(strength(x) + wobble)              each checkpoint a little above or below its trend

The level has a wide normal prior. The slope may change on the way, so a curve can bend and level off: it is a
stationary process that forgets with distance (Ornstein and Uhlenbeck). The variance of a pair's score is measured
from the pentanomial counts of the curve. This is a Gaussian process with a quasi-binomial likelihood, solved by
Laplace's approximation (Rasmussen and Williams 2006, algorithms 3.1 and 3.2); it needs no evaluation to be there,
a clean sweep does not make it certain, and beyond the last evaluation its band widens by itself.

The constants are near the maximum of the marginal likelihood of three runs of Connect Four (12 curves, 8 to 10
evaluations each), the slope's somewhat wider; a slope that drifts for good (a cubic smoothing spline) was 12 nats
worse. `selfplay bench coverage` measures how often the intervals that come of it hold the truth. On the same
simulated learners (400 of them) 95 % intervals of the crossing held it in 97 % and were 0.16 decades wide; those of an
isotonic fit, by bootstrap over pairs, in 92 % and 0.19 wide; those of one logistic for the whole run in 39 %.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LEVEL_SD = 3.0  # logits, around a score of 50 % at the first evaluation
_SLOPE, _SLOPE_SD = 2.5, 1.5  # logits per decade, 434 Elo; Jones 2021 has 500
_MEMORY = 0.6  # decades over which a slope is remembered
_WOBBLE = 0.1  # logits, 17 Elo
_DISPERSION = 0.5  # variance of a pair's mean score over mu (1 - mu), if its two games were independent
_DISPERSION_PAIRS = 10  # how many pairs that expectation counts for


@dataclass(frozen=True)
class Curves:
    """Strengths of B curves at the points of their grids: expectation and standard deviation, in logits."""

    mean_BG: np.ndarray
    sd_BG: np.ndarray


def fit(x_BE: np.ndarray, pairs_BE5: np.ndarray, grid_BG: np.ndarray, opponent_BE: np.ndarray | None = None) -> Curves:
    """The curves through evaluations at x_BE, first one first, at the points grid_BG (none before the first).

    With `opponent_BE`, the strengths of who was met in logits, a curve is one of strength on the scale of those: a
    checkpoint may meet several opponents (the same x again), and its wobble is the same against all of them.
    """
    halves_5 = np.arange(5) / 4
    count_BE = pairs_BE5.sum(axis=2)
    score_BE = (pairs_BE5 @ halves_5) / np.maximum(count_BE, 1)
    scatter_B = (pairs_BE5 * (halves_5 - score_BE[..., None]) ** 2).sum(axis=(1, 2))
    expected_B = (count_BE * score_BE * (1 - score_BE)).sum(axis=1)
    prior = _DISPERSION_PAIRS * 0.25
    trials_BE = count_BE / ((scatter_B + _DISPERSION * prior) / (expected_B + prior))[:, None]

    first_B1 = x_BE[:, :1]
    trend_BE = _SLOPE * (x_BE - first_B1)
    against_BE = np.zeros_like(x_BE) if opponent_BE is None else opponent_BE
    alike_BEE = np.eye(x_BE.shape[1]) if opponent_BE is None else x_BE[:, :, None] == x_BE[:, None, :]
    prior_BEE = _covariance(x_BE - first_B1, x_BE - first_B1) + _WOBBLE**2 * alike_BEE
    strength_BE: NDArray[np.float64] = trend_BE
    steps_left = 50
    while True:
        mu_BE = 1 / (1 + np.exp(against_BE - strength_BE))
        weight_BE = trials_BE * mu_BE * (1 - mu_BE)
        root_BE = np.sqrt(weight_BE)
        inner_BEE: NDArray[np.float64] = np.eye(x_BE.shape[1]) + root_BE[:, :, None] * prior_BEE * root_BE[:, None, :]
        target_BE = weight_BE * (strength_BE - trend_BE) + trials_BE * (score_BE - mu_BE)
        inward_BE: NDArray[np.float64] = root_BE * (prior_BEE @ target_BE[..., None])[..., 0]
        slope_BE = target_BE - root_BE * np.linalg.solve(inner_BEE, inward_BE[..., None])[..., 0]
        step_BE = trend_BE + (prior_BEE @ slope_BE[..., None])[..., 0] - strength_BE
        strength_BE = strength_BE + np.clip(step_BE, -2, 2)  # far from the maximum a full step overshoots
        steps_left -= 1
        if steps_left == 0 or np.abs(step_BE).max(initial=0) < 1e-8:
            break

    ahead_BG = grid_BG - first_B1
    cross_BGE = _covariance(ahead_BG, x_BE - first_B1)
    mean_BG = _SLOPE * ahead_BG + (cross_BGE @ slope_BE[..., None])[..., 0]
    inward_BEG: NDArray[np.float64] = root_BE[:, :, None] * cross_BGE.transpose(0, 2, 1)
    explained_BEG = np.linalg.solve(inner_BEE, inward_BEG)
    variance_BG = _variance(ahead_BG) - (cross_BGE * root_BE[:, None, :] * explained_BEG.transpose(0, 2, 1)).sum(axis=2)
    return Curves(mean_BG, np.sqrt(np.maximum(variance_BG, 0)))


def _covariance(s_BM: np.ndarray, t_BN: np.ndarray) -> np.ndarray:
    """Prior covariance of the strengths at s and t decades after the first evaluation: the integrated process."""
    s_BM1, t_B1N = s_BM[:, :, None] / _MEMORY, t_BN[:, None, :] / _MEMORY
    joint = 2 * np.minimum(s_BM1, t_B1N) - 1 + np.exp(-s_BM1) + np.exp(-t_B1N) - np.exp(-np.abs(s_BM1 - t_B1N))
    return _LEVEL_SD**2 + (_SLOPE_SD * _MEMORY) ** 2 * joint


def _variance(s_BM: np.ndarray) -> np.ndarray:
    """The diagonal of `_covariance(s, s)`."""
    s_BM = s_BM / _MEMORY
    return _LEVEL_SD**2 + 2 * (_SLOPE_SD * _MEMORY) ** 2 * (s_BM - 1 + np.exp(-s_BM))
