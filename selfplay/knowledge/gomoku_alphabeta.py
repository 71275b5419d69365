"""Alpha-beta for Gomoku (five in a row) over shapes: principal variation search with continuous fours at every node.

Scores are whole numbers as the player to move sees them; see `budget`. A node is first asked for what needs no
search: a five, an open four, a four with an open three, a win by continuous fours. Where the other side
threatens, only moves that answer are tried: the one cell that stops a four; against an open three the cells
that touch it, and fours of one's own. Elsewhere moves near stones are tried in the order of their promise, later
ones less deeply. A verdict of loss therefore holds as far as answers stand near stones.

N positions, W words, P plies below the root, C cells, T table entries, Q quadruples of shapes.
"""

import functools

import numba
import numpy as np
from numba import types

from games.game import Game
from games.kernel import i64, kernel, u64
from selfplay.knowledge import gomoku_board
from selfplay.knowledge.budget import AT_LEAST, AT_MOST, DECIDED, EXACT, INFINITE, WIN, Budget, Table
from selfplay.knowledge.gomoku_board import board_t, i64s, knowledge_t, put, quad_at, read, take_back, worth
from selfplay.knowledge.gomoku_knowledge import knowledge
from selfplay.knowledge.gomoku_shapes import (
    FOUR_THREE,
    MAKES_FOUR,
    THREATENS,
    WINS,
    WINS_SOON,
)
from selfplay.knowledge.gomoku_threats import (
    FOUND,
    THREATS,
    cells_DC,
    first_of,
    keys_F,
    lowest,
    new_stack,
    threats_1_t,
    threats_t,
    win_by_fours,
    win_by_threats,
)
from selfplay.search.rng import mix

# The pieces of knowledge, as `without=` names them.
PIECES = ("shapes", "near", "answers", "fours", "threes")
SCALE = 512.0  # a score of this size is a clear advantage

_PLIES = 128
_MOST = 400
_FAILED = 1 << 16
_FOURS_NODES = 50  # for one search of continuous fours below the root
_FOURS_AT_ROOT = 10_000
_FOURS_AT_LEAST = 3  # cells that make a four (one with an open three counts for all) before fours are searched
_THREES_NODES = 10_000  # for continuous threes at the root, and no more than a quarter of the budget
_MOST_THREATS = 12
# Late moves, the most promising left out of count: at depth d from the horizon so many are tried, elsewhere all.
_LATE_MOVES, _LATE_MOVES_PER_DEPTH = 8, 4  # a + b d^2, up to depth 4, twice that in a wide window
_MARGIN = 120  # by which a position may stand above the window, per depth up to 3, and not be searched
_WINDOW = 60  # around the score of the iteration before
_ONE = np.uint64(1)

# What a walk keeps for each ply: see `_walk`.
WALK = np.dtype(
    [
        ("depth", np.int64, (_PLIES,)),
        ("alpha", np.int64, (_PLIES,)),
        ("beta", np.int64, (_PLIES,)),
        ("start", np.int64, (_PLIES,)),
        ("best", np.int64, (_PLIES,)),
        ("static", np.int64, (_PLIES,)),
        ("move", np.int64, (_PLIES,)),
        ("count", np.int64, (_PLIES,)),
        ("next", np.int64, (_PLIES,)),
        ("mode", np.int64, (_PLIES,)),
        ("forced", np.int64, (_PLIES,)),
        ("enough", np.int64, (_PLIES,)),
        ("killers", np.int64, (_PLIES, 2)),
        ("history", np.int64, (2, _MOST)),
        ("moves", np.int64, (_PLIES, _MOST)),
        ("ranks", np.int64, (_PLIES, _MOST)),
        ("nodes", np.int64),
        ("stopped", np.int64),
        ("root_move", np.int64),
    ],
    align=True,
)
walk_t = numba.from_dtype(WALK)
walks_t = types.Array(walk_t, 1, "C")

_FULL, _NULL, _REDUCED = 0, 1, 2  # how a child was searched: whole window, null window, null window less deep


@kernel(i64(board_t, knowledge_t, walk_t, i64, i64, i64), allocates=False)
def _all_moves(board, know, walk, p, side, hinted):
    """Write the empty cells near stones and their ranks; returns how many."""
    row = np.uint64(p)
    ply = np.uint64(board["stones"])
    geometry = know.geometry_1[0]
    count = 0
    for w in range(geometry["words"]):
        bits = board["near"][ply, np.uint64(w)]
        while bits != 0:
            cell = 64 * w + lowest(bits)
            bits &= bits - _ONE
            here = np.uint64(cell)
            if board["stone"][here] != 0:
                continue
            rank = know.promises_Q[np.uint64(quad_at(board, cell, side))]
            rank += know.stops_Q[np.uint64(quad_at(board, cell, 1 - side))]
            rank += walk["history"][np.uint64(side), here] >> 4
            if cell == walk["killers"][row, 0] or cell == walk["killers"][row, 1]:
                rank += 150
            if cell == hinted:
                rank += 1 << 40
            walk["moves"][row, np.uint64(count)] = cell
            walk["ranks"][row, np.uint64(count)] = rank
            count += 1
    return count


@kernel(i64(board_t, knowledge_t, walk_t, i64, i64, i64), allocates=False)
def _answers(board, know, walk, p, side, hinted):
    """Write the moves that can answer a threat to make an open four or two fours; returns how many.

    A stone stops an open four from where it would be made, or from a cell that would then complete a five; on
    either the other side can make a four now. Otherwise only a four of one's own gains time.
    """
    row = np.uint64(p)
    count = 0
    for w in range(know.geometry_1[0]["words"]):
        word = np.uint64(w)
        bits = np.uint64(0)
        for class_ in range(MAKES_FOUR, WINS_SOON + 1):
            bits |= board["members"][np.uint64(0), np.uint64(class_), word]
            bits |= board["members"][np.uint64(1), np.uint64(class_), word]
        while bits != 0:
            cell = 64 * w + lowest(bits)
            bits &= bits - _ONE
            rank = know.promises_Q[np.uint64(quad_at(board, cell, side))]
            rank += know.stops_Q[np.uint64(quad_at(board, cell, 1 - side))]
            if cell == hinted:
                rank += 1 << 40
            walk["moves"][row, np.uint64(count)] = cell
            walk["ranks"][row, np.uint64(count)] = rank
            count += 1
    return count


@kernel(types.void(walk_t, i64, i64, i64), allocates=False)
def _bring_forward(walk, p, first, count):
    """Bring the move of highest rank from `first` on to `first`."""
    row = np.uint64(p)
    best = np.uint64(first)
    for i in range(first + 1, count):
        if walk["ranks"][row, np.uint64(i)] > walk["ranks"][row, best]:
            best = np.uint64(i)
    at = np.uint64(first)
    move, rank = walk["moves"][row, best], walk["ranks"][row, best]
    walk["moves"][row, best], walk["ranks"][row, best] = walk["moves"][row, at], walk["ranks"][row, at]
    walk["moves"][row, at], walk["ranks"][row, at] = move, rank


@kernel(
    i64(
        *(board_t, knowledge_t, walk_t, i64s, i64s, i64, i64, i64, i64),
        *(u64[::1], i64[::1], i64, keys_F, cells_DC, i64s, i64[::1]),
    ),
    allocates=False,
)
def _walk(
    board,
    know,
    walk,
    pieces,
    reductions,
    depth,
    alpha,
    beta,
    max_nodes,
    keys_T,
    entries_T,
    stamp,
    failed_F,
    stack_DC,
    found_3,
    stop_1,
):
    """The score of the position on the board, searched `depth` plies in the window; the move in `root_move`.

    The depth-first walk keeps its own stack: at ply p of the walk `[alpha, beta]` is the window, `best` the best
    score so far, `mode` how the child on the board is being searched. `value` passes a finished score upwards.
    """
    geometry = know.geometry_1[0]
    slots = np.uint64(len(keys_T) - 1)
    salt = mix(np.uint64(stamp))
    size = geometry["size"]
    p = 0
    walk["depth"][0] = depth
    walk["alpha"][0] = alpha
    walk["beta"][0] = beta
    arriving = True
    value = 0
    while p >= 0:
        row = np.uint64(p)
        stones = board["stones"]
        side = stones & 1
        other = 1 - side
        finished = False
        if arriving:
            walk["nodes"] += 1
            nodes = walk["nodes"]
            if depth > 1 and (nodes > max_nodes or (nodes & 63 == 0 and stop_1[0] != 0)):
                walk["stopped"] = 1
                break
            left = walk["depth"][row]
            blocks = board["counts"][other, WINS]
            walk["forced"][row] = 0
            walk["enough"][row] = _MOST
            walk["best"][row] = -INFINITE
            walk["start"][row] = walk["alpha"][row]
            walk["next"][row] = 0
            walk["move"][row] = -1
            hinted = -1
            if stones == geometry["cells"]:
                value = 0
                finished = True
            elif board["counts"][side, WINS] > 0:
                walk["move"][row] = first_of(board, side, WINS)
                value = WIN - (stones + 1)
                finished = True
            elif blocks > 0:
                cell = first_of(board, other, WINS)
                walk["move"][row] = cell
                walk["moves"][row, 0] = cell
                walk["ranks"][row, 0] = 0
                walk["count"][row] = 1
                walk["forced"][row] = 1
                if blocks > 1:
                    value = -(WIN - (stones + 2))
                    finished = True
                elif p >= _PLIES - 2:
                    value = worth(board, side)
                    finished = True
            elif board["counts"][side, WINS_SOON] > 0:
                walk["move"][row] = first_of(board, side, WINS_SOON)
                value = WIN - (stones + 3)
                finished = True
            else:
                threatened = board["counts"][other, WINS_SOON] > 0
                fours = board["counts"][side, MAKES_FOUR] + 9 * board["counts"][side, FOUR_THREE]
                if pieces[3] != 0 and fours >= (1 if p == 0 else _FOURS_AT_LEAST):
                    room = _FOURS_AT_ROOT if p == 0 else _FOURS_NODES
                    outcome = win_by_fours(board, know, side, room, p > 0, failed_F, salt, stack_DC, found_3)
                    walk["nodes"] += found_3[2]
                    if outcome == FOUND:
                        walk["move"][row] = found_3[0]
                        value = WIN - (stones + found_3[1])
                        finished = True
                if not finished and left <= 0 and threatened and p < 2 * depth + 8:
                    left = 1
                    walk["depth"][row] = 1
                if not finished and p > 0 and (left <= 0 or p >= _PLIES - 2):
                    value = worth(board, side)
                    finished = True
                if not finished:
                    key = board["key"]
                    slot = key % slots
                    for way in range(2):
                        if keys_T[slot + np.uint64(way)] == key and entries_T[slot + np.uint64(way)] >> 44 == stamp:
                            entry = entries_T[slot + np.uint64(way)]
                            hinted = (entry & 511) - 1
                            known = ((entry >> 20) & 0xFFFFFF) - 0x800000
                            bound = (entry >> 9) & 3
                            deep = (entry >> 11) & 511 >= left and p > 0
                            high = bound != AT_MOST and (bound == EXACT or known >= walk["beta"][row])
                            if deep and (high or (bound != AT_LEAST and known <= walk["alpha"][row])):
                                value = known
                                finished = True
                            break
                    if not finished:
                        static = worth(board, side)
                        walk["static"][row] = static
                        narrow = walk["beta"][row] - walk["alpha"][row] == 1
                        safe = static - _MARGIN * left >= walk["beta"][row] and abs(walk["beta"][row]) < DECIDED
                        if narrow and not threatened and left <= 3 and safe:
                            value = static
                            finished = True
                    if not finished:
                        if threatened and pieces[2] != 0:
                            walk["count"][row] = _answers(board, know, walk, p, side, hinted)
                        else:
                            walk["count"][row] = _all_moves(board, know, walk, p, side, hinted)
                            if p > 0 and left <= 4:
                                walk["enough"][row] = _LATE_MOVES + _LATE_MOVES_PER_DEPTH * left * left
                                if not narrow:
                                    walk["enough"][row] *= 2
                            if walk["count"][row] == 0:
                                walk["moves"][row, 0] = (size // 2) * size + size // 2
                                walk["ranks"][row, 0] = 0
                                walk["count"][row] = 1
        else:
            # The child has its score.
            left = walk["depth"][row]
            score = -value
            i = walk["next"][row]
            cell = walk["moves"][row, np.uint64(i)]
            mode = walk["mode"][row]
            again = False
            if mode == _REDUCED and score > walk["alpha"][row]:
                walk["mode"][row] = _NULL
                again = True
            elif mode == _NULL and walk["alpha"][row] < score < walk["beta"][row]:
                walk["mode"][row] = _FULL
                again = True
            if not again:
                walk["next"][row] += 1
                if score > walk["best"][row]:
                    walk["best"][row] = score
                    walk["move"][row] = cell
                    if score > walk["alpha"][row]:
                        walk["alpha"][row] = score
                        if p == 0:
                            walk["root_move"] = cell
                cut = walk["best"][row] >= walk["beta"][row]
                if cut and walk["forced"][row] == 0:
                    here = np.uint64(cell)
                    walk["history"][np.uint64(side), here] += left * left
                    if walk["history"][np.uint64(side), here] > 4000:
                        for c in range(geometry["cells"]):
                            walk["history"][np.uint64(side), np.uint64(c)] >>= 1
                    if walk["killers"][row, 0] != cell:
                        walk["killers"][row, 1] = walk["killers"][row, 0]
                        walk["killers"][row, 0] = cell
                last = walk["next"][row] == walk["count"][row]
                if not last and walk["next"][row] >= walk["enough"][row] and walk["best"][row] > -DECIDED:
                    last = True
                if cut or last:
                    value = walk["best"][row]
                    finished = True
                    if walk["forced"][row] == 0:
                        bound = EXACT
                        if value <= walk["start"][row]:
                            bound = AT_MOST
                        elif value >= walk["beta"][row]:
                            bound = AT_LEAST
                        key = board["key"]  # the child's stone is off the board again
                        slot = key % slots
                        # The first place keeps what was searched deeper, the second what came last.
                        taken = keys_T[slot] != key and entries_T[slot] >> 44 == stamp
                        if taken and (entries_T[slot] >> 11) & 511 > left:
                            slot += _ONE
                        keys_T[slot] = key
                        entries_T[slot] = (
                            (stamp << 44)
                            | ((value + 0x800000) << 20)
                            | (max(left, 0) << 11)
                            | (bound << 9)
                            | (walk["move"][row] + 1)
                        )
        if finished:
            p -= 1
            arriving = False
            if p >= 0:
                take_back(board, know)
            continue
        # Go on to a child: the next one, or the same again with a wider window or deeper.
        i = walk["next"][row]
        left = walk["depth"][row]
        wide = walk["beta"][row] - walk["alpha"][row] > 1
        if arriving or not again:
            if walk["forced"][row] == 0:
                _bring_forward(walk, p, i, walk["count"][row])
            if i == 0:
                walk["mode"][row] = _FULL
            else:
                walk["mode"][row] = _NULL
                if left >= 2 and i >= 2:
                    walk["mode"][row] = _REDUCED
        cell = walk["moves"][row, np.uint64(i)]
        mode = walk["mode"][row]
        below = left if walk["forced"][row] != 0 else left - 1
        if mode == _REDUCED:
            cut = reductions[min(left, 31) * 64 + min(i, 63)]
            classes = np.int64(board["classes"][np.uint64(cell)])
            if classes & 15 >= THREATENS or classes >> 4 >= THREATENS:
                cut -= 1
            if wide:
                cut -= 1
            below = max(0, below - max(0, cut))
        put(board, know, cell, side)
        p += 1
        row = np.uint64(p)
        walk["depth"][row] = below
        walk["beta"][row] = -walk["alpha"][np.uint64(p - 1)]
        walk["alpha"][row] = -walk["beta"][np.uint64(p - 1)] if mode == _FULL else walk["beta"][row] - 1
        arriving = True
    if walk["stopped"] != 0:
        while p > 0:
            take_back(board, know)
            p -= 1
        return 0
    if walk["move"][0] >= 0:
        walk["root_move"] = walk["move"][0]
    return value


@kernel(
    i64(board_t, knowledge_t, threats_t, i64, i64, keys_F, keys_F, u64, cells_DC, i64s, i64s),
    allocates=False,
)
def _threats_at_root(board, know, threats, max_nodes, share, known_F, failed_F, salt, stack_DC, found_3, stop_1):
    """1 if continuous fours and threes win, found_3 then holds move, plies and nodes; spends a part of the nodes."""
    side = board["stones"] & 1
    room = min(share, max_nodes // 4)
    spent = 0
    for deep in range(1, _MOST_THREATS + 1):
        plies = win_by_threats(
            board, know, threats, side, deep, room - spent, known_F, failed_F, salt, stack_DC, found_3, stop_1
        )
        spent += found_3[2]
        if plies != 0 or spent >= room:
            break
    found_3[2] = spent
    return 1 if plies > 0 else 0


@kernel(
    types.void(
        *(u64[:, ::1], gomoku_board.boards_t, knowledge_t, walks_t, i64s, i64s, i64, i64),
        *(u64[::1], i64[::1], i64, keys_F, keys_F, cells_DC, threats_1_t, i64s, i64[::1], i64[:, ::1]),
    ),
    allocates=False,
)
def _search(
    states_NW,
    board_1,
    know,
    walk_1,
    pieces,
    reductions,
    max_depth,
    max_nodes,
    keys_T,
    entries_T,
    epoch,
    failed_F,
    known_F,
    stack_DC,
    threats_1,
    found_3,
    stop_1,
    found_N4,
):
    """Iterative deepening from each position; found_N4 gets action, score, depth completed, nodes."""
    board, walk, threats = board_1[0], walk_1[0], threats_1[0]
    cells = know.geometry_1[0]["cells"]
    for n in range(len(states_NW)):
        read(board, know, states_NW[n])
        stones = board["stones"]
        for side in range(2):
            for cell in range(cells):
                walk["history"][side, cell] = 0
        for p in range(_PLIES):
            walk["killers"][p, 0] = -1
            walk["killers"][p, 1] = -1
        walk["nodes"] = 0
        walk["stopped"] = 0
        walk["root_move"] = -1
        score = 0
        found_3[2] = 0
        if pieces[4] != 0 and _threats_at_root(
            board,
            know,
            threats,
            max_nodes,
            _THREES_NODES,
            known_F,
            failed_F,
            mix(np.uint64(epoch + n)),
            stack_DC,
            found_3,
            stop_1,
        ):
            found_N4[n, 0] = found_3[0]
            found_N4[n, 1] = WIN - (stones + found_3[1])
            found_N4[n, 3] = found_3[2]
            continue
        walk["nodes"] = found_3[2]
        for depth in range(1, max_depth + 1):
            alpha, beta = -INFINITE, INFINITE
            if depth > 3:
                alpha, beta = score - _WINDOW, score + _WINDOW
            while True:
                value = _walk(
                    board,
                    know,
                    walk,
                    pieces,
                    reductions,
                    depth,
                    alpha,
                    beta,
                    max_nodes,
                    keys_T,
                    entries_T,
                    epoch + n,
                    failed_F,
                    stack_DC,
                    found_3,
                    stop_1,
                )
                if walk["stopped"] != 0:
                    break
                if value <= alpha:
                    alpha = -INFINITE
                elif value >= beta:
                    beta = INFINITE
                else:
                    break
            if walk["root_move"] >= 0:
                found_N4[n, 0] = walk["root_move"]
            if walk["stopped"] != 0:
                break
            score = value
            found_N4[n, 1] = value
            found_N4[n, 2] = depth
            if abs(value) >= DECIDED or depth >= cells - stones:
                break
        found_N4[n, 3] = walk["nodes"]


def worths(k: int, without: frozenset[str]) -> np.ndarray:
    """int64: 1 for each piece of knowledge that is on."""
    return np.array([name not in without for name in PIECES], np.int64)


@functools.cache
def _reductions() -> np.ndarray:
    """By how much less deeply a move is tried: 64 places in the order of moves for each of 32 depths."""
    depths, places = np.meshgrid(np.arange(32), np.arange(64), indexing="ij")
    cut = (0.4 + np.log(np.maximum(depths, 1)) * np.log(np.maximum(places, 1)) / 1.8).astype(np.int64)
    return cut.reshape(-1)


def search(
    game: Game, states_NW: np.ndarray, pieces: np.ndarray, budget: Budget, table: Table, stop_1: np.ndarray
) -> np.ndarray:
    """Best actions, scores, completed depths and nodes of the positions, int64 [N, 4]."""
    found_N4 = np.zeros((len(states_NW), 4), np.int64)
    _search(
        states_NW,
        np.zeros(1, gomoku_board.BOARD),
        knowledge(game, shapes=bool(pieces[0]), near=bool(pieces[1])),
        np.zeros(1, WALK),
        pieces,
        _reductions(),
        min(budget.depth, game.max_plies),
        budget.nodes,
        table.keys_T,
        table.entries_T,
        table.epochs(len(states_NW)),
        np.zeros(_FAILED, np.uint64),
        np.zeros(_FAILED, np.uint64),
        new_stack(),
        np.zeros(1, THREATS),
        np.zeros(3, np.int64),
        stop_1,
        found_N4,
    )
    return found_N4
