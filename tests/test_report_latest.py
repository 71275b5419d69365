"""The game of self-play that a run shows while it trains."""

import numpy as np
import pytest

import games
from games import record, text
from games.game import ONGOING
from selfplay.config import Config, EvalConfig, NetworkConfig, PlayConfig, SearchConfig
from selfplay.report import latest
from selfplay.train.pool import LocalPool, OngoingGame
from selfplay.train.trainer import Trainer


@pytest.mark.parametrize("name", ["tictactoe", "connect4"])
def test_the_game_on_paper_is_the_ongoing_one(name):
    config = Config(
        game=name,
        generations=1,
        minutes=0.0,
        device="cpu",
        threads=1,
        search=SearchConfig(simulations=4, cache_bits=8),
        play=PlayConfig(games=8, positions=40, opening_plies=3),
        network=NetworkConfig(architecture="mlp:1x16", dtype="float32"),
        eval=EvalConfig(per_decade=0),
    )
    game = games.make(name)
    trainer = Trainer(game, config, pool := LocalPool(game, config))
    found = latest.record(trainer.game, 1, trainer.generation(None).ongoing)
    slots = pool.actors[0].slots
    g = slots.count_G.argmax()
    _, actions = found.replayable()
    state_W, status = text.replay(trainer.game, actions)
    assert np.array_equal(state_W, slots.state_GW[g])
    assert (status, found.result, found.note) == (ONGOING, "*", "generation 1")
    opening = text.parse_moves(trainer.game, found.opening)
    assert len(opening) <= 3
    assert len(actions) - len(opening) == slots.count_G.max() > 0
    assert list(found.comments) == list(range(len(opening), len(actions)))


def test_a_file_holds_the_latest_game_alone(tmp_path):
    game = games.make("connect4")
    start_W, _ = text.replay(game, text.parse_moves(game, "4433"))
    for number, actions in enumerate([[0, 1, 2], [4, 4]], start=1):
        wdl_T3 = np.array([[0.6, 0.2, 0.2], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]], np.float32)[: len(actions)]
        ongoing = OngoingGame(start_W=start_W, actions_T=np.array(actions, np.int16), wdl_T3=wdl_T3)
        latest.write(tmp_path, game, number, ongoing)
    (found,) = record.read(tmp_path / "latest.jsonl")
    assert sorted(found.opening) == list("3344") and found.moves == found.opening + "55"
    assert dict(found.comments) == {
        4: "The search expects 70 % for the player to move.",
        5: "The search expects 25 % for the player to move.",
    }
    assert found.note == "generation 2"


@pytest.mark.parametrize(("name", "plies"), [("connect4", 10), ("gomoku9", 6), ("tictactoe", 5)])
def test_an_opening_leads_to_where_the_searches_took_over(name, plies):
    game, rng = games.make(name), np.random.default_rng(0)
    for _ in range(30):
        state_W, played = game.initial(), int(rng.integers(0, plies + 1))
        for _ in range(played):
            next_W, status = game.after(state_W, int(rng.choice(game.legal_actions(state_W))))
            if status != ONGOING:
                break
            state_W = next_W
        found_W, status = text.replay(game, latest.moves_to(game, state_W))
        assert np.array_equal(found_W, state_W) and status == ONGOING
