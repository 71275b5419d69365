"""How kernels are compiled: numba, GIL released, cached on disk under a key made of our sources.

numba's own cache notices a change only in the file of the function itself, not in what that function
calls. The cache folder is therefore named after a hash of every source file that holds kernels.

Where that folder cannot be written to, as in many containers, kernels are compiled at every start: one warning says so,
and which variable gives the cache another place.
"""

import functools
import hashlib
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core import config

Function = Callable[..., Any]  # a kernel, or what it is compiled from; its types are its numba signature

_ROOT = Path(__file__).resolve().parent.parent
_KERNELS = "kernels-"  # how the folders of our caches begin
_KEPT_CACHES = 4  # a few versions side by side, so that switching branches does not recompile

u64 = types.uint64
i64 = types.int64
words_W = types.Array(u64, 1, "C")
flags_A = types.Array(types.uint8, 1, "C")
planes_PHW = types.Array(types.float32, 3, "C")


def array(dtype: Any, dimensions: int) -> types.Array:
    """The type of C-contiguous arrays of this numpy dtype."""
    return types.Array(numba.from_dtype(np.dtype(dtype)), dimensions, "C")


def tuple_type(record: type) -> types.NamedTuple:
    """The type of a `NamedTuple` of whole numbers and floats."""
    numbers = {int: i64, float: types.float64}
    return types.NamedTuple([numbers[kind] for kind in record.__annotations__.values()], record)


_log = logging.getLogger(__name__)

numba_config: Any = config  # its settings are made at run time, so type checkers do not know them

# The signatures of a game's functions. Searches take them as arguments of these types, so that one compiled
# search serves every game.
INIT = types.void(words_W)
LEGAL = i64(words_W, flags_A)
STEP = i64(words_W, i64, words_W)
OBSERVE = types.void(words_W, planes_PHW)
WINS = i64(words_W, types.FunctionType(LEGAL), types.FunctionType(STEP), flags_A, words_W)  # one that may call two
VALID = i64(words_W, types.FunctionType(LEGAL), types.FunctionType(OBSERVE), flags_A, planes_PHW)  # likewise


def _sources_hash() -> str:
    # numba's cache would hand a run with NUMBA_BOUNDSCHECK=1 the unchecked code of an earlier one.
    digest = hashlib.sha256(f"{numba.__version__} boundscheck={numba_config.BOUNDSCHECK}".encode())
    for package in ("games", "selfplay"):
        for path in sorted((_ROOT / package).rglob("*.py")):
            source = path.read_bytes()
            if b"kernel" in source:
                digest.update(path.relative_to(_ROOT).as_posix().encode() + b"\0" + source)
    return digest.hexdigest()[:16]


class NotCached(UserWarning):
    """Compiled code is not kept for the next start."""


def user_cache() -> Path:
    """Our folder among the user's caches, which may not be there, nor be writable."""
    try:
        home = Path.home()
    except RuntimeError:  # a user whom no list of users knows, as in a container
        home = Path(os.devnull)  # in which nothing can be written
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "selfplay"


def cache_dir() -> Path:
    """The folder of compiled kernels for the sources as they stand now; NUMBA_CACHE_DIR where that is set."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    return Path(given) if given else user_cache() / f"{_KERNELS}{_sources_hash()}"


def _prepare(folder: Path) -> None:
    """Make the folder and see that it can be written to; `OSError` if not. Of its older siblings a few are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"0")  # which a full disk refuses
    folder.touch()
    if folder.name.startswith(_KERNELS):
        old = sorted(folder.parent.glob(f"{_KERNELS}*"), key=lambda path: path.stat().st_mtime, reverse=True)
        for stale in old[_KEPT_CACHES:]:
            shutil.rmtree(stale, ignore_errors=True)


class _Cache:
    """Where compiled code is kept: `folder`, or nowhere after the first failure to write there."""

    def __init__(self) -> None:
        self.folder: Path | None = cache_dir()
        try:
            _prepare(self.folder)
        except OSError as error:
            self.give_up(error)
        else:
            numba_config.CACHE_DIR = str(self.folder)

    def give_up(self, error: OSError) -> None:
        """Compile without it from now on, and say so once."""
        variable = "NUMBA_CACHE_DIR" if "NUMBA_CACHE_DIR" in os.environ else "XDG_CACHE_HOME"
        warnings.warn(
            f"compiled code cannot be kept in {self.folder} ({error.strerror or error}), so every start takes up to "
            f"two minutes; set {variable} to a folder that can be written to",
            NotCached,
            stacklevel=2,
        )
        self.folder = None


_cache = _Cache()

compiling = False
"""whether a function is just being compiled, or loaded: not a moment for an exception from outside"""


def kept_in() -> Path | None:
    """The folder in which this process keeps compiled code, if it can."""
    return _cache.folder


def kernel(signature: Any = None, *, allocates: bool = True, **options: Any) -> Callable[[Function], Function]:
    """`numba.njit` with the GIL released, the disk cache on, and C's rules for division by zero.

    `allocates=False` promises that the kernel makes no arrays (views are fine). numba then leaves out its
    atomic reference counts, which were more than half the time of a search.
    """
    settings: dict[str, Any] = {"nogil": True, "error_model": "numpy"} | options
    if not allocates:
        settings["_nrt"] = False

    def compile_it(function: Function, cache: bool) -> Function:
        if signature is None:
            return numba.njit(cache=cache, **settings)(function)
        return numba.njit(signature, cache=cache, **settings)(function)

    def compiled(function: Function) -> Function:
        # numba names machine code after the function and a count of functions in the process that compiled
        # it. Two sizes of one game, cached by different processes, can share a name, and would then run each
        # other's code. What they close over tells them apart.
        if function.__closure__:
            closed_over = repr([cell.cell_contents for cell in function.__closure__])
            function.__qualname__ += "_" + hashlib.sha256(closed_over.encode()).hexdigest()[:16]
        global compiling
        compiling = True
        try:
            made = compile_it(function, cache=_cache.folder is not None)
        except OSError as error:  # the disk has become full, or the folder read-only
            _cache.give_up(error)
            made = compile_it(function, cache=False)
        finally:
            compiling = False
        _report(made)
        _remember_addresses(made)
        return made

    return compiled


def _report(compiled: Any) -> None:
    """Log the name of a function whose machine code was not found on disk, so that it was compiled."""
    stats = getattr(compiled, "stats", None)  # absent under NUMBA_DISABLE_JIT
    if stats is not None and (stats.cache_misses or _cache.folder is None):
        _log.debug(compiled.__name__)


def _remember_addresses(compiled: Any) -> None:
    """Make a kernel of one signature cheap to hand to another kernel: 2 microseconds instead of 18.

    For every function among its arguments a kernel asks numba for two addresses, and numba finds both anew each time.
    """
    overloads = getattr(compiled, "overloads", None)  # absent under NUMBA_DISABLE_JIT
    if not overloads:  # no signature was named: it is compiled when first called
        return
    (only,) = overloads.values()
    only.library.get_pointer_to_function = functools.cache(only.library.get_pointer_to_function)
    found = compiled.get_compile_result  # which refuses other signatures

    def of_signature(signature: Any) -> Any:
        return only if signature == only.signature else found(signature)

    compiled.get_compile_result = of_signature


def direct(compiled: Function) -> Function:
    """The entry point of a kernel that has one signature, without numba's look at the arguments' types.

    That look costs 40 microseconds for tuples of record arrays; wrong types are then undefined behaviour.
    """
    overloads: dict[Any, Any] | None = getattr(compiled, "overloads", None)  # absent under NUMBA_DISABLE_JIT
    if overloads is None:
        return compiled
    (only,) = overloads.values()
    return only.entry_point
