"""Values of pieces of knowledge: Elo by matches, compute by a run whose growth is known."""

import dataclasses
import json
import math

import numpy as np
import pytest
from matches import a_line
from optional import present

import games
from games import record as records
from selfplay import cli
from selfplay.arena import ablation, match, pacing
from selfplay.stats import growth

SLOPE = 300.0  # Elo per decade of the learners below


def learner(rng, *, opponent="alphabeta:depth=4", agent="mcts:sims=64", even_at=1e13, pairs=200, wobble=0.0):
    """Lines of evals.jsonl of a learner that gains SLOPE Elo per decade; a pair is won or lost whole."""
    lines = []
    for flops in np.geomspace(even_at / 30, even_at * 30, 15):
        elo = SLOPE * math.log10(flops / even_at) + rng.normal(0, wobble)
        chance = 1 / (1 + 10 ** (-elo / 400))
        won = int(rng.binomial(pairs, chance))
        counts = [pairs - won, 0, 0, 0, won]
        lines.append(a_line(flops=float(flops), agent=agent, opponent=opponent, pairs=counts, score=won / pairs))
    return lines


def result(pairs_5):
    pace = pacing.Pace()
    points = sum(n * half / 2 for half, n in enumerate(pairs_5))
    total = 2 * sum(pairs_5)
    return match.MatchResult(
        **{"game": "connect4", "a": "whole", "b": "less", "seed": 0, "distinct_games": total},
        **{"wins": int(points), "draws": 0, "losses": int(total - points), "pairs_5": pairs_5},
        **{"paces": (pace, pace), "games": ()},
    )


def test_growth_is_found_where_it_is_known():
    grown = growth.growth(learner(np.random.default_rng(1)), "alphabeta:nodes=500")
    assert grown is not None
    assert grown.elo_per_decade == pytest.approx(SLOPE, rel=0.1)
    assert math.log10(grown.flops) == pytest.approx(13, abs=0.1)
    assert (grown.agent, grown.opponent) == ("mcts:sims=64", "alphabeta:depth=4")
    told = grown.as_dict()
    assert told["elo_per_decade_low"] < SLOPE < told["elo_per_decade_high"]
    json.dumps(told)


def test_the_interval_of_growth_holds_the_truth_also_where_checkpoints_scatter():
    held = 0
    for seed in range(60):
        told = present(growth.growth(learner(np.random.default_rng(seed), pairs=50, wobble=40), "x")).as_dict()
        held += told["elo_per_decade_low"] < SLOPE < told["elo_per_decade_high"]
    assert held >= 51  # 95 % would be 57 +- 1.7


def test_whom_growth_is_told_by():
    rng = np.random.default_rng(0)
    both = learner(rng) + learner(rng, opponent="alphabeta:nodes=500", even_at=1e15)
    grown = present(growth.growth(both, "alphabeta:nodes=500"))
    assert grown.opponent == "alphabeta:nodes=500"
    assert math.log10(grown.flops) == pytest.approx(15, abs=0.15)
    assert present(growth.growth(both, "alphabeta:depth=4")).opponent == "alphabeta:depth=4"
    assert present(growth.growth(both[::-1], "x")).opponent == "alphabeta:nodes=500"  # the stronger one
    net = learner(rng, agent="net", even_at=1e14) + learner(rng)
    assert present(growth.growth(net, "x")).agent == "mcts:sims=64"
    few = [line for line in both if not 0.1 <= line.score <= 0.9] + both[6:8]
    assert growth.growth(few, "x") is None
    assert growth.growth([], "x") is None
    shrinking = [dataclasses.replace(line, flops=1e30 / line.flops) for line in learner(rng)]
    assert growth.growth(shrinking, "x") is None


def test_a_value_by_hand():
    """75 % is 400 log10(3) Elo; where ten times the compute brings 300 of them, that is a factor of 4.32."""
    grown = growth.growth(learner(np.random.default_rng(1), pairs=20_000), "x")
    paid = ablation.value("lines", result((500, 0, 0, 0, 1500)), grown)
    assert paid.compute.factor == pytest.approx(10 ** (400 * math.log10(3) / 300), rel=0.03)
    # 2,000 pairs won or lost whole: 75 +- 1.9 % is 173 to 209 Elo.
    assert paid.compute.factor_low == pytest.approx(10 ** (173.1 / 300), rel=0.04)
    assert paid.compute.factor_high == pytest.approx(10 ** (209.5 / 300), rel=0.04)
    worthless = ablation.value("x", result((1500, 0, 0, 0, 500)), grown)
    assert worthless.compute.factor == pytest.approx(1 / present(paid.compute.factor), rel=1e-6)
    swept = ablation.value("x", result((0, 0, 0, 0, 30)), grown)
    assert swept.compute.factor is None and present(swept.compute.factor_low) > 10
    assert ablation.value("x", result((5, 0, 0, 0, 15)), None).compute.factor is None


def test_where_compute_may_not_have_helped_no_factor_is_certain():
    grown = present(growth.growth(learner(np.random.default_rng(1)), "x"))
    unsure = dataclasses.replace(grown, slopes_R=np.where(np.arange(1000) < 100, -1.0, 300.0))
    paid = ablation.value("x", result((50, 0, 0, 0, 150)), unsure)
    assert paid.compute.factor_high is None
    assert present(paid.compute.factor_low) > 1


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("alphabeta", "alphabeta:without=x"),
        ("alphabeta:nodes=5", "alphabeta:nodes=5,without=x"),
        ("alphabeta:without=a,nodes=5", "alphabeta:nodes=5,without=a+x"),
        ("alphabeta:without=a+b", "alphabeta:without=a+b+x"),
    ],
)
def test_the_spec_without_a_piece(spec, expected):
    assert ablation.without(spec, "x") == expected


def test_pieces_that_are_there_can_be_taken_away():
    game = games.make("connect4")
    every = ablation.pieces("alphabeta:depth=2", game)
    assert "centre" in every
    assert ablation.pieces("alphabeta:depth=2,without=centre", game) == [piece for piece in every if piece != "centre"]


def test_the_command(capsys, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.toml").write_text('game = "connect4:height=5,width=5"\n')
    (run / "evals.jsonl").write_text(
        "".join(json.dumps(line.as_dict()) + "\n" for line in learner(np.random.default_rng(0)))
    )
    argv = ["arena", "--ablate", "alphabeta:depth=2", "--games", "40"]
    assert cli.guarded([*argv, "--run", str(run), "--record", str(tmp_path / "games.jsonl"), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["game"], record["agent"]) == ("connect4:height=5,width=5,k=4", "alphabeta:depth=2")  # the run's
    pieces = ablation.pieces("alphabeta:depth=2", games.make("connect4"))
    assert [price["piece"] for price in record["prices"]] == pieces
    for price in record["prices"]:
        assert price["b"] == f"alphabeta:depth=2,without={price['piece']}"
        assert price["wins"] + price["draws"] + price["losses"] == 40
        assert price["factor_low"] <= price["factor"] <= price["factor_high"]
        assert price["factor"] == pytest.approx(10 ** (price["elo"] / record["growth"]["elo_per_decade"]))
    assert json.loads((run / "prices.json").read_text()).items() >= record.items()  # for the run's report
    assert len((tmp_path / "games.jsonl").read_text().splitlines()) == 40 * len(pieces)
    assert cli.guarded([*argv, "--run", str(run)]) == 0
    out = capsys.readouterr().out
    assert "Elo by ten times the training compute where it was even with alphabeta:depth=4" in out
    (run / "evals.jsonl").write_text("")
    assert cli.guarded([*argv, "--run", str(run)]) == 0
    assert "too few evaluations" in capsys.readouterr().out
    assert cli.guarded([*argv, "--record", str(tmp_path / "more.jsonl")]) == 0
    assert "training compute" not in capsys.readouterr().out
    assert records.read(tmp_path / "more.jsonl")[0].game == "connect4"
    assert cli.guarded([*argv, "--run", str(run), "--game", "connect4"]) == 2
    assert "learns connect4:height=5,width=5, not connect4" in capsys.readouterr().err
