"""Obvious slow twins of the players of human knowledge: lists of cells, plain recursion.

A position is the game's state; stones are read from the planes that the game itself shows. Scores as in
selfplay/knowledge/budget.py: a win by the n-th stone is WIN - n.
"""

import functools

import numpy as np

from games.game import MOVER_LOST, MOVER_WON, ONGOING
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


def connect4_fill_out(game, state_W):
    """Who wins if both only fill the board: 1 the mover, -1 the other, 0 nobody. Columns from the bottom as lists."""
    own, other = stones(game, state_W)
    threats = [completing(game, own) - other, completing(game, other) - own]
    columns = []  # of each the empty cells from the bottom: for whom each completes a line
    for column in range(game.width):
        cells = [(row, column) for row in reversed(range(game.height)) if (row, column) not in own | other]
        columns.append([{side for side in (0, 1) if cell in threats[side]} for cell in cells])

    def harmless(column):
        """How many of its cells can be filled before one that lies below a threat."""
        below_threat = [i for i in range(len(column) - 1) if column[i + 1]]
        return below_threat[0] if below_threat else len(column)

    turn = 0
    while any(columns):
        playable = [column for column in columns if column]
        if any(turn in column[0] for column in playable):
            return 1 - 2 * turn
        forced = [column for column in playable if 1 - turn in column[0]]
        if len(forced) > 1:
            return 2 * turn - 1
        if forced:
            forced[0].pop(0)
            turn = 1 - turn
            continue
        for column in columns:
            count = harmless(column)
            del column[:count]
            turn = (turn + count) % 2
        own_threats = [column for column in columns if column and column[1] == {turn}]
        if not own_threats:
            return 2 * turn - 1 if any(columns) else 0
        turning = [column for column in own_threats if harmless(column[2:]) % 2 == 1]
        del (turning or own_threats)[0][:2]
    return 0


def connect4_evaluation(game, state_W, worth):
    """`worth` is a mapping from what is counted to its weight."""
    own, other = stones(game, state_W)
    k, cells, taken = game.in_a_row, game.height * game.width, own | other
    bottoms = {
        (row, c)
        for row in range(game.height)
        for c in range(game.width)
        if (row + 1, c) in taken or row == game.height - 1
    }
    playable = bottoms - taken
    first = len(taken) % 2 == 0

    def on_my_row(cell, first):
        return ((game.height - cell[0]) % 2 == 1) == first

    def side(mine, theirs, first):
        total = 0
        for line in lines(game):
            if line[0][1] == line[1][1] or any(cell in theirs for cell in line):
                continue
            empty = [cell for cell in line if cell not in mine]
            if len(empty) == 3 and k > 3:
                total += worth["few"]
            if len(empty) == 2 and k > 2:
                total += worth["soon"] * any(cell in playable for cell in empty)
                total += worth["rows"] * any(cell not in playable and on_my_row(cell, first) for cell in empty)
            if len(empty) == 1 and k > 1:
                total += worth["near"]
        return total

    total = (side(own, other, first) - side(other, own, not first)) * (cells - len(taken)) // cells
    middle = {(game.width - 1) // 2, game.width // 2}
    total += worth["centre"] * (sum(c in middle for _, c in own) - sum(c in middle for _, c in other))
    return total + worth["tempo"] + connect4_fill_out(game, state_W) * (worth["zugzwang"] * len(taken) // cells)


def connect4_minimax(game, state_W, left, evaluation, pieces):
    """The score with the search's own pieces of knowledge, all moves tried; and the best actions."""
    plies = game.plies(state_W)
    actions = [int(action) for action in game.legal_actions(state_W)]
    wins = winning_actions(game, state_W)
    if wins and ("wins" in pieces or left > 0):
        return WIN - (plies + 1), wins
    own, other = stones(game, state_W)
    cell_of, above = {}, {}
    for action in actions:
        row = max(r for r in range(game.height) if (r, action) not in own | other)
        cell_of[action], above[action] = (row, action), (row - 1, action)
    theirs = completing(game, other)
    blocks = [action for action in actions if cell_of[action] in theirs]
    moves = actions
    lost = False
    if blocks and "wins" in pieces:
        moves = blocks
        lost = len(blocks) > 1 and "doubles" in pieces
    safe = [action for action in moves if above[action] not in theirs]
    if "handover" in pieces:
        lost = lost or (not safe and "doubles" in pieces)
        moves = safe or moves
    if lost:
        return -(WIN - (plies + 2)), moves
    if left <= 0 and (len(moves) > 1 or wins):
        return evaluation(state_W), []
    scores = {}
    for action in moves:
        next_W, status = game.after(state_W, action)
        if status == MOVER_WON:
            scores[action] = WIN - (plies + 1)
        elif status != ONGOING:
            scores[action] = 0
        else:
            below = left - 1 if len(moves) > 1 else left
            scores[action] = -connect4_minimax(game, next_W, below, evaluation, pieces)[0]
    best = max(scores.values())
    return best, [action for action, value in scores.items() if value == best]


def gomoku_evaluation(game, state_W, worth):
    own, other = stones(game, state_W)
    return line_worth(game, own, other, worth[1:]) - line_worth(game, other, own, worth[1:])


def winning_actions(game, state_W):
    return [int(a) for a in game.legal_actions(state_W) if game.after(state_W, int(a))[1] == MOVER_WON]


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
    plies = game.plies(state_W)
    wins = winning_actions(game, state_W)
    if wins:
        return WIN - (plies + 1), wins
    if depth == 0:
        return evaluation(state_W), []
    scores = {}
    for action in candidates(game, state_W):
        next_W, status = game.after(state_W, action)
        if status == ONGOING:
            scores[action] = -minimax(game, next_W, depth - 1, evaluation, candidates)[0]
        else:
            scores[action] = -(WIN - (plies + 1)) if status == MOVER_LOST else 0
    best = max(scores.values())
    return best, [action for action, value in scores.items() if value == best]
