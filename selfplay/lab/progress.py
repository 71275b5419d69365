"""How far an experiment is: a bar on a terminal, plain lines elsewhere, nothing where nobody wants it. On stderr.

The time left is that of all cells that are missing: each has a cost, and what the cells of this folder took for theirs
says how long a unit of cost takes here.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from selfplay.lab.experiment import Cell, Record
from selfplay.report import words
from selfplay.report.terminal.run import redraws

_SILENCE = 10.0  # seconds between two plain lines
_MEANT = 10.0  # seconds


class Pace:
    """Told of every cell; knows how long the others will take."""

    def __init__(self, cells: Sequence[Cell], at_once: int = 1) -> None:
        """`at_once` cells are computed at the same time."""
        self.cells = cells
        self._at_once = at_once
        self.done = 0
        self._cost_left = sum(cell.cost for cell in cells)
        self._cost = self._seconds = 0.0

    def add(self, cell: Cell, record: Record) -> None:
        """A cell, of this session or of an earlier one."""
        self.done += 1
        self._cost_left -= cell.cost
        self._cost += cell.cost
        self._seconds += record.seconds

    @property
    def seconds_left(self) -> float:
        """Until the last cell ends, about. A cost is meant to be seconds, and that counts as much as a few cells."""
        return max(0.0, self._cost_left) * (self._seconds + _MEANT) / (self._cost + _MEANT) / self._at_once

    @property
    def share(self) -> float:
        """Of the whole cost that is done."""
        return self._cost / max(self._cost + self._cost_left, 1e-9)

    def __str__(self) -> str:
        eta = words.clock(self.seconds_left)
        return f"{self.done}/{len(self.cells)} cells, {self.share:.0%} of the work, ETA {eta}"


class Watcher:
    """Told what is computed; this one keeps it to itself."""

    def starting(self, pace: Pace, cell: Cell) -> None: ...

    def finished(self, pace: Pace, cell: Cell) -> None: ...


class _Lines(Watcher):
    def __init__(self) -> None:
        self._said = -_SILENCE

    def finished(self, pace: Pace, cell: Cell) -> None:
        if time.monotonic() - self._said >= _SILENCE or pace.done == len(pace.cells):
            print(f"{pace}  ({_name(cell)})", file=sys.stderr, flush=True)
            self._said = time.monotonic()


class _Bar(Watcher):
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=1.0)

    def starting(self, pace: Pace, cell: Cell) -> None:
        self._progress.update(self._task, completed=pace.share, description=f"{pace}  {_name(cell)}")

    def finished(self, pace: Pace, cell: Cell) -> None:
        self._progress.update(self._task, completed=pace.share, description=str(pace))


def _name(cell: Cell) -> str:
    """`spiral polar 1000, seed 0`."""
    return f"{' '.join(str(value) for value in cell.parameters.values())}, seed {cell.seed}"


@contextmanager
def watching(wanted: bool = True) -> Iterator[Watcher]:
    """Shows what goes on in the block."""
    console = Console(stderr=True)
    if not wanted:
        yield Watcher()
    elif redraws(console):
        with Progress(BarColumn(), TextColumn("{task.description}", markup=False), console=console) as progress:
            yield _Bar(progress)
    else:
        yield _Lines()
