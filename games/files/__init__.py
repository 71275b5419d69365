"""Files of games and positions, whoever wrote them: one reader for all who take a file.

A file is read by what it holds, not by its name: our own games (JSON, a line each), psq (Piskvork and Gomocup), SGF, or
lines of positions (`positions`), as are the public test sets of Connect Four. A folder is all of its files, by name.
Libraries of Renlib are refused by their name.
"""

from collections.abc import Sequence
from pathlib import Path

from games import record, regular
from games.files import positions, psq, sgf
from games.game import Game
from games.record import GameRecord

_RENLIB = b"\xffRenLib\xff"
_LARGEST = 1 << 26  # bytes of a file that is read whole
SUFFIXES = (".jsonl", ".psq", ".sgf")


def paths(path: str | Path) -> list[Path]:
    """The file itself, or the files of a folder; `ValueError` if there are none."""
    folder = Path(path)
    if not folder.is_dir():
        return [folder]
    found = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    if not found:
        raise ValueError(f"{path} holds no files")
    return found


def scan(path: str | Path, game: Game | None = None) -> tuple[list[GameRecord], list[str]]:
    """The games of a file or folder, in order, and a line `FILE:NUMBER: ...` or `FILE: ...` about all that is none.

    With `game`, a line that holds a position of it is the game that led there.
    """
    found: list[GameRecord] = []
    mistakes: list[str] = []
    for file in paths(path):
        with regular.opened(file) as opened:
            start = opened.read(4096)
        begins = positions.decode(start).lstrip()
        try:
            if start.startswith(_RENLIB):
                raise ValueError("a library of Renlib, which is not read here; save its games as psq or SGF")
            if begins.startswith(psq.BEGINS):
                found.append(psq.parse(positions.decode(_whole(file))))
            elif begins.startswith("(") and ";" in begins:
                games, wrong = sgf.parse(_whole(file))
                found += games
                mistakes += [f"{file}: {line}" for line in wrong]
            else:
                games, wrong = _lines(file, game)
                found += games
                mistakes += wrong
        except ValueError as error:
            mistakes.append(f"{file}: {error}")
    return found, mistakes


def no_games(path: str | Path, mistakes: Sequence[str]) -> str:
    """That no game was found in a file or folder, in one line: the only mistake if there is but one."""
    if len(mistakes) == 1:
        return mistakes[0]
    return f"{path} holds no games; a file of games is our own .jsonl, psq or SGF"


def _lines(file: Path, game: Game | None) -> tuple[list[GameRecord], list[str]]:
    """Our own lines of JSON, or positions."""
    if game is None:
        return record.scan(file)
    with regular.opened(file) as opened:
        begins = positions.decode(opened.read(4096)).lstrip()
    if begins.startswith("{"):
        return record.scan(file)
    found, mistakes = positions.scan(game, file)
    return [record.of_game(game, "?", "?", position.actions) for _, position in found], mistakes


def _whole(file: Path) -> bytes:
    return regular.read(file, _LARGEST)


def read(path: str | Path, game: Game | None = None) -> list[GameRecord]:
    """The games of a file or folder; `ValueError` names what is no game, and how much more there is of it."""
    found, mistakes = scan(path, game)
    if mistakes:
        more = f" (and {len(mistakes) - 1} more mistakes)" if len(mistakes) > 1 else ""
        raise ValueError(mistakes[0] + more)
    return found


def check_name(path: str | Path, games: int) -> None:
    """`ValueError` if so many games cannot be added to a file called so: one of psq holds a single game."""
    if Path(path).suffix.lower() == ".psq" and (games != 1 or Path(path).exists()):
        raise ValueError(f"a file of psq holds one game, and none is added to {path}; .sgf and .jsonl hold many")


def append(path: str | Path, games: Sequence[GameRecord]) -> None:
    """Add games to a file in the format of its suffix, which is our own unless that is .psq or .sgf."""
    file = Path(path)
    check_name(file, len(games))
    if file.suffix.lower() == ".psq":
        file.write_text(psq.format_game(games[0]), encoding="utf-8")
    elif file.suffix.lower() == ".sgf":
        content = b"".join(sgf.format_game(game) for game in games)
        with file.open("ab") as opened:
            opened.write(content)
    else:
        record.append(file, games)
