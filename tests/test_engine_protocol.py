"""The engine's side of the Gomocup protocol, by conversations written by hand."""

import re
import time

import numpy as np
import pytest

import games
from games import gomoku, text
from selfplay import engine_protocol
from selfplay.agent import Thoughts
from selfplay.engine_protocol import Session


class FirstFree:
    """Plays the first free cell row by row, and remembers what it was asked."""

    asked = ()

    def __init__(self, spec, game, seed):
        if spec == "fifteen" and game.width != 15:
            raise ValueError(f"a network for 15, not for {game.width}")
        self.game = game
        type(self).asked = []

    def think(self, state_W, limit, asked):
        self.asked.append((self.game.name, text.render(self.game, state_W), limit))
        value = 0.25 - 0.5 * bool(state_W[0] & np.uint64(2))  # -0.25 with a stone of ours on 1,0
        return Thoughts(actions_N=self.game.legal_actions(state_W)[:1], value_N=np.array([value]))


@pytest.fixture
def session(monkeypatch):
    monkeypatch.setattr(engine_protocol, "Player", FirstFree)
    return Session("anyone")


def converse(session, script):
    """Asserts that each line `> command` is answered by the lines below it, up to the next."""
    heard = []
    for line in script.strip().splitlines():
        if line.lstrip().startswith(">"):
            assert heard == [], f"before {line}"
            heard = session.answer(line.lstrip()[1:] + "\r\n", 0.0)
        else:
            assert heard and heard.pop(0) == line.strip(), f"instead of {line}: {heard}"
    assert heard == []


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


def test_six_in_a_row_win_by_one_rule_and_not_by_the_other(session):
    six = "".join(f"> {x},3,2\n" for x in range(6))
    converse(session, f"> START 7\nOK\n> BOARD\n{six}> DONE\nERROR the game is over")
    converse(session, f"> INFO rule 1\n> BOARD\n{six}> DONE\n0,0")
    assert session._player(7, "standard").asked[-1][0] == "gomoku:size=7,rule=standard"


def test_rules_that_are_not_known_are_said_when_a_move_is_asked_for(session):
    converse(
        session,
        """
        > START 9
        OK
        > INFO rule 4
        > INFO rule nonsense
        > BEGIN
        ERROR rule 4 is not known; rules are 0 (five or more in a row) and 1 (exactly five)
        > INFO rule 0
        > BEGIN
        0,0
        """,
    )


def test_an_agent_that_cannot_play_this_board_says_so(monkeypatch):
    monkeypatch.setattr(engine_protocol, "Player", FirstFree)
    converse(Session("fifteen"), "> START 9\nERROR a network for 15, not for 9\n> START 15\nOK\n> BEGIN\n0,0")


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
        return Thoughts(actions_N=np.array([0]), value_N=np.array([next(values)]))

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
    facts = dict(re.fullmatch(r'(\w+)="([^"]*)"', fact).groups() for fact in answer.split(", "))
    assert facts["name"] == "selfplay"
    assert facts["agent"] == "anyone"


def test_memory_is_warned_of_once(session):
    session.answer("START 9", 0.0)
    session.answer("INFO max_memory 1000000", 0.0)
    message, move = session.answer("BEGIN", 0.0)
    assert re.fullmatch(r"MESSAGE \d+ MB of memory are held, more than max_memory allows", message)
    assert move == "0,0"
    assert session.answer("TURN 8,8", 0.0) == ["1,0"]
    session.answer("INFO max_memory 0", 0.0)
    session.answer("INFO max_memory 10000000000000", 0.0)
    assert session.answer("TURN 8,7", 0.0) == ["2,0"]


def test_debug_lines_on_request(monkeypatch):
    monkeypatch.setattr(engine_protocol, "Player", FirstFree)
    session = Session("anyone", verbose=True)
    session.answer("START 9", 0.0)
    debug, move = session.answer("BEGIN", time.monotonic())
    assert re.fullmatch(r"DEBUG \d+ of 1000 ms, value \+0\.250", debug)
    assert move == "0,0"


def test_questions_before_the_answer_count_from_the_answer(monkeypatch):
    """A script sends everything at once; the time that START took is not taken from the first move."""
    asked_at = []

    def think(self, state_W, limit, asked):
        asked_at.append(asked)
        return Thoughts(actions_N=np.array([0]))

    monkeypatch.setattr(engine_protocol, "Player", FirstFree)
    monkeypatch.setattr(FirstFree, "think", think)
    session = Session("anyone")
    before = time.monotonic()
    session.answer("START 9", before - 30)
    session.answer("INFO rule 0", before - 30)
    session.answer("BEGIN", before - 30)
    late = time.monotonic() + 5
    session.answer("RESTART", late)
    session.answer("BEGIN", late)
    session.answer("BOARD", late + 1)
    session.answer("DONE", late + 2)
    assert before <= asked_at[0] <= time.monotonic()
    assert asked_at[1:] == [late, late + 1]


def test_time_left_is_of_this_match_and_runs_down(monkeypatch):
    """By hand: 30 s shared out over 30 moves; no limit of the match after RESTART; 60 s less 0.2 s over 29 moves."""
    limits = []

    def think(self, state_W, limit, asked):
        limits.append(limit)
        time.sleep(0.2)
        return Thoughts(actions_N=self.game.legal_actions(state_W)[:1])

    monkeypatch.setattr(engine_protocol, "Player", FirstFree)
    monkeypatch.setattr(FirstFree, "think", think)
    session = Session("anyone")
    for line in ("START 9", "INFO timeout_turn 5000", "INFO time_left 30000", "BEGIN", "RESTART", "BEGIN", "RESTART"):
        session.answer(line, 0.0)
    for line in ("INFO timeout_match 60000", "BEGIN", "TURN 8,8"):
        session.answer(line, 0.0)
    assert limits[:3] == [1000, 5000, 2000]
    assert 1500 < limits[3] <= 59_800 / 29
