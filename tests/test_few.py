"""The evaluator for few positions against torch, and who calls which."""

import numpy as np
import pytest
import torch

import games
from selfplay import few, network
from selfplay.evaluator import NetworkEvaluator


@pytest.mark.parametrize(("name", "architecture"), [("connect4", "resnet:2x8"), ("gomoku9", "mlp:2x32")])
def test_few_rows_are_evaluated_as_torch_evaluates_them(name, architecture):
    game = games.make(name)
    torch.manual_seed(0)
    net = network.build(game, architecture)
    net.train()
    with torch.no_grad():  # statistics of batch norm that are not those it starts with
        net(torch.rand(64, game.planes, game.height, game.width))
    planes = np.random.default_rng(0).integers(0, 2, (few.FEW, game.planes, game.height, game.width)).astype(np.float32)
    exact = NetworkEvaluator(net, "cpu", game=game, dtype="float32")
    quick = few.few(net, game)
    for rows in (1, 3, few.FEW):
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

    evaluate = few.by_rows(noting("few"), noting("many"))
    for rows in (1, few.FEW, few.FEW + 1):
        evaluate(np.zeros((rows, 2, 6, 7), np.float32))
    assert asked == [("few", 1), ("few", few.FEW), ("many", few.FEW + 1)]
