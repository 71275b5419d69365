"""A board in the terminal: coloured stones where colours can be shown, X and O elsewhere."""

import numpy as np
from rich.console import Console
from rich.text import Text

from games import text
from games.game import BLACK_AND_WHITE, MOVER_LOST, MOVER_WON, RED_AND_YELLOW, Game, Side

# What terminals have made to be read on their ground; black would not be seen on most.
_STYLES = dict(
    zip((*RED_AND_YELLOW, *BLACK_AND_WHITE), ("bold red", "bold yellow", "bold cyan", "bold white"), strict=True)
)
_DARK = 70  # of 255: what is darker is hard to see on a black ground
Cell = tuple[int, int]  # row from the top, column
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
    return Text(_DISCS[owner], style="dim" if owner == 0 else _style(game.sides[0 if owner == 1 else 1]))


def _style(side: Side) -> str:
    if side in _STYLES:
        return _STYLES[side]
    red, green, blue = side.rgb
    return "bold cyan" if 0.3 * red + 0.6 * green + 0.1 * blue < _DARK else f"bold {side.colour}"


def drawn(game: Game, actions: list[int], console: Console) -> Text:
    """The board after these moves, with its coordinates as moves are typed.

    The last stone stands in brackets, the line that ended the game between asterisks.
    """
    state_W, status = text.replay(game, actions)
    board_HW = text.board_of(game, state_W)
    last = _last_cell(game, actions, board_HW)
    line = line_through(game, board_HW, last) if last and status in (MOVER_WON, MOVER_LOST) else set()
    rows = []
    for row in range(game.height):
        drawn_row = Text().append(f"{game.height - row:2}" if game.action_is == "cell" else "  ", style="dim")
        for column in range(game.width):
            before = _between((row, column - 1), (row, column), last, line)
            drawn_row.append(before, style="bold" if before != " " else "")
            drawn_row.append(_mark(game, int(board_HW[row, column]), console))
        drawn_row.append(_between((row, game.width - 1), (row, game.width), last, line).rstrip(), style="bold")
        rows.append(drawn_row)
    names = [text.format_action(game, column)[0] for column in range(game.width)]
    return Text("\n").join([*rows, Text("   " + " ".join(names), style="dim")])


def _between(left: Cell, right: Cell, last: Cell | None, line: set[Cell]) -> str:
    """What stands between two neighbours of a row."""
    if left in line or right in line:
        return "*"
    return "[" if right == last else "]" if left == last else " "


def line_through(game: Game, board_HW: np.ndarray, cell: Cell) -> set[Cell]:
    """The cells of the lines through a stone that are long enough to end the game, in games of lines; else none."""
    if game.in_a_row < 2:
        return set()
    found: set[Cell] = set()
    owner = board_HW[cell]
    rule = str(game.options.get("rule", ""))
    exact = rule in ("standard", "caro") or (rule == "renju" and owner > 0)
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        line = {cell}
        closed = 0
        for sign in (1, -1):
            row, column = cell[0] + sign * down, cell[1] + sign * right
            while 0 <= row < game.height and 0 <= column < game.width and board_HW[row, column] == owner:
                line.add((row, column))
                row, column = row + sign * down, column + sign * right
            closed += 0 <= row < game.height and 0 <= column < game.width and board_HW[row, column] == -owner
        if closed == 2 and len(line) == game.in_a_row and rule.startswith("caro"):
            continue
        if len(line) == game.in_a_row or (len(line) > game.in_a_row and not exact):
            found |= line
    return found


def _last_cell(game: Game, actions: list[int], board_HW: np.ndarray) -> Cell | None:
    """Row and column of the last stone; in a column it is the highest."""
    if not actions:
        return None
    if game.action_is == "cell":
        return divmod(actions[-1], game.width)
    return int(np.flatnonzero(board_HW[:, actions[-1]])[0]), actions[-1]
