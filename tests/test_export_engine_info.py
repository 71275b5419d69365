"""What INFO tells the engine - rules, time, memory - and what it makes of it, by conversations written by hand."""

import re
import time

import numpy as np
from engine_talk import FirstFree, converse

from selfplay.export import engine_protocol
from selfplay.export.engine_protocol import Session
from selfplay.players.agent import Analysis


def test_rules_that_are_not_known_are_said_when_a_move_is_asked_for(session):
    converse(
        session,
        """
        > START 9
        OK
        > INFO rule 5
        > INFO rule nonsense
        > BEGIN
        ERROR rule 5 is not known; rules are 0 (freestyle), 1 (standard), 4 (renju), MORE
        > INFO rule 0
        > BEGIN
        0,0
        """.replace("MORE", "8 (caro6), 9 (caro), and 2 more for a continuous game"),
    )


def test_six_in_a_row_win_by_one_rule_and_not_by_the_other(session):
    six = "".join(f"> {x},3,2\n" for x in range(6))
    converse(session, f"> START 7\nOK\n> BOARD\n{six}> DONE\nERROR the game is over")
    converse(session, f"> INFO rule 1\n> BOARD\n{six}> DONE\n0,0")
    assert session._player(7, "standard").asked[-1][0] == "gomoku:size=7,rule=standard"


def test_a_continuous_game_has_the_rule_of_the_other_bits(session):
    converse(session, "> START 9\nOK\n> INFO rule 2\n> BEGIN\n0,0\n> INFO rule 3\n> TURN 8,8\n1,0")
    assert session._player(9, "freestyle").asked[-1][0] == "gomoku:size=9,rule=standard"
    for number, rule in enumerate((5, 7, 12, 16, -1)):
        (answer,) = converse_last(session, f"INFO rule {rule}", f"TURN 8,{number}")
        assert answer.startswith(f"ERROR rule {rule} is not known; rules are 0 (freestyle), ")


def converse_last(session, *lines):
    """The answers to the last line."""
    return [session.answer(line, 0.0) for line in lines][-1]


# An engine that moves to the first free cell where it may has Black's stones: 0,0 is a double-four.
CROSS = "> 1,0,1\n> 2,0,1\n> 3,0,1\n> 0,1,1\n> 0,2,1\n> 0,3,1\n" + "".join(f"> {2 * x},8,2\n" for x in range(6))


def test_black_plays_no_foul_and_white_may(session):
    other = CROSS.replace(",1\n", ",3\n").replace(",2\n", ",1\n").replace(",3\n", ",2\n")
    converse(session, f"> START 12\nOK\n> INFO rule 4\n> BOARD\n{CROSS}> DONE\n4,0")
    assert session._player(12, "renju").asked[-1][0] == "gomoku:size=12,rule=renju"
    converse(session, f"> INFO rule 0\n> BOARD\n{CROSS}> DONE\n0,0")
    converse(session, f"> INFO rule 6\n> BOARD\n{other}> 11,11,2\n> DONE\n0,0")  # now the engine is White


def test_a_row_that_is_closed_at_both_ends_goes_on_in_caro(session):
    row = "".join(f"> {x},3,2\n" for x in range(1, 6)) + "> 0,3,1\n> 6,3,1\n> 0,0,1\n> 2,0,1\n> 4,0,1\n"
    for rule, answer in ((9, "1,0"), (8, "1,0"), (1, "ERROR the game is over"), (4, "ERROR the game is over")):
        converse(session, f"> START 9\nOK\n> INFO rule {rule}\n> BOARD\n{row}> DONE\n{answer}")
    six = "".join(f"> {x},3,2\n" for x in range(6))
    converse(
        session,
        f"> INFO rule 9\n> BOARD\n{six}> DONE\n0,0\n> INFO rule 8\n> BOARD\n{six}> DONE\nERROR the game is over",
    )


def test_both_rules_are_ready_after_start(monkeypatch):
    made = []
    monkeypatch.setattr(
        engine_protocol, "Player", lambda spec, game, seed: made.append(game.name) or FirstFree(spec, game, seed)
    )
    session = Session("anyone")
    converse(session, "> START 9\nOK")
    assert sorted(made) == ["gomoku:size=9", "gomoku:size=9,rule=standard"]
    converse(session, "> INFO rule 1\n> BEGIN\n0,0\n> INFO rule 0\n> TURN 8,8\n1,0")
    assert len(made) == 2


def test_an_agent_that_cannot_play_this_board_says_so(monkeypatch):
    monkeypatch.setattr(engine_protocol, "Player", FirstFree)
    converse(Session("fifteen"), "> START 9\nERROR a network for 15, not for 9\n> START 15\nOK\n> BEGIN\n0,0")


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


def test_it_is_said_when_one_ply_rules_answered(session, monkeypatch):
    def late(self, state_W, limit, asked):
        self.stood_in += 1
        return Analysis(actions_N=self.game.legal_actions(state_W)[:1])

    converse(session, "> START 9\nOK\n> BEGIN\n0,0")
    monkeypatch.setattr(FirstFree, "think", late)
    converse(session, "> TURN 8,8\nMESSAGE anyone was late: one-ply rules answered\n1,0")


def test_questions_before_the_answer_count_from_the_answer(monkeypatch):
    """A script sends everything at once; the time that START took is not taken from the first move."""
    asked_at = []

    def think(self, state_W, limit, asked):
        asked_at.append(asked)
        return Analysis(actions_N=np.array([0]))

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
        return Analysis(actions_N=self.game.legal_actions(state_W)[:1])

    monkeypatch.setattr(engine_protocol, "Player", FirstFree)
    monkeypatch.setattr(FirstFree, "think", think)
    session = Session("anyone")
    for line in ("START 9", "INFO timeout_turn 5000", "INFO time_left 30000", "BEGIN", "RESTART", "BEGIN", "RESTART"):
        session.answer(line, 0.0)
    for line in ("INFO timeout_match 60000", "BEGIN", "TURN 8,8"):
        session.answer(line, 0.0)
    assert limits[:3] == [1000, 5000, 2000]
    assert 1500 < limits[3] <= 59_800 / 29
