"""activity.json of a run: what its process does just now, for whoever looks on from elsewhere. It is there while one
trains."""

import json
import time
from dataclasses import Field, asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from selfplay.run import atomic, folder

_LARGEST = 1e15  # of a count, or of seconds
_EVERY_S = 1.0  # seconds between two writings, so that looking on costs nothing
_FRESH_S = 5.0  # seconds after the last writing, in which nobody asks further
_OLD_S = 120.0  # seconds after the last writing: it was killed


@dataclass(frozen=True, kw_only=True)
class Activity:
    """What takes the time now."""

    kind: Literal["play", "learn", "matches"]
    generation: int
    done: int = 0
    """positions searched, gradient steps taken, or matches played, of this generation"""
    of: int = 0
    """how many of them it will be; of positions about so many, since ongoing games stay"""
    agent: str = ""
    """matches: the learner as it plays the present one,"""
    opponent: str = ""
    """against whom,"""
    games: int = 0
    """how many games, at the end of a run about,"""
    openings: int = 0
    """from how many openings, if that is known,"""
    share: float = 0.0
    """and how much of it is done"""
    final: bool = False
    """matches: those at the end of the run"""
    seconds_left: float | None = None
    """to the end of the run, about; None while nothing can be said"""
    train_seconds: float | None = None
    """that self-play and learning will have taken in all, about"""

    @property
    def begins(self) -> tuple[str, int, str, str]:
        """What another activity has other than this one."""
        return self.kind, self.generation, self.agent, self.opponent


class ActivityFile:
    """Keeps activity.json up to date, and takes it away at the end."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / folder.ACTIVITY
        self._written = -_EVERY_S
        self._last: Activity | None = None

    def show(self, now: Activity) -> None:
        """Write it, unless it says what was written within the last second."""
        clock = time.monotonic()
        if self._last is None or now.begins != self._last.begins or clock - self._written >= _EVERY_S:
            self._written, self._last = clock, now
            temporary = self._path.with_name(f"{atomic.TEMPORARY}{self._path.name}")
            with atomic.naming(self._path):
                temporary.write_text(json.dumps(asdict(now)) + "\n", encoding="utf-8")
                temporary.replace(self._path)  # not synced: after a power cut nobody trains

    def close(self) -> None:
        self._path.unlink(missing_ok=True)


def read(run_dir: Path) -> Activity | None:
    """What a run does now; None if nobody trains there, or it cannot be read. After a kill the file stays: its time of
    change says whether it is old."""
    try:
        found = Activity(**folder.read_object(run_dir / folder.ACTIVITY))
    except (OSError, ValueError, TypeError):
        return None
    return found if all(map(_is_sound, fields(Activity), astuple(found))) else None


def trains(run_dir: Path) -> bool:
    """Whether somebody trains there just now, as far as can be seen from outside: the file is new, or not old and the
    process that holds the folder may still be there."""
    try:
        age = time.time() - (run_dir / folder.ACTIVITY).stat().st_mtime
    except OSError:
        return False
    return age < _FRESH_S or (age < _OLD_S and folder.held(run_dir) is not False)


def _is_sound(item: Field[Any], value: Any) -> bool:
    """Whether a value is of the type of its field, and no number that is beyond all bounds."""
    if item.name in ("kind", "agent", "opponent"):
        return isinstance(value, str)
    if item.name == "final":
        return isinstance(value, bool)
    number = isinstance(value, int | float) and 0 <= value < _LARGEST
    return number or (value is None and item.default is None)
