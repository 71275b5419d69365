"""A Gomoku board for search: every empty cell's shapes, their worth and their classes, kept up to date move by move.

A move changes shapes only along the four lines through its cell and only within the tables' reach, so putting a
stone looks up some 32 cells and taking it back restores those that changed. Stones are taken back in the
opposite order only. Sides: 0 the player who began the game, 1 the other.

C cells, D four directions, S two sides, Q quadruples of shapes, K keys of a neighbourhood (see `gomoku_shapes`).
"""

import functools
from typing import NamedTuple

import numba
import numpy as np
from numba import types

from games.game import Game
from games.kernel import i64, kernel, u64, words_W
from selfplay.knowledge.gomoku import shapes
from selfplay.knowledge.gomoku.shapes import CLASSES, DOUBLE_THREE, FOUR_THREE, MAKES_FOUR, WINS, WINS_SOON

_FIVE = 5  # in a row
_MOST = 400  # cells of the largest board
_WORDS = 7  # 64-bit words for a set of cells
_LINES = 4 * 39
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))
_LANE = np.int64(0xFFFFFFFF)

BOARD = np.dtype(
    [
        ("lines", np.uint64, (_LINES,)),  # the stones of each line, two bits a cell, walls beyond its ends
        ("shapes", np.uint32, (_MOST,)),  # of an empty cell, a byte for each direction; of others, as it was
        ("classes", np.uint8, (_MOST,)),  # likewise; side 0 in the low four bits, side 1 in the high
        ("stone", np.uint8, (_MOST,)),  # 0 empty, else side + 1
        ("counts", np.int64, (2, CLASSES)),  # empty cells of each class, by side
        ("members", np.uint64, (2, CLASSES, _WORDS)),  # which they are
        ("worth", np.int64, (2,)),  # of all empty cells to each side: to move in the low half, waiting in the high
        ("key", np.uint64),
        ("stones", np.int64),
        ("moves", np.int64, (_MOST + 1,)),  # the stones put down, in order
        ("near", np.uint64, (_MOST + 1, _WORDS)),  # cells near a stone, after each move
        ("worth_before", np.int64, (_MOST + 1, 2)),
        ("logged_before", np.int64, (_MOST + 1,)),
        ("logged", np.int64),
        ("log", np.uint64, (40 * _MOST,)),  # shapes, class and cell as they were, for taking back
    ],
    align=True,
)

GEOMETRY = np.dtype(
    [
        ("size", np.int64),
        ("cells", np.int64),
        ("words", np.int64),
        ("reach", np.int64),
        ("steps", np.int64, (4,)),
        ("line", np.int64, (_MOST, 4)),  # that a cell lies on in each direction, and where on it
        ("place", np.int64, (_MOST, 4)),
        ("back", np.int64, (_MOST, 4)),  # cells before it within reach, and after it
        ("ahead", np.int64, (_MOST, 4)),
        ("near", np.uint64, (_MOST, _WORDS)),
        ("keys", np.uint64, (2, _MOST)),  # Zobrist
        ("empty_lines", np.uint64, (_LINES,)),
    ],
    align=True,
)


class Knowledge(NamedTuple):
    """What stays the same throughout a game."""

    geometry_1: np.ndarray
    shapes_K: np.ndarray
    classes_Q: np.ndarray
    worths_Q: np.ndarray  # int64, both halves as in BOARD["worth"]
    ordering_scores_Q: np.ndarray  # int64; of a stone of one's own, for the order of moves
    stops_Q: np.ndarray  # int64; of a stone on a cell where the other side has these shapes
    tempo: int  # what being to move is worth, over what shapes are worth to the side that is


board_t = numba.from_dtype(BOARD)
boards_t = types.Array(board_t, 1, "C")
geometry_t = types.Array(numba.from_dtype(GEOMETRY), 1, "C")
i64s = types.Array(i64, 1, "C")
u8s = types.Array(types.uint8, 1, "C")
knowledge_t = types.NamedTuple([geometry_t, u8s, u8s, i64s, i64s, i64s, i64], Knowledge)

_ONE = np.uint64(1)
_SIDES = np.uint32(0x0F0F0F0F)


@kernel(i64(types.uint32), allocates=False)
def quad(nibbles):
    """The four shapes of one side, from bytes that hold them in their low halves."""
    nibbles &= _SIDES
    nibbles = (nibbles | (nibbles >> np.uint32(4))) & np.uint32(0x00FF00FF)
    return np.int64((nibbles | (nibbles >> np.uint32(8))) & np.uint32(0xFFFF))


@kernel(i64(board_t, i64, i64), allocates=False)
def quad_at(board, cell, side):
    """The four shapes that `side` would make on an empty cell."""
    return quad(board["shapes"][np.uint64(cell)] >> np.uint32(4 * side))


@kernel(types.void(board_t, i64, i64, i64, i64), allocates=False)
def _reclass(board, cell, side, old, new):
    word, bit = np.uint64(cell >> 6), _ONE << np.uint64(cell & 63)
    board["counts"][np.uint64(side), np.uint64(old)] -= 1
    board["counts"][np.uint64(side), np.uint64(new)] += 1
    board["members"][np.uint64(side), np.uint64(old), word] ^= bit
    board["members"][np.uint64(side), np.uint64(new), word] ^= bit


@kernel(types.void(board_t, knowledge_t, i64, i64), allocates=False)
def make(board, know, cell, side):
    """Put a stone of `side` on an empty cell."""
    geometry = know.geometry_1[0]
    here = np.uint64(cell)
    ply = np.uint64(board["stones"])
    word, bit = np.uint64(cell >> 6), _ONE << np.uint64(cell & 63)
    worth0, worth1 = board["worth"][0], board["worth"][1]
    logged = board["logged"]
    board["worth_before"][ply, 0] = worth0
    board["worth_before"][ply, 1] = worth1
    board["logged_before"][ply] = logged
    board["moves"][ply] = cell
    for w in range(geometry["words"]):
        board["near"][ply + _ONE, np.uint64(w)] = (
            board["near"][ply, np.uint64(w)] | geometry["near"][here, np.uint64(w)]
        )
    board["stones"] += 1
    board["stone"][here] = side + 1
    board["key"] ^= geometry["keys"][np.uint64(side), here]

    # The cell is no longer a place to play.
    was = board["shapes"][here]
    worth0 -= know.worths_Q[np.uint64(quad(was))]
    worth1 -= know.worths_Q[np.uint64(quad(was >> np.uint32(4)))]
    classes = np.int64(board["classes"][here])
    for s in range(2):
        class_ = np.uint64((classes >> (4 * s)) & 15)
        board["counts"][np.uint64(s), class_] -= 1
        board["members"][np.uint64(s), class_, word] ^= bit

    reach = geometry["reach"]
    middle = np.uint64(2 * reach)
    below = (_ONE << middle) - _ONE
    above = below << middle
    for d in range(4):
        place = geometry["place"][here, np.uint64(d)]
        line = np.uint64(geometry["line"][here, np.uint64(d)])
        stones = board["lines"][line] | (np.uint64(side + 1) << np.uint64(2 * (place + reach)))
        board["lines"][line] = stones
        step = geometry["steps"][np.uint64(d)]
        shift = np.uint32(8 * d)
        for j in range(-geometry["back"][here, np.uint64(d)], geometry["ahead"][here, np.uint64(d)] + 1):
            around = stones >> np.uint64(2 * (place + j))
            if (around >> middle) & np.uint64(3) != 0:
                continue
            found = np.uint32(know.shapes_K[(around & below) | ((around >> np.uint64(2)) & above)])
            other = np.uint64(cell + j * step)
            old = board["shapes"][other]
            changed = ((old >> shift) & np.uint32(255)) ^ found
            if changed == 0:
                continue
            new = old ^ (changed << shift)
            board["shapes"][other] = new
            old_classes = np.int64(board["classes"][other])
            board["log"][np.uint64(logged)] = (
                (np.uint64(old) << np.uint64(32)) | (np.uint64(old_classes) << np.uint64(16)) | other
            )
            logged += 1
            new_classes = old_classes
            if changed & np.uint32(15) != 0:
                now = np.uint64(quad(new))
                worth0 += know.worths_Q[now] - know.worths_Q[np.uint64(quad(old))]
                class_ = np.int64(know.classes_Q[now])
                if class_ != old_classes & 15:
                    _reclass(board, np.int64(other), 0, old_classes & 15, class_)
                    new_classes = (new_classes & 0xF0) | class_
            if changed & np.uint32(0xF0) != 0:
                now = np.uint64(quad(new >> np.uint32(4)))
                worth1 += know.worths_Q[now] - know.worths_Q[np.uint64(quad(old >> np.uint32(4)))]
                class_ = np.int64(know.classes_Q[now])
                if class_ != old_classes >> 4:
                    _reclass(board, np.int64(other), 1, old_classes >> 4, class_)
                    new_classes = (new_classes & 15) | (class_ << 4)
            board["classes"][other] = new_classes
    board["logged"] = logged
    board["worth"][0] = worth0
    board["worth"][1] = worth1


@kernel(types.void(board_t, knowledge_t), allocates=False)
def unmake(board, know):
    """Take back the stone put down last."""
    geometry = know.geometry_1[0]
    board["stones"] -= 1
    ply = np.uint64(board["stones"])
    cell = board["moves"][ply]
    here = np.uint64(cell)
    side = np.int64(board["stone"][here]) - 1
    word, bit = np.uint64(cell >> 6), _ONE << np.uint64(cell & 63)
    first = board["logged_before"][ply]
    logged = board["logged"]
    while logged > first:
        logged -= 1
        entry = board["log"][np.uint64(logged)]
        other = entry & np.uint64(0xFFFF)
        board["shapes"][other] = np.uint32(entry >> np.uint64(32))
        old = np.int64((entry >> np.uint64(16)) & np.uint64(0xFF))
        new = np.int64(board["classes"][other])
        if old != new:
            if (old ^ new) & 15 != 0:
                _reclass(board, np.int64(other), 0, new & 15, old & 15)
            if (old ^ new) >> 4 != 0:
                _reclass(board, np.int64(other), 1, new >> 4, old >> 4)
            board["classes"][other] = old
    board["logged"] = first
    classes = np.int64(board["classes"][here])
    for s in range(2):
        class_ = np.uint64((classes >> (4 * s)) & 15)
        board["counts"][np.uint64(s), class_] += 1
        board["members"][np.uint64(s), class_, word] ^= bit
    for d in range(4):
        place = geometry["place"][here, np.uint64(d)]
        line = np.uint64(geometry["line"][here, np.uint64(d)])
        board["lines"][line] ^= np.uint64(side + 1) << np.uint64(2 * (place + geometry["reach"]))
    board["stone"][here] = 0
    board["key"] ^= geometry["keys"][np.uint64(side), here]
    board["worth"][0] = board["worth_before"][ply, 0]
    board["worth"][1] = board["worth_before"][ply, 1]


@kernel(types.void(board_t, knowledge_t), allocates=False)
def clear(board, know):
    """An empty board."""
    geometry = know.geometry_1[0]
    reach = geometry["reach"]
    middle = np.uint64(2 * reach)
    below = (_ONE << middle) - _ONE
    above = below << middle
    for line in range(_LINES):
        board["lines"][line] = geometry["empty_lines"][line]
    for side in range(2):
        board["worth"][side] = 0
        for class_ in range(CLASSES):
            board["counts"][side, class_] = 0
            for w in range(_WORDS):
                board["members"][side, class_, w] = 0
    for w in range(_WORDS):
        board["near"][0, w] = 0
    board["key"] = 0
    board["stones"] = 0
    board["logged"] = 0
    for cell in range(geometry["cells"]):
        found = np.uint32(0)
        for d in range(4):
            around = geometry["empty_lines"][geometry["line"][cell, d]] >> np.uint64(2 * geometry["place"][cell, d])
            key = (around & below) | ((around >> np.uint64(2)) & above)
            found |= np.uint32(know.shapes_K[key]) << np.uint32(8 * d)
        board["stone"][cell] = 0
        board["shapes"][cell] = found
        board["classes"][cell] = 0
        for side in range(2):
            board["worth"][side] += know.worths_Q[quad(found >> np.uint32(4 * side))]
            board["counts"][side, 0] += 1
            board["members"][side, 0, cell >> 6] |= _ONE << np.uint64(cell & 63)


@kernel(i64(board_t, knowledge_t, words_W), allocates=False)
def read(board, know, state_W):
    """Set up a state, cell by cell; returns the side to move."""
    clear(board, know)
    cells = know.geometry_1[0]["cells"]
    side_words = (cells + 63) >> 6
    stones = 0
    for cell in range(cells):
        both = state_W[cell >> 6] | state_W[side_words + (cell >> 6)]
        stones += np.int64((both >> np.uint64(cell & 63)) & _ONE)
    mover = stones & 1
    for cell in range(cells):
        for s in range(2):
            if (state_W[s * side_words + (cell >> 6)] >> np.uint64(cell & 63)) & _ONE != 0:
                make(board, know, cell, mover ^ s)
    return mover


@kernel(i64(board_t, knowledge_t, i64), allocates=False)
def worth(board, know, side):
    """The evaluation by shapes, to `side`, who is to move."""
    return (board["worth"][side] & _LANE) - (board["worth"][1 - side] >> 32) + know.tempo


@kernel(i64(u64), allocates=False)
def lowest(bits):
    """The number of the lowest bit that is set."""
    bits = (bits & (~bits + _ONE)) - _ONE  # as many ones as there are zeros below it
    bits -= (bits >> np.uint64(1)) & np.uint64(0x5555555555555555)
    bits = (bits & np.uint64(0x3333333333333333)) + ((bits >> np.uint64(2)) & np.uint64(0x3333333333333333))
    bits = (bits + (bits >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((bits * np.uint64(0x0101010101010101)) >> np.uint64(56))


@kernel(i64(board_t, i64, i64), allocates=False)
def first_of(board, side, class_):
    """The first cell of a class that is not empty."""
    w = np.uint64(0)
    while board["members"][np.uint64(side), np.uint64(class_), w] == 0:
        w += _ONE
    return 64 * np.int64(w) + lowest(board["members"][np.uint64(side), np.uint64(class_), w])


@kernel(i64(board_t, i64), allocates=False)
def plies_to_win(board, side):
    """Plies to a win that needs no search, for `side` to move; 0 if there is none.

    By five: a four with an open three, or two open threes. One stone stops only one of them, and a side without
    a cell that makes a four gains no time.
    """
    other = 1 - side
    counts = board["counts"]
    if counts[side, WINS] > 0:
        return 1
    if counts[other, WINS] > 0:
        return 0
    if counts[side, WINS_SOON] > 0:
        return 3
    if counts[side, FOUR_THREE] + counts[side, DOUBLE_THREE] == 0:
        return 0
    return 5 if counts[other, WINS_SOON] + counts[other, FOUR_THREE] + counts[other, MAKES_FOUR] == 0 else 0


@kernel(i64(board_t, i64, i64), allocates=False)
def winning_move(board, side, plies):
    """The move to the win that `plies_to_win` found."""
    if plies == 1:
        return first_of(board, side, WINS)
    if plies == 3:
        return first_of(board, side, WINS_SOON)
    return first_of(board, side, FOUR_THREE if board["counts"][side, FOUR_THREE] > 0 else DOUBLE_THREE)


@functools.cache
def geometry(size: int, exact: int, near_reach: int) -> np.ndarray:
    """The tables of one board, [1] of GEOMETRY. Near a cell: within `near_reach`, or anywhere for 0."""
    table_1 = np.zeros(1, GEOMETRY)
    table = table_1[0]
    reach = shapes.reach_of(exact)
    table["size"], table["cells"], table["words"] = size, size * size, (size * size + 63) // 64
    table["reach"] = reach
    table["steps"] = [d_row * size + d_column for d_row, d_column in _STEPS]
    ids: dict[tuple[int, int, int], int] = {}
    for row in range(size):
        for column in range(size):
            cell = row * size + column
            for d, (d_row, d_column) in enumerate(_STEPS):
                place, r, c = 0, row, column  # walk back to where the line begins
                while 0 <= r - d_row < size and 0 <= c - d_column < size:
                    place, r, c = place + 1, r - d_row, c - d_column
                length = place
                while 0 <= r + length * d_row < size and 0 <= c + length * d_column < size:
                    length += 1
                line = ids.setdefault((d, r, c), len(ids))
                inside = ((1 << (2 * length)) - 1) << (2 * reach)
                table["empty_lines"][line] = ((1 << (2 * (length + 2 * reach))) - 1) ^ inside
                table["line"][cell, d], table["place"][cell, d] = line, place
                table["back"][cell, d], table["ahead"][cell, d] = min(reach, place), min(reach, length - 1 - place)
            for r in range(size):
                for c in range(size):
                    if near_reach == 0 or max(abs(r - row), abs(c - column)) <= near_reach:
                        other = r * size + c
                        table["near"][cell, other >> 6] |= _ONE << np.uint64(other & 63)
    table["keys"] = np.random.default_rng(0).integers(1, 1 << 63, (2, _MOST)).astype(np.uint64)
    return table_1


def knows(game: Game) -> bool:
    """Whether shapes say what wins in this game: five in a row, by a rule that looks at one side's stones alone."""
    return game.in_a_row == _FIVE and game.options["rule"] in ("freestyle", "standard")


def exact_of(game: Game) -> int:
    """1 if longer lines do not win."""
    return int(game.options["rule"] == "standard")
