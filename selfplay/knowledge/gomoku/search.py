"""The walk of Gomoku's alpha-beta: one search of fixed depth in a window, and the table of what it found.

A node is first asked for what needs no search: a five, an open four, a four with an open three, a win by continuous
fours. Where the other side threatens, only moves that answer are tried: the one cell that stops a four; against an
open three the cells that touch it, and fours of one's own. Elsewhere moves near stones are tried in the order of
their promise, later ones less deeply. A verdict of loss therefore holds as far as answers stand near stones.

P plies below the root, T table entries, R reductions.
"""

import numba
import numpy as np
from numba import types

from games.kernel import i64, kernel, u64
from games.rng import mix
from selfplay.knowledge.budget import AT_LEAST, AT_MOST, DECIDED, EXACT, INFINITE, WIN
from selfplay.knowledge.clock import CLOCK, now
from selfplay.knowledge.gomoku.board import (
    board_t,
    first_of,
    i64s,
    knowledge_t,
    plies_to_win,
    put,
    take_back,
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
    reward,
)
from selfplay.knowledge.gomoku.shapes import FOUR_THREE, MAKES_FOUR, THREATENS, WINS, WINS_SOON

# The pieces of knowledge, as `without=` names them: what shapes are worth, that moves near stones are enough, that a
# threat is answered, continuous fours, continuous threes, and that what looks bad needs less search.
PIECES = ("shapes", "near", "answers", "fours", "threes", "pruning")
ANSWERS, FOURS, THREES, PRUNING = 2, 3, 4, 5

_LOOK = 64  # nodes from one look at the clock to the next
_FOURS_NODES = 50  # for one search of continuous fours below the root
_FOURS_AT_LEAST = 3  # cells that make a four (one with an open three counts for all) before fours are searched
# Late moves, the most promising left out of count: at depth d from the horizon so many are tried, elsewhere all.
_LATE_MOVES, _LATE_MOVES_PER_DEPTH = 8, 4  # a + b d^2, up to depth 4, twice that in a wide window
_MARGIN = 120  # by which a position may stand above the window, per depth up to 3, and not be searched
_ONE = np.uint64(1)

# What a walk keeps for each ply: see `alphabeta`.
WALK = np.dtype(
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
        ("stamp", np.int64),
        ("oldest", np.int64),
        ("stopped", np.int64),
        ("root_move", np.int64),
    ],
    align=True,
)
walk_t = numba.from_dtype(WALK)
walk_1_t = types.Array(walk_t, 1, "C")

_FULL, _NULL, _REDUCED = 0, 1, 2  # how a child was searched: whole window, null window, null window less deep

# A table's entry in one word, from the lowest bit: move + 1, bound, depth, score, stamp.
_BOUND_AT, _DEPTH_AT, _SCORE_AT, _STAMP_AT = 9, 11, 19, 41
_MOST_DEPTH = 255
_ZERO_SCORE = 1 << 21

keys_T_t = types.Array(u64, 1, "C")


@kernel(i64(walk_t, CLOCK, i64s), allocates=False)
def _is_spent(walk, clock, time_2):
    """1 if there are no more nodes, or no more time."""
    if walk["nodes"] > walk["max_nodes"]:
        return 1
    if walk["nodes"] < walk["look"]:
        return 0
    walk["look"] = walk["nodes"] + _LOOK
    return 1 if now(clock, time_2) >= walk["deadline"] else 0


@kernel(i64(walk_t, keys_T_t, i64s, u64), allocates=False)
def _recall(walk, keys_T, entries_T, key):
    """The table's entry for a position, 0 if there is none."""
    slot = key & np.uint64(len(keys_T) - 2)
    for _ in range(2):
        if keys_T[slot] == key and entries_T[slot] >> _STAMP_AT >= walk["oldest"]:
            return entries_T[slot]
        slot += _ONE
    return 0


@kernel(types.void(walk_t, keys_T_t, i64s, u64, i64), allocates=False)
def _record(walk, keys_T, entries_T, key, p):
    """Write down what was found at ply p.

    Of the two places the first keeps what this search went deepest from, the second what came last.
    """
    row = np.uint64(p)
    value, left = walk["best"][row], max(walk["left"][row], 0)
    bound = EXACT
    if value <= walk["start"][row]:
        bound = AT_MOST
    elif value >= walk["beta"][row]:
        bound = AT_LEAST
    slot = key & np.uint64(len(keys_T) - 2)
    kept = entries_T[slot]
    if keys_T[slot] != key and kept >> _STAMP_AT == walk["stamp"] and (kept >> _DEPTH_AT) & _MOST_DEPTH > left:
        slot += _ONE
    keys_T[slot] = key
    entries_T[slot] = (
        (walk["stamp"] << _STAMP_AT)
        | ((value + _ZERO_SCORE) << _SCORE_AT)
        | (min(left, _MOST_DEPTH) << _DEPTH_AT)
        | (bound << _BOUND_AT)
        | (walk["move"][row] + 1)
    )


@kernel(
    i64(board_t, knowledge_t, moves_t, walk_t, memory_t, i64s, keys_T_t, i64s, i64, i64),
    allocates=False,
)
def _arrive(board, know, moves, walk, memory, pieces, keys_T, entries_T, p, depth):
    """1 if the position needs no search: its score is then `value`. Otherwise its moves are listed."""
    row = np.uint64(p)
    stones = board["stones"]
    side = stones & 1
    other = 1 - side
    alpha, beta = walk["alpha"][row], walk["beta"][row]
    walk["forced"][row] = 0
    walk["enough"][row] = MOST
    walk["best"][row] = -INFINITE
    walk["start"][row] = alpha
    walk["next"][row] = 0
    walk["move"][row] = -1
    if stones == know.geometry_1[0]["cells"]:
        walk["value"] = 0
        return 1
    plies = plies_to_win(board, side)
    if 0 < plies < 5 or (plies == 5 and pieces[THREES] != 0):
        walk["move"][row] = winning_move(board, side, plies)
        walk["value"] = WIN - (stones + plies)
        return 1
    blocks = board["counts"][other, WINS]
    if blocks > 0:
        cell = first_of(board, other, WINS)
        list_one(moves, p, cell)
        walk["forced"][row] = 1
        walk["move"][row] = cell
        walk["value"] = -(WIN - (stones + 2)) if blocks > 1 else worth(board, know, side)
        return 1 if blocks > 1 or p >= PLIES - 2 else 0
    threatened = board["counts"][other, WINS_SOON] > 0
    if walk["left"][row] <= 0 and threatened and p < 2 * depth + 8:
        walk["left"][row] = 1
    left = walk["left"][row]
    hinted = -1
    if left > 0:
        entry = _recall(walk, keys_T, entries_T, board["key"])
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
                walk["value"] = known
                return 1
    static = worth(board, know, side)
    if p > 0 and left <= 0 and static >= beta:  # as good as it need be: fours could only make it better
        walk["value"] = static
        return 1
    fours = board["counts"][side, MAKES_FOUR] + _FOURS_AT_LEAST * board["counts"][side, FOUR_THREE]
    if p > 0 and pieces[FOURS] != 0 and fours >= _FOURS_AT_LEAST:
        outcome = win_by_fours(board, know, memory, side, _FOURS_NODES, 1, mix(np.uint64(walk["oldest"])))
        walk["nodes"] += memory.found_3[2]
        if outcome == FOUND:
            walk["move"][row] = memory.found_3[0]
            walk["value"] = WIN - (stones + memory.found_3[1])
            return 1
    narrow = beta - alpha == 1
    safe = narrow and not threatened and left <= 3 and static - _MARGIN * left >= beta and abs(beta) < DECIDED
    safe = safe and pieces[PRUNING] != 0
    if p > 0 and (left <= 0 or p >= PLIES - 2 or safe):
        walk["value"] = static
        return 1
    if threatened and pieces[ANSWERS] != 0:
        list_answers(board, know, moves, p, side, hinted)
    else:
        list_all(board, know, moves, p, side, hinted)
        if p > 0 and left <= 4 and pieces[PRUNING] != 0:
            walk["enough"][row] = (_LATE_MOVES + _LATE_MOVES_PER_DEPTH * left * left) * (1 if narrow else 2)
    return 0


@kernel(i64(board_t, walk_t, i64s, i64, i64, i64), allocates=False)
def _reduction(board, walk, reductions_R, p, i, cell):
    """By how much less deeply the i-th move is tried: not so much if it makes or stops an open three."""
    row = np.uint64(p)
    reduction = reductions_R[min(walk["left"][row], 31) * 64 + min(i, 63)]
    classes = np.int64(board["classes"][np.uint64(cell)])
    if classes & 15 >= THREATENS or classes >> 4 >= THREATENS:
        reduction -= 1
    if walk["beta"][row] - walk["alpha"][row] > 1:
        reduction -= 1
    return max(0, reduction)


@kernel(
    i64(
        *(board_t, knowledge_t, moves_t, walk_t, memory_t, i64s, i64s, keys_T_t, i64s, i64, i64, i64),
        *(CLOCK, i64s),
    ),
    allocates=False,
)
def alphabeta(
    board,
    know,
    moves,
    walk,
    memory,
    pieces,
    reductions_R,
    keys_T,
    entries_T,
    depth,
    alpha,
    beta,
    clock,
    time_2,
):
    """The score of the position on the board, searched `depth` plies in the window; the move in `root_move`.

    The depth-first walk keeps its own stack: at ply p of the walk `left` is the depth left, `[alpha, beta]` the
    window, `best` the best score so far, `mode` how the child on the board is being searched. `value` passes a
    finished score upwards.
    """
    cells = know.geometry_1[0]["cells"]
    p = 0
    walk["left"][0] = depth
    walk["alpha"][0] = alpha
    walk["beta"][0] = beta
    arriving = True
    while p >= 0:
        row = np.uint64(p)
        side = board["stones"] & 1
        again = False
        if arriving:
            walk["nodes"] += 1
            if depth > 1 and _is_spent(walk, clock, time_2) == 1:
                walk["stopped"] = 1
                break
            finished = _arrive(board, know, moves, walk, memory, pieces, keys_T, entries_T, p, depth) == 1
        else:
            finished = False
            score = -walk["value"]
            i = walk["next"][row]
            cell = moves["ranked"][row, np.uint64(i)] & 511
            if walk["mode"][row] == _REDUCED and score > walk["alpha"][row]:
                walk["mode"][row] = _NULL
                again = True
            elif walk["mode"][row] == _NULL and walk["alpha"][row] < score < walk["beta"][row]:
                walk["mode"][row] = _FULL
                again = True
            else:
                walk["next"][row] += 1
                if score > walk["best"][row]:
                    walk["best"][row] = score
                    walk["move"][row] = cell
                    if score > walk["alpha"][row]:
                        walk["alpha"][row] = score
                        if p == 0:
                            walk["root_move"] = cell
                cut = walk["best"][row] >= walk["beta"][row]
                finished = cut or walk["next"][row] == moves["count"][row]
                finished = finished or (walk["next"][row] >= walk["enough"][row] and walk["best"][row] > -DECIDED)
                if finished:
                    walk["value"] = walk["best"][row]
                    if walk["forced"][row] == 0:
                        if cut:
                            reward(moves, p, side, cell, walk["left"][row], cells)
                        _record(walk, keys_T, entries_T, board["key"], p)
        if finished:
            p -= 1
            arriving = False
            if p >= 0:
                take_back(board, know)
            continue
        # Go on to a child: the next one, or the same again with a wider window or deeper.
        i = walk["next"][row]
        left = walk["left"][row]
        if not again:
            bring_forward(moves, p, i)
            late = left >= 2 and i >= 2 and pieces[PRUNING] != 0
            walk["mode"][row] = _FULL if i == 0 else _REDUCED if late else _NULL
        cell = moves["ranked"][row, np.uint64(i)] & 511
        below = left if walk["forced"][row] != 0 else left - 1
        if walk["mode"][row] == _REDUCED:
            below = max(0, below - _reduction(board, walk, reductions_R, p, i, cell))
        put(board, know, cell, side)
        p += 1
        child = np.uint64(p)
        walk["left"][child] = below
        walk["beta"][child] = -walk["alpha"][row]
        walk["alpha"][child] = -walk["beta"][row] if walk["mode"][row] == _FULL else -walk["alpha"][row] - 1
        arriving = True
    while p > 0:
        take_back(board, know)
        p -= 1
    return walk["value"]
