"""Openings: distinct, undecided, even; the stored ones as they were made."""

import numpy as np
import pytest

import games
from games import text
from selfplay.arena import match, openings
from selfplay.knowledge import oracle
from selfplay.knowledge.alphabeta import AlphaBeta
from selfplay.knowledge.budget import Budget
from selfplay.players.make import make_agent


def test_stored_openings_are_distinct_drawn_and_open():
    game = games.make("connect4")
    lines = openings.openings(game, 2048, 0)
    assert {len(line) for line in lines} == {4, 5, 6, 7, 8}
    states = [text.replay(game, line)[0] for line in lines]
    assert len({state_W.tobytes() for state_W in states}) == 2048
    assert (oracle.scores(np.array(states[:25])).max(axis=1) == 0).all()


@pytest.mark.parametrize(("name", "size"), [("gomoku9", 9), ("gomoku15", 15), ("gomoku:size=9,rule=standard", 9)])
def test_stored_openings_of_gomoku_are_distinct_in_every_symmetry(name, size):
    """Rotations and reflections by numpy, from the board as a picture."""
    game = games.make(name)
    lines = openings.openings(game, 512, 0)
    assert {len(line) for line in lines} == {3, 4, 5, 6}
    seen = set()
    for line in lines:
        assert len(set(line)) == len(line)
        board_HW = np.zeros((size, size), int)
        for ply, cell in enumerate(line):
            board_HW[cell // size, cell % size] = 1 if ply % 2 == 0 else 2
        images = {
            np.rot90(turned, quarter).tobytes() for turned in (board_HW, board_HW[:, ::-1]) for quarter in range(4)
        }
        assert not images & seen
        seen |= images
        rows, columns = np.nonzero(board_HW)
        assert max(abs(rows - size // 2).max(), abs(columns - size // 2).max()) <= 3


@pytest.mark.parametrize("name", ["gomoku9", "gomoku15"])
def test_stored_openings_of_gomoku_are_anyones_game(name):
    """A player that did not choose them, against itself: whoever is to move gets about half of the points."""
    game = games.make(name)
    player = make_agent("alphabeta:depth=2", game)
    result = match.play_match(game, player, player, games=120)
    points = []
    for record in result.games[::2]:  # both games of a pair are the same
        first = {"1-0": 1.0, "1/2": 0.5, "0-1": 0.0}[record.result]
        points.append(1 - first if len(text.parse_moves(game, record.opening)) % 2 else first)
    assert 0.3 < np.mean(points) < 0.7  # three standard errors around a half


@pytest.mark.parametrize("name", ["gomoku:size=11", "gomoku:size=6,k=4", "connect4:height=5,width=6"])
def test_openings_elsewhere_are_distinct_and_undecided(name):
    game = games.make(name)
    lines = openings.openings(game, 40, 1)
    states_NW = np.array([text.replay(game, line)[0] for line in lines])
    assert len({state_W.tobytes() for state_W in states_NW}) == 40
    assert (AlphaBeta(game, Budget(depth=2)).search(states_NW).proven_N == 0).all()
    assert lines == openings.openings(game, 40, 1)
    assert lines != openings.openings(game, 40, 2)


@pytest.mark.parametrize("name", ["gomoku:size=11", "connect4:height=5,width=6"])
def test_the_most_even_candidates_are_kept(name):
    game = games.make(name)
    player = AlphaBeta(game, Budget(depth=2))
    candidates = openings._first(openings._random_lines(game, np.random.default_rng(0), 1000), 80)
    kept = openings._evenest(game, candidates, 20, depth=2)
    scores = {str(line): int(player.search(state_W[None]).scores_N[0]) for line, state_W in candidates}
    assert min(scores.values()) < 0 < max(scores.values())
    own = [abs(scores.pop(str(line))) for line in kept]
    assert len(own) == 20
    assert max(own) <= min(abs(score) for score in scores.values())


def test_what_a_symmetry_turns_into_an_earlier_opening_is_passed_over():
    game = games.make("connect4")
    lines = [text.parse_moves(game, line) for line in ("12", "76", "21", "71", "17", "44")]
    drawn = ((line, text.replay(game, line)[0]) for line in lines)
    kept = [text.format_moves(game, line) for line, _ in openings._distinct(game, drawn)]
    assert kept == ["12", "21", "71", "44"]


def test_openings_are_made_as_the_stored_ones_were():
    game = games.make("connect4")
    stored = openings.FOLDER.joinpath("connect4.txt").read_text().split()
    assert openings.made(game, 5) == stored[:5]


def test_too_few_openings_are_used_again():
    game = games.make("tictactoe")
    lines = openings.openings(game, 500, 0)
    assert len(lines) == 500
    assert 9 < len({tuple(line) for line in lines}) < 100
