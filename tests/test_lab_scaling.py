"""The law of growth: a world whose exponents are known, and the whole experiment at its smallest."""

import itertools
import json
import math

import numpy as np
import pytest
from matches import met

from selfplay.lab import runner
from selfplay.lab.experiment import Earlier
from selfplay.lab.experiments import scaling
from selfplay.lab.growing import fits, predictions
from selfplay.lab.growing.boards import Board, Grown, board
from selfplay.lab.store import CELLS

SIZE = scaling.SIZES["cpu-hour"]
LARGEST = SIZE.models[-1]
PARAMETERS = {"mlp:1x4": 761, "mlp:2x16": 3265, "mlp:2x64": 16081, "mlp:2x256": 113_425, "resnet:3x32": 800_000}
LADDER_ELO = dict(zip(scaling.LADDERS["connect4"], (0, 300, 600, 800, 950, 1100), strict=True))


def elo(seed, x, parameters):
    """220 Elo for ten times the compute (alpha 0.55) at the best size, which grows as compute to the power of 0.62."""
    best = 3 + 0.62 * (x - 8.5)
    return 220 * (x - 7) + 5 * seed - 80 * (math.log10(parameters) - best) ** 2


def kept(seed, x):
    """A sigmoid from 1/2 to 1."""
    return 0.5 + 0.5 / (1 + math.exp(-0.9 * (x - 10.5 - 0.05 * seed)))


def planted():
    """The cells of one board with their results."""
    found = []
    for cell in scaling.grid("cpu-hour").cells:
        network = str(cell.parameters.get("network"))
        if cell.parameters.get("game") != "connect4":
            continue
        if cell["task"] == "ladder":
            pairs = itertools.pairwise(LADDER_ELO)
            found.append((cell, {"matches": [met(a, b, LADDER_ELO[a], LADDER_ELO[b]) for a, b in pairs]}))
            continue
        model = next(one for one in SIZE.models if (one.game, one.network) == ("connect4", network))
        x_X = np.linspace(math.log10(model.last) - model.decades, math.log10(model.last), SIZE.ages).tolist()
        if cell["task"] == "training":
            ages = [{"flops": 10**x, "games": 10 ** (x / 2), "positions": 20 * 10 ** (x / 2)} for x in x_X]
            found.append((cell, {"parameters": PARAMETERS[network], "ages": ages}))
        if cell["task"] == "strength":
            matches = [
                met(f"{network}:{cell.seed}:{age}", rival, elo(cell.seed, x, PARAMETERS[network]), LADDER_ELO[rival])
                for age, x in enumerate(x_X)
                for rival in sorted(LADDER_ELO, key=lambda one: abs(LADDER_ELO[one] - 220 * (x - 7)))[:2]
            ]
            found.append((cell, {"matches": matches, "marks": [{"kept": kept(cell.seed, x)} for x in x_X]}))
    return found


@pytest.fixture(scope="module")
def world() -> Board:
    return board("connect4", planted(), scaling.LADDERS["connect4"])


@pytest.fixture(scope="module")
def before() -> Board:
    """As it is when the largest is foretold."""
    rest = [(cell, result) for cell, result in planted() if cell.parameters.get("network") != LARGEST.network]
    return board("connect4", rest, scaling.LADDERS["connect4"])


def test_the_exponents_that_were_planted_are_found(world):
    assert fits.alpha_compute(world).value == pytest.approx(0.55, abs=0.02)
    found = fits.exponent_of_size(world.only("mlp"))
    assert found.value == pytest.approx(0.62, abs=0.04)
    for axis, factor in (("flops_X", 1), ("games_X", 2), ("positions_X", 2)):  # games grow as the root of compute
        slope, of_compute = (fits.per_decade(world, "mlp:2x64", each).value for each in (axis, "flops_X"))
        assert slope is not None and of_compute is not None and slope == pytest.approx(factor * of_compute)
    assert 10 ** fits.reaching(world, 300 / 1100).mean() == pytest.approx(10 ** (7 + 300 / 220), rel=0.4)


def test_the_frontier_is_the_best_of_all_sizes(world):
    """In the middle of the range of three sizes, and where only one was trained."""
    x_P, elo_P = world.frontiers()[1]
    for x, found in zip(x_P, elo_P, strict=True):
        low, high = 10 ** (x - 0.02), 10 ** (x + 0.02)
        there = [one for one in world.trained if one.flops_X[0] <= high and low <= one.flops_X[-1]]
        expected = max(elo(1, x, one.parameters) for one in there)
        assert found == pytest.approx(expected, abs=12), x
    assert x_P[0] == pytest.approx(math.log10(1.2e10) - 2.5) and x_P[-1] == pytest.approx(math.log10(2e13))


def test_who_has_more_compute_need_not_use_it():
    """A small size ends at 500 Elo where a large one begins at 0, which passes it half way to 1000."""
    ends = {"mlp:1x4": (1e8, 1e10, 100.0, 500.0), "mlp:2x256": (1e10, 1e12, 0.0, 1000.0)}
    trained = [
        Grown(game="connect4", network=name, seed=0, parameters=1, flops_X=np.array([first, last]),
              games_X=np.ones(2), positions_X=np.ones(2), elo_X=np.array([low, high]), kept_X=None)
        for name, (first, last, low, high) in ends.items()
    ]  # fmt: skip
    [(x_P, elo_P)] = Board(game="connect4", trained=trained, ladder={}).frontiers()
    at = dict(zip(x_P.round(2).tolist(), elo_P.tolist(), strict=True))
    assert at[9] == pytest.approx(300) and at[10] == at[10.5] == at[11] == pytest.approx(500)
    assert at[12] == pytest.approx(1000)


def test_the_largest_is_not_begun_before_it_is_foretold(tmp_path):
    """Also where cells are computed at once: it asks for what was foretold."""
    cells = scaling.grid("tiny").cells
    last = scaling.SIZES["tiny"].models[-1].network
    largest, other = (next(cell for cell in cells if cell["task"] == "training" and (cell["network"] == last) is ours)
                      for ours in (True, False))  # fmt: skip

    def missing(cell):
        raise LookupError(cell["task"])

    with pytest.raises(LookupError, match="forecast"):
        scaling.run(largest, Earlier(missing, tmp_path))
    assert not list(tmp_path.iterdir())
    assert scaling.run(other, Earlier(missing, tmp_path)).flops > 0


def test_the_form_that_was_planted_errs_least(world):
    errors = fits.errors_beyond(world)
    assert [*errors] == [1.0, 2.0]
    for found in errors.values():
        assert found["sigmoid"].max() < min(found["power law"].min(), found["change point"].min())


def test_the_largest_is_foretold_from_what_was_there_before(before, world):
    x = math.log10(2e13)
    for share, far in ((0.1, 60), (0.01, 120)):
        told = predictions.predict(before, 2e13, share, ["rules"])
        value, low, high = told["Elo"]
        assert low < value < high and value == pytest.approx(220 * (x - 7), abs=far)
        assert told["decisions kept"][0] == pytest.approx(kept(1, x), abs=0.03)
        assert told["log10 FLOPs to be level with rules"][0] == pytest.approx(7 + 300 / 220, abs=0.15)
        assert told["from runs below"] == share * 2e13
    came = predictions.came(world, LARGEST.network, ["rules"])
    assert came["Elo"][0] == pytest.approx(elo(1, x, PARAMETERS[LARGEST.network]), abs=3)
    assert came["decisions kept"][0] == pytest.approx(kept(1, x), abs=0.01)


def test_a_forecast_is_held_by_what_came_into_its_interval():
    told = {"a": [5, 4, 6], "b": [5, 4, 6], "c": [None, None, None], "d": [5, 4, 6]}
    came = {"a": [np.float64(4.5), 0, 9], "b": [7, 5, 9], "c": [1, 0, 2], "d": [None, 3, None]}
    held = predictions.grade(told, came)
    assert json.loads(json.dumps(held)) == {"a": True, "b": False, "c": None, "d": None}  # as it is written down


def test_what_may_not_grow_is_never_level():
    flat = [(np.arange(4.0), np.array([1.0, 2, 1, 2]) - 3.0 * seed * np.arange(4.0)) for seed in range(3)]
    assert predictions.crossing(flat, 10.0).value is None


def test_the_whole_experiment_at_its_smallest(tmp_path):
    """Forecasts are written before the largest run begins, and graded after it."""
    pytest.importorskip("bitbully", reason="needs bitbully")
    found = runner.run("scaling", preset="tiny", out=tmp_path, progress=False)
    assert found.report.exists() and {"growth.png", "best-size.svg", "forms.png"} <= {
        p.name for p in tmp_path.iterdir()
    }
    lines = [json.loads(line) for line in (tmp_path / CELLS).read_text().splitlines()]
    largest = scaling.SIZES["tiny"].models[-1].network
    order = [line["parameters"]["task"] for line in lines if line["parameters"].get("network", largest) == largest]
    assert order[-7:] == ["forecast", "forecast", *["training", "strength"] * 2, "grade"]
    entries = json.loads((tmp_path / predictions.PREDICTION).read_bytes())
    assert [entry["task"] for entry in entries] == ["forecast", "forecast", "grade"]
    trained = [line for line in lines if line["parameters"]["task"] == "training"]
    assert entries[1]["written"] <= trained[-2]["finished"] <= entries[2]["written"]
    assert len(entries[2]["held"]) == 2
