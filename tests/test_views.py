"""The views of a run: plain lines, the live picture, TensorBoard."""

import builtins
import dataclasses
import io
import re

import numpy as np
import pytest
from matches import a_line
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from selfplay.config import Config
from selfplay.ledger import Ledger
from selfplay.report import terminal_match, terminal_run
from selfplay.report.tensorboard import TensorBoard
from selfplay.stats.rating import Strength
from selfplay.train.pool import OngoingGame
from selfplay.train.trainer import Generation


def match(generation, score, agent="mcts:sims=64", opponent="rules"):
    return a_line(
        generation=generation, flops=1e12 * generation, agent=agent, opponent=opponent, wins=60, draws=10, losses=30,
        distinct_games=97, score=score, score_low=score - 0.1, score_high=score + 0.1,
    )  # fmt: skip


def generation(number, done=False, evals=()):
    ledger = Ledger(
        games=1234 * number,
        play_flops=9e11 * number,
        learn_flops=1e11 * number,
        play_seconds=40.0 * number,
        learn_seconds=20.0 * number,
        eval_seconds=30.0 * number,
    )
    metrics = {
        "loss/policy": 1.5 / number,
        "loss/value": 0.75,
        "play/positions_per_s": 3456.7,
        "play/network_share": 0.875,
        "memory/rss_mb": 912.4,
    }
    return Generation(
        number=number, ledger=ledger, own=ledger, metrics=metrics, evals=list(evals), done=done, seconds=90.0,
        ongoing=OngoingGame(start_W=np.zeros(3, np.uint64), actions_T=np.zeros(0, int), wdl_T3=np.zeros((0, 3))),
    )  # fmt: skip


def shown(renderable, width=100):
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(renderable)
    return stream.getvalue()


def test_sparklines_show_the_newest_scores_from_0_to_1():
    assert terminal_run.sparkline([0.0, 0.5, 0.99, 1.0]) == "▁▅██"
    assert terminal_run.sparkline([0.0] * 50 + [1.0], width=3) == "▁▁█"


def test_the_share_of_the_budget_is_that_of_the_limit_which_ends_the_run():
    now = generation(3).ledger  # 180 s of training, 3e12 FLOPs
    plain = dataclasses.replace(Config(), minutes=0)
    assert terminal_run.spent(dataclasses.replace(plain, minutes=12), now, 3) == 0.25
    assert terminal_run.spent(dataclasses.replace(plain, generations=6), now, 3) == 0.5
    assert terminal_run.spent(dataclasses.replace(plain, flops=4e12), now, 3) == 0.75
    assert terminal_run.spent(Config(minutes=12, generations=6, flops=4e12), now, 3) == 0.75
    assert terminal_run.spent(dataclasses.replace(plain, generations=2), now, 3) == 1.0
    # 270 s have gone by, matches included, for a quarter of the budget: three times as much is left.
    assert terminal_run.seconds_left(dataclasses.replace(plain, minutes=12), now, 3) == pytest.approx(810)
    assert terminal_run.seconds_left(plain, now, 3) is None


def test_plain_lines():
    config = dataclasses.replace(Config(), minutes=12)
    line = terminal_run.plain_line(config, generation(3))
    assert line == (
        "generation 3  3:00 trained  games 3,702  positions/s 3,457  loss policy 0.500 value 0.750  memory 912 MB"
        "  ETA 13:30"
    )
    assert terminal_run.plain_line(config, generation(3, done=True)).endswith("  done")
    assert terminal_run.match_line(match(3, 0.65)) == (
        "generation 3  network + 64 simulations against one-ply rules: 65.0 % [55.0, 75.0]  wins 60 draws 10 losses 30,"
        " 97 distinct games"
    )


def test_the_time_left_is_the_runs_own():
    """What a run began with had taken an hour; three minutes of its own twelve are over."""
    one = generation(3)
    one = dataclasses.replace(one, ledger=one.ledger + Ledger(play_seconds=3600.0))
    assert terminal_run.plain_line(dataclasses.replace(Config(), minutes=12), one).endswith("  ETA 13:30")


def test_a_metric_that_is_missing_is_a_dash():
    bare = dataclasses.replace(generation(1), metrics={})
    assert "loss policy – value –" in terminal_run.plain_line(Config(), bare)


@pytest.mark.parametrize("variable", [None, ("NO_COLOR", "1"), ("TERM", "dumb")])
def test_lines_where_there_is_no_terminal_or_it_wants_none(capsys, monkeypatch, variable):
    if variable:
        monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes stdout for a terminal
        monkeypatch.setenv(*variable)
    with terminal_run.watching(Config(), "a title") as show:
        show.match(match(1, 0.5))
        show.generation(generation(1), None)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "a title"
    assert [line.split("  ")[0] for line in lines[1:]] == ["generation 1", "generation 1"]
    assert not any("\x1b" in line for line in lines)


class ZMQInteractiveShell:
    """What runs the cells of a notebook, by the name that rich knows it by."""


def test_a_notebook_shows_plain_lines(capsys, monkeypatch):
    monkeypatch.setattr(builtins, "get_ipython", ZMQInteractiveShell, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert Console().is_jupyter
    with terminal_run.watching(Config(), "a title") as show:
        show.match(match(1, 0.5))
        show.generation(generation(1), None)
    with terminal_match.watching([("a", "b")]) as standings:
        assert type(standings).__name__ == "_Lines"
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "a title" and len(lines) == 3
    assert not any("\x1b" in line for line in lines)


def test_the_live_picture_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with terminal_run.watching(Config(), "a title", [match(1, 0.0)]) as show:
        show.match(match(2, 0.99))
        show.generation(generation(2), None)
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().out).split("╭")[-1]
    for words in ("a title", "generation 2", "2,468", "3,457", "912 MB", "88%", "play 44%, learn 22%, matches 33%",
                  "one-ply rules", "64 simulations", "99.0 % [89.0, 109.0]", "▁█", "2.0e12"):  # fmt: skip
        assert words in last, words


def test_quiet_is_quiet(capsys):
    with terminal_run.watching(Config(), "a title", quiet=True) as show:
        show.generation(generation(1), None)
        show.match(match(1, 0.5))
        show.doing("nothing")
    assert capsys.readouterr() == ("", "")


def test_the_summary_has_the_last_match_of_each_pairing():
    table = shown(terminal_run.summary([match(1, 0.2), match(5, 0.75), match(5, 0.6, agent="net")]), width=80)
    rows = [line.split() for line in table.splitlines()]
    assert ["one-ply", "rules", "64", "simulations", "75.0", "%", "[65.0,", "85.0]", "60-10-30", "97"] in rows
    assert ["one-ply", "rules", "alone", "60.0", "%", "[50.0,", "70.0]", "60-10-30", "97"] in rows
    assert "20.0" not in table
    assert terminal_run.summary([]) is None


def test_tensorboard_hides_what_a_killed_run_wrote_after_its_checkpoint(tmp_path):
    first = TensorBoard(tmp_path, 0)
    for number in (1, 2, 3):
        first.write(number, {"loss/total": 1.0 * number, "games": 7})
        first.write_strength(number, [match(number, 0.1 * number)], Strength({}, {}), "")
    first.close()
    second = TensorBoard(tmp_path, 2)  # generation 3 never reached its checkpoint
    second.write(3, {"loss/total": 30.0, "games": 7})
    standing = Strength({"rules": 0.0, "alphabeta:depth=4": 300.0}, {"mcts:sims=64": [(1e12, 10.0), (2e12, 350.0)]})
    second.write_strength(3, [match(3, 0.9)], standing, "mcts overtakes rules")
    second.close()
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(point.step, point.value) for point in events.Scalars("loss/total")] == [(1, 1.0), (2, 2.0), (3, 30.0)]
    assert [point.step for point in events.Scalars("strength/rules/mcts")] == [1, 2, 3]
    assert events.Scalars("strength/rules/mcts")[-1].value == pytest.approx(0.9)
    assert events.Scalars("strength/rules/mcts/low")[-1].value == pytest.approx(0.8)
    assert events.Scalars("strength/rules/mcts/high")[-1].value == pytest.approx(1.0)
    assert events.Scalars("total/games")[0].value == 7
    assert {name: events.Scalars(f"elo/{name}")[-1].value for name in ("rules", "alphabeta:depth=4", "mcts")} == {
        "rules": 0.0,
        "alphabeta:depth=4": 300.0,
        "mcts": 350.0,
    }
    assert b"mcts overtakes rules" in events.Tensors("crossover/text_summary")[-1].tensor_proto.string_val[0]
