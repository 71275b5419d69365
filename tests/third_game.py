"""Hex's rules on one 64-bit word, from 2 x 2 to 8 x 8: whoever joins their two sides wins; there is no draw.

The player who began joins top and bottom, the other left and right. Bit `row * size + column`. A cell's
neighbours are left, right, above, below, above right and below left. State words: the mover's stones, the
opponent's stones, plies played.
"""

import numpy as np

from games.game import MOVER_WON, ONGOING, Game, Side
from games.kernel import INIT, LEGAL, OBSERVE, STEP, kernel
from games.registry import register

_ONE = np.uint64(1)
_NEIGHBOURS = ((0, -1), (0, 1), (-1, 0), (1, 0), (-1, 1), (1, -1))  # (row, column) steps


def hex_game(size: int = 5) -> Game:
    """Hex on `size` x `size`."""
    if not 2 <= size <= 8:
        raise ValueError(f"hex cannot have size={size}: size is 2 to 8")
    cells = size * size

    @kernel(INIT, allocates=False)
    def init(state_W):
        state_W[:] = 0

    @kernel(LEGAL, allocates=False)
    def legal(state_W, flags_A):
        count = 0
        taken = state_W[0] | state_W[1]
        for cell in range(cells):
            free = 1 - int((taken >> np.uint64(cell)) & _ONE)
            flags_A[cell] = free
            count += free
        return count

    @kernel(STEP, allocates=False)
    def step(state_W, action, next_W):
        stones = state_W[0] | (_ONE << np.uint64(action))
        next_W[0] = state_W[1]
        next_W[1] = stones
        next_W[2] = state_W[2] + _ONE
        down = (state_W[2] & _ONE) == 0  # the mover joins top and bottom
        # From the stones on one side, spread over neighbouring stones until nothing is added.
        reached = np.uint64(0)
        grown = np.uint64(0)
        for i in range(size):
            grown |= _ONE << np.uint64(i if down else i * size)
        grown &= stones
        while grown != reached:
            reached = grown
            for cell in range(cells):
                if (reached >> np.uint64(cell)) & _ONE == 0:
                    continue
                for d_row, d_column in _NEIGHBOURS:
                    row = cell // size + d_row
                    column = cell % size + d_column
                    if 0 <= row < size and 0 <= column < size:
                        grown |= _ONE << np.uint64(row * size + column)
            grown &= stones
        for i in range(size):
            end = (size - 1) * size + i if down else i * size + size - 1
            if (reached >> np.uint64(end)) & _ONE == 1:
                return MOVER_WON
        return ONGOING

    @kernel(OBSERVE, allocates=False)
    def observe(state_W, planes_PHW):
        """Planes: own, opponent's, board, and one where the mover joins top and bottom."""
        down = 1.0 if (state_W[2] & _ONE) == 0 else 0.0
        for row in range(size):
            for column in range(size):
                bit = np.uint64(row * size + column)
                planes_PHW[0, row, column] = (state_W[0] >> bit) & _ONE
                planes_PHW[1, row, column] = (state_W[1] >> bit) & _ONE
                planes_PHW[2, row, column] = 1.0
                planes_PHW[3, row, column] = down

    # Half a turn leaves top-bottom top-bottom; a reflection would exchange the players' sides.
    half_turn_SC = np.stack([np.arange(cells), np.arange(cells)[::-1]])
    return Game(
        name=f"hex:size={size}",
        kind="hex",
        height=size,
        width=size,
        planes=4,
        actions=cells,
        words=3,
        max_plies=cells,
        in_a_row=0,
        title=f"Hex {size} × {size}",
        sides=(Side("Red", "#d8433b"), Side("Blue", "#2f6fd0")),
        action_is="cell",
        cells_SC=half_turn_SC,
        actions_SA=half_turn_SC,
        init=init,
        legal=legal,
        step=step,
        observe=observe,
    )


register("hex", hex_game)
