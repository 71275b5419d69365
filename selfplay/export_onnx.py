"""A network as an ONNX file: planes in, policy logits and win/draw/loss probabilities out, for any batch.

B positions, P planes, H height, W width, A actions.
"""

import io
import threading
import warnings
from collections.abc import Mapping

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from games.game import Game
from selfplay.network import Network

_OPSET = 17  # of 2022: read by every runtime in use, onnxruntime 1.12 and later among them
_TOLERANCE = 1e-4
_ALONE = threading.Lock()  # torch's exporter keeps its state in global variables


class _Play(nn.Module):
    """What a player needs of a network."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, planes_BPHW: Tensor) -> tuple[Tensor, Tensor]:
        policy_BA, value_B3 = self.network.play(planes_BPHW)
        return policy_BA, torch.softmax(value_B3, dim=1)


def model(network: Network, game: Game, metadata: Mapping[str, str]) -> bytes:
    """The file, for a network in eval mode whose batch norms are folded. Its metadata say what goes in and out."""
    names = ["planes", "policy", "wdl"]
    buffer = io.BytesIO()
    with _ALONE, warnings.catch_warnings():
        # The exporter by tracing is called legacy, but it is in every torch from 2.6 to 2.13, takes 6 s where the
        # newer one takes 46, and needs no further packages. It warns that the size of the board becomes a constant.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # pyright: ignore[reportPrivateImportUsage]
        torch.onnx.export(
            _Play(network),
            (torch.zeros(2, game.planes, game.height, game.width),),
            buffer,  # pyright: ignore[reportArgumentType]
            input_names=names[:1],
            output_names=names[1:],
            dynamic_axes={name: {0: "batch"} for name in names},
            opset_version=_OPSET,
            dynamo=False,
        )
    proto = onnx.load_from_string(buffer.getvalue())
    onnx.helper.set_model_props(proto, dict(metadata) | _meaning(game))
    onnx.checker.check_model(proto)
    return proto.SerializeToString()


def difference(content: bytes, network: Network, planes_BPHW: np.ndarray) -> float:
    """The furthest that a number of onnxruntime is from torch's; `ValueError` if that is far."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found = session.run(["policy", "wdl"], {"planes": planes_BPHW})
    with torch.inference_mode():
        wanted = _Play(network)(torch.from_numpy(planes_BPHW))
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
