"""Points of the plane that belong to one of two arms of a spiral, sampled densely here and thinly there.

The question and its shape are Dzekman's ("Why scaling works: inductive biases vs the bitter lesson", 2024): the arms
wind four times round the origin, with a bulge towards one corner, so that polar coordinates help and are not the
whole truth; the density is a mixture of Gaussian spots that know nothing of the spiral; and there is no noise: a point
belongs to its arm for certain.

N points in the unit disc, M spots.
"""

import functools

import numpy as np

from selfplay.lab.supervised.learners import Labelled

TURNS = 4
_BULGE, _CORNER, _SHARP = 0.12, np.pi / 4, 6.0  # how far the arms bulge out, towards which angle, how sharply
_SPOTS = 12
_EVEN = 0.02  # share of the points that fall anywhere in the disc
_THINNEST = 0.2  # of the disc's area, where fewest points fall


def _mixture() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centres [M, 2], standard deviations [M] and weights [M] of the spots: the same in every experiment."""
    rng = np.random.default_rng(20241022)
    radius_M, angle_M = 0.9 * np.sqrt(rng.random(_SPOTS)), 2 * np.pi * rng.random(_SPOTS)
    centres_M2 = np.stack([radius_M * np.cos(angle_M), radius_M * np.sin(angle_M)], axis=1)
    return centres_M2, rng.uniform(0.06, 0.22, _SPOTS), rng.dirichlet(np.ones(_SPOTS) * 2)


_CENTRES_M2, _SPREAD_M, _WEIGHT_M = _mixture()


def arm(points_N2: np.ndarray) -> np.ndarray:
    """Which arm each point belongs to, 0 or 1, int64 [N]."""
    angle_N = np.arctan2(points_N2[:, 1], points_N2[:, 0])
    bulge_N = 1 + _BULGE * np.exp(_SHARP * (np.cos(angle_N - _CORNER) - 1))
    winding_N = TURNS * np.hypot(points_N2[:, 0], points_N2[:, 1]) / bulge_N - angle_N / (2 * np.pi)
    return np.floor(2 * winding_N).astype(np.int64) & 1


def density(points_N2: np.ndarray) -> np.ndarray:
    """How thickly points are sampled there, beside an even spread over the disc (1), but for what the edge cuts off."""
    square_NM = ((points_N2[:, None, :] - _CENTRES_M2) ** 2).sum(axis=2)
    spots_NM = np.exp(-square_NM / (2 * _SPREAD_M**2)) / (2 * _SPREAD_M**2)
    return _EVEN + (1 - _EVEN) * spots_NM @ _WEIGHT_M


def sample(rng: np.random.Generator, count: int) -> np.ndarray:
    """So many points, [N, 2]."""
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < count:
        spot_N = rng.choice(_SPOTS, size=count, p=_WEIGHT_M)
        points_N2 = _CENTRES_M2[spot_N] + _SPREAD_M[spot_N, None] * rng.standard_normal((count, 2))
        anywhere_N = rng.random(count) < _EVEN
        points_N2[anywhere_N] = spread_evenly(rng, int(anywhere_N.sum()))
        parts.append(points_N2[np.hypot(points_N2[:, 0], points_N2[:, 1]) < 1])
    return np.concatenate(parts)[:count]


def spread_evenly(rng: np.random.Generator, count: int) -> np.ndarray:
    """So many points of the disc, all of it alike, [N, 2]."""
    radius_N, angle_N = np.sqrt(rng.random(count)), 2 * np.pi * rng.random(count)
    return np.stack([radius_N * np.cos(angle_N), radius_N * np.sin(angle_N)], axis=1)


def sample_thin(rng: np.random.Generator, count: int) -> np.ndarray:
    """So many points of the fifth of the disc where fewest are sampled, all of it alike, [N, 2]."""
    points_N2 = spread_evenly(rng, round(1.2 * count / _THINNEST))  # a fifth more than are needed, to be sure
    return points_N2[thin(points_N2)][:count]


def thin(points_N2: np.ndarray) -> np.ndarray:
    """Which of the points lie there, bool [N]."""
    return density(points_N2) < thin_density()


@functools.cache
def thin_density() -> float:
    """Below this lies the thinnest fifth of the disc."""
    return float(np.quantile(density(spread_evenly(np.random.default_rng(0), 20_000)), _THINNEST))


def polar(points_N2: np.ndarray) -> np.ndarray:
    """Radius and angle, each from -1 to 1, [N, 2]."""
    radius_N = np.hypot(points_N2[:, 0], points_N2[:, 1])
    return np.stack([2 * radius_N - 1, np.arctan2(points_N2[:, 1], points_N2[:, 0]) / np.pi], axis=1)


def examples(seed: int, count: int, noise: float = 0.0) -> Labelled:
    """Points to learn from; the share `noise` of the labels is turned round."""
    rng = np.random.default_rng([seed, 1])
    points_N2 = sample(rng, count)
    return Labelled(points_N2, arm(points_N2) ^ (rng.random(count) < noise))


def tests(seed: int, count: int) -> dict[str, Labelled]:
    """Points to be asked about: `accuracy` where most points are, `thin` where fewest are."""
    rng = np.random.default_rng([seed, 2])
    asked = {"accuracy": sample(rng, count), "thin": sample_thin(rng, count)}
    return {name: Labelled(points_N2, arm(points_N2)) for name, points_N2 in asked.items()}
