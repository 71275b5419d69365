"""When a learner overtook each of its opponents, and when it will: pure functions of its matches.

B curves, one for each (player, opponent) of a run, E evaluations, G points of a grid over log10 of training FLOPs.
A learner has overtaken an opponent at the compute from which its expected score stays above 50 %.

One run: `selfplay.stats.curve` gives the strength at every compute with its band. The crossing is the last passage of
the expectation upwards; its 95 % interval begins where the learner was last surely below 50 % and ends where it was
last not surely above. It is overtaken if at the end of its evaluations the lower bound of the score is above 50 %. The
5 % of that bound are shared among the evaluations (Bonferroni), since a run may be looked at after each.

Several runs are seeds of one experiment: the crossing is the geometric mean of theirs, and its interval Student's
on log C, which holds the noise of the games as well as the difference between seeds. With three seeds it is wide
(4.3 standard errors each way), because three is few. It speaks of the average over seeds, not of the next run.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, overload

import numpy as np

from selfplay.stats import curve
from selfplay.stats.records import AMOUNTS, Crossing, CrossoverRecord, EvalLine, Forecast, GradedForecast, Lines
from selfplay.stats.score import Z95, student

_REACH = 2.0  # decades beyond the last evaluation that a forecast looks
_STEPS = 120  # of the grid over the evaluations, and beyond them


@dataclass(frozen=True)
class _Match:
    """The evaluations of one player against one opponent in one run, by compute."""

    agent: str
    opponent: str
    x_E: np.ndarray
    pairs_E5: np.ndarray
    amounts: Mapping[str, np.ndarray]
    """log10 of each of AMOUNTS that is known at all evaluations"""

    @property
    def pairing(self) -> tuple[str, str]:
        return self.agent, self.opponent

    def until(self, count: int) -> "_Match":
        """The first `count` evaluations."""
        cut = {name: values_E[:count] for name, values_E in self.amounts.items()}
        return _Match(self.agent, self.opponent, self.x_E[:count], self.pairs_E5[:count], cut)


def _matches(lines: Lines) -> list[_Match]:
    """The curves of a run, in the order of their first lines; an untrained network has no place on a log axis."""
    groups: dict[tuple[str, str], list[EvalLine]] = {}
    for line in sorted((line for line in lines if line.flops > 0), key=lambda line: line.flops):
        groups.setdefault(line.pairing, []).append(line)
    order = list(dict.fromkeys(line.pairing for line in lines))
    return [_match(groups[pairing]) for pairing in order if pairing in groups]


def _match(lines: Lines) -> _Match:
    amounts = {name: np.array([getattr(line, name) or 0 for line in lines], float) for name in AMOUNTS}
    return _Match(
        agent=lines[0].agent,
        opponent=lines[0].opponent,
        x_E=np.log10([line.flops for line in lines]),
        pairs_E5=np.array([line.evidence_5 for line in lines], float),
        amounts={name: np.log10(values_E) for name, values_E in amounts.items() if values_E.all()},
    )


def _strengths(matches: Sequence[_Match]) -> tuple[np.ndarray, curve.Curves]:
    """Grids [B, 2 G + 1] from the first evaluation to the last (at point G), and on as far as forecasts reach."""
    evaluations = max(len(match.x_E) for match in matches)
    x_BE = np.stack([np.pad(match.x_E, (0, evaluations - len(match.x_E)), mode="edge") for match in matches])
    pairs_BE5 = np.stack([np.pad(m.pairs_E5, ((0, evaluations - len(m.x_E)), (0, 0))) for m in matches])
    first_B1, last_B1 = x_BE[:, :1], x_BE[:, -1:]
    steps_G = np.arange(_STEPS + 1) / _STEPS
    grid_BG = np.hstack([first_B1 + (last_B1 - first_B1) * steps_G, last_B1 + _REACH * steps_G[1:]])
    return grid_BG, curve.fit(x_BE, pairs_BE5, grid_BG)


def _passage(x_G: np.ndarray, height_G: np.ndarray) -> float | None:
    """Where `height_G` last rises through 0; -inf if it is never below, None if it ends below."""
    below = np.flatnonzero(height_G < 0)
    if len(below) == 0:
        return -math.inf
    last = below[-1]
    if last == len(x_G) - 1:
        return None
    share = height_G[last] / (height_G[last] - height_G[last + 1])
    return float(x_G[last] + share * (x_G[last + 1] - x_G[last]))


@overload
def _power(exponent: float) -> float: ...
@overload
def _power(exponent: float | None) -> float | None: ...
def _power(exponent: float | None) -> float | None:
    """10 to the exponent, of -inf too."""
    return None if exponent is None else 0.0 if exponent == -math.inf else 10**exponent


def _score(strength: float) -> float:
    return 1 / (1 + math.exp(-strength))


def _crossing(match: _Match, x_G: np.ndarray, mean_G: np.ndarray, sd_G: np.ndarray) -> Crossing:
    """The crossing of one run, without a forecast; the grid ends at its last evaluation."""
    at = _passage(x_G, mean_G)
    low, high = _passage(x_G, mean_G + Z95 * sd_G), _passage(x_G, mean_G - Z95 * sd_G)
    end, margin = mean_G[-1], NormalDist().inv_cdf(1 - 0.025 / len(match.x_E)) * sd_G[-1]
    if end - margin <= 0:
        at, high = None, None
    spent: dict[str, Any] = {}
    if at is not None and math.isfinite(at):
        spent = {name: 10 ** float(np.interp(at, match.x_E, values_E)) for name, values_E in match.amounts.items()}
    return Crossing(
        opponent=match.opponent,
        agent=match.agent,
        status="not overtaken" if high is None else "overtaken",
        flops=None if at == -math.inf else _power(at),
        flops_low=_power(float(x_G[-1]) if low is None else low),
        flops_high=None if high is None else 10 ** max(high, float(x_G[0])),
        **spent,
        score_at_end=_score(end),
        score_low=_score(end - margin),
        score_high=_score(end + margin),
        flops_at_end=float(10 ** x_G[-1]),
    )


def _forecast(match: _Match, x_G: np.ndarray, mean_G: np.ndarray, sd_G: np.ndarray) -> Forecast | None:
    """The crossing that is to come; None if the learner is already above 50 %. The grid reaches beyond `match`."""
    if mean_G[_STEPS] >= 0:
        return None
    low, at = (_passage(x_G, mean_G + z * sd_G) for z in (Z95, 0))
    sure = np.flatnonzero(mean_G - Z95 * sd_G >= 0)
    return Forecast(
        agent=match.agent,
        opponent=match.opponent,
        made_at_flops=float(10 ** match.x_E[-1]),
        flops=_power(at),
        flops_low=_power(float(x_G[-1]) if low is None else low),
        flops_high=_power(float(x_G[sure[0]]) if len(sure) else None),
    )


def forecast(lines: Lines) -> list[Forecast]:
    """When each opponent will be overtaken that is not yet, from the matches so far, as far as two decades ahead."""
    matches = _matches(lines)
    if not matches:
        return []
    grid_BG, found = _strengths(matches)
    made = [_forecast(*row) for row in zip(matches, grid_BG, found.mean_BG, found.sd_BG, strict=True)]
    return [entry for entry in made if entry is not None]


def _graded(made: Forecast, crossing: Crossing) -> GradedForecast:
    """A forecast that has an upper bound beside what happened."""
    happened, high = crossing.flops, made.flops_high
    assert made.flops is not None and high is not None
    if happened is not None:
        covered = bool(made.flops_low <= happened <= high)
    else:
        covered = False if crossing.flops_low > high else None
    return GradedForecast(**made.as_dict(), covered=covered, ratio=happened and happened / made.flops)


def _crossings(lines: Lines) -> list[Crossing]:
    """Of one run, in the order in which opponents were met; each with the first bounded forecast made before it."""
    matches = _matches(lines)
    if not matches:
        return []
    prefixes = [match.until(count) for match in matches for count in range(1, len(match.x_E) + 1)]
    grid_BG, found = _strengths(prefixes)
    crossings: dict[tuple[str, str], Crossing] = {}
    since: dict[tuple[str, str], int] = {}  # evaluations until which it was not overtaken
    forecasts: dict[tuple[str, str], list[Forecast]] = {}
    for prefix, x_G, mean_G, sd_G in zip(prefixes, grid_BG, found.mean_BG, found.sd_BG, strict=True):
        pairing, played = prefix.pairing, slice(_STEPS + 1)
        made = _forecast(prefix, x_G, mean_G, sd_G)
        if made is not None and made.flops_high is not None:
            forecasts.setdefault(pairing, []).append(made)
        crossings[pairing] = _crossing(
            prefix, x_G[played], mean_G[played], sd_G[played]
        )  # the last prefix is the whole
        if not crossings[pairing].overtaken:
            since[pairing] = len(prefix.x_E)
    untrained = {line.pairing: (line.score, line.score_low, line.score_high) for line in lines if not line.flops}
    return [
        replace(
            _with_forecast(crossings[match.pairing], forecasts.get(match.pairing, ())),
            untrained=untrained.get(match.pairing),
            **_ahead(match, since.get(match.pairing, 0)),
        )
        for match in matches
    ]


def _ahead(match: _Match, since: int) -> dict[str, float]:
    """What had been spent at the evaluation after the first `since` of them; nothing if there is none."""
    if since == len(match.x_E):
        return {}
    known = {"flops": match.x_E, **match.amounts}
    return {f"ahead_{name}": 10 ** float(known[name][since]) for name in ("flops", "seconds") if name in known}


def _with_forecast(crossing: Crossing, forecasts: Sequence[Forecast]) -> Crossing:
    """The crossing with the first of these that was made before it."""
    event = crossing.flops or 0 if crossing.overtaken else math.inf
    first = next((made for made in forecasts if made.made_at_flops < event), None)
    return replace(crossing, forecast=first and _graded(first, crossing))


def _together(runs: Sequence[Crossing]) -> Crossing:
    """One crossing from those of several seeds; overtaken if in every one of them."""
    overtaken = all(run.overtaken for run in runs)
    spent: dict[str, Any] = {}
    for name in ("ahead_flops", "ahead_seconds"):
        each = [getattr(run, name) for run in runs]
        if overtaken and all(each):
            spent[name] = 10 ** float(np.mean(np.log10(each)))
    before = [run.untrained for run in runs if run.untrained]
    if len(before) == len(runs):
        # The mean, and of the bounds the widest: seeds differ in their random weights.
        spent["untrained"] = (sum(score for score, _, _ in before) / len(before), min(low for _, low, _ in before),
                              max(high for _, _, high in before))  # fmt: skip
    if overtaken and all(run.flops for run in runs):
        values = {name: [getattr(run, name) for run in runs] for name in ("flops", *AMOUNTS)}
        spent |= {name: 10 ** float(np.mean(np.log10(each))) for name, each in values.items() if all(each)}
        _, low, high = (10**x for x in student(np.log10(values["flops"]).tolist()))
    else:
        low = min(run.flops_low for run in runs)
        high = max(run.flops_high or 0 for run in runs) if overtaken else None
    ends = [math.log(run.score_at_end / (1 - run.score_at_end)) for run in runs]
    return Crossing(
        opponent=runs[0].opponent,
        agent=runs[0].agent,
        status="overtaken" if overtaken else "not overtaken",
        flops=spent.pop("flops", None),
        flops_low=low,
        flops_high=high,
        **spent,
        score_at_end=_score(float(np.mean(ends))),
        score_low=min(run.score_low for run in runs),
        score_high=max(run.score_high for run in runs),
        flops_at_end=min(run.flops_at_end for run in runs),
        forecast=next((run.forecast for run in runs if run.forecast), None),
        runs=tuple(runs),
    )


def record(lines: Lines, game: str) -> CrossoverRecord:
    """The crossings of one run, from all of its matches so far."""
    crossings = [replace(crossing, runs=(crossing,)) for crossing in _crossings(lines)]
    players = list(dict.fromkeys(crossing.agent for crossing in crossings))
    return CrossoverRecord(
        game=game, crossings=tuple(sorted(crossings, key=lambda crossing: players.index(crossing.agent)))
    )


def together(records: Sequence[CrossoverRecord]) -> CrossoverRecord:
    """The record of several runs (one at least) that are seeds of one experiment: of each player and opponent that all
    of them know, in the order of the first run."""
    if len(records) == 1:
        return records[0]
    by_run = [{crossing.pairing: crossing.runs[0] for crossing in one.crossings} for one in records]
    shared = [pairing for pairing in by_run[0] if all(pairing in found for found in by_run)]
    crossings = tuple(_together([found[pairing] for found in by_run]) for pairing in shared)
    return CrossoverRecord(game=records[0].game, crossings=crossings)
