"""`selfplay bench`: the figures that others script against, and arithmetic that adds up."""

import contextlib
import io
import json

import numpy as np
import pytest

import games
from selfplay import cli
from selfplay.bench import agent, knowledge, parts, soak, waiting
from selfplay.players.agent import Agent, Analysis

SMALL = ["--game", "tictactoe", "--games", "4", "--simulations", "4", "--network", "mlp:1x8", "--seconds", "0.02"]


@pytest.fixture(scope="module")
def measured():
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert cli.guarded(["bench", "all", "--json", "--threads", "2", *SMALL]) == 0
    (line,) = out.getvalue().splitlines()
    return json.loads(line)


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("search", "simulations_per_s_per_core"),
        ("network", "evaluations_per_s dtype backend gflops gemm_gflops"),
        ("selfplay", "simulations_per_s evaluations_per_s positions_per_s games_per_min network_share tree_share"),
        ("train", "samples_per_s"),
        ("machine", "cpu cores"),
    ],
)
def test_the_json_holds_what_is_promised(measured, part, names):
    for name in names.split():
        value = measured[part][name]
        assert isinstance(value, str) or value > 0, name


def test_figures_agree_with_each_other(measured):
    network, selfplay = measured["network"], measured["selfplay"]
    # mlp:1x8 on tic-tac-toe: 4 planes of 9 cells to 8 units, then 9 moves and 3 results; 2 per multiply-add.
    assert network["flops_per_evaluation"] == 2 * (36 * 8 + 8 * 9 + 8 * 3)
    assert network["gflops"] == pytest.approx(network["evaluations_per_s"] * 768 / 1e9)
    assert selfplay["network_share"] + selfplay["tree_share"] + selfplay["idle_share"] == pytest.approx(1)
    # Four simulations a position, fewer where a proof ends the search; 5 to 9 plies a game.
    assert selfplay["positions_per_s"] < selfplay["simulations_per_s"] <= 5 * selfplay["positions_per_s"]
    assert selfplay["games_per_min"] / 60 <= selfplay["positions_per_s"]


def test_people_who_play_in_the_page_wait_for_their_moves(monkeypatch):
    pytest.importorskip("starlette")
    monkeypatch.setattr(waiting, "PEOPLE", (1, 3))
    found = waiting.measure("connect4", "rules", moves=3, pause=0.0)
    assert list(found) == [f"{name}_ms_of_{people}" for people in (1, 3) for name in ("p50", "p95", "slowest")]
    assert 0 < found["p50_ms_of_3"] <= found["p95_ms_of_3"] <= found["slowest_ms_of_3"]
    with pytest.raises(ValueError, match="no agent 'rulez' here"):
        waiting.measure("connect4", "rulez", moves=1)


def test_knowledge_is_fast_as_far_as_there_is_some():
    assert list(knowledge.measure(games.make("connect4"), 0.01)) == ["alphabeta_nodes_per_s"]
    found = knowledge.measure(games.make("gomoku9"), 0.01)
    assert list(found) == ["alphabeta_nodes_per_s", "stones_per_s"]
    assert all(rate > 1000 for rate in found.values())


def test_a_players_moves_are_timed_one_at_a_time(monkeypatch):
    game = games.make("tictactoe")
    said = {"asked": 0, "visits": None}

    def act(states_NW, seeds_N):
        assert len(states_NW) == 1
        said["asked"] += 1
        return Analysis(
            actions_N=np.zeros(1, np.int64), policy_NA=np.zeros((1, 9), np.float32), visits_NA=said["visits"]
        )

    monkeypatch.setattr(agent, "make_agent", lambda spec, game: Agent(spec, act))
    found = agent.measure(game, "any", 0.0)
    assert list(found) == ["p50_ms", "slowest_ms"]
    assert 0 < found["p50_ms"] <= found["slowest_ms"]
    assert said["asked"] == 1 + 20  # once to warm up
    said["visits"] = np.full((1, 9), 7)
    assert agent.measure(game, "any", 0.0)["visits"] == 63


def test_random_positions_are_open_and_repeatable():
    game = games.make("connect4")
    states_NW = parts.random_positions(game, 64, 5)
    assert np.array_equal(states_NW, parts.random_positions(game, 64, 5))
    assert len(np.unique(states_NW, axis=0)) > 40
    assert all(len(game.legal_actions(state_W)) > 0 for state_W in states_NW)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--games", "0"], "--games is above 0, not 0"),
        (["--seconds", "-1"], "--seconds is above 0, not -1.0"),
        (["--game", "conect4"], "unknown game 'conect4' (did you mean 'connect4'?)"),
        (["serch"], "invalid choice: 'serch'"),
    ],
)
def test_mistakes(capsys, flags, said):
    assert cli.guarded(["bench", *flags]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_a_long_training_is_looked_at_from_outside(tmp_path):
    tiny = ["--config", "tiny", "--game", "tictactoe", "--generations", "8", "--eval.opponents", "random"]
    found = soak.measure([*tiny, "--eval.final_games", "2"], tmp_path / "run", every=0.05)
    assert 100 < found["memory_mb_early"] < 4000
    assert found["threads_early"] >= 1 and found["files_late"] >= 3
    lines = (tmp_path / "run" / "soak.csv").read_text().splitlines()
    assert lines[0] == ",".join(soak.COLUMNS) and len(lines) > 8
    with pytest.raises(ValueError, match=r"exit code 2: .*unknown agent 'rulez'"):
        soak.measure([*tiny, "--eval.opponents", "rulez"], tmp_path / "other", every=0.05)


def test_early_and_late_are_told_apart():
    """Planted: 100 seconds at one CPU; memory and files grow by 1 a second, work is done at half the speed after 50."""
    second_R = np.arange(121.0)
    trained_R = np.minimum(second_R, 50) * 2.0 + np.clip(second_R - 50, 0, 50)
    seen_RC = np.column_stack([second_R, second_R, 500 + second_R, 0 * second_R + 7, 10 + second_R, trained_R])
    found = soak.summary(seen_RC)  # what is seen after the last generation, at 100, does not count
    assert found["minutes"] == pytest.approx(100 / 60)
    assert found["memory_mb_early"] == pytest.approx(538) and found["memory_mb_late"] == pytest.approx(588)
    assert found["threads_early"] == found["threads_late"] == 7
    assert found["files_late"] - found["files_early"] == pytest.approx(50)
    assert found["late_speed"] == pytest.approx(0.5)
    with pytest.raises(ValueError, match="too soon"):
        soak.summary(np.zeros((0, 6)))
