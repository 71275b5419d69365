"""Measuring the frontier: checkpoints at other numbers of simulations."""

import pytest
from web_server import a_run

from selfplay import cli
from selfplay.arena import store
from selfplay.run import checksums, folder

ARGV = ["--opponents", "random", "rules", "--games", "4", "--per_decade", "4"]


@pytest.fixture
def run_dir(tmp_path):
    return a_run(tmp_path, "r", matches=2)  # generations 1 and 2, at 2e12 and 4e12 FLOPs


def test_checkpoints_play_at_other_numbers_of_simulations(run_dir, capsys):
    before = (run_dir / folder.EVALS).read_bytes()
    assert cli.guarded(["measure", str(run_dir), "--frontier", "1", "3", *ARGV]) == 0
    lines = folder.read_lines(run_dir / folder.FRONTIER)
    every = {(n, g, o) for n in (1, 3) for g in (1, 2) for o in ("random", "rules")}
    assert [(line["simulations"], line["generation"], line["opponent"]) for line in lines] == sorted(every)
    for line in lines:
        assert line["agent"] == f"mcts:sims={line['simulations']}"
        assert (line["flops"], line["games"]) == ({1: 2e12, 2: 4e12}[line["generation"]], 100 * line["generation"])
        assert line["wins"] + line["draws"] + line["losses"] == 4 == 2 * sum(line["pairs"])
    assert (run_dir / folder.EVALS).read_bytes() == before
    out = capsys.readouterr().out
    assert out.splitlines()[-1].split()[:2] == ["mcts:sims=64", "rules"]  # the run's own, with the most simulations


def test_a_stopped_measurement_goes_on(run_dir, capsys):
    argv = ["measure", str(run_dir), "--frontier", "2", *ARGV]
    assert cli.guarded(argv) == 0
    whole = (run_dir / folder.FRONTIER).read_bytes()
    capsys.readouterr()
    assert cli.guarded(argv) == 0
    assert (run_dir / folder.FRONTIER).read_bytes() == whole
    assert "against" not in capsys.readouterr().out  # nothing was left to play
    first, *_, last = whole.splitlines(keepends=True)
    (run_dir / folder.FRONTIER).write_bytes(whole.removesuffix(last))
    checksums.place(run_dir / folder.FRONTIER).unlink()  # which would name what is lost
    assert cli.guarded(argv) == 0
    assert (run_dir / folder.FRONTIER).read_bytes() == whole
    assert first != last


def test_lines_that_were_lost_come_back_without_a_game(run_dir, monkeypatch):
    argv = ["measure", str(run_dir), "--frontier", "2", *ARGV]
    assert cli.guarded(argv) == 0
    whole = (run_dir / folder.FRONTIER).read_bytes()
    (run_dir / folder.FRONTIER).unlink()
    checksums.place(run_dir / folder.FRONTIER).unlink()
    monkeypatch.setattr(store, "play_match", lambda *_, **__: pytest.fail("played again"))
    assert cli.guarded(argv) == 0
    assert (run_dir / folder.FRONTIER).read_bytes() == whole


def test_a_run_that_goes_on_from_an_earlier_generation_forgets_what_came_after(run_dir):
    lines = [{"generation": generation, "agent": "mcts:sims=2"} for generation in (1, 2, 3)]
    folder.append(run_dir / folder.FRONTIER, lines)
    folder.rewind(run_dir, 2)
    assert folder.read_lines(run_dir / folder.FRONTIER) == lines[:2]


def test_mistakes(run_dir, capsys):
    assert cli.guarded(["measure", str(run_dir), "--frontier", "4", "0"]) == 2
    assert "--frontier takes numbers of simulations, at least 1, not 0" in capsys.readouterr().err
    assert not (run_dir / folder.FRONTIER).exists()
