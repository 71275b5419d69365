"""Processes on a Ray cluster, of this machine alone or of many; Ray is spoken to by a process of its own."""

import dataclasses
import itertools
import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import psutil

import games
from selfplay.config import Config
from selfplay.network.architectures import build
from selfplay.network.evaluator import NetworkEvaluator
from selfplay.run.session import cores
from selfplay.train.remote import ENVIRONMENT, check_installed, ray_bridge
from selfplay.train.remote.pool import Event, Lost, Played, RemotePool, Started
from selfplay.train.remote.worker import Setup, Share, State, setup

_STORE_BYTES = 1 << 30  # of shared memory, at most, for a cluster of our own
_STARTS_WITHIN_S = 120.0
_ENDS_WITHIN_S = 10.0


class Cluster:
    """A connection to Ray, for one run after the other."""

    def __init__(self, address: str) -> None:
        ours, theirs = socket.socketpair()
        self._pipe = Connection(ours.detach())
        with theirs:
            self._bridge = subprocess.Popen(
                [sys.executable, "-m", ray_bridge.__name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # on which Ray prints what any node complains of
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # out of reach of Ctrl-C, which the training answers
                env={**os.environ, **{name: os.environ.get(name, value) for name, value in ENVIRONMENT.items()}},
            )
        self.numbers = itertools.count(1)
        """of processes and of versions of weights, in all runs"""
        self._ours: list[psutil.Process] = []
        self.address = address
        store = min(_STORE_BYTES, psutil.virtual_memory().available // 4)
        own = {"num_cpus": cores(), "object_store_memory": store, "include_dashboard": False}
        try:
            self.send(address, {} if address else own)
            kind, told = self._first("connected", "refused")
        except ConnectionError:
            kind, told = "refused", f"no Ray cluster answers at {address or 'this machine'}"
        except BaseException:
            self.close()
            raise
        if kind == "refused":
            self.close()
            raise ValueError(told)
        self.address = told
        if not address:
            self._ours = psutil.Process(self._bridge.pid).children(recursive=True)

    @property
    def cores(self) -> int:
        """Of all nodes, that Ray may use."""
        self.send("cores")
        return self._first("cores")[1]

    def send(self, *what: Any) -> None:
        try:
            self._pipe.send(what)
        except OSError:
            raise self._lost() from None

    def heard(self, seconds: float) -> list[tuple[Any, ...]]:
        """What the bridge has told, as soon as it tells anything. `ConnectionError` where it is gone."""
        found: list[tuple[Any, ...]] = []
        try:
            while self._pipe.poll(0.0 if found else seconds):
                found.append(self._pipe.recv())
                if found[-1][0] == "gone":
                    raise ConnectionError(found[-1][1])
        except (EOFError, BrokenPipeError, ConnectionResetError):
            if not found:  # its last words first
                raise self._lost() from None
        return found

    def _lost(self) -> ConnectionError:
        return ConnectionError(
            f"the Ray cluster at {self.address} is lost: its head is gone, or its node on this machine"
        )

    def _first(self, *kinds: str) -> tuple[Any, ...]:
        """The first answer of these kinds; others are of no use yet."""
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while time.monotonic() < deadline:
            for told in self.heard(1.0):
                if told[0] in kinds:
                    return told
        raise ConnectionError(f"the Ray cluster at {self.address} does not answer")

    def close(self) -> None:
        """Let go of the cluster; end one of our own, with all its processes."""
        left = self._ours + _children(self._bridge.pid) if self._ours else []
        self._pipe.close()
        with suppress(subprocess.TimeoutExpired):
            self._bridge.wait(_ENDS_WITHIN_S)
        self._bridge.kill()
        self._bridge.wait()
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()


def _children(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


@contextmanager
def connected(address: str = "") -> Iterator[Cluster]:
    """A cluster: that at `address`, as `HOST:PORT` or `auto` for the one that runs on this machine; without one, a
    cluster of this machine's cores, which ends with the block.

    `ValueError` where Ray is not installed, or nothing answers there.
    """
    check_installed()
    cluster = Cluster(address)
    try:
        yield cluster
    finally:
        cluster.close()


@contextmanager
def playing(cluster: Cluster, config: Config, dtype: str) -> Iterator[RemotePool]:
    """A pool of the cluster for one run. `dtype` is what that was settled to; empty for one that begins, which is
    settled by this machine."""
    config = dataclasses.replace(config, device="cuda" if config.device == "cuda" else "cpu")
    game = games.make(config.game)
    dtype = dtype or config.network.dtype
    if dtype == "auto":
        network = build(game, config.network.architecture)  # of no use but to be measured
        dtype = NetworkEvaluator(network, config.device, game=game, batch=config.play.games).dtype
    pool = RemotePool(game, config, RayWorkers(cluster, setup(config, dtype)), dtype)
    try:
        pool.begin()
        yield pool
    finally:
        pool.close()


class RayWorkers:
    """`Workers` of a cluster, one core each, or one GPU where the run's device is cuda."""

    def __init__(self, cluster: Cluster, what: Setup) -> None:
        self._cluster = cluster
        cluster.send("pool", pickle.dumps(what), 1 if what.config.device == "cuda" else 0, what.config.ray.lag + 2)
        self._workers: set[int] = set()
        self._progress: dict[int, tuple[int, int, int]] = {}
        self._names: dict[str, str] = {}  # of nodes, by Ray's

    def publish(self, weights: dict[str, np.ndarray]) -> int:
        version = next(self._cluster.numbers)
        self._cluster.send("publish", version, pickle.dumps(weights, 5))
        return version

    def start(self) -> int:
        worker = next(self._cluster.numbers)
        self._workers.add(worker)
        self._cluster.send("start", worker)
        return worker

    def submit(self, worker: int, share: Share, weights: Any, state: State | None, held: bool) -> None:
        self._progress[worker] = 0, 0, 0
        games = None if state is None else pickle.dumps(state, 5)
        self._cluster.send("submit", worker, pickle.dumps(share), weights, games, held)

    def progress(self, worker: int) -> tuple[int, int, int]:
        return self._progress.get(worker, (0, 0, 0))

    def wait(self, seconds: float) -> list[Event]:
        found: list[Event] = []
        for kind, worker, told in self._cluster.heard(seconds):
            if worker not in self._workers:
                continue  # of the run before
            if kind == "progress":
                self._progress[worker] = told
            elif kind == "lost":
                found.append(Lost(worker=worker, why=told))
            else:
                well, answer = pickle.loads(told)
                if not well:
                    raise answer
                if kind == "started":
                    found.append(Started(worker=worker, node=self._name(*answer)))
                else:
                    found.append(Played(worker=worker, harvest=answer[0], state=answer[1]))
        return found

    def _name(self, node: str, address: str) -> str:
        """Its address, and a number where another node has that too."""
        if node not in self._names:
            same = sum(name.partition("#")[0] == address for name in self._names.values())
            self._names[node] = f"{address}#{same + 1}" if same else address
        return self._names[node]

    def close(self) -> None:
        with suppress(ConnectionError):
            self._cluster.send("end")
