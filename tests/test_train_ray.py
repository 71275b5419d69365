"""Trainings on a Ray cluster of two nodes, which stand on this machine: killed in every part, at random moments."""

import json
import os
import random
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from selfplay.run import checkpoint, metrics
from selfplay.run import folder as runs

KILLS = int(os.environ.get("SELFPLAY_RAY_KILLS", "0"))  # of each kind; `make fuzz` has 10. One takes minutes
SETTINGS = ["--config", "tiny", "--game", "tictactoe", "--threads", "2", "--eval.per_decade", "0"]
STARTS_WITHIN_S = 180  # a cold kernel cache is compiled first
ENDS_WITHIN_S = 300 * max(1, KILLS)
ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "5e1f" * 16}

pytestmark = [
    pytest.mark.timeout(900 * KILLS),
    pytest.mark.skipif(not KILLS or find_spec("ray") is None, reason="needs Ray, and time"),
]


class TwoNodes:
    """A head and a node, each with one core, as two machines would be."""

    def __init__(self, log):
        self.log = log
        self.started = []
        self.start()

    def start(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        self.head = self._node("--head", f"--port={port}", "--include-dashboard=false", "--disable-usage-stats")
        deadline = time.monotonic() + STARTS_WITHIN_S
        while "Ray runtime started" not in self.log.read_text():  # on a busy machine it may give up
            if self.head.poll() is not None:
                self.end()
                return self.start()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)
        self.log.write_text("")
        self.add()

    def add(self):
        self.node = self._node(f"--address={self.address}")

    def _node(self, *arguments):
        ray_command = Path(sys.executable).with_name("ray")
        common = ["--block", "--num-cpus=1", "--object-store-memory=100000000", "--node-ip-address=127.0.0.1"]
        with self.log.open("a") as log:
            started = subprocess.Popen([ray_command, "start", *arguments, *common], stdout=log, stderr=log)
        self.started.append(started)
        return started

    def end(self):
        for one in self.started:
            if one.poll() is None:
                for process in psutil.Process(one.pid).children(recursive=True):
                    end(process)
                one.kill()
            one.wait()
        self.started.clear()


def end(process):
    with suppress(psutil.NoSuchProcess):
        process.kill()


def parts_of(node, *names):
    """Processes of a node by how their names begin."""
    return [child for child in psutil.Process(node.pid).children(recursive=True) if child.name().startswith(names)]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        found = TwoNodes(tmp_path_factory.mktemp("ray") / "log")
        yield found
        found.end()


@contextmanager
def training(run_dir, address, *more):
    command = [sys.executable, "-m", "selfplay", "train", *SETTINGS, "--run", str(run_dir), "--quiet", *more]
    if address:
        command += ["--ray", address]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
        finally:
            process.kill()


def reached(run_dir):
    return max(checkpoint.folders(run_dir), default=0)


def wait_for(process, run_dir, generation):
    deadline = time.monotonic() + STARTS_WITHIN_S
    while process.poll() is None and reached(run_dir) < generation:
        assert time.monotonic() < deadline, "no checkpoint in time"
        time.sleep(0.01)


def finished(process):
    out, err = process.communicate(timeout=ENDS_WITHIN_S)
    assert process.returncode == 0, err
    assert all(line.startswith("selfplay: warning: ") for line in err.splitlines()), "nothing of Ray's is seen"
    assert len(out.splitlines()) == 1 and out.startswith("report: ")


def outcome(run_dir):
    """All that a run wrote, apart from the clock and from who played."""
    clock = metrics.clock_names()
    lines = [
        {k: v for k, v in line.items() if k not in clock and not k.startswith(("pool/", "node_"))}
        for line in runs.read_lines(run_dir / runs.METRICS)
    ]
    weights = {n: (folder / checkpoint.WEIGHTS).read_bytes() for n, folder in checkpoint.folders(run_dir).items()}
    return lines, weights, (run_dir / runs.LATEST).read_bytes()


@pytest.fixture(scope="module")
def generations():
    return 40 * KILLS


@pytest.fixture(scope="module")
def local(tmp_path_factory, generations):
    run_dir = tmp_path_factory.mktemp("local") / "r"
    with training(run_dir, "", "--generations", str(generations)) as process:
        finished(process)
    return outcome(run_dir)


def processes_that_play():
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if (process.info["cmdline"] or [""])[0].startswith("ray::Remote"):
            found.append(process)
    return found


def none_left():
    deadline = time.monotonic() + 30
    while processes_that_play() and time.monotonic() < deadline:
        time.sleep(0.1)
    return not processes_that_play()


def killed_while_it_runs(nodes, run_dir, generations, kill):
    """One training, in which `kill` is called a few times at random moments."""
    rng = random.Random(time.time_ns())
    delays = []
    with training(run_dir, nodes.address, "--generations", str(generations)) as process:
        for n in range(KILLS):
            wait_for(process, run_dir, max(reached(run_dir), 1 + n * generations // KILLS))
            time.sleep(rng.uniform(0, 0.3))
            at = reached(run_dir)
            assert process.poll() is None and at < generations, "killed while it runs"
            kill(rng)
            began = time.monotonic()
            wait_for(process, run_dir, min(generations, at + 2))
            delays.append(time.monotonic() - began)
        finished(process)
    print("seconds to the second generation after it:", [round(delay, 1) for delay in delays])
    return outcome(run_dir)


def test_a_killed_process_leaves_no_trace(nodes, tmp_path, local, generations):
    def kill(rng):
        found = processes_that_play()
        assert found
        end(rng.choice(found))

    assert killed_while_it_runs(nodes, tmp_path / "r", generations, kill) == local
    lines = runs.read_lines(tmp_path / "r" / runs.METRICS)
    assert lines[-1]["pool/lost"] >= KILLS and max(line["pool/nodes"] for line in lines) == 2
    assert none_left()


def test_a_killed_node_leaves_no_trace_and_another_takes_its_place(nodes, tmp_path, local, generations):
    def kill(rng):
        (raylet,) = parts_of(nodes.node, "raylet")
        end(raylet)
        nodes.add()

    assert killed_while_it_runs(nodes, tmp_path / "r", generations, kill) == local
    assert none_left()


def test_a_killed_learner_goes_on(nodes, tmp_path, local, generations):
    rng = random.Random(time.time_ns())
    run_dir = tmp_path / "r"
    for n in range(KILLS):
        with training(run_dir, nodes.address, "--generations", str(generations)) as process:
            wait_for(process, run_dir, 1 + n * generations // KILLS)
            time.sleep(rng.uniform(0, 0.3))
            process.kill()
        assert none_left(), "its processes end with it"
    with training(run_dir, nodes.address, "--generations", str(generations)) as process:
        finished(process)
    assert outcome(run_dir) == local
    told = json.loads((run_dir / runs.META).read_text())["sessions"]
    assert 1 < len(told) <= KILLS + 1


def test_a_killed_head_ends_the_run_with_a_line_and_the_same_command_goes_on(nodes, tmp_path, local, generations):
    rng = random.Random(time.time_ns())
    run_dir = tmp_path / "r"
    for n in range(KILLS):
        with training(run_dir, nodes.address, "--generations", str(generations)) as process:
            wait_for(process, run_dir, 1 + n * generations // KILLS)
            time.sleep(rng.uniform(0, 0.3))
            kept = reached(run_dir)
            began = time.monotonic()
            for part in parts_of(nodes.head, "gcs_server", "raylet"):
                end(part)
            _, err = process.communicate(timeout=STARTS_WITHIN_S)
            print("seconds:", round(time.monotonic() - began, 1), err)
            if process.returncode:
                assert process.returncode == 2, err
                kept_line, reason = err.splitlines()[-2:]
                assert "is kept; the same command goes on from there" in kept_line
                assert reason.startswith("selfplay: ") and "Ray cluster at" in reason
            assert reached(run_dir) >= kept
        nodes.end()
        nodes.start()
    with training(run_dir, "", "--generations", str(generations)) as process:  # or without Ray
        finished(process)
    assert outcome(run_dir) == local
