"""The evaluator for few positions against torch, and who calls which."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from networks import onnx_of, save_weights

import games
from selfplay.network import architectures, frozen, onnx_session
from selfplay.network.evaluator import NetworkEvaluator
from selfplay.players.make import make_agent


@pytest.mark.parametrize(("name", "architecture"), [("connect4", "resnet:2x8"), ("gomoku9", "mlp:2x32")])
def test_few_rows_are_evaluated_as_torch_evaluates_them(name, architecture):
    game = games.make(name)
    torch.manual_seed(0)
    net = architectures.build(game, architecture)
    net.train()
    with torch.no_grad():  # statistics of batch norm that are not those it starts with
        net(torch.rand(64, game.planes, game.height, game.width))
    planes = (
        np.random.default_rng(0)
        .integers(0, 2, (frozen.SMALL_BATCH, game.planes, game.height, game.width))
        .astype(np.float32)
    )
    exact = NetworkEvaluator(net, "cpu", game=game, dtype="float32")
    quick = onnx_session.evaluator(onnx_of(net, game))
    for rows in (1, 3, frozen.SMALL_BATCH):
        for found, wanted in zip(quick(planes[:rows]), exact(planes[:rows]), strict=True):
            assert found.dtype == np.float32 and found.flags.c_contiguous
            np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_few_rows_go_one_way_and_many_the_other():
    asked = []

    def noting(way):
        def evaluate(planes_BPHW):
            asked.append((way, len(planes_BPHW)))
            return np.zeros((len(planes_BPHW), 7), np.float32), np.zeros((len(planes_BPHW), 3), np.float32)

        return evaluate

    evaluate = frozen.by_batch_size(noting("few"), noting("many"))
    for rows in (1, frozen.SMALL_BATCH, frozen.SMALL_BATCH + 1):
        evaluate(np.zeros((rows, 2, 6, 7), np.float32))
    assert asked == [("few", 1), ("few", frozen.SMALL_BATCH), ("many", frozen.SMALL_BATCH + 1)]


def test_a_player_of_one_position_at_a_time_needs_no_torch():
    script = """
import sys
import numpy as np, games
from selfplay.players.make import make_agent
game = games.make("connect4")
states_NW = game.initial()[None]
for name in ("net:pretrained", "mcts:pretrained,sims=8", "mcts:pretrained,ms=5"):
    make_agent(name, game).act(states_NW, np.zeros(1, np.uint64))
assert "torch" not in sys.modules
make_agent("net:pretrained", game).act(np.repeat(states_NW, 40, axis=0), np.zeros(40, np.uint64))
assert "torch" in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_weights_that_are_not_those_of_the_architecture_are_refused(tmp_path):
    game = games.make("connect4")
    deep, wide = architectures.build(game, "resnet:1x8"), architectures.build(game, "resnet:2x8")
    wide.architecture = deep.architecture = "resnet:2x8"
    for wrong, said in ((deep, "trunk.blocks.1.first.conv.weight"), (wide, "")):
        if not said:  # right names, wrong shapes
            wrong.value = architectures.build(game, "resnet:2x16").value
        save_weights(tmp_path / "weights", wrong, "connect4")
        with pytest.raises(ValueError, match=f"weights holds no resnet:2x8 for connect4: .*{said}"):
            make_agent(f"net:{tmp_path / 'weights'}", game)
