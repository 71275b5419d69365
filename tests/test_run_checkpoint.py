"""Checkpoints: whole or absent, checked, thinned, and unable to run code."""

import errno
import json
import os
import pickle
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from optional import present

import games
from games import regular
from selfplay.run import atomic, checkpoint
from selfplay.train.arrays import load

STATE: dict[str, bytes | Callable[[Path], None]] = dict.fromkeys(checkpoint.STATE, b"content")


def warnings_of(run_dir, needs=checkpoint.STATE):
    lines = []
    found = checkpoint.newest(run_dir, needs, warn=lines.append)
    return found, lines


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_written_files_come_back(tmp_path):
    arrays: dict[str, Any] = {"words": np.arange(6, dtype=np.uint64).reshape(3, 2)}
    files = STATE | {"replay.npz": lambda path: np.savez(path, **arrays)}
    written = checkpoint.write(tmp_path, 12, files)
    found, lines = warnings_of(tmp_path)
    assert lines == []
    assert found is not None and found == written
    assert (found.generation, found.folder.name) == (12, "000012")
    assert found.path("state.json").read_bytes() == b"content"
    assert np.array_equal(load(found.path("replay.npz"))["words"], arrays["words"])
    with pytest.raises(ValueError, match=r"holds no other\.bin; it holds games\.npz"):
        found.path("other.bin")


def test_a_run_without_checkpoints_has_none(tmp_path):
    assert checkpoint.newest(tmp_path) is None
    assert checkpoint.newest(tmp_path / "absent") is None


def test_the_newest_two_keep_everything_and_older_ones_their_weights(tmp_path):
    for generation in range(1, 6):
        checkpoint.write(tmp_path, generation, STATE)
    names = {n: {path.name for path in folder.iterdir()} for n, folder in checkpoint.folders(tmp_path).items()}
    full = {*checkpoint.STATE, checkpoint.MANIFEST}
    thin = {checkpoint.WEIGHTS, checkpoint.MANIFEST}
    assert names == {1: thin, 2: thin, 3: thin, 4: full, 5: full}
    for generation in range(1, 6):
        found = checkpoint.resolve(f"{tmp_path}@{generation}")
        assert found == tmp_path / "checkpoints" / f"{generation:06d}" / checkpoint.WEIGHTS


def test_generations_are_ordered_as_numbers(tmp_path):
    for generation in (999_999, 1_000_000):
        checkpoint.write(tmp_path, generation, STATE)
    assert present(warnings_of(tmp_path)[0]).generation == 1_000_000


@pytest.mark.parametrize("name", [*checkpoint.STATE, checkpoint.MANIFEST])
@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_a_damaged_checkpoint_is_named_and_passed_over(tmp_path, name, damage):
    for generation in (1, 2):
        checkpoint.write(tmp_path, generation, STATE)
    path = tmp_path / "checkpoints" / "000002" / name
    content = path.read_bytes()
    if damage == "flip":
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    elif damage == "truncate":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.unlink()
    found, lines = warnings_of(tmp_path)
    assert present(found).generation == 1
    assert len(lines) == 1
    assert "000002" in lines[0]
    assert name in lines[0]


def test_no_whole_checkpoint_is_a_mistake_not_a_new_run(tmp_path):
    checkpoint.write(tmp_path, 1, STATE)
    (tmp_path / "checkpoints/000001/learner.pt").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"no whole checkpoint in .* \(000001: learner.pt is damaged\)"):
        checkpoint.newest(tmp_path, checkpoint.STATE, warn=lambda line: None)
    assert present(checkpoint.newest(tmp_path)).generation == 1  # its weights still play


def test_a_manifest_cannot_lead_out_of_its_folder(tmp_path):
    checkpoint.write(tmp_path, 1, STATE)
    manifest = tmp_path / "checkpoints/000001" / checkpoint.MANIFEST
    manifest.write_text(json.dumps({"generation": 1, "sha256": {"../../x": "0", checkpoint.WEIGHTS: "0"}}))
    with pytest.raises(ValueError, match=r"manifest\.json is damaged"):
        checkpoint.newest(tmp_path, warn=lambda line: None)


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path):
    checkpoint.write(tmp_path, 1, STATE)
    before = contents(tmp_path)

    def full(path):
        path.write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left on device") as caught:
        checkpoint.write(tmp_path, 2, STATE | {"games.npz": full})
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename.endswith("checkpoints/000002")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("through_a_link", [False, True])
def test_what_is_no_file_is_not_replaced_by_one(tmp_path, through_a_link):
    """As root, a rename would make a file of /dev/full."""
    pipe, folder = tmp_path / "pipe", tmp_path / "folder"
    os.mkfifo(pipe)
    folder.mkdir()
    for target, kind in ((pipe, "a pipe"), (folder, "a folder")):
        path = tmp_path / "link" if through_a_link else target
        if through_a_link:
            path.unlink(missing_ok=True)
            path.symlink_to(target)
        before = path.lstat()
        with pytest.raises(regular.NotRegularError, match=f"is {kind}, not a file") as caught:
            atomic.write_file(path, b"x")
        assert caught.value.filename == str(path)
        assert path.lstat() == before
    assert not list(tmp_path.glob(".tmp-*"))


@pytest.mark.parametrize(
    ("mode", "kind"), [(stat.S_IFCHR, "a device"), (stat.S_IFBLK, "a device"), (stat.S_IFSOCK, "a socket")]
)
def test_a_device_is_not_replaced(tmp_path, monkeypatch, mode, kind):
    path = tmp_path / "full"
    path.write_bytes(b"")
    real = Path.stat

    def as_a_device(self, **how):
        found = real(self, **how)
        return os.stat_result((mode | 0o666, *found[1:])) if self == path else found

    monkeypatch.setattr(Path, "stat", as_a_device)
    with pytest.raises(regular.NotRegularError, match=f"is {kind}, not a file"):
        atomic.write_file(path, b"x")
    assert path.read_bytes() == b""


def test_standard_output_is_not_replaced_where_it_is_a_file(tmp_path, monkeypatch):
    (tmp_path / "dev").mkdir()
    (tmp_path / "out.txt").write_bytes(b"said")
    stdout = tmp_path / "dev" / "stdout"
    stdout.symlink_to(tmp_path / "out.txt")
    monkeypatch.setattr(atomic, "_OF_THE_SYSTEM", (tmp_path / "dev", tmp_path / "proc"))
    with pytest.raises(regular.NotRegularError, match="not a file that may be replaced"):
        atomic.write_file(stdout, b"x")
    assert stdout.is_symlink()
    (tmp_path / "dev" / "shm").mkdir()
    atomic.write_file(tmp_path / "dev" / "shm" / "file", b"x")
    assert (tmp_path / "dev" / "shm" / "file").read_bytes() == b"x"


def test_a_folder_takes_the_place_of_nothing_else(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(regular.NotRegularError, match="is no folder"):
        atomic.write_folder(tmp_path / "pipe", lambda temporary: None)
    assert (tmp_path / "pipe").is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_full_disk_leaves_the_old_file(tmp_path):
    """For real: this process may not write past 64 kB."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    code = f"""
import resource, signal, pathlib
from selfplay.run import atomic
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
try:
    atomic.write_file(pathlib.Path({str(path)!r}), bytes(200_000))
except OSError as error:
    assert error.filename == {str(path)!r}, error.filename
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"
    assert contents(tmp_path) == {"file": b"old"}


@pytest.fixture
def steps(monkeypatch):
    """What is asked of the disk, in order: names of files synced, and renames."""
    done = []

    def noted(name, real):
        def step(*arguments):
            path = Path(f"/proc/self/fd/{arguments[0]}").readlink() if name == "sync" else Path(arguments[1])
            done.append((name, path.name))
            return real(*arguments)

        return step

    for name, function in (("sync", "fsync"), ("rename", "rename"), ("rename", "replace")):
        monkeypatch.setattr(os, function, noted(name, getattr(os, function)))
    return done


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_a_power_cut_finds_the_content_on_the_disk_before_the_name(tmp_path, steps):
    folder = tmp_path / "run"
    folder.mkdir()
    atomic.write_file(folder / "meta.json", b"x")
    assert steps == [("sync", ".tmp-meta.json"), ("rename", "meta.json"), ("sync", "run")]
    steps.clear()

    def fill(path: Path) -> None:
        (path / "a").write_bytes(b"x")

    atomic.write_folder(folder / "000001", fill)
    assert steps == [("sync", "a"), ("sync", ".tmp-000001"), ("rename", "000001"), ("sync", "run")]


def test_what_an_interrupted_write_left_is_no_checkpoint_and_goes_away(tmp_path):
    checkpoint.write(tmp_path, 1, STATE)
    left = tmp_path / "checkpoints" / f"{atomic.TEMPORARY}000002"
    shutil.copytree(tmp_path / "checkpoints/000001", left)
    assert present(warnings_of(tmp_path)[0]).generation == 1
    checkpoint.write(tmp_path, 3, STATE)
    assert not left.exists()


def test_what_a_kill_left_while_older_checkpoints_were_thinned_goes_away(tmp_path):
    checkpoint.write(tmp_path, 1, STATE)
    checkpoint.write(tmp_path, 2, STATE)
    oldest = checkpoint.folders(tmp_path)[1]
    (oldest / f"{atomic.TEMPORARY}{checkpoint.MANIFEST}").write_text("{")
    checkpoint.write(tmp_path, 3, STATE)
    assert {path.name for path in oldest.iterdir()} == {checkpoint.WEIGHTS, checkpoint.MANIFEST}


def test_a_checkpoint_can_be_written_over(tmp_path):
    """A run that passed over a damaged checkpoint comes to the same generation again."""
    checkpoint.write(tmp_path, 1, STATE)
    (tmp_path / "checkpoints/000001/games.npz").write_bytes(b"damaged")
    checkpoint.write(tmp_path, 1, STATE | {"state.json": b"new"})
    assert present(warnings_of(tmp_path)[0]).path("state.json").read_bytes() == b"new"
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["000001"]


@pytest.mark.parametrize("moment", range(12))
def test_killed_at_any_step_leaves_a_whole_checkpoint(tmp_path, moment):
    """The process dies at its `moment`-th sync, rename or unlink while it writes over and thins."""
    for generation in (1, 2):
        checkpoint.write(tmp_path, generation, STATE | {"state.json": str(generation).encode()})
    code = f"""
import os, pathlib
from selfplay.run import checkpoint
left = {moment}
def counted(real):
    def step(*arguments, **options):
        global left
        if left == 0:
            os._exit(9)
        left -= 1
        return real(*arguments, **options)
    return step
for name in ("fsync", "rename", "replace", "unlink"):
    setattr(os, name, counted(getattr(os, name)))
checkpoint.write(pathlib.Path({str(tmp_path)!r}), 3, {STATE!r})
"""
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == 9
    found, lines = warnings_of(tmp_path)
    assert lines == []
    assert present(found).generation in (2, 3)
    for folder in checkpoint.folders(tmp_path).values():  # what is being thinned, too, is what its manifest says
        names = json.loads((folder / checkpoint.MANIFEST).read_text())["sha256"]
        assert checkpoint.checked(folder, names).files >= {checkpoint.WEIGHTS}


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_state_comes_back_and_code_does_not_run(tmp_path):
    state = {"step": 3, "rate": 0.5, "weights": {"w": torch.arange(3.0)}}
    path = tmp_path / "learner.pt"
    path.write_bytes(checkpoint.state_bytes(state))
    loaded = checkpoint.load_state(path)
    assert loaded["step"] == 3
    assert torch.equal(loaded["weights"]["w"], torch.arange(3.0))

    class Evil:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").write_text, ("x",))

    for content in (pickle.dumps(Evil()), checkpoint.state_bytes({"x": Evil()}), b"", b"PK\3\4 no zip"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"learner\.pt is not a learner's state"):
            checkpoint.load_state(path)
    assert not (tmp_path / "ran").exists()


def test_resolve_names_what_is_there(tmp_path):
    for generation in (3, 7):
        checkpoint.write(tmp_path / "r", generation, STATE)
    folder = tmp_path / "r" / "checkpoints"
    assert checkpoint.resolve(str(tmp_path / "r")) == folder / "000007" / checkpoint.WEIGHTS
    file = tmp_path / "odd@5"
    file.write_bytes(b"x")
    assert checkpoint.resolve(str(file)) == file
    for spec, said in (
        (f"{tmp_path}/r@6", "no checkpoint of generation 6; it has 3 to 7, the nearest is 7"),
        (f"{tmp_path}/x@6", "is no run folder with checkpoints"),
        (f"{tmp_path}/x", "no run folder or weights file"),
        (str(tmp_path), "holds no checkpoint yet"),
        ("pretrained", "no pretrained network for an unnamed game"),
    ):
        with pytest.raises(ValueError, match=said):
            checkpoint.resolve(spec)
    (folder / "000003" / checkpoint.WEIGHTS).write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"000003 cannot be used: weights\.safetensors is damaged"):
        checkpoint.resolve(f"{tmp_path}/r@3")


def test_what_ships_is_found_by_the_full_name_of_its_game(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "_PRETRAINED", tmp_path)
    (tmp_path / "gomoku9.safetensors").write_bytes(b"x")
    assert checkpoint.resolve("pretrained", games.make("gomoku9").name) == tmp_path / "gomoku9.safetensors"
    with pytest.raises(ValueError, match=r"for gomoku:size=15: there is one for gomoku:size=9; train one first"):
        checkpoint.resolve("pretrained", games.make("gomoku15").name)
