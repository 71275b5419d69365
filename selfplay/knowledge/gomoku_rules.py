"""One-ply human rules of Gomoku: win; block; else extend the longest line, or stop the other's where it is longer.

N positions, C cells. The first stone goes to the middle. Ties are broken at random, by each position's own seed.
"""

import numpy as np

from games.game import Game
from games.kernel import i64, kernel, u64
from selfplay.knowledge.gomoku_lines import lines_of_game, numbers, read, table, winning_cells
from selfplay.search.rng import below


@kernel((u64[:, ::1], u64[::1], table, table, table, i64, i64, numbers))
def _choose(states_NW, rng_N, cells_LK, ends_L2, through_CM, exact, size, actions_N):
    board_C = np.zeros(len(through_CM), np.int8)
    counts_2L = np.zeros((2, len(cells_LK)), np.int8)
    sums_3 = np.zeros(3, np.int64)
    worth_K = np.zeros(cells_LK.shape[1] + 1, np.int64)
    found_2 = np.zeros(2, np.int64)
    for n in range(len(states_NW)):
        stones = read(states_NW[n], board_C, counts_2L, sums_3, through_CM, worth_K)
        if stones == 0:
            actions_N[n] = (size // 2) * size + size // 2
            continue
        if winning_cells(board_C, counts_2L, sums_3, cells_LK, ends_L2, exact, 0, found_2) > 0:
            actions_N[n] = found_2[0]
            continue
        if winning_cells(board_C, counts_2L, sums_3, cells_LK, ends_L2, exact, 1, found_2) > 0:
            actions_N[n] = found_2[0]
            continue
        longest = -1
        ties = 0
        for cell in range(len(board_C)):
            if board_C[cell] != 0:
                continue
            length = 0  # twice the stones of the longest line that can still be won, and one if it is our own
            for m in range(through_CM.shape[1]):
                line = through_CM[cell, m]
                if line < 0:
                    break
                mine = counts_2L[0, line]
                theirs = counts_2L[1, line]
                if theirs == 0:
                    length = max(length, 2 * mine + 1)
                elif mine == 0:
                    length = max(length, 2 * theirs)
            if length < longest:
                continue
            ties = ties + 1 if length == longest else 1
            longest = length
            if below(rng_N, n, ties) == 0:  # each of the ties is kept with equal probability
                actions_N[n] = cell


def choose(game: Game, states_NW: np.ndarray, seeds_N: np.ndarray) -> np.ndarray:
    """The rules' moves, int64 [N]."""
    lines = lines_of_game(game)
    actions_N = np.zeros(len(states_NW), np.int64)
    _choose(
        states_NW, seeds_N.copy(), lines.cells_LK, lines.ends_L2, lines.through_CM, lines.exact, game.width, actions_N
    )
    return actions_N
