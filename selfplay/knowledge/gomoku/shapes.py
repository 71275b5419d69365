"""What a stone on an empty cell would make of each of the four lines through it: tables, computed once.

A shape is seen from one empty cell, in one direction, by one side, and counts only fives that would hold this
very stone. It is defined by what comes next, as in Allis, van den Herik and Huntjens, "Go-Moku and Threat-Space
Search" (1993): a four is what can become five in one way, an open four in two; an open three can become an open
four, a three only a four; an open two can become an open three, and so on. By the rule `standard` a five is
exactly five, which the definition carries down to every other shape.

Fives that hold the stone lie within REACH cells of it, so its shape depends on no more than those. One byte
holds both sides' shapes: the first player's in its low four bits, the second player's in its high four.

A cell's class is what its four shapes are together: two fours win like an open four, because one stone stops
only one of them. K keys of a line's neighbourhood, Q = 2**16 quadruples of shapes (four bits each).
"""

import functools

import numpy as np
from numba import types

from games.kernel import i64, kernel

# Shapes, weakest first. The number of ways counts the cells that would make the next shape.
DEAD, ONE, OPEN_ONE, TWO = 0, 1, 2, 3
OPEN_TWO_1, OPEN_TWO_2, OPEN_TWO_3 = 4, 5, 6  # one way, two, and more to an open three
THREE = 7
OPEN_THREE_1, OPEN_THREE_2 = 8, 9  # one way, and more to an open four
FOUR, OPEN_FOUR, FIVE = 10, 11, 12

# Classes of a cell, in the order of what they are good for.
QUIET, THREATENS, DOUBLE_THREE, MAKES_FOUR, FOUR_THREE, WINS_SOON, WINS = 0, 1, 2, 3, 4, 5, 6
CLASSES = 7
"""THREATENS: an open three. FOUR_THREE: a four and an open three. WINS_SOON: an open four, or two fours."""

EMPTY, FIRST, SECOND, WALL = 0, 1, 2, 3  # a cell in a line word, two bits each
QUADS = 1 << 16

u8s = types.Array(types.uint8, 1, "C")
i32s = types.Array(types.int32, 1, "C")


@kernel(i64(i64, i64, i64), allocates=False)
def _is_made(own, reach, exact):
    """1 if the stones `own` (bits, the cell in question is bit `reach`) make a five that holds the cell."""
    for first in range(reach - 4, reach + 1):
        if (own >> first) & 31 == 31:
            longer = (first > 0 and (own >> (first - 1)) & 1 == 1) or (own >> (first + 5)) & 1 == 1
            if exact == 0 or not longer:
                return 1
    return 0


@kernel(types.void(i64, i64, u8s))
def _fill_shapes(reach, exact, shapes_S):
    """Shapes of all neighbourhoods with the stone in place.

    S: their numbers in base 3, a digit for each neighbour (0 empty, 1 closed, 2 own). One more own stone is a
    higher number, so that going down from the highest every shape that could come next is known.
    """
    neighbours = 2 * reach
    next_C = np.zeros(neighbours, np.int64)  # by how much an own stone on an empty neighbour raises the number
    bit_C = np.zeros(neighbours, np.int64)
    for number in range(len(shapes_S) - 1, -1, -1):
        own = 1 << reach
        empties = 0
        rest, power = number, 1
        for neighbour in range(neighbours):
            digit = rest % 3
            bit = 1 << (neighbour if neighbour < reach else neighbour + 1)
            if digit == 2:
                own |= bit
            elif digit == 0:
                next_C[empties] = 2 * power
                bit_C[empties] = bit
                empties += 1
            rest //= 3
            power *= 3
        if _is_made(own, reach, exact) == 1:
            shapes_S[number] = FIVE
            continue
        fives, open_fours, fours, open_threes, threes, open_twos, twos = 0, 0, 0, 0, 0, 0, 0
        for i in range(empties):
            shape = shapes_S[number + next_C[i]]
            fives += shape == FIVE
            open_fours += shape == OPEN_FOUR
            fours += shape == FOUR
            open_threes += OPEN_THREE_1 <= shape <= OPEN_THREE_2
            threes += shape == THREE
            open_twos += OPEN_TWO_1 <= shape <= OPEN_TWO_3
            twos += shape == TWO
        if fives > 0:
            shapes_S[number] = OPEN_FOUR if fives > 1 else FOUR
        elif open_fours > 0:
            shapes_S[number] = OPEN_THREE_2 if open_fours > 1 else OPEN_THREE_1
        elif fours > 0:
            shapes_S[number] = THREE
        elif open_threes > 0:
            shapes_S[number] = OPEN_TWO_1 + min(open_threes, 3) - 1
        elif threes > 0:
            shapes_S[number] = TWO
        elif open_twos > 0:
            shapes_S[number] = OPEN_ONE
        elif twos > 0:
            shapes_S[number] = ONE
        else:
            shapes_S[number] = DEAD


@kernel(types.void(i64, u8s, u8s))
def _fill_keys(reach, shapes_S, shapes_K):
    """Both sides' shapes by key: two bits for each neighbour, from the near end of the line."""
    for key in range(len(shapes_K)):
        first, second, power = 0, 0, 1
        for neighbour in range(2 * reach):
            cell = (key >> (2 * neighbour)) & 3
            if cell != EMPTY:
                first += power * (2 if cell == FIRST else 1)
                second += power * (2 if cell == SECOND else 1)
            power *= 3
        shapes_K[key] = shapes_S[first] | (shapes_S[second] << 4)


def reach_of(exact: int) -> int:
    """How far from a cell its shapes depend on stones: a five, and by `standard` the cells beside it."""
    return 5 if exact else 4


@functools.cache
def shapes(exact: int) -> np.ndarray:
    """Shapes by key, uint8 [K]."""
    reach = reach_of(exact)
    shapes_S = np.zeros(3 ** (2 * reach), np.uint8)
    _fill_shapes(reach, exact, shapes_S)
    shapes_K = np.zeros(4 ** (2 * reach), np.uint8)
    _fill_keys(reach, shapes_S, shapes_K)
    return shapes_K


@kernel(types.void(u8s), allocates=False)
def _fill_classes(classes_Q):
    for quad in range(len(classes_Q)):
        fives, open_fours, fours, open_threes = 0, 0, 0, 0
        for shift in range(0, 16, 4):
            shape = (quad >> shift) & 15
            fives += shape == FIVE
            open_fours += shape == OPEN_FOUR
            fours += shape == FOUR
            open_threes += OPEN_THREE_1 <= shape <= OPEN_THREE_2
        if fives > 0:
            classes_Q[quad] = WINS
        elif open_fours > 0 or fours > 1:
            classes_Q[quad] = WINS_SOON
        elif fours == 1:
            classes_Q[quad] = FOUR_THREE if open_threes > 0 else MAKES_FOUR
        elif open_threes > 0:
            classes_Q[quad] = DOUBLE_THREE if open_threes > 1 else THREATENS
        else:
            classes_Q[quad] = QUIET


@functools.cache
def classes() -> np.ndarray:
    """Classes by quadruple, uint8 [Q]."""
    classes_Q = np.zeros(QUADS, np.uint8)
    _fill_classes(classes_Q)
    return classes_Q
