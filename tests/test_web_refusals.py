"""What the server refuses, over real HTTP: bad questions, bodies, paths, sites, and connections."""

import contextlib
import json
import socket
import time

import pytest
from web_server import GAME, RUN, a_record, a_run, ask, served, think

import games
from games import record

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from selfplay.web import catalogue, server

GOOD = {"game": GAME, "moves": "44", "agent": "random"}
JSON = {"Content-Type": "application/json"}

BAD_QUESTIONS = [
    ({"moves": "44", "agent": "random"}, "'game'"),
    ({**GOOD, "game": 7}, "'game'"),
    ({**GOOD, "game": "conect4"}, "did you mean 'connect4'?"),
    ({**GOOD, "game": "connect4:width=8"}, "no game 'connect4:width=8' here"),
    ({**GOOD, "game": "gomoku:size=20"}, "no game"),
    ({**GOOD, "moves": "48"}, "'8' is not a column"),
    ({**GOOD, "moves": "4" * 7}, "column 4 is full"),
    ({**GOOD, "moves": "1212121"}, "the game is over"),
    ({**GOOD, "moves": "4" * 3000}, "'moves' is a text"),
    ({**GOOD, "moves": None}, "'moves' is a text"),
    ({**GOOD, "moves": ["4"]}, "'moves' is a text"),
    ({**GOOD, "agent": "ruels"}, "did you mean 'rules'?"),
    ({**GOOD, "agent": ""}, "no agent ''"),
    ({**GOOD, "agent": "x" * 400}, "'agent' is a text"),
    ({**GOOD, "agent": "human"}, "no agent 'human'"),
    ({**GOOD, "agent": "engine:/bin/sh"}, "no agent 'engine'"),
    ({**GOOD, "agent": " engine:/bin/sh"}, "no agent 'engine'"),
    ({**GOOD, "agent": "mcts:/etc/passwd"}, "no run '/etc/passwd'"),
    ({**GOOD, "agent": "mcts:../runs/tiny"}, "no run"),
    ({**GOOD, "agent": "mcts:."}, "no run"),
    ({**GOOD, "agent": "mcts:"}, "needs a network"),
    ({**GOOD, "agent": "net:tiny/checkpoints/000001/weights.safetensors"}, "no run"),
    ({**GOOD, "agent": "mcts:tiny@3"}, "no checkpoint of generation 3"),
    ({**GOOD, "agent": "mcts:tiny@1/../2"}, "named by its generation"),
    ({**GOOD, "agent": "mcts:tiny@" + "9" * 50}, "named by its generation"),
    ({**GOOD, "agent": "mcts:tinny"}, "did you mean 'tiny'?"),
    ({**GOOD, "agent": "mcts:other-game"}, "is for tictactoe"),
    ({**GOOD, "agent": "mcts:tiny,sims=1000000"}, "at most 3200"),
    ({**GOOD, "agent": "mcts:tiny,ms=60000"}, "at most 3000"),
    ({**GOOD, "agent": "mcts:tiny,device=cuda"}, "option 'device' of agent 'mcts' cannot be set here"),
    ({**GOOD, "agent": "mcts:tiny,sims=-1"}, "a whole number above 0"),
    ({**GOOD, "agent": "mcts:tiny,sims=1e3"}, "a whole number above 0"),
    ({**GOOD, "agent": "alphabeta:depth=1000"}, "at most 42"),
    ({**GOOD, "agent": "alphabeta:ms=inf"}, "a number above 0"),
    ({**GOOD, "agent": "alphabeta:without=../x"}, "'../x'"),
    ({**GOOD, "agent": "rollout:sims=9999999"}, "at most 100000"),
    ({**GOOD, "seed": -1}, "'seed' is a whole number"),
    ({**GOOD, "seed": 2**64}, "'seed' is a whole number"),
    ({**GOOD, "seed": True}, "'seed' is a whole number"),
    ({**GOOD, "seed": 1.5}, "'seed' is a whole number"),
]  # fmt: skip


@pytest.mark.parametrize(("question", "reason"), BAD_QUESTIONS)
def test_a_question_that_cannot_be_answered_costs_one_line(port, question, reason):
    status, _, found = ask(port, "POST", "/api/think", question)
    assert status == 400
    assert reason in found["error"]
    assert "\n" not in found["error"]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("game=connect4&of=/etc/passwd", "no run '/etc/passwd' here"),
        ("game=connect4&of=../runs/tiny", "no run '../runs/tiny' here"),
        ("game=connect4&of=tiny/checkpoints/000001/weights.safetensors", "no run"),
        ("game=connect4&of=tiny@7", "no checkpoint of generation 7"),
        ("game=connect4&of=tiny,device=cuda", "cannot be set here"),
        ("game=connect4&of=nine", "is for gomoku:size=9, not for connect4"),
        ("game=connect4", "needs a network"),
        ("game=conect4&of=tiny", "did you mean 'connect4'?"),
    ],
)
def test_only_networks_of_runs_are_handed_out(port, query, reason):
    status, _, found = ask(port, "GET", f"/api/network?{query}")
    assert (status, list(found)) == (400, ["error"])
    assert reason in found["error"]


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"{", JSON, 400),
        (b"", JSON, 400),
        (b"[1]", JSON, 400),
        (b'"x"', JSON, 400),
        (b"\xff\xfe", JSON, 400),
        (b"[" * 10_000, JSON, 400),
        (b'{"seed": ' + b"9" * 10_000 + b"}", JSON, 400),
        (b" " * 20_000, JSON, 413),
        (b"{}", {**JSON, "Content-Length": "9999999999999"}, 413),
        (b"{}", {**JSON, "Content-Length": str(17 * 1024)}, 413),
        (b"{}", {}, 415),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{}", {"Content-Type": "text/json"}, 415),
        (b"game=connect4", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b"{}", {"Content-Type": "text/plain; x=application/json"}, 415),
    ],
)
def test_a_body_that_is_no_small_json_object_is_refused(port, body, headers, expected):
    status, _, found = ask(port, "POST", "/api/think", body, headers)
    assert status == expected
    assert found["error"]


def test_a_body_in_pieces_that_never_ends_is_refused(port):
    with socket.create_connection(("127.0.0.1", port)) as sent:
        sent.sendall(b"POST /api/think HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
        sent.sendall(b"Transfer-Encoding: chunked\r\n\r\n")
        piece = b"400\r\n" + b" " * 1024 + b"\r\n"
        for _ in range(17):  # the last is one too many; whatever came after it might meet a closed connection
            sent.sendall(piece)
        sent.settimeout(20)
        assert sent.recv(100).startswith(b"HTTP/1.1 413 ")


PATHS = [
    "/static/../app.py",
    "/static/..%2fapp.py",
    "/static/%2e%2e/app.py",
    "/static/..%5capp.py",
    "/static//etc/passwd",
    "/static/index.html%00.js",
    "/static/",
    "/../../../../etc/passwd",
    "//etc/passwd",
    "/api/runs/..",
    "/api/runs/%2e%2e",
    "/api/runs/..%2ftiny",
    "/api/runs/tiny%00",
    "/api/runs/tiny/metrics.jsonl",
    "/api/records/../secret.jsonl",
    "/api/records/..%2fsecret.jsonl",
    "/api/records//etc/passwd",
    "/api/records/tiny/metrics.jsonl",
    "/api/records/tiny/config.toml",
    "/api/records/linked.jsonl",
    "/api/records/linked/secret.jsonl",
    "/api/runs/linked",
    "/runs/tiny/config.toml",
    "/api",
]


@pytest.mark.parametrize("path", PATHS)
def test_nothing_outside_the_runs_folder_is_read(root, port, path):
    outside = root.parent / "outside"
    if not outside.exists():
        a_run(root.parent, "outside", generations=1, matches=0)
        record.append(root.parent / "secret.jsonl", [a_record("12")])
        record.append(outside / "secret.jsonl", [a_record("12")])
        (root / "linked").symlink_to(outside)
        (root / "linked.jsonl").symlink_to(root.parent / "secret.jsonl")
    status, _, found = ask(port, "GET", path)
    assert status == 404
    assert set(found) == {"error"}
    assert think_error(port, "net:linked") == "no run 'linked' here"
    assert "linked" not in json.dumps(ask(port, "GET", "/api/runs")[2])
    assert "linked" not in json.dumps(ask(port, "GET", "/api/records")[2])


def think_error(port, agent):
    status, _, found = ask(port, "POST", "/api/think", {**GOOD, "agent": agent})
    assert status == 400
    return found["error"].split(";")[0].split(" (")[0]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Host": "localhost"}, 200),
        ({"Host": "LOCALHOST:{port}"}, 200),
        ({"Host": "127.0.0.1:{port}"}, 200),
        ({"Host": "[::1]:{port}"}, 200),
        ({"Host": "192.168.1.7"}, 200),  # a number cannot have been pointed here by a name server
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:{port}"}, 421),
        ({"Host": "localhost.evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Host": "localhost@evil.example"}, 421),
        ({"Host": "[evil"}, 421),
        ({"Host": ""}, 421),
        ({"Origin": "http://127.0.0.1:{port}"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "http://127.0.0.1:{port}.evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),  # another port of this machine is another's page
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_sites_and_other_names_for_this_address_are_refused(port, headers, expected, method):
    headers = {name: value.format(port=port) for name, value in headers.items()}
    if method == "POST":
        status, answered, _ = ask(port, "POST", "/api/think", GOOD, headers)
    else:
        status, answered, _ = ask(port, "GET", "/api/games", headers=headers)
    assert status == expected
    assert "access-control-allow-origin" not in answered


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_not_allowed(port, method):
    status, _, found = ask(port, method, "/api/think")
    assert status == 405
    assert found == {"error": "Method Not Allowed"}


def test_heads_are_answered_without_a_body(port):
    status, headers, content = ask(port, "HEAD", "/")
    assert (status, content) == (200, b"")
    assert int(headers["content-length"]) > 500


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01\x00", b"hello\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/9\r\n\r\n"]
)
def test_what_is_no_http_is_answered_with_400_or_not_at_all(port, sent):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(sent)
        answer = connection.recv(100)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 421 "))
    assert ask(port, "GET", "/api/games")[0] == 200


def test_a_thousand_idle_connections_keep_nobody_out_and_are_hung_up_on(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "_HEAD_SECONDS", 3.0)
    with served(tmp_path) as port:
        connections = []
        for n in range(1000):
            connections.append(socket.create_connection(("127.0.0.1", port), timeout=20))
            if n % 2:
                connections[-1].sendall(b"GET / HTTP/1.1\r\nHost: local")  # and the rest never comes
        began = time.perf_counter()
        assert think(port, "4", "random")["move"]
        assert time.perf_counter() - began < 5
        for connection in connections:
            assert connection.recv(1) == b""  # hung up
            connection.close()
        assert ask(port, "GET", "/api/games")[0] == 200


def test_of_more_connections_than_are_allowed_the_oldest_is_closed_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "_MOST_CONNECTIONS", 3)
    with served(tmp_path) as port:
        first, *connections = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(3)]
        time.sleep(0.2)
        with socket.create_connection(("127.0.0.1", port), timeout=5), contextlib.suppress(ConnectionResetError):
            assert first.recv(1) == b""
        assert ask(port, "GET", "/api/games")[0] == 200
        for connection in (first, *connections):
            connection.close()


def test_what_agents_may_spend_is_bounded(root):
    game = games.make(GAME)
    assert catalogue.bounded(root, game, "alphabeta:depth=12") == "alphabeta:depth=12,ms=3000"
    assert catalogue.bounded(root, game, "alphabeta") == "alphabeta:depth=4,ms=3000"
    assert catalogue.bounded(root, game, "alphabeta:nodes=9") == "alphabeta:nodes=9,ms=3000"
    assert catalogue.bounded(root, game, "alphabeta:ms=9") == "alphabeta:ms=9"
    assert catalogue.bounded(root, game, f"mcts:{RUN}") == f"mcts:{root / RUN}@2"
    assert catalogue.bounded(root, game, f"net:{RUN}@1") == f"net:{root / RUN}@1"
    with pytest.raises(ValueError, match="at most 17777"):  # a tree of 15 x 15 has 225 children a node
        catalogue.bounded(root, games.make("gomoku15"), "rollout:sims=20000")
