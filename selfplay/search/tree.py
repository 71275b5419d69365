"""What a group of searches keeps in memory: allocated once, bounded, and plain arrays throughout.

A node is one record of 64 bytes - one cache line - because a descent reads all of a child's numbers
together. Children are linked lists, newest first, so a node costs the same on 7 actions as on 225; only
the priors of moves not yet tried are kept per action.
"""

from typing import NamedTuple

import numba
import numpy as np
from numba import types, void

from games.game import Game
from games.kernel import LEGAL, OBSERVE, STEP, WINS, array, i64, kernel, tuple_type
from games.outcome import UNPROVEN

NONE = -1  # no node, no action, no row

NODE = np.dtype(
    [
        ("parent", np.int32),
        ("first_child", np.int32),
        ("next_sibling", np.int32),
        ("action", np.int32),  # that leads here from the parent
        ("best_untried", np.int32),  # legal action of highest prior that has no child yet
        ("open", np.int32),  # legal actions whose outcome is not proven
        ("visits", np.int32),
        ("proven", np.int8),  # UNPROVEN, or the outcome under perfect play
        ("can_draw", np.int8),  # 1: a move is proven to draw, so the node is worth a draw at least
        ("plies", np.int16),  # to the end of the game, once proven
        ("prior", np.float32),  # of `action`, at the parent
        ("untried_prior", np.float32),  # of `best_untried`
        ("value", np.float32),  # the evaluator's, in [-1, 1]
        ("draw", np.float32),  # the evaluator's probability of a draw
        ("value_sum", np.float64),
        ("draw_sum", np.float64),
    ],
    align=True,
)

SEARCH = np.dtype(
    [
        ("size", np.int32),  # nodes in use
        ("simulations", np.int32),  # done
        ("budget", np.int32),  # to do in all
        ("schedule", np.int32),  # which sequential-halving table, FULL or FAST; or INTERIOR
        ("max_considered_actions", np.int32),  # root actions that sequential halving starts from
        ("leaf", np.int32),  # node that waits for the evaluator, or NONE
        ("row", np.int32),  # its row in the batch
        ("noise", np.int32),  # at the root: NO_NOISE, OWN_NOISE or GIVEN_NOISE
    ],
    align=True,
)

NODES_PER_SIMULATION = 3

FULL, FAST = 0, 1
INTERIOR = 2  # not a table: the root is searched like any other node

GUMBEL, PUCT = 0, 1
NUMBER = {"gumbel": GUMBEL, "puct": PUCT}

# Noise at the root: none, drawn from the game's own stream, or given in `root_scores_GA`.
NO_NOISE, OWN_NOISE, GIVEN_NOISE = 0, 1, 2


class Rules(NamedTuple):
    """`SearchConfig` as numbers for kernels."""

    rule: int  # of selection: GUMBEL or PUCT
    prove: int
    lookahead: int
    c_visit: float
    c_scale: float
    c_puct: float
    fpu_reduction: float
    noise_fraction: float
    noise_total: float
    forced_playouts: float


class Forest(NamedTuple):
    """G trees, the batch their leaves wait in, and the cache of evaluations they share."""

    nodes_GN: np.ndarray  # NODE
    states_GNW: np.ndarray  # uint64
    priors_GNA: np.ndarray  # float32; of untried legal actions, -1 elsewhere
    root_scores_GA: np.ndarray  # float64; noise + logit of the root's actions (Gumbel)
    root_visits_GA: np.ndarray  # int32; simulations of this search through each root action
    searches_G: np.ndarray  # SEARCH
    safe_GA: np.ndarray  # uint8; moves of the waiting leaf that are legal, and not known to lose at once
    rng_G: np.ndarray  # uint64; the random stream of each game
    halving_SMN: np.ndarray  # int32; [schedule, considered actions, simulation] -> visits of the actions to look at
    planes_BPHW: np.ndarray  # float32; the batch that waits for the evaluator
    slot_B: np.ndarray  # int64; cache entry that the row fills, or NONE
    counts: np.ndarray  # int64 [4]; ROWS in the batch; SIMULATIONS, cache HITS and EVALUATIONS so far
    cache_key_E: np.ndarray  # uint64
    cache_prior_EA: np.ndarray  # float32
    cache_value_E2: np.ndarray  # float32; value, draw
    cache_row_E: np.ndarray  # int32; NONE once filled, else the row of this batch that will fill it
    flags_A: np.ndarray  # uint8 scratch
    scratch_A: np.ndarray  # float64 scratch


ROWS, SIMULATIONS, HITS, EVALUATIONS = 0, 1, 2, 3


def halving_table(max_considered_actions: int, simulations: int) -> np.ndarray:
    """Sequential halving as a table [max_considered_actions + 1, simulations]: with m actions considered, simulation i
    goes to the best action among those that have `table[m, i]` visits (Danihelka et al. 2022, figure 1)."""
    table = np.zeros((max_considered_actions + 1, simulations), np.int32)
    for m in range(max_considered_actions + 1):
        phases = max(1, int(np.ceil(np.log2(max(m, 1)))))
        visits, alive, sequence = 0, max(m, 1), []
        while len(sequence) < simulations:
            for _ in range(max(1, simulations // (phases * alive))):
                sequence += [visits] * alive
                visits += 1
            alive = max(2, alive // 2) if m > 1 else 1
        table[m] = sequence[:simulations]
    return table


def allocate(
    game: Game,
    *,
    games: int,
    simulations: int,
    fast_simulations: int,
    max_considered_actions: int,
    cache_bits: int,
    nodes: int = 0,
) -> Forest:
    """An empty forest of `games` trees, each with room for one full search (or `nodes`).

    A simulation adds at most `NODES_PER_SIMULATION`: a leaf, its only answer to a threat, and the move that wins at
    once after that. Two more have room for the states that a look ahead passes through.
    """
    halving_SMN = np.zeros((2, max_considered_actions + 1, max(simulations, fast_simulations)), np.int32)
    halving_SMN[FULL, :, :simulations] = halving_table(max_considered_actions, simulations)
    halving_SMN[FAST, :, :fast_simulations] = halving_table(max_considered_actions, fast_simulations)
    return _allocate(
        games=games,
        nodes=nodes or NODES_PER_SIMULATION * simulations + 4,
        words=game.words,
        actions=game.actions,
        planes_PHW=(game.planes, game.height, game.width),
        entries=1 << cache_bits,
        halving_SMN=halving_SMN,
    )


def _allocate(
    *,
    games: int,
    nodes: int,
    words: int,
    actions: int,
    planes_PHW: tuple[int, int, int],
    entries: int,
    halving_SMN: np.ndarray,
) -> Forest:
    searches_G = np.zeros(games, SEARCH)
    searches_G["leaf"] = NONE
    searches_G["row"] = NONE
    return Forest(
        nodes_GN=np.zeros((games, nodes), NODE),
        states_GNW=np.zeros((games, nodes, words), np.uint64),
        priors_GNA=np.zeros((games, nodes, actions), np.float32),
        root_scores_GA=np.zeros((games, actions), np.float64),
        root_visits_GA=np.zeros((games, actions), np.int32),
        searches_G=searches_G,
        safe_GA=np.zeros((games, actions), np.uint8),
        rng_G=np.zeros(games, np.uint64),
        halving_SMN=halving_SMN,
        planes_BPHW=np.zeros((games, *planes_PHW), np.float32),
        slot_B=np.full(games, NONE, np.int64),
        counts=np.zeros(4, np.int64),
        cache_key_E=np.zeros(entries, np.uint64),
        cache_prior_EA=np.zeros((entries, actions), np.float32),
        cache_value_E2=np.zeros((entries, 2), np.float32),
        cache_row_E=np.full(entries, NONE, np.int32),
        flags_A=np.zeros(actions, np.uint8),
        scratch_A=np.zeros(actions + 1, np.float64),
    )


# The types of kernels' arguments are those of the smallest forest that there is, so that no field is declared twice.
FOREST = numba.typeof(
    _allocate(
        games=1, nodes=1, words=1, actions=1, planes_PHW=(1, 1, 1), entries=1, halving_SMN=np.zeros((2, 1, 1), np.int32)
    )
)
RULES = tuple_type(Rules)
nodes_N = array(NODE, 1)
states_NW = array(np.uint64, 2)
priors_NA = array(np.float32, 2)
row_A = array(np.float32, 1)
counts_A = array(np.int32, 1)
noise_A = array(np.float64, 1)
actions_N = array(np.int64, 1)
STEP_FN = types.FunctionType(STEP)
LEGAL_FN = types.FunctionType(LEGAL)
OBSERVE_FN = types.FunctionType(OBSERVE)
WINS_FN = types.FunctionType(WINS)


@kernel(void(nodes_N, row_A, i64), allocates=False)
def find_untried(tree_N, prior_A, node):
    """Note which move of `node` without a child has the highest prior."""
    best = NONE
    highest = np.float32(0.0)
    for action in range(len(prior_A)):
        if prior_A[action] > highest:
            highest = prior_A[action]
            best = action
    tree_N[node]["best_untried"] = best
    tree_N[node]["untried_prior"] = highest


@kernel(void(nodes_N, i64, i64, i64), allocates=False)
def add_node(tree_N, node, parent, action):
    tree_N[node]["parent"] = parent
    tree_N[node]["action"] = action
    tree_N[node]["first_child"] = NONE
    tree_N[node]["next_sibling"] = NONE
    tree_N[node]["best_untried"] = NONE
    tree_N[node]["visits"] = 0
    tree_N[node]["proven"] = UNPROVEN
    tree_N[node]["can_draw"] = 0
    tree_N[node]["plies"] = 0
    tree_N[node]["value_sum"] = 0.0
    tree_N[node]["draw_sum"] = 0.0
    if parent != NONE:
        tree_N[node]["next_sibling"] = tree_N[parent]["first_child"]
        tree_N[parent]["first_child"] = node
