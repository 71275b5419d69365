"""A network whose weights no longer change, and what computes it: torch, or ONNX Runtime.

| device, dtype         | rows                | answered by                                                           |
|-----------------------|---------------------|-----------------------------------------------------------------------|
| CUDA                  | any                 | torch: a captured graph of fixed shape                                |
| CPU, bfloat16         | any                 | torch, on the core of each thread                                     |
| CPU, float32 or auto  | up to `SMALL_BATCH` | ONNX Runtime in float32, on the core of each thread                   |
|                       | more                | torch likewise; auto measures whether float32 or bfloat16 is faster   |

Torch takes a second to import: on a CPU and unless bfloat16 was asked for, it is loaded with the first batch that needs
it, and by who never has one not at all.
"""

import ctypes
import functools
import os
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from games import registry
from games.game import Game
from games.registry import nearest
from selfplay.network.weights import check_planes, described, weights_arrays, weights_metadata
from selfplay.search.evaluate import Evaluate

if TYPE_CHECKING:
    from selfplay.network.architectures import Network
    from selfplay.network.evaluator import NetworkEvaluator

SMALL_BATCH = 16  # rows up to which ONNX Runtime is faster, on one core: docs/what-was-tried.md
_DEVICES = ("auto", "cpu", "cuda")
_DTYPES = ("auto", "float32", "bfloat16")


class NotTrainedHere(UserWarning):
    """A network plays on another board than it learned on."""


class FrozenNetwork:
    """One set of weights for one game. What is made of it, its ONNX file and its module, is made once for all uses."""

    def __init__(self, game: Game, metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray], source: str) -> None:
        """`arrays` and `metadata` as in a weights file; `source` names them in errors.

        A network that is blind to the size of the board plays its game on boards of other sizes too, where nothing says
        how well: `NotTrainedHere` warns. `ValueError` if they are for another game, or for another view of it.
        """
        learned = metadata["game"]
        if learned != game.name:
            if not _fits(metadata["architecture"], learned, game):
                raise ValueError(f"{source} holds a network for {learned}, not for {game.name}")
            line = f"{source} learned {learned}: it plays {game.name} without having been trained there"
            warnings.warn(line, NotTrainedHere, stacklevel=1)  # as if from here, so that each is said once
        try:
            check_planes(metadata, game)
        except ValueError as error:
            raise ValueError(f"{source} holds {error}") from error
        self.game = game
        self.metadata = dict(metadata)
        self.arrays = arrays
        self.source = source

    @classmethod
    def of(cls, network: "Network", game: Game) -> "FrozenNetwork":
        """The network as it is now; it may go on learning."""
        arrays = {name: tensor.detach().cpu().numpy().copy() for name, tensor in network.state_dict().items()}
        return cls(game, described(network, game.name), arrays, "the set of weights")

    @classmethod
    def load(cls, weights: Path, game: Game) -> "FrozenNetwork":
        """That of a weights file; `ValueError` for one that is damaged, or of another game."""
        return cls(game, weights_metadata(weights), weights_arrays(weights), str(weights))

    @functools.cached_property
    def onnx(self) -> bytes:
        """The ONNX file; `ValueError` if the arrays are not those of the architecture."""
        from selfplay.network import onnx_graph

        try:
            return onnx_graph.model(self.arrays, self.game, self.metadata)
        except ValueError as error:
            raise ValueError(f"{self.source} holds {error}") from error

    @functools.cached_property
    def module(self) -> "Network":
        """The network in eval mode; `ValueError` if the arrays are not those of the architecture."""
        import torch

        from selfplay.network.architectures import rebuilt

        architecture = self.metadata["architecture"]
        try:
            return rebuilt(self.game, architecture, {name: torch.tensor(array) for name, array in self.arrays.items()})
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ValueError(f"{self.source} holds no {architecture} for {self.game.name}: {reason}") from error

    def evaluators(self, *, batch: int, device: str = "auto", dtype: str = "auto") -> list[Evaluate]:
        """Evaluators of up to `batch` rows that share no state, one for each thread that can do with one: as many as
        there are cores, or one on CUDA. Which runtime they ask is in the table above."""
        for key, value, allowed in (("device", device, _DEVICES), ("dtype", dtype, _DTYPES)):
            if value not in allowed:
                raise ValueError(f"{key} is one of {', '.join(allowed)}, not {value!r}{nearest(value, list(allowed))}")
        threads = os.cpu_count() or 1
        if dtype == "bfloat16" or _on_cuda(device):
            from selfplay.network.evaluator import NetworkEvaluator

            first = NetworkEvaluator(self.module, device, game=self.game, batch=batch, dtype=dtype)
            others = 0 if first.device.type == "cuda" else threads - 1
            return [first] + [
                NetworkEvaluator(self.module, device, game=self.game, batch=batch, dtype=first.dtype)
                for _ in range(others)
            ]

        from selfplay.network import onnx_session

        small = onnx_session.evaluator(self.onnx)  # threads may share it
        torch_later = _TorchLater(self, batch, dtype)
        return [by_batch_size(small, torch_later.evaluator()) for _ in range(threads)]


class _TorchLater:
    """Evaluators by torch on one core each, which load it when they are first called."""

    def __init__(self, network: FrozenNetwork, batch: int, dtype: str) -> None:
        self._network = network
        self._batch = batch
        self._dtype = dtype
        self._lock = threading.Lock()

    def evaluator(self) -> Evaluate:
        """One more; for one thread at a time."""
        built: NetworkEvaluator | None = None

        def evaluate(planes_BPHW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            nonlocal built
            if built is None:
                built = self._build()
            return built(planes_BPHW)

        return evaluate

    def _build(self) -> "NetworkEvaluator":
        with self._lock:
            import torch

            from selfplay.network.evaluator import NetworkEvaluator

            torch.set_num_threads(1)  # of the thread that calls
            network = self._network
            built = NetworkEvaluator(network.module, "cpu", game=network.game, batch=self._batch, dtype=self._dtype)
            self._dtype = built.dtype  # measured once for all
            return built


def by_batch_size(small: Evaluate, large: Evaluate) -> Evaluate:
    """One `Evaluate` of two: the first for up to `SMALL_BATCH` rows, the second for more."""

    def evaluate(planes_BPHW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (small if len(planes_BPHW) <= SMALL_BATCH else large)(planes_BPHW)

    return evaluate


def _fits(architecture: str, learned: str, game: Game) -> bool:
    """Whether a network for one board fits another of the same game: a resnet of a game whose moves are cells has no
    layer that knows how many there are."""
    if not architecture.startswith("resnet:") or game.action_is != "cell":
        return False
    try:
        other = registry.make(learned)
    except ValueError:
        return False
    alike = (other.kind, other.in_a_row, other.options, other.planes, other.action_is)
    return alike == (game.kind, game.in_a_row, game.options, game.planes, game.action_is)


def _on_cuda(device: str) -> bool:
    """Whether `device` means CUDA here. Where there is no driver, nobody loads torch to ask it."""
    if device != "auto":
        return device == "cuda"
    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return False
    import torch

    return torch.cuda.is_available()
