"""`selfplay compare`: groups of runs, what differs, who is stronger; as JSON, as a picture and from Python too."""

import dataclasses
import json
import math
import os
import re
import time
from pathlib import Path

import numpy as np
import pytest
from matches import a_line
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import selfplay
from selfplay import cli
from selfplay.config import Config, merged, to_toml
from selfplay.report import plots
from selfplay.report.comparison import picture, settings, verdict
from selfplay.run import folder
from selfplay.stats.comparison import Comparison, Factor

STEPS = np.arange(12.4, 14.3, 0.2)
LEVELS = {"rules": -1.0, "alphabeta:depth=2": 1.0}  # logits
SPREAD = (-0.1, 0.0, 0.1)  # of three seeds


def matches(lead, steps=STEPS, agent="mcts:sims=64", opponents=LEVELS):
    """A learner that gains 2 logits a decade, all but free of chance."""
    for number, x in enumerate(steps, start=1):
        for opponent, level in opponents.items():
            won = round(4000 / (1 + math.exp(level - lead - 2 * (x - 13.4))))
            yield a_line(
                generation=number, flops=10.0**x, agent=agent, opponent=opponent, wins=2 * won, losses=2 * (4000 - won),
                pairs=(4000 - won, 0, 0, 0, won), score=won / 4000,
            )  # fmt: skip


@pytest.fixture
def a_run(tmp_path):
    def make(name, lead, change=None, **given):
        path = tmp_path / name
        path.mkdir()
        (path / "config.toml").write_text(to_toml(merged(Config(), change or {})))
        lines = (json.dumps(line.as_dict()) + "\n" for line in matches(lead, **given))
        (path / "evals.jsonl").write_text("".join(lines))
        return str(path)

    return make


WIDE = {"network": {"architecture": "resnet:3x64"}}


@pytest.fixture
def wide(a_run):
    return [a_run(f"wide{seed}", 0.4 + off, WIDE | {"seed": seed}) for seed, off in enumerate(SPREAD)]


@pytest.fixture
def plain(a_run):
    return [a_run(f"plain{seed}", off, {"seed": seed}) for seed, off in enumerate(SPREAD)]


def said(capsys, *argv):
    code = cli.guarded(["compare", *argv])
    captured = capsys.readouterr()
    return code, captured.out, captured.err.splitlines()


def test_two_settings_in_words(wide, plain, capsys):
    """A lead of 0.4 logits, 69 Elo; at 2 logits a decade that is a factor of 1.6."""
    code, out, err = said(capsys, *wide, "--", *plain)
    assert (code, err) == (0, [])
    last = out.splitlines()[-1]
    found = re.fullmatch(
        r"A is stronger by (\d+) Elo \[(\d+), (\d+)\] at 1.6e14 FLOPs; for the same strength B needs (1\.\d)x"
        r" \[(1\.\d), (\d\.\d)\] the compute",
        last,
    )
    assert found, last
    assert int(found[1]) == pytest.approx(69, abs=4) and float(found[4]) == pytest.approx(1.6, abs=0.11)
    assert re.search(r"^network.architecture +resnet:3x64 +resnet:3x32$", out, re.MULTILINE)
    assert re.search(r"^A +seeds 0, 1, 2 +to 1.6e14 FLOPs +\S+wide0 \S+wide1 \S+wide2$", out, re.MULTILINE)
    for opponent in ("all together", *LEVELS):
        assert re.search(rf"^mcts:sims=64 +{opponent} +\+\d+ \[\+\d+, \+\d+\] +1\.\dx \[", out, re.MULTILINE)


def test_without_a_separator_runs_are_grouped_by_setting(wide, plain, capsys):
    mixed = [wide[0], plain[0], plain[1], wide[1], plain[2], wide[2]]
    assert said(capsys, *mixed)[1] == said(capsys, *wide, "--", *plain)[1]


SCHEMA = {
    "": {"game", "groups", "warnings", "at", "compute_gain", "verdict", "comparisons"},
    "groups": {"name", "runs", "seeds", "flops", "differs"},
    "at": {"flops", "elo", "elo_low", "elo_high"},
    "comparisons": {"groups", "agent", "opponent", "seeds", "over", "flops", "elo", "elo_low", "elo_high", "stronger",
                    "compute_gain", "compute_needed", "at", "verdict"},
}  # fmt: skip


def test_as_json(wide, plain, capsys):
    code, out, _ = said(capsys, *wide, "--", *plain, "--json")
    assert code == 0 and out.count("\n") == 1
    found = json.loads(out)
    assert set(found) == SCHEMA[""]
    for name in ("groups", "at", "comparisons"):
        assert all(set(one) == SCHEMA[name] for one in found[name])
    assert found["game"] == "connect4"
    assert [group["runs"] for group in found["groups"]] == [wide, plain]
    assert [group["differs"] for group in found["groups"]] == [
        {"network.architecture": "resnet:3x64"},
        {"network.architecture": "resnet:3x32"},
    ]
    overall, *against = found["comparisons"]
    assert overall["opponent"] is None and [one["opponent"] for one in against] == list(LEVELS)
    assert found["at"] == overall["at"] and found["verdict"] == overall["verdict"]
    assert found["compute_gain"] == overall["compute_gain"]
    assert found["compute_gain"]["value"] == pytest.approx(1 / overall["compute_needed"]["A"]["value"])
    assert (overall["stronger"], overall["groups"], overall["seeds"]) == ("A", ["A", "B"], [3, 3])
    assert overall["at"][-1]["elo"] == overall["elo"] == pytest.approx(69.5, abs=4)
    assert overall["compute_needed"]["A"]["value"] < 1 < overall["compute_needed"]["B"]["low"]
    assert 1 < found["compute_gain"]["low"] < 1.585 < found["compute_gain"]["high"] < 3


def test_from_python(wide, plain, capsys):
    found = selfplay.compare(wide, [selfplay.Run(path) for path in plain])
    assert said(capsys, *wide, "--", *plain, "--json")[1] == json.dumps(found.as_dict()) + "\n"
    assert found.verdict.startswith("A is stronger by ")
    assert found.interval[0] < found.elo < found.interval[1]
    assert found.compute_gain.value == pytest.approx(1.6, abs=0.11)
    assert str(found).endswith(found.verdict)
    assert selfplay.compare([*wide, *plain]).as_dict() == found.as_dict()
    turned = selfplay.compare(plain, wide)
    assert turned.verdict == found.verdict.replace("A is", "B is").replace("strength B", "strength A")
    alone = selfplay.compare(wide[0], plain[0])
    assert alone.verdict.startswith("no difference shown: one seed each says nothing of the settings (A - B: +")


def test_a_picture_has_a_colour_for_each_group(wide, plain, tmp_path, capsys):
    out = tmp_path / "compare.png"
    assert said(capsys, *wide, "--", *plain, "--out", str(out))[0] == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    found = settings.compare([wide, plain[:2]])
    strengths, differences = Figure().subplots(1, 2)
    picture.draw_strengths(strengths, found)
    picture.draw_differences(differences, found)
    lines = [line for line in strengths.lines if len(line.get_xdata()) > 2]
    colours = [to_hex(line.get_color()) for line in lines]
    assert colours == [plots.COLOURS[0]] * 4 + [plots.COLOURS[1]] * 3  # of each group the seeds, and their mean
    means = [line for line in lines if line.get_linewidth() > 2]
    assert [line.get_label() for line in means] == [
        "A: network.architecture resnet:3x64 (3 seeds)",
        "B: network.architecture resnet:3x32 (2 seeds)",
    ]
    assert means[0].get_ydata()[-1] - means[1].get_ydata()[-1] == pytest.approx(found.elo)
    assert means[0].get_xdata()[-1] == pytest.approx(10**14.2)
    assert differences.lines[0].get_ydata()[-1] == pytest.approx(found.elo)


def test_three_groups_hold_together(wide, plain, a_run, capsys):
    other = [a_run(f"o{seed}", -1 + off, {"seed": seed, "learn": {"batch": 64}}) for seed, off in enumerate(SPREAD)]
    two, three = settings.compare([wide, plain]), settings.compare([wide, plain, other])
    assert [pair.second.name for pair in three.pairs] == ["B", "C"]
    assert three.elo == pytest.approx(two.elo, abs=1)
    assert three.interval[0] < two.interval[0] and three.interval[1] > two.interval[1]
    out = said(capsys, *wide, "--", *plain, "--", *other)[1]
    assert "those of all pairs hold together" in out
    assert (
        out.splitlines()[-1].startswith("A is stronger by ")
        and "; for the same strength C needs " in out.splitlines()[-1]
    )


@pytest.mark.parametrize(
    ("change", "given", "warning"),
    [
        ({"minutes": 20.0}, {}, "budgets differ: minutes is 10 in A, 20 in B"),
        ({"eval": {"games": 20}}, {}, "evaluations differ: eval.games is 100 in A, 20 in B"),
        ({"eval": {"simulations": 8}}, {}, "evaluations differ: eval.simulations is 64 in A, 8 in B"),
        ({"eval": {"opponents": ["rules"]}}, {},
         "evaluations differ: eval.opponents is rules alphabeta:depth=2 alphabeta:depth=4 alphabeta:depth=6 in A, rules"
         " in B"),
        ({}, {"steps": STEPS[:-2]}, "runs ended at 6.3e13 to 1.6e14 FLOPs: compared at the least"),
    ],
)  # fmt: skip
def test_what_makes_a_comparison_weaker_is_said(wide, a_run, capsys, change, given, warning):
    other = [a_run(f"other{seed}", off, change | {"seed": seed}, **given) for seed, off in enumerate(SPREAD)]
    code, _, err = said(capsys, *wide, "--", *other)
    assert (code, err) == (0, [f"selfplay: warning: {warning}"])
    assert json.loads(said(capsys, *wide, "--", *other, "--json")[1])["warnings"] == [warning]


def test_a_run_that_still_trains_is_said(wide, a_run, capsys):
    other = [a_run(f"young{seed}", off, {"seed": seed}) for seed, off in enumerate(SPREAD)]
    now = Path(other[1]) / folder.ACTIVITY
    now.write_text("{}")
    _, _, err = said(capsys, *wide, "--", *other)
    assert f"selfplay: warning: still training: {other[1]}; what they have by now is compared" in err
    killed = time.time() - 3600
    os.utime(now, (killed, killed))
    assert not [line for line in said(capsys, *wide, "--", *other)[2] if "still training" in line]


def test_few_seeds_the_same_seeds_and_the_same_settings_are_said(plain, a_run, capsys):
    copies = [a_run("copy", 0.0, {"seed": 1}), a_run("again", 0.0, {"seed": 1})]
    _, _, err = said(capsys, *plain, "--", *copies)
    assert err == [
        "selfplay: warning: few seeds (B has 2): with fewer than 3 only large differences show",
        "selfplay: warning: B has several runs of seed 1: those may be the same games",
        "selfplay: warning: the groups have the same settings",
    ]


def test_sources_that_differ_are_said(wide, plain, capsys):
    for number, path in enumerate([*wide, *plain]):
        sessions = [{"commit": "0123456789ab" if number < 3 else None}]
        (settings.Path(path) / "meta.json").write_text(json.dumps({"sessions": sessions}))
    assert said(capsys, *wide, "--", *plain)[2] == [
        "selfplay: warning: sources differ: 012345678 in A, no commit in B",
    ]


def test_mistakes_cost_one_line(wide, plain, a_run, tmp_path, capsys):
    nine = a_run("nine", 0.0, {"game": "gomoku9"})
    unmet = a_run("unmet", 0.0, opponents={"random": -3.0})
    silent = a_run("silent", 0.0, steps=())
    untrained = a_run("untrained", 0.0, steps=[-math.inf])
    for argv, line in [
        ([*wide, "--", str(tmp_path / "nowhere")], "nowhere is no run folder"),
        ([*wide, "--"], "-- stands between two groups of runs"),
        (["--", *wide], "-- stands between two groups of runs"),
        (wide, "all of these runs are of one setting (seed 0, 1, 2): add runs of another, or part them by --"),
        ([*wide, "--", wide[0]], "is given twice: seeds are different runs"),
        ([*wide, "--", nine], f"{nine} is a run of gomoku9, but {wide[0]} of connect4: games, and sizes of boards"),
        ([wide[0], plain[0], "--", plain[1]],
         f"{plain[0]} stands in a group with {wide[0]}, but is of another setting: network.architecture is resnet:3x32,"
         " not resnet:3x64"),
        ([*wide, "--", unmet], "no opponent was met by the same player of all of these runs"),
        ([*wide, "--", silent], f"{silent} has no match of a trained network"),
        ([*wide, "--", untrained], f"{untrained} has no match of a trained network"),
        ([*wide, "--", *plain, "--out", "x.pdf"], "--out is a picture, as in compare.png, not x.pdf"),
        ([*wide, "--", *plain, "--jsno"], "unknown argument --jsno (did you mean --json?)"),
    ]:  # fmt: skip
        code, out, err = said(capsys, *argv)
        assert (code, out, len(err)) == (2, "", 1), argv
        assert line in err[0]


LEAD = Comparison(
    flops=2e14, elo=45.2, elo_low=12.4, elo_high=78.1, agent="net", opponent=None, seeds=(3, 3),
    over="seeds and games", second_needs=Factor(value=1.7, low=1.1, high=9.0),
    first_needs=Factor(value=0.625, low=0.41, high=0.9), at=(),
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({},
         "A is stronger by 45 Elo [12, 78] at 2.0e14 FLOPs; for the same strength B needs 1.6x [1.1, 2.4] the compute"),
        ({"elo": -45.2, "elo_low": -78.1, "elo_high": -12.4, "second_needs": Factor(value=0.08, low=None, high=0.5)},
         "B is stronger by 45 Elo [12, 78] at 2.0e14 FLOPs; for the same strength A needs 12x [2.0, …] the compute"),
        ({"first_needs": Factor(value=None, low=None, high=0.2)},
         "A is stronger by 45 Elo [12, 78] at 2.0e14 FLOPs; for the same strength B needs more than 5.0x the compute"),
        ({"first_needs": Factor(value=None, low=None, high=None)},
         "A is stronger by 45 Elo [12, 78] at 2.0e14 FLOPs; how much more compute B needs is beyond what these runs"
         " tell"),
        ({"elo": 12.0, "elo_low": -48.0, "elo_high": 72.0},
         "no difference shown: 3 seeds tell 60 Elo apart (A - B: +12 [-48, +72] Elo at 2.0e14 FLOPs)"),
        ({"elo": 12.0, "elo_low": -48.0, "elo_high": 72.0, "seeds": (3, 1)},
         "no difference shown: 3 and 1 seeds tell 60 Elo apart (A - B: +12 [-48, +72] Elo at 2.0e14 FLOPs)"),
        ({"over": "games", "seeds": (1, 1)},
         "no difference shown: one seed each says nothing of the settings (A - B: +45 [+12, +78] Elo at 2.0e14 FLOPs,"
         " the interval of these two runs' games alone)"),
    ],
)  # fmt: skip
def test_verdicts(change, sentence):
    assert verdict.sentence(dataclasses.replace(LEAD, **change), "A", "B") == sentence


@pytest.mark.parametrize(
    ("factor", "said"),
    [((1.63, 1.12, 2.4), "1.6x [1.1, 2.4]"), ((0.063, None, 0.5), "0.063x […, 0.50]"),
     ((11.6, 2.0, None), "12x [2.0, …]"), ((None, None, 0.31), "below 0.31x"), ((None, 2.0, None), "above 2.0x"),
     ((None, None, None), "-")],
)  # fmt: skip
def test_factors(factor, said):
    assert verdict.times(Factor(**dict(zip(("value", "low", "high"), factor, strict=True)))) == said


def test_every_player_has_a_verdict_and_that_of_the_search_is_the_last_line(a_run, capsys):
    """The network alone is ahead by 0.4 logits; with search it is not."""
    runs = {}
    for name, lead in (("a", 0.4), ("b", 0.0)):
        runs[name] = [
            a_run(f"{name}{seed}", lead + off, {"seed": seed}, agent="net") for seed, off in enumerate(SPREAD)
        ]
        for path, off in zip(runs[name], SPREAD, strict=True):
            with settings.Path(path, "evals.jsonl").open("a") as file:
                file.writelines(json.dumps(line.as_dict()) + "\n" for line in matches(off))
    out = said(capsys, *runs["a"], "--", *runs["b"])[1]
    assert re.search(r"^net: A is stronger by ", out, re.MULTILINE)
    assert out.splitlines()[-1].startswith("no difference shown: 3 seeds tell ")
    assert out.index("mcts:sims=64") < out.index("net")
