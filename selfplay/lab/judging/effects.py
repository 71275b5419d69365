"""What lessons did to the networks that had them, beside how good their judges and how even their opponents were.

S seeds, X start networks, J judges or opponents.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from selfplay.lab import curves
from selfplay.lab import experiment as lab
from selfplay.lab.curves import Curve
from selfplay.lab.judging import gap
from selfplay.lab.judging.judges import ALPHA_BETA, ITSELF, OWN_SEARCH, RANDOM, SOLVER
from selfplay.report import words
from selfplay.stats import seeds


class Effects:
    """Of all lessons; curves are over the compute of the start network, in shares of the decisions."""

    def __init__(self, records: Sequence[lab.Record]) -> None:
        def gather(task: str, measure: str = "kept") -> dict[str, Curve]:
            return curves.gather(records, {"task": task}, by="by", axis="compute", measure=measure)

        kept = gap.measured(records)["kept"]
        self.policy = kept[gap.POLICY]
        """before the lesson"""
        self.imitation = gather("imitation")
        """kept after a lesson, by judge"""
        self.results = {name: curves.lead(curve, self.policy) for name, curve in gather("results").items()}
        """kept after learning from results alone, less before it, by opponent"""
        self.points = gather("results", "points")
        """of the learner, a game, when it begins to learn from results"""
        fixed = {record["by"]: record["kept"] for record in records if record.cell.parameters["task"] == "judge"}
        self.judges = {name: self._of_judge(name, kept, fixed) for name in self.imitation}
        """kept by the judges themselves"""
        self.handcrafted = [name for name in self.imitation if name.startswith(ALPHA_BETA)]
        self.own = [name for name in self.imitation if name.startswith(OWN_SEARCH)][-1]
        """the strongest judge that the network has in itself"""
        self.helped = {name: curves.lead(self.imitation[name], self.imitation[self.own]) for name in self.handcrafted}
        """kept after a lesson by a handcrafted judge, less after one by its own"""

    def _of_judge(self, name: str, kept: gap.ByCompute, fixed: Mapping[str, float]) -> Curve:
        if name in fixed:
            return Curve(self.policy.x_X, np.full_like(self.policy.values_SX, fixed[name]))
        return kept[int(name.rpartition(" ")[2])] if name.startswith(OWN_SEARCH) else self.policy

    def overtaken(self, name: str) -> lab.Constant:
        """Compute from which the network's own search is a better judge than a handcrafted one."""
        return curves.overtaking(self.judges[self.own], self.judges[name])

    def helps_no_more(self, name: str) -> lab.Constant:
        """Compute from which the lesson of a handcrafted judge gives no more than one by the network's own search."""
        curve = self.helped[name]
        return lab.Constant(*seeds.overtaking(curve.x_X, -curve.values_SX))

    def rise(self) -> dict[str, np.ndarray]:
        """For each start network, by its compute in words, the rank correlations [S], over judges, of what they keep
        with what is kept by whom they taught."""
        x_X = next(iter(self.imitation.values())).x_X
        judges_SXJ = np.stack([self.judges[name].at(x_X) for name in self.imitation], axis=2)
        after_SXJ = np.stack([curve.values_SX for curve in self.imitation.values()], axis=2)
        ranks = (seeds.rank_correlation(judges_SXJ[:, i], after_SXJ[:, i]) for i in range(len(x_X)))
        return dict(zip(map(words.flops, x_X.tolist()), ranks, strict=True))

    def mean(self, opponent: str) -> np.ndarray:
        """Gains [S] from results against an opponent, over all start networks."""
        return self.results[opponent].values_SX.mean(axis=1)

    def curvature(self) -> np.ndarray:
        """c [S] of gain = a + b p + c p^2, by least squares over opponents and start networks: below 0 for an inverted
        U. p is the learner's points a game when it begins, less 1/2."""
        sides = ([each[name].values_SX for name in self.results] for each in (self.points, self.results))
        p_SN, gain_SN = (np.concatenate(side, axis=1) for side in sides)
        pairs = zip(np.vander(p_SN.ravel() - 0.5, 3).reshape(*p_SN.shape, 3), gain_SN, strict=True)
        return np.array([np.linalg.lstsq(powers_N3, gain_N)[0][0] for powers_N3, gain_N in pairs])

    def constants(self) -> Iterator[tuple[str, lab.Constant]]:
        for start, rank_S in self.rise().items():
            yield f"rank correlation of judges with whom they taught, {start} FLOPs before", curves.mean(rank_S)
        yield "curvature of gains by results, in points, over the points of a game", curves.mean(100 * self.curvature())
        for name in self.handcrafted:
            yield f"compute from which {self.own} keeps more than {name}", self.overtaken(name)
            yield f"compute from which lessons by {self.own} give more than by {name}", self.helps_no_more(name)

    def tables(self) -> Iterator[lab.Table]:
        """A row for each judge or opponent, a column for each start network."""
        starts = tuple(map(words.flops, next(iter(self.imitation.values())).x_X.tolist()))
        before = {"before": self.policy_at_starts}
        _, rows = curves.table({**before, **self.imitation})
        yield lab.Table("Decisions kept after a lesson by a judge, in percent", ("judge", *starts), rows)
        _, rows = curves.table(self.results)
        yield lab.Table("Decisions kept more after learning from results, in points", ("opponent", *starts), rows)
        _, rows = curves.table(self.points)
        yield lab.Table("Points of the learner against them when it begins, in percent", ("opponent", *starts), rows)

    @property
    def policy_at_starts(self) -> Curve:
        """Before the lesson, at the start networks alone."""
        x_X = next(iter(self.imitation.values())).x_X
        return Curve(x_X, self.policy.at(x_X))

    def answer(self) -> str:
        """In sentences."""
        ranks = [curves.said(curves.mean(rank_S)) for rank_S in self.rise().values()]
        itself, random, solver = (
            curves.said(curves.mean(100 * self.mean(name)), unit=" points") for name in (ITSELF, RANDOM, SOLVER)
        )
        return (
            f"After lessons of equal compute the better judge has the better pupil by rank correlations of"
            f" {', '.join(ranks)}, from the earliest network to the latest. Results alone, where nobody judges moves,"
            f" changed the decisions kept by {itself} against itself, {random} against random moves, {solver} against"
            f" the solver."
        )


def same_event(claim: str, pairs: Mapping[str, tuple[lab.Constant, lab.Constant]]) -> lab.Claim:
    """A claim that in each pair the first event comes when the second does: it held if each first is within the
    interval of its second, and did not if two intervals have nothing in common."""
    apart = any(
        _bounds(one)[0] > _bounds(other)[1] or _bounds(other)[0] > _bounds(one)[1] for one, other in pairs.values()
    )
    within = all(
        one.value is not None and other.value is not None and _bounds(other)[0] <= one.value <= _bounds(other)[1]
        for one, other in pairs.values()
    )
    why = "; ".join(
        f"{name}: no better teacher {curves.since(one)}, no better judge {curves.since(other)}"
        for name, (one, other) in pairs.items()
    )
    return lab.Claim(claim, False if apart else True if within else None, why)


def _bounds(event: lab.Constant) -> tuple[float, float]:
    return -np.inf if event.low is None else event.low, np.inf if event.high is None else event.high
