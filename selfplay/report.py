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

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from selfplay import atomic, runs
from selfplay.config import Config

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito: told apart by everyone
_GREY = "#6b7280"


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
    """A PNG: strength over training compute, losses, and what the search adds to the network."""
    figure = Figure(figsize=(12, 6), dpi=110, layout="constrained")
    strength, losses, search = figure.subplot_mosaic(
        [["strength", "losses"], ["strength", "search"]], width_ratios=[3, 2]
    ).values()
    figure.suptitle(
        f"{config.game}, {config.network.architecture}, seed {config.seed}", x=0.01, ha="left", weight="bold"
    )
    _strength(strength, evals)
    _lines(losses, metrics, {"loss/policy": "policy", "loss/value": "value", "loss/reply": "reply"}, "loss (nats)")
    _lines(
        search,
        metrics,
        {"policy/entropy": "entropy of the targets", "policy/kl_search_net": "KL(search, network)"},
        "nats",
    )
    search.set_xlabel("generation")
    for axes in (strength, losses, search):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#e5e7eb", linewidth=0.6)
        axes.set_axisbelow(True)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=9)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def overlay(run_dirs: Sequence[Path]) -> bytes:
    """A PNG of the strength curves of several runs, as seeds of one experiment: same colours, one line a run."""
    figure = Figure(figsize=(9, 6), dpi=110, layout="constrained")
    axes = figure.subplots()
    figure.suptitle(", ".join(path.name for path in run_dirs), x=0.01, ha="left", weight="bold")
    for path in run_dirs:
        _strength(axes, runs.read_lines(path / runs.EVALS), first=path == run_dirs[0])
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e5e7eb", linewidth=0.6)
    axes.legend(frameon=False, fontsize=9)
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


def _strength(axes: Axes, evals: Sequence[Mapping[str, Any]], *, first: bool = True) -> None:
    curves_by_pair: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for match in evals:
        curves_by_pair[match["opponent"], match["agent"]].append(match)
    colours = dict(zip(dict.fromkeys(opponent for opponent, _ in curves_by_pair), _COLOURS * 9, strict=False))
    for (opponent, agent), matches in curves_by_pair.items():
        # An evaluation of the untrained network has no place on a logarithmic axis.
        seen = [match for match in matches if match["flops"] > 0]
        flops = [match["flops"] for match in seen]
        score = [100 * match["score"] for match in seen]
        low, high = ([100 * match[key] for match in seen] for key in ("score_low", "score_high"))
        style = "--" if agent.startswith("net") else "-"
        axes.plot(
            flops,
            score,
            style,
            color=colours[opponent],
            marker="o",
            markersize=3.5,
            label=f"{agent} against {opponent}" if first else None,
        )
        axes.fill_between(flops, low, high, color=colours[opponent], alpha=0.12, linewidth=0)
    axes.axhline(50, color=_GREY, linewidth=1, linestyle=":")
    axes.set(
        ylim=(0, 102), ylabel="score (%), with 95 % intervals", xlabel="training compute (FLOPs, 2 per multiply-add)"
    )
    if evals:
        axes.set_xscale("log")
    else:
        axes.text(0.5, 0.5, "no matches yet", transform=axes.transAxes, ha="center", va="bottom", color=_GREY)


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
<h2>What it cost</h2>
{_table(("spent", ""), spent)}
<h2>How to repeat it</h2>
<pre>{html.escape(commands)}</pre>
{_table(("made with", ""), made_with)}
</body></html>
"""
