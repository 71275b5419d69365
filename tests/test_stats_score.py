"""The sequential test and Student's interval, against formulas worked elsewhere and simulated error rates."""

import math

import numpy as np
import pytest

from selfplay.stats import score


def test_expected_score_by_hand():
    assert score.expected(0) == 0.5
    assert score.expected(400) == pytest.approx(10 / 11)
    assert score.expected(-190.85) == pytest.approx(0.25, abs=1e-5)


def test_standard_error_by_hand():
    """A sweep of 50 pairs and the two halves: 50.5 of 51 are won, p (1 - p) / 51."""
    assert score.standard_error([0, 0, 0, 0, 50]) == pytest.approx(math.sqrt(50.5 * 0.5 / 51**3))
    assert score.standard_error([50, 0, 0, 0, 50]) == pytest.approx(0.5 / math.sqrt(101))


def test_pairs_that_were_played_again_say_nothing_new():
    """200 pairs of which 2 are distinct: the interval is that of 2 pairs, the score that of all."""
    level = (0, 0, 200, 0, 0)
    assert score.interval(score.evidence(level, None)) == score.interval(level)
    assert score.interval(score.evidence(level, 200)) == score.interval(level)
    found, low, high = score.interval(score.evidence(level, 2))
    assert found == 0.5
    assert (found, low, high) == pytest.approx(score.interval((0, 0, 2, 0, 0)))
    assert high - low > 0.5 > 0.02 > score.interval(level)[2] - score.interval(level)[1]
    assert score.evidence((50, 0, 100, 0, 50), 4) == [1, 0, 2, 0, 1]


def test_two_outcomes_have_the_likelihood_ratio_of_coin_tosses():
    """Pairs won or lost whole leave no freedom: the mean is the chance, and the ratio is binomial."""
    p0, p1 = 10 / 11, 100 / 101
    exact = 10 * math.log((1 - p1) / (1 - p0)) + 290 * math.log(p1 / p0)
    assert score.sprt((10, 0, 0, 0, 290), 400, 800).llr == pytest.approx(exact, abs=0.01)


def test_generalised_ratio_is_that_of_the_published_test():
    """Counts and ratios as vdbergh/pentanomial computes them (LLR_logistic, which adds 1e-3 / 5 to zeros only)."""
    assert score.sprt((10, 20, 40, 25, 12), 0, 5).llr == pytest.approx(0.17250, abs=1e-4)
    assert score.sprt((3, 5, 38, 39, 115), 0, 20).llr == pytest.approx(10.65295, abs=1e-3)
    assert score.sprt((100, 2000, 5000, 2100, 130), 0, 2).llr == pytest.approx(2.27587, abs=1e-4)


def test_close_to_the_normal_approximation_for_small_differences():
    """(s1 - s0) (2 mean - s0 - s1) / (2 variance / pairs), which Michel Van den Bergh derives for s1 near s0."""
    pairs_5 = np.array([300, 500, 900, 550, 320])
    mean = pairs_5 @ np.arange(5) / 4 / pairs_5.sum()
    variance = pairs_5 @ (np.arange(5) / 4 - mean) ** 2 / pairs_5.sum()
    s0, s1 = 0.5, 1 / (1 + 10 ** (-4 / 400))
    approximate = (s1 - s0) * (2 * mean - s0 - s1) / (2 * variance / pairs_5.sum())
    assert score.sprt(pairs_5.tolist(), 0, 4).llr == pytest.approx(approximate, rel=0.02)


def test_the_decision_and_its_bounds():
    """Wald's bounds of 5 % errors are +-log 19."""
    state = score.sprt((0, 0, 0, 0, 0), 0, 20)
    assert (state.decision, state.decided) == (None, False)
    assert (state.lower, state.upper) == pytest.approx((-math.log(19), math.log(19)))
    assert score.sprt((10, 10, 40, 10, 200), 0, 20).decision == "H1"
    assert score.sprt((200, 10, 40, 10, 10), 0, 20).decision == "H0"
    found = score.sprt((200, 10, 40, 10, 10), 0, 20).as_dict()
    assert set(found) == {"elo0", "elo1", "llr", "lower", "upper", "decision"}
    assert found["decision"] == "H0" and found["elo1"] == 20


@pytest.mark.parametrize(("truth", "wrong"), [(0, "H1"), (100, "H0")])
def test_errors_are_as_rare_as_promised(truth, wrong):
    """At both hypotheses, asked after every pair: 5 % of errors, a little more since a pair may overshoot the bound."""
    rng = np.random.default_rng(truth)
    share = score.expected(truth)
    chances_5 = [(1 - share) ** 2, 0, 2 * share * (1 - share), 0, share**2]
    errors = 0
    for _ in range(200):
        pairs_5, state = np.zeros(5), None
        while state is None or not state.decided:
            pairs_5 += rng.multinomial(1, chances_5)
            state = score.sprt(pairs_5.tolist(), 0, 100)
        errors += state.decision == wrong
    assert 1 <= errors <= 22  # 10 expected; more than 22 have a chance of 1 in 10,000


@pytest.mark.parametrize(("count", "quantile"), [(2, 12.706), (3, 4.303), (10, 2.262), (11, 2.228), (31, 2.042)])
def test_students_interval_against_the_published_table(count, quantile):
    """`count` values of standard deviation 1 and mean 7: half the width is quantile / sqrt(count)."""
    values = np.linspace(-1, 1, count)
    values = 7 + values / values.std(ddof=1)
    mean, low, high = score.student(values.tolist())
    assert mean == pytest.approx(7) == pytest.approx((low + high) / 2)
    assert (high - low) / 2 * math.sqrt(count) == pytest.approx(quantile, abs=0.004)
