"""Whatever was done to a file of a run, commands and the server answer in words: see tests/damages.py."""

import os
import shutil

import pytest

pytest.importorskip("starlette")

import damages

from selfplay.run import read

CASES = int(os.environ.get("SELFPLAY_DAMAGES", "150"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return damages.a_run(tmp_path_factory.mktemp("whole") / "r")


def test_commands_answer_in_words(whole, tmp_path):
    assert len(damages.Damages(whole, tmp_path / "a").files) > 25
    wrong = [f"{number} {case}: {said}" for said, number, case in damages.many(whole, tmp_path / "b", CASES, seed=9)]
    assert wrong == []


@pytest.mark.parametrize("command", damages.COMMANDS)
def test_a_whole_run_is_answered(whole, tmp_path, command):
    """What is wrong with a damaged one is not wrong with all."""
    run_dir = shutil.copytree(whole, tmp_path / "runs" / "r")
    other = shutil.copytree(whole, tmp_path / "runs" / "other")
    assert damages.asked(command, run_dir, other, tmp_path, well=True) == ""


def test_a_traceback_would_be_noticed(whole, tmp_path, monkeypatch):
    def fails(*args):
        raise KeyError("generation")

    monkeypatch.setattr(read, "evals", fails)
    wrong = [said for said, _, _ in damages.many(whole, tmp_path, 3, seed=1, only="crossover")]
    assert len(wrong) == 3 and all("KeyError: 'generation'" in said for said in wrong)
