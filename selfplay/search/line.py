"""The principal variation: the moves that a finished search expects, its own first. L moves of a line."""

import numpy as np
from numba import types

from games.kernel import kernel
from selfplay.search.tree import FOREST, NONE, PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN, UNPROVEN, actions_N

_LONGEST = 16


@kernel((FOREST, actions_N, types.Array(types.int64, 2, "C")), allocates=False)
def _follow(forest, first_N, lines_NL):
    """Below the first move: the child that bears out what the node is proven to be, else the most visited."""
    for n in range(len(first_N)):
        tree_N = forest.nodes_GN[n]
        node = tree_N[0]["first_child"]
        while node != NONE and tree_N[node]["action"] != first_N[n]:
            node = tree_N[node]["next_sibling"]
        lines_NL[n, 0] = first_N[n]
        length = 1
        while node != NONE and length < lines_NL.shape[1]:
            outcome = tree_N[node]["proven"]
            wanted = UNPROVEN
            if outcome == PROVEN_WIN:
                wanted = PROVEN_LOSS
            elif outcome == PROVEN_DRAW:
                wanted = PROVEN_DRAW
            best, best_rank = NONE, -1
            child = tree_N[node]["first_child"]
            while child != NONE:
                rank = tree_N[child]["visits"]
                if outcome == PROVEN_LOSS:  # every move loses: the longest defence
                    rank = tree_N[child]["plies"]
                elif wanted != UNPROVEN and tree_N[child]["proven"] != wanted:
                    rank = -1
                if rank > best_rank:
                    best, best_rank = child, rank
                child = tree_N[child]["next_sibling"]
            node = best
            if node != NONE:
                lines_NL[n, length] = tree_N[node]["action"]
                length += 1


def principal(forest, action_N: np.ndarray) -> np.ndarray:
    """int64 [N, L]: the line that begins with `action_N` in each of the first N trees; -1 past its end."""
    lines_NL = np.full((len(action_N), _LONGEST), NONE, np.int64)
    _follow(forest, action_N, lines_NL)
    return lines_NL
