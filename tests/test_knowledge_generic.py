"""The player for any game, from the rules alone: against plain minimax, solved games, and by hand."""

import functools
import importlib
import sys

import naive_knowledge as naive
import numpy as np
import pytest

import games
import games.registry
from games import text
from games.game import DRAW, MOVER_WON
from selfplay.knowledge import generic
from selfplay.knowledge.budget import DECIDED, WIN, Budget

# Connect Four and Gomoku are not known to this player either: it asks for their rules alone.
SMALL = ["tictactoe", "connect4:height=4,width=4,k=3", "gomoku:size=4,k=3,rule=standard", "hex:size=3"]


@pytest.fixture(scope="module", autouse=True)
def hex_():
    """Hex, registered for the tests of this file."""
    patch = pytest.MonkeyPatch()
    patch.setattr(games.registry, "_FACTORIES", dict(games.registry._FACTORIES))
    patch.delitem(sys.modules, "third_game", raising=False)
    importlib.import_module("third_game")
    yield
    patch.undo()


def search(game, states_NW, seeds_N=None, hints=None, **budget):
    """Actions, scores, depths and nodes, a row of each."""
    limits = Budget(**budget)
    seeds = np.zeros(len(states_NW), np.uint64) if seeds_N is None else seeds_N
    known = hints or generic.worths(game, frozenset())
    return generic.search(game, states_NW, seeds, known, limits, generic.new_context(game, limits)).T


def position(name, line):
    game = games.make(name)
    return game, text.replay(game, text.parse_moves(game, line))[0]


def chosen(name, line):
    """Every move that the rules choose, over 200 seeds."""
    game, state_W = position(name, line)
    moves_N = generic.choose(game, np.repeat(state_W[None], 200, axis=0), np.arange(200, dtype=np.uint64))
    return {text.format_action(game, int(action)) for action in moves_N}


def searched(name, line, **budget):
    """Every move that the search chooses, over 200 seeds; and the score."""
    game, state_W = position(name, line)
    seeds_N = np.arange(200, dtype=np.uint64)
    moves_N, scores_N, _, _ = search(game, np.repeat(state_W[None], 200, axis=0), seeds_N, **budget)
    assert len(set(scores_N)) == 1
    return {text.format_action(game, int(action)) for action in moves_N}, int(scores_N[0])


def minimax(game, state_W, depth, evaluation):
    return naive.minimax(game, state_W, depth, evaluation, lambda game, state_W: game.legal_actions(state_W).tolist())


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_search_is_minimax_and_plays_each_of_the_best_moves(name, depth):
    game = games.make(name)
    for plies in (0, 2, 4):
        for state_W in naive.random_states(game, 2 if plies else 1, plies, seed=depth):
            value, best = minimax(game, state_W, depth, lambda state_W: 0)
            seeds_N = np.arange(150, dtype=np.uint64)
            actions_N, scores_N, depths_N, _ = search(game, np.repeat(state_W[None], 150, axis=0), seeds_N, depth=depth)
            assert (scores_N == value).all()
            assert (depths_N == depth).all() or abs(value) >= DECIDED
            # A decided game ends the deepening early; what is best to that depth is best to any.
            assert set(actions_N) == set(best)


def spread(state_W):
    """An evaluation without symmetry or sense, never twice the same: what a search must not mix up."""
    total = 0
    for w in range(len(state_W)):
        total = (total * 31 + int(state_W[w]) * 17) % 1009
    return total - 504


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_search_is_minimax_over_any_evaluation(name, depth):
    game = games.make(name)

    @generic.kernel(generic.EVALUATE, allocates=False)
    def evaluate(state_W):
        total = 0
        for w in range(len(state_W)):
            total = (total * 31 + int(state_W[w]) * 17) % 1009
        return total - 504

    hints = generic.Hints(evaluate, game.legal)
    for plies in (0, 3):
        states_NW = naive.random_states(game, 6, plies, seed=plies)
        actions_N, scores_N, _, _ = search(game, states_NW, hints=hints, depth=depth)
        for n, state_W in enumerate(states_NW):
            value, best = minimax(game, state_W, depth, spread)
            assert scores_N[n] == value
            assert actions_N[n] in best


# Hex is won by who begins, in the middle; 3 x 3 x three in a row is a draw, but on 4 x 4 it is won.
@pytest.mark.parametrize(("name", "winner"), [("hex:size=3", 1), ("tictactoe", 0), ("gomoku:size=4,k=3", 1)])
def test_solved_games(name, winner):
    game = games.make(name)
    _, scores_N, depths_N, _ = search(game, game.initial()[None], depth=game.max_plies)
    assert np.sign(scores_N[0]) == winner
    assert abs(scores_N[0]) >= DECIDED if winner else depths_N[0] == game.max_plies


def test_every_position_of_hex_on_3_x_3_has_its_value():
    game = games.make("hex:size=3")

    @functools.cache
    def value(state):
        state_W = np.frombuffer(state, np.uint64).copy()
        results = []
        for action in game.legal_actions(state_W):
            next_W, status = game.after(state_W, int(action))
            results.append(1 if status == MOVER_WON else -value(next_W.tobytes()))
        return max(results)

    states_NW = np.concatenate([naive.random_states(game, 60, plies, seed=plies) for plies in range(6)])
    _, scores_N, _, _ = search(game, states_NW, depth=9)
    assert (abs(scores_N) >= DECIDED).all()
    assert np.sign(scores_N).tolist() == [value(state_W.tobytes()) for state_W in states_NW]


def test_it_wins_at_once_blocks_and_loses_late():
    assert searched("tictactoe", "a3 a1 b3 b1", depth=1) == ({"c3"}, WIN - 5)
    assert searched("tictactoe", "a3 b2 b3", depth=2) == ({"c3"}, 0)
    # Two threats: lost by the seventh stone whatever one does.
    assert searched("tictactoe", "a1 b2 c3 a3 c1", depth=3) == ({"a2", "b1", "b3", "c2"}, -(WIN - 7))
    # b2 and b3 are joined to the bottom by a1 or b1.
    moves, score = searched("hex:size=3", "b2 a3 b3", depth=2)
    assert (len(moves), score) == (6, -(WIN - 5))


def test_rules_win_block_and_else_play_anything():
    assert chosen("tictactoe", "a3 a1 b3 b1") == {"c3"}
    assert chosen("tictactoe", "a3 b2 b3") == {"c3"}
    assert chosen("tictactoe", "") == {f"{column}{row}" for column in "abc" for row in "123"}
    # Of two threats one is stopped: the other side may overlook the second.
    assert chosen("tictactoe", "a1 b2 c3 a3 c1") == {"b1", "c2"}
    assert chosen("hex:size=3", "b2 a3 b3") == {"a1", "b1"}


def test_answers_depend_on_position_and_seed_alone():
    game = games.make("hex:size=4")
    states_NW = naive.random_states(game, 9, 3, seed=3)
    seeds_N = np.arange(9, dtype=np.uint64)
    limits, hints = Budget(nodes=2000), generic.worths(game, frozenset())
    context = generic.new_context(game, limits)
    together = generic.search(game, states_NW, seeds_N, hints, limits, context)
    again = generic.search(game, states_NW, seeds_N, hints, limits, context)
    alone = [search(game, states_NW[n : n + 1], seeds_N[n : n + 1], nodes=2000).T for n in range(9)]
    assert (together == again).all()
    assert (together == np.concatenate(alone)).all()


def test_the_table_and_the_order_of_moves_save_nodes():
    """Measured: 7,845 nodes for the nine iterations, and 17,087 where the table finds nothing."""
    game = games.make("tictactoe")
    _, _, _, nodes_N = search(game, game.initial()[None], depth=9)
    assert nodes_N[0] < 12_000


@pytest.mark.parametrize("name", ["hex:size=8", "gomoku:size=15,k=6"])
def test_budgets_end_a_search(name):
    game = games.make(name)
    states_NW = naive.random_states(game, 2, 6, seed=5)
    _, _, depths_N, nodes_N = search(game, states_NW, nodes=3000)
    assert (depths_N >= 1).all() and (nodes_N <= 3001).all()
    _, _, depths_N, _ = search(game, states_NW, ms=30.0)
    assert (depths_N >= 1).all()


def test_a_full_board_is_a_draw():
    game, state_W = position("tictactoe", "b2 a1 a2 c2 b3 b1 c1 a3")
    actions_N, scores_N, _, _ = search(game, state_W[None], depth=9)
    assert scores_N[0] == 0
    assert game.after(state_W, int(actions_N[0]))[1] == DRAW
