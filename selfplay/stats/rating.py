"""Elo of many players from all their matches, and of a learner as it grows: Bradley-Terry by maximum likelihood.

N players. P(i beats j) = 1 / (1 + exp(r_j - r_i)); a draw counts as half a win and half a loss. A weak prior
(each player also drew one game with a player of its own, who has no rating otherwise) keeps the ratings finite.
There is no term for the first move: every opening is played with both colours, so its advantage cancels in a pair.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfplay.stats import score
from selfplay.stats.records import EvalLine, Lines

ELO = 400 / math.log(10)  # Elo points of one unit of log odds
_PRIOR_GAMES = 1.0
_RESAMPLES = 400
UNSEEN_5 = np.array([0.5, 0, 0, 0, 0.5])  # added before pairs are drawn anew: a clean sweep is not certain

Match = tuple[str, str, Sequence[float]]
"""a, b, and the pairs of games as `score` counts them for a"""


@dataclass(frozen=True)
class Rating:
    """A player's Elo and its 95 % interval, relative to the anchors."""

    agent: str
    elo: float
    elo_low: float
    elo_high: float

    def as_dict(self) -> dict[str, Any]:
        return {"agent": self.agent, "elo": self.elo, "elo_low": self.elo_low, "elo_high": self.elo_high}


def fit(
    points_XNN: np.ndarray, prior_games: float = _PRIOR_GAMES, fixed: Mapping[int, float] | None = None
) -> np.ndarray:
    """Log-odds ratings [..., N] that maximise the likelihood of points_XNN[..., i, j], the points of i against j.

    `fixed` gives players a rating that they keep; without it the prior's player is 0. Newton's method; the prior
    makes the problem strictly concave.
    """
    *batch, players, _ = points_XNN.shape
    prior = players  # the number of the prior's player
    points = np.zeros((*batch, players + 1, players + 1))
    points[..., :players, :players] = points_XNN
    points[..., prior, :players] = points[..., :players, prior] = prior_games / 2
    fixed = fixed or {prior: 0.0}
    free = [i for i in range(players + 1) if i not in fixed]
    rating = np.zeros((*batch, players + 1))
    for i, value in fixed.items():
        rating[..., i] = value
    games = points + np.swapaxes(points, -1, -2)
    for _ in range(100):
        expected = 1 / (1 + np.exp(rating[..., None, :] - rating[..., :, None]))
        slope: NDArray[np.float64] = (points - games * expected).sum(axis=-1)[..., free]
        weight = games * expected * (1 - expected)
        curvature: NDArray[np.float64] = np.eye(players + 1) * weight.sum(axis=-1)[..., None] - weight
        step = np.linalg.solve(curvature[..., free, :][..., free], slope[..., None])[..., 0]
        rating[..., free] += np.clip(step, -2, 2)  # far from the maximum a full step overshoots
        if np.abs(step).max(initial=0) < 1e-10:
            break
    return rating[..., :players]


def _points(names: Sequence[str], matches: Sequence[Match], counts_RM5: np.ndarray) -> np.ndarray:
    """Points [R, N, N] of every player against every other, for R versions of the matches' counts."""
    points_RNN = np.zeros((len(counts_RM5), len(names), len(names)))
    for m, (a, b, _) in enumerate(matches):
        i, j = names.index(a), names.index(b)
        points_RNN[:, i, j] += counts_RM5[:, m] @ (np.arange(5) / 2)
        points_RNN[:, j, i] += counts_RM5[:, m] @ (2 - np.arange(5) / 2)
    return points_RNN


def rate(
    names: Sequence[str],
    matches: Sequence[Match],
    *,
    anchors: Mapping[str, float],
    seed: int = 0,
    resamples: int = _RESAMPLES,
) -> list[Rating]:
    """Ratings from matches, relative to the anchors, which keep the Elo that they are given (one at least).

    Intervals: the pairs of games of every match are drawn anew, with replacement, and everything is fitted again.
    Half a lost and half a won pair are among those drawn from, so that a clean sweep does not look certain.
    """
    rng = np.random.default_rng(seed)
    fixed = {names.index(name): elo / ELO for name, elo in anchors.items()}
    counts_M5 = np.array([pairs_5 for _, _, pairs_5 in matches], float).reshape(-1, 5)
    chances_M5 = counts_M5 + UNSEEN_5
    chances_M5 /= chances_M5.sum(axis=1, keepdims=True)
    drawn_RM5 = rng.multinomial(counts_M5.sum(axis=1).round().astype(int), chances_M5, (resamples, len(matches)))
    elo_N = ELO * fit(_points(names, matches, counts_M5[None]), fixed=fixed)[0]
    samples_RN = ELO * fit(_points(names, matches, drawn_RM5), fixed=fixed)
    low_N, high_N = np.quantile(samples_RN, [0.025, 0.975], axis=0)
    return [
        Rating(name, float(elo), float(low), float(high))
        for name, elo, low, high in zip(names, elo_N, low_N, high_N, strict=True)
    ]


def over_seeds(rated: Sequence[Sequence[Rating]]) -> list[Rating]:
    """Ratings of the same players, each trained with several seeds and rated with the same anchors.

    `rated` holds one list a seed. The mean over seeds, with Student's interval: seeds are the sample, and what they
    differ by holds the noise of the games too. (To draw three seeds anew, as a bootstrap does, is far too sure.)
    """
    return [Rating(each[0].agent, *score.student([entry.elo for entry in each])) for each in zip(*rated, strict=True)]


@dataclass(frozen=True)
class Residual:
    """How far one match is from what the ratings say of it."""

    a: str
    b: str
    score: float
    expected: float
    z: float
    """score - expected in standard errors of the score; beyond +-3 no rating on one scale explains it"""


def residuals(ratings: Sequence[Rating], matches: Sequence[Match]) -> list[Residual]:
    """Every match beside what the ratings predict."""
    elo = {entry.agent: entry.elo for entry in ratings}
    found: list[Residual] = []
    for a, b, pairs_5 in matches:
        seen, predicted = score.interval(pairs_5)[0], score.expected(elo[a] - elo[b])
        found.append(Residual(a, b, seen, predicted, (seen - predicted) / score.standard_error(pairs_5)))
    return found


def cycles(matches: Sequence[Match]) -> list[tuple[str, str, str]]:
    """Triples (a, b, c) in which a beats b, b beats c and c beats a, each with its score's interval above 50 %."""
    beats: set[tuple[str, str]] = set()
    for a, b, pairs_5 in matches:
        _, low, high = score.interval(pairs_5)
        if low > 0.5:
            beats.add((a, b))
        if high < 0.5:
            beats.add((b, a))
    names = list(dict.fromkeys(name for a, b, _ in matches for name in (a, b)))
    return [
        (a, b, c)
        for first, second, third in itertools.combinations(names, 3)
        for a, b, c in ((first, second, third), (first, third, second))
        if {(a, b), (b, c), (c, a)} <= beats
    ]


@dataclass(frozen=True)
class Strength:
    """The learner of a run and its opponents on one scale: Elo, with the first opponent as zero."""

    opponents: Mapping[str, float]
    """by spec, in the order of their first matches"""
    learner: Mapping[str, Sequence[tuple[float, float]]]
    """by player (`net`, `mcts:sims=64`): training FLOPs and Elo at each evaluation"""


def strength(lines: Lines) -> Strength:
    """From the matches of a run, every evaluation of each player being a player of its own.

    Only of who is linked to the first opponent by matches: two that have met but each other have no place on its scale.
    """
    lines = _linked(lines)
    opponents = list(dict.fromkeys(line.opponent for line in lines))
    evaluations = list(dict.fromkeys((line.agent, line.flops) for line in lines))
    points_NN = np.zeros((len(opponents) + len(evaluations),) * 2)
    for line in lines:
        i, j = len(opponents) + evaluations.index((line.agent, line.flops)), opponents.index(line.opponent)
        points_NN[i, j] += line.wins + line.draws / 2
        points_NN[j, i] += line.losses + line.draws / 2
    elo_N = ELO * fit(points_NN)
    elo_N -= elo_N[0] if len(opponents) else 0.0
    learner: dict[str, list[tuple[float, float]]] = {}
    for (agent, flops), elo in zip(evaluations, elo_N[len(opponents) :], strict=True):
        learner.setdefault(agent, []).append((flops, float(elo)))
    return Strength({opponent: float(elo) for opponent, elo in zip(opponents, elo_N, strict=False)}, learner)


def _linked(lines: Lines) -> list[EvalLine]:
    """The matches of all who are linked to the first opponent, directly or by others."""
    known: set[str | tuple[str, float]] = {lines[0].opponent} if lines else set()
    while True:
        linked = [line for line in lines if line.opponent in known or (line.agent, line.flops) in known]
        more = {player for line in linked for player in (line.opponent, (line.agent, line.flops))}
        if more <= known:
            return linked
        known |= more
