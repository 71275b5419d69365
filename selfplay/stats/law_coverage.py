"""Whether the intervals of laws are true: how often they hold constants that were planted in simulated runs.

Each run has constants of its own, spread normally round the planted ones, and points that scatter: so seeds differ, and
matches are finite.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from selfplay.stats import laws

_X = np.linspace(11, 15, 25)  # log10 of compute


@dataclass(frozen=True)
class Planted:
    """A law with the constants that are to be found."""

    law: laws.Law
    truth: tuple[float, ...]
    spread: tuple[float, ...]
    """standard deviations of the constants over runs"""
    noise: float
    """standard deviation of a point"""


PLANTED = {
    "power law": Planted(laws.POWER, (-3.0, 0.55), (0.3, 0.03), 0.1),
    "change point": Planted(laws.change_point(0.0), (-1200.0, -7000.0, 480.0), (30.0, 100.0, 8.0), 15.0),
    "sigmoid": Planted(laws.sigmoid(1.0), (0.2, 2.5, 12.8), (0.02, 0.1, 0.2), 0.01),
}


def simulated(rng: np.random.Generator, planted: Planted, runs: int) -> Iterator[laws.Run]:
    """Runs that follow the law, each a little differently."""
    for _ in range(runs):
        constants_K = np.array(planted.truth) + np.array(planted.spread) * rng.standard_normal(len(planted.truth))
        yield _X, planted.law.curve(_X, constants_K) + planted.noise * rng.standard_normal(len(_X))


_OURS, _THEIRS = (-1.0, 0.44), (-2.0, 0.55)  # level and slope of two ways of learning
GAINS = {"slope": 0.44 / 0.55 - 1, "log10 at 12": (1 - 0.11 * 12) / 0.55, "log10 at 14": (1 - 0.11 * 14) / 0.55}
"""what the one gains over the other"""


def gains(rng: np.random.Generator, runs: int) -> dict[str, laws.Bounds]:
    """Fitted gains by the names of `GAINS`, of runs whose slopes and levels scatter by a few percent of a slope."""
    planted = PLANTED["power law"]
    ours, theirs = (
        list(simulated(rng, Planted(planted.law, truth, (0.1, 0.01), planted.noise), runs))
        for truth in (_OURS, _THEIRS)
    )
    found = laws.gain(ours, theirs, np.array([12.0, 14.0]))
    return dict(zip(GAINS, (found.slope, *found.log10_P), strict=True))


def _measure_gains(experiments: int, runs: int, seed: int) -> dict[str, float]:
    rng = np.random.default_rng([seed, runs])
    held = dict.fromkeys(GAINS, 0)
    for _ in range(experiments):
        for name, (_, low, high) in gains(rng, runs).items():
            held[name] += (low is None or low <= GAINS[name]) and (high is None or GAINS[name] <= high)
    return {f"gain: {name}, {runs} runs": count / experiments for name, count in held.items()}


def measure(experiments: int = 1000, seed: int = 0) -> dict[str, float]:
    """The share of simulated experiments in which the 95 % interval of each constant held the truth, for three runs
    and for six."""
    found: dict[str, float] = {"experiments": experiments}
    for name, planted in PLANTED.items():
        for runs in (3, 6):
            rng = np.random.default_rng([seed, runs])
            held = dict.fromkeys(planted.law.constants, 0)
            for _ in range(experiments):
                fitted = laws.over_runs(planted.law, list(simulated(rng, planted, runs)))
                for constant, truth in zip(planted.law.constants, planted.truth, strict=True):
                    held[constant] += fitted[constant].low <= truth <= fitted[constant].high
            found |= {f"{name}: {constant}, {runs} runs": count / experiments for constant, count in held.items()}
    for runs in (3, 6):
        found |= _measure_gains(experiments, runs, seed)
    return found
