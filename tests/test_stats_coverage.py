"""Intervals hold the truth: a small version of `selfplay bench coverage`, and what its simulation promises."""

import json

import numpy as np
import pytest

from selfplay import cli
from selfplay.bench import command
from selfplay.stats import coverage


@pytest.fixture(scope="module")
def shares():
    return coverage.measure(experiments=200, seed=1)


@pytest.mark.parametrize("name", ["score", "elo", "elo_3_seeds", "crossover", "crossover_3_seeds"])
def test_95_percent_intervals_hold_the_truth_about_as_often(shares, name):
    """Of 200 experiments 95 % are 190 +- 3; below 0.90 or all of them has a chance of 1 in 500."""
    assert 0.90 <= shares[name] < 1


@pytest.mark.parametrize("name", ["difference", "compute", "catching_up", "against_one"])
def test_so_do_those_of_two_settings_compared(shares, name):
    """Of a fourth of the experiments, 50: 95 % are 47.5 +- 1.5, and below 0.88 has a chance of 1 in 100. An interval of
    the games alone, without the seeds, holds 70 % and less."""
    assert shares[f"{name}_3_seeds"] >= 0.88
    assert shares["seen_3_seeds"] <= 0.12  # of the 25 without a difference


def test_forecasts_hold_the_truth_at_least_as_often_and_errors_are_rare(shares):
    assert shares["forecast"] >= 0.93
    assert shares["overtaken_wrongly"] <= 0.03
    assert 0.01 <= shares["sprt_errors"] <= 0.10


def test_simulated_pairs_have_the_expected_score_that_was_asked_for():
    rng = np.random.default_rng(0)
    scores_N = np.array([0.02, 0.3, 0.5, 0.9])
    counts_N5 = coverage.draw_pairs(rng, scores_N, 200_000)
    assert counts_N5.sum(axis=1).tolist() == [200_000] * 4
    assert counts_N5 @ np.arange(5) / 4 / 200_000 == pytest.approx(scores_N, abs=0.003)
    drawn_half, won_whole = counts_N5[2, [1, 3]].sum() / 200_000, counts_N5[2, [0, 4]].sum() / 200_000
    assert 0.15 < drawn_half < 0.35 and 0.1 < won_whole < 0.4  # draws, and pairs that do not cancel


def test_a_simulated_learner_passes_one_half_where_it_should_and_seeds_differ():
    rng = np.random.default_rng(2)
    for _ in range(20):
        expected = coverage.learner(rng)
        below, at, above = expected(np.array([-0.3, 0.0, 0.3]))
        assert at == pytest.approx(0.5)
        assert below < 0.5 < above
    lines = coverage.play_run(rng, coverage.learner(rng), 13.5, "rules")
    assert [sum(row.pairs) for row in lines[:-1]] == [50] * (len(lines) - 1)
    assert sum(lines[-1].pairs) == 200


def test_it_is_a_part_of_bench_and_not_of_all(monkeypatch, capsys):
    monkeypatch.setattr(coverage, "measure", lambda: {"score": 0.95})
    assert cli.guarded(["bench", "coverage", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["coverage"] == {"score": 0.95}
    assert "coverage" not in command.PARTS
