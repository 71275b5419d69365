"""The learner and its opponents on one Elo scale, from the lines of evals.jsonl alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from selfplay.stats import rating


@dataclass(frozen=True)
class Strength:
    """Elo with the ladder's first opponent as zero."""

    rungs: Mapping[str, float]
    """by opponent, in the order of their first matches"""
    learner: Mapping[str, Sequence[tuple[float, float]]]
    """by player (`net`, `mcts:sims=64`): training FLOPs and Elo at each evaluation"""


def strength(lines: Sequence[Mapping[str, Any]]) -> Strength:
    """Bradley-Terry over the matches of a run, every evaluation of each player being a player of its own.

    Only of who is linked to the first opponent by matches: two that have met but each other have no place on its scale.
    """
    lines = _linked(lines)
    rungs = list(dict.fromkeys(line["opponent"] for line in lines))
    moments = list(dict.fromkeys((line["agent"], line["flops"]) for line in lines))
    points_NN = np.zeros((len(rungs) + len(moments),) * 2)
    for line in lines:
        i, j = len(rungs) + moments.index((line["agent"], line["flops"])), rungs.index(line["opponent"])
        points_NN[i, j] += line["wins"] + line["draws"] / 2
        points_NN[j, i] += line["losses"] + line["draws"] / 2
    elo_N = rating.ELO * rating.fit(points_NN)
    elo_N -= elo_N[0] if len(rungs) else 0.0
    learner: dict[str, list[tuple[float, float]]] = {}
    for (agent, flops), elo in zip(moments, elo_N[len(rungs) :], strict=True):
        learner.setdefault(agent, []).append((flops, float(elo)))
    return Strength({rung: float(elo) for rung, elo in zip(rungs, elo_N, strict=False)}, learner)


def _linked(lines: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The matches of all who are linked to the first opponent, directly or by others."""
    known = {lines[0]["opponent"]} if lines else set()
    while True:
        linked = [line for line in lines if line["opponent"] in known or (line["agent"], line["flops"]) in known]
        more = {name for line in linked for name in (line["opponent"], (line["agent"], line["flops"]))}
        if more <= known:
            return linked
        known |= more
