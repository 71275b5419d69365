"""How strong networks of many sizes are at every age: from cells to curves, and the best that so much compute gives.

X ages of a training, P points, S seeds. Strength is Elo in one pool of a board, with `random` at 0, and the share of
real decisions that are kept, where there is a solver.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from selfplay.lab import ruler
from selfplay.lab.experiment import Cell
from selfplay.stats import laws

ANCHOR = "random"
POINTS_PER_DECADE = 4  # of a frontier


@dataclass(frozen=True, kw_only=True)
class Grown:
    """A training."""

    game: str
    network: str
    seed: int
    parameters: int
    flops_X: np.ndarray
    games_X: np.ndarray
    positions_X: np.ndarray
    elo_X: np.ndarray
    kept_X: np.ndarray | None


@dataclass(frozen=True, kw_only=True)
class Board:
    """All that was trained on one board, with the Elo of its ladder."""

    game: str
    trained: Sequence[Grown]
    ladder: Mapping[str, float]

    @property
    def seeds(self) -> list[int]:
        return sorted({one.seed for one in self.trained})

    @property
    def networks(self) -> list[str]:
        """Smallest first."""
        sizes = {one.network: one.parameters for one in self.trained}
        return sorted(sizes, key=lambda network: sizes[network])

    def of(self, network: str) -> list[Grown]:
        """The trainings of one size, by seed."""
        return sorted((one for one in self.trained if one.network == network), key=lambda one: one.seed)

    def only(self, family: str) -> "Board":
        """The networks of one family, `mlp` or `resnet`."""
        ours = [one for one in self.trained if one.network.startswith(f"{family}:")]
        return replace(self, trained=ours)

    def frontiers(self, measure: str = "elo_X", until: float = np.inf) -> list[laws.Run]:
        """For each seed x, log10 of compute, and the best strength that any size has there, between its ages, or had
        with less: who has more compute need not use it. Of compute up to `until`, at the points that all seeds have."""
        starts, ends = ([side(np.log10(one.flops_X)) for one in self.trained] for side in (np.min, np.max))
        first, last = min(starts), min(max(ends), np.log10(until))
        x_P = np.linspace(first, last, max(2, 1 + round(POINTS_PER_DECADE * (last - first))))
        places = [[_at(one, measure, x_P) for one in self.trained if one.seed == seed] for seed in self.seeds]
        best_SP = np.array([np.max(np.nan_to_num(each, nan=-np.inf), axis=0) for each in places])
        known_P = np.isfinite(best_SP).all(axis=0)
        return [(x_P[known_P], np.maximum.accumulate(best_P[known_P])) for best_P in best_SP]

    def by_size(self, seed: int, x: float) -> tuple[np.ndarray, np.ndarray]:
        """log10 of parameters, and Elo, of the sizes that were trained with so much compute."""
        ours = sorted((one for one in self.trained if one.seed == seed), key=lambda one: one.parameters)
        elo_N = np.array([_at(one, "elo_X", np.array([x]))[0] for one in ours])
        known_N = np.isfinite(elo_N)
        return np.log10([one.parameters for one in ours])[known_N], elo_N[known_N]


_SLACK = 0.02  # of a decade: ages differ by a hundredth


def _at(one: Grown, measure: str, x_P: np.ndarray) -> np.ndarray:
    """Strength at log10 of compute, on straight lines between ages; nan before the first and after the last."""
    x_X = np.log10(one.flops_X)
    inside_P = (x_P >= x_X[0] - _SLACK) & (x_P <= x_X[-1] + _SLACK)
    return np.where(inside_P, np.interp(x_P, x_X, getattr(one, measure)), np.nan)


def name(network: str, seed: int, age: int) -> str:
    """Of a player in the pool of its board."""
    return f"{network}:{seed}:{age}"


def board(game: str, results: Sequence[tuple[Cell, Mapping[str, Any]]], ladder: Sequence[str]) -> Board:
    """From cells of a board, whose parameters are `task`, `game` and `network`: that of its ladder (`matches`), and of
    each network and seed a training (`ages`, `parameters`) and its strength (`matches`, `marks`)."""
    ours = [(cell, result) for cell, result in results if cell.parameters.get("game") == game]
    matches = [match for _, result in ours for match in result.get("matches", ())]
    elo = ruler.pool(matches, ANCHOR)
    marks_of = {(cell["network"], cell.seed): result["marks"] for cell, result in ours if cell["task"] == "strength"}
    trained: list[Grown] = []
    for cell, result in ours:
        if cell["task"] != "training":
            continue
        at, ages = (cell["network"], cell.seed), result["ages"]
        flops_X, games_X, positions_X = (
            np.array([age[key] for age in ages], float) for key in ("flops", "games", "positions")
        )
        trained.append(
            Grown(
                game=game, network=at[0], seed=at[1], parameters=result["parameters"],
                flops_X=flops_X, games_X=games_X, positions_X=positions_X,
                elo_X=np.array([elo[name(*at, age)] for age in range(len(ages))]),
                kept_X=np.array([marks["kept"] for marks in marks_of[at]]) if marks_of[at] else None,
            )
        )  # fmt: skip
    return Board(game=game, trained=trained, ladder={each: elo[each] for each in ladder})
