"""PUCT search (Silver et al. 2018), with first-play urgency and forced playouts after KataGo (Wu 2019)."""

import math

from numba import float64 as f64
from numba import void

from games.kernel import flags_A, i64, kernel, words_W
from games.outcome import PROVEN_WIN, UNPROVEN
from games.rng import gamma
from selfplay.search.backup import q_of
from selfplay.search.tree import NO_NOISE, NONE, OWN_NOISE, RULES, find_untried, nodes_N, noise_A, row_A


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
            if forced != NO_NOISE and n < math.sqrt(rules.forced_playouts * tree_N[child]["prior"] * visits):
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


@kernel(void(nodes_N, row_A, noise_A, i64, words_W, i64, RULES, noise_A), allocates=False)
def prepare(tree_N, prior_A, given_A, noise, rng_G, g, rules, scratch_A):
    """The root's priors with their noise."""
    fraction = rules.noise_fraction
    if noise == NO_NOISE or fraction == 0.0:
        return
    if noise == OWN_NOISE:
        add_noise(prior_A, rng_G, g, fraction, rules.noise_total, scratch_A)
    else:
        for action in range(len(prior_A)):
            if prior_A[action] > 0.0:
                prior_A[action] = (1.0 - fraction) * prior_A[action] + fraction * given_A[action]
    find_untried(tree_N, prior_A, 0)


@kernel(void(nodes_N, i64, RULES, flags_A, row_A), allocates=False)
def fill_policy(tree_N, noise, rules, allowed_A, policy_A):
    """Visits of the allowed moves, without those that forced playouts added (KataGo's target pruning)."""
    visits = 0
    leader = NONE
    child = tree_N[0]["first_child"]
    while child != NONE:
        visits += tree_N[child]["visits"]
        if allowed_A[tree_N[child]["action"]] == 1 and (
            leader == NONE or tree_N[child]["visits"] > tree_N[leader]["visits"]
        ):
            leader = child
        child = tree_N[child]["next_sibling"]
    if leader == NONE:
        return
    explore = rules.c_puct * math.sqrt(max(visits, 1))
    leader_score = q_of(tree_N, leader, rules.prove) + explore * tree_N[leader]["prior"] / (
        1 + tree_N[leader]["visits"]
    )
    child = tree_N[0]["first_child"]
    while child != NONE:
        action = tree_N[child]["action"]
        n = tree_N[child]["visits"]
        if allowed_A[action] == 1:
            kept = n
            if rules.forced_playouts > 0.0 and noise != NO_NOISE and child != leader:
                forced = int(math.sqrt(rules.forced_playouts * tree_N[child]["prior"] * visits))
                q = q_of(tree_N, child, rules.prove)
                # Take visits away while the move would still not have been preferred to the leader.
                while kept > max(n - forced, 0) and (
                    q + explore * tree_N[child]["prior"] / (1 + kept - 1) < leader_score
                ):
                    kept -= 1
                if kept <= 1 and n > 1:
                    kept = 0
            policy_A[action] = kept
        child = tree_N[child]["next_sibling"]


@kernel(i64(nodes_N, flags_A), allocates=False)
def best(tree_N, allowed_A):
    """The allowed move of most visits, then of the higher prior, then of the lower number; NONE if none has any."""
    most = -1
    highest = 0.0
    best_action = NONE
    child = tree_N[0]["first_child"]
    while child != NONE:
        action = tree_N[child]["action"]
        if allowed_A[action] == 1:
            n, prior = tree_N[child]["visits"], float(tree_N[child]["prior"])
            if n > most or (n == most and (prior > highest or (prior == highest and action < best_action))):
                most, highest, best_action = n, prior, action
        child = tree_N[child]["next_sibling"]
    return best_action
