"""PUCT search (Silver et al. 2018), with first-play urgency and forced playouts after KataGo (Wu 2019)."""

import math

from numba import float64 as f64
from numba import void

from games.kernel import i64, kernel, words_W
from games.outcome import PROVEN_WIN, UNPROVEN
from games.rng import gamma
from selfplay.search.backup import q_of
from selfplay.search.tree import NONE, RULES, nodes_N, noise_A, row_A


@kernel(i64(nodes_N, i64, RULES, i64), allocates=False)
def select(tree_N, node, rules, forced):
    """argmax Q + c_puct * P * sqrt(sum of the children's visits) / (1 + N).

    An untried move is worth the node's mean value less `fpu_reduction * sqrt(visited prior mass)`. With
    `forced`, a child below `sqrt(forced_playouts * P * sum of visits)` visits goes first.
    Returns the child to go to, or `-2 - action` for a move to try for the first time.
    """
    visits = 0
    tried_mass = 0.0
    child = tree_N[node]["first_child"]
    while child != NONE:
        visits += tree_N[child]["visits"]
        tried_mass += tree_N[child]["prior"]
        child = tree_N[child]["next_sibling"]
    explore = rules.c_puct * math.sqrt(max(visits, 1))

    choice = NONE
    best = -1e300
    best_action = 0
    child = tree_N[node]["first_child"]
    while child != NONE:
        if not (rules.prove == 1 and tree_N[child]["proven"] == PROVEN_WIN):
            n = tree_N[child]["visits"]
            score = q_of(tree_N, child, rules.prove) + explore * tree_N[child]["prior"] / (1 + n)
            if forced == 1 and n < math.sqrt(rules.forced_playouts * tree_N[child]["prior"] * visits):
                score = 1e9
            action = tree_N[child]["action"]
            settled = rules.prove == 1 and node != 0 and tree_N[child]["proven"] != UNPROVEN
            if not settled and (score > best or (score == best and action < best_action)):
                choice, best, best_action = child, score, action
        child = tree_N[child]["next_sibling"]
    untried = tree_N[node]["best_untried"]
    if untried != NONE:
        mean = tree_N[node]["value_sum"] / tree_N[node]["visits"]
        urgency = mean - rules.fpu_reduction * math.sqrt(tried_mass)
        score = urgency + explore * tree_N[node]["untried_prior"]
        if score > best or (score == best and untried < best_action):
            choice = -2 - untried
    return choice


@kernel(void(row_A, words_W, i64, f64, f64, noise_A), allocates=False)
def add_noise(prior_A, rng_G, g, fraction, total, scratch_A):
    """Mix Dirichlet noise into the priors of the legal moves; alpha is `total` over their number."""
    legal = 0
    for action in range(len(prior_A)):
        if prior_A[action] > 0.0:
            legal += 1
    noise_sum = 0.0
    for action in range(len(prior_A)):
        if prior_A[action] > 0.0:
            scratch_A[action] = gamma(rng_G, g, total / legal) + 1e-12
            noise_sum += scratch_A[action]
    for action in range(len(prior_A)):
        if prior_A[action] > 0.0:
            prior_A[action] = (1.0 - fraction) * prior_A[action] + fraction * scratch_A[action] / noise_sum
