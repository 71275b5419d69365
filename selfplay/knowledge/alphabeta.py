"""Alpha-beta search with iterative deepening over a handcrafted evaluation, for many positions at once.

N positions, W words.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from games import interrupt
from games.game import Game
from games.outcome import PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN, UNPROVEN
from games.registry import nearest
from selfplay.knowledge import generic
from selfplay.knowledge.budget import DECIDED, Budget
from selfplay.knowledge.connect4 import alphazero_jl
from selfplay.knowledge.connect4 import search as connect4_alphabeta
from selfplay.knowledge.gomoku import board as gomoku_board
from selfplay.knowledge.gomoku import driver as gomoku_alphabeta
from selfplay.knowledge.gomoku import lines as gomoku_lines


class Handcrafted(Protocol):
    """A module with a search and what people know of one kind of game; `AlphaBeta` plays by it."""

    @property
    def PIECES(self) -> tuple[str, ...]:  # noqa: N802
        """The pieces of knowledge, by the names that `without=` takes."""
        ...

    @property
    def SCALE(self) -> float:  # noqa: N802
        """tanh(score / SCALE) is about the expected result of an undecided position."""
        ...

    def worths(self, game: Game, without: frozenset[str]) -> Any:
        """What the pieces are worth, as `search` takes it, where these are left out."""
        ...

    def new_context(self, game: Game, budget: Budget) -> Any:
        """What searches of one thread write to, for this budget."""
        ...

    def search(
        self, game: Game, states_NW: np.ndarray, seeds_N: np.ndarray, worth: Any, budget: Budget, context: Any, /
    ) -> np.ndarray:
        """Best actions, scores, completed depths and nodes of the positions, int64 [N, 4]; seeds decide ties."""
        ...


def handcrafted(game: Game) -> Handcrafted:
    """What we know of the game; of most, the rules alone."""
    if game.kind == "gomoku":
        return gomoku_alphabeta if gomoku_board.knows(game) else gomoku_lines
    return connect4_alphabeta if game.kind == "connect4" else generic


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
    """Deterministic for a budget of depth or nodes: equal positions and seeds get equal answers, whatever is beside
    them."""

    def __init__(self, game: Game, budget: Budget, without: frozenset[str] = frozenset()) -> None:
        self._module = handcrafted(game)
        self.pieces: list[str] = [*self._module.PIECES]
        for name in without:
            if name not in self.pieces:
                raise ValueError(
                    f"alphabeta has no piece of knowledge {name!r} in {game.kind}{nearest(name, self.pieces)}; "
                    f"it has {', '.join(self.pieces) or 'none'}"
                )
        self.game = game
        self.budget = budget
        self._worth = self._module.worths(game, without)
        self._contexts = [self._module.new_context(game, budget) for _ in range(os.cpu_count() or 1)]

    def search(self, states_NW: np.ndarray, seeds_N: np.ndarray | None = None) -> Verdicts:
        """Search every position with the whole budget, on all cores; a seed for each (0 by default) decides ties in
        games of which the rules alone are known."""
        seeds = np.zeros(len(states_NW), np.uint64) if seeds_N is None else seeds_N

        def work(share: slice, core: int) -> np.ndarray:
            context = self._contexts[core]
            return self._module.search(self.game, states_NW[share], seeds[share], self._worth, self.budget, context)

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
    with ThreadPoolExecutor(cores, initializer=interrupt.follow, initargs=(interrupt.word(),)) as pool:
        return np.concatenate(list(pool.map(work, shares, range(cores))))


def _verdicts(game: Game, states_NW: np.ndarray, found_N4: np.ndarray, scale: float) -> Verdicts:
    scores_N = found_N4[:, 1]
    won_N, lost_N = scores_N >= DECIDED, scores_N <= -DECIDED
    plies_N = np.array([game.plies(state_W) for state_W in states_NW], np.int64)
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
