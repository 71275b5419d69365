"""The real loop, from the command line, killed again and again: it goes on as if it had never stopped."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from optional import present

from games import record
from selfplay import cli
from selfplay.run import checkpoint, metrics
from selfplay.run import folder as runs

KILLS = int(os.environ.get("SELFPLAY_KILLS", "5"))  # at random moments; `make fuzz` has 200
GENERATIONS = max(40, 5 * KILLS)  # long enough that a signal finds the run still going, on a fast machine too
SETTINGS = ["--config", "tiny", "--game", "tictactoe", "--generations", str(GENERATIONS), "--eval.per_decade", "3"]
SETTINGS += ["--search.first_simulations", "2", "--search.growth_positions", "1000", "--play.max_opening_value", "0.05"]
STARTS_WITHIN_S = 120  # a cold kernel cache is compiled first


def command(run_dir):
    return [sys.executable, "-m", "selfplay", "train", *SETTINGS, "--run", str(run_dir), "--quiet"]


def train(run_dir):
    return subprocess.run(command(run_dir), capture_output=True, text=True, check=False)


def wait_for(process, generation, run_dir):
    """Until the checkpoint of `generation` is there, or the process has ended."""
    deadline = time.monotonic() + STARTS_WITHIN_S
    while process.poll() is None and max(checkpoint.folders(run_dir), default=0) < generation:
        assert time.monotonic() < deadline, "no checkpoint in time"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("unbroken") / "r"
    done = train(run_dir)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"report: {run_dir / 'report.html'}"]
    return run_dir


def outcome(run_dir):
    """All that a run wrote, apart from the clock: its lines, and the bytes of every weights file."""
    clock = metrics.clock_names()
    lines = [
        {key: value for key, value in line.items() if key not in clock}
        for line in runs.read_lines(run_dir / runs.METRICS)
    ]
    matches = [
        {key: value for key, value in line.items() if key != "seconds"}
        for line in runs.read_lines(run_dir / runs.EVALS)
    ]
    weights = {n: (folder / checkpoint.WEIGHTS).read_bytes() for n, folder in checkpoint.folders(run_dir).items()}
    return lines, matches, weights


def assert_same_outcome(run_dir, unbroken):
    for found, expected in zip(outcome(run_dir), outcome(unbroken), strict=True):
        assert found == expected
    assert (run_dir / runs.LATEST).read_bytes() == (unbroken / runs.LATEST).read_bytes()


def test_an_unbroken_run_writes_every_generation_once(unbroken):
    lines, matches, weights = outcome(unbroken)
    assert [line["generation"] for line in lines] == list(range(1, GENERATIONS + 1))
    assert sorted(weights) == list(range(1, GENERATIONS + 1))
    assert {match["agent"] for match in matches} == {"mcts:sims=2", "net"}
    assert matches[-1]["generation"] == GENERATIONS
    (latest,) = record.read(unbroken / runs.LATEST)
    assert latest.note == f"generation {GENERATIONS}"
    for name in lines[0].keys() - {"generation"}:
        assert metrics.describe(name).meaning
    assert len({line["loss/total"] for line in lines}) == GENERATIONS
    assert {line["play/simulations"] for line in lines} == {2, 3, 4}
    assert max(line["games/redrawn_openings"] for line in lines) > 0
    assert "selfplay.knowledge" not in json.loads((unbroken / "meta.json").read_text())["sessions"][0]["modules"]


def test_killed_at_random_moments_it_ends_as_if_unbroken(tmp_path, unbroken):
    seed = time.time_ns() % 2**32
    print(f"seed {seed}")  # shown when the test fails
    rng = random.Random(seed)
    run_dir = tmp_path / "r"
    for _ in range(KILLS):
        process = subprocess.Popen(command(run_dir), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        reached = max(checkpoint.folders(run_dir), default=0)
        ahead = rng.randint(0, 3)
        wait_for(process, reached + ahead, run_dir)
        time.sleep(rng.uniform(0, 0.2 if ahead else 4))  # without a new checkpoint: while it starts and reads
        process.kill()
        _, error = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), error
    done = train(run_dir)
    assert done.returncode == 0, done.stderr
    assert_same_outcome(run_dir, unbroken)


COUNTED = """
import os, sys
before, folder = int(sys.argv.pop(1)), sys.argv.pop(1)
seen = 0
def count(event, arguments):
    global seen
    changes = event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")
    if event == "open":
        changes = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
    if changes and str(arguments[0]).startswith(folder):
        if seen == before:
            os.kill(os.getpid(), 9)
        seen += 1
sys.addaudithook(count)
from selfplay.cli import main
try:
    main()
finally:
    print(seen, file=sys.stderr)
"""
"""a training that is killed before its n-th change of a file or folder of the run; it says how many there are"""


def test_killed_before_any_change_of_a_file_it_ends_as_if_unbroken(tmp_path):
    """Before a file is opened to be written, renamed or deleted, and before a folder comes or goes."""
    short = ["--generations", "2", "--eval.final_games", "4"]

    def counted(run_dir, before):
        killing = [sys.executable, "-c", COUNTED, str(before), str(run_dir), *command(run_dir)[3:], *short]
        return subprocess.run(killing, capture_output=True, text=True, check=False)

    whole = tmp_path / "whole"
    done = counted(whole, -1)
    assert done.returncode == 0, done.stderr
    changes = int(done.stderr.split()[-1])
    assert changes > 40
    for before in random.sample(range(changes), min(changes, KILLS)):
        run_dir = tmp_path / str(before)
        assert counted(run_dir, before).returncode == -signal.SIGKILL, before
        again = counted(run_dir, -1)
        assert again.returncode == 0, (before, again.stderr)
        assert_same_outcome(run_dir, whole)


def test_killed_in_the_matches_at_the_end_nothing_is_lost(tmp_path, unbroken):
    """After each match once; what was learned and played stays, and the rest is as if unbroken."""
    run_dir, code = (
        tmp_path / "r",
        (
            "import os, sys\n"
            "from selfplay.run import session\n"
            "write, left = session.OpenRun.record_matches, [int(sys.argv.pop(1))]\n"
            "def record(run, lines):\n"
            "    write(run, lines)\n"
            f"    left[0] -= bool(lines) and lines[0].generation == {GENERATIONS}\n"
            "    if left[0] == 0: os.kill(os.getpid(), 9)\n"
            "session.OpenRun.record_matches = record\n"
            "from selfplay.cli import main; main()"
        ),
    )
    ladder = ["--eval.opponents", "random", "rules"]
    whole = tmp_path / "whole"
    assert subprocess.run([*command(whole), *ladder], check=False).returncode == 0
    last = sum(match["generation"] == GENERATIONS for match in outcome(whole)[1])
    assert last == 4
    for number in range(1, last + 1):
        killing = [sys.executable, "-c", code, "1", *command(run_dir)[3:], *ladder]
        done = subprocess.run(killing, capture_output=True, text=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr
        found = [match for match in outcome(run_dir)[1] if match["generation"] == GENERATIONS]
        assert found == outcome(whole)[1][-last:][:number]
        assert max(checkpoint.folders(run_dir)) == GENERATIONS
        assert len(outcome(run_dir)[0]) == GENERATIONS - 1

    def written():
        found = checkpoint.folders(run_dir).items()
        return {number: (folder / checkpoint.MANIFEST).stat().st_mtime_ns for number, folder in found}

    before = written()
    done = subprocess.run([*command(run_dir), *ladder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert_same_outcome(run_dir, whole)
    for name in (runs.CROSSOVER, runs.OVERTAKEN):
        assert (run_dir / name).exists() == (whole / name).exists()
    changed = [number for number, when in written().items() if when != before[number]]
    assert changed == [GENERATIONS], "its mark, and nothing else"
    assert not (run_dir / runs.WON).exists()
    assert not (run_dir / runs.ACTIVITY).exists()


def test_a_run_that_is_done_stays_as_it_is(unbroken):
    before = outcome(unbroken)
    again = train(unbroken)
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines() == [f"report: {unbroken / 'report.html'}"]
    assert outcome(unbroken) == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_by_a_signal_it_stops_at_once_and_goes_on_later(tmp_path, unbroken, number, code):
    run_dir = tmp_path / "r"
    process = subprocess.Popen(
        command(run_dir),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Shells start background jobs with SIGINT ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_for(process, 2, run_dir)
    process.send_signal(number)
    began = time.monotonic()
    out, error = process.communicate(timeout=60)
    assert time.monotonic() - began < 10
    assert (process.returncode, out) == (code, "")
    lines = error.splitlines()
    assert len(lines) == 2, error
    assert lines[0].endswith("the same command goes on from there")
    assert lines[1].startswith("selfplay: stopped by")
    done = train(run_dir)
    assert done.returncode == 0, done.stderr
    assert_same_outcome(run_dir, unbroken)


def test_a_full_disk_costs_a_line_and_nothing_else(tmp_path, unbroken):
    """For real: the process may write no file past a size that only the replay buffer of later generations reaches."""
    run_dir = tmp_path / "r"
    limit = (unbroken / "checkpoints" / f"{GENERATIONS:06d}" / "replay.npz").stat().st_size * 85 // 100
    code = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        f"sys.argv = {command(run_dir)[2:]!r}; from selfplay.cli import main; main()"
    )
    unwatched = {
        name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")
    }  # its file is large
    done = subprocess.run([sys.executable, "-c", code], env=unwatched, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    *warnings, kept, line = done.stderr.splitlines()
    assert all("does not learn" in warning for warning in warnings), "so small a network"
    assert "is kept; the same command goes on from there" in kept
    assert line.startswith(f"selfplay: {run_dir}")
    assert line.endswith("File too large")
    assert present(checkpoint.newest(run_dir, checkpoint.STATE)).generation >= 1
    finished = train(run_dir)
    assert finished.returncode == 0, finished.stderr
    assert_same_outcome(run_dir, unbroken)


def test_other_settings_do_not_touch_the_run(unbroken, capsys):
    before = outcome(unbroken)
    for extra, said in (
        (["--game", "connect4"], "was begun with game = "),
        (["--seed", "5"], "was begun with seed = 0, which cannot become 5"),
        (["--search.simulations", "5"], "was begun with search.simulations = 4, which cannot become 5"),
    ):
        assert cli.guarded([*command(unbroken)[3:], *extra]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
    assert outcome(unbroken) == before
