"""Networks: shapes, sizes of board, folding, and what an evaluation costs, counted by hand."""

import pytest
import torch
from optional import present

import games
from selfplay.network.architectures import build, evaluation_flops, fold, parameter_count

ARCHITECTURES = ("resnet:1x4", "resnet:2x8", "mlp:1x16", "mlp:3x8")


def positions(game, rows, seed=0):
    """Planes of no game in particular: a network must cope with any numbers."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(rows, game.planes, game.height, game.width, generator=generator)


def with_norm_statistics(network, seed=0):
    """The network in eval mode, its batch norms as after long training: nothing is 0 or 1."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor, low, high in (
                (present(module.running_mean), -0.5, 0.5),
                (present(module.running_var), 0.3, 2.0),
                (module.weight.data, 0.5, 1.5),
                (module.bias.data, -0.3, 0.3),
            ):
                tensor.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)
    return network.eval()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(("name", "actions"), [("connect4", 7), ("tictactoe", 9), ("gomoku9", 81)])
def test_shapes(name, actions, architecture):
    game = games.make(name)
    network = build(game, architecture).eval()
    planes = positions(game, rows=5)
    policy, value, reply = network(planes)
    assert (policy.shape, value.shape, reply.shape) == ((5, actions), (5, 3), (5, actions))
    assert network.architecture == architecture
    for played, learned in zip(network.play(planes), (policy, value), strict=True):
        assert torch.equal(played, learned)


def test_the_same_torch_seed_builds_the_same_network():
    game = games.make("tictactoe")

    def weights(seed):
        torch.manual_seed(seed)
        return torch.nn.utils.parameters_to_vector(build(game, "resnet:1x4").parameters())

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_a_resnet_of_cells_fits_other_boards():
    small, large = games.make("gomoku:size=7"), games.make("gomoku:size=9")
    network = with_norm_statistics(build(small, "resnet:2x8"))
    wider = build(large, "resnet:2x8").eval()
    wider.load_state_dict(network.state_dict())
    policy, value, reply = wider(positions(large, rows=2))
    assert (policy.shape, value.shape, reply.shape) == ((2, 81), (2, 3), (2, 81))
    back = build(small, "resnet:2x8").eval()
    back.load_state_dict(wider.state_dict())
    planes = positions(small, rows=2)
    for there, here in zip(back(planes), network(planes), strict=True):
        assert torch.equal(there, here)


def test_moves_of_cells_turn_with_the_board_under_weights_that_do():
    """The logit of a cell belongs to that cell: with kernels that look the same from all sides, a turned board
    has turned logits and the same value."""
    game = games.make("gomoku:size=7")
    network = with_norm_statistics(build(game, "resnet:2x8"))
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            turned = [torch.rot90(module.weight.data, turns, (2, 3)) for turns in range(4)]
            module.weight.data = torch.stack(turned).mean(dim=0)
    planes = positions(game, rows=3)
    policy, value, _ = network(planes)
    turned_policy, turned_value, _ = network(torch.rot90(planes, 1, (2, 3)))
    expected = torch.rot90(policy.reshape(3, 7, 7), 1, (1, 2)).reshape(3, 49)
    assert torch.allclose(turned_policy, expected, atol=1e-5)
    assert torch.allclose(turned_value, value, atol=1e-5)
    assert policy.std() > 1e-3  # not all alike, or a wrong turn would pass


@pytest.mark.parametrize("name", ["connect4", "gomoku9"])
def test_folding_changes_nothing_but_the_work(name):
    game = games.make(name)
    torch.manual_seed(3)
    network = build(game, "resnet:3x8").eval()
    planes = positions(game, rows=8)
    fresh = network.play(planes)
    before = with_norm_statistics(network)(planes)
    assert (before[0] - fresh[0]).abs().max() > 0.01  # the statistics matter here
    fold(network)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    for folded, unfolded in zip(network(planes), before, strict=True):
        assert (folded - unfolded).abs().max() < 1e-4


# Multiply-adds, layer by layer; the auxiliary head takes no part in play.
MLP_1X16_TICTACTOE = (4 * 9) * 16 + 16 * 9 + 16 * 3
RESNET_2X4_TICTACTOE = (
    9 * 4 * 4 * 9  # stem: 9 cells, 4 planes to 4 filters, 3x3
    + 4 * (9 * 4 * 4 * 9)  # two convolutions in each of two blocks
    + 8 * 4  # the second block's pooled bias
    + 9 * 4 * 16 + 8 * 16 + 9 * 16  # policy: squeeze, pooled bias, logit of each cell
    + 8 * 64 + 64 * 3  # value
)  # fmt: skip
RESNET_1X2_CONNECT4 = (
    42 * 4 * 2 * 9
    + 2 * (42 * 2 * 2 * 9)
    + 42 * 2 * 8 + (8 * 42 + 4) * 7  # policy: squeeze, then every cell and the pooled features to 7 columns
    + 42 * 2 * 8 + (8 * 42 + 4) * 64 + 64 * 3  # value
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "architecture", "multiply_adds"),
    [
        ("tictactoe", "mlp:1x16", MLP_1X16_TICTACTOE),
        ("tictactoe", "resnet:2x4", RESNET_2X4_TICTACTOE),
        ("connect4", "resnet:1x2", RESNET_1X2_CONNECT4),
    ],
)
def test_flops_of_an_evaluation_by_hand(name, architecture, multiply_adds):
    game = games.make(name)
    network = build(game, architecture)
    assert evaluation_flops(network, game) == 2 * multiply_adds
    assert network.training, "counting must not leave the network in another mode"
    fold(network.eval())
    assert evaluation_flops(network, game) == 2 * multiply_adds


def test_parameters_by_hand():
    network = build(games.make("tictactoe"), "mlp:1x16")
    assert parameter_count(network) == (36 * 16 + 16) + 2 * (16 * 9 + 9) + (16 * 3 + 3)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("resnett:3x32", "unknown network 'resnett' (did you mean 'resnet'?)"),
        ("mpl:2x8", "(did you mean 'mlp'?)"),
        ("resnet:3", "is not of the form resnet:BLOCKSxFILTERS or mlp:LAYERSxWIDTH"),
        ("resnet", "is not of the form"),
        ("mlp:2x-8", "is not of the form"),
        ("resnet:0x32", "depth is 1 to 100"),
        ("mlp:2x5000", "width 1 to 4096"),
    ],
)
def test_a_bad_spec_is_one_clear_line(spec, says):
    with pytest.raises(ValueError) as error:
        build(games.make("tictactoe"), spec)
    assert says in str(error.value)
    assert "\n" not in str(error.value)
