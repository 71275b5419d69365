"""Classifiers: a small network, and nearest neighbours.

N examples, T examples to be classified, F features, K classes, J neighbours. Networks compute on one thread, so
that a seed gives the same weights however many cores there are.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial import KDTree
from torch import nn
from torch.nn import functional

_AT_ONCE = 1 << 14  # examples that are classified at once
_TESTS_AT_ONCE = 256  # against all examples, by brute force
_FEW = 3  # dimensions in which a tree finds neighbours sooner


class Labelled(NamedTuple):
    """Examples and what they are."""

    inputs: np.ndarray
    """[N, ...], before anybody has looked at them"""
    classes: np.ndarray
    """int64 [N], from 0 to K - 1"""


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """A multi-layer perceptron and how it is trained: AdamW, the learning rate falling to 0 on a cosine."""

    width: int = 128
    depth: int = 3
    """hidden layers"""
    steps: int = 3000
    batch: int = 512
    learning_rate: float = 3e-3
    weight_decay: float = 0.0
    layer_norm: bool = False
    focal: float = 0.0
    """gamma of the focal loss (Lin et al. 2017), which gives examples that are right already less weight; 0 is
    cross-entropy"""
    device: str = "cpu"


class Network:
    """A trained network."""

    def __init__(self, module: nn.Module, settings: NetworkSettings, flops: float) -> None:
        self._module = module
        self._device = settings.device
        self.flops = flops
        """of its training, 2 per multiply-add"""

    def classify(self, features_TF: np.ndarray) -> np.ndarray:
        """The likeliest class of each, int64 [T]."""
        with torch.inference_mode(), _one_thread():
            parts = [
                self._module(torch.as_tensor(part_TF, dtype=torch.float32, device=self._device)).argmax(dim=1).cpu()
                for part_TF in np.array_split(features_TF, max(1, len(features_TF) // _AT_ONCE))
            ]
        return torch.cat(parts).numpy()


def train_network(features_NF: np.ndarray, classes_N: np.ndarray, settings: NetworkSettings, seed: int) -> Network:
    """Train on batches drawn at random; the same settings take the same compute whatever N is."""
    with _one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = _perceptron(features_NF.shape[1], int(classes_N.max()) + 1, settings).to(settings.device)
        optimiser = torch.optim.AdamW(module.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.steps)
        x_NF = torch.as_tensor(features_NF, dtype=torch.float32, device=settings.device)
        y_N = torch.as_tensor(classes_N, device=settings.device)
        for _ in range(settings.steps):
            chosen_B = torch.randint(len(y_N), (settings.batch,)).to(settings.device)
            loss = _loss(module(x_NF[chosen_B]), y_N[chosen_B], settings.focal)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    weights = sum(layer.weight.numel() for layer in module.modules() if isinstance(layer, nn.Linear))
    return Network(module.eval(), settings, 3 * 2.0 * weights * settings.steps * settings.batch)


def _perceptron(features: int, classes: int, settings: NetworkSettings) -> nn.Sequential:
    sizes = [features] + [settings.width] * settings.depth
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), *([nn.LayerNorm(after)] if settings.layer_norm else []), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], classes))


def _loss(logits_BK: torch.Tensor, classes_B: torch.Tensor, gamma: float) -> torch.Tensor:
    surprise_B = functional.cross_entropy(logits_BK, classes_B, reduction="none")
    if gamma == 0:
        return surprise_B.mean()
    return ((1 - torch.exp(-surprise_B)) ** gamma * surprise_B).mean()


class Neighbours:
    """The class of most of the nearest examples: nothing is trained. In few dimensions by a tree, in many by brute
    force; there, where examples are bits, the distance is how many of them differ, and the nearer decide a tie."""

    flops = 0.0
    """finding neighbours is no network's work"""

    def __init__(self, examples_NF: np.ndarray, classes_N: np.ndarray, neighbours: int) -> None:
        self._examples_NF = examples_NF
        self._classes_N = classes_N
        self._classes = int(classes_N.max()) + 1
        self._neighbours = min(neighbours, len(examples_NF))

    def classify(self, asked_TF: np.ndarray) -> np.ndarray:
        """The class that most of its neighbours have, int64 [T]."""
        find = self._by_tree if self._examples_NF.shape[1] <= _FEW else self._by_brute_force
        votes_TJ = self._classes_N[find(asked_TF).reshape(len(asked_TF), self._neighbours)]
        weight_J = 1 + 1e-3 * np.arange(self._neighbours, 0, -1)
        ballots_TK = np.zeros((len(asked_TF), self._classes))
        for k in range(self._classes):
            ballots_TK[:, k] = (votes_TJ == k) @ weight_J
        return ballots_TK.argmax(axis=1)

    def _by_tree(self, asked_TF: np.ndarray) -> np.ndarray:
        return np.asarray(KDTree(self._examples_NF).query(asked_TF, self._neighbours)[1])

    def _by_brute_force(self, asked_TF: np.ndarray) -> np.ndarray:
        with torch.inference_mode(), _one_thread():
            examples_FN = torch.as_tensor(self._examples_NF, dtype=torch.float32).T.contiguous()
            size_N = (examples_FN**2).sum(dim=0)
            nearest = [  # the squared distance, but for what is the same for every example
                (size_N - 2 * asked_BF @ examples_FN).topk(self._neighbours, dim=1, largest=False).indices
                for asked_BF in torch.as_tensor(asked_TF, dtype=torch.float32).split(_TESTS_AT_ONCE)
            ]
        return torch.cat(nearest).numpy()


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
