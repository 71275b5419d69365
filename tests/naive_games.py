"""The rules once more, slow and obvious, on lists of lists: nothing here is shared with `games`.

board[row][column], row 0 at the top, holds "X" (the player who began), "O" or ".".
"""

import naive_renju

WIN, DRAW = "win", "draw"


class NaiveConnect4:
    def __init__(self, height=6, width=7, k=4):
        self.k = k
        self.board = [["."] * width for _ in range(height)]
        self.mover = "X"

    def legal(self):
        return [column for column, top in enumerate(self.board[0]) if top == "."]

    def play(self, column):
        """None, "win" (for who has just played) or "draw"."""
        row = max(row for row in range(len(self.board)) if self.board[row][column] == ".")
        self.board[row][column] = self.mover
        result = result_of(self.board, self.mover, self.k)
        self.mover = "O" if self.mover == "X" else "X"
        return result


class NaiveGomoku:
    def __init__(self, size=15, k=5, rule="freestyle"):
        self.k = k
        self.rule = rule
        self.board = [["."] * size for _ in range(size)]
        self.mover = "X"

    def legal(self):
        size = len(self.board)
        barred = self.fouls() if self.mover == "X" else {}
        cells = [cell for cell in range(size * size) if self.board[cell // size][cell % size] == "."]
        return [cell for cell in cells if divmod(cell, size) not in barred]

    def fouls(self):
        """Where Black may not play, with the names of the fouls."""
        if self.rule != "renju":
            return {}
        size = len(self.board)
        stones = {owner: set() for owner in "XO."}
        for cell in range(size * size):
            stones[self.board[cell // size][cell % size]].add(divmod(cell, size))
        return naive_renju.fouls(frozenset(stones["X"]), frozenset(stones["O"]), size)

    def play(self, cell):
        """None, "win" (for who has just played) or "draw"."""
        size = len(self.board)
        self.board[cell // size][cell % size] = self.mover
        rule = self.rule
        if rule == "renju":
            rule = "standard" if self.mover == "X" else "freestyle"
        result = result_of(self.board, self.mover, self.k, rule)
        self.mover = "O" if self.mover == "X" else "X"
        return result or (None if self.legal() else DRAW)


def result_of(board, player, k, rule="freestyle"):
    for line in every_line(board):
        for run in runs_of("".join(line), player):
            stones = run.strip(other(player))
            closed = rule.startswith("caro") and run == other(player) + stones + other(player)
            if (len(stones) == k and not closed) or (len(stones) > k and rule in ("freestyle", "caro6")):
                return WIN
    return None if any("." in row for row in board) else DRAW


def runs_of(line, player):
    """The rows of a player's stones on a line, each with the other's stones that stand right beside it."""
    found, at = [], 0
    while at < len(line):
        end = at
        while end < len(line) and line[end] == player:
            end += 1
        if end > at:
            before = other(player) if at > 0 and line[at - 1] == other(player) else ""
            after = other(player) if end < len(line) and line[end] == other(player) else ""
            found.append(before + line[at:end] + after)
        at = end + 1
    return found


def every_line(board):
    """Every row, column and diagonal, as a list of what stands on it."""
    lines = {}
    for row, stones in enumerate(board):
        for column, stone in enumerate(stones):
            for name in (("row", row), ("column", column), ("falling", row - column), ("rising", row + column)):
                lines.setdefault(name, []).append(stone)
    return lines.values()


def other(player):
    return "O" if player == "X" else "X"


def segments(height, width, k):
    """Every k cells in a row on a board: lists of (row, column)."""
    found = []
    for row in range(height):
        for column in range(width):
            for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
                cells = [(row + i * down, column + i * right) for i in range(k)]
                if all(0 <= r < height and 0 <= c < width for r, c in cells):
                    found.append(cells)
    return found
