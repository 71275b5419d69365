"""Alpha-beta for Connect Four on bitboards, over a handcrafted evaluation.

Scores are whole numbers as the player to move sees them. A win by the n-th stone of the game is WIN - n, so faster
wins are better, and a position's score does not depend on the way that led to it. Otherwise the evaluation counts
lines, stones in the middle, and who profits when the board fills up. A node is a position visited, that is a move
made. Moves that lose at once to a threat that the bitboards show are not made. N positions, W words, P plies below
the root, A columns, T table entries.
"""

import numpy as np

from games.game import Game
from games.kernel import i64, kernel, u64
from selfplay.knowledge.budget import AT_LEAST, AT_MOST, DECIDED, EXACT, INFINITE, WIN, Budget, Table
from selfplay.knowledge.clock import CLOCK, clock, now
from selfplay.knowledge.connect4_evaluation import (
    DOUBLES,
    HANDOVER,
    PIECES,
    SCALE,
    WINS,
    evaluate,
    middle_bits,
    odd_bits,
    worths,
)
from selfplay.knowledge.connect4_lines import ONE, ZERO, board_bits, count_bits, floor_bits, winning_bits

__all__ = ["PIECES", "SCALE", "search", "table_size", "worths"]

_TABLE_BITS = 21
_NODES_PER_MS = 10_000
_NO_CELL = 63  # a guard bit of the largest board


@kernel((u64[:, ::1], i64, i64, i64, i64[::1], i64, i64, i64, CLOCK, u64[::1], i64[::1], i64, i64[:, ::1]))
def _search(
    states_NW, height, width, k, worth, max_depth, max_nodes, max_ns, clock, keys_T, entries_T, epoch, found_N4
):
    """Iterative deepening from each position; found_N4 gets action, score, depth completed, nodes.

    The depth-first walk keeps its own stack: at ply p of the walk `own_P[p]`, `mask_P[p]` is the position,
    `[alpha_P, beta_P]` its window, `best_P` the best score so far. `value` passes a finished score upwards.
    """
    cells = height * width
    stride = height + 1
    board = board_bits(height, width)
    floor = floor_bits(height, width)
    middle = middle_bits(height, width)
    odd = odd_bits(height, width)
    column0 = (ONE << np.uint64(height)) - ONE
    knows_wins = worth[WINS] != 0
    knows_handover = worth[HANDOVER] != 0
    knows_doubles = worth[DOUBLES] != 0
    # A loss by the stone after next is seen where the depth ends, so a search to depth d has seen every shorter win.
    sees_beyond = 2 if knows_wins and knows_handover and knows_doubles else 0
    own_P = np.zeros(cells + 2, np.uint64)
    mask_P = np.zeros(cells + 2, np.uint64)
    mine_P = np.zeros(cells + 2, np.uint64)
    theirs_P = np.zeros(cells + 2, np.uint64)
    alpha_P = np.zeros(cells + 2, np.int64)
    beta_P = np.zeros(cells + 2, np.int64)
    start_P = np.zeros(cells + 2, np.int64)  # alpha on arrival
    best_P = np.zeros(cells + 2, np.int64)
    left_P = np.zeros(cells + 2, np.int64)
    move_P = np.zeros(cells + 2, np.int64)
    count_P = np.zeros(cells + 2, np.int64)
    next_P = np.zeros(cells + 2, np.int64)
    scout_P = np.zeros(cells + 2, np.int64)
    cells_PA = np.zeros((cells + 2, width), np.int64)
    spots_PA = np.zeros((cells + 2, width), np.uint64)
    rank_A = np.zeros(width, np.int64)
    killers_P2 = np.zeros((cells + 2, 2), np.int64)
    history_2C = np.zeros((2, 64), np.int64)
    time_2 = np.zeros(2, np.int64)
    last_slot = np.uint64(len(keys_T) - 1)

    for n in range(len(states_NW)):
        deadline = now(clock, time_2) + max_ns
        own_P[0] = states_NW[n, 0]
        mask_P[0] = states_NW[n, 1]
        empty = board & ~mask_P[0]
        mine_P[0] = winning_bits(own_P[0], height, k) & empty
        theirs_P[0] = winning_bits(mask_P[0] ^ own_P[0], height, k) & empty
        stones0 = count_bits(mask_P[0])
        history_2C[:] = 0
        killers_P2[:] = _NO_CELL
        nodes = 0
        stamp = epoch + n
        for depth in range(1, max_depth + 1):
            p = 0
            alpha_P[0] = -INFINITE
            beta_P[0] = INFINITE
            left_P[0] = depth
            move_P[0] = _NO_CELL
            arriving = True
            value = 0
            stopped = False
            while p >= 0:
                own = own_P[p]
                mask = mask_P[p]
                left = left_P[p]
                stones = stones0 + p
                key = own + mask
                slot = np.int64(((key * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)) & last_slot)
                if arriving:
                    nodes += 1
                    if depth > 1 and (nodes > max_nodes or (nodes & 127 == 0 and now(clock, time_2) >= deadline)):
                        stopped = True
                        break
                    playable = (mask + floor) & board
                    mine = mine_P[p]
                    theirs = theirs_P[p]
                    moves = playable
                    leaf = playable == 0
                    value = 0
                    if mine & playable != 0 and (knows_wins or left > 0):
                        leaf = True
                        moves = mine & playable
                        value = WIN - (stones + 1)
                    elif not leaf:
                        threats = theirs & playable
                        lost = False
                        if knows_wins and threats != 0:
                            moves = threats
                            lost = knows_doubles and threats & (threats - ONE) != 0
                        if knows_handover:
                            safe = moves & ~(theirs >> ONE)
                            if safe != 0:
                                moves = safe
                            elif knows_doubles:
                                lost = True
                        if lost:
                            leaf = True
                            value = -(WIN - (stones + 2))
                        elif left <= 0 and moves & (moves - ONE) != 0:
                            leaf = True
                            value = evaluate(
                                own, mask, mine, theirs, playable, height, width, k, board, odd, middle, worth
                            )
                        elif alpha_P[p] >= WIN - (stones + 3):
                            leaf = True
                            value = WIN - (stones + 3)
                    if leaf and p > 0:
                        p -= 1
                        arriving = False
                        continue
                    hinted = _NO_CELL
                    start_P[p] = alpha_P[p]
                    if left > 0 and keys_T[slot] == key:
                        entry = entries_T[slot]
                        if entry >> 40 == stamp:
                            hinted = entry & 63
                            known = ((entry >> 16) & 0xFFFFFF) - 0x800000
                            bound = (entry >> 6) & 3
                            enough = (
                                bound == EXACT
                                or (bound == AT_LEAST and known >= beta_P[p])
                                or (bound == AT_MOST and known <= alpha_P[p])
                            )
                            if enough and (entry >> 8) & 255 >= left and p > 0:
                                value = known
                                p -= 1
                                arriving = False
                                continue
                    # Most promising first: the table's move, what makes most threats, killers (they refuted a sibling),
                    # what refuted most elsewhere, the centre.
                    count = 0
                    for column in range(width):
                        stone = moves & (column0 << np.uint64(column * stride))
                        if stone == ZERO:
                            continue
                        cell = count_bits(stone - ONE)
                        spots = winning_bits(own | stone, height, k) & board & ~(mask | stone)
                        rank = history_2C[stones & 1, cell] * 16 + width - abs(2 * column - (width - 1))
                        rank += count_bits(spots) << 50
                        if cell == killers_P2[p, 0] or cell == killers_P2[p, 1]:
                            rank += 1 << 44
                        if cell == hinted:
                            rank += 1 << 60
                        i = count
                        while i > 0 and rank_A[i - 1] < rank:
                            rank_A[i] = rank_A[i - 1]
                            cells_PA[p, i] = cells_PA[p, i - 1]
                            spots_PA[p, i] = spots_PA[p, i - 1]
                            i -= 1
                        rank_A[i] = rank
                        cells_PA[p, i] = cell
                        spots_PA[p, i] = spots
                        count += 1
                    if leaf:  # the root is decided: the best-placed of the winning or of the losing moves
                        move_P[0] = cells_PA[0, 0]
                        break
                    count_P[p] = count
                    next_P[p] = 0
                    best_P[p] = -INFINITE
                    scout_P[p] = 0
                else:
                    value = -value
                    cell = cells_PA[p, next_P[p]]
                    if scout_P[p] != 0 and alpha_P[p] < value < beta_P[p]:
                        scout_P[p] = 0
                    else:
                        next_P[p] += 1
                        if value > best_P[p]:
                            best_P[p] = value
                            move_P[p] = cell
                        alpha_P[p] = max(alpha_P[p], value)
                        if alpha_P[p] >= beta_P[p]:
                            history_2C[stones & 1, cell] += left * left + 1
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
                            if left > 0:
                                keys_T[slot] = key
                                entries_T[slot] = (
                                    (stamp << 40) | ((value + 0x800000) << 16) | (left << 8) | (bound << 6) | move_P[p]
                                )
                            p -= 1
                            continue
                        scout_P[p] = 1
                i = next_P[p]
                stone = ONE << np.uint64(cells_PA[p, i])
                own_P[p + 1] = mask ^ own
                mask_P[p + 1] = mask | stone
                mine_P[p + 1] = theirs_P[p] & ~stone
                theirs_P[p + 1] = spots_PA[p, i]
                left_P[p + 1] = left - 1 if count_P[p] > 1 else left
                beta_P[p + 1] = -alpha_P[p]
                alpha_P[p + 1] = -beta_P[p]
                if scout_P[p] != 0:
                    alpha_P[p + 1] = -alpha_P[p] - 1
                p += 1
                arriving = True
            if stopped:
                # The first move of an iteration is the best of the one before, so a partial one can only improve on it.
                if move_P[0] != _NO_CELL:
                    found_N4[n, 0] = move_P[0] // stride
                break
            found_N4[n, 0] = move_P[0] // stride
            found_N4[n, 1] = value
            found_N4[n, 2] = depth
            if depth >= cells - stones0 or (
                abs(value) >= DECIDED and WIN - abs(value) - stones0 <= depth + sees_beyond
            ):
                break
        found_N4[n, 3] = nodes


def table_size(budget: Budget) -> int:
    """Entries for a search with this budget, a power of two: about one for each node, 32 MiB at most."""
    nodes = min(budget.nodes, 1 << min(budget.depth + 7, _TABLE_BITS))
    if budget.ms > 0:
        nodes = min(nodes, int(budget.ms * _NODES_PER_MS))
    return 1 << min(max(nodes.bit_length(), 10), _TABLE_BITS)


def search(game: Game, states_NW: np.ndarray, worth: np.ndarray, budget: Budget, table: Table) -> np.ndarray:
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
        budget.nanoseconds,
        clock,
        table.keys_T,
        table.entries_T,
        table.epochs(len(states_NW)),
        found_N4,
    )
    return found_N4
