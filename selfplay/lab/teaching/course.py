"""The cells of an experiment on teaching: questions that the solver checks, trainings, and what each age knows."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from selfplay.lab import experiment as lab
from selfplay.lab import ruler, trainings
from selfplay.lab.teaching import concepts, expert, students
from selfplay.lab.teaching.students import Arm, Setting

_RULER, _LESSON = 1000, 2000  # seeds of decisions and questions, and of games of the expert that nobody learns from


@dataclass(frozen=True, kw_only=True)
class Size(Setting):
    """How large a preset is."""

    seeds: int
    decisions: int
    """of each stage of the game"""
    questions: int
    """for each piece of knowledge"""
    cost: float
    """seconds of a training"""


def cells(size: Size, arms: Mapping[str, Arm]) -> Iterator[lab.Cell]:
    """Those of all arms and seeds."""
    yield _decisions(size.decisions)
    yield _cell("rules", _RULER, 5, decisions=size.decisions, depth=size.depth)
    yield from (_questions(piece, size.questions) for piece in concepts.PIECES)
    yield _lesson(size.depth, size.decisions)
    runs = [(arm, seed) for seed in range(size.seeds) for arm in arms]
    yield from (_cell("train", seed, size.cost, arm=arm, **size.told) for arm, seed in runs)
    asked = {"decisions": size.decisions, "questions": size.questions}
    for (arm, seed), at in itertools.product(runs, range(size.count)):
        yield _cell("measure", seed, 0.02 * size.cost, arm=arm, at=at, **size.told, **asked)


def _cell(task: str, seed: int, cost: float, **told: lab.Parameter) -> lab.Cell:
    return lab.Cell(parameters={"task": task, **told}, seed=seed, cost=cost)


def _decisions(count: int) -> lab.Cell:
    return _cell("decisions", _RULER, 0.2 * count, decisions=count)


def _questions(piece: str, count: int) -> lab.Cell:
    return _cell("questions", _RULER, 0.1 * count, piece=piece, questions=count)


def _lesson(depth: int, decisions: int) -> lab.Cell:
    return _cell("lesson", _LESSON, 3, depth=depth, positions=4 * decisions)


def run(cell: lab.Cell, earlier: lab.Earlier, arms: Mapping[str, Arm]) -> lab.Outcome:
    """Make the questions, train, or ask a network what it knows."""
    task = cell["task"]
    if task == "decisions":
        return lab.Outcome(ruler.decisions(cell["decisions"], cell.seed).as_json())
    if task == "questions":
        return lab.Outcome(concepts.questions(cell["piece"], cell["questions"], cell.seed).as_json())
    if task == "lesson":
        return lab.Outcome(expert.examples(cell["depth"], cell["positions"], cell.seed).as_json())
    if task == "train":
        return _train(cell, earlier, arms[cell["arm"]])
    decisions = ruler.Decisions.from_json(earlier(_decisions(cell["decisions"])))
    if task == "rules":
        return lab.Outcome(students.rules(decisions, cell["depth"]))
    return _measure(cell, earlier, arms[cell["arm"]], decisions)


def _setting(cell: lab.Cell) -> Setting:
    return Setting(**{name: cell[name] for name in Setting.names()})


def _train(cell: lab.Cell, earlier: lab.Earlier, arm: Arm) -> lab.Outcome:
    name = "".join(letter for letter in cell["arm"] if letter.isalpha())
    made = students.train(earlier.folder / f"{name}-{cell.seed}", arm, _setting(cell), cell.seed)
    return lab.Outcome({"ages": [age.as_json() for age in made]}, made[-1].flops)


def _measure(cell: lab.Cell, earlier: lab.Earlier, arm: Arm, decisions: ruler.Decisions) -> lab.Outcome:
    setting = _setting(cell)
    trained = earlier(_cell("train", cell.seed, 1, arm=cell["arm"], **setting.told))
    age = trainings.Age.from_json(trained["ages"][cell["at"]])
    lesson = expert.Examples.from_json(earlier(_lesson(cell["depth"], cell["decisions"])))
    questions = {
        piece: concepts.Questions.from_json(earlier(_questions(piece, cell["questions"]))) for piece in concepts.PIECES
    }
    found, flops = students.measure(earlier.folder, age, arm, setting, decisions, lesson, questions)
    return lab.Outcome({"age": setting.ages[cell["at"]], **found}, flops)
