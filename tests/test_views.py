"""The views of a run: plain lines, the live picture, TensorBoard."""

import builtins
import dataclasses
import io
import re

import numpy as np
import pytest
from matches import a_crossing, a_line
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2

from selfplay.config import Config
from selfplay.ledger import Ledger
from selfplay.report import words
from selfplay.report.tensorboard import TensorBoard
from selfplay.report.terminal import match as terminal_match
from selfplay.report.terminal import run as terminal_run
from selfplay.run.activity import Activity
from selfplay.stats.rating import Strength
from selfplay.stats.records import Crossing, CrossoverRecord
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


def playing(done, of, number=1):
    return Activity(kind="play", generation=number, done=done, of=of, seconds_left=600.0)


def final(number, of=15, seconds_left=125.0, opponent="alphabeta:depth=4"):
    return Activity(
        kind="matches", generation=7, done=number - 1, of=of, agent="mcts:sims=64", opponent=opponent, games=400,
        share=0.5, final=True, seconds_left=seconds_left,
    )  # fmt: skip


def shown(renderable, width=100):
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(renderable)
    return stream.getvalue()


def test_a_run_on_several_machines_says_who_plays():
    one = generation(3)
    one.metrics.update(
        {"pool/nodes": 6.0, "pool/processes": 12.0, "pool/lost": 1.0, "pool/lag": 2.0, "pool/busy": 0.875}
        | {f"node_evaluations_per_s/10.0.0.{i}": 1000.0 * i for i in range(1, 7)}
    )
    line = terminal_run.plain_line(Config(), one)
    assert "MB  nodes 6 processes 12 lag 2 lost 1  ETA" in line
    view = terminal_run._View(Config(), "a run", ())
    view.generation(one, None, None)
    picture = shown(view)
    assert re.search(r"10\.0\.0\.6 +6,000", picture) and re.search(r"10\.0\.0\.3 +3,000", picture)
    assert re.search(r"2 others +3,000", picture), "the slowest together"
    assert "12 processes, busy 88% of the time; 1 died; weights 2 generations old" in " ".join(picture.split())


def test_sparklines_show_the_newest_scores_from_0_to_1():
    assert terminal_run.sparkline([0.0, 0.5, 0.99, 1.0]) == "▁▅██"
    assert terminal_run.sparkline([0.0] * 50 + [1.0], width=3) == "▁▁█"


def test_plain_lines():
    config = dataclasses.replace(Config(), minutes=12)
    line = terminal_run.plain_line(config, generation(3))
    assert line == (
        "generation 3  3:00 trained  games 3,702  positions/s 3,457  loss policy 0.500 value 0.750  memory 912 MB"
        "  ETA 10:30"
    )
    by_compute = dataclasses.replace(config, minutes=0, flops=1.2e13)
    assert "  3:00 trained  FLOPs 3.0e12 of 1.2e13  games 3,702" in terminal_run.plain_line(by_compute, generation(3))
    assert terminal_run.plain_line(config, generation(3), 900.0).endswith("  ETA 15:00")  # with the matches at the end
    assert terminal_run.plain_line(config, generation(3, done=True)).endswith("  done")
    assert terminal_run.match_line(match(3, 0.65)) == (
        "generation 3  network + 64 simulations against one-ply rules: 65.0 % [55.0, 75.0]  wins 60 draws 10 losses 30,"
        " 97 distinct games"
    )


def test_the_time_left_is_the_runs_own():
    """What a run began with had taken an hour; three minutes of its own twelve are over."""
    one = generation(3)
    one = dataclasses.replace(one, ledger=one.ledger + Ledger(play_seconds=3600.0))
    assert terminal_run.plain_line(dataclasses.replace(Config(), minutes=12), one).endswith("  ETA 10:30")


def test_a_metric_that_is_missing_is_a_dash():
    bare = dataclasses.replace(generation(1), metrics={})
    assert "loss policy – value –" in terminal_run.plain_line(Config(), bare)


@pytest.mark.parametrize("variable", [None, ("NO_COLOR", "1"), ("TERM", "dumb")])
def test_lines_where_there_is_no_terminal_or_it_wants_none(capsys, monkeypatch, variable):
    if variable:
        monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes stdout for a terminal
        monkeypatch.setenv(*variable)
    with terminal_run.watching(Config(), "a title") as show:
        show.match(match(0, 0.5))
        show.match(match(1, 0.5))
        show.generation(generation(1), None, None)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "a title"
    assert [line.split("  ")[0] for line in lines[1:]] == ["before any training", "generation 1", "generation 1"]
    assert not any("\x1b" in line for line in lines)


def test_what_was_announced_is_taken_back(capsys):
    ahead = Crossing(
        agent="net", opponent="random", status="overtaken", flops=2e9, flops_low=1e9, flops_high=3e9, flops_at_end=4e9,
        score_at_end=0.6, score_low=0.52, score_high=0.68,
    )  # fmt: skip
    behind = dataclasses.replace(ahead, status="not overtaken", flops=None, flops_high=None, score_low=0.48)
    with terminal_run.watching(Config(), "a title") as show:
        for number, crossing in enumerate((behind, ahead, ahead, behind, ahead), start=1):
            show.generation(generation(number), CrossoverRecord(game="connect4", crossings=(crossing,)), None)
    said = [line for line in capsys.readouterr().out.splitlines() if "random moves" in line]
    assert [line.split(" random moves")[0].removeprefix("network alone ") for line in said] == [
        "has overtaken", "is no longer surely ahead of", "has overtaken"
    ]  # fmt: skip


class ZMQInteractiveShell:
    """What runs the cells of a notebook, by the name that rich knows it by."""


def test_a_notebook_shows_plain_lines(capsys, monkeypatch):
    monkeypatch.setattr(builtins, "get_ipython", ZMQInteractiveShell, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert Console().is_jupyter
    with terminal_run.watching(Config(), "a title") as show:
        show.match(match(1, 0.5))
        show.generation(generation(1), None, None)
    with terminal_match.watching([("a", "b")]) as standings:
        assert type(standings).__name__ == "_Lines"
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "a title" and len(lines) == 3
    assert not any("\x1b" in line for line in lines)


@pytest.fixture
def on_a_terminal(capsys, monkeypatch):
    """What was drawn last, on a terminal of so many columns and lines."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def draw(columns, happens, history=(), lines=60):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("LINES", str(lines))
        with terminal_run.watching(dataclasses.replace(Config(), minutes=10), "a title", history) as show:
            happens(show)
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().out).split("╭")[-1]

    return draw


def test_the_live_picture_on_a_terminal(on_a_terminal):
    def happens(show):
        show.match(match(2, 0.99))
        show.generation(generation(2), None, None)

    last = on_a_terminal(110, happens, [match(1, 0.0)])
    for said in ("a title", "generation 2", "2,468", "3,457", "912 MB", "88%", "play 44%, learn 22%, matches 33%",
                 "one-ply rules", "64 simulations", "99.0 % [89.0, 109.0]", "▁█", "2.0e12"):  # fmt: skip
        assert said in last, said


@pytest.mark.parametrize("columns", [80, 100, 140])
def test_no_number_is_cut_off_however_narrow_the_terminal(on_a_terminal, columns):
    opponents = ("alphabeta:preset=alphazero-jl", "alphabeta:depth=12", "alphabeta:nodes=100000", "alphabeta:ms=20")
    history = [match(n, 0.55, agent, opponent) for n in range(20) for agent in ("mcts:sims=64", "mcts:ms=20", "net")
               for opponent in opponents]  # fmt: skip
    crossings = [
        a_crossing(agent=line.agent, opponent=line.opponent, flops=3.1e13, flops_low=2.2e13, flops_high=4e13)
        for line in history[-12:]
    ]
    record = CrossoverRecord(game="connect4", crossings=tuple(crossings))
    more = {"play/evaluations_per_s": 123456.7, "games/length": 31.4, "learn/reuse": 4.0}
    done = dataclasses.replace(generation(2), metrics=generation(2).metrics | more)
    last = on_a_terminal(columns, lambda show: show.generation(done, record, 600.0), history)
    assert "…" not in last
    assert all(len(line) <= columns for line in last.splitlines())
    for said in ("0.750", "123,457", "31.4", "4.000", "2,468", "912 MB", "2.0e12", "play 44%, learn 22%, matches 33%"):
        assert said in last, said
    assert len(re.findall(r"55(\.0)? % \[45(\.0)?, 65(\.0)?\]", last)) == 12
    assert len(re.findall(r"at 3\.1e13", last)) == 12
    for opponent in opponents:
        assert last.count(words.player(opponent)) == 3, opponent


def test_on_a_low_terminal_the_most_even_matches_are_seen(on_a_terminal):
    scores = {"rules": 0.97, "alphabeta:depth=2": 0.7, "alphabeta:depth=4": 0.55, "alphabeta:depth=6": 0.4}
    history = [
        match(1, score, agent, opponent) for agent in ("mcts:sims=64", "net") for opponent, score in scores.items()
    ]
    last = on_a_terminal(80, lambda show: show.generation(generation(2), None, 600.0), history, lines=24)
    assert "╰" in last and len(last.splitlines()) <= 24
    assert last.count("55 % [45, 65]") == 2 and "97 %" not in last
    assert "and 5 less even matches, in the report" in last
    assert "less even" not in on_a_terminal(80, lambda show: show.generation(generation(2), None, 600.0), history)


def test_the_first_games_are_counted(on_a_terminal):
    last = on_a_terminal(80, lambda show: show.activity(playing(5120, 20480)))
    assert "playing: 5,120 of about 20,000 positions" in last
    assert "ETA 10:00" in last
    filled = last.splitlines()[1].count("━")
    assert filled > on_a_terminal(80, lambda show: show.activity(playing(512, 20480))).splitlines()[1].count("━") * 0.5


def test_matches_at_the_end_are_counted_and_in_the_time_left(on_a_terminal):
    last = on_a_terminal(100, lambda show: show.activity(final(9)))
    assert "final matches 9 of 15, about 2 min" in last.splitlines()[1]
    assert "ETA 2:0" in last.splitlines()[1]
    assert "network + 64 simulations against alpha-beta, depth 4, about 400 games, 50% done" in last
    untrained = dataclasses.replace(final(0), final=False, generation=0, of=2, seconds_left=None)
    last = on_a_terminal(100, lambda show: show.activity(untrained))
    assert last.splitlines()[1].split()[1:4] == ["before", "any", "training"] and "━" in last.splitlines()[1]


def test_lines_say_what_goes_on_when_nothing_else_does(capsys, monkeypatch):
    clock = 0.0
    monkeypatch.setattr(terminal_run.time, "monotonic", lambda: clock)
    with terminal_run.watching(Config(), "a title") as show:
        for clock in range(0, 40, 2):
            show.activity(playing(100 * clock, 20000))
        show.activity(final(1))
        show.activity(final(2))  # no more than its result
    assert capsys.readouterr().out.splitlines()[1:] == [
        "generation 1  playing: 1,600 of about 20,000 positions",
        "generation 1  playing: 3,200 of about 20,000 positions",
        "generation 7  final matches 1 of 15, about 2 min: network + 64 simulations against alpha-beta, depth 4,"
        " about 400 games, 50% done",
    ]


def test_no_number_of_positions_where_nobody_knows_one():
    assert words.doing(playing(512, 0)) == "playing: 512 positions"


def test_a_match_on_a_small_board_says_how_many_openings_it_has():
    assert "400 games from 30 openings, 50% done" in words.match(dataclasses.replace(final(1), openings=30))
    assert "openings" not in words.match(dataclasses.replace(final(1), openings=200))


def test_quiet_is_quiet(capsys):
    with terminal_run.watching(Config(), "a title", quiet=True) as show:
        show.generation(generation(1), None, None)
        show.match(match(1, 0.5))
        show.activity(final(9))
    assert capsys.readouterr() == ("", "")


def test_the_summary_has_the_last_match_of_each_pairing():
    table = shown(terminal_run.summary([match(1, 0.2), match(5, 0.75), match(5, 0.6, agent="net")]), width=80)
    rows = [line.split() for line in table.splitlines()]
    assert ["one-ply", "rules", "64", "simulations", "75.0", "%", "[65.0,", "85.0]", "60-10-30", "97"] in rows
    assert ["one-ply", "rules", "alone", "60.0", "%", "[50.0,", "70.0]", "60-10-30", "97"] in rows
    assert "20.0" not in table
    assert terminal_run.summary([]) is None


def test_the_summary_of_long_names_keeps_its_numbers_in_eighty_columns(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    opponents = ("alphabeta:preset=alphazero-jl", "alphabeta:nodes=100000")
    terminal_run.show_summary([match(5, 0.75, agent, name) for agent in ("mcts:sims=64", "net") for name in opponents])
    table = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert "…" not in table
    assert all(len(line) <= 80 for line in table.splitlines())
    rows = [line.split() for line in table.splitlines()]
    assert sum(row[-5:] == ["%", "[65,", "85]", "60-10-30", "97"] and row[-6] == "75" for row in rows) == 4


def test_tensorboard_hides_what_a_killed_run_wrote_after_its_checkpoint(tmp_path):
    first = TensorBoard(tmp_path, 0, 0.0)
    for number in (1, 2, 3):
        first.write(number, {"loss/total": 1.0 * number, "games": 7})
        first.write_strength([match(number, 0.1 * number)], Strength({}, {}), "")
    first.close()
    second = TensorBoard(tmp_path, 2, 2e12)  # generation 3 never reached its checkpoint
    second.write(3, {"loss/total": 30.0, "games": 7})
    standing = Strength({"rules": 0.0, "alphabeta:depth=4": 300.0}, {"mcts:sims=64": [(1e12, 10.0), (2e12, 350.0)]})
    second.write_strength([match(3, 0.9)], standing, "mcts overtakes rules")
    second.close()
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(point.step, point.value) for point in events.Scalars("loss/total")] == [(1, 1.0), (2, 2.0), (3, 30.0)]
    assert events.Scalars("total/games")[0].value == 7
    events = EventAccumulator(str(tmp_path / "tensorboard/strength")).Reload()
    assert [point.step for point in events.Scalars("strength/rules/mcts")] == [1e12, 2e12, 3e12]  # training FLOPs
    assert events.Scalars("strength/rules/mcts")[-1].value == pytest.approx(0.9)
    assert events.Scalars("strength/rules/mcts/low")[-1].value == pytest.approx(0.8)
    assert events.Scalars("strength/rules/mcts/high")[-1].value == pytest.approx(1.0)
    assert {name: events.Scalars(f"elo/{name}")[-1].value for name in ("rules", "alphabeta:depth=4", "mcts")} == {
        "rules": 0.0,
        "alphabeta:depth=4": 300.0,
        "mcts": 350.0,
    }
    assert b"mcts overtakes rules" in events.Tensors("crossover/text_summary")[-1].tensor_proto.string_val[0]


def charts(run_dir):
    """The titles of the page of custom scalars, as TensorBoard shows it: by the newest layout."""
    events = EventAccumulator(str(run_dir / "tensorboard/strength")).Reload()
    (tag,) = [tag for tag in events.Tags()["tensors"] if "custom_scalars" in tag] or [None]
    if tag is None:
        return []
    layout = vars(layout_pb2)["Layout"].FromString(events.Tensors(tag)[-1].tensor_proto.string_val[0])
    return [chart.title for category in layout.category for chart in category.chart]


def test_tensorboard_has_charts_of_opponents_that_were_met_weakest_first(tmp_path):
    ladder = ("rules", "alphabeta:depth=2", "alphabeta:depth=12")
    events = TensorBoard(tmp_path, 0, 0.0, ladder)
    assert charts(tmp_path) == []
    events.write_strength([match(1, 0.1, opponent="alphabeta:depth=2"), match(1, 0.4)], Strength({}, {}), "")
    headline = "Elo among the ladder"
    assert charts(tmp_path) == [headline, "one-ply rules, with search", "alpha-beta, depth 2, with search"]
    events.close()
    TensorBoard(tmp_path, 1, 1e12, ladder, [match(1, 0.4), match(1, 0.2, agent="net")]).close()
    assert charts(tmp_path) == [headline, "one-ply rules, with search", "one-ply rules, network alone"]
