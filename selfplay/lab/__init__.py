"""Experiments over many cells: a question, a grid, a fit with intervals, and a page that stands on its own.

import selfplay
found = selfplay.lab.run("data", preset="cpu-hour")
found.claims, found.constants, found.report
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selfplay.lab.runner import LabResult


def run(
    name: str,
    *,
    preset: str = "cpu-hour",
    out: str | Path | None = None,
    progress: bool = True,
    ray: str | None = None,
) -> "LabResult":
    """Run an experiment, as `selfplay lab` does, or go on with one that was stopped.

    Args:
        name: of the experiment, as in `"data"`.
        preset: how large: `"cpu-hour"`, `"cpu-night"`, `"gpu"`; `"tiny"` takes seconds and says nothing.
        out: the folder of cells, fit, pictures and page; `lab/<name>-<preset>` by default.
        progress: show how far it is, on stderr.
        ray: address of a Ray cluster that computes cells at once, `""` for one of this machine's cores; `out` has to be
            a folder that its machines share. Cells are computed in this process by default.

    Returns:
        What came out: `.constants`, `.claims`, `.answer`, `.records`, and `.report`, the path of the page.

    Raises:
        ValueError: for an experiment or a preset that there is not, a folder that another process works in, or a
            cluster that does not answer.
    """
    from selfplay.lab import runner

    return runner.run(name, preset=preset, out=None if out is None else Path(out), progress=progress, ray=ray)
