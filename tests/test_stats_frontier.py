"""The frontier that comes of checkpoints at several numbers of simulations."""

import pytest
from matches import a_line

from selfplay.stats import frontier


def line(agent, flops, points):
    return a_line(flops=float(flops), agent=agent, pairs=[100 - points, 0, 0, 0, points])


def test_there_is_a_frontier_from_three_numbers_of_simulations_on():
    """The network alone counts as one simulation; by the clock there is no number."""
    net, some, more, clock = (
        [line(agent, 10**x, points) for x, points in ((12, 10), (13, 50), (14, 90))]
        for agent in ("net", "mcts:sims=8", "mcts:sims=32", "mcts:ms=20")
    )
    assert frontier.points([*net, *some, *clock]) == []
    found = frontier.points([*net, *some, *more, *clock])
    assert [(point.crossing.agent, point.simulations) for point in found] == [
        ("net", 1),
        ("mcts:sims=8", 8),
        ("mcts:sims=32", 32),
    ]
    assert found[0].crossing.flops == pytest.approx(1e13, rel=0.05)


def test_an_untrained_player_makes_no_third_number():
    lines = [line(agent, 10**x, 50) for agent in ("net", "mcts:sims=8") for x in (12, 13)]
    assert frontier.points([*lines, line("mcts:sims=32", 0, 50)]) == []
