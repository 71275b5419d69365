"""As much of Ray as a training asks of it, without Ray: processes are threads here. `FAKE_RAY` says what goes wrong:
`refuses` has no cluster; `kills and exits` loses a process that plays the second share, and ends at the sixth, as Ray
does where the head is lost."""

import os
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace

exceptions = SimpleNamespace(RayError=type("RayError", (Exception,), {}))
util = SimpleNamespace(get_node_ip_address=lambda: "10.0.0.1")
_fault = os.environ.get("FAKE_RAY", "")
_plays = 0
_head = socket.socket()


def init(address, **options):
    assert options.get("log_to_driver") is False
    if _fault == "refuses":
        raise ConnectionError(f"nobody at {address}\nand a traceback")
    _head.bind(("127.0.0.1", 0))
    _head.listen()


def get_runtime_context():
    address = f"127.0.0.1:{_head.getsockname()[1]}"
    return SimpleNamespace(gcs_address=address, get_node_id=lambda: "n")


def cluster_resources():
    return {"CPU": 2.0}


def nodes():
    return [{"NodeID": "n", "Alive": True}]


def put(value):
    return SimpleNamespace(value=value)


def kill(handle):
    handle.alive = False


def shutdown():
    pass


def remote(**options):
    assert options["max_restarts"] == 0
    return lambda cls: SimpleNamespace(remote=lambda: _Handle(cls()))


class _Handle:
    def __init__(self, actor):
        self.actor = actor
        self.alive = True
        self.thread = ThreadPoolExecutor(1)

    def __getattr__(self, name):
        return SimpleNamespace(remote=lambda *arguments: self._call(name, arguments))

    def _call(self, name, arguments):
        values = [getattr(argument, "value", argument) for argument in arguments]
        future = self.thread.submit(self._done, name, values) if name != "progress" else Future()
        return SimpleNamespace(future=lambda: future)

    def _done(self, name, values):
        global _plays
        if name == "play":
            _plays += 1
            if _fault == "kills and exits" and _plays == 6:
                os._exit(1)
            if _fault == "kills and exits" and _plays == 2:
                self.alive = False
        if not self.alive:
            raise exceptions.RayError("The actor is dead because it was killed.")
        return getattr(self.actor, name)(*values)
