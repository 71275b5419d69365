"""Every registered game, and odd sizes, obey the laws; and agree move by move with a naive twin."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
from naive_games import NaiveConnect4, NaiveGomoku

import games
from games.connect4 import connect4
from games.laws import check_laws
from games.text import board_of

ODD_SIZES = [
    "connect4:height=4,width=5,k=3",
    "connect4:height=7,width=8",  # all 64 bits in use
    "connect4:height=8,width=7",
    "connect4:height=1,width=9,k=2",
    "connect4:height=5,width=1",
    "connect4:height=1,width=32,k=5",
    "connect4:height=15,width=4,k=5",  # a line along a row would span 64 bits, as many as a shift cannot
    "gomoku:size=5",
    "gomoku:size=5,k=4,rule=standard",
    "gomoku:size=7,k=3,rule=standard",
    "gomoku:size=8",  # one whole word
    "gomoku:size=10,rule=standard",
    "gomoku:size=20,k=6",
    "gomoku:size=8,rule=caro",
    "gomoku:size=8,rule=caro6",
    "gomoku:size=8,rule=renju",
]
TWINS = {"connect4": NaiveConnect4, "gomoku": NaiveGomoku}
STATUS = {None: games.ONGOING, "win": games.MOVER_WON, "draw": games.DRAW}


def twin_of(game):
    if game.kind == "connect4":
        return NaiveConnect4(game.height, game.width, game.in_a_row)
    return NaiveGomoku(game.height, game.in_a_row, game.options["rule"])


@pytest.mark.parametrize("name", games.names() + ODD_SIZES)
def test_laws(name):
    game = games.make(name)
    check_laws(game, plays=4 if game.cells > 100 or "renju" in name else 20)
    assert games.make(game.name).name == game.name
    assert copy.deepcopy(game) == copy.copy(game) == pickle.loads(pickle.dumps(game)) == games.make(game.name)
    assert (game.kind, game.actions) == (games.make(game.name).kind, games.make(game.name).actions)


@pytest.mark.parametrize("name", [n for n in games.names() if games.make(n).kind in TWINS] + ODD_SIZES)
def test_agrees_with_naive_twin(name):
    game = games.make(name)
    rng = np.random.default_rng(1)
    for _ in range(3 if game.cells > 100 else 8 if "renju" in name else 30):
        state_W, twin, status = game.initial(), twin_of(game), games.ONGOING
        while status == games.ONGOING:
            legal = game.legal_actions(state_W).tolist()
            assert legal == twin.legal()
            action = int(rng.choice(legal))
            mover = twin.mover
            result = twin.play(action)
            state_W, status = game.after(state_W, action)
            assert status == STATUS[result]
            planes_PHW = game.planes_of(state_W)
            board = np.array(twin.board)
            np.testing.assert_array_equal(planes_PHW[0], board == twin.mover)
            np.testing.assert_array_equal(planes_PHW[1], board == mover)
            np.testing.assert_array_equal(planes_PHW[3], np.full(board.shape, twin.mover == "X"))
            if isinstance(twin, NaiveGomoku) and twin.rule == "renju" and status == games.ONGOING:
                assert set(map(tuple, np.argwhere(planes_PHW[4]))) == set(twin.fouls())
            np.testing.assert_array_equal(board_of(game, state_W), (board == "X") * 1 - (board == "O") * 1)


def test_games_are_equal_if_all_they_hold_is():
    again = connect4()
    assert again is not games.make("connect4")
    assert again == games.make("connect4") and hash(again) == hash(games.make("connect4"))
    assert again != connect4(height=7) and again != "connect4"
    assert len({games.make(name) for name in ("connect4", "gomoku9", "gomoku:size=9", "tictactoe")}) == 3
    changed = dataclasses.replace(again, legal=games.make("tictactoe").legal)
    assert changed != again
    with pytest.raises(TypeError, match="gives another than this one"):
        pickle.dumps(changed)


def test_draws():
    """Draws and wins both happen here, and a draw only with the last free cell."""
    for name in ("connect4:height=2,width=3,k=3", "gomoku:size=4,k=4"):
        game = games.make(name)
        statuses = set()
        rng = np.random.default_rng(0)
        for _ in range(200):
            state_W, twin, status, plies = game.initial(), twin_of(game), games.ONGOING, 0
            while status == games.ONGOING:
                action = int(rng.choice(game.legal_actions(state_W)))
                state_W, status = game.after(state_W, action)
                assert status == STATUS[twin.play(action)]
                plies += 1
            statuses.add((status, plies == game.max_plies))
        assert (games.DRAW, True) in statuses, name
        assert (games.DRAW, False) not in statuses, name
        assert (games.MOVER_WON, False) in statuses, name


def after_calling(function, spoil):
    """`function`, then `spoil` on the same arguments."""

    def spoiled(*arguments):
        result = function(*arguments)
        spoil(*arguments)
        return result

    return spoiled


def swap_first_two_planes(state_W, planes_PHW):
    planes_PHW[:2] = planes_PHW[1::-1].copy()


BROKEN = {  # the law that is broken, and how
    "init fills the whole": lambda game: {"init": lambda state_W: None},
    "legal fills the whole": lambda game: {"legal": lambda state_W, flags_A: 7},
    "legal returns how many": lambda game: {"legal": lambda state_W, flags_A: game.legal(state_W, flags_A) - 1},
    "legal leaves its input": lambda game: {"legal": after_calling(game.legal, lambda s_W, flags_A: s_W.fill(1))},
    "a position that is not over has": lambda game: {"legal": lambda state_W, flags_A: flags_A.fill(0) or 0},
    "step leaves its input": lambda game: {"step": after_calling(game.step, lambda s_W, action, next_W: s_W.fill(1))},
    "step fills the whole": lambda game: {"step": lambda state_W, action, next_W: 0},
    "step returns ONGOING": lambda game: {"step": lambda s_W, action, next_W: game.step(s_W, action, next_W) + 5},
    "observe fills the whole": lambda game: {"observe": lambda state_W, planes_PHW: None},
    "observe leaves its input": lambda game: {"observe": after_calling(game.observe, lambda s_W, _: s_W.fill(1))},
    "plane 2 is one": lambda game: {
        "observe": after_calling(game.observe, lambda _, planes_PHW: planes_PHW[2].fill(0))
    },
    "the opponent is the mover": lambda game: {"observe": after_calling(game.observe, swap_first_two_planes)},
    "the stone stands on": lambda game: {"step": lambda s_W, action, next_W: game.step(s_W, 6 - action, next_W)},
    "wins fills the whole": lambda game: {"wins": lambda *_: 0},
    "wins flags the moves": lambda game: {"wins": lambda s_W, legal, step, flags_A, next_W: flags_A.fill(0) or 0},
    "wins returns how many": lambda game: {"wins": lambda *arguments: game.wins(*arguments) + 1},
    "wins leaves its input": lambda game: {"wins": after_calling(game.wins, lambda s_W, *_: s_W.fill(1))},
    "is a permutation": lambda game: {"actions_SA": np.zeros_like(game.actions_SA)},
    "is the identity": lambda game: {"actions_SA": game.actions_SA[::-1], "cells_SC": game.cells_SC[::-1]},
    "symmetries commute": lambda game: {"actions_SA": game.actions_SA[[0, 0]]},
    "max_plies": lambda game: {"max_plies": 6},
    "has 7 actions": lambda game: {"actions": 8},
}


@pytest.mark.parametrize("law", BROKEN)
def test_a_broken_law_is_named(law):
    game = games.make("connect4")
    with pytest.raises(AssertionError, match=law):
        check_laws(dataclasses.replace(game, **BROKEN[law](game)))
