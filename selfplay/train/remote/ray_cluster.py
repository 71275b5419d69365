"""Processes on a Ray cluster, of this machine alone or of many.

Ray's defaults to know: an actor that died does not start again, a call is made at most once, an object dies with the
process that made it, and the death of the head ends the cluster. So nothing here is kept in Ray alone for longer than
one share takes. Ray is an extra, and imported when a cluster is asked for.
"""

import dataclasses
import importlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import psutil

import games
from selfplay.config import Config
from selfplay.network.architectures import build
from selfplay.network.evaluator import NetworkEvaluator
from selfplay.run.session import cores
from selfplay.train.remote.pool import Event, Lost, Played, RemotePool, Started
from selfplay.train.remote.worker import Setup, Share, State, Worker, setup

_STORE_BYTES = 1 << 30  # of shared memory, at most, for a cluster of our own
_PROGRESS_S = 1.0  # seconds between two questions to a process that plays
_HEAD_S = 2.0  # seconds between two looks at the head,
_HEAD_MISSING_S = 6.0  # and for which it may be silent
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # hides GPUs from those who asked for none, and warns of it
}


class Cluster:
    """A connection to Ray, for one run after the other."""

    def __init__(self, ray: Any, own: bool) -> None:
        self.ray = ray
        self.own = own
        self.address: str = ray.get_runtime_context().gcs_address
        self.gone = False
        """whether the head, or the node of this process, is lost"""
        self._node = ray.get_runtime_context().get_node_id()
        self._children = _children() if own else []
        self._looked = self._answered = time.monotonic()

    @property
    def cores(self) -> int:
        """Of all nodes, that Ray may use."""
        return int(self.ray.cluster_resources().get("CPU", 0))

    def check(self) -> None:
        """`ConnectionError` if the head or the node of this process is lost. Ray would wait for a minute, and then end
        the process without a word that could be caught."""
        now = time.monotonic()
        if now - self._looked < _HEAD_S:
            return
        self._looked = now
        host, _, port = self.address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_HEAD_S).close()
        except OSError as error:
            if time.monotonic() - self._answered < _HEAD_MISSING_S:
                return
            self.gone = True
            raise ConnectionError(f"the head of the Ray cluster at {self.address} is gone") from error
        if not any(node["NodeID"] == self._node and node["Alive"] for node in self.ray.nodes()):
            self.gone = True
            raise ConnectionError(f"the node of this process left the Ray cluster at {self.address}")
        self._answered = time.monotonic()

    def close(self) -> None:
        """Let go of the cluster; end one of our own, with all its processes."""
        if not self.gone:  # else Ray waits for the head, and ends this process
            self.ray.shutdown()
        for process in self._children:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(self._children, timeout=2.0)


def _children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


@contextmanager
def connected(address: str = "") -> Iterator[Cluster]:
    """A cluster: that at `address`, as `HOST:PORT` or `auto` for the one that runs on this machine; without one, a
    cluster of this machine's cores, which ends with the block.

    `ValueError` where Ray is not installed, or nothing answers there.
    """
    try:
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        ray = importlib.import_module("ray")
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise ValueError("--ray needs Ray, which is not installed here: pip install ray") from None
    handler = signal.getsignal(signal.SIGTERM)
    # Its own thread prints what any node complains of on standard output, whatever it is told.
    vars(importlib.import_module("ray._private.worker"))["print_to_stdstream"] = lambda *what, **how: None
    quiet: dict[str, Any] = {
        "include_dashboard": False, "log_to_driver": False, "logging_level": logging.CRITICAL
    }  # fmt: skip
    try:
        if address:
            del quiet["include_dashboard"]
            ray.init(address=address, **quiet)
        else:
            store = min(_STORE_BYTES, psutil.virtual_memory().available // 4)
            ray.init(address="local", num_cpus=cores(), object_store_memory=store, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        if ray.is_initialized():
            ray.shutdown()
        where = f"no Ray cluster answers at {address}" if address else "no Ray cluster can be started here"
        raise ValueError(f"{where}: {str(error).strip().partition(chr(10))[0]:.200}") from error
    finally:
        if threading.current_thread() is threading.main_thread() and handler is not None:
            signal.signal(signal.SIGTERM, handler)  # Ray puts its own in the place
    cluster = Cluster(ray, own=not address)
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
    network = build(game, config.network.architecture)  # of no use but to be measured
    dtype = dtype or config.network.dtype
    if dtype == "auto":
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
        self._ray = ray = cluster.ray
        self._setup = ray.put(what)
        gpus = 1 if what.config.device == "cuda" else 0
        options = {"num_cpus": 1, "num_gpus": gpus, "max_restarts": 0, "max_concurrency": 2}
        self._actor = ray.remote(**options, scheduling_strategy="SPREAD")(_Remote)
        self._handles: dict[int, Any] = {}
        self._started = 0
        self._awaited: dict[Any, int] = {}  # process by the reference to what it is to say first
        self._played: dict[Any, tuple[int, Any]] = {}  # process and ongoing games, by the reference to a harvest
        self._asked: dict[Any, int] = {}  # process by the reference to how far it is
        self._progress: dict[int, tuple[int, int, int]] = {}
        self._looked = time.monotonic()
        self._names: dict[str, str] = {}  # of nodes, by Ray's

    def publish(self, weights: dict[str, np.ndarray]) -> Any:
        return self._ray.put(weights)

    def start(self) -> int:
        self._started += 1
        handle = self._handles[self._started] = self._actor.remote()
        self._awaited[handle.begin.remote(self._setup)] = self._started
        return self._started

    def submit(self, worker: int, share: Share, weights: Any, state: State | None, held: bool) -> None:
        self._progress[worker] = 0, 0, 0
        play = self._handles[worker].play.options(num_returns=2)
        harvest, ongoing = play.remote(share, weights, state, held)
        self._played[harvest] = worker, ongoing

    def progress(self, worker: int) -> tuple[int, int, int]:
        return self._progress.get(worker, (0, 0, 0))

    def wait(self, seconds: float) -> list[Event]:
        self._cluster.check()
        self._ask()
        references = [*self._awaited, *self._played]
        if not references:
            time.sleep(seconds)
            return []
        first, _ = self._ray.wait(references, timeout=seconds)
        if not first:
            return []
        ready, _ = self._ray.wait(references, num_returns=len(references), timeout=0)
        return [event for reference in ready if (event := self._heard(reference)) is not None]

    def _heard(self, reference: Any) -> Event | None:
        errors = self._ray.exceptions
        first = reference in self._awaited
        worker, ongoing = (self._awaited.pop(reference), None) if first else self._played.pop(reference)
        if worker not in self._handles:
            return None  # its loss is told already
        try:
            if first:
                node, address = self._ray.get(reference)
                return Started(worker=worker, node=self._name(node, address))
            harvest, state = self._ray.get([reference, ongoing])
            # Copies, which may be written to, and so that nothing stays in the object store.
            arrays = {item.name: getattr(harvest, item.name) for item in dataclasses.fields(harvest)}
            harvest = dataclasses.replace(harvest, **_copies(arrays))
            return Played(worker=worker, harvest=harvest, state=_copies(state))
        except errors.RayTaskError as error:
            raise error.cause if isinstance(error.cause, Exception) else error from None
        except errors.RayError as error:
            self._ray.kill(self._handles.pop(worker))  # it may live, and not be heard
            return Lost(worker=worker, why=f"{type(error).__name__}: {_reason(str(error))}")

    def _name(self, node: str, address: str) -> str:
        """Its address, and a number where another node has that too."""
        if node not in self._names:
            same = sum(name.partition("#")[0] == address for name in self._names.values())
            self._names[node] = f"{address}#{same + 1}" if same else address
        return self._names[node]

    def _ask(self) -> None:
        """Hear how far those are who play, and ask those who have answered."""
        if time.monotonic() - self._looked < _PROGRESS_S:
            return
        self._looked = time.monotonic()
        if self._asked:
            for reference in self._ray.wait([*self._asked], num_returns=len(self._asked), timeout=0)[0]:
                worker = self._asked.pop(reference)
                try:
                    self._progress[worker] = self._ray.get(reference)
                except self._ray.exceptions.RayError:
                    continue  # that it is lost, its share tells
        asked = set(self._asked.values())
        for worker, _ in self._played.values():
            if worker in self._handles and worker not in asked:
                self._asked[self._handles[worker].progress.remote()] = worker

    def close(self) -> None:
        handles, self._handles = self._handles, {}
        if not self._cluster.gone:
            for handle in handles.values():
                self._ray.kill(handle)


def _copies(arrays: dict[str, Any]) -> dict[str, Any]:
    return {name: array.copy() for name, array in arrays.items() if isinstance(array, np.ndarray)}


def _reason(text: str) -> str:
    """Why a process died, of what Ray tells in many lines."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(line for line in lines if "dead because" in line or "died" in line)[:300] or "".join(lines[:1])


class _Remote:
    """A `Worker` as Ray holds it."""

    def __init__(self) -> None:
        self._worker: Worker | None = None

    def begin(self, setup: Setup) -> tuple[str, str]:
        """The name and the address of its node, once it can play."""
        self._worker = Worker(setup)
        ray = importlib.import_module("ray")
        return ray.get_runtime_context().get_node_id(), ray.util.get_node_ip_address()

    def play(self, share: Share, weights: dict[str, np.ndarray], state: State | None, held: bool) -> Any:
        assert self._worker is not None
        mine = None if state is None else _copies(state)  # those in the object store cannot be written to
        return self._worker.play(share, weights, mine, held)

    def progress(self) -> tuple[int, int, int]:
        assert self._worker is not None
        return self._worker.progress()
