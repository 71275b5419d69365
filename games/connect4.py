"""Connect Four's rules on bitboards, for any size up to 64 bits with one guard bit above each column.

Bit `column * (height + 1) + row`, row 0 at the bottom. State words: the mover's stones, all stones, plies
played. The guard bit keeps the four shifted line tests from running over into the next column.
"""

# A kernel's types are its numba signature, which type checkers cannot read.
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false

import numpy as np

from games.bits import count_bits
from games.game import DRAW, MOVER_WON, ONGOING, Game
from games.kernel import INIT, LEGAL, OBSERVE, STEP, VALID, WINS, i64, kernel, u64
from games.registry import register
from games.symmetry import compose, mirror_columns

_ONE = np.uint64(1)


@kernel(u64(u64, i64, i64), allocates=False)
def _run_starts(stones, shift, length):
    """Bits from which `length` stones follow each other at distance `shift`."""
    starts = stones
    for i in range(1, length):
        starts &= stones >> np.uint64(i * shift)
    return starts


@kernel(i64(u64, i64, i64), allocates=False)
def has_line(stones, height, length):
    """1 if `stones` holds `length` in a row: vertical, horizontal or on a diagonal."""
    stride = height + 1
    for shift in (1, stride, stride - 1, stride + 1):
        # A line that spans more than the word does not fit on the board; and shifts by 64 or more wrap round.
        if (length - 1) * shift < 64 and _run_starts(stones, shift, length) != 0:
            return 1
    return 0


@kernel(u64(u64, i64, i64), allocates=False)
def _stone(mask, column, height):
    """The bit on which a stone in `column` comes to rest upon those of `mask`; 0 if the column is full."""
    shift = np.uint64(column * (height + 1))
    return (mask + (_ONE << shift)) & (((_ONE << np.uint64(height)) - _ONE) << shift)


def connect4(height: int = 6, width: int = 7, k: int = 4) -> Game:
    """Connect Four on `height` x `width`, `k` in a row (default 6 x 7, four)."""
    if not (height >= 1 and width >= 1 and (height + 1) * width <= 64 and 2 <= k <= max(height, width)):
        raise ValueError(
            f"connect4 cannot have height={height}, width={width}, k={k}: "
            "(height + 1) * width must be at most 64 and k between 2 and the longer side"
        )
    stride = height + 1
    cells = height * width

    @kernel(INIT, allocates=False)
    def init(state_W):
        state_W[:] = 0

    @kernel(LEGAL, allocates=False)
    def legal(state_W, flags_A):
        count = 0
        for column in range(width):
            top = _ONE << np.uint64(column * stride + height - 1)
            free = (state_W[1] & top) == 0
            flags_A[column] = 1 if free else 0
            count += 1 if free else 0
        return count

    @kernel(STEP, allocates=False)
    def step(state_W, action, next_W):
        mask = state_W[1]
        stone = _stone(mask, action, height)
        mover = state_W[0] | stone
        next_W[0] = mask & ~state_W[0]
        next_W[1] = mask | stone
        next_W[2] = state_W[2] + _ONE
        if has_line(mover, height, k) == 1:
            return MOVER_WON
        return DRAW if next_W[2] == np.uint64(cells) else ONGOING

    @kernel(WINS, allocates=False)
    def wins(state_W, _legal, _step, flags_A, _next_W):
        count = 0
        for column in range(width):
            won = has_line(state_W[0] | _stone(state_W[1], column, height), height, k)
            flags_A[column] = won
            count += won
        return count

    @kernel(OBSERVE, allocates=False)
    def observe(state_W, planes_PHW):
        """Planes: own, opponent's, board, and one where the mover is the player who began the game."""
        own = state_W[0]
        mask = state_W[1]
        began = 1.0 if (state_W[2] & _ONE) == 0 else 0.0
        for column in range(width):
            for row in range(height):
                bit = np.uint64(column * stride + row)
                mine = (own >> bit) & _ONE
                any_stone = (mask >> bit) & _ONE
                planes_PHW[0, height - 1 - row, column] = mine
                planes_PHW[1, height - 1 - row, column] = any_stone - mine
                planes_PHW[2, height - 1 - row, column] = 1.0
                planes_PHW[3, height - 1 - row, column] = began

    @kernel(VALID, allocates=False)
    def valid(state_W, _legal, _observe, _flags_A, _planes_PHW):
        """Stones rest on stones, the players have as many as their turns gave them, and nobody has a line."""
        own, mask, plies = state_W[0], state_W[1], np.int64(state_W[2])
        if not 0 <= plies < cells or own & ~mask != 0:
            return 0
        rest = mask
        for column in range(width):
            shift = np.uint64(column * stride)
            stack = (mask >> shift) & ((_ONE << np.uint64(stride)) - _ONE)
            if stack & (stack + _ONE) != 0 or stack >> np.uint64(height) != 0:
                return 0
            rest &= ~(stack << shift)
        if rest != 0 or count_bits(mask) != plies or count_bits(own) != plies // 2:
            return 0
        return 1 - max(has_line(own, height, k), has_line(mask & ~own, height, k))

    default = (height, width, k) == (6, 7, 4)
    columns_SA = mirror_columns(width)
    return Game(
        name="connect4" if default else f"connect4:height={height},width={width},k={k}",
        kind="connect4",
        height=height,
        width=width,
        planes=4,
        actions=width,
        words=3,
        max_plies=cells,
        in_a_row=k,
        title="Connect Four" if default else "",
        action_is="column",
        cells_SC=compose(height, width, columns_SA),
        actions_SA=columns_SA,
        init=init,
        legal=legal,
        step=step,
        observe=observe,
        wins=wins,
        valid=valid,
    )


register("connect4", connect4)
