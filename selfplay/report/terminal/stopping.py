"""Ctrl-C and SIGTERM on the command line: exceptions in the main thread; the end at once where nothing can be lost.

While a command is loaded and compiled it has made nothing that could be lost, and an exception in the middle of the
compiler comes late and ends in a traceback, or a crash. Python calls its handlers between two steps of the interpreter,
of which the compiler takes none for seconds; but it writes the number of a signal to a file when it comes. A thread
reads that file and ends the process.
"""

import contextlib
import os
import signal
import sys
import threading
from typing import NoReturn

from selfplay.report.terminal import starting

STOPPED = {signal.SIGINT: "selfplay: stopped by Ctrl-C", signal.SIGTERM: "selfplay: stopped by SIGTERM"}
WATCHER = "selfplay-signals"
"""name of the thread"""


class Terminated(BaseException):
    """SIGTERM, raised in the main thread so that it unwinds as Ctrl-C does."""


def handle() -> None:
    """Handle both from now on; called by the main thread, once."""
    reader, writer = -1, -1
    with contextlib.suppress(OSError):
        reader, writer = os.pipe()
        os.set_blocking(writer, False)  # as set_wakeup_fd demands
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        threading.Thread(target=_watch, args=(reader,), name=WATCHER, daemon=True).start()
    for handler in (_terminate, _stop):
        handler.raises, handler.wakeup = True, writer  # pyright: ignore[reportFunctionMemberAccess]  # `games.interrupt`
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # it is ignored in the background of some shells
        signal.signal(signal.SIGINT, _stop)


def _terminate(number: int, frame: object) -> NoReturn:
    _end_at_once(number)
    raise Terminated


def _stop(number: int, frame: object) -> NoReturn:
    _end_at_once(number)
    raise KeyboardInterrupt


def _watch(reader: int) -> None:
    while number := os.read(reader, 1):
        _end_at_once(number[0])


def _end_at_once(number: int) -> None:
    """One line, and the end, if nothing is to be saved now."""
    kernels = sys.modules.get("games.kernel")
    if number in STOPPED and (starting.loading() or getattr(kernels, "compiling", False)):
        clear = "\r\x1b[2K" if os.isatty(2) else ""
        with contextlib.suppress(OSError):
            os.write(2, f"{clear}{STOPPED[signal.Signals(number)]}\n".encode())
        os._exit(128 + number)
