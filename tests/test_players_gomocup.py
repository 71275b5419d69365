"""Outside engines: every way to misbehave costs the game, with the reason, and leaves no process behind."""

import dataclasses
import gc
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from optional import present

import games
from games import text
from selfplay import cli
from selfplay.arena import match, tournament
from selfplay.players import gomocup
from selfplay.players.agent import LATE
from selfplay.players.gomocup import ForfeitError, OutsideEngine
from selfplay.players.make import make_agent, opponent

ENGINE = Path(__file__).with_name("bad_engine.py")
PATIENCE = {"milliseconds": 5000.0, "tolerance": 5000.0, "megabytes": 300}  # the machine may be busy
HASTE = {"milliseconds": 400.0, "tolerance": 200.0, "megabytes": 300}
GAME = games.make("gomoku9")


def engine(fault="", file="", limits=PATIENCE, game=GAME):
    return OutsideEngine(game, str(ENGINE), f"'{fault}' {file}", **limits)


def play(player, moves=40, seed=0):
    """The player's moves against a random one, until the game is over."""
    rng = np.random.default_rng(seed)
    state_W, status, played = player.game.initial(), 0, []
    while status == 0 and len(played) < moves:
        played.append(player.move(state_W))
        state_W, status = player.game.after(state_W, played[-1])
        if status == 0:
            state_W, status = player.game.after(state_W, int(rng.choice(player.game.legal_actions(state_W))))
    return played


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pids, seconds=10.0):
    """Whether none of the processes is left, now or soon."""
    deadline = time.monotonic() + seconds
    while any(alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


FAULTS = {
    "crash at start": "ended with exit code 3",
    "crash": "died of SIGSEGV",
    "exit": "ended with exit code 7",
    "taken": "which is not free",
    "off the board": "played 9,0, which is not on the board",
    "negative": "played -1,4, which is not on the board",
    "huge number": "answered '99999.*' where a move was asked for",
    "error": "answered 'ERROR out of ideas' where a move was asked for",
    "partial and exit": "ended with exit code 0",
    "endless": "wrote more than 1048576 bytes",
    "huge line": "wrote a line of more than 65536 bytes",
    "close": "closed its output",
    "memory": "ended with exit code 1",
    "never ready": "answered 'UNKNOWN command' to TURN, 4 times",
}
SLOW_FAULTS = {
    "hang": "did not move within 400 ms and 200 ms of tolerance$",
    "garbage": "did not move within 400 ms and 200 ms of tolerance$",
    "partial": r"did not move within 400 ms and 200 ms of tolerance; it had begun a line with '\d,'",
    "slow endless": "did not move within 400 ms",
    "late": "did not move within 400 ms",
}


@pytest.mark.parametrize("fault", [*FAULTS, *SLOW_FAULTS])
def test_misbehaviour_costs_the_game(fault, tmp_path):
    player = engine(fault, tmp_path / "pids", HASTE if fault in SLOW_FAULTS else PATIENCE)
    with pytest.raises(ForfeitError, match=(FAULTS | SLOW_FAULTS)[fault]) as forfeit:
        play(player)
    assert str(forfeit.value).isprintable()
    pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 1
    assert gone(pids)


def test_a_hang_at_the_start_is_waited_for_only_so_long(monkeypatch):
    monkeypatch.setattr(gomocup, "_START_SECONDS", 1.0)
    with pytest.raises(ForfeitError, match="did not answer START within 1 s"):
        engine("hang at start").move(GAME.initial())


def test_a_second_answer_is_not_taken_for_the_next(tmp_path):
    with pytest.raises(ForfeitError, match=r"answered '\d,\d' when nothing was asked"):
        play(engine("twice"))


def test_an_engine_that_does_not_read_cannot_stop_us():
    """It answers without looking, until an answer is illegal, unasked for, or its input is full."""
    with pytest.raises(ForfeitError, match=r"not free|nothing was asked|did not read"):
        play(engine("deaf", limits=HASTE))


def test_children_go_too_also_those_that_hide(tmp_path):
    """The engine ends; its child, and a grandchild in a session of its own whose parent is dead, do not."""
    with pytest.raises(ForfeitError, match="ended with exit code 5"):
        play(engine("children", tmp_path / "pids"))
    pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 3
    assert gone(pids)


ALLOWED = ["", "banner", "chatter", "suggest", "no restart", "ignore end", "not ready", "odd bytes", "told memory"]


@pytest.mark.parametrize("fault", ALLOWED)
def test_what_the_protocol_allows_is_played_to_the_end(fault, tmp_path):
    player = engine(fault, tmp_path / "pids")
    for seed in range(2):
        played = play(player, seed=seed)
        assert len(played) >= 5
        assert played[0] == 4 * 9 + 4
    pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
    assert len(pids) == (2 if fault == "no restart" else 1)
    assert alive(pids[-1])
    del player
    assert gone(pids)


class Script:
    """A program that answers as told, and remembers what it was sent."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.sent = []

    def __call__(self, command, folder, megabytes):
        self.sent.append("(start)")
        return self

    def send(self, lines, deadline):
        self.sent += [line for line in lines.splitlines() if not line.startswith("INFO")]
        self.infos = [line for line in lines.splitlines() if line.startswith("INFO")]

    def line(self, deadline):
        if not deadline:
            return None
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def partial(self):
        return ""

    def kill(self):
        self.sent.append("(kill)")

    def close(self):
        self.sent.append("(close)")


def test_a_line_that_is_nothing_is_warned_of_once(tmp_path, caplog):
    play(engine("odd bytes"))
    (warning,) = caplog.messages
    assert warning.startswith(r"bad_engine.py wrote '\ufffd\ufffdMESS\x00AGE d\ufffdpth 3' where a move was asked for")


def test_an_engine_that_refuses_the_game_is_not_beaten(capsys):
    spec = f"engine:{ENGINE},args=refuse"
    said = "bad_engine.py' does not play gomoku:size=9: it answered START with 'ERROR only boards of 19'"
    assert cli.guarded(["arena", spec, "random", "--game", "gomoku9", "--games", "4"]) == 2
    out, err = capsys.readouterr()
    assert said in err and not out


def test_a_conversation_by_hand(monkeypatch):
    """The first position whole, then the opponent's move alone; another position, another game, one in its middle."""
    script = Script("OK", "UNKNOWN INFO", "4,4", "5,4", "OK", "3,3", "OK", "0,0", "UNKNOWN", "OK", "MESSAGE hm", "8,8")
    monkeypatch.setattr(gomocup, "_Program", script)
    player = engine()
    line = text.parse_moves(GAME, "a9 i1 e5")  # x,y: 0,0 then 8,8 then 4,4

    def state_after(actions):
        return text.replay(GAME, actions)[0]

    assert player.move(state_after(line[:2])) == line[2]
    line.append(9)  # 0,1
    assert player.move(state_after(line)) == 4 * 9 + 5
    same_own = text.parse_moves(GAME, "a9 h2 e5 g3 f5 f4")  # the engine's stones, but not the other's
    assert player.move(state_after(same_own)) == 3 * 9 + 3
    assert player.move(GAME.initial()) == 0
    other = text.parse_moves(GAME, "b9 c9 d9")  # the engine followed: its stone is the second
    assert player.move(state_after(other)) == 80
    assert script.sent == [
        *("(start)", "START 9", "BOARD", "0,0,1", "8,8,2", "DONE"),
        "TURN 0,1",
        *("RESTART", "BOARD", "0,0,1", "5,5,2", "4,4,1", "6,6,2", "5,4,1", "7,7,2", "DONE"),
        *("RESTART", "BEGIN"),
        *("RESTART", "(close)", "(start)", "START 9", "BOARD", "1,0,2", "2,0,1", "3,0,2", "DONE"),
    ]


@pytest.mark.parametrize(("name", "rule"), [("gomoku9", 0), ("gomoku:size=9,rule=standard", 1)])
def test_limits_and_rule_are_told_before_the_first_move(name, rule, monkeypatch):
    told = []
    script = Script("OK", "4,4")
    monkeypatch.setattr(gomocup, "_Program", script)
    monkeypatch.setattr(script, "send", lambda lines, deadline: told.extend(lines.splitlines()))
    game = games.make(name)
    OutsideEngine(game, str(ENGINE), milliseconds=250, tolerance=0, megabytes=350).move(game.initial())
    assert told == [
        "START 9",
        *("INFO timeout_turn 250", "INFO timeout_match 0", "INFO max_memory 275251200", "INFO game_type 1"),  # 3/4
        f"INFO rule {rule}",
        *("INFO time_left 2147483647", "BEGIN"),
    ]


def test_three_vain_starts_are_enough(tmp_path):
    player = engine("crash at start", tmp_path / "pids")
    for _ in range(3):
        with pytest.raises(ForfeitError, match=r"exit code 3$"):
            player.move(GAME.initial())
    for _ in range(2):
        with pytest.raises(ForfeitError, match="exit code 3, and so 3 times in a row"):
            player.move(GAME.initial())
    assert len((tmp_path / "pids").read_text().split()) == 3


def test_after_a_forfeit_the_next_game_begins_anew(tmp_path):
    player = engine("exit", tmp_path / "pids")
    for _ in range(4):
        with pytest.raises(ForfeitError, match="exit code 7"):
            play(player)
    assert len((tmp_path / "pids").read_text().split()) == 4


def test_a_match_with_forfeits_gives_no_elo(capsys):
    """Unless it was time that was lost, which is a loss as any other."""
    spec = f"engine:{ENGINE},args=error,ms=5000,tolerance=5000"
    argv = ["arena", spec, "random", "--game", "gomoku9", "--games", "2"]
    assert cli.guarded(argv) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"no Elo: 2 of 2 games of {spec} against random were forfeited: {spec} answered 'ERROR out")
    assert second == f"{spec} against random: 0 won, 0 drawn, 2 lost"
    assert cli.guarded([*argv, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["void"]) == 1 and found["ratings"] == [] and "elo" not in found["pairs"][0]
    result = match.play_match(GAME, make_agent(spec, GAME), make_agent("random", GAME), games=2)
    games_late = tuple(dataclasses.replace(one, note=f"{spec} {LATE} 100 ms") for one in result.games)
    assert tournament.void(result) and not tournament.void(dataclasses.replace(result, games=games_late))


@pytest.mark.parametrize("engine_first", [True, False])
def test_forfeits_in_a_match(engine_first):
    spec = f"engine:{ENGINE},args=error,ms=5000,tolerance=5000"
    players = make_agent(spec, GAME), make_agent("random", GAME)
    result = match.play_match(GAME, *(players if engine_first else players[::-1]), games=4)
    assert result.pairs_5 == ((2, 0, 0, 0, 0) if engine_first else (0, 0, 0, 0, 2))
    for record in result.games:
        assert record.note.startswith(f"{spec} answered ")
        plies = len(record.moves.split())
        assert plies == len(record.opening.split()) + (4 if plies % 2 == len(record.opening.split()) % 2 else 5)
        loser = (record.first, record.second)[plies % 2]
        assert loser == spec
        assert record.result == ("0-1" if plies % 2 == 0 else "1-0")


def test_a_match_without_trouble(tmp_path):
    """Two engines against each other: every game ends by the rules, each process serves all its games and then ends."""
    spec = f"engine:{ENGINE},args='' {tmp_path}/pids,ms=5000,tolerance=5000"
    result = match.play_match(GAME, make_agent(spec, GAME), make_agent(spec, GAME), games=8)
    assert result.played == 8
    assert not any(record.note for record in result.games)
    pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
    assert 2 <= len(pids) <= 8
    assert len(pids) % 2 == 0  # a pair of them for each core in use
    gc.collect()
    assert gone(pids)


_DIES = """
import os, signal, sys
import games
from selfplay.players.gomocup import OutsideEngine
game = games.make("gomoku9")
player = OutsideEngine(game, sys.argv[1], "'' " + sys.argv[2], milliseconds=5000, tolerance=5000, megabytes=300)
player.move(game.initial())
print("moved", flush=True)
{death}
"""


@pytest.mark.parametrize(
    "death",
    [
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os._exit(1)",
        "raise ValueError",
        "player.move(game.after(game.after(game.initial(), 40)[0], 0)[0])\nimport time; time.sleep(60)",
    ],
)
def test_no_process_outlives_us(death, tmp_path):
    """Killed, crashed, or stopped by Ctrl-C in the middle of a game."""
    script = tmp_path / "dies.py"
    script.write_text(_DIES.format(death=death))
    ours = subprocess.Popen(
        [sys.executable, script, ENGINE, tmp_path / "pids"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with ours:
        assert present(ours.stdout).readline() == b"moved\n"
        if "sleep" in death:
            ours.send_signal(signal.SIGINT)
        ours.wait(60)
    pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 1
    assert gone(pids)


def test_an_interrupted_question_is_not_answered_later(monkeypatch):
    """Ctrl-C while the engine thinks: its answer must not be taken for that to the next question."""
    script = Script("OK", KeyboardInterrupt(), "OK", "4,4")
    monkeypatch.setattr(gomocup, "_Program", script)
    player = engine()
    with pytest.raises(KeyboardInterrupt):
        player.move(GAME.initial())
    assert player.move(GAME.initial()) == 40
    assert script.sent == ["(start)", "START 9", "BEGIN", "(kill)", "(start)", "START 9", "BEGIN"]


def test_paths_with_spaces_and_arguments(tmp_path):
    script = tmp_path / "my engines" / "pbrain nice one.py"
    script.parent.mkdir()
    script.write_text(ENGINE.read_text())
    agent = make_agent(f"engine:{script},args='' '{tmp_path}/the pids',ms=5000,tolerance=5000", GAME)
    assert agent.act(GAME.initial()[None], np.zeros(1, np.uint64)).actions_N.tolist() == [40]
    assert len((tmp_path / "the pids").read_text().split()) == 1
    program = tmp_path / "pbrain program"
    program.write_text(f"#!{sys.executable}\n" + ENGINE.read_text())
    program.chmod(0o755)
    agent = make_agent(f"engine:{program},ms=5000,tolerance=5000", GAME)
    assert agent.act(GAME.initial()[None], np.zeros(1, np.uint64)).actions_N.tolist() == [40]


def test_what_is_no_program_of_this_machine_is_refused(tmp_path):
    program = tmp_path / "pbrain"
    program.write_bytes(b"\x7fELF of another world")
    program.chmod(0o755)
    player = OutsideEngine(GAME, str(program), **PATIENCE)
    with pytest.raises(ValueError, match="answered START with 'ERROR cannot be run: Exec format error'"):
        player.move(GAME.initial())


@pytest.mark.parametrize(
    ("spec", "name", "said"),
    [
        ("engine", "gomoku9", "needs a program, as in engine:"),
        ("engine:/no/such/thing", "gomoku9", "there is no program '/no/such/thing'"),
        (
            f"engine:{sys.executable},args='-m",
            "gomoku9",
            """args="'-m" cannot be read as a shell reads it: no closing quot""",
        ),
        ("engine:/etc/passwd", "gomoku9", "'/etc/passwd' is not executable"),
        (f"engine:{ENGINE},sims=3", "gomoku9", "its options: args=, ms=, tolerance=, memory="),
        (f"engine:{ENGINE},ms=0", "gomoku9", "is a number above 0"),
        (f"engine:{ENGINE}", "connect4", "play Gomoku, five in a row, on boards of 5 to 20; not 'connect4'"),
        (f"engine:{ENGINE}", "tictactoe", "not 'tictactoe'"),
        (f"engine:{ENGINE}", "gomoku:size=9,k=4", "not 'gomoku:size=9,k=4'"),
    ],
)
def test_mistakes_are_said_in_one_line(spec, name, said):
    with pytest.raises(ValueError) as mistake:
        make_agent(spec, games.make(name))
    assert said in str(mistake.value)


def test_an_opponent_in_an_environment_says_what_happened():
    choose = opponent(f"engine:{ENGINE},args=refuse", GAME)
    with pytest.raises(ValueError, match="answered START with"):
        choose(GAME.initial(), np.random.default_rng(0))


def test_analyze_says_what_happened(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("e5\n\n"))
    assert cli.guarded(["analyze", "--game", "gomoku9", "--agent", f"engine:{ENGINE},args='crash at start'"]) == 1
    said = "the agent ended with exit code 3"
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"moves": "e5", "error": said},
        {"moves": "", "error": said},
    ]


def test_the_guard_needs_nothing_but_python():
    """It starts for every program: an import of this package would cost seconds."""
    listing = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "importtime", str(gomocup._GUARD), "100", "/bin/true"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    ).stderr
    assert "ctypes" in listing
    assert not any(word in listing for word in ("numpy", "numba", "selfplay", "torch"))
