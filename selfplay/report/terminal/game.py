"""Games in the terminal: one that a person plays, and recorded ones stepped through."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from games import files, text
from games import record as records
from games.files import positions
from games.game import DRAW, MOVER_LOST, ONGOING, Game
from games.record import GameRecord
from games.registry import nearest
from selfplay.players.agent import Agent, Analysis, position_seed
from selfplay.players.analysis import answer
from selfplay.report.terminal import board as terminal_board
from selfplay.report.terminal import starting
from selfplay.report.terminal.swap2 import Opening
from selfplay.stats.records import visible

HUMAN = "human"  # as records name a person
_SHOWN = 4  # moves of an agent's opinion
COMMANDS = {
    "undo": "take back your last move, and the answer to it",
    "hint": "what the agent would play here",
    "swap": "change sides: the agent plays yours, you play its",
    "new": "begin anew",
    "load": "set up a position by its moves, as in `load 44352`, or the last game of a file",
    "save": "add the game to a file, which --replay reads; as psq or SGF if it is called so",
    "moves": "the moves so far, as `load` reads them",
    "help": "this list",
    "quit": "leave",
}
_REVIEW_HELP = "Enter next move, b back, s start, e end, a number: to that move, n next game, p previous game, q quit"


class Dialogue:
    """One board, a person, and an agent (None: a second person)."""

    def __init__(
        self,
        game: Game,
        agent: Agent | None,
        console: Console,
        *,
        me: int,
        hints: bool,
        seed: int,
        swap2: bool = False,
    ) -> None:
        self.game = game
        self.agent = agent
        self.console = console
        self.me = me  # 0 if the person began
        self.first = me
        self.swap2 = swap2
        self.opening: Opening | None = None
        """while the stones and choices of swap2 last"""
        self.hints = hints
        self.seed = seed
        self.actions: list[int] = []
        self.forfeit = ""
        """why the agent could not go on, if so"""

    def say(self, *parts: str | Text, style: str = "") -> None:
        self.console.print(Text.assemble(*parts, style=style), soft_wrap=True)

    @property
    def status(self) -> int:
        return text.replay(self.game, self.actions)[1]

    @property
    def over(self) -> bool:
        return self.status != ONGOING or bool(self.forfeit)

    @property
    def agents_turn(self) -> bool:
        return self.agent is not None and len(self.actions) % 2 != self.me and not self.over

    def hold(self, lines: Iterator[str]) -> None:
        """Play as `lines` say, until they end or say `quit`."""
        players = "two people" if self.agent is None else self.agent.name
        self.say(f"{self.game.title or self.game.name}, {players}; type a move or `help`", style="dim")
        self.begin()
        for line in lines:
            word, _, rest = line.strip().partition(" ")
            if word.lower() in ("quit", "exit", "q"):
                return
            try:
                self.obey(word, rest.strip())
            except (ValueError, OSError) as error:
                self.say(str(error), style="red")

    def begin(self) -> None:
        """An empty board: the opening by swap2, if that is asked for, and then the game."""
        self.actions, self.forfeit, self.opening = [], "", None
        if not self.swap2 or self.agent is None:
            self.go_on()
            return
        self.opening = Opening(
            self.game, self.actions, agent=self.agent.name, value=self.value, say=self.say, show=self.show
        )
        self.opening.begin(self.seed, person=self.first == 0)

    def value(self) -> float | None:
        """What the agent makes of the position, seen by the player to move."""
        value_N = self.think().value_N
        return None if value_N is None else float(value_N[0])

    def obey(self, word: str, rest: str) -> None:
        """A command or a move."""
        name = word.lower()
        if self.opening and name not in ("new", "load", "moves", "help", ""):
            if name in COMMANDS:
                raise ValueError(f"`{name}` once the opening is over; `new` begins it anew")
            self.opening.obey(f"{word} {rest}".strip())
            if self.opening.persons_side is not None:
                self.me, self.opening = self.opening.persons_side, None
                self.go_on()
            return
        if name in COMMANDS:
            commands: dict[str, Callable[[str], None]] = {
                "undo": self.undo,
                "hint": self.hint,
                "swap": self.swap,
                "new": self.new,
                "load": self.load,
                "save": self.save,
                "moves": self.moves,
                "help": self.help,
            }
            commands[name](rest)
        elif name:
            self.move(f"{word} {rest}".strip())

    def move(self, typed: str) -> None:
        if self.over:
            raise ValueError("the game is over: `undo`, `new`, `save FILE` or `quit`")
        try:
            action = text.parse_action(self.game, typed)
        except ValueError as error:
            hint = nearest(typed, list(COMMANDS))
            raise ValueError(f"{error}{hint}; `help` lists the commands") from None
        text.replay(self.game, [*self.actions, action])  # says what is wrong with an illegal one
        self.actions.append(action)
        self.go_on()

    def go_on(self) -> None:
        """Let the agent move if it is its turn, show the board, and say how the game ended if it did."""
        if self.agents_turn and not self.answered():
            return
        self.show()
        if self.over:
            self.say(self.outcome(), style="bold")
            return
        player = len(self.actions) % 2
        name = self.game.sides[player].name
        self.say(terminal_board.stone(self.game, player, self.console), f" {name} to move")
        if self.hints and self.agent is not None:
            self.hint("")

    def show(self) -> None:
        self.console.print(terminal_board.drawn(self.game, self.actions, self.console), soft_wrap=True)

    def answered(self) -> bool:
        """The agent moves; False if it cannot, and has lost."""
        assert self.agent is not None
        analysis = self.think()
        if analysis.forfeits:
            self.forfeit = f"{self.agent.name} {next(iter(analysis.forfeits.values()))}"
            self.say(f"{self.forfeit}: you win", style="bold")
            return False
        self.say(f"{self.agent.name} plays ", *self.opinion(analysis))
        self.actions.append(int(analysis.actions_N[0]))
        return True

    def outcome(self) -> str:
        if self.status == DRAW:
            return "a draw"
        winner = (len(self.actions) - (self.status != MOVER_LOST)) % 2
        if self.agent is None:
            return f"{self.game.sides[winner].name} wins"
        return "you win" if winner == self.me else f"{self.agent.name} wins"

    def think(self) -> Analysis:
        """The agent's analysis of the position; what is random in it depends on seed and position alone."""
        assert self.agent is not None
        state_W, _ = text.replay(self.game, self.actions)
        seed_1 = np.array([position_seed(self.seed, state_W)])
        starting.begin(f"{visible(self.agent.name)} thinks")
        try:
            return self.agent.act(state_W[None], seed_1)
        finally:
            starting.end()

    def opinion(self, analysis: Analysis) -> tuple[str | Text, ...]:
        """Its move, what it expects for whoever plays that, what else it looked at, and how it sees the game go on."""
        said = answer(self.game, analysis, 0)
        parts: list[str | Text] = [Text(said["move"], style="bold")]
        if said["proven"]:
            parts.append(f", a sure {said['proven']}")
        elif said["value"] is not None:
            parts.append(f", expects {50 + 50 * said['value']:.0f} %")
        best = sorted(said["policy"], key=lambda move: -said["policy"][move])[:_SHOWN]
        if len(best) > 1:
            likes = (
                f"{move} {said['policy'][move]:.0%}" + (f" ({said['visits'][move]})" if move in said["visits"] else "")
                for move in best
            )
            parts.append(Text(f"  [{', '.join(likes)}]", style="dim"))
        return tuple(parts)

    def undo(self, rest: str) -> None:
        mine = [ply for ply in range(len(self.actions)) if self.agent is None or ply % 2 == self.me]
        if not mine:
            raise ValueError("there is no move of yours to take back")
        del self.actions[mine[-1] :]
        self.forfeit = ""
        self.go_on()

    def hint(self, rest: str) -> None:
        if self.agent is None:
            raise ValueError("nobody to ask: play against an agent, as in --agent rules")
        if self.over:
            raise ValueError("the game is over")
        analysis = self.think()
        if analysis.forfeits:
            raise ValueError(f"{self.agent.name} {next(iter(analysis.forfeits.values()))}")
        self.say("hint: ", *self.opinion(analysis))

    def swap(self, rest: str) -> None:
        if self.agent is None:
            raise ValueError("two people change seats by themselves")
        self.me = 1 - self.me
        self.go_on()

    def new(self, rest: str) -> None:
        self.begin()

    def load(self, rest: str) -> None:
        if not rest:
            raise ValueError("load what? as in `load 44352` or `load games.jsonl`; `new` begins anew")
        try:
            actions = positions.parse(self.game, positions.without_remark(rest) or "").actions
        except ValueError:
            if not Path(rest).exists():
                if "/" in rest or Path(rest).suffix.lower() in files.SUFFIXES:
                    raise ValueError(f"there is no file {rest}") from None
                raise
            found, mistakes = files.scan(rest, self.game)
            if mistakes and found:
                more = f" (and {len(mistakes) - 1} more mistakes)" if len(mistakes) > 1 else ""
                raise ValueError(mistakes[0] + more) from None
            if mistakes:
                raise ValueError(files.no_games(rest, mistakes)) from None
            saved = [record for record in found if record.game == self.game.name]
            if not saved:
                raise ValueError(f"{rest} holds no game of {self.game.name}") from None
            actions = saved[-1].replayable()[1]
        text.replay(self.game, actions)
        self.actions, self.forfeit, self.opening = actions, "", None
        self.go_on()

    def save(self, rest: str) -> None:
        if not rest:
            raise ValueError("save where? as in `save games.jsonl`")
        if not Path(rest).parent.is_dir():
            raise ValueError(f"there is no folder {Path(rest).parent}")
        names = [HUMAN, HUMAN if self.agent is None else self.agent.name]
        first, second = names if self.me == 0 else names[::-1]
        files.append(rest, [records.of_game(self.game, first, second, self.actions, forfeit=self.forfeit)])
        self.say(f"added to {rest}; `selfplay play --replay {rest}` goes through it")

    def moves(self, rest: str) -> None:
        self.say(text.format_moves(self.game, self.actions) or "none yet")

    def help(self, rest: str) -> None:
        self.say("a move: a column, as 4" if self.game.action_is == "column" else "a move: a cell, as h8")
        for name, meaning in COMMANDS.items():
            self.say(f"{name:6} {meaning}")
        self.say("in brackets: the moves that an agent likes best, and how many simulations it spent on each")


def review(records: Sequence[GameRecord], number: int, lines: Iterator[str], console: Console) -> None:
    """Step through the games, from game `number` (1 is the first), as `lines` say; until they end or say `q`."""
    index = number - 1
    ply = _begin(records[index], index, len(records), console)
    _show(records[index], ply, console)
    console.print(_REVIEW_HELP, style="dim", highlight=False, soft_wrap=True)
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
            console.print(_REVIEW_HELP, style="dim", highlight=False, soft_wrap=True)
            continue
        _show(records[index], ply, console)


def _begin(record: GameRecord, index: int, count: int, console: Console) -> int:
    """Say who plays; the ply at which they took over."""
    game, _ = record.replayable()
    players = Text.assemble(
        *(f"{record.first} ", terminal_board.stone(game, 0, console), f" against {record.second} "),
        *(terminal_board.stone(game, 1, console), f", {record.result}"),
    )
    console.print(f"game {index + 1} of {count}: {game.title or game.name}", style="bold", highlight=False)
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
