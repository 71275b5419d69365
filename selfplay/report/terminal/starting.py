"""What a person sees of what takes long the first time, a command's start above all: a line that moves.

It imports nothing of ours, since what is imported is what takes long: torch two seconds, and the rules and the search
a minute where they are not compiled yet.
"""

import logging
import os
import sys
import threading
import time
from pathlib import Path

_SPINS = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_DRAWS_S = 0.12
_MOMENT_S = 2.0
_LINES_S = 10.0  # seconds between two lines where nothing can be drawn over
# Share of the time that the first tenth, two tenths, ... of the functions take: the largest come last.
_PACE = (0.0, 0.06, 0.13, 0.21, 0.27, 0.34, 0.41, 0.48, 0.57, 0.73, 1.0)
_TWICE = 1.25  # functions for each in the sources: some are compiled for every game that is made
_NOT_ALL = ("gomoku", "five")  # folders of what only some games need
_ROOMS = ("games", "selfplay/search", "selfplay/train", "selfplay/knowledge")  # what is compiled


class _Line(logging.Handler):
    """Draws itself, and hears from `games.kernel` of each function that was compiled."""

    def __init__(self, doing: str) -> None:
        super().__init__()
        self._doing = doing
        self._began = time.monotonic()
        self._compiling_since: float | None = None
        self._compiled = 0
        self._ended = threading.Event()
        plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb" or not sys.stderr.isatty()
        self._thread = threading.Thread(target=self._lines if plain else self._spin, daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        if self._compiling_since is None:
            self._compiling_since = time.monotonic()
        self._compiled += 1

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _text(self) -> str:
        if self._compiling_since is None:
            return self._doing
        of = f" of {_functions()}" if self._compiled < _functions() else ""  # a game of one's own has more
        return f"compiling rules and search, once: {self._compiled}{of} functions{self._left()}"

    def _left(self) -> str:
        """How long it takes, from how long it took; nothing while that says little."""
        assert self._compiling_since is not None
        spent, tenths = time.monotonic() - self._compiling_since, 10 * self._compiled / _functions()
        if not 1 < tenths < 10:
            return ""
        low, high = _PACE[int(tenths)], _PACE[int(tenths) + 1]
        share = low + (high - low) * (tenths % 1)
        return f", about {max(1, round(spent * (1 / share - 1)))} s left"

    def _spin(self) -> None:
        frame = 0
        while not self._ended.wait(_DRAWS_S if frame else 0):
            seconds = int(time.monotonic() - self._began)
            text = f"{_SPINS[frame % len(_SPINS)]} {self._text()}  {seconds // 60}:{seconds % 60:02d}"
            # The cursor stays at the beginning, so that whatever else is printed takes the line's place.
            print(f"\r\x1b[2K{text[: _columns() - 1]}\r", end="", file=sys.stderr, flush=True)
            frame += 1
        print("\r\x1b[2K", end="", file=sys.stderr, flush=True)

    def _lines(self) -> None:
        """A line when something is compiled for longer than a moment, and now and then how far that is."""
        told = 0.0
        while not self._ended.wait(_DRAWS_S):
            since, clock = self._compiling_since, time.monotonic()
            if since is not None and clock - since >= _MOMENT_S and clock - told >= _LINES_S:
                told = clock
                print(self._text(), file=sys.stderr, flush=True)


_line: _Line | None = None
_loading = False


def begin(doing: str = "", *, quiet: bool = False) -> None:
    """Show what is done, and what is compiled for it, until `end`; without words that a command begins."""
    global _line, _loading
    _loading = not doing
    if not quiet and _line is None:
        _line = _Line(doing or "loading")
        logger = logging.getLogger("games.kernel")
        logger.addHandler(_line)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False


def end() -> None:
    """Give the line back to whoever prints next."""
    global _line, _loading
    _loading = False
    if _line is not None:
        logging.getLogger("games.kernel").removeHandler(_line)
        _line.end()
        _line = None


def loading() -> bool:
    """Whether it still begins, so that nothing is lost if it ends now."""
    return _loading


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def _functions() -> int:
    """How many functions there are to be compiled, about: those of the games that are not asked for, too."""
    global _count
    if not _count:
        root = Path(__file__).resolve().parents[3]
        files = [path for room in _ROOMS for path in (root / room).glob("**/*.py") if path.parent.name not in _NOT_ALL]
        _count = round(_TWICE * sum(path.read_bytes().count(b"@kernel(") for path in files))
    return _count


_count = 0
