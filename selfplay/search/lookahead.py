"""What the rules alone say of a new leaf, before the network is asked: wins, threats, the only answer to one."""

from games.game import MOVER_LOST, ONGOING
from games.kernel import i64, kernel
from games.outcome import PROVEN_LOSS, PROVEN_WIN, proof_of
from selfplay.search.tree import FOREST, LEGAL_FN, NONE, RULES, STEP_FN, WINS_FN, add_node

WON = -1  # what `look_ahead` says of a position, instead of how many moves are safe


@kernel(i64(FOREST, i64, i64, STEP_FN, LEGAL_FN, WINS_FN), allocates=False)
def _wins_at_once(forest, g, node, step, legal, wins):
    """1 if the player to move at `node` has a winning move; its child is then added, and `node` proven won."""
    search = forest.searches_G[g]
    tree_N = forest.nodes_GN[g]
    child = search["size"]
    state_W = forest.states_GNW[g, node]
    winning_A = forest.flags_A
    if wins(state_W, legal, step, winning_A, forest.states_GNW[g, child]) == 0:
        return 0
    action = 0
    while winning_A[action] == 0:
        action += 1
    step(state_W, action, forest.states_GNW[g, child])
    search["size"] += 1
    add_node(tree_N, child, node, action)
    tree_N[child]["prior"] = 1.0
    tree_N[child]["proven"] = PROVEN_LOSS
    tree_N[child]["visits"] = 1
    tree_N[child]["value_sum"] = -1.0
    prior_A = forest.priors_GNA[g, node]
    for other in range(len(prior_A)):
        prior_A[other] = -1.0
    tree_N[node]["value"] = 1.0
    tree_N[node]["draw"] = 0.0
    tree_N[node]["proven"] = PROVEN_WIN
    tree_N[node]["plies"] = 1
    return 1


@kernel(i64(FOREST, i64, i64, STEP_FN, LEGAL_FN, WINS_FN), allocates=False)
def _is_threatened(forest, g, node, step, legal, wins):
    """1 if the opponent has a move that would win after (almost) any move at `node`, none of which wins.

    Told from two moves: what wins against the first but is not that move itself, or is and wins against the second.
    """
    safe_A = forest.safe_GA[g]
    winning_A = forest.flags_A
    next_W = forest.states_GNW[g, forest.searches_G[g]["size"]]  # the two after the tree's last node are free
    last_W = forest.states_GNW[g, forest.searches_G[g]["size"] + 1]
    first = NONE
    for action in range(len(safe_A)):
        if safe_A[action] == 0 or step(forest.states_GNW[g, node], action, next_W) != ONGOING:
            continue
        count = wins(next_W, legal, step, winning_A, last_W)
        if first != NONE:
            return winning_A[first]
        if count > 0:
            return 1
        first = action
    return 0


@kernel(i64(FOREST, i64, i64, i64, STEP_FN, LEGAL_FN, WINS_FN), allocates=False)
def _keep_safe(forest, g, node, count, step, legal, wins):
    """Of the `count` legal moves in `safe_GA[g]` leave those after which the opponent does not win at once; how many.

    To look at every move costs as much as an evaluation, so that is done where there is a threat to begin with. One
    that is struck out does lose; one that is left may lose too, where a move makes room for a win.
    """
    if _is_threatened(forest, g, node, step, legal, wins) == 0:
        return count
    safe_A = forest.safe_GA[g]
    next_W = forest.states_GNW[g, forest.searches_G[g]["size"]]
    last_W = forest.states_GNW[g, forest.searches_G[g]["size"] + 1]
    for action in range(len(safe_A)):
        if safe_A[action] == 0:
            continue
        status = step(forest.states_GNW[g, node], action, next_W)
        if status == MOVER_LOST or (status == ONGOING and wins(next_W, legal, step, forest.flags_A, last_W) > 0):
            safe_A[action] = 0
            count -= 1
    return count


@kernel(i64(FOREST, i64, i64, RULES, STEP_FN, LEGAL_FN, WINS_FN), allocates=False)
def look_ahead(forest, g, node, rules, step, legal, wins):
    """What the rules alone say of `node`: WON if a move wins at once, whose child is then added; else how many moves
    do not lose at once, flagged in `safe_GA[g]`. 0 proves `node` lost."""
    count = legal(forest.states_GNW[g, node], forest.safe_GA[g])
    if rules.lookahead == 0:
        return count
    if _wins_at_once(forest, g, node, step, legal, wins) == 1:
        return WON
    return _keep_safe(forest, g, node, count, step, legal, wins)


@kernel(i64(FOREST, i64, i64, STEP_FN), allocates=False)
def answer(forest, g, node, step):
    """Play the only safe move at `node`, of which the evaluator need not be asked; returns the child.

    Its value and draw are those of the child, once that is evaluated.
    """
    search = forest.searches_G[g]
    tree_N = forest.nodes_GN[g]
    child = search["size"]
    search["size"] += 1
    prior_A = forest.priors_GNA[g, node]
    action = 0
    for candidate in range(len(prior_A)):
        prior_A[candidate] = -1.0
        if forest.safe_GA[g, candidate] == 1:
            action = candidate
    add_node(tree_N, child, node, action)
    tree_N[child]["prior"] = 1.0
    tree_N[node]["open"] = 1
    status = step(forest.states_GNW[g, node], action, forest.states_GNW[g, child])
    if status != ONGOING:
        tree_N[child]["proven"] = proof_of(status)
    if status == MOVER_LOST:
        tree_N[node]["value"] = -1.0
    return child
