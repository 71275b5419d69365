"""What a batch of searches may share - the network call, the cache, the memory - changes no result."""

import os
import subprocess
import sys
import time
from pathlib import Path

import naive_search
import numpy as np
import pytest

import games
from games.outcome import UNPROVEN
from selfplay.config import SearchConfig
from selfplay.search.evaluate import uniform
from selfplay.search.search import Search

BOTH = pytest.mark.parametrize("rule", ["gumbel", "puct"])
ARRAYS = ("action_N", "policy_NA", "visits_NA", "q_NA", "wdl_N3", "proven_N", "plies_N")


def assert_same(first, second):
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
    assert first.simulations == second.simulations


class Counted:
    """An evaluator that remembers every position it was asked for."""

    def __init__(self, evaluate):
        self.evaluate, self.asked, self.calls = evaluate, [], 0

    def __call__(self, planes_BPHW):
        self.calls += 1
        self.asked += [planes_PHW.tobytes() for planes_PHW in planes_BPHW]
        return self.evaluate(planes_BPHW)


@BOTH
@pytest.mark.parametrize("bits", [1, 4, 16])
def test_the_cache_changes_no_result(rule, bits):
    """Two entries collide all the time, 65536 never: the result is that of no cache."""
    game = games.make("connect4:height=5,width=5")
    states_NW = naive_search.random_positions(game, 24, np.random.default_rng(2))
    evaluate = naive_search.hash_evaluator(game.actions)

    def searched(cache_bits):
        search = Search(game, SearchConfig(rule=rule, cache_bits=cache_bits), games=24, simulations=80)
        return [search.run(states_NW, evaluate, noise=noise) for noise in (None, np.random.default_rng(4))]

    plain, cached = searched(0), searched(bits)
    for first, second in zip(plain, cached, strict=True):
        assert_same(first, second)
        assert second.evaluations <= first.evaluations
    if bits == 16:
        assert cached[1].evaluations < plain[1].evaluations / 2  # the second run finds most of the first


@BOTH
def test_duplicates_in_a_batch_are_evaluated_once(rule):
    """Eight copies of one position cost the evaluator exactly what one does."""
    game = games.make("connect4")
    one, eight = (Counted(naive_search.hash_evaluator(game.actions)) for _ in range(2))
    config = SearchConfig(rule=rule)
    alone = Search(game, config, games=1, simulations=60).run(game.initial()[None], one)
    found = Search(game, config, games=8, simulations=60).run(np.tile(game.initial(), (8, 1)), eight)
    assert eight.asked == one.asked
    assert len(set(eight.asked)) == len(eight.asked) == found.evaluations == alone.evaluations
    for n in range(8):
        np.testing.assert_array_equal(found.visits_NA[n], alone.visits_NA[0])


def test_every_row_is_counted():
    game = games.make("connect4")
    states_NW = naive_search.random_positions(game, 16, np.random.default_rng(3))
    counted = Counted(naive_search.hash_evaluator(game.actions))
    found = Search(game, SearchConfig(cache_bits=0, prove=False), games=16, simulations=20).run(states_NW, counted)
    assert found.evaluations == len(counted.asked)
    assert found.simulations == 16 * 20
    assert counted.calls <= 21  # the games advance together


def test_forgetting_makes_new_weights_count():
    """One evaluator whose weights change in place, as a network's do."""
    game = games.make("connect4")
    weights = [naive_search.hash_evaluator(7, seed=1)]

    def evaluate(planes_BPHW):
        return weights[0](planes_BPHW)

    states_NW = game.initial()[None]
    search = Search(game, SearchConfig(), games=1, simulations=30)
    before = search.run(states_NW, evaluate)
    weights[0] = naive_search.hash_evaluator(7, seed=2)
    assert search.run(states_NW, evaluate).evaluations < before.evaluations  # from the cache
    search.forget()
    after = search.run(states_NW, evaluate)
    fresh = Search(game, SearchConfig(), games=1, simulations=30)
    assert_same(after, fresh.run(states_NW, evaluate))
    assert not np.array_equal(before.policy_NA, after.policy_NA)


@BOTH
def test_a_failed_evaluation_leaves_nothing_behind(rule):
    """Ctrl-C in the middle of a search: the next search is as good as new."""
    game = games.make("connect4")
    rng = np.random.default_rng(5)
    states_NW = naive_search.random_positions(game, 12, rng)
    others_NW = naive_search.random_positions(game, 7, rng)
    evaluate = naive_search.hash_evaluator(game.actions)
    search = Search(game, SearchConfig(rule=rule), games=12, simulations=30)
    fresh = Search(game, SearchConfig(rule=rule), games=12, simulations=30)
    calls = 0

    def failing(planes_BPHW):
        nonlocal calls
        calls += 1
        if calls == 9:
            raise KeyboardInterrupt
        return evaluate(planes_BPHW)

    with pytest.raises(KeyboardInterrupt):
        search.run(states_NW, failing)
    for asked_NW in (others_NW, states_NW):  # asked of the same evaluator, which has not changed
        assert_same(search.run(asked_NW, failing), fresh.run(asked_NW, evaluate))


def test_another_evaluator_is_not_answered_by_the_first_ones_values():
    game = games.make("connect4")
    first, second = (naive_search.hash_evaluator(7, seed=seed) for seed in (1, 2))
    search = Search(game, SearchConfig(), games=1, simulations=30)
    search.run(game.initial()[None], first)
    fresh = Search(game, SearchConfig(), games=1, simulations=30)
    assert_same(search.run(game.initial()[None], second), fresh.run(game.initial()[None], second))


@BOTH
def test_a_search_can_be_used_again(rule):
    """Fewer positions, fewer simulations, then more again: always as a new search."""
    game = games.make("gomoku:size=5,k=4")
    evaluate = naive_search.hash_evaluator(game.actions)
    states_NW = naive_search.random_positions(game, 10, np.random.default_rng(6))
    search = Search(game, SearchConfig(rule=rule), games=10, simulations=50)
    for count, simulations in ((10, 50), (3, 7), (1, 1), (10, 49), (4, 50)):
        found = search.run(states_NW[:count], evaluate, simulations=simulations)
        fresh = Search(game, SearchConfig(rule=rule), games=count, simulations=simulations)
        assert_same(found, fresh.run(states_NW[:count], evaluate))


@BOTH
def test_visits_and_values_add_up_at_every_node(rule):
    """A node's visits are its own and its children's; so are its values, with the sign turned."""
    game = games.make("connect4:height=4,width=5")
    search = Search(game, SearchConfig(rule=rule, prove=False), games=3, simulations=200)
    evaluate = naive_search.hash_evaluator(game.actions)
    states_NW = naive_search.random_positions(game, 3, np.random.default_rng(7))
    search.run(states_NW, evaluate)
    for g in range(3):
        tree_N = search.forest.nodes_GN[g, : search.forest.searches_G[g]["size"]]
        assert tree_N[0]["visits"] == 201
        parent_N = tree_N["parent"]
        for node, record in enumerate(tree_N):
            children_N = tree_N[parent_N == node]
            if len(children_N):
                assert record["visits"] == 1 + children_N["visits"].sum()
                total = record["value"] - children_N["value_sum"].sum()
                assert abs(record["value_sum"] - total) < 1e-4
                assert record["best_untried"] not in children_N["action"]
                assert len(set(children_N["action"])) == len(children_N)


def test_the_clock_stops_a_search():
    game = games.make("connect4")
    evaluate = uniform(game)

    def slow(planes_BPHW):
        time.sleep(0.002)
        return evaluate(planes_BPHW)

    search = Search(game, SearchConfig(rule="puct", cache_bits=0), games=1, simulations=100_000)
    started = time.perf_counter()
    found = search.run(game.initial()[None], slow, milliseconds=40)
    assert time.perf_counter() - started < 5  # 100,000 simulations would take minutes
    assert 0 < found.simulations < 10_000
    assert found.visits_NA[0, found.action_N[0]] > 0


def test_bad_questions_have_one_clear_answer():
    game = games.make("tictactoe")
    search = Search(game, SearchConfig(), games=2, simulations=8)
    with pytest.raises(ValueError, match=r"3 positions .* at most 2"):
        search.run(np.tile(game.initial(), (3, 1)), uniform(game))
    for simulations in (-1, 9):
        with pytest.raises(ValueError, match=rf"{simulations} simulations .* 1 to 8"):
            search.run(game.initial()[None], uniform(game), simulations=simulations)


# In a fresh process, because numba reads these variables when it is imported. The last line asks for game 2 of 2.
PROBE = """
import numpy as np
import games, naive_search
from selfplay.config import SearchConfig
from selfplay.search import simulate
from selfplay.search.search import Search
game = games.make("tictactoe")
for rule in ("gumbel", "puct"):
    search = Search(game, SearchConfig(rule=rule, cache_bits=6), games=2, simulations=20)
    states_NW = np.stack([game.initial(), game.after(game.initial(), 4)[0]])
    for noise in (None, np.random.default_rng(0)):
        found = search.run(states_NW, naive_search.hash_evaluator(9), noise=noise)
        print(found.visits_NA.tolist(), found.action_N.tolist(), found.policy_NA.round(4).tolist())
try:
    simulate.reset(search.forest, 2, game.initial(), 1, 0, 0)
except IndexError:
    print("IndexError")
"""


def probed(tmp_path, **variables: str) -> list[str]:
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": paths, "NUMBA_CACHE_DIR": str(tmp_path), **variables}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROBE], env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_kernels_as_plain_python_give_the_same_and_check_every_index(tmp_path, capsys):
    game = games.make("tictactoe")
    lines = probed(tmp_path, NUMBA_DISABLE_JIT="1")
    assert lines.pop() == "IndexError"
    expected = []
    for rule in ("gumbel", "puct"):
        search = Search(game, SearchConfig(rule=rule, cache_bits=6), games=2, simulations=20)
        states_NW = np.stack([game.initial(), game.after(game.initial(), 4)[0]])
        for noise in (None, np.random.default_rng(0)):
            found = search.run(states_NW, naive_search.hash_evaluator(9), noise=noise)
            expected.append(f"{found.visits_NA.tolist()} {found.action_N.tolist()} {found.policy_NA.round(4).tolist()}")
            assert (found.proven_N == UNPROVEN).all()
    assert lines == expected
