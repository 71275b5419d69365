"""Laws of growth: Jones's published constants from his published points, planted constants from simulated runs."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from selfplay.stats import law_coverage, laws

ROOT = Path(__file__).resolve().parent.parent
X = np.linspace(11, 15, 25)


@pytest.fixture(scope="module")
def published():
    with (ROOT / "docs/lab/published/jones_frontiers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        np.array([float(row[name]) for row in rows]) for name in ("boardsize", "log10_train_flops", "elo_vs_perfect")
    ]


def test_the_constants_of_jones(published):
    """Those that he gives: slopes -268 and 506, offsets 575, -430 and -4399; 500 Elo for ten times the compute."""
    found = laws.fit_frontier(*published)
    assert len(published[0]) == 707
    assert found == pytest.approx((-268, 575, 506, -430, -4399), rel=0.02)
    assert found.decades_per_size == pytest.approx(430 / 506, rel=0.02)


def test_a_frontier_by_hand():
    """Size 3 at 10^9: max(-229, -1135), so -229. Size 9 at 10^14: max(-1837, -1185). Size 3 at 10^20: perfect."""
    frontier = laws.Frontier(-268, 575, 506, -430, -4399)
    found = frontier.elo(np.array([3.0, 9, 3]), np.array([9.0, 14, 20]))
    assert found.tolist() == [-229, 506 * 14 - 430 * 9 - 4399, 0]


def test_a_planted_frontier_is_found_through_noise():
    rng = np.random.default_rng(0)
    truth = laws.Frontier(-200, 400, 350, -300, -2500)
    size = np.repeat(np.arange(3.0, 10), 60)
    x = np.concatenate([np.linspace(5, 17, 60)] * 7)
    found = laws.fit_frontier(size, x, truth.elo(size, x) + 5 * rng.standard_normal(len(x)))
    assert found == pytest.approx(truth, rel=0.02)


@pytest.mark.parametrize("planted", law_coverage.PLANTED.values(), ids=law_coverage.PLANTED)
def test_a_law_without_noise_is_found(planted):
    law, truth = planted.law, planted.truth
    assert laws.fit(law, [(X, law.curve(X, np.array(truth)))]) == pytest.approx(truth, rel=1e-4)


def test_values_of_the_forms_by_hand():
    x = np.array([0.0, 1, 2, 100])
    assert laws.POWER.curve(x, np.array([1, 0.5])).tolist() == [1, 1.5, 2, 51]
    assert laws.change_point(3).curve(x, np.array([1.2, 1, 0.5])).tolist() == [1.2, 1.5, 2, 3]
    found = laws.sigmoid(1).curve(x, np.array([0.5, math.log(3), 1]))
    assert found == pytest.approx([0.5 + 0.5 / 4, 0.75, 0.5 + 0.5 * 3 / 4, 1])


@pytest.fixture(scope="module")
def shares():
    return law_coverage.measure(experiments=100, seed=1)


@pytest.mark.parametrize("name", law_coverage.PLANTED)
@pytest.mark.parametrize("runs", [3, 6])
def test_planted_constants_lie_in_their_intervals(shares, name, runs):
    """Of 100 experiments 95 % are 95 +- 2.2; `selfplay bench laws` has a thousand."""
    found = {
        key: share for key, share in shares.items() if key.startswith(f"{name}: ") and key.endswith(f"{runs} runs")
    }
    assert len(found) == len(law_coverage.PLANTED[name].law.constants)
    assert all(0.88 <= share <= 1 for share in found.values()), found


@pytest.mark.parametrize("runs", [3, 6])
def test_planted_gains_lie_in_their_intervals(shares, runs):
    """Two ways of learning with slopes of 0.55 and 0.44: what the one gains falls by a fifth of a decade in each."""
    found = {key: share for key, share in shares.items() if key.startswith("gain: ") and key.endswith(f"{runs} runs")}
    assert len(found) == 3 and law_coverage.GAINS["slope"] == pytest.approx(-0.2)
    assert all(0.88 <= share <= 1 for share in found.values()), found


def test_a_gain_by_hand():
    """y = x - 10 and y = 2 x - 21: at x = 10 the other needs half a decade more for the same 0, at 11 nothing, at 12
    half a decade less."""
    ours, theirs = ([(X, level + slope * X)] * 3 for level, slope in ((-10.0, 1.0), (-21.0, 2.0)))
    found = laws.gain(ours, theirs, np.array([10.0, 11.0, 12.0]))
    assert np.array(found.log10_P) == pytest.approx(np.array([[0.5] * 3, [0.0] * 3, [-0.5] * 3]), abs=1e-6)
    assert found.slope == pytest.approx((-0.5, -0.5, -0.5))


@pytest.mark.parametrize("runs", [3, 6])
def test_a_bootstrap_over_few_runs_is_as_wide_as_it_has_to_be(runs):
    """Of 300 experiments 95 % are 285 +- 3.8. Percentiles of the resamples hold 225 with three runs."""
    rng, held = np.random.default_rng(runs), 0
    for number in range(300):
        drawn = list(law_coverage.simulated(rng, law_coverage.PLANTED["power law"], runs))
        found = laws.bootstrap(lambda some: float(laws.fit(laws.POWER, some)[1]), drawn, resamples=60, seed=number)
        held += found.low <= 0.55 <= found.high
    assert 272 <= held <= 297


def test_an_interval_takes_two_runs():
    with pytest.raises(ValueError, match="two runs at least"):
        laws.bootstrap(sum, [1.0])


def test_the_right_form_is_nearer_where_it_has_not_seen():
    """A sigmoid that has begun to bend: a straight line through its steep part overshoots."""
    truth = (0.0, 2.0, 13.0)
    law = laws.sigmoid(1.0)
    runs = [(X, law.curve(X, np.array(truth)))]
    assert laws.error_beyond(law, runs, 13.5) < 1e-4 and laws.error_beyond(laws.POWER, runs, 13.5) > 0.05
    with pytest.raises(ValueError, match="too few points"):
        laws.error_beyond(law, runs, 15.0)
