"""What a finished search says of its root: visits, Q, the improved policy, the move to play, and the line it expects.

A search that has proven moves restricts itself to the right ones: the win (a search stops at the first that
it finds), else - where every move is proven - the draws or the longest loss, else all not proven lost.
"""

import math

import numpy as np
from numba import float64 as f64
from numba import void

from games.kernel import array, flags_A, i64, kernel
from games.outcome import PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN, UNPROVEN
from selfplay.search import rule
from selfplay.search.backup import draw_of, proven_value, q_of
from selfplay.search.tree import FOREST, NONE, RULES, actions_N, counts_A, nodes_N, priors_NA, row_A

_LONGEST_LINE = 16  # moves


@kernel(void(FOREST, i64, RULES, flags_A), allocates=False)
def candidates(forest, g, rules, allowed_A):
    """Flags the moves that proofs leave to choose from."""
    tree_N = forest.nodes_GN[g]
    prior_A = forest.priors_GNA[g, 0]
    for action in range(len(allowed_A)):
        allowed_A[action] = 1 if prior_A[action] > 0.0 else 0
    outcome = tree_N[0]["proven"] if rules.prove == 1 else UNPROVEN
    wanted = UNPROVEN  # what the chosen moves' children are proven to be
    if outcome == PROVEN_WIN:
        wanted = PROVEN_LOSS
    elif outcome == PROVEN_DRAW:
        wanted = PROVEN_DRAW
    elif outcome == PROVEN_LOSS:
        wanted = PROVEN_WIN
    longest = 0
    child = tree_N[0]["first_child"]
    while child != NONE:
        longest = max(longest, tree_N[child]["plies"])
        child = tree_N[child]["next_sibling"]
    child = tree_N[0]["first_child"]
    while child != NONE:
        proven = tree_N[child]["proven"] if rules.prove == 1 else UNPROVEN
        fits = proven != PROVEN_WIN
        if wanted != UNPROVEN:
            fits = proven == wanted and (outcome != PROVEN_LOSS or tree_N[child]["plies"] == longest)
        allowed_A[tree_N[child]["action"]] = 1 if fits else 0
        child = tree_N[child]["next_sibling"]
    if wanted != UNPROVEN:  # a move never tried is proven to be nothing
        for action in range(len(allowed_A)):
            if prior_A[action] > 0.0:
                allowed_A[action] = 0


@kernel(void(row_A, flags_A), allocates=False)
def _normalise(policy_A, allowed_A):
    total = 0.0
    allowed = 0
    for action in range(len(policy_A)):
        total += policy_A[action]
        allowed += allowed_A[action]
    for action in range(len(policy_A)):
        if total > 0.0:
            policy_A[action] /= total
        elif allowed_A[action] == 1:  # no allowed move was visited
            policy_A[action] = 1.0 / allowed


@kernel(i64(FOREST, i64, RULES, row_A, row_A, counts_A, flags_A), allocates=False)
def summarise(forest, g, rules, policy_A, q_A, visits_A, allowed_A):
    """Fill the improved policy, Q and visits of game g's root; returns the move to play.

    The policy (a training target) does not depend on the noise's draw or on how the move is picked, except
    through what was searched. Gumbel: softmax(logit + sigma(completed Q)). PUCT: visits, less the forced ones.
    """
    tree_N = forest.nodes_GN[g]
    candidates(forest, g, rules, allowed_A)
    for action in range(len(policy_A)):
        policy_A[action] = 0.0
        q_A[action] = 0.0
        visits_A[action] = 0
    child = tree_N[0]["first_child"]
    while child != NONE:
        q_A[tree_N[child]["action"]] = q_of(tree_N, child, rules.prove)
        visits_A[tree_N[child]["action"]] = tree_N[child]["visits"]
        child = tree_N[child]["next_sibling"]
    rule.fill_policy(forest, g, rules, q_A, allowed_A, policy_A)
    _normalise(policy_A, allowed_A)
    best = rule.best(forest, g, rules, q_A, allowed_A)
    if best == NONE:  # every move tried is proven lost, or none was tried: the likeliest other
        prior_A = forest.priors_GNA[g, 0]
        for action in range(len(allowed_A)):
            if allowed_A[action] == 1 and (best == NONE or prior_A[action] > prior_A[best]):
                best = action
    return best


@kernel(void(nodes_N, RULES, row_A, row_A), allocates=False)
def root_wdl(tree_N, rules, policy_A, wdl_3):
    """Win, draw and loss probabilities of the root for the player to move there, who follows the improved policy.

    Each tried move counts by `policy_A` instead of by its visits: sequential halving spends most of a small search on
    moves that it then drops, and their mean would call won positions even. The node's own evaluation counts as one
    visit, as in v_mix (equation 33 of Danihelka et al. 2022).
    """
    proven = tree_N[0]["proven"] if rules.prove == 1 else UNPROVEN
    value, draw = float(tree_N[0]["value"]), float(tree_N[0]["draw"])
    visits = 0
    weight, weighted_value, weighted_draw = 0.0, 0.0, 0.0
    child = tree_N[0]["first_child"]
    while child != NONE:
        share = policy_A[tree_N[child]["action"]]
        visits += tree_N[child]["visits"]
        weight += share
        weighted_value += share * q_of(tree_N, child, rules.prove)
        weighted_draw += share * draw_of(tree_N, child, rules.prove)
        child = tree_N[child]["next_sibling"]
    if weight > 0.0:
        value = (value + visits * weighted_value / weight) / (1 + visits)
        draw = (draw + visits * weighted_draw / weight) / (1 + visits)
    if proven != UNPROVEN:
        value = proven_value(proven)
        draw = 1.0 if proven == PROVEN_DRAW else 0.0
    wdl_3[0] = max((1.0 - draw + value) / 2.0, 0.0)
    wdl_3[1] = draw
    wdl_3[2] = max((1.0 - draw - value) / 2.0, 0.0)


@kernel(void(FOREST, RULES, actions_N, priors_NA, priors_NA, array(np.int32, 2), priors_NA), allocates=False)
def summarise_all(forest, rules, action_N, policy_NA, q_NA, visits_NA, wdl_N3):
    """`summarise` and `root_wdl` for the first N games."""
    for g in range(len(action_N)):
        action_N[g] = summarise(forest, g, rules, policy_NA[g], q_NA[g], visits_NA[g], forest.flags_A)
        root_wdl(forest.nodes_GN[g], rules, policy_NA[g], wdl_N3[g])


@kernel(void(FOREST, priors_NA), allocates=False)
def priors_of_roots(forest, prior_NA):
    """What the evaluator made of the moves of the first N roots; 0 where it was not asked, and of illegal ones."""
    for g in range(len(prior_NA)):
        for action in range(prior_NA.shape[1]):
            prior_NA[g, action] = max(forest.priors_GNA[g, 0, action], 0.0)  # -1 where it was tried
        tree_N = forest.nodes_GN[g]
        child = tree_N[0]["first_child"]
        while child != NONE:
            prior_NA[g, tree_N[child]["action"]] = tree_N[child]["prior"]
            child = tree_N[child]["next_sibling"]


@kernel(f64(FOREST, i64, row_A), allocates=False)
def divergence(forest, g, policy_A):
    """KL(improved policy || priors of game g's root) in nats; 0 where the evaluator was not asked."""
    tree_N = forest.nodes_GN[g]
    total = 0.0
    for action in range(len(policy_A)):
        prior = forest.priors_GNA[g, 0, action]
        if policy_A[action] > 0.0 and prior > 0.0:
            total += policy_A[action] * math.log(policy_A[action] / prior)
    child = tree_N[0]["first_child"]
    while child != NONE:
        p = policy_A[tree_N[child]["action"]]
        if p > 0.0:
            total += p * math.log(p / tree_N[child]["prior"])
        child = tree_N[child]["next_sibling"]
    return total


@kernel((FOREST, actions_N, array(np.int64, 2)), allocates=False)
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
    lines_NL = np.full((len(action_N), _LONGEST_LINE), NONE, np.int64)
    _follow(forest, action_N, lines_NL)
    return lines_NL
