"""How a learner grew with training compute, and how much compute a gain in Elo would have taken it.

A run's matches against one opponent say how many Elo ten times the training compute brought its learner while it was
about as strong as that opponent. Elo over slope gives the factor of compute. E evaluations, R resamples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfplay.stats import rating, score
from selfplay.stats.records import EvalLine, Lines

_EVEN = (0.1, 0.9)  # scores between which a match tells how strength grows; beyond, Elo is mostly noise
_FEWEST = 3  # evaluations for a slope
_RESAMPLES = 1000
_MOST_DECADES = 12  # a factor beyond 10^12 is a way of saying that nobody knows


@dataclass(frozen=True, kw_only=True)
class Growth:
    """How a run's learner grew while it was about as strong as one opponent."""

    agent: str
    opponent: str
    evaluations: int
    flops: float
    """training compute at which it scored 50 % against the opponent"""
    elo_per_decade: float
    slopes_R: np.ndarray
    """resampled Elo per decade"""

    def as_dict(self) -> dict[str, Any]:
        low, high = np.quantile(self.slopes_R, [0.025, 0.975])
        return {
            "agent": self.agent,
            "opponent": self.opponent,
            "evaluations": self.evaluations,
            "flops": self.flops,
            "elo_per_decade": self.elo_per_decade,
            "elo_per_decade_low": float(low),
            "elo_per_decade_high": float(high),
        }


def growth(lines: Lines, spec: str, seed: int = 0) -> Growth | None:
    """The growth that the matches of a run tell.

    Against `spec` itself if the run met it often enough, else against the strongest opponent, which the learner was
    even with at the most compute. Only evaluations of between 10 and 90 % tell; None if there are fewer than three
    against anyone, or it did not grow.
    """
    matches: dict[tuple[str, str], list[EvalLine]] = {}
    for line in lines:
        if line.flops > 0 and _EVEN[0] <= line.score <= _EVEN[1]:
            matches.setdefault(line.pairing, []).append(line)
    enough = {pairing: some for pairing, some in matches.items() if len(some) >= _FEWEST}
    if not enough:
        return None
    decades = {pairing: np.log10([line.flops for line in some]) for pairing, some in enough.items()}
    pairing = max(enough, key=lambda p: (p[1] == spec, "sims" in p[0], decades[p].mean()))
    x_E = decades[pairing]
    pairs_E5 = np.array([line.evidence_5 for line in enough[pairing]], float)
    level, slope = _line(x_E, pairs_E5)
    if slope <= 0:
        return None
    rng = np.random.default_rng(seed)
    slopes: list[float] = []
    while len(slopes) < _RESAMPLES:
        drawn_E = rng.integers(len(x_E), size=len(x_E))  # checkpoints scatter too, not only games
        if len(np.unique(drawn_E)) < 2:
            continue
        slopes.append(_line(x_E[drawn_E], np.array([_redrawn(rng, pairs_5) for pairs_5 in pairs_E5[drawn_E]]))[1])
    return Growth(
        agent=pairing[0],
        opponent=pairing[1],
        evaluations=len(x_E),
        flops=float(10 ** (x_E.mean() - level / slope)),
        elo_per_decade=rating.ELO * slope,
        slopes_R=rating.ELO * np.array(slopes),
    )


def _line(x_E: np.ndarray, pairs_E5: np.ndarray) -> tuple[float, float]:
    """Logit of the score as a straight line over x, most likely: its value at the mean of x, and its slope."""
    points_E = pairs_E5 @ (np.arange(5) / 4)
    count_E = pairs_E5.sum(axis=1)
    design_E2 = np.stack([np.ones_like(x_E), x_E - x_E.mean()], axis=1)
    beta_2 = np.zeros(2)
    for _ in range(50):
        mu_E = 1 / (1 + np.exp(-design_E2 @ beta_2))
        weight_E = count_E * mu_E * (1 - mu_E) + 1e-9
        curvature_22: NDArray[np.float64] = (design_E2 * weight_E[:, None]).T @ design_E2 + 1e-9 * np.eye(2)
        slope_2: NDArray[np.float64] = design_E2.T @ (points_E - count_E * mu_E)
        step_2 = np.linalg.solve(curvature_22, slope_2)
        beta_2 += np.clip(step_2, -3, 3)
        if np.abs(step_2).max() < 1e-9:
            break
    return float(beta_2[0]), float(beta_2[1])


def _redrawn(rng: np.random.Generator, pairs_5: Sequence[float]) -> np.ndarray:
    """As many pairs, drawn anew with replacement."""
    weights_5 = np.asarray(pairs_5, float) + rating.UNSEEN_5
    return rng.multinomial(round(sum(pairs_5)), weights_5 / weights_5.sum())


@dataclass(frozen=True, kw_only=True)
class Factor:
    """Of training compute that buys as much as a gain in Elo, with its 95 % interval; None is beyond what the run can
    tell."""

    factor: float | None = None
    factor_low: float | None = None
    factor_high: float | None = None


def factor(pairs_5: Sequence[float], grown: Growth, seed: int = 0) -> Factor:
    """The compute that buys what the winner of this match is ahead; `pairs_5` are its pairs, as `score` counts them."""
    rng = np.random.default_rng(seed)
    pairs = sum(pairs_5)
    least = 0.25 / (2 * pairs)  # half a draw: a score of 0 has no Elo
    points_R = [_redrawn(rng, pairs_5) @ (np.arange(5) / 4) / pairs for _ in grown.slopes_R]
    gains_R = np.array([score.elo(float(points)) for points in np.clip(points_R, least, 1 - least)])
    # Where compute may not have helped at all, no amount of it buys anything.
    with np.errstate(divide="ignore", invalid="ignore"):
        decades_R = np.where(grown.slopes_R > 0, gains_R / grown.slopes_R, np.copysign(np.inf, gains_R))
    low, high = np.quantile(decades_R, [0.025, 0.975], method="nearest")
    elo = score.elo(score.interval(pairs_5)[0])
    return Factor(
        factor=None if elo is None else _power(elo / grown.elo_per_decade),
        factor_low=_power(low),
        factor_high=_power(high),
    )


def _power(decades: float) -> float | None:
    return float(10**decades) if abs(decades) < _MOST_DECADES else None
