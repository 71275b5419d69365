"""Runs whose folders are named after a game with options, as training names them, in the page of play."""

import pytest
from web_browser import NEEDS_CHROMIUM, api, launched, visiting
from web_server import a_run, served

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

pytestmark = NEEDS_CHROMIUM

NAME = "connect4-height=6-width=7"


def test_a_run_with_an_equals_sign_in_its_name_is_met_by_name_and_strength(tmp_path):
    a_run(tmp_path, NAME)
    with served(tmp_path) as port, launched() as browser, visiting(browser, f"http://127.0.0.1:{port}/") as opened:
        page = opened(f"#/play?game=connect4&first=you&second=mcts:{NAME},sims=200")
        api.expect(page.get_by_text(f"{NAME} · 200 sims").first).to_be_visible()
        api.expect(page.get_by_text("the learner")).to_have_count(0)
