"""Training against thinking: how much search a move makes up for how much self-play, and where it does not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import games
from games.game import Game
from selfplay.lab import curves, ruler, trainings
from selfplay.lab import experiment as lab
from selfplay.lab.thinking import charts, tables
from selfplay.lab.thinking.players import Players, measured, name, simulations
from selfplay.report import words
from selfplay.stats import rating

GAME = "connect4"
LADDER = ("random", "rules", "alphabeta:depth=2", "alphabeta:depth=4", "alphabeta:depth=6", "alphabeta:depth=8")
DEPTHS = LADDER[2:]
ANCHOR = "rules"  # whose Elo is 0
SHARED_SEED = 1000  # of what all seeds share: labels, and the ladder's own matches
JONES, EPOCH = -1.2, -1.6  # tenfold training in tenfolds of search
LEFT = "plies {}: share of mistakes that ten times the {} leaves"
LEVELS = {"weak": 0.2, "middle": 0.5, "strong": 0.8}  # share of all players that are weaker


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large a preset is."""

    seeds: int = 3
    network: str = "resnet:3x32"
    first: float
    last: float
    """FLOPs of the youngest and of the oldest network"""
    ages: int = 7
    most: int
    """simulations a move"""
    pairs: int
    """of games of a match"""
    decisions: int
    """of each stage"""
    games: int = 64
    """at once, on each thread"""
    positions: int = 4096
    """of a generation"""


SIZES = {
    "cpu-hour": Size(network="resnet:2x16", first=3e10, last=9e12, most=1024, pairs=10, decisions=150),
    "cpu-night": Size(first=2e11, last=3e14, ages=11, most=1024, pairs=30, decisions=300),
    "gpu": Size(network="resnet:5x64", first=4e12, last=8e15, ages=11, most=1024, pairs=50, decisions=300),
    "tiny": Size(seeds=2, network="mlp:1x16", first=1e8, last=2e8, ages=3, most=4, pairs=2, decisions=2,
                 games=8, positions=128),
}  # fmt: skip


def _told(size: Size) -> dict[str, lab.Parameter]:
    """What decides a training, besides its seed."""
    names = ("network", "first", "last", "ages", "games", "positions")
    return {name: getattr(size, name) for name in names}


def _cell(cell_of: Mapping[str, Any], task: str, seed: int, **more: lab.Parameter) -> lab.Cell:
    return lab.Cell(parameters={"task": task, **cell_of, **more}, seed=seed)


def _labels(count: int) -> lab.Cell:
    return lab.Cell(parameters={"task": "labels", "decisions": count}, seed=SHARED_SEED, cost=0.3 * count)


def grid(preset: str) -> lab.Grid:
    """Labels and the ladder; then of each seed a training, and what its ages are worth."""
    size = SIZES[preset]
    solved, thought = ruler.available(), 2.5e-5 * size.most  # seconds of a move with each number of simulations
    cells = [_labels(size.decisions)] if solved else []
    cells.append(lab.Cell(parameters={"task": "ladder", "pairs": 4 * size.pairs}, seed=SHARED_SEED, cost=5))
    for seed in range(size.seeds):
        cells.append(replace(_cell(_told(size), "training", seed), cost=size.last / 5e10))
        for age in range(size.ages):
            how = {"age": age, "most": size.most}
            if solved:
                marked = _cell(_told(size), "marks", seed, **how, decisions=size.decisions)
                cells.append(replace(marked, cost=thought * 4 * size.decisions))
            matched = _cell(_told(size), "matches", seed, **how, pairs=size.pairs)
            cells.append(replace(matched, cost=thought * 110 * size.pairs))
    return lab.Grid(cells, [] if solved else ["the solver's ruler, which is not installed (pip install bitbully)"])


def run(cell: lab.Cell, earlier: lab.Earlier) -> lab.Outcome:
    """Label, play the ladder, train, or tell how strong an age is with each number of simulations."""
    if cell["task"] == "labels":
        return lab.Outcome(ruler.decisions(cell["decisions"], cell.seed).as_json())
    game = games.make(GAME)
    if cell["task"] == "ladder":
        return lab.Outcome({"matches": ruler.round_robin(game, LADDER, cell["pairs"], cell.seed)})
    training = _cell({name: cell[name] for name in _told(SIZES["tiny"])}, "training", cell.seed)
    if cell["task"] == "training":
        asked = np.geomspace(cell["first"], cell["last"], cell["ages"]).tolist()
        how = {"network": cell["network"], "at_once": cell["games"], "positions": cell["positions"]}
        folder = f"{cell['network'].replace(':', '-')}-{words.flops(cell['last'])}-seed{cell.seed}"
        ages = trainings.train(earlier.folder / folder, trainings.configured(GAME, cell.seed, **how), ages=asked)
        return lab.Outcome({"ages": [age.as_json() for age in ages]}, ages[-1].flops)
    ages = trainings.ages_of(earlier(training))
    ours = ages[max(0, cell["age"] - 1) : cell["age"] + 1]
    before = trainings.thinking_flops(earlier.folder, ours)
    if cell["task"] == "marks":
        asked = ruler.Decisions.from_json(earlier(_labels(cell["decisions"])))
        players = [trainings.player(earlier.folder, ours[-1], number) for number in simulations(cell["most"])]
        result = {"marks": [ruler.kept(player, asked, cell.seed).as_json() for player in players]}
    else:
        result = {"matches": list(_matches(game, cell, earlier, ours))}
    return lab.Outcome(result, trainings.thinking_flops(earlier.folder, ours) - before)


def _matches(game: Game, cell: lab.Cell, earlier: lab.Earlier, ages: Sequence[trainings.Age]) -> Iterator[rating.Match]:
    """Of each number of simulations: up the ladder, against the next smaller number, and against four times as many of
    the age before, who is about as strong if Jones is right. Players go by `name`."""
    numbers, age, rung = simulations(cell["most"]), cell["age"], 0
    players = {at: [trainings.player(earlier.folder, one, number) for number in numbers]
               for at, one in zip(range(age, -1, -1), reversed(ages), strict=False)}  # fmt: skip
    for t, number in enumerate(numbers):
        ours, how = players[age][t], {"pairs": cell["pairs"], "seed": 100 * cell.seed + t}
        found, rung = ruler.climb(game, name(age, number), ours, LADDER, start=rung, **how)
        yield from found
        for rival_age, rival in ((age, t - 1), (age - 1, t + 2)):
            if rival_age in players and 0 <= rival < len(numbers):
                other = name(rival_age, numbers[rival])
                yield name(age, number), other, ruler.play(game, ours, players[rival_age][rival], **how).pairs_5


def _players(records: Sequence[lab.Record]) -> Players:
    of = {(record["task"], record.cell.seed, record.cell.parameters.get("age")): record for record in records}
    ours = sorted(seed for task, seed, _ in of if task == "training")
    ages_SX = [of["training", seed, None]["ages"] for seed in ours]
    places = range(len(ages_SX[0]))
    ladder, marked = of["ladder", SHARED_SEED, None]["matches"], ("marks", ours[0], 0) in of
    return measured(
        [[age["flops"] for age in ages] for ages in ages_SX],
        simulations(of["matches", ours[0], 0]["most"]),
        [[*ladder, *(each for age in places for each in of["matches", seed, age]["matches"])] for seed in ours],
        [[[ruler.Marks.from_json(each) for each in of["marks", seed, age]["marks"]] for age in places]
         for seed in ours] if marked else [],
        ladder=LADDER, anchor=ANCHOR,
    )  # fmt: skip


def conclude(records: Sequence[lab.Record]) -> lab.Conclusion:
    """Rates of exchange, and what neither side of it mends."""
    players = _players(records)
    elo_SXT = players.elo_SXT
    rate = {level: players.rate(elo_SXT, share) for level, share in LEVELS.items()}
    flattening = players.rate(elo_SXT, LEVELS["strong"], less=LEVELS["weak"])
    constants = {f"rate of exchange, {level} players": found for level, found in rate.items()}
    constants["rate of exchange, strong less weak players"] = flattening
    for side, what in enumerate(("training", "thinking")):
        constants[f"Elo for ten times the {what}"] = curves.mean(players.per_decade(elo_SXT)[:, side])
    claims = [
        tables.replaces("ten times the training replaces 10^1.2 of thinking, in the middle", rate["middle"], JONES),
        tables.replaces("among weak players it replaces 10^1.6", rate["weak"], EPOCH),
        tables.replaces_less("and the stronger the players, the less of it", flattening),
        *(
            curves.all_above_zero(
                f"{who} beats {rival}", {"Elo ahead": elo_SXT[:, -1, t] - players.ladder_S[rival]}, "", 1.0
            )
            for who, rival, t in (
                ("the oldest network with the most thinking", "alphabeta:depth=4", -1),
                ("the oldest network alone", "rules", 0),
            )
        ),
    ]
    shown = [tables.elo(players), tables.frontier(players, DEPTHS)]
    times = {level: curves.said(curves.powers(found, -1)) for level, found in rate.items()}
    said = f"Ten times the training replaces {times['middle']} times the thinking among players of middle strength,"
    said += f" {times['weak']} among weak and {times['strong']} among strong ones."
    if players.wrong_SXT:
        left = {stage: players.per_decade(np.log10(each)) for stage, each in players.wrong_SXT.items()}
        solved = {level: players.rate(players.odds(), share) for level, share in LEVELS.items()}
        constants |= {f"by the solver: rate of exchange, {level} players": found for level, found in solved.items()}
        marked = [f"{level} {curves.said(curves.powers(found, -1))}" for level, found in solved.items()]
        said += f" By the solver's count of mistakes: {', '.join(marked)}."
        first, last = ruler.STAGES[0], ruler.STAGES[-1]
        for stage, left_S2 in left.items():
            for side, what in enumerate(("training", "thinking")):
                found = curves.mean(left_S2[:, side])
                constants[LEFT.format(stage, what)] = curves.powers(found)
        claims += [
            curves.all_above_zero(
                f"ten times the thinking leaves more of the mistakes in plies {first} than in plies {last}",
                {"decades more": left[first][:, 1] - left[last][:, 1]}, "", 1.0),
            curves.all_above_zero(
                f"in plies {first} ten times the training mends more than ten times the thinking",
                {"decades more": left[first][:, 1] - left[first][:, 0]}, "", 1.0),
            curves.all_above_zero("the two rulers rank the players alike (Spearman above 0.9)",
                                  {"above 0.9 by": players.agreement() - 0.9}, "", 1.0),
        ]  # fmt: skip
        shown.append(tables.stages(players))
        for what in ("thinking", "training"):
            rest = [curves.said(constants[LEFT.format(stage, what)], 100, " %") for stage in (first, last)]
            said += f" Ten times the {what} leaves {rest[0]} of the mistakes in plies {first}, {rest[1]} in {last}."
    return lab.Conclusion(answer=said, constants=constants, claims=claims, tables=shown)


def draw(records: Sequence[lab.Record]) -> Mapping[str, lab.Picture]:
    """Lines of equal strength, rates of exchange, mistakes by stage."""
    players = _players(records)
    shares = (0.1, 0.3, 0.5, 0.7, 0.9)
    rulers = {"by Elo": players.elo_SXT} | ({"by the solver": players.odds()} if players.wrong_SXT else {})
    by_ruler = {each: {at: players.rate(found, at) for at in shares} for each, found in rulers.items()}
    pictures = {
        "equal-strength": lab.Picture(
            figure=charts.equal_strength(players, DEPTHS, JONES, "slope of Jones 2021"),
            label="Elo over training compute and simulations a move, with lines of equal strength",
            caption="Every dot is a player: a network of some age that thinks for so long. Along a thin line all are"
            " equally strong; above and to the right of a coloured line they beat that program of human knowledge. The"
            " thick dashed line is as steep as Jones found lines of equal strength to be. Means of the seeds.",
        ),
        "rates": lab.Picture(
            figure=charts.rates(by_ruler, {"Jones 2021": JONES, "Epoch 2023, weak players": EPOCH}),
            label="How much thinking ten times the training replaces, from weak to strong players",
            caption="At -1 ten times the training does as much as ten times the simulations; at -2 as much as a hundred"
            " times. Bars: 95 % intervals over seeds.",
        ),
    }
    if players.wrong_SXT:
        pictures["mistakes"] = lab.Picture(
            figure=charts.mistakes(players),
            label="Share of real decisions that go wrong over simulations a move, by stage of the game and training",
            caption="A decision is real where some moves keep what perfect play makes of the game and others do not."
            " Where a line is flat thinking mends nothing; what lies between two lines is mended by training.",
        )
    return pictures


EXPERIMENT = lab.Experiment(
    name="exchange",
    version=1,
    title="Training against thinking",
    question="A player can be made stronger beforehand, by more self-play, or at the board, by more search for each"
    " move. How much of the one is worth how much of the other? And is there anything that no thinking mends?",
    refuted_by="That they trade at one rate is refuted if the rate among strong players is surely another than among"
    " weak ones; that thinking mends everything, if ten times the simulations leave more of the mistakes in one stage"
    " of the game than in another.",
    grid=grid, run=run, conclude=conclude, draw=draw,
    sources=[
        "A. L. Jones, Scaling Scaling Laws with Board Games (2021): log10(test) = -1.2 log10(train) + ..",
        "P. Villalobos and D. Atkinson, Trading Off Compute in Training and Inference (Epoch, 2023)",
    ],
)  # fmt: skip
