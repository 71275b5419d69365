"""Alpha-beta for Connect Four on bitboards, over a handcrafted evaluation.

Scores are whole numbers as the player to move sees them. A win by the n-th stone of the game is WIN - n, so
faster wins are better, and a position's score does not depend on the way that led to it. A side that can
win at once is seen to win, also where the depth ends; otherwise the evaluation counts lines, threats and
stones in the middle. N positions, W words, P plies below the root, T table entries.
"""

import numpy as np

from games.game import Game
from games.kernel import i64, kernel, u64
from selfplay.knowledge.budget import AT_LEAST, AT_MOST, DECIDED, EXACT, INFINITE, WIN, Budget, Table
from selfplay.knowledge.connect4_lines import (
    MAX_K,
    ONE,
    ZERO,
    board_bits,
    count_bits,
    floor_bits,
    line_worth,
    winning_bits,
)

# The evaluation's pieces of knowledge, as `without=` names them.
PIECES = ("lines", "threats", "centre")
SCALE = 40.0  # a score of this size is a clear advantage


def worths(k: int, without: frozenset[str]) -> np.ndarray:
    """The evaluation's weights, int64 [2 + k]: a threat, a stone in the middle, a line with 0 to k-1 stones."""
    if k > MAX_K:
        raise ValueError(f"alphabeta plays connect4 with k up to {MAX_K}, not k={k}")
    worth = np.zeros(2 + k, np.int64)
    if "threats" not in without:
        worth[0] = 12
    if "centre" not in without:
        worth[1] = 2
    if "lines" not in without:
        for stones in range(1, k):
            worth[2 + stones] = max(1, 8 >> (k - 1 - stones)) if stones < k - 1 else 6
    return worth


@kernel(i64(u64, u64, i64, i64, i64, u64, u64, i64[::1]))
def evaluate(own, mask, height, width, k, board, floor, worth):
    """How good the position looks to the owner of `own`, who is to move and cannot win at once."""
    other = mask ^ own
    later = board & ~mask & ~((mask + floor) & board)  # empty, and not playable yet
    total = line_worth(own, other, board, height, k, worth[2:]) - line_worth(other, own, board, height, k, worth[2:])
    if worth[0] != 0:
        mine = winning_bits(own, height, k) & later
        theirs = winning_bits(other, height, k) & later
        total += worth[0] * (count_bits(mine) - count_bits(theirs))
    if worth[1] != 0:
        middle = ZERO
        for column in range((width - 1) // 2, width // 2 + 1):
            middle |= ((ONE << np.uint64(height)) - ONE) << np.uint64(column * (height + 1))
        total += worth[1] * (count_bits(own & middle) - count_bits(other & middle))
    return total


@kernel(u64(u64, i64, i64))
def _landing(mask, column, height):
    """The bit of a stone dropped into a column that has room."""
    bottom = np.uint64(column * (height + 1))
    return (mask + (ONE << bottom)) & (((ONE << np.uint64(height)) - ONE) << bottom)


@kernel(u64(u64, u64))
def _safe_moves(playable, theirs):
    """Moves that block all of the other's wins and open none; none if the position is lost."""
    blocks = theirs & playable
    moves = playable
    if blocks != 0:
        if blocks & (blocks - ONE) != 0:
            return ZERO
        moves = blocks
    return moves & ~(theirs >> ONE)


@kernel(i64(u64, i64, i64, i64, i64[::1], i64[:, ::1], i64, i64[:, ::1]))
def _order(moves, height, width, best, history, killers_P2, p, columns_PA):
    """Write the columns of `moves`, most promising first; returns how many.

    The table's move, then killers (moves that refuted a sibling), then what refuted most elsewhere, then the centre.
    """
    count = 0
    rank_A = np.empty(width, np.int64)
    for column in range(width):
        stone = moves & (((ONE << np.uint64(height)) - ONE) << np.uint64(column * (height + 1)))
        if stone == 0:
            continue
        cell = count_bits(stone - ONE)
        rank = history[cell] * 64 + width - abs(2 * column - (width - 1))
        if cell == killers_P2[p, 0] or cell == killers_P2[p, 1]:
            rank += 1 << 50
        if column == best:
            rank += 1 << 60
        i = count
        while i > 0 and rank_A[i - 1] < rank:
            rank_A[i] = rank_A[i - 1]
            columns_PA[p, i] = columns_PA[p, i - 1]
            i -= 1
        rank_A[i] = rank
        columns_PA[p, i] = column
        count += 1
    return count


@kernel((u64[:, ::1], i64, i64, i64, i64[::1], i64, i64, u64[::1], i64[::1], i64, i64[::1], i64[:, ::1]))
def _search(states_NW, height, width, k, worth, max_depth, max_nodes, keys_T, entries_T, epoch, stop_1, found_N4):
    """Iterative deepening from each position; found_N4 gets action, score, depth completed, nodes.

    The depth-first walk keeps its own stack: at ply p of the walk `own_P[p]`, `mask_P[p]` is the position,
    `[alpha_P, beta_P]` its window, `best_P` the best score so far. `value` passes a finished score upwards.
    """
    cells = height * width
    board = board_bits(height, width)
    floor = floor_bits(height, width)
    own_P = np.zeros(cells + 2, np.uint64)
    mask_P = np.zeros(cells + 2, np.uint64)
    alpha_P = np.zeros(cells + 2, np.int64)
    beta_P = np.zeros(cells + 2, np.int64)
    start_P = np.zeros(cells + 2, np.int64)  # alpha on arrival
    best_P = np.zeros(cells + 2, np.int64)
    move_P = np.zeros(cells + 2, np.int64)
    count_P = np.zeros(cells + 2, np.int64)
    next_P = np.zeros(cells + 2, np.int64)
    columns_PA = np.zeros((cells + 2, width), np.int64)
    killers_P2 = np.zeros((cells + 2, 2), np.int64)
    history = np.zeros(64, np.int64)
    size = np.uint64(len(keys_T))

    for n in range(len(states_NW)):
        own_P[0] = states_NW[n, 0]
        mask_P[0] = states_NW[n, 1]
        stones0 = count_bits(mask_P[0])
        history[:] = 0
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
                own = own_P[p]
                mask = mask_P[p]
                stones = stones0 + p
                key = own + mask
                slot = np.int64(key % size)
                if arriving:
                    nodes += 1
                    if depth > 1 and (nodes > max_nodes or (nodes & 255 == 0 and stop_1[0] != 0)):
                        stopped = True
                        break
                    playable = (mask + floor) & board
                    if playable == 0:
                        value = 0
                        p -= 1
                        arriving = False
                        continue
                    wins = winning_bits(own, height, k) & playable
                    if wins != 0:
                        if p == 0:
                            _order(wins, height, width, -1, history, killers_P2, 0, columns_PA)
                            move_P[0] = columns_PA[0, 0]
                        value = WIN - (stones + 1)
                        p -= 1
                        arriving = False
                        continue
                    if p == depth:
                        value = evaluate(own, mask, height, width, k, board, floor, worth)
                        p -= 1
                        arriving = False
                        continue
                    theirs = winning_bits(mask ^ own, height, k) & board
                    moves = _safe_moves(playable, theirs)
                    if moves == 0:
                        if p == 0:  # lost: still block what can be blocked
                            hopeless = theirs & playable if theirs & playable != 0 else playable
                            _order(hopeless, height, width, -1, history, killers_P2, 0, columns_PA)
                            move_P[0] = columns_PA[0, 0]
                        value = -(WIN - (stones + 2))
                        p -= 1
                        arriving = False
                        continue
                    start_P[p] = alpha_P[p]
                    hinted = -1
                    if keys_T[slot] == key:
                        entry = entries_T[slot]
                        if entry >> 40 == stamp:
                            hinted = (entry & 63) - 1
                            known = ((entry >> 16) & 0xFFFFFF) - 0x800000
                            bound = (entry >> 6) & 3
                            if (entry >> 8) & 255 >= depth - p and p > 0:
                                if bound == EXACT or (bound == AT_LEAST and known >= beta_P[p]):
                                    value = known
                                    p -= 1
                                    arriving = False
                                    continue
                                if bound == AT_MOST and known <= alpha_P[p]:
                                    value = known
                                    p -= 1
                                    arriving = False
                                    continue
                    count_P[p] = _order(moves, height, width, hinted, history, killers_P2, p, columns_PA)
                    next_P[p] = 0
                    best_P[p] = -INFINITE
                else:
                    column = columns_PA[p, next_P[p]]
                    next_P[p] += 1
                    if -value > best_P[p]:
                        best_P[p] = -value
                        move_P[p] = column
                    alpha_P[p] = max(alpha_P[p], best_P[p])
                    if alpha_P[p] >= beta_P[p]:
                        cell = count_bits(_landing(mask, column, height) - ONE)
                        history[cell] += (depth - p) * (depth - p)
                        if killers_P2[p, 0] != cell:
                            killers_P2[p, 1] = killers_P2[p, 0]
                            killers_P2[p, 0] = cell
                        next_P[p] = count_P[p]
                    if next_P[p] == count_P[p]:
                        value = best_P[p]
                        bound = EXACT
                        if value <= start_P[p]:
                            bound = AT_MOST
                        elif value >= beta_P[p]:
                            bound = AT_LEAST
                        keys_T[slot] = key
                        entries_T[slot] = (
                            (stamp << 40)
                            | ((value + 0x800000) << 16)
                            | ((depth - p) << 8)
                            | (bound << 6)
                            | (move_P[p] + 1)
                        )
                        p -= 1
                        continue
                column = columns_PA[p, next_P[p]]
                own_P[p + 1] = mask ^ own
                mask_P[p + 1] = mask | _landing(mask, column, height)
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
    found_N4 = np.zeros((len(states_NW), 4), np.int64)
    _search(
        states_NW,
        game.height,
        game.width,
        game.in_a_row,
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
