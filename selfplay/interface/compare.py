"""Settings compared from Python."""

from collections.abc import Sequence
from pathlib import Path

from selfplay.report.comparison import settings
from selfplay.report.comparison.settings import SettingsComparison
from selfplay.run.read import Run


def compare(*groups: "str | Path | Run | Sequence[str | Path | Run]") -> SettingsComparison:
    """Compare settings at equal compute, as `selfplay compare` does.

    Args:
        groups: the runs of each setting, its seeds, as a list of run folders or `Run`s; one run may stand for a list.
            A single list is grouped by setting: runs that differ in their seed alone belong together.

    Returns:
        The first group beside each of the others: `.verdict` in a sentence, `.elo` with its 95 % `.interval`,
        `.compute_gain` (times the FLOPs that the second group needs for the same strength), `.warnings`, `.pairs`
        with every opponent, `.as_dict()` as `--json` has it, and `.picture()`, a PNG.

    Raises:
        ValueError: for folders that are no runs, runs of several games, a group of several settings, runs without
            matches, or without an opponent that all have met.
    """
    parts = [[group] if isinstance(group, str | Path | Run) else list(group) for group in groups]
    return settings.compare(parts)
