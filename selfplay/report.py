"""The picture and the page of a run, from the files of its folder alone."""

import argparse
import base64
import html
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from selfplay import atomic, crossover, crossover_command, runs
from selfplay.config import Config
from selfplay.strength import strength

# Okabe and Ito's palette, told apart by everyone.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#111827", "#b3a100")
_GREY = "#6b7280"
_FEW = 4  # labels that find room inside a picture


def write(run_dir: Path) -> Path:
    """Write `curves.png` and `report.html` into a run folder; the path of the page. `ValueError` for other folders."""
    config = runs.recorded_config(run_dir)
    if config is None:
        raise ValueError(f"{run_dir} is no run folder")
    metrics, evals = runs.read_lines(run_dir / runs.METRICS), runs.read_lines(run_dir / runs.EVALS)
    picture = curves(config, metrics, evals)
    atomic.write_file(run_dir / "curves.png", picture)
    page = run_dir / "report.html"
    meta = json.loads((run_dir / runs.META).read_bytes())
    atomic.write_file(page, _page(config, metrics, evals, meta, picture).encode())
    return page


def curves(config: Config, metrics: Sequence[Mapping[str, Any]], evals: Sequence[Mapping[str, Any]]) -> bytes:
    """A PNG: Elo among the ladder and scores over training compute, losses, and what search adds to the network."""
    evals = _placed(evals)
    figure = Figure(figsize=(15, 9), dpi=110, layout="constrained")
    elo, scores, losses, search = figure.subplot_mosaic(
        [["elo", "scores"], ["losses", "search"]], height_ratios=[5, 3]
    ).values()
    figure.suptitle(
        f"{config.game}, {config.network.architecture}, seed {config.seed}", x=0.01, ha="left", weight="bold"
    )
    _elo(elo, [evals])
    _scores(scores, [evals])
    _lines(losses, metrics, {"loss/policy": "policy", "loss/value": "value", "loss/reply": "reply"}, "loss (nats)")
    _lines(
        search,
        metrics,
        {"policy/entropy": "entropy of the targets", "policy/kl_search_net": "KL(search, network)"},
        "nats",
    )
    return _png(figure, elo, scores, losses, search)


def overlay(run_dirs: Sequence[Path]) -> bytes:
    """A PNG of several runs as seeds of one experiment: Elo and scores, same colours, one line a run."""
    figure = Figure(figsize=(15, 5.6), dpi=110, layout="constrained")
    elo, scores = figure.subplots(1, 2)
    figure.suptitle(", ".join(path.name for path in run_dirs), x=0.01, ha="left", weight="bold")
    evals = [_placed(runs.read_lines(path / runs.EVALS)) for path in run_dirs]
    _elo(elo, evals)
    _scores(scores, evals)
    return _png(figure, elo, scores)


def _placed(evals: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Without those of an untrained network, which has no place on a logarithmic axis."""
    return [match for match in evals if match["flops"] > 0]


def _png(figure: Figure, *all_axes: Axes) -> bytes:
    for axes in all_axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#e5e7eb", linewidth=0.6)
        axes.set_axisbelow(True)
        labels = axes.get_legend_handles_labels()[1]
        if len(labels) > _FEW:
            axes.legend(frameon=False, fontsize=7.5, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        elif labels:
            axes.legend(frameon=False, fontsize=8)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `selfplay report`."""
    parser.description = "Write report.html and curves.png of each run anew, from the files of its folder."
    parser.epilog = """examples:
  selfplay report runs/connect4
  selfplay report runs/connect4-seed0 runs/connect4-seed1 runs/connect4-seed2 --out seeds.png"""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument("--out", type=Path, help="a PNG with the strength curves of all the runs together")


def run(args: argparse.Namespace) -> int:
    """Write the pages, and the picture of all runs if asked for."""
    for path in args.runs:
        print(write(path))
    if args.out is not None:
        atomic.write_file(args.out, overlay(args.runs))
        print(args.out)
    return 0


def _lines(axes: Axes, metrics: Sequence[Mapping[str, Any]], names: Mapping[str, str], unit: str) -> None:
    for colour, (name, label) in zip(_COLOURS, names.items(), strict=False):
        points = [(row["generation"], row[name]) for row in metrics if row.get(name) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.4, label=label)
    axes.set_ylabel(unit)


def _compute_axis(axes: Axes, evals: Sequence[Sequence[Mapping[str, Any]]]) -> None:
    axes.set_xlabel("training compute (FLOPs, 2 per multiply-add)")
    if any(evals):
        axes.set_xscale("log")
    else:
        axes.text(0.5, 0.5, "no matches yet", transform=axes.transAxes, ha="center", va="bottom", color=_GREY)


def _elo(axes: Axes, evals: Sequence[Sequence[Mapping[str, Any]]]) -> None:
    """The learner's Elo, the ladder's rungs as lines across; with several runs, on the scale of the average rung."""
    found = [strength(lines) for lines in evals if lines]
    rungs: dict[str, list[float]] = defaultdict(list)
    for one in found:
        for rung, value in one.rungs.items():
            rungs[rung].append(value)
    for rung, values in rungs.items():
        if len(values) == len(found):  # met in every run
            axes.axhline(float(np.mean(values)), color=_GREY, linewidth=0.9, linestyle=":")
            axes.text(1.0, float(np.mean(values)), f" {rung}", transform=axes.get_yaxis_transform(), va="center",
                      fontsize=7.5, color=_GREY)  # fmt: skip
    players = list(dict.fromkeys(player for one in found for player in one.learner))
    for colour, player in zip(_COLOURS, players, strict=False):
        for number, one in enumerate(found):
            if points := one.learner.get(player):
                label = player if number == 0 else None
                axes.plot(*zip(*points, strict=True), color=colour, marker="o", markersize=3.5, label=label)
    axes.set_ylabel("Elo among the ladder")
    _compute_axis(axes, evals)


def _scores(axes: Axes, evals: Sequence[Sequence[Mapping[str, Any]]]) -> None:
    """Scores of the player with search, with their bands, and where they cross 50 % with the crossing's interval."""
    evals = [[match for match in lines if match["agent"] != "net"] for lines in evals]
    opponents = list(dict.fromkeys(match["opponent"] for lines in evals for match in lines))
    colours = dict(zip(opponents, _COLOURS * 9, strict=False))
    for number, lines in enumerate(evals):
        curves_by_pair: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
        for match in lines:
            curves_by_pair[match["opponent"], match["agent"]].append(match)
        for (opponent, agent), matches in curves_by_pair.items():
            flops = [match["flops"] for match in matches]
            low, high = ([100 * match[key] for match in matches] for key in ("score_low", "score_high"))
            axes.plot(
                flops,
                [100 * match["score"] for match in matches],
                color=colours[opponent],
                marker="o",
                markersize=3,
                label=None if number else f"{opponent} ({agent})",
            )
            axes.fill_between(flops, low, high, color=colours[opponent], alpha=0.1, linewidth=0)
    known = [lines for lines in evals if lines]
    for rung in crossover.record(known, "")["rungs"] if known else ():
        if rung["flops"] is not None:
            axes.errorbar(
                [rung["flops"]],
                [50],
                xerr=[[rung["flops"] - rung["flops_low"]], [rung["flops_high"] - rung["flops"]]],
                color=colours[rung["opponent"]],
                marker="D",
                markersize=6,
                capsize=4,
                linewidth=2,
                markeredgecolor="white",
            )
    axes.axhline(50, color=_GREY, linewidth=1, linestyle=":")
    axes.set(ylim=(0, 102), ylabel="score with search (%), 95 % intervals; diamonds: overtaken")
    _compute_axis(axes, evals)


def _table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    def cells(tag: str, values: Sequence[object]) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(str(value))}</{tag}>" for value in values) + "</tr>"

    return f"<table>{cells('th', headers)}{''.join(cells('td', row) for row in rows)}</table>"


def _page(
    config: Config,
    metrics: Sequence[Mapping[str, Any]],
    evals: Sequence[Mapping[str, Any]],
    meta: Mapping[str, Any],
    picture: bytes,
) -> str:
    latest = {(match["opponent"], match["agent"]): match for match in evals}
    matches = [
        (
            match["opponent"],
            match["agent"],
            f"{100 * match['score']:.1f} % [{100 * match['score_low']:.1f}, {100 * match['score_high']:.1f}]",
            f"{match['wins']} / {match['draws']} / {match['losses']}",
            match["distinct_games"],
            match["generation"],
        )
        for match in latest.values()
    ]
    last = metrics[-1] if metrics else {}
    spent = [
        ("generations", last.get("generation", 0)),
        ("games", f"{last.get('games', 0):,}"),
        ("network evaluations of self-play", f"{last.get('evaluations', 0):,}"),
        ("training FLOPs", f"{last.get('train_flops', 0):.3g}"),
        (
            "minutes of self-play and learning",
            f"{(last.get('play_seconds', 0) + last.get('learn_seconds', 0)) / 60:.1f}",
        ),
        ("minutes of matches", f"{last.get('eval_seconds', 0) / 60:.1f}"),
    ]
    commands = "\n".join(session["command"] for session in meta["sessions"])
    newest = meta["sessions"][-1]
    commit = newest["commit"] or "unknown (not run from a checkout)"
    made_with = [
        ("commit", commit + (" and changes on top of it" if newest["dirty"] else "")),
        *newest["versions"].items(),
        *newest["machine"].items(),
    ]
    crossings = crossover_command.table(crossover.record([evals], config.game)) if evals else "no matches yet"
    title = html.escape(f"{config.game}, {config.network.architecture}, seed {config.seed}")
    match_headers = ("opponent", "player", "score [95 %]", "wins / draws / losses", "distinct games", "generation")
    match_table = _table(match_headers, matches) if matches else "<p>No match was played.</p>"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #111827; }}
img {{ width: 100%; }}
table {{ border-collapse: collapse; display: block; overflow-x: auto; }}
td, th {{ text-align: left; padding: .2rem 1rem .2rem 0; border-bottom: 1px solid #e5e7eb; }}
pre {{ background: #f3f4f6; padding: .7rem; overflow-x: auto; }}
</style></head><body>
<h1>{title}</h1>
<img alt="Strength over training compute, and losses" src="data:image/png;base64,{base64.b64encode(picture).decode()}">
<h2>Against reference players</h2>
{match_table}
<h2>When it overtook human knowledge</h2>
<pre>{html.escape(crossings)}</pre>
<h2>What it cost</h2>
{_table(("spent", ""), spent)}
<h2>How to repeat it</h2>
<pre>{html.escape(commands)}</pre>
{_table(("made with", ""), made_with)}
</body></html>
"""
