"""The time of day inside kernels: C's clock, handed in as a function, so that no thread has to stop a search."""

import ctypes
import time
from typing import Any

import numpy as np
from numba import types

from games.kernel import i64, kernel

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


@kernel(i64(CLOCK, i64[::1]))
def now(clock, time_2):
    """Nanoseconds since some moment in the past; `time_2` is scratch."""
    clock(_WHICH, time_2.ctypes)
    return time_2[0] * 1_000_000_000 + time_2[1]
