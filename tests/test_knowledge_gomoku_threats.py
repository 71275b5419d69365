"""VCF and VCT (victory by continuous fours, threes): against exhaustive search on positions from games, and by hand.

A thousand positions, with the time that one takes:
SELFPLAY_TEST_POSITIONS=1000 pytest -s tests/test_knowledge_gomoku_threats.py -k exhaustive
"""

import os
import time

import naive_gomoku as naive
import numpy as np
import pytest
from numba import njit

import games
from games import text
from games.game import ONGOING
from games.kernel import i64, words_W
from selfplay.knowledge.alphabeta import AlphaBeta
from selfplay.knowledge.budget import Budget
from selfplay.knowledge.gomoku import board, threats
from selfplay.knowledge.gomoku import fours as gomoku_fours
from selfplay.knowledge.gomoku.board import boards_t, knowledge_t
from selfplay.knowledge.gomoku.fours import memory_t
from selfplay.knowledge.gomoku.knowledge import knowledge

STANDARD = "gomoku:size=15,rule=standard"
POSITIONS = int(os.environ.get("SELFPLAY_TEST_POSITIONS", "120"))
FOURS = 7  # that the exhaustive search looks deep


def position(line, name="gomoku15"):
    game = games.make(name)
    return game, text.replay(game, text.parse_moves(game, line))[0]


def stones_of(game, state_W):
    """(row, column) to side, as the naive twins want it; the side to move."""
    planes_PHW = game.planes_of(state_W)
    mover = int(state_W[-1]) & 1
    found = {(int(r), int(c)): mover for r, c in np.argwhere(planes_PHW[0])}
    return found | {(int(r), int(c)): 1 - mover for r, c in np.argwhere(planes_PHW[1])}, mover


def positions_from_games(name, games_played, seed):
    """Every position of games that a shallow search, blind to long threats, plays from random openings."""
    game = games.make(name)
    player = AlphaBeta(game, Budget(nodes=60), frozenset({"fours", "threes"}))
    rng = np.random.default_rng(seed)
    middle = game.width // 2
    states, found = [], []
    for _ in range(games_played):
        state_W = game.initial()
        for cell in rng.permutation(25)[:5]:
            state_W, _ = game.after(state_W, (middle - 2 + cell // 5) * game.width + middle - 2 + cell % 5)
        states.append(state_W)
    while states:
        after = []
        for state_W, action in zip(states, player.search(np.array(states)).actions_N, strict=True):
            next_W, status = game.after(state_W, int(action))
            if status == ONGOING and next_W[-1] < 60:
                found.append(next_W)
                after.append(next_W)
        states = after
    return game, found


@pytest.mark.parametrize("name", ["gomoku15", "gomoku:size=11,rule=standard"])
def test_fours_win_where_exhaustive_search_says_so(name):
    wanted = POSITIONS // 2
    game, states = positions_from_games(name, 4 + wanted // 10, seed=3)
    exact = bool(board.exact_of(game))
    gomoku_fours.fours(game, states[0])  # loads the kernel
    seconds, wins, long_wins = [], 0, 0
    for i in np.random.default_rng(0).permutation(len(states))[:wanted]:
        stones, mover = stones_of(game, states[i])
        started = time.perf_counter()
        found = gomoku_fours.fours(game, states[i], nodes=100_000)
        seconds.append(time.perf_counter() - started)
        expected = naive.wins_by_fours(game.width, stones, mover, FOURS, exact)
        assert found.outcome == gomoku_fours.FOUND or not expected
        if found.outcome == gomoku_fours.FOUND:
            fours = (found.plies - 1) // 2
            assert naive.wins_by_fours(game.width, stones, mover, fours, exact)  # in as many as it says
            move = divmod(found.move, game.width)
            after = stones | {move: mover}
            fives = naive.five_cells(game.width, after, mover, exact)
            if fours == 0:
                assert naive.makes_five(game.width, stones, mover, move, exact)
            elif len(fives) < 2:
                answered = after | {fives.pop(): 1 - mover}
                assert naive.wins_by_fours(game.width, answered, mover, fours - 1, exact)
        wins += expected
        long_wins += expected and not naive.wins_by_fours(game.width, stones, mover, 1, exact)
    assert len(seconds) == wanted
    assert 2 < wins < wanted - 5
    assert long_wins > 0
    print(f"{name}: {wanted} positions, {wins} won, {long_wins} in 2 to {FOURS} fours, ", end="")
    print(f"median {1000 * np.median(seconds):.2f} ms, slowest {1000 * max(seconds):.2f} ms")


@pytest.mark.parametrize(
    ("line", "name", "move", "plies"),
    [
        ("h8 a1 i8 a3 j8 a5 k8 a7", "gomoku15", {"g8", "l8"}, 1),
        ("h8 a1 i8 a3 j8 a5", "gomoku15", {"g8", "k8"}, 3),
        ("h8 g8 i8 a1 j8 a3 k9 a5 k10 a7 k11 k12", "gomoku15", {"k8"}, 3),  # two fours at once
        # g4 makes a four, stopped at h4, and with g6 and g7 the three from which g5 makes an open four
        ("d4 c4 e4 a15 f4 o15 g6 a13 g7 o13", "gomoku15", {"g4"}, 5),
        ("c8 a1 d8 a3 e8 a5 g8 a7 h8 a9", "gomoku15", {"f8", "b8"}, 1),  # six wins in freestyle
    ],
)
def test_wins_by_fours_by_hand(line, name, move, plies):
    game, state_W = position(line, name)
    found = gomoku_fours.fours(game, state_W)
    assert found.outcome == gomoku_fours.FOUND
    assert text.format_action(game, found.move) in move
    assert found.plies == plies


def test_six_is_no_five_by_the_standard_rule():
    game, state_W = position("c8 a1 d8 a3 e8 a5 g8 a7 h8 a9", STANDARD)
    found = gomoku_fours.fours(game, state_W)
    assert found.outcome != gomoku_fours.FOUND or found.plies > 1


def test_a_four_of_the_other_side_must_be_stopped_first():
    # x has three in a row open at both ends, but o threatens five at e2.
    game, state_W = position("h8 a2 i8 b2 j8 c2 o15 d2")
    assert gomoku_fours.fours(game, state_W).outcome == gomoku_fours.NONE


def test_out_of_nodes_is_not_the_same_as_none():
    game, state_W = position("d4 c4 e4 a15 f4 o15 k8 l8 k9 a13 k10 k11")
    assert gomoku_fours.fours(game, state_W, nodes=1).outcome == gomoku_fours.UNKNOWN
    assert gomoku_fours.fours(game, state_W).outcome == gomoku_fours.NONE


@njit(i64(boards_t, knowledge_t, memory_t, words_W, i64))
def _fours_near(board_1, know, memory, state_W, near):
    side = board.read(board_1[0], know, state_W)
    return gomoku_fours.win_by_fours(board_1[0], know, memory, side, 100_000, near, np.uint64(1))


def outcome_of_fours(game, state_W, near, memory):
    return _fours_near(np.zeros(1, board.BOARD), knowledge(game), memory, state_W, near)


def test_a_win_by_fours_far_apart_is_left_to_the_complete_search():
    """h11, l8, h8 (two fours) win. With h8 sooner the other side is given a four; h11 and l8 do not line up."""
    game, state_W = position("i8 l4 j8 m8 l7 h12 l6 d15 l5 k5 h9 k6 h10 k7 g12 e7 f13 f7 e14 g7 k4 a1 d7 n7")
    memory = gomoku_fours.new_memory()
    assert outcome_of_fours(game, state_W, 1, memory) == gomoku_fours.NONE
    assert outcome_of_fours(game, state_W, 0, memory) == gomoku_fours.FOUND  # what failed so is remembered apart
    assert text.format_action(game, int(memory.found_3[0])) in ("h11", "l8")


def test_fours_near_each_other_find_most_wins_of_games_and_no_others():
    game, states = positions_from_games("gomoku15", 20, seed=4)
    near, complete = (
        sum(outcome_of_fours(game, state_W, how, gomoku_fours.new_memory()) == gomoku_fours.FOUND for state_W in states)
        for how in (1, 0)
    )
    assert 0.9 * complete <= near <= complete
    assert complete > 10


@pytest.mark.parametrize(
    ("line", "wins"),
    [
        ("h8 a1 i8 c2 h9 o5 i10 o1", True),  # g8 makes two open threes at once
        ("h8 a1 i8 c2 h9 a3 i10 a4 o15 a5", False),  # but o has a four to be stopped, and then the move
        ("h8 a1", False),
    ],
)
def test_wins_by_threats_by_hand(line, wins):
    game, state_W = position(line)
    found = threats.threats(game, state_W)
    assert (found.outcome == gomoku_fours.FOUND) == wins


@pytest.mark.parametrize("name", ["gomoku:size=10", "gomoku:size=10,rule=standard"])
def test_wins_by_threats_hold_against_every_answer(name):
    game, states = positions_from_games(name, 8, seed=8)
    exact = bool(board.exact_of(game))
    proven = 0
    for state_W in states:
        found = threats.threats(game, state_W)
        if found.outcome != gomoku_fours.FOUND or not 7 <= found.plies <= 13:
            continue
        if gomoku_fours.fours(game, state_W).outcome == gomoku_fours.FOUND:
            continue
        stones, mover = stones_of(game, state_W)

        def attack(stones, mover=mover):
            found = threats.threats(game, state_with(game, stones, mover))
            return divmod(found.move, game.width) if found.outcome == gomoku_fours.FOUND else None

        assert naive.is_won(game.width, stones, mover, exact, attack)
        proven += 1
        if proven == 3:
            break
    assert proven > 1


def state_with(game, stones, mover):
    """The state in which `mover` is to move among these stones."""
    state_W = np.zeros(game.words, np.uint64)
    side_words = (game.words - 1) // 2
    for (row, column), side in stones.items():
        cell = row * game.width + column
        state_W[(side != mover) * side_words + cell // 64] |= np.uint64(1) << np.uint64(cell % 64)
    state_W[-1] = len(stones)
    return state_W
