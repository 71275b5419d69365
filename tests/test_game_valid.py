"""Words that a stranger might put in the place of a position."""

import numpy as np
import pytest

import games
from games.game import ONGOING, valid_by_observing

GAMES = ["connect4", "connect4:height=7,width=8", "tictactoe", "gomoku9", "gomoku15", "gomoku:size=9,rule=standard"]
GAMES += ["gomoku:size=8,rule=caro", "gomoku:size=9,rule=renju"]


def played(game, plays, seed=0):
    """(positions that are not over, [M, W]; positions that are, [N, W]) of random games."""
    rng, going, over = np.random.default_rng(seed), [], []
    for _ in range(plays):
        state_W, status = game.initial(), ONGOING
        while status == ONGOING:
            going.append(state_W)
            state_W, status = game.after(state_W, int(rng.choice(game.legal_actions(state_W))))
        over.append(state_W)
    return np.array(going), np.array(over)


@pytest.mark.parametrize("name", GAMES)
def test_positions_of_play_are_possible_and_finished_ones_are_not(name):
    game = games.make(name)
    going, over = played(game, 20)
    assert game.first_impossible(going) is None
    assert all(game.first_impossible(state_W[None]) == 0 for state_W in over)
    assert game.first_impossible(np.concatenate([going, over])) == len(going)
    assert game.first_impossible(going[:0]) is None


@pytest.mark.parametrize("name", GAMES)
def test_no_single_bit_can_be_flipped(name):
    """A bit of the stones changes their number, one of the number of plies does too."""
    game = games.make(name)
    going, _ = played(game, 2)
    for state_W in going[:: max(1, len(going) // 8)]:
        for bit in range(64 * game.words):
            flipped_W = state_W.copy()
            flipped_W[bit // 64] ^= np.uint64(1) << np.uint64(bit % 64)
            assert game.first_impossible(flipped_W[None]) == 0, (state_W, bit)


@pytest.mark.parametrize("name", GAMES)
def test_noise_is_none(name):
    game = games.make(name)
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 2**64 - 1, (1000, game.words), dtype=np.uint64)
    noise[0] = 2**64 - 1
    assert all(game.first_impossible(state_W[None]) == 0 for state_W in noise)


def stones(game, own, other):
    """Connect Four by bits: the mover's and the opponent's cells as (column, row from the bottom)."""
    words = [sum(1 << (column * (game.height + 1) + row) for column, row in cells) for cells in (own, own + other)]
    return np.array([[*words, len(own) + len(other)]], np.uint64)


def test_connect_four_by_hand():
    game = games.make("connect4")
    assert game.first_impossible(stones(game, [(0, 0)], [(0, 1)])) is None
    assert game.first_impossible(stones(game, [(0, 0)], [(0, 2)])) == 0  # it floats
    assert game.first_impossible(stones(game, [(0, 0), (1, 0)], [])) == 0  # who moves has no more than the other
    full = [(0, row) for row in range(6)]
    assert game.first_impossible(stones(game, full[0::2], full[1::2])) is None
    over = [(0, row) for row in range(7)]  # the seventh stands on the guard bit
    assert game.first_impossible(stones(game, over[1::2], over[0::2])) == 0
    row = [(column, 0) for column in range(4)]
    assert game.first_impossible(stones(game, [(4, 0), (5, 0), (6, 0)], row)) == 0  # it is over


@pytest.mark.parametrize("rule", ["freestyle", "standard", "caro", "caro6", "renju"])
def test_stones_of_every_rule_by_hand(rule):
    """Each of these has as many stones as turns, so that nothing but what is named makes it impossible."""
    from games.gomoku import position

    game = games.make(f"gomoku:size=9,rule={rule}")

    def possible(mover, other):
        return game.first_impossible(position(game, mover, other)[None]) is None

    assert possible([], []) and possible([40], [30, 31]) and possible([40, 50], [30, 31])
    assert possible([80], [0]) and not possible([81], [0]) and not possible([0], [127])  # 81 cells
    assert not possible([40, 50], [40, 31])  # two stones on a cell
    assert not possible([40, 50], [30]) and not possible([40], [30, 31, 32])  # who moves has one more, two less
    assert not possible([40], [30, 30])  # a turn without a stone
    five, apart = [9, 10, 11, 12, 13], [36, 38, 54, 56, 72]
    assert not possible(apart, five) and not possible(five, apart)
    assert possible(apart[1:], five[1:]) and possible(five[1:], apart[1:])


def test_exactly_five_by_hand():
    """A row of six ends a game of freestyle and goes on by the standard rule."""
    from games.gomoku import position

    six, apart = [0, 1, 2, 3, 4, 5], [18, 20, 22, 24, 26, 36]
    assert games.make("gomoku9").first_impossible(position(games.make("gomoku9"), apart, six)[None]) == 0
    standard = games.make("gomoku:size=9,rule=standard")
    assert standard.first_impossible(position(standard, apart, six)[None]) is None
    assert standard.first_impossible(position(standard, apart[:5], six[:5])[None]) == 0


def test_a_game_that_says_nothing_is_asked_what_it_shows():
    import dataclasses

    game = dataclasses.replace(games.make("tictactoe"), valid=valid_by_observing)
    going, _ = played(game, 5)
    assert game.first_impossible(going) is None
    both = np.array([[1, 1, 2]], np.uint64)  # two stones on a cell
    full = np.array([[0b111110000, 0b000001111, 9]], np.uint64)
    assert game.first_impossible(both) == 0 and game.first_impossible(full) == 0
