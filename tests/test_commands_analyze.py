"""The analyze command: a line in, a record out."""

import io
import itertools
import json
import subprocess
import sys
import time

import numpy as np
import pytest

import games
from games import record
from selfplay import cli
from selfplay.players import analysis
from selfplay.players.agent import Agent, Analysis
from selfplay.players.make import make_agent


def ask(monkeypatch, capsys, stdin, *argv):
    """Exit code and the records."""
    monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
    code = cli.guarded(["analyze", *argv])
    captured = capsys.readouterr()
    return code, [json.loads(line) for line in captured.out.splitlines()], captured.err


def test_positions_are_answered_in_order(monkeypatch, capsys):
    code, records, _ = ask(
        monkeypatch, capsys, "112233\n\n11223\n", "--game", "connect4", "--agent", "alphabeta:depth=4"
    )
    assert code == 0
    assert [record["moves"] for record in records] == ["112233", "", "11223"]
    assert records[0] == {
        "moves": "112233",
        "move": "4",
        "value": 1.0,
        "policy": {"4": 1.0},
        "visits": {},
        "proven": "win",
    }
    assert records[1]["move"] == "4" and records[1]["proven"] is None
    assert records[2]["move"] == "4"


def test_public_position_files_are_read_as_positions_with_a_score(monkeypatch, capsys):
    """A line of Pascal Pons's sets: the score is his, and no move."""
    lines = "\ufeff32164625 11\n44 # a remark\n# a remark alone\n4 4\n44 35\n443 52 1\n"
    code, records, _ = ask(monkeypatch, capsys, lines, "--game", "connect4", "--agent", "solver")
    assert code == 1
    assert [record["moves"] for record in records] == ["32164625", "44", "4 4", "44 35", "443 52 1"]
    assert (records[0]["score"], records[0]["proven"]) == (11, "win")
    assert records[1]["policy"] == records[2]["policy"] and "score" not in records[2]
    assert "'35' is no score after 2 moves" in records[3]["error"]
    assert "moves are written together, as in '443521'" in records[4]["error"]


def test_a_program_that_waits_for_each_answer_gets_it():
    """One line at a time over a pipe, the next only after the answer to the last; the last one without its end."""
    argv = [sys.executable, "-m", "selfplay", "analyze", "--game", "tictactoe", "--agent", "random"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        answers = process.stdout
        for moves in ("", "b2", "b2 a1"):
            process.stdin.write(moves.encode() + b"\n")
            process.stdin.flush()
            assert json.loads(answers.readline())["moves"] == moves
        process.stdin.write(b"c3")
        process.stdin.close()
        assert json.loads(answers.readline())["moves"] == "c3"
        assert answers.readline() == b""
    assert process.returncode == 0


def test_batches_form_from_what_has_arrived():
    class Stream(io.BytesIO):
        chunks = iter([b"4\n44\n44", b"3\n", b"1\n2\n3\n4", b""])

        def read1(self, size: int | None = -1, /):
            return next(self.chunks, b"")

    arriving = analysis.Arriving(Stream())
    assert [arriving.take(2) for _ in range(6)] == [["4", "44"], ["443"], ["1", "2"], ["3"], ["4"], []]


def test_a_slow_player_answers_position_by_position():
    """One at a time where it thinks by the clock; where it does not, one for each core."""
    game, sizes = games.make("connect4"), []

    def act(states_NW, seeds_N):
        sizes.append(len(states_NW))
        time.sleep(0.3 * len(states_NW))
        return Analysis(actions_N=np.zeros(len(states_NW), np.int64))

    for answer in itertools.islice(analysis.answers(game, Agent("x", act, ms=300), ["4"] * 600), 9):
        assert answer["move"] == "1"
    assert sizes == [1] * 9


def test_every_position_of_recorded_games(monkeypatch, capsys, tmp_path):
    (tmp_path / "x.psq").write_text("Piskvorky 9x9, 0:0, 0\n5,5,0\n5,6,0\n")
    code, records, err = ask(monkeypatch, capsys, "", "--games", str(tmp_path / "x.psq"), "--agent", "rules")
    assert (code, err) == (0, "")
    assert [(each["game"], each["moves"]) for each in records] == [(1, ""), (1, "e5"), (1, "e5 e4")]
    record.append(tmp_path / "c.jsonl", [record.of_game(games.make("connect4"), "a", "b", [0, 1] * 3 + [0])])
    code, records, _ = ask(monkeypatch, capsys, "", "--games", str(tmp_path / "c.jsonl"), "--agent", "rules")
    assert (code, len(records)) == (0, 7)  # the last position is over
    (tmp_path / "r.lib").write_bytes(b"\xffRenLib\xff\x03\x04")
    code, records, err = ask(monkeypatch, capsys, "", "--games", str(tmp_path / "r.lib"), "--agent", "rules")
    assert (code, records, err.count("\n")) == (2, [], 1) and "Renlib" in err


def test_a_bad_line_spoils_only_itself(monkeypatch, capsys):
    code, records, err = ask(
        monkeypatch, capsys, "9\n44444444\n1212121\n44\n", "--game", "connect4", "--agent", "rules"
    )
    assert code == 1
    assert err == ""
    assert [set(record) for record in records[:3]] == [{"moves", "error"}] * 3
    assert "'9' is not a column" in records[0]["error"]
    assert "column 4 is full" in records[1]["error"]
    assert records[2]["error"] == "the game is over"
    assert records[3]["move"] == "4"


def test_what_an_agent_does_not_know_is_null(monkeypatch, capsys):
    _, (record,), _ = ask(monkeypatch, capsys, "\n", "--game", "connect4", "--agent", "rules")
    assert record == {"moves": "", "move": "4", "value": None, "policy": {"4": 1.0}, "visits": {}, "proven": None}


def test_visits_and_policy_of_a_search(monkeypatch, capsys):
    _, (record,), _ = ask(monkeypatch, capsys, "112233\n", "--game", "connect4", "--agent", "rollout:sims=300")
    assert sum(record["visits"].values()) == 300
    assert set(record["visits"]) == set("1234567")
    assert max(record["visits"], key=record["visits"].get) == record["move"] == "4"
    assert sum(record["policy"].values()) == pytest.approx(1, abs=1e-4)
    assert record["value"] > 0.8


def test_the_solver_knows_the_result(monkeypatch, capsys):
    _, records, _ = ask(monkeypatch, capsys, "\n33445\n444444\n", "--game", "connect4", "--agent", "solver")
    assert [(record["proven"], record["value"]) for record in records] == [("win", 1.0), ("loss", -1.0), ("win", 1.0)]
    assert records[2]["policy"] == {"3": 0.5, "5": 0.5}


def test_gomoku_positions(monkeypatch, capsys):
    argv = ["--game", "gomoku", "--size", "9", "--agent", "alphabeta:depth=1"]
    code, records, _ = ask(monkeypatch, capsys, "e5 a1 f5 a3 g5 a5 h5 a7\n\nz9\n", *argv)
    assert code == 1
    assert records[0]["move"] in {"d5", "i5"} and records[0]["proven"] == "win"
    assert records[1]["move"] == "e5"
    assert "z9" in records[2]["error"]


def test_answers_do_not_depend_on_the_other_lines():
    game = games.make("connect4")
    lines = ["", "4", "44", "443", "4435"]
    agent = make_agent("random", game)
    together = list(analysis.answers(game, agent, lines, seed=1))
    singly = [next(analysis.answers(game, agent, [line], seed=1)) for line in lines]
    assert together == singly
    assert together == list(analysis.answers(game, agent, lines, seed=1, batch_size=2))
    by_seed = {tuple(r["move"] for r in analysis.answers(game, agent, lines, seed=seed)) for seed in range(8)}
    assert len(by_seed) > 1


def test_many_positions_make_few_calls():
    game = games.make("connect4")
    sizes = []

    def act(states_NW, seeds_N):
        sizes.append(len(states_NW))
        return Analysis(actions_N=np.zeros(len(states_NW), np.int64))

    assert len(list(analysis.answers(game, Agent("x", act, ms=1), ["4"] * 600))) == 600
    assert sizes == [1, 4, 16, 64, 256, 256, 3]


def test_connect4_is_meant_where_no_game_is_named(monkeypatch, capsys):
    code, (record,), err = ask(monkeypatch, capsys, "1212121\n", "--agent", "rules")
    assert code == 1 and "error" in record and err == ""  # the game is over
    code, (record,), _ = ask(monkeypatch, capsys, "121212\n", "--agent", "rules")
    assert (code, record["move"]) == (0, "1")


def test_mistakes_cost_one_line(monkeypatch, capsys):
    for argv, said in (
        (["--game", "connect4", "--agent", "rule"], "did you mean 'rules'"),
        (["--game", "connect4", "--size", "9", "--agent", "rules"], "--size is for --game gomoku"),
        (["--game", "gomoku", "--size", "99", "--agent", "rules"], "size=99"),
    ):
        code, records, err = ask(monkeypatch, capsys, "", *argv)
        assert code == 2 and records == [] and said in err and err.count("\n") == 1
