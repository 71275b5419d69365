"""Crossings and forecasts, on lines whose answer is known by construction or by hand."""

import dataclasses
import json
import math

import numpy as np
import pytest
from matches import a_line
from optional import present

from selfplay import cli
from selfplay.config import Config, merged, to_toml
from selfplay.stats import crossover
from selfplay.stats.records import CrossoverRecord, EvalLine

MANY = 20_000  # pairs: the games' noise is gone


def line(flops, score, *, opponent="rules", agent="net", pairs=MANY, **more) -> EvalLine:
    """A match of pairs that are won or lost whole; what was spent is a power of the compute."""
    won = round(pairs * score)
    low, high = score - 0.98 / math.sqrt(pairs), score + 0.98 / math.sqrt(pairs)
    spent = {"evaluations": round(flops**0.5), "games": round(flops**0.25), "seconds": flops / 1e11}
    found = {"pairs": [pairs - won, 0, 0, 0, won], "score": score, "score_low": low, "score_high": high}
    return a_line(flops=flops, agent=agent, opponent=opponent, **spent, **found, **more)


def logistic_run(crossing, slope, exponents, **more):
    """Scores whose logit rises by `slope` a decade, 50 % at 10 ** crossing."""
    return [line(10.0**x, 1 / (1 + math.exp(-slope * (x - crossing))), **more) for x in exponents]


def only(lines, *others):
    (crossing,) = seeds([lines, *others]).crossings
    return crossing


def seeds(runs):
    return crossover.together([crossover.record(lines, "connect4") for lines in runs])


STEPS = np.arange(12.4, 14.3, 0.2)


def test_the_crossing_of_a_logistic_curve_and_what_had_been_spent():
    crossing = only(logistic_run(13.3, 3.0, STEPS))
    assert (crossing.status, crossing.opponent, crossing.agent) == ("overtaken", "rules", "net")
    flops = present(crossing.flops)
    assert math.log10(flops) == pytest.approx(13.3, abs=0.01)
    assert crossing.flops_low < 10**13.3 < present(crossing.flops_high) < 1.15 * 10**13.3
    # Powers of the compute are straight lines on logarithmic axes, so interpolation there is exact.
    assert crossing.evaluations == pytest.approx(flops**0.5)
    assert crossing.games == pytest.approx(flops**0.25, rel=1e-4)  # lines hold whole games
    assert crossing.seconds == pytest.approx(flops / 1e11)
    assert crossing.jones_flops is None  # these lines do not hold it
    assert (crossing.ahead_flops, crossing.ahead_seconds) == pytest.approx((10**13.4, 10**2.4))  # the evaluation after
    assert crossing.score_at_end == pytest.approx(1 / (1 + math.exp(-3 * 0.9)), abs=0.01)
    assert crossing.score_low < crossing.score_at_end < crossing.score_high


def test_compute_as_others_count_it_where_the_lines_hold_it():
    crossing = only([dataclasses.replace(row, jones_flops=row.flops / 3) for row in logistic_run(13.3, 3.0, STEPS)])
    assert crossing.jones_flops == pytest.approx(present(crossing.flops) / 3)


def test_ten_times_the_compute_is_ten_times_the_crossing():
    here = only(logistic_run(13.1, 2.5, STEPS, pairs=50))
    there = only(logistic_run(14.1, 2.5, STEPS + 1, pairs=50))
    for key in ("flops", "flops_low", "flops_high"):
        assert getattr(there, key) == pytest.approx(10 * getattr(here, key))


def test_the_interval_lies_on_both_sides_of_the_crossing():
    """A straight curve, well inside its evaluations, 100 games each: about as far up as down."""
    crossing = only(logistic_run(13.3, 2.5, STEPS, pairs=50))
    flops, high = present(crossing.flops), present(crossing.flops_high)
    up, down = math.log10(high / flops), math.log10(flops / crossing.flops_low)
    assert 0.05 < up < 0.2
    assert up == pytest.approx(down, rel=0.25)


def test_more_games_give_a_narrower_interval():
    def width(pairs):
        crossing = only(logistic_run(13.3, 2.5, STEPS, pairs=pairs))
        return math.log(present(crossing.flops_high) / crossing.flops_low)

    assert width(1000) < 0.75 * width(50) < 0.75 * width(25)


def test_never_above_is_not_overtaken_beyond_the_last_evaluation():
    crossing = only(logistic_run(16, 1.0, STEPS))
    assert (crossing.status, crossing.flops, crossing.flops_high) == ("not overtaken", None, None)
    assert crossing.flops_low == pytest.approx(10 ** STEPS[-1])
    assert crossing.evaluations is crossing.games is crossing.seconds is None


def test_perhaps_above_is_not_overtaken_and_the_crossing_may_have_been():
    crossing = only(
        [line(10.0**x, score, pairs=50) for x, score in zip(STEPS, [0.1, 0.2, 0.3, 0.4, 0.5, 0.5], strict=False)]
    )
    assert (crossing.status, crossing.flops, crossing.flops_high) == ("not overtaken", None, None)
    assert 10 ** STEPS[1] < crossing.flops_low < 10 ** STEPS[5]


def test_the_lower_bound_decides_and_is_the_wider_the_more_evaluations_were_looked_at():
    """100 games at the end with 62 %: enough for one look (Wilson: 52.2 %), not for one of ten."""
    few = only([line(10.0**13, 0.62, pairs=100)])
    scores = [0.5, 0.52, 0.5, 0.52, 0.5, 0.5, 0.52, 0.53, 0.54, 0.58]
    many = only([line(10.0**x, s, pairs=50) for x, s in zip(STEPS, scores, strict=True)])
    assert few.status == "overtaken" and few.score_low > 0.5
    assert many.status == "not overtaken" and many.score_low < 0.5 < many.score_at_end


def test_above_at_the_first_evaluation_is_overtaken_before_it():
    crossing = only([line(10.0**x, 0.9) for x in STEPS])
    assert (crossing.status, crossing.flops, crossing.flops_low) == ("overtaken", None, 0)
    assert crossing.flops_high == pytest.approx(10 ** STEPS[0])
    assert crossing.seconds is None and crossing.forecast is None


def test_perhaps_above_at_the_first_evaluation_has_no_lower_bound():
    crossing = only([line(10.0**x, s, pairs=50) for x, s in zip(STEPS, [0.48, 0.6, 0.7, 0.8, 0.9], strict=False)])
    assert crossing.status == "overtaken" and crossing.flops_low == 0
    assert 10 ** STEPS[0] < present(crossing.flops_high) < 10 ** STEPS[3]


def test_who_falls_back_has_not_overtaken():
    crossing = only([line(10.0**x, s) for x, s in zip(STEPS, [0.3, 0.6, 0.7, 0.6, 0.3, 0.3], strict=False)])
    assert (crossing.status, crossing.flops) == ("not overtaken", None)
    assert crossing.ahead_flops is crossing.ahead_seconds is None and "ahead_flops" not in crossing.as_dict()
    assert crossing.flops_low == pytest.approx(10 ** STEPS[5])


def test_who_rises_again_overtakes_at_the_last_passage():
    scores = [0.3, 0.6, 0.7, 0.6, 0.3, 0.3, 0.6, 0.8, 0.8]
    crossing = only([line(10.0**x, s) for x, s in zip(STEPS, scores, strict=False)])
    assert crossing.status == "overtaken"
    assert 10 ** STEPS[5] < present(crossing.flops) < 10 ** STEPS[6]
    # Surely so one evaluation later, since after such a fall one alone may be chance; not since the first rise.
    assert crossing.ahead_flops == pytest.approx(10 ** STEPS[7])


def test_lines_in_any_order_and_without_the_untrained_network():
    """It moves no crossing; what it scored is told beside it."""
    lines = logistic_run(13.3, 3.0, STEPS, pairs=50)
    untrained = line(0.0, 0.9)
    found = only([untrained, *lines[::-1]])
    assert found.untrained == (0.9, untrained.score_low, untrained.score_high) and found.beaten_untrained
    told = dataclasses.replace(only(lines), untrained=found.untrained)
    assert dataclasses.replace(found, runs=()) == dataclasses.replace(told, runs=())
    low, high = (dataclasses.replace(found, untrained=(0.6, bound, 0.9)) for bound in (0.4999, 0.5001))
    assert (low.beaten_untrained, high.beaten_untrained, only(lines).beaten_untrained) == (False, True, False)
    with_another = only([line(0.0, 0.4), *lines], [line(0.0, 0.6), *lines])
    assert present(with_another.untrained) == pytest.approx((0.5, 0.4 - 0.98 / MANY**0.5, 0.6 + 0.98 / MANY**0.5))
    assert only([line(0.0, 0.4), *lines], lines).untrained is None


def test_a_rung_that_is_played_no_more_keeps_its_crossing():
    lines = logistic_run(13.0, 4.0, STEPS, pairs=50)
    whole, cut = only(lines), only([row for row in lines if row.score < 0.95])
    assert cut.status == "overtaken" and len(cut.runs) == 1
    assert math.log10(present(cut.flops)) == pytest.approx(math.log10(present(whole.flops)), abs=0.02)


def test_rungs_and_players_are_kept_apart_player_by_player():
    lines = [
        *logistic_run(13.0, 3.0, STEPS, opponent="b", agent="mcts:sims=64"),
        *logistic_run(13.8, 3.0, STEPS, opponent="a", agent="net"),
        *logistic_run(13.5, 3.0, STEPS, opponent="a", agent="mcts:sims=64"),
    ]
    crossings = crossover.record(lines, "connect4").crossings
    assert [crossing.pairing for crossing in crossings] == [("mcts:sims=64", "b"), ("mcts:sims=64", "a"), ("net", "a")]
    assert [math.log10(present(r.flops)) for r in crossings] == pytest.approx([13.0, 13.5, 13.8], abs=0.02)
    alone = only(lines[: len(STEPS)])
    assert crossings[0].flops == pytest.approx(alone.flops, rel=1e-6)


def test_three_seeds_have_students_interval_of_their_crossings():
    """Crossings at 13.0, 13.1 and 13.3: mean 13.133, deviation 0.1528, so 4.303 * 0.1528 / sqrt(3) = 0.3795."""
    crossing = only(*(logistic_run(x, 3.0, STEPS) for x in (13.0, 13.1, 13.3)))
    assert crossing.status == "overtaken"
    low, middle, high = (math.log10(getattr(crossing, key)) for key in ("flops_low", "flops", "flops_high"))
    assert middle == pytest.approx(13.1333, abs=0.01)
    assert (high - middle, middle - low) == pytest.approx((0.3795, 0.3795), abs=0.03)
    assert [math.log10(present(run.flops)) for run in crossing.runs] == pytest.approx([13.0, 13.1, 13.3], abs=0.01)
    assert crossing.seconds == pytest.approx(present(crossing.flops) / 1e11)
    ends = [1 / (1 + math.exp(-3 * (STEPS[-1] - x))) for x in (13.0, 13.1, 13.3)]
    assert min(ends) < crossing.score_at_end < max(ends)
    assert crossing.score_low == min(run.score_low for run in crossing.runs) > 0.5
    assert crossing.score_high == max(run.score_high for run in crossing.runs)


def test_one_seed_that_has_not_overtaken_decides_for_all():
    crossing = only(logistic_run(13.0, 3.0, STEPS), logistic_run(13.1, 3.0, STEPS), logistic_run(16, 1.0, STEPS))
    assert (crossing.status, crossing.flops, crossing.flops_high) == ("not overtaken", None, None)
    assert crossing.flops_low == min(run.flops_low for run in crossing.runs)
    assert [run.status for run in crossing.runs] == ["overtaken", "overtaken", "not overtaken"]


def test_seeds_that_had_overtaken_before_leave_no_middle():
    before = [line(10.0**x, 0.9) for x in STEPS]
    crossing = only(before, logistic_run(13.0, 3.0, STEPS))
    assert (crossing.status, crossing.flops, crossing.flops_low) == ("overtaken", None, 0)
    assert crossing.flops_high == max(present(run.flops_high) for run in crossing.runs)


def test_a_rung_that_one_run_never_met_is_left_out():
    both, alone = logistic_run(13, 3, STEPS), logistic_run(13, 3, STEPS, opponent="solver")
    assert [crossing.opponent for crossing in seeds([[*both, *alone], both]).crossings] == ["rules"]
    assert crossover.record([], "connect4") == CrossoverRecord(game="connect4", crossings=())


def test_a_forecast_knows_only_what_was_before_it_and_is_graded_by_what_came():
    lines = logistic_run(13.5, 2.5, STEPS, pairs=50)
    crossing = only(lines)
    prefixes = (lines[:count] for count in range(1, len(lines)))
    foreseen = ((made, prefix) for prefix in prefixes for made in crossover.forecast(prefix))
    made, prefix = next((made, prefix) for made, prefix in foreseen if made.flops_high is not None)
    forecast, flops = present(crossing.forecast), present(crossing.flops)
    assert made.made_at_flops == prefix[-1].flops < flops
    for name in ("flops", "flops_low", "flops_high", "made_at_flops"):
        assert getattr(forecast, name) == pytest.approx(getattr(made, name), rel=1e-6)
    assert forecast.flops_low < flops < present(forecast.flops_high)
    assert forecast.covered is True
    assert forecast.ratio == pytest.approx(flops / present(forecast.flops))


def test_a_straight_curve_is_continued():
    """Many games, logit rising by 2.5 a decade, three evaluations: the crossing lies 0.7 decades ahead."""
    (made,) = crossover.forecast(logistic_run(13.5, 2.5, [12.4, 12.6, 12.8]))
    assert made.made_at_flops == pytest.approx(10**12.8)
    assert math.log10(present(made.flops)) == pytest.approx(13.5, abs=0.1)
    assert 12.8 < math.log10(made.flops_low) < 13.4
    assert made.flops_high is None or math.log10(made.flops_high) > 13.6


def test_the_nearer_the_event_the_narrower_the_forecast():
    lines = logistic_run(13.55, 2.5, STEPS, pairs=50)
    widths = []
    for count in (2, 5):
        (made,) = crossover.forecast(lines[:count])
        widths.append(math.inf if made.flops_high is None else made.flops_high / made.flops_low)
    assert widths[1] < widths[0]


def test_no_forecast_of_what_has_happened_and_an_open_one_of_what_is_far():
    assert crossover.forecast([]) == []
    assert crossover.forecast(logistic_run(12.5, 4, STEPS)) == []
    (far,) = crossover.forecast([line(10.0**x, 0.02) for x in STEPS])
    assert far.flops_high is None
    assert far.flops_low >= 10 ** STEPS[-1]


def test_what_was_expected_too_late_is_no_forecast():
    """The first evaluation looked as if it were below, the whole curve says that it was above."""
    lines = [line(10.0**x, s, pairs=50) for x, s in zip(STEPS, [0.48, 0.7, 0.7, 0.7, 0.7, 0.75], strict=False)]
    assert len(crossover.forecast(lines[:1])) == 1
    crossing = only(lines)
    assert (crossing.status, crossing.flops, crossing.forecast) == ("overtaken", None, None)


def test_a_forecast_that_the_run_has_passed_by_has_failed():
    """On its way to a crossing at 13.2 the learner stops at 40 %, for long."""
    exponents = np.arange(12.4, 16.5, 0.2)
    lines = [line(10.0**x, min(0.4, 1 / (1 + math.exp(-4 * (x - 13.2)))), pairs=100) for x in exponents]
    forecast = present(only(lines).forecast)
    assert present(forecast.flops_high) < 10**16.4
    assert forecast.covered is False and forecast.ratio is None
    early = present(only(lines[:6]).forecast)
    assert early.covered is None and early.ratio is None


@pytest.fixture
def folder(tmp_path):
    def make(name, lines, game="connect4"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.toml").write_text(to_toml(Config(game=game)))
        (tmp_path / name / "evals.jsonl").write_text("".join(json.dumps(row.as_dict()) + "\n" for row in lines))
        return str(tmp_path / name)

    return make


def test_the_command_prints_the_record(folder, capsys):
    first, second = logistic_run(13.0, 3.0, STEPS), logistic_run(13.2, 3.0, STEPS)
    runs = [folder("one", first), folder("two", second)]
    assert cli.guarded(["crossover", *runs, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == seeds([first, second]).as_dict()
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
    header, crossed, before, beyond, once, legend = table.splitlines()
    assert header.split()[:2] == ["player", "opponent"]
    assert "at 1.0e13 [" in crossed and "1.7" in crossed.split()  # 1e13 / 1e11 seconds are 1.7 minutes
    assert "before 2.5e12" in before
    assert legend == "before: ahead at its first evaluation already, so when it drew level is not known"
    assert "beyond 1.6e14" in beyond
    assert "not yet" in once
    assert said.startswith("network alone against crossed: forecast at 4.0e12 FLOPs: ")
    assert "; came at 1.0e13, inside the interval" in said
    runs = [folder("two", logistic_run(13.0, 3.0, STEPS)), folder("three", logistic_run(16.0, 1.0, STEPS))]
    assert cli.guarded(["crossover", *runs]) == 0
    assert "(1 of 2 runs have)" in capsys.readouterr().out
    assert cli.guarded(["crossover", folder("new", [])]) == 0
    assert capsys.readouterr().out == "no matches yet\n"


def test_people_read_the_newest_forecast_of_each_opponent(folder, capsys):
    """Of two players against two opponents, in three runs."""
    runs = []
    for number in range(3):
        lines = [
            row
            for agent, later in (("net", 0.3), ("mcts:sims=64", 0.0))
            for opponent, at in (("near", 13.0), ("far", 14.5))
            for row in logistic_run(at + later, 3.0, STEPS, opponent=opponent, agent=agent)
        ]
        runs.append(folder(f"r{number}", lines))
    assert cli.guarded(["crossover", *runs]) == 0
    *said, others = capsys.readouterr().out.partition("\n\n")[2].splitlines()
    assert [("near" in line, "far" in line) for line in said] == [(True, False), (False, True)]
    assert cli.guarded(["crossover", *runs, "--json"]) == 0
    rungs = json.loads(capsys.readouterr().out)["rungs"]
    made = [run["forecast"] for rung in rungs for run in rung["runs"] if run["forecast"]]
    assert len(made) > 6
    assert others == f"{len(made) - 2} other forecasts: selfplay crossover --json has them all"
    newest = max(each["made_at_flops"] for each in made if each["opponent"] == "near")
    assert f"forecast at {newest:.1e} FLOPs".replace("e+", "e") in said[0]


def test_a_folder_of_runs_says_which_it_holds(folder, tmp_path, capsys):
    folder("one", [])
    folder("two", [])
    for command in ("crossover", "report", "compare", "doctor", "measure", "serve --run", "train --run"):
        assert cli.guarded([*command.split(), str(tmp_path)]) == 2, command
        said = f"{tmp_path} is no run folder: it holds the runs one, two; give one, as {tmp_path / 'one'}\n"
        assert capsys.readouterr().err.endswith(said), command
    assert cli.guarded(["crossover", str(tmp_path / "onne")]) == 2
    assert "onne is no run folder (did you mean 'one'?)" in capsys.readouterr().err


def test_mistakes_cost_one_line(folder, tmp_path, capsys):
    assert cli.guarded(["crossover", str(tmp_path / "nowhere")]) == 2
    assert "nowhere is no run folder" in capsys.readouterr().err
    assert cli.guarded(["crossover", folder("a", []), folder("b", [], game="gomoku9")]) == 2
    assert "is a run of gomoku9, but" in capsys.readouterr().err
    assert cli.guarded(["crossover", str(tmp_path / "a"), str(tmp_path / "b" / ".." / "a")]) == 2
    assert "is given twice" in capsys.readouterr().err


def test_runs_that_are_not_seeds_of_one_setting_are_refused(folder, tmp_path, capsys):
    runs = [folder("a", []), folder("b", []), folder("c", [])]
    for name in "bc":
        (tmp_path / name / "config.toml").write_text(to_toml(merged(Config(), {"learn": {"batch": 64}, "seed": 1})))
    assert cli.guarded(["crossover", *runs]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said == (
        f"selfplay: {runs[1]} is not another seed of {runs[0]}: learn.batch is 64, not {Config().learn.batch};"
        f" `selfplay compare {runs[0]} -- {runs[1]} {runs[2]}` says what that changes"
    )


def test_budgets_and_evaluations_make_no_other_setting(folder, tmp_path, capsys):
    runs = [folder("a", []), folder("b", [])]
    longer = {"seed": 1, "minutes": 1, "threads": 3, "eval": {"games": 10}}
    (tmp_path / "b" / "config.toml").write_text(to_toml(merged(Config(), longer)))
    assert cli.guarded(["crossover", *runs]) == 0
    assert capsys.readouterr() == ("no matches yet\n", "")
