"""Moves and positions to and from text, for every game whose moves each add one stone.

A column is one character: `1` to `9`, then `a` for the tenth and so on; `44352` is five moves, and so is `4 4 3 5 2`.
Of several words each is one move: what is longer may be a score (see `games.files.positions`). A cell is a column
letter (`i` is not left out) and a row number counted from the bottom: `h8 i9` is two moves.
"""

import re
import string
from collections.abc import Sequence

import numpy as np

from games.game import ONGOING, Game

_COLUMNS = string.digits[1:] + string.ascii_lowercase  # "123456789abc..."
_LETTERS = string.ascii_lowercase
_CELL = re.compile("([a-z])([1-9][0-9]?)")


def format_action(game: Game, action: int) -> str:
    """`4` or `h8`."""
    if game.action_is == "column":
        return _COLUMNS[action]
    row, column = divmod(action, game.width)
    return f"{_LETTERS[column]}{game.height - row}"


def parse_action(game: Game, text: str) -> int:
    """The action that `text` names; `ValueError` if it is not on this board."""
    word = text.strip().lower()
    if game.action_is == "column":
        if len(word) == 1 and word in _COLUMNS[: game.width]:
            return _COLUMNS.index(word)
        raise ValueError(f"{text!r} is not a column; columns are {_COLUMNS[0]} to {_COLUMNS[game.width - 1]}")
    match = _CELL.fullmatch(word)
    column, row = (_LETTERS.index(match[1]), game.height - int(match[2])) if match else (-1, -1)
    if not (0 <= column < game.width and 0 <= row < game.height):
        first, last = format_action(game, (game.height - 1) * game.width), format_action(game, game.width - 1)
        raise ValueError(f"{text!r} is not a cell; cells are {first} (bottom left) to {last} (top right)")
    return row * game.width + column


def _words(game: Game, line: str) -> list[str]:
    """The moves of a line as written; spaces and commas part them, or in a line of columns nothing."""
    parts = line.replace(",", " ").split()
    if game.action_is != "column":
        return parts
    if len(parts) > 1 and (long := next((part for part in parts if len(part) > 1), None)):
        raise ValueError(
            f"{long!r} in a line of several words: moves are written together, as in {''.join(parts)[:60]!r}, "
            "or one by one"
        )
    return list("".join(parts))


def parse_moves(game: Game, line: str) -> list[int]:
    """The actions of a line, which may be empty; `ValueError` names the first that is none. Legality: see `replay`."""
    actions: list[int] = []
    for number, word in enumerate(_words(game, line), start=1):
        try:
            actions.append(parse_action(game, word))
        except ValueError as error:
            raise ValueError(f"move {number}: {error}") from None
    return actions


def format_moves(game: Game, actions: Sequence[int]) -> str:
    """The line that `parse_moves` turns back into `actions`."""
    words = [format_action(game, int(action)) for action in actions]
    return ("" if game.action_is == "column" else " ").join(words)


def replay(game: Game, actions: Sequence[int]) -> tuple[np.ndarray, int]:
    """The position after `actions` from the start, uint64 [W], and the status of the last of them (0 for none).

    `ValueError` names the first move that cannot be played, and why.
    """
    state_W, status = game.initial(), ONGOING
    for number, action in enumerate(actions, start=1):
        if not 0 <= action < game.actions:
            raise ValueError(f"move {number}: action {action} is not one of 0 to {game.actions - 1}")
        word = format_action(game, action)
        if status != ONGOING:
            raise ValueError(f"move {number}, {word}: the game is already over after move {number - 1}")
        if action not in game.legal_actions(state_W):
            raise ValueError(f"move {number}, {word}: {_why_not(game, state_W, action)}")
        state_W, status = game.after(state_W, action)
    return state_W, status


def _why_not(game: Game, state_W: np.ndarray, action: int) -> str:
    """Why an action cannot be played."""
    word = format_action(game, action)
    if game.action_is == "column":
        return f"column {word} is full"
    taken = game.planes_of(state_W)[:2].reshape(2, -1)[:, action].sum() > 0
    return f"{word} is not free" if taken else f"a foul: {game.sides[0].name} may not play there"


def board_of(game: Game, state_W: np.ndarray) -> np.ndarray:
    """Who stands where, int8 [H, W_]: 1 the player who began the game, -1 the other, 0 nobody."""
    own_HW, other_HW = game.planes_of(state_W)[:2].astype(np.int8)
    # Each move adds a stone, so the player to move began the game where both have as many.
    sign = 1 if own_HW.sum() == other_HW.sum() else -1
    return sign * (own_HW - other_HW)


def render(game: Game, state_W: np.ndarray) -> str:
    """The board as lines of text with its coordinates; X is the player who began, O the other."""
    rows = [" ".join(".XO"[stone] for stone in row) for row in board_of(game, state_W).tolist()]
    if game.action_is == "column":
        return "\n".join([*rows, " ".join(_COLUMNS[: game.width])])
    numbered = [f"{game.height - index:2} {row}" for index, row in enumerate(rows)]
    return "\n".join([*numbered, "   " + " ".join(_LETTERS[: game.width])])
