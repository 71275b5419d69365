"""Search of one position by the clock: the trees of its moves are those of an ordinary search, and time is kept."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from naive_search import hash_evaluator

import games
from games import text
from games.outcome import PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN, UNPROVEN
from selfplay.config import SearchConfig
from selfplay.search import simulate, tree
from selfplay.search.evaluate import uniform
from selfplay.search.search import Search
from selfplay.search.timed import TimedSearch


def position(game, moves: str) -> np.ndarray:
    return text.replay(game, text.parse_moves(game, moves))[0]


@pytest.mark.parametrize("moves", ["", "4435", "112", "44444"])
def test_a_tree_of_its_own_finds_what_a_move_gets_in_one_common_tree(moves):
    game = games.make("connect4")
    evaluate = hash_evaluator(game.actions)
    config = SearchConfig(cache_bits=0, lookahead=False)  # asks less inside a tree
    state_W = position(game, moves)
    common = Search(game, config, games=1, simulations=90).run(state_W[None], evaluate)
    visits_A, q_A = common.visits_NA[0], common.q_NA[0]
    timed = TimedSearch(game, config, 20)
    forest = timed.forest
    actions = [action for action in range(game.actions) if visits_A[action] > 0]
    states_LW = np.stack([game.after(state_W, action)[0] for action in actions])
    simulate.reset_all(forest, states_LW, 0, tree.INTERIOR, tree.NO_NOISE)
    # The evaluation of a tree's root is the first visit of its move.
    forest.searches_G["budget"][: len(actions)] = visits_A[actions] - 1
    while rows := simulate.run_all(forest, timed.rules, game.step, game.legal, game.wins, game.observe):
        simulate.expand_leaves(forest, timed.rules, *evaluate(forest.planes_BPHW[:rows]))
    roots = forest.nodes_GN[: len(actions), 0]
    assert roots["visits"].tolist() == visits_A[actions].tolist()
    np.testing.assert_allclose(-roots["value_sum"] / roots["visits"], q_A[actions], atol=1e-6)
    assert visits_A.max() > 10


class Clock:
    """Stands in for `time`: every call of its evaluator takes a millisecond, and nothing else takes any time."""

    def __init__(self, evaluate):
        self.seconds = 0.0
        self._evaluate = evaluate

    def perf_counter(self):
        return self.seconds

    def evaluate(self, planes_BPHW):
        self.seconds += 0.001
        return self._evaluate(planes_BPHW)


def test_it_uses_its_time_and_no_more(monkeypatch):
    game = games.make("connect4")
    clock = Clock(uniform(game))
    monkeypatch.setattr("selfplay.search.timed.time", clock)
    for milliseconds in (1, 5, 60):
        began = clock.seconds
        found = TimedSearch(game, SearchConfig(), milliseconds).run(game.initial(), clock.evaluate)
        calls = round((clock.seconds - began) * 1000)
        # The root, and one round of each of three phases in any case; the slowest round so far is kept in reserve.
        assert max(4, milliseconds - 1) <= calls <= max(4, milliseconds)
        assert found.simulations >= 2 * (calls - 1)  # two moves at least contend to the end
        assert found.evaluations <= found.simulations + 1


def test_more_visits_go_to_the_moves_that_sequential_halving_keeps(monkeypatch):
    game = games.make("connect4")
    clock = Clock(hash_evaluator(game.actions))
    monkeypatch.setattr("selfplay.search.timed.time", clock)
    found = TimedSearch(game, SearchConfig(cache_bits=0), 100).run(game.initial(), clock.evaluate)
    visits_A = np.sort(found.visits_NA[0])[::-1]
    # 7 moves, then 3, then 2; those of a group differ by simulations that met finished games and cost no call.
    assert visits_A[1] > 1.2 * visits_A[2] > 1.2**2 * visits_A[3]
    assert visits_A[6] > 0.8 * visits_A[3]
    assert found.visits_NA[0, found.action_N[0]] >= visits_A[1]
    assert found.policy_NA.sum() == pytest.approx(1)
    assert found.wdl_N3.sum() == pytest.approx(1)


def test_it_answers_as_the_root_in_numpy_did(monkeypatch):
    """Recorded when the root's scores, halving and choice were written a second time, in float64 numpy, with their
    own proofs: the two agree on every move, visit and proof where a call of the evaluator takes a millisecond."""
    cases = json.loads((Path(__file__).parent / "golden" / "timed.json").read_text())
    assert len(cases) == 58
    searches = {}
    for case in cases:
        setting = (case["game"], case["ms"], case["max_considered_actions"])
        if setting not in searches:
            game = games.make(case["game"])
            config = SearchConfig(max_considered_actions=setting[2], c_scale=0.5, cache_bits=12)
            clock = Clock(hash_evaluator(game.actions, seed=case["ms"]))
            searches[setting] = TimedSearch(game, config, case["ms"]), clock
        search, clock = searches[setting]
        monkeypatch.setattr("selfplay.search.timed.time", clock)
        found = search.run(np.array([int(word) for word in case["state"]], np.uint64), clock.evaluate)
        assert found.action_N[0] == case["action"]
        assert {str(a): found.visits_NA[0, a] for a in np.flatnonzero(found.visits_NA[0])} == case["visits"]
        assert found.proven_N[0] == case["proven"]
        assert found.evaluations == case["evaluations"]
        assert found.policy_NA[0, case["action"]] == pytest.approx(case["policy_of_action"], abs=2e-5)


# Connect Four: 4 wins at once; whatever is done loses; the only reply to a threat.
def test_a_win_is_taken_at_once():
    game = games.make("connect4")
    started = time.perf_counter()
    found = TimedSearch(game, SearchConfig(), 10_000).run(position(game, "112233"), uniform(game))
    assert (found.action_N[0], found.proven_N[0], found.plies_N[0]) == (3, PROVEN_WIN, 1)
    assert time.perf_counter() - started < 5


def test_a_lost_position_is_proven_and_resists():
    game = games.make("connect4")
    # The first player has three in a row with both ends open: columns 1 and 5 both win.
    found = TimedSearch(game, SearchConfig(), 2000).run(position(game, "22334"), uniform(game))
    assert found.proven_N[0] == PROVEN_LOSS
    assert found.wdl_N3[0].tolist() == [0, 0, 1]
    assert found.plies_N[0] == 2


def test_a_threat_is_blocked():
    game = games.make("connect4")
    found = TimedSearch(game, SearchConfig(), 20).run(position(game, "12131"), uniform(game))
    assert found.action_N[0] == 0
    assert np.flatnonzero(found.policy_NA[0]).tolist() == [0]


@pytest.mark.parametrize(("moves", "outcome"), [("", PROVEN_DRAW), ("b2", PROVEN_DRAW), ("a1 a2", PROVEN_WIN)])
def test_tic_tac_toe_is_solved(moves, outcome):
    game = games.make("tictactoe")
    found = TimedSearch(game, SearchConfig(), 20_000).run(position(game, moves), uniform(game))
    assert found.proven_N[0] == outcome
    state_W, _ = game.after(position(game, moves), int(found.action_N[0]))
    reply = TimedSearch(game, SearchConfig(), 20_000).run(state_W, uniform(game))
    assert reply.proven_N[0] == {PROVEN_DRAW: PROVEN_DRAW, PROVEN_WIN: PROVEN_LOSS}[outcome]


def test_with_more_moves_than_trees_the_likeliest_are_considered():
    game = games.make("gomoku:size=9")
    found = TimedSearch(game, SearchConfig(max_considered_actions=4, cache_bits=0), 30).run(
        position(game, "e5"), hash_evaluator(game.actions)
    )
    logits_A = hash_evaluator(game.actions)(game.planes_of(position(game, "e5"))[None])[0][0]
    logits_A[text.parse_action(game, "e5")] = -np.inf
    assert set(np.flatnonzero(found.visits_NA[0])) == set(np.argsort(-logits_A)[:4])
    assert found.proven_N[0] == UNPROVEN


def test_an_evaluation_is_forgotten_when_the_weights_change():
    game = games.make("connect4")
    search = TimedSearch(game, SearchConfig(), 20)
    first = search.run(game.initial(), hash_evaluator(game.actions))
    search.run(game.initial(), uniform(game))
    assert search.run(game.initial(), uniform(game)).value_N[0] == 0.0
    assert first.value_N[0] != 0.0
