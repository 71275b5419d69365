"""When a learner overtook each of its opponents: pure functions of the lines of evals.jsonl.

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
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from selfplay.stats import curve
from selfplay.stats.score import Z95, student

Lines = Sequence[Mapping[str, Any]]
"""the lines of one run's evals.jsonl, or the first of them"""

AMOUNTS = ("evaluations", "games", "seconds", "jones_flops", "joules")
"""what had been spent; jones_flops are of self-play alone, 1 per multiply-add (Jones 2021); few machines tell joules"""
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

    def until(self, count: int) -> "_Match":
        """The first `count` evaluations."""
        cut = {name: values_E[:count] for name, values_E in self.amounts.items()}
        return _Match(self.agent, self.opponent, self.x_E[:count], self.pairs_E5[:count], cut)


def _matches(lines: Lines) -> list[_Match]:
    """The curves of a run, in the order of their first lines; an untrained network has no place on a log axis."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for line in sorted((line for line in lines if line["flops"] > 0), key=lambda line: line["flops"]):
        groups.setdefault((line["agent"], line["opponent"]), []).append(line)
    order = list(dict.fromkeys((line["agent"], line["opponent"]) for line in lines))
    found = []
    for agent, opponent in (key for key in order if key in groups):
        group = groups[agent, opponent]
        known = [name for name in AMOUNTS if all(line.get(name) for line in group)]
        amounts = {name: np.log10([line[name] for line in group]) for name in known}
        x_E, pairs_E5 = np.log10([line["flops"] for line in group]), np.array([line["pairs"] for line in group], float)
        found.append(_Match(agent, opponent, x_E, pairs_E5, amounts))
    return found


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


def _power(exponent: float | None) -> float | None:
    return None if exponent is None else 0.0 if exponent == -math.inf else 10**exponent


def _score(strength: float) -> float:
    return 1 / (1 + math.exp(-strength))


def _crossing(match: _Match, x_G: np.ndarray, mean_G: np.ndarray, sd_G: np.ndarray) -> dict[str, Any]:
    """The crossing of one run; the grid ends at its last evaluation."""
    at = _passage(x_G, mean_G)
    low, high = _passage(x_G, mean_G + Z95 * sd_G), _passage(x_G, mean_G - Z95 * sd_G)
    end, margin = mean_G[-1], NormalDist().inv_cdf(1 - 0.025 / len(match.x_E)) * sd_G[-1]
    if end - margin <= 0:
        at, high = None, None
    spent: dict[str, float | None] = dict.fromkeys(AMOUNTS)
    if at is not None and math.isfinite(at):
        spent |= {name: 10 ** float(np.interp(at, match.x_E, values_E)) for name, values_E in match.amounts.items()}
    return {
        "status": "not overtaken" if high is None else "overtaken",
        "flops": None if at == -math.inf else _power(at),
        "flops_low": _power(x_G[-1] if low is None else low),
        "flops_high": None if high is None else 10 ** max(high, float(x_G[0])),
        **spent,
        "score_at_end": _score(end),
        "score_low": _score(end - margin),
        "score_high": _score(end + margin),
        "flops_at_end": 10 ** x_G[-1],
    }


def _forecast(match: _Match, x_G: np.ndarray, mean_G: np.ndarray, sd_G: np.ndarray) -> dict[str, Any] | None:
    """The crossing that is to come; None if the learner is already above 50 %. The grid reaches beyond `match`."""
    if mean_G[_STEPS] >= 0:
        return None
    ends = [_passage(x_G, mean_G + z * sd_G) for z in (Z95, 0)]
    sure = np.flatnonzero(mean_G - Z95 * sd_G >= 0)
    return {
        "agent": match.agent,
        "opponent": match.opponent,
        "made_at_flops": 10 ** match.x_E[-1],
        "flops": _power(ends[1]),
        "flops_low": _power(x_G[-1] if ends[0] is None else ends[0]),
        "flops_high": _power(float(x_G[sure[0]]) if len(sure) else None),
    }


def forecast(lines: Lines) -> list[dict[str, Any]]:
    """When each opponent will be overtaken that is not yet, from the lines so far, with 95 % intervals.

    Entries are `{"agent", "opponent", "made_at_flops", "flops", "flops_low", "flops_high"}`; flops and flops_high
    are null where they lie more than two decades ahead.
    """
    matches = _matches(lines)
    if not matches:
        return []
    grid_BG, found = _strengths(matches)
    made = [_forecast(*row) for row in zip(matches, grid_BG, found.mean_BG, found.sd_BG, strict=True)]
    return [entry for entry in made if entry is not None]


def _graded(made: Mapping[str, Any], crossing: Mapping[str, Any]) -> dict[str, Any]:
    """A forecast beside what happened: whether its interval held the crossing, and crossing / forecast.

    Both are null while nothing has happened; the interval has failed once the run is beyond it.
    """
    happened, high = crossing["flops"], made["flops_high"]
    if happened is not None:
        covered = bool(made["flops_low"] <= happened <= high)
    else:
        covered = False if crossing["flops_low"] > high else None
    return {**made, "covered": covered, "ratio": happened and happened / made["flops"]}


def _run(lines: Lines) -> dict[tuple[str, str], dict[str, Any]]:
    """The crossings of one run by (agent, opponent), each with the first bounded forecast made before it."""
    matches = _matches(lines)
    if not matches:
        return {}
    prefixes = [match.until(count) for match in matches for count in range(1, len(match.x_E) + 1)]
    grid_BG, found = _strengths(prefixes)
    crossings: dict[tuple[str, str], dict[str, Any]] = {}
    forecasts: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for prefix, x_G, mean_G, sd_G in zip(prefixes, grid_BG, found.mean_BG, found.sd_BG, strict=True):
        key, played = (prefix.agent, prefix.opponent), slice(_STEPS + 1)
        made = _forecast(prefix, x_G, mean_G, sd_G)
        if made is not None and made["flops_high"] is not None:
            forecasts.setdefault(key, []).append(made)
        crossings[key] = _crossing(prefix, x_G[played], mean_G[played], sd_G[played])  # the last prefix is the whole
    for key, crossing in crossings.items():
        event = math.inf if crossing["status"] == "not overtaken" else crossing["flops"] or 0
        first = next((made for made in forecasts.get(key, ()) if made["made_at_flops"] < event), None)
        crossing["forecast"] = first and _graded(first, crossing)
    return crossings


def _together(crossings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One crossing from those of several seeds; overtaken if in every one of them."""
    overtaken = all(crossing["status"] == "overtaken" for crossing in crossings)
    known = overtaken and all(crossing["flops"] for crossing in crossings)
    spent: dict[str, float | None] = dict.fromkeys(("flops", *AMOUNTS))
    if known:
        values = {name: [crossing[name] for crossing in crossings] for name in spent}
        spent |= {name: 10 ** float(np.mean(np.log10(each))) for name, each in values.items() if all(each)}
        _, low, high = (10**x for x in student(np.log10([c["flops"] for c in crossings]).tolist()))
    else:
        low = min(crossing["flops_low"] for crossing in crossings)
        high = max(crossing["flops_high"] for crossing in crossings) if overtaken else None
    ends = [math.log(c["score_at_end"] / (1 - c["score_at_end"])) for c in crossings]
    return {
        "status": "overtaken" if overtaken else "not overtaken",
        "flops": spent["flops"],
        "flops_low": low,
        "flops_high": high,
        **{name: spent[name] for name in AMOUNTS},
        "score_at_end": _score(float(np.mean(ends))),
        "score_low": min(crossing["score_low"] for crossing in crossings),
        "score_high": max(crossing["score_high"] for crossing in crossings),
        "flops_at_end": min(crossing["flops_at_end"] for crossing in crossings),
        "forecast": next((c["forecast"] for c in crossings if c["forecast"]), None),
    }


def record(runs: Sequence[Lines], game: str) -> dict[str, Any]:
    """The crossover record of one run, or of several that are seeds of one experiment.

    `rungs` holds an entry for each player and opponent that all runs know, player by player, in the order of their
    first lines:

    - `status`: "overtaken" (in every run), or "not overtaken", which is to be read as "beyond flops_low".
    - `flops`: training compute of the crossing; null if it is yet to come, or came before the first evaluation.
    - `flops_low`, `flops_high`: its 95 % interval; 0 if it may have come before the first evaluation, null if it
      may come at any compute later. `evaluations`, `games`, `seconds`, `jones_flops`, `joules`: spent then.
    - `score_at_end`, `score_low`, `score_high`: of the curve at the last evaluation, at `flops_at_end`. Overtaken is
      who has a lower bound above 1/2. Of several runs, the mean (in logits), the lowest and the highest bound.
    - `forecast`: the first one with an upper bound that was made before the crossing, with `covered` and `ratio`
      (crossing / forecast); null if there was none. Of several runs, the first one's that has one.
    - `runs`: the same for each run.
    """
    by_run = [_run(lines) for lines in runs]
    rungs = []
    for agent, opponent in by_run[0] if by_run else ():
        if all((agent, opponent) in crossings for crossings in by_run):
            each = [crossings[agent, opponent] for crossings in by_run]
            rungs.append(
                {
                    "opponent": opponent,
                    "agent": agent,
                    **(each[0] if len(each) == 1 else _together(each)),
                    "runs": each,
                }
            )
    players = list(dict.fromkeys(rung["agent"] for rung in rungs))
    return {"game": game, "rungs": sorted(rungs, key=lambda rung: players.index(rung["agent"]))}


_BEATEN = 0.65  # a rung is clearly overtaken when the score's lower bound was above this twice in a row
_HOPELESS = 0.24  # 200 Elo above the learner: a score below this says little, and those above such a rung less


def informative(lines: Lines, ladder: Sequence[str], agent: str) -> list[str]:
    """The rungs of the ladder (weakest first) that are worth playing now, from the lines so far.

    A match between unequal players teaches little: scores of 24 to 76 % are within 200 Elo. Upwards from the
    strongest of the clearly overtaken rungs (so that a fall is seen, and brings back the ones below) to the first
    rung that is 200 Elo above the learner, with two at most that were never met. At first the weakest three.
    """
    met: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        if line["agent"] == agent:
            met.setdefault(line["opponent"], []).append(line)
    if not any(rung in met for rung in ladder):
        return list(ladder[:3])
    chosen: list[str] = []
    new = 0
    for rung in ladder:
        if rung not in met:
            new += 1
        chosen.append(rung)
        if rung in met and len(met[rung]) > 1 and all(line["score_low"] > _BEATEN for line in met[rung][-2:]):
            chosen = [rung]
        if new == 2 or (rung in met and met[rung][-1]["score"] < _HOPELESS):
            break
    return chosen
