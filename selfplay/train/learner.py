"""Gradient steps: AdamW on policy, value, reply and ownership; an exponential moving average of the weights plays.

On a CPU every thread takes a share of each batch through the network by itself, because the operators' own threads
wait for each other at every layer: two threads of one core each make 18 k samples/s where one of two made 13 k, and
three times as many where other work is on the machine (docs/what-was-tried.md).

Shape letters: B rows of a batch (or of a thread's share), A actions, C cells.
"""

import copy
import itertools
import math
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from selfplay.config import LearnConfig
from selfplay.network.architectures import Network
from selfplay.train.replay import Batch

_FEWEST_ROWS = 32  # of a share; batch statistics of fewer say little


@dataclass(frozen=True, kw_only=True)
class Losses:
    """Means over some steps, in nats; and the mean length of the gradient before clipping."""

    total: float
    policy: float
    value: float
    reply: float
    ownership: float
    """0 without that head"""
    gradient_norm: float


class _Student(nn.Module):
    """What learns: the network, and where it is taught ownership a head for that."""

    def __init__(self, network: Network, ownership: nn.Module | None) -> None:
        super().__init__()
        self.network = network
        self.ownership = ownership

    def forward(self, planes_BPHW: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        network = self.network
        trunk = network.trunk(planes_BPHW)
        owners = None if self.ownership is None else self.ownership(trunk)
        return network.policy(trunk), network.value(trunk), network.reply(trunk), owners


def _one_core(device: torch.device) -> None:
    if device.type == "cpu":
        torch.set_num_threads(1)  # of this thread


class Learner:
    """The network in training, its optimiser, and the averaged copy that plays.

    The gradient is the mean over the threads' shares, which are always summed in the same order: the same steps for
    the same number of threads.
    """

    def __init__(
        self,
        network: Network,
        config: LearnConfig,
        device: torch.device,
        dtype: str,
        threads: int = 1,
        *,
        ownership: nn.Module | None = None,
    ) -> None:
        """`ownership` is a head of the network (`Network.ownership`), which learns with it and never plays."""
        self.config = config
        self.device = device
        self.dtype = getattr(torch, dtype)
        self.network = network.train().to(device)
        self.network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.steps = 0
        self.rate_share = 1.0  # of the configured learning rate; less after a divergence
        self._shares = threads if device.type == "cpu" else 1
        self._begin(_Student(self.network, None if ownership is None else ownership.train().to(device)))

    def _begin(self, student: _Student) -> None:
        """Learn with this one from here on, by a fresh optimiser."""
        self.student = student
        # Replicas look at the same weights, and have gradients and batch statistics of their own; those of the first
        # are the student's.
        self.replicas = [student] + [copy.deepcopy(student) for _ in range(self._shares - 1)]
        for replica in self.replicas[1:]:
            for mine, shared in zip(replica.parameters(), student.parameters(), strict=True):
                mine.data = shared.data
        decayed = [p for p in student.parameters() if p.ndim > 1]
        plain = [p for p in student.parameters() if p.ndim <= 1]  # biases and batch norm
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": self.config.weight_decay}, {"params": plain, "weight_decay": 0.0}],
            lr=self.config.learning_rate,
        )

    def learning_rate(self, positions: int) -> float:
        """Warm-up by steps, then a decay by positions made. No clock and no budget enters, so that a run
        that is continued, or killed and resumed, takes the same steps."""
        config = self.config
        warm = min(1.0, (self.steps + 1) / max(config.warmup_steps, 1))
        return self.rate_share * config.learning_rate * warm / math.sqrt(1.0 + positions / config.decay_positions)

    def learn(self, batches: Iterator[Batch], positions: int) -> Losses:
        """One step per batch; `positions` made so far set the learning rate."""
        sums = torch.zeros(6)
        count = 0
        with ThreadPoolExecutor(len(self.replicas), initializer=_one_core, initargs=(self.device,)) as pool:
            for batch in batches:
                for group in self.optimizer.param_groups:
                    group["lr"] = self.learning_rate(positions)
                sums += self._step(batch, pool)
                count += 1
        total, policy, value, reply, ownership, norm = (sums / max(count, 1)).tolist()
        return Losses(total=total, policy=policy, value=value, reply=reply, ownership=ownership, gradient_norm=norm)

    def _step(self, batch: Batch, pool: ThreadPoolExecutor) -> torch.Tensor:
        rows = len(batch.planes_BPHW)
        edges = np.linspace(0, rows, min(len(self.replicas), rows // _FEWEST_ROWS or 1) + 1).astype(int)
        there = {field.name: found for field in fields(Batch) if (found := getattr(batch, field.name)) is not None}
        shares = [
            Batch(**{name: found[start:end] for name, found in there.items()})
            for start, end in itertools.pairwise(edges)
        ]
        losses = list(pool.map(self._backward, self.replicas, shares))
        weights = [len(share.planes_BPHW) / rows for share in shares]
        with torch.no_grad():
            for parameter, *others in zip(*(r.parameters() for r in self.replicas[: len(shares)]), strict=True):
                assert parameter.grad is not None
                parameter.grad *= weights[0]
                for other, weight in zip(others, weights[1:], strict=True):
                    parameter.grad += weight * other.grad
        norm = nn.utils.clip_grad_norm_(self.student.parameters(), self.config.gradient_clip)
        self.optimizer.step()
        self.steps += 1
        self._follow()
        mean_5 = torch.stack([weight * loss_5 for weight, loss_5 in zip(weights, losses, strict=True)]).sum(dim=0)
        return torch.cat([mean_5, norm.detach().float()[None]]).cpu()

    def _backward(self, student: _Student, batch: Batch) -> torch.Tensor:
        """Leave the gradient of the mean loss over these rows in the student; total, policy, value, reply and ownership
        loss."""
        planes_BPHW = torch.from_numpy(batch.planes_BPHW).to(self.device, memory_format=torch.channels_last)
        policy_BA = torch.from_numpy(batch.policy_BA).to(self.device)
        value_B3 = torch.from_numpy(batch.value_B3).to(self.device)
        reply_B = torch.from_numpy(batch.reply_B).to(self.device)
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            policy_logits, value_logits, reply_logits, owner_logits = student(planes_BPHW)
        policy = functional.cross_entropy(policy_logits.float(), policy_BA)
        value = functional.cross_entropy(value_logits.float(), value_B3)
        replies = functional.cross_entropy(reply_logits.float(), reply_B, ignore_index=-1, reduction="sum")
        reply = replies / (reply_B >= 0).sum().clamp(min=1)
        ownership = torch.zeros((), device=self.device)
        if owner_logits is not None and batch.owners_BC is not None:
            owners_BC = torch.from_numpy(batch.owners_BC).to(self.device)
            cells = functional.cross_entropy(owner_logits.float(), owners_BC, ignore_index=-1, reduction="sum")
            ownership = cells / (owners_BC >= 0).sum().clamp(min=1)
        total = (
            policy
            + self.config.value_weight * value
            + self.config.reply_weight * reply
            + self.config.ownership_weight * ownership
        )
        for parameter in student.parameters():
            parameter.grad = None
        total.backward()
        return torch.stack([total, policy, value, reply, ownership]).detach().float()

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average towards the weights; sooner at first, when they change fast."""
        keep = min(self.config.ema, (self.steps + 1) / (self.steps + 10))
        averages = self.average.state_dict()
        for name, tensor in self.network.state_dict().items():
            if tensor.is_floating_point():
                averages[name].lerp_(tensor, 1.0 - keep)
            else:
                averages[name].copy_(tensor)

    def state(self) -> dict[str, Any]:
        """All that a resumed learner needs, for `torch.save`."""
        head = self.student.ownership
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "steps": self.steps,
            **({} if head is None else {"ownership": head.state_dict()}),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave; `ValueError` for what it cannot have given. Who was not taught ownership, as in
        runs from before that could be, is not taught it from here on either."""
        if isinstance(state, dict) and "ownership" not in state and self.student.ownership is not None:
            self._begin(_Student(self.network, None))
        moments = self._checked(state)
        if self.student.ownership is not None:
            self.student.ownership.load_state_dict(state["ownership"])
        self.network.load_state_dict(state["network"])  # in place: the replicas see it
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})  # settings are the config's
        self.steps = state["steps"]

    def _checked(self, state: Any) -> dict[int, Any]:
        """The optimiser's moments of each parameter; `ValueError` where a tensor has another shape or type than
        this learner's, or is not finite."""
        expected = self.state()
        if not isinstance(state, dict) or set(state) != set(expected):
            raise ValueError(f"a learner's state has {', '.join(expected)}")
        _expect_tensors("network", state["network"], expected["network"])
        _expect_tensors("average", state["average"], expected["average"])
        if "ownership" in expected:
            _expect_tensors("ownership", state["ownership"], expected["ownership"])
        if not (type(state["steps"]) is int and state["steps"] >= 0):
            raise ValueError(f"steps is a whole number, not {state['steps']!r}")
        moments = state["optimizer"].get("state") if isinstance(state["optimizer"], dict) else None
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        if not isinstance(moments, dict) or set(moments) not in (set(), set(range(len(parameters)))):
            raise ValueError("optimizer: it knows other parameters than the network has")
        for i, found in moments.items():
            like = {"step": torch.zeros(()), "exp_avg": parameters[i], "exp_avg_sq": parameters[i]}
            _expect_tensors(f"optimizer: parameter {i}", found, like)
        return moments


def _expect_tensors(where: str, found: Any, expected: Mapping[str, torch.Tensor]) -> None:
    """`ValueError` that names the first tensor which is missing, unlike the one expected, or not finite."""
    if not isinstance(found, Mapping) or set(found) != set(expected):
        raise ValueError(f"{where}: its tensors are not {', '.join(expected)}"[:200])
    for name, like in expected.items():
        tensor = found[name]
        plain = isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided
        if not plain or tensor.shape != like.shape or tensor.dtype != like.dtype:
            raise ValueError(f"{where}: {name} is not a tensor of {list(like.shape)}")
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{where}: {name} is not finite")
