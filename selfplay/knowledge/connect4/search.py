"""Alpha-beta for Connect Four on bitboards, over the evaluation of `connect4_evaluation`.

Scores are whole numbers as the player to move sees them. A win by the n-th stone of the game is WIN - n, so faster
wins are better, and a position's score does not depend on the way that led to it. A node is a position visited, that
is a move made; moves that the bitboards show to lose at once are not made. N positions, W words, P plies below the
root, A columns, C bits of a board, T table entries.
"""

import numpy as np
from numba import types

from games import interrupt
from games.bits import count_bits
from games.game import Game
from games.kernel import i64, kernel, u64
from selfplay.knowledge.budget import DECIDED, INFINITE, WIN, Budget
from selfplay.knowledge.clock import CLOCK, clock, new_timer, now, timer_t
from selfplay.knowledge.connect4.evaluation import (
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
from selfplay.knowledge.connect4.lines import ONE, ZERO, board_bits, floor_bits, winning_bits
from selfplay.knowledge.transposition import AT_LEAST, AT_MOST, EXACT, TranspositionTable

__all__ = ["PIECES", "SCALE", "new_context", "search", "worths"]

_TABLE_BITS = 21
_NODES_PER_MS = 10_000
_NO_CELL = 63  # a guard bit of the largest board
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: Knuth's multiplicative hashing

# What `_candidates` says of a position.
_OPEN, _WON, _LOST = range(3)

# Ranks of moves; below them the history of refutations and the distance from the centre.
_TABLES_MOVE, _A_THREAT, _A_KILLER = 1 << 60, 1 << 50, 1 << 44


@kernel(types.Tuple((i64, u64))(u64, u64, u64, i64, i64[::1]), allocates=False)
def _candidates(mine, theirs, playable, left, worth):
    """Whether the position is decided at once, and the moves worth trying: all that win, or do not lose at once.

    `mine` and `theirs` are the empty cells that complete a line, `left` is the depth left.
    """
    if mine & playable != 0 and (worth[WINS] != 0 or left > 0):
        return _WON, mine & playable
    moves = playable
    lost = False
    blocks = theirs & playable
    if worth[WINS] != 0 and blocks != 0:
        moves = blocks
        lost = worth[DOUBLES] != 0 and blocks & (blocks - ONE) != 0
    if worth[HANDOVER] != 0:
        safe = moves & ~(theirs >> ONE)
        if safe != 0:
            moves = safe
        elif worth[DOUBLES] != 0:
            lost = True
    return _LOST if lost else _OPEN, moves


@kernel(
    i64(u64, u64, u64, i64, i64, i64, u64, i64, i64[:, ::1], i64[:, ::1], i64, i64[::1], i64[:, ::1], u64[:, ::1]),
    allocates=False,
)
def _order(moves, own, mask, height, width, k, board, hinted, killers_P2, history_2C, p, rank_A, cells_PA, threats_PA):
    """Write the cells of `moves`, most promising first, and what each would threaten; returns how many.

    First the table's move, then what threatens most, then killers (they refuted a sibling), then what refuted most
    elsewhere, then the centre.
    """
    count = 0
    side = count_bits(mask) & 1
    for column in range(width):
        stone = moves & (((ONE << np.uint64(height)) - ONE) << np.uint64(column * (height + 1)))
        if stone == ZERO:
            continue
        cell = count_bits(stone - ONE)
        threats = winning_bits(own | stone, height, k) & board & ~(mask | stone)
        rank = history_2C[side, cell] * 16 + width - abs(2 * column - (width - 1)) + count_bits(threats) * _A_THREAT
        if cell == killers_P2[p, 0] or cell == killers_P2[p, 1]:
            rank += _A_KILLER
        if cell == hinted:
            rank += _TABLES_MOVE
        i = count
        while i > 0 and rank_A[i - 1] < rank:
            rank_A[i] = rank_A[i - 1]
            cells_PA[p, i] = cells_PA[p, i - 1]
            threats_PA[p, i] = threats_PA[p, i - 1]
            i -= 1
        rank_A[i] = rank
        cells_PA[p, i] = cell
        threats_PA[p, i] = threats
        count += 1
    return count


@kernel((u64[:, ::1], i64, i64, i64, i64[::1], i64, i64, i64, CLOCK, timer_t, u64[::1], i64[::1], i64, i64[:, ::1]))
def _search(
    states_NW,
    height,
    width,
    k,
    worth,
    max_depth,
    max_nodes,
    max_ns,
    clock,
    timer,
    keys_T,
    entries_T,
    first_age,
    found_N4,
):
    """Iterative deepening from each position; found_N4 gets action, score, depth completed, nodes.

    The depth-first search keeps its own stack: at ply p `own_P[p]`, `mask_P[p]` is the position, `mine_P`,
    `theirs_P` the empty cells that complete a line, `left_P` the depth left, `[alpha_P, beta_P]` the window, `best_P`
    the best score so far. `value` passes a finished score upwards. After the first move of a position the others are
    scouted with an empty window, and searched again if they turn out better (principal variation search). Where only
    one move is worth trying it costs no depth.
    """
    cells = height * width
    board = board_bits(height, width)
    floor = floor_bits(height, width)
    middle = middle_bits(height, width)
    odd = odd_bits(height, width)
    # A loss by the stone after next is seen where the depth ends, so a search to depth d has seen every shorter win.
    sees_beyond = 2 if worth[WINS] != 0 and worth[HANDOVER] != 0 and worth[DOUBLES] != 0 else 0
    own_P = np.zeros(cells + 2, np.uint64)
    mask_P = np.zeros(cells + 2, np.uint64)
    mine_P = np.zeros(cells + 2, np.uint64)
    theirs_P = np.zeros(cells + 2, np.uint64)
    left_P = np.zeros(cells + 2, np.int64)
    alpha_P = np.zeros(cells + 2, np.int64)
    beta_P = np.zeros(cells + 2, np.int64)
    start_P = np.zeros(cells + 2, np.int64)  # alpha on arrival
    best_P = np.zeros(cells + 2, np.int64)
    move_P = np.zeros(cells + 2, np.int64)  # the best move's cell
    count_P = np.zeros(cells + 2, np.int64)
    next_P = np.zeros(cells + 2, np.int64)
    scouting_P = np.zeros(cells + 2, np.int64)
    cells_PA = np.zeros((cells + 2, width), np.int64)
    threats_PA = np.zeros((cells + 2, width), np.uint64)
    rank_A = np.zeros(width, np.int64)
    killers_P2 = np.zeros((cells + 2, 2), np.int64)
    history_2C = np.zeros((2, 64), np.int64)
    last_slot = np.uint64(len(keys_T) - 1)

    for n in range(len(states_NW)):
        if timer.stop_1[0] != 0:
            break
        deadline = now(clock, timer) + max_ns
        own_P[0] = states_NW[n, 0]
        mask_P[0] = states_NW[n, 1]
        mine_P[0] = winning_bits(own_P[0], height, k) & board & ~mask_P[0]
        theirs_P[0] = winning_bits(mask_P[0] ^ own_P[0], height, k) & board & ~mask_P[0]
        stones0 = count_bits(mask_P[0])
        history_2C[:] = 0
        killers_P2[:] = _NO_CELL
        nodes = 0
        age = first_age + n
        for depth in range(1, max_depth + 1):
            p = 0
            alpha_P[0] = -INFINITE
            beta_P[0] = INFINITE
            left_P[0] = depth
            move_P[0] = _NO_CELL
            arriving = True
            stopped = False
            value = 0
            while p >= 0:
                own = own_P[p]
                mask = mask_P[p]
                left = left_P[p]
                key = own + mask
                slot = np.int64(((key * _SPREAD) >> np.uint64(40)) & last_slot)
                if arriving:
                    nodes += 1
                    if depth > 1 and (nodes > max_nodes or (nodes & 127 == 0 and now(clock, timer) >= deadline)):
                        stopped = True
                        break
                    stones = stones0 + p
                    playable = (mask + floor) & board
                    verdict, moves = _candidates(mine_P[p], theirs_P[p], playable, left, worth)
                    finished = True
                    if playable == 0:
                        value = 0
                    elif verdict == _WON:
                        value = WIN - (stones + 1)
                    elif verdict == _LOST:
                        value = -(WIN - (stones + 2))
                    elif left == 0 and (moves & (moves - ONE) != 0 or mine_P[p] & playable != 0):
                        value = evaluate(
                            own, mask, mine_P[p], theirs_P[p], playable, height, width, k, board, odd, middle, worth
                        )
                    elif alpha_P[p] >= WIN - (stones + 3):  # more than the mover, who cannot win at once, can reach
                        value = WIN - (stones + 3)
                    else:
                        finished = False
                    hinted = _NO_CELL
                    if not finished and left > 0 and keys_T[slot] == key and entries_T[slot] >> 40 == age:
                        entry = entries_T[slot]
                        hinted = entry & 63
                        known = ((entry >> 16) & 0xFFFFFF) - 0x800000
                        bound = (entry >> 6) & 3
                        if (
                            p > 0
                            and (entry >> 8) & 255 >= left
                            and (bound != AT_LEAST or known >= beta_P[p])
                            and (bound != AT_MOST or known <= alpha_P[p])
                        ):
                            value = known
                            finished = True
                    if finished and p > 0:
                        p -= 1
                        arriving = False
                        continue
                    count_P[p] = _order(
                        moves,
                        own,
                        mask,
                        height,
                        width,
                        k,
                        board,
                        hinted,
                        killers_P2,
                        history_2C,
                        p,
                        rank_A,
                        cells_PA,
                        threats_PA,
                    )
                    if finished:  # the root is decided: the likeliest of the moves that win, or of those that lose
                        move_P[0] = cells_PA[0, 0]
                        break
                    next_P[p] = 0
                    best_P[p] = -INFINITE
                    start_P[p] = alpha_P[p]
                    scouting_P[p] = 0
                else:
                    value = -value
                    if scouting_P[p] != 0 and alpha_P[p] < value < beta_P[p]:
                        scouting_P[p] = 0
                    else:
                        cell = cells_PA[p, next_P[p]]
                        next_P[p] += 1
                        if value > best_P[p]:
                            best_P[p] = value
                            move_P[p] = cell
                        alpha_P[p] = max(alpha_P[p], value)
                        if alpha_P[p] >= beta_P[p]:
                            history_2C[(stones0 + p) & 1, cell] += left * left + 1
                            if killers_P2[p, 0] != cell:
                                killers_P2[p, 1] = killers_P2[p, 0]
                                killers_P2[p, 0] = cell
                            next_P[p] = count_P[p]
                        if next_P[p] == count_P[p]:
                            value = best_P[p]
                            if left > 0:
                                bound = AT_MOST if value <= start_P[p] else AT_LEAST if value >= beta_P[p] else EXACT
                                keys_T[slot] = key
                                entries_T[slot] = (
                                    (age << 40) | ((value + 0x800000) << 16) | (left << 8) | (bound << 6) | move_P[p]
                                )
                            p -= 1
                            continue
                        scouting_P[p] = 1
                stone = ONE << np.uint64(cells_PA[p, next_P[p]])
                own_P[p + 1] = mask ^ own
                mask_P[p + 1] = mask | stone
                mine_P[p + 1] = theirs_P[p] & ~stone
                theirs_P[p + 1] = threats_PA[p, next_P[p]]
                left_P[p + 1] = left - 1 if count_P[p] > 1 else left
                beta_P[p + 1] = -alpha_P[p]
                alpha_P[p + 1] = -alpha_P[p] - 1 if scouting_P[p] != 0 else -beta_P[p]
                p += 1
                arriving = True
            if stopped:
                # The first move of an iteration is the best of the one before, so a partial one can only improve on it.
                if move_P[0] != _NO_CELL:
                    found_N4[n, 0] = move_P[0] // (height + 1)
                break
            found_N4[n, 0] = move_P[0] // (height + 1)
            found_N4[n, 1] = value
            found_N4[n, 2] = depth
            fastest_known = abs(value) >= DECIDED and WIN - abs(value) - stones0 <= depth + sees_beyond
            if fastest_known or depth >= cells - stones0:
                break
        found_N4[n, 3] = nodes


def new_context(game: Game, budget: Budget) -> TranspositionTable:
    """A table for searches with this budget, its size a power of two: about an entry for each node, 32 MiB at most."""
    nodes = min(budget.nodes, 1 << min(budget.depth + 7, _TABLE_BITS))
    if budget.ms > 0:
        nodes = min(nodes, int(budget.ms * _NODES_PER_MS))
    return TranspositionTable(1 << min(max(nodes.bit_length(), 10), _TABLE_BITS))


def search(
    game: Game,
    states_NW: np.ndarray,
    seeds_N: np.ndarray,
    worth: np.ndarray,
    budget: Budget,
    context: TranspositionTable,
) -> np.ndarray:
    """Best actions, scores, completed depths and nodes of the positions, int64 [N, 4]; no move is chosen at random."""
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
        new_timer(),
        context.keys_T,
        context.entries_T,
        context.ages(len(states_NW)),
        found_N4,
    )
    interrupt.check()
    return found_N4
