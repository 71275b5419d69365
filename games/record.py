"""Games on paper: one JSON object a line, enough to play the game through again, and for a person to read.

    {"game": "connect4", "first": "rules", "second": "mcts:runs/a,sims=64", "opening": "44",
     "moves": "4435261...", "result": "1-0", "comments": {"7": "..."}, "note": "..."}

`moves` is the whole game and begins with `opening`, the moves before the players took over, both as `games.text`
writes them. `result` is the first player's: 1-0, 1/2 or 0-1, and * for a game that is not over. A player to move who
could not go on has lost: such a game has a `note` that says why. A comment stands after that many moves. What is
read has been played through by the rules.
"""

import errno
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import games
from games import regular, text
from games.game import DRAW, MOVER_WON, ONGOING, Game

FIRST_WON, DRAWN, SECOND_WON, UNFINISHED = "1-0", "1/2", "0-1", "*"
_LONGEST_LINE = 1 << 16  # bytes; a full 20 x 20 board is 2,000 characters, the rest is for comments
_REQUIRED = ("game", "first", "second", "opening", "moves", "result")
_OPTIONAL = ("comments", "note")


def result_of(plies: int, status: int) -> str:
    """The result of a game of so many plies whose last move had this status."""
    if status == ONGOING:
        return UNFINISHED
    if status == DRAW:
        return DRAWN
    return FIRST_WON if (status == MOVER_WON) == (plies % 2 == 1) else SECOND_WON


@dataclass(frozen=True, kw_only=True)
class GameRecord:
    """One game; `ValueError` says in one line what of it cannot be."""

    game: str
    first: str
    second: str
    opening: str = ""
    moves: str
    result: str
    comments: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    note: str = ""

    def __post_init__(self) -> None:
        for name, value in (("first", self.first), ("second", self.second), ("note", self.note)):
            _check_printable(name, value)
        game, actions = self.replayable()
        opening = text.parse_moves(game, self.opening)
        if actions[: len(opening)] != opening:
            raise ValueError(f"the moves {self.moves!r} do not begin with the opening {self.opening!r}")
        _, status = text.replay(game, actions)
        true = result_of(len(actions), status)
        forfeited = status == ONGOING and self.note and self.result == result_of(len(actions), MOVER_WON)
        if self.result != true and not forfeited:
            raise ValueError(f"the result is {self.result!r}, but these moves end in {true!r}")
        for ply, comment in self.comments.items():
            if not 0 <= ply <= len(actions):
                raise ValueError(f"a comment stands after move {ply}, but the game has {len(actions)}")
            _check_printable("a comment", comment)

    def replayable(self) -> tuple[Game, list[int]]:
        """The game and all its actions."""
        game = games.make(self.game)
        return game, text.parse_moves(game, self.moves)

    def as_dict(self) -> dict[str, Any]:
        """What its line holds; empty comments and notes are left out."""
        record: dict[str, Any] = {name: getattr(self, name) for name in _REQUIRED}
        if self.comments:
            record["comments"] = {str(ply): comment for ply, comment in sorted(self.comments.items())}
        if self.note:
            record["note"] = self.note
        return record


def of_game(
    game: Game, first: str, second: str, actions: Sequence[int], *, opening_plies: int = 0, forfeit: str = ""
) -> GameRecord:
    """The record of a game between the players called `first` and `second`, as far as it went.

    `forfeit` says why the player to move has lost, if that is how it ended.
    """
    _, status = text.replay(game, actions)
    return GameRecord(
        game=game.name,
        first=first,
        second=second,
        opening=text.format_moves(game, actions[:opening_plies]),
        moves=text.format_moves(game, actions),
        result=result_of(len(actions), MOVER_WON if forfeit else status),
        note=forfeit,
    )


def _check_printable(name: str, value: str) -> None:
    """Names and comments go to terminals, where control characters could do more than be read."""
    if not value.isprintable():
        raise ValueError(f"{name} holds control characters or line breaks: {value[:60]!r}")


def parse(line: str | bytes) -> GameRecord:
    """The game that a line holds; `ValueError` if it is none, or one that the rules do not know."""
    try:
        parsed = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from None
    except (UnicodeDecodeError, RecursionError):
        raise ValueError("not JSON: not text, or nested too deeply") from None
    if not isinstance(parsed, dict):
        raise ValueError(f"a game is a JSON object with {', '.join(_REQUIRED)}")
    record = cast("dict[str, Any]", parsed)
    if missing := [name for name in _REQUIRED if name not in record]:
        raise ValueError(f"{', '.join(missing)} missing; a game has {', '.join(_REQUIRED)}")
    for name in (*_REQUIRED, "note"):
        if not isinstance(record.get(name, ""), str):
            raise ValueError(f"{name} is text, not {json.dumps(record[name])[:60]}")
    remarks = record.get("comments", {})
    if not isinstance(remarks, dict):
        raise ValueError(f"comments is an object of move numbers and texts, not {json.dumps(remarks)[:60]}")
    comments = cast("dict[str, Any]", remarks)
    for ply, comment in comments.items():
        if not (ply.isascii() and ply.isdigit() and len(ply) <= 4 and isinstance(comment, str)):
            raise ValueError(f"a comment is a move number and a text, not {json.dumps({ply: comment})[:60]}")
    fields = {name: record[name] for name in (*_REQUIRED, "note") if name in record}  # what else is there is not ours
    return GameRecord(**fields, comments=MappingProxyType({int(ply): comment for ply, comment in comments.items()}))


def scan(path: str | Path) -> tuple[list[GameRecord], list[str]]:
    """The games of a file, in order, and a line `FILE:NUMBER: ...` about each of its lines that is no game.

    Empty lines are passed over, and remarks: lines that begin with #.
    """
    found: list[GameRecord] = []
    mistakes: list[str] = []
    with regular.opened(path) as file:
        number = 0
        while line := file.readline(_LONGEST_LINE + 1):
            number += 1
            if len(line) > _LONGEST_LINE:
                mistakes.append(f"{path}:{number}: longer than {_LONGEST_LINE} bytes, which no game is")
                while line and not line.endswith(b"\n"):
                    line = file.readline(_LONGEST_LINE)
            elif line.strip() and not line.lstrip(b"\xef\xbb\xbf \t").startswith(b"#"):
                try:
                    found.append(parse(line))
                except ValueError as error:
                    mistakes.append(f"{path}:{number}: {str(error)[:300]}")
    return found, mistakes


def read(path: str | Path) -> list[GameRecord]:
    """The games of a file, in order; `ValueError` names its first bad line, and how many more there are."""
    found, mistakes = scan(path)
    if mistakes:
        more = f" (and {len(mistakes) - 1} more bad lines)" if len(mistakes) > 1 else ""
        raise ValueError(mistakes[0] + more)
    return found


def append(path: str | Path, records: Iterable[GameRecord]) -> None:
    """Add games to a file, which is made if it is not there.

    All go in one write at the end of the file, so that several processes may append; a line that was cut off by a
    crash before is ended first.
    """
    content = "".join(json.dumps(record.as_dict()) + "\n" for record in records).encode()
    if not content:
        return
    try:
        with Path(path).open("a+b", buffering=0) as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    content = b"\n" + content
            written = file.write(content)
            if written != len(content):
                raise OSError(errno.ENOSPC, f"only {written} of {len(content)} bytes could be written")
            os.fsync(file.fileno())
    except OSError as error:  # a full disk, whose own error does not name the file
        raise OSError(error.errno, error.strerror, str(path)) from error
