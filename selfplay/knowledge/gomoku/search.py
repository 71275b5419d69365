"""Gomoku's alpha-beta to one depth in one window, and its entries of the transposition table.

A node is first asked for what needs no search: a five, an open four, a four with an open three, a VCF (a victory by
continuous fours: moves that each make a four). Where the other side threatens, only moves that answer are tried: the
one cell that stops a four; against an open three the cells that touch it, and fours of one's own. Elsewhere moves near
stones are tried in the order of their ordering score, later ones less deeply (late-move reductions). A verdict of loss
therefore holds as far as answers stand near stones.

P plies below the root, T table entries, R reductions.
"""

import numba
import numpy as np
from numba import types

from games.kernel import i64, kernel, u64
from games.rng import mix
from selfplay.knowledge.budget import DECIDED, INFINITE, WIN
from selfplay.knowledge.clock import CLOCK, now, timer_t
from selfplay.knowledge.gomoku.board import (
    board_t,
    first_of,
    i64s,
    knowledge_t,
    make,
    plies_to_win,
    unmake,
    winning_move,
    worth,
)
from selfplay.knowledge.gomoku.fours import FOUND, memory_t, win_by_fours
from selfplay.knowledge.gomoku.moves import (
    MOST,
    PLIES,
    bring_forward,
    list_all,
    list_answers,
    list_one,
    moves_t,
    update_history,
)
from selfplay.knowledge.gomoku.shapes import FOUR_THREE, MAKES_FOUR, THREATENS, WINS, WINS_SOON
from selfplay.knowledge.transposition import AT_LEAST, AT_MOST, EXACT

# The pieces of knowledge, as `without=` names them: what shapes are worth, that moves near stones are enough, that a
# threat is answered, VCF, VCT (continuous threes and fours), and that what looks bad needs less search.
PIECES = ("shapes", "near", "answers", "fours", "threes", "pruning")
ANSWERS, FOURS, THREES, PRUNING = 2, 3, 4, 5

_LOOK = 64  # nodes from one look at the clock to the next
_FOURS_NODES = 50  # for one VCF below the root
_FOURS_AT_LEAST = 3  # cells that make a four (one with an open three counts for all) before fours are searched
# Late-move pruning: at depth d from the horizon so many moves are tried, the first ones in order, elsewhere all.
_LATE_MOVES, _LATE_MOVES_PER_DEPTH = 8, 4  # a + b d^2, up to depth 4, twice that in a wide window
_MARGIN = 120  # reverse futility pruning: so far above the window, per depth up to 3, a position is not searched
_ONE = np.uint64(1)

# The search stack, an entry for each ply, and what belongs to the search as a whole: see `alphabeta`.
SEARCH_STACK = np.dtype(
    [
        ("left", np.int64, (PLIES,)),
        ("alpha", np.int64, (PLIES,)),
        ("beta", np.int64, (PLIES,)),
        ("start", np.int64, (PLIES,)),
        ("best", np.int64, (PLIES,)),
        ("move", np.int64, (PLIES,)),
        ("next", np.int64, (PLIES,)),
        ("mode", np.int64, (PLIES,)),
        ("forced", np.int64, (PLIES,)),
        ("enough", np.int64, (PLIES,)),
        ("value", np.int64),
        ("nodes", np.int64),
        ("max_nodes", np.int64),
        ("look", np.int64),
        ("deadline", np.int64),
        ("age", np.int64),
        ("oldest", np.int64),
        ("stopped", np.int64),
        ("root_move", np.int64),
    ],
    align=True,
)
stack_t = numba.from_dtype(SEARCH_STACK)
stack_1_t = types.Array(stack_t, 1, "C")

_FULL, _NULL, _REDUCED = 0, 1, 2  # how a child was searched: whole window, null window, null window less deep

# An entry of the table in one word, from the lowest bit: move + 1, bound, depth, score, age.
_BOUND_AT, _DEPTH_AT, _SCORE_AT, _AGE_AT = 9, 11, 19, 41
_MOST_DEPTH = 255
_ZERO_SCORE = 1 << 21

keys_T_t = types.Array(u64, 1, "C")


@kernel(i64(stack_t, CLOCK, timer_t), allocates=False)
def _is_spent(stack, clock, timer):
    """1 if there are no more nodes, or no more time."""
    if stack["nodes"] > stack["max_nodes"]:
        return 1
    if stack["nodes"] < stack["look"]:
        return 0
    stack["look"] = stack["nodes"] + _LOOK
    return 1 if now(clock, timer) >= stack["deadline"] else 0


@kernel(i64(stack_t, keys_T_t, i64s, u64), allocates=False)
def _recall(stack, keys_T, entries_T, key):
    """The table's entry for a position, 0 if there is none."""
    slot = key & np.uint64(len(keys_T) - 2)
    for _ in range(2):
        if keys_T[slot] == key and entries_T[slot] >> _AGE_AT >= stack["oldest"]:
            return entries_T[slot]
        slot += _ONE
    return 0


@kernel(types.void(stack_t, keys_T_t, i64s, u64, i64), allocates=False)
def _record(stack, keys_T, entries_T, key, p):
    """Write down what was found at ply p.

    Of the two places the first keeps what this search went deepest from, the second what came last.
    """
    row = np.uint64(p)
    value, left = stack["best"][row], max(stack["left"][row], 0)
    bound = EXACT
    if value <= stack["start"][row]:
        bound = AT_MOST
    elif value >= stack["beta"][row]:
        bound = AT_LEAST
    slot = key & np.uint64(len(keys_T) - 2)
    kept = entries_T[slot]
    if keys_T[slot] != key and kept >> _AGE_AT == stack["age"] and (kept >> _DEPTH_AT) & _MOST_DEPTH > left:
        slot += _ONE
    keys_T[slot] = key
    entries_T[slot] = (
        (stack["age"] << _AGE_AT)
        | ((value + _ZERO_SCORE) << _SCORE_AT)
        | (min(left, _MOST_DEPTH) << _DEPTH_AT)
        | (bound << _BOUND_AT)
        | (stack["move"][row] + 1)
    )


@kernel(
    i64(board_t, knowledge_t, moves_t, stack_t, memory_t, i64s, keys_T_t, i64s, i64, i64),
    allocates=False,
)
def _arrive(board, know, moves, stack, memory, pieces, keys_T, entries_T, p, depth):
    """1 if the position needs no search: its score is then `value`. Otherwise its moves are listed."""
    row = np.uint64(p)
    stones = board["stones"]
    side = stones & 1
    other = 1 - side
    alpha, beta = stack["alpha"][row], stack["beta"][row]
    stack["forced"][row] = 0
    stack["enough"][row] = MOST
    stack["best"][row] = -INFINITE
    stack["start"][row] = alpha
    stack["next"][row] = 0
    stack["move"][row] = -1
    if stones == know.geometry_1[0]["cells"]:
        stack["value"] = 0
        return 1
    plies = plies_to_win(board, side)
    if 0 < plies < 5 or (plies == 5 and pieces[THREES] != 0):
        stack["move"][row] = winning_move(board, side, plies)
        stack["value"] = WIN - (stones + plies)
        return 1
    blocks = board["counts"][other, WINS]
    if blocks > 0:
        cell = first_of(board, other, WINS)
        list_one(moves, p, cell)
        stack["forced"][row] = 1
        stack["move"][row] = cell
        stack["value"] = -(WIN - (stones + 2)) if blocks > 1 else worth(board, know, side)
        return 1 if blocks > 1 or p >= PLIES - 2 else 0
    threatened = board["counts"][other, WINS_SOON] > 0
    if stack["left"][row] <= 0 and threatened and p < 2 * depth + 8:  # quiescence: a threat is answered first
        stack["left"][row] = 1
    left = stack["left"][row]
    hinted = -1
    if left > 0:
        entry = _recall(stack, keys_T, entries_T, board["key"])
        if entry != 0:
            hinted = (entry & 511) - 1
            known = ((entry >> _SCORE_AT) & (2 * _ZERO_SCORE - 1)) - _ZERO_SCORE
            bound = (entry >> _BOUND_AT) & 3
            if (
                p > 0
                and (entry >> _DEPTH_AT) & _MOST_DEPTH >= left
                and (bound != AT_LEAST or known >= beta)
                and (bound != AT_MOST or known <= alpha)
            ):
                stack["value"] = known
                return 1
    static = worth(board, know, side)
    if p > 0 and left <= 0 and static >= beta:  # stand pat, as in a quiescence search: fours only make it better
        stack["value"] = static
        return 1
    fours = board["counts"][side, MAKES_FOUR] + _FOURS_AT_LEAST * board["counts"][side, FOUR_THREE]
    if p > 0 and pieces[FOURS] != 0 and fours >= _FOURS_AT_LEAST:
        outcome = win_by_fours(board, know, memory, side, _FOURS_NODES, 1, mix(np.uint64(stack["oldest"])))
        stack["nodes"] += memory.found_3[2]
        if outcome == FOUND:
            stack["move"][row] = memory.found_3[0]
            stack["value"] = WIN - (stones + memory.found_3[1])
            return 1
    narrow = beta - alpha == 1
    safe = narrow and not threatened and left <= 3 and static - _MARGIN * left >= beta and abs(beta) < DECIDED
    safe = safe and pieces[PRUNING] != 0
    if p > 0 and (left <= 0 or p >= PLIES - 2 or safe):
        stack["value"] = static
        return 1
    if threatened and pieces[ANSWERS] != 0:
        list_answers(board, know, moves, p, side, hinted)
    else:
        list_all(board, know, moves, p, side, hinted)
        if p > 0 and left <= 4 and pieces[PRUNING] != 0:
            stack["enough"][row] = (_LATE_MOVES + _LATE_MOVES_PER_DEPTH * left * left) * (1 if narrow else 2)
    return 0


@kernel(i64(board_t, stack_t, i64s, i64, i64, i64), allocates=False)
def _reduction(board, stack, reductions_R, p, i, cell):
    """Late-move reduction: how many plies less the i-th move is searched; fewer if it makes or stops an open three."""
    row = np.uint64(p)
    reduction = reductions_R[min(stack["left"][row], 31) * 64 + min(i, 63)]
    classes = np.int64(board["classes"][np.uint64(cell)])
    if classes & 15 >= THREATENS or classes >> 4 >= THREATENS:
        reduction -= 1
    if stack["beta"][row] - stack["alpha"][row] > 1:
        reduction -= 1
    return max(0, reduction)


@kernel(
    i64(
        *(board_t, knowledge_t, moves_t, stack_t, memory_t, i64s, i64s, keys_T_t, i64s, i64, i64, i64),
        *(CLOCK, timer_t),
    ),
    allocates=False,
)
def alphabeta(
    board,
    know,
    moves,
    stack,
    memory,
    pieces,
    reductions_R,
    keys_T,
    entries_T,
    depth,
    alpha,
    beta,
    clock,
    timer,
):
    """The score of the position on the board, searched `depth` plies in the window; the move in `root_move`.

    The depth-first search keeps its own stack: at ply p `left` is the depth left, `[alpha, beta]` the
    window, `best` the best score so far, `mode` how the child on the board is being searched. `value` passes a
    finished score upwards.
    """
    cells = know.geometry_1[0]["cells"]
    p = 0
    stack["left"][0] = depth
    stack["alpha"][0] = alpha
    stack["beta"][0] = beta
    arriving = True
    while p >= 0:
        row = np.uint64(p)
        side = board["stones"] & 1
        again = False
        if arriving:
            stack["nodes"] += 1
            if depth > 1 and _is_spent(stack, clock, timer) == 1:
                stack["stopped"] = 1
                break
            finished = _arrive(board, know, moves, stack, memory, pieces, keys_T, entries_T, p, depth) == 1
        else:
            finished = False
            score = -stack["value"]
            i = stack["next"][row]
            cell = moves["ranked"][row, np.uint64(i)] & 511
            if stack["mode"][row] == _REDUCED and score > stack["alpha"][row]:
                stack["mode"][row] = _NULL
                again = True
            elif stack["mode"][row] == _NULL and stack["alpha"][row] < score < stack["beta"][row]:
                stack["mode"][row] = _FULL
                again = True
            else:
                stack["next"][row] += 1
                if score > stack["best"][row]:
                    stack["best"][row] = score
                    stack["move"][row] = cell
                    if score > stack["alpha"][row]:
                        stack["alpha"][row] = score
                        if p == 0:
                            stack["root_move"] = cell
                cut = stack["best"][row] >= stack["beta"][row]
                finished = cut or stack["next"][row] == moves["count"][row]
                finished = finished or (stack["next"][row] >= stack["enough"][row] and stack["best"][row] > -DECIDED)
                if finished:
                    stack["value"] = stack["best"][row]
                    if stack["forced"][row] == 0:
                        if cut:
                            update_history(moves, p, side, cell, stack["left"][row], cells)
                        _record(stack, keys_T, entries_T, board["key"], p)
        if finished:
            p -= 1
            arriving = False
            if p >= 0:
                unmake(board, know)
            continue
        # Go on to a child: the next one, or the same again with a wider window or deeper.
        i = stack["next"][row]
        left = stack["left"][row]
        if not again:
            bring_forward(moves, p, i)
            late = left >= 2 and i >= 2 and pieces[PRUNING] != 0
            stack["mode"][row] = _FULL if i == 0 else _REDUCED if late else _NULL
        cell = moves["ranked"][row, np.uint64(i)] & 511
        below = left if stack["forced"][row] != 0 else left - 1
        if stack["mode"][row] == _REDUCED:
            below = max(0, below - _reduction(board, stack, reductions_R, p, i, cell))
        make(board, know, cell, side)
        p += 1
        child = np.uint64(p)
        stack["left"][child] = below
        stack["beta"][child] = -stack["alpha"][row]
        stack["alpha"][child] = -stack["beta"][row] if stack["mode"][row] == _FULL else -stack["alpha"][row] - 1
        arriving = True
    while p > 0:
        unmake(board, know)
        p -= 1
    return stack["value"]
