"""Why self-play works at all: the gap between who plays and who judges."""

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

import games
from selfplay.lab import curves, ruler, trainings
from selfplay.lab import experiment as lab
from selfplay.lab.judging import collapse, effects, gap, judges, lessons, pictures
from selfplay.lab.judging.judges import ALPHA_BETA, ITSELF, OLDER, OWN_POLICY, OWN_SEARCH, RANDOM, SOLVER
from selfplay.lab.judging.size import TARGET, Size
from selfplay.lab.trainings import Age

OLDER_AGES = 4  # of which a learner's older selves are
DECISIONS_SEED = 1000
FEW, PAIRS = 16, 30  # simulations of a training that may collapse, and pairs of games that tell its strength


COMMON = {
    "decisions": 1000,
    "teachers": (2, 8, 32, 128, 512),
    "depths": (1, 2, 4, 6, 8, 10, 12),
    "ages": 13,
    "collapses": 60,
}
SIZES = {
    "cpu-hour": Size(seeds=3, decisions=400, network="mlp:2x128", ages=10, first=5e9, starts=(3, 6, 9), lesson=1.2e11,
                     teachers=(2, 8, 32, 128), depths=(1, 2, 4, 8), collapses=30),
    "cpu-night": Size(seeds=5, network="resnet:2x32", first=1e10, starts=(3, 6, 9, 12), lesson=2e12, **COMMON),
    "gpu": Size(seeds=5, network="resnet:5x64", first=1e12, starts=(3, 6, 9, 12), lesson=1e14, device="cuda", **COMMON),
    "tiny": Size(seeds=2, decisions=8, network="mlp:1x16", ages=2, first=1e7, per_decade=1, searches=(2, TARGET),
                 starts=(1,), lesson=1e6, teachers=(2,), depths=(2,), games=4, positions=64, batch=16),
}  # fmt: skip


def grid(preset: str) -> lab.Grid:
    """Decisions, then trainings, then how much better searches are than each of their networks."""
    if not ruler.available():
        raise ValueError("the truth of this experiment is the solver of Connect Four: pip install bitbully")
    size = SIZES[preset]
    judged = [f"{ALPHA_BETA} {depth}" for depth in size.depths]
    cells = [_decisions_cell(preset)]
    cells += [_cell(preset, "judge", DECISIONS_SEED, 1.0, by=name) for name in (*judged, SOLVER)]
    cells += [_training_cell(preset, seed) for seed in range(size.seeds)]
    for of_seed in (_gap_cells, _lesson_cells):
        cells += [cell for seed in range(size.seeds) for cell in of_seed(preset, seed)]
    for seed, rule in itertools.product(range(size.seeds), collapse.RULES if size.collapses else ()):
        cells.append(_cell(preset, "collapse", seed, 2.0 * size.collapses, rule=rule, simulations=FEW))
    left_out = "the collapse of PUCT with few simulations on Gomoku 9x9, which larger presets have"
    return lab.Grid(cells, () if size.collapses else [left_out])


def _cell(preset: str, task: str, seed: int, cost: float, **told: lab.Parameter) -> lab.Cell:
    return lab.Cell(parameters={"preset": preset, "task": task, **told}, seed=seed, cost=cost)


def _decisions_cell(preset: str) -> lab.Cell:
    return _cell(preset, "decisions", DECISIONS_SEED, 60.0)


def _training_cell(preset: str, seed: int) -> lab.Cell:
    return _cell(preset, "training", seed, 200.0)


def _gap_cells(preset: str, seed: int) -> Iterator[lab.Cell]:
    for compute, searched in itertools.product(SIZES[preset].compute, (gap.POLICY, *SIZES[preset].searches)):
        yield _cell(preset, "gap", seed, 0.2 + 0.008 * searched, compute=compute, simulations=searched)


def _lesson_cells(preset: str, seed: int) -> Iterator[lab.Cell]:
    size = SIZES[preset]
    handcrafted = [f"{ALPHA_BETA} {depth}" for depth in size.depths]
    teachers = [OWN_POLICY, *(f"{OWN_SEARCH} {searched}" for searched in size.teachers), *handcrafted, SOLVER]
    opponents = [RANDOM, OLDER, ITSELF, *handcrafted, SOLVER]
    for compute in (size.compute[start] for start in size.starts):
        yield from (_cell(preset, "imitation", seed, 8.0, by=name, compute=compute) for name in teachers)
        yield from (_cell(preset, "results", seed, 8.0, by=name, compute=compute) for name in opponents)


def run(cell: lab.Cell, earlier: lab.Earlier) -> lab.Outcome:
    """What a cell of any task gives."""
    size, game = SIZES[cell["preset"]], games.make("connect4")
    if cell["task"] == "decisions":
        return lab.Outcome(ruler.decisions(size.decisions, cell.seed).as_json())
    if cell["task"] == "training":
        folder = earlier.folder / f"training-{cell.seed}"
        ages = trainings.train(folder, size.training(cell.seed), ages=size.compute)
        return lab.Outcome({"ages": [age.as_json() for age in ages]}, ages[-1].flops)
    if cell["task"] == "collapse":
        config = collapse.config(cell["rule"], cell["simulations"], size.collapses, cell.seed)
        return lab.Outcome(*collapse.watched(config, PAIRS))
    asked = ruler.Decisions.from_json(earlier(_decisions_cell(cell["preset"])))
    if cell["task"] == "judge":
        return lab.Outcome(judges.marks(judges.fixed(cell["by"], game)(asked.states_NW).policy_NA, asked))
    ages = earlier(_training_cell(cell["preset"], cell.seed))["ages"]
    networks = [trainings.network(earlier.folder, Age.from_json(age)) for age in ages]
    at = size.compute.index(cell["compute"])
    if cell["task"] == "gap":
        return lab.Outcome(*gap.measure(networks[at], cell["simulations"], asked))
    name, config = cell["by"], size.lesson_of(cell.seed)
    teacher = judges.named(name, game, networks[max(0, at - OLDER_AGES) : at])
    if cell["task"] == "imitation":
        taught = lessons.by_judge(networks[at], teacher, config)
    else:
        taught = lessons.by_results(networks[at], None if name == ITSELF else teacher, config)
    policy_NA = judges.network_policy(taught.network)(asked.states_NW).policy_NA
    told = {"points": taught.points, "positions": taught.positions, "spent": taught.flops}
    return lab.Outcome({**judges.marks(policy_NA, asked), **told}, taught.flops)


def conclude(records: Sequence[lab.Record]) -> lab.Conclusion:
    """From differences within a seed."""
    measured, found, collapsed = gap.measured(records), effects.Effects(records), collapse.Collapse(records)
    gaps, ranks = gap.gaps(measured["kept"]), gap.foretold(measured, TARGET)
    constants = {**dict(gap.constants(measured["kept"], TARGET)), **dict(found.constants())}
    for name, rank_S in ranks.items():
        constants[f"rank correlation of {name} with what ten times the compute will bring"] = curves.mean(rank_S)
    if collapsed.seen:
        constants |= collapsed.constants()
    return lab.Conclusion(
        answer=_answer(gaps, ranks, found),
        constants=constants,
        claims=[*_gap_claims(gaps, ranks), *_lesson_claims(found), *(collapsed.claims() if collapsed.seen else ())],
        tables=[gap.table("Decisions kept more than by the policy, in points", gaps), *found.tables()],
    )


def _gap_claims(gaps: gap.ByCompute, ranks: Mapping[str, np.ndarray]) -> Iterator[lab.Claim]:
    target, most = gaps[TARGET].values_SX, gaps[max(gaps)].values_SX
    yield curves.all_above_zero(
        f"a search of {TARGET} simulations keeps more decisions than the policy that it teaches, from first to last",
        {"first checkpoint": target[:, 0], "last": target[:, -1]},
    )
    yield curves.all_above_zero(
        f"{max(gaps)} simulations are a better judge than {TARGET}",
        {"over all checkpoints": (most - target).mean(axis=1)},
    )
    yield curves.all_above_zero(
        "near perfect play the gap closes: at the last checkpoint it is less than half of what it is at its widest",
        {f"{searched} simulations, half the widest less the last": gaps[searched].values_SX.max(axis=1) / 2
         - gaps[searched].values_SX[:, -1] for searched in (TARGET, max(gaps))},
    )  # fmt: skip
    yield curves.all_above_zero(
        "the wider the gap, the more ten times the compute will bring",
        {"rank correlation": ranks[gap.GAP]}, "", 1.0,
    )  # fmt: skip
    yield curves.all_above_zero(
        "the gap tells that better than KL(target || policy) does",
        {"difference of the rank correlations": ranks[gap.GAP] - ranks[gap.KL]}, "", 1.0,
    )  # fmt: skip


def _lesson_claims(found: effects.Effects) -> Iterator[lab.Claim]:
    ranks = {f"rank correlation, {start} FLOPs before": rank_S for start, rank_S in found.rise().items()}
    yield curves.all_above_zero("the better the judge, the more is kept after a lesson by it", ranks, "", 1.0)
    over = {f"{ITSELF}, more than {name}": found.mean(ITSELF) - found.mean(name) for name in (RANDOM, SOLVER)}
    yield curves.all_above_zero(
        "by results alone an even opponent teaches more than the weakest and the strongest", over
    )
    yield curves.all_above_zero(
        "by results alone gains over points are an inverted U",
        {"points of gain, 0 % or 100 % less 50 %, times -4": -found.curvature()},
    )
    events = {name: (found.helps_no_more(name), found.overtaken(name)) for name in found.handcrafted}
    yield effects.same_event("a handcrafted judge helps until the policy is better than it, and no longer", events)


def _answer(gaps: gap.ByCompute, ranks: Mapping[str, np.ndarray], found: effects.Effects) -> str:
    first, last = (curves.said(curves.mean(gaps[TARGET].values_SX[:, at]), 100, " points") for at in (0, -1))
    by_gap, by_kl = (curves.said(curves.mean(ranks[name])) for name in (gap.GAP, gap.KL))
    return (
        f"On Connect Four a search of {TARGET} simulations keeps more decisions than the policy that it teaches:"
        f" {first} more at the first checkpoint, {last} at the last. The wider that gap, the more ten times the compute"
        f" brings: a rank correlation of {by_gap}; of how far search and policy are apart (KL), {by_kl}."
        f" {found.answer()}"
    )


def draw(records: Sequence[lab.Record]) -> Mapping[str, lab.Picture]:
    """The gap, what judges and results teach, and when handcrafted judges stop helping."""
    kept, found, collapsed = gap.measured(records)["kept"], effects.Effects(records), collapse.Collapse(records)
    return {
        "gap": pictures.gap(kept, gap.gaps(kept)),
        "lessons": pictures.lessons(found),
        "crossings": pictures.crossings(found),
        **({"collapse": collapsed.picture()} if collapsed.seen else {}),
    }


EXPERIMENT = lab.Experiment(
    name="judge",
    version=1,
    title="The gap between generator and judge",
    question="Why does self-play work at all? A network plays, a search of that network judges, and the network learns"
    " to play as the judge would. How much better than the network is its judge, from the first games to good play, and"
    " does that gap tell how much there is still to gain?",
    refuted_by="That self-play lives by the gap between generator and judge is refuted if searches are no better than"
    " the policy that they teach while it still improves, or if the gap has no more to do with what is gained next than"
    " the distance of two policies (KL), which knows nothing of right and wrong.",
    grid=grid, run=run, conclude=conclude, draw=draw,
    sources=["Song et al., Mind the gap: examining the self-improvement capabilities of large language models (2025)"],
)  # fmt: skip
