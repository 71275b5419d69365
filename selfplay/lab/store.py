"""cells.jsonl: what every cell gave, a line each, so that none is computed twice.

    experiment, version   of what
    parameters, seed      which cell
    result                what it gave, as its experiment says
    flops                 of networks, 2 per multiply-add
    seconds               that it took
    finished              when, ISO 8601, UTC
    commit                of the sources; with a + if they had been changed since; null outside a checkout

A line is on the disk before the next cell begins: a kill costs one cell. Half of a last line is cut off.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfplay.lab.experiment import Cell, Experiment, Outcome, Record
from selfplay.run import folder

CELLS = "cells.jsonl"


class CellStore:
    """The cells of one experiment in one file, which is made with the first of them."""

    def __init__(self, path: Path, experiment: Experiment) -> None:
        """Lines of other experiments and versions are passed over, and those that are none."""
        self.path = path
        self.experiment = experiment
        self._records: dict[str, Record] = {}
        for raw in path.read_bytes().splitlines(keepends=True) if path.exists() else ():
            try:
                record = _record(json.loads(raw), experiment) if raw.endswith(b"\n") else None
            except (ValueError, TypeError, KeyError):
                continue
            if record is not None:
                self._records[record.cell.key] = record

    def get(self, cell: Cell) -> Record | None:
        return self._records.get(cell.key)

    def result(self, cell: Cell) -> Mapping[str, Any]:
        """Of a cell that has been computed."""
        return self._records[cell.key].outcome.result

    def add(self, record: Record) -> None:
        """Keep a cell; the disk holds it when this returns."""
        folder.drop_torn_line(self.path)
        folder.append(
            self.path,
            [
                {
                    "experiment": self.experiment.name,
                    "version": self.experiment.version,
                    "parameters": dict(record.cell.parameters),
                    "seed": record.cell.seed,
                    "result": dict(record.outcome.result),
                    "flops": record.outcome.flops,
                    "seconds": round(record.seconds, 3),
                    "finished": record.finished,
                    "commit": record.commit,
                }
            ],
        )
        self._records[record.cell.key] = record


def _record(line: Mapping[str, Any], experiment: Experiment) -> Record | None:
    if (line["experiment"], line["version"]) != (experiment.name, experiment.version):
        return None
    return Record(
        cell=Cell(parameters=line["parameters"], seed=line["seed"]),
        outcome=Outcome(line["result"], line["flops"]),
        seconds=line["seconds"],
        finished=line["finished"],
        commit=line["commit"],
    )
