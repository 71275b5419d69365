"""VCT, victory by continuous threes and fours: wins by moves that threaten to win at once or by an open four.

After Allis, van den Herik and Huntjens (1993), "Go-Moku and Threat-Space Search". A threat to make an open four has
a few answers, and every one of them is tried. F places for remembered positions.
"""

import numba
import numpy as np
from numba import types

from games.game import Game
from games.kernel import i64, kernel, u64, words_W
from selfplay.knowledge.budget import UNLIMITED
from selfplay.knowledge.clock import CLOCK, clock, new_timer, now, timer_t
from selfplay.knowledge.gomoku.board import (
    BOARD,
    board_t,
    boards_t,
    first_of,
    knowledge_t,
    lowest,
    make,
    plies_to_win,
    quad_at,
    read,
    unmake,
    winning_move,
)
from selfplay.knowledge.gomoku.fours import FOUND, NONE, UNKNOWN, Found, memory_t, new_memory, salted, win_by_fours
from selfplay.knowledge.gomoku.knowledge import knowledge
from selfplay.knowledge.gomoku.shapes import DOUBLE_THREE, FOUR_THREE, MAKES_FOUR, THREATENS, WINS, WINS_SOON

# The search stack of a VCT, an entry for each ply; even plies are the attacker's.
_PLIES = 64
_MOST_MOVES = 48
_FOURS_NODES = 60  # for one VCF
_MOST_THREATS = 12  # before the last fours
_LOOK = 64  # nodes from one look at the clock to the next
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
def _append_moves(board, know, stack, p, side, class_):
    """Append the cells of a class to the moves of ply p, the most promising of them first, as far as there is room."""
    row = np.uint64(p)
    first = stack["count"][row]
    count = first
    for w in range(know.geometry_1[0]["words"]):
        bits = board["members"][np.uint64(side), np.uint64(class_), np.uint64(w)]
        while bits != 0 and count < _MOST_MOVES:
            cell = 64 * w + lowest(bits)
            bits &= bits - np.uint64(1)
            score = know.ordering_scores_Q[np.uint64(quad_at(board, cell, side))]
            i = count
            while i > first:
                before = stack["moves"][row, np.uint64(i - 1)]
                if know.ordering_scores_Q[np.uint64(quad_at(board, before, side))] >= score:
                    break
                stack["moves"][row, np.uint64(i)] = before
                i -= 1
            stack["moves"][row, np.uint64(i)] = cell
            count += 1
        stack["count"][row] = count
        if bits != 0:
            return 0
    return 1


@kernel(
    i64(board_t, knowledge_t, memory_t, threats_t, i64, i64, i64, u64, CLOCK, i64, timer_t),
    allocates=False,
)
def _win_within(board, know, memory, stack, side, threats, max_nodes, salt, clock, deadline, timer):
    """Plies to a win by at most `threats` threats before its last fours, 0 for none, UNKNOWN if out of nodes or time.

    `side` is to move; found_3 gets the move, plies and nodes. known_F remembers for positions with the attacker to
    move how many threats were not enough, in the low six bits of a salted key.
    """
    known_F, found_3 = memory.known_F, memory.found_3
    other = 1 - side
    places = np.uint64(len(known_F))
    side_salt = salted(salt, side)
    low = np.uint64(63)
    nodes = 0
    look = _LOOK
    p = 0
    stack["left"][0] = threats
    arriving = True
    value = 0
    unknown = False
    while p >= 0:
        row = np.uint64(p)
        attacking = p & 1 == 0
        finished = False
        if arriving:
            nodes += 1
            if nodes > max_nodes or p >= _PLIES - 1 or (nodes >= look and now(clock, timer) >= deadline):
                unknown = True
                break
            if nodes >= look:
                look = nodes + _LOOK
            value = 0
            stack["next"][row] = 0
            stack["count"][row] = 0
            stack["length"][row] = 0
            mine = board["counts"][side, WINS]
            theirs = board["counts"][other, WINS]
            if attacking:
                value = plies_to_win(board, side)
                if value > 0:
                    finished = True
                    stack["moves"][row, 0] = winning_move(board, side, value)
                elif theirs > 1:
                    finished = True
                elif theirs == 1:
                    stack["moves"][row, 0] = first_of(board, other, WINS)
                    stack["count"][row] = 1
                else:
                    fours = board["counts"][side, MAKES_FOUR] + board["counts"][side, FOUR_THREE]
                    if fours > 0:
                        if win_by_fours(board, know, memory, side, _FOURS_NODES, 1, salt) == FOUND:
                            value = found_3[1]
                            finished = True
                            stack["moves"][row, 0] = found_3[0]
                        nodes += found_3[2]
                    key = (board["key"] ^ side_salt) & ~low
                    known = known_F[(key >> np.uint64(6)) % places]
                    if not finished and (
                        stack["left"][row] == 0 or (known & ~low == key and np.int64(known & low) >= stack["left"][row])
                    ):
                        finished = True
                    if not finished:
                        room = _append_moves(board, know, stack, p, side, FOUR_THREE)
                        if board["counts"][other, WINS_SOON] == 0:
                            room &= _append_moves(board, know, stack, p, side, DOUBLE_THREE)
                            room &= _append_moves(board, know, stack, p, side, THREATENS)
                        room &= _append_moves(board, know, stack, p, side, MAKES_FOUR)
            elif theirs > 0:
                finished = True
            elif mine > 1:
                value = 2
                finished = True
            elif mine == 1:
                stack["moves"][row, 0] = first_of(board, side, WINS)
                stack["count"][row] = 1
            elif board["counts"][side, WINS_SOON] == 0 or board["counts"][other, WINS_SOON] > 0:
                finished = True
            else:
                room = 1
                for class_ in range(WINS_SOON, MAKES_FOUR - 1, -1):
                    room &= _append_moves(board, know, stack, p, side, class_)
                for class_ in range(WINS_SOON, MAKES_FOUR - 1, -1):
                    room &= _append_moves(board, know, stack, p, other, class_)
                if room == 0:
                    finished = True  # more answers than there is room for: call it no win
            if not finished and stack["count"][row] == 0:
                finished = True
        else:
            stack["next"][row] += 1
            if attacking:
                if value > 0:
                    value += 1
                    stack["moves"][row, 0] = stack["moves"][row, np.uint64(stack["next"][row] - 1)]
                    finished = True
                elif stack["next"][row] == stack["count"][row]:
                    finished = True
                    known_F[((board["key"] ^ side_salt) >> np.uint64(6)) % places] = (
                        (board["key"] ^ side_salt) & ~low
                    ) | np.uint64(stack["left"][row])
            else:
                stack["length"][row] = max(stack["length"][row], value + 1)
                if value == 0:
                    finished = True
                elif stack["next"][row] == stack["count"][row]:
                    value = stack["length"][row]
                    finished = True
        if finished:
            p -= 1
            arriving = False
            if p >= 0:
                unmake(board, know)
            continue
        cell = stack["moves"][row, np.uint64(stack["next"][row])]
        forced = attacking and board["counts"][other, WINS] > 0
        make(board, know, cell, side if attacking else other)
        p += 1
        stack["left"][np.uint64(p)] = stack["left"][row] - (1 if attacking and not forced else 0)
        arriving = True
    if unknown:
        while p > 0:
            unmake(board, know)
            p -= 1
        value = UNKNOWN
    found_3[0] = stack["moves"][0, 0]
    found_3[1] = value
    found_3[2] = nodes
    return value


@kernel(
    i64(board_t, knowledge_t, memory_t, threats_t, i64, i64, u64, CLOCK, i64, timer_t),
    allocates=False,
)
def win_by_threats(board, know, memory, stack, side, max_nodes, salt, clock, deadline, timer):
    """FOUND, NONE or UNKNOWN (out of nodes or time) for `side` to move, by few threats first; found_3 gets move, plies,
    nodes.

    A threat is a four or a stone after which an open four or two fours could follow; the defender tries every stone
    that stops what is threatened and every four of its own, so a win found is a win. NONE means that there is none by
    _MOST_THREATS threats.
    """
    spent = 0
    outcome = NONE
    for threats in range(1, _MOST_THREATS + 1):
        plies = _win_within(board, know, memory, stack, side, threats, max_nodes - spent, salt, clock, deadline, timer)
        spent += memory.found_3[2]
        if plies != 0:
            outcome = FOUND if plies > 0 else UNKNOWN
            break
    memory.found_3[2] = spent
    return outcome


def threats(game: Game, state_W: np.ndarray, nodes: int = 100_000) -> Found:
    """A VCT for the player to move."""
    board, memory, stack = np.zeros(1, BOARD), new_memory(), np.zeros(1, THREATS)
    outcome = _threats(board, knowledge(game), memory, stack, state_W, nodes, clock, new_timer())
    move, plies, spent = (int(number) for number in memory.found_3)
    return Found(outcome, move, plies, spent) if outcome == FOUND else Found(outcome, -1, 0, spent)


@kernel(i64(boards_t, knowledge_t, memory_t, threats_1_t, words_W, i64, CLOCK, timer_t), allocates=False)
def _threats(board_1, know, memory, stack_1, state_W, max_nodes, clock, timer):
    side = read(board_1[0], know, state_W)
    salt = np.uint64(1)
    return win_by_threats(board_1[0], know, memory, stack_1[0], side, max_nodes, salt, clock, UNLIMITED, timer)
