"""`selfplay doctor`: what this machine can do, what is missing, and how fast to expect it; the table of metrics; and
what is wrong with a run."""

import argparse
import json
import shutil
import textwrap
import warnings
from collections.abc import Sequence
from importlib import util
from pathlib import Path
from typing import Any

from selfplay.report import health
from selfplay.run import checkpoint, checksums, folder, metrics, read, session
from selfplay.stats.records import visible

_EPILOG = """\
examples:
  selfplay doctor
  selfplay doctor runs/connect4  whether the run is well, and if not, what helps
  selfplay doctor --metrics      every logged number: meaning, healthy range, what a bad value tells
"""
_LEAST_FREE_GIB = 2.0  # a default run writes a few hundred MB


_DAMAGED = health.Check(
    symptom="A checkpoint is damaged",
    shows_in="checkpoints/: how many are not as their checksums say",
    read=lambda run: None,  # it is in no number of the run: see `_damaged`
    bounds=metrics.Bounds(high=0, form="{:.0f}"),
    cause="a disk that is full or fails, a copy that was broken off, or somebody who changed a file",
    fix="copy the run again, if it is a copy; damaged checkpoints are passed over: nobody plays or goes on with them",
)
_CHANGED = health.Check(
    symptom="A file of the run was changed",
    shows_in="checksums/: how many of config.toml, meta.json and the logs are not as they were written",
    read=lambda run: None,  # it is in no number of the run: see `_changed`
    bounds=metrics.Bounds(high=0, form="{:.0f}"),
    cause="a disk that is full or fails, a copy that was broken off, or somebody who changed a file",
    fix="copy the run again, if it is a copy; damaged lines are left out by everyone, and training goes on without"
    " them. If a change is meant, delete the file's checksums",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.epilog = _EPILOG
    parser.add_argument("run", nargs="?", type=Path, metavar="RUN", help="look at this run instead of the machine")
    parser.add_argument("--metrics", action="store_true", help="print the table of logged numbers")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


def run(args: argparse.Namespace) -> int:
    """Print the findings; 0 whether or not something is missing."""
    if args.metrics:
        print(json.dumps([metric.as_dict() for metric in metrics.METRICS]) if args.json else _table())
        return 0
    if args.run is not None:
        found, details = _looked_at(args.run)
        print(json.dumps([one.as_dict() for one in found]) if args.json else _told(found, details))
        return 0
    found = examine()
    if args.json:
        print(json.dumps(found))
        return 0
    for name, value in {**found["versions"], **found["machine"], **found["here"]}.items():
        print(f"{name:<22}{value}")
    for line in found["advice"]:
        print(f"\nnote: {line}")
    return 0


def _looked_at(run_dir: Path) -> tuple[list[health.Finding], dict[str, list[str]]]:
    """What every check says of a run, those of its files first, and lines on what is damaged, by symptom."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", checksums.DamageWarning)  # all of it is among the findings
        config = folder.recorded_config(run_dir)
        if config is None:
            raise ValueError(folder.no_run(run_dir))
        whole, damage = _damaged(checkpoint.conditions(run_dir))
        changed, changes = _changed(run_dir)
        found = [whole, changed, *health.examine(config, read.metrics(run_dir), read.evals(run_dir))]
    return found, {_DAMAGED.symptom: damage, _CHANGED.symptom: changes}


def _changed(run_dir: Path) -> tuple[health.Finding, list[str]]:
    """What the checksums of a run's texts say, and which of those are not as they were written."""
    lines = []
    for name in folder.OBJECTS:
        if not folder.is_whole(run_dir / name):
            lines.append(f"{name} is not as it was written")
    for name in folder.LOGS:
        if damage := folder.damage(run_dir / name):
            lines.append(f"{name}: {damage}")
    compared = (run_dir / checksums.DIR).is_dir()
    if not compared:
        lines.append("there are no checksums: the run was written by a version that kept none")
    return health.Finding(check=_CHANGED, reading=len(lines) if compared else None), lines


def _damaged(conditions: Sequence[checkpoint.Condition]) -> tuple[health.Finding, list[str]]:
    """What the checksums of a run's checkpoints say, and, if some are damaged, which, and what is of use still."""
    worn = [one for one in conditions if one.damage]
    finding = health.Finding(check=_DAMAGED, reading=len(worn) if conditions else None)
    if not worn:
        return finding, []
    lines = [f"generation {one.generation}: {', '.join(one.damage)}" for one in worn]
    play, go_on = ([one.generation for one in conditions if getattr(one, of)] for of in ("plays", "goes_on"))
    newest = conditions[-1].generation
    lines.append(f"of use still: {checksums.ranges(play) or 'none'}, to play with")
    if go_on:
        after = "; what was learned after it is lost" if go_on[-1] < newest else ""
        lines.append(f"training goes on from generation {go_on[-1]}{after}")
    else:
        lines.append("training cannot go on from any")
    return finding, lines


def _told(found: list[health.Finding], details: dict[str, list[str]]) -> str:
    """A line for each check, and what helps where one fails."""
    width = max(len(one.check.symptom) for one in found)
    lines = []
    for one in found:
        reading = f"{one.shown} (healthy: {one.check.bounds})" if one.shown else ""
        lines.append(f"{one.said:<11}{one.check.symptom:<{width}}  {reading}".rstrip())
        here = [visible(line) for line in details.get(one.check.symptom, [])]
        if one.failing or here:
            told = (one.check.shows_in, *here, f"cause: {one.check.cause}", f"fix: {one.check.fix}")
            told = told if one.failing else here
            lines += [textwrap.fill(line, 110, initial_indent=" " * 11, subsequent_indent=" " * 13) for line in told]
    return "\n".join(lines)


def _table() -> str:
    blocks = []
    for metric in metrics.METRICS:
        lines = (metric.meaning, f"healthy: {metric.healthy}", f"otherwise: {metric.otherwise}")
        body = [textwrap.fill(line, 100, initial_indent="    ", subsequent_indent="      ") for line in lines]
        blocks.append("\n".join([f"{metric.name}  ({metric.unit})", *body]))
    return "\n".join(blocks)


def examine() -> dict[str, Any]:
    """`versions`, `machine`, what was found `here`, and `advice` in sentences."""
    import torch

    from games.kernel import cache_dir, kept_in
    from selfplay.bench import parts

    # Where a run would be written: the nearest folder that exists.
    free_gib = shutil.disk_usage(Path.cwd()).free / 2**30
    bfloat16, float32 = (parts.gemm_gflops(kind) for kind in (torch.bfloat16, torch.float32))
    simulations = parts.search(parts.Setting(seconds=0.5))["simulations_per_s_per_core"]
    cuda = torch.cuda.is_available()
    gpu_seen = cuda or Path("/dev/nvidiactl").exists()
    oracle = util.find_spec("bitbully") is not None
    cache = kept_in()
    warm = cache is not None and any(cache.rglob("*.nbi"))
    here = {
        "gpu": torch.cuda.get_device_name() if cuda else ("present, not usable" if gpu_seen else "none"),
        "matrix product": f"{float32:,.0f} GFLOP/s in fp32, {bfloat16:,.0f} in bf16, one core",
        "perfect Connect Four": "bitbully is installed" if oracle else "not installed",
        "kernel cache": f"none: {cache_dir()} cannot be written to"
        if cache is None
        else f"{cache}, {'warm' if warm else 'cold: the next start compiles'}",
        "free disk here": f"{free_gib:,.1f} GiB",
        "tree search": f"{simulations:,.0f} simulations/s a core, the network not counted"
        " (`selfplay bench` measures the whole)",
    }
    advice = []
    if gpu_seen and not cuda:
        advice.append(f"a GPU is present, but torch {torch.__version__} cannot use it; install a CUDA build of torch")
    if bfloat16 < float32:
        advice.append("bf16 is slower than fp32 on this processor; networks run in fp32 here")
    if not oracle:
        advice.append("`selfplay eval` and the `solver` agent need bitbully: pip install bitbully (AGPL)")
    if cache is None:
        advice.append("every start compiles, up to two minutes; set XDG_CACHE_HOME to a folder that can be written to")
    if free_gib < _LEAST_FREE_GIB:
        advice.append(f"less than {_LEAST_FREE_GIB:g} GiB free; give --run a folder on another disk")
    return {"versions": session.versions(), "machine": session.machine(), "here": here, "advice": advice}
