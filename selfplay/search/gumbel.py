"""Gumbel search (Danihelka et al. 2022, "Policy improvement by planning with Gumbel").

At the root: Gumbel top-m without replacement, then sequential halving. Inside the tree: the deterministic
rule that follows the improved policy. No min-max rescaling of Q: values live in [-1, 1] in every game here.

A move that is proven lost is left out of everything, as if it were illegal, while another remains.
"""

import math

from numba import float64 as f64
from numba import types, void

from games import rng
from games.kernel import flags_A, i64, kernel, words_W
from games.outcome import PROVEN_WIN, UNPROVEN
from selfplay.search.backup import q_of
from selfplay.search.tree import GIVEN_NOISE, NONE, OWN_NOISE, RULES, counts_A, nodes_N, noise_A, row_A


@kernel(types.UniTuple(f64, 3)(nodes_N, i64, RULES), allocates=False)
def completion(tree_N, node, rules):
    """What completes the Q of untried moves: (v_mix, sigma's factor, highest Q or v_mix).

    v_mix is equation 33 of the paper: the value of the node, and the prior-weighted Q of its children.
    """
    visits = 0
    most = 0
    prior_sum = 0.0
    weighted = 0.0
    highest = -2.0
    child = tree_N[node]["first_child"]
    while child != NONE:
        if not (rules.prove == 1 and tree_N[child]["proven"] == PROVEN_WIN):
            q = q_of(tree_N, child, rules.prove)
            n = tree_N[child]["visits"]
            visits += n
            most = max(most, n)
            prior_sum += tree_N[child]["prior"]
            weighted += tree_N[child]["prior"] * q
            highest = max(highest, q)
        child = tree_N[child]["next_sibling"]
    v_mix = float(tree_N[node]["value"])
    if prior_sum > 0.0:
        v_mix = (v_mix + visits * weighted / prior_sum) / (1.0 + visits)
    return v_mix, (rules.c_visit + most) * rules.c_scale, max(highest, v_mix)


@kernel(i64(nodes_N, i64, RULES, noise_A), allocates=False)
def select(tree_N, node, rules, scratch_A):
    """Inside the tree (equation 14): the move whose visits lag the improved policy most, proven ones aside.

    Returns the child to go to, or `-2 - action` for a move to try for the first time.
    """
    v_mix, factor, highest = completion(tree_N, node, rules)
    # The improved policy is prior * exp(sigma(Q)), normalised; exponents are shifted to be at most 0.
    total = 0.0
    visits = 0
    rest = 1.0
    i = 0
    child = tree_N[node]["first_child"]
    while child != NONE:
        rest -= tree_N[child]["prior"]
        if not (rules.prove == 1 and tree_N[child]["proven"] == PROVEN_WIN):
            weight = tree_N[child]["prior"] * math.exp(factor * (q_of(tree_N, child, rules.prove) - highest))
            scratch_A[i] = weight
            total += weight
            visits += tree_N[child]["visits"]
            i += 1
        child = tree_N[child]["next_sibling"]
    untried = tree_N[node]["best_untried"]
    lift = math.exp(factor * (v_mix - highest))
    if untried != NONE:
        total += max(rest, 0.0) * lift
    total = max(total, 1e-300)

    choice = NONE
    best = -1e300
    best_action = 0
    i = 0
    child = tree_N[node]["first_child"]
    while child != NONE:
        if not (rules.prove == 1 and tree_N[child]["proven"] == PROVEN_WIN):
            score = scratch_A[i] / total - tree_N[child]["visits"] / (1.0 + visits)
            action = tree_N[child]["action"]
            settled = rules.prove == 1 and tree_N[child]["proven"] != UNPROVEN
            if not settled and (score > best or (score == best and action < best_action)):
                best = score
                best_action = action
                choice = child
            i += 1
        child = tree_N[child]["next_sibling"]
    if untried != NONE:
        score = tree_N[node]["untried_prior"] * lift / total
        if score > best or (score == best and untried < best_action):
            choice = -2 - untried
    return choice


@kernel(i64(nodes_N, row_A, noise_A, counts_A, i64, RULES), allocates=False)
def select_root(tree_N, prior_A, root_score_A, root_visits_A, wanted, rules):
    """At the root: among the moves tried `wanted` times, the highest gumbel + logit + sigma(Q).

    `root_score_A` is gumbel + logit. Where no move was tried exactly so often (others were proven lost), the
    nearest count stands in.
    """
    v_mix, factor, _ = completion(tree_N, 0, rules)
    choice = NONE
    best = 0.0
    best_action = 0
    nearest = 1 << 30
    child = tree_N[0]["first_child"]
    while child != NONE:
        if not (rules.prove == 1 and tree_N[child]["proven"] == PROVEN_WIN):
            action = tree_N[child]["action"]
            score = root_score_A[action] + factor * q_of(tree_N, child, rules.prove)
            gap = abs(root_visits_A[action] - wanted)
            if gap < nearest or (gap == nearest and (score > best or (score == best and action < best_action))):
                choice, best, best_action, nearest = child, score, action, gap
        child = tree_N[child]["next_sibling"]
    for action in range(len(prior_A)):
        if prior_A[action] > 0.0:
            score = root_score_A[action] + factor * v_mix
            gap = wanted
            if gap < nearest or (gap == nearest and (score > best or (score == best and action < best_action))):
                choice, best, best_action, nearest = -2 - action, score, action, gap
    return choice


@kernel(void(row_A, noise_A, i64, words_W, i64), allocates=False)
def prepare(prior_A, root_score_A, noise, rng_G, g):
    """gumbel + logit of the root's moves."""
    for action in range(len(prior_A)):
        if prior_A[action] > 0.0:
            drawn = 0.0
            if noise == OWN_NOISE:
                drawn = rng.gumbel(rng_G, g)
            elif noise == GIVEN_NOISE:
                drawn = root_score_A[action]
            root_score_A[action] = drawn + math.log(prior_A[action])


@kernel(void(nodes_N, row_A, RULES, row_A, flags_A, row_A), allocates=False)
def fill_policy(tree_N, prior_A, rules, q_A, allowed_A, policy_A):
    """exp(logit + sigma(completed Q)) of the allowed moves, times a constant."""
    v_mix, factor, highest = completion(tree_N, 0, rules)
    for action in range(len(policy_A)):
        if allowed_A[action] == 1 and prior_A[action] > 0.0:
            policy_A[action] = prior_A[action] * math.exp(factor * (v_mix - highest))
    child = tree_N[0]["first_child"]
    while child != NONE:
        action = tree_N[child]["action"]
        if allowed_A[action] == 1:
            policy_A[action] = tree_N[child]["prior"] * math.exp(min(factor * (q_A[action] - highest), 0.0))
        child = tree_N[child]["next_sibling"]


@kernel(i64(nodes_N, noise_A, counts_A, RULES, row_A, flags_A), allocates=False)
def best(tree_N, root_score_A, root_visits_A, rules, q_A, allowed_A):
    """Of the allowed moves tried most in this search, the highest gumbel + logit + sigma(Q); NONE if none was."""
    _, factor, _ = completion(tree_N, 0, rules)
    most = -1
    highest = 0.0
    best_action = NONE
    child = tree_N[0]["first_child"]
    while child != NONE:
        action = tree_N[child]["action"]
        if allowed_A[action] == 1:
            n = root_visits_A[action]
            score = root_score_A[action] + factor * q_A[action]
            if n > most or (n == most and (score > highest or (score == highest and action < best_action))):
                most, highest, best_action = n, score, action
        child = tree_N[child]["next_sibling"]
    return best_action


@kernel(void(nodes_N, row_A, noise_A, RULES, noise_A), allocates=False)
def fill_scores(tree_N, prior_A, root_score_A, rules, score_A):
    """gumbel + logit + sigma(completed Q) of every move of the root; -inf where it is illegal or proven lost."""
    v_mix, factor, _ = completion(tree_N, 0, rules)
    for action in range(len(score_A)):
        score_A[action] = root_score_A[action] + factor * v_mix if prior_A[action] > 0.0 else -math.inf
    child = tree_N[0]["first_child"]
    while child != NONE:
        if not (rules.prove == 1 and tree_N[child]["proven"] == PROVEN_WIN):
            action = tree_N[child]["action"]
            score_A[action] = root_score_A[action] + factor * q_of(tree_N, child, rules.prove)
        child = tree_N[child]["next_sibling"]
