"""Evaluators: what comes out is the network's, row by row, whatever the batch."""

import copy

import numpy as np
import pytest
import torch

import games
from selfplay.network.architectures import build
from selfplay.network.evaluator import NetworkEvaluator, pick_device
from selfplay.search.evaluate import uniform

SPECS = [("connect4", "resnet:2x8"), ("gomoku9", "resnet:2x8"), ("tictactoe", "mlp:2x32")]


def planes_of(game, rows, seed=0):
    shape = (rows, game.planes, game.height, game.width)
    return np.random.default_rng(seed).integers(0, 2, shape).astype(np.float32)


def network_of(game, architecture, seed=0):
    """A network whose outputs differ clearly from position to position."""
    torch.manual_seed(seed)
    network = build(game, architecture)
    with torch.no_grad():
        network(torch.from_numpy(planes_of(game, 64, seed=99)))  # moves the running statistics off 0 and 1
        for head in (network.policy, network.value):
            list(head.parameters())[-2].mul_(4.0)
    return network.eval()


def naive(network, planes):
    """Policy logits, and win/draw/loss by a softmax written out."""
    with torch.no_grad():
        policy, value, _ = network(torch.from_numpy(planes))
    raised = np.exp(value.numpy().astype(np.float64))
    return policy.numpy(), raised / raised.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("name", "architecture"), SPECS)
def test_an_evaluation_is_the_networks(name, architecture):
    game = games.make(name)
    network = network_of(game, architecture)
    planes = planes_of(game, rows=13)
    logits, wdl = NetworkEvaluator(network, "cpu", game=game, dtype="float32")(planes)
    expected_logits, expected_wdl = naive(network, planes)
    assert np.abs(logits - expected_logits).max() < 1e-4
    assert np.abs(wdl - expected_wdl).max() < 1e-5
    assert np.abs(wdl.sum(axis=1) - 1.0).max() < 1e-6
    for array, width in ((logits, game.actions), (wdl, 3)):
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        assert array.shape == (13, width)
    assert np.ptp(logits, axis=0).max() > 0.01  # rows differ, so that a mix-up of rows would show


@pytest.mark.parametrize(("name", "architecture"), SPECS)
def test_rows_do_not_influence_each_other(name, architecture):
    game = games.make(name)
    evaluate = NetworkEvaluator(network_of(game, architecture), "cpu", game=game, dtype="float32")
    planes = planes_of(game, rows=17)
    logits, wdl = evaluate(planes)
    for row in range(17):
        alone_logits, alone_wdl = evaluate(planes[row : row + 1])
        assert np.abs(alone_logits[0] - logits[row]).max() < 1e-5
        assert np.abs(alone_wdl[0] - wdl[row]).max() < 1e-5


def test_bfloat16_is_close_and_is_not_float32():
    game = games.make("connect4")
    network = network_of(game, "resnet:2x8")
    planes = planes_of(game, rows=32)
    logits, wdl = NetworkEvaluator(network, "cpu", game=game, dtype="bfloat16")(planes)
    exact_logits, exact_wdl = naive(network, planes)
    spread = np.ptp(exact_logits)
    assert 0.0 < np.abs(logits - exact_logits).max() < 0.05 * spread
    assert np.abs(wdl - exact_wdl).max() < 0.05
    assert np.abs(wdl.sum(axis=1) - 1.0).max() < 1e-5  # the softmax is taken in float32
    assert logits.dtype == wdl.dtype == np.float32


def test_auto_picks_one_of_both_and_names_it():
    game = games.make("tictactoe")
    network = network_of(game, "mlp:1x16")
    evaluate = NetworkEvaluator(network, "cpu", game=game, batch=4)
    assert evaluate.dtype in ("float32", "bfloat16")
    same = NetworkEvaluator(network, "cpu", game=game, batch=4, dtype=evaluate.dtype)
    planes = planes_of(game, rows=4)
    assert np.array_equal(evaluate(planes)[0], same(planes)[0])


def test_load_swaps_the_weights_and_keeps_the_dtype():
    game = games.make("connect4")
    first, second = network_of(game, "resnet:1x8", seed=1), network_of(game, "resnet:1x8", seed=2)
    planes = planes_of(game, rows=5)
    evaluate = NetworkEvaluator(first, "cpu", game=game, dtype="bfloat16")
    before = evaluate(planes)[0]
    evaluate.load(second)
    assert evaluate.dtype == "bfloat16"
    fresh = NetworkEvaluator(second, "cpu", game=game, dtype="bfloat16")
    assert np.array_equal(evaluate(planes)[0], fresh(planes)[0])
    assert not np.array_equal(evaluate(planes)[0], before)


def test_the_network_given_is_left_alone_and_may_go_on_learning():
    game = games.make("connect4")
    network = network_of(game, "resnet:1x8").train()
    weights = copy.deepcopy(network.state_dict())
    evaluate = NetworkEvaluator(network, "cpu", game=game, dtype="bfloat16")
    assert network.training
    assert network.state_dict().keys() == weights.keys(), "folded in place"
    assert all(torch.equal(tensor, weights[key]) for key, tensor in network.state_dict().items())
    planes = planes_of(game, rows=2)
    before = evaluate(planes)[0]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1.0)
    assert np.array_equal(evaluate(planes)[0], before)


def test_uniform_knows_nothing():
    logits, wdl = uniform(games.make("connect4"))(planes_of(games.make("connect4"), rows=3))
    assert np.array_equal(logits, np.zeros((3, 7), np.float32))
    assert np.array_equal(wdl, np.tile(np.array([0, 1, 0], np.float32), (3, 1)))


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_cuda_where_there_is_none_is_one_clear_line():
    assert pick_device("auto").type == "cpu"
    with pytest.raises(ValueError, match=r"^device cuda was asked for, .*; use --device cpu$"):
        pick_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("rows", [1, 7, 16, 33])
def test_cuda_gives_what_the_cpu_gives(rows):
    """Fewer rows than the captured graph's 16, as many, and more."""
    game = games.make("connect4")
    first, second = network_of(game, "resnet:2x8", seed=1), network_of(game, "resnet:2x8", seed=2)
    evaluate = NetworkEvaluator(first, "cuda", game=game, batch=16, dtype="float32")
    planes = planes_of(game, rows)
    for network in (first, second):
        evaluate.load(network)
        logits, wdl = evaluate(planes)
        expected_logits, expected_wdl = naive(network, planes)
        assert logits.shape == expected_logits.shape
        assert np.abs(logits - expected_logits).max() < 0.02  # TF32 may be on
        assert np.abs(wdl - expected_wdl).max() < 0.02
