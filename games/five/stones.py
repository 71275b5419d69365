"""Whether words that come from outside are a position of stones at all, by any of the rules."""

# A kernel's types are its numba signature, which type checkers cannot read.
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import numpy as np

from games.bits import count_bits
from games.five.lines import any_line
from games.kernel import i64, kernel, u64, words_W

_ONE = np.uint64(1)


@kernel(u64(i64, i64), allocates=False)
def board_word(size, word):
    """The bits of a word that are cells of the board."""
    left = size * size - 64 * word
    return ~np.uint64(0) if left >= 64 else (_ONE << np.uint64(left)) - _ONE


@kernel(i64(words_W, i64, i64, i64, i64), allocates=False)
def possible(state_W, words, size, k, rule):
    """1 if no cell has two stones, none is off the board, the players have as many as their turns gave them, a cell is
    free and nobody has a winning line. `words` words hold the mover's stones, as many the opponent's, one the plies."""
    plies = np.int64(state_W[2 * words])
    mine = theirs = 0
    for word in range(words):
        own, other = state_W[word], state_W[words + word]
        if own & other != 0 or (own | other) & ~board_word(size, word) != 0:
            return 0
        mine += count_bits(own)
        theirs += count_bits(other)
    if not 0 <= plies < size * size or mine != plies // 2 or mine + theirs != plies:
        return 0
    for first, other_first in ((0, words), (words, 0)):
        if any_line(state_W, first, other_first, words, size, k, rule) == 1:
            return 0
    return 1
