"""`import selfplay`: quick, without the libraries that take seconds, and with every name where it should be."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SLOW = ("torch", "numba", "numpy", "matplotlib", "rich", "onnxruntime", "gymnasium", "pandas")
NAMES = ["Player", "Position", "PositionAnalysis", "Run", "compare", "match", "player", "train"]


def fresh(code: str) -> str:
    """What the code prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_takes_less_than_150_milliseconds():
    code = "import time; began = time.perf_counter(); import selfplay; print(time.perf_counter() - began)"
    assert min(float(fresh(code)) for _ in range(5)) < 0.15  # the quickest of five: the machine may be busy


@pytest.mark.parametrize("code", ["import selfplay", "import selfplay; dir(selfplay)"])
def test_import_loads_nothing_slow(code):
    loaded = fresh(f"{code}; import sys; print(*sys.modules)").split()
    assert not [name for name in SLOW if name in loaded]


def test_players_of_human_knowledge_load_no_torch():
    code = "import selfplay, sys; selfplay.player('rules', game='connect4').analyze(''); print('torch' in sys.modules)"
    assert fresh(code) == "False"


def test_names_are_listed_and_there():
    code = "import selfplay; print(*[name for name in selfplay.__all__ if callable(getattr(selfplay, name))])"
    assert fresh(code).split() == NAMES
    assert set(NAMES) <= set(fresh("import selfplay; print(*dir(selfplay))").split())


def test_unknown_names_are_refused_as_by_any_module():
    import selfplay

    with pytest.raises(AttributeError, match="module 'selfplay' has no attribute 'trian'"):
        selfplay.trian  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("first", ["", "from selfplay.train import trainer; "])
def test_train_is_a_function_though_a_folder_has_its_name(first):
    code = (
        f"{first}import selfplay\n"
        "try: selfplay.train('connect5')\n"
        "except ValueError as error: print(error)\n"
        "from selfplay.train import trainer; print(trainer.__name__)"
    )
    said, name = fresh(code).splitlines()
    assert "did you mean 'connect4'?" in said
    assert name == "selfplay.train.trainer"


def test_train_shows_its_signature():
    import selfplay

    assert list(inspect.signature(selfplay.train).parameters)[:2] == ["game", "minutes"]
