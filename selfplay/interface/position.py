"""Positions and what players say of them, with moves as text.

N positions, W words of a state, A actions, H and W_ height and width of the board.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np

from games import text
from games.game import ONGOING, Game
from selfplay.players.agent import Analysis

Proof = Literal["win", "draw", "loss"]
Number = TypeVar("Number", int, float)

_PROOFS: tuple[Proof | None, ...] = (None, "win", "draw", "loss")  # by the numbers of games.outcome


class Wdl(NamedTuple):
    """Chances of the player to move, which add up to 1."""

    win: float
    draw: float
    loss: float


@dataclass(frozen=True, kw_only=True)
class PositionAnalysis:
    """A player's answer about one position, seen by the player to move. What a player has no notion of is None or
    empty: `random` has no value, `alphabeta` counts no visits.

    Moves are text: `4` is a column, `h8` a cell.
    """

    moves: str
    """the position: the moves that led to it"""
    move: str
    """what it plays"""
    policy: Mapping[str, float]
    """how it spreads its belief over moves, adding up to 1; without a notion of it, all on `move`"""
    value: float | None
    """in [-1, 1]: 1 is a win, -1 a loss"""
    wdl: Wdl | None
    visits: Mapping[str, int]
    """simulations below each move"""
    proven: Proof | None
    """what perfect play leads to, where the player knows"""
    line: tuple[str, ...]
    """how it expects the game to go on, its own move first"""


@dataclass(frozen=True)
class Position:
    """What a function that plays is shown. The player to move is "own", whoever began."""

    game: Game
    state_W: np.ndarray = field(repr=False)
    rng: np.random.Generator = field(repr=False)
    """for what is random in an answer, so that a seed repeats it"""

    @property
    def board(self) -> np.ndarray:
        """int8 [H, W_], the top row first: 1 where an own stone stands, -1 one of the opponent's, 0 none."""
        own_HW, other_HW = self.game.planes_of(self.state_W)[:2].astype(np.int8)
        return own_HW - other_HW

    @property
    def legal(self) -> list[str]:
        """The moves that may be played, at least one."""
        return [text.format_action(self.game, int(action)) for action in self.game.legal_actions(self.state_W)]

    @property
    def winning(self) -> list[str]:
        """The moves that win at once."""
        flags_A, next_W = np.zeros(self.game.actions, np.uint8), np.zeros(self.game.words, np.uint64)
        self.game.wins(self.state_W, self.game.legal, self.game.step, flags_A, next_W)
        return [text.format_action(self.game, int(action)) for action in np.flatnonzero(flags_A)]

    def __str__(self) -> str:
        return text.render(self.game, self.state_W)


def state_of(game: Game, moves: str) -> np.ndarray:
    """The position after `moves`, uint64 [W]; `ValueError` names the move that cannot be played, or a game over."""
    state_W, status = text.replay(game, text.parse_moves(game, moves))
    if status != ONGOING:
        raise ValueError("the game is over")
    return state_W


def analysis_of(game: Game, analysis: Analysis, n: int, moves: str) -> PositionAnalysis:
    """What an agent says of position n, which `moves` lead to; `ValueError` if it has no move to offer there."""
    if n in analysis.forfeits:
        raise ValueError(f"the agent {analysis.forfeits[n]}")
    policy_NA, visits_NA, value_N = analysis.policy_NA, analysis.visits_NA, analysis.value_N
    wdl_N3, proven_N, lines_NL = analysis.wdl_N3, analysis.proven_N, analysis.lines_NL
    move = text.format_action(game, int(analysis.actions_N[n]))
    return PositionAnalysis(
        moves=moves,
        move=move,
        policy={move: 1.0} if policy_NA is None else _by_move(game, policy_NA[n], float),
        value=None if value_N is None else float(value_N[n]),
        wdl=None if wdl_N3 is None else Wdl(*map(float, wdl_N3[n])),
        visits={} if visits_NA is None else _by_move(game, visits_NA[n], int),
        proven=None if proven_N is None else _PROOFS[proven_N[n]],
        line=() if lines_NL is None else tuple(text.format_action(game, int(a)) for a in lines_NL[n] if a >= 0),
    )


def _by_move(game: Game, numbers_A: np.ndarray, kind: Callable[[Any], Number]) -> dict[str, Number]:
    return {text.format_action(game, int(a)): kind(numbers_A[a]) for a in np.flatnonzero(numbers_A)}
