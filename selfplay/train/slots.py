"""The games that one thread plays at once, compiled: searching, moving, writing down, beginning anew.

A game slot is a state machine: it searches until a leaf needs the network, and when the search is
complete it moves, and when the game is over it writes its positions out and begins another. So every
network call carries one leaf of (almost) every slot, whatever stage the games are in.

Shape letters: G games, T plies of a game, W words of a state, A actions, M finished positions.
"""

from typing import NamedTuple

import numpy as np
from numba import types, void

from games.game import DRAW, ONGOING, Game
from games.kernel import i64, kernel
from games.rng import below, uniform
from selfplay.search import root, simulate, tree
from selfplay.search.tree import FAST, FOREST, FULL, LEGAL_FN, NONE, OBSERVE_FN, RULES, STEP_FN, WINS_FN, array

# `z` of a position: the result of its game for the player to move there.
WIN, DRAWN, LOSS = 0, 1, 2


class Plan(NamedTuple):
    """`PlayConfig` and the search's budgets as numbers for kernels."""

    simulations: int
    fast_simulations: int
    full_fraction: float
    opening_plies: int
    temperature_plies: int
    opening_bound: float
    opening_tries: int
    settled_draw: float


class Table(NamedTuple):
    """The games in flight, with all that their searched positions will teach, and what is finished."""

    state_GW: np.ndarray  # the position each slot is at
    ply_G: np.ndarray  # int32; plies played, the opening's included
    count_G: np.ndarray  # int32; positions recorded
    tries_G: np.ndarray  # int32; how often the opening may yet be drawn again; 0 once it stands
    states_GTW: np.ndarray
    policies_GTA: np.ndarray
    wdl_GT3: np.ndarray  # float32; the search's root value
    facts_GT: np.ndarray  # FACT
    done_states_MW: np.ndarray
    done_policies_MA: np.ndarray
    done_wdl_M3: np.ndarray
    done_facts_M: np.ndarray
    lengths: np.ndarray  # int32 [M]; plies of each finished game
    results: np.ndarray  # int8 [M]; WIN, DRAWN or LOSS of the player who began
    filled: np.ndarray  # int64 [3]; finished positions, finished games, openings drawn again
    policy_A: np.ndarray  # float32 scratch
    q_A: np.ndarray  # float32 scratch
    visits_A: np.ndarray  # int32 scratch
    allowed_A: np.ndarray  # uint8 scratch


FACT = np.dtype(
    [
        ("action", np.int16),  # played
        ("reply", np.int16),  # played by the opponent next; NONE at the end
        ("z", np.int8),
        ("mover", np.int8),  # 0: the player who began
        ("full", np.int8),  # 1: a full search, to be learned from
        ("proven", np.int8),
        ("net_value", np.float32),  # the network's own, before the search
        ("divergence", np.float32),  # KL(improved policy || network's policy), in nats
    ],
    align=True,
)

PLAN = types.NamedTuple(
    [types.int64] * 2 + [types.float64] + [types.int64] * 2 + [types.float64, types.int64, types.float64], Plan
)
TABLE = types.NamedTuple(
    [
        array(np.uint64, 2),
        array(np.int32, 1),
        array(np.int32, 1),
        array(np.int32, 1),
        array(np.uint64, 3),
        array(np.float32, 3),
        array(np.float32, 3),
        array(FACT, 2),
        array(np.uint64, 2),
        array(np.float32, 2),
        array(np.float32, 2),
        array(FACT, 1),
        array(np.int32, 1),
        array(np.int8, 1),
        array(np.int64, 1),
        array(np.float32, 1),
        array(np.float32, 1),
        array(np.int32, 1),
        array(np.uint8, 1),
    ],
    Table,
)
POSITIONS, GAMES, REDRAWN = 0, 1, 2


def allocate(game: Game, games: int, positions: int) -> Table:
    """A table for so many games at once, and so many finished positions."""
    plies, actions, words = game.max_plies, game.actions, game.words
    return Table(
        state_GW=np.zeros((games, words), np.uint64),
        ply_G=np.zeros(games, np.int32),
        count_G=np.zeros(games, np.int32),
        tries_G=np.zeros(games, np.int32),
        states_GTW=np.zeros((games, plies, words), np.uint64),
        policies_GTA=np.zeros((games, plies, actions), np.float32),
        wdl_GT3=np.zeros((games, plies, 3), np.float32),
        facts_GT=np.zeros((games, plies), FACT),
        done_states_MW=np.zeros((positions, words), np.uint64),
        done_policies_MA=np.zeros((positions, actions), np.float32),
        done_wdl_M3=np.zeros((positions, 3), np.float32),
        done_facts_M=np.zeros(positions, FACT),
        lengths=np.zeros(positions, np.int32),
        results=np.zeros(positions, np.int8),
        filled=np.zeros(3, np.int64),
        policy_A=np.zeros(actions, np.float32),
        q_A=np.zeros(actions, np.float32),
        visits_A=np.zeros(actions, np.int32),
        allowed_A=np.zeros(actions, np.uint8),
    )


@kernel(void(FOREST, TABLE, i64, i64, STEP_FN, LEGAL_FN), allocates=False)
def _draw_opening(forest, table, g, plies, step, legal):
    """Set slot g to the start, then play `plies` random moves that do not end the game."""
    while True:
        for w in range(table.state_GW.shape[1]):
            table.state_GW[g, w] = 0
        ply = 0
        status = ONGOING
        while ply < plies and status == ONGOING:
            count = legal(table.state_GW[g], table.allowed_A)
            nth = below(forest.rng_G, g, count)
            for action in range(len(table.allowed_A)):
                if table.allowed_A[action] == 1:
                    if nth == 0:
                        status = step(table.state_GW[g], action, table.states_GTW[g, 0])
                        simulate.copy_words(table.state_GW[g], table.states_GTW[g, 0])
                        break
                    nth -= 1
            ply += 1
        if status == ONGOING:
            table.ply_G[g] = ply
            table.count_G[g] = 0
            return


@kernel(void(FOREST, TABLE, i64, PLAN, STEP_FN, LEGAL_FN), allocates=False)
def _new_game(forest, table, g, plan, step, legal):
    """Begin a game in slot g with 0 to `opening_plies` random moves."""
    plies = below(forest.rng_G, g, plan.opening_plies + 1)
    _draw_opening(forest, table, g, plies, step, legal)
    table.tries_G[g] = plan.opening_tries if plies > 0 else 0


@kernel(void(FOREST, TABLE, i64, PLAN), allocates=False)
def _begin_search(forest, table, g, plan):
    """Begin slot g's search: a fast one where the search before it saw a draw that nobody can help, or by lot."""
    count = table.count_G[g]
    settled = count > 0 and table.wdl_GT3[g, count - 1, DRAWN] > plan.settled_draw
    if not settled and (plan.full_fraction >= 1.0 or uniform(forest.rng_G, g) < plan.full_fraction):
        simulate.begin(forest, g, table.state_GW[g], plan.simulations, FULL, 1)
    else:
        simulate.begin(forest, g, table.state_GW[g], plan.fast_simulations, FAST, 0)


@kernel(void(FOREST, TABLE, i64, PLAN, STEP_FN, LEGAL_FN), allocates=False)
def _judge_opening(forest, table, g, plan, step, legal):
    """Let the opening of slot g stand, or draw as many moves again where its root, now evaluated, is lopsided.

    The number of moves stays, so that every length keeps its share, the bare board too.
    """
    if abs(forest.nodes_GN[g, 0]["value"]) <= plan.opening_bound:
        table.tries_G[g] = 0
        return
    table.tries_G[g] -= 1
    table.filled[REDRAWN] += 1
    _draw_opening(forest, table, g, table.ply_G[g], step, legal)
    _begin_search(forest, table, g, plan)


@kernel(void(TABLE, i64, i64), allocates=False)
def _finish_game(table, g, status):
    """Move slot g's positions to the output, now that the result is known; the last mover won or drew."""
    count = table.count_G[g]
    last_mover = (table.ply_G[g] - 1) & 1
    game = table.filled[GAMES]
    table.lengths[game] = table.ply_G[g]
    table.results[game] = DRAWN if status == DRAW else (WIN if last_mover == 0 else LOSS)
    table.filled[GAMES] += 1
    for t in range(count):
        fact = table.facts_GT[g, t]
        fact["z"] = DRAWN if status == DRAW else (WIN if fact["mover"] == last_mover else LOSS)
        fact["reply"] = table.facts_GT[g, t + 1]["action"] if t + 1 < count else NONE
        if fact["full"] == 0:
            continue
        row = table.filled[POSITIONS]
        simulate.copy_words(table.done_states_MW[row], table.states_GTW[g, t])
        simulate.copy_row(table.done_policies_MA[row], table.policies_GTA[g, t])
        simulate.copy_row(table.done_wdl_M3[row], table.wdl_GT3[g, t])
        table.done_facts_M[row] = fact
        table.filled[POSITIONS] += 1


@kernel(i64(FOREST, TABLE, i64, RULES, PLAN, STEP_FN), allocates=False)
def _move(forest, table, g, rules, plan, step):
    """Record what the finished search of slot g found, and play. Returns the status of the game."""
    policy_A = table.policy_A
    best = root.summarise(forest, g, rules, policy_A, table.q_A, table.visits_A, table.allowed_A)
    t = table.count_G[g]
    fact = table.facts_GT[g, t]
    simulate.copy_words(table.states_GTW[g, t], table.state_GW[g])
    simulate.copy_row(table.policies_GTA[g, t], policy_A)
    root.root_wdl(forest.nodes_GN[g], rules, policy_A, table.wdl_GT3[g, t])
    fact["full"] = 1 if forest.searches_G[g]["schedule"] == FULL else 0
    fact["mover"] = table.ply_G[g] & 1
    fact["proven"] = forest.nodes_GN[g, 0]["proven"]
    fact["net_value"] = forest.nodes_GN[g, 0]["value"]
    fact["divergence"] = root.divergence(forest, g, policy_A)
    action = best
    if table.ply_G[g] < plan.temperature_plies:
        threshold = uniform(forest.rng_G, g)
        for candidate in range(len(policy_A)):
            if policy_A[candidate] > 0.0:
                action = candidate
                threshold -= policy_A[candidate]
                if threshold < 0.0:
                    break
    fact["action"] = action
    status = step(table.states_GTW[g, t], action, table.state_GW[g])
    table.ply_G[g] += 1
    table.count_G[g] += 1
    return status


@kernel(i64(FOREST, TABLE, RULES, PLAN, STEP_FN, LEGAL_FN, WINS_FN, OBSERVE_FN, i64), allocates=False)
def advance(forest, table, rules, plan, step, legal, wins, observe, quota):
    """Play on in every slot until it waits for the network; returns the rows that wait.

    Returns -1 instead once `quota` positions are finished, or there is no room for another game.
    """
    for g in range(len(table.ply_G)):
        while True:
            # No row of slot g is in the batch here, so its search may be given up.
            if table.tries_G[g] > 0 and forest.nodes_GN[g, 0]["visits"] > 0:
                _judge_opening(forest, table, g, plan, step, legal)
            if simulate.run_until_leaf(forest, g, rules, step, legal, wins, observe) == 1:
                break
            if table.tries_G[g] > 0:
                continue  # the cache, or a proof, answered for the network
            status = _move(forest, table, g, rules, plan, step)
            if status != ONGOING:
                _finish_game(table, g, status)
                _new_game(forest, table, g, plan, step, legal)
            _begin_search(forest, table, g, plan)
            if table.filled[POSITIONS] >= quota or table.filled[GAMES] == len(table.lengths):
                return -1
    return forest.counts[tree.ROWS]


@kernel(void(FOREST, TABLE, PLAN, STEP_FN, LEGAL_FN, i64), allocates=False)
def restart(forest, table, plan, step, legal, fresh):
    """Begin every slot's search anew, as after new weights; with `fresh`, begin every game anew too."""
    for g in range(len(table.ply_G)):
        if fresh == 1:
            _new_game(forest, table, g, plan, step, legal)
        _begin_search(forest, table, g, plan)
