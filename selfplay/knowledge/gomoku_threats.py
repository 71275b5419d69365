"""Continuous fours: is there a win in which every move but the last makes a four that has one answer?

Threat-space search in its narrowest form (Allis, van den Herik and Huntjens 1993): the defender never has a
choice, so the tree has only the attacker's moves and is searched whole, within a budget of nodes. Positions
found to hold no win are remembered. D attacker's moves deep, C cells, F places for failed positions.
"""

import numpy as np
from numba import types

from games.kernel import i64, kernel, u64
from selfplay.knowledge.gomoku_board import board_t, i64s, knowledge_t, put, take_back
from selfplay.knowledge.gomoku_shapes import FOUR_THREE, MAKES_FOUR, WINS, WINS_SOON

_ONE = np.uint64(1)
# Salts that keep what failed for the one side apart from what failed for the other.
_SALTS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03))

FOUND, NONE, UNKNOWN = 1, 0, -1

cells_DC = types.Array(types.int16, 2, "C")
keys_F = types.Array(u64, 1, "C")


@kernel(i64(u64), allocates=False)
def lowest(bits):
    """The number of the lowest bit that is set."""
    bits = (bits & (~bits + _ONE)) - _ONE  # as many ones as there are zeros below it
    bits -= (bits >> np.uint64(1)) & np.uint64(0x5555555555555555)
    bits = (bits & np.uint64(0x3333333333333333)) + ((bits >> np.uint64(2)) & np.uint64(0x3333333333333333))
    bits = (bits + (bits >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((bits * np.uint64(0x0101010101010101)) >> np.uint64(56))


@kernel(i64(board_t, i64, i64), allocates=False)
def first_of(board, side, class_):
    """The first cell of a class that is not empty."""
    w = np.uint64(0)
    while board["members"][np.uint64(side), np.uint64(class_), w] == 0:
        w += _ONE
    return 64 * np.int64(w) + lowest(board["members"][np.uint64(side), np.uint64(class_), w])


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


@kernel(i64(board_t, knowledge_t, i64, i64, keys_F, u64, cells_DC, i64s), allocates=False)
def win_by_fours(board, know, side, max_nodes, failed_F, salt, stack_DC, found_3):
    """FOUND, NONE or UNKNOWN (out of nodes) for `side` to move; found_3 gets move, plies to the win, nodes.

    Row d of the stack holds the attacker's moves at depth d, with their count and the next to try behind them.
    """
    other = 1 - side
    words = know.geometry_1[0]["words"]
    side_salt = salt ^ (_SALTS[1] if side == 1 else _SALTS[0])
    places = np.uint64(len(failed_F))
    count_at = np.uint64(stack_DC.shape[1] - 1)
    next_at = np.uint64(stack_DC.shape[1] - 2)
    deepest = stack_DC.shape[0] - 1
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
        stack_DC[row, count_at] = count
        stack_DC[row, next_at] = 0
        # The next four, here or further up.
        while depth >= 0 and stack_DC[np.uint64(depth), next_at] == stack_DC[np.uint64(depth), count_at]:
            key = board["key"] ^ side_salt
            failed_F[key % places] = key
            depth -= 1
            if depth >= 0:
                take_back(board, know)
                take_back(board, know)
        if depth < 0:
            break
        row = np.uint64(depth)
        cell = np.int64(stack_DC[row, np.uint64(stack_DC[row, next_at])])
        stack_DC[row, next_at] += 1
        put(board, know, cell, side)
        if board["counts"][side, WINS] > 1:
            plies = 2 * depth + 3
            take_back(board, know)
            if depth == 0:
                found_3[0] = cell
            break
        put(board, know, first_of(board, side, WINS), other)
        depth += 1
    found_3[2] = nodes
    if plies > 0:
        outcome = FOUND
        found_3[1] = plies
        if depth > 0:
            found_3[0] = stack_DC[0, np.uint64(stack_DC[0, next_at] - 1)]
    while depth > 0:
        take_back(board, know)
        take_back(board, know)
        depth -= 1
    return outcome
