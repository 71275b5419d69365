"""Runs that begin with what another run has learned: its weights and its costs, and nothing else of it."""

import dataclasses
import json
import shutil

import pytest
import torch
from networks import save_weights

import games
from selfplay import cli
from selfplay.commands import train as train_command
from selfplay.config import Config, LearnConfig, NetworkConfig, PlayConfig, SearchConfig
from selfplay.ledger import Ledger
from selfplay.network.architectures import build
from selfplay.network.weights import load_weights
from selfplay.run import checkpoint, folder
from selfplay.train import initial
from selfplay.train.pool import LocalPool
from selfplay.train.trainer import Trainer

SMALL, LARGE = "gomoku:size=4,k=3", "gomoku:size=5,k=3"
TOTALS = [item.name for item in dataclasses.fields(Ledger)]


def train(run_dir, game, *more):
    """A tiny run from the command line; its exit code."""
    argv = ["train", "--config", "tiny", "--game", game, "--run", str(run_dir), "--eval.per_decade", "0", "--quiet"]
    return cli.guarded([*argv, "--network.architecture", "resnet:2x4", *more])


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("initial") / "small"
    assert train(run_dir, SMALL, "--generations", "2") == 0
    return run_dir


def weights_of(run_dir, generation):
    return checkpoint.resolve(f"{run_dir}@{generation}").read_bytes()


def numbers(network):
    return torch.cat([tensor.flatten().double() for tensor in network.state_dict().values()])


def test_a_run_begins_with_the_weights_of_another_board(small, tmp_path):
    game = games.make(LARGE)
    found = initial.find(f"{small}@1", game, "resnet:2x4")
    settings = Config(game=LARGE, init="there", device="cpu", network=NetworkConfig(architecture="resnet:2x4"))
    trainer = Trainer(game, settings, LocalPool(game, settings), initial=found)
    saved, _ = load_weights(checkpoint.resolve(f"{small}@1"))
    assert torch.equal(numbers(trainer.learner.average), numbers(saved))
    assert torch.equal(numbers(trainer.learner.network), numbers(saved))
    assert not torch.equal(numbers(saved), numbers(load_weights(checkpoint.resolve(f"{small}@2"))[0]))
    assert trainer.replay.added == trainer.learner.steps == trainer.number == 0


def test_what_the_weights_cost_counts_in_the_totals(small, tmp_path):
    """Of a generation's line, of every match, and of what begins with this run in turn."""
    assert train(tmp_path / "large", LARGE, "--init", f"{small}@1", "--generations", "2") == 0
    assert train(tmp_path / "again", SMALL, "--init", str(tmp_path / "large"), "--generations", "1") == 0
    first = folder.read_lines(small / folder.METRICS)[0]
    large, again = (folder.read_lines(tmp_path / name / folder.METRICS) for name in ("large", "again"))
    saved = tmp_path / "large/checkpoints/000002"
    own = json.loads((saved / "state.json").read_text())["ledger"]
    own |= json.loads((saved / checkpoint.MEASURED).read_text())  # the time of its matches, which came after
    for name in TOTALS:
        assert large[-1][name] == pytest.approx(first[name] + own[name])
    assert large[-1]["train_flops"] == pytest.approx(large[-1]["play_flops"] + large[-1]["learn_flops"])
    assert again[0]["samples"] > large[-1]["samples"] > first["samples"] > 0
    for line in folder.read_lines(tmp_path / "large" / folder.EVALS):
        assert line["flops"] == large[-1]["train_flops"]
    assert large[-1]["learn/reuse"] == pytest.approx(own["samples"] / own["positions"])
    told = json.loads((tmp_path / "large/meta.json").read_text())["initial_weights"]
    assert (told["game"], told["weights"]) == (SMALL, str(small / "checkpoints/000001/weights.safetensors"))
    assert told["spent"] == {name: first[name] for name in TOTALS}


def test_limits_look_at_the_run_alone(tmp_path):
    """The parent took an hour and 1e12 FLOPs; a minute and 1e9 FLOPs are still to come, and warm-up with them."""
    game = games.make("tictactoe")
    spent = Ledger(play_flops=1e12, play_seconds=3600.0, positions=10**9)
    found = initial.InitialWeights(weights=tmp_path, network=build(game, "mlp:1x8"), game=game.name, spent=spent)
    settings = Config(
        game="tictactoe",
        init="there",
        minutes=1,
        flops=1e9,
        device="cpu",
        search=SearchConfig(simulations=8, first_simulations=4, cache_bits=0),
        play=PlayConfig(games=4, positions=20),
        network=NetworkConfig(architecture="mlp:1x8", dtype="float32"),
        learn=LearnConfig(batch=8),
    )
    trainer = Trainer(game, settings, LocalPool(game, settings), initial=found)
    assert not trainer.done
    generation = trainer.generation(None)
    assert not generation.done
    assert generation.metrics["play/simulations"] == 4
    assert generation.own == trainer.ledger
    assert generation.ledger.train_flops == 1e12 + generation.own.train_flops
    assert generation.ledger.positions == 10**9 + generation.own.positions


def test_stopped_it_goes_on_by_the_same_command_without_its_parent(small, tmp_path):
    lone = shutil.copytree(small, tmp_path / "lone")
    assert train(tmp_path / "whole", LARGE, "--init", str(lone), "--generations", "2") == 0
    assert train(tmp_path / "broken", LARGE, "--init", str(lone), "--generations", "1") == 0
    shutil.rmtree(lone)
    assert train(tmp_path / "broken", LARGE, "--init", str(lone), "--generations", "2") == 0
    for generation in (1, 2):
        assert weights_of(tmp_path / "broken", generation) == weights_of(tmp_path / "whole", generation)
    whole, broken = (folder.read_lines(tmp_path / name / folder.METRICS)[-1] for name in ("whole", "broken"))
    for name in ("games", "positions", "samples", "play_flops", "learn_flops"):
        assert broken[name] == whole[name]
    metas = [json.loads((tmp_path / name / "meta.json").read_text()) for name in ("whole", "broken")]
    assert metas[0]["initial_weights"] == metas[1]["initial_weights"]


def test_a_run_that_exists_keeps_what_it_began_with(small, tmp_path, capsys):
    assert train(tmp_path / "r", SMALL, "--generations", "1") == 0
    assert train(tmp_path / "r", SMALL, "--init", str(small), "--generations", "2") == 2
    assert f"was begun with init = '', which cannot become '{small}'" in capsys.readouterr().err


def test_weights_of_unknown_cost_are_said_to_be(small, tmp_path, capsys):
    shutil.copy(checkpoint.resolve(str(small)), tmp_path / "bare.safetensors")
    assert train(tmp_path / "r", LARGE, "--init", str(tmp_path / "bare.safetensors"), "--generations", "1") == 0
    assert "bare.safetensors cost; compute counts from 0 here" in capsys.readouterr().err
    assert json.loads((tmp_path / "r/meta.json").read_text())["initial_weights"]["spent"] is None


@pytest.mark.parametrize(
    ("game", "network", "wanted", "more", "says"),
    [
        ("connect4", "resnet:2x4", SMALL, (), "learned connect4, which is another game than gomoku:size=4,k=3"),
        (
            "connect4",
            "resnet:2x4",
            "connect4:width=5",
            (),
            "a resnet:2x4 fits no other board there; only a resnet of a game whose moves are cells",
        ),
        (
            SMALL,
            "mlp:1x8",
            LARGE,
            ("--network.architecture", "mlp:1x8"),
            "a mlp:1x8 fits no other board there",
        ),
        (
            SMALL,
            "resnet:2x4",
            LARGE,
            ("--network.architecture", "resnet:2x8"),
            "is a resnet:2x4 and this run's network a resnet:2x8: give --network.architecture resnet:2x4",
        ),
    ],
)
def test_what_cannot_be_is_one_line_and_no_folder(tmp_path, capsys, game, network, wanted, more, says):
    learned = games.make(game)
    save_weights(tmp_path / "w.safetensors", build(learned, network), learned.name)
    assert train(tmp_path / "r", wanted, "--init", str(tmp_path / "w.safetensors"), *more) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line
    assert not (tmp_path / "r").exists()


def test_the_network_is_the_parents_where_none_is_named(small):
    def configured(*more):
        parser = cli._Parser()
        train_command.add_arguments(parser)
        return train_command.configured(parser.parse(["--game", LARGE, "--init", str(small), *more]))[0]

    assert configured().network.architecture == "resnet:2x4"
    assert configured("--network.architecture", "resnet:1x4").network.architecture == "resnet:1x4"


def test_a_parent_that_is_not_there(tmp_path, capsys):
    assert train(tmp_path / "r", SMALL, "--init", str(tmp_path / "nowhere")) == 2
    assert "no run folder or weights file" in capsys.readouterr().err
