"""One file to submit to Kaggle's ConnectX, a network and a small search: `kaggle_agent.py`, its constants filled in.

The network goes into it as the graph of its ONNX file, which `kaggle_agent.forward` computes operator by operator.

N positions, W words of a state, P planes, A actions.
"""

import base64
import pprint
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from games.game import Game
from selfplay.export import kaggle_agent

if TYPE_CHECKING:
    from selfplay.network.architectures import Network

_TEMPLATE = Path(kaggle_agent.__file__)
_TOLERANCE = 0.02  # of a probability; half precision moves it by a few thousandths


def submission(onnx_file: bytes, game: Game, metadata: Mapping[str, str]) -> bytes:
    """The file, for a network as `selfplay.network.onnx_graph` writes it; `ValueError` for what it cannot hold."""
    if game.kind != "connect4":
        raise ValueError(f"a Kaggle ConnectX submission plays Connect Four, not {game.name}")
    nodes, arrays = graph_of(onnx_file)
    numbers = np.concatenate([array.ravel() for array in arrays.values()]).astype("<f2")
    if not np.isfinite(numbers).all():
        raise ValueError("a weight is too large for half precision")
    shapes = {name: array.shape for name, array in arrays.items()}
    source = _TEMPLATE.read_text()
    for placeholder, filling in {
        "ABOUT = {}": f"ABOUT = {dict(metadata)}",
        "IN_A_ROW = 6, 7, 4": f"IN_A_ROW = {game.height}, {game.width}, {game.in_a_row}",
        "NODES = []": f"NODES = {_literal(nodes)}",
        "SHAPES = {}": f"SHAPES = {_literal(shapes)}",
        'WEIGHTS = ""': f'WEIGHTS = """\n{base64.encodebytes(numbers.tobytes()).decode()}"""',
    }.items():
        assert source.count(placeholder) == 1, placeholder
        source = source.replace(placeholder, filling)
    return source.encode()


def graph_of(onnx_file: bytes) -> tuple[list[tuple], dict[str, np.ndarray]]:
    """Operators in the order in which they are computed, each with the names of its inputs, that of its output and its
    attributes; and the weights by name, float32. `ValueError` for an operator that the submission does not know.

    Whole numbers among the inputs, the axes of Unsqueeze, become attributes, so that weights are of one kind.
    """
    graph = onnx.load_model_from_string(onnx_file).graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    arrays = {name: array for name, array in constants.items() if array.dtype == np.float32}
    nodes = []
    for node in graph.node:
        if node.op_type not in kaggle_agent.OPERATORS:
            raise ValueError(f"a Kaggle ConnectX submission cannot compute the operator {node.op_type}")
        attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        inputs = [name for name in node.input if name in arrays or name not in constants]
        for name in node.input:
            if name not in inputs:
                attributes["axes"] = constants[name].tolist()
        nodes.append((node.op_type, inputs, node.output[0], attributes))
    return nodes, arrays


def difference(content: bytes, network: "Network", states_NW: np.ndarray, planes_NPHW: np.ndarray) -> float:
    """The furthest that a probability of the submission is from the network's; `ValueError` if that is far."""
    import torch

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


def _literal(value: list | dict) -> str:
    return pprint.pformat(value, width=120, compact=True, sort_dicts=False)
