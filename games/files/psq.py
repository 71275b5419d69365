"""psq, the files of Piskvork, which Gomocup publishes its games in.

    Piskvorky 15x15, 11:11, 0    sides of the board, the moves' times, who began
    8,8,12                       a move: column and row from the top left, from 1, and milliseconds
    ...
    pbrain-first.exe             the players
    pbrain-second.exe
    0

It says neither the result nor the rule: a game that goes on after a line of more than five stones is one of the rule
`standard`, after a closed five one of `caro6`, after both one of `caro`; any other is taken for `freestyle`, games of
Renju too.
"""

import re

import games
from games import record, text
from games.game import ONGOING, Game
from games.record import GameRecord

BEGINS = "Piskvorky"
_HEADER = re.compile(r"Piskvorky\s+(\d+)\s*x\s*(\d+)\s*,.*")
_MOVE = re.compile(r"(\d+)\s*,\s*(\d+)\s*(?:,\s*-?\d+\s*)*")
_BRAIN = re.compile(r".*[\\/](pbrain-[^\\/]*)")
_GUESSES = ("freestyle", "standard", "caro6", "caro")
_NO_NAME = re.compile(r"[-\d,\s]*")


def gomoku(size: int, cells: list[tuple[int, int]], rule: str | None = None) -> tuple[Game, list[int]]:
    """The game in which these stones (column and row from the top left, from 0) can be played, and its actions.

    By this rule, or else the first of all that allows them; `ValueError` if none does.
    """
    for column, row in cells:
        if not (0 <= column < size and 0 <= row < size):
            raise ValueError(f"a stone at column {column + 1}, row {row + 1} is off a board of {size} x {size}")
    actions = [row * size + column for column, row in cells]
    if size == 3:
        names = ["tictactoe"]
    else:
        names = [f"gomoku:size={size},rule={name}" for name in ([rule] if rule else _GUESSES)]
    mistake = ""
    for name in names:
        game = games.make(name)
        try:
            text.replay(game, actions)
        except ValueError as error:
            mistake = mistake or str(error)
        else:
            return game, actions
    raise ValueError(mistake)


def printable(name: str) -> str:
    """A name or remark in one line without control characters."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())


def parse(content: str) -> GameRecord:
    """The game of a file."""
    first, *rest = [line.strip() for line in content.strip().splitlines()]
    header = _HEADER.fullmatch(first)
    if header is None:
        raise ValueError(f"psq begins with `Piskvorky 15x15, ...`, not with {first[:60]!r}")
    width, height = int(header[1]), int(header[2])
    if width != height:
        raise ValueError(f"a board of {width} x {height} is no board of gomoku, which is square")
    cells: list[tuple[int, int]] = []
    while rest and (move := _MOVE.fullmatch(rest[0])):
        cells.append((int(move[1]) - 1, int(move[2]) - 1))
        rest.pop(0)
    names = [printable(line) for line in rest if line and not _NO_NAME.fullmatch(line)]
    names = [brain[1] if (brain := _BRAIN.fullmatch(name)) else name for name in names]
    game, actions = gomoku(width, cells)
    players = [*names, "?", "?"]
    return record.of_game(game, players[0], players[1], actions)


def format_game(made: GameRecord) -> str:
    """The game as psq; `ValueError` for another game than gomoku."""
    game, actions = made.replayable()
    if game.kind != "gomoku":
        raise ValueError(f"psq holds games of gomoku, not of {game.name}")
    cells = [divmod(action, game.width) for action in actions]
    moves = [f"{column + 1},{row + 1},0" for row, column in cells]
    over = text.replay(game, actions)[1] != ONGOING
    lines = [f"Piskvorky {game.width}x{game.height}, 0:0, 0", *moves, made.first, made.second, f"{int(over)}"]
    return "\n".join(lines) + "\n"
