"""The grammar that names players, `NAME[:key=value,...]`, and the players that it names."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from games.game import Game
from games.registry import nearest
from selfplay.players import learned, reference
from selfplay.players.agent import Agent


@dataclass(frozen=True)
class _Kind:
    make: Callable[..., Agent]
    options: dict[str, type]
    path_is: str = ""
    """what the path that comes first names, for those that take one"""
    starts_programs: bool = False


_NETWORK = "a network, as in mcts:runs/NAME"
_KINDS = {
    "random": _Kind(reference.random_player, {}),
    "rules": _Kind(reference.rules_player, {}),
    "alphabeta": _Kind(
        reference.alphabeta_player, {"depth": int, "nodes": int, "ms": float, "without": str, "preset": str}
    ),
    "rollout": _Kind(reference.rollout_player, {"sims": int}),
    "solver": _Kind(reference.solver_player, {"last": int}),
    "net": _Kind(learned.net_player, {"device": str, "dtype": str}, path_is=_NETWORK),
    "mcts": _Kind(
        learned.mcts_player,
        {"sims": int, "ms": float, "rule": str, "c_scale": float, "device": str, "dtype": str},
        path_is=_NETWORK,
    ),
    "engine": _Kind(
        reference.engine_player,
        {"args": str, "ms": float, "tolerance": float, "memory": int},
        path_is="a program, as in engine:engines/pbrain-name,ms=100",
        starts_programs=True,
    ),
    "human": _Kind(reference.human_player, {}),
}

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


def _number(kind: str, key: str, text: str, of: type) -> Any:
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


def _parsed(spec: str) -> tuple[str, dict[str, Any]]:
    """The agent's kind and the keyword arguments of its maker."""
    base, _, tail = spec.strip().partition(":")
    if base not in _KINDS:
        raise ValueError(f"unknown agent {base!r}{nearest(base, list(_KINDS))}; known agents: {', '.join(_KINDS)}")
    kind = _KINDS[base]
    items = tail.split(",") if tail else []
    arguments: dict[str, Any] = {}
    if kind.path_is:
        if not items or not items[0]:
            raise ValueError(f"agent {base!r} needs {kind.path_is}")
        arguments["path"] = items.pop(0)
    for item in items:
        key, equals, text = item.partition("=")
        if key not in kind.options or not equals:
            allowed = ", ".join(f"{name}=" for name in kind.options) or "none"
            raise ValueError(
                f"agent {base!r} has no option {item!r}{nearest(key, list(kind.options))}; its options: {allowed}"
            )
        if key in arguments:
            raise ValueError(f"agent {spec!r} gives option {key!r} twice")
        arguments[key] = _number(base, key, text, kind.options[key])
    return base, arguments


def check(spec: str) -> None:
    """`ValueError` if the spec is not in the grammar; opens no file."""
    _parsed(spec)


def by_the_clock(spec: str, ms: float) -> str:
    """The spec with `ms` added, if such a player can think by the clock and is not told yet how long it may."""
    base, arguments = _parsed(spec)
    if "ms" not in _KINDS[base].options or {"ms", "sims"} & set(arguments):
        return spec
    return f"{spec}{',' if ':' in spec else ':'}ms={ms:g}"


def starts_programs(spec: str) -> bool:
    """Whether the agent would run a program that its spec names: not for specs that come from strangers."""
    return _KINDS[_parsed(spec)[0]].starts_programs


def make(spec: str, game: Game, *, name: str | None = None) -> Agent:
    """The agent that `spec` names, as a player of `game`; `ValueError` says in one line what cannot be.

    `name` is what the agent calls itself, by default its spec.
    """
    base, arguments = _parsed(spec)
    agent = _KINDS[base].make(game, name or spec.strip(), **arguments)
    return agent if agent.again else replace(agent, again=lambda: _KINDS[base].make(game, agent.name, **arguments))


def opponent(spec: str, game: Game) -> Callable[[np.ndarray, np.random.Generator], int]:
    """The agent as an opponent in the environments of `games`, which find this function by its entry point."""
    agent = make(spec, game)

    def choose(state_W: np.ndarray, rng: np.random.Generator) -> int:
        seeds_N = rng.integers(2**64, size=1, dtype=np.uint64)
        thoughts = agent.act(state_W[None], seeds_N)
        if thoughts.forfeits:
            raise ValueError(f"{agent.name} {thoughts.forfeits[0]}")
        return int(thoughts.actions_N[0])

    return choose
