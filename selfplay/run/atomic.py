"""Files that a kill, a power cut or a full disk leaves either as they were or as they should be.

Each is written under a temporary name beside its place, synced, renamed, and the folder synced. Names
that begin with `.tmp-` are what an interrupted write left behind.
"""

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from games.regular import NotRegularError

TEMPORARY = ".tmp-"
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_OF_THE_SYSTEM = (Path("/dev"), Path("/proc"))  # whose names are devices, or lead to what a process has open


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


def check_replaceable(path: Path) -> None:
    """`NotRegularError` if a rename onto `path` would put a file in the place of something else, `FileNotFoundError`
    without a folder for it.

    Root may do that to /dev/null, and every other program would then write into a file. A link counts as what it leads
    to; of /dev and /proc no name is replaced, as /dev/stdout may well lead to a file.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path.parent))
    with naming(path):
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            mode = stat.S_IFREG
        folder = path.parent.resolve()
    kind = _KINDS.get(stat.S_IFMT(mode))
    if kind is None and (folder == _OF_THE_SYSTEM[0] or folder.is_relative_to(_OF_THE_SYSTEM[1])):
        kind = f"in {folder}"
    if kind is not None:
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise NotRegularError(number, f"is {kind}, not a file that may be replaced", str(path))


def write_file(path: Path, content: bytes) -> None:
    """Replace one file, or make it; `NotRegularError` for the name of a folder, a device or a pipe."""
    check_replaceable(path)
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
    """Replace one folder by what `fill(temporary_folder)` puts into it. `fill` writes files, no folders.

    `NotRegularError` if something other than a folder stands there.
    """
    temporary = path.with_name(f"{TEMPORARY}{path.name}")
    displaced = path.with_name(f"{TEMPORARY}displaced-{path.name}")
    if os.path.lexists(path) and not path.is_dir():
        raise NotRegularError(errno.ENOTDIR, "is no folder, and is not replaced by one", str(path))
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
