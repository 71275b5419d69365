"""What may be named over HTTP: games, runs by their name, and agents whose thinking is bounded."""

import os
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import games
from games.game import Game
from games.registry import nearest
from selfplay.knowledge import oracle
from selfplay.players.spec import Option, Spec, value_text
from selfplay.report import words
from selfplay.run import checkpoint, checksums, folder
from selfplay.web import levels, logs

# Each game that is made compiles its rules, so a request may name these, what people added, and what a run is for.
_GAMES = ("connect4", "gomoku9", "gomoku15", "tictactoe", "gomoku:rule=renju", "gomoku:rule=caro")
_LINES = ("connect4", "gomoku")  # kinds whose rules the page keeps itself; of others it asks
_RUN_NAME = re.compile(r"[A-Za-z0-9][\w.=+-]{0,99}")
_READ = (
    folder.CONFIG,
    folder.META,
    folder.METRICS,
    folder.EVALS,
    folder.CROSSOVER,
    folder.FORECASTS,
    folder.ACTIVITY,
    folder.HOLDER,
    "checkpoints",
    checksums.DIR,
)
_EXAMPLE = "example-connect4"  # comes with a clone: nobody's own
_MOST_OWN = 3  # runs among the opponents
_LONGEST_MS = 3000  # of one move
_MOST_NODES = 4_000_000  # of one tree, times actions: memory and time

# Options that a request may set, each with its highest value; None for words.
_OPTIONS: Mapping[str, Mapping[str, float | None]] = MappingProxyType(
    {
        "random": {},
        "rules": {},
        "alphabeta": {"depth": 42, "nodes": 5_000_000, "ms": _LONGEST_MS, "without": None},
        "rollout": {"sims": 100_000},
        "solver": {"last": 42},
        "net": {},
        "mcts": {"sims": 3200, "ms": _LONGEST_MS, "rule": None},
    }
)


def run_dirs(root: Path) -> dict[str, Path]:
    """Run folders directly inside `root`, by name; links that lead elsewhere are none."""
    real = root.resolve()
    return {
        path.name: path
        for path in sorted(root.glob("*/"))
        if _RUN_NAME.fullmatch(path.name) and os.path.lexists(path / folder.CONFIG) and path.resolve().parent == real
    }


def check_links(run: Path, generation: int | None = None) -> None:
    """`ValueError` if a file of a run that is read here, or one of a generation's weights, is a link that leaves the
    runs folder."""
    paths = [run / name for name in _READ]
    if generation is not None:
        weights = checkpoint.folders(run).get(generation, run)
        paths += [weights, weights / checkpoint.MANIFEST, weights / checkpoint.WEIGHTS]
    for path in paths:
        if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(run.parent.resolve()):
            raise ValueError(f"{path} is a link that leads out of the runs folder")


def run_dir(root: Path, name: str) -> Path:
    """The folder of the run called `name`; `LookupError` if there is none."""
    known = run_dirs(root)
    if name not in known:
        raise LookupError(f"there is no run {name!r} here{nearest(name, list(known))}")
    try:
        check_links(known[name])
    except ValueError as error:
        raise LookupError(str(error).replace(f"{known[name]}{os.sep}", f"{name}: ")) from None
    return known[name]


def game_of(run: Path) -> str | None:
    """The game that a run is for; None if its settings cannot be read."""
    try:
        check_links(run)
        stat = (run / folder.CONFIG).stat()
    except (ValueError, OSError):
        return None
    return _game_of(run, stat.st_ino, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=1024)
def _game_of(run: Path, *stamp: int) -> str | None:
    """As its settings stand, which have this stamp."""
    try:
        config = folder.recorded_config(run)
        return games.make(config.game).name if config else None
    except (ValueError, OSError):
        return None


def label_of(run: Path) -> str:
    """What people call the game that a run is for, or what its settings say where that is not known here."""
    if name := game_of(run):
        return games.make(name).title or name
    try:
        config = folder.recorded_config(run)
    except (ValueError, OSError):
        config = None
    return f"{config.game if config else 'a game'}, which is not known here"


def all_games(root: Path) -> list[dict[str, Any]]:
    """Every game that may be played, with what a page needs to draw it and to keep its rules."""
    standing = _standing()
    names = [*standing.values(), *filter(None, map(game_of, run_dirs(root).values()))]
    return [
        described(games.make(name)) | {"also": [also for also, whole in standing.items() if whole == name != also]}
        for name in dict.fromkeys(names)
    ]


def _standing() -> dict[str, str]:
    """The games that can be played whatever runs there are: their own names by those that they go by."""
    return {name: games.make(name).name for name in (*_GAMES, *games.names())}


def described(game: Game) -> dict[str, Any]:
    """A game as a page needs it."""
    return {
        "name": game.name,
        "label": game.title or game.name,
        "sides": [{"name": side.name, "colour": side.colour} for side in game.sides],
        "rules": "lines" if game.kind in _LINES else "server",
        "kind": game.kind,
        "height": game.height,
        "width": game.width,
        "in_a_row": game.in_a_row,
        "rule": str(game.options.get("rule", "")),
        "action_is": game.action_is,
        "truth": game.name == "connect4" and oracle.available(),
    }


def game(root: Path, name: str) -> Game:
    """A game of the catalogue; `ValueError` for others, however well they are named."""
    if name in _GAMES or name in games.names():
        return games.make(name)
    known = [entry["name"] for entry in all_games(root)]
    if name not in known:
        raise ValueError(f"no game {name!r} here{nearest(name, known)}; there are {', '.join(known)}")
    return games.make(name)


def players(root: Path, game: Game) -> dict[str, Any]:
    """Who may be played against: kinds of the ladder, and runs of this game with their checkpoints."""
    found, newest = [], {}
    for name, run in run_dirs(root).items():
        if game_of(run) == game.name and (kept := checkpoint.folders(run)):
            found.append({"name": name, "generations": list(kept), "ages": _ages(run, kept)})
            newest[run] = max(kept)
    ladder = ["random", "rules", "alphabeta", "rollout"]
    if game.name == "connect4" and oracle.available():
        ladder.append("solver")
    try:
        checkpoint.resolve("pretrained", game.name)
    except ValueError:
        ships = False
    else:
        ships = True
    most_rollouts = min(_OPTIONS["rollout"]["sims"] or 0, _MOST_NODES // game.actions)
    return {
        "levels": levels.of(game, ships=ships, solver="solver" in ladder),
        "ladder": ladder,
        "pretrained": ships,
        "runs": found,
        "own": _own(newest),
        "most_rollouts": most_rollouts,
        "in_page": game.kind in _LINES,
    }


def _own(newest: Mapping[Path, int]) -> list[dict[str, Any]]:
    """Of runs and the newest generation whose weights each has: the levels of those changed last, newest first."""

    def changed(run: Path) -> float:
        try:
            return checkpoint.folders(run)[newest[run]].stat().st_mtime
        except (KeyError, OSError):  # it was removed just now
            return 0.0

    mine = [run for run in newest if run.name != _EXAMPLE]
    return [
        levels.own(run.name, _ages(run, [newest[run]]).get(newest[run], ""))
        for run in sorted(mine, key=changed, reverse=True)[:_MOST_OWN]
    ]


def _ages(run: Path, generations: Iterable[int]) -> dict[int, str]:
    """For how long each of these generations had trained, in words; of those that its metrics know."""
    try:
        with logs.MetricsLog.of(run / folder.METRICS) as log:
            minutes = log.minutes()
    except (ValueError, OSError):
        return {}
    return {number: words.long_minutes(minutes[number]) for number in generations if minutes.get(number)}


def bounded(root: Path, game: Game, spec: str) -> str:
    """The spec, fit to be made here: in the grammar, its thinking bounded, its network in a run of `root`.

    A run is named without its folder, and comes back with it and the generation that is newest now.
    `ValueError` for anything else, above all for agents that start programs.
    """
    kind = spec.strip().partition(":")[0]
    if kind not in _OPTIONS:
        raise ValueError(f"no agent {kind!r} here{nearest(kind, list(_OPTIONS))}; there are {', '.join(_OPTIONS)}")
    asked = Spec.parse(spec)
    path = _weights(root, game, asked.path) if asked.learned else ""
    for key, value in asked.options.items():
        _check_option(game, kind, key, value)
    options = dict(asked.options)
    if kind == "alphabeta" and "ms" not in options:
        options = {"depth": 4} | options if "nodes" not in options else options
        options["ms"] = _LONGEST_MS  # ends a search whose depth is out of reach
    return Spec(kind, path, options).format()


def _check_option(game: Game, kind: str, key: str, value: Option) -> None:
    allowed = _OPTIONS[kind]
    if key not in allowed:
        names = ", ".join(f"{name}=" for name in allowed) or "none"
        raise ValueError(f"option {key!r} of agent {kind!r} cannot be set here; these can: {names}")
    most = allowed[key]
    if most is None:
        return
    if kind == "rollout":
        most = min(most, _MOST_NODES // game.actions)
    if float(value) > most:
        raise ValueError(f"option {key!r} of agent {kind!r} is at most {most:g} here, not {value_text(value)}")


def _weights(root: Path, game: Game, name: str) -> str:
    if name == "pretrained":
        checkpoint.resolve(name, game.name)
        return name
    base, at, generation = name.partition("@")
    known = run_dirs(root)
    if base not in known:
        raise ValueError(
            f"no run {base!r} here{nearest(base, list(known))}; networks are named by run, or 'pretrained'"
        )
    if game_of(known[base]) != game.name:
        raise ValueError(f"run {base} is for {game_of(known[base]) or 'no game that is known'}, not for {game.name}")
    if not at:
        generation = str(max(checkpoint.folders(known[base]), default=0))
    elif not (generation.isascii() and generation.isdigit() and len(generation) <= 9):
        raise ValueError(f"a checkpoint is named by its generation, as in {base}@12, not {name!r}")
    check_links(known[base], int(generation))
    return f"{known[base]}@{generation}"
