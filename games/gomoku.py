"""Gomoku's rules on bitboards: any board from 3 to 20, k in a row, by any of five rules.

Bit `row * size + column`, row 0 at the top. State words: the mover's stones, the opponent's stones,
plies played. Freestyle: k or more in a row win. Standard: exactly k. Caro, Caro6: see `games.five.lines`. Renju: see
`games.five.renju`, which keeps one thing more in a state. Tic-tac-toe is 3 x 3 with k = 3.
"""

# A kernel's types are its numba signature, which type checkers cannot read.
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false

from collections.abc import Sequence
from typing import Any

import numpy as np

from games.five.lines import CARO, CARO6, FREESTYLE, STANDARD, completes, flag_wins
from games.five.stones import possible
from games.game import DRAW, MOVER_WON, ONGOING, Game
from games.kernel import INIT, LEGAL, OBSERVE, STEP, VALID, WINS, kernel
from games.registry import nearest, register
from games.symmetry import dihedral

_ONE = np.uint64(1)
RENJU = "renju"
LINES = {"freestyle": FREESTYLE, "standard": STANDARD, "caro": CARO, "caro6": CARO6}
RULES = (*LINES, RENJU)


def gomoku(size: int = 15, k: int = 5, rule: str = "freestyle") -> Game:
    """Gomoku on `size` x `size`, `k` in a row, by rule `freestyle` (k or more), `standard` (exactly k), `caro` (exactly
    k, not closed at both ends), `caro6` (likewise, or more than k) or `renju` (five, with fouls for Black)."""
    if not (3 <= size <= 20 and 2 <= k <= size):
        raise ValueError(f"gomoku cannot have size={size}, k={k}: size is 3 to 20, k is 2 to size")
    if rule not in RULES:
        raise ValueError(f"unknown rule {rule!r}{nearest(rule, list(RULES))}; rules: {', '.join(RULES)}")
    cells = size * size
    side = (cells + 63) // 64  # words for one player's stones
    words = 2 * side + 1
    symmetries_SC = dihedral(size)
    told: dict[str, Any] = {
        "name": _canonical(size, k, rule),
        "kind": "gomoku",
        "height": size,
        "width": size,
        "actions": cells,
        "max_plies": cells,
        "in_a_row": k,
        "title": _title(size, k, rule),
        "action_is": "cell",
        "cells_SC": symmetries_SC,
        "actions_SA": symmetries_SC,
        "options": {"rule": rule},
    }
    if rule == RENJU:
        from games.five import renju  # whose kernels take a tenth of a second to load: for who plays it

        if k != renju.FIVE:
            raise ValueError(f"renju is five in a row: k={k} goes with the other rules")
        return Game(**told, **renju.kernels(size), planes=renju.PLANES, words=renju.words(size))
    code = LINES[rule]

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
        if completes(next_W, side, 0, size, action, k, code) == 1:
            return MOVER_WON
        return DRAW if next_W[2 * side] == np.uint64(cells) else ONGOING

    @kernel(WINS, allocates=False)
    def wins(state_W, _legal, _step, flags_A, _next_W):
        return flag_wins(state_W, side, size, k, code, flags_A)

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
        return possible(state_W, side, size, k, code)

    return Game(
        **told, planes=4, words=words, init=init, legal=legal, step=step, observe=observe, wins=wins, valid=valid
    )


def position(game: Game, mover: Sequence[int], other: Sequence[int]) -> np.ndarray:
    """The state in which the player to move has stones on the cells `mover`, and the opponent on `other`."""
    state_W = np.zeros(game.words, np.uint64)
    side = (game.cells + 63) // 64
    for first_word, cells in ((0, mover), (side, other)):
        for cell in cells:
            state_W[first_word + (cell >> 6)] |= _ONE << np.uint64(cell & 63)
    state_W[2 * side] = len(mover) + len(other)
    if game.options["rule"] == RENJU:
        from games.five import renju

        renju.mark(state_W, game.width, side)
    return state_W


def has_line(game: Game, cells: Sequence[int], other: Sequence[int]) -> bool:
    """Whether one player's stones on these cells make a winning line, or in Renju a longer one; the other player's are
    those on the cells `other`."""
    rule = game.options["rule"]
    code = FREESTYLE if rule == RENJU else LINES[str(rule)]
    state_W = np.zeros(2 * ((game.cells + 63) // 64), np.uint64)
    side = len(state_W) // 2
    for first_word, stones in ((0, cells), (side, other)):
        for cell in stones:
            state_W[first_word + (cell >> 6)] |= _ONE << np.uint64(cell & 63)
    return any(completes(state_W, 0, side, game.width, cell, game.in_a_row, code) for cell in cells)


def _canonical(size: int, k: int, rule: str) -> str:
    if (size, k, rule) == (3, 3, "freestyle"):
        return "tictactoe"
    parts = [f"size={size}"] + ([f"k={k}"] if k != 5 else []) + ([f"rule={rule}"] if rule != "freestyle" else [])
    return "gomoku:" + ",".join(parts)


def _title(size: int, k: int, rule: str) -> str:
    if (size, k) == (3, 3):
        return "Tic-tac-toe"
    if rule == RENJU:
        return f"Renju {size} × {size}"
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
