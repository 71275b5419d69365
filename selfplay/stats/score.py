"""From pairs of games to a score with its interval, and from scores to Elo.

A pair is one opening played with both colours, so its two games are not independent: the pair is the unit.
`pairs_5[i]` counts the pairs in which the player got i / 2 points of 2 (pentanomial counts). Where players that do not
vary meet in the same opening again they play the same pair again, which says nothing new: see `evidence`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Z95 = 1.959964  # standard normal quantile of a two-sided 95 % interval


def wilson(share: float, count: float) -> tuple[float, float]:
    """The 95 % interval of a share seen in `count` independent trials (Wilson 1927)."""
    if count == 0:
        return 0.0, 1.0
    centre = (share + Z95**2 / (2 * count)) / (1 + Z95**2 / count)
    half = Z95 / (1 + Z95**2 / count) * math.sqrt(share * (1 - share) / count + Z95**2 / (4 * count**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def _moments(pairs_5: Sequence[float]) -> tuple[float, float]:
    """Mean and variance of a pair's score, each pair counted as 0 to 1."""
    count = sum(pairs_5)
    mean = sum(n * i / 4 for i, n in enumerate(pairs_5)) / count
    return mean, sum(n * (i / 4 - mean) ** 2 for i, n in enumerate(pairs_5)) / count


def evidence(pairs_5: Sequence[int], distinct: int | None) -> Sequence[float]:
    """The counts scaled down to as many pairs as are distinct; as they are if all are, or nobody knows (None).

    What intervals, ratings and sequential tests are computed from. The score is that of all pairs.
    """
    pairs = sum(pairs_5)
    return pairs_5 if distinct is None or distinct == pairs else [n * distinct / pairs for n in pairs_5]


def interval(pairs_5: Sequence[float]) -> tuple[float, float, float]:
    """The score and its 95 % interval.

    Wilson's interval for as many yes-or-no trials as would vary like these pairs do: draws and pairs that cancel
    out count for more trials, so it is narrower than that of independent games. Half a lost and half a won pair
    are added to estimate the variance, so that a clean sweep does not look certain.
    """
    score, _ = _moments(pairs_5)
    mean, variance = _moments([pairs_5[0] + 0.5, *pairs_5[1:4], pairs_5[4] + 0.5])
    trials = sum(pairs_5) * mean * (1 - mean) / variance
    return score, *wilson(score, trials)


def standard_error(pairs_5: Sequence[float]) -> float:
    """Of the score; half a lost and half a won pair are added, so that a clean sweep does not look certain."""
    variance = _moments([pairs_5[0] + 0.5, *pairs_5[1:4], pairs_5[4] + 0.5])[1]
    return math.sqrt(variance / (sum(pairs_5) + 1))


_STUDENT = (
    12.706,
    4.303,
    3.182,
    2.776,
    2.571,
    2.447,
    2.365,
    2.306,
    2.262,
)  # quantiles 97.5 % of 1 to 9 degrees of freedom


_GAUSS_2I = np.polynomial.legendre.leggauss(20)
_NODES_I, _WEIGHTS_I = (_GAUSS_2I[0] + 1) / 2, _GAUSS_2I[1] / 2  # of an integral from 0 to 1


def student(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean of a few seeds' values and its 95 % interval (Student 1908).

    Beyond ten values the quantile is that of its expansion in 1 / degrees of freedom, right to 0.003.
    """
    count, mean = len(values), sum(values) / len(values)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (count - 1))
    quantile = _STUDENT[count - 2] if count <= 10 else 1.96 + 2.37 / (count - 1) + 2.83 / (count - 1) ** 2
    half = quantile * deviation / math.sqrt(count)
    return mean, mean - half, mean + half


def student_quantile(share: float, freedom_X: np.ndarray) -> np.ndarray:
    """Of Student's distribution, for a share above 1/2 and degrees of freedom from 1 up, whole or not.

    With t = sqrt(freedom) tan(angle), the density is a constant times cos(angle) ** (freedom - 1). Newton's method
    rises from 0 to the angle that has the share below it, for the density falls. The integral is by Gauss's rule.
    """
    freedom_X = np.asarray(freedom_X, float)
    gammas_X = np.array([math.exp(math.lgamma((v + 1) / 2) - math.lgamma(v / 2)) for v in freedom_X.flat])
    constant_X = gammas_X.reshape(freedom_X.shape) / math.sqrt(math.pi)
    angle_X = np.zeros_like(freedom_X)
    for _ in range(30):
        heights_XI = np.cos(angle_X[..., None] * _NODES_I) ** (freedom_X[..., None] - 1)
        missing_X = share - 0.5 - constant_X * angle_X * (heights_XI @ _WEIGHTS_I)
        step_X = missing_X / (constant_X * np.cos(angle_X) ** (freedom_X - 1))
        angle_X = angle_X + step_X
        if np.abs(step_X).max(initial=0) < 1e-12:
            break
    return np.sqrt(freedom_X) * np.tan(angle_X)


def elo(score: float) -> float | None:
    """The Elo difference that a score stands for; None where it is unbounded (0 or 1)."""
    if not 0 < score < 1:
        return None
    return 400 * math.log10(score / (1 - score))


def expected(elo: float) -> float:
    """The score that an Elo difference stands for."""
    return 1 / (1 + 10 ** (-elo / 400))


def resolution(games: int) -> float:
    """Half the width, in Elo, of the 95 % interval of a match between equals without draws."""
    low, high = wilson(0.5, games)
    return 200 * (math.log10(high / (1 - high)) - math.log10(low / (1 - low)))


_DECISIVE = math.log(0.95 / 0.05)  # Wald 1945: 5 % errors of either kind
_UNSEEN = 1e-3  # pairs added to each of the five results, so that none is impossible (as fishtest does)


@dataclass(frozen=True)
class Sequential:
    """Where a sequential test stands: H0, the difference is `elo0`, against H1, it is `elo1`."""

    elo0: float
    elo1: float
    llr: float
    """log likelihood ratio, H1 over H0"""
    lower: float = -_DECISIVE
    upper: float = _DECISIVE

    @property
    def decision(self) -> str | None:
        """ "H0", "H1", or None while more games are needed"""
        return "H1" if self.llr >= self.upper else "H0" if self.llr <= self.lower else None

    @property
    def decided(self) -> bool:
        return self.decision is not None

    def as_dict(self) -> dict[str, Any]:
        named = {name: getattr(self, name) for name in ("elo0", "elo1", "llr", "lower", "upper")}
        return {**named, "decision": self.decision}


def sprt(pairs_5: Sequence[float], elo0: float, elo1: float) -> Sequential:
    """The generalised sequential probability ratio test on pairs of games, alpha = beta = 0.05.

    Each hypothesis fixes the expected score alone and is given the pair distribution of that mean under which the
    counts are likeliest (Van den Bergh, "The generalized maximum likelihood ratio for the expectation value of a
    distribution", the test of fishtest). Elo is logistic. May be asked after every pair.
    """
    seen_5 = [n + _UNSEEN for n in pairs_5]

    def log_likelihood(mean: float) -> float:
        """Of the counts, at best, less a constant; the best distribution is p_i / (1 + x (i / 4 - mean))."""
        x, low, high = 0.0, -1 / (1 - mean), 1 / mean
        for _ in range(60):
            x = (low + high) / 2
            excess = sum(n * (i / 4 - mean) / (1 + x * (i / 4 - mean)) for i, n in enumerate(seen_5))
            low, high = (x, high) if excess > 0 else (low, x)
        return -sum(n * math.log1p(x * (i / 4 - mean)) for i, n in enumerate(seen_5))

    return Sequential(elo0, elo1, log_likelihood(expected(elo1)) - log_likelihood(expected(elo0)))
