"""`selfplay engine` as a manager runs it: through pipes, and against itself."""

import contextlib
import re
import subprocess
import sys
import time

import pytest
from optional import present

import games
from selfplay import cli
from selfplay.arena import match
from selfplay.players.make import make_agent


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


def run(*argv: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """The command as a manager starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "selfplay", "engine", "--game", "gomoku", *argv],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
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


@contextlib.contextmanager
def thinking():
    """The engine, in a thought of ten minutes."""
    with run("--agent", "alphabeta:ms=600000") as engine:
        present(engine.stdin).write(b"START 15\nINFO timeout_turn 600000\n")
        present(engine.stdin).flush()
        assert present(engine.stdout).readline() == b"OK\n"
        present(engine.stdin).write(b"BOARD\n7,7,1\n8,8,2\n3,9,1\n4,4,2\nDONE\n")
        present(engine.stdin).flush()
        time.sleep(1)
        assert engine.poll() is None
        yield engine


def test_end_is_not_waited_for():
    with thinking() as engine:
        present(engine.stdin).write(b"END\n")
        present(engine.stdin).flush()
        assert engine.wait(30) == 0


def test_ctrl_c_is_not_waited_for():
    with thinking() as engine:
        engine.send_signal(2)
        assert engine.wait(30) == 130


def test_a_manager_that_crashes_leaves_no_engine_behind():
    with thinking() as engine:
        present(engine.stdin).close()
        time.sleep(0.5)
        assert engine.poll() is None  # a script reads on after its last question
        present(engine.stdout).close()
        assert engine.wait(30) == 0


def closed(streams, *argv, **more):
    """A command that is given some of its streams closed."""
    command = [sys.executable, "-m", "selfplay", *argv]
    return subprocess.run(["sh", "-c", f'exec "$@" {streams}', "_", *command], capture_output=True, timeout=200, **more)


def test_a_manager_may_give_no_stderr():
    done = closed("2>&-", "engine", "--game", "gomoku", "--agent", "random", input=b"START 7\nBEGIN\nEND\n")
    assert done.returncode == 0
    assert re.fullmatch(rb"OK\n[0-6],[0-6]\n", done.stdout)


def test_streams_may_be_closed():
    """What is said goes nowhere then, and nothing is typed."""
    argv = ("play", "--game", "tictactoe", "--agent", "random")
    whole, without = closed("<&-", *argv), closed("<&- >&-", *argv)
    assert (whole.returncode, whole.stderr) == (without.returncode, without.stderr) == (0, b"")
    assert b"a b c" in whole.stdout and not without.stdout


@pytest.mark.parametrize("size", [5, 20])
def test_it_plays_itself_through_the_protocol(size):
    """Two processes of our engine, whole games from openings: every move legal and in time, no forfeit."""
    game = games.make(f"gomoku:size={size},rule=standard")
    engine = f"engine:{sys.executable},args=-m selfplay engine --game gomoku --agent rules,ms=2000,tolerance=8000"
    result = match.play_match(game, make_agent(engine, game), make_agent(engine, game), games=4)
    assert result.played == 4
    assert [record.note for record in result.games] == [""] * 4


def test_by_the_clock_through_the_protocol():
    """An agent that thinks until its time is over, and is never late."""
    game = games.make("gomoku9")
    engine = f"engine:{sys.executable},args=-m selfplay engine --game gomoku --agent alphabeta,ms=100,tolerance=2000"
    result = match.play_match(game, make_agent(engine, game), make_agent("rules", game), games=2)
    assert [record.note for record in result.games] == [""] * 2
    assert result.paces[0].moves >= 6
