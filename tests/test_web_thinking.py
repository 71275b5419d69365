"""Many who ask at once: answered together where that helps, each in turn, and none for ever."""

import asyncio
import concurrent.futures
import time

import numpy as np
import pytest
from web_server import GAME, RUN, think

import games
from games import interrupt
from selfplay.players.agent import Agent, Analysis

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from selfplay.web import thinking


def test_ten_at_once_get_the_answers_that_each_would_get_alone(port):
    positions = ["", "4", "44", "443", "4435", "1", "12", "121", "7", "77"]
    agent = f"net:{RUN}"
    alone = [think(port, moves, agent) for moves in positions]
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        together = list(pool.map(lambda moves: think(port, moves, agent), positions))
    assert len({str(answer["policy"]) for answer in alone}) == 10
    for one, other in zip(alone, together, strict=True):
        assert one["moves"] == other["moves"]
        assert one["policy"] == pytest.approx(other["policy"], abs=1e-4)  # batches round differently


def test_nobody_waits_for_another_agent_that_many_have_asked(port):
    think(port, "4", "random")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        slow = [pool.submit(think, port, "4", "alphabeta:ms=700", seed=seed) for seed in range(5)]
        time.sleep(0.3)
        began = time.perf_counter()
        think(port, "4", "random")
        waited = time.perf_counter() - began
        assert not slow[-1].done()
        assert waited < 2.0  # and all five take 3.5 s, one after the other
        for each in slow:
            each.result()


class Slow:
    """Agents that note how many positions each call had, and their seeds."""

    def __init__(self, monkeypatch, seconds=0.05):
        self.batches, self.seeds, self.made, self.seconds = [], [], [], seconds
        monkeypatch.setattr(thinking, "make_agent", self.make)

    def make(self, spec, game):
        self.made.append(spec)

        def act(states_NW, seeds_N):
            self.batches.append(len(states_NW))
            self.seeds += seeds_N.tolist()
            time.sleep(self.seconds)
            return Analysis(actions_N=states_NW[:, -1].astype(np.int64) % 7, value_N=np.zeros(len(states_NW)))

        return Agent(spec, act)


def positions(count):
    """States that tell their number to `Slow`."""
    for n in range(count):
        state_W = games.make(GAME).initial()
        state_W[-1] = n
        yield state_W


def asked_together(spec, count, clients=1):
    async def run():
        thinker = thinking.Thinking()
        game = games.make(GAME)
        try:
            asks = [
                thinker.ask(spec, game, state_W, 5 * n, client=f"client {n % clients}")
                for n, state_W in enumerate(positions(count))
            ]
            return await asyncio.gather(*asks, return_exceptions=True)
        finally:
            thinker.close()

    return asyncio.run(run())


def test_positions_that_wait_for_one_network_are_thought_about_together(monkeypatch):
    slow = Slow(monkeypatch)
    answers = asked_together("mcts:x,sims=100", 20, clients=2)
    assert [isinstance(answer, dict) and answer["move"] for answer in answers] == [str(n % 7 + 1) for n in range(20)]
    assert slow.batches == [16, 4]
    assert sorted(slow.seeds) == [5 * n for n in range(20)]
    slow = Slow(monkeypatch)
    asked_together("mcts:x,sims=2048", 6)
    assert slow.batches == [4, 2]  # no more simulations at once than 8192
    slow = Slow(monkeypatch)
    asked_together("alphabeta:depth=3", 3)
    assert slow.batches == [1, 1, 1]


@pytest.mark.parametrize(("clients", "answered"), [(70, 64), (1, 16), (2, 32)])
def test_too_many_who_wait_are_told_so(monkeypatch, clients, answered):
    """In all, and of one client."""
    Slow(monkeypatch, seconds=0.001)
    answers = asked_together("rules", 70, clients)
    refused = [answer for answer in answers if isinstance(answer, thinking.BusyError)]
    assert len(refused) == 70 - answered
    assert all(isinstance(answer, dict) for answer in answers[:answered])


def test_who_asks_for_much_waits_for_it_and_others_do_not(monkeypatch):
    """A client that asks many agents has one thread at a time; the next one has the other at once."""
    Slow(monkeypatch, seconds=0.2)
    order = []

    async def one(thinker, name, client):
        game = games.make(GAME)
        await thinker.ask(name, game, game.initial(), 0, client=client)
        order.append(client)

    async def run():
        thinker = thinking.Thinking()
        many = [asyncio.create_task(one(thinker, f"rollout:sims={n + 1}", "greedy")) for n in range(8)]
        await asyncio.sleep(0.05)
        began = time.perf_counter()
        await one(thinker, "rules", "modest")
        waited = time.perf_counter() - began
        await asyncio.gather(*many)
        thinker.close()
        return waited

    assert asyncio.run(run()) < 0.4  # its own thinking takes half of that
    assert order.index("modest") <= 2


def test_clients_take_turns(monkeypatch):
    """Five of one ask before one of each of two others, who are not behind all of them."""
    Slow(monkeypatch, seconds=0.05)
    order = []

    async def one(thinker, n, client):
        game = games.make(GAME)
        await thinker.ask(f"rollout:sims={n + 1}", game, game.initial(), 0, client=client)
        order.append(client)

    async def run():
        thinker = thinking.Thinking()
        await asyncio.gather(*(one(thinker, n, client) for n, client in enumerate(["a"] * 5 + ["b"] * 2 + ["c"] * 2)))
        thinker.close()

    asyncio.run(run())
    assert order.index("b") < 3 and order.index("c") < 4
    assert order[-1] == "a"


def test_what_nobody_waits_for_any_more_is_stopped_or_never_begun(monkeypatch):
    begun, stopped = [], []

    def make(spec, game):
        def act(states_NW, seeds_N):
            begun.append(spec)
            deadline = time.monotonic() + 10
            try:
                while time.monotonic() < deadline:
                    interrupt.check()
                    time.sleep(0.005)
            except interrupt.Stopped:
                stopped.append(spec)
                raise
            raise AssertionError("nobody stopped it")

        return Agent(spec, act)

    monkeypatch.setattr(thinking, "make_agent", make)

    async def run():
        thinker = thinking.Thinking()
        game = games.make(GAME)
        asks = [
            asyncio.create_task(thinker.ask(f"rollout:sims={n + 1}", game, game.initial(), 0, client="gone"))
            for n in range(6)
        ]
        await asyncio.sleep(0.2)
        for ask in asks:
            ask.cancel()
        await asyncio.gather(*asks, return_exceptions=True)
        monkeypatch.setattr(thinking, "make_agent", Slow(monkeypatch, seconds=0).make)
        began = time.perf_counter()
        answer = await thinker.ask("rules", game, game.initial(), 0, client="gone")
        thinker.close()
        return answer, time.perf_counter() - began

    answer, waited = asyncio.run(run())
    assert answer["move"] and waited < 1
    assert begun == stopped == ["rollout:sims=1"]


def test_of_two_who_wait_for_one_search_one_may_leave(monkeypatch):
    Slow(monkeypatch, seconds=0.2)

    async def run():
        thinker = thinking.Thinking()
        game = games.make(GAME)
        stays, leaves = (
            asyncio.create_task(thinker.ask("mcts:x,sims=100", game, game.initial(), 0, client=client))
            for client in ("a", "b")
        )
        await asyncio.sleep(0.05)
        leaves.cancel()
        answer = await stays
        thinker.close()
        return answer

    assert asyncio.run(run())["move"] == "1"


def test_an_agent_that_fails_fails_for_those_who_asked_and_may_be_asked_again(monkeypatch):
    slow = Slow(monkeypatch)
    failing = iter([ValueError("no such weights")])

    def make(spec, game):
        for error in failing:
            raise error
        return slow.make(spec, game)

    monkeypatch.setattr(thinking, "make_agent", make)

    async def run():
        thinker = thinking.Thinking()
        game = games.make(GAME)
        with pytest.raises(ValueError, match="no such weights"):
            await thinker.ask("rules", game, game.initial(), 0)
        answer = await thinker.ask("rules", game, game.initial(), 0)
        thinker.close()
        return answer

    assert asyncio.run(run())["move"] == "1"


def test_agents_that_nobody_asks_are_let_go(monkeypatch):
    slow = Slow(monkeypatch, seconds=0)

    async def run():
        thinker = thinking.Thinking()
        game = games.make(GAME)
        for n in [*range(1, 9), 1, 9, 1, 2]:  # eight are kept; 2 was not asked for longest when 9 came
            await thinker.ask(f"rollout:sims={n}", game, game.initial(), 0)
        thinker.close()

    asyncio.run(run())
    assert slow.made == [f"rollout:sims={n}" for n in [*range(1, 10), 2]]
