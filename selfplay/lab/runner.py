"""One experiment in one folder: the cells that are missing, then what follows from all of them."""

import contextlib
import datetime
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from games.interrupt import listening
from games.registry import nearest
from selfplay.lab import experiments, page, spread
from selfplay.lab.experiment import PRESETS, Cell, Claim, Constant, Earlier, Experiment, Record, Table
from selfplay.lab.progress import Pace, Watcher, watching
from selfplay.lab.store import CELLS, CellStore
from selfplay.run import atomic, folder, session


@dataclass(frozen=True, kw_only=True)
class LabResult:
    """What came out of an experiment."""

    answer: str
    constants: Mapping[str, Constant]
    claims: Sequence[Claim]
    tables: Sequence[Table]
    records: Sequence[Record]
    """every cell with what it gave, in the order of the grid"""
    notes: Sequence[str]
    """what was left out here, and why"""
    out: Path

    @property
    def report(self) -> Path:
        """The page."""
        return self.out / page.REPORT


def default_out(name: str, preset: str) -> Path:
    return Path("lab") / f"{name}-{preset}"


def check(name: str, preset: str) -> None:
    """`ValueError` for an experiment or a preset that there is not."""
    if name not in experiments.NAMES:
        raise ValueError(_unknown("experiment", name, list(experiments.NAMES)))
    if preset not in PRESETS:
        raise ValueError(_unknown("preset", preset, list(PRESETS)))


def _unknown(kind: str, word: str, known: list[str]) -> str:
    return f"unknown {kind} {word!r}{nearest(word, known)}; there are: {', '.join(known)}"


def run(
    name: str,
    *,
    preset: str = "cpu-hour",
    out: Path | None = None,
    command: Sequence[str] | None = None,
    progress: bool = True,
    ray: str | None = None,
) -> LabResult:
    """See `selfplay.lab.run`. `command` is what the page says to repeat it by."""
    check(name, preset)
    out = default_out(name, preset) if out is None else out
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out is a folder, and {out} is none")
    command = ["selfplay", "lab", name, "--preset", preset, "--out", str(out)] if command is None else command
    here = contextlib.nullcontext() if ray is None else spread.on_ray(ray, name, out)
    with here as processes:
        return run_experiment(
            experiments.load(name), preset, out, shlex.join(command), watched=progress, processes=processes
        )


def run_experiment(
    experiment: Experiment,
    preset: str,
    out: Path,
    command: str,
    *,
    watched: bool = False,
    processes: spread.Processes | None = None,
) -> LabResult:
    """Compute what is missing in `out`, in this process unless there are others for it, then write fit.json, pictures
    and page anew."""
    grid = experiment.grid(preset)
    with atomic.naming(out):
        out.mkdir(parents=True, exist_ok=True)
    with folder.locked(out, "--out"):
        store = CellStore(out / CELLS, experiment)
        machine = _machine(out, grid.cells, store)
        with listening(), watching(watched) as watcher:
            records = _compute(experiment, grid.cells, store, watcher, processes)
        conclusion = experiment.conclude(records)
        page.write(
            out,
            experiment,
            conclusion,
            records,
            preset=preset,
            command=command,
            machine=machine,
            notes=grid.notes,
        )
    return LabResult(
        answer=conclusion.answer,
        constants=conclusion.constants,
        claims=conclusion.claims,
        tables=conclusion.tables,
        records=records,
        notes=grid.notes,
        out=out,
    )


def _compute(
    experiment: Experiment,
    cells: Sequence[Cell],
    store: CellStore,
    watcher: Watcher,
    processes: spread.Processes | None,
) -> list[Record]:
    """Every cell, from the store or now."""
    pace = Pace(cells, 1 if processes is None else processes.room)
    missing: list[Cell] = []
    for cell in cells:
        if (record := store.get(cell)) is None:
            missing.append(cell)
        else:
            pace.add(cell, record)
    commit = _commit()
    if processes is None:
        earlier = Earlier(store.result, store.path.parent)
        found = _one_by_one(experiment, missing, earlier, lambda cell: watcher.starting(pace, cell))
    else:
        found = spread.computed(missing, processes)
    for cell, done in found:
        record = Record(
            cell=cell,
            outcome=done.outcome,
            seconds=done.seconds,
            finished=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            commit=commit,
        )
        store.add(record)
        pace.add(cell, record)
        watcher.finished(pace, cell)
    return [record for cell in cells if (record := store.get(cell)) is not None]


def _one_by_one(
    experiment: Experiment, cells: Sequence[Cell], earlier: Earlier, starting: Callable[[Cell], None]
) -> Iterator[tuple[Cell, spread.Computed]]:
    """In the order of the grid."""
    for cell in cells:
        starting(cell)
        began = time.perf_counter()
        outcome = experiment.run(cell, earlier)
        yield cell, spread.Computed(outcome, time.perf_counter() - began)


def _machine(out: Path, cells: Sequence[Cell], store: CellStore) -> Mapping[str, Any]:
    """Where the cells are computed: on this machine, unless all are there and what was concluded of them says where."""
    if (out / page.FIT).exists() and all(store.get(cell) for cell in cells):
        return folder.read_object(out / page.FIT)["machine"]
    return session.machine()


def _commit() -> str | None:
    commit, dirty = session.source_version()
    return None if commit is None else commit[:12] + ("+" if dirty else "")
