"""From pairs of games to a score with its interval, and from scores to Elo.

A pair is one opening played with both colours, so its two games are not independent: the pair is the unit.
`pairs_5[i]` counts the pairs in which the player got i / 2 points of 2 (pentanomial counts).
"""

import math
from collections.abc import Sequence

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


def interval(pairs_5: Sequence[int]) -> tuple[float, float, float]:
    """The score and its 95 % interval.

    Wilson's interval for as many yes-or-no trials as would vary like these pairs do: draws and pairs that cancel
    out count for more trials, so it is narrower than that of independent games. Half a lost and half a won pair
    are added to estimate the variance, so that a clean sweep does not look certain.
    """
    score, _ = _moments(pairs_5)
    mean, variance = _moments([pairs_5[0] + 0.5, *pairs_5[1:4], pairs_5[4] + 0.5])
    trials = sum(pairs_5) * mean * (1 - mean) / variance
    return score, *wilson(score, trials)


def elo(score: float) -> float | None:
    """The Elo difference that a score stands for; None where it is unbounded (0 or 1)."""
    if not 0 < score < 1:
        return None
    return 400 * math.log10(score / (1 - score))


def resolution(games: int) -> float:
    """Half the width, in Elo, of the 95 % interval of a match between equals without draws."""
    low, high = wilson(0.5, games)
    return 200 * (math.log10(high / (1 - high)) - math.log10(low / (1 - low)))
