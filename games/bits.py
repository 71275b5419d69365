"""Whole words of stones at once."""

# A kernel's types are its numba signature, which type checkers cannot read.
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import numpy as np

from games.kernel import i64, kernel, u64, words_W

_ONE = np.uint64(1)


@kernel(i64(u64), allocates=False)
def count_bits(bits):
    """How many bits are set. (LLVM makes this loop one instruction.)"""
    count = 0
    while bits != 0:
        bits &= bits - _ONE
        count += 1
    return count


@kernel(u64(words_W, i64, i64, i64, i64), allocates=False)
def ahead(state_W, first, words, word, distance):
    """Word `word` of the `words` words from `first` on, moved `distance` bits down: bit b tells of bit b + distance."""
    source = word + (distance >> 6)
    bits = np.uint64(distance & 63)
    low = state_W[first + source] >> bits if source < words else np.uint64(0)
    high = (state_W[first + source + 1] << _ONE) << (np.uint64(63) - bits) if source + 1 < words else np.uint64(0)
    return low | high


@kernel(u64(words_W, i64, i64, i64, i64), allocates=False)
def behind(state_W, first, words, word, distance):
    """Likewise moved `distance` bits up: bit b tells of bit b - distance."""
    source = word - (distance >> 6)
    bits = np.uint64(distance & 63)
    high = state_W[first + source] << bits if source >= 0 else np.uint64(0)
    low = (state_W[first + source - 1] >> _ONE) >> (np.uint64(63) - bits) if source - 1 >= 0 else np.uint64(0)
    return low | high
