"""`selfplay arena`: its JSON, its table, its mistakes; and the statistics against numbers worked out by hand."""

import json

import numpy as np
import pytest

from selfplay import cli, score


# Newcombe 1998: 81 of 263 gives 0.2553 to 0.3662; 0 of 20: 0 to 0.1611; 1 of 29: 0.0061 to 0.1718.
@pytest.mark.parametrize(
    ("wins", "count", "low", "high"), [(81, 263, 0.2553, 0.3662), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)]
)
def test_wilson_against_published_intervals(wins, count, low, high):
    assert score.wilson(wins / count, count) == pytest.approx((low, high), abs=5e-5)


def test_interval_of_pairs_by_hand():
    # Ten lost and ten won pairs vary like twenty coin tosses: Wilson's interval of 10 of 20.
    assert score.interval([10, 0, 0, 0, 10]) == pytest.approx((0.5, 0.2993, 0.7007), abs=1e-4)
    # Twenty halved pairs and the two half pairs: variance 0.25 / 21, so 20 * 21 = 420 tosses; 0.5 +- 0.0476.
    assert score.interval([0, 0, 20, 0, 0]) == pytest.approx((0.5, 0.4524, 0.5476), abs=1e-4)
    # A clean sweep of 50 pairs: 50 of 50 has the lower end 50 / (50 + 1.96 ** 2).
    assert score.interval([0, 0, 0, 0, 50]) == pytest.approx((1, 0.9287, 1), abs=1e-4)
    # 3 + 2 * 1.5 + 4 * 1 + 1 * 0.5 points of 20.
    assert score.interval([0, 1, 4, 2, 3])[0] == pytest.approx((6 + 3 + 4 + 0.5) / 20)


def test_interval_covers_as_often_as_it_says():
    """Pairs drawn from a known distribution: the true score lies inside in about 95 % of matches."""
    rng = np.random.default_rng(0)
    for chances in ([0.1, 0.1, 0.5, 0.2, 0.1], [0.02, 0.03, 0.1, 0.15, 0.7]):
        truth = sum(p * i / 4 for i, p in enumerate(chances))
        inside = 0
        for _ in range(1000):
            _, low, high = score.interval(rng.multinomial(100, chances).tolist())
            inside += low <= truth <= high
        assert 920 < inside < 980


def test_elo_by_hand():
    assert score.elo(0.5) == 0
    assert score.elo(10 / 11) == pytest.approx(400)  # odds of 10
    assert score.elo(0.75) == pytest.approx(190.85, abs=0.01)
    assert score.elo(0.25) == pytest.approx(-190.85, abs=0.01)
    assert score.elo(0) is None and score.elo(1) is None


@pytest.mark.parametrize(("number", "points"), [(100, 68), (400, 34), (1024, 21)])
def test_what_a_match_resolves(number, points):
    assert score.resolution(number) == pytest.approx(points, abs=1)


def test_arena_prints_its_json(capsys):
    argv = ["arena", "random", "rules", "alphabeta:depth=1", "--game", "connect4", "--games", "20", "--json"]
    assert cli.guarded(argv) == 0
    out = capsys.readouterr().out
    record = json.loads(out)
    assert set(record) == {"game", "pairs", "ratings", "seconds_per_move"}
    assert record["game"] == "connect4"
    assert [(pair["a"], pair["b"]) for pair in record["pairs"]] == [
        ("random", "rules"),
        ("random", "alphabeta:depth=1"),
        ("rules", "alphabeta:depth=1"),
    ]
    wanted = ["a", "b", "wins", "draws", "losses", "distinct_games", "score", "score_low", "score_high"]
    wanted += ["elo", "elo_low", "elo_high"]
    for pair in record["pairs"]:
        assert set(wanted) <= set(pair)
        assert pair["wins"] + pair["draws"] + pair["losses"] == 20
        assert pair["score_low"] <= pair["score"] <= pair["score_high"]
    assert [entry["agent"] for entry in record["ratings"]] == ["random", "rules", "alphabeta:depth=1"]
    assert set(record["seconds_per_move"]) == {"random", "rules", "alphabeta:depth=1"}


def test_arena_prints_a_table_and_lets_a_player_meet_its_like(capsys):
    assert cli.guarded(["arena", "rules", "rules", "--game", "connect4", "--games", "10"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 3
    assert any(line.startswith("rules (2) ") for line in out)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["random", "--game", "connect4"], "two agents"),
        (["random", "ruls", "--game", "connect4"], "did you mean 'rules'"),
        (["random", "rules", "--game", "connect5"], "did you mean 'connect4'"),
        (["random", "rules", "--game", "connect4", "--games", "7"], "even number of games"),
        (["random", "rules", "--game", "connect4", "--games", "0"], "even number of games"),
        (["random", "human", "--game", "connect4"], "not in matches"),
        (["random", "rules", "--game", "connect4", "--seed", "-1"], "--seed is at least 0"),
    ],
)
def test_mistakes_cost_one_line(argv, said, capsys):
    assert cli.guarded(["arena", *argv]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err.splitlines()[-1]
