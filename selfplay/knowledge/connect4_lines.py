"""Lines of Connect Four on bitboards: where one would be completed, and how full each still is.

Bits are those of `games.connect4`: `column * (height + 1) + row`. A guard bit above each column is never a
stone, so no shift can run from one column into the next. Own and other: the two players' stones.
"""

import numpy as np

from games.kernel import i64, kernel, u64

ONE = np.uint64(1)
ZERO = np.uint64(0)
MAX_K = 8  # stones in a line are counted in three bits


@kernel(i64(u64))
def count_bits(bits):
    """How many bits are set. (LLVM makes this loop one instruction.)"""
    count = 0
    while bits != 0:
        bits &= bits - ONE
        count += 1
    return count


@kernel(u64(i64, i64))
def floor_bits(height, width):
    """The bottom cell of every column."""
    bits = ZERO
    for column in range(width):
        bits |= ONE << np.uint64(column * (height + 1))
    return bits


@kernel(u64(i64, i64))
def board_bits(height, width):
    """Every cell of the board."""
    bits = ZERO
    for row in range(height):
        bits |= floor_bits(height, width) << np.uint64(row)
    return bits


@kernel(u64(u64, u64))
def _completes_four(own, shift):
    """Bits that would make four in a row along one direction, by where in the four they stand."""
    two = shift + shift
    three = two + shift
    pair = (own << shift) & (own << two)
    found = pair & ((own << three) | (own >> shift))
    pair = (own >> shift) & (own >> two)
    return found | (pair & ((own >> three) | (own << shift)))


@kernel(u64(u64, i64, i64))
def _completes_line(own, shift, k):
    """The same for any length."""
    found = ZERO
    for place in range(k):
        line = ~ZERO
        for i in range(k):
            if i < place:
                line &= own << np.uint64((place - i) * shift)
            elif i > place:
                line &= own >> np.uint64((i - place) * shift)
        found |= line
    return found


@kernel(u64(u64, i64, i64))
def winning_bits(own, height, k):
    """Bits at which a stone of `own` would complete a line: taken cells and guard bits may be among them."""
    stride = height + 1
    found = ZERO
    for shift in (1, stride, stride - 1, stride + 1):
        if (k - 1) * shift > 63:  # no such line fits on the board, and no shift may pass the word
            continue
        found |= _completes_four(own, np.uint64(shift)) if k == 4 else _completes_line(own, shift, k)
    return found


@kernel(i64(u64, u64, u64, i64, i64, i64[::1]))
def line_worth(own, other, board, height, k, worth_K):
    """Sum over all lines that `other` has no stone in of worth_K[stones of `own` in the line]."""
    free = board & ~other
    stride = height + 1
    total = 0
    for shift in (1, stride, stride - 1, stride + 1):
        if (k - 1) * shift > 63:
            continue
        lines = ~ZERO  # lines by their first cell
        ones = twos = fours = ZERO  # how many own stones each holds, bit by bit
        for i in range(k):
            by = np.uint64(i * shift)
            lines &= free >> by
            stone = own >> by
            carry = ones & stone
            ones ^= stone
            fours ^= twos & carry
            twos ^= carry
        for stones in range(1, k):
            chosen = lines
            chosen &= ones if stones & 1 else ~ones
            chosen &= twos if stones & 2 else ~twos
            chosen &= fours if stones & 4 else ~fours
            if worth_K[stones] != 0:
                total += worth_K[stones] * count_bits(chosen)
    return total
