"""The selection rules, Gumbel and PUCT: the one place where the kernels ask which of them a search follows.

Each is a module of kernels of the same meaning. Another rule is another module, a branch in each kernel here, its
number in `tree.NUMBER` and its name in `SearchConfig.rule`; `TimedSearch` is Gumbel's alone.
(They are not functions that the search is handed, as the rules of a game are: numba takes 3 to 5 us to hand over a
function. That would be four more at every call of the evaluator, of which a search by the clock makes one in 280 us.)
"""

from numba import void

from games.kernel import flags_A, i64, kernel
from selfplay.search import gumbel, puct
from selfplay.search.tree import FOREST, GUMBEL, INTERIOR, RULES, nodes_N, noise_A, row_A


@kernel(void(FOREST, i64, i64, RULES), allocates=False)
def prepare_root(forest, g, legal_count, rules):
    """Once the root is evaluated: its noise, and how many moves sequential halving starts from."""
    search = forest.searches_G[g]
    search["max_considered_actions"] = min(forest.halving_SMN.shape[1] - 1, legal_count)
    prior_A, score_A = forest.priors_GNA[g, 0], forest.root_scores_GA[g]
    if rules.rule == GUMBEL:
        gumbel.prepare(prior_A, score_A, search["noise"], forest.rng_G, g)
    else:
        puct.prepare(forest.nodes_GN[g], prior_A, score_A, search["noise"], forest.rng_G, g, rules, forest.scratch_A)


@kernel(i64(FOREST, i64, RULES), allocates=False)
def select_root(forest, g, rules):
    """The child of the root to go to, or `-2 - action` for a move to try for the first time."""
    search = forest.searches_G[g]
    if search["schedule"] == INTERIOR:
        return gumbel.select(forest.nodes_GN[g], 0, rules, forest.scratch_A)
    if rules.rule == GUMBEL:
        wanted = forest.halving_SMN[search["schedule"], search["max_considered_actions"], search["simulations"]]
        return gumbel.select_root(
            forest.nodes_GN[g],
            forest.priors_GNA[g, 0],
            forest.root_scores_GA[g],
            forest.root_visits_GA[g],
            wanted,
            rules,
        )
    return puct.select(forest.nodes_GN[g], 0, rules, search["noise"])


@kernel(i64(nodes_N, i64, RULES, noise_A), allocates=False)
def select(tree_N, node, rules, scratch_A):
    """`select_root` of a node inside the tree."""
    if rules.rule == GUMBEL:
        return gumbel.select(tree_N, node, rules, scratch_A)
    return puct.select(tree_N, node, rules, 0)


@kernel(void(FOREST, i64, RULES, row_A, flags_A, row_A), allocates=False)
def fill_policy(forest, g, rules, q_A, allowed_A, policy_A):
    """The improved policy of a finished search over the allowed moves, to be normalised."""
    tree_N, prior_A = forest.nodes_GN[g], forest.priors_GNA[g, 0]
    if rules.rule == GUMBEL:
        gumbel.fill_policy(tree_N, prior_A, rules, q_A, allowed_A, policy_A)
    else:
        puct.fill_policy(tree_N, forest.searches_G[g]["noise"], rules, allowed_A, policy_A)


@kernel(i64(FOREST, i64, RULES, row_A, flags_A), allocates=False)
def best(forest, g, rules, q_A, allowed_A):
    """The move to play, of the allowed ones that were tried; NONE if there is none."""
    if rules.rule == GUMBEL:
        return gumbel.best(
            forest.nodes_GN[g], forest.root_scores_GA[g], forest.root_visits_GA[g], rules, q_A, allowed_A
        )
    return puct.best(forest.nodes_GN[g], allowed_A)
