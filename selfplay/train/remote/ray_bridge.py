"""The process that speaks to Ray for a training, which never loads Ray itself.

Ray's library ends the process that uses it, without a word, where the head or the node of that process is lost; it puts
handlers of its own in the place of those for signals, and prints what any node complains of. So that process is this
one, and is nothing that would be missed. What travels through it are bytes that it does not look into.

Ray's defaults to know: an actor that died does not start again, a call is made at most once, an object dies with the
process that made it, and the death of the head ends the cluster.
"""

import importlib
import logging
import os
import pickle
import queue
import socket
import sys
import threading
import time
import traceback
from collections import OrderedDict
from multiprocessing.connection import Connection
from typing import Any

_PROGRESS_S = 1.0  # seconds between two questions to a process that plays
_HEAD_S = 2.0  # seconds between two looks at the head,
_ENDS_WITHIN_S = 5.0
_HEAD_MISSING_S = 6.0  # and for which it may be silent


class Remote:
    """A `Worker` in a process of Ray's. Its answers are bytes of what it returned, or raised."""

    def __init__(self) -> None:
        self._worker: Any = None

    def begin(self, setup: bytes) -> bytes:
        """The name and the address of its node, once it can play."""

        def begun() -> Any:
            from selfplay.train.remote.worker import Worker

            self._worker = Worker(pickle.loads(setup))
            ray = importlib.import_module("ray")
            return ray.get_runtime_context().get_node_id(), ray.util.get_node_ip_address()

        return _answer(begun)

    def play(self, share: bytes, weights: bytes, state: bytes | None, held: bool) -> bytes:
        def played() -> Any:
            games = None if state is None else pickle.loads(state)
            harvest, games = self._worker.play(pickle.loads(share), pickle.loads(weights), games, held)
            return harvest, games

        return _answer(played)

    def progress(self) -> tuple[int, int, int]:
        return self._worker.progress()


def _answer(function: Any) -> bytes:
    try:
        return pickle.dumps((True, function()), 5)
    except Exception as error:
        error.add_note(traceback.format_exc())
        try:
            return pickle.dumps((False, error))
        except Exception:
            return pickle.dumps((False, RuntimeError(repr(error))))


class Bridge:
    """What the training asks for, done with Ray, and what comes of it."""

    def __init__(self, ray: Any, pipe: Connection) -> None:
        self.ray = ray
        self._pipe = pipe
        self._lock = threading.Lock()
        self._answers: queue.SimpleQueue[tuple[str, int, Any]] = queue.SimpleQueue()
        self._handles: dict[int, Any] = {}
        self._busy: set[int] = set()
        self._asked: set[int] = set()
        self._weights: OrderedDict[int, Any] = OrderedDict()
        self._kept = 2
        context = ray.get_runtime_context()
        self.address: str = context.gcs_address
        self._node = context.get_node_id()

    def tell(self, *what: Any) -> None:
        with self._lock:
            self._pipe.send(what)

    def pool(self, setup: bytes, gpus: int, kept: int) -> None:
        """Processes of another run, of whose weights the newest `kept` versions are of use."""
        self._setup, self._kept = self.ray.put(setup), kept
        options = {"num_cpus": 1, "num_gpus": gpus, "max_restarts": 0, "max_concurrency": 2}
        self._actor = self.ray.remote(**options, scheduling_strategy="SPREAD")(Remote)

    def cores(self) -> None:
        self.tell("cores", int(self.ray.cluster_resources().get("CPU", 0)))

    def publish(self, version: int, weights: bytes) -> None:
        """One object for all processes of a node."""
        self._weights[version] = self.ray.put(weights)
        while len(self._weights) > self._kept:
            self._weights.popitem(last=False)

    def start(self, worker: int) -> None:
        handle = self._handles[worker] = self._actor.remote()
        self._hear("started", worker, handle.begin.remote(self._setup))

    def submit(self, worker: int, share: bytes, version: int, state: bytes | None, held: bool) -> None:
        if worker in self._handles:  # else its loss is told already
            self._busy.add(worker)
            reference = self._handles[worker].play.remote(share, self._weights[version], state, held)
            self._hear("played", worker, reference)

    def end(self) -> None:
        """End all processes."""
        handles, self._handles = self._handles, {}
        self._busy.clear()
        for handle in handles.values():
            self.ray.kill(handle)

    def _hear(self, kind: str, worker: int, reference: Any) -> None:
        # The callback runs in a thread of Ray's, in which anything of Ray's would wait for itself.
        reference.future().add_done_callback(lambda future: self._answers.put((kind, worker, future)))

    def answer(self) -> None:
        """Tell what processes answer, and who is lost."""
        while True:
            kind, worker, future = self._answers.get()
            (self._asked if kind == "progress" else self._busy).discard(worker)
            try:
                self.tell(kind, worker, future.result())
            except self.ray.exceptions.RayError as error:
                handle = None if kind == "progress" else self._handles.pop(worker, None)
                if handle is not None:
                    self.tell("lost", worker, f"{type(error).__name__}: {_reason(str(error))}")
                    self.ray.kill(handle)  # it may live, and not be heard
            except OSError:
                return  # nobody listens any more

    def ask(self) -> None:
        """How far those are who play; of each once until it answers."""
        for worker in [*self._busy - self._asked]:
            if handle := self._handles.get(worker):
                self._asked.add(worker)
                self._hear("progress", worker, handle.progress.remote())

    def watch(self) -> None:
        """Until the head is lost, or the node of this process: Ray would wait for a minute."""
        answered = time.monotonic()
        host, _, port = self.address.rpartition(":")
        while True:
            time.sleep(_HEAD_S)
            try:
                socket.create_connection((host.strip("[]"), int(port)), timeout=_HEAD_S).close()
            except OSError:
                if time.monotonic() - answered >= _HEAD_MISSING_S:
                    self.tell("gone", f"the head of the Ray cluster at {self.address} is gone")
                    return
                continue
            answered = time.monotonic()
            if not any(node["NodeID"] == self._node and node["Alive"] for node in self.ray.nodes()):
                self.tell("gone", f"this machine is no node of the Ray cluster at {self.address} any more")
                return


def _reason(text: str) -> str:
    """Why a process died, of what Ray tells in many lines."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(line for line in lines if "dead because" in line or "died" in line)[:300] or "".join(lines[:1])


def _end_with(training: int) -> None:
    """End soon after the training, whatever Ray waits for."""
    while os.getppid() == training:
        time.sleep(1.0)
    time.sleep(_ENDS_WITHIN_S)
    os._exit(1)


def main(descriptor: int) -> None:
    """Serve the training at the other end of the pipe until that ends."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    pipe = Connection(descriptor)
    address, options = pipe.recv()
    try:
        ray = importlib.import_module("ray")
        quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL}
        ray.init(address=address or "local", **quiet, **options)
    except Exception as error:  # of many kinds
        where = f"no Ray cluster answers at {address}" if address else "no Ray cluster can be started here"
        pipe.send(("refused", f"{where}: {str(error).strip().partition(chr(10))[0]:.200}"))
        return
    bridge = Bridge(ray, pipe)
    bridge.tell("connected", bridge.address)
    for background in (bridge.watch, bridge.answer):
        threading.Thread(target=background, daemon=True).start()
    asked = time.monotonic()
    try:
        while True:
            if pipe.poll(_PROGRESS_S):
                name, *arguments = pipe.recv()
                getattr(bridge, name)(*arguments)
            if time.monotonic() - asked >= _PROGRESS_S:
                asked = time.monotonic()
                bridge.ask()
    except (EOFError, OSError):  # the training is over, or was killed
        timer = threading.Timer(_ENDS_WITHIN_S, os._exit, (1,))  # should Ray wait for what is not there any more
        timer.daemon = True
        timer.start()
        bridge.end()
        ray.shutdown()


if __name__ == "__main__":
    from selfplay.train.remote import ray_bridge  # whose classes processes elsewhere can import

    ray_bridge.main(int(sys.argv[1]))
