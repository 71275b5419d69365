"""The curve through a learner's matches, against a plain computation of the same posterior and against limits."""

import math

import numpy as np
import pytest

from selfplay.stats import curve

LEVEL, SLOPE, SPREAD, MEMORY, WOBBLE = 3.0, 2.5, 1.5, 0.6, 0.1  # the prior that the module documents


def naive_covariance(s, t, cells=400):
    """The level's variance, and that of the slope integrated over [0, s] x [0, t] cell by cell."""
    u = (np.arange(cells) + 0.5) / cells
    slopes = SPREAD**2 * np.exp(-np.abs(u[:, None] * s - u[None, :] * t) / MEMORY)
    return LEVEL**2 + slopes.mean() * s * t


def naive(x, pairs, at):
    """Mean and standard deviation at one point: the maximum by small steps, then the covariance formula
    k** - k* (K + 1 / W)^-1 k* (Rasmussen and Williams 2006, equation 3.24), on inverses and with loops."""
    n = len(x)
    scores = [sum(count * i / 4 for i, count in enumerate(row)) / sum(row) for row in pairs]
    scatter = sum(c * (i / 4 - m) ** 2 for row, m in zip(pairs, scores, strict=True) for i, c in enumerate(row))
    binomial = sum(sum(row) * m * (1 - m) for row, m in zip(pairs, scores, strict=True))
    dispersion = (scatter + 10 * 0.25 * 0.5) / (binomial + 10 * 0.25)
    trials = [sum(row) / dispersion for row in pairs]
    since = [value - x[0] for value in x]
    prior = np.array([[naive_covariance(a, b) for b in since] for a in since]) + WOBBLE**2 * np.eye(n)
    mean = np.array([SLOPE * a for a in since])
    inverse, f = np.linalg.inv(prior), mean.copy()
    for _ in range(400):
        mu = 1 / (1 + np.exp(-f))
        gradient = np.array([t * (m - u) for t, m, u in zip(trials, scores, mu, strict=True)]) - inverse @ (f - mean)
        hessian = inverse + np.diag([t * u * (1 - u) for t, u in zip(trials, mu, strict=True)])
        f = f + 0.3 * np.linalg.inv(hessian) @ gradient
    mu = 1 / (1 + np.exp(-f))
    noise = np.diag([1 / (t * u * (1 - u)) for t, u in zip(trials, mu, strict=True)])
    cross = np.array([naive_covariance(at - x[0], a) for a in since])
    variance = naive_covariance(at - x[0], at - x[0]) - cross @ np.linalg.inv(prior + noise) @ cross
    return SLOPE * (at - x[0]) + cross @ inverse @ (f - mean), math.sqrt(variance)


X = [12.4, 12.7, 13.1, 13.3, 13.9]
PAIRS = [[40, 2, 8, 0, 0], [30, 5, 12, 2, 1], [20, 4, 16, 4, 6], [9, 6, 15, 4, 16], [1, 2, 10, 15, 172]]


@pytest.mark.parametrize("at", [12.4, 12.9, 13.3, 13.9, 14.6])
def test_equals_the_naive_posterior(at):
    found = curve.fit(np.array([X]), np.array([PAIRS], float), np.array([[at]]))
    mean, sd = naive(X, PAIRS, at)
    assert found.mean_BG[0, 0] == pytest.approx(mean, abs=2e-3)
    assert found.sd_BG[0, 0] == pytest.approx(sd, abs=2e-3)


def test_curves_in_one_call_do_not_influence_each_other_and_missing_evaluations_say_nothing():
    grid_G = np.linspace(12.4, 15, 7)
    alone = curve.fit(np.array([X[:3]]), np.array([PAIRS[:3]], float), grid_G[None])
    padded_x = [*X[:3], 13.1, 13.1]
    padded = [*PAIRS[:3], [0] * 5, [0] * 5]
    both = curve.fit(np.array([X, padded_x]), np.array([PAIRS, padded], float), np.stack([grid_G, grid_G]))
    assert both.mean_BG[1] == pytest.approx(alone.mean_BG[0], abs=1e-6)
    assert both.sd_BG[1] == pytest.approx(alone.sd_BG[0], abs=1e-6)


def test_many_games_leave_the_logit_of_the_score():
    """Score 0.8 has odds of 4. What stays is the wobble of a single checkpoint."""
    found = curve.fit(np.array([[13.0]]), np.array([[[20_000, 0, 0, 0, 80_000.0]]]), np.array([[13.0]]))
    assert found.mean_BG[0, 0] == pytest.approx(math.log(4), abs=0.01)
    assert found.sd_BG[0, 0] == pytest.approx(WOBBLE, abs=0.01)


def test_a_clean_sweep_is_not_certain_and_the_band_widens_ahead():
    grid_BG = np.array([[12.4, 12.7, 13.0, 13.3, 14.0]])
    sweep = curve.fit(np.array([[12.4, 12.7]]), np.array([[[50, 0, 0, 0, 0]] * 2], float), grid_BG)
    assert -8 < sweep.mean_BG[0, 1] < math.log(1 / 50)
    assert sweep.sd_BG[0, 1] > 0.5
    assert np.all(np.diff(sweep.sd_BG[0, 1:]) > 0)


def test_a_learner_that_contradicts_the_prior_as_much_as_any_can():
    """From 98 % to 2 % while the prior expects a rise: Newton's steps are long, and must still arrive."""
    x = [12.0, 12.3, 12.6, 12.9]
    pairs = [[0, 0, 4, 0, 196], [1, 0, 4, 0, 195], [100, 0, 0, 0, 100], [196, 0, 4, 0, 0]]
    found = curve.fit(np.array([x]), np.array([pairs], float), np.array([[12.0, 12.9]]))
    assert found.mean_BG[0] == pytest.approx([naive(x, pairs, at)[0] for at in (12.0, 12.9)], abs=0.01)
    assert found.mean_BG[0, 0] > 3 and found.mean_BG[0, 1] < -2
