"""A board in the terminal: coloured stones where colours can be shown, X and O elsewhere."""

import numpy as np
from rich.console import Console
from rich.text import Text

from games import text
from games.game import Game

_COLOURS = {"column": {1: "bold red", -1: "bold yellow"}, "cell": {1: "bold cyan", -1: "bold white"}}
_DISCS = {1: "●", -1: "○", 0: "·"}
_LETTERS = {1: "X", -1: "O", 0: "."}


def coloured(console: Console) -> bool:
    """Whether the console shows colours and discs."""
    if not console.is_terminal or console.color_system is None or console.no_color:
        return False
    try:
        "".join(_DISCS.values()).encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def stone(game: Game, player: int, console: Console) -> Text:
    """The stone of a player: 0 who began, 1 the other."""
    return _mark(game, -1 if player else 1, console)


def _mark(game: Game, owner: int, console: Console) -> Text:
    if not coloured(console):
        return Text(_LETTERS[owner])
    return Text(_DISCS[owner], style=_COLOURS[game.action_is].get(owner, "dim"))


def drawn(game: Game, actions: list[int], console: Console) -> Text:
    """The board after these moves, with its coordinates as moves are typed; the last stone in brackets."""
    state_W, _ = text.replay(game, actions)
    board_HW = text.board_of(game, state_W)
    last = _last_cell(game, actions, board_HW)
    rows = []
    for row in range(game.height):
        line = Text().append(f"{game.height - row:2}" if game.action_is == "cell" else "  ", style="dim")
        for column in range(game.width):
            before = "[" if (row, column) == last else "]" if (row, column - 1) == last else " "
            line.append(before, style="bold" if before != " " else "")
            line.append(_mark(game, int(board_HW[row, column]), console))
        line.append("]" if (row, game.width - 1) == last else "")
        rows.append(line)
    names = [text.format_action(game, column)[0] for column in range(game.width)]
    return Text("\n").join([*rows, Text("   " + " ".join(names), style="dim")])


def _last_cell(game: Game, actions: list[int], board_HW: np.ndarray) -> tuple[int, int] | None:
    """Row and column of the last stone; in a column it is the highest."""
    if not actions:
        return None
    if game.action_is == "cell":
        return divmod(actions[-1], game.width)
    return int(np.flatnonzero(board_HW[:, actions[-1]])[0]), actions[-1]
