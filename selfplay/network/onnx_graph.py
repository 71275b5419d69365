"""A network as an ONNX file: planes in, policy logits and win/draw/loss probabilities out, for any batch.

Made from the arrays of a weights file, layer by layer as `network.py` has them, so that a player needs no torch, which
takes a second to import. `difference` compares the two.

B positions, P planes, H height, W width, F filters, A actions.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from games.game import Game

if TYPE_CHECKING:
    from selfplay.network.architectures import Network

_OPSET = 17  # of 2022: read by every runtime in use, onnxruntime 1.12 and later among them
_IR_VERSION = 8  # of that opset
_TOLERANCE = 1e-4
_NORM = ("weight", "bias", "running_mean", "running_var")  # what a batch norm of torch holds
_NORM_EPSILON = 1e-5


class _Graph:
    """A file in the making: each method adds to it, and returns the name of what it adds."""

    def __init__(self, arrays: Mapping[str, np.ndarray], game: Game) -> None:
        self.arrays = arrays
        self.game = game
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def node(self, operator: str, *inputs: str, to: str = "", **attributes: Any) -> str:
        name = to or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def weight(self, name: str, array: np.ndarray) -> str:
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def named(self, name: str) -> str:
        return self.weight(name, self.arrays[name].astype(np.float32))

    def linear(self, x: str, name: str, to: str = "") -> str:
        return self.node("Gemm", x, self.named(f"{name}.weight"), self.named(f"{name}.bias"), to=to, transB=1)

    def relu(self, x: str) -> str:
        return self.node("Relu", x)

    def conv(self, x: str, name: str) -> str:
        """A convolution, the batch norm after it folded in."""
        weight = self.arrays[f"{name}.conv.weight"].astype(np.float64)
        norm = {part: self.arrays[f"{name}.norm.{part}"].astype(np.float64) for part in _NORM}
        scale_F = norm["weight"] / np.sqrt(norm["running_var"] + _NORM_EPSILON)
        bias_F = norm["bias"] - norm["running_mean"] * scale_F
        return self.node(
            "Conv",
            x,
            self.weight(f"{name}.weight", (weight * scale_F[:, None, None, None]).astype(np.float32)),
            self.weight(f"{name}.bias", bias_F.astype(np.float32)),
            kernel_shape=weight.shape[2:],
            pads=[weight.shape[-1] // 2] * 4,
            strides=[1, 1],
        )

    def pooled(self, x: str) -> str:
        """Mean and maximum over the board: [B, F, H, W] -> [B, 2F]."""
        board = [self.game.height, self.game.width]
        means, maxima = (self.node(kind, x, kernel_shape=board) for kind in ("AveragePool", "MaxPool"))
        return self.node("Flatten", self.node("Concat", means, maxima, axis=1))

    def on_each_cell(self, x_BF: str) -> str:
        """[B, F] -> [B, F, 1, 1]."""
        if not any(weight.name == "cell" for weight in self.weights):
            self.weight("cell", np.array([2, 3]))
        return self.node("Unsqueeze", x_BF, "cell")


def _resnet(graph: _Graph, blocks: int) -> str:
    x = graph.relu(graph.conv("planes", "trunk.stem"))
    for block in range(blocks):
        name = f"trunk.blocks.{block}"
        y = graph.relu(graph.conv(x, f"{name}.first"))
        if f"{name}.bias.weight" in graph.arrays:
            y = graph.node("Add", y, graph.on_each_cell(graph.linear(graph.pooled(y), f"{name}.bias")))
        x = graph.relu(graph.node("Add", x, graph.conv(y, f"{name}.second")))
    pooled = graph.pooled(x)

    def flat(head: str) -> str:
        squeezed = graph.relu(graph.conv(x, f"{head}.squeeze"))
        return graph.node("Concat", graph.node("Flatten", squeezed), pooled, axis=1)

    if graph.game.action_is == "cell":
        on_cells = graph.on_each_cell(graph.linear(pooled, "policy.bias"))
        hidden = graph.relu(graph.node("Add", graph.conv(x, "policy.hidden"), on_cells))
        logit = ("policy.logit.weight", "policy.logit.bias")
        graph.node("Flatten", graph.node("Conv", hidden, *map(graph.named, logit)), to="policy")
        value = graph.relu(graph.linear(pooled, "value.out.0"))
    else:
        graph.linear(flat("policy"), "policy.out", to="policy")
        value = graph.relu(graph.linear(flat("value"), "value.out.0"))
    return graph.linear(value, "value.out.2")


def _perceptron(graph: _Graph, layers: int) -> str:
    x = graph.node("Flatten", "planes")
    for layer in range(layers):
        x = graph.relu(graph.linear(x, f"trunk.{2 * layer + 1}"))
    graph.linear(x, "policy", to="policy")
    return graph.linear(x, "value")


_FAMILIES = {"resnet": _resnet, "mlp": _perceptron}


def model(arrays: Mapping[str, np.ndarray], game: Game, metadata: Mapping[str, str]) -> bytes:
    """The file, from the arrays of a weights file and its metadata; `ValueError` if these do not belong together."""
    try:
        return _model(arrays, game, metadata)
    except (KeyError, ValueError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"no {metadata['architecture']} for {game.name}: {reason}") from error


def _model(arrays: Mapping[str, np.ndarray], game: Game, metadata: Mapping[str, str]) -> bytes:
    family, _, sizes = metadata["architecture"].partition(":")
    graph = _Graph(arrays, game)
    value = _FAMILIES[family](graph, int(sizes.partition("x")[0]))
    graph.node("Softmax", value, to="wdl", axis=1)

    def info(name: str, *shape: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])

    proto = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "network",
            [info("planes", game.planes, game.height, game.width)],
            [info("policy", game.actions), info("wdl", 3)],
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="selfplay",
    )
    helper.set_model_props(proto, dict(metadata) | _meaning(game))
    onnx.checker.check_model(proto, full_check=True)
    return proto.SerializeToString()


def difference(content: bytes, network: "Network", planes_BPHW: np.ndarray) -> float:
    """The furthest that a number of onnxruntime is from torch's; `ValueError` if that is far."""
    import torch

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found = session.run(["policy", "wdl"], {"planes": planes_BPHW})
    with torch.inference_mode():
        policy_BA, value_B3 = network.play(torch.from_numpy(planes_BPHW))
    wanted = policy_BA, torch.softmax(value_B3, dim=1)
    furthest = max(float(np.abs(a - b.numpy()).max()) for a, b in zip(found, wanted, strict=True))
    if not furthest <= _TOLERANCE:
        raise ValueError(f"onnxruntime and torch differ by {furthest:.2g}, more than {_TOLERANCE}")
    return furthest


def _meaning(game: Game) -> dict[str, str]:
    where = "a column, from the left" if game.action_is == "column" else "a cell, row by row from the top left"
    return {
        "planes": f"float32 [batch, {game.planes}, {game.height}, {game.width}], row 0 at the top, each 0 or 1. "
        + (game.observe.__doc__ or ""),
        "policy": f"float32 [batch, {game.actions}]: a logit for each action, legal or not; an action is {where}",
        "wdl": "float32 [batch, 3]: probabilities that the player to move wins, draws and loses",
        "to_move": "everything is seen by the player to move, whose stones are plane 0",
    }
