"""`selfplay.Run`: a run folder as typed lists, and as tables."""

import builtins
import json

import pytest
from optional import present

import selfplay
from selfplay.config import Config, to_toml
from selfplay.ledger import Ledger

MATCH = {
    "agent": "mcts:sims=64",
    "opponent": "rules",
    "evaluations": 10,
    "games": 20,
    "seconds": 1.5,
    "simulations": 64,
    "distinct_games": 100,
    "score_low": 0.0,
    "score_high": 1.0,
}
SCORES = {1: (1e12, [50, 0, 0, 0, 0]), 2: (1e13, [0, 0, 50, 0, 0]), 3: (1e14, [0, 0, 0, 0, 50])}


def match(generation, flops, pairs):
    points = sum(i * count for i, count in enumerate(pairs)) / 2
    result = {"wins": int(points), "draws": 0, "losses": int(100 - points), "pairs": pairs, "score": points / 100}
    return MATCH | result | {"generation": generation, "flops": flops}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.toml").write_text(to_toml(Config(game="connect4", seed=7)))
    lines = [
        {"generation": 1, "games": 5, "play_flops": 1e9, "learn_flops": 2e9, "train_flops": 3e9, "loss/value": 0.9},
        {"generation": 2, "games": 9, "play_flops": 2e9, "learn_flops": 4e9, "train_flops": 6e9, "loss/value": None},
    ]
    matches = [match(generation, *what) for generation, what in SCORES.items()]
    (tmp_path / "metrics.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in lines) + '{"generation": 3, "ga'
    )
    (tmp_path / "evals.jsonl").write_text("".join(json.dumps(line) + "\n" for line in matches))
    return tmp_path


def test_what_it_says(folder):
    run = selfplay.Run(str(folder))
    assert (run.config.game, run.config.seed, run.dir) == ("connect4", 7, folder)
    assert [line.generation for line in run.metrics] == [1, 2]  # a line that was cut off is none
    assert run.metrics[0]["loss/value"] == 0.9
    assert run.metrics[1]["loss/value"] is None
    assert run.metrics[1].ledger == Ledger(games=9, play_flops=2e9, learn_flops=4e9)
    assert run.metrics[1].ledger.train_flops == 6e9
    assert [line.score for line in run.evals] == [0.0, 0.5, 1.0]
    assert run.last["generation"] == 2
    assert repr(run) == f"<selfplay.Run {str(folder)!r} of connect4>"


def test_crossovers(folder):
    (crossing,) = selfplay.Run(folder).crossovers()
    assert (crossing.agent, crossing.opponent, crossing.status) == ("mcts:sims=64", "rules", "overtaken")
    assert 1e12 < crossing.flops_low < present(crossing.flops) < present(crossing.flops_high) < 1e14
    assert crossing.flops == pytest.approx(1e13, rel=0.2)  # half of the points there, and as far from either end


def test_an_empty_run(tmp_path):
    (tmp_path / "config.toml").write_text(to_toml(Config()))
    run = selfplay.Run(tmp_path)
    assert (run.metrics, run.evals, run.crossovers(), run.last) == ([], [], [], {})


def test_mistakes_are_named(tmp_path, folder):
    with pytest.raises(ValueError, match="nowhere is no run folder"):
        selfplay.Run(tmp_path / "nowhere")
    (folder / "evals.jsonl").write_text('{"generation": 1, "flops": "many"}\n')
    with pytest.raises(ValueError, match=r"evals\.jsonl, line 1: flops is a number, not 'many'"):
        _ = selfplay.Run(folder).evals


def test_tables(folder):
    pytest.importorskip("pandas")
    run = selfplay.Run(folder)
    assert run.evals.to_pandas()["score"].tolist() == [0.0, 0.5, 1.0]
    assert run.evals.to_pandas()["pairs"].tolist()[1] == [0, 0, 50, 0, 0]
    table = run.metrics.to_pandas()
    assert table["train_flops"].tolist() == [3e9, 6e9]
    assert table["loss/value"].isna().tolist() == [False, True]
    (row,) = run.crossovers().to_pandas().to_dict("records")
    assert row["status"] == "overtaken"
    assert "runs" not in row


def test_a_record_within_a_record_has_columns_of_its_own():
    pytest.importorskip("pandas")
    from selfplay.run.rows import MetricsLine, Rows

    table = Rows([MetricsLine({"generation": 1, "forecast": {"flops": 2.0}, "runs": [{"flops": 1.0}]})]).to_pandas()
    assert table.to_dict("records") == [{"generation": 1, "forecast_flops": 2.0}]


def test_tables_say_what_they_need(folder, monkeypatch):
    real = builtins.__import__

    def without_pandas(name, *args, **kwargs):
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name="pandas")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    with pytest.raises(ModuleNotFoundError, match=r"to_pandas needs pandas.*pip install pandas"):
        selfplay.Run(folder).evals.to_pandas()
