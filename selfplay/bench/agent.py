"""`selfplay bench agent`: how long a player thinks about a move, and how many simulations that is."""

import time

import numpy as np

import games
from games import text
from selfplay.arena import openings
from selfplay.players.make import make_agent

_AT_LEAST, _AT_MOST = 20, 500  # openings, each asked about once: players remember what they have seen


def measure(game: games.Game, spec: str, seconds: float) -> dict[str, float]:
    """Milliseconds a move, and simulations below the root's moves where the player searches by visits; medians.

    It is asked about balanced openings, one at a time as in a game, until the time is over.
    """
    agent = make_agent(spec, game)
    states_NW = [text.replay(game, line)[0] for line in openings.openings(game, _AT_MOST, seed=0)]
    seed_1 = np.zeros(1, np.uint64)
    agent.act(states_NW[0][None], seed_1)  # loads or compiles the kernels
    waits: list[float] = []
    visits: list[int] = []
    until = time.perf_counter() + seconds
    for state_W in states_NW[1:]:
        began = time.perf_counter()
        if len(waits) >= _AT_LEAST and began >= until:
            break
        analysis = agent.act(state_W[None], seed_1)
        waits.append(time.perf_counter() - began)
        if analysis.visits_NA is not None:
            visits.append(int(analysis.visits_NA.sum()))
    found = {"p50_ms": float(1000 * np.median(waits)), "slowest_ms": 1000 * max(waits)}
    return found | ({"visits": float(np.median(visits))} if visits else {})
