"""`selfplay doctor RUN` on checkpoints: what is damaged is named, and what is of use still."""

import json

import pytest

from selfplay import cli
from selfplay.config import Config
from selfplay.run import checkpoint, session


@pytest.fixture
def run_dir(tmp_path):
    """Four generations, of which the newest two can be gone on from."""
    path = tmp_path / "r"
    with session.opened(path, session.settle(path, Config(), {}), command=["x"]):
        for generation in range(1, 5):
            checkpoint.write(path, generation, {name: name.encode() * 9 for name in checkpoint.STATE})
    return path


def told(capsys, run_dir):
    assert cli.guarded(["doctor", str(run_dir)]) == 0
    text = capsys.readouterr().out
    assert cli.guarded(["doctor", str(run_dir), "--json"]) == 0
    first, *_ = json.loads(capsys.readouterr().out)
    assert first["symptom"] == "A checkpoint is damaged"
    return first["verdict"], first["reading"], " ".join(text.split())


def cut(run_dir, generation, name):
    path = run_dir / "checkpoints" / f"{generation:06d}" / name
    path.write_bytes(path.read_bytes()[:-1])


def test_whole_checkpoints_are_well(run_dir, capsys):
    verdict, reading, text = told(capsys, run_dir)
    assert (verdict, reading) == ("well", 0)
    assert "goes on from" not in text


def test_weights_that_were_cut_off_are_named_with_what_is_of_use_still(run_dir, capsys):
    cut(run_dir, 4, "weights.safetensors")
    cut(run_dir, 2, "weights.safetensors")
    verdict, reading, text = told(capsys, run_dir)
    assert (verdict, reading) == ("look here", 2)
    assert "generation 2: weights.safetensors is damaged" in text
    assert "generation 4: weights.safetensors is damaged" in text
    assert "of use still: 1, 3, to play with" in text
    assert "training goes on from generation 3; what was learned after it is lost" in text


def test_of_a_damaged_state_the_weights_still_play(run_dir, capsys):
    cut(run_dir, 4, "replay.npz")
    (run_dir / "checkpoints" / "000003" / "games.npz").unlink()
    _, reading, text = told(capsys, run_dir)
    assert reading == 2
    assert "generation 3: games.npz is missing" in text
    assert "of use still: 1-4, to play with" in text
    assert "training cannot go on from any" in text


def test_a_damaged_manifest_vouches_for_nothing(run_dir, capsys):
    cut(run_dir, 4, checkpoint.MANIFEST)
    _, reading, text = told(capsys, run_dir)
    assert reading == 1
    assert "generation 4: manifest.json is damaged" in text
    assert "of use still: 1-3, to play with" in text


def test_a_run_without_checkpoints_is_not_known(tmp_path, capsys):
    path = tmp_path / "new"
    with session.opened(path, session.settle(path, Config(), {}), command=["x"]):
        pass
    assert told(capsys, path)[:2] == ("not known", None)
