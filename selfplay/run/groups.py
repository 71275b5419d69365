"""Which runs are seeds of one setting, and in which settings others differ.

A setting is what decides how much is learned from so much compute: all of a config but its seed, its budget, how it is
measured ([eval]) and the machine (device, threads).
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from selfplay.config import Config
from selfplay.run.read import Run
from selfplay.run.rows import Rows

_APART = ("seed", "minutes", "generations", "flops", "device", "threads", "eval")


def settings(config: Config) -> dict[str, Any]:
    """Every key that belongs to the setting, dotted, and its value."""
    return {key: value for key, value in flat(config) if key.partition(".")[0] not in _APART}


def flat(config: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of a config, tables within it included."""
    for item in dataclasses.fields(config):
        value = getattr(config, item.name)
        if dataclasses.is_dataclass(value):
            yield from flat(value, f"{where}{item.name}.")
        else:
            yield f"{where}{item.name}", value


def differing(configs: Sequence[Config]) -> dict[str, list[Any]]:
    """The keys in which the settings of these configs differ, with the value of each config."""
    all_of_them = [settings(config) for config in configs]
    columns = {key: [one[key] for one in all_of_them] for key in (all_of_them[0] if all_of_them else ())}
    return {key: values for key, values in columns.items() if any(value != values[0] for value in values)}


def together(runs: Sequence[Run], records: Callable[[Run], Rows[Any]]) -> Rows[Any]:
    """The records of each of these runs in one list; of several runs each record says of which it is: the folder, the
    seed, and the settings in which the runs differ."""
    if len(runs) == 1:
        return records(runs[0])
    differs = differing([run.config for run in runs])
    rows: Rows[Any] = Rows()
    for number, run in enumerate(runs):
        its = {"run": str(run.dir), "seed": run.config.seed} | {key: each[number] for key, each in differs.items()}
        rows += [its | dict(record if isinstance(record, Mapping) else record.as_dict()) for record in records(run)]
    return rows


def by_setting(runs: Sequence[Run]) -> list[list[Run]]:
    """The runs of each setting, in the order of their first ones."""
    groups: list[list[Run]] = []
    for run in runs:
        mine = next((group for group in groups if not differing([group[0].config, run.config])), None)
        if mine is None:
            groups.append([run])
        else:
            mine.append(run)
    return groups


def opened(paths: Sequence[Path | str]) -> list[Run]:
    """Run folders, each given once. `ValueError` for one that is none, or is given twice."""
    runs = [Run(path) for path in paths]
    known: set[Path] = set()
    for run in runs:
        if run.dir.resolve() in known:
            raise ValueError(f"{run.dir} is given twice: seeds are different runs")
        known.add(run.dir.resolve())
    return runs


def seeds(paths: Sequence[Path | str]) -> list[Run]:
    """Run folders that are seeds of one setting; `ValueError` names what differs, and the command that compares."""
    runs = opened(paths)
    if mixed := apart(runs):
        raise ValueError(mixed)
    return runs


def apart(runs: Sequence[Run], names: Sequence[str] = ()) -> str | None:
    """Why these runs are not seeds of one setting, and what there is to do about it; None if they are.

    `names` are what to call them, their folders by default.
    """
    called = dict(zip(map(id, runs), names or [str(run.dir) for run in runs], strict=True))
    first = runs[0]
    for run in runs[1:]:
        if run.config.game != first.config.game:
            return (
                f"{called[id(run)]} is a run of {run.config.game}, but {called[id(first)]} of {first.config.game}:"
                " games, and sizes of boards, share no scale"
            )
    for run in runs[1:]:
        if differs := differing([first.config, run.config]):
            command = " -- ".join(" ".join(called[id(one)] for one in group) for group in by_setting(runs))
            return (
                f"{called[id(run)]} is not another seed of {called[id(first)]}: {said(differs)}; `selfplay compare"
                f" {command}` says what that changes"
            )
    return None


def said(differs: Mapping[str, Sequence[Any]], most: int = 3) -> str:
    """`learn.batch is 64, not 1024; ...`: of each key the last value and the first."""
    shown = [f"{key} is {value(values[-1])}, not {value(values[0])}" for key, values in list(differs.items())[:most]]
    more = len(differs) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more > 0 else "")


def value(given: Any) -> str:
    """A value of a setting as its flag takes it."""
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, tuple):
        return " ".join(map(str, given))
    return "none" if given == "" else f"{given:g}" if isinstance(given, float) else str(given)
