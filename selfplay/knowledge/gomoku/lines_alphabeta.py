"""A plain alpha-beta for Gomoku with other winning lengths than five, over an evaluation of lines.

Scores are whole numbers as the player to move sees them; see `budget`. A side that can win at once is seen to win, also
where the depth ends. Moves are tried in the order of their urgency. N positions, C cells, P plies below the root.
"""

import numpy as np

from games.game import Game
from games.kernel import i64, kernel, u64
from selfplay.knowledge.budget import DECIDED, INFINITE, WIN, Budget
from selfplay.knowledge.clock import CLOCK, clock, now
from selfplay.knowledge.gomoku.lines import cells_C, i64s, lines_of_game, lines_t, longest, read, stones_in, urgency

# The pieces of knowledge, as `without=` names them: what lines are worth, and that moves near stones are enough.
PIECES = ("lines", "near")
SCALE = 200.0  # a score of this size is a clear advantage
_REACH = 2  # cells from a stone that count as near


def worths(k: int, without: frozenset[str]) -> np.ndarray:
    """int64 [1 + k + 1]: how far moves may stand from stones (0: anywhere), then a line's worth by its stones."""
    worth = np.zeros(k + 2, np.int64)
    worth[0] = 0 if "near" in without else _REACH
    if "lines" not in without:
        for stones in range(1, k):
            worth[1 + stones] = 6 ** max(0, 4 - (k - stones))
    return worth


@kernel(i64(lines_t, cells_C, i64s, i64), allocates=False)
def _evaluate(lines, board_C, worth, side):
    """Lines that hold stones of one side only, to the side to move."""
    total = 0
    for line in range(len(lines.cells_LK)):
        for s in range(2):
            stones = stones_in(lines, board_C, line, s)
            if stones > 0:
                total += worth[1 + stones] if s == side else -worth[1 + stones]
    return total


@kernel(i64(lines_t, cells_C, i64, i64), allocates=False)
def _is_near(lines, board_C, cell, reach):
    """1 if a stone stands within reach of the cell."""
    row, column = cell // lines.size, cell % lines.size
    for r in range(max(0, row - reach), min(lines.size, row + reach + 1)):
        for c in range(max(0, column - reach), min(lines.size, column + reach + 1)):
            if board_C[r * lines.size + c] != 0:
                return 1
    return 0


@kernel(i64(lines_t, cells_C, i64, i64, i64, i64s, i64s), allocates=False)
def _list(lines, board_C, side, reach, first, ranks_C, moves_C):
    """Write the moves worth trying, `first` and then the most urgent before others; returns how many.

    A move that wins is written alone, and its number is negative: -1 - cell.
    """
    count = 0
    for cell in range(len(board_C)):
        if board_C[cell] != 0:
            continue
        if longest(lines, board_C, cell, side) == lines.cells_LK.shape[1] - 1:
            moves_C[0] = -1 - cell
            return 1
        if reach > 0 and _is_near(lines, board_C, cell, reach) == 0:
            continue
        rank = urgency(lines, board_C, cell, side) + (1000 if cell == first else 0)
        i = count
        while i > 0 and ranks_C[i - 1] < rank:
            ranks_C[i] = ranks_C[i - 1]
            moves_C[i] = moves_C[i - 1]
            i -= 1
        ranks_C[i] = rank
        moves_C[i] = cell
        count += 1
    if count == 0:
        moves_C[0] = (lines.size // 2) * (lines.size + 1)
        count = 1
    return count


@kernel((u64[:, ::1], lines_t, i64s, i64, i64, i64, CLOCK, i64[:, ::1]))
def _search(states_NW, lines, worth, max_depth, max_nodes, max_ns, clock, found_N4):
    """Iterative deepening from each position; found_N4 gets action, score, depth completed, nodes.

    The depth-first walk keeps its own stack: at ply p of the walk side p & 1 is to move, `[alpha_P, beta_P]` is the
    window, `best_P` the best score so far. `value` passes a finished score upwards.
    """
    cells = lines.size * lines.size
    board_C = np.zeros(cells, np.int8)
    alpha_P = np.zeros(max_depth + 2, np.int64)
    beta_P = np.zeros(max_depth + 2, np.int64)
    best_P = np.zeros(max_depth + 2, np.int64)
    count_P = np.zeros(max_depth + 2, np.int64)
    next_P = np.zeros(max_depth + 2, np.int64)
    moves_PC = np.zeros((max_depth + 2, cells), np.int64)
    ranks_C = np.zeros(cells, np.int64)
    time_2 = np.zeros(2, np.int64)
    for n in range(len(states_NW)):
        deadline = now(clock, time_2) + max_ns
        stones0 = read(states_NW[n], board_C)
        nodes = 0
        best_move = -1
        for depth in range(1, max_depth + 1):
            p = 0
            alpha_P[0] = -INFINITE
            beta_P[0] = INFINITE
            arriving = True
            stopped = False
            value = 0
            while p >= 0:
                if arriving:
                    nodes += 1
                    stopped = stopped or (depth > 1 and (nodes > max_nodes or now(clock, time_2) >= deadline))
                    count_P[p] = 0
                    next_P[p] = 0
                    best_P[p] = -INFINITE
                    if stones0 + p < cells and not stopped:
                        first = best_move if p == 0 else -1
                        count_P[p] = _list(lines, board_C, p & 1, worth[0], first, ranks_C, moves_PC[p])
                    if count_P[p] == 0:
                        best_P[p] = 0
                    elif moves_PC[p, 0] < 0:
                        best_P[p] = WIN - (stones0 + p + 1)
                        if p == 0:
                            best_move = -1 - moves_PC[0, 0]
                        count_P[p] = 0
                    elif p == depth:
                        best_P[p] = _evaluate(lines, board_C, worth, p & 1)
                        count_P[p] = 0
                else:
                    cell = moves_PC[p, next_P[p]]
                    board_C[cell] = 0
                    next_P[p] += 1
                    if -value > best_P[p] and not stopped:
                        best_P[p] = -value
                        if p == 0:
                            best_move = cell
                    alpha_P[p] = max(alpha_P[p], best_P[p])
                if next_P[p] >= count_P[p] or best_P[p] >= beta_P[p] or stopped:
                    value = best_P[p]
                    p -= 1
                    arriving = False
                else:
                    board_C[moves_PC[p, next_P[p]]] = (p & 1) + 1
                    alpha_P[p + 1] = -beta_P[p]
                    beta_P[p + 1] = -alpha_P[p]
                    p += 1
                    arriving = True
            found_N4[n, 0] = best_move
            if stopped:
                break
            found_N4[n, 1] = value
            found_N4[n, 2] = depth
            if abs(value) >= DECIDED or depth >= cells - stones0:
                break
        found_N4[n, 3] = nodes


def desk(budget: Budget) -> None:
    """This search keeps nothing from one call to the next."""


def search(game: Game, states_NW: np.ndarray, worth: np.ndarray, budget: Budget, desk: None) -> np.ndarray:
    """Best actions, scores, completed depths and nodes of the positions, int64 [N, 4]."""
    found_N4 = np.zeros((len(states_NW), 4), np.int64)
    depth = min(budget.depth, game.max_plies)
    _search(states_NW, lines_of_game(game), worth, depth, budget.nodes, budget.nanoseconds, clock, found_N4)
    return found_N4
