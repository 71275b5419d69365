"""Cells computed by many processes at once, on the machines of a Ray cluster.

Which cells another one builds upon is said nowhere: it asks for them while it is computed. So a cell is begun as soon
as there is room for it, and where it asks for one that is not there yet it is put aside until that is.

What cells leave in the folder of the experiment, their results and networks, has to be where all machines find it: on
a disk that they share, at the same path.
"""

import importlib
import logging
import os
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfplay.lab import experiments, trainings
from selfplay.lab.experiment import Cell, Earlier, Experiment, Outcome
from selfplay.lab.store import CELLS, CellStore
from selfplay.train import remote


@dataclass(frozen=True)
class Computed:
    """A cell is done."""

    outcome: Outcome
    seconds: float


@dataclass(frozen=True)
class Waits:
    """A cell asked for one that is not there yet."""

    key: str


class _MissingError(Exception):
    """Says which cell is asked for and not there."""


@dataclass(frozen=True)
class Processes:
    """Who computes."""

    submit: "Callable[[Cell], Future[Computed | Waits]]"
    """has a cell computed by `attempt`"""
    room: int
    """cells that are computed at once"""


def attempt(experiment: Experiment, cell: Cell, folder: Path) -> Computed | Waits:
    """Compute a cell from those that the folder holds, or say which one is missing."""
    store = CellStore(folder / CELLS, experiment)

    def result(asked: Cell) -> Mapping[str, Any]:
        record = store.get(asked)
        if record is None:
            raise _MissingError(asked.key)
        return record.outcome.result

    began = time.perf_counter()
    try:
        outcome = experiment.run(cell, Earlier(result, folder))
    except _MissingError as missing:
        return Waits(missing.args[0])
    return Computed(outcome, time.perf_counter() - began)


def computed(cells: Sequence[Cell], processes: Processes) -> Iterator[tuple[Cell, Computed]]:
    """Each of the cells, as soon as it is done; those that are first in the grid are begun first.

    Whoever takes one has to have it stored before asking for the next."""
    left, finished = deque(cells), set[str]()
    running: dict[Future[Computed | Waits], Cell] = {}
    aside: dict[str, list[Cell]] = defaultdict(list)
    while left or running:
        while left and len(running) < processes.room:
            cell = left.popleft()
            running[processes.submit(cell)] = cell
        done = next(iter(wait(running, return_when=FIRST_COMPLETED).done))
        cell, found = running.pop(done), done.result()
        if isinstance(found, Computed):
            finished.add(cell.key)
            left.extendleft(reversed(aside.pop(cell.key, [])))
            yield cell, found
        elif found.key in finished:  # since it was begun
            left.appendleft(cell)
        else:
            aside[found.key].append(cell)
    if aside:
        raise ValueError(f"cells wait for others that the grid does not have: {', '.join(aside)}")


@contextmanager
def on_ray(address: str, name: str, folder: Path) -> Iterator[Processes]:
    """Processes of the cluster at `address`, or of one of this machine's cores where it is empty.

    `ValueError` where Ray is not installed, or nothing answers there.
    """
    remote.check_installed()
    for variable, value in remote.ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    ray: Any = importlib.import_module("ray")
    own = {} if address else {"include_dashboard": False}
    try:
        ray.init(address or "local", log_to_driver=False, logging_level=logging.ERROR, **own)
    except ConnectionError as error:
        raise ValueError(f"no Ray cluster answers at {address}") from error
    try:
        task = ray.remote(num_cpus=trainings.THREADS, max_retries=3)(_attempt)
        cores = int(ray.cluster_resources().get("CPU", 1))
        yield Processes(
            submit=lambda cell: task.remote(name, cell, folder.resolve()).future(),
            room=max(1, cores // trainings.THREADS),
        )
    finally:
        ray.shutdown()


def _attempt(name: str, cell: Cell, folder: Path) -> Computed | Waits:
    return attempt(experiments.load(name), cell, folder)
