"""Gomoku's search by shapes against plain minimax over the same evaluation and moves: both rules, both colours."""

import naive_gomoku
import naive_knowledge
import numpy as np
import pytest
from test_knowledge_gomoku_threats import positions_from_games, stones_of

import games
from selfplay.knowledge.alphabeta import AlphaBeta
from selfplay.knowledge.budget import DECIDED, Budget
from selfplay.knowledge.gomoku import board
from selfplay.knowledge.transposition import TranspositionTable

PLAIN = frozenset({"fours", "threes", "pruning"})


def plain_search(game, states_NW, depth):
    """Without pruning, and with a table too small to hold anything from a search of another depth."""
    player = AlphaBeta(game, Budget(depth=depth), PLAIN)
    player._contexts = [context._replace(table=TranspositionTable(2)) for context in player._contexts]
    return player.search(states_NW)


def assert_as_minimax(game, states_NW, depth):
    """Returns how many positions were decided, and how many not."""
    found = plain_search(game, states_NW, depth)
    exact = bool(board.exact_of(game))
    for n, state_W in enumerate(states_NW):
        stones, mover = stones_of(game, state_W)
        searched = int(found.depths_N[n])
        assert searched == depth or abs(found.scores_N[n]) >= DECIDED or searched == game.cells - len(stones)
        score, best = naive_gomoku.minimax(game.width, stones, mover, searched, exact)
        assert found.scores_N[n] == score
        assert divmod(int(found.actions_N[n]), game.width) in best
    decided = int((abs(found.scores_N) >= DECIDED).sum())
    return decided, len(states_NW) - decided


@pytest.mark.parametrize("name", ["gomoku9", "gomoku:size=9,rule=standard"])
@pytest.mark.parametrize(("depth", "count"), [(1, 10), (2, 2)])
def test_search_equals_minimax_in_games(name, depth, count):
    game, states = positions_from_games(name, 8, seed=depth)
    by_colour = [[state_W for state_W in states if state_W[-1] % 2 == mover] for mover in range(2)]
    rng = np.random.default_rng(depth)
    chosen = [some[i] for some in by_colour for i in rng.permutation(len(some))[:count]]
    _, open_ = assert_as_minimax(game, np.array(chosen), depth)
    assert open_ > 0


@pytest.mark.parametrize("name", ["gomoku:size=6", "gomoku:size=6,rule=standard"])
@pytest.mark.parametrize(("depth", "empty"), [(1, 24), (2, 20), (3, 12), (3, 11), (4, 8), (4, 9)])
def test_search_equals_minimax_on_small_boards(name, depth, empty):
    game = games.make(name)
    assert_as_minimax(game, naive_knowledge.random_states(game, 3, game.cells - empty, seed=empty), depth)


@pytest.mark.parametrize(("depth", "count"), [(2, 8), (3, 4)])
def test_search_equals_minimax_where_threats_leave_few_answers(depth, count):
    game, states = positions_from_games("gomoku:size=7", 20, seed=5)
    threatened = []
    for state_W in states:
        stones, mover = stones_of(game, state_W)
        fours = naive_gomoku.five_cells(game.width, stones, 1 - mover, exact=False)
        threes = naive_gomoku.wins_in_three(game.width, stones, 1 - mover, exact=False)
        if (len(fours) == 1 or threes) and game.cells - len(stones) < 28:
            threatened.append(state_W)
    assert len(threatened) >= count
    _, open_ = assert_as_minimax(game, np.array(threatened[:count]), depth)
    assert open_ > 0


@pytest.mark.parametrize("depth", [3, 4])
def test_the_table_saves_nodes_and_changes_no_score(depth):
    game = games.make("gomoku9")
    states_NW = naive_knowledge.random_states(game, 4, 4, seed=depth)  # too few stones for threats and extensions
    without, with_table = (
        plain_search(game, states_NW, depth),
        AlphaBeta(game, Budget(depth=depth), PLAIN).search(states_NW),
    )
    assert (with_table.scores_N == without.scores_N).all()
    assert with_table.nodes_N.sum() < without.nodes_N.sum()
