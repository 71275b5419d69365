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
from games.kernel import LEGAL, OBSERVE, STEP, WINS, i64, kernel

# `proven` of a node: the outcome under perfect play for the player to move there.
UNPROVEN = 0
PROVEN_WIN = 1
PROVEN_DRAW = 2
PROVEN_LOSS = 3

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
        ("proven", np.int8),
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
        ("considered", np.int32),  # root actions that sequential halving starts from
        ("leaf", np.int32),  # node that waits for the evaluator, or NONE
        ("row", np.int32),  # its row in the batch
        ("noise", np.int32),  # 1: random noise at the root
    ],
    align=True,
)

NODES_PER_SIMULATION = 3

FULL, FAST = 0, 1
INTERIOR = 2  # not a table: the root is searched like any other node


class Rules(NamedTuple):
    """`SearchConfig` as numbers for kernels."""

    gumbel: int  # 1 Gumbel, 0 PUCT
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

    nodes_GN: np.ndarray
    states_GNW: np.ndarray
    priors_GNA: np.ndarray  # float32; of untried legal actions, -1 elsewhere
    leads_GA: np.ndarray  # float64; gumbel noise + logit of the root's actions
    tried_GA: np.ndarray  # int32; simulations of this search through each root action
    searches_G: np.ndarray
    safe_GA: np.ndarray  # uint8; moves of the waiting leaf that are legal, and not known to lose at once
    rng_G: np.ndarray
    halving_SMN: np.ndarray  # int32; [schedule, considered, simulation] -> visits of the actions to look at
    planes_BPHW: np.ndarray
    slot_B: np.ndarray  # int64; cache entry that the row fills, or NONE
    counts: np.ndarray  # int64; [rows in the batch, simulations, cache hits, evaluations] since `clear_counts`
    cache_key_E: np.ndarray
    cache_prior_EA: np.ndarray
    cache_value_E2: np.ndarray  # float32; value, draw
    cache_row_E: np.ndarray  # int32; NONE once filled, else the row of this batch that will fill it
    flags_A: np.ndarray  # uint8 scratch
    scratch_A: np.ndarray  # float64 scratch
    place_N: np.ndarray  # int64 scratch


ROWS, SIMULATIONS, HITS, EVALUATIONS = 0, 1, 2, 3


def halving_table(considered: int, simulations: int) -> np.ndarray:
    """Sequential halving as a table [considered + 1, simulations]: with m actions considered, simulation i
    goes to the best action among those that have `table[m, i]` visits (Danihelka et al. 2022, figure 1)."""
    table = np.zeros((considered + 1, simulations), np.int32)
    for m in range(considered + 1):
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
    game: Game, *, games: int, simulations: int, fast_simulations: int, considered: int, cache_bits: int, nodes: int = 0
) -> Forest:
    """An empty forest of `games` trees, each with room for one full search (or `nodes`).

    A simulation adds at most `NODES_PER_SIMULATION`: a leaf, its only answer to a threat, and the move that wins at
    once after that. Two more have room for the states that a look ahead passes through.
    """
    nodes = nodes or NODES_PER_SIMULATION * simulations + 4
    actions, entries = game.actions, 1 << cache_bits
    halving_SMN = np.zeros((2, considered + 1, max(simulations, fast_simulations)), np.int32)
    halving_SMN[FULL, :, :simulations] = halving_table(considered, simulations)
    halving_SMN[FAST, :, :fast_simulations] = halving_table(considered, fast_simulations)
    searches_G = np.zeros(games, SEARCH)
    searches_G["leaf"] = NONE
    searches_G["row"] = NONE
    return Forest(
        nodes_GN=np.zeros((games, nodes), NODE),
        states_GNW=np.zeros((games, nodes, game.words), np.uint64),
        priors_GNA=np.zeros((games, nodes, actions), np.float32),
        leads_GA=np.zeros((games, actions), np.float64),
        tried_GA=np.zeros((games, actions), np.int32),
        searches_G=searches_G,
        safe_GA=np.zeros((games, actions), np.uint8),
        rng_G=np.zeros(games, np.uint64),
        halving_SMN=halving_SMN,
        planes_BPHW=np.zeros((games, game.planes, game.height, game.width), np.float32),
        slot_B=np.full(games, NONE, np.int64),
        counts=np.zeros(4, np.int64),
        cache_key_E=np.zeros(entries, np.uint64),
        cache_prior_EA=np.zeros((entries, actions), np.float32),
        cache_value_E2=np.zeros((entries, 2), np.float32),
        cache_row_E=np.full(entries, NONE, np.int32),
        flags_A=np.zeros(actions, np.uint8),
        scratch_A=np.zeros(actions + 1, np.float64),
        place_N=np.zeros(nodes, np.int64),
    )


def array(dtype: np.dtype | type, dimensions: int) -> types.Array:
    return types.Array(numba.from_dtype(np.dtype(dtype)), dimensions, "C")


nodes_N = array(NODE, 1)
states_NW = array(np.uint64, 2)
priors_NA = array(np.float32, 2)
row_A = array(np.float32, 1)
counts_A = array(np.int32, 1)
noise_A = array(np.float64, 1)
actions_N = array(np.int64, 1)
RULES = types.NamedTuple([types.int64] * 3 + [types.float64] * 7, Rules)
FOREST = types.NamedTuple(
    [
        array(NODE, 2),
        array(np.uint64, 3),
        array(np.float32, 3),
        array(np.float64, 2),
        array(np.int32, 2),
        array(SEARCH, 1),
        array(np.uint8, 2),
        array(np.uint64, 1),
        array(np.int32, 3),
        array(np.float32, 4),
        array(np.int64, 1),
        array(np.int64, 1),
        array(np.uint64, 1),
        array(np.float32, 2),
        array(np.float32, 2),
        array(np.int32, 1),
        array(np.uint8, 1),
        array(np.float64, 1),
        array(np.int64, 1),
    ],
    Forest,
)
STEP_FN = types.FunctionType(STEP)
LEGAL_FN = types.FunctionType(LEGAL)
OBSERVE_FN = types.FunctionType(OBSERVE)
WINS_FN = types.FunctionType(WINS)


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
