"""The TensorBoard view of a run: every metric and every match, over generations."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from selfplay import atomic
from selfplay.metrics import METRICS, strength_name


class TensorBoard:
    """Writes events under `<run>/tensorboard`. What an earlier process wrote after `generation` is hidden."""

    def __init__(self, run_dir: Path, generation: int) -> None:
        self._folder = run_dir / "tensorboard"
        self._writer = SummaryWriter(str(self._folder), purge_step=generation + 1)
        rows = "\n".join(f"| {m.name} | {m.unit} | {m.meaning} | {m.healthy} | {m.otherwise} |" for m in METRICS)
        table = f"| name | unit | meaning | healthy | otherwise |\n|---|---|---|---|---|\n{rows}"
        self._writer.add_text("about/metrics", table, generation + 1)

    def write(self, generation: int, metrics: Mapping[str, float], evals: Sequence[Mapping[str, Any]]) -> None:
        """Add one generation's metrics, and the scores with intervals of its matches."""
        scalars = {name if "/" in name else f"total/{name}": value for name, value in metrics.items()}
        for match in evals:
            name = strength_name(match)
            scalars |= {name: match["score"], f"{name}/low": match["score_low"], f"{name}/high": match["score_high"]}
        with atomic.naming(self._folder):
            for name, value in scalars.items():
                self._writer.add_scalar(name, value, generation)
            self._writer.flush()

    def close(self) -> None:
        """Close the file of events."""
        self._writer.close()
