"""Games by name: `NAME` or `NAME:key=value,...`, the same grammar that agents use.

The environment variable SELFPLAY_GAMES names files that register more of them, one or several between colons (`;` on
Windows). They are read when a game is first asked for.
"""

import difflib
import functools
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path

from games.game import Game

ADDED = "SELFPLAY_GAMES"
_ADDED_MODULE = "games_added_"
_FACTORIES: dict[str, Callable[..., Game]] = {}
_ALSO_CALLED = {"gpu": "cuda"}  # nearer in meaning than in letters


def register(name: str, factory: Callable[..., Game]) -> None:
    """Make `factory(**options) -> Game` reachable as `make("name:key=value")`."""
    _FACTORIES[name] = factory


def names() -> list[str]:
    """Every registered name, sorted."""
    _read_added(os.environ.get(ADDED, ""))
    return sorted(_FACTORIES)


@functools.cache
def _read_added(files: str) -> None:
    for file in filter(None, files.split(os.pathsep)):
        path = Path(file).resolve()
        name = _ADDED_MODULE + path.stem  # kernels are cached under the name of their module
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise ValueError(f"{ADDED} names {file!r}, which is no Python file")
        if name in sys.modules:
            raise ValueError(f"{ADDED} names two files called {path.name}")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(sys.modules[name])
        except Exception as error:
            del sys.modules[name]
            raise ValueError(f"{ADDED}: {file} cannot be read: {type(error).__name__}: {error}") from error


def nearest(word: str, known: list[str]) -> str:
    """`" (did you mean 'x'?)"` for a typo, or for another word for the same; or nothing."""
    if _ALSO_CALLED.get(word.lower()) in known:
        return f" (did you mean {_ALSO_CALLED[word.lower()]!r}?)"
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


@functools.cache
def make(name: str) -> Game:
    """The game called `name`; `ValueError` names the nearest match for an unknown name or option."""
    base, _, tail = name.partition(":")
    if base not in _FACTORIES and base not in names():
        raise ValueError(
            f"unknown game {base!r}{nearest(base, names())}; known games: {', '.join(names())}"
            f" (a file of your own: {ADDED}=FILE)"
        )
    factory = _FACTORIES[base]
    known = inspect.signature(factory).parameters
    options: dict[str, int | str] = {}
    for item in filter(None, tail.split(",")):
        key, _, value = item.partition("=")
        if key not in known:
            raise ValueError(
                f"game {base!r} has no option {key!r}{nearest(key, list(known))}; its options: {', '.join(known)}"
            )
        if isinstance(known[key].default, int):
            if not value.lstrip("-").isdigit():
                raise ValueError(f"option {key!r} of game {base!r} is a whole number, not {value!r}")
            options[key] = int(value)
        else:
            options[key] = value
    return factory(**options)


def source(name: str) -> str:
    """Where the game called `name` comes from, as another process finds it: an added file, or a module."""
    module = _FACTORIES[name.partition(":")[0]].__module__
    return str(sys.modules[module].__file__) if module.startswith(_ADDED_MODULE) else module


def remake(name: str, source: str) -> Game:
    """The game of a pickle: `make(name)`, once what `source` named has been read."""
    base = name.partition(":")[0]
    if base not in _FACTORIES and base not in names():
        if source.endswith(".py"):
            _read_added(source)
        else:
            importlib.import_module(source)
    return make(name)
