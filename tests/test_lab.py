"""The lab: cells that are kept, runs that go on, and what is written of them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import selfplay
from selfplay import cli
from selfplay.lab import curves, experiments, page, progress, runner
from selfplay.lab.experiment import (
    PRESETS,
    Cell,
    Claim,
    Conclusion,
    Constant,
    Experiment,
    Grid,
    Outcome,
    Picture,
    Record,
    Table,
)
from selfplay.lab.store import CELLS, CellStore

ROOT = Path(__file__).resolve().parent.parent


def toy(run=None, *, cells=4, version=1):
    """An experiment whose cells give their seed times a factor."""
    computed = []

    def compute(cell, earlier):
        computed.append(cell.seed)
        return Outcome({"product": 3 * cell.seed}, flops=10.0)

    def conclude(records):
        total = sum(record["product"] for record in records)
        held = {"it is 18": total == 18, "it is <b>19</b>": total == 19, "it is large": None}
        return Conclusion(
            answer=f"The sum is {total}.",
            constants={"sum": Constant(total, total - 1.5, None)},
            claims=[Claim(claim, value, f"{total}") for claim, value in held.items()],
            tables=[Table("Sums", ("seed", "product"), [(str(r.cell.seed), str(r["product"])) for r in records])],
        )

    def draw(records):
        figure = Figure(figsize=(2, 1))
        figure.subplots().plot([record["product"] for record in records])
        return {"line": Picture(figure=figure, label="a rising line", caption="Products by seed.")}

    found = Experiment(
        name="toy", version=version, title="Toys", question="How much is it?", refuted_by="Another sum.",
        grid=lambda preset: Grid([Cell(parameters={"factor": 3}, seed=seed) for seed in range(cells)], ["the rest"]),
        run=run or compute, conclude=conclude, draw=draw,
    )  # fmt: skip
    return found, computed


def lines(folder):
    return [json.loads(line) for line in (folder / CELLS).read_bytes().splitlines()]


def test_a_cell_is_known_by_its_parameters_and_its_seed_alone():
    one = Cell(parameters={"a": 1, "b": "x"}, seed=0, cost=3.0)
    assert one.key == Cell(parameters={"b": "x", "a": 1}, seed=0).key
    others = [({"a": 2, "b": "x"}, 0), ({"a": 1, "b": "x"}, 1), ({"a": 1}, 0)]
    assert one.key not in {Cell(parameters=parameters, seed=seed).key for parameters, seed in others}


def test_what_is_kept_of_a_cell(tmp_path):
    experiment, _ = toy(cells=2)
    runner.run_experiment(experiment, "tiny", tmp_path, "selfplay lab toy")
    first, second = lines(tmp_path)
    assert list(first) == [
        *("experiment", "version", "parameters", "seed", "result", "flops", "seconds", "finished", "commit")
    ]
    assert (first["experiment"], first["version"], first["parameters"]) == ("toy", 1, {"factor": 3})
    assert (second["seed"], second["result"], second["flops"]) == (1, {"product": 3}, 10.0)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", first["finished"])


def test_no_cell_is_computed_twice(tmp_path):
    experiment, computed = toy()
    first = runner.run_experiment(experiment, "tiny", tmp_path, "")
    again = runner.run_experiment(experiment, "tiny", tmp_path, "")
    assert computed == [0, 1, 2, 3]
    assert (again.answer, again.claims, again.constants) == (first.answer, first.claims, first.constants)
    assert [record["product"] for record in again.records] == [0, 3, 6, 9]


def test_a_larger_grid_computes_what_is_missing(tmp_path):
    runner.run_experiment(toy(cells=2)[0], "tiny", tmp_path, "")
    experiment, computed = toy(cells=4)
    assert runner.run_experiment(experiment, "tiny", tmp_path, "").answer == "The sum is 18."
    assert computed == [2, 3]


def test_another_version_of_an_experiment_uses_nothing_of_the_old(tmp_path):
    runner.run_experiment(toy()[0], "tiny", tmp_path, "")
    experiment, computed = toy(version=2)
    runner.run_experiment(experiment, "tiny", tmp_path, "")
    assert computed == [0, 1, 2, 3] and len(lines(tmp_path)) == 8


@pytest.mark.parametrize("torn", [b'{"experiment": "toy", "ver', b"\x00\xff", b"[]\n", b'{"experiment": "toy"}\n'])
def test_half_a_line_costs_its_cell_and_no_other(tmp_path, torn):
    runner.run_experiment(toy(cells=2)[0], "tiny", tmp_path, "")
    with (tmp_path / CELLS).open("ab") as file:
        file.write(torn)
    experiment, computed = toy()
    assert runner.run_experiment(experiment, "tiny", tmp_path, "").answer == "The sum is 18."
    assert computed == [2, 3]
    assert set(CellStore(tmp_path / CELLS, experiment)._records) == {
        Cell(parameters={"factor": 3}, seed=seed).key for seed in range(4)
    }


def test_a_whole_line_without_its_end_is_computed_again(tmp_path):
    """Whether the disk had all of it is not known."""
    runner.run_experiment(toy(cells=2)[0], "tiny", tmp_path, "")
    content = (tmp_path / CELLS).read_bytes()
    (tmp_path / CELLS).write_bytes(content[:-1])
    experiment, computed = toy(cells=2)
    runner.run_experiment(experiment, "tiny", tmp_path, "")
    assert computed == [1] and len(lines(tmp_path)) == 2


def test_stopped_at_every_cell_it_comes_to_the_same(tmp_path):
    whole = runner.run_experiment(toy()[0], "tiny", tmp_path / "whole", "")
    tries = []

    def stopping(cell, earlier):
        tries.append(cell.seed)
        if tries.count(cell.seed) == 1:
            raise KeyboardInterrupt
        return Outcome({"product": 3 * cell.seed}, flops=10.0)

    experiment, _ = toy(stopping)
    for done in range(4):
        with pytest.raises(KeyboardInterrupt):
            runner.run_experiment(experiment, "tiny", tmp_path / "stopped", "")
        assert (tmp_path / "stopped" / CELLS).exists() == (done > 0)
    found = runner.run_experiment(experiment, "tiny", tmp_path / "stopped", "")
    assert tries == [0, 0, 1, 1, 2, 2, 3, 3]
    assert (found.answer, found.claims, found.constants) == (whole.answer, whole.claims, whole.constants)


def test_cells_may_look_at_earlier_ones(tmp_path):
    cells = [Cell(parameters={"factor": 3}, seed=seed) for seed in range(4)]

    def adding(cell, earlier):
        return Outcome({"product": 1 + (earlier(cells[cell.seed - 1])["product"] if cell.seed else 0)})

    found = runner.run_experiment(toy(adding)[0], "tiny", tmp_path, "")
    assert [record["product"] for record in found.records] == [1, 2, 3, 4]


def test_fit_json(tmp_path):
    runner.run_experiment(toy()[0], "tiny", tmp_path, "selfplay lab toy --preset tiny")
    assert "read nothing into them" in (tmp_path / "report.html").read_text()
    fit = json.loads((tmp_path / page.FIT).read_bytes())
    assert fit["constants"] == {"sum": {"value": 18, "low": 16.5, "high": None}}
    assert fit["claims"][:2] == [
        {"claim": "it is 18", "held": True, "why": "18"},
        {"claim": "it is <b>19</b>", "held": False, "why": "18"},
    ]
    assert (fit["experiment"], fit["preset"], fit["flops"], fit["cells"]) == ("toy", "tiny", 40.0, 4)
    assert (fit["seeds"], fit["command"]) == ([0, 1, 2, 3], "selfplay lab toy --preset tiny")
    assert {"minutes", "commit", "machine", "answer", "format"} <= set(fit)


def test_the_page_stands_on_its_own(tmp_path):
    found = runner.run_experiment(toy()[0], "tiny", tmp_path, "selfplay lab toy --preset tiny")
    text = found.report.read_text(encoding="utf-8")
    for said in ("How much is it?", "The sum is 18.", "Another sum.", "a rising line", "Products by seed.", "it is 18",
                 "did not hold", "undecided", "4.0e1 FLOPs", "selfplay lab toy --preset tiny", "the rest"):  # fmt: skip
        assert said in text, said
    assert "it is &lt;b&gt;19" in text
    assert "|18|16.5|…" in "|".join(re.findall(r"<td[^>]*>([^<]*)</td>", text))
    assert text.count("data:image/png;base64,") == 1
    assert re.findall(r"(?:src|href)=.{6}", text) == ['src="data:']
    assert (tmp_path / "line.png").read_bytes().startswith(b"\x89PNG") and b"<svg" in (
        tmp_path / "line.svg"
    ).read_bytes()


def test_the_same_cells_make_the_same_files(tmp_path):
    runner.run_experiment(toy()[0], "tiny", tmp_path, "")
    names = ("fit.json", "line.png", "line.svg", "report.html")
    before = {name: (tmp_path / name).read_bytes() for name in names}
    runner.run_experiment(toy()[0], "tiny", tmp_path, "")
    assert before == {name: (tmp_path / name).read_bytes() for name in names}


def test_the_machine_is_where_the_cells_were_computed(tmp_path, monkeypatch):
    here, there = ({"cpu": name, "cores": 2, "memory_gib": 8} for name in ("here", "there"))
    monkeypatch.setattr(runner.session, "machine", lambda: here)
    runner.run_experiment(toy(cells=2)[0], "tiny", tmp_path, "")
    monkeypatch.setattr(runner.session, "machine", lambda: there)
    for cells, expected in ((2, here), (4, there)):
        runner.run_experiment(toy(cells=cells)[0], "tiny", tmp_path, "")
        assert json.loads((tmp_path / page.FIT).read_bytes())["machine"] == expected


def test_two_cannot_work_in_one_folder(tmp_path):
    def second(cell, earlier):
        with pytest.raises(ValueError, match=r"in use by process .* give another --out"):
            runner.run_experiment(toy()[0], "tiny", tmp_path, "")
        return Outcome({"product": 0})

    runner.run_experiment(toy(second)[0], "tiny", tmp_path, "")


def test_the_time_left_counts_cost_and_not_cells():
    """Two dear cells of 100 s, and many cheap ones: after one dear cell as much is left again."""
    cells = [Cell(parameters={"n": n}, seed=0, cost=cost) for n, cost in enumerate([50, 50, *[0.01] * 100])]
    pace = progress.Pace(cells)
    assert pace.seconds_left == pytest.approx(101)  # a cost is meant to be seconds
    record = Record(cell=cells[0], outcome=Outcome({}), seconds=100.0, finished="", commit=None)
    pace.add(cells[0], record)
    assert pace.seconds_left == pytest.approx(51 * 110 / 60)
    assert str(pace) == "1/102 cells, 50% of the work, ETA 1:34"


def test_curves_are_gathered_by_seed_and_place():
    records = [
        Record(cell=Cell(parameters={"task": "t", "who": who, "n": n}, seed=seed), seconds=1, finished="", commit=None,
               outcome=Outcome({"right": 100 * n + seed + (10 if who == "b" else 0)}))
        for who in ("b", "a") for n in (2, 1) for seed in (1, 0) if (who, n) != ("a", 2)
    ]  # fmt: skip
    found = curves.gather(records, {"task": "t"}, by="who", axis="n", measure="right")
    assert list(found) == ["b", "a"] and found["b"].x_X.tolist() == [1, 2]
    assert found["b"].values_SX.tolist() == [[110, 210], [111, 211]]
    ahead = curves.lead(found["b"], found["a"])
    assert (ahead.x_X.tolist(), ahead.values_SX.tolist()) == ([1], [[10], [10]])
    assert curves.gather(records, {"task": "other"}, by="who", axis="n", measure="right") == {}


def test_the_interval_of_a_share_ends_where_shares_do():
    assert curves.share(np.array([0.5, 0.5, 0.5])) == "50.0 % [50.0, 50.0]"
    assert curves.share(np.array([0.0, 0.0, 0.3])).startswith("10.0 % [0.0, 5")
    assert curves.share(np.array([1.0, 1.0, 0.7])).endswith(", 100.0]")


@pytest.mark.parametrize(
    ("leads", "held"),
    [
        ({"a": [1, 2, 3], "b": [4, 5, 6]}, None),  # 2 +- 2.48
        ({"a": [2, 2.1, 2.2], "b": [4, 5, 6]}, True),
        ({"a": [2, 2.1, 2.2], "b": [-4, -4.1, -4.2]}, False),
        ({"a": [-1, 0, 1]}, None),
    ],
)
def test_a_claim_holds_by_its_intervals(leads, held):
    claim = curves.all_above_zero("it is", {name: np.array(each) for name, each in leads.items()}, scale=1.0)
    assert claim.held is held
    if held is None and "b" in leads:
        assert claim.why.startswith("a +2.0 points [-0.5, +4.5]; b")


def test_events_in_a_sentence():
    several = ((123_456, 91_000, None), (8_912, None, None), (None, 5000, None), (None, None, None))
    assert [curves.since(Constant(*bounds)) for bounds in several] == [
        "from 120,000 on [91,000, …]",
        "from 8,900 on",
        "not by the end (at the earliest from 5,000 on)",
        "not by the end",
    ]


def test_a_level_is_reached_by_each_seed_from_its_own():
    """Seeds at 1, 2, 3 above a level of their own at the second point, as far below it at the first."""
    x, level = np.array([10.0, 1000.0]), np.array([[5.0], [6.0], [7.0]])
    curve = curves.Curve(x, level + np.array([[-2.0, 2.0]] * 3))
    found = curves.reaching(curve, level)
    assert (found.value, found.low, found.high) == pytest.approx((100, 100, 100))


def run(capsys, *argv):
    code = cli.guarded(["lab", *map(str, argv)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["dta"], "unknown experiment 'dta' (did you mean 'data'?); there are: " + ", ".join(experiments.NAMES)),
        (["data", "--preset", "cpu-our"], "unknown preset 'cpu-our' (did you mean 'cpu-hour'?)"),
        (["data", "--predict"], "--predict is about scaling"),
        ([], "the following arguments are required: EXPERIMENT"),
        (["data", "--preset", "tiny", "--out", "/dev/null/x"], "/dev/null"),
        (["data", "--preset", "tiny", "--out", __file__], "--out is a folder, and"),
    ],
)
def test_mistakes_take_one_line(argv, said, capsys):
    code, out, err = run(capsys, *argv)
    assert (code, out, err.count("\n")) == (2, "", 1) and said in err


def test_help_names_experiments_and_presets(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    for name in (*experiments.NAMES, *PRESETS):
        assert re.search(rf"^  {name} ", out, flags=re.MULTILINE), name


def test_an_experiment_is_one_short_file():
    folder = ROOT / "selfplay" / "lab" / "experiments"
    assert {path.stem for path in folder.glob("*.py")} == {"__init__", *experiments.NAMES}
    for name in experiments.NAMES:
        assert experiments.load(name).name == name
        assert len((folder / f"{name}.py").read_text(encoding="utf-8").splitlines()) <= 250


def test_the_experiment_of_the_docs_works(tmp_path):
    page_of = (ROOT / "docs" / "lab" / "add-an-experiment.md").read_text(encoding="utf-8")
    names = {}
    exec(re.findall(r"^```python\n(.*?)^```$", page_of, flags=re.MULTILINE | re.DOTALL)[0], names)
    for preset in PRESETS:
        names["SIZES"][preset] //= 100 if preset != "tiny" else 1
        found = runner.run_experiment(names["EXPERIMENT"], preset, tmp_path / preset, "selfplay lab coins")
        assert found.claims[0].held and found.report.exists()


KILLED = experiments.NAMES if "SELFPLAY_KILLS" in os.environ else ("data",)
"""all of them take some minutes: make fuzz"""


def started(out, name="data"):
    command = [sys.executable, "-m", "selfplay", "lab", name, "--preset", "tiny", "--out", str(out)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


def wait_for(path, count):
    """Until a file has so many lines."""
    until = time.monotonic() + 200
    while time.monotonic() < until:
        if path.exists() and path.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.002)
    raise AssertionError(f"{path} has not {count} lines")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The tiny preset in one go."""
    pytest.importorskip("bitbully", reason="needs bitbully")
    return selfplay.lab.run("data", preset="tiny", out=tmp_path_factory.mktemp("lab") / "whole", progress=False)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", KILLED)
def test_killed_five_times_it_comes_to_the_same(name, tiny, tmp_path):
    whole, out = tiny, tmp_path / "killed"
    if name != "data":
        whole = selfplay.lab.run(name, preset="tiny", out=tmp_path / "whole", progress=False)
    kept = []
    for seconds in (0.0, 0.2, 0.0, 0.4, 0.1):  # into the cell after
        with started(out, name) as process:
            wait_for(out / CELLS, (kept[-1] if kept else 0) + 2)
            time.sleep(seconds)
            process.kill()
        kept.append((out / CELLS).read_bytes().count(b"\n"))
    assert kept == sorted(set(kept)) and kept[-1] < len(whole.records)
    found = selfplay.lab.run(name, preset="tiny", out=out, progress=False)
    assert (found.answer, found.constants, found.claims) == (whole.answer, whole.constants, whole.claims)
    told = [json.dumps([(dict(r.outcome.result), r.outcome.flops) for r in each.records]) for each in (found, whole)]
    assert told[0] == told[1]  # as JSON, which knows no tuples
    assert len(lines(out)) == len(whole.records)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_by_a_signal_it_says_how_to_go_on(number, code, tmp_path):
    with started(tmp_path) as process:
        wait_for(tmp_path / CELLS, 2)
        process.send_signal(number)
        _, err = process.communicate(timeout=100)
    assert process.returncode == code, err
    assert re.search(rf"^\d+ cells are kept in {tmp_path}; the same command goes on from there$", err, re.MULTILINE)
    assert "Traceback" not in err
