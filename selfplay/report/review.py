"""`selfplay play --replay`: games from a file, gone through move by move in the terminal."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from games import text
from games.record import GameRecord
from selfplay.report import terminal_board

HELP = "Enter next move, b back, s start, e end, a number: to that move, n next game, p previous game, q quit"


def review(records: Sequence[GameRecord], number: int, lines: Iterator[str], console: Console) -> None:
    """Step through the games, from game `number` (1 is the first), as `lines` say; until they end or say `q`."""
    index = number - 1
    ply = _begin(records[index], index, len(records), console)
    _show(records[index], ply, console)
    console.print(HELP, style="dim", highlight=False, soft_wrap=True)
    for line in lines:
        word = line.strip().lower()
        record = records[index]
        plies = len(record.replayable()[1])
        if word in ("q", "quit"):
            return
        if word in ("n", "next", "p", "previous"):
            to = index + (1 if word[0] == "n" else -1)
            if not 0 <= to < len(records):
                console.print("there is no game " + ("after" if to > index else "before") + " this one")
                continue
            index = to
            ply = _begin(records[index], index, len(records), console)
        elif word == "" or word.isdecimal() or word in ("b", "back", "s", "start", "e", "end"):
            where = {"": ply + 1, "b": ply - 1, "s": 0, "e": plies}
            ply = max(0, min(plies, int(word) if word.isdecimal() else where[word[:1]]))
        else:
            console.print(HELP, style="dim", highlight=False, soft_wrap=True)
            continue
        _show(records[index], ply, console)


def _begin(record: GameRecord, index: int, count: int, console: Console) -> int:
    """Say who plays; the ply at which they took over."""
    game, _ = record.replayable()
    players = Text.assemble(
        *(f"{record.first} ", terminal_board.stone(game, 0, console), f" against {record.second} "),
        *(terminal_board.stone(game, 1, console), f", {record.result}"),
    )
    console.print(f"game {index + 1} of {count}: {record.game}", style="bold", highlight=False)
    console.print(players, soft_wrap=True)
    if record.note:
        console.print(Text(record.note), soft_wrap=True)
    return len(text.parse_moves(game, record.opening))


def _show(record: GameRecord, ply: int, console: Console) -> None:
    """The position after `ply` moves, and what is said about it."""
    game, actions = record.replayable()
    console.print(terminal_board.drawn(game, actions[:ply], console), soft_wrap=True)
    said = f"move {ply} of {len(actions)}"
    if ply:
        opening = ply <= len(text.parse_moves(game, record.opening))
        mover = record.second if ply % 2 == 0 else record.first
        said += f": {text.format_action(game, actions[ply - 1])}, {'the opening' if opening else mover}"
    if ply == len(actions):
        said += f"; {record.result}"
    console.print(Text(said), soft_wrap=True)
    if ply in record.comments:
        console.print(Text(record.comments[ply], style="italic"), soft_wrap=True)
