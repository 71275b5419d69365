"""Human knowledge of Gomoku: the search by lines against plain minimax, both searches and the rules by hand."""

import functools
import time

import naive_knowledge as naive
import numpy as np
import pytest

import games
from games import text
from games.game import ONGOING
from selfplay.knowledge.alphabeta import AlphaBeta
from selfplay.knowledge.budget import WIN, Budget
from selfplay.knowledge.gomoku import driver
from selfplay.knowledge.rules import Rules

STANDARD = "gomoku:size=9,rule=standard"


def search(game, states_NW, without=frozenset(), **budget):
    return AlphaBeta(game, Budget(**budget), without).search(states_NW)


def position(line, name="gomoku9"):
    game = games.make(name)
    return game, text.replay(game, text.parse_moves(game, line))[0]


def played(game, found):
    return text.format_action(game, int(found.actions_N[0]))


def rule_moves(line, name="gomoku9"):
    game, state_W = position(line, name)
    actions_N = Rules(game).choose(np.repeat(state_W[None], 300, axis=0), np.arange(300, dtype=np.uint64))
    return {text.format_action(game, int(action)) for action in actions_N}


@pytest.mark.parametrize(
    "name",
    [
        *("gomoku:size=7,k=4", "gomoku:size=7,k=4,rule=standard", "gomoku:size=7,k=6", "tictactoe"),
        *("gomoku:size=8,rule=caro", "gomoku:size=8,rule=renju"),
    ],
)
@pytest.mark.parametrize("depth", [1, 2])
def test_search_by_lines_equals_minimax(name, depth):
    game = games.make(name)
    # By the stones in a line: how many it lacks decides, 1, 6, 36 and 216 for four or more, three, two and one.
    worth = [0, 0, *(6 ** max(0, 4 - (game.in_a_row - stones)) for stones in range(1, game.in_a_row)), 0]
    for plies in (0, game.cells // 4, game.cells // 2):
        states_NW = naive.random_states(game, 2, plies, seed=plies)
        found = search(game, states_NW, depth=depth)
        for n, state_W in enumerate(states_NW):
            value, best = naive.minimax(
                game,
                state_W,
                int(found.depths_N[n]),
                lambda s: naive.gomoku_evaluation(game, s, worth),
                naive.gomoku_candidates,
            )
            assert found.scores_N[n] == value
            assert found.actions_N[n] in best


def test_tictactoe_is_solved_in_every_position():
    game = games.make("tictactoe")

    @functools.cache
    def value(state):
        """1 win, 0 draw, -1 loss for the player to move."""
        best, state_W = -1, np.frombuffer(state, np.uint64).copy()
        for action in game.legal_actions(state_W):
            next_W, status = game.after(state_W, int(action))
            result = {1: 1, 2: 0}.get(status)
            best = max(best, -value(next_W.tobytes()) if result is None else result)
        return best

    value(game.initial().tobytes())
    seen, frontier = {}, [game.initial()]
    while frontier:
        state_W = frontier.pop()
        if state_W.tobytes() not in seen:
            seen[state_W.tobytes()] = state_W
            after = [game.after(state_W, int(action)) for action in game.legal_actions(state_W)]
            frontier += [next_W for next_W, status in after if status == ONGOING]
    states_NW = np.array(list(seen.values()))
    assert len(states_NW) == 4520  # of the 5478 positions, 958 are over
    found = search(game, states_NW, frozenset({"near"}), depth=9)
    assert (found.proven_N == [{1: 1, 0: 2, -1: 3}[value(state_W.tobytes())] for state_W in states_NW]).all()


# a1 is the bottom left. x begins; the line gives both sides' moves in turn.
@pytest.mark.parametrize(
    ("line", "name", "expected"),
    [
        ("e5 a1 f5 a3 g5 a5 h5 a7", "gomoku9", {"d5", "i5"}),  # four: either end wins
        ("e5 a1 f5 a3 g5 a5 i5 a7", "gomoku9", {"h5"}),  # a gap
        ("e5 a1 f5 a3 g5 a5 h5 a7", STANDARD, {"d5", "i5"}),
        ("c5 a1 d5 a3 e5 a7 g5 a9 h5 b2", "gomoku9", {"f5"}),  # six in a row wins in freestyle
    ],
)
def test_a_win_at_once_is_played(line, name, expected):
    game, state_W = position(line, name)
    found = search(game, state_W[None], depth=1)
    assert played(game, found) in expected
    assert found.scores_N[0] == WIN - (len(line.split()) + 1)
    assert found.proven_N[0] == 1
    assert rule_moves(line, name) <= expected


def test_six_in_a_row_is_no_win_by_the_standard_rule():
    game, state_W = position("c5 a1 d5 a3 e5 a7 g5 a9 h5 b2", STANDARD)
    assert naive.winning_actions(game, state_W) == []
    found = search(game, state_W[None], depth=1)
    assert found.proven_N[0] == 0


def test_four_is_blocked_and_an_open_four_is_lost():
    game, state_W = position("e5 d5 f5 a1 g5 a3 h5")  # i5 is the only way on
    assert played(game, search(game, state_W[None], depth=2)) == "i5"
    assert rule_moves("e5 d5 f5 a1 g5 a3 h5") == {"i5"}
    game, state_W = position("e5 a9 f5 a1 g5 a3 h5")
    found = search(game, state_W[None], depth=2)
    assert found.proven_N[0] == 3
    assert found.scores_N[0] == -(WIN - 9)
    assert played(game, found) in {"d5", "i5"}


def test_an_open_three_is_a_win():
    game, state_W = position("e5 a9 f5 a1 g5 a4")
    found = search(game, state_W[None], depth=3)
    assert found.proven_N[0] == 1
    assert found.scores_N[0] == WIN - 9
    assert played(game, found) in {"d5", "h5"}


def test_rules_extend_the_longest_line_and_stop_a_longer_one():
    assert rule_moves("") == {"e5"}
    assert rule_moves("e5 a9 f5 i1") <= {"b5", "c5", "d5", "g5", "h5", "i5"}  # all lines of two that can be five
    assert rule_moves("e5 a9 f5 i1 g5") <= {"c5", "d5", "h5", "i5"}


def test_each_piece_of_knowledge_changes_the_search():
    game = games.make("gomoku9")
    states_NW = naive.random_states(game, 8, 6, seed=1)
    whole = search(game, states_NW, depth=4)
    assert (whole.scores_N != 0).any()
    for piece in driver.PIECES:
        without = search(game, states_NW, frozenset({piece}), depth=4)
        assert (without.nodes_N != whole.nodes_N).any(), piece
    assert (search(game, states_NW, frozenset({"shapes"}), depth=2).scores_N == 0).all()
    assert (
        search(game, states_NW, frozenset({"near"}), depth=2).nodes_N > search(game, states_NW, depth=2).nodes_N
    ).all()


def test_each_piece_of_knowledge_about_lines_changes_the_search():
    game = games.make("gomoku:size=9,k=4")
    states_NW = naive.random_states(game, 8, 2, seed=1)
    whole = search(game, states_NW, depth=2)
    assert (whole.scores_N != 0).any()
    assert (search(game, states_NW, frozenset({"lines"}), depth=2).scores_N == 0).all()
    assert (search(game, states_NW, frozenset({"near"}), depth=2).nodes_N > whole.nodes_N).all()
    # The first stone goes to the middle, and the second near it, whatever the seed: 24 cells and the root.
    second_W, _ = game.after(game.initial(), 40)
    assert search(game, game.initial()[None], depth=1).nodes_N == 2
    assert search(game, second_W[None], depth=1).nodes_N == 25


@pytest.mark.parametrize("name", ["gomoku9", "gomoku:size=6,k=4"])
def test_answers_do_not_depend_on_what_stands_beside_or_before(name):
    game = games.make(name)
    states_NW = naive.random_states(game, 9, 10, seed=3)
    player = AlphaBeta(game, Budget(nodes=3000))
    together = player.search(states_NW)
    again = player.search(states_NW)
    alone = [AlphaBeta(game, Budget(nodes=3000)).search(state_W[None]) for state_W in states_NW]
    for field in ("actions_N", "scores_N", "nodes_N", "depths_N"):
        assert (getattr(together, field) == getattr(again, field)).all()
        assert (getattr(together, field) == np.concatenate([getattr(one, field) for one in alone])).all()


@pytest.mark.parametrize("name", ["gomoku15", "gomoku:size=9,k=6"])
def test_a_search_ends_in_time(name):
    game = games.make(name)
    player = AlphaBeta(game, Budget(ms=20.0))
    state_W = naive.random_states(game, 1, 12, seed=5)
    player.search(state_W)  # loads the kernels
    wall, busy = time.perf_counter(), time.process_time()
    found = player.search(state_W)
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    assert found.proven_N[0] == 0
    assert wall > 0.0199
    assert busy < 0.022  # other programs may take the core, which is no work of ours
    assert found.depths_N[0] >= 1


def test_time_lets_a_search_go_on_where_the_last_one_ended():
    game = games.make("gomoku15")
    state_W = naive.random_states(game, 1, 12, seed=5)
    player = AlphaBeta(game, Budget(ms=1000.0, depth=4))
    first, again = player.search(state_W), player.search(state_W)
    assert again.actions_N == first.actions_N
    assert again.nodes_N < first.nodes_N


def test_a_table_used_for_more_positions_than_it_can_number_still_helps():
    game = games.make("gomoku15")
    state_W = naive.random_states(game, 1, 12, seed=5)
    player = AlphaBeta(game, Budget(nodes=5000))
    first = player.search(state_W)
    for context in player._contexts:
        context.table._age = (1 << 22) - 1
    for _ in range(3):
        assert player.search(state_W).depths_N == first.depths_N


# Black may not play on h10, a double-three; a four that White makes with it on its last cell cannot be answered.
FORK = "h8 e13 h9 f12 i10 g11 j10 a1 c15"


def renju(moves):
    game = games.make("gomoku:rule=renju")
    return game, text.replay(game, text.parse_moves(game, moves))[0]


def test_white_wins_by_a_four_that_only_a_foul_stops():
    game, state_W = renju(FORK)
    found = search(game, state_W[None], depth=3)
    assert found.scores_N[0] == WIN - (9 + 3) and played(game, found) in {"d14", "i9"}
    for move in ("d14", "i9"):
        game, answered_W = renju(f"{FORK} {move}")
        assert search(game, answered_W[None], depth=2).scores_N[0] == -(WIN - (10 + 2))


def test_nobody_counts_what_is_no_five():
    """Six in a row are no five for Black, and in Caro for nobody; nor there five between two stones of the other's."""
    six, closed = "c3 a1 d3 a8 e3 h8 g3 h1 h3 b1", "b3 a3 c3 g3 d3 a8 e3 h8"
    for name, moves, five in (
        ("gomoku:size=8,rule=renju", six, None),
        ("gomoku:size=8,rule=caro", six, None),
        ("gomoku:size=8,rule=caro6", six, "f3"),
        ("gomoku:size=8,rule=caro", closed, None),
        ("gomoku:size=8,rule=caro", closed.replace("g3", "g4"), "f3"),
    ):
        game = games.make(name)
        state_W = text.replay(game, text.parse_moves(game, moves))[0]
        chosen = {text.format_action(game, int(a)) for a in Rules(game).choose(state_W[None], np.zeros(1, np.uint64))}
        assert (chosen == {"f3"}) == (five == "f3"), (name, moves)
        assert (played(game, search(game, state_W[None], depth=1)) == "f3") == (five == "f3"), (name, moves)
        foul = name.endswith("renju")
        assert (text.parse_action(game, "f3") in game.legal_actions(state_W)) == (not foul)
