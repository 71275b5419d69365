"""Playing without the server: the network that runs in the page, and the page that is exported with one inside."""

import base64
import re
import shutil
from urllib.parse import quote

import naive_search
import numpy as np
import onnx
import pytest
from networks import network_of, onnx_of, outputs, planes_of, random_states, save_weights, softmax
from web_browser import (
    NEEDS_CHROMIUM,
    SIZES,
    api,
    column,
    launched,
    moves,
    settled,
    violations,
    visiting,
    wait_for_moves,
)
from web_server import RUN, a_run, served

import games
from games import text
from games.game import ONGOING
from selfplay import cli
from selfplay.run import checkpoint
from selfplay.web import catalogue

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

pytestmark = NEEDS_CHROMIUM

NETWORKS = [
    ("connect4", "resnet:4x16"),
    ("connect4", "resnet:1x6"),  # as many outputs and inputs as no power of two divides
    ("connect4:height=5,width=6", "mlp:2x18"),
    ("gomoku9", "resnet:2x8"),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("served")
    a_run(root, RUN)
    a_run(root, "nine", game="gomoku9", generations=1, matches=0)
    return root


@pytest.fixture(scope="module")
def address(root):
    with served(root) as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture
def opened(browser, address):
    with visiting(browser, address) as go:
        yield go


def exported(network, game):
    """As an ONNX file in base64."""
    return base64.b64encode(onnx_of(network, game)).decode()


# What it computes.

WITH_NETWORK = """async ([onnx, asked, game]) => {
    const { Network } = await import("/static/onnx.js");
    const { thought } = await import("/static/inpage.js");
    const network = new Network(Uint8Array.from(atob(onnx), (character) => character.charCodeAt(0)));
    const run = ([dims, data]) => Object.values(network.run({ planes: { dims, data: Float32Array.from(data) } }));
"""


@pytest.mark.parametrize(("name", "architecture"), NETWORKS)
def test_the_page_computes_what_torch_computes(opened, name, architecture):
    game = games.make(name)
    network = network_of(game, architecture)
    planes = planes_of(game, random_states(game, 30, seed=5))
    policy, wdl = outputs(network, planes)
    batches = [slice(30), slice(7, 8)]
    found = opened("#/games").evaluate(
        WITH_NETWORK + "return asked.map((each) => run(each).map(({ dims, data }) => [dims, [...data]])); }",
        [exported(network, game), [[list(planes[rows].shape), planes[rows].ravel().tolist()] for rows in batches]],
    )
    for rows, (found_policy, found_wdl) in zip(batches, found, strict=True):
        for (dims, data), wanted in ((found_policy, policy[rows]), (found_wdl, wdl[rows])):
            assert tuple(dims) == wanted.shape
            assert np.abs(np.reshape(data, dims) - wanted).max() < 1e-4


@pytest.mark.parametrize(("name", "architecture"), [NETWORKS[0], *NETWORKS[2:]])
def test_what_the_page_thinks_is_what_the_network_thinks(opened, name, architecture):
    """On lines of random games: the planes that it makes of them, the legal moves, and whom a value is for."""
    game, rng = games.make(name), np.random.default_rng(2)
    network = network_of(game, architecture)
    lines, states = [], []
    while len(lines) < 40:
        actions, state_W = [], game.initial()
        for _ in range(int(rng.integers(0, game.cells))):
            after_W, status = game.after(state_W, action := int(rng.choice(game.legal_actions(state_W))))
            if status != ONGOING:
                break
            actions.append(action)
            state_W = after_W
        lines.append(text.format_moves(game, actions))
        states.append(state_W)
    policy, wdl = outputs(network, planes_of(game, np.array(states)))
    found = opened("#/games").evaluate(
        WITH_NETWORK + "return Promise.all(asked.map((line) => thought(game, network, line))); }",
        [exported(network, game), lines, catalogue.described(game)],
    )
    for state_W, logits, (win, draw, loss), thought in zip(states, policy, wdl, found, strict=True):
        legal = game.legal_actions(state_W)
        names = [text.format_action(game, int(action)) for action in legal]
        shares = softmax(logits[legal][None])[0]
        assert thought["policy"] == pytest.approx(dict(zip(names, shares, strict=True)), abs=1e-4)
        assert thought["move"] == names[shares.argmax()]
        assert thought["wdl"] == pytest.approx([win, draw, loss], abs=1e-4)
        assert thought["value"] == pytest.approx(win - loss, abs=1e-4)
    assert len({thought["move"] for thought in found}) > 3


# How it searches.

SEARCHED = """async ([onnx, lines, game, settings]) => {
    const { Network } = await import("/static/onnx.js");
    const { thought, tooSlow } = await import("/static/inpage.js");
    const network = new Network(Uint8Array.from(atob(onnx), (character) => character.charCodeAt(0)));
"""


@pytest.mark.parametrize(("name", "architecture"), [("connect4", "resnet:1x6"), ("gomoku:size=5,k=4", "resnet:1x6")])
def test_the_page_searches_as_the_papers_do(opened, name, architecture):
    """Visits and values of a slow search in Python, on the compiled rules; ends of games are among the positions."""
    game, rng = games.make(name), np.random.default_rng(4)
    network = network_of(game, architecture)
    states_NW = naive_search.random_positions(game, 12, rng, least_plies=game.cells // 3)
    lines = [line_to(game, state_W, rng) for state_W in states_NW]

    def evaluate(planes_BPHW):
        return outputs(network, planes_BPHW)

    asked = [text.format_moves(game, line) for line in lines]
    settings = {"simulations": 60, "patience": 1e9}
    found = opened("#/games").evaluate(
        SEARCHED + "return Promise.all(lines.map((line) => thought(game, network, line, settings))); }",
        [exported(network, game), asked, catalogue.described(game), settings],
    )
    for line, thought in zip(lines, found, strict=True):
        state_W, _ = text.replay(game, line)
        twin = naive_search.puct_search(game, state_W, evaluate, simulations=60, c_puct=1.5, fpu_reduction=0.25)
        visits = {text.format_action(game, int(a)): int(twin.visits_A[a]) for a in game.legal_actions(state_W)}
        assert thought["visits"] == visits
        assert thought["move"] == text.format_action(game, twin.action)
        assert thought["value"] == pytest.approx(twin.root.mean, abs=1e-4)
        assert sum(thought["wdl"]) == pytest.approx(1) and min(thought["wdl"]) > -1e-6
        text.replay(game, line + [text.parse_action(game, move) for move in thought["line"]])  # can be played


def line_to(game, state_W, rng):
    """Moves to some position that is not over, as many as have been made in this one."""
    while True:
        at_W, status, line = game.initial(), ONGOING, []
        while status == ONGOING and len(line) < game.plies(state_W):
            line.append(int(rng.choice(game.legal_actions(at_W))))
            at_W, status = game.after(at_W, line[-1])
        if status == ONGOING:
            return line


@pytest.mark.parametrize(
    ("name", "moves", "best"),
    [
        ("connect4", "112233", {"4"}),  # wins
        ("connect4", "616263", {"6"}),  # wins upwards: three on column 6
        ("connect4", "71727", {"7"}),  # stops it
        ("gomoku:size=9", "a1 e5 b1 e6 c1 e7 a9 e8 i9", {"e4", "e9"}),  # wins
        ("gomoku:size=9", "e5 a1 e6 b1 e7 c1 e8 e4", {"e9"}),
    ],
)
def test_the_page_wins_and_stops_wins_with_a_network_that_knows_nothing(opened, name, moves, best):
    game = games.make(name)
    network = network_of(game, "mlp:1x8")
    found = opened("#/games").evaluate(
        SEARCHED + "return thought(game, network, lines, settings); }",
        [exported(network, game), moves, catalogue.described(game), {"simulations": 800, "patience": 1e9}],
    )
    assert found["move"] in best
    assert sum(found["visits"].values()) == 800


def test_the_page_stays_alive_while_it_searches_and_gives_up_a_search_that_is_too_slow(opened):
    game = games.make("connect4")
    network = network_of(game, "resnet:2x8")
    found = opened("#/games").evaluate(
        SEARCHED
        + """let ticks = 0;
            const timer = setInterval(() => ticks++, 1);
            const whole = await thought(game, network, lines, { simulations: 300, patience: 1e9 });
            const during = ticks;
            const short = await thought(game, network, lines, { simulations: 300, patience: 60 });
            const none = await thought(game, network, lines, { simulations: 300, patience: 0 });
            const after = await thought(game, network, lines, { simulations: 300, patience: 1e9 });
            clearInterval(timer);
            return { whole, during, short, none, after, slow: tooSlow(network) };
        }""",
        [exported(network, game), "44", catalogue.described(game), {}],
    )
    assert sum(found["whole"]["visits"].values()) == 300
    assert found["during"] >= 3
    assert sum(found["short"]["visits"].values()) < 300
    assert found["none"]["visits"] == found["after"]["visits"] == {} and found["slow"]


def changed(content, change):
    model = onnx.load_from_string(base64.b64decode(content))
    change(model.graph)
    return base64.b64encode(model.SerializeToString()).decode()


def attribute(graph, operator, name):
    node = next(node for node in graph.node if node.op_type == operator)
    return next(each for each in node.attribute if each.name == name)


def rename(graph):
    next(node for node in graph.node if node.op_type == "Relu").op_type = "Erf"


def stride(graph):
    attribute(graph, "Conv", "strides").ints[:] = [2, 2]


def pool_less(graph):
    attribute(graph, "MaxPool", "kernel_shape").ints[:] = [3, 3]


def last_axis(graph):
    attribute(graph, "Softmax", "axis").i = -1


def halve(graph):
    first = graph.initializer[0]
    first.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(first).astype(np.float16), first.name))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: changed(content, rename), "it has the operator “Erf”"),
        (lambda content: changed(content, stride), "the operator “Conv” with strides 2,2"),
        (lambda content: changed(content, pool_less), "the operator “MaxPool” with kernel_shape 3,3"),
        (lambda content: changed(content, last_axis), "the operator “Softmax” with axis -1"),
        (lambda content: changed(content, halve), "is neither float32 nor int64"),
        (lambda content: content[:-400], "no whole ONNX file"),
        (lambda content: "", "no whole ONNX file"),
        (lambda content: base64.b64encode(b"<!doctype html>").decode(), "no whole ONNX file"),
    ],
)
def test_a_file_that_the_page_cannot_compute_is_refused_by_name(opened, change, said):
    game = games.make("connect4")
    content = change(exported(network_of(game, "resnet:2x4"), game))
    with pytest.raises(api.Error, match=re.escape(said)):
        opened("#/games").evaluate(WITH_NETWORK + "run([[1, 4, 6, 7], Array(168).fill(0)]); }", [content])


# In the page of the server.


def test_a_game_goes_on_when_the_server_has_stopped(browser, root):
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    with served(root) as port:
        page.goto(f"http://127.0.0.1:{port}/#/play?game=connect4&first=you&second=you&show=1")
        seat = page.get_by_role("group", name="Yellow plays second")
        seat.get_by_label("who").select_option(f"run:{RUN}")
        seat.get_by_label("strength").select_option("page")
        column(page, 4).click()
        wait_for_moves(page, 2)
        settled(page)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    column(page, 1).click()
    wait_for_moves(page, 4)
    settled(page)
    api.expect(page.locator(".candidates")).to_be_visible()
    page.get_by_role("button", name="Hint").click()
    api.expect(page.get_by_text(f"Hint: {RUN} · in this page would play")).to_be_visible()
    assert asked == []
    context.close()


# In a file.


@pytest.fixture(scope="module")
def files(root, tmp_path_factory):
    """Exported pages by game; the weights of one go by a name that means something in HTML."""
    folder = tmp_path_factory.mktemp("exported")
    named = folder / "a<!--<script>,b.safetensors"
    named.write_bytes(checkpoint.resolve(str(root / "nine")).read_bytes())
    made = {}
    for game, run in ("connect4", root / RUN), ("gomoku9", named):
        made[game] = folder / f"{game} page.html"
        assert cli.guarded(["export", str(run), "--format", "page", "--out", str(made[game])]) == 0
    return made


def test_the_file_holds_all_that_it_needs(files):
    for name, size in ("connect4", 42), ("gomoku9", 81):
        html = files[name].read_text()
        assert "/static/" not in html and len(html) > 100_000 + size
        assert re.findall(r"https?://[^/\"']+", html.replace("http://www.w3.org/", "")) == []
        assert re.findall(r'(?:src|href)="(?!data:|#)', html) == []
        assert "connect-src" not in html and "default-src 'none'" in html  # the browser keeps it to itself


@pytest.fixture
def from_disk(browser, files):
    """Opens the page of a game from its file."""
    with visiting(browser, "file://") as go:
        yield lambda game="connect4", where="", **more: go(f"{quote(str(files[game]))}{where}", **more)


def test_a_file_is_played_from_disk(from_disk):
    page = from_disk()
    api.expect(page.get_by_role("heading", name="Connect Four", exact=True)).to_be_visible()
    assert page.get_by_text("tiny@2, in this page: nothing that you do here leaves it.").is_visible()
    assert not page.get_by_role("navigation").is_visible()
    assert page.get_by_label("who").first.locator("option").all_text_contents() == ["You", "tiny"]
    assert page.get_by_label("Opponent", exact=True).locator("option:checked").inner_text() == "Thorough"
    page.keyboard.press("4")
    wait_for_moves(page, 2)
    api.expect(page.get_by_text("Your move: you are red.")).to_be_visible()
    page.get_by_role("switch", name="Show").check()
    api.expect(page.get_by_role("img", name=re.compile(r"Red wins \d.* %, draw .* %, Yellow wins"))).to_be_visible()
    api.expect(page.locator(".strip .share")).to_have_count(7)
    assert page.get_by_role("columnheader", name="Search").count() == 1
    api.expect(page.get_by_text(re.compile("First guess: .* before it looks ahead. Searched: "))).to_be_visible()
    page.get_by_role("button", name="Hint").click()
    api.expect(page.get_by_text(re.compile("Hint: Thorough would play [1-7]"))).to_be_visible()
    page.get_by_role("button", name="Take back").click()
    assert moves(page) == []
    page.get_by_role("button", name="Swap sides").click()
    wait_for_moves(page, 1)
    api.expect(page.get_by_text("Your move: you are yellow.")).to_be_visible()
    page.get_by_role("button", name="New game").click()
    wait_for_moves(page, 1)
    page.reload()
    wait_for_moves(page, 1)  # the position is in the address here too
    api.expect(page.get_by_text("Your move: you are yellow.")).to_be_visible()


def test_a_network_that_is_too_slow_to_search_is_said_to_play_without(from_disk):
    page = from_disk()

    def played_by(clock):
        page.add_init_script(clock)
        page.goto(page.url.partition("#")[0])
        page.reload()
        api.expect(column(page, 4)).to_be_visible()
        page.keyboard.press("4")

    played_by("performance.now = () => 0;")  # nothing takes any time
    wait_for_moves(page, 2)
    assert not page.get_by_text("Plays without search").is_visible()
    played_by("let seconds = 0; performance.now = () => 1000 * seconds++;")  # everything takes a second
    wait_for_moves(page, 2)
    api.expect(page.get_by_text("Plays without search: this network is too slow")).to_be_visible()
    page.get_by_role("switch", name="Show").check()
    api.expect(page.locator(".candidates")).to_be_visible()
    assert page.get_by_role("columnheader", name="Search").count() == 0


def test_a_file_of_gomoku_is_played_from_disk(from_disk):
    page = from_disk("gomoku9")
    page.get_by_role("button", name="e5: empty").click()
    wait_for_moves(page, 2)
    page.get_by_role("switch", name="Show").check()
    page.wait_for_selector(".heat.best", state="attached")
    assert moves(page)[0] == "e5"
    assert page.get_by_label("who").first.locator("option").all_text_contents() == ["You", "a----script-b"]


@pytest.mark.parametrize("where", ["", "#/runs", "#/games/x.jsonl", "#/play?second=rules&moves=44"])
def test_what_a_file_has_not_is_not_offered(from_disk, where):
    page = from_disk(where=where)
    api.expect(column(page, 4)).to_be_visible()
    assert page.get_by_role("button", name="Random opening").count() == 0
    assert page.get_by_role("combobox", name="Game").count() == 0
    if "rules" in where:
        column(page, 4).click()
        api.expect(page.get_by_role("alert").filter(has_text="This page has no server to ask.").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("game", ["connect4", "gomoku9"])
def test_a_file_is_for_everybody(from_disk, game, scheme):
    page = from_disk(game, size="phone", scheme=scheme, bypass_csp=True)
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES["phone"][0]
    assert violations(page) == []


def test_a_page_with_the_ages_of_a_run(tmp_path, browser):
    """Generation g of the run has trained g times 30 seconds; two are kept, whose networks answer differently."""
    run_dir = a_run(tmp_path, "aged", generations=10, matches=10)
    game = games.make("connect4")
    for generation in (2, 10):
        weights = checkpoint.folders(run_dir)[generation] / checkpoint.WEIGHTS
        save_weights(weights, network_of(game, "mlp:1x16", seed=generation), "connect4")
    for generation, folder in checkpoint.folders(run_dir).items():
        if generation not in (2, 10):
            shutil.rmtree(folder)
    out = tmp_path / "ages.html"
    assert cli.guarded(["export", str(run_dir), "--format", "page", "--ages", "--out", str(out)]) == 0
    said = []
    with visiting(browser, f"file://{tmp_path}/") as go:
        for generation in (2, 10):
            page = go(f"ages.html#/play?game=connect4&first=page:aged@{generation}&second=you")
            settled(page)
            wait_for_moves(page, 1)
            said.append((page.locator(".player.first .name").inner_text(), moves(page)[0]))
        options = go("ages.html").get_by_label("Opponent").locator("option")
        options.first.wait_for(state="attached")
        assert options.all_inner_texts()[:2] == ["After 1 minute", "After 5 minutes"]
    best = []
    for generation in (2, 10):
        logits, _ = outputs(network_of(game, "mlp:1x16", seed=generation), planes_of(game, [game.initial()]))
        best.append(str(int(np.argmax(logits[0])) + 1))
    assert [move.split()[-1] for _, move in said] == best
    assert cli.guarded(["export", str(run_dir), "--format", "onnx", "--ages", "--out", str(out)]) == 2
