"""A generation played elsewhere, by processes that stand in this one: the records are those of threads of this process,
whoever dies, joins, or takes over whose games."""

import dataclasses
import itertools
import random
import threading

import numpy as np
import pytest
import torch

import games
from selfplay.config import Config, LearnConfig, NetworkConfig, PlayConfig, RayConfig, ReplayConfig, SearchConfig
from selfplay.run import metrics
from selfplay.train.actor import UNLIMITED
from selfplay.train.pool import LocalPool
from selfplay.train.remote import pool as remote_pool
from selfplay.train.remote.pool import Event, Lost, Played, RemotePool, Started
from selfplay.train.remote.worker import Worker, packed, setup, unpacked
from selfplay.train.trainer import Trainer

GAME = games.make("tictactoe")


def config(**settings):
    base = {
        "game": "tictactoe",
        "generations": 5,
        "minutes": 0.0,
        "device": "cpu",
        "threads": 3,
        "search": SearchConfig(simulations=4, first_simulations=2, growth_positions=100, cache_bits=8),
        "play": PlayConfig(games=4, positions=60, opening_plies=2, temperature_plies=4, max_opening_value=0.05),
        "network": NetworkConfig(architecture="mlp:1x16", dtype="float32"),
        "replay": ReplayConfig(minimum=200, capacity=1000),
        "learn": LearnConfig(batch=32, replay_ratio=2.5, warmup_steps=4),
    }
    return Config(**(base | settings))


class Here:
    """Workers in this process, `room` of them at a time. What is to happen at each wait, the test says: `fate` is given
    the waits so far and the numbers of those who play, and returns who dies."""

    def __init__(self, config, room=3, fate=lambda waits, playing: ()):
        self.setup = setup(config, "float32")
        self.room = room
        self.fate = fate
        self.waits = self.started = 0
        self.living, self.waiting, self.shares = {}, [], {}
        self.versions = []  # of the weights, by what was played with them
        self.handed_over = 0

    def publish(self, weights):
        self.versions.append({name: array.copy() for name, array in weights.items()})
        return len(self.versions) - 1

    def start(self):
        self.started += 1
        self.waiting.append(self.started)
        return self.started

    def submit(self, worker, share, weights, state, held):
        assert worker not in self.shares, "one call at a time"
        if worker not in self.living:
            return  # of its loss is told
        self.handed_over += state is not None
        self.shares[worker] = share, weights, state, held

    def progress(self, worker):
        return 1, 2, 3

    def wait(self, seconds):
        self.waits += 1
        dead = [worker for worker in self.fate(self.waits, sorted(self.shares)) if worker in self.living]
        for worker in dead:
            del self.living[worker]
            self.shares.pop(worker, None)
        events: list[Event] = [Lost(worker=worker, why="it was killed") for worker in dead]
        while self.waiting and len(self.living) < self.room:
            worker = self.waiting.pop(0)
            self.living[worker] = Worker(self.setup)
            events.append(Started(worker=worker, node=f"node{worker % 2}"))
        for worker in sorted(self.shares)[:1]:
            share, weights, state, held = self.shares.pop(worker)
            harvest, games = self.living[worker].play(share, self.versions[weights], state, held)
            events.append(Played(worker=worker, harvest=harvest, state=games))
        if not events:
            threading.Event().wait(0.002)
        return events

    def close(self):
        self.closed = True


def without_clock(generation):
    clock = metrics.clock_names()
    return {k: v for k, v in generation.metrics.items() if k not in clock and not k.startswith(("pool/", "node_"))}


def lived(pool, settings, state=None):
    """The records of a run, its weights, and its ongoing games at the end."""
    trainer = Trainer(GAME, settings, pool)
    generations = []
    while not trainer.done:
        generations.append(trainer.generation(None))
    weights = torch.nn.utils.parameters_to_vector(trainer.learner.average.parameters())
    return [without_clock(one) for one in generations], weights.numpy(), generations


@pytest.fixture(scope="module")
def local():
    settings = config()
    return lived(LocalPool(GAME, settings), settings)


def assert_same(found, expected):
    assert found[0] == expected[0]
    assert np.array_equal(found[1], expected[1])
    for one, other in zip(found[2], expected[2], strict=True):
        for item in dataclasses.fields(one.ongoing):
            assert np.array_equal(getattr(one.ongoing, item.name), getattr(other.ongoing, item.name)), item.name


@pytest.mark.parametrize("room", [1, 2, 3])
def test_the_records_are_those_of_as_many_threads_however_many_processes_play(local, room):
    settings = config()
    here = Here(settings, room=room)
    pool = RemotePool(GAME, settings, here, "float32")
    found = lived(pool, settings)
    pool.close()
    assert_same(found, local)
    assert len(here.versions) == 5, "the weights of a version are sent once"
    assert found[2][-1].metrics["pool/processes"] == room
    assert {name for name in found[2][-1].metrics if name.startswith("node_")} == {
        f"node_evaluations_per_s/node{i % 2}" for i in range(1, room + 1)
    }
    if room == 3:
        assert here.handed_over == 0, "whoever has the games goes on with them"


@pytest.mark.parametrize("seed", range(2))
def test_whoever_dies_and_joins_at_whatever_moment_the_records_stay(local, seed):
    rng = random.Random(seed)
    settings = config()

    def fate(waits, playing):
        here.room = rng.randint(1, 4)
        return [worker for worker in list(here.living) if rng.random() < 0.15]

    here = Here(settings, fate=fate)
    pool = RemotePool(GAME, settings, here, "float32")
    found = lived(pool, settings)
    pool.close()
    assert_same(found, local)
    lost = found[2][-1].metrics["pool/lost"]
    assert lost > 0 and here.started >= 3 + lost


@pytest.mark.parametrize("first", ["here", "elsewhere"])
def test_a_run_goes_on_where_it_was_not_begun(local, first):
    """Saved and restored after the second generation, with the pool of the other kind."""
    settings = config()

    def pool(kind):
        return LocalPool(GAME, settings) if kind == "here" else RemotePool(GAME, settings, Here(settings), "float32")

    trainer = Trainer(GAME, settings, pool(first))
    records = [without_clock(trainer.generation(None)) for _ in range(2)]
    saved = {name: array.copy() for name, array in trainer.pool.state().items()}
    trainer.pool = pool("elsewhere" if first == "here" else "here")
    trainer.pool.restore(saved)
    while not trainer.done:
        records.append(without_clock(trainer.generation(None)))
    assert records == local[0]


def test_games_of_another_number_of_threads_are_refused():
    settings = config()
    other = config(threads=2)
    pool = LocalPool(GAME, other)
    Trainer(GAME, other, pool).generation(None)
    remote = RemotePool(GAME, settings, Here(settings), "float32")
    with pytest.raises(ValueError, match="saved with 2 threads, not 3"):
        remote.restore(pool.state())
    remote.close()


def test_packed_games_are_what_was_packed():
    settings = config()
    pool = LocalPool(GAME, settings)
    fresh = pool.actors[0].state()
    assert unpacked(packed(fresh)).keys() == fresh.keys()
    Trainer(GAME, settings, pool).generation(None)
    state = pool.actors[0].state()
    small = packed(state)
    assert sum(array.nbytes for array in small.values()) < sum(array.nbytes for array in state.values())
    whole = unpacked(small)
    played_GT = np.arange(state["states_GTW"].shape[1]) < state["count_G"][:, None]
    assert 0 < played_GT.sum() < played_GT.size
    for name, array in state.items():
        assert whole[name].shape == array.shape and whole[name].dtype == array.dtype
        if name.endswith(("TW", "TA", "T3", "GT")):
            array, found = (each.reshape(*played_GT.shape, -1)[played_GT] for each in (array, whole[name]))
        else:
            found = whole[name]
        assert np.array_equal(array, found), name


@pytest.mark.parametrize("lag", [1, 2])
def test_with_a_lag_a_generation_is_played_with_weights_that_are_as_much_older(lag):
    settings = config(generations=6, ray=RayConfig(lag=lag))
    here = Here(settings, fate=lambda waits, playing: playing[:1] if waits % 7 == 0 else ())
    asked = []
    submit = here.submit

    def noted(worker, share, weights, state, held):
        asked.append((share.number, weights))
        submit(worker, share, weights, state, held)

    here.submit = noted
    pool = RemotePool(GAME, settings, here, "float32")
    _, _, generations = lived(pool, settings)
    pool.close()
    for number, version in asked:
        assert version == max(0, number - 1 - lag)
    assert max(number for number, _ in asked) == 6, "nothing is played that nobody will learn from"
    expected = [min(number - 1, lag) for number in range(1, 7)]
    assert [one.metrics["pool/lag"] for one in generations] == expected
    again = RemotePool(GAME, settings, Here(settings), "float32")
    assert lived(again, settings)[0] == [without_clock(one) for one in generations], "losses leave no trace here either"
    again.close()


def test_what_is_played_ahead_is_bounded():
    """While the learner learns nobody plays further than the lag, and weights and harvests are let go."""
    settings = config(generations=0, minutes=60.0, ray=RayConfig(lag=2))
    here = Here(settings)
    pool = RemotePool(GAME, settings, here, "float32")
    network = Trainer(GAME, settings, pool).learner.average
    for number in (1, 2, 3):
        pool.play(network, number, 4, UNLIMITED, lambda done, of: None)
        waits = here.waits
        while here.waits < waits + 30:  # all that may be played is
            threading.Event().wait(0.002)
        assert sorted(pool._generations) == [number + 1, number + 2]
        assert all(sorted(stream.states) == [number, number + 1, number + 2] for stream in pool._streams)
    pool.close()


@pytest.mark.parametrize("lag", [0, 2])
def test_a_run_that_ends_by_compute_ends_there(lag):
    settings = config(generations=0, flops=1.5e7, ray=RayConfig(lag=lag))
    pool = RemotePool(GAME, settings, Here(settings), "float32")
    _, _, generations = lived(pool, settings)
    pool.close()
    assert generations[-1].ledger.train_flops == pytest.approx(1.5e7, rel=0.05)
    if not lag:
        here = lived(LocalPool(GAME, settings), settings)[2]
        assert [without_clock(one) for one in generations] == [without_clock(one) for one in here]
    assert max(one.metrics["pool/lag"] for one in generations) == lag


@pytest.mark.parametrize("unborn", [False, True])
def test_what_dies_again_and_again_ends_the_run(unborn):
    settings = config()

    def fate(waits, playing):
        return playing

    here = Here(settings, fate=fate)
    if unborn:
        here.wait = lambda seconds: [Lost(worker=here.waiting.pop(0), why="it was killed")]
    pool = RemotePool(GAME, settings, here, "float32")
    with pytest.raises(ValueError, match=r"5 processes in a row .*: it was killed"):
        lived(pool, settings)
    pool.close()


def test_what_fails_in_a_process_fails_the_run():
    settings = config()
    here = Here(settings)
    pool = RemotePool(GAME, settings, here, "float32")

    def wait(seconds):
        raise ConnectionError("the head is gone")

    here.wait = wait
    with pytest.raises(ConnectionError, match="the head is gone"):
        lived(pool, settings)
    pool.close()


def test_how_far_it_is(monkeypatch):
    """Of three shares two are played one after the other; what those say who play is counted in."""
    settings = config()
    here = Here(settings, room=1)
    pool = RemotePool(GAME, settings, here, "float32")
    network = Trainer(GAME, settings, pool).learner.average
    told = []
    monkeypatch.setattr(remote_pool, "_LOOKS_S", 0.0)
    pool.play(network, 1, 4, UNLIMITED, lambda done, of: told.append((done, of)))
    pool.close()
    done = [one for one, _ in told]
    assert told and all(earlier <= later + 3 for earlier, later in itertools.pairwise(done))
    assert done[-1] > 40 and all(of >= one for one, of in told)


def test_a_node_with_another_version_is_named():
    other = dataclasses.replace(setup(config(), "float32"), version="0.0.1")
    with pytest.raises(ValueError, match=r"a node has selfplay .*, and the run was begun with 0\.0\.1"):
        Worker(other)
