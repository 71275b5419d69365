"""Laws of growth: forms that strength is said to follow over compute, by least squares, with intervals over runs.

x is log10 of compute. Three forms of one curve, each with a few constants:

    POWER          y = level + slope x. A power law where y is a logarithm, as Elo is: Elo = 400 alpha log10 C + level
                   has the exponent alpha (Neumann and Gros 2023).
    change_point   y = min(top, max(floor, level + slope x)): flat, then rising, then perfect (Jones 2021, one board).
    sigmoid        y = floor + (top - floor) / (1 + exp(-steepness (x - middle))): towards a known top (ScaleRL 2025).

And one of many boards at once, `Frontier` (Jones 2021).

P points, K constants, R runs, B resamples.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from selfplay.stats import score, seeds

T = TypeVar("T")
Array = NDArray[np.float64]
Run = tuple[Array, Array]
"""x [P] and y [P] of one run"""


@dataclass(frozen=True)
class Law:
    """A form with constants."""

    name: str
    constants: tuple[str, ...]
    curve: Callable[[Array, Array], Array]
    """y [P] at x [P], for constants [K]"""
    start: Callable[[Array, Array], Array]
    """constants [K] to begin with, from x [P] and y [P]"""


def _line(x_P: Array, y_P: Array) -> Array:
    """Level and slope of the straight line of least squares."""
    middle, spread_P = float(x_P.mean()), x_P - x_P.mean()
    slope = float(spread_P @ y_P) / max(float(spread_P @ spread_P), 1e-12)
    return np.array([float(y_P.mean()) - slope * middle, slope])


POWER = Law("power law", ("level", "slope"), lambda x_P, constants_K: constants_K[0] + constants_K[1] * x_P, _line)


def change_point(top: float) -> Law:
    """Flat, then a straight line, then flat at `top`, which is known."""

    def curve(x_P: Array, constants_K: Array) -> Array:
        floor, level, slope = constants_K
        return np.minimum(top, np.maximum(floor, level + slope * x_P))

    def start(x_P: Array, y_P: Array) -> Array:
        floor = float(np.quantile(y_P, 0.1))
        rising_P = (y_P > floor + 0.15 * (top - floor)) & (y_P < top - 0.1 * (top - floor))
        chosen_P = rising_P if rising_P.sum() >= 2 else np.full(len(x_P), True)
        return np.array([floor, *_line(x_P[chosen_P], y_P[chosen_P])])

    return Law("change point", ("floor", "level", "slope"), curve, start)


def sigmoid(top: float) -> Law:
    """From a floor to `top`, which is known."""

    def curve(x_P: Array, constants_K: Array) -> Array:
        floor, steepness, middle = constants_K
        return floor + (top - floor) / (1 + np.exp(-np.clip(steepness * (x_P - middle), -60, 60)))

    def start(x_P: Array, y_P: Array) -> Array:
        floor = float(y_P.min()) - 0.05 * (top - float(y_P.min()))
        share_P = np.clip((y_P - floor) / (top - floor), 0.02, 0.98)
        level, slope = _line(x_P, np.log(share_P / (1 - share_P)))
        slope = max(slope, 1e-2)
        return np.array([floor, slope, -level / slope])

    return Law("sigmoid", ("floor", "steepness", "middle"), curve, start)


def fit(law: Law, runs: Sequence[Run]) -> Array:
    """The constants [K] that suit the points of all runs best, by least squares, each point alike."""
    x_P, y_P = (np.concatenate([run[side] for run in runs]) for side in (0, 1))
    start_K = law.start(x_P, y_P)
    return start_K if law is POWER else _least_squares(lambda constants_K: law.curve(x_P, constants_K) - y_P, start_K)


def _least_squares(residuals: Callable[[Array], Array], start_K: Array) -> Array:
    from scipy import optimize  # pyright: ignore[reportMissingTypeStubs]  # takes half a second to load

    solve: Any = optimize.least_squares  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return solve(residuals, start_K, x_scale=np.maximum(np.abs(start_K), 1e-3)).x


class Interval(NamedTuple):
    """A constant with its 95 % interval."""

    value: float
    low: float
    high: float


def over_runs(law: Law, runs: Sequence[Run]) -> dict[str, Interval]:
    """The constants of a law by name: the mean of what each run gives by itself, and Student's interval over runs.

    Runs are not fitted together: curves that differ in where they bend have a mean that bends more slowly than any.
    """
    constants_RK = np.array([fit(law, [run]) for run in runs])
    value_K, half_K = seeds.mean(constants_RK)
    return {
        name: Interval(value, value - half, value + half)
        for name, value, half in zip(law.constants, value_K.tolist(), half_K.tolist(), strict=True)
    }


def bootstrap(
    statistic: Callable[[Sequence[T]], float], runs: Sequence[T], *, resamples: int = 200, seed: int = 0
) -> Interval:
    """A number that takes all runs at once, in whatever order, with its interval from resampling whole runs, whose
    points are not independent.

    The scatter of the resampled numbers is widened as that of so few runs has to be: by sqrt(n / (n - 1)), since a
    resample knows no other runs than these, and by Student's quantile instead of the normal one. Percentiles would hold
    the truth in three of four experiments with three runs. `ValueError` for a single run.
    """
    count = len(runs)
    if count < 2:
        raise ValueError("an interval over runs takes two runs at least")
    drawn_BR: list[list[int]] = np.random.default_rng(seed).integers(count, size=(resamples, count)).tolist()

    @functools.cache  # of three runs there are but ten resamples
    def of(drawn_R: tuple[int, ...]) -> float:
        return statistic([runs[i] for i in drawn_R])

    drawn_B = [of(tuple(sorted(drawn_R))) for drawn_R in drawn_BR]
    quantile = float(score.student_quantile(0.975, np.array(count - 1.0)))
    half = quantile * math.sqrt(count / (count - 1)) * float(np.std(drawn_B, ddof=1))
    value = statistic(runs)
    return Interval(value, value - half, value + half)


def error_beyond(law: Law, runs: Sequence[Run], until: float) -> float:
    """How far off a law is where it has not seen: the root of the mean squared error at x above `until`, fitted to what
    lies below. `ValueError` if either side has too few points."""
    seen = [(x_P[x_P <= until], y_P[x_P <= until]) for x_P, y_P in runs]
    x_P, y_P = (np.concatenate([run[side][run[0] > until] for run in runs]) for side in (0, 1))
    if len(x_P) == 0 or sum(len(one[0]) for one in seen) <= len(law.constants):
        raise ValueError(f"x = {until:g} leaves too few points below or above")
    return float(np.sqrt(np.mean((law.curve(x_P, fit(law, seen)) - y_P) ** 2)))


Bounds = tuple[float, float | None, float | None]
"""a value with its 95 % interval; None where there is no bound"""


class Gain(NamedTuple):
    """Compute-equivalent gain of one way of learning over another: the factor of compute that the other needs for what
    the one has. 1 is no gain. It depends on where it is measured (Gundlach et al. 2025), so it is a curve."""

    log10_P: Sequence[Bounds]
    """of the factor, at some x"""
    slope: Bounds
    """d log gain / d log compute: below 0, what is gained wears off as compute grows"""


def gain(ours: Sequence[Run], theirs: Sequence[Run], x_P: Array) -> Gain:
    """Of runs that are pairs, the same seed on both sides, each a straight line of y on x.

    With y = a + b x for ours and c + d x for theirs, the other has at x + g what the one has at x where
    g = (a - c) / d + (b / d - 1) x. Both terms are ratios over runs, with Fieller's intervals (`seeds.ratio`).
    """
    lead_R2, theirs_R2 = (np.array([fit(POWER, [run]) for run in runs]) for runs in (ours, theirs))
    lead_R2 -= theirs_R2
    per_decade_R = theirs_R2[:, 1]
    at_P = [seeds.ratio(lead_R2 @ np.array([1.0, x]), per_decade_R) for x in x_P.tolist()]
    return Gain(at_P, seeds.ratio(lead_R2[:, 1], per_decade_R))


class Frontier(NamedTuple):
    """Elo below perfect play, of the best that so much compute gives, for a board of side b and x = log10 FLOPs:
    min(0, max(plateau_slope b + plateau, compute_slope x + size_slope b + level)) (Jones 2021)."""

    plateau_slope: float
    plateau: float
    compute_slope: float
    """Elo for ten times the compute"""
    size_slope: float
    level: float

    def elo(self, size_P: Array, x_P: Array) -> Array:
        rising_P = self.compute_slope * x_P + self.size_slope * size_P + self.level
        return np.minimum(0, np.maximum(self.plateau_slope * size_P + self.plateau, rising_P))

    @property
    def decades_per_size(self) -> float:
        """How much more compute, in factors of ten, the next larger board takes for the same Elo."""
        return -self.size_slope / self.compute_slope


def fit_frontier(size_P: Array, x_P: Array, elo_P: Array) -> Frontier:
    """The frontier that suits these points best, by least squares. It begins with the plateaus through the worst of
    each size and the incline through what lies between a seventh and six sevenths of the way up."""
    sizes_S = np.unique(size_P)
    worst_S = np.array([elo_P[size_P == size].min() for size in sizes_S])
    plateau, plateau_slope = _line(sizes_S, worst_S)
    share_P = elo_P / (plateau + plateau_slope * size_P)
    rising_P = (share_P > 1 / 7) & (share_P < 6 / 7)
    design_P3 = np.stack([x_P, size_P, np.ones_like(x_P)], axis=1)[rising_P]
    incline_3 = np.linalg.lstsq(design_P3, elo_P[rising_P])[0]
    start_5 = np.array([plateau_slope, plateau, *incline_3])
    found_5 = _least_squares(lambda five: Frontier(*five.tolist()).elo(size_P, x_P) - elo_P, start_5)
    return Frontier(*found_5.tolist())
