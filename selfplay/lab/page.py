"""What an experiment leaves for its readers: fit.json, pictures, and one page that stands on its own."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure
from PIL import Image  # which matplotlib brings

from selfplay.lab.experiment import Conclusion, Constant, Experiment, Picture, Record
from selfplay.report import html, words
from selfplay.run import atomic, formats

REPORT = "report.html"
FIT = "fit.json"
_HELD = {True: "held", False: "did not hold", None: "undecided"}

TINY = "These are numbers of the preset tiny, which shows that everything runs: read nothing into them."


def write(
    out: Path,
    experiment: Experiment,
    conclusion: Conclusion,
    records: Sequence[Record],
    *,
    preset: str,
    command: str,
    machine: Mapping[str, Any],
    notes: Sequence[str] = (),
) -> None:
    """Write all of it into the folder, in the place of what was there. `machine` is where the cells were computed."""
    fit = as_dict(experiment, conclusion, records, preset=preset, command=command, machine=machine)
    atomic.write_file(out / FIT, json.dumps(fit, indent=1).encode() + b"\n")
    pictures = experiment.draw(records)
    drawn = {name: _drawn(picture.figure, "png") for name, picture in pictures.items()}
    for name, picture in pictures.items():
        atomic.write_file(out / f"{name}.svg", _drawn(picture.figure, "svg"))
        atomic.write_file(out / f"{name}.png", drawn[name])
    sections = _sections(experiment, conclusion, fit, pictures, drawn, notes)
    atomic.write_file(out / REPORT, str(html.document(experiment.title, list(sections))).encode())


def as_dict(
    experiment: Experiment,
    conclusion: Conclusion,
    records: Sequence[Record],
    *,
    preset: str,
    command: str,
    machine: Mapping[str, Any],
) -> dict[str, Any]:
    """What fit.json holds. Constants and claims follow from the cells alone; minutes are those that they took."""
    return {
        **formats.stamp(),
        "experiment": experiment.name,
        "preset": preset,
        "answer": conclusion.answer,
        "constants": {name: asdict(constant) for name, constant in conclusion.constants.items()},
        "claims": [asdict(claim) for claim in conclusion.claims],
        "cells": len(records),
        "flops": sum(record.outcome.flops for record in records),
        "minutes": round(sum(record.seconds for record in records) / 60, 2),
        "command": command,
        "commit": ", ".join(dict.fromkeys(record.commit or "unknown" for record in records)),
        "seeds": sorted({record.cell.seed for record in records}),
        "machine": dict(machine),
    }


def _drawn(figure: Figure, kind: str) -> bytes:
    """The same figure gives the same bytes. A PNG of 128 colours: a third of its size, and nobody sees it."""
    file = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": kind, "svg.fonttype": "none"}):
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(file, format=kind, dpi=110, facecolor="white", metadata=metadata)
    if kind == "svg":
        return file.getvalue()
    smaller = io.BytesIO()
    Image.open(file).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(smaller, "png", optimize=True)
    return smaller.getvalue()


def _sections(
    experiment: Experiment,
    conclusion: Conclusion,
    fit: Mapping[str, Any],
    pictures: Mapping[str, Picture],
    drawn: Mapping[str, bytes],
    notes: Sequence[str],
) -> Iterator[Markup]:
    """Question, first picture, answer, what would have refuted it, then everything else."""
    first, *others = [html.image(drawn[name], picture.label, picture.caption) for name, picture in pictures.items()]
    yield html.paragraph(experiment.question, "lead")
    if fit["preset"] == "tiny":
        yield html.paragraph(TINY, "lead")
    yield Markup('<p class="lead"><strong>{}</strong></p>').format(conclusion.answer)
    yield first
    for note in notes:
        yield html.paragraph(f"Left out here: {note}.", "soft")
    yield html.section("What would have refuted it", html.paragraph(experiment.refuted_by))
    claims = [
        (html.verdict("", _HELD[claim.held], None if claim.held is None else not claim.held), claim.claim, claim.why)
        for claim in conclusion.claims
    ]
    yield html.section("What was claimed beforehand", html.table(("", "claim", "measured"), claims, "claims"))
    yield from others
    for table in conclusion.tables:
        yield html.section(table.title, html.table(table.headers, table.rows, table.title))
    constants = [(name, *_cells(constant)) for name, constant in conclusion.constants.items()]
    yield html.section(
        "Constants, with 95 % intervals", html.table(("name", "value", "low", "high"), constants, "constants"),
        html.paragraph("A bound that this experiment cannot tell is …", "soft"),
    )  # fmt: skip
    yield html.section("What it cost, and how to repeat it", _cost(fit), html.code(fit["command"]))
    if experiment.sources:
        yield html.section("Where the question comes from", html.bullets(experiment.sources))


def _cells(constant: Constant) -> tuple[str, str, str]:
    low, value, high = ("…" if x is None else f"{x:.3g}" for x in (constant.low, constant.value, constant.high))
    return value, low, high


def _cost(fit: Mapping[str, Any]) -> Markup:
    machine = fit["machine"]
    seeds = ", ".join(map(str, fit["seeds"]))
    return html.paragraph(
        f"{words.flops(fit['flops'])} FLOPs of networks (2 per multiply-add) and {words.long_minutes(fit['minutes'])},"
        f" one cell at a time, in {fit['cells']} cells with seeds {seeds}; {machine['cpu']}, {machine['cores']} cores,"
        f" {machine['memory_gib']} GiB; commit {fit['commit']}."
    )
