"""The engine's side of the Gomocup (Piskvork) protocol: one line in, its answer out.

The protocol: https://plastovicka.github.io/protocl2en.htm. X is the column, Y the row, both from 0; cells are
numbered row by row. Between two commands the next stone is ours or our opponent's, as the manager likes: the
board is kept as a set of stones, and the position is made of it when a move is asked for.
"""

import functools
import itertools
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import games
from games import gomoku
from games.game import Game
from selfplay import __version__
from selfplay.export.engine_clock import Clock
from selfplay.export.engine_player import Player
from selfplay.players import swap2
from selfplay.players.agent import Analysis
from selfplay.players.gomocup import RULES
from selfplay.train import meters

OWN, OTHER = 1, 2  # whose stone, as BOARD writes it
_SIZES = range(5, 21)
_CONTINUOUS = 2  # of INFO rule; that another game follows on the same board changes no move
_PREPARED = ("freestyle", "standard")  # by START
_PAIR = re.compile(r"(-?\d{1,6})(?:\s*,\s*|\s+)(-?\d{1,6})")
_STONE = re.compile(r"(-?\d{1,6})\s*,\s*(-?\d{1,6})(?:\s*,\s*(\d))?")
_SWAP_MS = 50  # at least, for each opening that may be proposed


@dataclass(frozen=True)
class _Block:
    """Lines that belong together."""

    done: Callable[[list[str], float], list[str]]
    asked: float
    lines: list[str] = field(default_factory=list)


class Session:
    """What a manager has told, and the answers."""

    def __init__(self, agent: str, *, rule: str = "freestyle", seed: int = 0, verbose: bool = False) -> None:
        self._agent = agent
        self._rule = rule
        self._seed = seed
        self._verbose = verbose
        self._size = 0  # until START
        self._stones: dict[int, int] = {}
        self._clock = Clock()
        self._answered = 0.0  # when the last answer was given
        self._warning = ""
        self._refused = ""  # why what INFO asked for cannot be
        self._block: _Block | None = None  # from BOARD to DONE
        self._player = functools.lru_cache(len(RULES))(lambda size, rule: Player(agent, _game(size, rule), seed))
        self._commands: dict[str, Callable[[str, float], list[str]]] = {
            "START": self._start,
            "RECTSTART": self._rectstart,
            "RESTART": self._restart,
            "BEGIN": self._begin,
            "TURN": self._turn,
            "BOARD": functools.partial(self._open, self._board),
            "YXBOARD": functools.partial(self._open, self._set_up),
            "SWAP2BOARD": functools.partial(self._open, self._swap2),
            "TAKEBACK": self._takeback,
            "PLAY": self._play,
            "INFO": self._info,
            "ABOUT": self._about,
        }

    def answer(self, line: str, asked: float) -> list[str]:
        """The lines that answer a line which came at `asked` (`time.monotonic`); END is the caller's.

        Who asks before the last answer is there, as scripts do, has asked when that answer was given.
        """
        try:
            answers = self._answers(line.strip("\ufeff \t\r\n"), max(asked, self._answered))
        except ValueError as error:
            answers = [f"ERROR {' '.join(str(error).split())}"]
        if answers:
            self._answered = time.monotonic()
        return answers

    def _answers(self, line: str, asked: float) -> list[str]:
        word, rest = _first_word(line)
        if self._block and word.upper() in self._commands:
            self._block = None  # given up by the manager: no stone is written in letters
        if self._block:
            return self._add(line)
        if not word:
            return []
        command = self._commands.get(word.upper())
        return command(rest, asked) if command else [f"UNKNOWN {word[:30]!a}"]

    # Commands that begin a match.

    def _start(self, rest: str, asked: float) -> list[str]:
        """`START 15`, or as managers of Yixin write it `START 15 15`."""
        if _PAIR.fullmatch(rest):
            return self._rectstart(rest, asked)
        if not (rest.isdecimal() and len(rest) < 4 and int(rest) in _SIZES):
            raise ValueError(f"the side of the board is {_SIZES[0]} to {_SIZES[-1]}, not {rest[:30]!a}")
        for rule in dict.fromkeys((*_PREPARED, self._rule)):  # INFO rule may come when the clock runs
            try:
                self._player(int(rest), rule)
            except ValueError:  # a network knows one rule
                if rule == self._rule:
                    raise
        self._size = int(rest)
        return self._restart("", asked)

    def _rectstart(self, rest: str, asked: float) -> list[str]:
        width, height = _numbers(_PAIR, rest)
        if width != height:
            raise ValueError(f"boards are square, not {width} by {height}")
        return self._start(str(width), asked)

    def _restart(self, rest: str, asked: float) -> list[str]:
        self._check_started()
        self._stones.clear()
        self._clock.begin_match()
        return ["OK"]

    # Commands that ask for a move.

    def _begin(self, rest: str, asked: float) -> list[str]:
        self._check_started()
        if self._stones:
            raise ValueError("the board is not empty")
        return self._move(asked)

    def _turn(self, rest: str, asked: float) -> list[str]:
        self._put(rest, OTHER)
        return self._move(asked)

    def _board(self, lines: list[str], asked: float) -> list[str]:
        self._set_up(lines, asked)
        return self._move(asked)

    def _set_up(self, lines: list[str], asked: float) -> list[str]:
        """The position alone, which is what Yixin's YXBOARD gives: no move is asked for."""
        self._check_started()
        self._stones.clear()
        try:
            for line in lines:
                x, y, whose = _numbers(_STONE, line)
                if whose not in (OWN, OTHER):
                    raise ValueError(f"{line[:30]!a}: a stone is X,Y,1 (ours) or X,Y,2 (the opponent's)")
                self._put(f"{x},{y}", whose)
        except ValueError:
            self._stones.clear()
            raise
        return []

    def _move(self, asked: float) -> list[str]:
        limit = self._clock.limit(len(self._stones))
        analysis = self._think(self._stones, limit, asked)
        action = int(analysis.actions_N[0])
        self._stones[action] = OWN
        elapsed = 1000 * (time.monotonic() - asked)
        self._clock.spend(elapsed)
        value = "" if analysis.value_N is None else f", value {analysis.value_N[0]:+.3f}"
        said = [f"MESSAGE {self._warning}"] if self._warning else []
        said += [f"DEBUG {elapsed:.0f} of {limit:.0f} ms{value}"] if self._verbose else []
        self._warning = ""
        return [*said, self._written(action)]

    def _think(self, stones: Mapping[int, int], limit: float, asked: float) -> Analysis:
        self._check_started()
        if self._refused:
            raise ValueError(self._refused)
        player = self._player(self._size, self._rule)
        own, other = ([cell for cell, whose in stones.items() if whose == side] for side in (OWN, OTHER))
        if len(stones) == player.game.cells:
            raise ValueError("the board is full")
        if gomoku.has_line(player.game, own, other) or gomoku.has_line(player.game, other, own):
            raise ValueError("the game is over")
        state_W = gomoku.position(player.game, own, other)
        if len(player.game.legal_actions(state_W)) == 0:
            raise ValueError("every free cell is a foul: the game is over")
        stood_in = player.stood_in
        analysis = player.think(state_W, limit, asked)
        if player.stood_in > stood_in:
            self._warning = f"{self._agent} was late: one-ply rules answered"
        if analysis.forfeits:
            raise ValueError(f"{self._agent} {analysis.forfeits[0]}")
        return analysis

    def _swap2(self, lines: list[str], asked: float) -> list[str]:
        """The choices of the opening rule swap2; black has the stones at even places, and white is to move."""
        self._check_started()
        limit = self._clock.limit(0)
        if not lines:
            return [self._proposal(limit, asked)]
        if len(lines) not in (3, 5):
            raise ValueError(f"swap2 is about no stone, 3 or 5, not {len(lines)}")
        stones = {}
        for place, line in enumerate(lines):
            x, y, _ = _numbers(_STONE, line)
            stones[self._cell(f"{x},{y}")] = OTHER if place % 2 == 0 else OWN
        analysis = self._think(stones, limit, asked)
        if swap2.takes_black(None if analysis.value_N is None else float(analysis.value_N[0])):
            return ["SWAP"]
        return [self._written(int(analysis.actions_N[0]))]

    def _proposal(self, limit: float, asked: float) -> str:
        """Three stones in the middle that look even."""
        count = max(1, min(swap2.CANDIDATES, int(limit / _SWAP_MS)))
        shares = iter(range(1, count + 1))

        def value(cells: list[int]) -> float | None:
            stones = dict(zip(cells, (OTHER, OWN, OTHER), strict=True))
            value_N = self._think(stones, limit * next(shares) / count, asked).value_N
            return None if value_N is None else float(value_N[0])

        candidates = list(itertools.islice(swap2.openings(self._size, self._seed), count))
        return " ".join(self._written(cell) for cell in swap2.most_even(candidates, value))

    # Commands about single stones and facts.

    def _takeback(self, rest: str, asked: float) -> list[str]:
        cell = self._cell(rest)
        if cell not in self._stones:
            raise ValueError(f"there is no stone on {rest}")
        del self._stones[cell]
        return ["OK"]

    def _play(self, rest: str, asked: float) -> list[str]:
        return [self._written(self._put(rest, OWN))]

    def _info(self, rest: str, asked: float) -> list[str]:
        """No answer, whatever it says; what cannot be is said when a move is asked for."""
        key, value = _first_word(rest)
        key, number = key.lower(), _number(value)
        if number is None:
            return []
        self._clock.tell(key, number)
        if key == "max_memory" and 0 < number < 1e6 * meters.resident_mb():
            self._warning = f"{meters.resident_mb():.0f} MB of memory are held, more than max_memory allows"
        elif key == "rule":
            self._set_rule(int(number))
        return []

    def _set_rule(self, number: int) -> None:
        known = ", ".join(f"{number} ({rule})" for rule, number in RULES.items())
        self._refused = f"rule {number} is not known; rules are {known}, and 2 more for a continuous game"
        names = [name for name, its_number in RULES.items() if its_number == number & ~_CONTINUOUS]
        if number >= 0 and names:
            (self._rule,) = names
            self._refused = ""
        if self._size and not self._refused:
            try:
                self._player(self._size, self._rule)
            except ValueError as error:
                self._refused = str(error)

    def _about(self, rest: str, asked: float) -> list[str]:
        agent = self._agent.replace('"', "'")
        return [f'name="selfplay", version="{__version__}", author="the authors of selfplay", agent="{agent}"']

    # The lines between BOARD or SWAP2BOARD and DONE.

    def _open(self, done: Callable[[list[str], float], list[str]], rest: str, asked: float) -> list[str]:
        self._block = _Block(done, asked)
        return []

    def _add(self, line: str) -> list[str]:
        block = self._block
        assert block
        if line.upper() != "DONE":
            block.lines.extend(filter(None, [line]))
            return []
        self._block = None
        return block.done(block.lines, block.asked)

    # Cells and players.

    def _check_started(self) -> None:
        if not self._size:
            raise ValueError("START comes first")

    def _cell(self, text: str) -> int:
        self._check_started()
        x, y = _numbers(_PAIR, text)
        if not (0 <= x < self._size and 0 <= y < self._size):
            raise ValueError(f"{x},{y} is not on the board")
        return y * self._size + x

    def _put(self, text: str, whose: int) -> int:
        cell = self._cell(text)
        if cell in self._stones:
            raise ValueError(f"{text} is not free")
        self._stones[cell] = whose
        return cell

    def _written(self, cell: int) -> str:
        return f"{cell % self._size},{cell // self._size}"


def _game(size: int, rule: str) -> Game:
    return games.make(f"gomoku:size={size},rule={rule}")


def _first_word(line: str) -> tuple[str, str]:
    """A line's first word, "" if it has none, and the rest."""
    word, rest = [*line.split(maxsplit=1), "", ""][:2]
    return word, rest


def _numbers(pattern: re.Pattern, text: str) -> list[int]:
    match = pattern.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text[:30]!a} is not a place on the board, as in 7,7")
    return [int(number or 0) for number in match.groups()]


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
