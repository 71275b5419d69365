"""The engine's side of the Gomocup protocol: conversations by hand, the clock, and games against itself."""

import re
import subprocess
import sys
import time

import numpy as np
import pytest

import games
from games import gomoku, text
from selfplay import agents, cli, engine_clock, engine_player, engine_protocol, match
from selfplay.agent import Agent, Thoughts
from selfplay.engine_clock import Clock
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


# The clock. By hand: 180 s left with 0 stones on the board are shared out over 30 moves, with 20 stones over 20,
# with 60 over 10.
@pytest.mark.parametrize(
    ("told", "stones", "limit"),
    [
        ({}, 0, 1000),
        ({"timeout_turn": 5000}, 0, 5000),
        ({"timeout_turn": 0}, 0, 0),
        ({"timeout_turn": 2147483647}, 0, 1000),
        ({"timeout_turn": 30000, "time_left": 180000}, 0, 6000),
        ({"timeout_turn": 30000, "time_left": 180000}, 20, 9000),
        ({"timeout_turn": 30000, "time_left": 180000}, 60, 18000),
        ({"timeout_turn": 5000, "time_left": 180000}, 0, 5000),
        ({"timeout_turn": 5000, "time_left": 2147483647}, 0, 5000),
        ({"timeout_turn": 5000, "time_left": -300}, 0, 0),
        ({"timeout_turn": 5000, "timeout_match": 60000}, 0, 2000),
        ({"timeout_turn": 5000, "timeout_match": 0}, 0, 5000),
        ({"timeout_match": 180000}, 20, 9000),
        ({"timeout_turn": 5000, "timeout_match": 60000, "time_left": 30000}, 0, 1000),
    ],
)
def test_limits_by_hand(told, stones, limit):
    clock = Clock()
    for key, value in told.items():
        clock.tell(key, value)
    assert clock.limit(stones) == limit


def test_the_clock_runs_down_between_what_is_told():
    clock = Clock()
    clock.tell("timeout_match", 60000)
    clock.spend(30000)
    assert clock.limit(0) == 1000
    clock.tell("time_left", 15000)
    assert clock.limit(0) == 500
    clock.spend(6000)
    assert clock.limit(0) == 300
    clock.begin_match()
    assert clock.limit(0) == 2000


def test_thinking_and_waiting_end_before_the_limit():
    for limit in [*range(0, 400, 7), 1000, 10_000, 600_000]:
        think, wait = engine_clock.thinking(limit), engine_clock.waiting(limit)
        assert think >= 1
        assert limit < 25 or think + 15 <= wait <= limit - 5
        assert limit < 1000 or think >= 0.9 * limit


def test_a_slow_agent_is_answered_for(monkeypatch):
    """The stand-in sees the win in one; the agent, five seconds late, is not waited for."""
    done = []

    def act(states_NW, seeds_N):
        if done:
            time.sleep(5)
        done.append(1)
        return Thoughts(actions_N=np.array([80]))

    make = agents.make
    monkeypatch.setattr(
        engine_player.agents, "make", lambda spec, game: make(spec, game) if spec == "rules" else Agent(spec, act)
    )
    game = games.make("gomoku9")
    player = engine_player.Player("random", game, 0)
    state_W = gomoku.position(game, [0, 1, 2, 3], [9, 10, 11, 12])
    asked = time.monotonic()
    assert player.think(state_W, 300.0, asked).actions_N.tolist() == [4]
    assert time.monotonic() - asked < 4


@pytest.mark.parametrize(
    ("spec", "limit", "expected"),
    [("alphabeta", 1000, 920), ("alphabeta:depth=3", 1000, 920), ("alphabeta:ms=200", 1000, 200), ("random", 1000, 0)],
)
def test_which_time_an_agent_is_given(spec, limit, expected, monkeypatch):
    given = []
    make = agents.make

    def watched(spec, game):
        agent = make(spec, game)
        if agent.within is None:
            return agent

        def within(states_NW, seeds_N, ms):
            given.append(ms)
            return make("random", game).act(states_NW, seeds_N)

        return Agent(spec, agent.act, ms=agent.ms, within=within)

    monkeypatch.setattr(engine_player.agents, "make", watched)
    player = engine_player.Player(spec, games.make("gomoku9"), 0)
    given.clear()
    player.think(player.game.initial(), float(limit), time.monotonic())
    if expected == 0:
        assert given == []
    else:
        assert expected - 300 <= given[0] <= expected  # what the machine took of it


def test_time_already_spent_is_taken_off(monkeypatch):
    waited = []
    game = games.make("gomoku9")
    agent = Agent("x", act=lambda s, n: Thoughts(actions_N=np.array([0])), ms=1000.0)
    within = agents.make("random", game).act
    timed = Agent("x", agent.act, 1000.0, lambda s, n, ms: waited.append(ms) or within(s, n))
    make = agents.make
    monkeypatch.setattr(engine_player.agents, "make", lambda spec, game: make(spec, game) if spec == "rules" else timed)
    player = engine_player.Player("alphabeta", game, 0)
    player.think(game.initial(), 5000.0, time.monotonic() - 4.0)
    assert waited[-1] <= 1000 * 0.92


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--game", "connect4", "--agent", "rules"], "the protocol is for Gomoku, five in a row, not for 'connect4'"),
        (["--game", "tictactoe", "--agent", "rules"], "not for 'tictactoe'"),
        (["--game", "gomoku:size=9,k=4", "--agent", "rules"], "five in a row"),
        (["--game", "gomoku", "--agent", "rulez"], "did you mean 'rules'"),
        (["--game", "gomoku", "--agent", "rules", "--seed", "-1"], "--seed is at least 0"),
        (["--game", "gomoku"], "--agent"),
    ],
)
def test_mistakes_cost_one_line(argv, said, capsys):
    assert cli.guarded(["engine", *argv]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1


def run(*argv, **options):
    """The command as a manager starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "selfplay", "engine", "--game", "gomoku", *argv],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        **({"stderr": subprocess.PIPE} | options),
    )


def test_a_script_through_a_pipe():
    """Everything at once, both kinds of line ends, bytes that are no text; stderr is what the manager reads too."""
    with run("--agent", "random", "--seed", "3", stderr=subprocess.STDOUT) as engine:
        commands = b"START 7\r\nINFO timeout_turn 0\r\nBEGIN\nFOO\xff\n\nTURN 9,9\nEND\nTURN 1,1\n"
        out, _ = engine.communicate(commands, timeout=200)
    lines = out.decode().splitlines()
    assert lines[0] == "OK"
    assert re.fullmatch("[0-6],[0-6]", lines[1])
    assert lines[2:] == [r"UNKNOWN 'FOO\ufffd'", "ERROR 9,9 is not on the board"]
    assert engine.returncode == 0


@pytest.mark.parametrize("ending", [b"END\n", None])
def test_end_is_not_waited_for(ending):
    """Ten minutes to think, and the manager goes."""
    with run("--agent", "alphabeta:ms=600000") as engine:
        engine.stdin.write(b"START 15\nINFO timeout_turn 600000\n")
        engine.stdin.flush()
        assert engine.stdout.readline() == b"OK\n"
        engine.stdin.write(b"BOARD\n7,7,1\n8,8,2\n3,9,1\n4,4,2\nDONE\n")
        engine.stdin.flush()
        time.sleep(1)
        assert engine.poll() is None
        if ending:
            engine.stdin.write(ending)
            engine.stdin.flush()
        else:
            engine.send_signal(2)
        assert engine.wait(30) == (0 if ending else 130)


@pytest.mark.parametrize("size", [5, 20])
def test_it_plays_itself_through_the_protocol(size):
    """Two processes of our engine, whole games from openings: every move legal and in time, no forfeit."""
    game = games.make(f"gomoku:size={size},rule=standard")
    engine = f"engine:{sys.executable},args=-m selfplay engine --game gomoku --agent rules,ms=2000,tolerance=8000"
    result = match.play_match(game, agents.make(engine, game), agents.make(engine, game), games=4)
    assert result.games == 4
    assert [record.note for record in result.records] == [""] * 4


def test_by_the_clock_through_the_protocol():
    """An agent that thinks until its time is over, and is never late."""
    game = games.make("gomoku9")
    engine = f"engine:{sys.executable},args=-m selfplay engine --game gomoku --agent alphabeta,ms=100,tolerance=2000"
    result = match.play_match(game, agents.make(engine, game), agents.make("rules", game), games=2)
    assert [record.note for record in result.records] == [""] * 2
    assert result.paces[0].moves >= 6
