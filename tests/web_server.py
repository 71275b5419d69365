"""A server of the page in this process, on a free port, for a runs folder made here."""

import contextlib
import http.client
import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

import games
from games import record, text
from selfplay.config import Config
from selfplay.ledger import Ledger
from selfplay.network.weights import weights_bytes
from selfplay.run import checkpoint, session
from selfplay.stats.records import EvalLine

GAME = "connect4"
RUN = "tiny"  # of that game, in the folder of `some_runs`


def a_run(root: Path, name: str, *, game: str = GAME, generations: int = 2, matches: int = 6) -> Path:
    """A run with real checkpoints of an untrained network, and matches against `rules` that go ever better."""
    import torch

    from selfplay.network import architectures

    torch.manual_seed(0)
    folder = root / name
    given = {"game": game, "network": {"architecture": "mlp:1x16"}}
    config = session.settle(folder, Config(), given)
    weights = weights_bytes(architectures.build(games.make(game), "mlp:1x16"), games.make(game).name)
    with session.opened(folder, config, command=["selfplay", "train"]) as opened:
        for generation in range(1, generations + 1):
            checkpoint.write(folder, generation, {checkpoint.WEIGHTS: weights})
        for generation in range(1, matches + 1):
            add_generation(opened, generation)
    return folder


def add_generation(opened: session.OpenRun, generation: int) -> None:
    """One more line of metrics, and a match of 40 games that is won by 5 more than the last."""
    spent = 1e12 * 2**generation
    ledger = Ledger(games=100 * generation, play_flops=spent / 2, learn_flops=spent / 2, play_seconds=30.0 * generation)
    wins = min(40, 5 * generation)
    match = EvalLine.from_dict(
        {
            "generation": generation,
            "flops": spent,
            "evaluations": int(spent / 1e6),
            "games": 100 * generation,
            "seconds": 30.0 * generation,
            "agent": "mcts:sims=64",
            "opponent": "rules",
            "simulations": 64,
            "wins": wins,
            "draws": 0,
            "losses": 40 - wins,
            "pairs": [(40 - wins) // 2, 0, wins % 2, 0, wins // 2],
            "distinct_games": 40,
            "score": wins / 40,
            "score_low": max(0.0, wins / 40 - 0.1),
            "score_high": min(1.0, wins / 40 + 0.1),
            "seed": 0,
        }
    )
    opened.record(generation, ledger, {"loss/policy": 2.0 / generation, "loss/value": 1.0}, [match])


def a_record(moves: str, **more) -> record.GameRecord:
    """A game of Connect Four between `rules` and `random`."""
    game = games.make(GAME)
    made = record.of_game(game, "rules", "random", text.parse_moves(game, moves)).as_dict()
    return record.parse(json.dumps(made | more))


def some_runs(root: Path) -> Path:
    """A runs folder: three runs of different games, and files of recorded games, one of them with a bad line."""
    root.mkdir()
    a_run(root, RUN)
    a_run(root, "other-game", game="tictactoe", matches=0)
    a_run(root, "nine", game="gomoku9", generations=1, matches=0)
    record.append(root / RUN / "overtaken.jsonl", [a_record("1212121", comments={"6": "One more, and it is over."})])
    record.append(root / "match.jsonl", [a_record("12"), a_record("44352")])
    with (root / "match.jsonl").open("a") as file:
        file.write('{"game": "connect4", "moves": "9"}\n')
    return root


@contextlib.contextmanager
def served(root: Path):
    """Its port."""
    from selfplay.web import server

    bound = socket.create_server(("127.0.0.1", 0))
    running = server.made(root)
    thread = threading.Thread(target=running.run, args=([bound],), daemon=True)
    thread.start()
    while not running.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield bound.getsockname()[1]
    finally:
        running.should_exit = True
        thread.join(timeout=20)
        assert not thread.is_alive()


def ask(port: int, method: str, path: str, body=None, headers=None, timeout: float = 60) -> tuple[int, Any, Any]:
    """Status, headers, and the JSON of the answer (its bytes if it is none); a dict for a body goes as JSON."""
    headers = dict(headers or {})
    if isinstance(body, dict | list):
        body = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None and "Content-Length" not in headers:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    with contextlib.suppress(ValueError):
        return response.status, response.headers, json.loads(content)
    return response.status, response.headers, content


def think(port: int, moves: str, agent: str, **more):
    """An agent's answer about a position of Connect Four."""
    status, _, found = ask(port, "POST", "/api/think", {"game": GAME, "moves": moves, "agent": agent, **more})
    assert status == 200, found
    return found
