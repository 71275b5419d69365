"""The time of day inside kernels: C's clock, handed in as a function, so that no thread has to stop a search.

Whoever looks at the clock also learns that the process is to stop: it is then later than any deadline.
"""

import ctypes
import time
from typing import Any, NamedTuple

import numpy as np
from numba import types

from games import interrupt
from games.kernel import i64, kernel
from selfplay.knowledge.budget import UNLIMITED

_SIGNATURE = types.int32(types.int32, types.CPointer(types.int64))
CLOCK = types.FunctionType(_SIGNATURE)
_WHICH = np.int32(time.CLOCK_MONOTONIC)


class _Clock(types.WrapperAddressProtocol):
    """`clock_gettime` as numba takes functions by address: 23 ns a call, and kernels that use it stay cached."""

    def __init__(self) -> None:
        self._function = ctypes.CDLL(None).clock_gettime

    def __wrapper_address__(self) -> int:
        return ctypes.cast(self._function, ctypes.c_void_p).value or 0

    def signature(self) -> Any:
        return _SIGNATURE

    def __call__(self, which: int, time_2: Any) -> int:
        return self._function(int(which), time_2)


clock = _Clock()


class Timer(NamedTuple):
    """What looking at the clock needs."""

    time_2: np.ndarray  # int64; scratch, of one thread
    stop_1: np.ndarray  # int64; `interrupt.word()`


timer_t = types.NamedUniTuple(types.Array(i64, 1, "C"), 2, Timer)
_LATE = 2 * UNLIMITED  # later than any deadline, and far enough from the end of the numbers to add another


def new_timer() -> Timer:
    """For the searches of one thread."""
    return Timer(np.zeros(2, np.int64), interrupt.word())


@kernel(i64(CLOCK, timer_t))
def now(clock, timer):
    """Nanoseconds since some moment in the past; later than any deadline once the process is to stop."""
    if timer.stop_1[0] != 0:
        return _LATE
    clock(_WHICH, timer.time_2.ctypes)
    return timer.time_2[0] * 1_000_000_000 + timer.time_2[1]
