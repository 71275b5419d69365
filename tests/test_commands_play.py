"""`selfplay play`: a game in the terminal by what is typed, and recorded games gone through."""

import dataclasses
import fcntl
import importlib
import io
import json
import os
import pty
import select
import subprocess
import sys
import termios
import time

import numpy as np
import pytest
from networks import save_weights
from rich.console import Console

import games
import games.registry
from games import record as records
from games import text
from games.game import Side
from selfplay import cli
from selfplay.commands import play
from selfplay.config import Config
from selfplay.players.make import game_of, make_agent
from selfplay.report.terminal import board as terminal_board
from selfplay.run import checkpoint, folder


@pytest.fixture
def typed(monkeypatch, capsys, tmp_path):
    """What the command says to these lines on stdin: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(argv, lines):
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(line + "\n" for line in lines)))
        code = cli.guarded(["play", *argv])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


TWO = ["--game", "connect4", "--agent", "human"]
RULES = ["--game", "connect4", "--agent", "rules", "--seed", "1"]


def last_board(out):
    """The rows of the last board, from the top, without coordinates and brackets."""
    rows = [line for line in out.splitlines() if line[:2] == "  " and set(line) <= set(" .XO[]*")]
    return [line.translate(str.maketrans("[]*", "   ")).split() for line in rows[-6:]]


def test_two_people_play_a_game_to_its_end(typed):
    code, out, err = typed(TWO, ["1", "2", "1", "2", "1", "2", "1"])
    assert (code, err) == (0, "")
    assert last_board(out)[2] == ["X", ".", ".", ".", ".", ".", "."]
    assert last_board(out)[3] == ["X", "O", ".", ".", ".", ".", "."]
    assert out.splitlines()[-1] == "Red wins"
    assert [row[2:6] for row in out.splitlines()[-8:-2]] == [" . .", " . .", "*X*.", "*X*O", "*X*O", "*X*O"]
    assert "[O]. " in out.splitlines()[-13]  # a move before: the last stone, on top of its column
    assert out.splitlines()[-2] == "   1 2 3 4 5 6 7"


@pytest.mark.parametrize(
    ("moves", "end"),
    [("a1 a2 b3 b2 c1 c2", "White wins"), ("b2 a1 c1 a3 a2 c2 b1 b3 c3", "a draw")],
)
def test_how_a_game_of_two_people_ends(typed, moves, end):
    _, out, _ = typed(["--game", "tictactoe", "--agent", "human"], moves.split(" "))
    assert out.splitlines()[-1] == end


def test_against_an_agent_it_answers_and_wins_or_loses(typed):
    """Perfect play is draws on three by three; whoever leaves a line open loses it."""
    perfect = ["--game", "tictactoe", "--agent", "alphabeta:depth=9"]
    _, out, _ = typed(perfect, ["b2", "moves", "quit"])
    first, reply = out.splitlines()[-1].split()
    assert first == "b2" and reply in ("a1", "a3", "c1", "c3")  # the only answers that do not lose
    assert f"alphabeta:depth=9 plays {reply}, a sure draw" in out
    _, out, _ = typed([*perfect, "--first", "agent"], ["load a1 a2", "moves", "quit"])
    assert "alphabeta:depth=9 plays " in out.splitlines()[1]  # it began
    assert "a sure win" in out
    _, out, _ = typed([*RULES, "--first", "agent"], ["load 414141"])
    assert "rules plays 4" in out and out.endswith("rules wins\n")
    _, out, _ = typed(RULES, ["load 414141", "4", "4", "undo", "moves"])
    assert "you win\n" in out
    assert "the game is over: `undo`, `new`, `save FILE` or `quit`" in out
    assert out.endswith("\n414141\n")


def test_hints_are_the_agents_own_move(typed):
    game = games.make("connect4")
    analysis = make_agent("solver", game).act(text.replay(game, [3, 3])[0][None], np.zeros(1, np.uint64))
    best = text.format_action(game, int(analysis.actions_N[0]))
    solver = ["--game", "connect4", "--agent", "solver"]
    _, out, _ = typed(solver, ["load 44", "hint"])
    assert f"hint: {best}, a sure win" in out
    assert best == "4"  # the only winning third move in the middle column's line
    assert "hint:" not in typed(RULES, ["4"])[1]
    assert typed([*RULES, "--hints"], ["4"])[1].count("hint: ") == 2


def test_undo_swap_new_and_load(typed):
    _, out, _ = typed(RULES, ["4", "4", "undo", "undo", "undo", "moves"])
    assert "there is no move of yours to take back" in out
    assert out.splitlines()[-1] == "none yet"
    _, out, _ = typed(RULES, ["swap", "moves", "undo"])  # the agent now begins
    assert len(out.splitlines()[-2]) == 1 and "there is no move of yours" in out.splitlines()[-1]
    _, out, _ = typed(TWO, ["4", "4", "new", "moves", "load 4435", "undo", "moves", "swap"])
    assert "none yet" in out
    assert "\n443\n" in out
    assert out.endswith("two people change seats by themselves\n")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["9"], "'9' is not a column; columns are 1 to 7"),
        (["44"], "'44' is not a column"),
        (["udno"], "(did you mean 'undo'?)"),
        (["load"], "load what?"),
        (["load nosuch.psq"], "there is no file nosuch.psq"),
        (["save nosuch/x.jsonl"], "there is no folder nosuch"),
        (["load 4444444"], "move 7, 4: column 4 is full"),
        (["load 44x"], "move 3: 'x' is not a column"),
        (["load 444444", "4"], "column 4 is full"),
        (["save"], "save where?"),
        (["hint"], "nobody to ask"),
    ],
)
def test_mistakes_are_said_and_the_game_goes_on(typed, lines, said):
    code, out, err = typed(TWO, [*lines, "new", "4", "moves"])
    assert (code, err) == (0, "")
    assert said in out
    assert out.endswith("\n4\n")


def test_gomoku_by_coordinates(typed):
    _, out, _ = typed(["--game", "gomoku9", "--agent", "human"], ["E5", "a1", "e5", "j1"])
    rows = {line[:2].strip(): line for line in out.splitlines() if line[:2].strip().isdigit()}
    assert rows["5"] == " 5 . . . . X . . . ."
    assert rows["1"] == " 1[O]. . . . . . . ."
    assert "e5 is not free" in out
    assert "'j1' is not a cell; cells are a1 (bottom left) to i9 (top right)" in out


def test_saved_games_are_gone_through(typed, tmp_path):
    typed(TWO, ["1", "2", "1", "2", "1", "2", "1", "save g.jsonl", "new", "4", "save g.jsonl"])
    saved = records.read(tmp_path / "g.jsonl")
    assert [(record.moves, record.result) for record in saved] == [("1212121", "1-0"), ("4", "*")]
    assert {saved[0].first, saved[0].second} == {"human"}
    _, out, _ = typed(TWO, ["load g.jsonl", "moves"])
    assert out.endswith("\n4\n")
    typed([*RULES, "--first", "agent"], ["save g.jsonl"])
    assert (records.read(tmp_path / "g.jsonl")[-1].first, records.read(tmp_path / "g.jsonl")[-1].second) == (
        "rules",
        "human",
    )

    code, out, _ = typed(["--replay", "g.jsonl"], ["", "", "b", "e", "n", "n", "p", "3", "?", "q", "never read"])
    assert code == 0
    at = [line.split(";")[0] for line in out.splitlines() if line.startswith(("move ", "game ", "there is"))]
    assert at == [
        *("game 1 of 3: Connect Four", "move 0 of 7", "move 1 of 7: 1, human", "move 2 of 7: 2, human"),
        *("move 1 of 7: 1, human", "move 7 of 7: 1, human", "game 2 of 3: Connect Four", "move 0 of 1"),
        *(
            "game 3 of 3: Connect Four",
            "move 0 of 1",
            "game 2 of 3: Connect Four",
            "move 0 of 1",
            "move 1 of 1: 4, human",
        ),
    ]
    assert "human X against human O, 1-0" in out
    assert out.endswith("q quit\n")


def test_files_of_other_programs_are_loaded_replayed_and_written(typed, tmp_path):
    (tmp_path / "x.psq").write_text("Piskvorky 9x9, 0:0, 0\n5,5,0\n5,6,0\npbrain-a.exe\npbrain-b.exe\n0\n")
    gomoku = ["--game", "gomoku9", "--agent", "human"]
    _, out, _ = typed(gomoku, ["load x.psq", "moves", "e3", "save y.sgf", "new", "load y.sgf", "moves", "save x.psq"])
    assert "\ne5 e4\n" in out and "\ne5 e4 e3\n" in out
    assert "a file of psq holds one game" in out.splitlines()[-1]
    code, out, err = typed(["--replay", "x.psq"], ["s", ""])
    assert (code, err) == (0, "")
    assert "pbrain-a.exe X against pbrain-b.exe O, *" in out and "move 1 of 2: e5, pbrain-a.exe" in out
    (tmp_path / "r.lib").write_bytes(b"\xffRenLib\xff\x03\x04")
    code, out, err = typed(["--replay", "r.lib"], [])
    assert (code, out, err.count("\n")) == (2, "", 1) and "a library of Renlib" in err


def test_public_positions_are_loaded(typed, tmp_path):
    (tmp_path / "set").write_bytes(b"\xef\xbb\xbf# a set\r\n44352 1\r\n32164625 11\r\n")
    _, out, _ = typed(TWO, ["load 32164625 11", "moves", "new", "load set", "moves"])
    assert out.count("\n32164625\n") == 2
    code, out, err = typed(["--replay", "set", "--game", "connect4"], ["e", "n"])
    assert (code, err) == (0, "")
    assert "game 2 of 2: Connect Four" in out


def test_comments_and_openings_of_recorded_games(typed, tmp_path):
    game = games.make("connect4")
    made = records.of_game(game, "rules", "random", [3, 3, 2, 4], opening_plies=2).as_dict()
    line = json.dumps({**made, "comments": {"3": "[bold]not markup[/]"}, "note": "a moment"})
    (tmp_path / "g.jsonl").write_text(line + "\nrubbish\n")
    code, out, err = typed(["--replay", "g.jsonl"], ["b", "3"])
    assert code == 1
    assert err.startswith("g.jsonl:2: not JSON")
    moves = [line for line in out.splitlines() if line.startswith("move ")]
    assert moves == ["move 2 of 4: 4, the opening", "move 1 of 4: 4, the opening", "move 3 of 4: 3, rules"]
    assert "a moment" in out
    assert out.splitlines()[-1] == "[bold]not markup[/]"


def test_the_game_is_that_of_the_run_or_connect_four(typed, tmp_path):
    code, out, err = typed(["--agent", "random"], ["quit"])
    assert (code, err) == (0, "")
    assert "Connect Four" in out
    (tmp_path / "other").mkdir()
    folder.write_config(tmp_path / "other", Config(game="gomoku:size=7"))
    for path in ("other", "other@12"):
        assert game_of(["rules", f"mcts:{path},sims=4"]) == "gomoku:size=7"
    for agents in ([], ["rules", "mcts:pretrained"], ["mcts:nowhere"]):
        assert game_of(agents) == "connect4"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--agent", "ruls"], "did you mean 'rules'"),
        (["--game", "conect4"], "did you mean 'connect4'"),
        (["--game", "connect4", "--agent", "ruls"], "did you mean 'rules'"),
        (["--game", "connect4", "--agent", "mcts:nowhere"], "no run folder or weights file 'nowhere'"),
        (["--game", "connect4", "--first", "you"], "--first"),
        (["--game", "connect4", "--seed", "-1"], "--seed is at least 0"),
        (["--replay", "nothing.jsonl"], "nothing.jsonl: No such file or directory"),
        (["--replay", "empty.jsonl"], "empty.jsonl holds no game"),
        (["--replay", "half.jsonl"], "half.jsonl:1: not JSON"),
        (["--replay", "one.jsonl", "--number", "2"], "--number is 1 to 1, the games of one.jsonl, not 2"),
    ],
)
def test_mistakes_of_the_command_cost_one_line(typed, tmp_path, argv, said):
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "half.jsonl").write_text('{"game": ')
    records.append(tmp_path / "one.jsonl", [records.of_game(games.make("connect4"), "a", "b", [3])])
    code, out, err = typed(argv, [])
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_without_a_pretrained_player_the_strongest_other_one_sits_down(typed, monkeypatch):
    monkeypatch.setattr(checkpoint, "_PRETRAINED", checkpoint.Path("/nonexistent"))
    monkeypatch.setattr(play, "_WITHOUT_NETWORK", ("alphabeta:nodes=500", "rollout:sims=20"))
    _, out, _ = typed(["--game", "connect4"], ["4"])
    assert "no pretrained player of connect4 ships with this version: you play alphabeta:nodes=500" in out
    assert "alphabeta:nodes=500 plays " in out


def test_the_pretrained_player_is_the_default(typed, monkeypatch, tmp_path):
    import torch

    from selfplay.network import architectures

    torch.manual_seed(0)
    game = games.make("connect4")
    save_weights(tmp_path / "connect4.safetensors", architectures.build(game, "mlp:1x16"), game.name)
    monkeypatch.setattr(checkpoint, "_PRETRAINED", tmp_path)
    _, out, _ = typed(["--game", "connect4"], ["4"])
    reply = next(line for line in out.splitlines() if line.startswith("mcts:pretrained,sims=200 plays "))
    assert "expects " in reply
    counts = [int(part.split("(")[1].split(")")[0]) for part in reply.split("[")[1].split(",")]
    assert 100 < sum(counts) <= 200  # the favourite moves hold most of the simulations


def console(colour, encoding="utf-8"):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return Console(file=file, force_terminal=colour, color_system="standard" if colour else None, _environ={})


def test_colours_where_they_can_be_shown():
    game = games.make("connect4")
    drawn = terminal_board.drawn(game, [3, 3, 0], console(colour=True))
    rows = drawn.plain.splitlines()
    assert rows[5] == "  [●]· · ● · · ·"
    assert rows[4] == "   · · · ○ · · ·"
    styles = {str(span.style) for span in drawn.spans if drawn.plain[span.start : span.end] == "●"}
    assert styles == {"bold red"}
    assert (
        terminal_board.drawn(game, [3], console(colour=True, encoding="ascii")).plain.splitlines()[5]
        == "   . . .[X]. . ."
    )
    assert terminal_board.drawn(game, [3], console(colour=False)).plain.splitlines()[5] == "   . . .[X]. . ."


@pytest.mark.parametrize(
    ("game", "moves", "cells"),
    [
        ("connect4", "1122334", "a1 b1 c1 d1"),
        ("connect4", "12233443447", ""),  # three on a diagonal, and the game goes on
        ("connect4", "12233434464", "a1 b2 c3 d4"),
        ("connect4", "76655454424", "d4 e3 f2 g1"),
        ("connect4", "1727374", "a1 b1 c1 d1"),
        ("connect4", "44444412123231", ""),
        ("connect4", "1122556677334", "a1 b1 c1 d1 e1 f1 g1"),  # seven at once
        ("gomoku9", "a1 a2 b1 b2 c1 c2 d1 d2 f1 f2 e1", "a1 b1 c1 d1 e1 f1"),
        ("gomoku9", "i9 a9 h8 a8 g7 a7 f6 a6 e5", "e5 f6 g7 h8 i9"),
        ("tictactoe", "b2 a1 c1 a3 a2 c2 b1 b3 c3", ""),  # a draw
    ],
)
@pytest.mark.parametrize("colour", [False, True])
def test_the_line_that_ends_a_game_is_marked(game, moves, cells, colour):
    """Cells by column letter and row number; each has an asterisk on both sides, and nothing else has."""
    made = games.make(game)
    rows = terminal_board.drawn(made, text.parse_moves(made, moves), console(colour)).plain.splitlines()
    wanted = {(made.height - int(cell[1:]), "abcdefghi".index(cell[0])) for cell in cells.split()}
    for row in range(made.height):
        line = rows[row].ljust(3 + 2 * made.width)
        for column in range(made.width):
            marks = line[2 + 2 * column], line[4 + 2 * column]
            assert (marks == ("*", "*")) == ((row, column) in wanted), (row, column)
        if not any(place[0] == row for place in wanted):
            assert "*" not in line


def test_a_game_of_ones_own_has_its_name_and_colours(typed, monkeypatch):
    """Colours that a game gives, what is too dark to see on a terminal, and those of a game that gives none."""
    monkeypatch.setattr(games.registry, "_FACTORIES", dict(games.registry._FACTORIES))  # so that hex is gone afterwards
    hexagonal = importlib.import_module("third_game").hex_game()
    drawn = terminal_board.drawn(hexagonal, [0, 1], console(colour=True))
    assert {str(span.style) for span in drawn.spans if drawn.plain[span.start : span.end] == "●"} == {"bold #d8433b"}
    assert terminal_board.stone(hexagonal, 1, console(colour=True)).style == "bold #2f6fd0"
    night = dataclasses.replace(hexagonal, sides=(Side("Night", "#101830"), Side("Day", "#fff3b0")))
    assert terminal_board.stone(night, 0, console(colour=True)).style == "bold cyan"
    plain = dataclasses.replace(games.make("connect4:height=5,width=5"), name="mine", title="", sides=())
    assert [side.name for side in plain.sides] == ["Red", "Yellow"]
    assert [side.name for side in dataclasses.replace(hexagonal, sides=()).sides] == ["Black", "White"]
    monkeypatch.setattr(games.registry, "_FACTORIES", dict(games.registry._FACTORIES) | {"hex": lambda: hexagonal})
    _, out, _ = typed(["--game", "hex", "--agent", "human"], ["a5", "b5", "a4", "b4", "a3", "b3", "a2", "b2", "a1"])
    assert out.startswith("Hex 5 × 5, two people;")
    assert "O Blue to move" in out and out.endswith("Red wins\n")


@pytest.mark.parametrize(("key", "code"), [(b"\x03", 130), (b"\x04", 0)])
def test_ctrl_c_and_end_of_file_at_a_terminal(key, code):
    """The whole command on a terminal of its own."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "selfplay", "play", "--game", "connect4", "--agent", "human"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C reaches it
    )
    os.close(slave)
    shown = b""
    deadline = time.monotonic() + 60

    def wait_for(what):
        nonlocal shown
        while what not in shown and time.monotonic() < deadline:
            if select.select([master], [], [], 0.2)[0]:
                try:
                    shown += os.read(master, 4096)
                except OSError:
                    break
        assert what in shown, shown

    try:
        wait_for(b"> ")
        os.write(master, b"4\n")
        wait_for("●".encode())
        os.write(master, key)
        assert process.wait(20) == code
    finally:
        process.kill()
        os.close(master)
    assert b"Traceback" not in shown
    assert b"\x1b[" in shown
