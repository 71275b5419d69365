"""One file to submit to Kaggle's ConnectX, a network and a small search: `kaggle_agent.py`, its constants filled in.

N positions, W words of a state, P planes, A actions.
"""

import base64
import pprint
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from games.game import Game
from selfplay.network.architectures import Network, ResNet

_TEMPLATE = Path(__file__).with_name("kaggle_agent.py")
_TOLERANCE = 0.02  # of a probability; half precision moves it by a few thousandths


def submission(network: Network, game: Game, metadata: Mapping[str, str]) -> bytes:
    """The file, for a network in eval mode whose batch norms are folded; `ValueError` for what it cannot hold."""
    if game.kind != "connect4":
        raise ValueError(f"a Kaggle ConnectX submission plays Connect Four, not {game.name}")
    if not isinstance(network, ResNet):
        raise ValueError(f"a Kaggle ConnectX submission holds a resnet, not {network.architecture}")
    layers = {
        name: _matrix(module)
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and not name.startswith("reply")
    }
    numbers = np.concatenate([matrix.ravel() for matrix in layers.values()]).astype("<f2")
    if not np.isfinite(numbers).all():
        raise ValueError("a weight is too large for half precision")
    shapes = pprint.pformat({name: matrix.shape for name, matrix in layers.items()}, sort_dicts=False)
    encoded = base64.encodebytes(numbers.tobytes()).decode()
    source = _TEMPLATE.read_text()
    for placeholder, filling in {
        "ABOUT = {}": f"ABOUT = {dict(metadata)}",
        "IN_A_ROW = 6, 7, 4": f"IN_A_ROW = {game.height}, {game.width}, {game.in_a_row}",
        "LAYERS = {}": f"LAYERS = {shapes}",
        'WEIGHTS = ""': f'WEIGHTS = """\n{encoded}"""',
    }.items():
        assert source.count(placeholder) == 1, placeholder
        source = source.replace(placeholder, filling)
    return source.encode()


def difference(content: bytes, network: Network, states_NW: np.ndarray, planes_NPHW: np.ndarray) -> float:
    """The furthest that a probability of the submission is from the network's; `ValueError` if that is far."""
    file: dict[str, Any] = {}
    exec(compile(content, "submission", "exec"), file)  # our own template, as Kaggle runs it
    nodes = [file["Node"](int(own), int(mask)) for own, mask, *_ in states_NW]
    logits_NA, wdl_N3 = file["forward"](file["planes_of"](nodes))
    with torch.inference_mode():
        exact_NA, exact_N3 = network.play(torch.from_numpy(planes_NPHW))
    found = torch.softmax(torch.from_numpy(logits_NA), dim=1), torch.from_numpy(wdl_N3)
    wanted = torch.softmax(exact_NA, dim=1), torch.softmax(exact_N3, dim=1)
    furthest = max(float((a - b).abs().max()) for a, b in zip(found, wanted, strict=True))
    if not furthest <= _TOLERANCE:
        raise ValueError(f"the submission's probabilities are off by {furthest:.2g}, more than {_TOLERANCE}")
    return furthest


def _matrix(layer: nn.Conv2d | nn.Linear) -> np.ndarray:
    """Weights as a matrix [inputs, outputs], a convolution's inputs being rows, columns, channels; the bias below."""
    weight = layer.weight.detach()
    if weight.dim() == 4:
        weight = weight.permute(0, 2, 3, 1).flatten(1)
    assert layer.bias is not None  # folded batch norm gives every convolution one
    return torch.cat([weight.T, layer.bias.detach()[None]]).numpy()
