"""Curves over seeds: overtaking by hand, exponents that were planted."""

import math

import numpy as np
import pytest

from selfplay.stats import seeds

X = np.array([10.0, 100.0, 1000.0, 10000.0])


def flat(*heights):
    """Three seeds without scatter."""
    return np.array([heights] * 3, float)


def test_the_mean_of_three_seeds():
    """Student's quantile of two degrees of freedom is 4.303: 4.303 * 1 / sqrt(3)."""
    middle, half = seeds.mean(np.array([[1.0], [2.0], [3.0]]))
    assert (middle[0], half[0]) == (2, pytest.approx(2.4843, abs=1e-3))
    assert seeds.mean(np.array([[5.0]]))[1][0] == math.inf


@pytest.mark.parametrize(
    ("lead", "expected"),
    [
        ((-1, -1, 1, 1), (10**2.5, 10**2.5, 10**2.5)),
        ((-1, 3, -1, 3), (10**3.25, 10**3.25, 10**3.25)),  # the last time counts
        ((1, 1, 1, 1), (10, None, 10)),
        ((-1, -1, -1, -1), (None, 10000, None)),
        ((-1, 1, 1, 0), (None, 10000, None)),
    ],
)
def test_overtaking_without_scatter(lead, expected):
    assert seeds.overtaking(X, flat(*lead)) == pytest.approx(expected)


def test_scatter_opens_the_interval():
    """Leads of -4, -2, 2, 4, each with a scatter whose interval is +-3: bounds rise where the lead is -3 and 3."""
    scatter = np.array([-1.0, 0, 1])[:, None] * 3 / 2.4843
    found = seeds.overtaking(X, flat(-4, -2, 2, 4) + scatter)
    assert found == pytest.approx((10**2.5, 10**1.5, 10**3.5), rel=1e-3)


def test_one_seed_tells_no_bounds():
    value, low, high = seeds.overtaking(X, flat(-1, -1, 1, 1)[:1])
    assert (value, low, high) == (pytest.approx(10**2.5), None, None)


def test_a_planted_exponent_is_found():
    assert seeds.exponent(X, np.stack([c * X**-0.7 for c in (1, 2, 5)])) == pytest.approx((0.7, 0.7, 0.7))


def test_planted_exponents_lie_in_their_intervals():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        slopes = 0.5 + 0.05 * rng.standard_normal((3, 1))
        _, low, high = seeds.exponent(X, X**-slopes * np.exp(0.1 * rng.standard_normal((3, 4))))
        held += low < 0.5 < high
    assert 930 <= held <= 970


def test_a_ratio_has_the_bounds_that_a_test_turned_round_gives():
    """Fieller's bounds: all r that Student's test of above - r below = 0 does not reject, looked for one by one."""
    above_S, below_S = np.array([2.0, 3.1, 2.4, 2.2]), np.array([1.0, 1.2, 1.1, 1.3])
    value, low, high = seeds.ratio(above_S, below_S)
    r_R = np.linspace(0, 5, 50_001)
    rest_RS = above_S - r_R[:, None] * below_S
    kept_R = np.abs(rest_RS.mean(axis=1)) <= 3.182446 * rest_RS.std(axis=1, ddof=1) / 2
    assert value == pytest.approx(9.7 / 4.6)
    assert (low, high) == pytest.approx((r_R[kept_R].min(), r_R[kept_R].max()), abs=2e-4)


@pytest.mark.parametrize(
    ("above", "below", "expected"),
    [
        ([20, 22, 24], [10, 11, 12], (2, 2, 2)),
        ([1, 2, 3], [-1, 0, 4], (2, None, None)),  # the divisor may be 0
        ([3], [2], (1.5, None, None)),
    ],
)
def test_ratios_by_hand(above, below, expected):
    assert seeds.ratio(np.array(above, float), np.array(below, float)) == pytest.approx(expected)
