"""The rules once more, slow and obvious, on lists of lists: nothing here is shared with `games`.

board[row][column], row 0 at the top, holds "X" (the player who began), "O" or ".".
"""

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
        result = result_of(self.board, self.mover, self.k, exact=False)
        self.mover = "O" if self.mover == "X" else "X"
        return result


class NaiveGomoku:
    def __init__(self, size=15, k=5, rule="freestyle"):
        self.k = k
        self.exact = rule == "standard"
        self.board = [["."] * size for _ in range(size)]
        self.mover = "X"

    def legal(self):
        size = len(self.board)
        return [cell for cell in range(size * size) if self.board[cell // size][cell % size] == "."]

    def play(self, cell):
        """None, "win" (for who has just played) or "draw"."""
        size = len(self.board)
        self.board[cell // size][cell % size] = self.mover
        result = result_of(self.board, self.mover, self.k, self.exact)
        self.mover = "O" if self.mover == "X" else "X"
        return result


def result_of(board, player, k, exact):
    for line in every_line(board):
        runs = "".join(line).replace(other(player), ".").split(".")
        if any(len(run) == k if exact else len(run) >= k for run in runs):
            return WIN
    return None if any("." in row for row in board) else DRAW


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
