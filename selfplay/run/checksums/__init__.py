"""Checksums of those files of a run that are text, so that people can go on reading them with whatever they like.

`checksums/NAME` has CRC-32s of the file NAME, eight hexadecimal digits and a line feed each: of a log (.jsonl) one for
every line, in their order, of any other file one for the whole. They tell of damage, not of malice.

No kill leaves one that does not fit: a line is written before its checksum, and a file that is replaced has none
meanwhile. So lines at the end of a log may have none yet; who opens the run to write adds them. A file without
checksums, as those of earlier versions are, is not compared.
"""

import difflib
import os
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from games import regular
from selfplay.run import atomic

DIR = "checksums"
_WIDTH = 9  # bytes of one
_MOST_BYTES = 64 << 20
_LOOKS = 3  # at files that another process may be replacing
_MOST_MOVED = 2000  # lines among which missing ones are looked for


class DamageWarning(UserWarning):
    """A file of a run is not as it was written."""


@dataclass(frozen=True)
class Log:
    """The lines of a log, as far as their checksums fit."""

    lines: Sequence[tuple[int, bytes]]
    """number, from 1, and content, of those that are whole"""
    damaged: Sequence[int] = ()
    """numbers of the others"""
    missing: int = 0
    """lines that were written and are gone"""
    compared: bool = False
    """whether there were checksums"""

    def damage(self, others: Iterable[int] = ()) -> str:
        """What is wrong, and what is of use still, in words; empty if nothing is. `others` are of no use either."""
        damaged = sorted({*self.damaged, *others})
        said = []
        if damaged:
            are = ("line", "is not as it was") if len(damaged) == 1 else ("lines", "are not as they were")
            said.append(f"{are[0]} {ranges(damaged)} {are[1]} written")
        if self.missing:
            said.append(f"{self.missing} line{' is' if self.missing == 1 else 's are'} missing")
        if not said:
            return ""
        used = len({number for number, _ in self.lines} - set(damaged))
        return f"{', '.join(said)}; the other {used} are used" if used else f"{', '.join(said)}; no other is there"


def ranges(numbers: Sequence[int]) -> str:
    """`1-38, 40`."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in found)


def place(path: Path) -> Path:
    """Where the checksums of a file are."""
    return path.parent / DIR / path.name


def of(content: bytes) -> bytes:
    """One checksum, as it is written."""
    return b"%08x\n" % zlib.crc32(content)


def replace(path: Path, content: bytes) -> None:
    """Replace a file and its checksums."""
    sums = place(path)
    with atomic.naming(sums):
        if os.path.lexists(sums):
            sums.unlink()
            atomic.sync(sums.parent)
    atomic.write_file(path, content)
    with atomic.naming(sums):
        sums.parent.mkdir(exist_ok=True)
    atomic.write_file(sums, b"".join(map(of, _parts(path, content))))


def remove(path: Path) -> None:
    """Remove a file, if it is there, and its checksums, which go first."""
    for each in (place(path), path):
        each.unlink(missing_ok=True)


def add(path: Path, lines: Sequence[bytes], *, begins: bool) -> None:
    """Note lines that were added to a log, which `begins` with them. One that had no checksums before has none after:
    not before it is opened anew."""
    sums = place(path)
    if not begins and not sums.exists():
        return
    with atomic.naming(sums):
        sums.parent.mkdir(exist_ok=True)
        with sums.open("wb" if begins else "ab") as file:
            file.write(b"".join(map(of, lines)))
            file.flush()
            os.fsync(file.fileno())


def fits(path: Path, most: int) -> bool | None:
    """Whether a file that is no log is as it was written; None if nobody can tell, or it has more than `most` bytes."""
    for _ in range(_LOOKS):
        told = known(path)
        try:
            content = regular.read(path, most)
        except (OSError, ValueError):  # whoever needs the file will say so
            return None
        if not told:
            return None
        if of(content) == told[0]:
            return True
        if known(path) == told:
            return False
    return None


def read_log(path: Path, most: int) -> Log:
    """A log, compared with its checksums; empty if there is none. `OSError`, or `ValueError` if it is too large."""
    found = Log(())
    for look in range(_LOOKS):
        told = known(path)  # before the lines: another process may be adding some
        try:
            content = regular.read(path, most)
        except FileNotFoundError:
            content = b""
        lines = _parts(path, content)
        found = _compared(lines, told)
        if not found.damaged and not found.missing:
            break
        if look and known(path) == told:
            break
    return found


def known(path: Path) -> list[bytes] | None:
    """The checksums of a file; None if there are none, or none that can be read."""
    try:
        content = regular.read(place(path), _MOST_BYTES)
    except (OSError, ValueError):
        return None
    return [content[start : start + _WIDTH] for start in range(0, len(content) - _WIDTH + 1, _WIDTH)]


def _parts(path: Path, content: bytes) -> list[bytes]:
    """What has a checksum each."""
    return content.splitlines(keepends=True) if path.suffix == ".jsonl" else [content]


def _compared(lines: Sequence[bytes], told: Sequence[bytes] | None) -> Log:
    numbered = list(enumerate(lines, start=1))
    if told is None:
        return Log(numbered)
    sums = [of(line) for line in lines]
    if sums[: len(told)] == told:  # none is there yet for what was added last
        return Log(numbered, compared=True)
    same = next(i for i in range(len(told)) if i >= len(sums) or sums[i] != told[i])
    end = 0
    while end < min(len(told), len(sums)) - same and told[-1 - end] == sums[-1 - end]:
        end += 1
    a, b = told[same : len(told) - end], sums[same : len(sums) - end]
    damaged, missing = [], 0
    if max(len(a), len(b)) > _MOST_MOVED:
        steps = [("replace", 0, len(a), 0, len(b))]
    else:
        steps = difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    for kind, from_a, to_a, from_b, to_b in steps:
        if kind == "equal":
            continue
        if to_a == len(told) - same:  # what follows was added last
            to_b = min(to_b, from_b + to_a - from_a)
        damaged += range(same + from_b + 1, same + to_b + 1)
        missing += max(0, (to_a - from_a) - (to_b - from_b))
    bad = set(damaged)
    return Log([each for each in numbered if each[0] not in bad], damaged, missing, compared=True)
