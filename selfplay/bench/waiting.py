"""How long people wait for a move in the page: `selfplay serve` in a process of its own, and some who play."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from http.client import HTTPConnection

import numpy as np

import games
from games import text

PEOPLE = (1, 10)
_PAUSE = 0.3  # seconds that a person looks at the board before the next move: few take so little


def measure(game_name: str, agent: str, *, moves: int = 40, pause: float = _PAUSE) -> dict[str, float]:
    """Milliseconds from the request for a move to its answer, for one person and for ten who play at once.

    Each asks for `moves` moves, in games of random replies. Drawing the board, a few milliseconds, comes on top.
    """
    found = {}
    with _served() as port:
        _waits(port, game_name, agent, 1, 0.0, 0)  # makes the agent
        for people in PEOPLE:
            with ThreadPoolExecutor(people) as pool:
                waits = list(pool.map(partial(_waits, port, game_name, agent, moves, pause), range(people)))
            for name, share in (("p50", 50), ("p95", 95), ("slowest", 100)):
                found[f"{name}_ms_of_{people}"] = float(1000 * np.percentile(np.concatenate(waits), share))
    return found


@contextmanager
def _served() -> Iterator[int]:
    """The port of a server that lives as long as the block."""
    command = [sys.executable, "-u", "-m", "selfplay", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        assert server.stdout
        try:
            said = server.stdout.readline()
            address = re.search(r"http://127\.0\.0\.1:(\d+)/", said)
            if not address:
                raise ValueError(f"the server did not start: {said.strip()}")
            yield int(address[1])
        finally:
            server.terminate()


def _waits(port: int, game_name: str, agent: str, moves: int, pause: float, seed: int) -> list[float]:
    """Seconds that one person waited for each move of the agent, who answers random moves."""
    game, rng = games.make(game_name), np.random.default_rng(seed)
    waits: list[float] = []
    line: list[int] = []
    state_W = game.initial()
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        while len(waits) < moves:
            action = int(rng.choice(game.legal_actions(state_W)))
            if len(line) % 2:
                body = {"game": game.name, "moves": text.format_moves(game, line), "agent": agent}
                began = time.perf_counter()
                connection.request("POST", "/api/think", json.dumps(body), {"Content-Type": "application/json"})
                answer = json.loads(connection.getresponse().read())
                waits.append(time.perf_counter() - began)
                if "error" in answer:
                    raise ValueError(answer["error"])
                action = text.parse_action(game, answer["move"])
                time.sleep(pause)
            line.append(action)
            state_W, status = game.after(state_W, action)
            if status != games.ONGOING:
                line, state_W = [], game.initial()
    return waits
