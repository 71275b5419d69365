"""Runs folders with something bad in them: one run that cannot be read takes nothing away from the others, and nothing
from outside is shown."""

import json
import os
import shutil
import time

import pytest
from web_server import GAME, RUN, a_record, a_run, ask, served

from games import record
from selfplay.run import checksums
from selfplay.run import folder as runs

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from selfplay.web import catalogue, folders, logs


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return a_run(tmp_path_factory.mktemp("whole"), RUN, matches=3)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A runs folder that is itself a link, and a server of it."""
    real = tmp_path_factory.mktemp("real")
    link = tmp_path_factory.mktemp("linked") / "runs"
    link.symlink_to(real)
    with served(link) as port:
        yield link, port


def damaged(path, line):
    """The last line of a file of lines with something changed, as strangers may write it: without checksums."""
    checksums.place(path).unlink()
    lines = path.read_text().splitlines()
    path.write_text(
        "\n".join([*lines[:-1], line if isinstance(line, str) else json.dumps(json.loads(lines[-1]) | line)]) + "\n"
    )


BAD_LINES = [
    (runs.METRICS, "[" * 100_000, "line 3: it is nested too deeply"),
    (runs.METRICS, {"play_seconds": "long"}, "line 3: play_seconds is a number, not 'long'"),
    (runs.METRICS, {"play_seconds": None}, "line 3: play_seconds is a number, not None"),
    (runs.METRICS, {"games": float("nan")}, "line 3: games is a number within its range, not nan"),
    (runs.METRICS, {"train_flops": 10**400}, "line 3: train_flops is a number within its range, not 1000"),
    (runs.METRICS, {"loss/policy": {"a": 1}}, "line 3: loss/policy is a number, not {'a': 1}"),
    (runs.METRICS, {"generation": "3"}, "line 3: generation is a whole number, not '3'"),
    (runs.METRICS, "3", "line 3: a record is an object, not 3"),
    (runs.EVALS, {"wins": [1]}, "line 3: wins is a whole number, not [1]"),
    (runs.EVALS, {"flops": float("inf")}, "line 3: flops is a number, not inf"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "line", "said"), BAD_LINES)
def test_a_run_with_a_bad_line_says_so_and_the_others_are_shown(shared, whole, name, line, said):
    root, port = shared
    for each in ("good", "zbad"):
        shutil.copytree(whole, root / each, dirs_exist_ok=True)
    damaged(root / "zbad" / name, line)
    status, _, found = ask(port, "GET", "/api/runs")
    assert status == 200
    good, bad = found
    assert good["generation"] == 3 and "error" not in good
    assert bad["name"] == "zbad"
    assert bad["error"].startswith(f"{name}, {said}")
    assert ask(port, "GET", "/api/runs/good")[0] == 200
    status, _, found = ask(port, "GET", "/api/runs/zbad")
    assert (status, found["error"]) == (400, f"zbad: {bad['error']}")
    assert ask(port, "GET", f"/api/players?game={GAME}")[0] == 200
    shutil.copytree(whole, root / "zbad", dirs_exist_ok=True)
    assert "error" not in ask(port, "GET", "/api/runs")[2][1], "mended, it is shown again"


def test_of_a_log_that_was_changed_the_page_shows_the_other_lines_and_says_so(shared, whole):
    root, port = shared
    shutil.copytree(whole, root / "changed")
    for name, old, new in ((runs.METRICS, ": 1.0", ": 0.9"), (runs.EVALS, ": 10", ": 11")):
        path = root / "changed" / name
        first, *rest = path.read_text().splitlines(keepends=True)
        path.write_text("".join([first, rest[0].replace(old, new), *rest[1:]]))
    found = ask(port, "GET", "/api/runs/changed")[2]
    assert found["damage"] == [
        "metrics.jsonl: line 2 is not as it was written; the other 2 are used",
        "evals.jsonl: line 2 is not as it was written; the other 2 are used",
    ]
    assert found["curves"]["generation"] == [1, 3]
    assert [line["generation"] for line in found["evals"]] == [1, 3]
    with (root / "changed" / runs.METRICS).open("a") as file:
        file.write(a_line(4))
    assert ask(port, "GET", "/api/runs/changed")[2]["curves"]["generation"] == [1, 3, 4]
    cut = (root / "changed" / runs.EVALS).read_text().splitlines(keepends=True)[:1]
    (root / "changed" / runs.EVALS).write_text("".join(cut))
    assert ask(port, "GET", "/api/runs/changed")[2]["damage"][1] == (
        "evals.jsonl: 2 lines are missing; the other 1 are used"
    )
    shutil.rmtree(root / "changed")


def a_pipe(path):
    os.mkfifo(path)


def a_socket(path):
    import socket

    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


@pytest.mark.parametrize("name", [runs.METRICS, runs.EVALS, runs.CONFIG, runs.ACTIVITY, runs.META, "x.jsonl"])
@pytest.mark.parametrize("special", [a_pipe, os.mkdir, a_socket, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_regular_file_holds_nobody(tmp_path, monkeypatch, whole, name, special):
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    for each in ("good", "bad"):
        shutil.copytree(whole, tmp_path / each)
    (tmp_path / "bad" / name).unlink(missing_ok=True)
    special(tmp_path / "bad" / name)
    began = time.monotonic()
    bad, good = folders.summaries(tmp_path)
    assert "error" not in good
    if name in (runs.METRICS, runs.EVALS, runs.CONFIG):
        assert bad["error"].startswith((f"{name}: not a regular file", f"cannot read {name}: not", f"{name} is a link"))
    assert len(folders.record_files(tmp_path)) == 0
    catalogue.all_games(tmp_path)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("name", ["1²", "9" * 40, "000003.old", "1\u0663", "2 "])
def test_a_folder_of_an_odd_name_hides_no_player(tmp_path, whole, name):
    shutil.copytree(whole, tmp_path / RUN)
    (tmp_path / RUN / "checkpoints" / name).mkdir()
    (tmp_path / f"odd{name}").mkdir()
    found = catalogue.players(tmp_path, catalogue.game(tmp_path, GAME))
    assert [(run["name"], run["generations"]) for run in found["runs"]] == [(RUN, [1, 2])]


LINKED = [
    runs.CONFIG,
    runs.META,
    runs.METRICS,
    runs.EVALS,
    runs.CROSSOVER,
    runs.FORECASTS,
    runs.ACTIVITY,
    runs.OVERTAKEN,
    runs.LATEST,
    "checkpoints",
    "checkpoints/000002",
    "checkpoints/000002/weights.safetensors",
]


@pytest.mark.parametrize("name", LINKED)
def test_links_that_leave_the_folder_are_not_followed(tmp_path, whole, name):
    outside, root = tmp_path / "outside", tmp_path / "runs"
    shutil.copytree(whole, outside)
    record.append(outside / runs.OVERTAKEN, [a_record("1212121")])
    record.append(outside / runs.LATEST, [a_record("1212121")])
    shutil.copytree(whole, root / RUN)
    inside = root / RUN / name
    if inside.is_dir():
        shutil.rmtree(inside)
    else:
        inside.unlink(missing_ok=True)
    inside.symlink_to(outside / name)
    assert folders.record_files(root) == []
    with pytest.raises(LookupError):
        folders.recorded(root, f"{RUN}/{name}")
    game = catalogue.game(root, GAME)
    if name.startswith("checkpoints/"):
        with pytest.raises(ValueError, match=f"{name} is a link that leads out of the runs folder"):
            catalogue.bounded(root, game, f"net:{RUN}@2")
    elif name not in (runs.OVERTAKEN, runs.LATEST):
        assert folders.summaries(root) == [
            {"name": RUN, "error": f"{name} is a link that leads out of the runs folder"}
        ]
        with pytest.raises(LookupError, match="leads out of the runs folder"):
            catalogue.run_dir(root, RUN)
        with pytest.raises(ValueError):
            catalogue.bounded(root, game, f"net:{RUN}")


def test_links_within_the_folder_are_followed(tmp_path, whole):
    shutil.copytree(whole, tmp_path / "a")
    shutil.copytree(whole, tmp_path / "b")
    (tmp_path / "b" / runs.EVALS).unlink()
    (tmp_path / "b" / runs.EVALS).symlink_to(tmp_path / "a" / runs.EVALS)
    assert len(folders.full(catalogue.run_dir(tmp_path, "b"))["evals"]) == 3


def test_a_run_that_is_another_game_now_is_one(tmp_path):
    a_run(tmp_path, "again", matches=0)
    assert catalogue.game_of(tmp_path / "again") == GAME
    shutil.rmtree(tmp_path / "again")
    a_run(tmp_path, "again", game="tictactoe", matches=0)
    assert catalogue.game_of(tmp_path / "again") == "tictactoe"


def a_line(generation):
    return json.dumps({"generation": generation, "loss/policy": float(generation), "play_seconds": 60.0}) + "\n"


def test_a_log_that_has_grown_is_read_from_where_it_was_left(tmp_path, monkeypatch):
    """And one that was cut, replaced or written over is read anew."""
    path, taken = tmp_path / runs.METRICS, []
    take = logs.MetricsLog.take
    monkeypatch.setattr(logs.MetricsLog, "take", lambda log, line: (taken.append(line["generation"]), take(log, line)))

    def look():
        taken.clear()
        with logs.MetricsLog.of(path) as log:
            return log.thinned()["loss/policy"], [*taken]

    assert look() == ([], [])
    path.write_text("".join(map(a_line, range(1, 6))))
    assert look() == ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])
    assert look() == ([1, 2, 3, 4, 5], [])
    with path.open("a") as file:
        file.write(a_line(6) + a_line(7)[:20])
    assert look() == ([1, 2, 3, 4, 5, 6], [6])
    with path.open("a") as file:
        file.write(a_line(7)[20:])
    assert look() == ([1, 2, 3, 4, 5, 6, 7], [7])
    path.write_text("".join(map(a_line, (1, 2))))
    assert look() == ([1, 2], [1, 2])
    (tmp_path / "new").write_text("".join(map(a_line, (1, 2, 9))))
    (tmp_path / "new").replace(path)
    assert look() == ([1, 2, 9], [1, 2, 9])
    path.write_text("".join(map(a_line, (8, 8, 8, 8))))  # longer, and another beginning
    assert look()[0] == [8, 8, 8, 8]
    path.unlink()
    assert look() == ([], [])


def test_a_log_is_read_no_further_than_its_largest_size(tmp_path, monkeypatch):
    monkeypatch.setitem(runs.MOST_BYTES, runs.METRICS, 1 << 20)
    path = tmp_path / runs.METRICS
    path.write_text(a_line(1) + "x" * (1 << 20) + "\n")
    for _ in range(2):
        with pytest.raises(ValueError, match="has more than 1 MiB, the most that is read"), logs.MetricsLog.of(path):
            pass
    monkeypatch.setitem(runs.MOST_BYTES, runs.METRICS, 8 << 20)
    path.write_text(a_line(1) + "x" * (2 << 20) + "\n")
    with pytest.raises(ValueError, match="line 2: it is longer than 1 MiB"), logs.MetricsLog.of(path):
        pass
