"""Obvious slow twins of Gomoku's shapes and searches: strings, sets of cells, plain recursion.

A line is a string from one end of the board to the other: `X` the side in question, `O` the other, `.` empty. Elsewhere
stones are a mapping from (row, column) to a side, 0 or 1.
"""

import functools
import itertools

import numpy as np

from selfplay.knowledge.budget import WIN
from selfplay.knowledge.gomoku.weights import MOVER, TEMPO, WAITING

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


SHAPES = ("dead", "one", "open one", "two", "open two", "open two", "open two", "three")
SHAPES += ("open three", "open three", "four", "open four", "five")


def number(shape):
    """A shape as the tables number it."""
    name, ways = shape
    if name in ("open two", "open three"):
        return SHAPES.index(name) + min(ways, SHAPES.count(name)) - 1
    return SHAPES.index(name)


QUIET, THREATENS, DOUBLE_THREE, MAKES_FOUR, FOUR_THREE, WINS_SOON, WINS = range(7)


def class_of(numbers):
    """What a cell with these shapes is good for, as a person would say it."""
    names = [SHAPES[n] for n in numbers]
    if "five" in names:
        return WINS
    if "open four" in names or names.count("four") > 1:
        return WINS_SOON
    if "four" in names:
        return FOUR_THREE if "open three" in names else MAKES_FOUR
    return (QUIET, THREATENS, DOUBLE_THREE)[min(2, names.count("open three"))]


@functools.cache
def _numbers_by_neighbours(exact):
    """Shapes by the five cells before and the five after, 0 empty, 1 own, 2 closed, as digits in base 3."""
    found = np.zeros(3**10, np.uint8)
    for i, digits in enumerate(itertools.product(".XO", repeat=10)):
        line = "".join(digits)
        found[i] = number(shape(line[:5] + "." + line[5:], 5, exact))
    return found


def numbers_of_boards(own_NHW, other_NHW, exact):
    """Shapes of `own` on every cell of many boards, [N, 4, H, W]; of cells that are taken they mean nothing."""
    boards, height, width = own_NHW.shape
    padded = np.full((boards, height + 10, width + 10), 2)
    padded[:, 5:-5, 5:-5] = own_NHW + 2 * other_NHW
    found = np.zeros((boards, 4, height, width), np.uint8)
    for d, (d_row, d_column) in enumerate(DIRECTIONS):
        key = np.zeros((boards, height, width), np.int64)
        for i in (-5, -4, -3, -2, -1, 1, 2, 3, 4, 5):
            row, column = 5 + i * d_row, 5 + i * d_column
            key = 3 * key + padded[:, row : row + height, column : column + width]
        found[:, d] = _numbers_by_neighbours(exact)[key]
    return found


@functools.cache
def windows(size):
    """All five cells in a row."""
    found = []
    for row, column in itertools.product(range(size), repeat=2):
        for d_row, d_column in DIRECTIONS:
            cells = [(row + i * d_row, column + i * d_column) for i in range(5)]
            if all(0 <= r < size and 0 <= c < size for r, c in cells):
                found.append(cells)
    return found


@functools.cache
def windows_through(size, cell):
    return [window for window in windows(size) if cell in window]


def _one_short(wins, missing, stones, side):
    """The empty cells of those windows that lack `missing` stones of `side` and hold none of the other's."""
    found = set()
    for window in wins:
        owners = [stones.get(cell) for cell in window]
        if owners.count(side) == 5 - missing and owners.count(None) == missing:
            found.update(cell for cell, owner in zip(window, owners, strict=True) if owner is None)
    return found


def five_cells(size, stones, side, exact, through=None):
    """Where a stone makes five; with `through` only in windows that hold this cell."""
    some = windows(size) if through is None else windows_through(size, through)
    cells = _one_short(some, 1, stones, side)
    return {cell for cell in cells if makes_five(size, stones, side, cell, exact)} if exact else cells


def four_cells(size, stones, side):
    """Where a stone may make a four: no others can."""
    return _one_short(windows(size), 2, stones, side)


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
        for cell in must or four_cells(size, stones, side):
            after = stones | {cell: side}
            fives = five_cells(size, after, side, exact, through=cell)
            if len(fives) > 1:
                return True
            if fives and wins_by_fours(size, after | {fives.pop(): 1 - side}, side, most - 1, exact, failed):
                return True
    failed[key] = max(most, failed.get(key, -1))
    return False


def wins_in_three(size, stones, side, exact):
    """Whether `side`, to move, has a stone that makes two cells that complete five, and nothing to fear meanwhile."""
    if five_cells(size, stones, 1 - side, exact):
        return False
    return any(
        len(five_cells(size, stones | {cell: side}, side, exact, through=cell)) > 1
        for cell in four_cells(size, stones, side)
    )


def is_won(size, stones, side, exact, attack):
    """Whether the moves that `attack` gives for `side` win against every defence. `attack(stones)` may give None."""
    move = attack(stones)
    if move is None:
        return False
    if makes_five(size, stones, side, move, exact):
        return True
    after = stones | {move: side}
    if five_cells(size, after, 1 - side, exact):
        return False
    for cell in itertools.product(range(size), repeat=2):
        if cell not in after:
            answered = after | {cell: 1 - side}
            if five_cells(size, answered, side, exact) or wins_in_three(size, answered, side, exact):
                continue
            if not is_won(size, answered, side, exact, attack):
                return False
    return True


def minimax(size, stones, side, depth, exact, left=None, ply=0):
    """The score of the search by shapes without pruning and without VCF and VCT, and the best moves.

    A reply to a four costs no depth; where the depth ends and the other side threatens to make an open four or two
    fours, one more ply is searched.
    """
    left = depth if left is None else left
    count = len(stones)
    if count == size * size:
        return 0, []
    planes = np.zeros((2, size, size), np.int64)  # of the side to move, and of the other
    for (row, column), owner in stones.items():
        planes[owner ^ side, row, column] = 1
    empty = [cell for cell in itertools.product(range(size), repeat=2) if cell not in stones]
    own, other = (
        {cell: numbers_4HW[:, *cell].tolist() for cell in empty}
        for numbers_4HW in numbers_of_boards(planes, planes[::-1], exact)
    )
    mine, theirs = ({cell: class_of(numbers) for cell, numbers in some.items()} for some in (own, other))
    for class_, plies in ((WINS, 1), (WINS_SOON, 3)):
        if class_ == WINS_SOON and WINS in theirs.values():
            break
        if class_ in mine.values():
            return WIN - (count + plies), [cell for cell in empty if mine[cell] == class_]
    blocks = [cell for cell in empty if theirs[cell] == WINS]
    threatened = WINS_SOON in theirs.values()
    if len(blocks) > 1:
        return -(WIN - (count + 2)), blocks
    if not blocks and threatened and left <= 0 and ply < 2 * depth + 8:
        left = 1
    if blocks:
        moves = blocks
    elif left <= 0:
        return TEMPO + _worth(own.values(), MOVER) - _worth(other.values(), WAITING), []
    elif threatened:
        moves = [cell for cell in empty if max(mine[cell], theirs[cell]) >= MAKES_FOUR]
    else:
        moves = [cell for cell in empty if any(max(abs(cell[0] - r), abs(cell[1] - c)) <= 2 for r, c in stones)]
    scores = {}
    for cell in moves or [(size // 2, size // 2)]:
        below = left if blocks else left - 1
        scores[cell] = -minimax(size, stones | {cell: side}, 1 - side, depth, exact, below, ply + 1)[0]
    best = max(scores.values())
    return best, [cell for cell, score in scores.items() if score == best]


def _worth(numbers_of_cells, table):
    """By a table in rows: row s holds the worths of best shape s and second best 0 to s."""
    total = 0
    for numbers in numbers_of_cells:
        second, best = sorted(numbers)[2:]
        total += table[best * (best + 1) // 2 + second]
    return total
