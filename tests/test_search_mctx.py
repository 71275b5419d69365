"""The Gumbel search answers as DeepMind's mctx does; the answers were stored by tests/golden/make_mctx.py."""

import json
from functools import cache
from pathlib import Path

import naive_search
import numpy as np
import pytest

import games
from selfplay.config import SearchConfig
from selfplay.search.search import Search
from selfplay.search.tree import halving_table


@cache
def golden() -> dict:
    return json.loads((Path(__file__).parent / "golden" / "mctx.json").read_text())


def states_of(case: dict) -> np.ndarray:
    return np.array([[int(word) for word in state] for state in case["states"]], np.uint64)


@pytest.mark.parametrize("name", sorted({case["game"] for case in golden()["cases"]}))
def test_search_agrees_with_mctx(name):
    game = games.make(name)
    cases = [case for case in golden()["cases"] if case["game"] == name]
    assert len(cases) == 21
    for case in cases:
        states_NW = states_of(case)
        config = SearchConfig(
            rule="gumbel",
            max_considered_actions=case["considered"],
            c_visit=case["c_visit"],
            c_scale=case["c_scale"],
            prove=False,
        )
        search = Search(game, config, games=len(states_NW), simulations=case["simulations"])
        evaluate = naive_search.hash_evaluator(game.actions, case["evaluator_seed"])
        found = search.run(states_NW, evaluate, noise=np.array(case["gumbel"]) if case["gumbel"] else None)
        np.testing.assert_array_equal(found.visits_NA, case["visits"])
        np.testing.assert_array_equal(found.action_N, case["action"])
        np.testing.assert_allclose(found.q_NA, case["q"], atol=3e-5)
        roots_N = search.forest.nodes_GN[: len(states_NW), 0]  # its value is their mean; ours follows the policy
        np.testing.assert_allclose(roots_N["value_sum"] / roots_N["visits"], case["value"], atol=3e-5)
        np.testing.assert_allclose(found.policy_NA, case["policy"], atol=2e-4)


def test_naive_twin_agrees_with_mctx():
    """So that agreement with the twin, on any number of fresh questions, means something."""
    for case in golden()["cases"]:
        if case["simulations"] != 32:
            continue
        game = games.make(case["game"])
        for n, state_W in enumerate(states_of(case)):
            found = naive_search.gumbel_search(
                game,
                state_W,
                naive_search.hash_evaluator(game.actions, case["evaluator_seed"]),
                simulations=case["simulations"],
                considered=case["considered"],
                c_visit=case["c_visit"],
                c_scale=case["c_scale"],
                gumbel_A=case["gumbel"] and np.array(case["gumbel"][n]),
            )
            assert found.visits_A.tolist() == case["visits"][n]
            assert found.action == case["action"][n]
            np.testing.assert_allclose(found.policy_A, case["policy"][n], atol=2e-5)


def test_sequential_halving_agrees_with_mctx():
    for row in golden()["halving"]:
        table = halving_table(row["considered"], row["simulations"])
        assert table[row["considered"]].tolist() == row["visits"], (row["considered"], row["simulations"])
