"""Which opponents are worth a match, on scores whose meaning in Elo is known by hand."""

import math

import pytest
from matches import a_line

from selfplay.arena import schedule
from selfplay.config import EvalConfig

LADDER = ["random", "rules", "d2", "d4", "d6", "d8"]


def seen(*matches):
    """Matches of 100 games."""
    return [
        a_line(opponent=opponent, score=score, score_low=score - 0.14, score_high=score + 0.14)
        for opponent, score in matches
    ]


@pytest.mark.parametrize(
    ("lines", "chosen"),
    [
        ([], ["random", "rules", "d2"]),
        # an even match, a hard one, and nobody beyond the hopeless one
        (seen(("random", 0.8), ("rules", 0.5), ("d2", 0.05)), ["random", "rules", "d2"]),
        # 191 Elo above the learner is still worth a match, 241 is not
        (seen(("random", 0.8), ("rules", 0.25), ("d2", 0.25)), ["random", "rules", "d2", "d4", "d6"]),
        (seen(("random", 0.8), ("rules", 0.2), ("d2", 0.1)), ["random", "rules"]),
        # good against all known: two new ones at most
        (seen(("random", 0.9), ("rules", 0.8), ("d2", 0.7)), ["random", "rules", "d2", "d4", "d6"]),
        # clearly overtaken once is not yet settled, twice is
        (seen(("random", 1.0), ("rules", 0.6), ("d2", 0.0)), ["random", "rules", "d2"]),
        (seen(*[("random", 1.0), ("rules", 0.6), ("d2", 0.0)] * 2), ["random", "rules", "d2"]),
        (seen(*[("random", 1.0), ("rules", 1.0), ("d2", 0.0)] * 2), ["rules", "d2"]),
        (seen(("random", 1.0), ("rules", 1.0), ("d2", 0.0)), ["random", "rules", "d2"]),
        (seen(*[("random", 1.0), ("rules", 0.6), ("d2", 0.0)] * 2, ("rules", 1.0)), ["random", "rules", "d2"]),
        (seen(*[("random", 1.0), ("rules", 1.0), ("d2", 0.0)] * 2, ("rules", 1.0)), ["rules", "d2"]),
        # the strongest of the settled ones stays, and when it is no longer settled the one below it is back
        (seen(*[("random", 1.0), ("rules", 1.0), ("d2", 0.0)] * 2, ("rules", 0.6)), ["random", "rules", "d2"]),
        # all are settled
        (seen(*[(opponent, 1.0) for opponent in LADDER] * 2), ["d8"]),
        # the middle of the ladder was never met
        (seen(("random", 0.6), ("d8", 0.0)), ["random", "rules", "d2"]),
    ],
)  # fmt: skip
def test_informative_opponents(lines, chosen):
    assert schedule.informative(lines, LADDER, "net") == chosen


def test_informative_opponents_of_another_player_are_another_matter():
    lines = seen(*[(opponent, 1.0) for opponent in LADDER] * 2)
    assert schedule.informative(lines, LADDER, "mcts:sims=64") == ["random", "rules", "d2"]
    assert schedule.informative([], ["random"], "net") == ["random"]


def test_how_long_matches_take_is_learned_from_those_that_were_played():
    config = EvalConfig(opponents=("rules", "d2"), equal_time=("alphabeta:ms=20",), games=100, final_games=400)
    table = schedule.Timetable(config)
    # By the clock: about 30 plies of 20 ms.
    assert table.seconds_per_game(("mcts:ms=20", "alphabeta:ms=20")) == pytest.approx(0.6)
    table.took(("mcts:ms=20", "alphabeta:ms=20"), 100, 35.0)
    assert table.seconds_per_game(("", "alphabeta:ms=20")) == 0.35
    table.took(("net", "rules"), 100, 2.0)
    assert table.seconds_per_game(("net", "rules")) == table.seconds_per_game(("net", "d2")) == 0.02
    table.took(("net", "d2"), 100, 8.0)
    assert table.seconds_per_game(("net", "rules")) == 0.02
    assert table.seconds_per_game(("net", "d9")) == 0.05


def test_how_long_the_matches_at_the_end_will_take():
    config = EvalConfig(opponents=("rules", "d2"), games=100, final_games=400, final_share=0.25)
    table = schedule.Timetable(config)
    pairings = [("net", "rules"), ("net", "d2")]
    table.took(pairings[0], 100, 1.0)
    table.took(pairings[1], 100, 10.0)
    assert table.final_seconds(100.0) == 25.0
    assert table.expected(pairings, math.inf) == pytest.approx(4.0 + 40.0)
    # 25 s: 4 of the first's 12.5, and of the rest of 21 two rounds of 10 for the other.
    assert table.expected(pairings, 25.0) == pytest.approx(24.0)
    assert table.expected(pairings, 1000.0) == pytest.approx(44.0)
    assert table.expected(pairings, 0.0) == pytest.approx(1.0 + 10.0)  # 100 games, whatever it takes
    assert schedule.Timetable(EvalConfig(final_share=0.0)).final_seconds(100.0) == math.inf


def test_before_a_match_the_players_tell_how_long_it_takes():
    """A game of 40 plies, half of them each one's."""
    table = schedule.Timetable(EvalConfig(opponents=("rules", "d2", "d4"), games=100, final_games=400))
    table.plies = 40.0
    table.expect("net", 0.001)
    table.expect("d2", 0.002)
    table.expect("d4", 0.009)
    assert table.seconds_per_game(("net", "d2")) == pytest.approx(20 * 0.003)
    assert table.seconds_per_game(("net", "d4")) == pytest.approx(20 * 0.010)
    # A match says what its two took, in those with others too.
    table.took(("net", "d2"), games=100, seconds=9.0, thought=(3.0, 8.0))
    assert table.seconds_per_game(("net", "d2")) == pytest.approx(0.09)
    assert table.seconds_per_game(("net", "d4")) == pytest.approx(0.03 + 0.18)
    table.expect("mcts:sims=64", 0.004)
    assert table.seconds_per_game(("mcts:sims=64", "d2")) == pytest.approx(0.08 + 0.08)
    table.took(("mcts:sims=64", "d4"), games=100, seconds=9.0, thought=(7.0, 6.0))
    assert table.seconds_per_game(("mcts:sims=64", "d2")) == pytest.approx(0.08), "each has had the other beside it"
    assert table.seconds_per_game(("net", "rules")) == pytest.approx(0.09)  # nothing is known of it


@pytest.mark.parametrize(
    ("seconds", "games"),
    [(math.inf, 400), (100.0, 400), (31.0, 300), (16.0, 200), (14.0, 100), (0.0, 100)],  # a round takes 10 s
)
def test_a_match_at_the_end_has_the_rounds_that_come_nearest_to_its_time(seconds, games):
    table = schedule.Timetable(EvalConfig(games=100, final_games=400))
    assert table.final_games("rules", 0.1, seconds) == games
