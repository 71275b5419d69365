"""The engine's time: what it may spend on a move, and that it answers within it."""

import time

import numpy as np
import pytest

import games
from games import gomoku
from selfplay.export import engine_clock, engine_player
from selfplay.export.engine_clock import Clock
from selfplay.players.agent import Agent, Analysis
from selfplay.players.make import make_agent


# By hand: 180 s left with 0 stones on the board are shared out over 30 moves, with 20 stones over 20,
# with 60 over 10.
@pytest.mark.parametrize(
    ("told", "stones", "limit"),
    [
        ({}, 0, 1000),
        ({"timeout_turn": 5000}, 0, 5000),
        ({"timeout_turn": 0}, 0, 0),
        ({"timeout_turn": 2147483647}, 0, 1000),
        ({"timeout_turn": 30000, "time_left": 180000}, 0, 6000),
        ({"timeout_turn": 30000, "time_left": 180000}, 20, 9000),
        ({"timeout_turn": 30000, "time_left": 180000}, 60, 18000),
        ({"timeout_turn": 5000, "time_left": 180000}, 0, 5000),
        ({"timeout_turn": 5000, "time_left": 2147483647}, 0, 5000),
        ({"timeout_turn": 5000, "time_left": -300}, 0, 0),
        ({"timeout_turn": 5000, "timeout_match": 60000}, 0, 2000),
        ({"timeout_turn": 5000, "timeout_match": 0}, 0, 5000),
        ({"timeout_match": 180000}, 20, 9000),
        ({"timeout_turn": 5000, "timeout_match": 60000, "time_left": 30000}, 0, 1000),
    ],
)
def test_limits_by_hand(told, stones, limit):
    clock = Clock()
    for key, value in told.items():
        clock.tell(key, value)
    assert clock.limit(stones) == limit


def test_the_clock_runs_down_between_what_is_told():
    clock = Clock()
    clock.tell("timeout_match", 60000)
    clock.spend(30000)
    assert clock.limit(0) == 1000
    clock.tell("time_left", 15000)
    assert clock.limit(0) == 500
    clock.spend(6000)
    assert clock.limit(0) == 300
    clock.begin_match()
    assert clock.limit(0) == 2000


def test_thinking_and_waiting_end_before_the_limit():
    for limit in [*range(0, 400, 7), 1000, 10_000, 600_000]:
        think, wait = engine_clock.thinking(limit), engine_clock.waiting(limit)
        assert think >= 1
        assert limit < 25 or think + 15 <= wait <= limit - 5
        assert limit < 1000 or think >= 0.9 * limit


def test_a_slow_agent_is_answered_for(monkeypatch):
    """The stand-in sees the win in one; the agent, five seconds late, is not waited for."""
    done = []

    def act(states_NW, seeds_N):
        if done:
            time.sleep(5)
        done.append(1)
        return Analysis(actions_N=np.array([80]))

    monkeypatch.setattr(
        engine_player, "make_agent", lambda spec, game: make_agent(spec, game) if spec == "rules" else Agent("x", act)
    )
    game = games.make("gomoku9")
    player = engine_player.Player("random", game, 0)
    state_W = gomoku.position(game, [0, 1, 2, 3], [9, 10, 11, 12])
    asked = time.monotonic()
    assert player.think(state_W, 300.0, asked).actions_N.tolist() == [4]
    assert time.monotonic() - asked < 4
    assert player.stood_in == 1


@pytest.mark.parametrize(
    ("spec", "limit", "expected"),
    [("alphabeta", 1000, 920), ("alphabeta:depth=3", 1000, 920), ("alphabeta:ms=200", 1000, 200), ("random", 1000, 0)],
)
def test_which_time_an_agent_is_given(spec, limit, expected, monkeypatch):
    given = []

    def watched(spec, game):
        agent = make_agent(spec, game)
        if agent.act_timed is None:
            return agent

        def act_timed(states_NW, seeds_N, ms):
            given.append(ms)
            return make_agent("random", game).act(states_NW, seeds_N)

        return Agent(agent.name, agent.act, ms=agent.ms, act_timed=act_timed)

    monkeypatch.setattr(engine_player, "make_agent", watched)
    player = engine_player.Player(spec, games.make("gomoku9"), 0)
    given.clear()
    player.think(player.game.initial(), float(limit), time.monotonic())
    if expected == 0:
        assert given == []
    else:
        assert expected - 300 <= given[0] <= expected  # what the machine took of it


def test_time_already_spent_is_taken_off(monkeypatch):
    waited = []
    game = games.make("gomoku9")
    agent = Agent("x", act=lambda s, n: Analysis(actions_N=np.array([0])), ms=1000.0)
    random = make_agent("random", game)
    timed = Agent("x", agent.act, 1000.0, lambda s, n, ms: waited.append(ms) or random.act(s, n))
    monkeypatch.setattr(
        engine_player, "make_agent", lambda spec, game: make_agent(spec, game) if spec == "rules" else timed
    )
    player = engine_player.Player("alphabeta", game, 0)
    player.think(game.initial(), 5000.0, time.monotonic() - 4.0)
    assert waited[-1] <= 1000 * 0.92
