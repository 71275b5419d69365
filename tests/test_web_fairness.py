"""A server that one client cannot take from the others: clients are told apart by their addresses."""

import contextlib
import http.client
import json
import socket
import threading
import time
from pathlib import Path

import pytest
from web_server import GAME, served, some_runs

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from selfplay.web import folders, server

GREEDY, MODEST = "127.0.0.2", "127.0.0.3"


def think(port, source, agent, timeout=60):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout, source_address=(source, 0))
    body = json.dumps({"game": GAME, "moves": "", "agent": agent})
    connection.request("POST", "/api/think", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def seconds(port, source, agent="random"):
    began = time.perf_counter()
    assert think(port, source, agent) == 200
    return time.perf_counter() - began


def request(port, source, agent):
    """A socket on which a search was asked for."""
    asked = socket.create_connection(("127.0.0.1", port), source_address=(source, 0))
    body = json.dumps({"game": GAME, "moves": "", "agent": agent}).encode()
    head = (
        f"POST /api/think HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    )
    asked.sendall(f"{head}\r\n\r\n".encode() + body)
    return asked


def test_an_instant_move_does_not_wait_for_anothers_long_searches(port):
    seconds(port, MODEST)
    searches = [
        threading.Thread(target=think, args=(port, GREEDY, f"alphabeta:depth=42,ms={1000 - n}")) for n in range(8)
    ]
    for search in searches:
        search.start()
    time.sleep(0.3)
    assert seconds(port, MODEST) < 1
    assert any(search.is_alive() for search in searches[1:])
    for search in searches:
        search.join()


def test_searches_whose_askers_hang_up_are_given_up(port):
    """All agents look at whether they are to stop; twelve searches would take 36 s, one after the other."""
    kinds = ("alphabeta:depth=42,ms=3000", "rollout:sims=100000", "mcts:tiny,ms=3000", "mcts:tiny,sims=3200")
    asked = [request(port, GREEDY, agent) for agent in kinds for _ in range(3)]
    time.sleep(0.5)
    for each in asked:
        each.close()
    assert seconds(port, GREEDY) < 3


def test_who_reads_much_has_a_few_threads_of_many_and_none_once_gone(port, monkeypatch):
    reads = []
    monkeypatch.setattr(folders, "summaries", lambda root: (reads.append(root), time.sleep(0.5), [])[2])
    seconds(port, MODEST)
    greedy = [socket.create_connection(("127.0.0.1", port), source_address=(GREEDY, 0)) for _ in range(60)]
    for each in greedy:
        each.sendall(b"GET /api/runs HTTP/1.1\r\nHost: localhost\r\n\r\n")
    time.sleep(0.3)
    assert len(reads) == 4
    assert seconds(port, MODEST) < 1
    for each in greedy:
        each.close()
    time.sleep(1.5)
    assert len(reads) < 24


def test_who_never_reads_an_answer_is_hung_up_on(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "_WRITE_SECONDS", 0.3)
    with served(some_runs(tmp_path / "runs")) as port:
        silent = socket.socket()
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        silent.connect(("127.0.0.1", port))
        head = b"GET /static/play.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
        silent.sendall(head * 1000)  # whose answers are more than the buffers of both systems hold
        time.sleep(2)
        taken = 0
        with contextlib.suppress(ConnectionResetError):
            while part := silent.recv(1 << 20):
                taken += len(part)
        silent.close()
        assert taken < 900 * len((Path(server.__file__).with_name("static") / "play.js").read_bytes())
        slow = http.client.HTTPConnection("127.0.0.1", port, timeout=20)  # who takes it slowly is not
        slow.request("GET", "/static/play.js")
        response, content = slow.getresponse(), b""
        while part := response.read(1 + response.length // 8 if response.length else 1):
            content += part
            time.sleep(0.1)
        assert len(content) == int(response.headers["content-length"])
        slow.close()


def connected(port, source):
    made = socket.create_connection(("127.0.0.1", port), source_address=(source, 0), timeout=5)
    time.sleep(0.02)
    return made


def is_open(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


def test_where_there_are_too_many_connections_who_has_most_loses_the_oldest(port, monkeypatch):
    monkeypatch.setattr(server, "_MOST_CONNECTIONS", 10)
    modest = [connected(port, MODEST) for _ in range(3)]
    greedy = [connected(port, GREEDY) for _ in range(20)]
    assert seconds(port, "127.0.0.4") < 5
    time.sleep(0.2)
    assert [is_open(each) for each in modest] == [True] * 3
    assert [is_open(each) for each in greedy] == [False] * 14 + [True] * 6
    for each in modest + greedy:
        each.close()


def test_what_waits_to_be_taken_by_one_address_is_bounded(port, monkeypatch):
    """Who asks for much on many connections and reads none of it is asked for nothing more."""
    monkeypatch.setattr(server, "_MOST_UNTAKEN", 10_000)
    monkeypatch.setattr(server, "_ADDED_UP_EVERY", 1)
    head = b"GET /static/play.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
    first = socket.socket()
    first.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    first.bind((GREEDY, 0))
    first.connect(("127.0.0.1", port))
    first.sendall(head * 1000)
    time.sleep(1)
    second = connected(port, GREEDY)
    second.sendall(head)
    with contextlib.suppress(ConnectionResetError):
        assert second.recv(1) == b""
    other = connected(port, MODEST)
    other.sendall(head)
    assert other.recv(1)
    for each in (first, second, other):
        each.close()
