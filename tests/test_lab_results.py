"""The shipped results of the lab follow from their cells, and the pages say what they say.

`python tests/test_lab_results.py` concludes and draws anew from the cells, and writes the tables of the pages.
"""

import dataclasses
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from selfplay.lab import experiments, page, runner
from selfplay.lab.store import CELLS
from selfplay.report import words

ROOT = Path(__file__).resolve().parent.parent
LAB = ROOT / "docs" / "lab"
SHIPPED = sorted(path.parent.name for path in LAB.glob(f"*/{CELLS}"))
HELD = {True: "held", False: "did not hold", None: "undecided"}


def concluded(name: str, folder: Path) -> runner.LabResult:
    """What the cells of a shipped folder say; none may be missing."""

    def missing(cell: Any, earlier: Any) -> Any:
        raise AssertionError(f"{cell.key} is missing")

    fit = json.loads((LAB / name / page.FIT).read_bytes())
    for file in (CELLS, page.FIT):
        shutil.copy(LAB / name / file, folder / file)
    experiment = dataclasses.replace(experiments.load(fit["experiment"]), run=missing)
    return runner.run_experiment(experiment, fit["preset"], folder, fit["command"])


def as_table(headers: Any, rows: Any) -> str:
    lines = [headers, ["---"] * len(headers), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def parts(folder: Path, found: runner.LabResult) -> dict[str, str]:
    """What stands between marks of the page, by the name of the mark."""
    fit = json.loads((folder / page.FIT).read_bytes())
    bounds = [
        (name, *("…" if each[side] is None else f"{each[side]:.3g}" for side in ("value", "low", "high")))
        for name, each in fit["constants"].items()
    ]
    machine = fit["machine"]
    return {
        "answer": f"**{fit['answer']}**\n",
        "claims": as_table(("", "claim", "measured"), [(HELD[c["held"]], c["claim"], c["why"]) for c in fit["claims"]]),
        "constants": as_table(("constant", "value", "low", "high"), bounds),
        "cost": f"`{fit['command']}`: {words.flops(fit['flops'])} FLOPs of networks and"
        f" {words.long_minutes(fit['minutes'])} on {machine['cpu']} ({machine['cores']} cores, with other work), in"
        f" {fit['cells']} cells, seeds {', '.join(map(str, fit['seeds']))}; commit {fit['commit']}.\n",
        **{f"table {number}": as_table(each.headers, each.rows) for number, each in enumerate(found.tables, start=1)},
    }  # fmt: skip


def test_something_is_shipped():
    assert "data" in SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_the_fit_follows_from_the_cells(name, tmp_path):
    concluded(name, tmp_path)
    again, shipped = (json.loads((folder / page.FIT).read_bytes()) for folder in (tmp_path, LAB / name))
    for key in ("answer", "claims", "flops", "minutes", "commit", "seeds", "cells", "machine"):
        assert again[key] == shipped[key], key
    assert list(again["constants"]) == list(shipped["constants"])
    for constant, bounds in shipped["constants"].items():
        for side, bound in bounds.items():
            found = again["constants"][constant][side]
            assert found is bound is None or found == pytest.approx(bound, rel=1e-6), constant


@pytest.mark.parametrize("name", SHIPPED)
def test_the_page_says_what_the_cells_say(name, tmp_path):
    found = concluded(name, tmp_path)
    text = (LAB / f"{name}.md").read_text(encoding="utf-8")
    for mark, part in parts(LAB / name, found).items():
        assert f"<!-- {mark} -->\n{part}<!-- end -->\n" in text, (
            f"{mark}: python tests/test_lab_results.py writes it anew"
        )


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_results_are_small_and_whole(name):
    files = {path.name: path.stat().st_size for path in (LAB / name).iterdir()}
    assert {CELLS, page.FIT, page.REPORT} <= set(files) and sum(files.values()) < 1_500_000
    assert any(file.endswith(".png") for file in files) and any(file.endswith(".svg") for file in files)
    fit = json.loads((LAB / name / page.FIT).read_bytes())
    assert len(fit["seeds"]) >= 3 and fit["preset"] != "tiny" and "+" not in fit["commit"]


def between(part: str) -> Callable[[re.Match[str]], str]:
    return lambda found: found[1] + part + found[2]


def below_each_other(figure: Figure, file: Path) -> None:
    """A picture for telephones: its panels one below the other."""
    grid = GridSpec(len(figure.axes), 1, figure)
    for row, axes in enumerate(figure.axes):
        axes.set_subplotspec(grid[row])
    figure.set_size_inches(6, 5 * len(figure.axes))
    figure.savefig(file, dpi=110)


if __name__ == "__main__":
    for name in SHIPPED:
        with tempfile.TemporaryDirectory() as folder:
            found = concluded(name, Path(folder))
            for path in Path(folder).iterdir():
                if not path.name.startswith("."):
                    shutil.copy(path, LAB / name / path.name)
        text = (LAB / f"{name}.md").read_text(encoding="utf-8")
        for mark, part in parts(LAB / name, found).items():
            text = re.sub(rf"(<!-- {mark} -->\n).*?(<!-- end -->\n)", between(part), text, flags=re.DOTALL)
        (LAB / f"{name}.md").write_text(text, encoding="utf-8")
        print(f"{name}: {len(found.records)} cells", file=sys.stderr)
        if name == "knowledge":  # whose picture the README shows
            gains = experiments.load(name).draw(found.records)["gains"].figure
            below_each_other(gains, LAB / name / "gains-narrow.png")
