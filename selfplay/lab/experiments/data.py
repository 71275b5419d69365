"""A better prior against more data: on a spiral in the plane, and on labelled positions of Connect Four."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from selfplay.lab import curves, maps
from selfplay.lab import experiment as lab
from selfplay.lab.supervised import learners, positions, spiral
from selfplay.lab.supervised.learners import NetworkSettings

NETWORK, POLAR, ONE, FIVE = "network", "polar network", "1 neighbour", "5 neighbours"
FEATURES, BOARD = "handcrafted features", "raw board"
NEIGHBOURS = {ONE: 1, FIVE: 5}
IMPROVED = ("with focal loss", "with weight decay", "with layer norm")
CHANGES: Mapping[str, Mapping[str, Any]] = {  # to the settings of the plain network
    **dict(zip(IMPROVED, ({"focal": 2.0}, {"weight_decay": 0.1}, {"layer_norm": True}), strict=True)),
    FEATURES: {"width": 32, "depth": 1},
}
VIEWS = {POLAR: spiral.polar, FEATURES: positions.features}  # of others, what there is
NOISE = 0.1  # share of labels turned round in the control
TESTED = 20_000  # points
TEST_SEED, TEST_CHUNKS = 1000, 2  # of positions

DECADES = (1000, 10_000, 100_000, 1_000_000)  # points, whose maps are drawn
LARGE = {"points": (1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000), "positions": (300, 3000, 30_000, 100_000)}


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large a preset is."""

    seeds: int
    points: Sequence[int] = DECADES
    positions: Sequence[int] = (300, 1000, 3000, 10_000, 30_000)
    width: int
    steps: int
    device: str = "cpu"


SIZES = {
    "cpu-hour": Size(seeds=3, width=128, steps=3000),
    "cpu-night": Size(seeds=5, **LARGE, width=256, steps=20_000),
    "gpu": Size(seeds=5, **LARGE, width=512, steps=50_000, device="cuda"),
    "tiny": Size(seeds=2, points=(100, 1000), positions=(100, 300), width=8, steps=20),
}


def grid(preset: str) -> lab.Grid:
    """The spiral, few points first; then the labels of Connect Four positions, then what is learned from them."""
    cells = [*_spiral_cells(SIZES[preset])]
    if not positions.available():
        return lab.Grid(cells, ["Connect Four, whose solver is not installed (pip install bitbully)"])
    return lab.Grid([*cells, *_board_cells(SIZES[preset])])


def _cell(size: Size, seed: int, told: Mapping[str, lab.Parameter], cost: float) -> lab.Cell:
    """Of one learner; `cost` is that of finding neighbours."""
    if told["learner"] in NEIGHBOURS:
        return lab.Cell(parameters=told, seed=seed, cost=cost)
    network = {"width": size.width, "steps": size.steps, "device": size.device}
    return lab.Cell(parameters={**told, **network}, seed=seed, cost=1e-7 * size.steps * size.width * (size.width + 20))


def _spiral_cells(size: Size) -> Iterator[lab.Cell]:
    for points, seed in itertools.product(size.points, range(size.seeds)):
        asked = [(each, 0.0) for each in (NETWORK, POLAR, *IMPROVED, *NEIGHBOURS)]
        for learner, noise in [*asked, *((each, NOISE) for each in NEIGHBOURS)]:
            told = {"task": "spiral", "learner": learner, "points": points, "noise": noise}
            yield _cell(size, seed, told, 0.1 + 2e-6 * points)


def _label_cell(seed: int, chunk: int) -> lab.Cell:
    return lab.Cell(parameters={"task": "labels", "chunk": chunk}, seed=seed, cost=2.0)


def _board_cells(size: Size) -> Iterator[lab.Cell]:
    wanted = dict.fromkeys(range(size.seeds), positions.chunks(size.positions[-1])) | {TEST_SEED: TEST_CHUNKS}
    yield from (_label_cell(seed, chunk) for seed, count in wanted.items() for chunk in range(count))
    for count, seed in itertools.product(size.positions, range(size.seeds)):
        for learner in (FEATURES, BOARD, *NEIGHBOURS):
            told = {"task": "connect4", "learner": learner, "positions": count}
            yield _cell(size, seed, told, 0.1 + 5e-5 * count)


def run(cell: lab.Cell, earlier: lab.Earlier) -> lab.Outcome:
    """Train one learner on so many examples, and ask it about others."""
    if cell["task"] == "labels":
        return lab.Outcome({"labels": positions.labels(cell.seed, cell["chunk"])})
    on_spiral, learner = cell["task"] == "spiral", cell["learner"]
    if on_spiral:
        examples = spiral.examples(cell.seed, cell["points"], cell["noise"])
        tests = spiral.tests(cell.seed, TESTED)
    else:
        examples, test = (
            positions.examples(seed, count, lambda seed, chunk: earlier(_label_cell(seed, chunk))["labels"])
            for seed, count in ((cell.seed, cell["positions"]), (TEST_SEED, TEST_CHUNKS * positions.CHUNK))
        )
        tests = {"accuracy": test}
    see = VIEWS.get(learner, np.asarray if on_spiral else positions.board)
    if learner in NEIGHBOURS:
        trained = learners.Neighbours(see(examples.inputs), examples.classes, NEIGHBOURS[learner])
    else:
        settings = {"width": cell["width"], "steps": cell["steps"], "device": cell["device"]} | CHANGES.get(learner, {})
        trained = learners.train_network(see(examples.inputs), examples.classes, NetworkSettings(**settings), cell.seed)
    result: dict[str, Any] = {
        name: float((trained.classify(see(test.inputs)) == test.classes).mean()) for name, test in tests.items()
    }
    if on_spiral and cell.seed == 0 and cell["noise"] == 0:
        result["map"] = maps.packed(trained.classify(see(maps.points())))
    return lab.Outcome(result, trained.flops)


SPIRAL = {"task": "spiral", "noise": 0.0}
ASKED = {  # title, which cells, axis, measure
    "thin": ("Spiral, the thin part", SPIRAL, "points", "thin"),
    "overall": ("Spiral, where most points are", SPIRAL, "points", "accuracy"),
    "noisy": ("Spiral, with a tenth of the labels wrong", SPIRAL | {"noise": NOISE}, "points", "accuracy"),
    "board": ("Connect Four", {"task": "connect4"}, "positions", "accuracy"),
}
Measured = Mapping[str, Mapping[str, curves.Curve]]  # by where they were asked, the curves of all learners


def _measured(records: Sequence[lab.Record]) -> Measured:
    return {
        name: curves.gather(records, where, by="learner", axis=axis, measure=measure)
        for name, (_, where, axis, measure) in ASKED.items()
    }


def conclude(records: Sequence[lab.Record]) -> lab.Conclusion:
    """All that is said rests on differences within a seed, whose learners are given the same examples."""
    measured = _measured(records)
    thin, overall, board = measured["thin"], measured["overall"], measured["board"]
    constants: dict[str, lab.Constant] = {}
    for rival in (ONE, NETWORK):
        name = f"thin: points from which {rival} equals {POLAR} with the fewest"
        constants[name] = curves.reaching(thin[rival], thin[POLAR].values_SX[:, :1])
        for where, task in (("thin", thin), ("overall", overall)):
            constants[f"{where}: points from which {rival} beats {POLAR}"] = curves.overtaking(task[rival], task[POLAR])
    for rival in (BOARD, ONE) if board else ():
        name = f"positions from which {rival} beats {FEATURES}"
        constants[name] = curves.overtaking(board[rival], board[FEATURES])
    for name, curve in overall.items():
        constants[f"overall: exponent of the error of {name}"] = curves.exponent_of_error(curve, 0.5 / TESTED)
    claims = [*_spiral_claims(measured, constants), *(_board_claims(board) if board else ())]
    tables = [
        lab.Table(f"{ASKED[name][0]}: right in percent", *curves.table(task)) for name, task in measured.items() if task
    ]
    return lab.Conclusion(answer=_answer(measured, constants), constants=constants, claims=claims, tables=tables)


def _spiral_claims(measured: Measured, constants: Mapping[str, lab.Constant]) -> Iterator[lab.Claim]:
    thin, overall, noisy = measured["thin"], measured["overall"], measured["noisy"]
    first = {name: curve.values_SX[:, 0] for name, curve in thin.items()}
    gain_S = first[POLAR] - first[NETWORK]
    yield curves.all_above_zero(
        "with the fewest points the polar network beats every other in the thin part",
        {f"over {name}": first[POLAR] - values_S for name, values_S in first.items() if name != POLAR},
    )
    yield curves.all_above_zero(
        "focal loss, weight decay and layer norm each give less than half of what the prior gives there",
        {f"half of it less that {name}": gain_S / 2 - (first[name] - first[NETWORK]) for name in IMPROVED},
    )
    for where, task in (("in the thin part", thin), ("where most points are", overall)):
        yield curves.all_above_zero(
            f"one neighbour beats five {where}, as no label is wrong, in the mean over the numbers of points",
            {"ahead by": curves.lead(task[ONE], task[FIVE]).values_SX.mean(axis=1)},
        )
    yield curves.all_above_zero(
        "where a tenth of the labels are wrong, five beat one, over the whole plane",
        {"ahead by": curves.lead(noisy[FIVE], noisy[ONE]).values_SX.mean(axis=1)},
    )
    for rival in (ONE, NETWORK):
        yield curves.all_above_zero(
            f"with the most points {rival} beats the polar network in the thin part",
            {"ahead by": curves.lead(thin[rival], thin[POLAR]).values_SX[:, -1]},
        )
    yield curves.contains(
        "the error of one neighbour falls as the square root of the number of points, as in any plane",
        constants[f"overall: exponent of the error of {ONE}"],
        0.5,
    )


def _board_claims(board: Mapping[str, curves.Curve]) -> Iterator[lab.Claim]:
    yield curves.all_above_zero(
        "with the fewest positions handcrafted features beat every other",
        {f"over {name}": curves.lead(board[FEATURES], board[name]).values_SX[:, 0] for name in (BOARD, *NEIGHBOURS)},
    )
    for rival in (BOARD, ONE):
        yield curves.all_above_zero(
            f"with the most positions {rival} beats handcrafted features",
            {"ahead by": curves.lead(board[rival], board[FEATURES]).values_SX[:, -1]},
        )


def _answer(measured: Measured, constants: Mapping[str, lab.Constant]) -> str:
    thin = measured["thin"]
    said = f"With {thin[POLAR].x_X[0]:,.0f} points the polar network gets {curves.share(thin[POLAR].values_SX[:, 0])}"
    said += " of the thin part right."
    for rival, called in ((ONE, "One neighbour, who is told nothing,"), (NETWORK, "The plain network")):
        equals = curves.since(constants[f"thin: points from which {rival} equals {POLAR} with the fewest"])
        beats = curves.beats("a polar network of as many", constants[f"thin: points from which {rival} beats {POLAR}"])
        said += f" {called} gets as much right {equals}, and {beats}."
    if measured["board"]:
        found = {rival: constants[f"positions from which {rival} beats {FEATURES}"] for rival in (BOARD, ONE)}
        told = [f"{rival} {curves.beats(FEATURES, each)}" for rival, each in found.items()]
        said += f" On Connect Four {' and '.join(told)}."
    return said


def draw(records: Sequence[lab.Record]) -> Mapping[str, lab.Picture]:
    """Decision maps of the first seed, and errors over the number of examples."""
    measured = _measured(records)
    panels = {ASKED[name][0]: measured[name] for name in ("thin", "overall", "board")}
    drawn = [record for record in records if "map" in record.outcome.result and record["points"] in DECADES]
    return {
        "maps": lab.Picture(
            figure=maps.grid_of(drawn, rows="points", columns="learner", below="thin"),
            label="What each learner makes of the plane, by the number of points that it was given",
            caption="Blue and orange: the arm that each place is said to belong to; dark red where that is wrong. Below"
            " each, how much of the thin part is right. Top row: the truth, where points fall, the thin part.",
        ),
        "errors": lab.Picture(
            figure=curves.panels_of_errors(panels, alike={BOARD: NETWORK, FEATURES: POLAR}),
            label="Share of wrong answers over the number of examples, for each learner",
            caption="Lines: means of the seeds; dots: each seed. Both axes are logarithmic, so a straight line is a"
            " power law: each time the error is halved, the same factor of data is paid again.",
        ),
    }


EXPERIMENT = lab.Experiment(
    name="data",
    version=1,
    title="A better prior against more data",
    question="What is worth more, a good description of the world or more examples of it, and for how long? Two arms of"
    " a spiral are to be told apart, from points that fall densely here and thinly there; then won, drawn and lost"
    " positions of Connect Four.",
    refuted_by="That data wins in the end is refuted if those who are told something (polar coordinates, handcrafted"
    " features) are still ahead with the most examples; that a prior is worth anything, if they are not ahead with the"
    " fewest.",
    grid=grid, run=run, conclude=conclude, draw=draw,
    sources=["T. Dzekman, Why scaling works: inductive biases vs the bitter lesson (2024)"],
)  # fmt: skip
