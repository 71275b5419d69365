"""The records of strength: lines of earlier versions are read and written back key by key, mistakes named."""

import json

import pytest

from selfplay.stats import records

# Lines of files that runs of version 0.1 left.
EVALS = """\
{"generation": 1, "flops": 2749032264960.0, "evaluations": 370680, "games": 789, "seconds": 11.505346007999833, \
"jones_flops": 898142812800.0, "joules": null, "agent": "mcts:sims=64", "opponent": "rules", "simulations": 64, \
"wins": 72, "draws": 7, "losses": 21, "pairs": [1, 3, 16, 4, 26], "distinct_games": 100, "score": 0.755, \
"score_low": 0.6679764376553337, "score_high": 0.8251839589195462, "seed": 0}
{"generation": 100, "flops": 205422662986080.0, "evaluations": 22696257, "games": 55994, \
"seconds": 1200.9374068559996, "jones_flops": 54992122860720.0, "joules": 20000.5, "agent": "mcts:ms=20", \
"opponent": "alphabeta:ms=20", "simulations": 0, "wins": 140, "draws": 77, "losses": 183, \
"pairs": [40, 40, 71, 21, 28], "distinct_games": 400, "score": 0.44625, "score_low": 0.4026005653427519, \
"score_high": 0.49074432380156174, "seed": 0, "ms_per_move": [13.12, 8.786]}
""".splitlines()
FORECAST = """\
{"generation": 1, "written": "2026-11-30T04:47:09+00:00", "agent": "mcts:sims=64", "opponent": "alphabeta:depth=2", \
"made_at_flops": 2749032264959.9995, "flops": 19232479310674.895, "flops_low": 6368947081998.589, "flops_high": null}"""
AT = {
    "status": "overtaken", "flops": 6040370875817.351, "flops_low": 4031782945627.8745,
    "flops_high": 8692502654589.387, "evaluations": 766174.1655936432, "games": 1797.2507803044564,
    "seconds": 25.891845118006945, "jones_flops": 1856409356266.7703, "joules": None,
    "score_at_end": 0.9414437750207199, "score_low": 0.9062236694465743, "score_high": 0.9639620988200472,
    "flops_at_end": 205422662986079.88, "forecast": {
        "agent": "mcts:sims=64", "opponent": "rules", "made_at_flops": 2749032264959.9995, "flops": 4389002150312.483,
        "flops_low": 2909341332503.956, "flops_high": 74561248319500.3, "covered": True, "ratio": 1.376251518898731,
    },
}  # fmt: skip
CROSSOVER = {"game": "connect4", "rungs": [{"opponent": "rules", "agent": "mcts:sims=64", **AT, "runs": [AT]}]}


@pytest.mark.parametrize("text", EVALS)
def test_a_line_of_evals_is_written_as_it_was_read(text):
    assert json.dumps(records.EvalLine.from_dict(json.loads(text)).as_dict()) == text


def test_a_line_of_pairs_that_were_played_again():
    raw = json.loads(EVALS[0]) | {"distinct_pairs": 10}
    line = records.EvalLine.from_dict(raw)
    assert line.evidence_5 == [0.2, 0.6, 3.2, 0.8, 5.2]
    assert line.as_dict()["distinct_pairs"] == 10
    assert records.EvalLine.from_dict(json.loads(EVALS[0])).evidence_5 == (1, 3, 16, 4, 26)


def test_what_a_line_holds():
    line = records.EvalLine.from_dict(json.loads(EVALS[1]))
    assert (line.pairing, line.played) == (("mcts:ms=20", "alphabeta:ms=20"), 400)
    assert (line.pairs, line.ms_per_move) == ((40, 40, 71, 21, 28), (13.12, 8.786))


def test_older_lines_lack_keys_and_newer_ones_have_more():
    raw = json.loads(EVALS[1])
    for name in ("jones_flops", "joules", "seed", "ms_per_move"):
        del raw[name]
    line = records.EvalLine.from_dict(raw | {"format": 2, "elo": 100.0})
    assert (line.jones_flops, line.joules, line.seed, line.ms_per_move) == (None, None, None, None)
    assert not {"format", "elo", "ms_per_move"} & set(line.as_dict())


@pytest.mark.parametrize("name", sorted(set(json.loads(EVALS[0])) - {"jones_flops", "joules", "seed"}))
def test_a_line_without_what_every_line_has(name):
    raw = json.loads(EVALS[0])
    del raw[name]
    with pytest.raises(ValueError, match=f"^{name} is missing$"):
        records.EvalLine.from_dict(raw)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("flops", "1e12", "flops is a number, not '1e12'"),
        ("flops", None, "flops is a number, not None"),
        ("wins", 1.5, "wins is a whole number, not 1.5"),
        ("wins", True, "wins is a whole number, not True"),
        ("score", False, "score is a number, not False"),
        ("joules", "many", "joules is a number or null, not 'many'"),
        ("agent", 3, "agent is a text, not 3"),
        ("pairs", [1, 2, 3, 4], "pairs is a list of 5 numbers, not [1, 2, 3, 4]"),
        ("pairs", [1, 2, 3, 4, "5"], "pairs is a list of 5 numbers, not [1, 2, 3, 4, '5']"),
        ("pairs", 5, "pairs is a list of 5 numbers, not 5"),
        ("ms_per_move", [1.0], "ms_per_move is a list of 2 numbers or null, not [1.0]"),
    ],
)
def test_a_line_with_another_type(name, value, message):
    with pytest.raises(ValueError) as error:
        records.EvalLine.from_dict(json.loads(EVALS[0]) | {name: value})
    assert str(error.value) == message


def test_a_line_that_is_no_object():
    with pytest.raises(ValueError, match="a record is an object, not"):
        records.EvalLine.from_dict([1, 2])  # type: ignore[arg-type]


def test_a_forecast_is_written_as_it_was_read():
    forecast = records.WrittenForecast.from_dict(json.loads(FORECAST))
    assert (forecast.generation, forecast.flops_high) == (1, None)
    assert forecast.pairing == ("mcts:sims=64", "alphabeta:depth=2")
    assert forecast.as_dict() == json.loads(FORECAST)


def test_a_crossover_record_is_written_as_it_was_read():
    record = records.CrossoverRecord.from_dict(CROSSOVER)
    (crossing,) = record.crossings
    assert json.dumps(record.as_dict()) == json.dumps(CROSSOVER)
    assert crossing.overtaken and crossing.forecast and crossing.forecast.covered
    (run,) = crossing.runs
    assert (run.pairing, run.flops, run.runs) == (crossing.pairing, crossing.flops, ())


def test_a_crossover_record_of_before_other_amounts_were_counted():
    rung = {key: value for key, value in CROSSOVER["rungs"][0].items() if key not in ("jones_flops", "joules")}
    (crossing,) = records.CrossoverRecord.from_dict(
        {"game": "connect4", "rungs": [rung | {"forecast": None}]}
    ).crossings
    assert (crossing.jones_flops, crossing.joules, crossing.forecast) == (None, None, None)


@pytest.mark.parametrize(
    ("rung", "message"),
    [
        ({"status": "beaten"}, "rungs[0]: status is 'overtaken' or 'not overtaken', not 'beaten'"),
        ({"forecast": {}}, "rungs[0]: forecast: agent is missing"),
        ({"forecast": 1}, "rungs[0]: forecast is an object, not 1"),
        ({"runs": [AT, {**AT, "flops": "x"}]}, "rungs[0]: runs[1]: flops is a number or null, not 'x'"),
        ({"runs": 3}, "rungs[0]: runs is a list, not 3"),
    ],
)
def test_mistakes_deep_in_a_crossover_record_name_the_way(rung, message):
    with pytest.raises(ValueError) as error:
        records.CrossoverRecord.from_dict({"game": "connect4", "rungs": [CROSSOVER["rungs"][0] | rung]})
    assert str(error.value) == message


def test_a_crossover_record_without_its_rungs():
    with pytest.raises(ValueError, match="rungs is a list, not None"):
        records.CrossoverRecord.from_dict({"game": "connect4"})
