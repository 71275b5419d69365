"""The window of past positions: its size by hand, what it forgets, and what symmetries do to a row."""

import numpy as np
import pytest

import games
from selfplay.config import ReplayConfig
from selfplay.train.replay import Replay


def numbered(game, ids):
    """Rows that carry their number, in 64ths, as their root value."""
    ids = np.asarray(ids)
    wdl = np.zeros((len(ids), 3), np.float32)
    wdl[:, 0] = ids / 64
    return (
        np.tile(game.initial(), (len(ids), 1)),
        np.full((len(ids), game.actions), 1 / game.actions, np.float32),
        wdl,
        np.zeros(len(ids), np.int8),
        np.full(len(ids), -1, np.int16),
    )


def numbers(replay, rows, seed=0):
    batch = replay.sample(np.random.default_rng(seed), rows, root_value_mix=1.0, symmetries=False)
    return (batch.value_B3[:, 0] * 64).astype(int)


@pytest.mark.parametrize(
    ("config", "added", "window"),
    [
        # minimum * (1 + factor * (ratio ** exponent - 1) / exponent); the square roots of 4 and 9 are 2 and 3
        ({"minimum": 100, "exponent": 0.5, "factor": 0.4, "capacity": 1000}, 0, 0),
        ({"minimum": 100, "exponent": 0.5, "factor": 0.4, "capacity": 1000}, 50, 50),
        ({"minimum": 100, "exponent": 0.5, "factor": 0.4, "capacity": 1000}, 100, 100),
        ({"minimum": 100, "exponent": 0.5, "factor": 0.4, "capacity": 1000}, 400, 180),
        ({"minimum": 100, "exponent": 0.5, "factor": 0.4, "capacity": 1000}, 900, 260),
        ({"minimum": 100, "exponent": 0.5, "factor": 0.4, "capacity": 200}, 900, 200),
        ({"minimum": 100, "exponent": 1.0, "factor": 0.5, "capacity": 1000}, 300, 200),
    ],
)
def test_the_window_by_hand(config, added, window):
    game = games.make("tictactoe")
    replay = Replay(game, ReplayConfig(**config))
    for _ in range(added // 50):
        replay.add(*numbered(game, range(50)))
    assert replay.added == added
    assert replay.window == window


def test_the_oldest_give_way():
    game = games.make("tictactoe")
    replay = Replay(game, ReplayConfig(minimum=8, capacity=8))
    replay.add(*numbered(game, range(5)))
    assert set(numbers(replay, 300)) == set(range(5))
    replay.add(*numbered(game, range(5, 11)))
    assert set(numbers(replay, 300)) == set(range(3, 11))
    assert (replay.state()["wdl_M3"][:, 0] * 64).tolist() == list(range(3, 11))


def test_the_newest_of_the_window_are_drawn_alike():
    game = games.make("tictactoe")
    # 4 * (1 + 0.5 * (11 / 4 - 1)) = 7.5: the newest seven of eleven
    replay = Replay(game, ReplayConfig(minimum=4, exponent=1.0, factor=0.5, capacity=16))
    replay.add(*numbered(game, range(11)))
    draws = 7000
    counts = np.bincount(numbers(replay, draws), minlength=11)
    assert counts[:4].sum() == 0
    deviation = np.sqrt(draws * (1 / 7) * (6 / 7))
    assert np.abs(counts[4:] - draws / 7).max() < 5 * deviation


TURNS = {
    "connect4": [lambda board: board, np.fliplr],
    "tictactoe": [
        *(lambda board, turns=turns: np.rot90(board, turns) for turns in range(4)),
        *(lambda board, turns=turns: np.fliplr(np.rot90(board, turns)) for turns in range(4)),
    ],
}


def asymmetric(name):
    """A position that no symmetry leaves as it is."""
    game = games.make(name)
    state = game.initial()
    for action in {"connect4": [0, 1, 1, 5], "tictactoe": [0, 1, 5]}[name]:
        state, _ = game.after(state, action)
    return game, state


@pytest.mark.parametrize("name", list(TURNS))
@pytest.mark.parametrize("symmetries", [True, False])
def test_planes_policy_and_reply_turn_together(name, symmetries):
    """Every sampled row is one turn of the whole board: of its planes, its policy and its reply alike."""
    game, state = asymmetric(name)
    policy = np.arange(1, game.actions + 1, dtype=np.float32) / 64  # all different, exact in float16
    reply = 2
    replay = Replay(game, ReplayConfig(minimum=1, capacity=4), owners=True)
    stones = game.planes_of(state)[:2].reshape(1, 2, -1) > 0  # as if the game were over
    replay.add(
        state[None], policy[None], np.zeros((1, 3), np.float32), np.zeros(1, np.int8), np.array([reply]),
        np.packbits(stones, axis=2),
    )  # fmt: skip
    restored = Replay(game, ReplayConfig(minimum=1, capacity=4), owners=True)
    restored.restore(replay.state())
    batch = restored.sample(np.random.default_rng(0), 200, root_value_mix=0.25, symmetries=symmetries)
    mine, theirs = batch.planes_BPHW[:, 0], batch.planes_BPHW[:, 1]
    assert batch.owners_BC is not None
    assert np.array_equal(batch.owners_BC, (mine + 2 * theirs).reshape(200, -1))

    # A column's move is a row of columns, a cell's move a board of cells.
    shape = (1, game.actions) if name == "connect4" else (game.height, game.width)
    expected = []
    for turn in TURNS[name]:
        planes = np.stack([turn(plane) for plane in game.planes_of(state)])
        marked = turn(np.eye(game.actions)[reply].reshape(shape))
        expected.append((planes, turn(policy.reshape(shape)).reshape(-1), int(marked.reshape(-1).argmax())))
    seen = set()
    for planes, turned_policy, turned_reply in zip(batch.planes_BPHW, batch.policy_BA, batch.reply_B, strict=True):
        (which,) = [i for i, (_, other, _) in enumerate(expected) if np.array_equal(other, turned_policy)]
        assert np.array_equal(planes, expected[which][0])
        assert turned_reply == expected[which][2]
        seen.add(which)
    assert seen == (set(range(len(TURNS[name]))) if symmetries else {0})


def test_what_nobody_knows_stays_unknown():
    """No reply, and no end of the game; also after it was saved, and where a run saved none."""
    game = games.make("tictactoe")
    replay, again, older = (Replay(game, ReplayConfig(minimum=4, capacity=4), owners=True) for _ in range(3))
    replay.add(*numbered(game, range(4)))
    again.restore(replay.state())
    older.restore({name: array for name, array in replay.state().items() if name != "owners_M2K"})
    for each in (replay, again, older):
        batch = each.sample(np.random.default_rng(0), 64, root_value_mix=0.0, symmetries=True)
        assert (batch.reply_B == -1).all()
        assert batch.owners_BC is not None and (batch.owners_BC == -1).all()


@pytest.mark.parametrize(
    ("mix", "value"),
    [(0.0, (0.0, 0.0, 1.0)), (0.25, (0.125, 0.0625, 0.8125)), (1.0, (0.5, 0.25, 0.25))],
)
def test_the_value_target_by_hand(mix, value):
    """A lost game whose root looked won by half."""
    game = games.make("tictactoe")
    replay = Replay(game, ReplayConfig(minimum=1, capacity=1))
    states, policies, wdl, _, reply = numbered(game, [0])
    wdl[0] = (0.5, 0.25, 0.25)
    replay.add(states, policies, wdl, np.array([2], np.int8), reply)
    batch = replay.sample(np.random.default_rng(0), 3, root_value_mix=mix, symmetries=True)
    assert np.array_equal(batch.value_B3, np.tile(np.float32(value), (3, 1)))


@pytest.mark.parametrize("added", [3, 8, 13])
def test_a_restored_window_goes_on_as_the_first(added):
    game = games.make("connect4")
    config = ReplayConfig(minimum=5, capacity=8)
    first, second = Replay(game, config), Replay(game, config)
    first.add(*numbered(game, range(min(added, 8))))
    if added > 8:
        first.add(*numbered(game, range(8, added)))
    second.restore(first.state())
    for _ in range(2):
        assert second.window == first.window
        assert np.array_equal(numbers(second, 50), numbers(first, 50))
        first.add(*numbered(game, range(20, 24)))
        second.add(*numbered(game, range(20, 24)))
    for key, array in first.state().items():
        assert np.array_equal(second.state()[key], array), key
