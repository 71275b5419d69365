"""The compiled search equals an obvious slow one, written from the papers, on positions and evaluations at random."""

import naive_search
import numpy as np
import pytest

import games
from selfplay.config import SearchConfig
from selfplay.search.evaluate import uniform
from selfplay.search.search import Search

GAMES = [
    "tictactoe",
    "connect4",
    "connect4:height=4,width=4",
    "connect4:height=5,width=4",
    "connect4:height=3,width=6,k=3",
    "gomoku:size=5",
    "gomoku:size=5,k=4",
    "gomoku:size=5,k=3,rule=standard",
]


def naive(game, state_W, evaluate, config, simulations):
    if config.rule == "gumbel":
        return naive_search.gumbel_search(
            game,
            state_W,
            evaluate,
            simulations=simulations,
            considered=config.max_considered_actions,
            c_visit=config.c_visit,
            c_scale=config.c_scale,
        )
    return naive_search.puct_search(
        game,
        state_W,
        evaluate,
        simulations=simulations,
        c_puct=config.c_puct,
        fpu_reduction=config.fpu_reduction,
    )


def assert_equal(found, n, twin):
    np.testing.assert_array_equal(found.visits_NA[n], twin.visits_A)
    assert found.action_N[n] == twin.action
    np.testing.assert_allclose(found.q_NA[n], twin.q_A, atol=1e-5)
    np.testing.assert_allclose(found.value_N[n], twin.value, atol=1e-5)
    np.testing.assert_allclose(found.policy_NA[n], twin.policy_A, atol=1e-4)


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize(
    ("simulations", "config"),
    [
        (1, SearchConfig(rule="gumbel", prove=False)),
        (37, SearchConfig(rule="gumbel", prove=False, max_considered_actions=5, c_visit=10.0, c_scale=0.2)),
        (120, SearchConfig(rule="gumbel", prove=False, max_considered_actions=16, c_scale=0.05)),
        (1, SearchConfig(rule="puct", prove=False)),
        (37, SearchConfig(rule="puct", prove=False, c_puct=0.6, fpu_reduction=0.0)),
        (120, SearchConfig(rule="puct", prove=False, c_puct=2.5, fpu_reduction=0.4)),
    ],
    ids=lambda value: value if isinstance(value, int) else value.rule,
)
def test_search_equals_its_twin(name, simulations, config):
    game = games.make(name)
    states_NW = naive_search.random_positions(game, 6, np.random.default_rng(simulations))
    evaluate = naive_search.hash_evaluator(game.actions, seed=simulations)
    found = Search(game, config, games=8, simulations=simulations).run(states_NW, evaluate)
    assert found.simulations == len(states_NW) * simulations
    for n, state_W in enumerate(states_NW):
        assert_equal(found, n, naive(game, state_W, evaluate, config, simulations))


@pytest.mark.parametrize("name", ["tictactoe", "connect4:height=4,width=4,k=3"])
@pytest.mark.parametrize("rule", ["gumbel", "puct"])
def test_ties_go_to_the_lowest_action(name, rule):
    """An evaluator that knows nothing makes ties everywhere."""
    game = games.make(name)
    config = SearchConfig(rule=rule, prove=False)
    states_NW = naive_search.random_positions(game, 12, np.random.default_rng(9))
    states_NW[0] = game.initial()
    found = Search(game, config, games=12, simulations=41).run(states_NW, uniform(game))
    for n, state_W in enumerate(states_NW):
        assert_equal(found, n, naive(game, state_W, uniform(game), config, 41))


def test_improved_policy_by_hand():
    """Two legal moves, one simulation. Numbers worked by hand from equations 8, 10 and 33.

    Logits log 3 and 0 (priors 3/4 and 1/4), root value 0.2, and every other position is worth 0.6 to its mover.
    The first move is visited, so its Q is -0.6; v_mix = (0.2 + 1 * -0.6) / 2 = -0.2. sigma's factor is
    (1 + 1) * 0.5 = 1. Improved logits log 3 - 0.6 and -0.2: the first move has 3 / (3 + e^0.4) = 0.66788.
    """
    game = games.make("connect4:height=6,width=2,k=6")
    asked = []

    def evaluate(planes_BPHW):
        asked.append(len(planes_BPHW))
        value = 0.2 if len(asked) == 1 else 0.6
        wdl_B3 = np.array([[(1 + value) / 2, 0.0, (1 - value) / 2]], np.float32)
        return np.log(np.array([[3.0, 1.0]], np.float32)), wdl_B3

    config = SearchConfig(rule="gumbel", prove=False, c_visit=1.0, c_scale=0.5)
    found = Search(game, config, games=1, simulations=1).run(game.initial()[None], evaluate)
    assert asked == [1, 1]
    assert found.visits_NA.tolist() == [[1, 0]]
    np.testing.assert_allclose(found.q_NA, [[-0.6, 0.0]], atol=1e-6)
    np.testing.assert_allclose(found.value_N, [-0.2], atol=1e-6)
    np.testing.assert_allclose(found.policy_NA, [[0.66788, 0.33212]], atol=1e-5)
