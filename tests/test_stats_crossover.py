"""Crossings, forecasts and the choice of opponents, on lines whose answer is known by construction or by hand."""

import json
import math

import numpy as np
import pytest

from selfplay import cli
from selfplay.config import Config, merged, to_toml
from selfplay.stats import crossover

MANY = 20_000  # pairs: the games' noise is gone


def line(flops, score, *, opponent="rules", agent="net", pairs=MANY, **more):
    """A match of pairs that are won or lost whole; what was spent is a power of the compute."""
    won = round(pairs * score)
    low, high = score - 0.98 / math.sqrt(pairs), score + 0.98 / math.sqrt(pairs)
    return {
        "generation": 1, "flops": flops, "evaluations": flops**0.5, "games": flops**0.25, "seconds": flops / 1e11,
        "agent": agent, "opponent": opponent, "pairs": [pairs - won, 0, 0, 0, won], "score": score,
        "score_low": low, "score_high": high, **more,
    }  # fmt: skip


def logistic_run(crossing, slope, exponents, **more):
    """Scores whose logit rises by `slope` a decade, 50 % at 10 ** crossing."""
    return [line(10.0**x, 1 / (1 + math.exp(-slope * (x - crossing))), **more) for x in exponents]


def only(lines, *others):
    (rung,) = crossover.record([lines, *others], "connect4")["rungs"]
    return rung


STEPS = np.arange(12.4, 14.3, 0.2)


def test_the_crossing_of_a_logistic_curve_and_what_had_been_spent():
    rung = only(logistic_run(13.3, 3.0, STEPS))
    assert (rung["status"], rung["opponent"], rung["agent"]) == ("overtaken", "rules", "net")
    assert math.log10(rung["flops"]) == pytest.approx(13.3, abs=0.01)
    assert rung["flops_low"] < 10**13.3 < rung["flops_high"] < 1.15 * 10**13.3
    # Powers of the compute are straight lines on logarithmic axes, so interpolation there is exact.
    assert rung["evaluations"] == pytest.approx(rung["flops"] ** 0.5)
    assert rung["games"] == pytest.approx(rung["flops"] ** 0.25)
    assert rung["seconds"] == pytest.approx(rung["flops"] / 1e11)
    assert rung["jones_flops"] is None  # these lines do not hold it
    assert rung["score_at_end"] == pytest.approx(1 / (1 + math.exp(-3 * 0.9)), abs=0.01)
    assert rung["score_low"] < rung["score_at_end"] < rung["score_high"]


def test_compute_as_others_count_it_where_the_lines_hold_it():
    rung = only([{**row, "jones_flops": row["flops"] / 3} for row in logistic_run(13.3, 3.0, STEPS)])
    assert rung["jones_flops"] == pytest.approx(rung["flops"] / 3)


def test_ten_times_the_compute_is_ten_times_the_crossing():
    here = only(logistic_run(13.1, 2.5, STEPS, pairs=50))
    there = only(logistic_run(14.1, 2.5, STEPS + 1, pairs=50))
    for key in ("flops", "flops_low", "flops_high"):
        assert there[key] == pytest.approx(10 * here[key])


def test_the_interval_lies_on_both_sides_of_the_crossing():
    """A straight curve, well inside its evaluations, 100 games each: about as far up as down."""
    rung = only(logistic_run(13.3, 2.5, STEPS, pairs=50))
    up, down = math.log10(rung["flops_high"] / rung["flops"]), math.log10(rung["flops"] / rung["flops_low"])
    assert 0.05 < up < 0.2
    assert up == pytest.approx(down, rel=0.25)


def test_more_games_give_a_narrower_interval():
    def width(pairs):
        rung = only(logistic_run(13.3, 2.5, STEPS, pairs=pairs))
        return math.log(rung["flops_high"] / rung["flops_low"])

    assert width(1000) < 0.75 * width(50) < 0.75 * width(25)


def test_never_above_is_not_overtaken_beyond_the_last_evaluation():
    rung = only(logistic_run(16, 1.0, STEPS))
    assert (rung["status"], rung["flops"], rung["flops_high"]) == ("not overtaken", None, None)
    assert rung["flops_low"] == pytest.approx(10 ** STEPS[-1])
    assert rung["evaluations"] is rung["games"] is rung["seconds"] is None


def test_perhaps_above_is_not_overtaken_and_the_crossing_may_have_been():
    rung = only(
        [line(10.0**x, score, pairs=50) for x, score in zip(STEPS, [0.1, 0.2, 0.3, 0.4, 0.5, 0.5], strict=False)]
    )
    assert (rung["status"], rung["flops"], rung["flops_high"]) == ("not overtaken", None, None)
    assert 10 ** STEPS[1] < rung["flops_low"] < 10 ** STEPS[5]


def test_the_lower_bound_decides_and_is_the_wider_the_more_evaluations_were_looked_at():
    """100 games at the end with 62 %: enough for one look (Wilson: 52.2 %), not for one of ten."""
    few = only([line(10.0**13, 0.62, pairs=100)])
    scores = [0.5, 0.52, 0.5, 0.52, 0.5, 0.5, 0.52, 0.53, 0.54, 0.58]
    many = only([line(10.0**x, s, pairs=50) for x, s in zip(STEPS, scores, strict=True)])
    assert few["status"] == "overtaken" and few["score_low"] > 0.5
    assert many["status"] == "not overtaken" and many["score_low"] < 0.5 < many["score_at_end"]


def test_above_at_the_first_evaluation_is_overtaken_before_it():
    rung = only([line(10.0**x, 0.9) for x in STEPS])
    assert (rung["status"], rung["flops"], rung["flops_low"]) == ("overtaken", None, 0)
    assert rung["flops_high"] == pytest.approx(10 ** STEPS[0])
    assert rung["seconds"] is None and rung["forecast"] is None


def test_perhaps_above_at_the_first_evaluation_has_no_lower_bound():
    rung = only([line(10.0**x, s, pairs=50) for x, s in zip(STEPS, [0.48, 0.6, 0.7, 0.8, 0.9], strict=False)])
    assert rung["status"] == "overtaken" and rung["flops_low"] == 0
    assert 10 ** STEPS[0] < rung["flops_high"] < 10 ** STEPS[3]


def test_who_falls_back_has_not_overtaken():
    rung = only([line(10.0**x, s) for x, s in zip(STEPS, [0.3, 0.6, 0.7, 0.6, 0.3, 0.3], strict=False)])
    assert (rung["status"], rung["flops"]) == ("not overtaken", None)
    assert rung["flops_low"] == pytest.approx(10 ** STEPS[5])


def test_who_rises_again_overtakes_at_the_last_passage():
    scores = [0.3, 0.6, 0.7, 0.6, 0.3, 0.3, 0.6, 0.8, 0.8]
    rung = only([line(10.0**x, s) for x, s in zip(STEPS, scores, strict=False)])
    assert rung["status"] == "overtaken"
    assert 10 ** STEPS[5] < rung["flops"] < 10 ** STEPS[6]


def test_lines_in_any_order_and_without_the_untrained_network():
    lines = logistic_run(13.3, 3.0, STEPS, pairs=50)
    untrained = line(0.0, 0.9) | {"evaluations": 0, "games": 0, "seconds": 0.0}
    assert crossover.record([[untrained, *lines[::-1]]], "connect4") == crossover.record([lines], "connect4")


def test_a_rung_that_is_played_no_more_keeps_its_crossing():
    lines = logistic_run(13.0, 4.0, STEPS, pairs=50)
    whole, cut = only(lines), only([row for row in lines if row["score"] < 0.95])
    assert cut["status"] == "overtaken" and len(cut["runs"]) == 1
    assert math.log10(cut["flops"]) == pytest.approx(math.log10(whole["flops"]), abs=0.02)


def test_rungs_and_players_are_kept_apart_player_by_player():
    lines = [
        *logistic_run(13.0, 3.0, STEPS, opponent="b", agent="mcts:sims=64"),
        *logistic_run(13.8, 3.0, STEPS, opponent="a", agent="net"),
        *logistic_run(13.5, 3.0, STEPS, opponent="a", agent="mcts:sims=64"),
    ]
    rungs = crossover.record([lines], "connect4")["rungs"]
    assert [(r["agent"], r["opponent"]) for r in rungs] == [("mcts:sims=64", "b"), ("mcts:sims=64", "a"), ("net", "a")]
    assert [math.log10(r["flops"]) for r in rungs] == pytest.approx([13.0, 13.5, 13.8], abs=0.02)
    alone = only(lines[: len(STEPS)])
    assert rungs[0]["flops"] == pytest.approx(alone["flops"], rel=1e-6)


def test_three_seeds_have_students_interval_of_their_crossings():
    """Crossings at 13.0, 13.1 and 13.3: mean 13.133, deviation 0.1528, so 4.303 * 0.1528 / sqrt(3) = 0.3795."""
    rung = only(*(logistic_run(x, 3.0, STEPS) for x in (13.0, 13.1, 13.3)))
    assert rung["status"] == "overtaken"
    low, middle, high = (math.log10(rung[key]) for key in ("flops_low", "flops", "flops_high"))
    assert middle == pytest.approx(13.1333, abs=0.01)
    assert (high - middle, middle - low) == pytest.approx((0.3795, 0.3795), abs=0.03)
    assert [math.log10(run["flops"]) for run in rung["runs"]] == pytest.approx([13.0, 13.1, 13.3], abs=0.01)
    assert rung["seconds"] == pytest.approx(rung["flops"] / 1e11)
    ends = [1 / (1 + math.exp(-3 * (STEPS[-1] - x))) for x in (13.0, 13.1, 13.3)]
    assert min(ends) < rung["score_at_end"] < max(ends)
    assert rung["score_low"] == min(run["score_low"] for run in rung["runs"]) > 0.5
    assert rung["score_high"] == max(run["score_high"] for run in rung["runs"])


def test_one_seed_that_has_not_overtaken_decides_for_all():
    rung = only(logistic_run(13.0, 3.0, STEPS), logistic_run(13.1, 3.0, STEPS), logistic_run(16, 1.0, STEPS))
    assert (rung["status"], rung["flops"], rung["flops_high"]) == ("not overtaken", None, None)
    assert rung["flops_low"] == min(run["flops_low"] for run in rung["runs"])
    assert [run["status"] for run in rung["runs"]] == ["overtaken", "overtaken", "not overtaken"]


def test_seeds_that_had_overtaken_before_leave_no_middle():
    before = [line(10.0**x, 0.9) for x in STEPS]
    rung = only(before, logistic_run(13.0, 3.0, STEPS))
    assert (rung["status"], rung["flops"], rung["flops_low"]) == ("overtaken", None, 0)
    assert rung["flops_high"] == max(run["flops_high"] for run in rung["runs"])


def test_a_rung_that_one_run_never_met_is_left_out():
    both, alone = logistic_run(13, 3, STEPS), logistic_run(13, 3, STEPS, opponent="solver")
    record = crossover.record([[*both, *alone], both], "connect4")
    assert [rung["opponent"] for rung in record["rungs"]] == ["rules"]
    assert crossover.record([[]], "connect4") == {"game": "connect4", "rungs": []}


def test_a_forecast_knows_only_what_was_before_it_and_is_graded_by_what_came():
    lines = logistic_run(13.5, 2.5, STEPS, pairs=50)
    rung, made = only(lines), None
    for count in range(1, len(lines)):
        (made,) = crossover.forecast(lines[:count])
        if made["flops_high"] is not None:
            break
    assert made is not None
    forecast = rung["forecast"]
    assert made["made_at_flops"] == lines[count - 1]["flops"] < rung["flops"]
    assert {key: forecast[key] for key in made} == pytest.approx(
        {key: value if isinstance(value, str) else pytest.approx(value, rel=1e-6) for key, value in made.items()}
    )
    assert forecast["flops_low"] < rung["flops"] < forecast["flops_high"]
    assert forecast["covered"] is True
    assert forecast["ratio"] == pytest.approx(rung["flops"] / forecast["flops"])


def test_a_straight_curve_is_continued():
    """Many games, logit rising by 2.5 a decade, three evaluations: the crossing lies 0.7 decades ahead."""
    (made,) = crossover.forecast(logistic_run(13.5, 2.5, [12.4, 12.6, 12.8]))
    assert made["made_at_flops"] == pytest.approx(10**12.8)
    assert math.log10(made["flops"]) == pytest.approx(13.5, abs=0.1)
    assert 12.8 < math.log10(made["flops_low"]) < 13.4
    assert made["flops_high"] is None or math.log10(made["flops_high"]) > 13.6


def test_the_nearer_the_event_the_narrower_the_forecast():
    lines = logistic_run(13.55, 2.5, STEPS, pairs=50)
    widths = []
    for count in (2, 5):
        (made,) = crossover.forecast(lines[:count])
        widths.append(math.inf if made["flops_high"] is None else made["flops_high"] / made["flops_low"])
    assert widths[1] < widths[0]


def test_no_forecast_of_what_has_happened_and_an_open_one_of_what_is_far():
    assert crossover.forecast([]) == []
    assert crossover.forecast(logistic_run(12.5, 4, STEPS)) == []
    (far,) = crossover.forecast([line(10.0**x, 0.02) for x in STEPS])
    assert far["flops_high"] is None
    assert far["flops_low"] >= 10 ** STEPS[-1]


def test_what_was_expected_too_late_is_no_forecast():
    """The first evaluation looked as if it were below, the whole curve says that it was above."""
    lines = [line(10.0**x, s, pairs=50) for x, s in zip(STEPS, [0.48, 0.7, 0.7, 0.7, 0.7, 0.75], strict=False)]
    assert len(crossover.forecast(lines[:1])) == 1
    rung = only(lines)
    assert (rung["status"], rung["flops"], rung["forecast"]) == ("overtaken", None, None)


def test_a_forecast_that_the_run_has_passed_by_has_failed():
    """On its way to a crossing at 13.2 the learner stops at 40 %, for long."""
    exponents = np.arange(12.4, 16.5, 0.2)
    lines = [line(10.0**x, min(0.4, 1 / (1 + math.exp(-4 * (x - 13.2)))), pairs=100) for x in exponents]
    forecast = only(lines)["forecast"]
    assert forecast["flops_high"] < 10**16.4
    assert forecast["covered"] is False and forecast["ratio"] is None
    early = only(lines[:6])["forecast"]
    assert early["covered"] is None and early["ratio"] is None


LADDER = ["random", "rules", "d2", "d4", "d6", "d8"]


def seen(*matches):
    return [line(10.0**12, score, opponent=opponent, pairs=50) for opponent, score in matches]


@pytest.mark.parametrize(
    ("lines", "chosen"),
    [
        ([], ["random", "rules", "d2"]),
        # an even match, a hard one, and nobody beyond the hopeless one
        (seen(("random", 0.8), ("rules", 0.5), ("d2", 0.05)), ["random", "rules", "d2"]),
        # 191 Elo above the learner is still worth a match, 241 is not
        (seen(("random", 0.8), ("rules", 0.25), ("d2", 0.25)), ["random", "rules", "d2", "d4", "d6"]),
        (seen(("random", 0.8), ("rules", 0.2), ("d2", 0.1)), ["random", "rules"]),
        # good against all known: two new ones at most
        (seen(("random", 0.9), ("rules", 0.8), ("d2", 0.7)), ["random", "rules", "d2", "d4", "d6"]),
        # clearly overtaken once is not yet settled, twice is
        (seen(("random", 1.0), ("rules", 0.6), ("d2", 0.0)), ["random", "rules", "d2"]),
        (seen(*[("random", 1.0), ("rules", 0.6), ("d2", 0.0)] * 2), ["random", "rules", "d2"]),
        (seen(*[("random", 1.0), ("rules", 1.0), ("d2", 0.0)] * 2), ["rules", "d2"]),
        # the strongest of the settled ones stays, and when it is no longer settled the one below it is back
        (seen(*[("random", 1.0), ("rules", 1.0), ("d2", 0.0)] * 2, ("rules", 0.6)), ["random", "rules", "d2"]),
        # all are settled
        (seen(*[(rung, 1.0) for rung in LADDER] * 2), ["d8"]),
        # the middle of the ladder was never met
        (seen(("random", 0.6), ("d8", 0.0)), ["random", "rules", "d2"]),
    ],
)  # fmt: skip
def test_informative_opponents(lines, chosen):
    assert crossover.informative(lines, LADDER, "net") == chosen


def test_informative_opponents_of_another_player_are_another_matter():
    lines = seen(*[(rung, 1.0) for rung in LADDER] * 2)
    assert crossover.informative(lines, LADDER, "mcts:sims=64") == ["random", "rules", "d2"]
    assert crossover.informative([], ["random"], "net") == ["random"]


@pytest.fixture
def folder(tmp_path):
    def make(name, lines, game="connect4"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.toml").write_text(to_toml(Config(game=game)))
        (tmp_path / name / "evals.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
        return str(tmp_path / name)

    return make


def test_the_command_prints_the_record(folder, capsys):
    first, second = logistic_run(13.0, 3.0, STEPS), logistic_run(13.2, 3.0, STEPS)
    runs = [folder("one", first), folder("two", second)]
    assert cli.guarded(["crossover", *runs, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == crossover.record([first, second], "connect4")
    assert set(printed) == {"game", "rungs"}
    promised = "opponent agent status flops flops_low flops_high evaluations games seconds score_at_end forecast"
    assert set(printed["rungs"][0]) >= set(promised.split())


def test_the_command_prints_a_table(folder, capsys):
    lines = [
        *logistic_run(13.0, 3.0, STEPS, opponent="crossed"),
        *[line(10.0**x, 0.9, opponent="before") for x in STEPS],
        *logistic_run(16.0, 1.0, STEPS, opponent="beyond"),
        line(10.0**13, 0.5, opponent="met once", pairs=1),
    ]
    assert cli.guarded(["crossover", folder("one", lines)]) == 0
    table, _, said = capsys.readouterr().out.partition("\n\n")
    header, crossed, before, beyond, once = table.splitlines()
    assert header.split()[:2] == ["player", "opponent"]
    assert "1e+13" in crossed and "1.7" in crossed.split()  # 1e13 / 1e11 seconds are 1.7 minutes
    assert "< 2.5e+12" in before
    assert "> 1.6e+14" in beyond
    assert "unknown" in once
    assert said.startswith("net against crossed: forecast at 4e+12 FLOPs: ")
    assert "; came at 1e+13, inside the interval" in said
    seeds = [folder("two", logistic_run(13.0, 3.0, STEPS)), folder("three", logistic_run(16.0, 1.0, STEPS))]
    assert cli.guarded(["crossover", *seeds]) == 0
    assert "(1 of 2 runs have)" in capsys.readouterr().out
    assert cli.guarded(["crossover", folder("new", [])]) == 0
    assert capsys.readouterr().out == "no matches yet\n"


def test_mistakes_cost_one_line(folder, tmp_path, capsys):
    assert cli.guarded(["crossover", str(tmp_path / "nowhere")]) == 2
    assert "nowhere is no run folder" in capsys.readouterr().err
    assert cli.guarded(["crossover", folder("a", []), folder("b", [], game="gomoku9")]) == 2
    assert "is a run of gomoku9, but" in capsys.readouterr().err
    assert cli.guarded(["crossover", str(tmp_path / "a"), str(tmp_path / "b" / ".." / "a")]) == 2
    assert "is given twice" in capsys.readouterr().err


def test_runs_that_are_not_seeds_of_one_experiment_are_told(folder, tmp_path, capsys):
    runs = [folder("a", []), folder("b", [])]
    (tmp_path / "b" / "config.toml").write_text(to_toml(merged(Config(), {"learn": {"batch": 64}, "seed": 1})))
    assert cli.guarded(["crossover", *runs]) == 0
    (said,) = capsys.readouterr().err.splitlines()
    assert said == f"{runs[1]} differs from {runs[0]} in [learn]: not seeds of one experiment"
