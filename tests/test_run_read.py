"""Files of a run as their types: mistakes that name the place, and a crossover record that is never out of date."""

import json
import os

import pytest
from matches import a_line
from web_server import a_run

from selfplay.run import folder, read
from selfplay.stats import crossover
from selfplay.stats.records import CrossoverRecord, WrittenForecast

LINES = [
    a_line(generation=n, flops=1e12 * 4**n, score=0.2 * n, pairs=[50 - 10 * n, 0, 0, 0, 10 * n]) for n in (1, 2, 3)
]
OTHER = CrossoverRecord(game="another", crossings=())


@pytest.fixture
def run_dir(tmp_path):
    folder.append(tmp_path / folder.EVALS, [line.as_dict() for line in LINES])
    return tmp_path


def write_record(run_dir, *, seconds_later):
    """A crossover.json that cannot be mistaken for the right one, so much later than evals.jsonl."""
    (run_dir / folder.CROSSOVER).write_text(json.dumps(OTHER.as_dict()))
    when = (run_dir / folder.EVALS).stat().st_mtime_ns + int(1e9 * seconds_later)
    os.utime(run_dir / folder.CROSSOVER, ns=(when, when))


def test_lines_are_read_as_their_type(run_dir):
    assert read.evals(run_dir) == LINES
    assert read.evals(run_dir / "nowhere") == read.frontier(run_dir) == read.forecasts(run_dir) == []


def test_a_wrong_line_is_named_by_file_line_and_field(run_dir):
    path = run_dir / folder.EVALS
    path.write_text("half a li\n" + path.read_text() + json.dumps(LINES[0].as_dict() | {"wins": "3"}) + "\n")
    with pytest.raises(ValueError) as error:
        read.evals(run_dir)
    assert str(error.value) == f"{path}, line 5: wins is a whole number, not '3'"


@pytest.mark.parametrize("seconds_later", [0, 5])
def test_a_record_as_new_as_its_lines_is_read(run_dir, seconds_later):
    write_record(run_dir, seconds_later=seconds_later)
    assert read.recorded_crossover(run_dir, "connect4", LINES) == OTHER


def test_a_record_that_is_older_than_its_lines_or_missing_or_of_another_form_is_made_again(run_dir):
    right = crossover.record(LINES, "connect4")
    assert read.recorded_crossover(run_dir, "connect4", LINES) == right
    write_record(run_dir, seconds_later=-5)
    assert read.recorded_crossover(run_dir, "connect4", LINES) == right
    for damaged in ("", "[]", '{"game": "connect4"}', '{"game": "connect4", "rungs": [{"agent": "net"}]}'):
        (run_dir / folder.CROSSOVER).write_text(damaged)
        assert read.recorded_crossover(run_dir, "connect4", LINES) == right


def test_what_is_expected_was_written_after_the_last_match_or_is_reckoned_now(run_dir):
    (now,) = crossover.forecast(LINES[:2])
    assert read.expected(run_dir, LINES[:2]) == [now]
    written = [WrittenForecast(**now.as_dict(), generation=n, written=f"day {n}") for n in (1, 2)]
    folder.append(run_dir / folder.FORECASTS, [forecast.as_dict() for forecast in written])
    assert read.expected(run_dir, LINES[:2]) == written[1:]
    assert read.expected(run_dir, LINES) == crossover.forecast(LINES)


def test_a_report_reads_the_record_and_fits_nothing(tmp_path, monkeypatch):
    from selfplay.report import page

    run_dir, fitted = a_run(tmp_path, "r"), []
    monkeypatch.setattr(crossover, "record", lambda lines, game: fitted.append(game) or OTHER)
    write_record(run_dir, seconds_later=0)
    page.write(run_dir)
    assert fitted == []
