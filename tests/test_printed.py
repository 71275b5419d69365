"""Names that come from files are printed as text, whatever a terminal or a browser would make of them."""

import json
import shutil

import pytest
from damages import a_run, controls

from selfplay import cli
from selfplay.run import checksums, folder
from selfplay.stats.records import visible

NAME = "\x1b]0;mine\x07\x1b[2Jrules\u202e\u200b\x9b31m<script>alert(1)</script>[/red]\r\nselfplay: well"
SHOWN = r"\x1b]0;mine\x07\x1b[2Jrules\u202e\u200b\x9b31m<script>alert(1)</script>[/red]\r\nselfplay: well"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one-ply rules, 20 ms · é 五子棋 🙂", "one-ply rules, 20 ms · é 五子棋 🙂"),
        ("\x1b[31m", r"\x1b[31m"),
        ("a\tb\nc\r", r"a\tb\nc\r"),
        ("\u202e\u2066\u200b\ufeff", r"\u202e\u2066\u200b\ufeff"),
        ("\x00\x7f\x9b", r"\x00\x7f\x9b"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text, shown):
    assert visible(text) == shown


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """A run of three generations that has met somebody of such a name, and whose meta.json has such a command."""
    run_dir = a_run(tmp_path_factory.mktemp("named") / "r")
    for name in (folder.EVALS, folder.FRONTIER, folder.FORECASTS):
        lines = [json.loads(line) for line in (run_dir / name).read_text().splitlines()]
        lines += [{**line, "opponent": NAME} for line in lines]
        (run_dir / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    meta = json.loads((run_dir / folder.META).read_text())
    meta["sessions"][0]["command"] = NAME
    (run_dir / folder.META).write_text(json.dumps(meta))
    for path in (run_dir / checksums.DIR).iterdir():
        path.unlink()
    return run_dir


@pytest.fixture
def run_dir(named, tmp_path):
    return shutil.copytree(named, tmp_path / "r")


@pytest.mark.parametrize(
    ("command", "shows"),
    [
        (["crossover", "RUN"], True),
        (["doctor", "RUN"], False),
        (["compare", "RUN", "--", "RUN/../r/../r"], False),
        (["train", "--run", "RUN", "--generations", "3"], True),
        (["export", "RUN", "--format", "safetensors", "--out", "RUN/../out.safetensors"], False),
    ],
)
def test_no_command_prints_it(run_dir, capsys, command, shows):
    cli.guarded([word.replace("RUN", str(run_dir)) for word in command])
    out, err = capsys.readouterr()
    assert controls(out + err) == []
    assert not any(line.startswith("selfplay: well") for line in (out + err).splitlines())
    assert (SHOWN in out) is shows


def test_pages_show_it_and_run_nothing(run_dir, capsys):
    assert cli.guarded(["report", str(run_dir)]) == 0, capsys.readouterr().err
    page = (run_dir / "report.html").read_text()
    assert set(controls(page)) <= {"\xa0"}  # a space that keeps an interval together
    assert "<script>alert" not in page
    assert SHOWN.replace("<", "&lt;").replace(">", "&gt;") in page


def test_a_mistake_that_quotes_it_is_one_line(run_dir, capsys):
    path = run_dir / folder.EVALS
    path.write_text(json.dumps({"generation": 1, "agent": 3, "opponent": NAME, "flops": NAME}) + "\n")
    assert cli.guarded(["crossover", str(run_dir)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1 and controls(err) == []
