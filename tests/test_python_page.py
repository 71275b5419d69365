"""docs/python.md, followed: its blocks are run in order, with budgets cut down by SMALLER; those that log elsewhere in
processes of their own, whose files are then looked at."""

import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = re.findall(
    r"^```python\n(.*?)^```$", (ROOT / "docs/python.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)
LOGGERS = ("mlflow", "trackio", "wandb")
SMALLER = [
    (r"minutes=10, learn", 'config="tiny", generations=1, learn'),  # six runs to be compared
    (r"sims=\d+", "sims=8"),
    (r"games=\d+", "games=4"),
    (r"depth=\d", "depth=1"),
    (r"search=\{.*?\}, ", ""),
    (r"minutes=12, ", 'config="tiny", generations=3, '),
    (r"minutes=10, ", 'config="tiny", generations=2, '),
]


def smaller(block):
    for pattern, short in SMALLER:
        block = re.sub(pattern, short, block)
    return block


def logger_of(block):
    return next((name for name in LOGGERS if f"import {name}\n" in block), None)


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """What the page's own blocks leave behind, one after the other as in a notebook."""
    pytest.importorskip("pandas")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("page"))
        for block in BLOCKS:
            if logger_of(block) is None:
                exec(compile(smaller(block), "docs/python.md", "exec"), found)
    return found


def test_the_page_has_what_it_promises():
    assert [logger_of(block) for block in BLOCKS if logger_of(block)] == list(LOGGERS)
    assert len(BLOCKS) >= 10


def test_the_blocks_run(names):
    assert names["analysis"].move in "1234567"
    assert len(names["analyses"]) == 4
    assert len(names["result"].games) == 4
    assert names["player"].analyze("121212").move == "1"


def test_a_larger_budget_went_on_with_the_run(names):
    assert (names["last"].number, names["last"].done) == (3, True)
    assert [line.generation for line in names["run"].metrics] == [1, 2, 3]


def logged(name, folder):
    """Run the page's example of a library in a folder of its own, with neither account nor telemetry."""
    pytest.importorskip(name)
    (block,) = (block for block in BLOCKS if logger_of(block) == name)
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "TRACKIO_DIR": str(folder / "trackio"), "WANDB_SILENT": "true"}
    environment = {**os.environ, **quiet, "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    argv = [sys.executable, "-c", smaller(block)]
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len((folder / f"runs/{name}/metrics.jsonl").read_text().splitlines()) == 2


def test_mlflow(tmp_path):
    logged("mlflow", tmp_path)
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        steps = database.execute("select step from metrics where key = 'loss/policy' order by step").fetchall()
        scores = database.execute("select count(*) from metrics where key like 'score/%'").fetchone()
    assert steps == [(1,), (2,)]
    assert scores[0] > 0


def test_trackio(tmp_path):
    logged("trackio", tmp_path)
    (path,) = (tmp_path / "trackio").glob("*.db")
    with sqlite3.connect(path) as database:
        rows = database.execute("select step, metrics from metrics order by step").fetchall()
    assert [step for step, _ in rows] == [1, 2]
    assert all("loss/policy" in str(text) for _, text in rows)


def test_wandb(tmp_path):
    logged("wandb", tmp_path)
    (path,) = (tmp_path / "wandb").glob("offline-run-*/run-*.wandb")
    assert b"loss/policy" in path.read_bytes()
