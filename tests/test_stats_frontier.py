"""The frontier that comes of checkpoints at several numbers of simulations."""

import numpy as np
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


def test_the_rate_of_exchange_where_strength_is_a_plane():
    """300 Elo for ten times the training and 250 for ten times the thinking: 1.2 tenfolds of the one for one of the
    other, at whatever strength."""
    x_P, y_P = (each.ravel() for each in np.meshgrid(np.linspace(11, 13, 6), np.linspace(0, 3, 7)))
    for level in (3400.0, 3700.0):
        found = frontier.exchange(x_P, y_P, 300 * x_P + 250 * y_P, level, 50.0)
        assert found == pytest.approx(-1.2)


def test_the_rate_of_exchange_where_it_bends():
    """Strength x + y^2: along a line of it y falls by 1 / (2 y). The players of two levels have one y each."""
    y_P = np.repeat([1.0, 4.0, 2.5], 5)
    x_P = np.concatenate([8 + np.linspace(-0.1, 0.1, 5), 18 + np.linspace(-0.1, 0.1, 5), np.arange(15.0, 20)])
    for level, y in ((9.0, 1.0), (34.0, 4.0)):
        assert frontier.exchange(x_P, y_P, x_P + y_P**2, level, 1.0) == pytest.approx(-1 / (2 * y), rel=0.01)


def test_the_surface_gives_back_what_it_was_made_of():
    rng = np.random.default_rng(0)
    x_P, y_P = rng.uniform(11, 13, 20), rng.uniform(0, 3, 20)
    surface = frontier.fit_surface(x_P, y_P, 2 + 3 * x_P - y_P + 0.5 * x_P * y_P + 0.25 * y_P**2)
    assert surface.at(np.array([12.0]), np.array([2.0])) == pytest.approx(2 + 36 - 2 + 12 + 1)
    of_x, of_y = surface.gradient(np.array([12.0]), np.array([2.0]))
    assert (of_x, of_y) == (pytest.approx(3 + 1), pytest.approx(-1 + 6 + 1))
