"""Files that a kill, a power cut or a full disk leaves either as they were or as they should be.

Each is written under a temporary name beside its place, synced, renamed, and the folder synced. Names
that begin with `.tmp-` are what an interrupted write left behind.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".tmp-"


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """An `OSError` of the block, a full disk for one, names `path`, as those of `write` by themselves do not."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def sync(path: Path) -> None:
    """Wait until the disk holds this file, or the names in this folder."""
    windows = os.name == "nt"
    if windows and path.is_dir():  # cannot be opened there
        return
    descriptor = os.open(path, os.O_RDWR if windows else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_file(path: Path, content: bytes) -> None:
    """Replace one file."""
    temporary = path.with_name(f"{TEMPORARY}{path.name}")
    try:
        with naming(path), temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def write_folder(path: Path, fill: Callable[[Path], None]) -> None:
    """Replace one folder by what `fill(temporary_folder)` puts into it. `fill` writes files, no folders."""
    temporary = path.with_name(f"{TEMPORARY}{path.name}")
    displaced = path.with_name(f"{TEMPORARY}displaced-{path.name}")
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        for stale in (temporary, displaced):
            shutil.rmtree(stale, ignore_errors=True)
        try:
            temporary.mkdir()
            fill(temporary)
            for file in temporary.iterdir():
                sync(file)
            sync(temporary)
            if path.exists():  # a folder can be renamed only onto an empty one
                path.rename(displaced)
            temporary.rename(path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync(path.parent)
        shutil.rmtree(displaced, ignore_errors=True)
