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
    return found
