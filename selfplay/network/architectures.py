"""The value/policy networks: convolutional residual ones with global pooling, and plain perceptrons.

Shape letters: B batch, P input planes, H height, W width, F filters, A actions.
"""

import itertools
import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from games.game import Game
from games.registry import nearest

_HEAD_FILTERS = 8
_VALUE_WIDTH = 64


class Network(nn.Module):
    """What every architecture is: planes [B, P, H, W] -> logits of policy [B, A], win/draw/loss [B, 3] for
    the player to move, and the opponent's reply [B, A] (an auxiliary target, of no use in play)."""

    architecture: str
    planes: int
    trunk: nn.Module
    policy: nn.Module
    value: nn.Module
    reply: nn.Module

    def forward(self, planes_BPHW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        trunk = self.trunk(planes_BPHW)
        return self.policy(trunk), self.value(trunk), self.reply(trunk)

    def play(self, planes_BPHW: Tensor) -> tuple[Tensor, Tensor]:
        """Policy and win/draw/loss logits alone: what a search needs."""
        trunk = self.trunk(planes_BPHW)
        return self.policy(trunk), self.value(trunk)

    def ownership(self, game: Game) -> nn.Module:
        """A fresh head on what the trunk gives: logits [B, 3, C] of whether each cell is empty, the mover's or the
        opponent's when the game is over. Only learning has use for it, so it is no part of the network."""
        raise NotImplementedError


class _ConvNorm(nn.Module):
    """Convolution and batch norm; `fold` makes them one convolution for play."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))

    def fold(self) -> None:
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = nn.utils.fusion.fuse_conv_bn_eval(self.conv, self.norm)
            self.norm = nn.Identity()


def _pooled(x: Tensor) -> Tensor:
    """Mean and maximum over the board: [B, F, H, W] -> [B, 2F]."""
    # Pooling operators, because `amax` over two dimensions takes ten times as long in bfloat16 on a CPU.
    board = (int(x.shape[2]), int(x.shape[3]))  # numbers even where an export traces the sizes
    return torch.cat([functional.avg_pool2d(x, board), functional.max_pool2d(x, board)], dim=1).flatten(1)


class _Block(nn.Module):
    """Residual block; with `pooling`, what the whole board looks like biases every cell (Wu 2019, 3.3)."""

    def __init__(self, filters: int, pooling: bool) -> None:
        super().__init__()
        self.first = _ConvNorm(filters, filters, 3)
        self.second = _ConvNorm(filters, filters, 3)
        self.bias = nn.Linear(2 * filters, filters) if pooling else None

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.first(x))
        if self.bias is not None:
            y = y + self.bias(_pooled(y))[:, :, None, None]
        return functional.relu(x + self.second(y))


class _Trunk(nn.Module):
    """Gives the heads the board's features, and the same pooled."""

    def __init__(self, planes: int, blocks: int, filters: int) -> None:
        super().__init__()
        self.stem = _ConvNorm(planes, filters, 3)
        self.blocks = nn.Sequential(*[_Block(filters, pooling=i % 2 == 1) for i in range(blocks)])

    def forward(self, planes_BPHW: Tensor) -> tuple[Tensor, Tensor]:
        x = self.blocks(functional.relu(self.stem(planes_BPHW)))
        return x, _pooled(x)


class _CellHead(nn.Module):
    """One logit per cell, blind to the size of the board: [B, C]."""

    def __init__(self, filters: int, outputs: int = 1) -> None:
        super().__init__()
        self.hidden = _ConvNorm(filters, 2 * _HEAD_FILTERS, 1)
        self.bias = nn.Linear(2 * filters, 2 * _HEAD_FILTERS)
        self.logit = nn.Conv2d(2 * _HEAD_FILTERS, outputs, 1)

    def forward(self, trunk: tuple[Tensor, Tensor]) -> Tensor:
        return self.logits(trunk).flatten(1)

    def logits(self, trunk: tuple[Tensor, Tensor]) -> Tensor:
        """[B, outputs, H, W]."""
        x, pooled = trunk
        return self.logit(functional.relu(self.hidden(x) + self.bias(pooled)[:, :, None, None]))


class _OwnershipHead(_CellHead):
    """Three logits per cell: [B, 3, C]."""

    def __init__(self, filters: int) -> None:
        super().__init__(filters, 3)

    def forward(self, trunk: tuple[Tensor, Tensor]) -> Tensor:
        return self.logits(trunk).flatten(2)


class _FlatHead(nn.Module):
    """Logits that see which cell is which: for columns, whose moves are not cells, and for values."""

    def __init__(self, game: Game, filters: int, outputs: int, width: int = 0) -> None:
        super().__init__()
        self.squeeze = _ConvNorm(filters, _HEAD_FILTERS, 1)
        inputs = _HEAD_FILTERS * game.cells + 2 * filters
        if width:
            self.out: nn.Module = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, outputs))
        else:
            self.out = nn.Linear(inputs, outputs)

    def forward(self, trunk: tuple[Tensor, Tensor]) -> Tensor:
        x, pooled = trunk
        return self.out(torch.cat([functional.relu(self.squeeze(x)).flatten(1), pooled], dim=1))


class _PooledHead(nn.Module):
    """A value from the pooled board, blind to its size."""

    def __init__(self, filters: int, outputs: int) -> None:
        super().__init__()
        self.out = nn.Sequential(nn.Linear(2 * filters, _VALUE_WIDTH), nn.ReLU(), nn.Linear(_VALUE_WIDTH, outputs))

    def forward(self, trunk: tuple[Tensor, Tensor]) -> Tensor:
        return self.out(trunk[1])


class ResNet(Network):
    """`resnet:BLOCKSxFILTERS`. On games whose moves are cells, it fits boards of any size."""

    def __init__(self, game: Game, blocks: int, filters: int) -> None:
        super().__init__()
        self.architecture = f"resnet:{blocks}x{filters}"
        self.filters = filters
        self.trunk = _Trunk(game.planes, blocks, filters)
        if game.action_is == "cell":
            self.policy = _CellHead(filters)
            self.reply = _CellHead(filters)
            self.value = _PooledHead(filters, 3)
        else:
            self.policy = _FlatHead(game, filters, game.actions)
            self.reply = _FlatHead(game, filters, game.actions)
            self.value = _FlatHead(game, filters, 3, _VALUE_WIDTH)

    def ownership(self, game: Game) -> nn.Module:
        return _OwnershipHead(self.filters)


class Perceptron(Network):
    """`mlp:LAYERSxWIDTH`."""

    def __init__(self, game: Game, layers: int, width: int) -> None:
        super().__init__()
        self.architecture = f"mlp:{layers}x{width}"
        self.width = width
        sizes = [game.planes * game.cells] + [width] * layers
        hidden: list[nn.Module] = [nn.Flatten()]
        for inputs, outputs in itertools.pairwise(sizes):
            hidden += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.trunk = nn.Sequential(*hidden)
        self.policy = nn.Linear(width, game.actions)
        self.value = nn.Linear(width, 3)
        self.reply = nn.Linear(width, game.actions)

    def ownership(self, game: Game) -> nn.Module:
        return nn.Sequential(nn.Linear(self.width, 3 * game.cells), nn.Unflatten(1, (3, game.cells)))


_BUILDERS: dict[str, Callable[[Game, int, int], Network]] = {"resnet": ResNet, "mlp": Perceptron}


def build(game: Game, architecture: str) -> Network:
    """A fresh network, from `resnet:3x32` or `mlp:2x256`; draws its weights from torch's global stream."""
    match = re.fullmatch(r"(\w+):(\d+)x(\d+)", architecture)
    if not match:
        raise ValueError(f"network {architecture!r} is not of the form resnet:BLOCKSxFILTERS or mlp:LAYERSxWIDTH")
    family, depth, width = match[1], int(match[2]), int(match[3])
    if family not in _BUILDERS:
        raise ValueError(f"unknown network {family!r}{nearest(family, list(_BUILDERS))}; known: {', '.join(_BUILDERS)}")
    if not (1 <= depth <= 100 and 1 <= width <= 4096):
        raise ValueError(f"network {architecture!r}: depth is 1 to 100, width 1 to 4096")
    network = _BUILDERS[family](game, depth, width)
    network.planes = game.planes
    return network


def rebuilt(game: Game, architecture: str, tensors: Mapping[str, Tensor]) -> Network:
    """The network of this architecture whose weights these are, in eval mode.

    `ValueError` for tensors of another network, before any memory is taken for it, since what a file asks for may be
    far more than what it holds.
    """
    with torch.device("meta"):  # shapes alone
        expected = build(game, architecture).state_dict()
    for name in (*expected, *tensors):
        if name not in tensors or name not in expected or tensors[name].shape != expected[name].shape:
            raise ValueError(f"the tensor {name} is missing, of another shape, or too many")
    network = build(game, architecture)
    network.load_state_dict(tensors)
    return network.eval()


def fold(network: Network) -> None:
    """Fold every batch norm into its convolution, in place; the network must be in eval mode."""
    for module in network.modules():
        if isinstance(module, _ConvNorm):
            module.fold()


def parameter_count(network: nn.Module) -> int:
    """Trainable numbers, the auxiliary head included."""
    return sum(parameter.numel() for parameter in network.parameters())


@torch.no_grad()
def evaluation_flops(network: Network, game: Game) -> float:
    """FLOPs of one evaluation in play, 2 per multiply-add of the matrix products and convolutions."""
    total = 0.0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            kernel = module.kernel_size[0] * module.kernel_size[1]
            total += 2.0 * output.numel() * module.in_channels * kernel
        elif isinstance(module, nn.Linear):
            total += 2.0 * output.numel() * module.in_features

    hooks = [module.register_forward_hook(count) for module in network.modules()]
    training = network.training
    parameter = next(network.parameters())
    network.eval()
    network.play(torch.zeros(1, game.planes, game.height, game.width, device=parameter.device, dtype=parameter.dtype))
    network.train(training)
    for hook in hooks:
        hook.remove()
    return total
