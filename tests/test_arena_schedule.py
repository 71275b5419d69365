"""Which opponents are worth a match, on scores whose meaning in Elo is known by hand."""

import pytest
from matches import a_line

from selfplay.arena import schedule

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
