"""One player for any game: one-ply rules and alpha-beta that ask only what the rules of the game say.

Alpha-beta with iterative deepening, a transposition table, killer moves and the history heuristic. A position that the
search leaves open is worth 0, unless the game's `Hints` say better. A side that can win at once is seen to win, also
where the depth ends. Scores are whole numbers as the player to move sees them, see `budget`: those of plain minimax of
the same depth, since every move adds a stone, and a position therefore always lies at the same depth. Of moves with the
same score one is chosen at random, by each position's own seed.

N positions, W words, A actions, P plies below the root, T table entries.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import types

from games import interrupt
from games.game import MOVER_LOST, MOVER_WON, ONGOING, Game
from games.kernel import LEGAL, STEP, WINS, flags_A, i64, kernel, u64, words_W
from games.rng import below, mix
from selfplay.knowledge.budget import DECIDED, INFINITE, WIN, Budget
from selfplay.knowledge.clock import CLOCK, clock, new_timer, now, timer_t
from selfplay.knowledge.transposition import AT_LEAST, AT_MOST, EXACT, TranspositionTable

PIECES = ()  # of knowledge, as `without=` names them
SCALE = 1.0  # undecided positions are worth 0, which is an even game on any scale

EVALUATE = i64(words_W)  # the signature of `Hints.evaluate`

_LEGAL = types.FunctionType(LEGAL)
_STEP = types.FunctionType(STEP)
_WINS = types.FunctionType(WINS)
_EVALUATE = types.FunctionType(EVALUATE)
_i64s = types.Array(i64, 1, "C")
_i64s_2 = types.Array(i64, 2, "C")
_u64s_2 = types.Array(u64, 2, "C")

_TABLE_BITS = 20
_NODES_PER_MS = 1000

# Ranks of moves; below them the history.
_TABLE_MOVE, _KILLER, _MOST_HISTORY = 1 << 60, 1 << 50, 1 << 49

# An entry of the table in one word, from the lowest bit: action (all ones for none), bound, depth, score.
_BOUND_AT, _DEPTH_AT, _SCORE_AT = 12, 14, 24
_ACTION, _DEPTH = (1 << _BOUND_AT) - 1, (1 << (_SCORE_AT - _DEPTH_AT)) - 1
_ZERO_SCORE = 1 << 20


class Hints(NamedTuple):
    """What a game may add to its rules; both functions are kernels."""

    evaluate: Callable
    """`evaluate(state_W) -> score` of a position that nobody wins at once, for the player to move; below DECIDED"""
    candidates: Callable
    """`candidates(state_W, flags_A) -> count` flags the legal moves worth trying, as `Game.legal` flags all; one at
    least"""


@kernel(EVALUATE, allocates=False)
def even(state_W):
    """Nobody is ahead."""
    return 0


def worths(game: Game, without: frozenset[str]) -> Hints:
    """No hints: every position is even, and every move is tried."""
    return Hints(even, game.legal)


class SearchStack(NamedTuple):
    """A search's state at each ply below the root, and its memory of moves that refuted others."""

    states_PW: np.ndarray  # uint64
    actions_PA: np.ndarray  # int64; moves, the best to come brought forward one by one
    ranks_PA: np.ndarray  # int64; of each of them, for the order in which they are tried
    alpha_P: np.ndarray  # int64
    beta_P: np.ndarray  # int64
    start_P: np.ndarray  # int64; alpha on arrival
    best_P: np.ndarray  # int64; the best score so far
    move_P: np.ndarray  # int64; the move that has it
    count_P: np.ndarray  # int64; moves
    next_P: np.ndarray  # int64; moves tried
    killers_P2: np.ndarray  # int64
    history_2A: np.ndarray  # int64; by side (even and odd plies), how much an action has refuted anywhere
    flags_A: np.ndarray  # uint8; scratch
    spare_W: np.ndarray  # uint64; scratch


_stack_t = types.NamedTuple(
    [_u64s_2, _i64s_2, _i64s_2, *[_i64s] * 7, _i64s_2, _i64s_2, flags_A, words_W],
    SearchStack,
)


@kernel(types.void(_stack_t), allocates=False)
def _forget(stack):
    """Forget which moves refuted others."""
    for p in range(len(stack.killers_P2)):
        stack.killers_P2[p, 0] = stack.killers_P2[p, 1] = -1
    for side in range(2):
        for action in range(stack.history_2A.shape[1]):
            stack.history_2A[side, action] = 0


@kernel(types.void(_stack_t, i64, i64, i64), allocates=False)
def _update_history(stack, p, action, left):
    """Remember that the action refuted the move before it, `left` plies from the horizon."""
    stack.history_2A[p & 1, action] = min(stack.history_2A[p & 1, action] + left * left, _MOST_HISTORY)
    if stack.killers_P2[p, 0] != action:
        stack.killers_P2[p, 1] = stack.killers_P2[p, 0]
        stack.killers_P2[p, 0] = action


@kernel(types.void(_stack_t, i64, i64), allocates=False)
def _list_flagged(stack, p, table_move):
    """The flagged actions with their ranks: the table's move, then killers, then what refuted most elsewhere."""
    count = 0
    for action in range(len(stack.flags_A)):
        if stack.flags_A[action] == 0:
            continue
        rank = stack.history_2A[p & 1, action]
        if action == table_move:
            rank = _TABLE_MOVE
        elif action == stack.killers_P2[p, 0] or action == stack.killers_P2[p, 1]:
            rank += _KILLER
        stack.actions_PA[p, count] = action
        stack.ranks_PA[p, count] = rank
        count += 1
    stack.count_P[p] = count
    stack.next_P[p] = 0


@kernel(i64(_stack_t, i64), allocates=False)
def _next_action(stack, p):
    """The highest in rank of the moves not yet tried; it counts as tried."""
    first = stack.next_P[p]
    best = first
    for i in range(first + 1, stack.count_P[p]):
        if stack.ranks_PA[p, i] > stack.ranks_PA[p, best]:
            best = i
    action = stack.actions_PA[p, best]
    stack.actions_PA[p, best] = stack.actions_PA[p, first]
    stack.ranks_PA[p, best] = stack.ranks_PA[p, first]
    stack.actions_PA[p, first] = action
    stack.next_P[p] += 1
    return action


@kernel(u64(words_W), allocates=False)
def _key(state_W):
    key = np.uint64(0)
    for w in range(len(state_W)):
        key = mix(key ^ state_W[w])
    return key


@kernel(types.void(u64[::1], _i64s, u64, u64, i64, i64, i64, i64), allocates=False)
def _record(keys_T, entries_T, key, salt, value, bound, left, action):
    slot = key & np.uint64(len(keys_T) - 1)
    keys_T[slot] = key ^ salt
    entries_T[slot] = ((value + _ZERO_SCORE) << _SCORE_AT) | (left << _DEPTH_AT) | (bound << _BOUND_AT) | action


@kernel(
    types.void(
        *(_LEGAL, _STEP, _WINS, _EVALUATE, _LEGAL, u64[:, ::1], _i64s, u64[::1], _stack_t, u64[::1], _i64s),
        *(i64, i64, i64, i64, CLOCK, timer_t, _i64s_2),
    ),
    allocates=False,
)
def _search(
    legal,
    step,
    wins,
    evaluate,
    candidates,
    states_NW,
    plies_N,
    rng_N,
    stack,
    keys_T,
    entries_T,
    age,
    max_depth,
    max_nodes,
    max_ns,
    clock,
    timer,
    found_N4,
):
    """Iterative deepening from each position; found_N4 gets action, score, depth completed, nodes.

    The depth-first search keeps its own stack; `value` passes a finished score upwards, as the player to move at the
    finished position sees it. The window of a move at the root leaves room for a tie with the best.
    """
    for n in range(len(states_NW)):
        if timer.stop_1[0] != 0:
            break
        deadline = now(clock, timer) + max_ns
        salt = mix(np.uint64(age + n))
        for w in range(states_NW.shape[1]):
            stack.states_PW[0, w] = states_NW[n, w]
        _forget(stack)
        nodes = 0
        for depth in range(1, max_depth + 1):
            p = 0
            stack.alpha_P[0] = -INFINITE
            stack.beta_P[0] = INFINITE
            ties = 0
            arriving = True
            stopped = False
            value = 0
            while p >= 0:
                state_W = stack.states_PW[p]
                left = depth - p
                to_win = WIN - (plies_N[n] + p + 1)  # the score of a win by the next stone
                if arriving:
                    nodes += 1
                    if depth > 1 and (nodes > max_nodes or now(clock, timer) >= deadline):
                        stopped = True
                        break
                    key = _key(state_W)
                    slot = key & np.uint64(len(keys_T) - 1)
                    table_move = -1
                    finished = False
                    if keys_T[slot] == key ^ salt and entries_T[slot] != 0:
                        entry = entries_T[slot]
                        table_move = entry & _ACTION
                        value = (entry >> _SCORE_AT) - _ZERO_SCORE
                        bound = (entry >> _BOUND_AT) & 3
                        # What is decided stays so however deep one looks; an open game counts for its depth alone.
                        finished = p > 0 and (abs(value) >= DECIDED or (entry >> _DEPTH_AT) & _DEPTH == left)
                        finished = finished and (bound != AT_LEAST or value >= stack.beta_P[p])
                        finished = finished and (bound != AT_MOST or value <= stack.alpha_P[p])
                    if not finished:
                        won = wins(state_W, legal, step, stack.flags_A, stack.spare_W) > 0
                        if won and p > 0:
                            value = to_win
                            finished = True
                            _record(keys_T, entries_T, key, salt, value, EXACT, left, _ACTION)
                        elif left == 0:
                            value = evaluate(state_W)
                            finished = True
                            _record(keys_T, entries_T, key, salt, value, EXACT, left, _ACTION)
                        else:
                            if not won:
                                candidates(state_W, stack.flags_A)
                            _list_flagged(stack, p, table_move)
                            stack.best_P[p] = -INFINITE
                            stack.start_P[p] = stack.alpha_P[p]
                    if finished:
                        p -= 1
                        arriving = False
                        continue
                else:
                    value = -value
                    action = stack.actions_PA[p, stack.next_P[p] - 1]
                    if value > stack.best_P[p]:
                        stack.best_P[p] = value
                        stack.move_P[p] = action
                        ties = 1 if p == 0 else ties
                    elif p == 0 and value == stack.best_P[0]:
                        ties += 1
                        if below(rng_N, n, ties) == 0:  # each of the ties is kept with equal probability
                            stack.move_P[0] = action
                    stack.alpha_P[p] = max(stack.alpha_P[p], value - 1 if p == 0 else value)
                    if stack.best_P[p] >= stack.beta_P[p]:
                        _update_history(stack, p, action, left)
                        stack.next_P[p] = stack.count_P[p]
                if stack.next_P[p] < stack.count_P[p]:
                    action = _next_action(stack, p)
                    status = step(state_W, action, stack.states_PW[p + 1])
                    arriving = status == ONGOING
                    if arriving:
                        stack.alpha_P[p + 1] = -stack.beta_P[p]
                        stack.beta_P[p + 1] = -stack.alpha_P[p]
                        p += 1
                    elif status == MOVER_WON:
                        value = -to_win
                    elif status == MOVER_LOST:
                        value = to_win
                    else:
                        value = 0
                else:
                    value = stack.best_P[p]
                    bound = EXACT
                    if value <= stack.start_P[p]:
                        bound = AT_MOST
                    elif value >= stack.beta_P[p]:
                        bound = AT_LEAST
                    _record(keys_T, entries_T, _key(state_W), salt, value, bound, left, stack.move_P[p])
                    p -= 1
                    arriving = False
            if not stopped or ties > 0:  # the first move tried is the last choice: what beats it is better
                found_N4[n, 0] = stack.move_P[0]
            if stopped:
                break
            found_N4[n, 1] = value
            found_N4[n, 2] = depth
            if abs(value) >= DECIDED:
                break
        found_N4[n, 3] = nodes


class SearchContext(NamedTuple):
    """What one thread's searches write to."""

    table: TranspositionTable
    stack: SearchStack


def new_context(game: Game, budget: Budget) -> SearchContext:
    """For searches with this budget. The table has about an entry for each node, 16 MiB at most."""
    assert game.actions < _ACTION and game.max_plies <= _DEPTH, "an entry of the table has no room for this game"
    nodes = min(budget.nodes, 1 << min(3 * budget.depth + 6, _TABLE_BITS))
    if budget.ms > 0:
        nodes = min(nodes, int(budget.ms * _NODES_PER_MS))
    plies = min(budget.depth, game.max_plies) + 1
    stack = SearchStack(
        states_PW=np.zeros((plies, game.words), np.uint64),
        actions_PA=np.zeros((plies, game.actions), np.int64),
        ranks_PA=np.zeros((plies, game.actions), np.int64),
        alpha_P=np.zeros(plies, np.int64),
        beta_P=np.zeros(plies, np.int64),
        start_P=np.zeros(plies, np.int64),
        best_P=np.zeros(plies, np.int64),
        move_P=np.zeros(plies, np.int64),
        count_P=np.zeros(plies, np.int64),
        next_P=np.zeros(plies, np.int64),
        killers_P2=np.zeros((plies, 2), np.int64),
        history_2A=np.zeros((2, game.actions), np.int64),
        flags_A=np.zeros(game.actions, np.uint8),
        spare_W=np.zeros(game.words, np.uint64),
    )
    return SearchContext(TranspositionTable(1 << min(max(nodes.bit_length(), 10), _TABLE_BITS)), stack)


def search(
    game: Game, states_NW: np.ndarray, seeds_N: np.ndarray, hints: Hints, budget: Budget, context: SearchContext
) -> np.ndarray:
    """Best actions, scores, completed depths and nodes of the positions, int64 [N, 4]."""
    found_N4 = np.zeros((len(states_NW), 4), np.int64)
    _search(
        game.legal,
        game.step,
        game.wins,
        hints.evaluate,
        hints.candidates,
        states_NW,
        np.array([game.plies(state_W) for state_W in states_NW], np.int64),
        seeds_N.copy(),
        context.stack,
        context.table.keys_T,
        context.table.entries_T,
        context.table.ages(len(states_NW)),
        min(budget.depth, game.max_plies),
        budget.nodes,
        budget.nanoseconds,
        clock,
        new_timer(),
        found_N4,
    )
    interrupt.check()
    return found_N4


@kernel(
    types.void(_LEGAL, _STEP, _WINS, u64[:, ::1], u64[::1], flags_A, flags_A, words_W, words_W, _i64s),
    allocates=False,
)
def _choose(legal, step, wins, states_NW, rng_N, flags_A, replies_A, next_W, spare_W, actions_N):
    """Win at once; else do not lose at once, and leave the other side as few moves as one can that win at once."""
    for n in range(len(states_NW)):
        won = wins(states_NW[n], legal, step, flags_A, next_W) > 0
        if not won:
            legal(states_NW[n], flags_A)
        fewest = len(flags_A) + 1
        ties = 0
        for action in range(len(flags_A)):
            if flags_A[action] == 0:
                continue
            threats = 0
            status = step(states_NW[n], action, next_W)
            if status == MOVER_LOST:
                threats = len(flags_A) + 1
            elif status == ONGOING:
                threats = wins(next_W, legal, step, replies_A, spare_W)
            if threats > fewest:
                continue
            ties = ties + 1 if threats == fewest else 1
            fewest = threats
            if below(rng_N, n, ties) == 0:  # each of the ties is kept with equal probability
                actions_N[n] = action


def choose(game: Game, states_NW: np.ndarray, seeds_N: np.ndarray) -> np.ndarray:
    """The moves of the one-ply rules, int64 [N]: win, block, else at random."""
    actions_N = np.zeros(len(states_NW), np.int64)
    flags_2A, words_2W = np.zeros((2, game.actions), np.uint8), np.zeros((2, game.words), np.uint64)
    _choose(game.legal, game.step, game.wins, states_NW, seeds_N.copy(), *flags_2A, *words_2W, actions_N)
    return actions_N
