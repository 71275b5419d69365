"""Obvious slow twins of the players of human knowledge: lists of cells, plain recursion.

A position is the game's state; stones are read from the planes that the game itself shows. Scores as in
selfplay/knowledge/budget.py: a win by the n-th stone is WIN - n.
"""

import functools

import numpy as np

from games.game import MOVER_WON, ONGOING
from selfplay.knowledge.budget import WIN


def random_states(game, count, plies, seed):
    """Positions of random play after `plies` moves, none of them over."""
    rng = np.random.default_rng(seed)
    states = []
    while len(states) < count:
        state_W, status = game.initial(), ONGOING
        for _ in range(plies):
            state_W, status = game.after(state_W, int(rng.choice(game.legal_actions(state_W))))
            if status != ONGOING:
                break
        if status == ONGOING:
            states.append(state_W)
    return np.array(states)


def stones(game, state_W):
    """Two sets of cells (row, column), row 0 at the top: the mover's and the other's."""
    planes_PHW = game.planes_of(state_W)
    return [{(int(r), int(c)) for r, c in np.argwhere(planes_PHW[p])} for p in range(2)]


@functools.cache
def _lines(height, width, k):
    """Every k cells in a row on the board."""
    found = []
    for row in range(height):
        for column in range(width):
            for d_row, d_column in ((0, 1), (1, 0), (1, 1), (1, -1)):
                line = [(row + i * d_row, column + i * d_column) for i in range(k)]
                if all(0 <= r < height and 0 <= c < width for r, c in line):
                    found.append(line)
    return found


def lines(game):
    return _lines(game.height, game.width, game.in_a_row)


def line_worth(game, own, other, worth_by_stones):
    """What the lines without the other's stones are worth."""
    total = 0
    for line in lines(game):
        if not any(cell in other for cell in line):
            count = sum(cell in own for cell in line)
            total += int(worth_by_stones[count]) if 0 < count < game.in_a_row else 0
    return total


def completing(game, own):
    """Cells not in `own` on which a stone would complete a line."""
    return {
        cell
        for line in lines(game)
        for cell in line
        if cell not in own and all(other in own for other in line if other != cell)
    }


def connect4_evaluation(game, state_W, worth):
    own, other = stones(game, state_W)
    taken = own | other
    later = set()  # empty cells with an empty cell below
    for row in range(game.height - 1):
        for column in range(game.width):
            if (row, column) not in taken and (row + 1, column) not in taken:
                later.add((row, column))
    middle = {(game.width - 1) // 2, game.width // 2}

    def side(mine, theirs):
        threats = len(completing(game, mine) & later)
        centre = sum(column in middle for _, column in mine)
        return int(worth[0]) * threats + int(worth[1]) * centre + line_worth(game, mine, theirs, worth[2:])

    return side(own, other) - side(other, own)


def gomoku_evaluation(game, state_W, worth):
    own, other = stones(game, state_W)
    return line_worth(game, own, other, worth[1:]) - line_worth(game, other, own, worth[1:])


def winning_actions(game, state_W):
    return [int(a) for a in game.legal_actions(state_W) if game.after(state_W, int(a))[1] == MOVER_WON]


def connect4_candidates(game, state_W):
    return [int(action) for action in game.legal_actions(state_W)]


def gomoku_candidates(game, state_W):
    """Empty cells at most two from a stone, the middle on an empty board; what blocks a win, even further off."""
    taken = stones(game, state_W)[0] | stones(game, state_W)[1]
    near = [
        int(action)
        for action in game.legal_actions(state_W)
        if any(max(abs(action // game.width - r), abs(action % game.width - c)) <= 2 for r, c in taken)
    ]
    return near or [(game.height // 2) * game.width + game.width // 2]


def minimax(game, state_W, depth, evaluation, candidates):
    """The score of a position that is not over, searched `depth` plies, and the best actions."""
    plies = int(state_W[-1])
    wins = winning_actions(game, state_W)
    if wins:
        return WIN - (plies + 1), wins
    if depth == 0:
        return evaluation(state_W), []
    scores = {}
    for action in candidates(game, state_W):
        next_W, status = game.after(state_W, action)
        scores[action] = 0 if status != ONGOING else -minimax(game, next_W, depth - 1, evaluation, candidates)[0]
    best = max(scores.values())
    return best, [action for action, value in scores.items() if value == best]
