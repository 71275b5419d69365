"""Search on in the tree of the move before: its subtree becomes the tree."""

from numba import void

from games.kernel import flags_A, i64, kernel
from selfplay.search.simulate import copy_row, copy_words, prepare_root, reset
from selfplay.search.tree import FOREST, NONE, RULES, states_NW


@kernel(i64(FOREST, i64, i64), allocates=False)
def descend_root(forest, g, action):
    """Make the subtree under `action` game g's tree, nodes kept in their order; returns its size.

    0 if the action has no child yet; the tree is then left as it was.
    """
    tree_N = forest.nodes_GN[g]
    new_root = NONE
    child = tree_N[0]["first_child"]
    while child != NONE:
        if tree_N[child]["action"] == action:
            new_root = child
        child = tree_N[child]["next_sibling"]
    if new_root == NONE or (tree_N[new_root]["first_child"] == NONE and tree_N[new_root]["best_untried"] == NONE):
        return 0
    size = 0
    place_N = forest.place_N
    place_N[:] = NONE
    for node in range(new_root, forest.searches_G[g]["size"]):
        parent = tree_N[node]["parent"]
        if node != new_root and (parent < new_root or place_N[parent] == NONE):
            continue
        # `node` moves to a place at or before its own, so nothing still needed is overwritten.
        place_N[node] = size
        tree_N[size] = tree_N[node]
        copy_words(forest.states_GNW[g, size], forest.states_GNW[g, node])
        copy_row(forest.priors_GNA[g, size], forest.priors_GNA[g, node])
        tree_N[size]["first_child"] = NONE
        tree_N[size]["next_sibling"] = NONE
        if node == new_root:
            tree_N[size]["parent"] = NONE
            tree_N[size]["action"] = NONE
        else:
            tree_N[size]["parent"] = place_N[parent]
            tree_N[size]["next_sibling"] = tree_N[place_N[parent]]["first_child"]
            tree_N[place_N[parent]]["first_child"] = size
        size += 1
    forest.searches_G[g]["size"] = size
    return size


@kernel(void(FOREST, i64, i64, i64, i64, RULES), allocates=False)
def resume(forest, g, budget, schedule, noise, rules):
    """Search on from a tree whose root is already expanded, as `descend_root` leaves it."""
    search = forest.searches_G[g]
    search["simulations"] = 0
    search["budget"] = budget
    search["schedule"] = schedule
    search["noise"] = noise
    search["leaf"] = NONE
    search["row"] = NONE
    forest.root_visits_GA[g] = 0
    legal_count = 0
    child = forest.nodes_GN[g, 0]["first_child"]
    while child != NONE:
        legal_count += 1
        child = forest.nodes_GN[g, child]["next_sibling"]
    for action in range(forest.priors_GNA.shape[2]):
        if forest.priors_GNA[g, 0, action] > 0.0:
            legal_count += 1
    prepare_root(forest, g, legal_count, rules)


@kernel(void(FOREST, states_NW, flags_A, i64, i64, i64, RULES), allocates=False)
def reset_all(forest, states_NW, known_N, budget, schedule, noise, rules):
    """Start the searches of N positions; where `known_N` is 1, go on from the tree that is there."""
    for g in range(len(states_NW)):
        if known_N[g] == 1:
            resume(forest, g, budget, schedule, noise, rules)
        else:
            reset(forest, g, states_NW[g], budget, schedule, noise)
