"""The games that one thread plays at once, compiled: searching, moving, writing down, beginning anew.

A game slot is a state machine: it searches until a leaf needs the network, and when the search is
complete it moves, and when the game is over it writes its positions out and begins another. So every
network call carries one leaf of (almost) every slot, whatever stage the games are in.

Shape letters: G games, T plies of a game, W words of a state, A actions, M finished positions.
"""

from typing import NamedTuple

import numba
import numpy as np
from numba import void

from games.game import ONGOING, Game
from games.kernel import i64, kernel, tuple_type
from games.outcome import DRAWN, LOSS, outcome_of
from games.rng import below, uniform
from selfplay.search import root, simulate, tree
from selfplay.search.tree import (
    FAST,
    FOREST,
    FULL,
    LEGAL_FN,
    NO_NOISE,
    NONE,
    OBSERVE_FN,
    OWN_NOISE,
    RULES,
    STEP_FN,
    WINS_FN,
)


class Plan(NamedTuple):
    """`PlayConfig` and the search's budgets as numbers for kernels."""

    simulations: int
    fast_simulations: int
    full_fraction: float
    opening_plies: int
    temperature_plies: int
    max_opening_value: float
    opening_tries: int
    draw_adjudication: float


class Slots(NamedTuple):
    """The ongoing games, with all that their searched positions will teach, and what is finished."""

    state_GW: np.ndarray  # uint64; the position each slot is at
    ply_G: np.ndarray  # int32; plies played, the opening's included
    count_G: np.ndarray  # int32; positions recorded
    tries_G: np.ndarray  # int32; how often the opening may yet be drawn again; 0 once it stands
    states_GTW: np.ndarray  # uint64
    policies_GTA: np.ndarray  # float32; the search's improved policy
    wdl_GT3: np.ndarray  # float32; the search's root value
    facts_GT: np.ndarray  # FACT
    done_states_MW: np.ndarray  # of finished games, as above
    done_policies_MA: np.ndarray
    done_wdl_M3: np.ndarray
    done_facts_M: np.ndarray
    done_owners_MC: np.ndarray  # uint8; EMPTY, MINE or THEIRS: what each cell held when the game was over
    lengths: np.ndarray  # int32 [M]; plies of each finished game
    results: np.ndarray  # int8 [M]; WIN, DRAWN or LOSS of the player who began
    filled: np.ndarray  # int64 [3]; finished positions, finished games, openings drawn again
    policy_A: np.ndarray  # float32 scratch
    q_A: np.ndarray  # float32 scratch
    visits_A: np.ndarray  # int32 scratch
    allowed_A: np.ndarray  # uint8 scratch
    planes_PHW: np.ndarray  # float32 scratch


FACT = np.dtype(
    [
        ("action", np.int16),  # played
        ("reply", np.int16),  # played by the opponent next; NONE at the end
        ("z", np.int8),  # how the game ended for the player to move
        ("mover", np.int8),  # 0: the player who began
        ("full", np.int8),  # 1: a full search, to be learned from
        ("proven", np.int8),
        ("net_value", np.float32),  # the network's own, before the search
        ("divergence", np.float32),  # KL(improved policy || network's policy), in nats
    ],
    align=True,
)

POSITIONS, GAMES, REDRAWN = 0, 1, 2
EMPTY, MINE, THEIRS = 0, 1, 2  # mine: of the player to move


def allocate(game: Game, games: int, positions: int) -> Slots:
    """Slots for so many games at once, and room for so many finished positions."""
    board = game.planes, game.height, game.width
    return _allocate(
        games=games, plies=game.max_plies, words=game.words, actions=game.actions, positions=positions, board=board
    )


def _allocate(
    *, games: int, plies: int, words: int, actions: int, positions: int, board: tuple[int, int, int]
) -> Slots:
    return Slots(
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
        done_owners_MC=np.zeros((positions, board[1] * board[2]), np.uint8),
        lengths=np.zeros(positions, np.int32),
        results=np.zeros(positions, np.int8),
        filled=np.zeros(3, np.int64),
        policy_A=np.zeros(actions, np.float32),
        q_A=np.zeros(actions, np.float32),
        visits_A=np.zeros(actions, np.int32),
        allowed_A=np.zeros(actions, np.uint8),
        planes_PHW=np.zeros(board, np.float32),
    )


PLAN = tuple_type(Plan)
SLOTS = numba.typeof(_allocate(games=1, plies=1, words=1, actions=1, positions=1, board=(1, 1, 1)))


@kernel(void(FOREST, SLOTS, i64, i64, STEP_FN, LEGAL_FN), allocates=False)
def _draw_opening(forest, slots, g, plies, step, legal):
    """Set slot g to the start, then play `plies` random moves that do not end the game."""
    while True:
        for w in range(slots.state_GW.shape[1]):
            slots.state_GW[g, w] = 0
        ply = 0
        status = ONGOING
        while ply < plies and status == ONGOING:
            count = legal(slots.state_GW[g], slots.allowed_A)
            nth = below(forest.rng_G, g, count)
            for action in range(len(slots.allowed_A)):
                if slots.allowed_A[action] == 1:
                    if nth == 0:
                        status = step(slots.state_GW[g], action, slots.states_GTW[g, 0])
                        simulate.copy_words(slots.state_GW[g], slots.states_GTW[g, 0])
                        break
                    nth -= 1
            ply += 1
        if status == ONGOING:
            slots.ply_G[g] = ply
            slots.count_G[g] = 0
            return


@kernel(void(FOREST, SLOTS, i64, PLAN, STEP_FN, LEGAL_FN), allocates=False)
def _new_game(forest, slots, g, plan, step, legal):
    """Begin a game in slot g with 0 to `opening_plies` random moves."""
    plies = below(forest.rng_G, g, plan.opening_plies + 1)
    _draw_opening(forest, slots, g, plies, step, legal)
    slots.tries_G[g] = plan.opening_tries if plies > 0 else 0


@kernel(void(FOREST, SLOTS, i64, PLAN), allocates=False)
def _reset_search(forest, slots, g, plan):
    """Begin slot g's search: a fast one where the search before it saw a draw that nobody can help, or by lot."""
    count = slots.count_G[g]
    settled = count > 0 and slots.wdl_GT3[g, count - 1, DRAWN] > plan.draw_adjudication
    if not settled and (plan.full_fraction >= 1.0 or uniform(forest.rng_G, g) < plan.full_fraction):
        simulate.reset(forest, g, slots.state_GW[g], plan.simulations, FULL, OWN_NOISE)
    else:
        simulate.reset(forest, g, slots.state_GW[g], plan.fast_simulations, FAST, NO_NOISE)


@kernel(void(FOREST, SLOTS, i64, PLAN, STEP_FN, LEGAL_FN), allocates=False)
def _judge_opening(forest, slots, g, plan, step, legal):
    """Let the opening of slot g stand, or draw as many moves again where its root, now evaluated, is lopsided.

    The number of moves stays, so that every length keeps its share, the bare board too.
    """
    if abs(forest.nodes_GN[g, 0]["value"]) <= plan.max_opening_value:
        slots.tries_G[g] = 0
        return
    slots.tries_G[g] -= 1
    slots.filled[REDRAWN] += 1
    _draw_opening(forest, slots, g, slots.ply_G[g], step, legal)
    _reset_search(forest, slots, g, plan)


@kernel(void(SLOTS, i64, i64, OBSERVE_FN), allocates=False)
def _finish_game(slots, g, status, observe):
    """Move slot g's positions to the output, now that the result is known."""
    count = slots.count_G[g]
    observe(slots.state_GW[g], slots.planes_PHW)
    height, width = slots.planes_PHW.shape[1:]
    last_mover = (slots.ply_G[g] - 1) & 1
    game = slots.filled[GAMES]
    slots.lengths[game] = slots.ply_G[g]
    outcome = outcome_of(status)
    slots.results[game] = outcome if last_mover == 0 else LOSS - outcome
    slots.filled[GAMES] += 1
    for t in range(count):
        fact = slots.facts_GT[g, t]
        fact["z"] = outcome if fact["mover"] == last_mover else LOSS - outcome
        fact["reply"] = slots.facts_GT[g, t + 1]["action"] if t + 1 < count else NONE
        if fact["full"] == 0:
            continue
        row = slots.filled[POSITIONS]
        simulate.copy_words(slots.done_states_MW[row], slots.states_GTW[g, t])
        simulate.copy_row(slots.done_policies_MA[row], slots.policies_GTA[g, t])
        simulate.copy_row(slots.done_wdl_M3[row], slots.wdl_GT3[g, t])
        slots.done_facts_M[row] = fact
        mine = 1 if fact["mover"] == last_mover else 0  # plane 0 is of who would move next
        for y in range(height):
            for x in range(width):
                owner = EMPTY
                if slots.planes_PHW[mine, y, x] > 0.0:
                    owner = MINE
                elif slots.planes_PHW[1 - mine, y, x] > 0.0:
                    owner = THEIRS
                slots.done_owners_MC[row, y * width + x] = owner
        slots.filled[POSITIONS] += 1


@kernel(i64(FOREST, SLOTS, i64, RULES, PLAN, STEP_FN), allocates=False)
def _move(forest, slots, g, rules, plan, step):
    """Record what the finished search of slot g found, and play. Returns the status of the game."""
    policy_A = slots.policy_A
    best = root.summarise(forest, g, rules, policy_A, slots.q_A, slots.visits_A, slots.allowed_A)
    t = slots.count_G[g]
    fact = slots.facts_GT[g, t]
    simulate.copy_words(slots.states_GTW[g, t], slots.state_GW[g])
    simulate.copy_row(slots.policies_GTA[g, t], policy_A)
    root.root_wdl(forest.nodes_GN[g], rules, policy_A, slots.wdl_GT3[g, t])
    fact["full"] = 1 if forest.searches_G[g]["schedule"] == FULL else 0
    fact["mover"] = slots.ply_G[g] & 1
    fact["proven"] = forest.nodes_GN[g, 0]["proven"]
    fact["net_value"] = forest.nodes_GN[g, 0]["value"]
    fact["divergence"] = root.divergence(forest, g, policy_A)
    action = best
    if slots.ply_G[g] < plan.temperature_plies:
        threshold = uniform(forest.rng_G, g)
        for candidate in range(len(policy_A)):
            if policy_A[candidate] > 0.0:
                action = candidate
                threshold -= policy_A[candidate]
                if threshold < 0.0:
                    break
    fact["action"] = action
    status = step(slots.states_GTW[g, t], action, slots.state_GW[g])
    slots.ply_G[g] += 1
    slots.count_G[g] += 1
    return status


@kernel(i64(FOREST, SLOTS, RULES, PLAN, STEP_FN, LEGAL_FN, WINS_FN, OBSERVE_FN, i64), allocates=False)
def advance(forest, slots, rules, plan, step, legal, wins, observe, quota):
    """Play on in every slot until it waits for the network; returns the rows that wait.

    Returns -1 instead once `quota` positions are finished, or there is no room for another game.
    """
    for g in range(len(slots.ply_G)):
        while True:
            # No row of slot g is in the batch here, so its search may be given up.
            if slots.tries_G[g] > 0 and forest.nodes_GN[g, 0]["visits"] > 0:
                _judge_opening(forest, slots, g, plan, step, legal)
            if simulate.run_until_leaf(forest, g, rules, step, legal, wins, observe) == 1:
                break
            if slots.tries_G[g] > 0:
                continue  # the cache, or a proof, answered for the network
            status = _move(forest, slots, g, rules, plan, step)
            if status != ONGOING:
                _finish_game(slots, g, status, observe)
                _new_game(forest, slots, g, plan, step, legal)
            _reset_search(forest, slots, g, plan)
            if slots.filled[POSITIONS] >= quota or slots.filled[GAMES] == len(slots.lengths):
                return -1
    return forest.counts[tree.ROWS]


@kernel(void(FOREST, SLOTS, PLAN, STEP_FN, LEGAL_FN, i64), allocates=False)
def restart(forest, slots, plan, step, legal, fresh):
    """Begin every slot's search anew, as after new weights; with `fresh`, begin every game anew too."""
    for g in range(len(slots.ply_G)):
        if fresh == 1:
            _new_game(forest, slots, g, plan, step, legal)
        _reset_search(forest, slots, g, plan)
