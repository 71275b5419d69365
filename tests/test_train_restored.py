"""Checkpoints that a stranger made: their checksums fit, and what they hold is refused before any kernel sees it."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import games
from selfplay.run import checkpoint
from selfplay.run import folder as runs
from selfplay.train import arrays
from selfplay.train.pool import LocalPool
from selfplay.train.trainer import Trainer, restore_counters

WHOLE = Path(__file__).parent / "golden" / "run_of_0_1"


def restored(folder):
    """A trainer that goes on from the newest checkpoint of a run."""
    config = runs.recorded_config(folder)
    assert config is not None
    saved = checkpoint.newest(folder, checkpoint.STATE)
    assert saved is not None
    game = games.make(config.game)
    trainer = Trainer(game, config, LocalPool(game, config, restore_counters(saved)["dtype"]))
    trainer.restore(saved)
    return trainer


def changed(tmp_path, name, change):
    """The run whose newest checkpoint has another content in the file `name`, under a manifest that fits."""
    folder = shutil.copytree(WHOLE, tmp_path / "run")
    newest = max(checkpoint.folders(folder).values())
    content = {path.name: path.read_bytes() for path in newest.iterdir() if path.name != checkpoint.MANIFEST}
    content[name] = change(newest / name)
    shutil.rmtree(newest)
    checkpoint.write(folder, int(newest.name), content)
    return folder


def with_array(key, value):
    """A change of a file of arrays: `value` of what the array `key` was."""

    def change(path):
        found = arrays.load(path)
        found[key] = value(found[key].copy())
        out = io.BytesIO()
        np.savez(out, **found)  # pyright: ignore[reportArgumentType]
        return out.getvalue()

    return change


def filled(value):
    return lambda array: np.full_like(array, value)


def first(value):
    def change(array):
        array.flat[0] = value
        return array

    return change


def test_the_whole_one_goes_on():
    trainer = restored(WHOLE)
    assert trainer.number == 3 and trainer.replay.added > 0


HOSTILE_GAMES = {
    "a count beyond the room": ("0/count_G", first(10000), "count_G holds 10000"),
    "a count that overflows": ("0/count_G", first(2**31 - 1), "count_G holds 2147483647"),
    "a negative count": ("0/count_G", first(-5), "count_G holds -5"),
    "a ply beyond the board": ("0/ply_G", first(9), "ply_G holds 9"),
    "plies that were not played": ("0/ply_G", lambda a: (a + 1) % 9, "count_G|ply_G"),
    "more openings to draw than there are": ("0/tries_G", first(10**6), "tries_G holds 1000000"),
    "an impossible position": ("0/state_GW", filled(2**64 - 1), "row 0 of state_GW is no position"),
    "an impossible history": ("0/states_GTW", filled(2**64 - 1), "row 0 of states_GTW is no position"),
    "a history of another length": ("0/states_GTW", lambda a: a[:, :, :1], "states_GTW is uint64"),
    "facts of another size": ("0/facts_GT", lambda a: a[:, :-1], "facts_GT is uint8"),
    "actions off the board": ("0/facts_GT", filled(255), "facts_GT: action holds"),
    "a policy that is none": ("0/policies_GTA", filled(np.nan), "policies_GTA holds nan"),
    "values that are none": ("0/wdl_GT3", filled(np.inf), "wdl_GT3 holds inf"),
    "floats for whole numbers": ("0/count_G", lambda a: a.astype(np.float64), "count_G is float64"),
    "another number of games": ("0/ply_G", lambda a: a[:-1], "play.games cannot change"),
}


@pytest.mark.parametrize("case", HOSTILE_GAMES)
def test_hostile_games(tmp_path, case):
    key, value, reason = HOSTILE_GAMES[case]
    with pytest.raises(ValueError, match=rf"games\.npz: .*({reason})"):
        restored(changed(tmp_path, "games.npz", with_array(key, value)))


HOSTILE_REPLAY = {
    "a reply beyond the board": ("reply_M", first(30000), "reply_M holds 30000"),
    "a reply before it": ("reply_M", first(-2), "reply_M holds -2"),
    "a result that is none": ("z_M", first(3), "z_M holds 3"),
    "impossible positions": ("states_MW", filled(2**64 - 1), "row 0 of states_MW is no position"),
    "a policy that is none": ("policies_MA", first(np.nan), "policies_MA holds nan"),
    "a policy below nothing": ("policies_MA", first(-1), "policies_MA holds -1"),
    "values that are none": ("wdl_M3", first(np.inf), "wdl_M3 holds inf"),
    "fewer policies than positions": ("policies_MA", lambda a: a[:-1], "policies_MA is float16"),
    "more positions than there is room": ("added", lambda a: a + 1, "z_M has"),
    "a number of positions that is none": ("added", lambda a: np.array([1, 2]), "added is int64"),
}


@pytest.mark.parametrize("case", HOSTILE_REPLAY)
def test_hostile_replay(tmp_path, case):
    key, value, reason = HOSTILE_REPLAY[case]
    with pytest.raises(ValueError, match=rf"replay\.npz: {reason}"):
        restored(changed(tmp_path, "replay.npz", with_array(key, value)))


def with_state(change):
    def changed_state(path):
        state = checkpoint.load_state(path)
        return checkpoint.state_bytes(change(state))

    return changed_state


def put(*keys, value):
    def change(state):
        inner = state
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value(inner[keys[-1]]) if callable(value) else value
        return state

    return change


HOSTILE_LEARNER = {
    "a list": (lambda state: [state], "a learner's state has"),
    "nothing": (lambda state: {}, "a learner's state has"),
    "no tensors": (put("network", value={}), "network: its tensors are not"),
    "numbers for tensors": (put("average", value=3), "average: its tensors are not"),
    "steps that are none": (put("steps", value="many"), "steps is a whole number, not 'many'"),
    "an optimiser of another network": (
        put("optimizer", "state", value={7: {}}),
        "optimizer: it knows other parameters",
    ),
    "no optimiser": (put("optimizer", value=None), "optimizer: it knows other parameters"),
}


@pytest.mark.parametrize("case", HOSTILE_LEARNER)
def test_hostile_learner(tmp_path, case):
    change, reason = HOSTILE_LEARNER[case]
    with pytest.raises(ValueError, match=rf"learner\.pt: {reason}"):
        restored(changed(tmp_path, "learner.pt", with_state(change)))


@pytest.mark.parametrize("part", ["network", "average"])
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (lambda tensor: tensor * float("nan"), "is not finite"),
        (lambda tensor: tensor.flatten()[:-1], "is not a tensor of"),
        (lambda tensor: tensor.to(torch.complex64), "is not a tensor of"),
    ],
)
def test_hostile_tensors(tmp_path, part, value, reason):
    def change(state):
        name = next(name for name, tensor in state[part].items() if tensor.is_floating_point())
        state[part][name] = value(state[part][name])
        return state

    with pytest.raises(ValueError, match=rf"learner\.pt: {part}: .* {reason}"):
        restored(changed(tmp_path, "learner.pt", with_state(change)))


def test_settings_of_the_optimiser_are_those_of_the_config(tmp_path):
    folder = changed(
        tmp_path, "learner.pt", with_state(put("optimizer", "param_groups", value=[{"lr": 1e9, "params": [0]}]))
    )
    groups = restored(folder).learner.optimizer.param_groups
    assert all(group["betas"] == (0.9, 0.999) and group["lr"] < 1 for group in groups)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        {"number": -1},
        {"number": "many"},
        {"dtype": "complex64"},
        {"evaluated_flops": 1e400},
        {"ledger": {"gold": 1}},
        {"ledger": {"games": -1}},
        {"inherited": []},
    ],
)
def test_hostile_counters(tmp_path, content):
    def change(path):
        return content if isinstance(content, bytes) else json.dumps(json.loads(path.read_bytes()) | content).encode()

    with pytest.raises(ValueError, match=r"state\.json is not the state of a run"):
        restored(changed(tmp_path, "state.json", change))
