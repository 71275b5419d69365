"""Continuous fours, and fours and threes: wins in which the other side has few answers or one to every move.

Threat-space search after Allis, van den Herik and Huntjens (1993). A four has one answer, so a tree of fours has
only the attacker's moves and is searched whole, within a budget of nodes. A threat to make an open four has a few:
there every answer is tried. Positions found to hold no win are remembered. D attacker's moves deep, C cells, F
places for failed positions.
"""

from typing import NamedTuple

import numba
import numpy as np
from numba import types

from games.game import Game
from games.kernel import i64, kernel, u64, words_W
from selfplay.knowledge.gomoku_board import BOARD, board_t, boards_t, i64s, knowledge_t, put, quad_at, read, take_back
from selfplay.knowledge.gomoku_knowledge import knowledge
from selfplay.knowledge.gomoku_shapes import DOUBLE_THREE, FOUR_THREE, MAKES_FOUR, THREATENS, WINS, WINS_SOON

_ONE = np.uint64(1)
# Salts that keep what failed for the one side apart from what failed for the other.
_SALTS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03))

FOUND, NONE, UNKNOWN = 1, 0, -1
_MOST = 400  # cells of the largest board
_DEEPEST = 201  # fours in a row, each with its answer, on the largest board

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


@kernel(i64(board_t, knowledge_t, i64, i64, i64, keys_F, u64, cells_DC, i64s), allocates=False)
def win_by_fours(board, know, side, max_nodes, near, failed_F, salt, stack_DC, found_3):
    """FOUND, NONE or UNKNOWN (out of nodes) for `side` to move; found_3 gets move, plies to the win, nodes.

    `near` 1: each four but the first lines up with the one before, which is quick and finds most wins.
    Row d of the stack holds the attacker's moves at depth d, with their count and the next to try behind them.
    """
    other = 1 - side
    words = know.geometry_1[0]["words"]
    side_salt = salt ^ (_SALTS[1] if side == 1 else _SALTS[0])
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
    if outcome == UNKNOWN and near == 1:
        failed_F[root_key % places] = root_key  # not asked again
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


# What a walk over threats keeps for each ply; even plies are the attacker's.
_PLIES = 64
_MOST_MOVES = 48
THREATS = np.dtype(
    [
        ("left", np.int64, (_PLIES,)),  # threats the attacker may still make
        ("length", np.int64, (_PLIES,)),  # plies to the longest win among the answers tried, at the defender's plies
        ("count", np.int64, (_PLIES,)),
        ("next", np.int64, (_PLIES,)),
        ("moves", np.int64, (_PLIES, _MOST_MOVES)),
    ],
    align=True,
)
threats_t = numba.from_dtype(THREATS)
threats_1_t = types.Array(threats_t, 1, "C")


@kernel(i64(board_t, knowledge_t, threats_t, i64, i64, i64), allocates=False)
def _append_moves(board, know, walk, p, side, class_):
    """Append the cells of a class to the moves of ply p, the most promising of them first, as far as there is room."""
    row = np.uint64(p)
    first = walk["count"][row]
    count = first
    for w in range(know.geometry_1[0]["words"]):
        bits = board["members"][np.uint64(side), np.uint64(class_), np.uint64(w)]
        while bits != 0 and count < _MOST_MOVES:
            cell = 64 * w + lowest(bits)
            bits &= bits - _ONE
            promise = know.promises_Q[np.uint64(quad_at(board, cell, side))]
            i = count
            while i > first:
                before = walk["moves"][row, np.uint64(i - 1)]
                if know.promises_Q[np.uint64(quad_at(board, before, side))] >= promise:
                    break
                walk["moves"][row, np.uint64(i)] = before
                i -= 1
            walk["moves"][row, np.uint64(i)] = cell
            count += 1
        if bits != 0:
            return 0
    walk["count"][row] = count
    return 1


@kernel(i64(board_t, knowledge_t, threats_t, i64, i64, i64, keys_F, keys_F, u64, cells_DC, i64s, i64s), allocates=False)
def win_by_threats(board, know, walk, side, threats, max_nodes, known_F, failed_F, salt, stack_DC, found_3, stop_1):
    """Plies to a win by at most `threats` threats before its last fours, 0 for none, UNKNOWN if out of nodes.

    `side` is to move; found_3 gets the move, plies and nodes. A threat is a four or a stone after which an open
    four or two fours could follow; the defender tries every stone that stops what is threatened and every four of
    its own, so a win found is a win. known_F remembers for positions with the attacker to move how many threats were
    not enough.
    """
    other = 1 - side
    places = np.uint64(len(known_F))
    side_salt = salt ^ (_SALTS[1] if side == 1 else _SALTS[0])
    low = np.uint64(63)
    nodes = 0
    p = 0
    walk["left"][0] = threats
    arriving = True
    value = 0
    unknown = False
    while p >= 0:
        row = np.uint64(p)
        attacking = p & 1 == 0
        finished = False
        if arriving:
            nodes += 1
            if nodes > max_nodes or (nodes & 63 == 0 and stop_1[0] != 0) or p >= _PLIES - 1:
                unknown = True
                break
            value = 0
            walk["next"][row] = 0
            walk["count"][row] = 0
            walk["length"][row] = 0
            mine = board["counts"][side, WINS]
            theirs = board["counts"][other, WINS]
            if attacking:
                if mine > 0:
                    value = 1
                    finished = True
                    walk["moves"][row, 0] = first_of(board, side, WINS)
                elif theirs > 1:
                    finished = True
                elif theirs == 1:
                    walk["moves"][row, 0] = first_of(board, other, WINS)
                    walk["count"][row] = 1
                elif board["counts"][side, WINS_SOON] > 0:
                    value = 3
                    finished = True
                    walk["moves"][row, 0] = first_of(board, side, WINS_SOON)
                else:
                    fours = board["counts"][side, MAKES_FOUR] + board["counts"][side, FOUR_THREE]
                    if fours > 0:
                        if win_by_fours(board, know, side, 60, 1, failed_F, salt, stack_DC, found_3) == FOUND:
                            value = found_3[1]
                            finished = True
                            walk["moves"][row, 0] = found_3[0]
                        nodes += found_3[2]
                    key = (board["key"] ^ side_salt) & ~low
                    known = known_F[(key >> np.uint64(6)) % places]
                    if not finished and (
                        walk["left"][row] == 0 or (known & ~low == key and np.int64(known & low) >= walk["left"][row])
                    ):
                        finished = True
                    if not finished:
                        room = _append_moves(board, know, walk, p, side, FOUR_THREE)
                        if board["counts"][other, WINS_SOON] == 0:
                            room &= _append_moves(board, know, walk, p, side, DOUBLE_THREE)
                            room &= _append_moves(board, know, walk, p, side, THREATENS)
                        room &= _append_moves(board, know, walk, p, side, MAKES_FOUR)
            elif theirs > 0:
                finished = True
            elif mine > 1:
                value = 2
                finished = True
            elif mine == 1:
                walk["moves"][row, 0] = first_of(board, side, WINS)
                walk["count"][row] = 1
            elif board["counts"][side, WINS_SOON] == 0 or board["counts"][other, WINS_SOON] > 0:
                finished = True
            else:
                room = 1
                for class_ in range(WINS_SOON, MAKES_FOUR - 1, -1):
                    room &= _append_moves(board, know, walk, p, side, class_)
                for class_ in range(WINS_SOON, MAKES_FOUR - 1, -1):
                    room &= _append_moves(board, know, walk, p, other, class_)
                if room == 0:
                    finished = True  # more answers than there is room for: call it no win
            if not finished and walk["count"][row] == 0:
                finished = True
        else:
            walk["next"][row] += 1
            if attacking:
                if value > 0:
                    value += 1
                    walk["moves"][row, 0] = walk["moves"][row, np.uint64(walk["next"][row] - 1)]
                    finished = True
                elif walk["next"][row] == walk["count"][row]:
                    finished = True
                    known_F[((board["key"] ^ side_salt) >> np.uint64(6)) % places] = (
                        (board["key"] ^ side_salt) & ~low
                    ) | np.uint64(walk["left"][row])
            else:
                walk["length"][row] = max(walk["length"][row], value + 1)
                if value == 0:
                    finished = True
                elif walk["next"][row] == walk["count"][row]:
                    value = walk["length"][row]
                    finished = True
        if finished:
            p -= 1
            arriving = False
            if p >= 0:
                take_back(board, know)
            continue
        cell = walk["moves"][row, np.uint64(walk["next"][row])]
        forced = attacking and board["counts"][other, WINS] > 0
        put(board, know, cell, side if attacking else other)
        p += 1
        walk["left"][np.uint64(p)] = walk["left"][row] - (1 if attacking and not forced else 0)
        arriving = True
    if unknown:
        while p > 0:
            take_back(board, know)
            p -= 1
        value = UNKNOWN
    found_3[0] = walk["moves"][0, 0]
    found_3[1] = value
    found_3[2] = nodes
    return value


class Found(NamedTuple):
    """What a search for threats says of a position."""

    outcome: int  # FOUND, NONE or UNKNOWN
    move: int  # the first of the win, -1 if none was found
    plies: int  # to the win at most, 0 if none was found
    nodes: int


_PLACES = 1 << 16
_SALT = np.uint64(1)


def fours(game: Game, state_W: np.ndarray, nodes: int = 1_000_000) -> Found:
    """Continuous fours for the player to move; NONE means that there is no such win."""
    board = np.zeros(1, BOARD)
    found_3 = np.zeros(3, np.int64)
    outcome = _fours(board, knowledge(game), state_W, nodes, np.zeros(_PLACES, np.uint64), new_stack(), found_3)
    won = outcome == FOUND
    return Found(outcome, int(found_3[0]) if won else -1, int(found_3[1]) if won else 0, int(found_3[2]))


def threats(game: Game, state_W: np.ndarray, nodes: int = 100_000, most: int = 12) -> Found:
    """Continuous fours and threes for the player to move, with at most `most` threats before the last fours."""
    board, walk = np.zeros(1, BOARD), np.zeros(1, THREATS)
    known_F, failed_F = np.zeros(_PLACES, np.uint64), np.zeros(_PLACES, np.uint64)
    found_3, never_1 = np.zeros(3, np.int64), np.zeros(1, np.int64)
    spent = 0
    for deep in range(1, most + 1):
        plies = _threats(
            board, knowledge(game), walk, state_W, deep, nodes - spent, known_F, failed_F, new_stack(), found_3, never_1
        )
        spent += int(found_3[2])
        if plies != 0:
            break
    if plies > 0:
        return Found(FOUND, int(found_3[0]), int(plies), spent)
    return Found(UNKNOWN if plies == UNKNOWN else NONE, -1, 0, spent)


def new_stack() -> np.ndarray:
    """Room for `win_by_fours`: the attacker's moves at every depth."""
    return np.zeros((_DEEPEST, _MOST + 2), np.int16)


@kernel(i64(boards_t, knowledge_t, words_W, i64, keys_F, cells_DC, i64s), allocates=False)
def _fours(board_1, know, state_W, max_nodes, failed_F, stack_DC, found_3):
    side = read(board_1[0], know, state_W)
    return win_by_fours(board_1[0], know, side, max_nodes, 0, failed_F, _SALT, stack_DC, found_3)


@kernel(
    i64(boards_t, knowledge_t, threats_1_t, words_W, i64, i64, keys_F, keys_F, cells_DC, i64s, i64s), allocates=False
)
def _threats(board_1, know, walk_1, state_W, threats, max_nodes, known_F, failed_F, stack_DC, found_3, never_1):
    side = read(board_1[0], know, state_W)
    return win_by_threats(
        board_1[0], know, walk_1[0], side, threats, max_nodes, known_F, failed_F, _SALT, stack_DC, found_3, never_1
    )
