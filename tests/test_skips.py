"""The count of skipped tests at the end of a run, and the option that fails a run for them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parent / "conftest.py"
SUITE = {
    "test_some.py": """
import pytest

def test_runs(): pass

@pytest.mark.skip(reason="needs CUDA")
def test_graph(): pass

@pytest.mark.skip(reason="needs a harp")
@pytest.mark.parametrize("i", range(2))
def test_harp(i): pass
""",
    "test_whole.py": """
import pytest

pytest.importorskip("no_such_package", reason="needs no_such_package")

def test_never(): pass
""",
}

COUNTED = re.compile(
    r"skipped: 4 \(2 needs a harp, (1 needs CUDA, 1 needs no_such_package|1 needs no_such_package, 1 needs CUDA)\)"
)


def run(folder, *options):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # what is loaded besides takes the most of the time
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, env=alone)


@pytest.fixture
def suite(tmp_path):
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    for name, content in SUITE.items():
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.mark.parametrize("workers", [[], ["-p", "xdist", "-n", "2"]], ids=["one process", "workers"])
def test_a_full_run_counts_what_it_skipped_and_why_and_fails_for_what_could_be_mended(suite, workers):
    done = run(suite, "--no-unseen-skips", *workers)
    assert done.returncode == 1
    assert "failed by --no-unseen-skips: needs a harp; needs no_such_package" in done.stdout
    assert COUNTED.search(done.stdout)


def test_any_other_run_counts_them_and_passes(suite):
    done = run(suite)
    assert done.returncode == 0, done.stdout
    assert COUNTED.search(done.stdout)


def test_a_full_run_may_skip_what_needs_a_gpu(suite):
    (suite / "test_whole.py").unlink()
    done = run(suite, "--no-unseen-skips", "-k", "not harp")
    assert done.returncode == 0
    assert "skipped: 1 (1 needs CUDA)" in done.stdout


def test_a_run_that_skips_nothing_says_so(suite):
    done = run(suite, "test_some.py::test_runs")
    assert (done.returncode, "skipped: 0\n" in done.stdout) == (0, True)
