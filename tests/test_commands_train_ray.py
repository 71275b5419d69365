"""`selfplay train --ray` as a user sees it, where something in the place of Ray is installed: `fake_ray`."""

import argparse
import importlib.util
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from selfplay import cli
from selfplay.commands import train
from selfplay.run import checkpoint, folder, metrics
from selfplay.run import read as runs

FAKE = str(Path(__file__).resolve().parent / "fake_ray")
TINY = ["train", "--config", "tiny", "--game", "tictactoe", "--generations", "3", "--eval.per_decade", "0", "--quiet"]


@pytest.fixture
def fake(monkeypatch):
    """Where a training finds Ray; returns a function that chooses its fault."""
    monkeypatch.syspath_prepend(FAKE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([FAKE, os.environ.get("PYTHONPATH", "")]))
    return lambda fault: monkeypatch.setenv("FAKE_RAY", fault)


def outcome(run_dir):
    clock = metrics.clock_names()
    lines = [
        {name: value for name, value in line.items() if name not in clock and not name.startswith(("pool/", "node_"))}
        for line in runs.metrics(run_dir)
    ]
    return lines, {n: (path / checkpoint.WEIGHTS).read_bytes() for n, path in checkpoint.folders(run_dir).items()}


def test_the_records_are_those_of_one_machine_whatever_is_lost(tmp_path, capsys, fake):
    """A process is lost, then the head; the run goes on without Ray."""
    local, there = tmp_path / "local", tmp_path / "there"
    assert cli.guarded([*TINY, "--run", str(local)]) == 0
    capsys.readouterr()
    fake("kills and exits")
    assert cli.guarded([*TINY, "--run", str(there), "--ray", "10.0.0.1:6379"]) == 2
    kept, reason = capsys.readouterr().err.splitlines()
    assert kept == "generation 2 is kept; the same command goes on from there"
    assert reason.startswith("selfplay: the Ray cluster at 127.0.0.1:") and "is lost: its head is gone" in reason
    (*_, last) = runs.metrics(there)
    assert last["pool/lost"] == 1 and last["node_evaluations_per_s/10.0.0.1"] > 0
    assert cli.guarded([*TINY, "--run", str(there)]) == 0
    assert outcome(there) == outcome(local)
    sessions = json.loads((there / folder.META).read_text())["sessions"]
    assert [session["from_generation"] for session in sessions] == [0, 2]


@pytest.mark.parametrize(("more", "threads"), [([], 5), (["--ray.actors", "3"], 3), (["--threads", "4"], 4)])
def test_a_new_run_has_as_many_threads_as_the_cluster_has_cores(tmp_path, more, threads):
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    args = parser.parse_args(["--game", "connect4", "--run", str(tmp_path / "r"), "--ray", *more])
    cluster: Any = SimpleNamespace(cores=5)
    assert train.configured(args, cluster)[0].threads == threads


def test_mistakes_are_answered_in_a_line(tmp_path, capsys, fake, monkeypatch):
    run = ["--run", str(tmp_path / "r")]
    fake("refuses")
    for more, said in (
        (["--ray.lag", "1"], "--ray.actors and --ray.lag are of no effect without --ray"),
        (["--ray.actors", "2"], "--ray.actors and --ray.lag are of no effect without --ray"),
        (["--ray", "--ray.lag", "-1"], "ray.lag is at least 0, not -1"),
        (["--ray", "--ray.actors", "many"], "ray.actors"),
        (["--ray", "10.0.0.9:6379"], "no Ray cluster answers at 10.0.0.9:6379: nobody at 10.0.0.9:6379"),
        (["--ray"], "no Ray cluster can be started here: nobody at local"),
    ):
        assert cli.guarded([*TINY, *run, *more]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert cli.guarded([*TINY, *run, "--ray"]) == 2
    assert "--ray needs Ray, which is not installed here: pip install ray" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()
