"""The count of skipped tests at the end of a run, and the option that fails a run for them."""

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


def run(folder, *options):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.fixture
def suite(tmp_path):
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    for name, content in SUITE.items():
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["one process", "workers"])
def test_a_run_counts_what_it_skipped_and_why(suite, workers):
    done = run(suite, *workers)
    assert done.returncode == 0, done.stdout
    assert "skipped: 4 (2 needs a harp, 1 needs CUDA, 1 needs no_such_package)" in done.stdout.replace(
        "1 needs no_such_package, 1 needs CUDA", "1 needs CUDA, 1 needs no_such_package"
    )


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["one process", "workers"])
def test_skips_that_could_be_mended_fail_a_full_run(suite, workers):
    done = run(suite, "--no-unseen-skips", *workers)
    assert done.returncode == 1
    assert "failed by --no-unseen-skips: needs a harp; needs no_such_package" in done.stdout


def test_a_full_run_may_skip_what_needs_a_gpu(suite):
    (suite / "test_whole.py").unlink()
    done = run(suite, "--no-unseen-skips", "-k", "not harp")
    assert done.returncode == 0
    assert "skipped: 1 (1 needs CUDA)" in done.stdout


def test_a_run_that_skips_nothing_says_so(suite):
    done = run(suite, "test_some.py::test_runs")
    assert (done.returncode, "skipped: 0\n" in done.stdout) == (0, True)
