"""What people know of Connect Four, as weights on bitboards: named pieces that can be switched off.

Bits as in `connect4_lines`. Own and other: the player to move and the opponent.
"""

import numpy as np

from games.bits import count_bits
from games.game import Game
from games.kernel import i64, kernel, u64
from selfplay.knowledge.connect4.lines import MAX_K, ONE, ZERO, floor_bits, open_lines, touching
from selfplay.knowledge.connect4.zugzwang import fill_out

_FEW, _SOON, _NEAR, _CENTRE, _ROWS, _ZUGZWANG, _TEMPO, WINS, HANDOVER, DOUBLES = range(10)

# The pieces of knowledge by the names that `without=` takes, and the weights behind each. The last three are the
# search's: moves that it need not try to the end.
_WEIGHTS = {
    "lines": (_FEW, _SOON, _NEAR),  # lines the other has no stone in: that lack three, two (one of them playable), one
    "centre": (_CENTRE,),  # stones in the middle
    "zugzwang": (_ROWS, _ZUGZWANG),  # odd and even threats, and lines that may become one: who profits in the end
    "tempo": (_TEMPO,),  # being to move where nothing forces
    "wins": (WINS,),  # a win at once is taken also where the depth ends; the other's is blocked at no cost in depth
    "handover": (HANDOVER,),  # no move below a cell where the other then wins
    "doubles": (DOUBLES,),  # two threats at once, or one straight above the other, are not to be parried
}
PIECES = tuple(_WEIGHTS)

# Fitted by logistic regression to the outcomes that perfect play gives 14,000 quiet positions of weak play (30 is
# one unit of log odds), then rounded and checked by matches of 800 games at 5,000 nodes.
_VALUES = {_FEW: 6, _SOON: 21, _NEAR: 36, _CENTRE: 1, _ROWS: 16, _ZUGZWANG: 130, _TEMPO: 16}
SCALE = 60.0  # tanh(score / SCALE) is then the expected result


def worths(game: Game, without: frozenset[str]) -> np.ndarray:
    """The weights, int64 [10]; 0 where a piece is left out. The search's are switches."""
    if game.in_a_row > MAX_K:
        raise ValueError(f"alphabeta plays connect4 with k up to {MAX_K}, not k={game.in_a_row}")
    worth = np.ones(len(_VALUES) + 3, np.int64)
    worth[list(_VALUES)] = list(_VALUES.values())
    for name in without:
        worth[list(_WEIGHTS[name])] = 0
    return worth


@kernel(u64(i64, i64), allocates=False)
def middle_bits(height, width):
    """The cells of the column in the middle, or of the two."""
    bits = ZERO
    for column in range((width - 1) // 2, width // 2 + 1):
        bits |= ((ONE << np.uint64(height)) - ONE) << np.uint64(column * (height + 1))
    return bits


@kernel(i64(u64, u64, u64, u64, i64, i64, i64[::1]), allocates=False)
def _lines_worth(own, free, playable, rows, height, k, worth):
    """What the lines in `free` are worth to `own`, who would like a threat on `rows`. A vertical one is too easily
    blocked to count."""
    total = 0
    for shift in range(height, height + 3):
        few, some, near = open_lines(own, free, shift, k)
        total += worth[_FEW] * count_bits(few) + worth[_NEAR] * count_bits(near)
        total += worth[_SOON] * count_bits(some & touching(playable, shift, k))
        total += worth[_ROWS] * count_bits(some & touching(rows, shift, k))
    return total


@kernel(u64(i64, i64), allocates=False)
def odd_bits(height, width):
    """The cells of every other row, from the bottom one."""
    bits = ZERO
    for row in range(0, height, 2):
        bits |= floor_bits(height, width) << np.uint64(row)
    return bits


@kernel(i64(u64, u64, u64, u64, u64, i64, i64, i64, u64, u64, u64, i64[::1]), allocates=False)
def evaluate(own, mask, mine, theirs, playable, height, width, k, board, odd, middle, worth):
    """How good the position looks to the owner of `own`, who is to move and cannot win at once.

    `mine` and `theirs` are the empty cells that complete a line. The first player wants threats on odd rows, counted
    from one, the second on even rows. As the board fills, lines count for less, and who profits at the end for more.
    """
    cells = height * width
    stones = count_bits(mask)
    other = mask ^ own
    later = board & ~mask & ~playable
    my_rows, their_rows = later & odd, later & ~odd
    if stones & 1 == 1:
        my_rows, their_rows = their_rows, my_rows
    lines = _lines_worth(own, board & ~other, playable, my_rows, height, k, worth)
    lines -= _lines_worth(other, board & ~own, playable, their_rows, height, k, worth)
    total = lines * (cells - stones) // cells + worth[_TEMPO]
    total += worth[_CENTRE] * (count_bits(own & middle) - count_bits(other & middle))
    if worth[_ZUGZWANG] != 0 and mine | theirs != 0:
        outcome = fill_out(board & ~mask, mine, theirs, board, height)
        total += outcome * (worth[_ZUGZWANG] * stones // cells)
    return total
