"""Cells computed by many processes at once, on the machines of a Ray cluster.

Which cells another one builds upon is said nowhere: it asks for them while it is computed. So a cell is begun as soon
as there is room for it, and where it asks for one that is not there yet it is put aside until that is.

What cells leave for later ones in the folder of the experiment, networks above all, has to be where all machines find
it: on a disk that they share, at the same path.
"""

import importlib
import importlib.util
import logging
import os
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfplay.lab import experiments, trainings
from selfplay.lab.experiment import Cell, Earlier, Experiment, Outcome

_LOOKS_S = 1.0  # seconds between two looks, so that Ctrl-C is answered


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


Known = Mapping[str, Mapping[str, Any]]
"""results by the key of their cell"""


@dataclass(frozen=True)
class Processes:
    """Who computes."""

    submit: Callable[[Cell, Known], Any]
    """has a cell computed; returns what `first` knows it by"""
    first: Callable[[Sequence[Any]], Any]
    """waits until one of those that were submitted is answered, and returns it"""
    answer: Callable[[Any], Computed | Waits]
    """of one that `first` returned; what failed there is raised"""
    room: int
    """cells that are computed at once"""


def attempt(experiment: Experiment, cell: Cell, known: Known, folder: Path) -> Computed | Waits:
    """Compute a cell from those that are known, or say which one is missing."""

    def result(asked: Cell) -> Mapping[str, Any]:
        if asked.key not in known:
            raise _MissingError(asked.key)
        return known[asked.key]

    began = time.perf_counter()
    try:
        outcome = experiment.run(cell, Earlier(result, folder))
    except _MissingError as missing:
        return Waits(missing.args[0])
    return Computed(outcome, time.perf_counter() - began)


def computed(cells: Sequence[Cell], known: Known, processes: Processes) -> Iterator[tuple[Cell, Computed]]:
    """Each of the cells, as soon as it is done; those that are first in the grid are begun first."""
    known, left, running = dict(known), deque(cells), dict[Any, Cell]()
    aside: dict[str, list[Cell]] = defaultdict(list)
    while left or running:
        while left and len(running) < processes.room:
            cell = left.popleft()
            running[processes.submit(cell, dict(known))] = cell
        done = processes.first([*running])
        cell, found = running.pop(done), processes.answer(done)
        if isinstance(found, Computed):
            known[cell.key] = found.outcome.result
            left.extendleft(reversed(aside.pop(cell.key, [])))
            yield cell, found
        elif found.key in known:  # since it was begun
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
    if importlib.util.find_spec("ray") is None:
        raise ValueError('--ray needs Ray, which is not installed: pip install "ray>=2.9", here and on each machine')
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray: Any = importlib.import_module("ray")
    own = {} if address else {"include_dashboard": False}
    try:
        ray.init(address or "local", log_to_driver=False, logging_level=logging.ERROR, **own)
    except ConnectionError as error:
        raise ValueError(f"no Ray cluster answers at {address}") from error
    try:
        remote = ray.remote(num_cpus=trainings.THREADS, max_retries=3)(_attempt)

        def first(waiting: Sequence[Any]) -> Any:
            while True:
                done, _ = ray.wait(list(waiting), timeout=_LOOKS_S)
                if done:
                    return done[0]

        cores = int(ray.cluster_resources().get("CPU", 1))
        yield Processes(
            submit=lambda cell, known: remote.remote(name, cell, known, folder.resolve()),
            first=first,
            answer=ray.get,
            room=max(1, cores // trainings.THREADS),
        )
    finally:
        ray.shutdown()


def _attempt(name: str, cell: Cell, known: Known, folder: Path) -> Computed | Waits:
    return attempt(experiments.load(name), cell, known, folder)
