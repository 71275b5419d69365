"""Players that know only the rules: random moves, and tree search with random playouts (UCT).

Both are generic over games through the compiled rule functions. N positions, W words, A actions, T tree nodes.
Every position has its own seed, so an answer does not depend on the positions beside it.
"""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import types

from games import interrupt
from games.game import DRAW, MOVER_LOST, MOVER_WON, ONGOING, Game
from games.kernel import LEGAL, STEP, flags_A, i64, kernel, u64, words_W
from games.rng import below

_LEGAL = types.FunctionType(LEGAL)
_STEP = types.FunctionType(STEP)


@kernel(i64(flags_A, i64, u64[::1], i64))
def _pick(flags_A, count, rng_N, n):
    """One of the `count` flagged actions, each as likely."""
    left = below(rng_N, n, count)
    for action in range(len(flags_A)):
        if flags_A[action]:
            if left == 0:
                return action
            left -= 1
    return -1


@kernel((types.Array(types.uint8, 2, "C"), u64[::1], types.Array(i64, 1, "C")))
def _pick_all(flags_NA, rng_N, actions_N):
    for n in range(len(flags_NA)):
        count = 0
        for flag in flags_NA[n]:
            count += flag
        actions_N[n] = _pick(flags_NA[n], count, rng_N, n)


def pick(choices_NA: np.ndarray, seeds_N: np.ndarray) -> np.ndarray:
    """One of the marked actions of each row, each as likely; int64 [N]."""
    actions_N = np.zeros(len(choices_NA), np.int64)
    _pick_all(choices_NA.astype(np.uint8), seeds_N.copy(), actions_N)
    return actions_N


@kernel(types.float64(_LEGAL, _STEP, words_W, words_W, flags_A, u64[::1], i64))
def _playout(legal, step, state_W, spare_W, flags_A, rng_N, n):
    """The result of a random game from `state_W` (overwritten) for the player to move there: 1, 0 or -1."""
    sign = 1.0
    while True:
        count = legal(state_W, flags_A)
        status = step(state_W, _pick(flags_A, count, rng_N, n), spare_W)
        if status == MOVER_WON:
            return sign
        if status == MOVER_LOST:
            return -sign
        if status == DRAW:
            return 0.0
        state_W[:] = spare_W
        sign = -sign


@kernel(
    (
        *(_LEGAL, _STEP, u64[:, ::1], u64[::1], i64, i64, types.float64),
        *(i64[::1], types.Array(types.int32, 2, "C"), types.Array(types.float64, 1, "C")),
    )
)
def _search(legal, step, states_NW, rng_N, actions, simulations, exploration, stop_1, visits_NA, values_N):
    """UCT from every position: a simulation adds one node and plays one random game from it.

    `total_T[t]` sums the results of node t as the player who moved into it sees them; `status_T` says how
    that move ended the game, if it did. It ends early, with nothing to say, once `stop_1` does not hold 0.
    """
    words = states_NW.shape[1]
    size = simulations + 1
    child_TA = np.empty((size, actions), np.int32)
    flags_TA = np.empty((size, actions), np.uint8)
    open_T = np.empty(size, np.int64)  # legal actions without a node yet
    visits_T = np.empty(size, np.int64)
    total_T = np.empty(size, np.float64)
    status_T = np.empty(size, np.int64)
    states_TW = np.empty((size, words), np.uint64)
    path_P = np.empty(size + 1, np.int64)
    state_W = np.empty(words, np.uint64)
    spare_W = np.empty(words, np.uint64)
    flags = np.empty(actions, np.uint8)

    for n in range(len(states_NW)):
        states_TW[0] = states_NW[n]
        visits_T[0] = 0
        total_T[0] = 0.0
        status_T[0] = ONGOING
        child_TA[0] = -1
        open_T[0] = legal(states_TW[0], flags_TA[0])
        nodes = 1
        for _ in range(simulations):
            if stop_1[0] != 0:
                return
            t = 0
            length = 1
            path_P[0] = 0
            while status_T[t] == ONGOING and open_T[t] == 0:
                best = -math.inf
                log_visits = math.log(float(visits_T[t]))
                following = -1
                for action in range(actions):
                    c = child_TA[t, action]
                    if c < 0:
                        continue
                    score = total_T[c] / visits_T[c] + exploration * math.sqrt(log_visits / visits_T[c])
                    if score > best:
                        best = score
                        following = c
                t = following
                path_P[length] = t
                length += 1
            if status_T[t] == ONGOING:
                action = _pick(flags_TA[t], open_T[t], rng_N, n)
                flags_TA[t, action] = 0
                open_T[t] -= 1
                c = nodes
                nodes += 1
                child_TA[t, action] = c
                visits_T[c] = 0
                total_T[c] = 0.0
                status_T[c] = step(states_TW[t], action, states_TW[c])
                child_TA[c] = -1
                if status_T[c] == ONGOING:
                    open_T[c] = legal(states_TW[c], flags_TA[c])
                t = c
                path_P[length] = t
                length += 1
            if status_T[t] == MOVER_WON:
                result = 1.0
            elif status_T[t] == MOVER_LOST:
                result = -1.0
            elif status_T[t] == DRAW:
                result = 0.0
            else:
                state_W[:] = states_TW[t]
                result = -_playout(legal, step, state_W, spare_W, flags, rng_N, n)
            for i in range(length - 1, -1, -1):
                visits_T[path_P[i]] += 1
                total_T[path_P[i]] += result
                result = -result
        for action in range(actions):
            c = child_TA[0, action]
            visits_NA[n, action] = 0 if c < 0 else visits_T[c]
        values_N[n] = -total_T[0] / visits_T[0]


@dataclass(frozen=True)
class Counted:
    """What the playouts found."""

    visits_NA: np.ndarray  # int32
    values_N: np.ndarray  # float32 in [-1, 1]; the average result for the player to move


def search(
    game: Game, states_NW: np.ndarray, seeds_N: np.ndarray, simulations: int, exploration: float = 1.0
) -> Counted:
    """UCT with `simulations` playouts for each position, on all cores."""
    visits_NA = np.zeros((len(states_NW), game.actions), np.int32)
    values_N = np.zeros(len(states_NW))

    def work(rows_N: np.ndarray) -> None:
        visits, values = np.zeros((len(rows_N), game.actions), np.int32), np.zeros(len(rows_N))
        states, seeds = states_NW[rows_N], seeds_N[rows_N]
        stop_1 = interrupt.word()
        _search(game.legal, game.step, states, seeds, game.actions, simulations, exploration, stop_1, visits, values)
        interrupt.check()
        visits_NA[rows_N], values_N[rows_N] = visits, values

    shares = [share for share in np.array_split(np.arange(len(states_NW)), os.cpu_count() or 1) if len(share)]
    with ThreadPoolExecutor(max(1, len(shares)), initializer=interrupt.follow, initargs=(interrupt.word(),)) as pool:
        list(pool.map(work, shares))
    return Counted(visits_NA, values_N.astype(np.float32))
