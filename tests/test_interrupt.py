"""Ctrl-C and SIGTERM reach players that think for minutes; other signals and other threads are left alone."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import games
from games import interrupt

# Says when it has begun to think, so that no time to start or to compile counts.
_THINK = """
import sys, signal
from selfplay import cli
from selfplay.players import agent, reference
real = agent.Agent
class Loud(real):
    def __init__(self, name, act, *rest, **more):
        def loud(states_NW, seeds_N):
            print("thinking", file=sys.stderr, flush=True)
            return act(states_NW, seeds_N)
        super().__init__(name, loud, *rest, **more)
reference.Agent = Loud
sys.argv = ["selfplay", *sys.argv[1:]]
cli.main()
"""
_SECONDS = 5.0  # a second, on a machine that does nothing else


@pytest.mark.parametrize(
    ("game", "agent", "lines"),
    [
        ("connect4", "alphabeta:depth=26", "\n"),
        ("connect4", "alphabeta:depth=26", "\n4\n44\n443\n"),
        ("connect4", "alphabeta:preset=alphazero-jl,depth=20", "\n"),
        ("connect4", "rollout:sims=2000000", "\n4\n"),
        ("gomoku9", "alphabeta:depth=30", "e5\n"),
        ("gomoku:size=9,k=4", "alphabeta:depth=12", "\n"),
    ],
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_players_stop_soon(game, agent, lines, number):
    command = [sys.executable, "-c", _THINK, "analyze", "--game", game, "--agent", agent]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin and process.stderr
        process.stdin.write(lines.encode())
        process.stdin.close()
        while (line := process.stderr.readline()) != b"thinking\n":
            assert line, "it never began to think"
        time.sleep(0.5)
        assert process.poll() is None, "it was done before it could be stopped"
        process.send_signal(number)
        sent = time.monotonic()
        assert process.wait(60) == 128 + number
        took = time.monotonic() - sent
        print(f"{game} {agent}: {took:.2f} s")
        assert took < _SECONDS


@pytest.fixture
def quiet_handlers():
    """No handlers of the tests' own, which time out by SIGALRM."""
    before = {number: signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGTERM)}
    for number in before:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_is_in_memory_while_somebody_listens_and_gone_after(quiet_handlers):
    with pytest.raises(KeyboardInterrupt), interrupt.listening():
        interrupt.check()
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        finally:
            assert interrupt.STOP_1[0] != 0
            with pytest.raises(interrupt.Stopped):
                interrupt.check()
    assert interrupt.STOP_1[0] == 0
    interrupt.check()
    assert signal.set_wakeup_fd(-1) == -1


def test_nobody_listens_where_a_handler_goes_on_or_in_another_thread(quiet_handlers):
    signal.signal(signal.SIGALRM, lambda number, frame: None)
    with interrupt.listening():
        assert signal.set_wakeup_fd(-1) == -1
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with interrupt.listening():
        mine = signal.set_wakeup_fd(-1)
        assert mine != -1
    threads = threading.Thread(target=lambda: interrupt.listening().__enter__())
    threads.start()
    threads.join()
    assert signal.set_wakeup_fd(-1) == -1


@pytest.mark.parametrize("agent", ["alphabeta:depth=6", "rollout:sims=50", "alphabeta:preset=alphazero-jl,depth=3"])
def test_what_a_stopped_search_has_found_is_given_to_nobody(agent, monkeypatch):
    from selfplay.players.make import make_agent

    game = games.make("connect4")
    player, seeds_N = make_agent(agent, game), np.zeros(3, np.uint64)
    states_NW = np.array([game.initial()] * 3)
    interrupt.STOP_1[0] = signal.SIGINT
    try:
        with pytest.raises(interrupt.Stopped):
            player.act(states_NW, seeds_N)
    finally:
        interrupt.STOP_1[0] = 0
    assert len(player.act(states_NW, seeds_N).actions_N) == 3
