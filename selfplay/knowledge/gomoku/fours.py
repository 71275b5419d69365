"""VCF, victory by continuous fours: wins in which every move but the last makes a four, to which there is one answer.

After Allis, van den Herik and Huntjens (1993), "Go-Moku and Threat-Space Search". With one answer to each four the
tree has only the attacker's moves, so it is searched whole, within a budget of nodes. Positions found to hold no such
win are remembered. D attacker's moves deep, C cells, F places for remembered positions.
"""

from typing import NamedTuple

import numpy as np
from numba import types

from games.game import Game
from games.kernel import i64, kernel, u64, words_W
from selfplay.knowledge.gomoku.board import (
    BOARD,
    board_t,
    boards_t,
    first_of,
    i64s,
    knowledge_t,
    lowest,
    make,
    read,
    unmake,
)
from selfplay.knowledge.gomoku.knowledge import knowledge
from selfplay.knowledge.gomoku.shapes import FOUR_THREE, MAKES_FOUR, WINS, WINS_SOON

_ONE = np.uint64(1)
# Salts that keep apart what failed for the one side and for the other, and what failed only near the last four.
_SALTS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03))
_NEAR = np.uint64(0x8CB92BA72F3D8DD7)

FOUND, NONE, UNKNOWN = 1, 0, -1
_MOST = 400  # cells of the largest board
_DEEPEST = 201  # fours in a row, each with its answer, on the largest board
_PLACES = 1 << 16


class Memory(NamedTuple):
    """What searches for wins by threats write to, and what they remember from one to the next."""

    failed_F: np.ndarray  # uint64; positions without a win by fours
    known_F: np.ndarray  # uint64; positions and how many threats do not win there: see `gomoku_threats`
    stack_DC: np.ndarray  # int16; the attacker's fours at every depth, their count and the next to try behind them
    found_3: np.ndarray  # int64; of the last search: move, plies to the win, nodes


keys_F = types.Array(u64, 1, "C")
memory_t = types.NamedTuple([keys_F, keys_F, types.Array(types.int16, 2, "C"), i64s], Memory)
cells_DC = types.Array(types.int16, 2, "C")


def new_memory() -> Memory:
    """Nothing remembered."""
    keys = np.zeros(_PLACES, np.uint64)
    return Memory(keys, keys.copy(), np.zeros((_DEEPEST, _MOST + 2), np.int16), np.zeros(3, np.int64))


@kernel(i64(board_t, i64, i64, i64, cells_DC, i64, i64), allocates=False)
def append_class(board, words, side, class_, cells_DC, d, count):
    """Append the cells of a class to row d, which holds `count` already; returns how many it then holds."""
    for w in range(words):
        bits = board["members"][np.uint64(side), np.uint64(class_), np.uint64(w)]
        while bits != 0:
            cells_DC[np.uint64(d), np.uint64(count)] = 64 * w + lowest(bits)
            count += 1
            bits &= bits - _ONE
    return count


@kernel(i64(board_t, i64, cells_DC, i64, i64, i64), allocates=False)
def _only_lined_up(board, size, cells_DC, d, count, last):
    """Keep of row d the cells within four of `last` on a line with it; returns how many."""
    kept = 0
    for i in range(count):
        cell = np.int64(cells_DC[np.uint64(d), np.uint64(i)])
        rows, columns = abs(cell // size - last // size), abs(cell % size - last % size)
        if max(rows, columns) <= 4 and (rows == 0 or columns == 0 or rows == columns):
            cells_DC[np.uint64(d), np.uint64(kept)] = cell
            kept += 1
    return kept


@kernel(u64(u64, i64), allocates=False)
def salted(salt, side):
    """A salt for each side."""
    return salt ^ (_SALTS[1] if side == 1 else _SALTS[0])


@kernel(i64(board_t, knowledge_t, memory_t, i64, i64, i64, u64), allocates=False)
def win_by_fours(board, know, memory, side, max_nodes, near, salt):
    """FOUND, NONE or UNKNOWN (out of nodes) for `side` to move; found_3 gets move, plies to the win, nodes.

    `near` 1: each four but the first lines up with the one before, which is quick and finds most wins. What is
    remembered counts for the same salt.
    """
    stack_DC, failed_F, found_3 = memory.stack_DC, memory.failed_F, memory.found_3
    other = 1 - side
    words = know.geometry_1[0]["words"]
    side_salt = salted(salt, side)
    if near == 1:
        side_salt ^= _NEAR
    places = np.uint64(len(failed_F))
    count_at = np.uint64(stack_DC.shape[1] - 1)
    next_at = np.uint64(stack_DC.shape[1] - 2)
    deepest = stack_DC.shape[0] - 1
    root_key = board["key"] ^ side_salt
    nodes = 0
    depth = 0
    plies = 0
    outcome = NONE
    while True:
        # A position with the attacker to move: is it decided, and if not, which fours are there?
        row = np.uint64(depth)
        key = board["key"] ^ side_salt
        nodes += 1
        count = 0
        blocks = board["counts"][other, WINS]
        if board["counts"][side, WINS] > 0:
            plies = 2 * depth + 1
            if depth == 0:
                found_3[0] = first_of(board, side, WINS)
            break
        if blocks == 0 and board["counts"][side, WINS_SOON] > 0:
            plies = 2 * depth + 3
            if depth == 0:
                found_3[0] = first_of(board, side, WINS_SOON)
            break
        if nodes > max_nodes or depth == deepest:
            outcome = UNKNOWN
            break
        if failed_F[key % places] != key:
            if blocks == 1:
                cell = first_of(board, other, WINS)
                class_ = (np.int64(board["classes"][np.uint64(cell)]) >> (4 * side)) & 15
                if class_ >= MAKES_FOUR:
                    stack_DC[row, 0] = cell
                    count = 1
            elif blocks == 0:
                count = append_class(board, words, side, FOUR_THREE, stack_DC, depth, 0)
                count = append_class(board, words, side, MAKES_FOUR, stack_DC, depth, count)
                if near == 1 and depth > 0:
                    last = board["moves"][np.uint64(board["stones"] - 2)]
                    count = _only_lined_up(board, know.geometry_1[0]["size"], stack_DC, depth, count, last)
        stack_DC[row, count_at] = count
        stack_DC[row, next_at] = 0
        # The next four, here or further up.
        while depth >= 0 and stack_DC[np.uint64(depth), next_at] == stack_DC[np.uint64(depth), count_at]:
            key = board["key"] ^ side_salt
            failed_F[key % places] = key
            depth -= 1
            if depth >= 0:
                unmake(board, know)
                unmake(board, know)
        if depth < 0:
            break
        row = np.uint64(depth)
        cell = np.int64(stack_DC[row, np.uint64(stack_DC[row, next_at])])
        stack_DC[row, next_at] += 1
        make(board, know, cell, side)
        if board["counts"][side, WINS] > 1:
            plies = 2 * depth + 3
            unmake(board, know)
            if depth == 0:
                found_3[0] = cell
            break
        make(board, know, first_of(board, side, WINS), other)
        depth += 1
    found_3[2] = nodes
    if outcome == UNKNOWN and near == 1:
        failed_F[root_key % places] = root_key  # not asked again
    if plies > 0:
        outcome = FOUND
        found_3[1] = plies
        if depth > 0:
            found_3[0] = stack_DC[0, np.uint64(stack_DC[0, next_at] - 1)]
    while depth > 0:
        unmake(board, know)
        unmake(board, know)
        depth -= 1
    return outcome


class Found(NamedTuple):
    """What a search for threats says of a position."""

    outcome: int  # FOUND, NONE or UNKNOWN
    move: int  # the first of the win, -1 if none was found
    plies: int  # to the win at most, 0 if none was found
    nodes: int


def fours(game: Game, state_W: np.ndarray, nodes: int = 1_000_000) -> Found:
    """A VCF for the player to move; NONE means that there is no such win."""
    board, memory = np.zeros(1, BOARD), new_memory()
    outcome = _fours(board, knowledge(game), memory, state_W, nodes)
    move, plies, spent = (int(number) for number in memory.found_3)
    return Found(outcome, move, plies, spent) if outcome == FOUND else Found(outcome, -1, 0, spent)


@kernel(i64(boards_t, knowledge_t, memory_t, words_W, i64), allocates=False)
def _fours(board_1, know, memory, state_W, max_nodes):
    side = read(board_1[0], know, state_W)
    return win_by_fours(board_1[0], know, memory, side, max_nodes, 0, np.uint64(1))
