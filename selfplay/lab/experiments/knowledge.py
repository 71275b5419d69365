"""What human knowledge is worth to who learns Connect Four by itself, and when it stops being worth it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

import games
from selfplay.knowledge import oracle
from selfplay.lab import arms, curves
from selfplay.lab import experiment as lab
from selfplay.lab.teaching import concepts, course
from selfplay.lab.teaching.course import Size
from selfplay.lab.teaching.students import Arm
from selfplay.report import plots, words
from selfplay.stats import laws

BARE, PLANES, TAUGHT, BOTH = "bare rules", "+ threat planes", "taught", "taught, then self-play"
ARMS = {
    BARE: Arm(),
    "+ symmetry": Arm(symmetry=True),
    "+ look ahead": Arm(look_ahead=True),
    PLANES: Arm(threats=True),
    TAUGHT: Arm(taught=1.0),
    BOTH: Arm(taught=0.1),
}
AS_TAUGHT = ("win", "block", "handover", "double", "odd, even")
COLOURS = dict(zip(ARMS, (plots.COLOURS[i] for i in (6, 0, 5, 2, 1, 4)), strict=True))
LEVEL = 0.8  # of the way from chance to always right: from there on a network knows a piece
MEASURES = {
    "decisions kept": "kept",
    "by the network alone": "alone",
    "expert's moves predicted": "predicts",
}
SAME = 0.02  # compute of two arms differs by less


SIZES = {
    "cpu-hour": Size(seeds=5, network="resnet:2x16", simulations=16, first=3e10, last=1.5e12, count=9, decisions=150,
                     questions=80, depth=6, cost=75),
    "cpu-night": Size(seeds=3, network="resnet:3x32", simulations=32, first=1.5e11, last=1.5e13, count=9, decisions=300,
                      questions=200, depth=6, cost=150),
    "gpu": Size(seeds=5, network="resnet:5x64", simulations=32, first=3e12, last=3e15, count=13, decisions=500,
                questions=300, depth=6, positions=32_768, device="cuda", cost=600),
    "tiny": Size(seeds=2, network="mlp:1x32", simulations=2, first=8e7, last=3.2e8, count=2, decisions=4, questions=3,
                 depth=2, positions=64, cost=0.2),
}  # fmt: skip


def grid(preset: str) -> lab.Grid:
    """What the solver says, what rules and the expert do; then every training, and then what it knew at each age."""
    oracle.check(games.make("connect4"))  # of which nothing is left without the solver
    reward_only = "reward only as an arm of its own: it is the reference, bare rules, which nobody teaches anything"
    return lab.Grid([*course.cells(SIZES[preset], ARMS)], [reward_only])


def run(cell: lab.Cell, earlier: lab.Earlier) -> lab.Outcome:
    """Make the questions, train, or ask a network what it knows."""
    return course.run(cell, earlier, ARMS)


def _curves(records: Sequence[lab.Record], measure: str) -> Mapping[str, curves.Curve]:
    """Of each arm."""
    return curves.gather(records, {"task": "measure"}, by="arm", axis="age", measure=measure)


def _result(records: Sequence[lab.Record], task: str) -> Mapping[str, Any]:
    return next(record.outcome.result for record in records if record["task"] == task)


def _known(records: Sequence[lab.Record], arm: str) -> dict[str, curves.Curve]:
    """By title of a piece how far the networks of an arm have come with it, from chance, 0, to always right, 1."""
    return {concepts.TITLES[piece]: _curves(records, piece)[arm] for piece in AS_TAUGHT}


def _clocks(records: Sequence[lab.Record]) -> dict[str, lab.Constant]:
    """From which compute on the untaught network knows each piece, in the order in which people teach them."""
    found = _known(records, BARE).items()
    return {name: curves.reaching(each, np.full((len(each.values_SX), 1), LEVEL)) for name, each in found}


def _worth(records: Sequence[lab.Record]) -> dict[str, tuple[float, float]]:
    """By title of a piece what it is worth to a player of rules, with half an interval."""
    rules = _result(records, "rules")
    return {concepts.TITLES[piece]: (rules[piece], rules[f"{piece}, half"]) for piece in AS_TAUGHT}


def conclude(records: Sequence[lab.Record]) -> lab.Conclusion:
    """Seeds are pairs: each arm against the reference of the same seed."""
    kept, clocks, number = _curves(records, "kept"), _clocks(records), _result(records, "decisions")["count"]
    gains = arms.gains(kept, BARE, number)
    plateaus = {arm: arms.plateau(curve, kept[BARE], number) for arm, curve in kept.items()}
    constants: dict[str, lab.Constant] = {}
    for arm, gain in gains.items():
        constants[f"{arm}: d log gain / d log compute"] = lab.Constant(*gain.slope)
        for at, when in ((0, "first"), (-1, "last")):
            constants[f"{arm}: gain at the {when} age"] = arms.factor(gain.log10_P[at])
        constants[f"{arm}: FLOPs from which {BARE} keep more"] = curves.overtaking(kept[BARE], kept[arm])
    for arm, each in plateaus.items():
        constants[f"{arm}: rise over the last decade, of that of {BARE} over all"] = each
    for piece, each in clocks.items():
        constants[f"FLOPs from which the untaught knows: {piece}"] = each
    x_X = kept[BARE].x_X
    worth = "; ".join(f"{arm.removeprefix('+ ')} {arms.course(gain)}" for arm, gain in gains.items())
    passing = constants[f"{TAUGHT}: FLOPs from which {BARE} keep more"]
    return lab.Conclusion(
        answer=f"From {words.flops(x_X[0])} to {words.flops(x_X[-1])} FLOPs of training, what knowledge is worth goes,"
        f" as a factor of compute: {worth}. In the mean of the seeds the untaught keeps more decisions than the taught"
        f" {arms.since(passing)}{'' if passing.high or not passing.value else ', which is not certain by the end'}.",
        constants=constants,
        claims=[*_claims(records, kept, gains, plateaus, clocks)],
        tables=[
            lab.Table(
                "The arms, with the most compute",
                *arms.table({n: _curves(records, m) for n, m in MEASURES.items()}, gains),
            ),
            lab.Table(
                "Five pieces of human knowledge",
                ("piece", "known to the untaught", "worth to rules, points"),
                [
                    (name, arms.since(clocks[name]), f"{100 * worth:.1f} ± {100 * half:.1f}")
                    for name, (worth, half) in _worth(records).items()
                ],
            ),
        ],
    )


def _claims(
    records: Sequence[lab.Record],
    kept: Mapping[str, curves.Curve],
    gains: Mapping[str, laws.Gain],
    plateaus: Mapping[str, lab.Constant],
    clocks: Mapping[str, lab.Constant],
) -> Iterator[lab.Claim]:
    spent = [record["ages"][-1]["flops"] for record in records if record["task"] == "train"]
    apart = max(spent) / min(spent) - 1
    yield lab.Claim("all trainings end at the same compute, within 2 %", apart <= SAME, f"{apart:.2%} apart")
    for arm, gain in gains.items():
        yield arms.above(f"{arm}: worth more than nothing at the first age (log10 of the gain)", gain.log10_P[0], 0.0)
        yield arms.below(f"{arm}: what it is worth wears off (slope of the gain)", gain.slope, 0.0)
    last = {arm: curve.values_SX[:, -1] for arm, curve in kept.items()}
    yield curves.all_above_zero(
        "with the most compute the untaught keeps more than the taught", {"ahead by": last[BARE] - last[TAUGHT]}
    )
    yield arms.below(
        "with the most compute, having been taught first is worth less than 1.5 times the compute (log10)",
        gains[BOTH].log10_P[-1],
        math.log10(1.5),
    )
    yield arms.below(f"the taught comes to a plateau (rises less than {arms.LEAST:g})", plateaus[TAUGHT], arms.LEAST)
    yield arms.above("the untaught does not", plateaus[BARE], arms.LEAST)
    predicts = {arm: curve.values_SX[:, -1] for arm, curve in _curves(records, "predicts").items()}
    yield curves.all_above_zero(
        "with the most compute the taught predicts the expert better than the untaught",
        {"ahead by": predicts[TAUGHT] - predicts[BARE]},
    )
    yield arms.in_order("the untaught comes to know the pieces in the order in which people teach them", clocks)


def draw(records: Sequence[lab.Record]) -> Mapping[str, lab.Picture]:
    """Strength and gains, clocks, and who plays like the expert."""
    kept, rules = _curves(records, "kept"), _result(records, "rules")
    levels = {"the expert": rules["expert"], "a player of five rules": rules["rules"]}
    predicts = {arm: _curves(records, "predicts")[arm] for arm in (BARE, TAUGHT, BOTH)}
    return {
        "gains": lab.Picture(
            figure=arms.gains_over_compute(kept, BARE, COLOURS, _result(records, "decisions")["count"], levels),
            label="How strong each arm is over training compute, and how many times the compute what it knows is worth",
            caption="Left: share of decisions, positions in which some moves keep what the game is worth and others do"
            " not, that each learner keeps; lines are means of seeds. Right: how many times its compute the bare rules"
            " need to be as strong. A line that falls is knowledge that wears off; below 1 it is in the way. Lines are"
            " fits with 95 % bands, dots are means as measured.",
        ),
        "clocks": lab.Picture(
            figure=arms.clocks({arm: _known(records, arm) for arm in (BARE, PLANES)}, LEVEL, _worth(records)),
            label="How well two arms know each piece of human knowledge, over compute, and what each is worth",
            caption="Left: how often the network alone, without search, is right where this piece alone decides, from"
            f" chance to always; dashed: from there on ({LEVEL:.0%} of the way) it counts as known. Middle: the same"
            " where threats are drawn on the board. Right: points of decisions that a player of all five rules loses"
            " without this one.",
        ),
        "expert": lab.Picture(
            figure=arms.paths(
                predicts, kept, COLOURS, "expert's moves predicted by the network alone", "decisions kept"
            ),
            label="How well three arms predict the expert's moves, beside how strong they are",
            caption="Dots are ages, larger ones later. Who is further right plays more like the expert; who is higher"
            " plays better.",
        ),
    }


EXPERIMENT = lab.Experiment(
    name="knowledge",
    version=1,
    title="What human knowledge is worth, and when it stops",
    question="Of learners of Connect Four one is told the rules and nothing else. The others are also given a piece of"
    " human knowledge: that the board is symmetric, wins seen ahead in the search, threats drawn on the board, or the"
    " games of a handcrafted expert. How many times the compute is each worth, does that wear off as compute grows, and"
    " when does the untaught find the same by itself?",
    refuted_by="That knowledge stops paying is refuted by a gain that does not wear off, which is a slope of log gain"
    " over log compute that is not below 0, and by a taught player that the untaught does not overtake.",
    grid=grid, run=run, conclude=conclude, draw=draw,
    sources=["R. Sutton, The bitter lesson (2019)", "D. Silver et al., Mastering the game of Go without human knowledge"
             " (2017), figure 3", "T. Davidson et al., AI capabilities can be significantly improved without expensive"
             " retraining (2023)"],
)  # fmt: skip
