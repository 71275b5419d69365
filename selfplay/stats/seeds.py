"""Curves that seeds repeat: when one overtakes another, how fast an error falls, how much one has of another.

S seeds, X points along the axis, ascending. Intervals are 95 %, over seeds, by Student's distribution.
"""

import math

import numpy as np

from selfplay.stats import score


def mean(values_SX: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean over seeds [X], and half the width of its interval [X]; that of one seed is infinite."""
    seeds = len(values_SX)
    if seeds < 2:
        return values_SX.mean(axis=0), np.full(values_SX.shape[1:], math.inf)
    quantile = float(score.student_quantile(0.975, np.array(seeds - 1.0)))
    return values_SX.mean(axis=0), quantile * values_SX.std(axis=0, ddof=1) / math.sqrt(seeds)


def overtaking(x_X: np.ndarray, lead_SX: np.ndarray) -> tuple[float | None, float | None, float | None]:
    """From where on `lead` is above 0: value, low and high bound, on a logarithmic axis.

    The value is None if the lead is not above 0 at the last point. The low bound is where the upper bound of the lead
    rises above 0 for good: None if it always is, the last point if it never does ("beyond it"). The high bound is where
    the lower bound of the lead does: None if it never does.
    """
    mean_X, half_X = mean(lead_SX)
    value, low, high = (_last_rise(np.log(x_X), height_X) for height_X in (mean_X, mean_X + half_X, mean_X - half_X))
    return (
        None if value is None else math.exp(max(value, math.log(x_X[0]))),
        float(x_X[-1]) if low is None else None if low == -math.inf else math.exp(low),
        None if high is None else math.exp(max(high, math.log(x_X[0]))),
    )


def _last_rise(x_X: np.ndarray, height_X: np.ndarray) -> float | None:
    """Where the line through these points rises above 0 for the last time; -inf if it is always above, None if it ends
    at 0 or below."""
    below = np.flatnonzero(height_X <= 0)
    if len(below) == 0:
        return -math.inf
    at = int(below[-1])
    if at == len(x_X) - 1:
        return None
    share = -height_X[at] / (height_X[at + 1] - height_X[at]) if math.isfinite(height_X[at]) else 1.0
    return float(x_X[at] + share * (x_X[at + 1] - x_X[at]))


def exponent(x_X: np.ndarray, error_SX: np.ndarray) -> tuple[float, float, float]:
    """a of error = c x^-a, fitted to each seed in logarithms: value, low and high bound."""
    from_mean_X = np.log(x_X) - np.log(x_X).mean()
    slopes_S1 = -(np.log(error_SX) @ from_mean_X / (from_mean_X**2).sum())[:, None]
    (middle,), (half,) = (found_1.tolist() for found_1 in mean(slopes_S1))
    return middle, middle - half, middle + half


def ratio(above_S: np.ndarray, below_S: np.ndarray) -> tuple[float, float | None, float | None]:
    """The mean of `above` over that of `below`, and its bounds after Fieller (1954): all ratios r for which above - r
    below is not told from 0, seed by seed. None where `below` itself is not told from 0, so that r has no bounds."""
    seeds = len(above_S)
    above, below = float(above_S.mean()), float(below_S.mean())
    if seeds < 2:
        return above / below, None, None
    quantile = float(score.student_quantile(0.975, np.array(seeds - 1.0)))
    (of_above, of_both), (_, of_below) = (np.cov(above_S, below_S) * quantile**2 / seeds).tolist()
    square, middle, rest = below**2 - of_below, above * below - of_both, above**2 - of_above
    if square <= 0:
        return above / below, None, None
    half = math.sqrt(max(0.0, middle**2 - square * rest))
    return above / below, (middle - half) / square, (middle + half) / square


def rank_correlation(first_SX: np.ndarray, second_SX: np.ndarray) -> np.ndarray:
    """Spearman's, of each seed [S]: 1 where both rise together. Equal values share their rank; where one side has a
    single value there is nothing to go by, and it is 0."""
    pairs = zip(_ranks(first_SX), _ranks(second_SX), strict=True)
    return np.array(
        [float(a_X @ b_X) / max(math.sqrt(float(a_X @ a_X) * float(b_X @ b_X)), 1e-12) for a_X, b_X in pairs]
    )


def _ranks(values_SX: np.ndarray) -> np.ndarray:
    """How many values of the same seed are below each, equals counting half, less the mean."""
    below_SXX = (values_SX[:, :, None] > values_SX[:, None, :]) + 0.5 * (values_SX[:, :, None] == values_SX[:, None, :])
    ranks_SX = below_SXX.sum(axis=2)
    return ranks_SX - ranks_SX.mean(axis=1, keepdims=True)
