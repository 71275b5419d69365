"""Checks of runs: each fails by the numbers that it looks at, and by no others."""

import dataclasses
import json

import pytest
from matches import a_line

from selfplay import cli
from selfplay.config import Config
from selfplay.report import health
from selfplay.run import folder, metrics, session

GENERATIONS, YOUNG = 40, 10


def well():
    """The numbers of twenty minutes of Connect Four, as they began and as they ended, with a straight line between."""
    first = {"loss/total": 3.2, "loss/policy": 1.95, "loss/value": 0.97, "learn/gradient_norm": 1.9, "learn/reuse": 4.0,
             "learn/retreats": 0.0, "policy/entropy": 1.12, "policy/kl_search_net": 0.63, "value/calibration": 0.03,
             "games/first_player_score": 0.55, "games/distinct_positions": 0.95, "proven/share": 0.18,
             "play/positions_per_s": 3100.0, "play/network_share": 0.83, "memory/rss_mb": 980.0,
             "pool/lost": 0.0}  # fmt: skip
    last = {"loss/total": 1.17, "loss/policy": 0.56, "loss/value": 0.46, "learn/gradient_norm": 0.9, "learn/reuse": 4.0,
            "learn/retreats": 0.0, "policy/entropy": 0.42, "policy/kl_search_net": 0.11, "value/calibration": 0.04,
            "games/first_player_score": 0.5, "games/distinct_positions": 0.83, "proven/share": 0.19,
            "play/positions_per_s": 5700.0, "play/network_share": 0.84, "memory/rss_mb": 1015.0,
            "pool/lost": 0.0}  # fmt: skip
    lines = []
    for n in range(GENERATIONS):
        share = n / (GENERATIONS - 1)
        line = {name: (1 - share) * first[name] + share * last[name] for name in first}
        seconds = {"play_seconds": 12.0 * n, "learn_seconds": 18.0 * n, "eval_seconds": 8.0 * n}
        lines.append({"generation": n + 1, **seconds, **line})
    return lines


def match(flops, score, games=400, opponent="alphabeta:depth=4", agent="mcts:sims=64"):
    won = round(games * score)
    return a_line(flops=flops, agent=agent, opponent=opponent, wins=won, losses=games - won, distinct_games=games,
                  score=score)  # fmt: skip


GROWING = [match(2.5e13, 0.25), match(5e13, 0.36), match(1e14, 0.5), match(1e14, 0.1, agent="net")]


def failing(metrics=None, evals=GROWING, config=None):
    found = health.examine(config or Config(), well() if metrics is None else metrics, evals)
    return {one.check.symptom for one in found if one.failing}


def test_a_healthy_run_is_well_in_every_row():
    assert {one.verdict for one in health.examine(Config(), well(), GROWING)} == {"well"}


ILL = [
    ("A loss is infinite or no number", "loss/total", lambda n: None if n == 7 else 2.0),
    ("Learning diverged", "learn/retreats", lambda n: 1.0),
    ("The policy does not learn", "loss/policy", lambda n: 1.95 - 0.002 * n),
    ("The value does not learn", "loss/value", lambda n: 1.0 + 0.001 * n),
    ("Results are learned by heart", "value/calibration", lambda n: 0.03 + 0.005 * n),
    ("Play has collapsed into a few lines", "policy/entropy", lambda n: 1.12 / (1 + n)),
    ("It plays the same games again and again", "games/distinct_positions", lambda n: 0.95 - 0.02 * n),
    ("One side always wins", "games/first_player_score", lambda n: 0.95),
    ("One side always wins", "games/first_player_score", lambda n: 0.05),
    ("Search adds nothing to the network", "policy/kl_search_net", lambda n: 0.6 / (1 + n)),
    ("No win is ever proven", "proven/share", lambda n: 0.0),
    ("Every gradient is cut", "learn/gradient_norm", lambda n: 4.9),
    ("It trains more or less often on a position than it was told", "learn/reuse", lambda n: 2.0),
    ("It trains more or less often on a position than it was told", "learn/reuse", lambda n: 5.0),
    ("Matches eat the time", "eval_seconds", lambda n: 40.0 * n),
    ("The network hardly works", "play/network_share", lambda n: 0.3),
    ("Self-play has slowed down", "play/positions_per_s", lambda n: 5000.0 if n < 35 else 2000.0),
    ("Processes of the cluster die", "pool/lost", lambda n: n // 10),
    ("Memory grows", "memory/rss_mb", lambda n: 500.0 + 60 * n),
]


@pytest.mark.parametrize(("symptom", "name", "value"), ILL, ids=[f"{name}-{i}" for i, (_, name, _) in enumerate(ILL)])
def test_each_check_fails_alone(symptom, name, value):
    lines = [{**line, name: value(n)} for n, line in enumerate(well())]
    assert failing(lines) == {symptom}


LEARNING = [each for each in ILL if next(c for c in health.CHECKS if c.symptom == each[0]).learning]


@pytest.mark.parametrize(("symptom", "name", "value"), LEARNING, ids=[each[1] for each in LEARNING])
def test_what_turns_bad_while_it_trains_is_said_once_and_after_two_generations(symptom, name, value):
    ill = [{**line, name: value(n)} for n, line in enumerate(well())]
    first = next(n for n in range(YOUNG, GENERATIONS + 1) if symptom in failing(ill[:n], evals=[]))
    watch = health.Watch(Config(), [])
    said = [[found.check.symptom for found in watch.worsened(line)] for line in ill]
    assert [n for n, symptoms in enumerate(said, 1) if symptoms] == [first + 1]
    assert said[first] == [symptom]
    resumed = health.Watch(Config(), ill[:-3])
    assert [resumed.worsened(line) for line in ill[-3:]] == [[], [], []], "it had been said"


def test_one_bad_generation_is_not_spoken_of_and_what_was_mended_is_spoken_of_again():
    """From the eleventh to the twentieth generation a reading is the median of two."""
    shares = [0.2] * YOUNG + [0, 0.2, 0, 0, 0, 0.2, 0.2, 0, 0, 0]
    watch = health.Watch(Config(), [])
    heard = [bool(watch.worsened({"proven/share": share})) for share in shares]
    assert [n for n, any_heard in enumerate(heard) if any_heard] == [YOUNG + 4, YOUNG + 9]


def test_training_says_it(tmp_path, capsys):
    limits = ["--generations", "12", "--learn.gradient_clip", "1e-6", "--eval.games", "2"]
    run = ["train", "--config", "tiny", "--game", "tictactoe", "--run", str(tmp_path / "run")]
    assert cli.guarded([*run, *limits]) == 0
    warnings = [line for line in capsys.readouterr().err.splitlines() if "Every gradient is cut" in line]
    assert len(warnings) == 1
    assert "; healthy: at most 0.90). Fix: a larger `--learn.batch`" in warnings[0]


def test_a_logged_number_has_one_healthy_range():
    """In the table of metrics as in that of checks; 0.15, 30 % and 50 % are the ranges that stood there twice."""
    bounds = {check.shows_in.split("`")[1]: str(check.bounds) for check in health.CHECKS}
    for name, said in (
        ("value/calibration", "at most 0.15"),
        ("games/distinct_positions", "at least 30%"),
        ("play/network_share", "at least 50%"),
        ("eval_seconds", "at most 35%"),
        ("games/first_player_score", "0.10 to 0.90"),
        ("policy/entropy", "at least 0.10"),
        ("policy/kl_search_net", "at least 0.020"),
        ("proven/share", "at least 0.1%"),
    ):
        assert bounds[name] == said
        assert metrics.describe(name).healthy.startswith(said)


def test_strength_that_stands_still():
    """50 % at the end and at half of the compute is no growth; 36 % there is 100 Elo of it, by hand."""
    found = health.examine(Config(), well(), GROWING)
    assert found[0].reading == pytest.approx(100, abs=3)
    assert failing(evals=[match(2.5e13, 0.25), match(5e13, 0.5), match(1e14, 0.5)]) == {"It does not get stronger"}
    # Between two evaluations, on a logarithmic axis: a third of the way from the last but one.
    assert health.examine(Config(), [], [match(1e13, 0.2), match(8e13, 0.5)])[0].reading == pytest.approx(80.3, abs=3)


@pytest.mark.parametrize(
    "evals",
    [
        [],
        [match(1e14, 0.5)],
        [match(8e13, 0.5), match(1e14, 0.5)],  # not yet twice the compute
        [match(5e13, 0.5, games=40), match(1e14, 0.5, games=40)],  # too few games to tell
        [match(5e13, 0.95), match(1e14, 0.95)],  # too weak an opponent to tell
    ],
    ids=["none", "one", "close", "few", "beaten"],
)
def test_growth_that_nobody_can_tell(evals):
    assert health.examine(Config(), well(), evals)[0].verdict == "not known"


def test_opponents_that_are_all_beaten():
    assert failing(evals=[match(5e13, 0.8), match(1e14, 0.93)]) == {"It beats everyone, so nothing more can be seen"}
    assert failing(evals=[*GROWING, match(1e14, 0.95, opponent="rules")]) == set()


def test_matches_of_few_distinct_games():
    repeated = dataclasses.replace(GROWING[2], distinct_games=2)
    assert failing(evals=[*GROWING[:2], repeated]) == {"Matches repeat a few games"}


def test_a_young_run_is_not_judged_by_what_falls():
    lines = [{**line, "eval_seconds": 60.0} for line in well()]  # most of the time, of so short a run
    verdicts = {one.check.symptom: one.verdict for one in health.examine(Config(), lines[:5], [])}
    for symptom in ("The policy does not learn", "Self-play has slowed down", "Memory grows", "Matches eat the time"):
        assert verdicts[symptom] == "not known"
    assert verdicts["One side always wins"] == "well"
    assert {one.verdict for one in health.examine(Config(), [], [])} == {"not known"}


def test_one_generation_out_of_line_decides_nothing():
    lines = well()
    lines[-1] = {**lines[-1], "policy/entropy": 0.01, "value/calibration": 0.9, "play/positions_per_s": 1.0}
    assert failing(lines) == set()


def test_what_grows_early_or_costs_at_the_end_is_well():
    """Threads take their memory in the first half of a run; the long matches at its end are no share of its time."""
    lines = [{**line, "memory/rss_mb": min(200.0 + 50 * n, 1200.0)} for n, line in enumerate(well())]
    lines[-1] = {**lines[-1], "eval_seconds": 5000.0}
    assert failing(lines) == set()


def test_proofs_are_missed_only_where_they_are_sought():
    lines = [{**line, "proven/share": 0.0} for line in well()]
    config = folder.from_dict(Config, {"search": {"prove": False}})
    assert failing(lines, config=config) == set()


def test_the_doctor_looks_at_a_run(tmp_path, capsys):
    config = session.settle(tmp_path / "r", Config(), {})
    with session.opened(tmp_path / "r", config, command=["x"]):
        folder.append(tmp_path / "r" / folder.METRICS, [{**line, "policy/entropy": 0.05} for line in well()])
        folder.append(tmp_path / "r" / folder.EVALS, [line.as_dict() for line in GROWING])
    assert cli.guarded(["doctor", str(tmp_path / "r")]) == 0
    said = capsys.readouterr().out
    collapsed = said.index("look here  Play has collapsed into a few lines")
    assert "0.05 (healthy: at least 0.10)" in said[collapsed:].splitlines()[0]
    assert "fix: more `--play.opening_plies`" in said[collapsed:]
    assert said.count("look here") == said.count("fix:") == 1
    assert cli.guarded(["doctor", str(tmp_path / "r"), "--json"]) == 0
    (wrong,) = (one for one in json.loads(capsys.readouterr().out) if one["verdict"] == "look here")
    assert wrong["reading"] == pytest.approx(0.05) and wrong["symptom"] == "Play has collapsed into a few lines"
    assert cli.guarded(["doctor", str(tmp_path / "none")]) == 2
    assert "is no run folder" in capsys.readouterr().err
