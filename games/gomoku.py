"""Gomoku's rules on bitboards: any board from 3 to 20, k in a row, freestyle or standard.

Bit `row * size + column`, row 0 at the top. State words: the mover's stones, the opponent's stones,
plies played. Freestyle: k or more in a row win. Standard: exactly k. Tic-tac-toe is 3 x 3 with k = 3.
"""

# A kernel's types are its numba signature, which type checkers cannot read.
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false

from collections.abc import Sequence

import numpy as np

from games.bits import count_bits
from games.game import DRAW, MOVER_WON, ONGOING, Game
from games.kernel import INIT, LEGAL, OBSERVE, STEP, VALID, WINS, flags_A, i64, kernel, u64, words_W
from games.registry import nearest, register
from games.symmetry import dihedral

_ONE = np.uint64(1)
_RULES = ("freestyle", "standard")


@kernel(i64(words_W, i64, i64, i64, i64, i64, i64, i64), allocates=False)
def _run(state_W, first_word, size, row, column, d_row, d_column, most):
    """Stones in a row going out from a cell, the cell itself not counted, up to `most`."""
    count = 0
    row += d_row
    column += d_column
    while count < most and 0 <= row < size and 0 <= column < size:
        cell = row * size + column
        if (state_W[first_word + (cell >> 6)] >> np.uint64(cell & 63)) & _ONE == 0:
            break
        count += 1
        row += d_row
        column += d_column
    return count


@kernel(i64(words_W, i64, i64, i64, i64, i64), allocates=False)
def _completes(state_W, first_word, size, cell, k, exact):
    """1 if the stone just placed on `cell` makes a winning line."""
    row = cell // size
    column = cell % size
    for d_row, d_column in ((0, 1), (1, 0), (1, 1), (1, -1)):
        forward = _run(state_W, first_word, size, row, column, d_row, d_column, k)
        backward = _run(state_W, first_word, size, row, column, -d_row, -d_column, k)
        length = 1 + forward + backward
        if length == k or (exact == 0 and length > k):
            return 1
    return 0


@kernel(u64(words_W, i64, i64, i64), allocates=False)
def _ahead(state_W, words, word, distance):
    """Word `word` of the mover's stones, each moved `distance` bits down: bit b tells of bit b + distance."""
    source = word + (distance >> 6)
    bits = np.uint64(distance & 63)
    low = state_W[source] >> bits if source < words else np.uint64(0)
    high = (state_W[source + 1] << _ONE) << (np.uint64(63) - bits) if source + 1 < words else np.uint64(0)
    return low | high


@kernel(i64(words_W, i64, i64, i64, i64, i64, i64, i64, flags_A), allocates=False)
def _flag_gap(state_W, words, size, k, exact, start, d_row, d_column, flags_A):
    """`k` cells in a line from `start` hold the mover's stones but for one: flag that one if it is there to be taken,
    wins, and is not flagged yet. Returns 1 if it is flagged."""
    end_row = start // size + (k - 1) * d_row
    end_column = start % size + (k - 1) * d_column
    if not (end_row < size and 0 <= end_column < size):
        return 0  # these bits are no line of the board
    cell = start
    while (state_W[cell >> 6] >> np.uint64(cell & 63)) & _ONE == 1:
        cell += d_row * size + d_column
    taken = (state_W[words + (cell >> 6)] >> np.uint64(cell & 63)) & _ONE
    if taken == 1 or flags_A[cell] == 1 or (exact == 1 and _completes(state_W, 0, size, cell, k, 1) == 0):
        return 0
    flags_A[cell] = 1
    return 1


@kernel(i64(words_W, i64, i64, i64, i64, flags_A), allocates=False)
def _flag_wins(state_W, words, size, k, exact, flags_A):
    """Flag the empty cells that give the mover a winning line, 64 lines at a time; how many."""
    for cell in range(len(flags_A)):
        flags_A[cell] = 0
    count = 0
    for d_row, d_column in ((0, 1), (1, 0), (1, 1), (1, -1)):
        for word in range(words):
            full = ~np.uint64(0)  # lines from here without a gap so far
            one = np.uint64(0)  # and with a single one
            for i in range(k):
                stones = _ahead(state_W, words, word, i * (d_row * size + d_column))
                one = (one & stones) | (full & ~stones)
                full &= stones
                if one | full == 0:
                    break
            bit = 0
            while one != 0:
                if one & _ONE == 1:
                    count += _flag_gap(state_W, words, size, k, exact, 64 * word + bit, d_row, d_column, flags_A)
                one >>= _ONE
                bit += 1
    return count


@kernel(i64(words_W, i64, i64, i64, i64, i64), allocates=False)
def _any_line(state_W, first_word, words, size, k, exact):
    """1 if the stones of `words` words from `first_word` on hold a winning line."""
    for word in range(words):
        stones = state_W[first_word + word]
        cell = 64 * word
        while stones != 0:
            if stones & _ONE == 1 and _completes(state_W, first_word, size, cell, k, exact) == 1:
                return 1
            stones >>= _ONE
            cell += 1
    return 0


def gomoku(size: int = 15, k: int = 5, rule: str = "freestyle") -> Game:
    """Gomoku on `size` x `size`, `k` in a row, by rule `freestyle` (k or more) or `standard` (exactly k)."""
    if not (3 <= size <= 20 and 2 <= k <= size):
        raise ValueError(f"gomoku cannot have size={size}, k={k}: size is 3 to 20, k is 2 to size")
    if rule not in _RULES:
        raise ValueError(f"unknown rule {rule!r}{nearest(rule, list(_RULES))}; rules: {', '.join(_RULES)}")
    cells = size * size
    side = (cells + 63) // 64  # words for one player's stones
    words = 2 * side + 1
    exact = 1 if rule == "standard" else 0

    @kernel(INIT, allocates=False)
    def init(state_W):
        state_W[:] = 0

    @kernel(LEGAL, allocates=False)
    def legal(state_W, flags_A):
        count = 0
        for cell in range(cells):
            word = cell >> 6
            free = 1 - int(((state_W[word] | state_W[side + word]) >> np.uint64(cell & 63)) & _ONE)
            flags_A[cell] = free
            count += free
        return count

    @kernel(STEP, allocates=False)
    def step(state_W, action, next_W):
        for word in range(side):
            next_W[word] = state_W[side + word]
            next_W[side + word] = state_W[word]
        next_W[side + (action >> 6)] |= _ONE << np.uint64(action & 63)
        next_W[2 * side] = state_W[2 * side] + _ONE
        if _completes(next_W, side, size, action, k, exact) == 1:
            return MOVER_WON
        return DRAW if next_W[2 * side] == np.uint64(cells) else ONGOING

    @kernel(WINS, allocates=False)
    def wins(state_W, _legal, _step, flags_A, _next_W):
        return _flag_wins(state_W, side, size, k, exact, flags_A)

    @kernel(OBSERVE, allocates=False)
    def observe(state_W, planes_PHW):
        """Planes: own, opponent's, board, and one where the mover is the player who began the game."""
        began = 1.0 if (state_W[2 * side] & _ONE) == 0 else 0.0
        for row in range(size):
            for column in range(size):
                cell = row * size + column
                bit = np.uint64(cell & 63)
                planes_PHW[0, row, column] = (state_W[cell >> 6] >> bit) & _ONE
                planes_PHW[1, row, column] = (state_W[side + (cell >> 6)] >> bit) & _ONE
                planes_PHW[2, row, column] = 1.0
                planes_PHW[3, row, column] = began

    @kernel(VALID, allocates=False)
    def valid(state_W, _legal, _observe, _flags_A, _planes_PHW):
        """Stones stand apart on the board, the players have as many as their turns gave them, nobody has a line."""
        plies = np.int64(state_W[2 * side])
        mine = theirs = 0
        for word in range(side):
            own, other = state_W[word], state_W[side + word]
            left = cells - 64 * word  # cells from this word's first on
            board = ~np.uint64(0) if left >= 64 else (_ONE << np.uint64(left)) - _ONE
            if own & other != 0 or (own | other) & ~board != 0:
                return 0
            mine += count_bits(own)
            theirs += count_bits(other)
        if not 0 <= plies < cells or mine != plies // 2 or mine + theirs != plies:
            return 0
        return 1 - max(_any_line(state_W, 0, side, size, k, exact), _any_line(state_W, side, side, size, k, exact))

    symmetries_SC = dihedral(size)
    return Game(
        name=_canonical(size, k, rule),
        kind="gomoku",
        height=size,
        width=size,
        planes=4,
        actions=cells,
        words=words,
        max_plies=cells,
        in_a_row=k,
        title=_title(size, k, rule),
        action_is="cell",
        cells_SC=symmetries_SC,
        actions_SA=symmetries_SC,
        init=init,
        legal=legal,
        step=step,
        observe=observe,
        wins=wins,
        valid=valid,
        options={"rule": rule},
    )


def position(game: Game, mover: Sequence[int], other: Sequence[int]) -> np.ndarray:
    """The state in which the player to move has stones on the cells `mover`, and the opponent on `other`."""
    state_W = np.zeros(game.words, np.uint64)
    for first_word, cells in ((0, mover), (game.words // 2, other)):
        for cell in cells:
            state_W[first_word + (cell >> 6)] |= _ONE << np.uint64(cell & 63)
    state_W[-1] = len(mover) + len(other)
    return state_W


def has_line(game: Game, cells: Sequence[int]) -> bool:
    """Whether stones of one player on these cells make a winning line."""
    state_W = position(game, cells, ())
    exact = int(game.options["rule"] == "standard")
    return any(_completes(state_W, 0, game.width, cell, game.in_a_row, exact) for cell in cells)


def _canonical(size: int, k: int, rule: str) -> str:
    if (size, k, rule) == (3, 3, "freestyle"):
        return "tictactoe"
    parts = [f"size={size}"] + ([f"k={k}"] if k != 5 else []) + ([f"rule={rule}"] if rule != "freestyle" else [])
    return "gomoku:" + ",".join(parts)


def _title(size: int, k: int, rule: str) -> str:
    if (size, k) == (3, 3):
        return "Tic-tac-toe"
    return f"Gomoku {size} × {size}" if (k, rule) == (5, "freestyle") else ""


def tictactoe() -> Game:
    """Tic-tac-toe: the probe on which everything can be checked by exhaustive search."""
    return gomoku(size=3, k=3)


def gomoku9() -> Game:
    """Gomoku on 9 x 9, freestyle."""
    return gomoku(size=9)


def gomoku15() -> Game:
    """Gomoku on 15 x 15, freestyle."""
    return gomoku(size=15)


register("gomoku", gomoku)
register("gomoku9", gomoku9)
register("gomoku15", gomoku15)
register("tictactoe", tictactoe)
