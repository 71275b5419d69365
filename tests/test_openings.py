"""Openings: distinct, undecided, even; the stored ones as they were made."""

import numpy as np
import pytest

import games
from games import text
from selfplay import openings, oracle
from selfplay.knowledge.alphabeta import AlphaBeta
from selfplay.knowledge.budget import Budget


def test_stored_openings_are_distinct_drawn_and_open():
    game = games.make("connect4")
    lines = openings.openings(game, 2048, 0)
    assert {len(line) for line in lines} == {4, 5, 6, 7, 8}
    states = [text.replay(game, line)[0] for line in lines]
    assert len({state_W.tobytes() for state_W in states}) == 2048
    assert (oracle.scores(np.array(states[:25])).max(axis=1) == 0).all()


@pytest.mark.parametrize("name", ["gomoku9", "gomoku15", "connect4:height=5,width=6"])
def test_openings_elsewhere_are_distinct_and_undecided(name):
    game = games.make(name)
    lines = openings.openings(game, 40, 1)
    states_NW = np.array([text.replay(game, line)[0] for line in lines])
    assert len({state_W.tobytes() for state_W in states_NW}) == 40
    assert (AlphaBeta(game, Budget(depth=2)).search(states_NW).proven_N == 0).all()
    assert lines == openings.openings(game, 40, 1)
    assert lines != openings.openings(game, 40, 2)
    if game.kind == "gomoku":
        middle = game.width // 2
        assert all(
            max(abs(a // game.width - middle), abs(a % game.width - middle)) <= 3 for line in lines for a in line
        )


def test_kept_openings_are_more_even_than_random_ones():
    game = games.make("gomoku9")
    player = AlphaBeta(game, Budget(depth=2))

    def unevenness(lines):
        states_NW = np.array([text.replay(game, line)[0] for line in lines])
        return np.abs(player.search(states_NW).scores_N).mean()

    rng = np.random.default_rng(0)
    drawn = [line for line, _ in openings._random_lines(game, rng, 100)]
    assert unevenness(openings.openings(game, 40, 1)) < 0.6 * unevenness(drawn)


def test_too_few_openings_are_used_again():
    game = games.make("tictactoe")
    lines = openings.openings(game, 500, 0)
    assert len(lines) == 500
    assert 9 < len({tuple(line) for line in lines}) < 100
