"""The page in a real browser, by clicks and keys, on a real server with a real checkpoint of a small network."""

import dataclasses
import importlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from optional import present
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
from web_server import RUN, a_record, a_run, add_generation, served

import games
import games.registry
from games import record, text
from games.game import DRAW, MOVER_WON, ONGOING
from selfplay.knowledge import oracle
from selfplay.report import words
from selfplay.run import activity, checksums, session
from selfplay.run import folder as runs
from selfplay.web import catalogue

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

pytestmark = NEEDS_CHROMIUM

AGENT = f"mcts:{RUN},sims=16"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("served")
    a_run(root, RUN)
    a_run(root, "second", matches=4)
    game = a_record("4545454", opening="45", comments={"6": "Now there is no way out."}, note="an easy win")
    record.append(root / RUN / "overtaken.jsonl", [game, a_record("1122")])
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


def play_address(**fields):
    from urllib.parse import urlencode

    return "#/play?" + urlencode({"game": "connect4", "first": "you", "second": AGENT, **fields})


# The rules of the page.


@pytest.mark.parametrize(
    "name",
    ["connect4", "gomoku:size=9", "tictactoe", *(f"gomoku:size=8,rule={rule}" for rule in ("renju", "caro", "caro6"))],
)
def test_the_page_keeps_the_rules_of_the_game(opened, name):
    """Random games, position by position, against the compiled rules."""
    game, rng = games.make(name), np.random.default_rng(3)
    lines = []
    for _ in range(12 if "rule" in name else 60):
        state_W, status, actions = game.initial(), ONGOING, []
        while status == ONGOING:
            actions.append(int(rng.choice(game.legal_actions(state_W))))
            state_W, status = game.after(state_W, actions[-1])
        lines.append((actions, state_W, status))
    assert {status for *_, status in lines} == {MOVER_WON, DRAW} or name != "tictactoe"
    found = opened("#/games").evaluate(
        """async ([game, lines]) => {
            const rules = await import("/static/rules.js");
            return lines.map((line) => {
                const actions = rules.parseMoves(game, line);
                const positions = rules.replay(game, actions);
                const { cells, over, winner, line: won } = positions.at(-1);
                const early = positions.slice(0, -1).some((position) => position.over);
                const open = positions.slice(0, -1).map((position) =>
                    [...position.cells.keys()].filter((action) => rules.landing(game, position, action) >= 0));
                return { written: rules.formatMoves(game, actions), cells: [...cells], over, winner, won, early, open };
            });
        }""",
        [catalogue.described(game), [text.format_moves(game, actions) for actions, *_ in lines]],
    )
    for (actions, state_W, status), told in zip(lines, found, strict=True):
        assert told["written"] == text.format_moves(game, actions)
        board_HW = text.board_of(game, state_W)
        assert told["cells"] == board_HW.reshape(-1).tolist()
        assert told["over"]
        assert not told["early"]
        last_mover = 1 if len(actions) % 2 else -1
        assert told["winner"] == (last_mover if status == MOVER_WON else 0)
        if game.action_is == "cell":
            legal = [game.legal_actions(text.replay(game, actions[:ply])[0]).tolist() for ply in range(len(actions))]
            assert told["open"] == legal
        assert len(told["won"]) >= game.in_a_row or status == DRAW
        assert {int(board_HW.flat[cell]) for cell in told["won"]} <= {last_mover}


def test_the_page_finds_the_published_fouls(opened):
    game, lines = games.make("gomoku:rule=renju"), Path(__file__).with_name("renju_fouls.txt").read_text().splitlines()
    cases = [[part.split() for part in line.split("|")] for line in lines if not line.startswith("#")]
    boards = []
    for _, black, white, _, _ in cases:
        board = np.zeros(game.cells, int)
        board[[text.parse_action(game, word) for word in black]] = 1
        board[[text.parse_action(game, word) for word in white]] = -1
        boards.append(board.tolist())
    found = opened("#/games").evaluate(
        """async ([game, boards]) => {
            const { fouls } = await import("/static/fouls.js");
            return boards.map((cells) => [...fouls(game, new Int8Array(cells))]);
        }""",
        [catalogue.described(game), boards],
    )
    for case, cells in zip(cases, found, strict=True):
        told, expected, allowed = {text.format_action(game, cell) for cell in cells}, set(case[3]), case[4]
        assert told == expected if allowed == ["*"] else expected <= told and not told & set(allowed), case


# Playing.


def test_a_click_drops_a_disc_and_the_agent_answers(opened):
    page = opened(play_address())
    column(page, 4).click()
    wait_for_moves(page, 2)
    assert moves(page)[0] == "4"
    assert page.locator(".picture .stone-first").count() == 1
    assert page.locator(".picture .stone-second").count() == 1
    api.expect(page.get_by_role("status").filter(has_text="Your move")).to_be_visible()
    answer = moves(page)[1]
    api.expect(column(page, answer)).to_have_attribute(
        "aria-label", re.compile("red, yellow" if answer == "4" else "yellow from the bottom")
    )


def test_a_game_that_one_added_is_played_with_its_own_rules_name_and_colours(browser, tmp_path, monkeypatch):
    monkeypatch.setattr(games.registry, "_FACTORIES", dict(games.registry._FACTORIES))
    monkeypatch.delitem(sys.modules, "third_game", raising=False)
    importlib.import_module("third_game")
    three = dataclasses.replace(games.make("gomoku:size=4,k=3"), name="three:size=4", kind="three", options={})
    games.register("three", lambda size=4: three)
    with served(tmp_path) as port, visiting(browser, f"http://127.0.0.1:{port}/") as go:
        page = go("#/play?game=hex&first=you&second=you")  # a name that it goes by
        assert page.get_by_role("combobox", name="Game").locator("option:checked").inner_text() == "Hex 5 × 5"
        status = page.get_by_role("status").filter(has_text="Red to move")
        for number, cell in enumerate(["c1", "a1", "c2", "a2", "c3", "a3", "c4", "a4"], start=1):
            page.get_by_role("button", name=f"{cell}: empty").click()
            wait_for_moves(page, number)
        api.expect(status).to_be_visible()
        api.expect(page.get_by_role("button", name="c1: red")).to_be_visible()
        api.expect(page.get_by_role("button", name="a1: blue")).to_be_visible()
        shown = """name => getComputedStyle(document.querySelector(`.${name}`)).stopColor"""
        assert page.evaluate(shown, "black-dark") == "rgb(216, 67, 59)"
        assert page.evaluate(shown, "white-dark") == "rgb(47, 111, 208)"
        page.get_by_role("button", name="c5: empty").click()
        api.expect(page.get_by_role("status").filter(has_text="Red wins.")).to_be_visible()
        assert "null" not in page.locator("main").inner_text()
        assert page.locator(".won").count() == 0  # of no game of lines
        # A game of lines: the server says that it is over, and the page marks why.
        page = go("#/play?game=three:size%3D4&first=you&second=you&moves=a1+a2+b1+b2")
        page.get_by_role("button", name="c1: empty").click()
        api.expect(page.locator(".won")).to_have_count(3)
        # Against an agent, who begins: its answer comes once the server has said that the game goes on.
        page = go("#/play?game=hex:size%3D5&first=rules&second=you")
        wait_for_moves(page, 1)
        page.get_by_role("button", name=re.compile("^[abc][123]: empty")).first.click()
        wait_for_moves(page, 3)
        api.expect(page.get_by_role("status").filter(has_text="you are blue")).to_be_visible()


def test_the_address_brings_the_position_back(opened):
    page = opened(play_address(second="you"))
    for number in (4, 4, 3):
        column(page, number).click()
    api.expect(page).to_have_url(re.compile("moves=443"))
    again = opened(page.url.split("/", 3)[3])
    wait_for_moves(again, 3)
    assert moves(again) == ["4", "4", "3"]
    api.expect(again.get_by_label("Moves so far")).to_have_value("443")
    again.get_by_role("button", name="One move back").click()
    api.expect(again).to_have_url(re.compile("moves=443&ply=2"))
    looked_back = opened(again.url.split("/", 3)[3])
    wait_for_moves(looked_back, 3)
    assert looked_back.locator(".picture .stone-first").count() == 1  # and what came after is still to be seen


def test_keys_play_step_and_walk_the_board(opened):
    page = opened(play_address(second="you", show=0))
    api.expect(column(page, 4)).to_be_visible()
    page.keyboard.press("4")
    page.keyboard.press("3")
    assert moves(page) == ["4", "3"]
    page.keyboard.press("ArrowLeft")
    assert page.locator(".picture .stone-second").count() == 0
    page.keyboard.press("ArrowRight")
    assert page.locator(".picture .stone-second").count() == 1
    column(page, 4).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    api.expect(column(page, 6)).to_be_focused()
    page.keyboard.press("Enter")
    assert moves(page) == ["4", "3", "6"]
    page.keyboard.press("9")  # there is no column 9
    page.keyboard.press("Home")
    assert page.locator(".picture .stone-first").count() == 0


def test_gomoku_is_played_on_cells(opened):
    page = opened(play_address(game="gomoku:size=9", second="alphabeta:depth=1", show=0))
    page.get_by_role("button", name="e5: empty").click()
    wait_for_moves(page, 2)
    assert moves(page)[0] == "e5"
    api.expect(page.get_by_role("button", name="e5: black")).to_have_attribute("aria-disabled", "true")
    page.get_by_role("button", name="e5: black").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    api.expect(page.get_by_role("button", name=re.compile("^d6: "))).to_be_focused()
    page.get_by_role("button", name="e5: black").click(force=True)  # taken: nothing happens
    assert len(moves(page)) == 2


def test_take_back_goes_to_the_last_own_move(opened):
    page = opened(play_address())
    column(page, 4).click()
    wait_for_moves(page, 2)
    page.get_by_role("button", name="Take back").click()
    assert moves(page) == []
    api.expect(page.get_by_role("button", name="Take back")).to_be_disabled()
    api.expect(page.get_by_text("Your move: you are red.")).to_be_visible()


def test_swapped_sides_let_the_agent_begin(opened):
    page = opened(play_address())
    page.get_by_role("button", name="Swap sides").click()
    wait_for_moves(page, 1)
    api.expect(page.get_by_text("Your move: you are yellow.")).to_be_visible()


def test_a_hint_is_marked_and_said(opened):
    page = opened(play_address(second="you", moves="112233"))
    page.get_by_role("button", name="Hint").click()
    api.expect(page.get_by_text("would play 4.")).to_be_visible()
    assert page.locator(".hint").count() == 1


def test_a_hint_against_the_strongest_level_is_its_own(opened):
    pytest.importorskip("bitbully")
    page = opened(play_address(second="solver", moves="112233"))
    page.get_by_role("button", name="Hint").click()
    api.expect(page.get_by_text("Hint: Perfect would play 4.")).to_be_visible()


def test_a_win_is_said_and_ends_the_game(opened):
    page = opened(play_address(moves="112233"))
    column(page, 4).click()
    api.expect(page.get_by_text("You win as red!")).to_be_visible()
    assert page.locator(".won").count() == 4
    column(page, 5).click(force=True)
    assert len(moves(page)) == 7


def test_positions_are_loaded_from_their_text(opened):
    page = opened(play_address(second="you"))
    box = page.get_by_label("Moves so far")
    box.fill("4435a")
    page.get_by_role("button", name="Load").click()
    api.expect(page.get_by_role("alert").filter(has_text="“a”, is not on this board")).to_be_visible()
    box.fill("44444444")
    page.keyboard.press("Enter")
    api.expect(page.get_by_role("alert").filter(has_text="Move 7, “4”, cannot be played")).to_be_visible()
    box.fill("4 4, 35")
    page.keyboard.press("Enter")
    assert moves(page) == ["4", "4", "3", "5"]


def test_two_agents_play_until_paused(opened):
    page = opened(play_address(first="rules", second="random", show=0))
    wait_for_moves(page, 3)
    page.get_by_role("button", name="Pause").click()
    count = len(moves(page))
    page.wait_for_timeout(1800)
    assert len(moves(page)) == count
    page.get_by_role("button", name="Go on").click()
    wait_for_moves(page, count + 1)


def test_an_opponent_is_chosen_from_the_menus(opened):
    page = opened(play_address(second="you"))
    seat = page.get_by_role("group", name="Yellow plays second")
    seat.get_by_label("who").select_option("alphabeta")
    seat.get_by_label("strength").select_option("depth=2")
    api.expect(page).to_have_url(re.compile("second=alphabeta%3Adepth%3D2"))
    seat.get_by_label("who").select_option(f"run:{RUN}")
    seat.get_by_label("checkpoint").select_option("1")
    seat.get_by_label("strength").select_option("net")
    api.expect(page).to_have_url(re.compile(f"second=net%3A{RUN}%401"))
    column(page, 1).click()
    wait_for_moves(page, 2)
    page.get_by_role("combobox", name="Game").select_option("tictactoe")
    api.expect(page.get_by_role("button", name="b2: empty")).to_be_visible()


def test_thoughts_are_shown_when_asked_for_and_hidden(opened):
    page = opened()
    asked = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.goto(page.url.partition("#")[0] + play_address(second="you", moves="4435", analyst=AGENT))
    table = page.locator(".candidates")
    api.expect(column(page, 4)).to_be_visible()
    settled(page)
    assert table.count() == page.locator(".strip .bars").count() == page.locator(".graph path").count() == 0
    assert "think" not in asked
    page.get_by_role("switch", name="Show").check()
    api.expect(page).to_have_url(re.compile("show=1"))
    api.expect(table).to_be_visible()
    assert table.locator("tbody tr").count() == 5
    heads = table.locator("thead th").all_text_contents()
    assert heads == ["Move", "First guess", "Searched", "Worth"]
    api.expect(page.get_by_role("img", name=re.compile(r"Red wins \d.* %, draw .* %, Yellow wins"))).to_be_visible()
    api.expect(page.locator(".strip")).to_be_visible()
    api.expect(page.get_by_text("Expects")).to_be_visible()
    api.expect(page.get_by_text(re.compile("First guess: .* before it looks ahead. Searched: "))).to_be_visible()
    page.get_by_role("switch", name="Show").uncheck()
    api.expect(table).to_be_hidden()
    api.expect(page.locator(".strip")).to_be_hidden()


def test_a_proven_win_is_called_one(opened):
    page = opened(play_address(second="you", moves="112233", analyst=AGENT, show=1))
    api.expect(page.get_by_text("Proven: Red wins with perfect play.")).to_be_visible()


def test_the_truth_stands_under_the_columns(opened):
    pytest.importorskip("bitbully")
    page = opened(play_address(second="you", moves="112233", truth=1, analyst=AGENT, show=1))
    api.expect(page.locator(".strip .truth")).to_have_count(7)
    assert page.locator(".strip .truth").nth(3).inner_text() == "W 1"
    assert page.get_by_role("img", name=re.compile("column 4: .* wins in 1")).count() == 1


def test_the_heat_of_a_board_of_cells_is_on_the_board(opened):
    page = opened(play_address(game="gomoku:size=9", second="you", moves="e5", analyst="rollout:sims=200", show=1))
    page.wait_for_selector(".heat.best", state="attached")
    shares = [float(word) for word in page.locator(".heat-text").all_text_contents()]
    assert 0 < sum(shares) <= 100


def test_a_mistake_in_the_address_is_said(opened):
    page = opened(play_address(moves="48"))
    api.expect(page.get_by_role("alert").filter(has_text="“8”, is not on this board")).to_be_visible()
    page = opened(play_address(first="mcts:nobody,sims=8", show=0))
    api.expect(page.get_by_role("alert").filter(has_text="no run 'nobody' here")).to_be_visible()
    api.expect(page.get_by_text("is thinking")).to_have_count(0)
    assert [trouble.rpartition("/")[2] for trouble in opened.troubles if trouble.startswith("http")] == ["think"]
    opened.troubles.clear()


def test_digits_play_after_a_click_on_a_switch_or_a_menu(opened):
    page = opened(play_address(second="you"))
    page.get_by_role("switch", name="Show").click()
    page.keyboard.press("4")
    wait_for_moves(page, 1)
    page.get_by_label("Opponent", exact=True).select_option("rules")
    wait_for_moves(page, 2)
    page.get_by_label("Opponent", exact=True).focus()
    page.keyboard.press("3")
    wait_for_moves(page, 3)
    assert moves(page)[0] == "4" and moves(page)[2] == "3"
    page.get_by_label("Moves so far").focus()
    page.keyboard.type("5")
    assert page.get_by_label("Moves so far").input_value().endswith("5") and len(moves(page)) <= 4


@pytest.mark.parametrize(
    ("size", "fields"),
    [
        ("desktop", {}),
        ("desktop", {"moves": "4435", "show": 1, "truth": 1}),
        ("desktop", {"game": "gomoku:size=15", "moves": "h8 i9", "second": "rules"}),
        ("desktop", {"game": "tictactoe", "second": "rules"}),
        ("desktop", {"moves": "413235363", "second": "rules"}),
        ("phone", {}),
        ("phone", {"moves": "4435", "show": 1, "truth": 1}),
        ("phone", {"game": "gomoku:size=15", "moves": "h8 i9", "second": "rules"}),
    ],
)
def test_what_is_needed_to_play_is_seen_without_scrolling(opened, size, fields):
    page = opened(play_address(**fields), size=size)
    settled(page)
    for name in ("Take back", "Hint", "New game"):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box["y"] + box["height"] <= SIZES[size][1], name


def test_what_steps_through_a_recorded_game_is_seen_without_scrolling(opened):
    page = opened(f"#/games/{RUN}/overtaken.jsonl/1?ply=6")
    settled(page)
    for box in (page.get_by_role("button", name="Play it").bounding_box(), page.locator(".comment").bounding_box()):
        assert box["y"] + box["height"] <= SIZES["desktop"][1]


def test_a_level_is_chosen_in_words_and_remembered(opened):
    page = opened("#/play?game=connect4")
    menu = page.get_by_label("Opponent", exact=True)
    api.expect(menu).to_be_visible()
    names = menu.locator("option").all_text_contents()
    assert names[0] == "Beginner" and names[-2:] == ["A second person", "Another player…"]
    menu.select_option("rules")
    api.expect(page.get_by_text("Looks one move ahead: takes a win")).to_be_visible()
    api.expect(page.locator(".player.second .name")).to_have_text("Casual player")
    api.expect(page).to_have_url(re.compile("second=rules"))
    page.goto(page.url.partition("#")[0] + "#/play?game=tictactoe")
    api.expect(page.get_by_role("button", name="b2: empty")).to_be_visible()
    page.goto(page.url.partition("#")[0] + "#/play?game=connect4")
    api.expect(page.locator(".player.second .name")).to_have_text("Casual player")
    page.get_by_role("button", name="Swap sides").click()
    wait_for_moves(page, 1)
    menu.select_option("rollout:sims=30")  # the one opponent, wherever it sits
    api.expect(page.locator(".player.first .name")).to_have_text("Beginner")
    menu.select_option("Yours: tiny, 1 minute")
    wait_for_moves(page, 1)
    api.expect(page.locator(".player.first .name")).to_have_text("tiny · 200 sims")
    api.expect(page.get_by_text("What your run has learned so far")).to_be_visible()
    menu.select_option("other")
    api.expect(page.get_by_role("group", name="Red plays first").get_by_label("who")).to_be_visible()


def given_away(actions):
    """By the solver: the ply of each move that made the outcome worse, with what its mover had before."""
    game, found = games.make("connect4"), []
    state_W = game.initial()
    for ply, action in enumerate(actions, start=1):
        scores_A = oracle.scores(state_W[None])[0]
        if np.sign(scores_A[action]) < np.sign(scores_A.max()):
            found.append((ply, {1: "a win", 0: "a draw"}[int(np.sign(scores_A.max()))]))
        state_W, _ = game.after(state_W, action)
    return found


def test_a_review_marks_what_gave_a_win_or_a_draw_away(opened):
    """A random game to its end, against the solver itself."""
    pytest.importorskip("bitbully")
    game, rng = games.make("connect4"), np.random.default_rng(5)
    state_W, status, actions = game.initial(), ONGOING, []
    while status == ONGOING:
        actions.append(int(rng.choice(game.legal_actions(state_W))))
        state_W, status = game.after(state_W, actions[-1])
    line = text.format_moves(game, actions)
    wanted = given_away(actions)
    assert {what for _, what in wanted} == {"a win", "a draw"}
    page = opened(play_address(second="you", moves=line[:-1]))
    settled(page)
    assert page.get_by_role("heading", name="Review").count() == 0
    column(page, line[-1]).click()
    api.expect(page.locator("main").get_by_text("By perfect play: exact.")).to_be_visible()
    said = page.locator(".mistake").all_text_contents()
    pattern = r"Move (\d+), (Red|Yellow) (\d) gave (a win|a draw) away"
    found = [present(re.match(pattern, each)).groups() for each in said]
    assert [(int(ply), what) for ply, _, _, what in found] == wanted
    assert all(side == ("Red", "Yellow")[int(ply) % 2 == 0] for ply, side, _, _ in found)
    assert all(name == line[int(ply) - 1] for ply, _, name, _ in found)
    assert page.locator(".move.worse").count() == len(wanted)
    page.locator(".mistake").first.click()
    api.expect(page).to_have_url(re.compile(f"ply={wanted[0][0] - 1}(&|$)"))
    api.expect(page.locator(".hint")).to_have_count(1)
    page.get_by_role("button", name="New game").click()
    api.expect(page.get_by_role("heading", name="Review")).to_be_hidden()
    assert page.locator(".move").count() == 0


def test_a_review_without_a_solver_says_that_it_is_an_estimate(opened):
    """White may stop a four with one open end, and does not."""
    page = opened(play_address(game="gomoku:size=9", second="you", moves="c5 b5 d5 d6 e5 e6 f5 i1 g5"))
    api.expect(page.locator("main").get_by_text(re.compile("An estimate of .*, which may be wrong."))).to_be_visible()
    said = page.locator(".mistake").all_text_contents()
    assert any(
        re.match("Move 8, White i1 gave (a winning position|an even game) away.*; g5 would have kept it", each)
        for each in said
    )


def test_a_small_cell_wants_a_second_tap(opened):
    page = opened(play_address(game="gomoku:size=15", second="you"), size="phone")
    cell = page.get_by_role("button", name="h8: empty")
    assert cell.bounding_box()["width"] < 25
    cell.tap()
    api.expect(page.get_by_text("Tap h8 again to play there.")).to_be_visible()
    assert moves(page) == []
    page.get_by_role("button", name="i9: empty").tap()  # another place after all
    page.get_by_role("button", name="Play i9").tap()
    assert moves(page) == ["i9"]
    api.expect(page.get_by_role("button", name="Play i9")).to_be_hidden()
    cell.tap()
    cell.tap()
    assert moves(page) == ["i9", "h8"]
    page.get_by_role("button", name="a1: empty").focus()
    page.keyboard.press("Enter")  # no finger can miss
    assert moves(page) == ["i9", "h8", "a1"]
    page = opened(play_address(second="you"), size="phone")
    column(page, 4).tap()  # wide enough
    assert moves(page) == ["4"]


@pytest.mark.parametrize("width", [360, 390])
def test_two_taps_on_the_same_spot_are_a_move(opened, width):
    page = opened(play_address(game="gomoku:size=15", second="rules"), size="phone")
    page.set_viewport_size({"width": width, "height": 844})
    settled(page)
    buttons = page.locator(".board-column .buttons")
    box, row = page.get_by_role("button", name="l12: empty").bounding_box(), buttons.bounding_box()
    spot = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.touchscreen.tap(*spot)
    api.expect(page.get_by_role("button", name="Play l12")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.get_by_role("button", name="l12: empty").bounding_box() == box
    assert buttons.bounding_box() == row and row["height"] < 50  # one row of buttons, as before
    page.touchscreen.tap(*spot)
    wait_for_moves(page, 2)
    assert moves(page)[0] == "l12"
    api.expect(page.get_by_role("button", name="Hint")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("game", ["gomoku:size=9", "tictactoe"])
def test_stones_beside_the_board_stand_out(opened, game, scheme):
    """Ring against ground, 3 to 1 as WCAG asks of graphics."""
    page = opened(play_address(game=game, second="you", moves="a1 b1"), scheme=scheme)
    settled(page)
    colours = page.evaluate(
        """() => [...document.querySelectorAll(".player")].flatMap((player) => [
            getComputedStyle(player.querySelector("i")).boxShadow, getComputedStyle(player).backgroundColor])"""
    )
    for ring, ground in zip(colours[::2], colours[1::2], strict=True):
        numbers = [present(re.search(r"rgb\((\d+), (\d+), (\d+)\)", each)).groups() for each in (ring, ground)]
        lights = sorted(map(luminance, numbers))
        assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 3


def luminance(rgb):
    """Relative luminance of WCAG 2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (int(n) / 255 for n in rgb)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_another_version_of_the_server_is_said(opened):
    page = opened(play_address(second="you"))
    settled(page)
    assert page.get_by_role("button", name="Reload the page").count() == 0

    def newer(route):
        answer = route.fetch()
        route.fulfill(response=answer, headers={**answer.headers, "x-selfplay-version": "another"})

    page.route("**/api/**", newer)
    page.get_by_role("button", name="Hint").click()
    api.expect(
        page.get_by_role("alert").filter(has_text="The server is another version than this page")
    ).to_be_visible()
    page.get_by_role("button", name="Hint").click()
    assert page.get_by_role("button", name="Reload the page").count() == 1
    page.unroute("**/api/**")
    page.get_by_role("button", name="Reload the page").click()
    settled(page)
    assert page.get_by_role("button", name="Reload the page").count() == 0


def test_a_game_that_is_not_known_is_said_and_never_null(browser, tmp_path):
    folder = a_run(tmp_path, "elsewhere", matches=1)
    config = folder / runs.CONFIG
    checksums.place(config).unlink()
    config.write_text(config.read_text().replace('"connect4"', '"blokus"'))
    with served(tmp_path) as port, visiting(browser, f"http://127.0.0.1:{port}/") as go:
        page = go("#/runs/elsewhere")
        api.expect(page.get_by_text("blokus, which is not known here")).to_be_visible()
        assert "null" not in page.locator("main").inner_text()
        assert page.get_by_role("link", name="Play against it").count() == 0
        assert page.locator("a[href*=null]").count() == 0
        page = go("#/play?game=blokus&moves=44")
        api.expect(page.get_by_role("alert").filter(has_text="“blokus” is not known here")).to_be_visible()


# Runs.


def test_a_run_is_drawn_and_drawn_anew_as_it_trains(opened, root):
    folder = a_run(root, "growing", matches=3)
    page = opened("#/runs/growing")
    api.expect(page.get_by_role("heading", name="growing")).to_be_visible()
    picture = page.get_by_role("img", name=re.compile("Strength over training"))
    api.expect(picture).to_have_attribute("aria-label", re.compile("one-ply rules: 13 % at first, 38 % at last"))
    assert picture.locator("circle:not(.mark)").count() == 3
    config = present(runs.recorded_config(folder))
    for generation in (4, 5, 6, 7, 8):
        add_generation(session.OpenRun(folder, config, generation - 1, generation - 1), generation)
    api.expect(picture).to_have_attribute("aria-label", re.compile("at first, 100.0 % at last"))
    api.expect(page.get_by_role("cell", name="overtaken")).to_be_visible()
    assert picture.locator(".mark").count() == 1


def test_what_it_does_just_now_is_said_while_it_trains(opened, root):
    folder = a_run(root, "training", matches=2)
    file = activity.ActivityFile(folder)
    now = {"kind": "matches", "generation": 3, "of": 15, "agent": "mcts:sims=64", "opponent": "rules", "games": 400}
    with runs.locked(folder):
        file.show(activity.Activity(**now, done=8, final=True, seconds_left=125.0))
        page = opened("#/runs/training")
        api.expect(page.get_by_text("final matches 9 of 15, about 2 min: network + 64 simulations")).to_be_visible()
        api.expect(page.get_by_text("training now, about 2 min left")).to_be_visible()
        file.close()
        api.expect(page.get_by_text("final matches")).to_have_count(0)
        api.expect(page.get_by_text("training now")).to_be_visible()
    api.expect(page.get_by_text("last changed just now")).to_be_visible()


def test_numbers_are_written_as_everywhere_else(opened):
    """What the page has to write itself: the numbers of axes, and of places that are pointed at."""
    page = opened(f"#/runs/{RUN}")
    short = "import('/static/chart.js').then((chart) => values.map((value) => chart.short(value)))"
    amounts = [0, 1.5e14, 3e13, 9.96e13, 1e10, 6.69e11, 2e6]
    flops = short.replace("chart.short", "chart.flops")
    assert page.evaluate(f"values => {flops}", amounts) == [words.flops(amount) for amount in amounts]
    times = [0, 45.4, 89, 720, 3599, 4800]
    duration = short.replace("chart.short", "chart.duration")
    assert page.evaluate(f"values => {duration}", times) == [words.duration(seconds) for seconds in times]


def test_runs_are_laid_over_each_other(opened):
    page = opened(f"#/runs/{RUN}")
    page.get_by_role("button", name="second").click()
    api.expect(page.get_by_role("heading", name="2 runs")).to_be_visible()
    api.expect(page).to_have_url(re.compile(r"#/runs/(tiny,second|second,tiny)$"))
    picture = page.get_by_role("img", name=re.compile("Strength over training"))
    api.expect(picture.locator(".series")).to_have_count(2)
    page.get_by_role("button", name="one-ply rules").click()
    api.expect(page.get_by_role("img", name=re.compile("Strength over training"))).to_have_count(0)
    page.get_by_role("button", name="one-ply rules").click()
    page.get_by_role("button", name="Games", exact=True).click()
    api.expect(page).to_have_url(re.compile("axis=games"))
    page.get_by_text("The numbers").click()
    assert page.locator(".numbers tbody tr").count() == 10


def test_a_run_that_is_not_there_is_said_and_the_others_are_listed(opened, root):
    page = opened("#/runs/nosuch")
    api.expect(page.get_by_role("heading", level=1)).to_have_text("There is no run “nosuch” here")
    api.expect(page).to_have_url(re.compile("#/runs/nosuch$"))
    page.get_by_role("group", name="Runs").get_by_role("link", name="second").click()
    api.expect(page.get_by_role("heading", level=1)).to_have_text("second")
    page.goto(page.url.partition("#")[0] + f"#/runs/{RUN},gone-since")
    api.expect(page.get_by_role("heading", level=1)).to_have_text(RUN)
    api.expect(page.get_by_role("alert").filter(has_text="no run “gone-since” here")).to_be_visible()


def test_runs_of_two_games_are_not_laid_over_each_other(opened, root):
    a_run(root, "other-game", game="tictactoe", matches=2)
    page = opened(f"#/runs/{RUN}")
    page.get_by_role("button", name="other-game").click()
    said = page.get_by_role("status").filter(has_text="share no scale")
    api.expect(said).to_contain_text("connect4")
    api.expect(page.get_by_role("img", name=re.compile("Strength over training"))).to_be_hidden()
    api.expect(page.get_by_text("Who was overtaken, and when")).to_be_hidden()
    page.get_by_role("button", name="other-game").click()
    api.expect(page.get_by_role("img", name=re.compile("Strength over training"))).to_be_visible()
    api.expect(said).to_have_count(0)


def test_runs_of_two_settings_have_no_crossings_together(opened, root):
    folder = a_run(root, "other-setting", matches=3)
    config = present(runs.recorded_config(folder))
    runs.write_config(folder, dataclasses.replace(config, learn=dataclasses.replace(config.learn, batch=64)))
    page = opened(f"#/runs/{RUN},other-setting")
    api.expect(
        page.get_by_text(re.compile("other-setting is not another seed of tiny: learn.batch is 64"))
    ).to_be_visible()
    api.expect(page.get_by_role("img", name=re.compile("Strength over training")).locator(".series")).to_have_count(2)


def test_the_newest_checkpoint_plays_itself(opened):
    page = opened(f"#/runs/{RUN}")
    page.get_by_role("button", name="Watch").click()
    api.expect(page.get_by_text(re.compile(r"^Move \d+: \d"))).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    api.expect(page.get_by_role("button", name="Watch")).to_be_visible()


def test_self_play_is_shown_as_it_stands(opened, root):
    folder = a_run(root, "flying", matches=2)

    def leave(moves, generation):
        game = a_record(moves, note=f"generation {generation}")
        (folder / runs.LATEST).write_text(json.dumps(game.as_dict()) + "\n")

    leave("4435", 2)
    page = opened("#/runs/flying")
    api.expect(page.get_by_text("A game of self-play after generation 2, at move 4.")).to_be_visible()
    assert page.locator(".live .stone-first").count() == page.locator(".live .stone-second").count() == 2
    leave("443521", 3)
    add_generation(session.OpenRun(folder, present(runs.recorded_config(folder)), 2, 2), 3)
    api.expect(page.get_by_text("A game of self-play after generation 3, at move 6.")).to_be_visible()
    page.get_by_role("link", name="Step through it").click()
    api.expect(page.get_by_role("heading", name="Game 1 of 1: not finished")).to_be_visible()


# Recorded games.


def test_a_recorded_game_is_stepped_through(opened):
    page = opened("#/games")
    page.get_by_role("link", name=f"Moments of overtaking · {RUN}").click()
    api.expect(page.get_by_role("cell", name="an easy win")).to_be_visible()
    page.get_by_role("link", name="Game 1").click()
    api.expect(page.get_by_role("heading", name="Game 1 of 2: red won")).to_be_visible()
    api.expect(page).to_have_url(re.compile("ply=2"))  # where the opening ends
    page.keyboard.press("End")
    api.expect(page.locator(".comment")).to_have_text("Red won.")
    page.get_by_role("button", name="One move back").click()
    api.expect(page.locator(".comment")).to_have_text("Now there is no way out.")
    page.get_by_role("link", name="Play on from here").click()
    wait_for_moves(page, 6)
    api.expect(page).to_have_url(re.compile("#/play.*moves=454545(&|$)"))


def test_the_moment_of_overtaking_plays_by_itself(opened):
    """The last game of its file, unless the visitor wants no motion."""
    page = opened(f"#/runs/{RUN}")
    watch = page.get_by_role("link", name="Watch it overtake")
    watch.click()
    api.expect(page.get_by_role("heading", name="Game 2 of 2: not finished")).to_be_visible()
    api.expect(page.locator(".player .name")).to_have_text(["One-ply rules", "Random moves"])
    api.expect(page.get_by_role("button", name="Play it")).to_be_visible()
    page.emulate_media(reduced_motion="no-preference")
    page.go_back()
    watch.click()
    api.expect(page.get_by_role("button", name="Pause")).to_be_visible()
    api.expect(page).to_have_url(re.compile("ply=1"))


def test_a_file_that_is_not_there_is_said(opened):
    page = opened("#/games/nowhere.jsonl")
    api.expect(
        page.get_by_role("alert").filter(has_text="there is no file of games 'nowhere.jsonl' here")
    ).to_be_visible()
    opened.troubles.clear()


def test_an_empty_runs_folder_says_what_to_do(browser, tmp_path):
    with served(tmp_path) as port:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/#/runs")
        api.expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()
        page.goto(f"http://127.0.0.1:{port}/#/games")
        api.expect(page.get_by_role("heading", name="No recorded games yet")).to_be_visible()
        page.goto(f"http://127.0.0.1:{port}/#/play")
        column(page, 4).click()
        wait_for_moves(page, 2)  # against alpha-beta, since nothing is trained
        page.close()


# For everybody.

VIEWS = {
    "play": play_address(moves="4435", truth=1, show=1),
    "gomoku": play_address(game="gomoku:size=9", second="you", moves="e5 d4", analyst="rollout:sims=50", show=1),
    "review": play_address(second="rules", moves="413235363"),
    "run": f"#/runs/{RUN}",
    "games": "#/games",
    "list": f"#/games/{RUN}/overtaken.jsonl",
    "record": f"#/games/{RUN}/overtaken.jsonl/1?ply=6",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_run_on_a_phone_says_when_and_how_strongly(opened, scheme):
    page = opened(f"#/runs/{RUN}", size="phone", scheme=scheme)
    settled(page)
    page.get_by_text("The numbers").click()
    page.get_by_text("Health: every number").click()
    for region in page.locator(".scroll").all():
        assert region.evaluate("region => region.scrollWidth - region.clientWidth") <= 0
    row = page.get_by_role("region", name="Table of crossings").get_by_role("row").nth(1)
    for label in ("Opponent", "Status", "Training FLOPs, 95 %", "Time", "Score now"):
        box = row.locator(f"[data-label='{label}']").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= SIZES["phone"][0]
    shown = row.inner_text()
    assert "one-ply rules" in shown and "overtaken" in shown and "76.2 %" in shown and "Score now" not in shown
    assert row.locator("[data-label='Score now']").evaluate("cell => getComputedStyle(cell, '::before').content") == (
        '"Score now"'
    )
    assert page.get_by_role("columnheader", name="Score now").count() >= 1  # read out as a table still


def test_no_word_of_the_table_of_crossings_runs_over_another_column(opened):
    page = opened(f"#/runs/{RUN}")
    settled(page)
    region = page.get_by_role("region", name="Table of crossings")
    # A name as long as those of the opponents of a real ladder.
    region.locator(".about").first.evaluate("about => (about.textContent += ', a sentence about it'.repeat(4))")
    for width in (1280, 1120, 1024, 760):
        page.set_viewport_size({"width": width, "height": 800})
        assert region.evaluate("region => region.scrollWidth - region.clientWidth") <= 0, width
        about = region.locator(".about").first.bounding_box()
        assert about["x"] + about["width"] <= region.locator("[data-label=Player]").first.bounding_box()["x"], width


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_wider_than_the_screen(opened, view, size):
    page = opened(VIEWS[view], size=size)
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]


@pytest.mark.parametrize("seats", [{"second": "you"}, {"first": "rules", "second": "random", "moves": "4"}])
def test_a_narrow_phone_is_wide_enough_to_play(opened, seats):
    page = opened(play_address(**seats), size="phone")
    page.set_viewport_size({"width": 360, "height": 780})
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing(opened, view, scheme):
    page = opened(VIEWS[view], scheme=scheme, bypass_csp=True)  # the page itself lets no foreign script in
    settled(page)
    assert violations(page) == []


def test_colours_follow_the_system_or_the_choice(opened):
    page = opened(play_address(), scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    button = page.get_by_role("button", name=re.compile("^Colours: auto"))
    button.click()
    light = page.evaluate(ground)
    assert light != dark
    page.reload()
    assert page.evaluate(ground) == light  # it is remembered
    page.get_by_role("button", name=re.compile("^Colours: light")).click()
    assert page.evaluate(ground) == dark
