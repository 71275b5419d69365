"""Lines of Connect Four on bitboards: where one would be completed, and how full each still is.

Bits are those of `games.connect4`: `column * (height + 1) + row`. A guard bit above each column is never a
stone, so no shift can run from one column into the next. Own and other: the two players' stones.
"""

import numpy as np
from numba import types

from games.kernel import i64, kernel, u64

ONE = np.uint64(1)
ZERO = np.uint64(0)
MAX_K = 8  # stones in a line are counted in three bits


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


@kernel(u64(u64, u64), allocates=False)
def _completes_four(own, shift):
    """Bits that would make four in a row along one direction, by where in the four they stand."""
    two = shift + shift
    three = two + shift
    pair = (own << shift) & (own << two)
    found = pair & ((own << three) | (own >> shift))
    pair = (own >> shift) & (own >> two)
    return found | (pair & ((own >> three) | (own << shift)))


@kernel(u64(u64, i64, i64), allocates=False)
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


@kernel(u64(u64, i64, i64), allocates=False)
def winning_bits(own, height, k):
    """Bits at which a stone of `own` would complete a line: taken cells and guard bits may be among them."""
    stride = height + 1
    if k == 4 and 3 * (stride + 1) < 64:
        by = np.uint64(stride)
        found = _completes_four(own, ONE) | _completes_four(own, by)
        return found | _completes_four(own, by - ONE) | _completes_four(own, by + ONE)
    found = ZERO
    for shift in (1, stride, stride - 1, stride + 1):
        if (k - 1) * shift < 64:  # a line that passes the word does not fit on the board
            found |= _completes_line(own, shift, k)
    return found


@kernel(u64(u64, u64, u64, u64, i64), allocates=False)
def _having(lines, ones, twos, fours, stones):
    """Those of the lines that hold so many stones, counted in three bits."""
    if stones < 1:
        return ZERO
    lines &= ones if stones & 1 else ~ones
    lines &= twos if stones & 2 else ~twos
    return lines & (fours if stones & 4 else ~fours)


@kernel(types.UniTuple(u64, 3)(u64, u64, i64, i64), allocates=False)
def open_lines(own, free, shift, k):
    """The lines along one direction, by their first cell, that lie in `free` and hold k-3, k-2 and k-1 own stones."""
    if (k - 1) * shift >= 64:
        return ZERO, ZERO, ZERO
    by = np.uint64(shift)
    two = by + by
    if k == 4:
        lines = free & (free >> by)
        lines &= lines >> two
        near, far = own ^ (own >> by), own & (own >> by)  # an adder: the four stones of each line
        odd = near ^ (near >> two)
        pairs = far ^ (far >> two) ^ (near & (near >> two))
        return lines & odd & ~pairs, lines & ~odd & pairs, lines & odd & pairs
    lines = ~ZERO
    ones = twos = fours = ZERO
    for i in range(k):
        stone = own >> np.uint64(i * shift)
        lines &= free >> np.uint64(i * shift)
        carry = ones & stone
        ones ^= stone
        fours ^= twos & carry
        twos ^= carry
    few = _having(lines, ones, twos, fours, k - 3)
    some = _having(lines, ones, twos, fours, k - 2)
    return few, some, _having(lines, ones, twos, fours, k - 1)


@kernel(u64(u64, i64, i64), allocates=False)
def touching(cells, shift, k):
    """The lines along one direction, by their first cell, with one of `cells` in them."""
    found = cells
    for i in range(1, k):
        if i * shift < 64:
            found |= cells >> np.uint64(i * shift)
    return found
