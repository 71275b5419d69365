"""The grammar that names players, `KIND[:PATH][,key=value,...]`: read, written and put into words here alone."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from games.registry import nearest
from selfplay.stats.records import visible

Option = int | float | str

GRAMMAR = """agents are named NAME[:key=value,...]:
  random                          uniform over legal moves
  rules                           one-ply human rules: win, block, do not hand over a win, centre or longest line
  alphabeta:depth=6               handcrafted evaluation + alpha-beta; also nodes=100000 or ms=20;
                                  without=zugzwang+centre switches pieces of knowledge off;
                                  preset=alphazero-jl is that project's minimax player of Connect Four
  rollout:sims=1000               tree search with random playouts
  solver, solver:last=12          Connect Four, perfect; with last=s only in the last s plies, random before
  net:PATH                        a network's policy alone
  mcts:PATH,sims=64               network + search; also ms=20, rule=puct, c_scale=0.25
  engine:PROGRAM,ms=100           Gomoku: an outside engine that speaks the Gomocup protocol, a .py by this Python;
                                  also args=--flag 1 (no commas), memory=1024 (MiB), tolerance=500 (ms, then it loses)
PATH is a run folder (its newest checkpoint), RUN@12 (generation 12), a weights file, or `pretrained`."""


@dataclass(frozen=True)
class _Kind:
    options: Mapping[str, type]
    path_is: str = ""
    """what the path that comes first names, for those that take one"""
    learned: bool = False
    """whether the path is that of a network"""


_NUMBER = re.compile("[1-9][0-9]{0,8}")
DEFAULT_SIMULATIONS = 64  # of mcts
_NETWORK = "a network, as in mcts:runs/NAME"
_KINDS: Mapping[str, _Kind] = {
    "random": _Kind({}),
    "rules": _Kind({}),
    "alphabeta": _Kind({"depth": int, "nodes": int, "ms": float, "without": str, "preset": str}),
    "rollout": _Kind({"sims": int}),
    "solver": _Kind({"last": int}),
    "net": _Kind({"device": str, "dtype": str}, path_is=_NETWORK, learned=True),
    "mcts": _Kind(
        {"sims": int, "ms": float, "rule": str, "c_scale": float, "device": str, "dtype": str},
        path_is=_NETWORK,
        learned=True,
    ),
    "engine": _Kind(
        {"args": str, "ms": float, "tolerance": float, "memory": int},
        path_is="a program, as in engine:engines/pbrain-name,ms=100",
    ),
    "human": _Kind({}),
}


@dataclass(frozen=True)
class Spec:
    """A player by name. `kind` and the keys of `options` are those of the grammar."""

    kind: str
    path: str = ""
    """of a network or a program; empty for the learner of a run, as the run's own records name it (`mcts:sims=64`)"""
    options: Mapping[str, Option] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str, *, learner: bool = False) -> "Spec":
        """The player that `text` names. `ValueError` says in one line what is not in the grammar; no file is opened.

        `learner` reads the name of a run's own player, which has no path.
        """
        kind, _, tail = text.strip().partition(":")
        if kind not in _KINDS:
            raise ValueError(f"unknown agent {kind!r}{_hint(text.strip())}; known agents: {', '.join(_KINDS)}")
        items = tail.split(",") if tail else []
        path = ""
        if _KINDS[kind].path_is and not (learner and _KINDS[kind].learned):
            path = items.pop(0) if items else ""
            cls(kind, path).check_path()
        known = _KINDS[kind].options
        options: dict[str, Option] = {}
        for item in items:
            key, equals, value = item.partition("=")
            if key not in known or not equals:
                allowed = ", ".join(f"{name}=" for name in known) or "none"
                first = next((name for name, of in known.items() if of is int), "")
                meant = cls(kind, path, {first: int(item)}).format() if first and _NUMBER.fullmatch(item) else ""
                hint = f" (did you mean {meant!r}?)" if meant else nearest(key, list(known))
                raise ValueError(f"agent {kind!r} has no option {item!r}{hint}; its options: {allowed}")
            if key in options:
                raise ValueError(f"agent {text!r} gives option {key!r} twice")
            options[key] = _value(kind, key, value, known[key])
        return cls(kind, path, options)

    def check_path(self) -> None:
        """`ValueError` for a player that would be nobody without a path, and has none."""
        if _KINDS[self.kind].path_is and not self.path:
            raise ValueError(f"agent {self.kind!r} needs {_KINDS[self.kind].path_is}")

    def format(self) -> str:
        """The text that `parse` reads as this player."""
        parts = [self.path] if self.path else []
        parts += [f"{key}={value_text(value)}" for key, value in self.options.items()]
        return f"{self.kind}:{','.join(parts)}" if parts else self.kind

    def describe(self) -> str:
        """What a person calls this player, as in "alpha-beta, depth 6" or "network + 64 simulations"."""
        return _WORDS[self.kind](self)

    def with_options(self, **options: Option) -> "Spec":
        """The same player with these options, in place of those that it has."""
        return replace(self, options={**self.options, **options})

    def by_the_clock(self, ms: float) -> "Spec":
        """With `ms` added, if such a player can think by the clock and is not told yet how long it may think."""
        if "ms" not in _KINDS[self.kind].options or {"ms", "sims"} & set(self.options):
            return self
        return self.with_options(ms=ms)

    @property
    def learned(self) -> bool:
        """Whether it plays by a network."""
        return _KINDS[self.kind].learned

    @property
    def simulations(self) -> int | None:
        """Positions that a player made of a network looks at for a move: of a search `sims`, of the policy alone 1.

        None by the clock, and for all others.
        """
        if self.kind == "net":
            return 1
        if self.kind != "mcts" or "ms" in self.options:
            return None
        return int(self.options.get("sims", DEFAULT_SIMULATIONS))


def _hint(text: str) -> str:
    """What somebody may have meant whose agent begins with no known name: a bare network, or a comma for a colon."""
    word, _, options = text.replace(":", ",", 1).partition(",")
    if word in _KINDS:
        return f" (did you mean {f'{word}:{options}'!r}?)"
    if word == "pretrained" or "/" in word or "\\" in word or word.endswith(".safetensors"):
        return f" (did you mean {f'mcts:{word},' + (options or 'sims=200')!r}?)"
    return nearest(text.partition(":")[0], list(_KINDS))


def describe(text: str) -> str:
    """What a person calls the player that `text` names, in a run's records too; the text itself if nobody knows."""
    try:
        return visible(Spec.parse(text, learner=True).describe())
    except ValueError:
        pass
    try:
        return visible(Spec.parse(text).describe())
    except ValueError:
        return visible(text)


def value_text(value: Option) -> str:
    """An option's value as it is written: 20.0 as 20."""
    if isinstance(value, float) and float(f"{value:g}") == value:
        return f"{value:g}"
    return str(value)


def _value(kind: str, key: str, text: str, of: type) -> Option:
    if of is str:
        return text
    try:
        value = of(text)
    except ValueError:
        value = 0
    if not (value > 0 and math.isfinite(value)):
        wanted = "a whole number above 0" if of is int else "a number above 0"
        raise ValueError(f"option {key!r} of agent {kind!r} is {wanted}, not {text!r}")
    return value


_EFFORT = {"depth": "depth {}", "nodes": "{} positions", "sims": "{} simulations", "ms": "{} ms"}  # for a move
_PRESETS = {"alphazero-jl": "AlphaZero.jl's minimax"}


def _effort(spec: Spec, default: str) -> str:
    """How much a player thinks about a move, or how much it does where nothing is said."""
    values = {key: spec.options[key] for key in _EFFORT if key in spec.options}
    said = [_EFFORT[key].format(f"{v:,}" if isinstance(v, int) else value_text(v)) for key, v in values.items()]
    return ", ".join(said) or default


def _alphabeta(spec: Spec) -> str:
    if preset := str(spec.options.get("preset", "")):
        return f"{_PRESETS.get(preset, preset)}, {_effort(spec, 'depth 5')}"
    missing = str(spec.options.get("without", "")).replace("+", ", ")
    return f"alpha-beta, {_effort(spec, 'depth 4')}" + (f", without {missing}" if missing else "")


def _rollout(spec: Spec) -> str:
    return f"tree search with {spec.options.get('sims', 1000):,} random playouts"


def _solver(spec: Spec) -> str:
    return "perfect play" + (f" in the last {spec.options['last']} plies" if "last" in spec.options else "")


def _net(spec: Spec) -> str:
    return "network alone" + (f" ({spec.path})" if spec.path else "")


def _mcts(spec: Spec) -> str:
    rule = str(spec.options.get("rule", "gumbel"))
    return (
        f"network + {_effort(spec, f'{DEFAULT_SIMULATIONS} simulations')}"
        + (f" of {rule.upper()}" if rule != "gumbel" else "")
        + (f" ({spec.path})" if spec.path else "")
    )


_WORDS: Mapping[str, Callable[[Spec], str]] = {
    "random": lambda spec: "random moves",
    "rules": lambda spec: "one-ply rules",
    "alphabeta": _alphabeta,
    "rollout": _rollout,
    "solver": _solver,
    "net": _net,
    "mcts": _mcts,
    "engine": lambda spec: f"{Path(spec.path).name}, {_effort(spec, '1000 ms')}",
    "human": lambda spec: "a person",
}
