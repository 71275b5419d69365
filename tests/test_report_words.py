"""What things are called: the sentences as a reader finds them, the same in every view."""

from dataclasses import replace

import pytest
from matches import a_line

from selfplay.report import words
from selfplay.stats.records import Crossing, Forecast, GradedForecast

CROSSED = Crossing(
    agent="mcts:sims=64", opponent="alphabeta:depth=6", status="overtaken", flops=3.14e13, flops_low=2.2e13,
    flops_high=4.04e13, seconds=1207.0, score_at_end=0.877, score_low=0.85, score_high=0.9, flops_at_end=1.2e14,
    evaluations=12_345_678.4, games=40_123.0,
)  # fmt: skip
AHEAD = replace(CROSSED, status="not overtaken", flops=None, flops_low=1.2e14, flops_high=None, seconds=None)
EXPECTED = Forecast(
    agent="mcts:sims=64", opponent="alphabeta:depth=6", made_at_flops=1.2e14, flops=5e14, flops_low=2e14,
    flops_high=9e14,
)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1.5e14, "1.5e14"),
        (3e13, "3.0e13"),
        (9.96e13, "1.0e14"),
        (4.84e6, "4.8e6"),
        (950, "9.5e2"),
        (0, "0"),
        (None, "…"),
    ],
)
def test_flops(value, said):
    assert words.flops(value) == said


@pytest.mark.parametrize(
    ("spec", "name", "about"),
    [
        ("random", "random moves", "any legal move"),
        ("rules", "one-ply rules", "win, block, do not hand over a win"),
        ("alphabeta:depth=6", "alpha-beta, depth 6", "a program that looks 6 moves ahead"),
        ("alphabeta:preset=alphazero-jl", "AlphaZero.jl's minimax, depth 5", "a textbook minimax"),
        (
            "alphabeta:depth=4,without=tempo",
            "alpha-beta, depth 4, without tempo",
            "a search on a handcrafted evaluation",
        ),
        ("rollout:sims=1000", "tree search with 1,000 random playouts", "no knowledge, no learning"),
        ("net", "network alone", ""),
        ("mcts:sims=64", "network + 64 simulations", ""),
        ("somebody:else=1", "somebody:else=1", ""),
    ],
)
def test_players(spec, name, about):
    assert (words.player(spec), words.about(spec)) == (name, about)


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("rules", "one-ply rules"),
        ("alphabeta:depth=6", "a program that looks 6 moves ahead"),
        ("alphabeta", "a program that looks 4 moves ahead"),
        ("alphabeta:nodes=1000", "a program that looks at 1,000 positions"),
        ("alphabeta:ms=20", "a handcrafted program with 20 ms a move"),
        ("alphabeta:preset=alphazero-jl", "a textbook minimax"),
        ("alphabeta:depth=4,without=centre", "alpha-beta, depth 4, without centre"),
        ("solver", "perfect play"),
    ],
)
def test_players_for_strangers(spec, name):
    assert words.plain_player(spec) == name


def test_times_in_a_sentence():
    assert [words.long_minutes(minutes) for minutes in (0.0167, 0.5667, 0.99, 1.5, 2.31, 9.6, 89, 150)] == [
        "1 second", "34 seconds", "1 minute", "1.5 minutes", "2.3 minutes", "10 minutes", "89 minutes", "2.5 hours",
    ]  # fmt: skip


def test_a_runs_own_players_beside_each_other():
    assert [words.learner(agent) for agent in ("net", "mcts:sims=1600", "mcts:ms=20", "mcts:sims=8,rule=puct")] == [
        "alone", "1,600 simulations", "20 ms", "8 simulations of PUCT",
    ]  # fmt: skip


def test_amounts():
    assert words.score(0.615, 0.5671, 0.66149) == "61.5 % [56.7, 66.1]"
    assert words.score_at_end(CROSSED, digits=0) == "88 % [85, 90]"
    assert words.elo_interval(120.4, -3.0, None) == "+120 [-3, -]"
    assert words.factor_interval(4.812, 3.3, None) == "x 4.81 [3.3, -]"
    assert [words.minutes(seconds) for seconds in (1207.0, 0, None)] == ["20.1", "0.0", ""]
    assert [words.duration(seconds) for seconds in (0, 45.4, 89, 720, 3599, 4800)] == [
        "0", "45 s", "89 s", "12 min", "1 h", "1 h 20 min",
    ]  # fmt: skip
    assert [words.clock(seconds) for seconds in (0, 59.6, 151, 3600, 3751.2)] == [
        "0:00", "1:00", "2:31", "1:00:00", "1:02:31",
    ]  # fmt: skip
    assert [words.amount(name, getattr(CROSSED, name)) for name in ("flops", "evaluations", "games", "seconds")] == [
        "3.1e13 training FLOPs", "12,345,678 network evaluations", "40,123 games of self-play", "20 min of training",
    ]  # fmt: skip


def test_crossings():
    assert words.crossing(CROSSED) == "at 3.1e13 [2.2e13, 4.0e13]"
    assert words.crossing(replace(CROSSED, flops_low=0.0)) == "at 3.1e13 […, 4.0e13]"
    assert words.crossing(replace(CROSSED, flops=None, flops_low=0.0)) == "before 4.0e13"
    assert words.crossing(AHEAD) == "beyond 1.2e14"
    assert words.crossing(replace(AHEAD, flops_low=0.0)) == "not yet"
    assert words.crossing(replace(AHEAD, runs=(CROSSED, AHEAD, AHEAD))) == "beyond 1.2e14 (1 of 3 runs have)"
    assert words.crossing(replace(CROSSED, runs=(CROSSED, CROSSED))) == words.crossing(CROSSED)
    assert words.overtaken(CROSSED) == (
        "network + 64 simulations has overtaken alpha-beta, depth 6, at 3.1e13 [2.2e13, 4.0e13] training FLOPs"
    )


def test_what_search_does_before_any_training():
    alone, perhaps = replace(CROSSED, untrained=(0.7, 0.6, 0.8)), replace(CROSSED, untrained=(0.575, 0.466, 0.676))
    assert (words.crossing(alone), words.status(alone)) == ("before any training", "search alone")
    assert words.overtaken(alone) == (
        "network + 64 simulations is ahead of alpha-beta, depth 6: search alone beats it, before any training"
    )
    assert words.times(alone) == "search alone beats it, before any training" and words.both_minutes(alone) == ""
    assert (words.crossing(perhaps), words.status(perhaps)) == (words.crossing(CROSSED), "overtaken")
    assert words.overtaken(perhaps).endswith("4.0e13] training FLOPs (57.5 % [46.6, 67.6] before any training)")
    lost = replace(AHEAD, untrained=(0.7, 0.6, 0.8))  # what it has learned since made it worse
    assert (words.crossing(lost), words.status(lost), words.times(lost)) == ("beyond 1.2e14", "not yet", "")
    met = a_line(flops=0.0, generation=0, agent="mcts:sims=64", score=0.575, score_low=0.466, score_high=0.676)
    assert words.untrained([met, a_line(agent="mcts:sims=64")]) == (
        "Before any training, network + 64 simulations scores against one-ply rules 57.5 % [46.6, 67.6]"
    )
    assert words.untrained([a_line()]) == ""
    assert [words.generation(number) for number in (0, 12)] == ["before any training", "generation 12"]


def test_equal_and_surely_ahead_are_two_moments():
    sure = replace(CROSSED, ahead_flops=4e13, ahead_seconds=1530.0)
    assert words.times(sure) == "equal at 20 min, surely ahead at 26 min"
    assert words.times(replace(sure, seconds=57.4, ahead_seconds=408.0)) == "equal at 57 s, surely ahead at 6.8 min"
    assert words.times(replace(sure, seconds=None)) == "surely ahead at 26 min"
    assert (words.times(CROSSED), words.times(AHEAD)) == ("equal at 20 min", "")  # of an older version
    assert words.both_minutes(sure) == "20.1; 25.5"


def test_what_is_to_come():
    assert words.outlook(AHEAD, EXPECTED) == "expected at 5.0e14 [2.0e14, 9.0e14]"
    assert words.outlook(AHEAD, replace(EXPECTED, flops_high=None)) == "expected at 5.0e14 [2.0e14, …]"
    assert words.outlook(AHEAD, None) == "beyond 1.2e14"
    assert words.outlook(AHEAD, replace(EXPECTED, flops=None, flops_high=None)) == "beyond 1.2e14"
    assert words.outlook(AHEAD, replace(EXPECTED, flops=1.1e14)) == "beyond 1.2e14"  # it has passed without it
    assert words.outlook(CROSSED, EXPECTED) == words.crossing(CROSSED)
    assert words.expectation(EXPECTED) == (
        "alpha-beta, depth 6: expected to be overtaken at 5.0e14 [2.0e14, 9.0e14] training FLOPs"
    )


def graded(crossing, **more):
    made = GradedForecast(agent=crossing.agent, opponent=crossing.opponent, made_at_flops=8e12, flops=3e13,
                          flops_low=1e13, flops_high=9e13, ratio=None, **more)  # fmt: skip
    return replace(crossing, forecast=made)


def test_what_became_of_forecasts():
    said = "network + 64 simulations against alpha-beta, depth 6: forecast at 8.0e12 FLOPs: 3.0e13 [1.0e13, 9.0e13]; "
    for run, outcome in (
        (graded(CROSSED, covered=True), "came at 3.1e13, inside the interval"),
        (graded(CROSSED, covered=False), "came at 3.1e13, outside the interval"),
        (graded(AHEAD, covered=None), "not yet"),
        (graded(AHEAD, covered=False), "passed by"),
    ):
        assert words.forecasts([replace(run, runs=(run,))]) == [said + outcome]
    both = replace(AHEAD, runs=(AHEAD, graded(AHEAD, covered=None)))
    assert [line.partition(":")[0] for line in words.forecasts([both])] == [
        "network + 64 simulations against alpha-beta, depth 6 (run 2)"
    ]
    assert words.forecasts([AHEAD]) == []


def test_a_table_of_crossings():
    short = replace(AHEAD, agent="net", opponent="rules")
    assert words.crossings([CROSSED, short]).splitlines() == [
        "player        opponent           overtaken (training FLOPs)  minutes  fitted score at the end",
        "mcts:sims=64  alphabeta:depth=6  at 3.1e13 [2.2e13, 4.0e13]  20.1     87.7 % [85.0, 90.0]",
        "net           rules              beyond 1.2e14                        87.7 % [85.0, 90.0]",
    ]
    assert words.crossings([]) == "no matches yet"
    table = words.crossings([CROSSED, short])
    widest = max(map(len, table.splitlines()))
    assert words.crossings([CROSSED, short], widest) == table
    narrow = words.crossings([CROSSED, short], widest - 1)
    assert narrow.splitlines()[0].split()[-1] == "minutes", "of scores another table tells"
    assert "at " in words.crossings([CROSSED, short], 10)
