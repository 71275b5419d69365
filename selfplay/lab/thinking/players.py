"""How strong players of several ages are with several numbers of simulations, by Elo and by the solver.

S seeds, X ages, T numbers of simulations, P players.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from selfplay.lab import ruler
from selfplay.lab.experiment import Constant
from selfplay.stats import frontier, laws, rating

_BAND = 0.1  # width of a level of strength, of its whole range
Run = tuple[np.ndarray, np.ndarray, np.ndarray]
"""of one seed: log10 of training FLOPs, log10 of simulations, and strength of all players, [P] each"""


def simulations(most: int) -> list[int]:
    """0, the policy alone, then 2, 4 .. `most`."""
    return [0, *(2**power for power in range(1, most.bit_length()))]


def name(age: int, number: int) -> str:
    """Of a player in the matches of its seed."""
    return f"{age}:{number}"


@dataclass(frozen=True, kw_only=True)
class Players:
    """Everyone that was measured."""

    flops_X: np.ndarray
    """of training, 2 per multiply-add: the mean of the seeds, which differ by a hundredth"""
    thought_T: np.ndarray
    """simulations, the policy alone being 1"""
    elo_SXT: np.ndarray
    ladder_S: Mapping[str, np.ndarray]
    """Elo of each opponent in the pool of each seed"""
    wrong_SXT: Mapping[str, np.ndarray]
    """share of decisions that were mistakes, by stage; none where there is no solver. Of n decisions and m mistakes
    (m + 1/2) / (n + 1), which has a logarithm where there was no mistake too"""

    def odds(self) -> np.ndarray:
        """Log odds of keeping what a decision is worth, each stage counting alike, [S, X, T]."""
        wrong_SXT = np.mean([*self.wrong_SXT.values()], axis=0)
        return np.log(1 / wrong_SXT - 1)

    def runs(self, strength_SXT: np.ndarray) -> list[Run]:
        """The players of each seed in a row."""
        x_XT, y_XT = np.meshgrid(np.log10(self.flops_X), np.log10(self.thought_T), indexing="ij")
        return [(x_XT.ravel(), y_XT.ravel(), each_XT.ravel()) for each_XT in strength_SXT]

    def rate(self, strength_SXT: np.ndarray, share: float, less: float | None = None) -> Constant:
        """The rate of exchange (`frontier.exchange`) at the strength that this share of the players is below, or what
        it is above that at another share."""
        mean_XT = strength_SXT.mean(axis=0)
        width, shares = _BAND * float(np.ptp(mean_XT)), [share] if less is None else [share, less]
        levels = np.quantile(mean_XT, shares).tolist()

        def statistic(runs: Sequence[Run]) -> float:
            x_P, y_P, strength_P = (np.concatenate([run[side] for run in runs]) for side in range(3))
            rates = [frontier.exchange(x_P, y_P, strength_P, level, width) for level in levels]
            return rates[0] - sum(rates[1:])

        return Constant(*laws.bootstrap(statistic, self.runs(strength_SXT)))

    def per_decade(self, strength_SXT: np.ndarray) -> np.ndarray:
        """What ten times the training and ten times the thinking add, by a plane through all players of a seed,
        [S, 2]."""
        runs = self.runs(strength_SXT)
        design_P3 = np.stack([np.ones_like(runs[0][0]), *runs[0][:2]], axis=1)
        return np.array([np.linalg.lstsq(design_P3, strength_P)[0][1:] for _, _, strength_P in runs])

    def agreement(self) -> np.ndarray:
        """Spearman's rank correlation of the two rulers over the players of each seed [S]."""
        ranks_2SP = np.argsort(np.argsort([each.reshape(len(each), -1) for each in (self.elo_SXT, self.odds())]))
        return np.array([np.corrcoef(*ranks_2P)[0, 1] for ranks_2P in ranks_2SP.swapaxes(0, 1)])


def measured(
    flops_SX: Sequence[Sequence[float]],
    numbers: Sequence[int],
    matches_S: Sequence[Sequence[rating.Match]],
    marks_SXT: Sequence[Sequence[Sequence[ruler.Marks]]],
    *,
    ladder: Sequence[str],
    anchor: str,
) -> Players:
    """From ages, matches of the players by `name` and of the `ladder`, all of a seed in one pool whose `anchor` has 0
    Elo, and marks, which may be none."""
    pools = [ruler.pool(matches, anchor) for matches in matches_S]
    ages = range(len(flops_SX[0]))

    def wrong(stage: str) -> np.ndarray:
        share_SXT = np.array([[[1 - marks.by_stage[stage] for marks in m_T] for m_T in m_XT] for m_XT in marks_SXT])
        each = marks_SXT[0][0][0].number / len(ruler.STAGES)
        return (each * share_SXT + 0.5) / (each + 1)

    return Players(
        flops_X=np.mean(flops_SX, axis=0),
        thought_T=np.maximum(1, numbers),
        elo_SXT=np.array([[[elo[name(age, number)] for number in numbers] for age in ages] for elo in pools]),
        ladder_S={each: np.array([elo[each] for elo in pools]) for each in ladder},
        wrong_SXT={stage: wrong(stage) for stage in ruler.STAGES} if marks_SXT else {},
    )
