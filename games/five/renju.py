"""Renju: Black, who begins, has fouls (`games.five.fouls`); five wins for Black, five or more for White.

State words: the mover's stones, the opponent's stones, plies played, Black's fouls. The last are kept with every
position, also where White is to move: they say what Black may answer, so the network sees them on a plane of their own,
and `legal` only reads them.

A foul is not a legal move. In a tournament Black may play it and loses when White claims it, so it is never better than
another move; but here nobody has to watch for claims, and no program can be led into one by a search that overlooks it.
There is no passing. Where Black may play on none of the empty cells the game is a draw, as it is among people when both
players pass.
"""

# A kernel's types are its numba signature, which type checkers cannot read.
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false

import functools
from typing import Any

import numpy as np
from numba import types

from games.bits import count_bits
from games.five.fouls import fouls
from games.five.lines import FREESTYLE, STANDARD, completes, flag_wins
from games.five.stones import possible
from games.game import DRAW, MOVER_WON, ONGOING
from games.kernel import INIT, LEGAL, OBSERVE, STEP, VALID, WINS, i64, kernel, words_W

_ONE = np.uint64(1)
FIVE = 5
PLANES = 5


def words(size: int) -> int:
    """Words of a state."""
    return 3 * side_words(size) + 1


def side_words(size: int) -> int:
    """Words for one player's stones."""
    return (size * size + 63) // 64


@kernel(types.void(words_W, i64, i64), allocates=False)
def mark(state_W, size, side):
    """Write the fouls of the stones into a state."""
    whites_turn = np.int64(state_W[2 * side] & _ONE)
    black, white = whites_turn * side, (1 - whites_turn) * side
    for word in range(side):
        state_W[2 * side + 1 + word] = fouls(state_W, black, white, side, size, word)


@functools.cache
def kernels(size: int) -> dict[str, Any]:
    """`init`, `legal`, `step`, `observe`, `wins`, `valid` on a board of this size."""
    cells = size * size
    side = side_words(size)
    plies_at = 2 * side
    fouls_at = 2 * side + 1

    @kernel(INIT, allocates=False)
    def init(state_W):
        state_W[:] = 0

    @kernel(LEGAL, allocates=False)
    def legal(state_W, flags_A):
        blacks_turn = (state_W[plies_at] & _ONE) == 0
        count = 0
        for cell in range(cells):
            word = cell >> 6
            closed = state_W[word] | state_W[side + word]
            if blacks_turn:
                closed |= state_W[fouls_at + word]
            free = 1 - int((closed >> np.uint64(cell & 63)) & _ONE)
            flags_A[cell] = free
            count += free
        return count

    @kernel(STEP, allocates=False)
    def step(state_W, action, next_W):
        black_moved = (state_W[plies_at] & _ONE) == 0
        for word in range(side):
            next_W[word] = state_W[side + word]
            next_W[side + word] = state_W[word]
            next_W[fouls_at + word] = 0
        next_W[side + (action >> 6)] |= _ONE << np.uint64(action & 63)
        next_W[plies_at] = state_W[plies_at] + _ONE
        if completes(next_W, side, 0, size, action, FIVE, STANDARD if black_moved else FREESTYLE) == 1:
            return MOVER_WON
        mark(next_W, size, side)
        open_ = cells - int(next_W[plies_at])
        if not black_moved:
            for word in range(side):
                open_ -= count_bits(next_W[fouls_at + word])
        return DRAW if open_ == 0 else ONGOING

    @kernel(WINS, allocates=False)
    def wins(state_W, _legal, _step, flags_A, _next_W):
        blacks_turn = (state_W[plies_at] & _ONE) == 0
        return flag_wins(state_W, side, size, FIVE, STANDARD if blacks_turn else FREESTYLE, flags_A)

    @kernel(OBSERVE, allocates=False)
    def observe(state_W, planes_PHW):
        """Planes: own, opponent's, board, one where the mover is Black, and Black's fouls."""
        black = 1.0 if (state_W[plies_at] & _ONE) == 0 else 0.0
        for row in range(size):
            for column in range(size):
                cell = row * size + column
                word, bit = cell >> 6, np.uint64(cell & 63)
                planes_PHW[0, row, column] = (state_W[word] >> bit) & _ONE
                planes_PHW[1, row, column] = (state_W[side + word] >> bit) & _ONE
                planes_PHW[2, row, column] = 1.0
                planes_PHW[3, row, column] = black
                planes_PHW[4, row, column] = (state_W[fouls_at + word] >> bit) & _ONE

    @kernel(VALID, allocates=False)
    def valid(state_W, _legal, _observe, _flags_A, _planes_PHW):
        """Nobody has five or more, Black's fouls are those of the stones, and whoever is to move can."""
        if possible(state_W, side, size, FIVE, FREESTYLE) == 0:
            return 0
        barred = 0
        plies = np.int64(state_W[plies_at])
        whites_turn = plies & 1
        black, white = whites_turn * side, (1 - whites_turn) * side
        for word in range(side):
            found = fouls(state_W, black, white, side, size, word)
            if found != state_W[fouls_at + word]:
                return 0
            barred += count_bits(found)
        return 1 if whites_turn == 1 or plies + barred < cells else 0

    return {
        "init": init, "legal": legal, "step": step, "observe": observe, "wins": wins, "valid": valid,
    }  # fmt: skip
