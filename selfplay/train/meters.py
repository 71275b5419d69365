"""What a run costs beside time: energy, where Linux tells it (RAPL counters, of Intel and AMD), and memory."""

from pathlib import Path

import psutil

_COUNTERS = Path("/sys/class/powercap")


class EnergyMeter:
    """Joules between readings, of all processor packages: whatever else runs on the machine counts too."""

    def __init__(self, folder: Path = _COUNTERS) -> None:
        # intel-rapl:0 is a package, intel-rapl:0:1 a part of it. The files are root's on many machines.
        self._packages = [path for path in sorted(folder.glob("intel-rapl:*")) if path.name.count(":") == 1]
        self._last = self._counters()

    def _counters(self) -> list[tuple[int, int]]:
        """(microjoules, where the counter starts again) of each package; empty where they cannot be read."""
        try:
            return [
                (int((path / "energy_uj").read_text()), int((path / "max_energy_range_uj").read_text()))
                for path in self._packages
            ]
        except (OSError, ValueError):
            return []

    def joules(self) -> float:
        """Since the last call; 0 where the machine does not tell."""
        before, self._last = self._last, self._counters()
        # A counter that fell has started again; of an hour between readings several rounds would go unseen.
        return sum((now - old) % (limit + 1) for (old, _), (now, limit) in zip(before, self._last, strict=False)) / 1e6


def resident_mb() -> float:
    """Megabytes of memory that this process holds now."""
    return psutil.Process().memory_info().rss / 1e6
