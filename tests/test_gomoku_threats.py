"""Wins by continuous fours and threes: against exhaustive search on positions from games, and by hand."""

import naive_gomoku as naive
import numpy as np
import pytest

import games
from games import text
from games.game import ONGOING
from selfplay.knowledge import gomoku_board, gomoku_threats
from selfplay.knowledge.alphabeta import AlphaBeta
from selfplay.knowledge.budget import Budget

STANDARD = "gomoku:size=15,rule=standard"


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
    """Every position of games that a shallow search plays from random openings."""
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


@pytest.mark.parametrize("name", ["gomoku:size=11", "gomoku:size=11,rule=standard"])
def test_fours_win_where_exhaustive_search_says_so(name):
    game, states = positions_from_games(name, 6, seed=3)
    exact = bool(gomoku_board.exact_of(game))
    rng = np.random.default_rng(0)
    outcomes = []
    for state_W in [states[i] for i in rng.permutation(len(states))[:60]]:
        stones, mover = stones_of(game, state_W)
        expected = naive.wins_by_fours(game.width, stones, mover, 7, exact)
        found = gomoku_threats.fours(game, state_W, nodes=100_000)
        if expected:
            assert found.outcome == gomoku_threats.FOUND
        elif found.outcome == gomoku_threats.FOUND:
            assert found.plies > 2 * 7 + 1  # longer than the exhaustive search looked
        outcomes.append(expected)
        if found.outcome == gomoku_threats.FOUND:
            won = naive.wins_by_fours(game.width, stones, mover, (found.plies - 1) // 2, exact)
            assert won  # and in as many fours as it says
    assert 2 < sum(outcomes) < 55


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
    found = gomoku_threats.fours(game, state_W)
    assert found.outcome == gomoku_threats.FOUND
    assert text.format_action(game, found.move) in move
    assert found.plies == plies


def test_six_is_no_five_by_the_standard_rule():
    game, state_W = position("c8 a1 d8 a3 e8 a5 g8 a7 h8 a9", STANDARD)
    found = gomoku_threats.fours(game, state_W)
    assert found.outcome != gomoku_threats.FOUND or found.plies > 1


def test_a_four_of_the_other_side_must_be_stopped_first():
    # x has three in a row open at both ends, but o threatens five at e2.
    game, state_W = position("h8 a2 i8 b2 j8 c2 o15 d2")
    assert gomoku_threats.fours(game, state_W).outcome == gomoku_threats.NONE


def test_out_of_nodes_is_not_the_same_as_none():
    game, state_W = position("d4 c4 e4 a15 f4 o15 k8 l8 k9 a13 k10 k11")
    assert gomoku_threats.fours(game, state_W, nodes=1).outcome == gomoku_threats.UNKNOWN
    assert gomoku_threats.fours(game, state_W).outcome == gomoku_threats.NONE


@pytest.mark.parametrize(
    ("line", "wins"),
    [
        ("h8 a1 i8 c2 h9 o5 i10 o1", True),  # i9 makes two open threes at once
        ("h8 a1 i8 c2 h9 a3 i10 a4 o15 a5", False),  # but o has a four to be stopped, and then the move
        ("h8 a1", False),
    ],
)
def test_wins_by_threats_by_hand(line, wins):
    game, state_W = position(line)
    found = gomoku_threats.threats(game, state_W)
    assert (found.outcome == gomoku_threats.FOUND) == wins


def test_wins_by_threats_hold_against_every_answer():
    """Play each found win out against an opponent that searches: the side that has it wins, in time."""
    game, states = positions_from_games("gomoku:size=11", 5, seed=8)
    opponent = AlphaBeta(game, Budget(nodes=2000))
    held = 0
    for state_W in states:
        found = gomoku_threats.threats(game, state_W)
        if found.outcome != gomoku_threats.FOUND or found.plies < 7:
            continue
        plies, status = 0, ONGOING
        while status == ONGOING:
            if plies % 2 == 0:
                found = gomoku_threats.threats(game, state_W)
                assert found.outcome == gomoku_threats.FOUND
                action = found.move
            else:
                action = int(opponent.search(state_W[None]).actions_N[0])
            state_W, status = game.after(state_W, action)
            plies += 1
        assert plies % 2 == 1
        held += 1
        if held == 6:
            break
    assert held > 2
