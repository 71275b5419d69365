"""Logs of runs (metrics.jsonl, evals.jsonl) that are read once: of a file that has grown, only what was added.

What a page needs of each line is kept in memory, so that a look at a run of many hours costs no more than one at a run
of a minute. A file that was replaced, cut or changed in its midst is read anew.
"""

import os
import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Self

import numpy as np

from games import regular
from selfplay.run import checksums, folder
from selfplay.run.rows import MetricsLine
from selfplay.stats.records import EvalLine

_BLOCK = 1 << 20  # bytes that are read at once; no line is longer
_END = 64  # bytes before the place that was reached, by which a file that has grown is known again
_KEPT = 64  # logs in memory
_POINTS = 400  # of a curve, at most


class Log:
    """One file, as far as it was read. Its lock is held while it is looked at."""

    _known: ClassVar[OrderedDict[tuple[type, Path], "Log"]] = OrderedDict()
    _all: ClassVar[threading.Lock] = threading.Lock()

    damage: str
    """what is not as it was written, in words, and left out; empty if nothing is"""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.Lock()
        self._forget()

    @classmethod
    @contextmanager
    def of(cls, path: Path) -> Iterator[Self]:
        """The log at this place as it stands now; empty if there is none. `ValueError` names the line that is wrong."""
        with Log._all:
            log = Log._known.setdefault((cls, path), cls(path))
            Log._known.move_to_end((cls, path))
            while len(Log._known) > _KEPT:
                Log._known.popitem(last=False)
        assert isinstance(log, cls)
        with log.lock:
            log._refresh()
            yield log

    def take(self, line: dict[str, Any]) -> None:
        """Keep what is needed of one more line; `ValueError` says what is wrong with it."""
        raise NotImplementedError

    def clear(self) -> None:
        """Forget all lines."""
        raise NotImplementedError

    def _forget(self) -> None:
        self._offset, self._number, self._end = 0, 0, b""
        self._seen: tuple[int, ...] = ()
        self._mistake = self.damage = ""
        self.clear()

    def _refresh(self) -> None:
        try:
            file = regular.opened(self.path)
        except OSError:
            self._forget()
            if os.path.lexists(self.path):
                raise
            return
        with file:
            if _stamp(file) != self._seen:
                told = checksums.known(self.path)  # before the lines: the run may be adding some
                seen = _stamp(file)
                if not self._continues(file, seen):
                    self._forget()
                try:
                    if not self._read_on(file, seen[2], told):
                        self._read_damaged()
                except ValueError as error:
                    self._forget()
                    self._mistake = str(error)
                self._seen = seen
        if self._mistake:
            raise ValueError(self._mistake)

    def _continues(self, file: BinaryIO, seen: tuple[int, ...]) -> bool:
        """Whether the file is the one that was read, with more at its end."""
        if self._mistake or not self._offset or self._seen[:2] != seen[:2] or seen[2] <= self._seen[2]:
            return False
        file.seek(self._offset - len(self._end))
        return file.read(len(self._end)) == self._end

    def _read_damaged(self) -> None:
        """Read the whole file anew, and take what of it is as it was written."""
        self._forget()
        log = checksums.read_log(self.path, folder.most_bytes(self.path))
        self.damage = log.damage([number for number, raw in log.lines if not self._taken(number, raw)])

    def _taken(self, number: int, raw: bytes) -> bool:
        """Take a line that ends, and say whether anything could be made of it; `ValueError` names what is wrong."""
        where = f"{self.path}, line {number}"
        if (line := folder.parsed(raw, where)) is None:
            return not raw.endswith(b"\n")
        try:
            self.take(line)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
        return True

    def _read_on(self, file: BinaryIO, size: int, told: Sequence[bytes] | None) -> bool:
        """Take the lines that were added; False if one is not as it was written."""
        if size > (most := folder.most_bytes(self.path)):
            raise ValueError(f"{self.path} has more than {most >> 20} MiB, the most that is read of such a file")
        file.seek(self._offset)
        while block := file.read(min(_BLOCK, size - self._offset)):
            whole = block[: block.rfind(b"\n") + 1]
            if not whole and len(block) == _BLOCK:
                raise ValueError(f"{self.path}, line {self._number + 1}: it is longer than {_BLOCK >> 20} MiB")
            for raw in whole.splitlines(keepends=True):
                if told and self._number < len(told) and checksums.of(raw) != told[self._number]:
                    return False
                self._number += 1
                if not self._taken(self._number, raw):
                    return False
            self._offset += len(whole)
            self._end = (self._end + whole)[-_END:]
            if not whole:
                break
            file.seek(self._offset)
        return not told or self._number >= len(told)


def _stamp(file: BinaryIO) -> tuple[int, ...]:
    """Which file it is, its size, and when it was changed."""
    stat = os.fstat(file.fileno())
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


class MetricsLog(Log):
    """metrics.jsonl: its newest line, and of all lines what is drawn."""

    # What a page draws; the other metrics are shown by their last value.
    CURVES = (
        "generation",
        "train_flops",
        "games",
        "play_seconds",
        "learn_seconds",
        "loss/policy",
        "loss/value",
        "loss/reply",
        "policy/entropy",
        "policy/kl_search_net",
        "value/accuracy",
        "games/length",
        "games/first_player_score",
        "games/draws",
        "play/positions_per_s",
        "play/evaluations_per_s",
        "learn/samples_per_s",
    )

    def clear(self) -> None:
        self.last: Mapping[str, Any] = {}
        self._values = array("d")  # line by line, a number for each of CURVES; nan where it has none

    def take(self, line: dict[str, Any]) -> None:
        self.last = MetricsLine.from_dict(line)
        numbers = (line.get(name) for name in self.CURVES)
        self._values.extend(float("nan") if number is None else float(number) for number in numbers)

    def _lines(self) -> np.ndarray:
        """float64 [N, C]: of each line each of CURVES."""
        return np.array(self._values).reshape(-1, len(self.CURVES))

    def minutes(self) -> dict[int, float]:
        """Training time by generation."""
        lines_NC = np.nan_to_num(self._lines())
        seconds_N = lines_NC[:, self.CURVES.index("play_seconds")] + lines_NC[:, self.CURVES.index("learn_seconds")]
        return dict(zip(lines_NC[:, 0].astype(int).tolist(), (seconds_N / 60).tolist(), strict=True))

    def thinned(self) -> dict[str, list[float | None]]:
        """Columns of the curves; where there are too many lines, means over as many neighbours as needed."""
        lines_NC = self._lines()
        width = -(-len(lines_NC) // _POINTS) or 1
        known_NC = ~np.isnan(lines_NC)
        starts = np.arange(0, len(lines_NC), width)
        if not len(starts):
            return {name: [] for name in self.CURVES}
        sums_GC = np.add.reduceat(np.where(known_NC, lines_NC, 0), starts)
        counts_GC = np.add.reduceat(known_NC, starts, dtype=np.int64)
        return {
            name: [float(f"{s / n:.6g}") if n else None for s, n in zip(sums_GC[:, c], counts_GC[:, c], strict=True)]
            for c, name in enumerate(self.CURVES)
        }


class EvalsLog(Log):
    """evals.jsonl."""

    def clear(self) -> None:
        self.lines: list[EvalLine] = []

    def take(self, line: dict[str, Any]) -> None:
        self.lines.append(EvalLine.from_dict(line))


def evals(run: Path) -> Sequence[EvalLine]:
    """The matches of a run's evaluations as they stand now, oldest first."""
    with EvalsLog.of(run / folder.EVALS) as log:
        return list(log.lines)
