"""Whole words of stones at once."""

# A kernel's types are its numba signature, which type checkers cannot read.
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false, reportUnknownVariableType=false

import numpy as np

from games.kernel import i64, kernel, u64

_ONE = np.uint64(1)


@kernel(i64(u64), allocates=False)
def count_bits(bits):
    """How many bits are set. (LLVM makes this loop one instruction.)"""
    count = 0
    while bits != 0:
        bits &= bits - _ONE
        count += 1
    return count
