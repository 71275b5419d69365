"""Run folders: one writer, settings that stay, lines that a resumed run does not repeat."""

import dataclasses
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from matches import a_line
from optional import present

from selfplay.config import Config, ConfigError
from selfplay.ledger import Ledger
from selfplay.run import checkpoint, checksums, folder, metrics, session

STATE: dict[str, bytes] = dict.fromkeys(checkpoint.STATE, b"content")
COMMAND = ["selfplay", "train", "--run", "a folder"]


def ledger(generation):
    return Ledger(games=10 * generation, play_flops=1e9 * generation, learn_flops=1e8 * generation)


def match(generation):
    return a_line(generation=generation)


def begun(run_dir, given=None, generations=0):
    """A run of so many generations, each with its lines and its checkpoint; its config."""
    config = session.settle(run_dir, Config(), given or {"game": "connect4"})
    with session.opened(run_dir, config, command=COMMAND) as run:
        for generation in range(run.generation + 1, generations + 1):
            run.record(generation, ledger(generation), {"loss/total": 1 / generation}, [match(generation)])
            checkpoint.write(run_dir, generation, STATE)
    return config


def generations_in(path):
    return [line["generation"] for line in folder.read_lines(path)]


def test_a_new_run_describes_itself(tmp_path):
    run_dir = tmp_path / "deep" / "run"
    config = begun(run_dir, {"game": "connect4", "seed": 7})
    assert config.threads == len(os.sched_getaffinity(0))
    assert folder.recorded_config(run_dir) == config
    meta = json.loads((run_dir / "meta.json").read_text())
    assert (meta["game"], meta["seed"]) == ("connect4", 7)
    (told,) = meta["sessions"]
    assert told["command"] == "selfplay train --run 'a folder'"
    assert told["from_generation"] == 0
    assert told["machine"]["cores"] == len(os.sched_getaffinity(0))
    assert {"python", "torch", "numpy", "numba"} <= told["versions"].keys()
    assert "selfplay.run.session" in told["modules"]


def test_the_commit_is_the_sources_own(tmp_path, monkeypatch):
    """An installed copy inside somebody else's repository does not take that one's commit for its own."""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@x"]
    subprocess.run([*git, "init", "-q"], check=True)
    (tmp_path / "selfplay/run").mkdir(parents=True)
    source = tmp_path / "selfplay/run/folder.py"
    source.write_text("a")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    monkeypatch.setattr(session, "__file__", str(source))
    commit, dirty = session.source_version()
    assert len(present(commit)) == 40
    assert dirty is False
    source.write_text("b")
    assert session.source_version() == (commit, True)
    inner = tmp_path / "lib/selfplay/run"
    inner.mkdir(parents=True)
    monkeypatch.setattr(session, "__file__", str(inner / "folder.py"))
    assert session.source_version() == (None, None)


def test_lines_of_a_generation(tmp_path):
    config = session.settle(tmp_path / "r", Config(), {})
    with session.opened(tmp_path / "r", config, command=COMMAND) as run:
        run.record(1, ledger(1), {"loss/total": math.nan, "loss/policy": 0.25})
        run.record(2, ledger(2), {"loss/total": math.inf}, [match(2), match(2)])
    first, second = (json.loads(line) for line in (tmp_path / "r/metrics.jsonl").read_text().splitlines())
    assert (first["generation"], first["games"], first["loss/policy"]) == (1, 10, 0.25)
    assert first["train_flops"] == 1.1e9
    assert first["loss/total"] is None
    assert second["loss/total"] is None
    assert first.keys() >= {item.name for item in dataclasses.fields(Ledger)}
    assert folder.read_lines(tmp_path / "r/evals.jsonl") == [match(2).as_dict()] * 2


def test_reopening_cuts_lines_newer_than_the_checkpoint(tmp_path):
    config = begun(tmp_path / "r", generations=3)
    before = {name: (tmp_path / "r" / name).read_bytes() for name in ("metrics.jsonl", "evals.jsonl")}
    with session.opened(tmp_path / "r", config, command=COMMAND) as run:  # killed before checkpoint 4 and in line 5
        run.record(4, ledger(4), {}, [match(4)])
    with (tmp_path / "r/metrics.jsonl").open("a") as file:
        file.write('{"generation": 5, "ga')
    with session.opened(tmp_path / "r", config, command=COMMAND) as run:
        assert run.generation == 3
        assert {name: (tmp_path / "r" / name).read_bytes() for name in before} == before


def test_a_half_line_that_is_whole_json_is_cut_too(tmp_path):
    """A kill can leave a line without its newline; what is appended next would join it."""
    config = begun(tmp_path / "r", generations=1)
    path = tmp_path / "r/metrics.jsonl"
    path.write_bytes(path.read_bytes() + b'{"generation": 1}')
    with session.opened(tmp_path / "r", config, command=COMMAND) as run:
        run.record(2, ledger(2), {})
    assert generations_in(path) == [1, 2]
    assert len(path.read_text().splitlines()) == 2


def test_a_run_killed_before_its_first_checkpoint_begins_anew(tmp_path):
    config = begun(tmp_path / "r")
    with session.opened(tmp_path / "r", config, command=COMMAND) as run:
        run.record(1, ledger(1), {}, [match(1)])
    with session.opened(tmp_path / "r", config, command=COMMAND) as run:
        assert run.generation == 0
    assert generations_in(tmp_path / "r/metrics.jsonl") == []
    assert generations_in(tmp_path / "r/evals.jsonl") == []


def test_a_damaged_newest_checkpoint_takes_its_lines_with_it(tmp_path, capsys):
    config = begun(tmp_path / "r", generations=3)
    (tmp_path / "r/checkpoints/000003/replay.npz").write_bytes(b"damaged")
    with session.opened(tmp_path / "r", config, command=COMMAND) as run:
        assert run.generation == 2
    assert generations_in(tmp_path / "r/metrics.jsonl") == [1, 2]
    assert "000003: replay.npz is damaged" in capsys.readouterr().err


def test_each_session_is_remembered(tmp_path):
    begun(tmp_path / "r", generations=2)
    begun(tmp_path / "r", generations=3)
    sessions = json.loads((tmp_path / "r/meta.json").read_text())["sessions"]
    assert [session["from_generation"] for session in sessions] == [0, 2]


def test_a_second_trainer_is_told_who_is_there(tmp_path):
    config = session.settle(tmp_path / "r", Config(), {})
    with session.opened(tmp_path / "r", config, command=COMMAND):
        before = (tmp_path / "r/meta.json").read_bytes()
        with (
            pytest.raises(ValueError, match=rf"r is in use by process {os.getpid()} on "),
            session.opened(tmp_path / "r", config, command=COMMAND),
        ):
            pass
        assert (tmp_path / "r/meta.json").read_bytes() == before
    with session.opened(tmp_path / "r", config, command=COMMAND):
        assert (tmp_path / "r" / folder.HOLDER).read_text().count("process") == 1


def test_the_lock_goes_with_a_killed_process(tmp_path):
    code = f"""
import os, pathlib
from selfplay.run import session
from selfplay.config import Config
run_dir = pathlib.Path({str(tmp_path / "r")!r})
with session.opened(run_dir, session.settle(run_dir, Config(), {{}}), command=["x"]):
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    begun(tmp_path / "r", generations=1)


def test_fresh_refuses_a_run_that_exists(tmp_path):
    config = begun(tmp_path / "r", generations=1)
    with (
        pytest.raises(ValueError, match="r exists already; leave --fresh out"),
        session.opened(tmp_path / "r", config, command=COMMAND, fresh=True),
    ):
        pass
    with session.opened(tmp_path / "new", config, command=COMMAND, fresh=True) as run:
        assert run.generation == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"game": "gomoku9"}, r"was begun with game = 'connect4', which cannot become 'gomoku9'"),
        ({"seed": 1}, "was begun with seed = 0, which cannot become 1"),
        ({"threads": 64}, "was begun with threads = [0-9]+, which cannot become 64"),
        ({"network": {"architecture": "mlp:1x16"}}, "network.architecture = 'resnet:3x32', which cannot become 'mlp"),
        ({"search": {"simulations": 64}}, "search.simulations = 32, which cannot become 64"),
        ({"knowledge": {"symmetry": False}}, "knowledge.symmetry = True, which cannot become False"),
    ],
)
def test_settings_that_would_make_it_another_run(tmp_path, given, said):
    begun(tmp_path / "r", generations=1)
    with pytest.raises(ConfigError, match=said):
        session.settle(tmp_path / "r", Config(), {"game": "connect4"} | given)


def test_settings_that_may_change_do(tmp_path):
    config = begun(tmp_path / "r", {"game": "connect4", "seed": 3, "minutes": 5}, generations=1)
    given = {"minutes": 60, "generations": 9, "flops": 1e15, "device": "cpu", "eval": {"games": 8}, "threads": 0}
    wanted = session.settle(tmp_path / "r", Config(), {"game": "connect4", **given})
    assert wanted == dataclasses.replace(
        config,
        minutes=60.0,
        generations=9,
        flops=1e15,
        device="cpu",
        eval=dataclasses.replace(config.eval, games=8),
    )
    assert (wanted.seed, wanted.threads) == (3, config.threads)


def test_a_continued_run_keeps_what_was_not_given(tmp_path):
    config = begun(tmp_path / "r", {"game": "connect4", "search": {"simulations": 8}}, generations=1)
    assert session.settle(tmp_path / "r", Config(), {}) == config


def test_a_mistaken_first_command_does_not_stick(tmp_path):
    begun(tmp_path / "r", {"game": "connect4", "search": {"simulations": 640}})
    assert session.settle(tmp_path / "r", Config(), {"game": "connect4"}).search.simulations == 32


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ValueError, match=r"is no run folder: it holds 'thesis\.tex' but no config\.toml"):
        session.settle(tmp_path, Config(), {})
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_unreadable_folders_are_named(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(ValueError, match=f"{file} is a file, not a run folder"):
        session.settle(file, Config(), {})
    with pytest.raises(OSError, match=r"Not a directory|File exists") as caught:
        begun(file / "inside")
    assert str(file) in caught.value.filename


def test_a_damaged_meta_file_is_named(tmp_path):
    config = begun(tmp_path / "r", generations=1)
    (tmp_path / "r/meta.json").write_text("{}")
    with (
        pytest.warns(checksums.DamageWarning, match=r"meta\.json is not as it was written"),
        pytest.raises(ValueError, match=r"meta\.json is damaged"),
        session.opened(tmp_path / "r", config, command=COMMAND),
    ):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_names_the_file(tmp_path):
    config = begun(tmp_path / "r", generations=1)
    with session.opened(tmp_path / "r", config, command=COMMAND) as run:
        (tmp_path / "r/metrics.jsonl").unlink()
        (tmp_path / "r/metrics.jsonl").symlink_to("/dev/full")
        with pytest.raises(OSError, match="No space left on device") as caught:
            run.record(2, ledger(2), {})
    assert caught.value.filename == str(tmp_path / "r/metrics.jsonl")
    assert present(checkpoint.newest(tmp_path / "r")).generation == 1


def test_default_folder_names_are_plain():
    assert folder.default_dir("connect4") == Path("runs/connect4")
    assert folder.default_dir("gomoku:size=7,rule=standard") == Path("runs/gomoku-size=7-rule=standard")


def test_a_folder_can_be_moved(tmp_path):
    config = begun(tmp_path / "r", generations=2)
    shutil.move(tmp_path / "r", tmp_path / "elsewhere")
    with session.opened(tmp_path / "elsewhere", config, command=COMMAND) as run:
        assert run.generation == 2


def test_what_a_run_logs_stands_in_the_table(tmp_path):
    begun(tmp_path / "r", generations=1)
    (line,) = folder.read_lines(tmp_path / "r/metrics.jsonl")
    for name in line.keys() - {"generation"}:
        assert metrics.describe(name).meaning
    assert metrics.describe(metrics.strength_name(match(1))).name == "strength/*"
    with pytest.raises(KeyError):
        metrics.describe("loss/unheard_of")
    assert len({metric.name for metric in metrics.METRICS}) == len(metrics.METRICS)
