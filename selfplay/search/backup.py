"""The value of a child to its parent, and how results travel up a tree."""

from numba import float64 as f64
from numba import void

from games.kernel import i64, kernel
from games.outcome import PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN, UNPROVEN
from selfplay.search.tree import NONE, nodes_N


@kernel(f64(i64), allocates=False)
def proven_value(proven):
    """+1, 0 or -1 for the player to move."""
    if proven == PROVEN_WIN:
        return 1.0
    return -1.0 if proven == PROVEN_LOSS else 0.0


@kernel(f64(nodes_N, i64, i64), allocates=False)
def q_of(tree_N, child, prove):
    """Value of a visited child as the player to move at its parent sees it."""
    if prove == 1 and tree_N[child]["proven"] != UNPROVEN:
        return -proven_value(tree_N[child]["proven"])
    return -tree_N[child]["value_sum"] / tree_N[child]["visits"]


@kernel(f64(nodes_N, i64, i64), allocates=False)
def draw_of(tree_N, child, prove):
    """Draw probability of a visited child."""
    if prove == 1 and tree_N[child]["proven"] != UNPROVEN:
        return 1.0 if tree_N[child]["proven"] == PROVEN_DRAW else 0.0
    return tree_N[child]["draw_sum"] / tree_N[child]["visits"]


@kernel(i64(nodes_N, i64, i64), allocates=False)
def prove_parent(tree_N, parent, child):
    """Take note that `child` is now proven; 1 if that proves the parent too."""
    if tree_N[parent]["proven"] != UNPROVEN:
        return 0
    if tree_N[child]["proven"] == PROVEN_LOSS:
        tree_N[parent]["proven"] = PROVEN_WIN
        tree_N[parent]["plies"] = tree_N[child]["plies"] + 1
        return 1
    if tree_N[child]["proven"] == PROVEN_DRAW:
        tree_N[parent]["can_draw"] = 1
    tree_N[parent]["open"] -= 1
    if tree_N[parent]["open"] > 0:
        return 0
    # Every move is proven and none wins: the longest draw there is, or the longest loss.
    outcome = PROVEN_LOSS
    plies = 0
    child = tree_N[parent]["first_child"]
    while child != NONE:
        if tree_N[child]["proven"] == PROVEN_DRAW:
            if outcome == PROVEN_LOSS:
                plies = 0
            outcome = PROVEN_DRAW
            plies = max(plies, tree_N[child]["plies"] + 1)
        elif outcome == PROVEN_LOSS:
            plies = max(plies, tree_N[child]["plies"] + 1)
        child = tree_N[child]["next_sibling"]
    tree_N[parent]["proven"] = outcome
    tree_N[parent]["plies"] = plies
    return 1


@kernel(void(nodes_N, i64, f64, f64, i64, i64), allocates=False)
def backup(tree_N, leaf, value, draw, newly_proven, prove):
    """Add one visit worth `value` (the leaf's view) and draw probability `draw` from `leaf` up to the root.

    `newly_proven` is 1 when the leaf is a finished game that the tree meets for the first time. Above a
    node that becomes proven, the proven value is backed up in place of the leaf's; above one that can take a
    proven draw, a draw at least (Cazenave & Saffidine 2010).
    """
    node = leaf
    while True:
        tree_N[node]["visits"] += 1
        tree_N[node]["value_sum"] += value
        tree_N[node]["draw_sum"] += draw
        parent = tree_N[node]["parent"]
        if parent == NONE:
            return
        value = -value
        if prove == 1 and newly_proven == 1:
            newly_proven = prove_parent(tree_N, parent, node)
            if newly_proven == 1:
                value = proven_value(tree_N[parent]["proven"])
                draw = 1.0 if tree_N[parent]["proven"] == PROVEN_DRAW else 0.0
        if tree_N[parent]["can_draw"] == 1 and value < 0.0:
            value = 0.0
            draw = 1.0
        node = parent
