"""What a run folder holds, read for those who tell of the run: lines and records as their types."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from selfplay.config import Config
from selfplay.run import checkpoint
from selfplay.run import folder as runs
from selfplay.run.rows import MetricsLine, Rows
from selfplay.stats import crossover
from selfplay.stats import frontier as frontier_of
from selfplay.stats.frontier import Point
from selfplay.stats.records import Crossing, CrossoverRecord, EvalLine, Forecast, Lines, WrittenForecast, brief, visible

Metrics = Sequence[Mapping[str, Any]]
"""the lines of metrics.jsonl, oldest first"""

_STATE = "state.json"
_AGES = (1, 5, 20, 60)  # minutes of training at which one may meet a learner
_ABOUT = 1.5  # times another age, at most, is about that age
_Record = TypeVar("_Record")
_MAYBE = (type(None),)
_NUMBER = (int, float)

# What is read of meta.json and prices.json: the types of a field, the fields of an object, or [of each item of a list].
_META: Mapping[str, Any] = {
    "sessions": [
        {
            "started": str,
            "command": str,
            "from_generation": int,
            "commit": (str, *_MAYBE),
            "dirty": (bool, *_MAYBE),
            "versions": {},
            "machine": {"cpu": str, "cores": int},
        }
    ]
}
_ESTIMATE = (*_NUMBER, *_MAYBE)
_PRICES: Mapping[str, Any] = {
    "agent": str,
    "growth": ({"agent": str, "opponent": str, "elo_per_decade": _NUMBER}, None),
    "prices": [
        {"piece": str} | dict.fromkeys(("elo", "elo_low", "elo_high", "factor", "factor_low", "factor_high"), _ESTIMATE)
    ],
}


class Run:
    """What a run folder holds. Each part is read when it is first asked for, and stays as it was then.

    `config` has every setting of the run.
    """

    def __init__(self, path: str | Path) -> None:
        """`ValueError` for a folder that is no run's."""
        self.dir = Path(path)
        config = runs.recorded_config(self.dir)
        if config is None:
            raise ValueError(runs.no_run(self.dir))
        self.config: Config = config

    def __repr__(self) -> str:
        return f"<selfplay.Run {str(self.dir)!r} of {self.config.game}>"

    @cached_property
    def metrics(self) -> Rows[MetricsLine]:
        """What each generation measured, oldest first. `ValueError` names the file, the line and what is wrong."""
        return Rows(metrics(self.dir))

    @cached_property
    def evals(self) -> Rows[EvalLine]:
        """The matches of the evaluations, oldest first. `ValueError` names the file, the line and what is wrong."""
        return Rows(evals(self.dir))

    def crossovers(self) -> Rows[Crossing]:
        """When the learner overtook each opponent, or that it has not yet: player by player, as they met."""
        return Rows(self.crossover.crossings)

    @cached_property
    def crossover(self) -> CrossoverRecord:
        return recorded_crossover(self.dir, self.config.game, self.evals)

    @cached_property
    def frontier(self) -> list[Point]:
        """From the run's own evaluations and from those at other numbers of simulations."""
        return frontier_of.points([*self.evals, *frontier(self.dir)])

    @cached_property
    def meta(self) -> Mapping[str, Any]:
        """The commands that made the run, with commit, versions and machine of each."""
        path = self.dir / runs.META
        return _visible(_shaped(runs.read_object(path), _META, str(path)))

    @cached_property
    def prices(self) -> Mapping[str, Any] | None:
        """What pieces of human knowledge are worth, where `selfplay arena --ablate` asked."""
        path = self.dir / runs.PRICES
        return _visible(_shaped(runs.read_object(path), _PRICES, str(path))) if path.exists() else None

    @cached_property
    def dtype(self) -> str:
        """In which the network played and learned."""
        return _dtype(self.dir) or self.config.network.dtype

    @property
    def last(self) -> Mapping[str, Any]:
        """The newest line of metrics; empty if there is none."""
        return self.metrics[-1] if self.metrics else {}

    @property
    def ages(self) -> dict[int, float]:
        """Minutes of training of the generations that are nearest to an age of 1, 5, 20 and 60 minutes and to the age
        of today, of those whose weights are kept."""
        minutes = {
            line["generation"]: (line.get("play_seconds", 0) + line.get("learn_seconds", 0)) / 60
            for line in self.metrics
        }
        return near_ages(minutes, checkpoint.folders(self.dir))

    @property
    def trained(self) -> tuple[int, float]:
        """Games of self-play, and seconds of it and of learning; by the evaluations where there are no metrics."""
        if "games" in self.last:
            return self.last["games"], self.last.get("play_seconds", 0) + self.last.get("learn_seconds", 0)
        return max(((line.games, line.seconds) for line in self.evals), default=(0, 0.0))


def near_ages(minutes: Mapping[int, float], generations: Iterable[int]) -> dict[int, float]:
    """`Run.ages` of a run with these minutes of training at each generation, and the weights of these generations."""
    kept = {number: minutes[number] for number in generations if minutes.get(number)}
    found = {}
    for age in (*_AGES, max(kept.values(), default=0.0)):
        near = min(kept, key=lambda number: abs(math.log(kept[number] / age)), default=None)
        if near is not None and abs(math.log(kept[near] / age)) < math.log(_ABOUT):
            found[near] = kept[near]
    return found


def metrics(run_dir: Path) -> list[MetricsLine]:
    """What each generation measured, oldest first."""
    return _typed(run_dir / runs.METRICS, MetricsLine.from_dict)


def evals(run_dir: Path) -> list[EvalLine]:
    """The matches of the run's evaluations, oldest first."""
    return _typed(run_dir / runs.EVALS, EvalLine.from_dict)


def last_flops(run_dir: Path) -> float:
    """Training compute after the last generation that is written down."""
    lines = metrics(run_dir)
    return float(lines[-1].get("train_flops") or 0) if lines else 0.0


def frontier(run_dir: Path) -> list[EvalLine]:
    """The matches that `selfplay measure --frontier` played, in its order."""
    return _typed(run_dir / runs.FRONTIER, EvalLine.from_dict)


def forecasts(run_dir: Path) -> list[WrittenForecast]:
    """What was expected after each evaluation, oldest first."""
    return _typed(run_dir / runs.FORECASTS, WrittenForecast.from_dict)


def expected(run_dir: Path, lines: Lines) -> list[Forecast]:
    """When the opponents will be overtaken that are not yet: as written down after the last of `lines`, those of
    evals.jsonl, or as it would have been."""
    written = [forecast for forecast in forecasts(run_dir) if forecast.generation == lines[-1].generation]
    return [*written] or crossover.forecast(lines)


def recorded_crossover(run_dir: Path, game: str, lines: Lines) -> CrossoverRecord:
    """The run's crossover.json, or what it would hold if it is missing, older than evals.jsonl, or of another version.

    `lines` are those of evals.jsonl.
    """
    path = run_dir / runs.CROSSOVER
    try:
        newer = path.stat().st_mtime_ns >= (run_dir / runs.EVALS).stat().st_mtime_ns
        if newer and runs.is_whole(path):
            return CrossoverRecord.from_dict(runs.read_object(path))
    except (FileNotFoundError, ValueError):  # all that it holds comes from the lines
        pass
    return crossover.record(lines, game)


def _typed(path: Path, from_dict: Callable[[Mapping[str, Any]], _Record]) -> list[_Record]:
    """The whole lines of a file; `ValueError` names the file, the line and the field that is wrong."""
    found = []
    for number, line in runs.numbered_lines(path):
        try:
            found.append(from_dict(line))
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from None
    return found


def _dtype(run_dir: Path) -> str | None:
    """What `auto` was settled to; None if no checkpoint says."""
    for folder in reversed(checkpoint.folders(run_dir).values()):
        try:
            state = runs.read_object(checkpoint.checked(folder, [_STATE]).path(_STATE))
            return _shaped(state, {"dtype": str}, _STATE)["dtype"]
        except ValueError:  # thinned out, or damaged: an older one may know
            continue
    return None


def _shaped(found: Any, shape: Any, where: str) -> Any:
    """What was read, if it has this shape; `ValueError`, which begins with `where`, names the field that has not."""
    if isinstance(shape, tuple) and isinstance(shape[0], Mapping):  # such an object, or null
        return found if found is None else _shaped(found, shape[0], where)
    if isinstance(shape, Mapping):
        if not isinstance(found, Mapping):
            raise ValueError(f"{where} is an object, not {brief(found)}")
        for name, kind in shape.items():
            inner = f"{where}: {name}" if ": " not in where else f"{where}.{name}"
            if name not in found:
                raise ValueError(f"{inner} is missing")
            _shaped(found[name], kind, inner)
    elif isinstance(shape, list):
        if not isinstance(found, list) or not found:
            raise ValueError(f"{where} is a list that is not empty, not {brief(found)}")
        for number, item in enumerate(found):
            _shaped(item, shape[0], f"{where}[{number}]")
    else:
        kinds = shape if isinstance(shape, tuple) else (shape,)
        huge = isinstance(found, _NUMBER) and not -1e30 <= found <= 1e30
        if not isinstance(found, kinds) or huge or (isinstance(found, bool) and bool not in kinds):
            said = " or ".join(_WORDS[kind] for kind in kinds)
            raise ValueError(f"{where} is {said}, not {brief(found)}")
    return found


def _visible(found: Any) -> Any:
    """What was read, its texts fit to be printed."""
    if isinstance(found, Mapping):
        return {visible(name): _visible(value) for name, value in found.items()}
    if isinstance(found, list):
        return [_visible(value) for value in found]
    return visible(found) if isinstance(found, str) else found


_WORDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    type(None): "null",
}
