"""AlphaZero.jl's minimax: against its published formula, searched in full by plain recursion."""

import naive_knowledge as naive
import numpy as np
import pytest

import games
from games import text
from games.game import MOVER_WON, ONGOING
from selfplay.knowledge.alphabeta import AlphaZeroJl
from selfplay.knowledge.budget import Budget
from selfplay.knowledge.connect4 import alphazero_jl
from selfplay.players.make import make_agent

GAME = games.make("connect4")


def heuristic_value(state_W):
    """`heuristic_value` of AlphaZero.jl's games/connect-four/game.jl, over its 69 alignments."""
    own, other = naive.stones(GAME, state_W)

    def value_for(mine, theirs):
        return sum(
            0.1 ** (3 - sum(cell in mine for cell in line))
            for line in naive.lines(GAME)
            if not any(cell in theirs for cell in line)
        )

    assert len(naive.lines(GAME)) == 69
    return value_for(own, other) - value_for(other, own)


def qvalues(state_W, depth):
    """`qvalue` of its src/minmax.jl for every action, with `amplify_rewards` and gamma = 1."""
    values = {}
    for action in GAME.legal_actions(state_W):
        next_W, status = GAME.after(state_W, int(action))
        if status == MOVER_WON:
            values[int(action)] = np.inf
        elif status != ONGOING:
            values[int(action)] = 0.0
        elif depth == 1:
            values[int(action)] = -heuristic_value(next_W)
        else:
            values[int(action)] = -max(qvalues(next_W, depth - 1).values())
    return values


@pytest.mark.parametrize(("plies", "depth"), [(6, 1), (9, 2), (14, 3), (28, 4), (33, 5), (36, 5)])
def test_plays_exactly_the_best_moves_of_plain_minimax(plies, depth):
    states_NW = naive.random_states(GAME, 6, plies, seed=plies)
    seeds_N = np.arange(60, dtype=np.uint64)
    ties = 0
    for state_W in states_NW:
        found = AlphaZeroJl(GAME, Budget(depth=depth)).search(np.repeat(state_W[None], 60, axis=0), seeds_N)
        values = qvalues(state_W, depth)
        best = max(values.values())
        moves = {action for action, value in values.items() if value == best or abs(value - best) < 1e-9}
        assert set(found.actions_N.tolist()) == moves
        ties += len(moves) > 1
        if np.isinf(best):
            assert found.proven_N[0] == (1 if best > 0 else 3)
        else:
            assert found.scores_N[0] == round(100 * best)
    assert ties > 0 or plies < 28


def test_the_heuristic_by_hand():
    """One stone in the middle of the bottom row: seven lines hold it, each worth a hundredth to its owner."""
    state_W, _ = text.replay(GAME, text.parse_moves(GAME, "4"))
    assert alphazero_jl.evaluate(state_W[0], state_W[1], 6, 7) == -7
    state_W, _ = text.replay(GAME, text.parse_moves(GAME, "1717"))  # two and two in the outer columns: all even
    assert alphazero_jl.evaluate(state_W[0], state_W[1], 6, 7) == 0


def test_a_win_at_once_is_worth_no_more_than_a_later_one():
    """`amplify_rewards` makes every win infinite, and one of them is picked at random.

    Three in the middle of the bottom row, both ends free: whatever is played, one end is still free a move later.
    """
    state_W, _ = text.replay(GAME, text.parse_moves(GAME, "314157"))
    states_NW, seeds_N = np.repeat(state_W[None], 200, axis=0), np.arange(200, dtype=np.uint64)
    assert set(AlphaZeroJl(GAME, Budget(depth=5)).search(states_NW, seeds_N).actions_N) == set(range(7))
    assert set(AlphaZeroJl(GAME, Budget(depth=2)).search(states_NW, seeds_N).actions_N) == {1, 5}


def test_more_budget_searches_deeper_and_the_same_seed_plays_the_same():
    states_NW = naive.random_states(GAME, 8, 8, seed=1)
    seeds_N = np.arange(8, dtype=np.uint64)
    few = AlphaZeroJl(GAME, Budget(nodes=1000)).search(states_NW, seeds_N)
    many = AlphaZeroJl(GAME, Budget(nodes=100_000)).search(states_NW, seeds_N)
    again = AlphaZeroJl(GAME, Budget(nodes=100_000)).search(states_NW, seeds_N)
    assert (few.nodes_N <= 1001).all() and (many.nodes_N <= 100_001).all()
    assert ((few.depths_N < many.depths_N) | (few.proven_N > 0)).all()
    assert (many.actions_N == again.actions_N).all() and (many.nodes_N == again.nodes_N).all()


@pytest.mark.parametrize(
    ("spec", "game", "message"),
    [
        ("alphabeta:preset=alphazero.jl", "connect4", "did you mean 'alphazero-jl'"),
        ("alphabeta:preset=alphazero-jl,without=lines", "connect4", "played whole"),
        ("alphabeta:preset=alphazero-jl", "gomoku9", "four in a row"),
        ("alphabeta:preset=alphazero-jl", "connect4:height=6,width=7,k=5", "four in a row"),
    ],
)
def test_what_it_cannot_do_is_named(spec, game, message):
    with pytest.raises(ValueError, match=message):
        make_agent(spec, games.make(game))
