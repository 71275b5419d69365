"""Ctrl-C and SIGTERM while compiled code runs: a word of memory that the signal itself writes, and that kernels read.

Python runs its signal handlers between two steps of the interpreter, so not while the main thread is inside a kernel;
and other threads never hear of a signal. But at the moment of the signal Python writes its number to a file, if it is
given one (`signal.set_wakeup_fd`). Here that file is memory: `STOP_1[0]` is not 0 from then on, for every thread. A
kernel that sees it returns at once, and what it has found is worth nothing: `check` raises.

Where many are thought for at once, each piece of work may have a word of its own (`stoppable`), so that one can be
stopped and the others go on. Kernels look at `word()`, which is that of the thread that calls them.
"""

import mmap
import os
import signal
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager

import numpy as np


def _shared_memory() -> tuple[int, np.ndarray]:
    """A file of one page, and its first word, int64 [1], in memory; -1 where there is no place for a file."""
    try:
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("selfplay-stop")
        else:
            with tempfile.TemporaryFile() as file:
                descriptor = os.dup(file.fileno())
        os.ftruncate(descriptor, mmap.PAGESIZE)
        os.set_blocking(descriptor, False)  # as set_wakeup_fd demands
        return descriptor, np.frombuffer(mmap.mmap(descriptor, mmap.PAGESIZE), np.int64, 1)
    except OSError:  # kernels then end when they are done
        return -1, np.zeros(1, np.int64)


_FILE, STOP_1 = _shared_memory()


class Stopped(KeyboardInterrupt):
    """A kernel was stopped. Threads other than the main one see this; the main one has its own exception by then."""


_of_thread = threading.local()


def word() -> np.ndarray:
    """int64 [1]: what kernels that this thread calls look at; once it is not 0 they return."""
    return getattr(_of_thread, "stop_1", STOP_1)


def follow(stop_1: np.ndarray) -> None:
    """Have this thread, which works for another, look at the word of that one. An initializer of pools."""
    _of_thread.stop_1 = stop_1


@contextmanager
def stoppable(stop_1: np.ndarray) -> Generator[None, None, None]:
    """What this thread does in the block is stopped by writing to this word, int64 [1], and by nothing else."""
    before = word()
    follow(stop_1)
    try:
        yield
    finally:
        follow(before)


def check() -> None:
    """Raise `Stopped` if what this thread does is to stop."""
    if word()[0] != 0:
        raise Stopped


@contextmanager
def listening() -> Generator[None, None, None]:
    """Ctrl-C and SIGTERM stop the kernels of this block, in all threads; later ones run as before.

    For a block of the main thread at whose end no kernel of its own is still running. Nothing is changed in another
    thread, where somebody else reads signals already, or where a handler would not end the block: a kernel cannot tell
    one signal from another.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or _FILE == -1 or not all(_raises(signal.getsignal(number)) for number in signal.valid_signals()):
        yield
        return
    before = signal.set_wakeup_fd(_FILE, warn_on_full_buffer=False)
    ours = before in (-1, getattr(signal.getsignal(signal.SIGTERM), "wakeup", -1))  # of the handler, which lends it
    if not ours:
        signal.set_wakeup_fd(before, warn_on_full_buffer=False)
    try:
        yield
    finally:
        if ours:
            signal.set_wakeup_fd(before, warn_on_full_buffer=False)
            os.lseek(_FILE, 0, os.SEEK_SET)
            STOP_1[0] = 0


def _raises(handler: object) -> bool:
    """Whether a signal that is handled like this ends what the main thread is doing, or never comes to Python."""
    return not callable(handler) or handler is signal.default_int_handler or getattr(handler, "raises", False)
