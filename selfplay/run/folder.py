"""A run folder: the names of its files, its settings, its lines of metrics, and its lock.

    config.toml    every setting, resolved
    meta.json      the commands that made the run, with commit, versions and machine of each
    metrics.jsonl  one line per generation     evals.jsonl  one line per match against a reference player
    checkpoints/   selfplay.run.checkpoint         tensorboard/ a view of metrics.jsonl
    crossover.json, forecasts.jsonl, overtaken.jsonl   selfplay.arena.moments
    frontier.jsonl  what `selfplay measure --frontier` played    prices.json  what `selfplay arena --ablate --run` found
    latest.jsonl   a game of self-play as it stands   selfplay.report.latest
    activity.json  what is being done now             selfplay.run.activity
    .won.jsonl     of an evaluation that is under way   selfplay.arena.training
    matches.jsonl  matches that need not be played again   selfplay.arena.store
    checksums/     of the files above that are text   selfplay.run.checksums
    .lock, .lock-holder   taken by the process that writes here, and which one that is

The line of a generation is written before its checkpoint. A killed run may therefore hold lines newer than
its newest checkpoint; opening the folder cuts them off, and the run that goes on writes what an unbroken one would
have written. A generation whose strength is measured has its checkpoint before its matches, so that none of what it
has learned or played is lost: each match is written down as it ends, the generation's own line after all of them, and
a mark in the checkpoint says that it is complete.
"""

import json
import math
import os
import re
import socket
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from games import regular
from games.registry import nearest
from selfplay.config import Config, ConfigError, from_dict, read_toml, to_toml, with_present_names
from selfplay.run import atomic, checksums, formats
from selfplay.stats.records import brief

LOCK = ".lock"
HOLDER = ".lock-holder"
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
ACTIVITY = "activity.json"
WON = ".won.jsonl"

LOGS = (METRICS, EVALS, FORECASTS, FRONTIER)
"""files of lines that have checksums"""
OBJECTS = (CONFIG, META, CROSSOVER)
"""other files that have"""

MOST_BYTES = {CONFIG: 1 << 20, META: 16 << 20, ACTIVITY: 1 << 16, METRICS: 512 << 20}
"""what is read of a file at most; of others `_MOST_BYTES`"""
_MOST_BYTES = 64 << 20

_MOST_NAMED = 8  # runs of a folder, in a message


def most_bytes(path: Path) -> int:
    """What is read of a file at most."""
    return MOST_BYTES.get(path.name, _MOST_BYTES)


def read_bytes(path: Path) -> bytes:
    """A file of a run, whole. `ValueError` if it is larger than such a file may be, or no regular file."""
    return regular.read(path, most_bytes(path))


def is_whole(path: Path) -> bool:
    """Whether a file of `OBJECTS` is as it was written, as far as its checksum can tell."""
    return checksums.fits(path, most_bytes(path)) is not False


def _warn(line: str) -> None:
    warnings.warn(line, checksums.DamageWarning, stacklevel=1)  # as if from here, so that each is said once


def read_object(path: Path) -> dict[str, Any]:
    """A file of a run that is one object of JSON; `ValueError` says in a line what else it is."""
    content = read_bytes(path)
    try:
        found = json.loads(content)
    except RecursionError:
        raise ValueError(f"{path} is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} is an object, not {brief(found)}")
    if not is_whole(path):
        _warn(f"{path} is not as it was written")
    return found


def append(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Add lines to a .jsonl file, and those of `LOGS` to its checksums, and wait until the disk holds them."""
    if not lines:
        return
    # JSON has no infinity and no nan.
    rows = [{k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()} for row in lines]
    added = [f"{json.dumps(row, allow_nan=False)}\n".encode() for row in rows]
    with atomic.naming(path), path.open("ab") as file:
        begins = file.tell() == 0
        file.write(b"".join(added))
        file.flush()
        os.fsync(file.fileno())
    if path.name in LOGS:
        checksums.add(path, added, begins=begins)


def drop_torn_line(path: Path) -> None:
    """Cut off half of a last line, which a kill left behind, so that what is added begins a line of its own."""
    if path.exists() and not (content := path.read_bytes()).endswith(b"\n"):
        atomic.write_file(path, content[: content.rfind(b"\n") + 1])


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a .jsonl file, oldest first; none if there is no such file."""
    return [line for _, line in numbered_lines(path)]


def numbered_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number (from 1) and content of each line that is whole; `ValueError` names one that is not a generation's, and a
    `DamageWarning` those that are not as they were written, which are left out."""
    log, spoilt = checksums.read_log(path, most_bytes(path)), set[int]()
    for number, raw in log.lines:
        if (line := parsed(raw, f"{path}, line {number}")) is not None:
            yield number, line
        elif raw.endswith(b"\n"):
            spoilt.add(number)
    if said := log.damage(spoilt):
        _warn(f"{path}: {said}")


def damage(path: Path) -> str:
    """What is not as it was written in a log, and what is of use still, in words; empty if nothing is."""
    log = checksums.read_log(path, most_bytes(path))
    return log.damage(number for number, raw in log.lines if _spoilt(raw))


def _spoilt(raw: bytes) -> bool:
    """Whether a line is none that anything can be made of; half of one, from a kill, is another matter."""
    try:
        return parsed(raw, "") is None and raw.endswith(b"\n")
    except ValueError:
        return True


def parsed(raw: bytes, where: str) -> dict[str, Any] | None:
    """A line of a .jsonl file; None for half of one, from a kill. `ValueError`, which begins with `where`, for one that
    is whole but not an object with its generation."""
    try:
        line = json.loads(raw)
    except RecursionError:
        raise ValueError(f"{where}: it is nested too deeply") from None
    except ValueError:
        return None
    if not raw.endswith(b"\n"):
        return None
    if not isinstance(line, dict):
        raise ValueError(f"{where}: a record is an object, not {brief(line)}")
    if "generation" not in line:
        raise ValueError(f"{where}: generation is missing")
    if not is_generation(line["generation"]):
        raise ValueError(f"{where}: generation is a whole number, not {brief(line['generation'])}")
    return line


def is_generation(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53


def rewind(run_dir: Path, generation: int, complete: int | None = None) -> None:
    """Cut the files of lines back to what was written up to `generation`; all but the matches to what was written up to
    `complete`, where that is less."""
    for name in LOGS:
        last = generation if complete is None or name == EVALS else complete
        mend(run_dir / name, lambda number, last=last: number <= last)


def mend(path: Path, keep: Callable[[int], bool] = lambda generation: True) -> None:
    """Have a log hold its whole lines alone, of generations to `keep`, and a checksum for each.

    Where lines are damaged, the log as it was stays beside it, and a `DamageWarning` says so.
    """
    log, content = checksums.read_log(path, most_bytes(path)), read_bytes(path) if path.exists() else b""
    spoilt = {number for number, raw in log.lines if _spoilt(raw)}
    if said := log.damage(spoilt):
        if content:
            before = path.with_name(f"{path.name}.damaged")
            atomic.write_file(before, content)
            said += f"; as it was, it is {before.name} now"
        _warn(f"{path}: {said}")
    kept = []
    for number, raw in log.lines:
        line = None if number in spoilt else parsed(raw, "")
        if line is not None and keep(line["generation"]):
            kept.append(raw)
    if not path.exists():
        checksums.remove(path)
    elif b"".join(kept) != content or checksums.known(path) != [*map(checksums.of, kept)]:
        checksums.replace(path, b"".join(kept))


def default_dir(game_name: str) -> Path:
    """`runs/<game>`, its options spelled without colons."""
    return Path("runs") / re.sub(r"[^\w.=-]+", "-", game_name)


def recorded_config(run_dir: Path) -> Config | None:
    """The settings that a run was begun with; None if the folder is new. `ValueError` for a folder of other things."""
    path = run_dir / CONFIG
    if path.exists():
        settings = read_toml(path)
        if not is_whole(path):
            _warn(f"{path} was changed since the run wrote it")
        old = formats.check(settings, path) == 0
        try:
            settings = with_present_names(settings, warn=False) if old else settings
            return from_dict(Config, {name: value for name, value in settings.items() if name not in formats.stamp()})
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None
    if run_dir.exists():
        if not run_dir.is_dir():
            raise ValueError(no_run(run_dir))
        others = [path.name for path in run_dir.iterdir() if not path.name.startswith((LOCK, atomic.TEMPORARY))]
        if others:
            raise ValueError(no_run(run_dir))
    return None


def runs_in(path: Path) -> list[str]:
    """The names of the runs that lie in a folder."""
    return sorted(each.parent.name for each in path.glob(f"*/{CONFIG}"))


def no_run(run_dir: Path) -> str:
    """That a folder is no run's, why, and which runs there are instead."""
    said = f"{run_dir} is no run folder"
    if not run_dir.is_dir():
        if run_dir.exists():
            said = f"{run_dir} is a file, not a run folder"
        beside = Path("runs") if run_dir.parent == Path() and not runs_in(run_dir.parent) else run_dir.parent
        known = runs_in(beside)
        return said + nearest(run_dir.name, known) + (f"; {beside} has {_named(known)}" if known else "")
    if inside := runs_in(run_dir):
        return f"{said}: it holds the runs {_named(inside)}; give one, as {run_dir / inside[0]}"
    others = [path.name for path in run_dir.iterdir() if not path.name.startswith((LOCK, atomic.TEMPORARY))]
    return said + (f": it holds {min(others)!r} but no {CONFIG}" if others else ": it is empty")


def _named(runs: Sequence[str]) -> str:
    more = f" and {len(runs) - _MOST_NAMED} more" if len(runs) > _MOST_NAMED else ""
    return ", ".join(runs[:_MOST_NAMED]) + more


def write_config(run_dir: Path, config: Config) -> None:
    """Put the settings of a run in the place of those that were there."""
    stamp = "".join(f"{name} = {json.dumps(value)}\n" for name, value in formats.stamp().items())
    checksums.replace(run_dir / CONFIG, f"{stamp}{to_toml(config)}".encode())


@contextmanager
def locked(run_dir: Path, flag: str = "--run") -> Iterator[None]:
    """Hold the folder for the time of the block; `ValueError` if another process does. `flag` chooses another folder.

    The operating system drops the lock with the process, however it ends; the file stays.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(run_dir / LOCK)
    with atomic.naming(run_dir / LOCK):
        try:
            lock.acquire(blocking=False)
        except Timeout:
            who = _holder(run_dir)
            raise ValueError(f"{run_dir} is in use by {who}; wait for it, or give another {flag}") from None
    try:
        with atomic.naming(run_dir / HOLDER):
            (run_dir / HOLDER).write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
        yield
    finally:
        with suppress(OSError):  # the folder may be gone
            (run_dir / HOLDER).write_text("", encoding="utf-8")
        lock.release()


def held(run_dir: Path) -> bool | None:
    """Whether a process holds the folder, as its `HOLDER` says; None if that cannot be known from here.

    Nobody takes the lock to find out: who wants it at that moment would be refused.
    """
    try:
        said = (run_dir / HOLDER).read_text(encoding="utf-8")
    except OSError:
        return None
    if not said:  # given back
        return False
    who = re.fullmatch(r"process (\d+) on (.+)", said, re.DOTALL)
    if who is None or who[2] != socket.gethostname() or sys.platform == "win32":  # where a signal 0 is none
        return None
    try:
        os.kill(int(who[1]), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # somebody else's
        return True
    try:  # one that nobody has waited for is still listed
        return not re.search(r"\) Z ", Path(f"/proc/{who[1]}/stat").read_text(encoding="utf-8"))
    except OSError:
        return True


def _holder(run_dir: Path) -> str:
    try:
        return (run_dir / HOLDER).read_text(encoding="utf-8") or "another process"
    except OSError:
        return "another process"
