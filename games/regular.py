"""Reading of files whose names come from outside: regular ones only, and no more of them than a stated size.

A pipe, a device or a folder in the place of a file would hold its reader for ever, or feed it without end. What is
opened here is looked at by its descriptor, so that nothing can take its place in between.
"""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class NotRegularError(OSError, ValueError):
    """A folder, a pipe or a device in the place of a file: a mistake in its name as well as an error of the system."""


def opened(path: str | Path) -> BufferedReader:
    """The file, open to be read; `NotRegularError` if it is no regular one, and `OSError` as `open` has it."""
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            raise NotRegularError(error.errno, "not a regular file", str(path)) from None
        raise
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
            raise NotRegularError(number, "not a regular file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read(path: str | Path, most: int) -> bytes:
    """The whole file; `ValueError` if it has more than `most` bytes."""
    with opened(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{path} has more than {most >> 20} MiB, the most that is read of such a file")
    return content
