"""The page while answers are on their way, and when nobody answers any more."""

import contextlib

import pytest
from web_browser import NEEDS_CHROMIUM, api, column, launched, visiting, wait_for_moves
from web_server import RUN, a_run, served

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

pytestmark = NEEDS_CHROMIUM

GONE = "The server does not answer. Is `selfplay serve` still running?"
THOUGHTS = f"#/play?game=connect4&first=you&second=mcts:{RUN},sims=16&show=1&moves=4"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    root = tmp_path_factory.mktemp("served")
    a_run(root, RUN)
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


def on_the_table(opened):
    """The page of play, when it is whole."""
    page = opened()
    api.expect(page.get_by_role("button", name="New game")).to_be_visible()
    return page


def held(page, pattern):
    """Answers to requests of this pattern are held back; returns what lets them go."""
    waiting = []
    page.route(pattern, lambda route: waiting.append(route))  # playwright marks what it is given

    def release():
        page.unroute(pattern)
        for route in waiting:
            with contextlib.suppress(api.Error):  # the page does not want that answer any more
                route.continue_()

    return release


def cut_off(page):
    """Nobody answers; returns what undoes it."""
    refuse = lambda route: route.abort()  # noqa: E731
    page.route("**/*", refuse)
    return lambda: page.unroute("**/*", refuse)


def test_a_page_that_is_on_its_way_says_so(opened):
    page = on_the_table(opened)
    main = page.get_by_role("main")
    all_runs, one_run = held(page, "**/api/runs"), held(page, f"**/api/runs/{RUN}")
    page.evaluate("location.hash = '#/runs'")
    api.expect(main.get_by_role("status")).to_have_text("Loading…")
    all_runs()
    api.expect(main.get_by_role("heading", level=1)).to_have_text(RUN)
    api.expect(main.get_by_role("status").filter(has_text="Loading…")).to_be_visible()
    api.expect(main.get_by_text("Strength against each opponent")).to_be_hidden()
    one_run()
    api.expect(main.get_by_text("Strength against each opponent")).to_be_visible()
    api.expect(main.get_by_text("Loading…")).to_have_count(0)


def test_a_page_that_comes_too_late_does_not_replace_the_one_that_was_opened_since(opened):
    page = on_the_table(opened)
    release = held(page, "**/api/runs")
    page.evaluate("location.hash = '#/runs'")
    api.expect(page.get_by_role("main").get_by_role("status")).to_have_text("Loading…")
    page.evaluate("location.hash = '#/play'")
    api.expect(page.get_by_role("button", name="New game")).to_be_visible()
    with page.expect_response("**/api/runs"):
        release()
    page.evaluate("new Promise((done) => setTimeout(done, 300))")  # what came may draw now
    api.expect(page.get_by_role("button", name="New game")).to_be_visible()
    api.expect(page.get_by_role("main").get_by_role("heading", name=RUN)).to_have_count(0)


def test_who_thinks_is_said_while_it_thinks(opened):
    page = on_the_table(opened)
    release = held(page, "**/api/think")
    page.evaluate("where => (location.hash = where)", THOUGHTS)
    panel = page.get_by_role("region", name="What it thinks")
    api.expect(panel.get_by_role("status")).to_have_text("thinking…")
    release()
    api.expect(panel.get_by_role("status")).to_have_text("")
    api.expect(panel.get_by_role("table")).to_be_visible()


def test_a_server_that_is_gone_is_said_until_it_is_back(opened):
    page = opened(f"#/runs/{RUN}")
    api.expect(page.get_by_text("Strength against each opponent")).to_be_visible()
    back = cut_off(page)
    alert = page.get_by_role("alert")
    api.expect(alert.filter(has_text=GONE)).to_have_count(1)
    api.expect(alert.filter(has_text=GONE)).to_be_visible()
    back()
    api.expect(alert.filter(has_text=GONE)).to_be_hidden()
    opened.troubles[:] = [trouble for trouble in opened.troubles if "ERR_FAILED" not in trouble]


def test_who_cannot_be_asked_does_not_think_and_moves_once_the_server_is_back(opened):
    page = opened(f"#/play?game=connect4&first=you&second=mcts:{RUN},sims=16")
    api.expect(page.get_by_text("Your move")).to_be_visible()
    back = cut_off(page)
    column(page, 4).click()
    api.expect(page.get_by_role("main").get_by_role("alert").filter(has_text=GONE)).to_be_visible()
    api.expect(page.get_by_role("main").get_by_role("status").filter(has_text="Yellow to move.")).to_be_visible()
    api.expect(page.get_by_text("is thinking")).to_have_count(0)
    api.expect(page.locator(".thinking")).to_have_count(0)
    back()
    wait_for_moves(page, 2)
    opened.troubles[:] = [trouble for trouble in opened.troubles if "ERR_FAILED" not in trouble]


def test_a_page_that_cannot_be_fetched_any_more_says_why(opened):
    page = on_the_table(opened)
    cut_off(page)
    page.get_by_role("link", name="Games").click()
    api.expect(page.get_by_role("main").get_by_role("alert")).to_contain_text(GONE)
    api.expect(page.get_by_role("button", name="Try again")).to_be_visible()
    opened.troubles[:] = [trouble for trouble in opened.troubles if "ERR_FAILED" not in trouble]
