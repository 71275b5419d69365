"""Where Black may not play by the rules of Renju, slow and obvious, from the words of the rules: sets of cells.

`black` and `white` are sets of (row, column). Nothing here is shared with `games`.
"""

import functools

DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))


def line(cell, direction, size):
    """The cells of the board on the line through `cell`, from one end to the other."""
    (row, column), (down, right) = cell, direction
    cells = [(row + i * down, column + i * right) for i in range(-size, size + 1)]
    return [(r, c) for r, c in cells if 0 <= r < size and 0 <= c < size]


def row_of(cell, direction, stones):
    """The unbroken row of stones that holds `cell`."""
    found = {cell}
    for sign in (1, -1):
        row, column = cell
        while True:
            row, column = row + sign * direction[0], column + sign * direction[1]
            if (row, column) not in stones:
                break
            found.add((row, column))
    return found


def makes_five(cell, black):
    return any(len(row_of(cell, direction, black)) == 5 for direction in DIRECTIONS)


@functools.cache
def near(cell, direction, size):
    """The cells within five of it on a line; no five with it reaches further, nor what would make it six."""
    cells = line(cell, direction, size)
    at = cells.index(cell)
    return cells[max(0, at - 5) : at + 6]


def fours(cell, direction, black, white, size):
    """The fours that hold `cell`, each with the cells that make it five: {four stones: {cells}}."""
    found = {}
    for more in near(cell, direction, size):
        if more not in black and more not in white:
            five = row_of(more, direction, black | {more})
            if len(five) == 5 and cell in five:
                found.setdefault(frozenset(five - {more}), set()).add(more)
    return found


def makes_straight_four(more, cell, direction, black, white, size):
    """Whether a stone on `more` makes a straight four that holds it and `cell`: four unbroken, five at both ends."""
    for four, ends in fours(more, direction, black | {more}, white, size).items():
        if cell in four and len(ends) == 2 and row_of(more, direction, four) == four:
            return True
    return False


def is_three(cell, direction, black, white, size):
    """Whether the stone on `cell` is of a three: one that can become a straight four by a move that is allowed."""
    for more in near(cell, direction, size):
        if more in black or more in white:
            continue
        if not makes_straight_four(more, cell, direction, black, white, size):
            continue
        if not makes_five(more, black | {more}) and foul(more, black, white, size) is None:
            return True
    return False


def foul(cell, black, white, size):
    """The name of the foul that a black stone on the empty cell would be, or None."""
    black = black | {cell}
    if sum(len(black.intersection(near(cell, direction, size))) - 1 for direction in DIRECTIONS) < 4:
        return None  # the least that it takes: two threes have four stones beside this one
    if makes_five(cell, black):
        return None
    if any(len(row_of(cell, direction, black)) > 5 for direction in DIRECTIONS):
        return "overline"
    if sum(len(fours(cell, direction, black, white, size)) for direction in DIRECTIONS) > 1:
        return "double-four"
    threes = 0
    for direction in DIRECTIONS:
        threes += is_three(cell, direction, black, white, size)
    return "double-three" if threes > 1 else None


@functools.lru_cache(8)
def fouls(black, white, size):
    """Every cell where Black may not play, with the name of the foul; the stones as frozen sets."""
    found = {}
    for row in range(size):
        for column in range(size):
            cell = row, column
            if cell not in black and cell not in white:
                name = foul(cell, black, white, size)
                if name is not None:
                    found[cell] = name
    return found
