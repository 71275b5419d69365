"""The engine's side of the Gomocup protocol, by conversations written by hand."""

import re
import time

import numpy as np
from engine_talk import FirstFree, converse
from optional import present

import games
from games import gomoku
from selfplay.export import engine_protocol
from selfplay.export.engine_protocol import Session
from selfplay.players.agent import Analysis


def test_a_match_of_the_protocols_description(session):
    """START, BEGIN and TURN; RESTART; BOARD; the answers are cells 0, 1, 2, ... as long as they are free."""
    converse(
        session,
        """
        > START 20
        OK
        > INFO timeout_turn 10000
        > INFO folder C:\\temp
        > INFO evaluate 3,4
        > INFO game_type 2
        > BEGIN
        0,0
        > TURN 1,0
        2,0
        >
        > turn 10 , 10
        3,0
        > RESTART
        OK
        > TURN 0,0
        1,0
        > RESTART
        OK
        > BOARD
        > 10,10,1
        > 10,11,2
        > 0,0,1
        > 9,10,2
        > DONE
        1,0
        > TURN 2,0
        3,0
        """,
    )
    game, board, limit = session._player(20, "freestyle").asked[-1]
    assert (game, limit) == ("gomoku:size=20", 10000)
    rows = [row.split()[1:] for row in board.splitlines()]
    # Ours began (X): 10,10 and 0,0 and 1,0; then 10,11 and 9,10 and 2,0 are the other's.
    assert [row[:3] for row in rows[:1]] == [["X", "X", "O"]]
    assert rows[10][9:11] == ["O", "X"]
    assert rows[11][10] == "O"
    assert sum(stone != "." for row in rows[:20] for stone in row) == 6


def test_mistakes_of_a_manager_are_answered_and_change_nothing(session):
    converse(
        session,
        """
        > TURN 3,3
        ERROR START comes first
        > BEGIN
        ERROR START comes first
        > RESTART
        ERROR START comes first
        > BOARD
        > DONE
        ERROR START comes first
        > START
        ERROR the side of the board is 5 to 20, not ''
        > START 4
        ERROR the side of the board is 5 to 20, not '4'
        > START 21
        ERROR the side of the board is 5 to 20, not '21'
        > START ten
        ERROR the side of the board is 5 to 20, not 'ten'
        > START 5
        OK
        > START 99
        ERROR the side of the board is 5 to 20, not '99'
        > RECTSTART 10,12
        ERROR boards are square, not 10 by 12
        > RECTSTART x
        ERROR 'x' is not a place on the board, as in 7,7
        > TURN 5,0
        ERROR 5,0 is not on the board
        > TURN 0,-1
        ERROR 0,-1 is not on the board
        > TURN
        ERROR '' is not a place on the board, as in 7,7
        > TURN 1,1,1
        ERROR '1,1,1' is not a place on the board, as in 7,7
        > TURN 2,2
        0,0
        > TURN 2,2
        ERROR 2,2 is not free
        > TURN 0,0
        ERROR 0,0 is not free
        > BEGIN
        ERROR the board is not empty
        > SUGGEST 1,1
        UNKNOWN 'SUGGEST'
        > DONE
        UNKNOWN 'DONE'
        > \x1b[2J
        UNKNOWN '\\x1b[2J'
        > TURN 3,3
        1,0
        > RECTSTART 6,6
        OK
        > BEGIN
        0,0
        """,
    )


def test_commands_are_told_apart_by_any_blanks(session):
    converse(
        session,
        """
        > \ufeffSTART\t15
        OK
        > INFO\ttimeout_turn \t 700
        > TURN\t 0,0
        1,0
        > RECTSTART  9 9
        OK
        > TURN 0 0
        1,0
        """,
    )
    assert session._player(9, "freestyle").asked[-1][2] == 700


def test_a_board_is_given_up_for_any_other_command(session):
    converse(
        session,
        """
        > START 9
        OK
        > BOARD
        > 0,0,1
        > RESTART
        OK
        > BEGIN
        0,0
        > BOARD
        > 5,5,2
        > BOARD
        > 0,0,2
        > DONE
        1,0
        > DONE
        UNKNOWN 'DONE'
        """,
    )


def test_managers_of_yixin_are_understood(session):
    """START of two numbers; YXBOARD is a position without a question. Blocks that are not known change nothing."""
    converse(
        session,
        """
        > START 9 9
        OK
        > START 9 10
        ERROR boards are square, not 9 by 10
        > YXBOARD
        > 0,0,2
        > 1,0,1
        > DONE
        > YXNBEST 2
        UNKNOWN 'YXNBEST'
        > YXPROHIBIT
        UNKNOWN 'YXPROHIBIT'
        > 2,0,1
        UNKNOWN '2,0,1'
        > DONE
        UNKNOWN 'DONE'
        > TURN 3,0
        2,0
        > YXBOARD
        > DONE
        > BEGIN
        0,0
        > yxboard
        > 9,9,1
        > DONE
        ERROR 9,9 is not on the board
        """,
    )


def test_boards_that_cannot_be(session):
    converse(
        session,
        """
        > START 5
        OK
        > BOARD
        > 0,0,1
        > 0,0,2
        > DONE
        ERROR 0,0 is not free
        > BOARD
        > 0,0,3
        > DONE
        ERROR '0,0,3': a stone is X,Y,1 (ours) or X,Y,2 (the opponent's)
        > BOARD
        > 0,0
        > DONE
        ERROR '0,0': a stone is X,Y,1 (ours) or X,Y,2 (the opponent's)
        > BOARD
        > 7,7,1
        > hello
        > DONE
        ERROR 7,7 is not on the board
        > BOARD
        > 0,0,1
        > hello
        > DONE
        ERROR 'hello' is not a place on the board, as in 7,7
        > BEGIN
        0,0
        """,
    )


def test_a_game_that_is_over_or_full(session):
    converse(session, "> START 5\nOK\n> INFO rule 1")
    five = "".join(f"> {x},2,2\n" for x in range(5))
    converse(session, f"> BOARD\n{five}> DONE\nERROR the game is over")
    ours = "".join(f"> {x},{x},1\n" for x in range(5))
    converse(session, f"> BOARD\n{ours}> DONE\nERROR the game is over")
    # No five anywhere: rows of two patterns by turns.
    full = "".join(f"> {x},{y},{1 + (x // 2 + y) % 2}\n" for x in range(5) for y in range(5))
    converse(session, f"> BOARD\n{full}> DONE\nERROR the board is full")


def test_stones_are_taken_back_and_imposed(session):
    converse(
        session,
        """
        > START 6
        OK
        > TURN 0,0
        1,0
        > TAKEBACK 1,0
        OK
        > TAKEBACK 0,0
        OK
        > TAKEBACK 0,0
        ERROR there is no stone on 0,0
        > BEGIN
        0,0
        > TAKEBACK 0,0
        OK
        > PLAY 3,3
        3,3
        > TURN 4,4
        0,0
        > PLAY 3,3
        ERROR 3,3 is not free
        """,
    )


def test_swap2(session):
    """White stays where it likes the position, and else swaps; FirstFree dislikes own stones on 1,0."""
    converse(
        session,
        """
        > START 15
        OK
        > SWAP2BOARD
        > 7,7
        > 8,7
        > 9,9
        > DONE
        0,0
        > SWAP2BOARD
        > 7,7
        > 1,0
        > 9,9
        > DONE
        SWAP
        > SWAP2BOARD
        > 7,7,1
        > 8,7,2
        > 9,9,1
        > 1,0,2
        > 8,6,1
        > DONE
        SWAP
        > SWAP2BOARD
        > 7,7
        > 8,7
        > DONE
        ERROR swap2 is about no stone, 3 or 5, not 2
        > BOARD
        > 7,7,2
        > 8,7,1
        > 9,9,2
        > DONE
        0,0
        """,
    )
    session.answer("SWAP2BOARD", 0.0)
    (proposal,) = session.answer("DONE", 0.0)
    stones = [tuple(map(int, stone.split(","))) for stone in proposal.split()]
    assert len(set(stones)) == 3
    assert all(4 <= x <= 10 and 4 <= y <= 10 for x, y in stones)


def test_what_is_proposed_is_the_most_even(monkeypatch):
    """Of the candidates the one whose value is nearest to 0."""
    values = iter([0.5, -0.4, 0.1, -0.9, 0.3, 0.6, -0.2, 0.7])
    seen = []

    def think(self, state_W, limit, asked):
        seen.append((state_W, limit))
        return Analysis(actions_N=np.array([0]), value_N=np.array([next(values)]))

    monkeypatch.setattr(engine_protocol, "Player", FirstFree)
    monkeypatch.setattr(FirstFree, "think", think)
    session = Session("anyone")
    session.answer("START 9", 0.0)
    session.answer("SWAP2BOARD", 0.0)
    (proposal,) = session.answer("DONE", 0.0)
    black, white, black_too = (9 * y + x for x, y in (tuple(map(int, stone.split(","))) for stone in proposal.split()))
    chosen = gomoku.position(games.make("gomoku9"), [white], [black, black_too])
    assert [np.array_equal(chosen, state_W) for state_W, _ in seen] == [n == 2 for n in range(8)]
    assert [limit for _, limit in seen] == [125.0 * n for n in range(1, 9)]


def test_about_is_in_the_form_of_the_protocol(session):
    (answer,) = session.answer("ABOUT", 0.0)
    facts = {}
    for fact in answer.split(", "):
        name, value = present(re.fullmatch(r'(\w+)="([^"]*)"', fact)).groups()
        facts[name] = value
    assert facts["name"] == "selfplay"
    assert facts["agent"] == "anyone"


def test_debug_lines_on_request(monkeypatch):
    monkeypatch.setattr(engine_protocol, "Player", FirstFree)
    session = Session("anyone", verbose=True)
    session.answer("START 9", 0.0)
    debug, move = session.answer("BEGIN", time.monotonic())
    assert re.fullmatch(r"DEBUG \d+ of 1000 ms, value \+0\.250", debug)
    assert move == "0,0"
