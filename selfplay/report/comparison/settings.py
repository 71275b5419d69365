"""Runs grouped by setting and compared: everything that is said, drawn or written as JSON of a comparison."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfplay.report.comparison import verdict
from selfplay.run import activity, folder
from selfplay.run import groups as grouping
from selfplay.run.read import Run
from selfplay.stats import comparison
from selfplay.stats.comparison import Comparison, Factor, Strengths

_BUDGETS = ("minutes", "generations", "flops")
_FEW = 3  # seeds; with fewer only large differences show
_APART = 1.2  # times the compute: ends of runs that are worth a warning
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, kw_only=True)
class Group:
    """Runs of one setting."""

    name: str
    """A, B, ..."""
    runs: tuple[Run, ...]
    differs: Mapping[str, Any]
    """the settings in which the groups differ, with this one's values"""

    @property
    def seeds(self) -> list[int]:
        return [run.config.seed for run in self.runs]

    @property
    def ends(self) -> list[float]:
        """Training FLOPs at the last match of each run."""
        return [max(line.flops for line in run.evals) for run in self.runs]

    @property
    def label(self) -> str:
        """`A: learn.batch 64`; `A` where there is nothing to tell it by."""
        return ": ".join(filter(None, (self.name, ", ".join(self.values()))))

    def values(self) -> list[str]:
        return [f"{key} {grouping.value(value)}" for key, value in self.differs.items()]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The first group beside another, as one of their players was evaluated."""

    first: Group
    second: Group
    overall: Comparison
    """strength among all opponents"""
    against: tuple[Comparison, ...]
    """each opponent that all runs have met"""

    @property
    def verdict(self) -> str:
        """In a sentence: who is stronger, by how much, or what these seeds could have shown."""
        return verdict.sentence(self.overall, self.first.name, self.second.name)

    def as_dict(self) -> Iterator[dict[str, Any]]:
        """One for all opponents together, and one for each."""
        for found in (self.overall, *self.against):
            yield {
                "groups": [self.first.name, self.second.name],
                "agent": found.agent,
                "opponent": found.opponent,
                "seeds": list(found.seeds),
                "over": found.over,
                "flops": found.flops,
                "elo": found.elo,
                "elo_low": found.elo_low,
                "elo_high": found.elo_high,
                "stronger": {None: None, "first": self.first.name, "second": self.second.name}[found.stronger],
                "compute_gain": _factor(found.gain),
                "compute_needed": {
                    self.first.name: _factor(found.first_needs),
                    self.second.name: _factor(found.second_needs),
                },
                "at": _at(found),
                "verdict": verdict.sentence(found, self.first.name, self.second.name),
            }


@dataclass(frozen=True, kw_only=True)
class SettingsComparison:
    """Settings compared at equal compute; the pairs of the first player come first."""

    game: str
    groups: tuple[Group, ...]
    warnings: tuple[str, ...]
    pairs: tuple[Pair, ...]
    strengths: Strengths
    """of the first player, for a picture"""

    def __str__(self) -> str:
        return verdict.text(self)

    @property
    def verdict(self) -> str:
        """Of the first two groups."""
        return self.pairs[0].verdict

    @property
    def elo(self) -> float:
        """How much stronger the first group is than the second at equal compute."""
        return self.pairs[0].overall.elo

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of `elo`."""
        return self.pairs[0].overall.elo_low, self.pairs[0].overall.elo_high

    @property
    def compute_gain(self) -> Factor:
        """How many times the FLOPs the second group needs for what the first does with one."""
        return self.pairs[0].overall.gain

    def as_dict(self) -> dict[str, Any]:
        """What `selfplay compare --json` prints."""
        return {
            "game": self.game,
            "groups": [
                {
                    "name": group.name,
                    "runs": [str(run.dir) for run in group.runs],
                    "seeds": group.seeds,
                    "flops": group.ends,
                    "differs": {key: _plain(value) for key, value in group.differs.items()},
                }
                for group in self.groups
            ],
            "warnings": list(self.warnings),
            "at": _at(self.pairs[0].overall),
            "compute_gain": _factor(self.compute_gain),
            "verdict": self.verdict,
            "comparisons": [one for pair in self.pairs for one in pair.as_dict()],
        }

    def picture(self) -> bytes:
        """A PNG: strength over compute, coloured by group, and the differences."""
        from selfplay.report.comparison import picture

        return picture.picture(self)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _factor(found: Factor) -> dict[str, float | None]:
    return {"value": found.value, "low": found.low, "high": found.high}


def _at(found: Comparison) -> list[dict[str, float]]:
    return [{"flops": one.flops, "elo": one.elo, "elo_low": one.elo_low, "elo_high": one.elo_high} for one in found.at]


def compare(parts: Sequence[Sequence[str | Path | Run]]) -> SettingsComparison:
    """Compare settings, each given by its runs; one list of runs is parted by setting.

    Raises:
        ValueError: for what is no run or given twice, a group of several settings, runs of several games or without
            matches, and runs that no player and opponent are common to.
    """
    grouping.opened([run.dir if isinstance(run, Run) else run for part in parts for run in part])  # each given once
    opened = [[run if isinstance(run, Run) else Run(run) for run in part] for part in parts if part]
    if len(opened) == 1:
        opened = grouping.by_setting(opened[0])
        if len(opened) == 1:
            seeds = ", ".join(str(run.config.seed) for run in opened[0])
            raise ValueError(
                f"all of these runs are of one setting (seed {seeds}): add runs of another, or part them by --"
            )
    if len(opened) < 2:
        raise ValueError("there is nothing to compare: give the run folders of two settings")
    if len(opened) > len(_LETTERS):
        raise ValueError(f"at most {len(_LETTERS)} settings can be compared, not {len(opened)}")
    runs = [run for part in opened for run in part]
    _check(opened, runs)
    lines = [run.evals for run in runs]
    agents = comparison.shared_agents(lines)
    if not agents:
        raise ValueError("no opponent was met by the same player of all of these runs: measure them alike")
    differs = grouping.differing([part[0].config for part in opened])
    named = tuple(
        Group(name=_LETTERS[n], runs=tuple(part), differs={key: values[n] for key, values in differs.items()})
        for n, part in enumerate(opened)
    )
    pairs: list[Pair] = []
    places = _places(opened)
    level = 1 - 0.05 / (len(named) - 1)  # all of them hold together (Bonferroni)
    for agent in agents:
        met = [None, *comparison.shared_opponents(lines, agent)]
        curves = [comparison.strengths(lines, agent, opponent) for opponent in met]
        for n in range(1, len(named)):
            overall, *against = (comparison.compare(found, places[0], places[n], level) for found in curves)
            pairs.append(Pair(first=named[0], second=named[n], overall=overall, against=tuple(against)))
    return SettingsComparison(
        game=runs[0].config.game,
        groups=named,
        warnings=tuple(_warnings(named)),
        pairs=tuple(pairs),
        strengths=comparison.strengths(lines, agents[0]),
    )


def _places(opened: Sequence[Sequence[Run]]) -> list[range]:
    """Where the runs of each group stand among all runs."""
    ends = [sum(map(len, opened[: n + 1])) for n in range(len(opened))]
    return [range(end - len(part), end) for end, part in zip(ends, opened, strict=True)]


def _check(opened: Sequence[Sequence[Run]], runs: Sequence[Run]) -> None:
    for run in runs:
        if run.config.game != runs[0].config.game:
            raise ValueError(
                f"{run.dir} is a run of {run.config.game}, but {runs[0].dir} of {runs[0].config.game}: games, and sizes"
                " of boards, share no scale"
            )
        if not any(line.flops > 0 for line in run.evals):
            raise ValueError(f"{run.dir} has no match of a trained network: nothing is known of its strength")
    for part in opened:
        for run in part[1:]:
            if differs := grouping.differing([part[0].config, run.config]):
                raise ValueError(
                    f"{run.dir} stands in a group with {part[0].dir}, but is of another setting:"
                    f" {grouping.said(differs)}"
                )


def _warnings(named: Sequence[Group]) -> Iterator[str]:
    """What makes a comparison weaker than it looks, or about something else."""
    if few := [f"{group.name} has {len(group.runs)}" for group in named if len(group.runs) < _FEW]:
        yield f"few seeds ({', '.join(few)}): with fewer than {_FEW} only large differences show"
    for group in named:
        if twice := sorted({seed for seed in group.seeds if group.seeds.count(seed) > 1}):
            yield f"{group.name} has several runs of seed {', '.join(map(str, twice))}: those may be the same games"
    if not named[0].differs:
        yield "the groups have the same settings"
    configs = {group.name: [dict(grouping.flat(run.config)) for run in group.runs] for group in named}
    for key in configs[named[0].name][0]:
        kind = "budgets" if key in _BUDGETS else "evaluations" if key.startswith("eval.") else None
        values = {name: list(dict.fromkeys(grouping.value(one[key]) for one in each)) for name, each in configs.items()}
        if kind and len({tuple(sorted(each)) for each in values.values()}) > 1:
            said = ", ".join(f"{' or '.join(each)} in {name}" for name, each in values.items())
            yield f"{kind} differ: {key} is {said}"
    if young := [str(run.dir) for group in named for run in group.runs if activity.trains(run.dir)]:
        yield f"still training: {', '.join(young)}; what they have by now is compared"
    ends = [end for group in named for end in group.ends]
    if max(ends) > _APART * min(ends):
        yield f"runs ended at {min(ends):.1e} to {max(ends):.1e} FLOPs".replace("e+", "e") + ": compared at the least"
    commits = {group.name: _commits(group) for group in named}
    if len({tuple(sorted(each)) for each in commits.values()}) > 1:
        yield "sources differ: " + ", ".join(f"{' and '.join(sorted(each))} in {n}" for n, each in commits.items())


def _commits(group: Group) -> set[str]:
    found: set[str] = set()
    for run in group.runs:
        try:
            sessions = folder.read_object(run.dir / folder.META)["sessions"]  # of which all else may be missing
            found |= {session["commit"][:9] if session["commit"] else "no commit" for session in sessions}
        except (OSError, ValueError, LookupError, TypeError):  # not every folder of results has kept it
            found.add("unknown")
    return found
