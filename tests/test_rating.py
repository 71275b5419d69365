"""Ratings against closed forms and another way of computing them."""

import math

import numpy as np
import pytest

from selfplay import rating


def minorise(points_NN, rounds=20_000):
    """Bradley-Terry strengths by Hunter's MM iteration (2004), as log odds with mean 0."""
    games_NN = points_NN + points_NN.T
    strength_N = np.ones(len(points_NN))
    for _ in range(rounds):
        weights_NN = games_NN / (strength_N[:, None] + strength_N[None, :])
        strength_N = points_NN.sum(axis=1) / weights_NN.sum(axis=1)
        strength_N /= np.exp(np.log(strength_N).mean())
    return np.log(strength_N)


def test_two_players_have_the_odds_of_their_score():
    rating_N = rating.fit(np.array([[0, 30.0], [10.0, 0]]), prior_games=1e-9)
    assert rating_N[0] - rating_N[1] == pytest.approx(math.log(3), abs=1e-6)


def test_fit_equals_hunters_iteration():
    rng = np.random.default_rng(0)
    for _ in range(5):
        points_NN = rng.integers(1, 60, (6, 6)) / 2.0
        np.fill_diagonal(points_NN, 0)
        found_N = rating.fit(points_NN, prior_games=1e-9)
        assert found_N - found_N.mean() == pytest.approx(minorise(points_NN), abs=1e-6)


def test_the_prior_keeps_a_clean_sweep_finite():
    """At the maximum, 20 wins and the drawn prior game balance: 20 / (1 + e**d) = 1 / (1 + e**-r) - 1/2, d = 2 r."""
    rating_N = rating.fit(np.array([[0, 20.0], [0, 0]]))
    r = rating_N[0]
    assert rating_N[1] == pytest.approx(-r)
    assert 20 / (1 + math.exp(2 * r)) == pytest.approx(1 / (1 + math.exp(-r)) - 0.5, abs=1e-9)


def test_a_draw_is_half_a_win_for_both():
    names = ["a", "b"]
    drawn = rating.rate(names, [("a", "b", (0, 0, 10, 0, 0))])
    split = rating.rate(names, [("a", "b", (5, 0, 0, 0, 5))])
    assert drawn[1].elo == pytest.approx(0, abs=1e-6)
    assert split[1].elo == pytest.approx(0, abs=1e-6)
    # Halved pairs say more than pairs won and lost in turn.
    assert drawn[1].elo_high - drawn[1].elo_low < 0.6 * (split[1].elo_high - split[1].elo_low)


def test_rate_recovers_known_strengths():
    """Players 0, 150 and 350 Elo, 2000 pairs each: every interval holds the truth, the anchor is zero."""
    rng = np.random.default_rng(3)
    names, truth = ["x", "y", "z"], {"x": 0, "y": 150, "z": 350}
    matches = []
    for a, b in (("x", "y"), ("x", "z"), ("z", "y")):
        chance = 1 / (1 + 10 ** ((truth[b] - truth[a]) / 400))
        points = rng.binomial(1, chance, (2000, 2)).sum(axis=1) * 2
        matches.append((a, b, tuple(np.bincount(points, minlength=5).tolist())))
    rated = rating.rate(names, matches)
    assert rated[0].elo == rated[0].elo_low == rated[0].elo_high == 0
    for entry in rated[1:]:
        assert entry.elo_low < truth[entry.agent] < entry.elo_high
        assert entry.elo_low < entry.elo < entry.elo_high
        assert entry.elo_high - entry.elo_low < 60
    shifted = rating.rate(names, matches, anchor=2)
    assert shifted[0].elo == pytest.approx(-rated[2].elo)
    assert shifted[2].elo_low == shifted[2].elo_high == 0


def test_intervals_narrow_with_more_games_and_a_sweep_is_not_certain():
    few = rating.rate(["a", "b"], [("a", "b", (5, 0, 0, 0, 15))])[1]
    many = rating.rate(["a", "b"], [("a", "b", (50, 0, 0, 0, 150))])[1]
    assert many.elo_high - many.elo_low < 0.5 * (few.elo_high - few.elo_low)
    sweep = rating.rate(["a", "b"], [("a", "b", (0, 0, 0, 0, 50))])[1]
    assert sweep.elo_high - sweep.elo_low > 50
    assert sweep.elo_high < -300
