"""The first thing that a person sees: before anything heavy is loaded, and while something is compiled."""

import contextlib
import itertools
import logging
import os
import pty
import re
import signal
import subprocess
import sys
import time

import pytest

from selfplay.report.terminal import starting

CHILD = """
import sys, time
from selfplay.report.terminal import starting
starting.begin({doing!r})
time.sleep({before})
import logging
for number in range(30):
    logging.getLogger("games.kernel").debug("function %d", number)
    time.sleep({each})
starting.end()
print("after", file=sys.stderr)
"""


def on_a_terminal(code, **environment):
    """What a process draws on a terminal of 80 columns, as (seconds since its start, text) as it comes."""
    above, below = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", **environment}
    environment.pop("NO_COLOR", None)
    began = time.monotonic()
    with subprocess.Popen([sys.executable, "-c", code], stderr=below, env=environment) as process:
        os.close(below)
        drawn = []
        while True:
            try:
                text = os.read(above, 4096).decode()
            except OSError:  # the other end is closed
                break
            if not text:
                break
            drawn.append((time.monotonic() - began, text))
        os.close(above)
    assert process.returncode == 0
    return drawn


def test_a_line_moves_from_the_first_moment_and_counts_what_is_compiled():
    drawn = on_a_terminal(CHILD.format(doing="rules thinks", before=0.5, each=0.03))
    said = "".join(text for _, text in drawn)
    assert re.search(r"⠋ rules thinks  0:00", drawn[0][1])
    frames = re.findall("[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]", said)
    assert len(frames) >= 6
    assert all(one != other for one, other in itertools.pairwise(frames))
    counts = [int(count) for count in re.findall(r"compiling rules and search, once: (\d+) of", said)]
    assert counts == sorted(counts)
    assert len(set(counts)) > 2
    assert re.search(r"about \d+ s left", said)
    assert said.rstrip().endswith("\x1b[2Kafter"), "the line is gone when somebody else prints"
    lines = re.split(r"\r|\n", said)
    assert max(len(re.sub(r"\x1b\[[0-9;]*[A-Z]", "", line)) for line in lines) < 80


def test_where_nothing_can_be_drawn_over_a_line_says_what_is_compiled():
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(doing="loading", before=0, each=0)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "after\n", "nobody waited"
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(doing="loading", before=0, each=0.1)],
        capture_output=True,
        text=True,
        check=True,
    )
    first, after = done.stderr.splitlines()
    assert re.fullmatch(r"compiling rules and search, once: \d+ of \d+ functions(, about \d+ s left)?", first)
    assert after == "after"


def test_nothing_is_said_where_nothing_is_compiled(capsys):
    starting.begin()
    time.sleep(0.3)
    starting.end()
    assert capsys.readouterr() == ("", "")
    assert not any(isinstance(each, starting._Line) for each in logging.getLogger("games.kernel").handlers)


@pytest.mark.parametrize(("flags", "shown"), [([], True), (["--quiet"], False)])
def test_train_begins_with_it_before_anything_is_loaded(flags, shown):
    code = (
        "import sys\n"
        "from selfplay import cli\nfrom selfplay.report.terminal import starting\n"
        "heavy = ('numpy', 'numba', 'torch', 'games', 'rich')\n"
        "starting.begin = lambda quiet: print(quiet, [name for name in heavy if name in sys.modules])\n"
        f"cli.guarded(['train', '--seed', 'x', *{flags}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{not shown} []"]


def test_about_as_many_functions_are_counted_as_are_compiled():
    """Those that training Connect Four loads; games that are made have some of their own."""
    code = (
        "import games.kernel as kernel\n"
        "count, report = [], kernel._report\n"
        "kernel._report = count.append\n"
        "import selfplay.train.trainer, selfplay.arena.referee, games\n"
        "from selfplay.players.make import make_agent\n"
        "make_agent('alphabeta:depth=2', games.make('connect4'))\n"
        "print(len(count))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == pytest.approx(starting._functions(), rel=0.2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_stopped_while_it_compiles_ends_at_once_with_a_line(tmp_path, number):
    """In a cache of its own, where nothing is compiled yet; on a terminal, so that it is seen when that begins."""
    run_dir = tmp_path / "run"
    command = [sys.executable, "-m", "selfplay", "train", "--config", "tiny", "--game", "tictactoe", "--run", run_dir]
    above, below = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment.pop("NUMBA_CACHE_DIR", None)
    heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731  # shells may ignore it for their children
    with subprocess.Popen(command, stderr=below, stdout=below, env=environment, preexec_fn=heed) as process:
        os.close(below)
        drawn = ""
        while not re.search(r"compiling rules and search, once: \d+ of", drawn):
            drawn += os.read(above, 4096).decode()
        process.send_signal(number)
        sent = time.monotonic()
        assert process.wait(60) == 128 + number
        assert time.monotonic() - sent < 3.0
    rest = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while more := os.read(above, 4096):
            rest += more
    os.close(above)
    name = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}[number]
    assert "Traceback" not in rest.decode()
    assert rest.decode().endswith(f"\r\x1b[2Kselfplay: stopped by {name}\r\n")
    assert not run_dir.exists()
