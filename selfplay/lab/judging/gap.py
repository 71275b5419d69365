"""The gap between who plays and who judges: what a search keeps, less what the policy keeps that it teaches.

S seeds, X checkpoints.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from selfplay.lab import curves
from selfplay.lab import experiment as lab
from selfplay.lab.judging import judges
from selfplay.lab.ruler import Decisions
from selfplay.network.frozen import FrozenNetwork
from selfplay.report import words
from selfplay.stats import laws, seeds

POLICY = 0
"""simulations of the policy alone"""
GAP, KL = "the gap", "KL(target || policy)"

ByCompute = Mapping[int, curves.Curve]  # by simulations, over the compute of the training
Measured = Mapping[str, ByCompute]  # by measure


def measure(network: FrozenNetwork, simulations: int, asked: Decisions) -> tuple[dict[str, Any], float]:
    """How good a network's policy is, or what a search makes of it, with the KL divergence of that from the policy; and
    the FLOPs that it took."""
    alone = judges.network_policy(network)(asked.states_NW)
    found = alone if simulations == POLICY else judges.network_search(network, simulations)(asked.states_NW)
    return {
        **judges.marks(found.policy_NA, asked),
        "kl": judges.divergence(found.policy_NA, alone.policy_NA),
    }, found.flops


def measured(records: Sequence[lab.Record]) -> Measured:
    found: dict[str, dict[int, curves.Curve]] = {}
    for measure in ("kept", "regret", "even", "odd", "kl"):
        by_search = curves.gather(records, {"task": "gap"}, by="simulations", axis="compute", measure=measure)
        found[measure] = {int(searched): curve for searched, curve in by_search.items()}
    return found


def gaps(kept: ByCompute) -> dict[int, curves.Curve]:
    """How many more decisions than the policy each search keeps."""
    return {searched: curves.lead(curve, kept[POLICY]) for searched, curve in kept.items() if searched != POLICY}


def foretold(measured: Measured, target: int) -> dict[str, np.ndarray]:
    """Rank correlations [S] over checkpoints: of what the policy gains by ten times the compute with the gap of
    `target` simulations, and with the KL divergence of that search's policy from the network's.

    The gap is that in one half of the decisions, the gain that in the other: a checkpoint that was unlucky with a
    decision would have both a gap and a gain of it.
    """
    even, policy = measured["even"], measured["odd"][POLICY]
    decade = int(np.searchsorted(policy.x_X, 9.9 * policy.x_X[0]))
    gains_SX = policy.values_SX[:, decade:] - policy.values_SX[:, :-decade]
    gaps_SX, kl_SX = (
        c.values_SX[:, :-decade] for c in (curves.lead(even[target], even[POLICY]), measured["kl"][target])
    )
    return {name: seeds.rank_correlation(each_SX, gains_SX) for name, each_SX in ((GAP, gaps_SX), (KL, kl_SX))}


def constants(kept: ByCompute, target: int) -> Iterator[tuple[str, lab.Constant]]:
    found = gaps(kept)
    for name, at in (("first", 0), ("last", -1)):
        yield f"decisions kept by the policy, %, {name} checkpoint", curves.mean(100 * kept[POLICY].values_SX[:, at])
        for searched in (target, max(found)):
            told = f"{searched} simulations, {name} checkpoint"
            errors_S = np.maximum(1 - kept[POLICY].values_SX[:, at], 1e-9)
            yield f"gap in points, {told}", curves.mean(100 * found[searched].values_SX[:, at])
            yield (
                f"share of the policy's errors mended, {told}",
                curves.mean(found[searched].values_SX[:, at] / errors_S),
            )
    for searched, curve in found.items():
        runs = [(np.log10(curve.x_X), 100 * values_X) for values_X in curve.values_SX]
        slope = laws.over_runs(laws.POWER, runs)["slope"]
        yield f"gap in points per tenfold of compute, {searched} simulations", lab.Constant(*slope)


def table(title: str, gaps: ByCompute) -> lab.Table:
    """A row for each search, a column for each age."""
    _, rows = curves.table({f"{searched:,}": curve for searched, curve in gaps.items()})
    return lab.Table(title, ("simulations", *(words.flops(x) for x in next(iter(gaps.values())).x_X)), rows)
