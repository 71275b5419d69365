"""What every player is: positions in, an analysis out.

N positions, W words, A actions. Values are seen by the player to move. Players think about many positions at
once; every position comes with a seed of its own, so a move does not depend on which others are asked for.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from games.game import Game


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """An agent's answer for N positions; what an agent has no notion of is None."""

    actions_N: np.ndarray  # int64; the moves to play
    policy_NA: np.ndarray | None = None  # float32; how it spreads its belief over moves
    priors_NA: np.ndarray | None = None  # float32; how likely its network took each move to be best, before any search
    visits_NA: np.ndarray | None = None  # int32; simulations below each move
    q_NA: np.ndarray | None = None  # float32 in [-1, 1]; what it takes each move to be worth; means nothing unvisited
    value_N: np.ndarray | None = None  # float32 in [-1, 1]
    proven_N: np.ndarray | None = None  # int8; UNPROVEN, PROVEN_WIN, PROVEN_DRAW or PROVEN_LOSS
    wdl_N3: np.ndarray | None = None  # float32; chances to win, draw and lose
    lines_NL: np.ndarray | None = None  # int64; the moves it expects, its own first; -1 past the end of a line
    forfeits: Mapping[int, str] = field(default_factory=dict)
    """for positions in which it has no move to offer, why; it has lost there, and the action is -1"""


@dataclass(frozen=True)
class Agent:
    """A player of one game. `name` is the spec that makes it again."""

    name: str
    act: Callable[[np.ndarray, np.ndarray], Analysis]
    """moves for states_NW (uint64, none of them over); seeds_N (uint64) decides all that is random"""
    ms: float | None = None
    """milliseconds that it is given for a move, if it thinks by the clock"""
    act_timed: Callable[[np.ndarray, np.ndarray, float], Analysis] | None = None
    """`act` with other milliseconds for each position, if it thinks by the clock and can change its pace"""
    clone: Callable[[], "Agent"] | None = None
    """the same player once more, sharing nothing with this one, so that both may think at the same time"""

    @property
    def timed(self) -> bool:
        return self.ms is not None


LATE = "did not move within"
"""how the reason begins for which a player forfeits who is too slow: that is lost, where any other says nothing of how
strong it is"""


def legal_moves(game: Game, states_NW: np.ndarray) -> np.ndarray:
    """bool [N, A]."""
    flags_NA = np.zeros((len(states_NW), game.actions), np.uint8)
    for state_W, flags_A in zip(states_NW, flags_NA, strict=True):
        game.legal(state_W, flags_A)
    return flags_NA.astype(bool)


def position_seed(seed: int, state_W: np.ndarray) -> np.uint64:
    """What decides all that is random at a position, of a seed and the position alone."""
    return np.random.SeedSequence([seed, *state_W.tolist()]).generate_state(1, np.uint64)[0]


def one_core() -> None:
    """Keep torch, if anyone has loaded it, on the core of this thread."""
    if "torch" in sys.modules:
        import torch  # another thread may be in the middle of loading it: this waits

        torch.set_num_threads(1)
