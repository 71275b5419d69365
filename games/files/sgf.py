"""SGF, the Smart Game Format: gomoku, and every other game of stones on cells up to 26 x 26, tic-tac-toe for one.

The main line of each game is read, the first player's stones being black. Stones that are set up come first, as the
opening. Read and written by sgfmill.
"""

# sgfmill has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportMissingParameterType=false

from types import MappingProxyType
from typing import Any

from sgfmill import sgf, sgf_grammar

from games import record, text
from games.files.psq import gomoku, printable
from games.game import MOVER_WON, ONGOING
from games.gomoku import RULES
from games.record import GameRecord

_GOMOKU = 4  # GM of gomoku and renju
_KNOWN = (1, _GOMOKU)  # many programs write gomoku as GM[1], Go


def parse(content: bytes) -> tuple[list[GameRecord], list[str]]:
    """The games of a file, and a line about each that cannot be played by our rules."""
    try:
        trees = sgf_grammar.parse_sgf_collection(content.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        raise ValueError(f"damaged SGF: {printable(str(error))}") from None
    try:
        content.decode("utf-8")
        encoding = "UTF-8"  # also of the many files that do not say so
    except UnicodeDecodeError:
        encoding = None
    found: list[GameRecord] = []
    mistakes: list[str] = []
    for number, tree in enumerate(trees, start=1):
        try:
            found.append(_game(sgf.Sgf_game.from_coarse_game_tree(tree, override_encoding=encoding)))
        except ValueError as error:
            mistakes.append(f"game {number}: {printable(str(error))}")
    return found, mistakes


def _game(read: Any) -> GameRecord:
    root, size = read.get_root(), read.get_size()
    kind = int(_text(root, "GM") or _GOMOKU)
    if kind not in _KNOWN:
        raise ValueError(f"GM[{kind}] is another game than gomoku, which is GM[{_GOMOKU}]")
    black, white, _ = root.get_setup_stones()
    if not len(white) <= len(black) <= len(white) + 1:
        raise ValueError(f"{len(black)} black and {len(white)} white stones are set up, which no game leads to")
    cells: list[tuple[int, int]] = []
    for pair in zip(sorted(black), [*sorted(white), None], strict=False):
        cells += [stone for stone in pair if stone is not None]
    opening = len(cells)
    comments: dict[int, str] = {}
    first = "b"
    for node in read.get_main_sequence():
        colour, move = node.get_move()
        if colour is not None:
            first = colour if not cells else first
            if move is None:
                raise ValueError(f"move {len(cells) + 1} is a pass, which gomoku has not")
            if (colour == first) != (len(cells) % 2 == 0):
                raise ValueError(f"move {len(cells) + 1}: {'black' if colour == 'b' else 'white'} is not to move")
            cells.append(move)
        if remark := printable(_text(node, "C")):
            comments[len(cells)] = remark
    # sgfmill counts rows from the bottom.
    rule = _text(root, "RU").lower()
    named = max((name for name in RULES if name in rule), key=len, default=None)  # caro6 holds caro
    game, actions = gomoku(size, [(column, size - 1 - row) for row, column in cells], named)
    names = [printable(_text(root, name)) or "?" for name in (("PB", "PW") if first == "b" else ("PW", "PB"))]
    result, (_, status) = _text(root, "RE"), text.replay(game, actions)
    last = first if len(actions) % 2 else {"b": "w", "w": "b"}[first]
    gave_up = status == ONGOING and bool(actions) and result.upper().startswith(f"{last.upper()}+")
    return GameRecord(
        game=game.name,
        first=names[0],
        second=names[1],
        opening=text.format_moves(game, actions[:opening]),
        moves=text.format_moves(game, actions),
        result=record.result_of(len(actions), MOVER_WON if gave_up else status),
        comments=MappingProxyType(comments),
        note=printable(f"RE[{result}]") if gave_up else "",
    )


def _text(node: Any, name: str) -> str:
    return str(node.get(name)).strip() if node.has_property(name) else ""


_RESULTS = {record.FIRST_WON: "B+", record.SECOND_WON: "W+", record.DRAWN: "0", record.UNFINISHED: "?"}


def format_game(made: GameRecord) -> bytes:
    """The game as SGF; `ValueError` for one whose moves are columns, or that is too large."""
    game, actions = made.replayable()
    if game.action_is != "cell" or game.width != game.height or game.kind != "gomoku":
        raise ValueError(f"SGF holds games of gomoku here, not of {game.name}")
    written = sgf.Sgf_game(size=game.width)
    root = written.get_root()
    rule = str(game.options.get("rule", ""))
    fields = {"PB": made.first, "PW": made.second, "RE": _RESULTS[made.result], "RU": rule, "GC": made.note}
    root.set_raw("GM", str(_GOMOKU).encode())
    for name, value in fields.items():
        if value:
            root.set(name, value)
    if 0 in made.comments:
        root.set("C", made.comments[0])
    for ply, action in enumerate(actions, start=1):
        node = written.extend_main_sequence()
        row, column = divmod(action, game.width)
        node.set_move("bw"[(ply - 1) % 2], (game.height - 1 - row, column))
        if ply in made.comments:
            node.set("C", made.comments[ply])
    return bytes(written.serialise())
