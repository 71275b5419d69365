"""The law: how strength grows with compute, which size is best for how much of it, and what small runs foretell."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

import games
from selfplay.lab import curves, ruler, trainings
from selfplay.lab import experiment as lab
from selfplay.lab.growing import charts, fits, predictions, tables
from selfplay.lab.growing.boards import Board, board, name

GAME = "connect4"
LADDERS = {  # weakest first; on the smallest board the last one is perfect, on the others the best that is quick
    "connect4:height=4,width=4": ("random", "rules", "alphabeta:depth=2", "alphabeta:depth=4", "alphabeta:depth=16"),
    "connect4:height=5,width=5": ("random", "rules", "alphabeta:depth=2", "alphabeta:depth=4", "alphabeta:depth=8"),
    GAME: ("random", "rules", "alphabeta:depth=2", "alphabeta:depth=4", "alphabeta:depth=6", "alphabeta:depth=8"),
}
RIVALS = LADDERS[GAME][1:3]  # whose crossing is forecast
SIMULATIONS = 32  # a move, of everyone
SHARED_SEED = 1000  # of what all seeds share
SHARES = (0.01, 0.1)  # of the compute of the largest run, whose forecast is made of runs below
NEUMANN = {"C": 0.55, "N": 0.88, "size": 0.62}
JONES = 500  # Elo for ten times the compute
GOAL = 0.75  # of the Elo of the strongest program of a board's ladder


@dataclass(frozen=True)
class Model:
    """What is trained, and until when."""

    network: str
    last: float
    """FLOPs of its last age"""
    game: str = GAME
    decades: float = 2.5
    """from its first age to its last"""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large a preset is."""

    models: Sequence[Model]
    """by board, and on each from small to large; the last one is foretold before it is trained"""
    seeds: int = 3
    ages: int = 8
    pairs: int = 20
    """of games of a match"""
    decisions: int = 150
    """of each stage"""
    games: int = 64
    """at once, on each thread"""
    positions: int = 4096
    """of a generation"""


SMALL = (Model("mlp:1x8", 5e9, "connect4:height=4,width=4"), Model("mlp:2x16", 2e10, "connect4:height=5,width=5"))
MODELS = (*SMALL, Model("mlp:1x4", 1.2e10), Model("mlp:2x16", 6e10), Model("mlp:2x64", 4e11), Model("mlp:2x256", 2e12))
SIZES = {
    "cpu-hour": Size(models=(*MODELS, Model("resnet:3x32", 2e13, decades=2.0))),
    "cpu-night": Size(models=(*MODELS, Model("resnet:2x16", 6e12), Model("resnet:3x32", 6e13)), ages=10),
    "gpu": Size(models=(*MODELS, Model("resnet:3x32", 2e14), Model("resnet:5x64", 4e15)), seeds=5, ages=10),
    "tiny": Size(
        models=(Model("mlp:1x4", 2e6, "connect4:height=4,width=4", 1.0), Model("mlp:1x4", 2e7, GAME, 0.8),
                Model("mlp:1x16", 1e8, GAME, 0.7), Model("mlp:2x64", 1e9, GAME, 0.5)),
        seeds=2, ages=3, pairs=2, decisions=2, games=8, positions=128,
    ),
}  # fmt: skip


def _cell(task: str, preset: str, seed: int = SHARED_SEED, cost: float = 0.0, **more: lab.Parameter) -> lab.Cell:
    return lab.Cell(parameters={"task": task, "preset": preset, **more}, seed=seed, cost=cost)


def grid(preset: str) -> lab.Grid:
    """Labels and ladders; all trainings but the largest; its forecasts; the largest; the grade."""
    size, solved = SIZES[preset], ruler.available()
    asked = {"decisions": size.decisions if solved else 0}
    cells = [_cell("labels", preset, cost=0.3 * size.decisions, **asked)] if solved else []
    for game in dict.fromkeys(model.game for model in size.models):
        cells.append(_cell("ladder", preset, cost=size.pairs, game=game))
    for model in size.models:
        if model == size.models[-1]:
            cells += [_cell("forecast", preset, share=share, **asked) for share in SHARES]
        for seed in range(size.seeds):
            cells.append(_training(preset, model, seed))
            cost = size.ages * size.pairs / 20
            cells.append(_cell("strength", preset, seed, cost, game=model.game, network=model.network, **asked))
    cells.append(_cell("grade", preset, **asked))
    return lab.Grid(cells, [] if solved else ["the solver's ruler, which is not installed (pip install bitbully)"])


def _training(preset: str, model: Model, seed: int) -> lab.Cell:
    speed = {"mlp:1x8": 2e8, "mlp:1x4": 3e8, "mlp:2x16": 1.5e9, "mlp:2x64": 7e9, "mlp:2x256": 3e10}  # FLOPs a second
    cost = model.last / speed.get(model.network, 1e11)
    return _cell("training", preset, seed, cost, game=model.game, network=model.network)


def run(cell: lab.Cell, earlier: lab.Earlier) -> lab.Outcome:
    """Label, play a ladder, train, tell how strong each age is, foretell the largest, or grade that."""
    size = SIZES[cell["preset"]]
    if cell["task"] == "labels":
        return lab.Outcome(ruler.decisions(cell["decisions"], cell.seed).as_json())
    if cell["task"] == "ladder":
        ladder = LADDERS[cell["game"]]
        return lab.Outcome({"matches": ruler.round_robin(games.make(cell["game"]), ladder, 4 * size.pairs, cell.seed)})
    if cell["task"] in ("forecast", "grade"):
        return _foretold(cell, earlier)
    model = next(one for one in size.models if (one.game, one.network) == (cell["game"], cell["network"]))
    if cell["task"] == "strength":
        return _strength(cell, model, earlier)
    foretold = [each for each in grid(cell["preset"]).cells if each["task"] == "forecast"]
    for each in foretold if model == size.models[-1] else ():
        earlier(each)  # is written before the largest begins
    how = {"network": model.network, "at_once": size.games, "positions": size.positions}
    folder = f"{cell['preset']}-{model.game}-{model.network}-seed{cell.seed}".replace(":", "-")
    asked = np.geomspace(model.last / 10**model.decades, model.last, size.ages).tolist()
    ages = trainings.train(earlier.folder / folder, trainings.configured(model.game, cell.seed, **how), ages=asked)
    told = {"parameters": trainings.parameters(earlier.folder, ages[-1]), "ages": [age.as_json() for age in ages]}
    return lab.Outcome(told, ages[-1].flops)


def _strength(cell: lab.Cell, model: Model, earlier: lab.Earlier) -> lab.Outcome:
    """Of each age: up the ladder, against the age before, and against the next smaller network of this seed when it had
    cost about as much; and its marks, where perfect play is known."""
    size, game, matches, marks, rung = SIZES[cell["preset"]], games.make(model.game), [], [], 0
    ours = [one for one in size.models if one.game == model.game]
    cells = {one.network: _training(cell["preset"], one, cell.seed)
             for one in ours[max(0, ours.index(model) - 1) : ours.index(model) + 1]}  # fmt: skip
    known = {network: trainings.ages_of(earlier(each)) for network, each in cells.items()}
    everyone = [age for ages in known.values() for age in ages]
    before = trainings.thinking_flops(earlier.folder, everyone)
    asked = _cell("labels", cell["preset"], decisions=cell["decisions"])
    for number, age in enumerate(known[model.network]):
        player, how = trainings.player(earlier.folder, age, SIMULATIONS), {"pairs": size.pairs, "seed": cell.seed}
        called = name(model.network, cell.seed, number)
        found, rung = ruler.climb(game, called, player, LADDERS[model.game], start=rung, **how)
        matches += found
        for network, ages in known.items():
            near = number - 1 if network == model.network else fits.nearest([one.flops for one in ages], age.flops)
            if near >= 0:
                rival = trainings.player(earlier.folder, ages[near], SIMULATIONS)
                points = ruler.play(game, player, rival, **how).pairs_5
                matches.append((called, name(network, cell.seed, near), points))
        if cell["decisions"] and model.game == GAME:
            marks.append(ruler.kept(player, ruler.Decisions.from_json(earlier(asked)), cell.seed).as_json())
    spent = trainings.thinking_flops(earlier.folder, everyone) - before
    return lab.Outcome({"matches": matches, "marks": marks}, spent)


def _foretold(cell: lab.Cell, earlier: lab.Earlier) -> lab.Outcome:
    """A forecast, or what became of all of them; written to prediction.json too, with the time."""
    cells, last = grid(cell["preset"]).cells, SIZES[cell["preset"]].models[-1]
    done = cells[: [each.key for each in cells].index(cell.key)]
    so_far = board(GAME, [(each, earlier(each)) for each in done], LADDERS[GAME])
    if cell["task"] == "forecast":
        found = predictions.predict(so_far, last.last, cell["share"], RIVALS)
    else:
        came = predictions.came(so_far, last.network, RIVALS)
        held = [predictions.grade(earlier(each), came) for each in done if each["task"] == "forecast"]
        found = {"came": came, "held": held}
    predictions.write(earlier.folder, {**cell.parameters, **found})
    return lab.Outcome(found)


def _boards(records: Sequence[lab.Record]) -> dict[str, Board]:
    results = [(record.cell, record.outcome.result) for record in records]
    found = dict.fromkeys(record["game"] for record in records if record["task"] == "ladder")
    return {game: board(game, results, LADDERS[game]) for game in found}


def conclude(records: Sequence[lab.Record]) -> lab.Conclusion:
    """Exponents, forms on compute that they have not seen, forecasts with their grades, boards."""
    boards, of = _boards(records), {(record["task"], record.cell.parameters.get("share")): record for record in records}
    main, grade = boards[GAME], of["grade", None].outcome.result
    told = {share: of["forecast", share].outcome.result for share in SHARES}
    alpha, perceptrons = fits.alpha_compute(main), main.only("mlp")
    slope = lab.Constant(*(None if each is None else fits.ELO_OF_ALPHA * each for each in vars(alpha).values()))
    constants = {"alpha_C, along the frontier": alpha, "Elo for ten times the compute, along the frontier": slope}
    constants["alpha_N of perceptrons at their last age"] = fits.alpha_parameters(perceptrons)
    constants["exponent of the best size of a perceptron over compute"] = fits.exponent_of_size(perceptrons)
    claims = [curves.contains("alpha_C is 0.55, as in Neumann and Gros", alpha, NEUMANN["C"]),
              curves.contains("ten times the compute brings 500 Elo, as in Jones", slope, JONES)]  # fmt: skip
    for (constant, found), value in zip([*constants.items()][2:], (NEUMANN["N"], NEUMANN["size"]), strict=True):
        claims.append(curves.contains(f"{constant} is {value}, as in Neumann and Gros", found, value))
    shown = [tables.sizes(main), tables.forecasts([*told.values()], grade["came"])]
    said = f"Along the frontier ten times the compute brings {curves.said(slope)} Elo (alpha_C {curves.said(alpha)})."
    claims += predictions.claims([*told.values()], grade)
    said += predictions.said(told, grade)
    if main.trained[0].kept_X is not None:
        errors = fits.errors_beyond(main)
        last, *_ = errors.values()
        claims.append(curves.all_above_zero("the sigmoid is less wrong on unseen compute than the power law",
                                            {"by": last["power law"] - last["sigmoid"]}, " points", 1.0))  # fmt: skip
        shown.append(tables.forms(errors))
        said += f" On the last tenfold of compute the {min(last, key=lambda form: last[form].mean())} was least wrong."
    reached = {game: fits.reaching(each, GOAL) for game, each in boards.items()}
    dearer = {f"{b} over {a}": reached[b] - reached[a] for a, b in itertools.pairwise(reached)}
    claims.append(curves.all_above_zero("each larger board takes more compute to come as near to its best program",
                                        dearer, " decades", 1.0))  # fmt: skip
    sizes = {game: (games.make(game).cells, curves.powers(curves.mean(x_S))) for game, x_S in reached.items()}
    constants |= {f"{game}: FLOPs to {GOAL:.0%} of its best program's Elo": each for game, (_, each) in sizes.items()}
    return lab.Conclusion(answer=said, constants=constants, claims=claims, tables=[*shown, tables.reached(sizes, GOAL)])


def draw(records: Sequence[lab.Record]) -> Mapping[str, lab.Picture]:
    """Strength over compute with forecasts, forms, the best size."""
    boards = _boards(records)
    main, others = boards[GAME], [each for game, each in boards.items() if game != GAME]
    told = [record.outcome.result for record in records if record["task"] == "forecast"]
    pictures = {
        "growth": lab.Picture(
            figure=charts.growth(main, others, told),
            label="Elo over training compute for networks of many sizes, with forecasts of the largest run",
            caption="Each line is a size of network, each dot an age of one seed, all with 32 simulations a move. The"
            " dashed line is a power law through the best of all sizes. Diamonds: what was said of the largest run"
            " before it began, with the 95 % interval; they belong to its last dot and stand to the right of it.",
        ),
        "best-size": lab.Picture(
            figure=charts.best_size(main.only("mlp")),
            label="Elo over the size of a perceptron, for several amounts of training compute",
            caption="Each line is one amount of compute; where it has a top between its ends, that size is best.",
        ),
    }
    if main.trained[0].kept_X is not None:
        pictures["forms"] = lab.Picture(
            figure=charts.forms(main, 1.0),
            label="Share of real decisions kept over compute, and three forms fitted to all but the last tenfold",
            caption="Dots: the best of all sizes with so much compute or less, each seed. Right of the dotted line the"
            " forms have seen nothing.",
        )
    return pictures


EXPERIMENT = lab.Experiment(
    name="scaling",
    version=1,
    title="The law of growth",
    question="How does strength grow with training compute, which size of network is best for how much of it, and can a"
    " large run be foretold from small ones?",
    refuted_by="The published exponents, if they lie outside of the intervals; that growth can be foretold, if what the"
    " largest run reached lies outside of what was written down before it began.",
    grid=grid, run=run, conclude=conclude, draw=draw,
    sources=["A. L. Jones, Scaling Scaling Laws with Board Games (2021)", "O. Neumann and C. Gros, Scaling Laws for a"
             " Multi-Agent Reinforcement Learning Model (2023)", "D. Khatri et al., The Art of Scaling Reinforcement"
             " Learning Compute for LLMs (2025): the sigmoid"],
)  # fmt: skip
