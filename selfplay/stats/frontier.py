"""Training compute against thinking time: from which compute on how many simulations a move overtake each opponent, and
how much of one is worth how much of the other.

P players.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selfplay.stats import crossover
from selfplay.stats.records import Crossing, Lines

Array = NDArray[np.float64]

_FEWEST = 3  # numbers of simulations: fewer make no frontier to see


@dataclass(frozen=True, kw_only=True)
class Point:
    """One point of the frontier of an opponent."""

    simulations: int
    """for each move; 1 for the network alone"""
    crossing: Crossing


def points(lines: Lines) -> list[Point]:
    """The crossings of every player with a number of simulations, from all of a run's matches.

    None if there are fewer than three such numbers. Players by the clock have none.
    """
    agents = {line.agent: _simulations(line.agent) for line in lines if line.flops > 0}
    if len({number for number in agents.values() if number is not None}) < _FEWEST:
        return []
    crossings = crossover.record(lines, "").crossings
    return [
        Point(simulations=number, crossing=crossing)
        for crossing in crossings
        if (number := agents[crossing.agent]) is not None
    ]


def _simulations(agent: str) -> int | None:
    if agent == "net":
        return 1
    searched = re.fullmatch(r"mcts:sims=(\d+)", agent)
    return int(searched[1]) if searched else None


class Surface(NamedTuple):
    """Strength over x, log10 of training compute, and y, log10 of thinking, of second degree in both."""

    x_middle: float
    y_middle: float
    constants_6: Array
    """of 1, x, y, x^2, x y, y^2, counted from the middle"""

    def at(self, x_P: Array, y_P: Array) -> Array:
        """Strength [P]."""
        return _terms(x_P - self.x_middle, y_P - self.y_middle) @ self.constants_6

    def gradient(self, x_P: Array, y_P: Array) -> tuple[Array, Array]:
        """Strength [P] for ten times the training, and for ten times the thinking, right there."""
        _, a, b, aa, ab, bb = self.constants_6.tolist()
        x_P, y_P = x_P - self.x_middle, y_P - self.y_middle
        return a + 2 * aa * x_P + ab * y_P, b + ab * x_P + 2 * bb * y_P


def _terms(x_P: Array, y_P: Array) -> Array:
    return np.stack([np.ones_like(x_P), x_P, y_P, x_P**2, x_P * y_P, y_P**2], axis=-1)


def fit_surface(x_P: Array, y_P: Array, strength_P: Array) -> Surface:
    """By least squares."""
    x, y = float(x_P.mean()), float(y_P.mean())
    constants_6 = np.linalg.lstsq(_terms(x_P - x, y_P - y), strength_P)[0]
    return Surface(x, y, constants_6.astype(np.float64))


def exchange(x_P: Array, y_P: Array, strength_P: Array, level: float, width: float) -> float:
    """d y / d x among players of one strength: by how many factors of ten thinking may fall when training grows by one.

    Read off the surface through all players, at those whose fitted strength is about `level`: each weighs as a normal
    distribution of that `width` has it.
    """
    surface = fit_surface(x_P, y_P, strength_P)
    weight_P = np.exp(-(((surface.at(x_P, y_P) - level) / width) ** 2) / 2)
    of_training_P, of_thinking_P = surface.gradient(x_P, y_P)
    return -float(weight_P @ of_training_P) / float(weight_P @ of_thinking_P)
