"""Engines of other people: programs that speak the Gomocup (Piskvork) protocol on their standard input and output.

The protocol: https://plastovicka.github.io/protocl2en.htm. A program runs in a process of its own, under limits
(`gomocup_guard`). What it writes is not trusted: an illegal move, an error, silence, an endless flood, a crash: each
is a `ForfeitError` with the reason, the program and all that it started are killed, and the next game starts it anew.

Cells are numbered row by row; the protocol's X is the column, its Y the row, both from 0.
"""

import contextlib
import logging
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import numpy as np

from games.game import Game
from selfplay.players.agent import LATE

_GUARD = Path(__file__).with_name("gomocup_guard.py")
_START_SECONDS = 120.0  # before a first move: a network may have to be loaded, code compiled
_END_SECONDS = 1.0  # that a program has to end when told to, as the protocol suggests
_MOST_STARTS = 3  # in a row that came to nothing, before a program is given up
_LONGEST_LINE = 1 << 16  # bytes
_MOST_BYTES = 1 << 20  # between two commands
_LINE_END = re.compile(rb"[\r\n]")
_MOVE = re.compile(r"(-?\d{1,6})\s*,\s*(-?\d{1,6})")
_NUMBERS = re.compile(r"[-\d][-\d\s,.]*")  # if it is no move, it was meant as one
_UNKNOWN = re.compile(r"(ERROR\W+)?UNKNOWN\b", re.IGNORECASE)  # how engines write that they do not know a command
_TOLD_OF_MEMORY = 0.75  # of the limit: some take all that they are told for their tables alone
_RETRIES = 3  # of a question that was not understood, as while an engine's last search is still closing
_RETRY_SECONDS = 0.1  # before each
_UNLIMITED = 2**31 - 1  # time_left, as the protocol writes that there is no limit
RULES = {"freestyle": 0, "standard": 1, "renju": 4, "caro6": 8, "caro": 9}
"""rules as INFO rule numbers them: 1 exactly five, 4 renju, 8 Caro, where longer rows win unless it is 8 + 1"""
_REMARKS = ("MESSAGE", "DEBUG", "OK")  # some answer to INFO with the last
_log = logging.getLogger(__name__)


class RefusedError(ValueError):
    """The program does not play this game at all, so there is no match to be played against it."""


class ForfeitError(Exception):
    """The program has lost its game; the text says why, in one line."""


def _command(file: Path, args: str) -> list[str]:
    """How to run a program, a Python script by our own interpreter. `ValueError` if it cannot be run."""
    if os.name != "posix":
        raise ValueError("outside engines run on Linux and macOS only")
    if not file.is_file():
        raise ValueError(f"there is no program {str(file)!r}")
    if os.name != "posix":
        raise ValueError(
            "outside engines are kept within limits by means that Linux and macOS have, and this system has not"
        )
    try:
        arguments = shlex.split(args)
    except ValueError as error:
        raise ValueError(f"args={args!r} cannot be read as a shell reads it: {str(error).lower()}") from None
    if file.suffix == ".py":
        return [sys.executable, str(file), *arguments]
    if not os.access(file, os.X_OK):
        raise ValueError(f"{str(file)!r} is not executable")
    return [str(file), *arguments]


class _Program:
    """A running program: lines in, lines out, never waited for beyond a deadline (seconds of `time.monotonic`)."""

    def __init__(self, command: list[str], folder: Path, megabytes: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_GUARD), str(megabytes), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for us; the program is told by the end of its input
        )
        assert self._process.stdin and self._process.stdout
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        self._unread = b""
        self._bytes = 0  # read since the last command
        self.close = weakref.finalize(self, _end, self._process)

    def send(self, lines: str, deadline: float) -> None:
        """Write lines, each of which is a command."""
        self._bytes = 0
        rest = lines.replace("\n", "\r\n").encode()
        while rest:
            if not _ready(self._in, select.POLLOUT, deadline):
                raise ForfeitError("did not read its input")
            try:
                rest = rest[os.write(self._in, rest) :]
            except BrokenPipeError:
                raise ForfeitError(self._ending()) from None

    def line(self, deadline: float) -> str | None:
        """Its next line that is not empty; None if none came in time."""
        while True:
            while end := _LINE_END.search(self._unread):
                line, self._unread = self._unread[: end.start()], self._unread[end.end() :]
                if line.strip():
                    return line.decode(errors="replace").strip()
            if len(self._unread) > _LONGEST_LINE:
                raise ForfeitError(f"wrote a line of more than {_LONGEST_LINE} bytes")
            if not _ready(self._out, select.POLLIN, deadline):
                return None
            received = os.read(self._out, 1 << 14)
            if not received:
                raise ForfeitError(self._ending())
            self._unread += received
            self._bytes += len(received)
            if self._bytes > _MOST_BYTES:
                raise ForfeitError(f"wrote more than {_MOST_BYTES} bytes where a line was expected")

    def kill(self) -> None:
        """End it without asking."""
        assert self._process.stdin
        self._process.stdin.close()  # at which the guard kills
        self.close()

    def partial(self) -> str:
        """What it has written of a line that it has not ended."""
        return self._unread.decode(errors="replace").strip()

    def _ending(self) -> str:
        try:
            code = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            return "closed its output"
        if code > 128 and code - 128 in set(signal.Signals):
            return f"died of {signal.Signals(code - 128).name}"
        return f"ended with exit code {code}"


def _ready(fd: int, event: int, deadline: float) -> bool:
    """Whether the file is ready before the deadline; its end counts."""
    events = select.poll()
    events.register(fd, event)
    return bool(events.poll(max(0.0, 1000 * (deadline - time.monotonic()))))


def _end(process: subprocess.Popen) -> None:
    """Ask the program to end, unless it was killed, then see to it."""
    assert process.stdin and process.stdout
    if not process.stdin.closed:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            os.write(process.stdin.fileno(), b"END\r\n")
            process.wait(_END_SECONDS)
    process.stdin.close()
    process.stdout.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class OutsideEngine:
    """A program as a player of one game: a position in, a move out. It may be asked from any thread."""

    def __init__(
        self, game: Game, path: str, args: str = "", *, milliseconds: float, tolerance: float, megabytes: int
    ) -> None:
        """`milliseconds` are what the program is told it has for a move; it loses after `tolerance` more of them.

        It runs in its own folder, where such programs look for their files.
        """
        if game.kind != "gomoku" or game.in_a_row != 5 or not 5 <= game.width <= 20:
            raise ValueError(f"outside engines play Gomoku, five in a row, on boards of 5 to 20; not {game.name!r}")
        self.game = game
        file = Path(path).expanduser().absolute()
        self._name, self._folder = file.name, file.parent
        self._command = _command(file, args)
        self.milliseconds = milliseconds
        self.tolerance = tolerance
        self.megabytes = megabytes
        self._lock = threading.Lock()
        self._program: _Program | None = None
        self._stones_2C: np.ndarray | None = None  # the program's and its opponent's, as the program knows them
        self._vain_starts = 0
        self._why_vain = ""
        self._warned = False  # of lines that are passed over

    def move(self, state_W: np.ndarray) -> int:
        """The program's move in a position that is not over; `ForfeitError` if it has none."""
        stones_2C = self.game.planes_of(state_W)[:2].reshape(2, -1) > 0
        with self._lock:
            try:
                action = self._asked(stones_2C)
                if action not in self.game.legal_actions(state_W):
                    row, column = divmod(action, self.game.width)
                    raise ForfeitError(f"played {column},{row}, which is a foul")
            except BaseException:  # also Ctrl-C: nobody would read the answer, which a later question would be given
                self._kill()
                raise
            stones_2C[0, action] = True
            self._stones_2C = stones_2C
            return action

    def _asked(self, stones_2C: np.ndarray) -> int:
        size = self.game.width
        turn = self._turn(stones_2C)
        program = self._program
        if program:
            try:
                self._check_silent(program)
            except ForfeitError:
                if turn is not None:
                    raise
                self._kill()  # it misbehaved after a game that was over: that game stands
        infos = ""
        if turn is not None:
            question = f"TURN {turn % size},{turn // size}\n"
        else:
            program = self._on_an_empty_board()
            infos = self._infos()
            question = _board(stones_2C, size)
        assert program
        now = time.monotonic()
        program.send(infos + question, now + self.milliseconds / 1000)
        deadline = now + (self.milliseconds + self.tolerance) / 1000
        x, y = self._answered(program, question, infos.count("\n"), deadline)
        if not (0 <= x < size and 0 <= y < size):
            raise ForfeitError(f"played {x},{y}, which is not on the board")
        if stones_2C[:, y * size + x].any():
            raise ForfeitError(f"played {x},{y}, which is not free")
        return y * size + x

    def _turn(self, stones_2C: np.ndarray) -> int | None:
        """The opponent's move, if that is all that is new since the program's last."""
        if self._program is None or self._stones_2C is None or (stones_2C[0] != self._stones_2C[0]).any():
            return None
        new = np.flatnonzero(stones_2C[1] != self._stones_2C[1])
        return int(new[0]) if len(new) == 1 and stones_2C[1, new[0]] else None

    def _check_silent(self, program: _Program) -> None:
        while line := program.line(0):
            if _MOVE.fullmatch(line):
                raise ForfeitError(f"answered {_shown(line)} when nothing was asked")

    def _on_an_empty_board(self) -> _Program:
        """The program, told of the rules and with no stone on its board."""
        deadline = time.monotonic() + _START_SECONDS
        if self._program:
            self._program.send("RESTART\n", deadline)
            if self._agrees(self._program, "RESTART", deadline):
                return self._program
            self._program.close()  # it does not know RESTART: the protocol then has it started again
        if self._vain_starts >= _MOST_STARTS:
            raise ForfeitError(f"{self._why_vain}, and so {_MOST_STARTS} times in a row")
        self._vain_starts += 1
        self._program = program = _Program(self._command, self._folder, self.megabytes)
        try:
            program.send(f"START {self.game.width}\n", deadline)
            if not self._agrees(program, "START", deadline):
                raise ForfeitError("does not know START")
        except ForfeitError as forfeit:
            self._why_vain = str(forfeit)
            raise
        self._vain_starts = 0
        return program

    def _infos(self) -> str:
        """What it is told before a first move, and not again: whatever is unknown after a TURN is then the TURN."""
        facts = {
            "timeout_turn": int(self.milliseconds),
            "timeout_match": 0,
            "max_memory": int(_TOLD_OF_MEMORY * (self.megabytes << 20)),
            "game_type": 1,
            "rule": RULES[str(self.game.options["rule"])],
            "time_left": _UNLIMITED,
        }
        return "".join(f"INFO {key} {value}\n" for key, value in facts.items())

    def _agrees(self, program: _Program, word: str, deadline: float) -> bool:
        """Whether it answers OK; False if it does not know the word. Banners are passed over."""
        while line := program.line(deadline):
            answer = line.split()[0].upper()
            if answer == "OK":
                return True
            if answer == "UNKNOWN":
                return False
            if answer == "ERROR" and word == "START":
                raise RefusedError(
                    f"{self._name!r} does not play {self.game.name}: it answered START with {_shown(line)}"
                )
            if answer == "ERROR" or _MOVE.fullmatch(line):
                raise ForfeitError(f"answered {word} with {_shown(line)}")
        raise ForfeitError(f"did not answer {word} within {_START_SECONDS:g} s{self._begun(program)}")

    def _answered(self, program: _Program, question: str, infos: int, deadline: float) -> tuple[int, int]:
        """Column and row of its move; `infos` facts, which it need not know, were told with the question.

        An engine may still be closing its last search, and then know no command at all: it is asked again.
        """
        unknown = retries = 0
        while line := program.line(deadline):
            if match := _MOVE.fullmatch(line):
                return int(match[1]), int(match[2])
            word, _, rest = line.partition(" ")
            if _UNKNOWN.match(line):
                unknown += 1
                if unknown <= infos:
                    continue
                if retries == _RETRIES:
                    raise ForfeitError(f"answered {_shown(line)} to {question.split()[0]}, {1 + retries} times")
                time.sleep(_RETRY_SECONDS)
                while later := program.line(0):  # the rest of its answer to many lines
                    if match := _MOVE.fullmatch(later):
                        return int(match[1]), int(match[2])
                program.send(question, deadline)
                unknown, infos, retries = 0, 0, retries + 1
            elif word.upper() == "SUGGEST" and _MOVE.fullmatch(rest.strip()):
                program.send(f"PLAY {rest.strip()}\n", deadline)
            elif word.upper() == "ERROR" or _NUMBERS.fullmatch(line):
                raise ForfeitError(f"answered {_shown(line)} where a move was asked for")
            elif word.upper() not in _REMARKS and not self._warned:
                self._warned = True
                _log.warning("%s wrote %s where a move was asked for: passed over", self._name, _shown(line))
        raise ForfeitError(
            f"{LATE} {self.milliseconds:g} ms and {self.tolerance:g} ms of tolerance{self._begun(program)}"
        )

    def _begun(self, program: _Program) -> str:
        return f"; it had begun a line with {_shown(program.partial())}" if program.partial() else ""

    def _kill(self) -> None:
        if self._program:
            self._program.kill()
        self._program = self._stones_2C = None


def _board(stones_2C: np.ndarray, size: int) -> str:
    """The command for a whole position; stones by turns, since there are engines that expect it."""
    own, other = (np.flatnonzero(stones_C) for stones_C in stones_2C)
    if len(own) == len(other) == 0:
        return "BEGIN\n"
    began, followed = ((own, 1), (other, 2)) if len(own) == len(other) else ((other, 2), (own, 1))
    lines = ["BOARD"]
    for i in range(len(began[0])):
        for cells, whose in (began, followed):
            if i < len(cells):
                lines.append(f"{cells[i] % size},{cells[i] // size},{whose}")
    return "\n".join([*lines, "DONE", ""])


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 60 else text[:57] + "...")
