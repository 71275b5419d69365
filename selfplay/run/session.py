"""A session in a run folder: which process trains there, with what settings, and what it says of itself.

A run is settled (which settings?) and opened (locked, its lines cut back to the newest checkpoint, the session added
to meta.json); then its trainer records one generation after the other.
"""

import dataclasses
import datetime
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from selfplay.config import Config, ConfigError, merged
from selfplay.ledger import Ledger
from selfplay.run import atomic, checkpoint, checksums, folder, formats
from selfplay.stats.records import Lines, brief

# Settings that a continued run may change: how long, where and by whom, what it is measured against, and the learning
# rate, which has to be lower where learning diverges. All others would make it another run under the same name.
_FREE = ("minutes", "generations", "flops", "device", "eval", "ray", "learn.learning_rate", "learn.on_divergence")
_RECORDED_PACKAGES = ("torch", "numpy", "numba", "safetensors", "bitbully")


@dataclass(frozen=True)
class OpenRun:
    """An open run folder, locked for this process."""

    dir: Path
    config: Config
    generation: int
    """generation of the checkpoint it goes on from; 0 for a new run"""
    complete: int
    """the newest generation that is written down in full; one less than `generation` while matches of it are to come"""

    def record(self, generation: int, ledger: Ledger, metrics: Mapping[str, float], evals: Lines = ()) -> None:
        """Append the line of one generation, and those of its matches, and wait until the disk holds them."""
        self.record_matches(evals)
        line = {"generation": generation, **dataclasses.asdict(ledger), "train_flops": ledger.train_flops, **metrics}
        folder.append(self.dir / folder.METRICS, [line])

    def record_matches(self, lines: Lines) -> None:
        """Append the lines of matches and wait until the disk holds them."""
        folder.append(self.dir / folder.EVALS, [line.as_dict() for line in lines])


def settle(run_dir: Path, preset: Config, given: dict[str, Any]) -> Config:
    """The config of a run, from what the user gave (nested settings).

    A new run takes `preset` with the given settings; a continued one takes its own recorded settings, and
    raises `ConfigError` for a given one that differs and would make it another run. One that never reached a
    checkpoint is begun anew, so that a mistake of its first command does not stick.
    """
    recorded = folder.recorded_config(run_dir)
    if recorded is None or ("game" in given and not checkpoint.folders(run_dir)):
        config = merged(preset, given)
        return config if config.threads else dataclasses.replace(config, threads=cores())
    if given.get("threads") == 0:  # "one per core" of the machine where the run was begun
        given = {key: value for key, value in given.items() if key != "threads"}
    wanted = merged(recorded, given)
    for name, old, new in _differences(recorded, wanted):
        if name not in _FREE and name.partition(".")[0] not in _FREE:
            raise ConfigError(
                f"{run_dir} was begun with {name} = {old!r}, which cannot become {new!r} in the middle of a run;"
                " leave that setting out, or give another --run"
            )
    return wanted


def _differences(old: Any, new: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    for item in dataclasses.fields(old):
        before, after = getattr(old, item.name), getattr(new, item.name)
        if dataclasses.is_dataclass(before):
            yield from _differences(before, after, f"{where}{item.name}.")
        elif before != after:
            yield f"{where}{item.name}", before, after


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_fresh(run_dir: Path) -> None:
    """`ValueError` for a run that exists."""
    if folder.recorded_config(run_dir) is not None:
        raise ValueError(f"{run_dir} exists already; leave --fresh out to continue it, or give another --run")


@contextmanager
def opened(
    run_dir: Path,
    config: Config,
    *,
    command: Sequence[str],
    fresh: bool = False,
    initial: Mapping[str, Any] | None = None,
) -> Iterator[OpenRun]:
    """Create or continue a run folder, and hold its lock for the time of the block.

    `config` comes from `settle`. `initial` says what a new run begins with, if not with random weights. `fresh` refuses
    a run that exists. `ValueError` names the process that holds the lock.
    """
    with atomic.naming(run_dir):
        run_dir.mkdir(parents=True, exist_ok=True)
    with folder.locked(run_dir):
        recorded = folder.recorded_config(run_dir)
        if fresh:
            check_fresh(run_dir)
        found = checkpoint.newest(run_dir, checkpoint.STATE)
        generation = found.generation if found else 0
        complete = found.complete if found else -1
        folder.rewind(run_dir, found.generation if found else -1, complete)
        edited = recorded is not None and not folder.is_whole(run_dir / folder.CONFIG)
        folder.write_config(run_dir, config)  # first: it is what makes the folder a run
        changed = {name: [old, new] for name, old, new in _differences(recorded or config, config)}
        _describe(run_dir, config, command, generation, initial, changed, edited)
        yield OpenRun(run_dir, config, generation, max(complete, 0))


def _describe(
    run_dir: Path,
    config: Config,
    command: Sequence[str],
    generation: int,
    initial: Mapping[str, Any] | None,
    changed: Mapping[str, Any],
    edited: bool,
) -> None:
    """Add this session to meta.json; `changed` has the old and the new value of settings that it changes, and `edited`
    says that somebody had changed config.toml before."""
    path = run_dir / folder.META
    before = folder.read_object(path) if path.exists() else {"sessions": []}
    formats.check(before, path)
    sessions = before.get("sessions")
    if not isinstance(sessions, list):
        raise ValueError(f"{path} is damaged: sessions is a list, not {brief(sessions)}")
    commit, dirty = source_version()
    sessions.append(
        {
            "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "command": shlex.join(command),
            "from_generation": generation,
            **({"changed": dict(changed)} if changed else {}),
            **({"config_edited": True} if edited else {}),
            "commit": commit,
            "dirty": dirty,
            "versions": versions(),
            "machine": machine(),
            # The reference players are among them; what learns cannot import those (see pyproject.toml).
            "modules": sorted(name for name in sys.modules if name.partition(".")[0] in ("selfplay", "games")),
        }
    )
    described = {**formats.stamp(), "game": config.game, "seed": config.seed, "sessions": sessions}
    if begun_with := before.get("initial_weights", before.get("parent")) if generation else initial:  # parent until 0.1
        described["initial_weights"] = begun_with
    checksums.replace(path, json.dumps(described, indent=1).encode() + b"\n")


def source_version() -> tuple[str | None, bool | None]:
    """Commit of the sources that run and whether they differ from it; (None, None) outside a checkout."""
    root = Path(__file__).resolve().parent.parent.parent

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        # An installed copy may lie in the .venv of somebody else's repository.
        if Path(git("rev-parse", "--show-toplevel")) != root:
            return None, None
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None, None


def versions() -> dict[str, str]:
    """Versions of Python, of this package, and of what decides its numbers."""
    found = {"python": platform.python_version()}
    for name in ("selfplay-lab", *_RECORDED_PACKAGES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, memory, operating system; and the GPU, if torch is loaded."""
    described: dict[str, Any] = {"cpu": _processor(), "cores": cores(), "system": platform.platform()}
    described["memory_gib"] = round(psutil.virtual_memory().total / 2**30, 1)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        described["gpu"] = torch.cuda.get_device_name()
    return described


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
