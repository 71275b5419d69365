"""Where a run ends: what of its limits is used up, and what is left for one more generation.

What a limit looks at is the run's own ledger, without what it began with. The last generation is cut to what is left,
so that runs of one limit in FLOPs end at equal compute.
"""

import math
from dataclasses import dataclass

from selfplay.config import Config
from selfplay.ledger import Ledger

_NEAR = 0.01  # of a limit in FLOPs or in time: too little for another generation
_NEAR_S = 5.0  # as much of one in time at most


@dataclass(frozen=True, kw_only=True)
class Left:
    """What is left of a run's limits; None where there is no such limit."""

    flops: float | None
    seconds: float | None


def left(config: Config, ledger: Ledger) -> Left:
    """Of self-play and learning."""
    return Left(
        flops=config.flops - ledger.train_flops if config.flops else None,
        seconds=60 * config.minutes - ledger.train_seconds if config.minutes else None,
    )


def reached(config: Config, ledger: Ledger, generation: int) -> bool:
    """Whether a limit is reached, or so near that no generation fits any more."""
    rest = left(config, ledger)
    return bool(
        (config.generations and generation >= config.generations)
        or (rest.flops is not None and rest.flops <= _NEAR * config.flops)
        or (rest.seconds is not None and rest.seconds <= min(_NEAR * 60 * config.minutes, _NEAR_S))
    )


def spent(config: Config, ledger: Ledger, generation: int) -> float:
    """Share of the budget that is used up, in [0, 1], by the limit that will end the run."""
    shares = [0.0]
    if config.minutes:
        shares.append(ledger.train_seconds / (60 * config.minutes))
    if config.generations:
        shares.append(generation / config.generations)
    if config.flops:
        shares.append(ledger.train_flops / config.flops)
    return 1.0 if reached(config, ledger, generation) else min(1.0, max(shares))


def train_seconds_at_end(config: Config, ledger: Ledger, generation: int) -> float | None:
    """How long self-play and learning will have taken, about; None before that can be said."""
    share = spent(config, ledger, generation)
    if share:
        return ledger.train_seconds / share
    return 60 * config.minutes if config.minutes and not config.generations and not config.flops else None


def seconds_left(config: Config, ledger: Ledger, generation: int) -> float | None:
    """Estimate of the time to the end of training, with the matches on the way and without those at its end; None
    before there is one."""
    share = spent(config, ledger, generation)
    if share:
        return ledger.train_seconds * (1 - share) / share + _matches_to_come(config, ledger, share)
    return train_seconds_at_end(config, ledger, generation)


def _matches_to_come(config: Config, ledger: Ledger, share: float) -> float:
    """Seconds of the evaluations before the end, each as long as those so far: they are evenly apart in log compute, so
    that most of them are at the beginning."""
    per_decade, begun = config.eval.per_decade, ledger.train_flops / max(1.0, config.eval.first_flops)
    if not ledger.eval_seconds or begun <= 0:
        return 0.0
    so_far = 1 + int(per_decade * math.log10(max(1.0, begun)))
    return ledger.eval_seconds / so_far * int(per_decade * math.log10(1 / share))
