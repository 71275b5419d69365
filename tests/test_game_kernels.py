"""The rules' kernels in fresh processes: from a cold cache, a warm one, without numba, and with bounds checked."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import games
from games.game import wins_by_stepping

ROOT = Path(__file__).resolve().parent.parent
GAMES = [
    "connect4",
    "connect4:height=7,width=8",
    "gomoku:size=9,rule=standard",
    "tictactoe",
    "gomoku:size=7,rule=renju",
]

# Plays a few games and prints what the kernels answered.
PLAY = """
import json, sys, warnings
warnings.simplefilter("error")
import numpy as np
import games
answers = []
for name in json.loads(sys.argv[1]):
    game = games.make(name)
    rng = np.random.default_rng(3)
    for _ in range(3):
        state_W, status = game.initial(), games.ONGOING
        while status == games.ONGOING:
            legal = game.legal_actions(state_W)
            state_W, status = game.after(state_W, int(rng.choice(legal)))
            planes_PHW = game.planes_of(state_W)
            answers.append([name, legal.tolist(), state_W.tolist(), status, planes_PHW.tolist()])
print(json.dumps(answers))
"""

OUT_OF_RANGE = """
import numpy as np
import games
gomoku, connect4 = games.make("gomoku:size=9"), games.make("connect4")
mistakes = {
    "step": lambda: gomoku.step(gomoku.initial(), 64 * 5, gomoku.initial()),
    "legal": lambda: connect4.legal(connect4.initial(), np.zeros(6, np.uint8)),
    "observe": lambda: connect4.observe(connect4.initial(), np.zeros((4, 6, 6), np.float32)),
    "step, output too short": lambda: connect4.step(connect4.initial(), 0, np.zeros(2, np.uint64)),
}
for name, mistake in mistakes.items():
    try:
        mistake()
    except IndexError:
        continue
    raise SystemExit(f"{name}: an index out of range passed unseen")
print("all raised")
"""


def python(source, *arguments, cache, **environment):
    """stdout of a fresh interpreter that runs `source`."""
    run = subprocess.run(
        [sys.executable, "-c", source, *arguments],
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache)} | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def cold(tmp_path_factory):
    """The kernels' answers from a cold cache, and that cache."""
    cache = tmp_path_factory.mktemp("cache")
    return python(PLAY, json.dumps(GAMES), cache=cache), cache


def test_a_second_process_loads_what_the_first_compiled(cold):
    answers, cache = cold
    compiled = sorted(path.name for path in cache.rglob("*.nb*"))
    assert compiled
    assert python(PLAY, json.dumps(GAMES), cache=cache) == answers
    assert sorted(path.name for path in cache.rglob("*.nb*")) == compiled


def test_the_same_answers_without_numba(cold, tmp_path):
    """And no overflow: warnings are errors in this run."""
    assert python(PLAY, json.dumps(GAMES), cache=tmp_path, NUMBA_DISABLE_JIT="1") == cold[0]


@pytest.mark.parametrize("mode", ["NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"])
def test_an_index_out_of_range_raises_in_debug_runs(tmp_path, mode):
    assert python(OUT_OF_RANGE, cache=tmp_path, **{mode: "1"}).strip() == "all raised"


def test_the_same_answers_with_bounds_checked(cold, tmp_path):
    assert python(PLAY, json.dumps(GAMES), cache=tmp_path, NUMBA_BOUNDSCHECK="1") == cold[0]


_TWINS = """
import sys
import numpy as np, games
from selfplay.config import ReplayConfig
from selfplay.train.replay import Replay

boards = [games.make(name) for name in sys.argv[1:]]
for game in boards[::-1] if len(boards) > 1 else []:
    state_W, _ = game.after(game.initial(), 1)
    replay = Replay(game, ReplayConfig(minimum=1, capacity=4))
    policy_MA = np.zeros((1, game.actions), np.float32)
    replay.add(state_W[None], policy_MA, np.zeros((1, 3), np.float32), np.zeros(1, np.int8), np.array([-1]))
    batch = replay.sample(np.random.default_rng(0), 1, root_value_mix=0.0, symmetries=False)
    assert np.array_equal(batch.planes_BPHW[0], game.planes_of(state_W)), game.name
"""


def test_sizes_compiled_by_different_processes_do_not_run_each_others_code(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("NUMBA_CACHE_DIR", None)
    names = ["gomoku:size=7", "gomoku:size=5", "tictactoe"]
    for chosen in [[name] for name in names] + [names]:
        done = subprocess.run(
            [sys.executable, "-c", _TWINS, *chosen], env=environment, capture_output=True, text=True, timeout=200
        )
        assert done.returncode == 0, done.stderr


# The command line's own way to show a warning, and one game's kernels.
_ASK = """
import resource, signal, sys, warnings
from selfplay import cli
warnings.formatwarning = cli._in_one_line
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
if len(sys.argv) > 1:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
import games, games.kernel
game = games.make("tictactoe")
print(len(game.legal_actions(game.initial())), games.kernel.kept_in())
"""


@pytest.mark.parametrize(
    ("variable", "folder", "limit"),
    [("XDG_CACHE_HOME", "file/cache", []), ("NUMBA_CACHE_DIR", "file/cache", []), ("XDG_CACHE_HOME", "full", ["4000"])],
)
def test_without_a_place_for_compiled_code_it_is_compiled_after_one_warning(variable, folder, limit, tmp_path):
    """Nobody, root included, can make a folder in a file; and a disk is full after 4000 bytes."""
    (tmp_path / "file").write_text("")
    # Not watched by coverage, whose file would meet the full disk first.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    environment["PYTHONPATH"] = str(ROOT)
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", _ASK, *limit],
        cwd=tmp_path,
        env=environment | {variable: str(tmp_path / folder)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "9 None\n"
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"selfplay: warning: compiled code cannot be kept in {tmp_path / folder}")
    assert line.endswith(f"set {variable} to a folder that can be written to")


def test_a_kernel_of_another_signature_is_refused():
    """`step` where `legal` belongs, handed to a compiled function: it would be called with words that are none."""
    game = games.make("connect4")
    flags_A, next_W = np.zeros(game.actions, np.uint8), game.initial()
    assert wins_by_stepping(game.initial(), game.legal, game.step, flags_A, next_W) == 0
    if hasattr(game.step, "overloads"):  # compiled
        with pytest.raises(TypeError):
            wins_by_stepping(game.initial(), game.step, game.legal, flags_A, next_W)
