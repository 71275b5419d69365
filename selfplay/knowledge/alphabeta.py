"""Alpha-beta search with iterative deepening over a handcrafted evaluation, for many positions at once.

N positions, W words.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from games.game import Game
from games.outcome import PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN, UNPROVEN
from games.registry import nearest
from selfplay.knowledge.budget import DECIDED, Budget
from selfplay.knowledge.connect4 import alphazero_jl
from selfplay.knowledge.connect4 import search as connect4_alphabeta
from selfplay.knowledge.gomoku import driver, lines_alphabeta

_PLAYS = {"connect4": connect4_alphabeta, "gomoku": driver}
_FIVE = 5  # in a row: shapes are known of this kind of Gomoku only, and lines of any


@dataclass(frozen=True)
class Verdicts:
    """What the search found: scores as `budget` explains them, from the mover's view."""

    actions_N: np.ndarray
    scores_N: np.ndarray
    depths_N: np.ndarray  # the last depth completed
    nodes_N: np.ndarray
    values_N: np.ndarray  # float32; the score as a number in [-1, 1], 1 and -1 for decided games
    proven_N: np.ndarray  # int8; a proof of `games.outcome`


class AlphaBeta:
    """Deterministic for a budget of depth or nodes: equal positions get equal answers, whatever is beside them.

    A module of a game has PIECES and SCALE, `worths` of its pieces, a `desk` for each thread, and `search`.
    """

    def __init__(self, game: Game, budget: Budget, without: frozenset[str] = frozenset()) -> None:
        if game.kind not in _PLAYS:
            raise ValueError(f"alphabeta knows nothing of {game.name!r}; it plays {', '.join(_PLAYS)}")
        other_gomoku = game.kind == "gomoku" and game.in_a_row != _FIVE
        self._module = lines_alphabeta if other_gomoku else _PLAYS[game.kind]
        self.pieces: list[str] = [*self._module.PIECES]
        for name in without:
            if name not in self.pieces:
                raise ValueError(
                    f"alphabeta has no piece of knowledge {name!r} in {game.kind}{nearest(name, self.pieces)}; "
                    f"it has {', '.join(self.pieces)}"
                )
        self.game = game
        self.budget = budget
        self._worth = self._module.worths(game.in_a_row, without)
        self._desks = [self._module.desk(budget) for _ in range(os.cpu_count() or 1)]

    def search(self, states_NW: np.ndarray) -> Verdicts:
        """Search every position with the whole budget, on all cores."""

        def work(share: slice, core: int) -> np.ndarray:
            return self._module.search(self.game, states_NW[share], self._worth, self.budget, self._desks[core])

        return _verdicts(self.game, states_NW, _on_all_cores(work, len(states_NW)), self._module.SCALE)


class AlphaZeroJl:
    """The handcrafted minimax player of AlphaZero.jl; repeatable for a budget of depth or nodes and the same seeds."""

    def __init__(self, game: Game, budget: Budget) -> None:
        if game.kind != "connect4" or game.in_a_row != 4:
            raise ValueError(f"preset=alphazero-jl plays connect4 with four in a row, not {game.name!r}")
        self.game = game
        self.budget = budget

    def search(self, states_NW: np.ndarray, seeds_N: np.ndarray) -> Verdicts:
        """Search every position with the whole budget, on all cores; a seed for each decides ties."""

        def work(share: slice, core: int) -> np.ndarray:
            return alphazero_jl.search(self.game, states_NW[share], seeds_N[share], self.budget)

        found_N4 = _on_all_cores(work, len(states_NW))
        return _verdicts(self.game, states_NW, found_N4, alphazero_jl.SCALE)


def _on_all_cores(work: Callable[[slice, int], np.ndarray], positions: int) -> np.ndarray:
    """What `work` finds for slices of the positions, each on a core of its own, put together again."""
    cores = min(os.cpu_count() or 1, positions)
    if cores <= 1:
        return work(slice(0, positions), 0)
    ends = [positions * core // cores for core in range(cores + 1)]
    shares = [slice(*ends[core : core + 2]) for core in range(cores)]
    with ThreadPoolExecutor(cores) as pool:
        return np.concatenate(list(pool.map(work, shares, range(cores))))


def _verdicts(game: Game, states_NW: np.ndarray, found_N4: np.ndarray, scale: float) -> Verdicts:
    scores_N = found_N4[:, 1]
    won_N, lost_N = scores_N >= DECIDED, scores_N <= -DECIDED
    plies_N = states_NW[:, -1].astype(np.int64)  # both kinds keep the plies played in their last word
    drawn_N = (scores_N == 0) & (found_N4[:, 2] >= game.max_plies - plies_N)
    values_N = np.tanh(scores_N / scale)
    values_N[won_N], values_N[lost_N] = 1.0, -1.0
    return Verdicts(
        actions_N=found_N4[:, 0].copy(),
        scores_N=scores_N.copy(),
        depths_N=found_N4[:, 2].copy(),
        nodes_N=found_N4[:, 3].copy(),
        values_N=values_N.astype(np.float32),
        proven_N=np.select([won_N, drawn_N, lost_N], [PROVEN_WIN, PROVEN_DRAW, PROVEN_LOSS], UNPROVEN).astype(np.int8),
    )
