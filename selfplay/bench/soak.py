"""What a long training holds on to, memory, threads and open files from first to last, and whether it slows down."""

import contextlib
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from selfplay.run.read import Run

COLUMNS = ("seconds", "cpu_seconds", "memory_mb", "threads", "files", "train_flops")
_EVERY_S = 10.0


def measure(arguments: list[str], run_dir: Path, *, every: float = _EVERY_S) -> dict[str, float]:
    """`selfplay train ARGUMENTS --run RUN_DIR` in a process of its own, looked at `every` so many seconds.

    What is seen goes to `RUN_DIR/soak.csv` at once. `ValueError` for a training that fails or is over too soon.
    """
    command = [sys.executable, "-m", "selfplay", "train", *arguments, "--run", str(run_dir)]
    rows: list[tuple[float, ...]] = []
    began = time.monotonic()
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, text=True) as training,
    ):
        process = psutil.Process(training.pid)
        while training.poll() is None:
            with contextlib.suppress(psutil.Error):  # it has just ended
                rows.append((time.monotonic() - began, *_held(process), _flops(run_dir)))
                _write(run_dir, rows[-1])
            with contextlib.suppress(subprocess.TimeoutExpired):
                training.wait(every)
        if training.returncode:
            said.seek(0)
            raise ValueError(f"the training ended with exit code {training.returncode}: {said.read().strip()[-300:]}")
    return summary(np.array(rows))


def summary(seen_RC: np.ndarray) -> dict[str, float]:
    """Means of what was seen early and late, float [R, C] in the order of `COLUMNS`, and late speed against early.

    Early is the second quarter of the time from the first generation to the last (the first quarter fills the window
    of positions), late the last quarter. Speed is training FLOPs per second of the processor's time, which other work
    on the machine disturbs least.
    """
    trained_R = np.flatnonzero(np.diff(seen_RC[:, 5], prepend=0.0) > 0) if len(seen_RC) else np.zeros(0, int)
    if not len(trained_R):
        raise ValueError("the training was over too soon to tell early from late")
    seen_RC = seen_RC[trained_R[0] : trained_R[-1] + 1]
    end = seen_RC[-1, 0]
    share_R = (seen_RC[:, 0] - seen_RC[0, 0]) / max(end - seen_RC[0, 0], 1e-9)
    early_RC, late_RC = seen_RC[(share_R >= 0.25) & (share_R < 0.5)], seen_RC[share_R >= 0.75]
    if not all(len(part_RC) > 1 and part_RC[-1, 5] > part_RC[0, 5] for part_RC in (early_RC, late_RC)):
        raise ValueError("the training was over too soon to tell early from late")
    found = {"minutes": float(end / 60)}
    for name, column in (("memory_mb", 2), ("threads", 3), ("files", 4)):
        found |= {f"{name}_early": float(early_RC[:, column].mean()), f"{name}_late": float(late_RC[:, column].mean())}
    early, late = (
        float((part_RC[-1, 5] - part_RC[0, 5]) / (part_RC[-1, 1] - part_RC[0, 1])) for part_RC in (early_RC, late_RC)
    )
    return found | {"flops_per_cpu_s_early": early, "flops_per_cpu_s_late": late, "late_speed": late / early}


def _write(run_dir: Path, row: tuple[float, ...]) -> None:
    """Add a line, once there is a generation: before, the folder is the training's to judge."""
    path = run_dir / "soak.csv"
    if row[-1]:
        with path.open("a", newline="") as out:
            csv.writer(out).writerows([row] if path.stat().st_size else [COLUMNS, row])


def _held(process: psutil.Process) -> tuple[float, float, float, float]:
    """CPU seconds, MB, threads and open files of a process."""
    with process.oneshot():
        times = process.cpu_times()
        return (
            times.user + times.system,
            process.memory_info().rss / 1e6,
            float(process.num_threads()),
            float(getattr(process, "num_handles" if psutil.WINDOWS else "num_fds")()),
        )


def _flops(run_dir: Path) -> float:
    """Training FLOPs up to the newest generation."""
    if not (run_dir / "metrics.jsonl").exists():
        return 0.0
    metrics = Run(run_dir).metrics
    return float(metrics[-1]["train_flops"]) if metrics else 0.0
