"""Alpha-beta for Gomoku over a handcrafted evaluation of lines.

Scores are whole numbers as the player to move sees them; see `budget`. A side that can win at once is seen to
win, also where the depth ends. Moves are tried near stones only, those that change the worth of lines
most first. N positions, C cells, P plies below the root, T table entries, k in a row.
"""

import functools

import numpy as np
from numba import types

from games.game import Game
from games.kernel import i64, kernel, u64
from selfplay.knowledge.budget import AT_LEAST, AT_MOST, DECIDED, EXACT, INFINITE, WIN, Budget, Table
from selfplay.knowledge.gomoku_lines import (
    cells_C,
    counts_2L,
    gain,
    lines_of_game,
    numbers,
    put,
    read,
    table,
    winning_cells,
)

# The pieces of knowledge, as `without=` names them: what lines are worth, and that moves near stones are enough.
PIECES = ("lines", "near")
SCALE = 200.0  # a score of this size is a clear advantage
_REACH = 2  # cells from a stone that count as near


def worths(k: int, without: frozenset[str]) -> np.ndarray:
    """int64 [1 + k + 1]: how far moves may stand from stones (0: anywhere), then a line's worth by its stones."""
    worth = np.zeros(k + 2, np.int64)
    worth[0] = 0 if "near" in without else _REACH
    if "lines" not in without:
        for stones in range(1, k):
            missing = k - stones
            worth[1 + stones] = 6 ** max(0, 4 - missing)
    return worth


@functools.cache
def _zobrist(cells: int) -> np.ndarray:
    return np.random.default_rng(0).integers(1, 1 << 63, (2, cells)).astype(np.uint64)


@kernel(types.void(numbers, i64, i64, i64, i64))
def _mark(near_C, size, cell, reach, change):
    """Count a stone among the neighbours of all cells within reach."""
    row, column = cell // size, cell % size
    for r in range(max(0, row - reach), min(size, row + reach + 1)):
        for c in range(max(0, column - reach), min(size, column + reach + 1)):
            near_C[r * size + c] += change


@kernel(
    i64(
        cells_C,
        counts_2L,
        numbers,
        table,
        numbers,
        numbers,
        i64,
        i64,
        i64,
        i64,
        i64[:, ::1],
        i64[:, ::1],
        i64,
        i64[::1],
    )
)
def _order(
    board_C, counts_2L, sums_3, through_CM, worth_K, near_C, size, reach, side, best, history_2C, killers_P2, p, moves_C
):
    """Write the moves worth trying, most promising first; returns how many."""
    count = 0
    rank_C = np.empty(len(board_C), np.int64)
    for cell in range(len(board_C)):
        if board_C[cell] != 0 or (reach > 0 and near_C[cell] == 0):
            continue
        rank = gain(board_C, counts_2L, sums_3, through_CM, worth_K, cell, side) << 20
        rank += min(history_2C[side, cell], (1 << 20) - 1)
        if cell == killers_P2[p, 0] or cell == killers_P2[p, 1]:
            rank += 1 << 50
        if cell == best:
            rank += 1 << 60
        i = count
        while i > 0 and rank_C[i - 1] < rank:
            rank_C[i] = rank_C[i - 1]
            moves_C[i] = moves_C[i - 1]
            i -= 1
        rank_C[i] = rank
        moves_C[i] = cell
        count += 1
    if count == 0:
        moves_C[0] = (size // 2) * size + size // 2
        count = 1
    return count


@kernel(
    (
        *(u64[:, ::1], i64, i64, table, table, table, u64[:, ::1], numbers),
        *(i64, i64, u64[::1], i64[::1], i64, i64[::1], i64[:, ::1]),
    )
)
def _search(
    states_NW,
    size,
    exact,
    cells_LK,
    ends_L2,
    through_CM,
    zobrist_2C,
    worth,
    max_depth,
    max_nodes,
    keys_T,
    entries_T,
    epoch,
    stop_1,
    found_N4,
):
    """Iterative deepening from each position; found_N4 gets action, score, depth completed, nodes.

    The depth-first walk keeps its own stack: at ply p of the walk side p & 1 is to move, `[alpha_P, beta_P]` is
    the window, `best_P` the best score so far. `value` passes a finished score upwards.
    """
    cells = size * size
    reach = worth[0]
    worth_K = worth[1:]
    plies = max_depth + 2
    board_C = np.zeros(cells, np.int8)
    counts_2L = np.zeros((2, len(cells_LK)), np.int8)
    sums_3 = np.zeros(3, np.int64)
    near_C = np.zeros(cells, np.int64)
    alpha_P = np.zeros(plies, np.int64)
    beta_P = np.zeros(plies, np.int64)
    start_P = np.zeros(plies, np.int64)  # alpha on arrival
    best_P = np.zeros(plies, np.int64)
    move_P = np.zeros(plies, np.int64)
    count_P = np.zeros(plies, np.int64)
    next_P = np.zeros(plies, np.int64)
    moves_PC = np.zeros((plies, cells), np.int64)
    killers_P2 = np.zeros((plies, 2), np.int64)
    history_2C = np.zeros((2, cells), np.int64)
    found_2 = np.zeros(2, np.int64)
    slots = np.uint64(len(keys_T))

    for n in range(len(states_NW)):
        stones0 = read(states_NW[n], board_C, counts_2L, sums_3, through_CM, worth_K)
        near_C[:] = 0
        key = np.uint64(0)
        for cell in range(cells):
            if board_C[cell] != 0:
                _mark(near_C, size, cell, reach, 1)
                key ^= zobrist_2C[board_C[cell] - 1, cell]
        history_2C[:] = 0
        killers_P2[:] = -1
        nodes = 0
        stamp = epoch + n
        for depth in range(1, max_depth + 1):
            p = 0
            alpha_P[0] = -INFINITE
            beta_P[0] = INFINITE
            move_P[0] = -1
            arriving = True
            value = 0
            stopped = False
            while p >= 0:
                side = p & 1
                stones = stones0 + p
                finished = False
                if arriving:
                    nodes += 1
                    if depth > 1 and (nodes > max_nodes or (nodes & 63 == 0 and stop_1[0] != 0)):
                        stopped = True
                    if stones == cells:
                        value = 0
                        finished = True
                    elif winning_cells(board_C, counts_2L, sums_3, cells_LK, ends_L2, exact, side, found_2) > 0:
                        move_P[p] = found_2[0]
                        value = WIN - (stones + 1)
                        finished = True
                    elif p == depth:
                        value = sums_3[0] if side == 0 else -sums_3[0]
                        finished = True
                    else:
                        start_P[p] = alpha_P[p]
                        best_P[p] = -INFINITE
                        next_P[p] = 0
                        blocks = winning_cells(board_C, counts_2L, sums_3, cells_LK, ends_L2, exact, 1 - side, found_2)
                        if blocks == 2:
                            move_P[p] = found_2[0]
                            value = -(WIN - (stones + 2))
                            finished = True
                        elif blocks == 1:
                            moves_PC[p, 0] = found_2[0]
                            count_P[p] = 1
                        else:
                            hinted = -1
                            slot = np.int64(key % slots)
                            entry = entries_T[slot]
                            if keys_T[slot] == key and entry >> 44 == stamp:
                                hinted = (entry & 511) - 1
                                known = ((entry >> 20) & 0xFFFFFF) - 0x800000
                                bound = (entry >> 9) & 3
                                deep = (entry >> 11) & 511 >= depth - p and p > 0
                                high = bound != AT_MOST and (bound == EXACT or known >= beta_P[p])
                                if deep and (high or (bound == AT_MOST and known <= alpha_P[p])):
                                    value = known
                                    finished = True
                            if not finished:
                                count_P[p] = _order(
                                    board_C,
                                    counts_2L,
                                    sums_3,
                                    through_CM,
                                    worth_K,
                                    near_C,
                                    size,
                                    reach,
                                    side,
                                    hinted,
                                    history_2C,
                                    killers_P2,
                                    p,
                                    moves_PC[p],
                                )
                else:
                    cell = moves_PC[p, next_P[p]]
                    next_P[p] += 1
                    if -value > best_P[p]:
                        best_P[p] = -value
                        move_P[p] = cell
                    alpha_P[p] = max(alpha_P[p], best_P[p])
                    if alpha_P[p] >= beta_P[p]:
                        history_2C[side, cell] += (depth - p) * (depth - p)
                        if killers_P2[p, 0] != cell:
                            killers_P2[p, 1] = killers_P2[p, 0]
                            killers_P2[p, 0] = cell
                    if alpha_P[p] >= beta_P[p] or next_P[p] == count_P[p]:
                        value = best_P[p]
                        finished = True
                        bound = EXACT
                        if value <= start_P[p]:
                            bound = AT_MOST
                        elif value >= beta_P[p]:
                            bound = AT_LEAST
                        slot = np.int64(key % slots)
                        keys_T[slot] = key
                        entries_T[slot] = (
                            (stamp << 44)
                            | ((value + 0x800000) << 20)
                            | ((depth - p) << 11)
                            | (bound << 9)
                            | (move_P[p] + 1)
                        )
                if stopped:
                    finished = True  # walk back to the root, taking the stones off
                if finished:
                    p -= 1
                    arriving = False
                    if p >= 0:
                        cell = moves_PC[p, next_P[p]]
                        put(board_C, counts_2L, sums_3, through_CM, worth_K, cell, p & 1, -1)
                        _mark(near_C, size, cell, reach, -1)
                        key ^= zobrist_2C[p & 1, cell]
                        if stopped:
                            continue
                else:
                    cell = moves_PC[p, next_P[p]]
                    put(board_C, counts_2L, sums_3, through_CM, worth_K, cell, side, 1)
                    _mark(near_C, size, cell, reach, 1)
                    key ^= zobrist_2C[side, cell]
                    alpha_P[p + 1] = -beta_P[p]
                    beta_P[p + 1] = -alpha_P[p]
                    p += 1
                    arriving = True
            if stopped:
                # The first move of an iteration is the best of the one before, so a partial one can only improve on it.
                if move_P[0] >= 0:
                    found_N4[n, 0] = move_P[0]
                break
            found_N4[n, 0] = move_P[0]
            found_N4[n, 1] = value
            found_N4[n, 2] = depth
            if abs(value) >= DECIDED or depth >= cells - stones0:
                break
        found_N4[n, 3] = nodes


def search(
    game: Game, states_NW: np.ndarray, worth: np.ndarray, budget: Budget, table: Table, stop_1: np.ndarray
) -> np.ndarray:
    """Best actions, scores, completed depths and nodes of the positions, int64 [N, 4]."""
    lines = lines_of_game(game)
    found_N4 = np.zeros((len(states_NW), 4), np.int64)
    _search(
        states_NW,
        game.width,
        lines.exact,
        lines.cells_LK,
        lines.ends_L2,
        lines.through_CM,
        _zobrist(game.cells),
        worth,
        min(budget.depth, game.max_plies),
        budget.nodes,
        table.keys_T,
        table.entries_T,
        table.epochs(len(states_NW)),
        stop_1,
        found_N4,
    )
    return found_N4
