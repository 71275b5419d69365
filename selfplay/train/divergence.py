"""When learning has left all bounds, and what is said then.

A generation has diverged where a loss, a weight, an average or a moment of the optimiser is infinite or no number, or
where a head is worse by `_WORSE` nats than guessing: than log(actions) for the policy, log 3 for the value. Guessing
is where a network begins. Losses of a healthy run fall from there; with fifty times the preset's learning rate the
policy's loss is 1.58 still, below the log 7 = 1.95 of Connect Four (docs/read-the-curves.md); with 1e6 it was 3.6e29.

The learner then takes the weights back that it had before the generation, and a quarter of its learning rate, and
takes the same steps anew, a bounded number of times in a run. Nothing of that depends on a clock: a run that is killed
and goes on meets the same divergence, and answers it in the same way.
"""

import math
from collections.abc import Iterable

import torch

RETREAT = 0.25
"""the learning rate falls to this share of itself"""
MOST_RETREATS = 5
_WORSE = 3.0  # nats


class DivergedError(ValueError):
    """Learning has diverged, and lower rates are used up or not wanted; the message names what helps."""


def diverged(policy: float, value: float, others: Iterable[float], actions: int) -> bool:
    """Whether mean losses (nats) are those of learning that has left all bounds; `others` need only be finite."""
    return not (
        policy <= math.log(actions) + _WORSE and value <= math.log(3) + _WORSE and all(map(math.isfinite, others))
    )


def finite(state: object) -> bool:
    """Whether all tensors of a learner's state are."""
    if isinstance(state, torch.Tensor):
        return not state.is_floating_point() or bool(torch.isfinite(state).all())
    if isinstance(state, dict):
        return all(map(finite, state.values()))
    return all(map(finite, state)) if isinstance(state, list | tuple) else True
