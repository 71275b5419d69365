"""Cells computed at once: each after those that it builds upon, all once, and the same as one by one."""

import dataclasses
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import pytest
from matplotlib.figure import Figure

import selfplay
from selfplay.lab import runner, spread
from selfplay.lab.experiment import Cell, Conclusion, Experiment, Grid, Outcome, Picture

LEAVES = [Cell(parameters={"task": "leaf"}, seed=seed) for seed in range(12)]
PAIRS = [Cell(parameters={"task": "pair", "left": seed}, seed=seed) for seed in range(0, 12, 2)]
SUM = Cell(parameters={"task": "sum"}, seed=0)


def tree(log=None):
    """Numbers, sums of two, and the sum of those; each after a moment."""

    def run(cell, earlier):
        if cell["task"] == "leaf":
            time.sleep(random.Random(cell.seed).random() / 100)
            found = cell.seed
        elif cell["task"] == "pair":
            found = sum(earlier(LEAVES[cell["left"] + i])["value"] for i in (0, 1))
        else:
            found = sum(earlier(pair)["value"] for pair in PAIRS)
        if log is not None:
            log.append(cell.key)
        return Outcome({"value": found}, flops=1.0)

    def conclude(records):
        return Conclusion(answer=f"{[r['value'] for r in records]}", constants={}, claims=[], tables=[])

    return Experiment(
        name="tree", version=1, title="Sums", question="How much?", refuted_by="Another sum.",
        grid=lambda preset: Grid([SUM, *PAIRS, *LEAVES]), run=run, conclude=conclude,
        draw=lambda records: {"nothing": Picture(figure=Figure(figsize=(1, 1)), label="", caption="")},
    )  # fmt: skip


@pytest.fixture
def several():
    """Threads in the place of processes."""
    busy = threading.Semaphore(3)

    def processes(experiment, folder):
        def attempt(cell):
            assert busy.acquire(blocking=False), "more at once than there is room for"
            try:
                return spread.attempt(experiment, cell, folder)
            finally:
                busy.release()

        return spread.Processes(submit=lambda cell: pool.submit(attempt, cell), room=3)

    with ThreadPoolExecutor(3) as pool:
        yield processes


def test_each_cell_is_computed_once_and_after_those_that_it_builds_upon(several, tmp_path):
    """Though the grid has them in the worst order; one by one that is an error of the grid."""
    log = []
    folder = tmp_path / "spread"
    found = runner.run_experiment(tree(log), "tiny", folder, "", processes=several(tree(log), folder))
    assert [record["value"] for record in found.records] == [66, 1, 5, 9, 13, 17, 21, *range(12)]
    assert sorted(log) == sorted(cell.key for cell in (SUM, *PAIRS, *LEAVES))
    place = {key: i for i, key in enumerate(log)}
    for pair in PAIRS:
        assert place[pair.key] > max(place[LEAVES[pair["left"] + i].key] for i in (0, 1))
    assert log[-1] == SUM.key
    with pytest.raises(KeyError):
        runner.run_experiment(tree(), "tiny", tmp_path / "alone", "")


def test_what_is_kept_is_not_computed_again(several, tmp_path):
    half = dataclasses.replace(tree(), grid=lambda preset: Grid(LEAVES))
    runner.run_experiment(half, "tiny", tmp_path, "", processes=several(half, tmp_path))
    log = []
    runner.run_experiment(tree(log), "tiny", tmp_path, "", processes=several(tree(log), tmp_path))
    assert sorted(log) == sorted(cell.key for cell in (SUM, *PAIRS))


def test_what_fails_in_a_process_is_raised_and_what_nobody_computes_is_named(several, tmp_path):
    with pytest.raises(ValueError, match=r'cells wait for others that the grid does not have: .*"leaf"'):
        list(spread.computed([PAIRS[0]], several(tree(), tmp_path)))
    broken = Cell(parameters={"task": "pair", "left": "no number"}, seed=0)
    with pytest.raises(TypeError):
        list(spread.computed([broken], several(tree(), tmp_path)))


@pytest.mark.skipif(
    "SELFPLAY_RAY_KILLS" not in os.environ or find_spec("ray") is None, reason="needs Ray, and time"
)  # make fuzz
def test_on_ray_it_is_the_same(tmp_path):
    pytest.importorskip("bitbully", reason="needs bitbully")
    ray, alone = (
        selfplay.lab.run("data", preset="tiny", out=tmp_path / name, progress=False, ray=address)
        for name, address in (("ray", ""), ("alone", None))
    )
    assert (ray.answer, ray.constants, ray.claims) == (alone.answer, alone.constants, alone.claims)
    assert [r.outcome for r in ray.records] == [r.outcome for r in alone.records]
