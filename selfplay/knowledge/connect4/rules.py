"""One-ply human rules of Connect Four: win; block; do not hand over a win; prefer the centre.

N positions, W words. Ties are broken at random, by each position's own seed.
"""

import numpy as np

from games.game import Game
from games.kernel import i64, kernel, u64
from games.rng import below
from selfplay.knowledge.connect4.lines import ONE, board_bits, floor_bits, winning_bits


@kernel((u64[:, ::1], u64[::1], i64, i64, i64, i64[::1]))
def _choose(states_NW, rng_N, height, width, k, actions_N):
    board = board_bits(height, width)
    floor = floor_bits(height, width)
    for n in range(len(states_NW)):
        own = states_NW[n, 0]
        mask = states_NW[n, 1]
        playable = (mask + floor) & board
        wins = winning_bits(own, height, k) & playable
        theirs = winning_bits(mask ^ own, height, k) & board
        blocks = theirs & playable
        safe = playable & ~(theirs >> ONE)  # the cell above is not where they win
        choice = playable
        if wins != 0:
            choice = wins
        elif blocks != 0:
            choice = blocks
        elif safe != 0:
            choice = safe
        nearest = 2 * width
        ties = 0
        for column in range(width):
            if (choice >> np.uint64(column * (height + 1))) & ((ONE << np.uint64(height)) - ONE) == 0:
                continue
            distance = abs(2 * column - (width - 1))
            if distance > nearest:
                continue
            ties = ties + 1 if distance == nearest else 1
            nearest = distance
            if below(rng_N, n, ties) == 0:  # each of the ties is kept with equal probability
                actions_N[n] = column


def choose(game: Game, states_NW: np.ndarray, seeds_N: np.ndarray) -> np.ndarray:
    """The rules' moves, int64 [N]."""
    actions_N = np.zeros(len(states_NW), np.int64)
    _choose(states_NW, seeds_N.copy(), game.height, game.width, game.in_a_row, actions_N)
    return actions_N
