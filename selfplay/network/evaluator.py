"""A network as a fast function of a batch of positions: what a search calls."""

import copy
import threading
import time

import numpy as np
import torch

from games.game import Game
from selfplay.network.architectures import Network, fold

_TRIAL_SECONDS = 0.15


def pick_device(device: str) -> torch.device:
    """`auto` is CUDA where there is one. `ValueError` for a device that is not here."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda was asked for, but torch sees no CUDA device here; use --device cpu")
    return torch.device(device)


class NetworkEvaluator:
    """An `Evaluate` from a network: batch norm folded, channels last, in the faster of float32 and bfloat16.

    `dtype` "auto" measures both for a moment. On CUDA, batches up to `batch` rows run as one captured graph
    of that fixed shape on a stream of their own. Each thread needs an evaluator of its own.
    """

    def __init__(
        self, network: Network, device: str = "auto", *, game: Game, batch: int = 256, dtype: str = "auto"
    ) -> None:
        self.device = pick_device(device)
        self.game = game
        self.batch = batch
        self._lock = threading.Lock()
        self._shape = (game.planes, game.height, game.width)
        self.load(network, dtype)

    def load(self, network: Network, dtype: str = "") -> None:
        """Play with these weights from now on; the dtype stays as chosen unless given."""
        folded = copy.deepcopy(network).to(self.device).float().eval()
        fold(folded)
        folded.requires_grad_(False)
        folded.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self._network = folded
        self.dtype = self._faster_dtype() if dtype == "auto" else dtype or self.dtype
        self._network = self._network.to(getattr(torch, self.dtype))
        if self.device.type == "cuda":
            self._capture()

    def __call__(self, planes_BPHW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.device.type == "cuda":
            parts = [self._replay(planes_BPHW[i : i + self.batch]) for i in range(0, len(planes_BPHW), self.batch)]
            logits, wdl = zip(*parts, strict=True)
            return np.concatenate(logits), np.concatenate(wdl)
        with torch.inference_mode():
            logits_BA, wdl_B3 = self._forward(torch.from_numpy(planes_BPHW))
        return logits_BA.numpy(), wdl_B3.numpy()

    def _forward(self, planes_BPHW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        dtype = next(self._network.parameters()).dtype
        planes_BPHW = planes_BPHW.to(dtype=dtype, memory_format=torch.channels_last)
        policy_BA, value_B3 = self._network.play(planes_BPHW)
        return policy_BA.float().contiguous(), torch.softmax(value_B3.float(), dim=1)

    def _faster_dtype(self) -> str:
        if self.device.type == "cuda":
            return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
        planes = torch.zeros(self.batch, *self._shape)
        exact = self._network
        rates = {}
        for dtype in ("float32", "bfloat16"):
            self._network = copy.deepcopy(exact).to(getattr(torch, dtype))
            with torch.inference_mode():
                self._forward(planes)
                started, runs = time.perf_counter(), 0
                while time.perf_counter() - started < _TRIAL_SECONDS:
                    self._forward(planes)
                    runs += 1
                rates[dtype] = runs / (time.perf_counter() - started)
        self._network = exact
        return "bfloat16" if rates["bfloat16"] > 1.1 * rates["float32"] else "float32"

    def _capture(self) -> None:
        """Record one forward pass of `batch` rows as a CUDA graph with pinned buffers at both ends."""
        self._stream = torch.cuda.Stream(self.device)
        self._host_in = torch.zeros(self.batch, *self._shape).pin_memory()
        self._host_out = torch.zeros(self.batch, self.game.actions + 3).pin_memory()
        self._input = torch.zeros(self.batch, *self._shape, device=self.device)

        def forward() -> torch.Tensor:
            return torch.cat(self._forward(self._input), dim=1)

        with torch.inference_mode(), torch.cuda.stream(self._stream):
            for _ in range(3):  # lets cuDNN choose before the capture
                forward()
            self._stream.synchronize()
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph, stream=self._stream, capture_error_mode="thread_local"):
                self._output = forward()

    def _replay(self, planes_BPHW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = len(planes_BPHW)
        with self._lock, torch.cuda.stream(self._stream):
            self._host_in[:rows] = torch.from_numpy(planes_BPHW)
            self._input.copy_(self._host_in, non_blocking=True)
            self._graph.replay()
            self._host_out.copy_(self._output, non_blocking=True)
            self._stream.synchronize()  # one wait per batch; nothing else here waits for the GPU
            out = self._host_out[:rows].numpy()
            return out[:, :-3].copy(), out[:, -3:].copy()
