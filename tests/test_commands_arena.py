"""`selfplay arena`: its JSON, its table, its mistakes; and the statistics against numbers worked out by hand."""

import io
import json
import re
import sys

import numpy as np
import pytest

import games
from games import record as records
from selfplay import cli
from selfplay.arena import match, pacing, tournament
from selfplay.commands import arena
from selfplay.players.make import make_agent
from selfplay.report.terminal import match as terminal_match
from selfplay.stats import score


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
    assert set(record) == {"game", "pairs", "ratings", "seconds_per_move", "residuals", "cycles"}
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
    assert cli.guarded(["arena", "rules", "rules", "--games", "10"]) == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("no --game is given: Connect Four\n")
    out = captured.out.splitlines()
    assert len(out) == 3
    assert any(line.startswith("rules (2) ") for line in out)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["random", "--game", "connect4"], "two agents"),
        (["random"], "two agents"),
        (["random", "ruls", "--game", "connect4"], "did you mean 'rules'"),
        (["random", "rules", "--game", "connect5"], "did you mean 'connect4'"),
        (["random", "rules", "--game", "connect4", "--games", "7"], "even number of games"),
        (["random", "rules", "--game", "connect4", "--games", "0"], "even number of games"),
        (["random", "human", "--game", "connect4"], "not in matches"),
        (["random", "rules", "--game", "connect4", "--seed", "-1"], "--seed is at least 0"),
        (["random", "rules", "--game", "connect4", "--sprt", "20"], "--sprt takes two numbers of Elo, as 0,20"),
        (["random", "rules", "--game", "connect4", "--sprt", "20,0"], "the smaller first, not '20,0'"),
        (["random", "rules", "--game", "connect4", "--sprt", "0,nan"], "--sprt takes two numbers"),
        (["random", "rules", "--game", "connect4", "--anchor", "ruls"], "(did you mean 'rules'?)"),
        (["random", "rules", "--game", "connect4", "--anchor", "rules=x"], "the Elo of rules is a number, not 'x'"),
        (["random", "rules", "--game", "connect4", "--record", "no/where.jsonl"], "there is no folder no"),
        (["random", "rules", "--game", "connect4", "--run", "runs/x"], "--run goes with --ablate"),
        (["random", "--ablate", "alphabeta", "--game", "connect4"], "random cannot join in"),
        (["--ablate", "rules", "--game", "connect4"], "made of pieces of knowledge, as alphabeta:nodes=20000"),
        (["--ablate", "alphabeta", "--game", "connect4", "--run", "nowhere"], "nowhere is no run folder"),
        (["--ablate", "alphabeta", "--game", "connect4", "--sprt", "0,20"], "--sprt goes with a tournament"),
    ],
)
def test_mistakes_cost_one_line(argv, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.guarded(["arena", *argv]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err.splitlines()[-1]
    assert len(captured.err.splitlines()) == 1 or "two agents" not in said


def test_a_sequential_test_ends_a_clear_match_early(capsys):
    argv = ["arena", "rules", "random", "--game", "connect4", "--games", "2000", "--sprt", "0,100"]
    assert cli.guarded([*argv, "--json"]) == 0
    (pair,) = json.loads(capsys.readouterr().out)["pairs"]
    assert pair["wins"] + pair["draws"] + pair["losses"] == 64  # the first batch
    assert pair["sprt"]["decision"] == "H1"
    assert pair["sprt"]["llr"] > pair["sprt"]["upper"] == pytest.approx(2.944, abs=1e-3)
    assert cli.guarded(argv) == 0
    assert "rules against random: +100 Elo rather than +0 after 64 games" in capsys.readouterr().out


def test_anchors_keep_their_elo(capsys):
    argv = ["arena", "random", "rules", "alphabeta:depth=1", "--game", "connect4", "--games", "20", "--json"]
    assert cli.guarded([*argv, "--anchor", "alphabeta:depth=1=250"]) == 0
    elo = {entry["agent"]: entry["elo"] for entry in json.loads(capsys.readouterr().out)["ratings"]}
    assert elo["alphabeta:depth=1"] == 250
    assert elo["random"] < 0
    assert cli.guarded([*argv, "--anchor", "rules", "--anchor", "random=-800"]) == 0
    ratings = {entry["agent"]: entry for entry in json.loads(capsys.readouterr().out)["ratings"]}
    assert [ratings[name]["elo"] for name in ("rules", "random")] == pytest.approx([0, -800])
    assert ratings["rules"]["elo_low"] == ratings["rules"]["elo_high"] == 0


def test_every_game_goes_on_record(capsys, tmp_path):
    path = tmp_path / "games.jsonl"
    argv = [
        "arena",
        "random",
        "rules",
        "alphabeta:depth=1",
        "--game",
        "connect4",
        "--games",
        "6",
        "--record",
        str(path),
    ]
    assert cli.guarded([*argv, "--json"]) == 0
    pairs = json.loads(capsys.readouterr().out)["pairs"]
    found = records.read(path)
    assert len(found) == 18
    for number, pair in enumerate(pairs):
        own = found[6 * number : 6 * number + 6]
        assert {frozenset((record.first, record.second)) for record in own} == {frozenset((pair["a"], pair["b"]))}
        won = sum(record.result == ("1-0" if record.first == pair["a"] else "0-1") for record in own)
        assert won == pair["wins"]
        assert len({record.moves for record in own}) == pair["distinct_games"]
    assert cli.guarded(argv) == 0
    assert len(records.read(path)) == 36  # added, not replaced


def test_matches_by_the_clock_say_how_long_was_thought(capsys):
    argv = ["arena", "alphabeta:ms=3", "rules", "--game", "connect4:height=4,width=4", "--games", "4", "--json"]
    assert cli.guarded(argv) == 0
    (pair,) = json.loads(capsys.readouterr().out)["pairs"]
    assert 0 < pair["ms_per_move"][0] <= pair["ms_slowest"][0]
    assert pair["late_moves"][1] == 0  # it has no budget
    assert cli.guarded(argv[:-1]) == 0
    assert re.search(
        r"alphabeta:ms=3 took [\d.]+ ms a move on average, [\d.]+ at most; rules took", capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("load", "spec", "warned"), [(0.3, "alphabeta:ms=2", False), (3.0, "alphabeta:ms=2", True), (3.0, "rules", False)]
)
def test_equal_time_on_a_busy_machine_is_warned_of(monkeypatch, capsys, load, spec, warned):
    monkeypatch.setattr(arena.os, "getloadavg", lambda: (load, 0.0, 0.0))
    assert cli.guarded(["arena", spec, "random", "--game", "connect4:height=4,width=4", "--games", "2"]) == 0
    assert ("this machine is busy (load 3.0)" in capsys.readouterr().err) == warned


def matches_by_hand(*counts):
    """Results of a circle: a beats b, b beats c, c beats a."""
    pace = pacing.Pace()
    return [
        match.MatchResult(
            **{"game": "connect4", "a": a, "b": b, "seed": 0, "wins": 180, "draws": 0, "losses": 20},
            **{"pairs_5": (10, 0, 0, 0, 90), "distinct_games": 200, "paces": (pace, pace), "games": ()},
        )
        for a, b in counts
    ]


def test_a_circle_is_told():
    results = matches_by_hand(("a", "b"), ("b", "c"), ("c", "a"))
    found = arena.report(games.make("connect4"), ["a", "b", "c"], results, anchors={"a": 0.0})
    assert [entry["elo"] for entry in found["ratings"]] == pytest.approx([0, 0, 0], abs=1)
    assert found["cycles"] == [["a", "b", "c"]]
    assert all(residual["z"] > 10 for residual in found["residuals"])
    table = arena._table(found)
    assert "surprising: a scores 90 % against b, where the ratings expect 50 %" in table
    assert "a circle: a beats b, which beats c, which beats a" in table


class Screen(io.StringIO):
    """A terminal to write to."""

    def isatty(self):
        return True


@pytest.mark.parametrize(("no_color", "live"), [(False, True), (True, False)])
def test_live_on_a_terminal_and_lines_under_no_color(monkeypatch, no_color, live):
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    game = games.make("connect4")
    players = [make_agent(spec, game) for spec in ("random", "rules", "alphabeta:depth=1")]
    results = tournament.play(game, tournament.everyone(players), games=10, watching=terminal_match.watching)
    shown = screen.getvalue()
    assert ("\x1b[" in shown) == live
    score = results[2].wins, results[2].draws, results[2].losses
    if live:
        assert "{}-{}-{}".format(*score) in shown
        assert "score [95 %]" in shown
    else:
        lines = shown.splitlines()
        assert [line.split("  ")[0] for line in lines] == ["1/3", "2/3", "3/3"]
        assert "rules against alphabeta:depth=1: +{} ={} -{}".format(*score) in lines[2]
        assert "ETA" in lines[0] and "ETA" not in lines[2]


def test_how_long_it_will_take(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(terminal_match.time, "monotonic", lambda: now[0])
    view = terminal_match.Standings([("a", "b"), ("a", "c"), ("b", "c"), ("c", "d")])
    assert view.seconds_left(0) is None
    now[0] = 110.0
    assert view.seconds_left(0.5) == pytest.approx(70)  # an eighth took ten seconds
    view.played(matches_by_hand(("a", "b"))[0])
    now[0] = 130.0
    assert view.seconds_left(0.5) == pytest.approx(50)  # three eighths took thirty
