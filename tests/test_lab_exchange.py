"""Training against thinking: a world whose rate of exchange is known, and the whole experiment at its smallest."""

import itertools
import math

import pytest
from matches import met

from selfplay.lab import ruler, runner
from selfplay.lab.experiment import Outcome, Record
from selfplay.lab.experiments import exchange
from selfplay.lab.store import CELLS
from selfplay.lab.thinking.players import simulations

SIZE = exchange.SIZES["cpu-hour"]
LADDER_ELO = dict(zip(exchange.LADDER, (-400, 0, 300, 500, 700, 1300), strict=True))
SLOPES = {"0-5": (-0.2, -0.02), "6-11": (-0.2, -0.1), "12-17": (-0.2, -0.2), "18+": (-0.2, -0.3)}  # of log10 mistakes


def decades(age, number):
    """Of training and of thinking, counted from the least."""
    return age / (SIZE.ages - 1) * math.log10(SIZE.last / SIZE.first), math.log10(max(1, number))


def elo(seed, age, number):
    """Ten times the training does as much as 10^1.2 times the thinking, everywhere; seeds differ by 15 Elo."""
    x, y = decades(age, number)
    return -600 + (345 + 15 * seed) * x + 300 * y


def result_of(cell):
    parameters, seed = cell.parameters, cell.seed
    numbers = simulations(SIZE.most)
    match parameters["task"]:
        case "ladder":
            names = exchange.LADDER
            return {"matches": [met(a, b, LADDER_ELO[a], LADDER_ELO[b]) for a, b in itertools.pairwise(names)]}
        case "training":
            step = (SIZE.last / SIZE.first) ** (1 / (SIZE.ages - 1))
            flops = [SIZE.first * step**age for age in range(SIZE.ages)]
            return {"ages": [{"flops": each} for each in flops]}
        case "marks":
            shares = [
                {stage: 1 - 0.3 * 10 ** (a * x + b * y) for stage, (a, b) in SLOPES.items()}
                for x, y in (decades(parameters["age"], number) for number in numbers)
            ]
            return {
                "marks": [ruler.Marks(kept=0.0, regret=0.0, number=40_000, by_stage=each).as_json() for each in shares]
            }
        case "matches":
            age, matches = parameters["age"], []
            for t, number in enumerate(numbers):
                ours = f"{age}:{number}", elo(seed, age, number)
                places = [(at, i) for at, i in ((age, t - 1), (age - 1, t + 2)) if at >= 0 and 0 <= i < len(numbers)]
                others = [(f"{at}:{numbers[i]}", elo(seed, at, numbers[i])) for at, i in places]
                others += [("alphabeta:depth=2", 300), ("rules", 0)]
                matches += [met(ours[0], other, ours[1], their) for other, their in others]
            return {"matches": matches}
    return {}


@pytest.fixture(scope="module")
def concluded():
    pytest.importorskip("bitbully", reason="needs bitbully")
    cells = exchange.grid("cpu-hour").cells
    records = [Record(cell=cell, outcome=Outcome(result_of(cell)), seconds=1, finished="", commit="") for cell in cells]
    return exchange.conclude(records)


def test_the_rate_that_was_planted_is_found(concluded):
    for level in exchange.LEVELS:
        for ruled in ("", "by the solver: "):
            found = concluded.constants[f"{ruled}rate of exchange, {level} players"]
            assert found.low <= found.value <= found.high
            if not ruled:
                assert found.value == pytest.approx(-1.2, abs=0.03)
    assert concluded.constants["Elo for ten times the training"].value == pytest.approx(360, rel=0.03)
    assert concluded.constants["Elo for ten times the thinking"].value == pytest.approx(300, rel=0.03)
    for stage, slopes in SLOPES.items():
        for what, slope in zip(("training", "thinking"), slopes, strict=True):
            found = concluded.constants[f"plies {stage}: share of mistakes that ten times the {what} leaves"]
            assert found.value == pytest.approx(10**slope, rel=0.02)
    assert [row[1] for row in concluded.tables[2].rows] == ["30.0 % [30.0, 30.0]"] * 4  # the youngest, alone


def test_claims_of_the_planted_world(concluded):
    """It is as Jones has it; the last network reaches 1193 Elo with all its thinking (depth 4: 500), 292 alone."""
    held = {claim.claim: claim.held for claim in concluded.claims}
    del held["and the stronger the players, the less of it"]  # nothing but rounding decides
    assert held == {
        "ten times the training replaces 10^1.2 of thinking, in the middle": True,
        "among weak players it replaces 10^1.6": False,
        "the oldest network with the most thinking beats alphabeta:depth=4": True,
        "the oldest network alone beats rules": True,
        "ten times the thinking leaves more of the mistakes in plies 0-5 than in plies 18+": True,
        "in plies 0-5 ten times the training mends more than ten times the thinking": True,
        "the two rulers rank the players alike (Spearman above 0.9)": True,
    }


def test_who_is_surely_beaten_from_when(concluded):
    """With 1024 simulations the youngest has 303 Elo (depth 2: 300), alone the oldest has 292; depth 8 has 1300."""
    rows = {row[0]: row[1:] for row in concluded.tables[1].rows}
    two, *_, eight = rows.values()
    assert two[0] == "–" and two[-1] == "3.0e10"
    assert set(eight) == {"by nobody here", ""}


def test_the_whole_experiment_at_its_smallest(tmp_path, monkeypatch):
    """Killed after each kind of cell, it goes on with what is kept, networks too."""
    pytest.importorskip("bitbully", reason="needs bitbully")
    found = runner.run("exchange", preset="tiny", out=tmp_path, progress=False)
    assert found.report.exists() and {"equal-strength.png", "rates.svg", "mistakes.png"} <= {
        p.name for p in tmp_path.iterdir()
    }
    lines = (tmp_path / CELLS).read_text().splitlines(keepends=True)
    (tmp_path / CELLS).write_text("".join(lines[:-1]))
    again = runner.run("exchange", preset="tiny", out=tmp_path, progress=False)
    assert again.constants == found.constants and len(again.records) == len(lines)
    assert all(record.outcome.flops > 0 for record in again.records if record["task"] not in ("labels", "ladder"))
