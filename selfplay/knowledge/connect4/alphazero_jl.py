"""The handcrafted minimax player of AlphaZero.jl, as its Connect Four example plays it.

Source: github.com/jonathan-laurent/AlphaZero.jl, games/connect-four/game.jl (`heuristic_value`) and src/minmax.jl
(`MinMax.Player(depth=5, amplify_rewards=true, τ=0)`, as its benchmark on solved positions makes it). A line that
the other has no stone in is worth 0.1^(3 - own stones); mine minus theirs, seen by the player to move. All wins are
worth the same however far off, and a draw 0. It plays one of the moves of the highest value, chosen at random.

The values are those of plain minimax to the last bit: alpha-beta only leaves out what cannot change them, and they
are counted in hundredths, where no sum is rounded. (Empty lines are worth the same to both sides.) N positions, W
words, A actions, P plies below the root.
"""

import numpy as np

from games import interrupt
from games.bits import count_bits
from games.connect4 import has_line
from games.game import Game
from games.kernel import i64, kernel, u64
from games.rng import below
from selfplay.knowledge.budget import DECIDED, INFINITE, UNLIMITED, WIN, Budget
from selfplay.knowledge.clock import CLOCK, clock, new_timer, now, timer_t
from selfplay.knowledge.connect4.lines import ONE, ZERO, board_bits, open_lines

NAME = "alphazero-jl"
DEPTH = 5
SCALE = 100.0  # hundredths: a line that needs one stone


@kernel(i64(u64, u64, i64), allocates=False)
def _lines_worth(own, free, height):
    total = 0
    for shift in (1, height, height + 1, height + 2):
        ones, twos, threes = open_lines(own, free, shift, 4)
        total += count_bits(ones) + 10 * count_bits(twos) + 100 * count_bits(threes)
    return total


@kernel(i64(u64, u64, i64, i64), allocates=False)
def evaluate(own, mask, height, width):
    """Hundredths of AlphaZero.jl's `heuristic_value`."""
    board = board_bits(height, width)
    other = mask ^ own
    return _lines_worth(own, board & ~other, height) - _lines_worth(other, board & ~own, height)


@kernel((u64[:, ::1], u64[::1], i64, i64, i64[::1], i64, i64, i64, i64, CLOCK, timer_t, i64[:, ::1]))
def _search(states_NW, rng_N, height, width, columns_A, first, last, max_nodes, max_ns, clock, timer, found_N4):
    """Alpha-beta to depth `first`, then deeper one by one; found_N4 gets action, score, depth completed, nodes.

    At ply p `own_P[p]`, `mask_P[p]` is the position, `[alpha_P, beta_P]` its window. The window of a move at the root
    leaves room for a tie with the best.
    """
    board = board_bits(height, width)
    own_P = np.zeros(last + 1, np.uint64)
    mask_P = np.zeros(last + 1, np.uint64)
    alpha_P = np.zeros(last + 1, np.int64)
    beta_P = np.zeros(last + 1, np.int64)
    best_P = np.zeros(last + 1, np.int64)
    next_P = np.zeros(last + 1, np.int64)
    for n in range(len(states_NW)):
        if timer.stop_1[0] != 0:
            break
        deadline = now(clock, timer) + max_ns
        own_P[0] = states_NW[n, 0]
        mask_P[0] = states_NW[n, 1]
        nodes = 0
        for depth in range(first, last + 1):
            p = 0
            alpha_P[0] = -INFINITE
            beta_P[0] = INFINITE
            action = 0
            ties = 0
            arriving = True
            stopped = False
            value = 0
            while p >= 0:
                if arriving:
                    nodes += 1
                    late = nodes & 63 == 0 and now(clock, timer) > deadline
                    if timer.stop_1[0] != 0 or (depth > first and (nodes > max_nodes or late)):
                        stopped = True
                        break
                    best_P[p] = -INFINITE
                    next_P[p] = 0
                    over = True
                    if p > 0 and has_line(mask_P[p] ^ own_P[p], height, 4) == 1:
                        value = -WIN
                    elif mask_P[p] == board:
                        value = 0
                    elif p == depth:
                        value = evaluate(own_P[p], mask_P[p], height, width)
                    else:
                        over = False
                    if over:
                        p -= 1
                        arriving = False
                        continue
                else:
                    value = -value
                    if p == 0 and value >= best_P[0]:
                        ties = ties + 1 if value == best_P[0] else 1
                        if below(rng_N, n, ties) == 0:  # each of the ties is kept with equal probability
                            action = columns_A[next_P[0] - 1]
                        alpha_P[0] = value - 1
                    best_P[p] = max(best_P[p], value)
                    if p > 0:
                        alpha_P[p] = max(alpha_P[p], value)
                stone = ZERO
                while stone == ZERO and next_P[p] < width and alpha_P[p] < beta_P[p]:
                    bottom = np.uint64(columns_A[next_P[p]] * (height + 1))
                    next_P[p] += 1
                    stone = (mask_P[p] + (ONE << bottom)) & (((ONE << np.uint64(height)) - ONE) << bottom)
                arriving = stone != ZERO
                if arriving:
                    own_P[p + 1] = mask_P[p] ^ own_P[p]
                    mask_P[p + 1] = mask_P[p] | stone
                    alpha_P[p + 1] = -beta_P[p]
                    beta_P[p + 1] = -alpha_P[p]
                    p += 1
                else:
                    value = best_P[p]
                    p -= 1
            if stopped:
                break
            found_N4[n, 0] = action
            found_N4[n, 1] = value
            found_N4[n, 2] = depth
            if abs(value) >= DECIDED:
                break
        found_N4[n, 3] = nodes


def search(game: Game, states_NW: np.ndarray, seeds_N: np.ndarray, budget: Budget) -> np.ndarray:
    """Actions, scores, completed depths and nodes of the positions, int64 [N, 4]."""
    found_N4 = np.zeros((len(states_NW), 4), np.int64)
    columns_A = np.array(sorted(range(game.width), key=lambda column: abs(2 * column - game.width + 1)), np.int64)
    last = min(budget.depth, game.max_plies)
    first = 1 if budget.ms > 0 or budget.nodes < UNLIMITED else last
    _search(
        states_NW,
        seeds_N.copy(),
        game.height,
        game.width,
        columns_A,
        first,
        last,
        budget.nodes,
        budget.nanoseconds,
        clock,
        new_timer(),
        found_N4,
    )
    interrupt.check()
    return found_N4
