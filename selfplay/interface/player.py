"""Players that are asked about positions, and that play matches.

N positions, W words of a state.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

import games
from games import text
from games.game import Game
from selfplay.interface import position
from selfplay.interface.position import Position, PositionAnalysis
from selfplay.players.agent import Agent, Analysis, position_seed
from selfplay.players.make import make_agent
from selfplay.run.read import Run

Playing = Callable[[Position], str]
"""a function that plays: a position that is not over to a legal move as text"""


@dataclass(frozen=True, repr=False)
class Player:
    """A player of one game; `selfplay.player` makes it."""

    game: Game
    agent: Agent

    def __repr__(self) -> str:
        return f"<selfplay.Player {self.name!r} of {self.game.name}>"

    @property
    def name(self) -> str:
        """Its spec, or the name of its function."""
        return self.agent.name

    @overload
    def analyze(  # pyright: ignore[reportOverlappingOverload]  # a text is a sequence of texts
        self, positions: str, *, seed: int = 0
    ) -> PositionAnalysis: ...

    @overload
    def analyze(self, positions: Sequence[str], *, seed: int = 0) -> list[PositionAnalysis]: ...

    def analyze(self, positions: str | Sequence[str], *, seed: int = 0) -> PositionAnalysis | list[PositionAnalysis]:
        """What the player says of a position, or of many, which it thinks about together and so sooner.

        Args:
            positions: the moves so far, `"44352"` or `"h8 i9"`; `""` is the start.
            seed: decides, together with the position alone, all that is random.

        Raises:
            ValueError: for moves that cannot be played, a game that is over, or a player that has no move.
        """
        if isinstance(positions, str):
            return self.analyze([positions], seed=seed)[0]
        if not isinstance(positions, Sequence):
            raise ValueError(f"a position is its moves as text, or many in a list, not {positions!r}")
        if not positions:
            return []
        states_NW = np.array([self._state_of(moves) for moves in positions])
        seeds_N = np.array([position_seed(seed, state_W) for state_W in states_NW])
        analysis = self.agent.act(states_NW, seeds_N)
        return [position.analysis_of(self.game, analysis, n, moves) for n, moves in enumerate(positions)]

    def _state_of(self, moves: str) -> np.ndarray:
        try:
            return position.state_of(self.game, moves)
        except ValueError as error:
            raise ValueError(f"position {moves!r}: {error}") from None


def player(who: "str | Run | Playing", game: str | Game | None = None, *, name: str | None = None) -> Player:
    """A player to ask, and to play matches with.

    Args:
        who: a spec, as in `"mcts:pretrained,sims=200"` or `"alphabeta:depth=6"` (`selfplay arena --help` lists them);
            a `Run`, whose newest network then plays with as many simulations as in the run's evaluations; or a function
            from a `Position` to a move as text. In a match against itself or another function it may be called from
            two threads.
        game: as in `"connect4"` or `"gomoku:size=9"`; that of the run by default.
        name: what it is called in results, by default its spec or the name of the function.

    Raises:
        ValueError: for a spec or a game that nobody knows, or that do not go together; the message names the nearest
            match.
    """
    if isinstance(who, Run):
        game = who.config.game if game is None else game
        who = f"mcts:{who.dir},sims={who.config.eval.simulations}"
    if game is None:
        raise ValueError('which game? as in selfplay.player("alphabeta:depth=6", game="connect4")')
    rules = games.make(game) if isinstance(game, str) else game
    if isinstance(who, str):
        return Player(rules, make_agent(who, rules, name=name))
    return Player(rules, _agent_of(who, rules, name or getattr(who, "__name__", type(who).__name__)))


def _agent_of(function: Playing, game: Game, name: str) -> Agent:
    def action_of(state_W: np.ndarray, seed: int) -> int:
        shown = Position(game, state_W, np.random.default_rng(seed))
        move = function(shown)
        if not isinstance(move, str):
            raise ValueError(f"{name} answered {move!r}; a move is text, one of {', '.join(shown.legal)}")
        action = text.parse_action(game, move)
        if action not in game.legal_actions(state_W):
            raise ValueError(f"{name} played {move}, which is not legal; legal are {', '.join(shown.legal)}")
        return action

    def act(states_NW: np.ndarray, seeds_N: np.ndarray) -> Analysis:
        pairs = zip(states_NW, seeds_N.tolist(), strict=True)
        return Analysis(actions_N=np.array([action_of(state_W, seed) for state_W, seed in pairs], np.int64))

    return Agent(name, act)
