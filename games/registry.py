"""Games by name: `NAME` or `NAME:key=value,...`, the same grammar that agents use."""

import difflib
import functools
import inspect
from collections.abc import Callable

from games.game import Game

_FACTORIES: dict[str, Callable[..., Game]] = {}


def register(name: str, factory: Callable[..., Game]) -> None:
    """Make `factory(**options) -> Game` reachable as `make("name:key=value")`."""
    _FACTORIES[name] = factory


def names() -> list[str]:
    """Every registered name, sorted."""
    return sorted(_FACTORIES)


def nearest(word: str, known: list[str]) -> str:
    """`" (did you mean 'x'?)"` for a typo, or nothing."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


@functools.cache
def make(name: str) -> Game:
    """The game called `name`; `ValueError` names the nearest match for an unknown name or option."""
    base, _, tail = name.partition(":")
    if base not in _FACTORIES:
        raise ValueError(f"unknown game {base!r}{nearest(base, names())}; known games: {', '.join(names())}")
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
