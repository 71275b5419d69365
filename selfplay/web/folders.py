"""What the files of run folders say, as JSON for a page; read while a run writes them, and after."""

import contextlib
import dataclasses
import os
import re
import time
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from games import files, record
from selfplay.report import story, words
from selfplay.run import activity, checkpoint, groups, metrics, read
from selfplay.run import folder as runs
from selfplay.run.rows import Rows
from selfplay.stats import crossover
from selfplay.stats.records import Crossing, EvalLine, Forecast
from selfplay.web import catalogue, logs

_AXES = ("flops", "evaluations", "games", "seconds")
_STILL_RUNNING = 120.0  # seconds since the last line of metrics, if its process may still be there
_FILE_NAME = re.compile(r"[A-Za-z0-9][\w.=+-]{0,99}\.(jsonl|psq|sgf)")
_MOST_GAMES = 2000  # of one file that are shown
_LARGEST_FILE = 32 << 20  # bytes

_UNKNOWN = metrics.Metric("", "", "not known to this version", "", "")


def _modified(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _dated(run: Path) -> float | None:
    """When the last session of a run began, as the run itself says."""
    with contextlib.suppress(ValueError, LookupError, TypeError, OSError):
        return datetime.fromisoformat(read.Run(run).meta["sessions"][-1]["started"]).timestamp()
    return None


def stamp(run: Path) -> str:
    """Changes whenever a file that `full` reads does."""
    names = (runs.CONFIG, runs.METRICS, runs.EVALS, "checkpoints")
    stats = [path.stat() for name in names if (path := run / name).exists()]
    return "-".join(f"{stat.st_mtime_ns:x}.{stat.st_size:x}" for stat in stats)


def _summary(run: Path) -> dict[str, Any]:
    catalogue.check_links(run)
    config = runs.recorded_config(run)
    assert config is not None  # a folder without settings is no run
    now = activity.read(run) if activity.trains(run) else None
    damage = [] if runs.is_whole(run / runs.CONFIG) else [f"{runs.CONFIG} was changed since the run wrote it"]
    with logs.MetricsLog.of(run / runs.METRICS) as log:
        last = log.last
        damage += [f"{runs.METRICS}: {log.damage}"] if log.damage else []
    with logs.EvalsLog.of(run / runs.EVALS) as log:
        damage += [f"{runs.EVALS}: {log.damage}"] if log.damage else []
    here = (run / runs.HOLDER).exists()  # else it was copied to this place, and its files have the date of that
    written = filter(None, (_modified(run / name) for name in (runs.METRICS, runs.EVALS)))
    modified = max(written, default=None) if here else _dated(run)
    recent = here and modified is not None and time.time() - modified < _STILL_RUNNING
    return {
        "name": run.name,
        "game": catalogue.game_of(run),
        "label": catalogue.label_of(run),
        "architecture": config.network.architecture,
        "seed": config.seed,
        "simulations": config.search.simulations,
        "generation": last.get("generation", 0),
        "flops": last.get("train_flops", 0),
        "games": last.get("games", 0),
        "seconds": last.get("play_seconds", 0) + last.get("learn_seconds", 0),
        "modified": modified,
        "damage": damage,
        "running": now is not None or (recent and runs.held(run) is not False),
        "doing": words.doing(now) if now else None,
        "left": None if now is None or now.seconds_left is None else words.duration(now.seconds_left),
    }


def summaries(root: Path) -> list[dict[str, Any]]:
    """Every run in one line each; one that cannot be read says why."""
    found = []
    for name, run in catalogue.run_dirs(root).items():
        try:
            summary = _summary(run)
        except Exception as error:  # whatever is wrong with one run, the others are shown
            summary = {"name": name, "error": reason(error, run)}
        found.append(summary)
    return found


def reason(error: Exception, run: Path) -> str:
    """What is wrong with a run, in one line that names its files as they are called within it."""
    if isinstance(error, OSError) and error.strerror:
        said = f"{error.filename}: {error.strerror}"
    else:
        said = " ".join(str(error).split()) or type(error).__name__
    return said.replace(f"{run}{os.sep}", "")[:300]


def full(run: Path) -> dict[str, Any]:
    """All that the page of a run shows: its matches, its curves, thinned, and its newest numbers."""
    try:
        return _full(run)
    except (ValueError, OSError) as error:
        raise ValueError(f"{run.name}: {reason(error, run)}") from None


def _full(run: Path) -> dict[str, Any]:
    summary = _summary(run)
    with logs.MetricsLog.of(run / runs.METRICS) as log:
        last, curves, minutes = log.last, log.thinned(), log.minutes()
    rows = []
    for name, value in last.items():
        if "/" in name:
            try:
                described = metrics.describe(name)
            except KeyError:  # of another version
                described = _UNKNOWN
            rows.append({"name": name, "value": value, "unit": described.unit, "meaning": described.meaning})
            rows[-1] |= {"healthy": described.healthy, "otherwise": described.otherwise}
    return {
        **summary,
        "evals": [_match(line) for line in logs.evals(run)],
        "curves": curves,
        "health": rows,
        "records": [path.name for path in _files(run)],
        "stages": [
            {"spec": f"mcts:{run.name}@{generation},sims=64", "words": words.long_minutes(trained)}
            for generation, trained in read.near_ages(minutes, checkpoint.folders(run)).items()
        ],
    }


def _match(line: EvalLine) -> dict[str, Any]:
    said = {"score": words.match_score(line), "flops": words.flops(line.flops)}
    return {**line.as_dict(), "words": _named(line) | said}


def _named(pairing: EvalLine | Crossing | Forecast) -> dict[str, str]:
    return {"agent": words.player(pairing.agent), "opponent": words.player(pairing.opponent)}


def crossings(root: Path, names: Sequence[str]) -> dict[str, Any]:
    """The crossover record of runs as seeds of one setting, and forecasts for whom they have yet to overtake.

    Where they are not seeds of one setting, `apart` says so, and there is neither.

    `story` is a `selfplay.report.story.Story`, for its picture. `words` say each crossing as every other view does;
    `words.marks` what a mark on an axis of that amount stands for.
    """
    dirs = [catalogue.run_dir(root, name) for name in names]
    opened = [_opened(run) for run in dirs]
    apart = groups.apart(opened, [run.name for run in dirs])
    if apart or not all(run.evals for run in opened):
        return {"rungs": [], "forecasts": [], "story": None, "apart": apart}
    expected = {made.pairing: made for made in (read.expected(dirs[0], opened[0].evals) if len(dirs) == 1 else [])}
    together = crossover.together([run.crossover for run in opened])
    return {
        "apart": None,
        "rungs": [
            {**found.as_dict(), "words": _said(found, expected.get(found.pairing))} for found in together.crossings
        ],
        "story": _told(story.of([run.evals for run in opened], together)),
        "forecasts": [
            {**made.as_dict(), "words": _named(made) | {"mark": words.expectation(made)}} for made in expected.values()
        ],
    }


def _opened(run: Path) -> read.Run:
    opened = read.Run(run)
    opened.evals = Rows(logs.evals(run))
    return opened


def _told(found: story.Story | None) -> dict[str, Any] | None:
    if found is None:
        return None
    levels = [
        dataclasses.asdict(level) | {"when": words.long_minutes(level.minutes) if level.minutes else ""}
        for level in found.levels
    ]
    ticks = list(zip(*story.ticks(found.minutes[0], found.minutes[-1]), strict=True))
    return dataclasses.asdict(found) | {"levels": levels, "ticks": ticks}


def _said(found: Crossing, expected: Forecast | None) -> dict[str, Any]:
    names = _named(found)
    spent = {name: getattr(found, name) for name in _AXES if getattr(found, name) is not None}
    return {
        **names,
        "about": f"{found.opponent}: {said}" if (said := words.about(found.opponent)) else found.opponent,
        "when": words.outlook(found, expected),
        "status": words.status(found),
        "time": words.times(found),
        "score": words.score_at_end(found),
        "marks": {
            name: f"{names['opponent']}: overtaken at {words.amount(name, value)}" for name, value in spent.items()
        },
    }


def _files(folder: Path) -> list[Path]:
    """Files of games in a folder; links are none."""
    return [
        path
        for path in sorted(folder.glob("*"))
        if _FILE_NAME.fullmatch(path.name)
        and path.name not in (runs.METRICS, runs.EVALS)
        and path.is_file()
        and not path.is_symlink()
    ]


def _record_files(root: Path) -> dict[str, Path]:
    """Files of games by the name they have over HTTP: `FILE`, or `RUN/FILE`."""
    found = {path.name: path for path in _files(root)}
    for name, run in catalogue.run_dirs(root).items():
        found |= {f"{name}/{path.name}": path for path in _files(run)}
    return found


def record_files(root: Path) -> list[dict[str, Any]]:
    """Files of recorded games, with how many games each has."""
    found = []
    for name, path in _record_files(root).items():
        if games := _games(path):
            game, _ = games[0].replayable()
            found.append(
                {
                    "file": name,
                    "games": len(games),
                    "game": game.name,
                    "label": game.title or game.name,
                    "modified": _modified(path),
                }
            )
    return found


def _games(path: Path) -> list[record.GameRecord]:
    stat = path.stat()
    return [] if stat.st_size > _LARGEST_FILE else _scanned(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _scanned(path: Path, modified_ns: int, size: int) -> list[record.GameRecord]:
    """The games of a file as it stood then: to play them through takes a millisecond each."""
    return files.scan(path)[0]


def recorded(root: Path, name: str) -> dict[str, Any]:
    """The games of one file; `LookupError` if there is no such file."""
    files = _record_files(root)
    if name not in files:
        raise LookupError(f"there is no file of games {name[:100]!r} here")
    found = _games(files[name])
    games = [game.as_dict() for game in found[:_MOST_GAMES]]
    if files[name].name == runs.OVERTAKEN:
        learners = _learners(files[name].parent)
        for game in games:
            players = game["first"], game["second"]
            named = [learners.get(pairing) or words.plain_player(pairing[0]) for pairing in (players, players[::-1])]
            game["names"] = [said[0].upper() + said[1:] for said in named]
    return {"file": name, "total": len(found), "games": games}


def _learners(run: Path) -> dict[tuple[str, str], str]:
    """By pairing, itself first, what to call the learner of the evaluation in which it was surely ahead."""
    game = catalogue.game_of(run)
    if game is None:
        return {}
    try:
        found = read.recorded_crossover(run, game, logs.evals(run)).crossings
    except (ValueError, OSError):  # the games can be shown without
        return {}
    return {
        each.pairing: f"the learner after {words.long_minutes(each.ahead_seconds / 60)}"
        + (", without search" if each.agent.startswith("net") else "")
        for each in found
        if each.ahead_seconds is not None
    }
