"""Alpha-beta for Gomoku (five in a row) over shapes: continuous fours and threes first, then iterative deepening.

Scores are whole numbers as the player to move sees them; see `budget`.

N positions, C cells, T table entries, R reductions.
"""

import functools
from typing import NamedTuple

import numpy as np
from numba import types

from games.game import Game
from games.kernel import i64, kernel, u64
from games.rng import mix
from selfplay.knowledge.budget import DECIDED, INFINITE, UNLIMITED, WIN, Budget, Table
from selfplay.knowledge.clock import CLOCK, clock, now
from selfplay.knowledge.gomoku.board import BOARD, boards_t, i64s, knowledge_t, read
from selfplay.knowledge.gomoku.fours import FOUND, Memory, memory_t, new_memory, win_by_fours
from selfplay.knowledge.gomoku.knowledge import knowledge
from selfplay.knowledge.gomoku.moves import MOVES, forget, moves_1_t
from selfplay.knowledge.gomoku.search import FOURS, PIECES, THREES, WALK, alphabeta, keys_T_t, walk_1_t
from selfplay.knowledge.gomoku.threats import THREATS, threats_1_t, win_by_threats

SCALE = 512.0  # a score of this size is a clear advantage

_TABLE_BITS = 21
_MOVES_REMEMBERED = 4  # searches by the clock whose positions the table has room for
_FOURS_AT_ROOT = 10_000  # nodes for continuous fours at the root
_THREES_NODES = 10_000  # for continuous threes at the root, and no more than a quarter of the budget
_NODES_PER_MS = 1000  # a slow machine's; continuous fours at the root do not look at the clock
_WINDOW = 60  # around the score of the iteration before


@kernel(
    types.void(
        *(u64[:, ::1], boards_t, knowledge_t, moves_1_t, walk_1_t, threats_1_t, memory_t, i64s, i64s),
        *(keys_T_t, i64s, i64, i64, i64, i64, i64, CLOCK, i64s, i64[:, ::1]),
    ),
    allocates=False,
)
def _search(
    states_NW,
    board_1,
    know,
    moves_1,
    walk_1,
    threats_1,
    memory,
    pieces,
    reductions_R,
    keys_T,
    entries_T,
    stamp,
    remembers,
    max_depth,
    max_nodes,
    max_ns,
    clock,
    time_2,
    found_N4,
):
    """Iterative deepening from each position; found_N4 gets action, score, depth completed, nodes."""
    board, walk, moves = board_1[0], walk_1[0], moves_1[0]
    cells = know.geometry_1[0]["cells"]
    timed = max_ns < UNLIMITED
    for n in range(len(states_NW)):
        start = now(clock, time_2)
        walk["deadline"] = start + max_ns if timed else UNLIMITED
        walk["max_nodes"] = max_nodes
        walk["nodes"] = 0
        walk["look"] = 0
        walk["stamp"] = stamp + n
        walk["oldest"] = 1 if remembers == 1 else stamp + n
        walk["stopped"] = 0
        walk["root_move"] = -1
        side = read(board, know, states_NW[n])
        stones = board["stones"]
        salt = mix(np.uint64(walk["oldest"]))
        won = 0
        if pieces[FOURS] != 0:
            room = min(_FOURS_AT_ROOT, max_nodes, max_ns // 1_000_000 * _NODES_PER_MS)
            won = win_by_fours(board, know, memory, side, room, 0, salt)
            walk["nodes"] += memory.found_3[2]
        if won != FOUND and pieces[THREES] != 0:
            room = min(_THREES_NODES, max_nodes // 4)
            soon = start + max_ns // 4 if timed else UNLIMITED
            won = win_by_threats(board, know, memory, threats_1[0], side, room, salt, clock, soon, time_2)
            walk["nodes"] += memory.found_3[2]
        if won == FOUND:
            found_N4[n, 0] = memory.found_3[0]
            found_N4[n, 1] = WIN - (stones + memory.found_3[1])
            found_N4[n, 3] = walk["nodes"]
            continue
        forget(moves, cells)
        score = 0
        for depth in range(1, max_depth + 1):
            alpha, beta = -INFINITE, INFINITE
            if depth > 3:
                alpha, beta = score - _WINDOW, score + _WINDOW
            while True:
                value = alphabeta(
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
                )
                if walk["stopped"] != 0:
                    break
                if value <= alpha:
                    alpha = -INFINITE
                elif value >= beta:
                    beta = INFINITE
                else:
                    break
            if walk["root_move"] < 0:
                walk["root_move"] = walk["move"][0]
            found_N4[n, 0] = walk["root_move"]
            if walk["stopped"] != 0:
                break
            score = value
            found_N4[n, 1] = value
            found_N4[n, 2] = depth
            if abs(value) >= DECIDED or depth >= cells - stones or (timed and moves["count"][0] == 1):
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


class Desk(NamedTuple):
    """What one thread's searches write to; the table and the memory also carry knowledge from one to the next."""

    table: Table
    memory: Memory
    board_1: np.ndarray
    moves_1: np.ndarray
    walk_1: np.ndarray
    threats_1: np.ndarray


def desk(budget: Budget) -> Desk:
    """A desk for searches with this budget. The table has about an entry for each node, 32 MiB at most."""
    nodes = min(budget.nodes, 1 << min(2 * budget.depth + 8, _TABLE_BITS))
    if budget.ms > 0:
        nodes = min(nodes, int(_MOVES_REMEMBERED * budget.ms * _NODES_PER_MS))
    board_1, moves_1, walk_1, threats_1 = (np.zeros(1, dtype) for dtype in (BOARD, MOVES, WALK, THREATS))
    table = Table(1 << min(max(nodes.bit_length(), 10), _TABLE_BITS))
    return Desk(table, new_memory(), board_1, moves_1, walk_1, threats_1)


def search(game: Game, states_NW: np.ndarray, pieces: np.ndarray, budget: Budget, desk: Desk) -> np.ndarray:
    """Best actions, scores, completed depths and nodes of the positions, int64 [N, 4].

    Within a budget of time what was found in earlier positions is used again. With any other an answer does not
    depend on them.
    """
    found_N4 = np.zeros((len(states_NW), 4), np.int64)
    _search(
        states_NW,
        desk.board_1,
        knowledge(game, shapes=bool(pieces[0]), near=bool(pieces[1])),
        desk.moves_1,
        desk.walk_1,
        desk.threats_1,
        desk.memory,
        pieces,
        _reductions(),
        desk.table.keys_T,
        desk.table.entries_T,
        desk.table.epochs(len(states_NW)),
        int(budget.ms > 0),
        min(budget.depth, game.max_plies),
        budget.nodes,
        budget.nanoseconds,
        clock,
        np.zeros(2, np.int64),
        found_N4,
    )
    return found_N4
