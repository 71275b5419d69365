"""What a run folder holds, read for those who tell of the run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfplay.config import Config
from selfplay.run import checkpoint
from selfplay.run import folder as runs

Lines = Sequence[Mapping[str, Any]]

_STATE = "state.json"


@dataclass(frozen=True, kw_only=True)
class RunFiles:
    """What a run folder holds."""

    dir: Path
    config: Config
    metrics: Lines
    evals: Lines
    meta: Mapping[str, Any]
    prices: Mapping[str, Any] | None
    dtype: str
    """in which the network played and learned"""

    @property
    def last(self) -> Mapping[str, Any]:
        return self.metrics[-1] if self.metrics else {}


def read(run_dir: Path) -> RunFiles:
    """The files of a run; `ValueError` for other folders."""
    config = runs.recorded_config(run_dir)
    if config is None:
        raise ValueError(f"{run_dir} is no run folder")
    prices = run_dir / runs.PRICES
    return RunFiles(
        dir=run_dir,
        config=config,
        metrics=runs.read_lines(run_dir / runs.METRICS),
        evals=runs.read_lines(run_dir / runs.EVALS),
        meta=json.loads((run_dir / runs.META).read_bytes()),
        prices=json.loads(prices.read_bytes()) if prices.exists() else None,
        dtype=_dtype(run_dir) or config.network.dtype,
    )


def _dtype(run_dir: Path) -> str | None:
    """What `auto` was settled to; None if no checkpoint says."""
    for folder in reversed(checkpoint.folders(run_dir).values()):
        try:
            return json.loads(checkpoint.checked(folder, [_STATE]).path(_STATE).read_bytes())["dtype"]
        except (ValueError, KeyError):  # thinned out, or damaged: an older one may know
            continue
    return None
