"""Moves and boards as text: round trips, worked examples, one clear line for each mistake, golden playthroughs."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import games
from games.text import format_action, format_moves, parse_action, parse_moves, render, replay

GOLDEN = Path(__file__).parent / "golden"
MAKE = runpy.run_path(str(GOLDEN / "make_playthroughs.py"))


@pytest.mark.parametrize("file", MAKE["PLAYS"])
def test_playthroughs_are_as_stored(file):
    """A change of rules shows here; `python tests/golden/make_playthroughs.py` accepts it."""
    assert MAKE["playthrough"](*MAKE["PLAYS"][file]) == (GOLDEN / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*games.names(), "connect4:height=1,width=32,k=5", "gomoku:size=20"])
def test_every_action_and_random_games_survive_text(name):
    game = games.make(name)
    written = [format_action(game, action) for action in range(game.actions)]
    assert len(set(written)) == game.actions
    assert [parse_action(game, word) for word in written] == list(range(game.actions))
    assert [parse_action(game, f" {word.upper()} ") for word in written] == list(range(game.actions))
    rng = np.random.default_rng(2)
    for _ in range(5):
        state_W, status, actions = game.initial(), games.ONGOING, []
        while status == games.ONGOING:
            actions.append(int(rng.choice(game.legal_actions(state_W))))
            state_W, status = game.after(state_W, actions[-1])
        assert parse_moves(game, format_moves(game, actions)) == actions
        replayed_W, replayed_status = replay(game, actions)
        assert (replayed_W == state_W).all() and replayed_status == status


def test_names_of_columns_and_cells():
    connect4, gomoku = games.make("connect4"), games.make("gomoku15")
    assert parse_moves(connect4, "44352") == [3, 3, 2, 4, 1]
    assert parse_moves(connect4, " 4, 4 3\t5,2 ") == [3, 3, 2, 4, 1]
    assert format_moves(connect4, [3, 3, 2, 4, 1]) == "44352"
    # h8 is the centre of 15 x 15, a1 its bottom left corner, o15 its top right one.
    assert parse_moves(gomoku, "h8 i9 a1,o15") == [7 * 15 + 7, 6 * 15 + 8, 14 * 15, 14]
    assert format_moves(gomoku, [7 * 15 + 7, 6 * 15 + 8, 14 * 15, 14]) == "h8 i9 a1 o15"
    assert format_action(games.make("connect4:height=1,width=32,k=5"), 31) == "w"
    for game in (connect4, gomoku):
        assert parse_moves(game, "") == [] and format_moves(game, []) == ""
        assert (replay(game, [])[0] == game.initial()).all() and replay(game, [])[1] == games.ONGOING


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("connect4", "448", "move 3: '8' is not a column; columns are 1 to 7"),
        ("connect4", "40", "move 2: '0' is not a column; columns are 1 to 7"),
        ("connect4", "4-4", "move 2: '-' is not a column; columns are 1 to 7"),
        ("connect4", "4a", "move 2: 'a' is not a column; columns are 1 to 7"),
        ("connect4", "٤", "move 1: '٤' is not a column; columns are 1 to 7"),
        ("connect4", "4444444", "move 7, 4: column 4 is full"),
        (
            *("connect4", "32164625 11"),
            "'32164625' in a line of several words: moves are written together, as in '3216462511', or one by one",
        ),
        ("connect4", "12121213", "move 8, 3: the game is already over after move 7"),
        ("connect4:height=1,width=32,k=5", "x", "move 1: 'x' is not a column; columns are 1 to w"),
        ("gomoku9", "e5 j1", "move 2: 'j1' is not a cell; cells are a1 (bottom left) to i9 (top right)"),
        ("gomoku9", "e10", "move 1: 'e10' is not a cell; cells are a1 (bottom left) to i9 (top right)"),
        ("gomoku9", "e0", "move 1: 'e0' is not a cell; cells are a1 (bottom left) to i9 (top right)"),
        ("gomoku9", "e05", "move 1: 'e05' is not a cell; cells are a1 (bottom left) to i9 (top right)"),
        ("gomoku9", "5e", "move 1: '5e' is not a cell; cells are a1 (bottom left) to i9 (top right)"),
        ("gomoku9", "e", "move 1: 'e' is not a cell; cells are a1 (bottom left) to i9 (top right)"),
        ("gomoku9", "e5e6", "move 1: 'e5e6' is not a cell; cells are a1 (bottom left) to i9 (top right)"),
        ("gomoku9", "e5 f6 e5", "move 3, e5: e5 is not free"),
        ("tictactoe", "a1 b1 a2 b2 a3 b3", "move 6, b3: the game is already over after move 5"),
    ],
)
def test_mistakes_are_named_in_one_line(name, line, message):
    game = games.make(name)
    with pytest.raises(ValueError) as caught:
        replay(game, parse_moves(game, line))
    assert str(caught.value) == message


@pytest.mark.parametrize("action", [-1, 7])
def test_replay_refuses_numbers_that_are_no_action(action):
    with pytest.raises(ValueError, match=f"move 2: action {action} is not one of 0 to 6"):
        replay(games.make("connect4"), [3, action])


def test_the_board_as_text():
    connect4, gomoku = games.make("connect4:height=3,width=4,k=3"), games.make("gomoku:size=5")
    state_W, _ = replay(connect4, parse_moves(connect4, "112"))
    assert render(connect4, state_W) == ". . . .\nO . . .\nX X . .\n1 2 3 4"
    state_W, _ = replay(gomoku, parse_moves(gomoku, "a1 b3"))
    assert render(gomoku, state_W).splitlines() == [
        " 5 . . . . .",
        " 4 . . . . .",
        " 3 . O . . .",
        " 2 . . . . .",
        " 1 X . . . .",
        "   a b c d e",
    ]
