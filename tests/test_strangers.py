"""What strangers may send: every reader of texts and files takes it or refuses it in one line, whatever it is.

Inputs are arbitrary, or whole ones with spans of them cut, doubled, exchanged or filled with what readers choke on.
SELFPLAY_EXAMPLES sets how many each reader gets; `make fuzz` gives a million in all.
"""

import asyncio
import json
import os
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from engine_talk import FirstFree
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from networks import network_of

import games
from games import record, text
from games.files import positions, psq, sgf
from selfplay.config import Config, from_dict, merged, read_toml, to_toml
from selfplay.export import engine_protocol
from selfplay.network.weights import load_weights, weights_bytes
from selfplay.players.spec import Spec
from selfplay.train import arrays

EXAMPLES = int(os.environ.get("SELFPLAY_EXAMPLES", "60"))
LONGEST = 4000  # characters of a refusal: what it quotes is cut
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
many = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=SLOW, database=None)

TOKENS = [b"", b"\0", b"-1", b"nan", b"inf", b"1e999", b"10" * 40, b"\xff\xfe", b"\xef\xbb\xbf", b"\x1b[2J", b"[" * 60]
TOKENS += [
    b"{}",
    b"[]",
    b"null",
    b'"',
    b"'",
    b"\\",
    b"\n",
    b"\r\n",
    b",",
    b":",
    b"=",
    b"%s",
    b"\xe2\x80\xae",
    b"1" * 400,
]


@st.composite
def mangled(draw, samples):
    """One of `samples`, bytes, after up to five edits."""
    content = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 40)))
        there = draw(st.integers(0, len(content)))
        spans = [content[start:end] * 2, content[there : there + 20]]
        filled = draw(st.sampled_from([*TOKENS, *spans]) | st.binary(max_size=6))
        content = content[:start] + filled + content[end:]
    return content


def anything(*samples):
    written = st.text(max_size=200).map(lambda found: found.encode("utf-8", "replace"))
    return mangled(list(samples)) | st.binary(max_size=200) | written


def texts(*samples):
    return anything(*(sample.encode() for sample in samples)).map(lambda found: found.decode("utf-8", "replace"))


def refused(read, *given):
    """What `read` makes of it, or None if it refuses, in one line that can be printed."""
    try:
        return read(*given)
    except ValueError as error:
        said = str(error)
        assert said.strip() and len(said) < LONGEST and "\n" not in said and "\x1b" not in said, repr(said)
        return None


CONFIGS = [path.read_bytes() for path in sorted((Path(__file__).parent.parent / "configs").glob("*.toml"))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("strangers")


@many
@given(content=anything(*CONFIGS, to_toml(Config()).encode()))
def test_settings(folder, content):
    path = folder / "settings.toml"
    path.write_bytes(content)
    read = refused(lambda: merged(Config(), read_toml(path)))
    if read is not None:
        path.write_text(to_toml(read))
        assert from_dict(Config, read_toml(path)) == read, "what was taken is written, and read again"


@many
@given(content=texts("alphabeta:depth=4,without=threats", "mcts:runs/a,sims=200,rule=puct", "engine:./a,args=-x,ms=10"))
def test_players(content):
    read = refused(Spec.parse, content)
    if read is not None:
        assert Spec.parse(read.format()) == read


GAMES = [games.make(name) for name in ("connect4", "gomoku:size=9", "tictactoe")]


@many
@given(game=st.sampled_from(GAMES), content=texts("44352", "32164625 11", "e5 d4 c3", "e5d4", "a1 b2 # remark"))
def test_positions(game, content):
    for read in (positions.parse, lambda game, line: positions.parse(game, line, scored=True)):
        found = refused(read, game, content)
        if found is not None:
            text.replay(game, found.actions)


PLAYED = record.of_game(games.make("connect4"), "a", "b", [3, 3, 3, 3, 3, 3, 0], opening_plies=2)
LINE = json.dumps(PLAYED.as_dict() | {"comments": {"3": "so"}, "note": "once"}).encode()


@many
@given(content=anything(LINE, LINE.replace(b"connect4", b"connect4:height=7")))
def test_records(content):
    found = refused(record.parse, content)
    if found is not None:
        assert record.parse(json.dumps(found.as_dict())) == found


MADE = record.of_game(games.make("gomoku15"), "a", "b", [112, 113, 97, 98])


@many
@given(content=anything(sgf.format_game(MADE), psq.format_game(MADE).encode()))
def test_games_of_other_programs(content):
    refused(sgf.parse, content)
    refused(psq.parse, content.decode("latin-1"))


COMMANDS = "START 15|RECTSTART 9,9|RESTART|BEGIN|TURN 4,4|BOARD|1,1,1|2,2,2|DONE|SWAP2BOARD|TAKEBACK 4,4|PLAY 3,3"
COMMANDS += "|INFO timeout_turn 100|INFO rule 1|INFO max_memory 0|INFO game_type 1|ABOUT|YXBOARD"
LINES = st.lists(st.sampled_from(COMMANDS.split("|")) | texts(*COMMANDS.split("|")), max_size=12)


@many
@given(lines=LINES)
def test_protocol_lines(lines):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_protocol, "Player", FirstFree)
        session = engine_protocol.Session("first free")
        for line in ["START 9", *lines]:
            for answer in session.answer(line, 0.0):
                assert "\n" not in answer and answer.isprintable() and len(answer) < LONGEST


THINK = json.dumps({"game": "connect4", "moves": "443", "agent": "rules", "seed": 3}).encode()
PATHS = ["/api/think", "/api/truth", "/api/position", "/api/opening", "/api/players", "/api/network", "/api/runs"]
PATHS += ["/api/runs/a", "/api/games", "/static/play.js", "/", "/api/crossings", "/api/records"]


@pytest.fixture(scope="module")
def server(folder):
    pytest.importorskip("starlette")
    from selfplay.web.app import application

    return application(folder)


@many
@given(
    method=st.sampled_from(["GET", "POST"]),
    path=st.sampled_from(PATHS) | texts(*PATHS).map(lambda found: "/" + quote(found.lstrip("/"))),
    query=texts("game=connect4&moves=443", "game=gomoku9&seed=3", "of=pretrained&game=connect4").map(quote),
    body=anything(THINK),
)
def test_requests(server, method, path, query, body):
    sent = []
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode()}
    scope |= {"headers": [(b"host", b"localhost"), (b"content-length", str(len(body)).encode())], "http_version": "1.1"}
    scope |= {"scheme": "http", "server": ("localhost", 80), "client": ("127.0.0.1", 9), "root_path": "", "asgi": {}}
    if method == "POST":
        scope["headers"] += [(b"content-type", b"application/json"), (b"origin", b"http://localhost")]

    arriving = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        return arriving.pop() if arriving else await asyncio.Event().wait()  # the client stays

    async def send(message):
        sent.append(message)

    asyncio.run(server(scope, receive, send))
    assert sent[0]["status"] < 500, (method, path, sent)


@many
@given(data=st.data())
def test_weights(folder, data):
    game = games.make("tictactoe")
    content = weights_bytes(network_of(game, "mlp:1x4"), "tictactoe")
    path = folder / "weights.safetensors"
    path.write_bytes(data.draw(mangled([content])))
    refused(load_weights, path)


@many
@given(data=st.data())
def test_arrays(folder, data):
    path = folder / "arrays.npz"
    if not path.exists():
        np.savez(folder / "whole.npz", state_GW=np.zeros((3, 3), np.uint64), ply_G=np.arange(3))
    path.write_bytes(data.draw(mangled([(folder / "whole.npz").read_bytes()])))
    found = refused(arrays.load, path)
    if found is not None:
        assert sum(array.nbytes for array in found.values()) <= path.stat().st_size
