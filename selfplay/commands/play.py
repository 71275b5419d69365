"""`selfplay play`: a game against any agent in the terminal, and recorded games gone through."""

import argparse
import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from games import record as records
from games import text
from games.game import DRAW, MOVER_LOST, ONGOING, Game
from games.registry import nearest
from selfplay.commands import analyze
from selfplay.players.agent import Agent, Analysis
from selfplay.players.make import make_agent
from selfplay.players.spec import GRAMMAR
from selfplay.report import review, terminal_board
from selfplay.run import checkpoint

_PRETRAINED = "mcts:pretrained,sims=200"
_WITHOUT_NETWORK = ("alphabeta:nodes=200000", "rollout:sims=2000")  # the strongest that people made, else no knowledge
_SHOWN = 4  # moves of an agent's opinion
_HUMAN = "human"

COMMANDS = {
    "undo": "take back your last move, and the answer to it",
    "hint": "what the agent would play here",
    "swap": "change sides: the agent plays yours, you play its",
    "new": "begin anew",
    "load": "set up a position by its moves, as in `load 44352`, or the last game of a file",
    "save": "add the game to a file, which --replay reads",
    "moves": "the moves so far, as `load` reads them",
    "help": "this list",
    "quit": "leave",
}

_EXAMPLES = """\
Connect Four: type a column, 4. Gomoku: a cell, h8, column letter and row number from the bottom left. Also:
{commands}

Without a terminal it reads moves and commands from stdin, one a line, and writes plain lines.

{grammar}

examples:
  selfplay play --game connect4
  selfplay play --game gomoku9 --agent alphabeta:ms=500 --first agent --hints
  selfplay play --game connect4 --agent human          two people, one keyboard
  selfplay play --replay games.jsonl --number 3        go through recorded games
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `selfplay play`."""
    commands = "\n".join(f"  {name:6} {meaning}" for name, meaning in COMMANDS.items())
    parser.epilog = _EXAMPLES.format(commands=commands, grammar=GRAMMAR)
    parser.add_argument("--game", help="the game, as in connect4 or gomoku:size=9")
    parser.add_argument(
        "--agent", metavar="SPEC", help=f"who you play against (default {_PRETRAINED} where there is one)"
    )
    parser.add_argument("--first", choices=("me", "agent"), default="me", help="who begins (default me)")
    parser.add_argument("--hints", action="store_true", help="show what the agent thinks of your moves before you move")
    parser.add_argument("--seed", type=int, help="decides all that is random; by default every game is another")
    parser.add_argument("--replay", metavar="FILE", help="go through the games of a file instead")
    parser.add_argument("--number", type=int, default=1, metavar="N", help="with --replay: from the N-th game on")


def run(args: argparse.Namespace) -> int:
    """`selfplay play`."""
    import games

    console = Console(highlight=False)
    if args.replay:
        return _replay(args.replay, args.number, console)
    if args.game is None:
        raise ValueError("--game is missing, as in --game connect4")
    game = games.make(args.game)
    if args.seed is not None and args.seed < 0:
        raise ValueError(f"--seed is at least 0, not {args.seed}")
    agent = None  # a second person
    if args.agent != _HUMAN:
        agent = make_agent(args.agent, game) if args.agent else _default(game, console)
    seed = secrets.randbits(32) if args.seed is None else args.seed
    me = 0 if args.first == "me" else 1
    Dialogue(game, agent, console, me=me, hints=args.hints, seed=seed).hold(_typed(console))
    return 0


def _replay(path: str, number: int, console: Console) -> int:
    found, mistakes = records.scan(path)
    for line in mistakes:
        print(line, file=sys.stderr)
    if not found:
        raise ValueError(f"{path} holds no game")
    if not 1 <= number <= len(found):
        raise ValueError(f"--number is 1 to {len(found)}, the games of {path}, not {number}")
    review.review(found, number, _typed(console), console)
    return 1 if mistakes else 0


def _default(game: Game, console: Console) -> Agent:
    """The pretrained player of this game, or else the strongest other one; which, is said."""
    try:
        checkpoint.resolve("pretrained", game.name)
    except ValueError:
        for spec in _WITHOUT_NETWORK:
            try:
                agent = make_agent(spec, game)
            except ValueError:
                continue
            console.print(
                Text(f"no pretrained player of {game.name} ships with this version: you play {spec}"), soft_wrap=True
            )
            return agent
        raise
    return make_agent(_PRETRAINED, game)


def _typed(console: Console) -> Iterator[str]:
    """What is typed, line by line; a prompt where somebody sits there."""
    at_terminal = sys.stdin.isatty()
    while True:
        if at_terminal:
            console.print("> ", end="")
        line = sys.stdin.readline()
        if not line:
            if at_terminal:
                console.print()
            return
        yield line


class Dialogue:
    """One board, a person, and an agent (None: a second person)."""

    def __init__(self, game: Game, agent: Agent | None, console: Console, *, me: int, hints: bool, seed: int) -> None:
        self.game = game
        self.agent = agent
        self.console = console
        self.me = me  # 0 if the person began
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
        self.say(f"{self.game.name}, {players}; type a move or `help`", style="dim")
        self.go_on()
        for line in lines:
            word, _, rest = line.strip().partition(" ")
            if word.lower() in ("quit", "exit", "q"):
                return
            try:
                self.obey(word, rest.strip())
            except (ValueError, OSError) as error:
                self.say(str(error), style="red")

    def obey(self, word: str, rest: str) -> None:
        """A command or a move."""
        name = word.lower()
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
        self.console.print(terminal_board.drawn(self.game, self.actions, self.console), soft_wrap=True)
        if self.over:
            self.say(self.outcome(), style="bold")
            return
        self.say(terminal_board.stone(self.game, len(self.actions) % 2, self.console), " to move")
        if self.hints and self.agent is not None:
            self.hint("")

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
            return f"the {'second' if winner else 'first'} player wins"
        return "you win" if winner == self.me else f"{self.agent.name} wins"

    def think(self) -> Analysis:
        """The agent's analysis of the position; what is random in it depends on seed and position alone."""
        assert self.agent is not None
        state_W, _ = text.replay(self.game, self.actions)
        drawn = np.random.SeedSequence([self.seed, *state_W.tolist()]).generate_state(1, np.uint64)
        if not self.console.is_terminal:
            return self.agent.act(state_W[None], drawn)
        with self.console.status(Text(f"{self.agent.name} thinks")):
            return self.agent.act(state_W[None], drawn)

    def opinion(self, analysis: Analysis) -> tuple[str | Text, ...]:
        """Its move, what it expects for whoever plays that, what else it looked at, and how it sees the game go on."""
        said = analyze.answer(self.game, analysis, 0)
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
        self.actions, self.forfeit = [], ""
        self.go_on()

    def load(self, rest: str) -> None:
        try:
            actions = text.parse_moves(self.game, rest)
        except ValueError:
            if not Path(rest).is_file():
                raise
            saved = [record for record in records.read(rest) if record.game == self.game.name]
            if not saved:
                raise ValueError(f"{rest} holds no game of {self.game.name}") from None
            actions = saved[-1].replayable()[1]
        text.replay(self.game, actions)
        self.actions, self.forfeit = actions, ""
        self.go_on()

    def save(self, rest: str) -> None:
        if not rest:
            raise ValueError("save where? as in `save games.jsonl`")
        names = [_HUMAN, _HUMAN if self.agent is None else self.agent.name]
        first, second = names if self.me == 0 else names[::-1]
        records.append(rest, [records.of_game(self.game, first, second, self.actions, forfeit=self.forfeit)])
        self.say(f"added to {rest}; `selfplay play --replay {rest}` goes through it")

    def moves(self, rest: str) -> None:
        self.say(text.format_moves(self.game, self.actions) or "none yet")

    def help(self, rest: str) -> None:
        self.say("a move: a column, as 4" if self.game.action_is == "column" else "a move: a cell, as h8")
        for name, meaning in COMMANDS.items():
            self.say(f"{name:6} {meaning}")
        self.say("in brackets: the moves that an agent likes best, and how many simulations it spent on each")
