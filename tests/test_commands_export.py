"""Exports to safetensors and ONNX compute what the network computes; mistakes cost one line."""

import csv
import dataclasses
import os

import numpy as np
import onnx
import onnxruntime
import pytest
from matches import a_line
from networks import network_of, onnx_of, onnx_outputs, outputs, planes_of, random_states, save_weights, softmax
from optional import present
from web_server import a_run

import games
from selfplay import cli
from selfplay.network import onnx_graph
from selfplay.network.weights import weights_bytes, weights_metadata
from selfplay.players.make import make_agent
from selfplay.run import checkpoint, folder


@pytest.fixture
def run_dir(tmp_path):
    """A run of Connect Four with two generations of different weights."""
    game = games.make("connect4")
    for generation in (3, 4):
        content = weights_bytes(network_of(game, "resnet:2x8", seed=generation), "connect4")
        checkpoint.write(tmp_path / "runs" / "mine", generation, {checkpoint.WEIGHTS: content})
    return tmp_path / "runs" / "mine"


def export(run, form, out, *more):
    return cli.guarded(["export", str(run), "--format", form, "--out", str(out), *more])


# --- safetensors


def test_exported_weights_are_a_path_for_every_agent(run_dir, tmp_path, capsys):
    game = games.make("connect4")
    out = tmp_path / "mine.safetensors"
    assert export(f"{run_dir}@3", "safetensors", out) == 0
    assert capsys.readouterr().out.startswith(f"wrote {out}: resnet:2x8 for connect4, ")
    described = {
        "game": "connect4",
        "architecture": "resnet:2x8",
        "planes": "4",
        "source": "mine@3",
    }
    assert weights_metadata(out).items() >= described.items()
    states = random_states(game, 20)
    policy, wdl = outputs(network_of(game, "resnet:2x8", seed=3), planes_of(game, states))
    policy[~np.array([game.planes_of(state)[:2, 0].sum(axis=0) == 0 for state in states])] = -np.inf
    analysis = make_agent(f"net:{out},dtype=float32", game).act(states, np.zeros(20, np.uint64))
    assert np.allclose(present(analysis.policy_NA), softmax(policy), atol=1e-5)
    assert np.allclose(present(analysis.wdl_N3), wdl, atol=1e-5)
    searched = make_agent(f"mcts:{out},sims=8", game).act(states[:1], np.zeros(1, np.uint64))
    assert present(searched.visits_NA).sum() == 8


def test_a_run_folder_is_its_newest_checkpoint_and_a_file_is_replaced(run_dir, tmp_path, capsys):
    out = tmp_path / "mine.safetensors"
    out.write_text("older")
    assert export(run_dir, "safetensors", out) == 0
    assert "in place of what was there" in capsys.readouterr().out
    assert weights_metadata(out)["source"] == "mine@4"
    assert export(run_dir, "safetensors", tmp_path / "again") == 0
    assert "in place" not in capsys.readouterr().out
    assert (tmp_path / "again").read_bytes() == out.read_bytes()


def test_a_pipe_is_refused_before_the_network_is_compared(run_dir, tmp_path, capsys, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(onnx_graph, "difference", lambda *args: pytest.fail("it was compared"))
    assert export(run_dir, "onnx", tmp_path / "pipe") == 2
    assert capsys.readouterr().err == f"selfplay: {tmp_path / 'pipe'}: is a pipe, not a file that may be replaced\n"
    assert (tmp_path / "pipe").is_fifo()


# --- ONNX


@pytest.mark.parametrize(
    ("name", "architecture"),
    [("connect4", "resnet:2x8"), ("connect4:height=5,width=6", "mlp:2x16"), ("gomoku9", "resnet:2x8")],
)
def test_onnxruntime_computes_what_the_network_computes(name, architecture, tmp_path, capsys):
    game = games.make(name)
    network = network_of(game, architecture)
    save_weights(tmp_path / "weights", network, game.name)
    out = tmp_path / "net.onnx"
    assert export(tmp_path / "weights", "onnx", out) == 0
    assert "onnxruntime differs from torch by " in capsys.readouterr().out

    planes = planes_of(game, random_states(game, 40, seed=5))
    policy, wdl = outputs(network, planes)
    session = onnxruntime.InferenceSession(out)
    for rows in (1, 7, 40):
        found_policy, found_wdl = onnx_outputs(session, planes[:rows])
        assert np.allclose(found_policy, policy[:rows], atol=1e-4)
        assert np.allclose(found_wdl, wdl[:rows], atol=1e-5)

    model = onnx.load(out)
    assert not {node.op_type for node in model.graph.node} & {"BatchNormalization"}
    said = {item.key: item.value for item in model.metadata_props}
    assert (said["game"], said["architecture"]) == (game.name, architecture)
    assert f"[batch, 4, {game.height}, {game.width}]" in said["planes"] and "opponent's" in said["planes"]
    assert ("column" if game.kind == "connect4" else "cell") in said["policy"]
    assert said["to_move"]


def test_an_onnx_file_of_another_network_is_found_out():
    game = games.make("connect4")
    network, other = network_of(game, "mlp:1x8"), network_of(game, "mlp:1x8", seed=1)
    content = onnx_of(network, game)
    planes = planes_of(game, random_states(game, 8))
    assert onnx_graph.difference(content, network, planes) <= 1e-4
    with pytest.raises(ValueError, match="onnxruntime and torch differ by"):
        onnx_graph.difference(content, other, planes)


# --- mistakes


def test_mistakes_cost_one_line(run_dir, tmp_path, capsys):
    other, out = tmp_path / "other", tmp_path / "out"
    save_weights(other, network_of(games.make("tictactoe"), "resnet:1x4"), "tictactoe")
    for run, form, to, more, said in (
        (other, "kaggle", out, [], "plays Connect Four, not tictactoe"),
        (other, "onnx", out, ["--game", "connect4"], "holds a network for tictactoe, not for connect4"),
        (f"{run_dir}@9", "onnx", out, [], "no checkpoint of generation 9; it has 3 to 4"),
        (tmp_path / "absent", "onnx", out, [], "no run folder or weights file"),
        ("pretrained", "onnx", out, [], "say which by --game"),
        (run_dir, "onx", out, [], "invalid choice: 'onx'"),
        (run_dir, "safetensors", tmp_path, [], "is a folder"),
        (run_dir, "safetensors", tmp_path / "no" / "out", [], f"there is no folder {tmp_path / 'no'}"),
        (other, "safetensors", other, [], "is the file to be exported"),
    ):
        assert export(run, form, to, *more) == 2
        captured = capsys.readouterr()
        assert said in captured.err and captured.err.count("\n") == 1 and captured.out == ""
        assert not out.exists()
    assert weights_metadata(other)["game"] == "tictactoe"


# --- csv


@pytest.fixture
def measured(tmp_path):
    """A run of two generations and three matches, one of them by the clock."""
    run = a_run(tmp_path, "measured", matches=2)
    timed = a_line(
        generation=2, agent="mcts:ms=20", opponent='engine:"a,b"', pairs=(1, 2, 3, 4, 5), ms_per_move=(19.5, 20)
    )
    folder.append(run / folder.EVALS, [timed.as_dict()])
    return run


def test_tables_have_a_line_of_names_and_a_line_for_each_record(measured, tmp_path, capsys):
    out = tmp_path / "deep" / "tables"
    assert export(measured, "csv", out) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"wrote {out / 'metrics.csv'}: 2 lines",
        f"wrote {out / 'evals.csv'}: 3 lines",
    ]
    with (out / "metrics.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["generation"], second["generation"]) == ("1", "2")
    assert float(second["loss/policy"]) == 1.0 and float(second["play_flops"]) == 2e12
    with (out / "evals.csv").open(newline="") as file:
        *games, timed = csv.DictReader(file)
    assert [line["opponent"] for line in games] == ["rules", "rules"]
    assert [line["wins"] for line in games] == ["5", "10"] and [line["losses"] for line in games] == ["35", "30"]
    assert games[0]["ms_per_move_0"] == ""
    assert timed["opponent"] == 'engine:"a,b"'
    assert [timed[f"pairs_{i}"] for i in range(5)] == ["1", "2", "3", "4", "5"]
    assert (timed["ms_per_move_0"], timed["ms_per_move_1"]) == ("19.5", "20")


def test_tables_of_several_runs_say_of_which_each_line_is(measured, tmp_path, capsys):
    other = a_run(tmp_path, "other", generations=1, matches=1)
    config = present(folder.recorded_config(other))
    folder.write_config(other, dataclasses.replace(config, seed=7, learn=dataclasses.replace(config.learn, batch=64)))
    out = tmp_path / "tables"
    assert cli.guarded(["export", str(measured), str(other), "--format", "csv", "--out", str(out)]) == 0
    for name, whose in (("metrics.csv", [measured] * 2 + [other]), ("evals.csv", [measured] * 3 + [other])):
        with (out / name).open(newline="") as file:
            lines = [*csv.DictReader(file)]
        assert [line["run"] for line in lines] == list(map(str, whose))
        assert [line["learn.batch"] for line in lines] == ["512" if run == measured else "64" for run in whose]
        assert "learn.replay_ratio" not in lines[0]  # in which they do not differ
        assert list(lines[0])[:4] == ["run", "seed", "learn.batch", "generation"]
    assert cli.guarded(["export", str(measured), str(other), "--format", "onnx", "--out", str(out)]) == 2
    assert "several runs are for --format csv" in capsys.readouterr().err


def test_tables_of_a_run_that_has_just_begun_and_mistakes(measured, run_dir, tmp_path, capsys):
    new = a_run(tmp_path, "new", generations=0, matches=0)
    assert export(new, "csv", tmp_path / "t") == 0
    assert (tmp_path / "t" / "evals.csv").read_text() == ""
    assert export(measured, "csv", tmp_path / "t") == 0
    assert "rules" in (tmp_path / "t" / "evals.csv").read_text()
    (tmp_path / "file").write_text("x")
    capsys.readouterr()
    for run, out, said in [
        (tmp_path / "nowhere", tmp_path / "t", "nowhere is no run folder"),
        (measured, tmp_path / "file", "is a file; tables are written into a folder"),
        (measured, measured, "is the run folder itself"),
    ]:
        assert export(run, "csv", out) == 2
        assert said in capsys.readouterr().err
