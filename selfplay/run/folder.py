"""A run folder: who may write to it, what it says of itself, and its lines of metrics.

    config.toml    every setting, resolved
    meta.json      the commands that made the run, with commit, versions and machine of each
    metrics.jsonl  one line per generation     evals.jsonl  one line per match against a reference player
    checkpoints/   selfplay.run.checkpoint         tensorboard/ a view of metrics.jsonl
    crossover.json, forecasts.jsonl, overtaken.jsonl   selfplay.arena.moments
    frontier.jsonl  what `selfplay measure --frontier` played    prices.json  what `selfplay arena --ablate --run` found
    latest.jsonl   a game of self-play as it stands   selfplay.report.latest
    matches.jsonl  matches that need not be played again   selfplay.arena.store

The line of a generation is written before its checkpoint. A killed run may therefore hold lines newer than
its newest checkpoint, never the reverse; opening the folder cuts them off, and the run that goes on writes
what an unbroken one would have written.
"""

import dataclasses
import datetime
import fcntl
import json
import math
import os
import platform
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from selfplay.config import Config, ConfigError, from_dict, merged, read_toml, to_toml, with_present_names
from selfplay.ledger import Ledger
from selfplay.run import atomic, checkpoint
from selfplay.stats.records import Lines

LOCK = ".lock"
CONFIG = "config.toml"
META = "meta.json"
METRICS = "metrics.jsonl"
EVALS = "evals.jsonl"
CROSSOVER = "crossover.json"
FORECASTS = "forecasts.jsonl"
OVERTAKEN = "overtaken.jsonl"
FRONTIER = "frontier.jsonl"
MATCHES = "matches.jsonl"
PRICES = "prices.json"
LATEST = "latest.jsonl"

# Settings that a continued run may change: how long, where, and what it is measured against. All others would
# make it another run under the same name.
_FREE = ("minutes", "generations", "flops", "device", "eval")
_RECORDED_PACKAGES = ("torch", "numpy", "numba", "safetensors", "bitbully")


@dataclass(frozen=True)
class Run:
    """An open run folder, locked for this process."""

    dir: Path
    config: Config
    generation: int
    """generation of the checkpoint it goes on from; 0 for a new run"""

    def record(self, generation: int, ledger: Ledger, metrics: Mapping[str, float], evals: Lines = ()) -> None:
        """Append the lines of one generation and wait until the disk holds them. Call it before its checkpoint."""
        append(self.dir / EVALS, [line.as_dict() for line in evals])
        line = {"generation": generation, **dataclasses.asdict(ledger), "train_flops": ledger.train_flops, **metrics}
        append(self.dir / METRICS, [line])


def append(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Add lines to a .jsonl file and wait until the disk holds them."""
    if not lines:
        return
    # JSON has no infinity and no nan.
    rows = [{k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()} for row in lines]
    with atomic.naming(path), path.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a .jsonl file, oldest first; none if there is no such file."""
    return [line for _, _, line in whole_lines(path)]


def whole_lines(path: Path) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
    """Number (from 1), bytes and content of each line that is whole."""
    if not path.exists():
        return
    for number, raw in enumerate(path.read_bytes().splitlines(keepends=True), start=1):
        try:
            line = json.loads(raw)
        except ValueError:  # half of a line, from a kill
            continue
        if raw.endswith(b"\n") and isinstance(line, dict) and isinstance(line.get("generation"), int):
            yield number, raw, line


def rewind(run_dir: Path, generation: int) -> None:
    """Cut the files of lines back to what was written up to `generation`."""
    for name in (METRICS, EVALS, FORECASTS, FRONTIER):
        path = run_dir / name
        if path.exists():
            kept = b"".join(raw for _, raw, line in whole_lines(path) if line["generation"] <= generation)
            if kept != path.read_bytes():
                atomic.write_file(path, kept)


def default_dir(game_name: str) -> Path:
    """`runs/<game>`, its options spelled without colons."""
    return Path("runs") / re.sub(r"[^\w.=-]+", "-", game_name)


def recorded_config(run_dir: Path) -> Config | None:
    """The settings that a run was begun with; None if the folder is new. `ValueError` for a folder of other things."""
    if (run_dir / CONFIG).exists():
        return from_dict(Config, with_present_names(read_toml(run_dir / CONFIG), warn=False))
    if run_dir.exists():
        others = [path.name for path in run_dir.iterdir() if not path.name.startswith((LOCK, atomic.TEMPORARY))]
        if others:
            raise ValueError(
                f"{run_dir} is no run folder: it holds {min(others)!r} but no {CONFIG}; give another --run"
            )
    return None


def settle(run_dir: Path, preset: Config, given: dict[str, Any]) -> Config:
    """The config of a run, from what the user gave (nested settings).

    A new run takes `preset` with the given settings; a continued one takes its own recorded settings, and
    raises `ConfigError` for a given one that differs and would make it another run. One that never reached a
    checkpoint is begun anew, so that a mistake of its first command does not stick.
    """
    recorded = recorded_config(run_dir)
    if recorded is None or ("game" in given and not checkpoint.folders(run_dir)):
        config = merged(preset, given)
        return config if config.threads else dataclasses.replace(config, threads=cores())
    if given.get("threads") == 0:  # "one per core" of the machine where the run was begun
        given = {key: value for key, value in given.items() if key != "threads"}
    wanted = merged(recorded, given)
    for name, old, new in _differences(recorded, wanted):
        if name.partition(".")[0] not in _FREE:
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


@contextmanager
def opened(
    run_dir: Path,
    config: Config,
    *,
    command: Sequence[str],
    fresh: bool = False,
    parent: Mapping[str, Any] | None = None,
) -> Iterator[Run]:
    """Create or continue a run folder, and hold its lock for the time of the block.

    `config` comes from `settle`. `parent` says what a new run begins with, if not with random weights. `fresh` refuses
    a run that exists. `ValueError` names the process that holds the lock.
    """
    with atomic.naming(run_dir):
        run_dir.mkdir(parents=True, exist_ok=True)
    with locked(run_dir):
        known = recorded_config(run_dir) is not None
        if known and fresh:
            raise ValueError(f"{run_dir} exists already; leave --fresh out to continue it, or give another --run")
        found = checkpoint.newest(run_dir, checkpoint.STATE)
        generation = found.generation if found else 0
        rewind(run_dir, found.generation if found else -1)
        atomic.write_file(run_dir / CONFIG, to_toml(config).encode())  # first: it is what makes the folder a run
        _describe(run_dir, config, command, generation, parent)
        yield Run(run_dir, config, generation)


@contextmanager
def locked(run_dir: Path) -> Iterator[None]:
    """Hold the folder for the time of the block; `ValueError` if another process does.

    The kernel drops the lock with the process, however it ends; the file stays.
    """
    path = run_dir / LOCK
    with atomic.naming(path):
        file = path.open("a+", encoding="utf-8")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise ValueError(f"{run_dir} is in use by {holder}; wait for it, or give another --run") from None
        with atomic.naming(path):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}")
            file.flush()
        yield


def _describe(
    run_dir: Path, config: Config, command: Sequence[str], generation: int, parent: Mapping[str, Any] | None
) -> None:
    """Add this session to meta.json."""
    path = run_dir / META
    try:
        before = json.loads(path.read_bytes()) if path.exists() else {"sessions": []}
        sessions = before["sessions"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    commit, dirty = source_version()
    sessions.append(
        {
            "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "command": shlex.join(command),
            "from_generation": generation,
            "commit": commit,
            "dirty": dirty,
            "versions": versions(),
            "machine": machine(),
            # The reference players are among them; what learns cannot import those (see pyproject.toml).
            "modules": sorted(name for name in sys.modules if name.partition(".")[0] in ("selfplay", "games")),
        }
    )
    described = {"game": config.game, "seed": config.seed, "sessions": sessions}
    if begun_with := before.get("parent") if generation else parent:
        described["parent"] = begun_with
    atomic.write_file(path, json.dumps(described, indent=1).encode() + b"\n")


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
    if hasattr(os, "sysconf"):
        described["memory_gib"] = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
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
