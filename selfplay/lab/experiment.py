"""What an experiment is made of: cells, what they gave, and what follows.

A cell is the smallest piece that is computed and kept whole; its parameters and its seed decide what comes out of it.
An experiment is one module of `selfplay.lab.experiments`, whose `EXPERIMENT` names a grid of cells, the function that
runs one, what follows from all of them, and the pictures (docs/lab/add-an-experiment.md).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

PRESETS = {
    "cpu-hour": "about an hour on two cores, or half of one",
    "cpu-night": "some hours on two cores",
    "gpu": "with CUDA",
    "tiny": "seconds; shows that everything works, and says nothing",
}

Parameter = int | float | str


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One point of the grid."""

    parameters: Mapping[str, Parameter]
    seed: int
    cost: float = 1.0
    """how long it takes beside other cells, about: seconds on one core. The ETA is made of it, nothing else."""

    @cached_property
    def key(self) -> str:
        """What it is known by; the order of the parameters does not matter."""
        return json.dumps({"parameters": self.parameters, "seed": self.seed}, sort_keys=True)

    def __getitem__(self, name: str) -> Any:
        return self.parameters[name]


@dataclass(frozen=True)
class Outcome:
    """What a cell gave."""

    result: Mapping[str, Any]
    """numbers and short texts, as JSON has them"""
    flops: float = 0.0
    """of networks, 2 per multiply-add"""


@dataclass(frozen=True, kw_only=True)
class Record:
    """A cell and what it gave: a line of cells.jsonl, see `selfplay.lab.store`."""

    cell: Cell
    outcome: Outcome
    seconds: float
    finished: str
    """ISO 8601, UTC"""
    commit: str | None
    """of the sources that computed it; ends in `+` if they had been changed since"""

    def __getitem__(self, name: str) -> Any:
        """A parameter, or a number of the result."""
        return self.outcome.result[name] if name in self.outcome.result else self.cell[name]


@dataclass(frozen=True)
class Constant:
    """A fitted number with its 95 % interval; None is beyond what the experiment can tell."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Claim:
    """Something that could have turned out otherwise."""

    claim: str
    held: bool | None
    """None where the experiment does not tell"""
    why: str
    """the numbers that decide it"""


@dataclass(frozen=True)
class Table:
    """Of the page."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """What follows from the cells, and from nothing else: the same cells give the same conclusion."""

    answer: str
    """in a sentence or two, with intervals"""
    constants: Mapping[str, Constant]
    claims: Sequence[Claim]
    tables: Sequence[Table] = ()


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A drawing, in words for who does not see it, and what it shows."""

    figure: Figure
    label: str
    caption: str


@dataclass(frozen=True)
class Earlier:
    """What a cell may build upon: `earlier(cell)` is the result of one that stands earlier in the grid."""

    result: Callable[[Cell], Mapping[str, Any]]
    folder: Path
    """of the experiment, for what is too large for a line of cells.jsonl: networks"""

    def __call__(self, cell: Cell) -> Mapping[str, Any]:
        return self.result(cell)


@dataclass(frozen=True)
class Grid:
    """The cells of a preset, in the order in which they are computed."""

    cells: Sequence[Cell]
    notes: Sequence[str] = ()
    """what is left out here, and why"""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A question that cells answer."""

    name: str
    version: int
    """raised when the same cell would give something else: what is kept under another version is not used"""
    title: str
    question: str
    refuted_by: str
    """what would have shown the opposite"""
    grid: Callable[[str], Grid]
    """of a preset"""
    run: Callable[[Cell, Earlier], Outcome]
    conclude: Callable[[Sequence[Record]], Conclusion]
    draw: Callable[[Sequence[Record]], Mapping[str, Picture]]
    """pictures by the names of their files, the most telling first"""
    sources: Sequence[str] = field(default=())
    """what the question is taken from"""
