"""The steps of a search: reset, simulate until leaves need the evaluator, expand them by its answers."""

import math

import numpy as np
from numba import float64 as f64
from numba import types, void

from games import rng
from games.game import ONGOING
from games.kernel import flags_A, i64, kernel, u64, words_W
from games.outcome import PROVEN_DRAW, PROVEN_LOSS, UNPROVEN, proof_of
from selfplay.search import rule
from selfplay.search.backup import backup, proven_value
from selfplay.search.lookahead import WON, answer, look_ahead
from selfplay.search.tree import (
    EVALUATIONS,
    FOREST,
    HITS,
    INTERIOR,
    LEGAL_FN,
    NONE,
    OBSERVE_FN,
    ROWS,
    RULES,
    SIMULATIONS,
    STEP_FN,
    WINS_FN,
    add_node,
    find_untried,
    row_A,
    states_NW,
)

_ILLEGAL = np.float32(-1.0)
_SMALLEST_PRIOR = np.float32(1e-9)  # keeps every legal move reachable, and its logarithm finite


# Plain loops: numba's `a[:] = b` allocates, in case the two overlap.
@kernel(void(words_W, words_W), allocates=False)
def copy_words(target_W, source_W):
    for w in range(len(target_W)):
        target_W[w] = source_W[w]


@kernel(void(row_A, row_A), allocates=False)
def copy_row(target_A, source_A):
    for action in range(len(target_A)):
        target_A[action] = source_A[action]


@kernel(u64(words_W), allocates=False)
def key_of(state_W):
    """A 64-bit key of a position; two positions share one with probability 2^-64."""
    key = np.uint64(0)
    for word in state_W:
        key = rng.mix(key ^ word) + np.uint64(0x9E3779B97F4A7C15)
    return key


@kernel(void(row_A, row_A, flags_A), allocates=False)
def softmax_legal(prior_A, logits_A, legal_A):
    """Probabilities of the legal moves (never quite 0); -1 elsewhere."""
    highest = np.float32(-np.inf)
    for action in range(len(prior_A)):
        if legal_A[action] == 1:
            highest = max(highest, logits_A[action])
    total = np.float32(0.0)
    for action in range(len(prior_A)):
        if legal_A[action] == 1:
            prior_A[action] = math.exp(logits_A[action] - highest)
            total += prior_A[action]
    for action in range(len(prior_A)):
        prior_A[action] = max(prior_A[action] / total, _SMALLEST_PRIOR) if legal_A[action] == 1 else _ILLEGAL


@kernel(void(FOREST, i64, words_W, i64, i64, i64), allocates=False)
def reset(forest, g, state_W, budget, schedule, noise):
    """Start game g's search of `state_W`, which must not be over, with an empty tree."""
    add_node(forest.nodes_GN[g], 0, NONE, NONE)
    copy_words(forest.states_GNW[g, 0], state_W)
    search = forest.searches_G[g]
    search["size"] = 1
    search["simulations"] = 0
    search["budget"] = budget
    search["schedule"] = schedule
    search["noise"] = noise
    search["max_considered_actions"] = 0
    search["leaf"] = 0
    search["row"] = NONE
    forest.root_visits_GA[g] = 0


@kernel(void(FOREST, states_NW, i64, i64, i64), allocates=False)
def reset_all(forest, states_NW, budget, schedule, noise):
    """`reset` for N positions."""
    for g in range(len(states_NW)):
        reset(forest, g, states_NW[g], budget, schedule, noise)


@kernel(void(FOREST, i64, f64, f64, RULES), allocates=False)
def _expand(forest, g, value, draw, rules):
    """Give game g's waiting leaf its value, its priors being in place, and back it up."""
    search = forest.searches_G[g]
    leaf = search["leaf"]
    tree_N = forest.nodes_GN[g]
    prior_A = forest.priors_GNA[g, leaf]
    legal_count = 0
    for action in range(len(prior_A)):
        legal_count += prior_A[action] > 0.0
    tree_N[leaf]["value"] = value
    tree_N[leaf]["draw"] = draw
    tree_N[leaf]["open"] = legal_count
    parent = tree_N[leaf]["parent"]
    if parent != NONE and tree_N[parent]["visits"] == 0:  # see `answer`
        tree_N[parent]["value"] = -value
        tree_N[parent]["draw"] = draw
    find_untried(tree_N, prior_A, leaf)
    backup(tree_N, leaf, value, draw, 0, rules.prove)
    search["leaf"] = NONE
    search["row"] = NONE
    if leaf == 0:
        rule.prepare_root(forest, g, legal_count, rules)
    else:
        search["simulations"] += 1
        forest.counts[SIMULATIONS] += 1


@kernel(i64(FOREST, i64, RULES, STEP_FN, LEGAL_FN, WINS_FN), allocates=False)
def _simulate(forest, g, rules, step, legal, wins):
    """One descent. Returns 1 if it ended in a leaf that needs an evaluation, 0 if it is already backed up."""
    search = forest.searches_G[g]
    tree_N = forest.nodes_GN[g]
    node = 0
    choice = rule.select_root(forest, g, rules)
    action = -2 - choice if choice < NONE else tree_N[choice]["action"]
    forest.root_visits_GA[g, action] += 1
    while choice >= 0:
        node = choice
        if tree_N[node]["best_untried"] == NONE and tree_N[node]["first_child"] == NONE:
            break  # a finished game
        if rules.prove == 1 and tree_N[node]["proven"] != UNPROVEN:
            break
        choice = rule.select(tree_N, node, rules, forest.scratch_A)
    newly_proven = 0
    if choice < NONE:
        action = -2 - choice
        leaf = search["size"]
        search["size"] += 1
        prior_A = forest.priors_GNA[g, node]
        add_node(tree_N, leaf, node, action)
        tree_N[leaf]["prior"] = prior_A[action]
        prior_A[action] = -1.0
        find_untried(tree_N, prior_A, node)
        status = step(forest.states_GNW[g, node], action, forest.states_GNW[g, leaf])
        if status == ONGOING:
            safe = look_ahead(forest, g, leaf, rules, step, legal, wins)
            if safe == 1 and rules.lookahead == 1:
                leaf = answer(forest, g, leaf, step)
                if tree_N[leaf]["proven"] == UNPROVEN:
                    safe = look_ahead(forest, g, leaf, rules, step, legal, wins)
            if safe > 0 and tree_N[leaf]["proven"] == UNPROVEN:
                search["leaf"] = leaf
                return 1
            if safe == 0:
                tree_N[leaf]["proven"] = PROVEN_LOSS
                tree_N[leaf]["plies"] = 2
        else:
            tree_N[leaf]["proven"] = proof_of(status)
        newly_proven = 1
        node = leaf
    value = proven_value(tree_N[node]["proven"])
    draw = 1.0 if tree_N[node]["proven"] == PROVEN_DRAW else 0.0
    backup(tree_N, node, value, draw, newly_proven, rules.prove)
    search["simulations"] += 1
    forest.counts[SIMULATIONS] += 1
    return 0


@kernel(i64(FOREST, i64, RULES, OBSERVE_FN), allocates=False)
def _request(forest, g, rules, observe):
    """Look game g's leaf up in the cache; else give it a row in the batch. 1 if it must wait for the row."""
    search = forest.searches_G[g]
    state_W = forest.states_GNW[g, search["leaf"]]
    counts = forest.counts
    key = key_of(state_W)
    entries = len(forest.cache_key_E)
    slot = NONE
    if entries > 1:
        slot = int(key & np.uint64(entries - 1))
        if forest.cache_key_E[slot] == key:
            counts[HITS] += 1
            row = forest.cache_row_E[slot]
            if row == NONE:
                copy_row(forest.priors_GNA[g, search["leaf"]], forest.cache_prior_EA[slot])
                _expand(forest, g, forest.cache_value_E2[slot, 0], forest.cache_value_E2[slot, 1], rules)
                return 0
            search["row"] = row
            return 1
        if forest.cache_row_E[slot] == NONE:
            forest.cache_key_E[slot] = key
            forest.cache_row_E[slot] = counts[ROWS]
        else:
            slot = NONE  # the entry is promised to another position of this batch
    row = counts[ROWS]
    observe(state_W, forest.planes_BPHW[row])
    forest.slot_B[row] = slot
    search["row"] = row
    counts[ROWS] += 1
    return 1


@kernel(i64(FOREST, i64, RULES, STEP_FN, LEGAL_FN, WINS_FN, OBSERVE_FN), allocates=False)
def run_until_leaf(forest, g, rules, step, legal, wins, observe):
    """Simulate until game g waits for the evaluator (1) or its search is complete (0)."""
    search = forest.searches_G[g]
    if search["leaf"] == 0:  # the root has not been looked at
        safe = look_ahead(forest, g, 0, rules, step, legal, wins)
        if safe == WON or (safe == 0 and search["schedule"] == INTERIOR):
            if safe == 0:
                forest.nodes_GN[g, 0]["proven"] = PROVEN_LOSS
                forest.nodes_GN[g, 0]["plies"] = 2
            search["leaf"] = NONE
            backup(forest.nodes_GN[g], 0, proven_value(forest.nodes_GN[g, 0]["proven"]), 0.0, 0, 1)
            return 0
        if safe == 0:  # a move has to be found nevertheless
            legal(forest.states_GNW[g, 0], forest.safe_GA[g])
        if _request(forest, g, rules, observe) == 1:
            return 1
    while search["simulations"] < search["budget"]:
        if rules.prove == 1 and forest.nodes_GN[g, 0]["proven"] != UNPROVEN:
            return 0
        if _simulate(forest, g, rules, step, legal, wins) == 1 and _request(forest, g, rules, observe) == 1:
            return 1
    return 0


@kernel(
    void(FOREST, RULES, types.Array(types.float32, 2, "C"), types.Array(types.float32, 2, "C")),
    allocates=False,
)
def expand_leaves(forest, rules, logits_BA, wdl_B3):
    """Hand the evaluations of a batch to the games that wait for them, and to the cache. Clears the batch."""
    for g in range(len(forest.searches_G)):
        search = forest.searches_G[g]
        row = search["row"]
        if row == NONE:
            continue
        leaf = search["leaf"]
        prior_A = forest.priors_GNA[g, leaf]
        softmax_legal(prior_A, logits_BA[row], forest.safe_GA[g])
        value = wdl_B3[row, 0] - wdl_B3[row, 2]
        draw = wdl_B3[row, 1]
        slot = forest.slot_B[row]
        if slot != NONE and forest.cache_row_E[slot] == row:
            copy_row(forest.cache_prior_EA[slot], prior_A)
            forest.cache_value_E2[slot, 0] = value
            forest.cache_value_E2[slot, 1] = draw
            forest.cache_row_E[slot] = NONE
        _expand(forest, g, value, draw, rules)
    forest.counts[EVALUATIONS] += forest.counts[ROWS]
    forest.counts[ROWS] = 0


@kernel(i64(FOREST, RULES, STEP_FN, LEGAL_FN, WINS_FN, OBSERVE_FN), allocates=False)
def run_all(forest, rules, step, legal, wins, observe):
    """`run_until_leaf` for every game; returns how many rows now wait for the evaluator."""
    for g in range(len(forest.searches_G)):
        if forest.searches_G[g]["row"] == NONE:
            run_until_leaf(forest, g, rules, step, legal, wins, observe)
    return forest.counts[ROWS]
