"""Learning that leaves all bounds is noticed in its generation, never saved, and answered at a lower rate."""

import json
import math

import numpy as np
import pytest
import torch
from optional import present

from selfplay import cli
from selfplay.network.weights import load_weights
from selfplay.report import page
from selfplay.run import checkpoint, folder, metrics
from selfplay.train import divergence, learner


@pytest.fixture(autouse=True)
def _no_pages(monkeypatch):
    """The report of a run takes longer than the run."""
    monkeypatch.setattr(page, "write", lambda run_dir: run_dir / "report.html")


def train(run_dir, *more, generations=3):
    command = [
        "train",
        "--config",
        "tiny",
        "--game",
        "tictactoe",
        "--run",
        str(run_dir),
        "--quiet",
        "--eval.per_decade",
    ]
    return cli.guarded([*command, "0", "--generations", str(generations), *more])


def lines(run_dir):
    clock = metrics.clock_names()
    return [
        {name: value for name, value in line.items() if name not in clock}
        for line in folder.read_lines(run_dir / folder.METRICS)
    ]


@pytest.mark.parametrize(
    ("policy", "value", "others", "expected"),
    [
        (1.95, 1.1, (3.2, 1.9), False),  # Connect Four as it begins
        (4.9, 4.0, (9.0, 900.0), False),
        (5.0, 1.1, (6.0, 1.9), True),  # log 7 = 1.95
        (1.95, 4.2, (6.0, 1.9), True),  # log 3 = 1.10
        (math.nan, 1.1, (3.2, 1.9), True),
        (1.95, math.nan, (3.2, 1.9), True),
        (1.95, 1.1, (3.2, math.inf), True),
    ],
)
def test_worse_than_guessing_by_three_nats_is_divergence(policy, value, others, expected):
    assert divergence.diverged(policy, value, others, 7) == expected


def test_a_run_that_cannot_learn_stops_with_a_remedy_that_works(tmp_path, capsys):
    for extra in ([], ["--learn.on_divergence", "stop"]):
        assert train(tmp_path / "r", "--learn.learning_rate", "1e6", *extra) == 2
        kept, line = capsys.readouterr().err.splitlines()
        assert kept == "nothing was kept"
        assert line.startswith("selfplay: learning diverged in generation 1 (loss ")
        assert line.endswith("; give the same command with --learn.learning_rate 0.002")
        assert not checkpoint.folders(tmp_path / "r")
    assert train(tmp_path / "r", "--learn.learning_rate", "0.002") == 0
    assert [line["learn/retreats"] for line in lines(tmp_path / "r")] == [0, 0, 0]


@pytest.fixture
def poisoned(monkeypatch):
    """The weights of the 9th step are no numbers, at the rate of the config."""
    step, poisons = learner.Learner._step, []

    def poisoning(self, batch, pool):
        losses = step(self, batch, pool)
        if self.steps == 9 and self.rate_share == 1.0:
            poisons.append(self.steps)
            with torch.no_grad():
                next(self.network.parameters()).fill_(np.nan)
            self._follow()
        return losses

    monkeypatch.setattr(learner.Learner, "_step", poisoning)
    return poisons


def test_it_returns_to_the_weights_before_at_a_quarter_of_the_rate(tmp_path, poisoned, capsys):
    assert train(tmp_path / "whole") == 0
    assert len(poisoned) == 1
    warning = capsys.readouterr().err.strip()
    found = lines(tmp_path / "whole")
    retreats = [line["learn/retreats"] for line in found]
    assert retreats[0] == 0
    assert retreats[-1] == 1
    first = retreats.index(1) + 1
    assert f"diverged in generation {first} " in warning
    rates = [line["learn/learning_rate"] * math.sqrt(1 + line["positions"] / 1e6) for line in found]
    assert rates == pytest.approx([0.002 / 4**n for n in retreats])
    for run_folder in checkpoint.folders(tmp_path / "whole").values():
        network, _ = load_weights(run_folder / checkpoint.WEIGHTS)
        assert divergence.finite(network.state_dict())
    steps = [0.0, *(line["samples"] / 16 for line in found)]
    in_vain = steps[first] - steps[first - 1]
    assert found[first - 1]["learn_flops"] == pytest.approx(
        found[0]["learn_flops"] / steps[1] * (steps[first] + in_vain)
    )

    for generations in (1, 2, 3):  # stopped after each generation, it goes on as if it had not been
        assert train(tmp_path / "parts", generations=generations) == 0
    assert lines(tmp_path / "parts") == found
    newest = [
        folders[3] / checkpoint.WEIGHTS for folders in map(checkpoint.folders, (tmp_path / "parts", tmp_path / "whole"))
    ]
    assert newest[0].read_bytes() == newest[1].read_bytes()


def test_a_run_changes_its_learning_rate_and_says_so(tmp_path):
    run_dir = tmp_path / "r"
    assert train(run_dir, generations=2) == 0
    assert train(run_dir, "--learn.learning_rate", "1e-3", generations=3) == 0
    assert present(folder.recorded_config(run_dir)).learn.learning_rate == 1e-3
    first, second = json.loads((run_dir / "meta.json").read_text())["sessions"]
    assert "changed" not in first
    assert second["changed"] == {"generations": [2, 3], "learn.learning_rate": [0.002, 0.001]}
    last = lines(run_dir)[-1]
    assert last["learn/learning_rate"] * math.sqrt(1 + last["positions"] / 1e6) == pytest.approx(1e-3)
