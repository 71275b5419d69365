"""What follows from curves of many sizes: exponents, the best size, which form foretells best.

S seeds, P points of a frontier. Intervals are over seeds.
"""

from collections.abc import Sequence

import numpy as np

from selfplay.lab import curves
from selfplay.lab.experiment import Constant
from selfplay.lab.growing.boards import Board
from selfplay.stats import laws, seeds

ELO_OF_ALPHA = 400  # Elo = 400 alpha log10 (Neumann and Gros 2023)
LAWS = (laws.POWER, laws.change_point(1.0), laws.sigmoid(1.0))
"""of the share of decisions kept, whose top is known: perfect play keeps all"""


def alpha_compute(board: Board) -> Constant:
    """Exponent of strength over compute, along the frontier."""
    slope = laws.over_runs(laws.POWER, board.frontiers())["slope"]
    return Constant(*(each / ELO_OF_ALPHA for each in slope))


def alpha_parameters(board: Board) -> Constant:
    """Exponent of strength over parameters, at the last age of each size."""
    slopes_S = []
    for seed in board.seeds:
        ours = [one for one in board.trained if one.seed == seed]
        x_N, elo_N = np.log10([one.parameters for one in ours]), np.array([one.elo_X[-1] for one in ours])
        slopes_S.append(laws.fit(laws.POWER, [(x_N, elo_N)])[1] / ELO_OF_ALPHA)
    return curves.mean(np.array(slopes_S))


def best_sizes(board: Board) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """For each seed log10 of compute, and log10 of the parameters that are best for it: the top of a parabola through
    the sizes that were trained with so much, three at least, where it has one between them."""
    found: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for seed, (x_P, _) in zip(board.seeds, board.frontiers(), strict=True):
        tops: list[tuple[float, float]] = []
        for x in x_P.tolist():
            size_N, elo_N = board.by_size(seed, x)
            if len(size_N) < 3:
                continue
            a, b, _ = np.polyfit(size_N, elo_N, 2)
            top = -b / (2 * a) if a < 0 else np.inf
            if size_N[0] <= top <= size_N[-1]:
                tops.append((x, top))
        found[seed] = (np.array([x for x, _ in tops]), np.array([top for _, top in tops]))
    return found


def exponent_of_size(board: Board) -> Constant:
    """b of N_opt ~ C^b; unknown where fewer than two seeds have two points."""
    fitted_S = [laws.fit(laws.POWER, [found])[1] for found in best_sizes(board).values() if len(found[0]) >= 2]
    return curves.mean(np.array(fitted_S)) if len(fitted_S) >= 2 else Constant(None, None, None)


def per_decade(board: Board, network: str, axis: str) -> Constant:
    """Elo for ten times the compute, games or positions of one size (`flops_X`, `games_X`, `positions_X`)."""
    runs = [(np.log10(getattr(one, axis)), one.elo_X) for one in board.of(network)]
    return Constant(*laws.over_runs(laws.POWER, runs)["slope"])


def errors_beyond(board: Board) -> dict[float, dict[str, np.ndarray]]:
    """For the last decade of compute, and the last two, how far off each law is that was fitted to what lies below, in
    points of decisions kept, [S]. A decade at least is left below; where there is none, half of all."""
    frontiers = board.frontiers("kept_X")
    x_P = frontiers[0][0]
    span = float(x_P[-1] - x_P[0])
    return {
        decades: {
            law.name: np.array([100 * laws.error_beyond(law, [run], float(x_P[-1]) - decades) for run in frontiers])
            for law in LAWS
        }
        for decades in [each for each in (1.0, 2.0) if span - each >= 1] or [span / 2]
    }


def nearest(flops_X: Sequence[float], flops: float) -> int:
    """The age whose compute is nearest, in factors."""
    return int(np.abs(np.log(np.array(flops_X) / flops)).argmin())


def reaching(board: Board, share: float) -> np.ndarray:
    """For each seed log10 of the compute from which the frontier has this share of the Elo of the strongest opponent of
    the ladder for good; that of the end where it never has, [S]."""
    found: list[float] = []
    for x_P, elo_P in board.frontiers():
        value, _, _ = seeds.overtaking(10**x_P, (elo_P - share * max(board.ladder.values()))[None])
        found.append(float(np.log10(value if value is not None else 10 ** x_P[-1])))
    return np.array(found)
