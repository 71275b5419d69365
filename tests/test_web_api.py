"""The server of the page: what it answers, and what it refuses, over real HTTP."""

import asyncio
import concurrent.futures
import json
import signal
import socket
import subprocess
import sys
import time

import naive_search
import numpy as np
import pytest
from web_server import GAME, a_record, a_run, add_generation, ask, served

import games
from games import text
from games.game import ONGOING
from selfplay import agents, oracle, records, runs
from selfplay.agent import Agent, Thoughts

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from selfplay.web import catalogue, server, thinking

RUN = "tiny"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("served") / "runs"
    root.mkdir()
    a_run(root, RUN)
    a_run(root, "other-game", game="tictactoe", matches=0)
    a_run(root, "nine", game="gomoku9", generations=1, matches=0)
    records.append(root / RUN / "overtaken.jsonl", [a_record("1212121", comments={"6": "One more, and it is over."})])
    records.append(root / "match.jsonl", [a_record("12"), a_record("44352")])
    with (root / "match.jsonl").open("a") as file:
        file.write('{"game": "connect4", "moves": "9"}\n')
    return root


@pytest.fixture(scope="module")
def port(root):
    with served(root) as port:
        yield port


def think(port, moves, agent, **more):
    status, _, found = ask(port, "POST", "/api/think", {"game": GAME, "moves": moves, "agent": agent, **more})
    assert status == 200, found
    return found


# What it answers.


def test_the_page_and_its_parts_come_with_their_types_and_ask_nothing_of_other_hosts(port):
    status, headers, _ = ask(port, "GET", "/")
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    static = [path.name for path in (server.Path(server.__file__).parent / "static").iterdir()]
    assert len(static) > 10
    for name in static:
        status, headers, content = ask(port, "GET", f"/static/{name}")
        assert status == 200
        kind = {"js": "text/javascript", "css": "text/css", "html": "text/html", "svg": "image/svg+xml"}
        assert headers["content-type"].startswith(kind[name.rpartition(".")[2]])
        outside = content.replace(b"http://www.w3.org/", b"")
        assert b"http://" not in outside
        assert b"https://" not in outside


def test_games_are_those_of_the_project(port):
    _, _, found = ask(port, "GET", "/api/games")
    by_name = {game["name"]: game for game in found}
    assert set(by_name) == {"connect4", "gomoku:size=9", "gomoku:size=15", "tictactoe"}
    assert (by_name["connect4"]["width"], by_name["connect4"]["height"], by_name["connect4"]["in_a_row"]) == (7, 6, 4)
    assert by_name["gomoku:size=15"]["action_is"] == "cell"


def test_players_of_a_game_are_its_ladder_and_the_checkpoints_of_its_runs(port):
    _, _, found = ask(port, "GET", "/api/players?game=connect4")
    assert found["runs"] == [{"name": RUN, "generations": [1, 2]}]
    assert {"random", "rules", "alphabeta", "rollout"} <= set(found["ladder"])
    assert ("solver" in found["ladder"]) == oracle.available()
    _, _, found = ask(port, "GET", "/api/players?game=gomoku9")
    assert found["runs"] == [{"name": "nine", "generations": [1]}]
    assert "solver" not in found["ladder"]
    # A run goes by its game's one name, whatever it was begun with.
    assert {run["name"]: run["game"] for run in ask(port, "GET", "/api/runs")[2]}["nine"] == "gomoku:size=9"


@pytest.mark.parametrize(
    "agent",
    [
        *("random", "rules", "alphabeta:depth=3", "alphabeta:nodes=500", "alphabeta:ms=5", "rollout:sims=50"),
        *(f"net:{RUN}", f"mcts:{RUN},sims=20", f"mcts:{RUN}@1,sims=8", f"mcts:{RUN},ms=10"),
    ],
)
def test_every_agent_answers_with_a_legal_move(port, agent):
    for game_name, moves in (("connect4", "444444"), ("connect4", "")):
        game = games.make(game_name)
        found = think(port, moves, agent)
        state_W, _ = text.replay(game, text.parse_moves(game, moves))
        assert text.parse_action(game, found["move"]) in game.legal_actions(state_W)
        assert sum(found["policy"].values()) == pytest.approx(1, abs=1e-4)


def test_a_network_says_win_draw_and_loss_its_visits_and_the_line_it_expects(port):
    found = think(port, "4435", f"mcts:{RUN},sims=50")
    assert sum(found["visits"].values()) >= 49  # one of the simulations is the root itself
    assert sum(found["wdl"]) == pytest.approx(1, abs=1e-3)
    assert found["wdl"][0] - found["wdl"][2] == pytest.approx(found["value"], abs=1e-3)
    assert found["line"][0] == found["move"]
    assert len(found["line"]) > 1
    game = games.make(GAME)
    text.replay(game, text.parse_moves(game, "4435" + "".join(found["line"])))  # raises if it cannot be played


def test_a_proven_win_is_found_and_its_line_wins(port):
    found = think(port, "112233", f"mcts:{RUN},sims=50")  # three at the bottom of columns 1 to 3
    assert (found["move"], found["proven"], found["wdl"]) == ("4", "win", [1.0, 0.0, 0.0])
    assert found["line"] == ["4"]
    found = think(port, "37475", f"mcts:{RUN},sims=50")  # three in the middle with both ends free: no reply holds both
    assert found["proven"] == "loss"
    game = games.make(GAME)
    _, status = text.replay(game, text.parse_moves(game, "37475" + "".join(found["line"])))
    assert status != ONGOING


def test_the_seed_decides_what_is_random(port):
    moves = [think(port, "44", "random", seed=seed)["move"] for seed in range(20)]
    assert len(set(moves)) > 2
    assert moves == [think(port, "44", "random", seed=seed)["move"] for seed in range(20)]


@pytest.mark.skipif(not oracle.available(), reason="needs bitbully")
def test_the_truth_is_that_of_exhaustive_search(port):
    game, rng, memo, seen = games.make(GAME), np.random.default_rng(5), {}, set()
    while len(seen) < 12:
        actions, state_W, status = [], game.initial(), ONGOING
        while status == ONGOING and len(actions) < int(rng.integers(31, 37)):
            actions.append(int(rng.choice(game.legal_actions(state_W))))
            state_W, status = game.after(state_W, actions[-1])
        if status != ONGOING:
            continue
        _, _, found = ask(port, "POST", "/api/truth", {"game": GAME, "moves": text.format_moves(game, actions)})
        assert set(found["moves"]) == {text.format_action(game, int(a)) for a in game.legal_actions(state_W)}
        for move, told in found["moves"].items():
            next_W, status = game.after(state_W, text.parse_action(game, move))
            outcome, plies = naive_search.solve(game, next_W, memo) if status == ONGOING else (-(status == 1), 0)
            expected = {1: "loss", 0: "draw", -1: "win"}[outcome]
            assert told == {"outcome": expected, "plies": plies + 1}
            seen.add((told["outcome"], told["plies"]))


def test_an_opening_is_legal_and_the_seed_decides_it(port):
    game = games.make("connect4")
    found = {ask(port, "GET", f"/api/opening?game=connect4&seed={seed}")[2]["moves"] for seed in range(10)}
    assert len(found) > 5
    for moves in found:
        _, status = text.replay(game, text.parse_moves(game, moves))
        assert status == ONGOING
    assert (
        ask(port, "GET", "/api/opening?game=connect4&seed=3")[2]
        == ask(port, "GET", "/api/opening?game=connect4&seed=3")[2]
    )


def test_a_run_is_shown_as_its_files_stand(tmp_path):
    folder = a_run(tmp_path, "growing", matches=2)
    with served(tmp_path) as port:
        (summary,) = ask(port, "GET", "/api/runs")[2]
        assert (summary["name"], summary["generation"], summary["game"], summary["running"]) == (
            "growing", 2, GAME, True,
        )  # fmt: skip
        _, headers, found = ask(port, "GET", "/api/runs/growing")
        assert [match["score"] for match in found["evals"]] == [5 / 40, 10 / 40]
        assert found["curves"]["loss/policy"] == [2.0, 1.0]
        assert found["curves"]["policy/entropy"] == [None, None]
        assert {row["name"] for row in found["health"]} == {"loss/policy", "loss/value"}
        tag = {"If-None-Match": headers["etag"]}
        assert ask(port, "GET", "/api/runs/growing", headers=tag)[0] == 304
        config = runs.recorded_config(folder)
        with (folder / "metrics.jsonl").open("a") as file:
            file.write('{"generation": 3, "games"')  # half of a line, as while it is being written
        add_generation(runs.Run(folder, config, 2), 3)
        status, _, found = ask(port, "GET", "/api/runs/growing", headers=tag)
        assert status == 200
        assert [match["generation"] for match in found["evals"]] == [1, 2, 3]


def test_long_runs_are_thinned(tmp_path):
    folder = a_run(tmp_path, "long", matches=0)
    lines = [json.dumps({"generation": i, "loss/policy": float(i), "train_flops": 1.0}) for i in range(1, 1001)]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    with served(tmp_path) as port:
        curve = ask(port, "GET", "/api/runs/long")[2]["curves"]["loss/policy"]
    assert len(curve) == 334  # threes of a thousand, and one alone
    assert curve[:2] == [2.0, 5.0]
    assert curve[-1] == 1000.0


def test_crossings_are_those_of_the_matches(port, tmp_path):
    _, _, found = ask(port, "GET", f"/api/crossings?runs={RUN}")
    (rung,) = found["rungs"]
    assert (rung["opponent"], rung["agent"], rung["status"]) == ("rules", "mcts:sims=64", "overtaken")
    # The score passes 20 of 40 in generation 4, at 2 ** 4 * 1e12 FLOPs.
    assert rung["flops_low"] < 2**4 * 1e12 < rung["flops_high"]
    status, _, found = ask(port, "GET", f"/api/crossings?runs={RUN},nobody")
    assert status == 404
    assert ask(port, "GET", f"/api/crossings?runs={RUN},other-game")[2] == {"rungs": [], "forecasts": []}


def test_recorded_games_are_listed_and_read_and_bad_lines_left_out(port):
    _, _, found = ask(port, "GET", "/api/records")
    assert [(each["file"], each["games"]) for each in found] == [("match.jsonl", 2), (f"{RUN}/overtaken.jsonl", 1)]
    _, _, found = ask(port, "GET", f"/api/records/{RUN}/overtaken.jsonl")
    (game,) = found["games"]
    assert (game["moves"], game["result"]) == ("1212121", "1-0")
    assert game["comments"] == {"6": "One more, and it is over."}


# Many at once.


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
    """Agents that note how many positions each call had."""

    def __init__(self, monkeypatch, seconds=0.05):
        self.batches, self.made, self.seconds = [], [], seconds
        monkeypatch.setattr(agents, "make", self.make)

    def make(self, spec, game):
        self.made.append(spec)

        def act(states_NW, seeds_N):
            self.batches.append(len(states_NW))
            time.sleep(self.seconds)
            return Thoughts(actions_N=states_NW[:, -1].astype(np.int64) % 7, value_N=np.zeros(len(states_NW)))

        return Agent(spec, act)


def positions(count):
    """States that tell their number to `Slow`."""
    for n in range(count):
        state_W = games.make(GAME).initial()
        state_W[-1] = n
        yield state_W


def asked_together(spec, count):
    async def run():
        thinker = thinking.Thinking()
        try:
            asks = [thinker.ask(spec, games.make(GAME), state_W, 0) for state_W in positions(count)]
            return await asyncio.gather(*asks, return_exceptions=True)
        finally:
            thinker.close()

    return asyncio.run(run())


def test_positions_that_wait_for_one_network_are_thought_about_together(monkeypatch):
    slow = Slow(monkeypatch)
    answers = asked_together("mcts:x,sims=100", 20)
    assert [answer["move"] for answer in answers] == [str(n % 7 + 1) for n in range(20)]
    assert slow.batches == [16, 4]
    slow = Slow(monkeypatch)
    asked_together("mcts:x,sims=2048", 6)
    assert slow.batches == [4, 2]  # no more simulations at once than 8192
    slow = Slow(monkeypatch)
    asked_together("alphabeta:depth=3", 3)
    assert slow.batches == [1, 1, 1]


def test_too_many_who_wait_are_told_so(monkeypatch):
    Slow(monkeypatch)
    answers = asked_together("rules", 70)
    refused = [answer for answer in answers if isinstance(answer, thinking.BusyError)]
    assert len(refused) == 6
    assert all(isinstance(answer, dict) for answer in answers[:64])


def test_an_agent_that_fails_fails_for_those_who_asked_and_may_be_asked_again(monkeypatch):
    slow = Slow(monkeypatch)
    failing = iter([ValueError("no such weights")])

    def make(spec, game):
        for error in failing:
            raise error
        return slow.make(spec, game)

    monkeypatch.setattr(agents, "make", make)

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
        for n in [*range(1, 13), 1, 13, 1, 2]:  # twelve are kept; 2 was not asked for longest when 13 came
            await thinker.ask(f"rollout:sims={n}", game, game.initial(), 0)
        thinker.close()

    asyncio.run(run())
    assert slow.made == [f"rollout:sims={n}" for n in [*range(1, 14), 2]]


# What it refuses.

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
        for _ in range(20):
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
        records.append(root.parent / "secret.jsonl", [a_record("12")])
        records.append(outside / "secret.jsonl", [a_record("12")])
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


def test_more_connections_than_are_allowed_are_closed_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "_MOST_CONNECTIONS", 3)
    with served(tmp_path) as port:
        connections = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(3)]
        time.sleep(0.2)
        with socket.create_connection(("127.0.0.1", port), timeout=5) as one_more:
            assert one_more.recv(1) == b""
        for connection in connections:
            connection.close()
        time.sleep(0.2)
        assert ask(port, "GET", "/api/games")[0] == 200


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


# The command.


def command(*argv, **more):
    return subprocess.Popen(
        [sys.executable, "-m", "selfplay", "serve", *argv],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more,
    )  # fmt: skip


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_command_says_where_it_is_and_ends_cleanly(root, number, code):
    def heed():  # a shell that runs tests in the background ignores SIGINT for them
        signal.signal(signal.SIGINT, signal.default_int_handler)

    running = command("--run", str(root / RUN), "--port", "0", preexec_fn=heed)
    line = running.stdout.readline()
    port = int(line.split("127.0.0.1:")[1].split("/")[0])
    assert f"http://127.0.0.1:{port}/#/runs/{RUN} " in line
    assert ask(port, "GET", f"/api/runs/{RUN}")[0] == 200
    running.send_signal(number)
    _, err = running.communicate(timeout=30)
    assert running.returncode == code
    assert "Traceback" not in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["--port", "{taken}"], "port {taken} is in use; give another --port"),
        (["--port", "70000"], "a port is a number from 0 to 65535, not 70000"),
        (["--host", "no such host"], "'no such host' is no address of this machine"),
        (["--host", "192.0.2.1", "--port", "0"], "'192.0.2.1' is no address of this machine"),
        (["--runs", "nowhere"], "there is no folder nowhere"),
        (["--run", "nowhere"], "nowhere is no run folder"),
    ],
)
def test_a_mistake_of_the_command_costs_one_line(tmp_path, monkeypatch, capsys, argv, reason):
    from selfplay import cli

    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        code = cli.guarded(["serve", *[word.format(taken=number) for word in argv]])
    err = capsys.readouterr().err
    assert code == 2
    assert reason.format(taken=number) in err
    assert len(err.splitlines()) == 1


def test_without_the_extra_the_command_says_what_to_install(monkeypatch, capsys):
    from importlib import util

    from selfplay import cli

    monkeypatch.setattr(util, "find_spec", lambda name: None)
    assert cli.guarded(["serve"]) == 2
    assert "pip install starlette uvicorn h11" in capsys.readouterr().err
