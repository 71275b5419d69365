"""How much stronger the runs of one setting are than those of another at equal compute, in Elo and in compute.

R runs, E matches of each, G points of a grid over log10 of training FLOPs, S seeds of a setting.

Every run has a curve of strength over compute (`selfplay.stats.curve`), against one opponent or, on the scale on which
all the runs' matches put all their opponents (`selfplay.stats.rating`), against all of them. Equal compute is the
largest that all runs have reached.

The difference there is that of the settings' means over seeds, and its 95 % interval Welch's (1947), as Colas, Sigaud
and Oudeyer (2019) recommend for few seeds: what the seeds' strengths scatter by holds the noise of their games too. A
scatter that is smaller than the games alone cause is chance, and the games' takes its place, as in meta-analysis (Knapp
and Hartung 2003, in the form of Roever, Knapp and Friede 2015).

Compute: a setting needs f times the equal compute for what the other can do there. The interval of f is that of the
same test turned round, as Fieller (1954) did for straight lines: all f at which the one, with f times the compute,
would not be told from the other. So it holds 1 just when the interval in Elo holds 0. The gain in compute is measured
where both were seen: at the strength that the weaker setting has at equal compute, and the stronger one had earlier.
What the weaker would need to catch up lies beyond the end of its runs; there a curve is continued, with a band that
widens. The seeds share that error, so their number does not make it smaller.

A setting of one seed is taken to scatter as the other one does. Where both have one, the interval is of the games
alone, and nothing is said of the settings. `selfplay bench coverage` measures how often these intervals hold the truth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal

import numpy as np

from selfplay.stats import curve, rating, score
from selfplay.stats.records import EvalLine, Lines

_STEPS = 200  # of the grid up to equal compute, and beyond it
_REACH = 2.0  # decades beyond equal compute that a factor is looked for
_APART = 0.3  # decades between two computes at which the difference is reported


@dataclass(frozen=True, kw_only=True)
class Strengths:
    """The curves of R runs on one scale, in logits (1 is 174 Elo)."""

    agent: str
    opponent: str | None
    """None: of all opponents together"""
    opponents: Mapping[str, float]
    """Elo of each on that scale; the first is 0"""
    x_G: np.ndarray
    """from where all runs have been evaluated to two decades beyond equal compute"""
    end: int
    """the point of equal compute"""
    mean_RG: np.ndarray
    sd_RG: np.ndarray
    """what the games of a run, and its continuation, leave open"""
    ends_R: np.ndarray
    """the last point that each run has reached"""

    @property
    def flops(self) -> float:
        """Equal compute."""
        return float(10 ** self.x_G[self.end])


@dataclass(frozen=True, kw_only=True)
class Factor:
    """How many times the compute, with its 95 % interval; None is beyond what the runs can tell."""

    value: float | None
    low: float | None
    high: float | None

    @property
    def inverse(self) -> "Factor":
        """Of 1 over it."""
        value, low, high = (each and 1 / each for each in (self.value, self.high, self.low))
        return Factor(value=value, low=low, high=high)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Of strength at one compute: the first setting's, less the second's, in Elo, with its 95 % interval."""

    flops: float
    elo: float
    elo_low: float
    elo_high: float


@dataclass(frozen=True, kw_only=True)
class Comparison(Difference):
    """Of two settings at equal compute."""

    agent: str
    opponent: str | None
    """None: all opponents together"""
    seeds: tuple[int, int]
    over: Literal["seeds and games", "games"]
    """what the intervals are over: games alone where both settings have one seed"""
    second_needs: Factor
    """times equal compute that the second setting needs for the strength of the first there"""
    first_needs: Factor
    """times equal compute that the first setting needs for the strength of the second there"""
    at: tuple[Difference, ...]
    """at less compute, ascending; the last one is at equal compute"""

    @property
    def gain(self) -> Factor:
        """How many times the FLOPs the second setting needs for what the first does with one; below 1 where the second
        is the better one. At the strength of the weaker one at equal compute."""
        return self.first_needs.inverse if self.elo >= 0 else self.second_needs

    @property
    def stronger(self) -> Literal["first", "second"] | None:
        """None where no difference is shown."""
        if self.over == "games" or self.elo_low <= 0 <= self.elo_high:
            return None
        return "first" if self.elo > 0 else "second"


def shared_agents(runs: Sequence[Lines]) -> list[str]:
    """The players of a learner that all runs have evaluated against an opponent that they share: search before the
    network alone, then in the order of the first run."""
    found = list(dict.fromkeys(line.agent for line in runs[0]))
    return sorted((agent for agent in found if shared_opponents(runs, agent)), key=lambda agent: "sims" not in agent)


def shared_opponents(runs: Sequence[Lines], agent: str) -> list[str]:
    """Whom that player of every run has met, in the order of the first run."""
    met = [{line.opponent: None for line in _placed(lines) if line.agent == agent} for lines in runs]
    return [opponent for opponent in met[0] if all(opponent in one for one in met)]


def strengths(runs: Sequence[Lines], agent: str, opponent: str | None = None) -> Strengths:
    """The curves of that player of every run, against `opponent`, whom all have met, or against all opponents."""
    ladder = _ladder(runs, agent) if opponent is None else {opponent: 0.0}
    matches = [[line for line in _placed(lines) if line.agent == agent and line.opponent in ladder] for lines in runs]
    x_of: list[np.ndarray] = [np.log10([line.flops for line in lines]) for lines in matches]
    origin = min(float(x_E[0]) for x_E in x_of) - 0.001  # where all the curves begin, with no match there
    equal = min(float(x_E[-1]) for x_E in x_of)
    start = min(max(float(x_E[0]) for x_E in x_of), equal - 0.001)
    before_G, after_G = np.linspace(start, equal, _STEPS + 1), np.linspace(equal, equal + _REACH, _STEPS + 1)
    x_G = np.append(before_G, after_G[1:])
    most = max(map(len, matches))
    x_RE = np.stack([np.pad(np.insert(x_E, 0, origin), (0, most - len(x_E)), mode="edge") for x_E in x_of])
    pairs_RE5 = np.zeros((*x_RE.shape, 5))
    opponent_RE = np.zeros(x_RE.shape)
    for r, lines in enumerate(matches):
        pairs_RE5[r, 1 : len(lines) + 1] = [line.evidence_5 for line in lines]
        opponent_RE[r, 1 : len(lines) + 1] = [ladder[line.opponent] / rating.ELO for line in lines]
    found = curve.fit(x_RE, pairs_RE5, np.tile(x_G, (len(runs), 1)), opponent_RE)
    ends: list[int] = [int((x_G <= x_E[-1]).sum()) - 1 for x_E in x_of]
    return Strengths(
        agent=agent, opponent=opponent, opponents=ladder, x_G=x_G, end=_STEPS,
        mean_RG=found.mean_BG, sd_RG=found.sd_BG, ends_R=np.maximum(ends, _STEPS),
    )  # fmt: skip


def _placed(lines: Lines) -> list[EvalLine]:
    """By compute; an untrained network has no place on a logarithmic axis."""
    return sorted((line for line in lines if line.flops > 0), key=lambda line: line.flops)


def _ladder(runs: Sequence[Lines], agent: str) -> dict[str, float]:
    """Elo of all who were met, from the matches of all runs, whose checkpoints are players of their own."""
    lines = [replace(line, agent=f"{number} {line.agent}") for number, one in enumerate(runs) for line in _placed(one)]
    first = shared_opponents(runs, agent)[0]
    lines.sort(key=lambda line: line.opponent != first)  # it is the zero, and all that is linked to it is rated
    return dict(rating.strength(lines).opponents)


@dataclass(frozen=True)
class _Group:
    """The mean of S seeds over the grid."""

    seeds: int
    mean_G: np.ndarray
    scatter_G: np.ndarray
    """variance of one seed's strength, games included; of one seed alone, that of its games"""
    ahead_G: np.ndarray
    """variance that continuing the curves adds, which all seeds share"""


def _group(found: Strengths, runs: Sequence[int]) -> _Group:
    chosen = list(runs)
    points_G = np.arange(len(found.x_G))
    variance_SG = found.sd_RG[chosen] ** 2
    known_SG = np.take_along_axis(variance_SG, np.minimum(points_G, found.ends_R[chosen][:, None]), axis=1)
    scatter_G = known_SG.mean(axis=0)
    if len(chosen) > 1:
        scatter_G = np.maximum(found.mean_RG[chosen].var(axis=0, ddof=1), scatter_G)
    ahead_G = np.maximum(variance_SG - known_SG, 0).mean(axis=0)
    return _Group(len(chosen), found.mean_RG[chosen].mean(axis=0), scatter_G, ahead_G)


def _margin(
    a: _Group, b: _Group, scatter_a: np.ndarray | float, ahead_a: np.ndarray | float, share: float
) -> np.ndarray:
    """Half the width [G] of the interval of a difference between a, at some compute, and b over the grid."""
    scatter_aG, scatter_bG = np.broadcast_to(scatter_a, b.scatter_G.shape), b.scatter_G
    if a.seeds == 1 < b.seeds:
        scatter_aG = scatter_bG
    elif b.seeds == 1 < a.seeds:
        scatter_bG = scatter_aG
    part_aG, part_bG = scatter_aG / a.seeds, scatter_bG / b.seeds
    variance_G = part_aG + part_bG + ahead_a + b.ahead_G
    if a.seeds == b.seeds == 1:
        return NormalDist().inv_cdf(share) * np.sqrt(variance_G)
    if 1 in (a.seeds, b.seeds):
        freedom_G = np.full_like(variance_G, max(a.seeds, b.seeds) - 1)
    else:
        freedom_G = variance_G**2 / (part_aG**2 / (a.seeds - 1) + part_bG**2 / (b.seeds - 1))
    return score.student_quantile(share, freedom_G) * np.sqrt(variance_G)


def compare(found: Strengths, first: Sequence[int], second: Sequence[int], level: float = 0.95) -> Comparison:
    """Two settings, each the numbers of its runs among those of `found`; `level` is that of the intervals."""
    a, b = _group(found, first), _group(found, second)
    share = (1 + level) / 2
    middle_G = rating.ELO * (a.mean_G - b.mean_G)
    half_G = rating.ELO * _margin(a, b, a.scatter_G, a.ahead_G, share)
    at = tuple(
        Difference(
            flops=float(10 ** found.x_G[g]),
            elo=float(middle_G[g]),
            elo_low=float(middle_G[g] - half_G[g]),
            elo_high=float(middle_G[g] + half_G[g]),
        )
        for g in _reported(found)
    )
    return Comparison(
        flops=at[-1].flops,
        elo=at[-1].elo,
        elo_low=at[-1].elo_low,
        elo_high=at[-1].elo_high,
        agent=found.agent,
        opponent=found.opponent,
        seeds=(a.seeds, b.seeds),
        over="games" if a.seeds == b.seeds == 1 else "seeds and games",
        second_needs=_needed(found, a, b, share),
        first_needs=_needed(found, b, a, share),
        at=at,
    )


def _reported(found: Strengths) -> list[int]:
    """Points of the grid at about equal distances, the last one that of equal compute."""
    decades = found.x_G[found.end] - found.x_G[0]
    return np.linspace(0, found.end, max(2, round(decades / _APART) + 1)).round().astype(int).tolist()


def _needed(found: Strengths, a: _Group, b: _Group, share: float) -> Factor:
    """Times equal compute that b needs for the strength of a there."""
    x_G, end = found.x_G - found.x_G[found.end], found.end
    ahead_G = b.mean_G - a.mean_G[end]  # rises through 0 where b is as strong
    margin_G = _margin(a, b, a.scatter_G[end], a.ahead_G[end], share)
    below = np.flatnonzero(ahead_G < 0)
    if len(below) == len(x_G):  # not within reach
        surely = np.flatnonzero(ahead_G + margin_G < 0)
        low = None if len(surely) == 0 else float(10 ** x_G[surely[-1]])
        return Factor(value=None, low=low, high=None)
    at = 0 if len(below) == 0 else int(below[-1]) + 1
    before, after = np.flatnonzero((ahead_G + margin_G < 0)[:at]), at + np.flatnonzero((ahead_G - margin_G > 0)[at:])
    return Factor(
        value=None if at == 0 else _power(x_G, ahead_G, at),
        low=None if len(before) == 0 else _power(x_G, ahead_G + margin_G, int(before[-1]) + 1),
        high=None if len(after) == 0 else _power(x_G, ahead_G - margin_G, int(after[0])),
    )


def _power(x_G: np.ndarray, height_G: np.ndarray, at: int) -> float:
    """10 to the x at which `height_G` passes 0 on its way to point `at`."""
    if at == 0:
        return float(10 ** x_G[0])
    low, high = height_G[at - 1], height_G[at]
    return float(10 ** (x_G[at - 1] + (x_G[at] - x_G[at - 1]) * low / (low - high)))


def means(found: Strengths, runs: Sequence[int], level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Elo of a setting's seeds up to equal compute: their mean, and half the width of its interval (of one seed's games
    where there is one seed)."""
    group, upto = _group(found, runs), slice(found.end + 1)
    quantile = NormalDist().inv_cdf((1 + level) / 2)
    if group.seeds > 1:
        quantile = float(score.student_quantile((1 + level) / 2, np.array(group.seeds - 1.0)))
    half_G = quantile * np.sqrt(group.scatter_G / group.seeds)
    return rating.ELO * group.mean_G[upto], rating.ELO * half_G[upto]
