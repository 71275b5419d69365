"""Which moves are worth trying, and in what order.

A node's moves are kept with their ranks in one word, rank * 512 + cell, and taken one by one, the highest first: most
nodes need only the first few. P plies below the root, C cells, Q quadruples of shapes.
"""

import numba
import numpy as np
from numba import types

from games.kernel import i64, kernel
from selfplay.knowledge.gomoku.board import board_t, knowledge_t, lowest, quad_at
from selfplay.knowledge.gomoku.shapes import MAKES_FOUR, WINS_SOON

PLIES = 128
MOST = 400  # cells of the largest board

MOVES = np.dtype(
    [
        ("ranked", np.int64, (PLIES, MOST)),
        ("count", np.int64, (PLIES,)),
        ("killers", np.int64, (PLIES, 2)),  # what refuted siblings
        ("history", np.int64, (2, MOST)),  # by side, how much a cell has refuted anywhere
    ],
    align=True,
)
moves_t = numba.from_dtype(MOVES)
moves_1_t = types.Array(moves_t, 1, "C")

_CELL = 511
_HINTED = 1 << 40
_KILLER = 150  # in the unit of `gomoku_weights.MAKES`
_HISTORY_SHIFT = 4
_MOST_HISTORY = 4000
_ONE = np.uint64(1)


@kernel(i64(board_t, knowledge_t, i64, i64), allocates=False)
def _ordering_score(board, know, cell, side):
    """What a stone of `side` makes on the cell, and what it stops."""
    own, other = quad_at(board, cell, side), quad_at(board, cell, 1 - side)
    return know.ordering_scores_Q[np.uint64(own)] + know.stops_Q[np.uint64(other)]


@kernel(types.void(moves_t, i64, i64, i64, i64), allocates=False)
def _append(moves, p, cell, rank, hinted):
    row = np.uint64(p)
    if cell == hinted:
        rank += _HINTED
    moves["ranked"][row, np.uint64(moves["count"][row])] = rank * 512 + cell
    moves["count"][row] += 1


@kernel(types.void(moves_t, i64, i64), allocates=False)
def list_one(moves, p, cell):
    """A move to which there is no alternative."""
    row = np.uint64(p)
    moves["ranked"][row, 0] = cell
    moves["count"][row] = 1


@kernel(types.void(board_t, knowledge_t, moves_t, i64, i64, i64), allocates=False)
def list_all(board, know, moves, p, side, hinted):
    """The empty cells near stones; on an empty board the middle."""
    row = np.uint64(p)
    ply = np.uint64(board["stones"])
    geometry = know.geometry_1[0]
    moves["count"][row] = 0
    for w in range(geometry["words"]):
        bits = board["near"][ply, np.uint64(w)]
        while bits != 0:
            cell = 64 * w + lowest(bits)
            bits &= bits - _ONE
            here = np.uint64(cell)
            if board["stone"][here] != 0:
                continue
            rank = _ordering_score(board, know, cell, side)
            rank += moves["history"][np.uint64(side), here] >> _HISTORY_SHIFT
            if cell == moves["killers"][row, 0] or cell == moves["killers"][row, 1]:
                rank += _KILLER
            _append(moves, p, cell, rank, hinted)
    if moves["count"][row] == 0:
        list_one(moves, p, (geometry["size"] // 2) * (geometry["size"] + 1))


@kernel(types.void(board_t, knowledge_t, moves_t, i64, i64, i64), allocates=False)
def list_answers(board, know, moves, p, side, hinted):
    """The moves that can answer a threat to make an open four or two fours.

    A stone stops an open four from where it would be made, or from a cell that would then complete a five; on
    either the other side can make a four now. Otherwise only a four of one's own gains time.
    """
    moves["count"][np.uint64(p)] = 0
    for w in range(know.geometry_1[0]["words"]):
        word = np.uint64(w)
        bits = np.uint64(0)
        for class_ in range(MAKES_FOUR, WINS_SOON + 1):
            bits |= board["members"][np.uint64(0), np.uint64(class_), word]
            bits |= board["members"][np.uint64(1), np.uint64(class_), word]
        while bits != 0:
            cell = 64 * w + lowest(bits)
            bits &= bits - _ONE
            _append(moves, p, cell, _ordering_score(board, know, cell, side), hinted)


@kernel(i64(moves_t, i64, i64), allocates=False)
def bring_forward(moves, p, first):
    """Bring the highest of the moves from place `first` on to that place, and return it."""
    row, place = np.uint64(p), np.uint64(first)
    highest = moves["ranked"][row, place]
    best = place
    for i in range(first + 1, moves["count"][row]):
        if moves["ranked"][row, np.uint64(i)] > highest:
            best = np.uint64(i)
            highest = moves["ranked"][row, best]
    moves["ranked"][row, best] = moves["ranked"][row, place]
    moves["ranked"][row, place] = highest
    return highest & _CELL


@kernel(types.void(moves_t, i64), allocates=False)
def forget(moves, cells):
    """Forget what refuted what."""
    for side in range(2):
        for cell in range(cells):
            moves["history"][side, cell] = 0
    for p in range(PLIES):
        moves["killers"][p, 0] = -1
        moves["killers"][p, 1] = -1


@kernel(types.void(moves_t, i64, i64, i64, i64, i64), allocates=False)
def update_history(moves, p, side, cell, left, cells):
    """Remember that the move refuted the one before it, `left` plies from the horizon."""
    row, here, who = np.uint64(p), np.uint64(cell), np.uint64(side)
    moves["history"][who, here] += left * left
    if moves["history"][who, here] > _MOST_HISTORY:
        for c in range(cells):
            moves["history"][who, np.uint64(c)] >>= 1
    if moves["killers"][row, 0] != cell:
        moves["killers"][row, 1] = moves["killers"][row, 0]
        moves["killers"][row, 0] = cell
