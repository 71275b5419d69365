"""Positions, one a line: the moves so far, and in public test sets of Connect Four their exact score.

    44352              a position of Connect Four; one move a word (4 4 3 5 2) is the same
    32164625 11        the same with its score, as Pascal Pons's test sets write it
    h8 i9 h9           a position of Gomoku
    44352  # a remark  all from # on is a remark; a line of nothing else is passed over

A file may begin with a byte-order mark, and be UTF-8 or UTF-16.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from games import text
from games.game import ONGOING, Game

_MARK = "\ufeff"
_SCORE = re.compile("[+-]?[0-9]{1,3}")


@dataclass(frozen=True, kw_only=True)
class Position:
    """What a line says."""

    moves: str
    """as they stand there"""
    actions: list[int]
    state_W: np.ndarray
    status: int
    """of the last move"""
    score: int | None = None
    """for the player to move: above 0 wins, and the more the sooner; None where the line has none"""


def decode(content: bytes) -> str:
    """The text of a file. What is no UTF-8 (or, with a mark, UTF-16) becomes a character that no move has."""
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if utf16 else "utf-8", errors="replace").removeprefix(_MARK)


def without_remark(line: str) -> str | None:
    """A line as it counts; None for one that is a remark alone."""
    kept, sign, _ = line.strip().removeprefix(_MARK).partition("#")
    return None if sign and not kept.strip() else kept.strip()


def parse(game: Game, line: str, *, scored: bool = False) -> Position:
    """The position of a line without its remark; `ValueError` says in one line why there is none.

    `scored` demands a score. Without it a line of two columns, `4 4`, is one of two moves.
    """
    words = line.split()
    moves, score = line, None
    has_score = game.action_is == "column" and len(words) == 2 and _SCORE.fullmatch(words[1]) is not None
    if scored and not has_score:
        raise ValueError(f"not `MOVES SCORE`: {line[:60]!r}")
    if has_score and (scored or not _are_moves(game, words)):
        moves, score = words[0], int(words[1])
    actions = text.parse_moves(game, moves)
    state_W, status = text.replay(game, actions)
    most = (game.max_plies + 1 - len(actions)) // 2
    if score is not None and abs(score) > most:
        raise ValueError(
            f"{words[1]!r} is no score after {len(actions)} moves, which is {-most} to {most}; "
            f"moves are written together, as in {words[0] + words[1]!r}"
        )
    return Position(moves=moves, actions=actions, state_W=state_W, status=status, score=score)


def _are_moves(game: Game, words: list[str]) -> bool:
    """Two moves, a word each."""
    try:
        return all(len(word) == 1 and text.parse_action(game, word) >= 0 for word in words)
    except ValueError:
        return False


def lines(file: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file with their numbers, from 1, without remarks and without those that are empty."""
    for number, line in enumerate(decode(file.read_bytes()).splitlines(), start=1):
        if kept := without_remark(line):
            yield number, kept


def scan(game: Game, file: Path) -> tuple[list[tuple[int, Position]], list[str]]:
    """The positions of a file with their lines' numbers, and a line `FILE:NUMBER: ...` about every other line."""
    found: list[tuple[int, Position]] = []
    mistakes: list[str] = []
    for number, line in lines(file):
        try:
            found.append((number, parse(game, line)))
        except ValueError as error:
            mistakes.append(f"{file}:{number}: {error}")
    return found, mistakes


def parse_open(game: Game, line: str, *, scored: bool = False) -> Position:
    """`parse`, of a position that is not over."""
    position = parse(game, line, scored=scored)
    if position.status != ONGOING:
        raise ValueError("the game is over")
    return position
