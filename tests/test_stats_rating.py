"""Ratings against closed forms and against choix."""

import math

import choix
import numpy as np
import pytest

from selfplay.stats import rating


def test_two_players_have_the_odds_of_their_score():
    rating_N = rating.fit(np.array([[0, 30.0], [10.0, 0]]), prior_games=1e-9)
    assert rating_N[0] - rating_N[1] == pytest.approx(math.log(3), abs=1e-6)


def test_fit_equals_choix():
    """choix fits the same likelihood by iterated Luce spectral ranking (Maystre and Grossglauser 2015)."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        points_NN = rng.integers(1, 60, (6, 6)) / 2.0
        np.fill_diagonal(points_NN, 0)
        found_N = rating.fit(points_NN, prior_games=1e-9)
        assert found_N - found_N.mean() == pytest.approx(choix.ilsr_pairwise_dense(points_NN), abs=1e-6)


def test_the_prior_is_that_of_choix_with_one_more_player():
    points_NN = np.array([[0, 20.0, 3], [0, 0, 5], [2, 5, 0]])
    with_prior_NN = np.pad(points_NN, (0, 1), constant_values=0.5)
    with_prior_NN[3, 3] = 0
    theirs_N = choix.ilsr_pairwise_dense(with_prior_NN)
    assert rating.fit(points_NN, prior_games=1.0) == pytest.approx(theirs_N[:3] - theirs_N[3], abs=1e-6)


def test_many_fits_at_once_are_the_fits_one_by_one():
    points_RNN = np.random.default_rng(1).integers(0, 9, (4, 5, 5)).astype(float)
    for fixed in (None, {1: 0.3, 4: -1.0}):
        one_by_one = [rating.fit(points_NN, fixed=fixed) for points_NN in points_RNN]
        assert rating.fit(points_RNN, fixed=fixed) == pytest.approx(np.array(one_by_one), abs=1e-9)


def test_the_prior_keeps_a_clean_sweep_finite():
    """At the maximum, 20 wins and the drawn prior game balance: 20 / (1 + e**d) = 1 / (1 + e**-r) - 1/2, d = 2 r."""
    rating_N = rating.fit(np.array([[0, 20.0], [0, 0]]))
    r = rating_N[0]
    assert rating_N[1] == pytest.approx(-r)
    assert 20 / (1 + math.exp(2 * r)) == pytest.approx(1 / (1 + math.exp(-r)) - 0.5, abs=1e-9)


def test_a_draw_is_half_a_win_for_both():
    names = ["a", "b"]
    drawn = rating.rate(names, [("a", "b", (0, 0, 10, 0, 0))], anchors={"a": 0})
    split = rating.rate(names, [("a", "b", (5, 0, 0, 0, 5))], anchors={"a": 0})
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
    rated = rating.rate(names, matches, anchors={"x": 0})
    assert rated[0].elo == rated[0].elo_low == rated[0].elo_high == 0
    for entry in rated[1:]:
        assert entry.elo_low < truth[entry.agent] < entry.elo_high
        assert entry.elo_low < entry.elo < entry.elo_high
        assert entry.elo_high - entry.elo_low < 60
    shifted = rating.rate(names, matches, anchors={"z": 0})
    assert shifted[0].elo == pytest.approx(-rated[2].elo)
    assert shifted[2].elo_low == shifted[2].elo_high == 0


def test_intervals_narrow_with_more_games_and_a_sweep_is_not_certain():
    few = rating.rate(["a", "b"], [("a", "b", (5, 0, 0, 0, 15))], anchors={"a": 0})[1]
    many = rating.rate(["a", "b"], [("a", "b", (50, 0, 0, 0, 150))], anchors={"a": 0})[1]
    assert many.elo_high - many.elo_low < 0.5 * (few.elo_high - few.elo_low)
    sweep = rating.rate(["a", "b"], [("a", "b", (0, 0, 0, 0, 50))], anchors={"a": 0})[1]
    assert sweep.elo_high - sweep.elo_low > 50
    assert sweep.elo_high < -300


def test_several_anchors_keep_their_ratings_and_place_the_others():
    """b scores 1/2 against both 0 and 400 Elo. By symmetry it is 200; and odds of 10 are 400 Elo."""
    names = ["low", "b", "high", "c"]
    matches = [
        ("low", "b", (50, 0, 0, 0, 50)),
        ("high", "b", (50, 0, 0, 0, 50)),
        ("c", "high", (50, 0, 0, 0, 500)),
    ]
    rated = {r.agent: r for r in rating.rate(names, matches, anchors={"low": 0.0, "high": 400.0})}
    assert (rated["low"].elo, rated["high"].elo) == pytest.approx((0, 400))
    assert rated["high"].elo_low == rated["high"].elo_high == pytest.approx(400)
    assert rated["b"].elo == pytest.approx(200, abs=3)
    assert rated["c"].elo == pytest.approx(800, abs=6)
    assert rated["c"].elo_low < 790 < 810 < rated["c"].elo_high


def test_ratings_over_seeds_by_hand():
    """Elo 100, 130, 160: mean 130, standard error 30 / sqrt(3), Student's 4.303 of two degrees of freedom."""
    seeds = [[rating.Rating("x", 0, 0, 0), rating.Rating("y", elo, elo - 9, elo + 9)] for elo in (100, 130, 160)]
    x, y = rating.over_seeds(seeds)
    assert (x.elo, x.elo_low, x.elo_high) == (0, 0, 0)
    assert (y.agent, y.elo) == ("y", 130)
    assert (y.elo_low, y.elo_high) == pytest.approx((130 - 74.53, 130 + 74.53), abs=0.01)


def test_residuals_of_a_consistent_and_of_a_contradicting_match():
    ratings = [rating.Rating("a", 400, 0, 0), rating.Rating("b", 0, 0, 0), rating.Rating("c", 0, 0, 0)]
    fits, contradicts = rating.residuals(ratings, [("a", "b", (10, 0, 0, 0, 100)), ("c", "a", (50, 0, 0, 0, 50))])
    assert (fits.score, fits.expected) == pytest.approx((10 / 11, 10 / 11))
    assert fits.z == pytest.approx(0, abs=1e-6)
    # c has half the points instead of one in eleven. 101 pairs with the half pairs, each 0 or 1: se = 0.5 / sqrt(101).
    assert contradicts.expected == pytest.approx(1 / 11)
    assert contradicts.z == pytest.approx((1 / 2 - 1 / 11) / (0.5 / math.sqrt(101)), rel=1e-6)


def test_a_cycle_is_found_once_and_only_where_all_three_matches_are_sure():
    won, lost, even = (0, 0, 5, 0, 45), (45, 0, 5, 0, 0), (20, 0, 5, 0, 25)
    assert rating.cycles([("a", "b", won), ("b", "c", won), ("a", "c", lost)]) == [("a", "b", "c")]
    assert rating.cycles([("a", "b", lost), ("b", "c", lost), ("c", "a", lost)]) == [("a", "c", "b")]
    assert rating.cycles([("a", "b", won), ("b", "c", won), ("a", "c", won)]) == []
    assert rating.cycles([("a", "b", won), ("b", "c", won), ("a", "c", even)]) == []
