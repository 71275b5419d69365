"""Alpha-beta for Gomoku (five in a row) over shapes: VCF and VCT (victory by continuous fours, threes) first, then
iterative deepening.

Scores are whole numbers as the player to move sees them; see `budget`.

N positions, C cells, T table entries, R reductions.
"""

import functools
from typing import NamedTuple

import numpy as np
from numba import types

from games import interrupt
from games.game import Game
from games.kernel import i64, kernel, u64
from games.rng import mix
from selfplay.knowledge.budget import DECIDED, INFINITE, UNLIMITED, WIN, Budget
from selfplay.knowledge.clock import CLOCK, clock, new_timer, now, timer_t
from selfplay.knowledge.gomoku.board import BOARD, boards_t, i64s, knowledge_t, read
from selfplay.knowledge.gomoku.fours import FOUND, Memory, memory_t, new_memory, win_by_fours
from selfplay.knowledge.gomoku.knowledge import knowledge
from selfplay.knowledge.gomoku.moves import MOVES, forget, moves_1_t
from selfplay.knowledge.gomoku.search import FOURS, PIECES, SEARCH_STACK, THREES, alphabeta, keys_T_t, stack_1_t
from selfplay.knowledge.gomoku.threats import THREATS, threats_1_t, win_by_threats
from selfplay.knowledge.transposition import TranspositionTable

SCALE = 512.0  # a score of this size is a clear advantage

_TABLE_BITS = 21
_MOVES_REMEMBERED = 4  # searches by the clock whose positions the table has room for
_FOURS_AT_ROOT = 10_000  # nodes for a VCF at the root
_THREES_NODES = 10_000  # for a VCT at the root, and no more than a quarter of the budget
_NODES_PER_MS = 1000  # a slow machine's; the VCF at the root does not look at the clock
_WINDOW = 60  # aspiration window, around the score of the iteration before


@kernel(
    types.void(
        *(u64[:, ::1], boards_t, knowledge_t, moves_1_t, stack_1_t, threats_1_t, memory_t, i64s, i64s),
        *(keys_T_t, i64s, i64, i64, i64, i64, i64, CLOCK, timer_t, i64[:, ::1]),
    ),
    allocates=False,
)
def _search(
    states_NW,
    board_1,
    know,
    moves_1,
    stack_1,
    threats_1,
    memory,
    pieces,
    reductions_R,
    keys_T,
    entries_T,
    age,
    remembers,
    max_depth,
    max_nodes,
    max_ns,
    clock,
    timer,
    found_N4,
):
    """Iterative deepening from each position; found_N4 gets action, score, depth completed, nodes."""
    board, stack, moves = board_1[0], stack_1[0], moves_1[0]
    cells = know.geometry_1[0]["cells"]
    timed = max_ns < UNLIMITED
    for n in range(len(states_NW)):
        if timer.stop_1[0] != 0:
            break
        start = now(clock, timer)
        stack["deadline"] = start + max_ns if timed else UNLIMITED
        stack["max_nodes"] = max_nodes
        stack["nodes"] = 0
        stack["look"] = 0
        stack["age"] = age + n
        stack["oldest"] = 1 if remembers == 1 else age + n
        stack["stopped"] = 0
        stack["root_move"] = -1
        side = read(board, know, states_NW[n])
        stones = board["stones"]
        salt = mix(np.uint64(stack["oldest"]))
        won = 0
        if pieces[FOURS] != 0:
            room = min(_FOURS_AT_ROOT, max_nodes, max_ns // 1_000_000 * _NODES_PER_MS)
            won = win_by_fours(board, know, memory, side, room, 0, salt)
            stack["nodes"] += memory.found_3[2]
        if won != FOUND and pieces[THREES] != 0:
            room = min(_THREES_NODES, max_nodes // 4)
            soon = start + max_ns // 4 if timed else UNLIMITED
            won = win_by_threats(board, know, memory, threats_1[0], side, room, salt, clock, soon, timer)
            stack["nodes"] += memory.found_3[2]
        if won == FOUND:
            found_N4[n, 0] = memory.found_3[0]
            found_N4[n, 1] = WIN - (stones + memory.found_3[1])
            found_N4[n, 3] = stack["nodes"]
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
                )
                if stack["stopped"] != 0:
                    break
                if value <= alpha:
                    alpha = -INFINITE
                elif value >= beta:
                    beta = INFINITE
                else:
                    break
            if stack["root_move"] < 0:
                stack["root_move"] = stack["move"][0]
            found_N4[n, 0] = stack["root_move"]
            if stack["stopped"] != 0:
                break
            score = value
            found_N4[n, 1] = value
            found_N4[n, 2] = depth
            if abs(value) >= DECIDED or depth >= cells - stones or (timed and moves["count"][0] == 1):
                break
        found_N4[n, 3] = stack["nodes"]


def worths(game: Game, without: frozenset[str]) -> np.ndarray:
    """int64: 1 for each piece of knowledge that is on."""
    return np.array([name not in without for name in PIECES], np.int64)


@functools.cache
def _reductions() -> np.ndarray:
    """Late-move reductions, plies: 64 places in the order of moves for each of 32 depths."""
    depths, places = np.meshgrid(np.arange(32), np.arange(64), indexing="ij")
    cut = (0.4 + np.log(np.maximum(depths, 1)) * np.log(np.maximum(places, 1)) / 1.8).astype(np.int64)
    return cut.reshape(-1)


class SearchContext(NamedTuple):
    """What one thread's searches write to; the table and the memory also carry knowledge from one to the next."""

    table: TranspositionTable
    memory: Memory
    board_1: np.ndarray
    moves_1: np.ndarray
    stack_1: np.ndarray
    threats_1: np.ndarray


def new_context(game: Game, budget: Budget) -> SearchContext:
    """For searches with this budget. The table has about an entry for each node, 32 MiB at most."""
    nodes = min(budget.nodes, 1 << min(2 * budget.depth + 8, _TABLE_BITS))
    if budget.ms > 0:
        nodes = min(nodes, int(_MOVES_REMEMBERED * budget.ms * _NODES_PER_MS))
    board_1, moves_1, stack_1, threats_1 = (np.zeros(1, dtype) for dtype in (BOARD, MOVES, SEARCH_STACK, THREATS))
    table = TranspositionTable(1 << min(max(nodes.bit_length(), 10), _TABLE_BITS))
    return SearchContext(table, new_memory(), board_1, moves_1, stack_1, threats_1)


def search(
    game: Game, states_NW: np.ndarray, seeds_N: np.ndarray, pieces: np.ndarray, budget: Budget, context: SearchContext
) -> np.ndarray:
    """Best actions, scores, completed depths and nodes of the positions, int64 [N, 4].

    Within a budget of time what was found in earlier positions is used again. With any other an answer does not
    depend on them. No move is chosen at random.
    """
    found_N4 = np.zeros((len(states_NW), 4), np.int64)
    _search(
        states_NW,
        context.board_1,
        knowledge(game, shapes=bool(pieces[0]), near=bool(pieces[1])),
        context.moves_1,
        context.stack_1,
        context.threats_1,
        context.memory,
        pieces,
        _reductions(),
        context.table.keys_T,
        context.table.entries_T,
        context.table.ages(len(states_NW)),
        int(budget.ms > 0),
        min(budget.depth, game.max_plies),
        budget.nodes,
        budget.nanoseconds,
        clock,
        new_timer(),
        found_N4,
    )
    interrupt.check()
    return found_N4
