"""Obvious slow twins of Gomoku's shapes and continuous fours: strings, sets of cells, plain recursion.

A line is a string from one end of the board to the other: `X` the side in question, `O` the other, `.` empty.
"""

import functools

DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))


def _fives(line, at, exact):
    """Whether the X on `at` is part of a five."""
    for first in range(max(0, at - 4), at + 1):
        if line[first : first + 5] == "XXXXX":
            beside = line[max(0, first - 1) : first] + line[first + 5 : first + 6]
            if not (exact and "X" in beside):
                return True
    return False


@functools.cache
def shape_of_stone(line, at, exact):
    """What the X on `at` makes: the name of the shape and in how many ways it can go on."""
    if _fives(line, at, exact):
        return "five", 0
    near = range(max(0, at - 5), min(len(line), at + 6))
    nexts = [shape_of_stone(line[:i] + "X" + line[i + 1 :], at, exact)[0] for i in near if line[i] == "."]
    fives = nexts.count("five")
    if fives:
        return ("open four" if fives > 1 else "four"), fives
    for goal, name in (
        ("open four", "open three"),
        ("four", "three"),
        ("open three", "open two"),
        ("three", "two"),
        ("open two", "open one"),
        ("two", "one"),
    ):
        if goal in nexts:
            return name, nexts.count(goal)
    return "dead", 0


def shape(line, at, exact):
    """What an X put on the empty cell `at` would make."""
    return shape_of_stone(line[:at] + "X" + line[at + 1 :], at, exact)


def line_through(size, stones, side, cell, direction):
    """The line as a string, and where on it the cell is; `stones` maps (row, column) to a side."""
    (row, column), (d_row, d_column) = cell, direction
    at = 0
    while 0 <= row - d_row < size and 0 <= column - d_column < size:
        row, column, at = row - d_row, column - d_column, at + 1
    line = ""
    while 0 <= row < size and 0 <= column < size:
        owner = stones.get((row, column))
        line += "." if owner is None else "X" if owner == side else "O"
        row, column = row + d_row, column + d_column
    return line, at


def shapes_at(size, stones, side, cell, exact):
    """The four shapes of `side` on an empty cell."""
    return [shape(*line_through(size, stones, side, cell, direction), exact) for direction in DIRECTIONS]


def makes_five(size, stones, side, cell, exact):
    """Whether a stone on the empty cell makes five, by looking at the board alone."""
    for d_row, d_column in DIRECTIONS:
        length = 1
        for sign in (1, -1):
            row, column = cell
            while True:
                row, column = row + sign * d_row, column + sign * d_column
                if stones.get((row, column)) != side:
                    break
                length += 1
        if length == 5 or (length > 5 and not exact):
            return True
    return False


def _near(size, stones):
    """Empty cells at most four from a stone, in a straight line: a five needs no other."""
    found = set()
    for row, column in stones:
        for d_row, d_column in DIRECTIONS:
            for i in (-4, -3, -2, -1, 1, 2, 3, 4):
                cell = (row + i * d_row, column + i * d_column)
                if cell not in stones and 0 <= cell[0] < size and 0 <= cell[1] < size:
                    found.add(cell)
    return found


def five_cells(size, stones, side, exact):
    own = {cell for cell, owner in stones.items() if owner == side}
    return {
        cell for cell in _near(size, dict.fromkeys(own)) - stones.keys() if makes_five(size, stones, side, cell, exact)
    }


def wins_by_fours(size, stones, side, most, exact, failed=None):
    """Whether `side`, to move, has a win of at most `most` fours before the five, each answered the only way."""
    failed = {} if failed is None else failed
    key = frozenset(stones.items())
    if failed.get(key, -1) >= most:
        return False
    if five_cells(size, stones, side, exact):
        return True
    must = five_cells(size, stones, 1 - side, exact)
    if most > 0 and len(must) < 2:
        for cell in must or _near(size, {c: s for c, s in stones.items() if s == side}) - stones.keys():
            after = stones | {cell: side}
            fives = five_cells(size, after, side, exact)
            if len(fives) > 1:
                return True
            if fives and wins_by_fours(size, after | {fives.pop(): 1 - side}, side, most - 1, exact, failed):
                return True
    failed[key] = max(most, failed.get(key, -1))
    return False
