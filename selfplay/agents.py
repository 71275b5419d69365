"""Every player behind one interface, and the grammar that names them: `NAME[:key=value,...]`.

N positions, W words, A actions. Values are seen by the player to move. Players think about many positions at
once; every position comes with a seed of its own, so a move does not depend on which others are asked for.
"""

import copy
import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from games.game import Game
from games.registry import nearest

_AT_ONCE = 128  # positions in one batch of a thread
_CACHE_BITS = 15  # log2 of the entries of a search's evaluation cache: a few moves of a batch of games
_DEVICES = ("auto", "cpu", "cuda")
_DTYPES = ("auto", "float32", "bfloat16")
_C_SCALE = 0.5  # a trained network's values are worth more trust than in training: docs/what-was-tried.md
_MOST_TIMED_SIMULATIONS = 1 << 14

UNPROVEN, PROVEN_WIN, PROVEN_DRAW, PROVEN_LOSS = 0, 1, 2, 3  # as `selfplay.search` numbers them


@dataclass(frozen=True, kw_only=True)
class Thoughts:
    """An agent's answer for N positions; what an agent has no notion of is None."""

    actions_N: np.ndarray  # int64; the moves to play
    policy_NA: np.ndarray | None = None  # float32; how it spreads its belief over moves
    visits_NA: np.ndarray | None = None  # int32; simulations below each move
    value_N: np.ndarray | None = None  # float32 in [-1, 1]
    proven_N: np.ndarray | None = None  # int8; UNPROVEN, PROVEN_WIN, PROVEN_DRAW or PROVEN_LOSS
    wdl_N3: np.ndarray | None = None  # float32; chances to win, draw and lose
    lines_NL: np.ndarray | None = None  # int64; the moves it expects, its own first; -1 past the end of a line
    forfeits: Mapping[int, str] = field(default_factory=dict)
    """for positions in which it has no move to offer, why; it has lost there, and the action is -1"""


@dataclass(frozen=True)
class Agent:
    """A player of one game. `name` is the spec that makes it again."""

    name: str
    act: Callable[[np.ndarray, np.ndarray], Thoughts]
    """moves for states_NW (uint64, none of them over); seeds_N (uint64) decides all that is random"""
    ms: float | None = None
    """milliseconds that it is given for a move, if it thinks by the clock"""
    within: Callable[[np.ndarray, np.ndarray, float], Thoughts] | None = None
    """`act` with other milliseconds for each position, if it thinks by the clock and can change its pace"""
    again: Callable[[], "Agent"] | None = None
    """the same player once more, sharing nothing with this one, so that both may think at the same time"""

    @property
    def timed(self) -> bool:
        return self.ms is not None


def _random(game: Game, name: str) -> Agent:
    from selfplay import rollout

    def act(states_NW: np.ndarray, seeds_N: np.ndarray) -> Thoughts:
        legal_NA = _legal(game, states_NW)
        return Thoughts(
            actions_N=rollout.pick(legal_NA, seeds_N),
            policy_NA=(legal_NA / legal_NA.sum(axis=1, keepdims=True)).astype(np.float32),
        )

    return Agent(name, act)


def _rules(game: Game, name: str) -> Agent:
    from selfplay.knowledge.rules import Rules

    rules = Rules(game)
    return Agent(name, lambda states_NW, seeds_N: Thoughts(actions_N=rules.choose(states_NW, seeds_N)))


def _alphabeta(
    game: Game,
    name: str,
    depth: int | None = None,
    nodes: int | None = None,
    ms: float | None = None,
    without: str = "",
    preset: str = "",
) -> Agent:
    from selfplay.knowledge import alphabeta, connect4_alphazero_jl
    from selfplay.knowledge.budget import Budget

    given: dict[str, Any] = {"depth": depth, "nodes": nodes, "ms": ms}
    given = {key: value for key, value in given.items() if value is not None}
    if preset:
        known = [connect4_alphazero_jl.NAME]
        if preset not in known:
            raise ValueError(f"alphabeta has no preset {preset!r}{nearest(preset, known)}; it has {', '.join(known)}")
        if without:
            raise ValueError(f"preset={preset} is played whole: without= is for our own pieces of knowledge")
        jl = alphabeta.AlphaZeroJl(game, Budget(**(given or {"depth": connect4_alphazero_jl.DEPTH})))
        return Agent(name, lambda states_NW, seeds_N: _judged(jl.search(states_NW, seeds_N)), ms=ms)
    own = alphabeta.AlphaBeta(game, Budget(**(given or {"depth": 4})), frozenset(filter(None, without.split("+"))))

    def within(states_NW: np.ndarray, seeds_N: np.ndarray, ms: float) -> Thoughts:
        hurried = copy.copy(own)
        hurried.budget = replace(own.budget, ms=ms)
        return _judged(hurried.search(states_NW))

    return Agent(
        name,
        lambda states_NW, seeds_N: _judged(own.search(states_NW)),
        ms=ms,
        within=within if ms is not None else None,
    )


def _judged(found: Any) -> Thoughts:
    """The verdicts of an alpha-beta search as thoughts."""
    return Thoughts(actions_N=found.actions_N, value_N=found.values_N, proven_N=found.proven_N)


def _rollout(game: Game, name: str, sims: int = 1000) -> Agent:
    from selfplay import rollout

    def act(states_NW: np.ndarray, seeds_N: np.ndarray) -> Thoughts:
        found = rollout.search(game, states_NW, seeds_N, sims)
        return Thoughts(
            actions_N=found.visits_NA.argmax(axis=1),
            policy_NA=(found.visits_NA / found.visits_NA.sum(axis=1, keepdims=True)).astype(np.float32),
            visits_NA=found.visits_NA,
            value_N=found.values_N,
        )

    return Agent(name, act)


def _solver(game: Game, name: str, last: int | None = None) -> Agent:
    from selfplay import oracle, rollout

    oracle.check(game)

    def act(states_NW: np.ndarray, seeds_N: np.ndarray) -> Thoughts:
        left_N = game.max_plies - states_NW[:, -1].astype(np.int64)
        knows_N = np.full(len(states_NW), True) if last is None else left_N <= last
        choices_NA = _legal(game, states_NW)
        value_N = np.zeros(len(states_NW), np.float32)
        proven_N = np.full(len(states_NW), UNPROVEN, np.int8)
        if knows_N.any():
            scores_NA = oracle.scores(states_NW[knows_N])
            best_N = scores_NA.max(axis=1)
            choices_NA[knows_N] = scores_NA == best_N[:, None]
            value_N[knows_N] = np.sign(best_N)
            proven_N[knows_N] = np.choose(np.sign(best_N) + 1, [PROVEN_LOSS, PROVEN_DRAW, PROVEN_WIN])
        return Thoughts(
            actions_N=rollout.pick(choices_NA, seeds_N),
            policy_NA=(choices_NA / choices_NA.sum(axis=1, keepdims=True)).astype(np.float32),
            value_N=value_N,
            proven_N=proven_N,
        )

    return Agent(name, act)


def _evaluators(game: Game, path: str, device: str, dtype: str, batch: int = _AT_ONCE) -> list[Any]:
    """A checkpoint of this very game as evaluators of up to `batch` rows, one for each thread."""
    for key, value, allowed in (("device", device, _DEVICES), ("dtype", dtype, _DTYPES)):
        if value not in allowed:
            raise ValueError(f"{key} is one of {', '.join(allowed)}, not {value!r}{nearest(value, list(allowed))}")

    from selfplay import checkpoint

    weights = checkpoint.resolve(path, game.name)
    network, trained_for = checkpoint.load_weights(weights)
    if trained_for != game.name:
        raise ValueError(f"{path} holds a network for {trained_for}, not for {game.name}")

    from selfplay.evaluator import NetworkEvaluator

    first = NetworkEvaluator(network, device, game=game, batch=batch, dtype=dtype)
    threads = 1 if first.device.type == "cuda" else os.cpu_count() or 1
    rest = [NetworkEvaluator(network, device, game=game, batch=batch, dtype=first.dtype) for _ in range(threads - 1)]
    return [first, *rest]


def _shared_out(workers: Sequence[Callable[[np.ndarray], Any]], states_NW: np.ndarray) -> list[Any]:
    """The workers' answers for batches of positions, in order; each worker runs on a thread of its own."""
    import torch

    def work(worker: Callable[[np.ndarray], Any], share_NW: np.ndarray) -> list[Any]:
        torch.set_num_threads(1)  # of this thread: the cores are shared out among workers
        return [worker(share_NW[i : i + _AT_ONCE]) for i in range(0, len(share_NW), _AT_ONCE)]

    shares = [share_NW for share_NW in np.array_split(states_NW, len(workers)) if len(share_NW)]
    with ThreadPoolExecutor(len(workers)) as pool:
        answers = list(pool.map(work, workers[: len(shares)], shares))
    return [answer for some in answers for answer in some]


def _net(game: Game, name: str, path: str, device: str = "auto", dtype: str = "auto") -> Agent:
    evaluators = _evaluators(game, path, device, dtype)

    def act(states_NW: np.ndarray, seeds_N: np.ndarray) -> Thoughts:
        workers = [lambda some_NW, evaluate=evaluate: evaluate(_planes(game, some_NW)) for evaluate in evaluators]
        logits, wdl = zip(*_shared_out(workers, states_NW), strict=True)
        logits_NA = np.where(_legal(game, states_NW), np.concatenate(logits).astype(np.float64), -np.inf)
        weights_NA = np.exp(logits_NA - logits_NA.max(axis=1, keepdims=True))
        policy_NA = (weights_NA / weights_NA.sum(axis=1, keepdims=True)).astype(np.float32)
        wdl_N3 = np.concatenate(wdl)
        return Thoughts(
            actions_N=policy_NA.argmax(axis=1),
            policy_NA=policy_NA,
            value_N=wdl_N3[:, 0] - wdl_N3[:, 2],
            wdl_N3=wdl_N3,
        )

    return Agent(name, act)


def _mcts(
    game: Game,
    name: str,
    path: str,
    sims: int | None = None,
    ms: float | None = None,
    rule: str = "gumbel",
    c_scale: float = _C_SCALE,
    device: str = "auto",
    dtype: str = "auto",
) -> Agent:
    from selfplay.config import SearchConfig, from_dict

    if sims is not None and ms is not None:
        raise ValueError("mcts takes sims= or ms=, not both")
    simulations = _MOST_TIMED_SIMULATIONS if ms is not None else sims or 64
    config = from_dict(
        SearchConfig,
        {"simulations": simulations, "rule": rule, "cache_bits": _CACHE_BITS, "c_scale": c_scale},
        "mcts",
    )
    if ms is not None:
        evaluators = _evaluators(game, path, device, dtype, batch=min(config.considered, game.actions))
        within = _by_the_clock(game, config, ms, evaluators[0])
        return Agent(name, lambda states_NW, seeds_N: within(states_NW, seeds_N, ms), ms=ms, within=within)
    evaluators = _evaluators(game, path, device, dtype)

    from selfplay.search.line import principal
    from selfplay.search.search import Result, Search

    searches: list[Search] = []

    def room_for(positions: int) -> list[Search]:
        """Searches that hold as many positions at once; memory is taken for no more than was ever asked for."""
        if not searches or len(searches[0].forest.searches_G) < positions:
            searches[:] = [Search(game, config, games=positions, simulations=simulations) for _ in evaluators]
        return searches

    def searched(search: Search, evaluate: Any, some_NW: np.ndarray) -> tuple[Result, np.ndarray]:
        result = search.run(some_NW, evaluate)
        return result, principal(search.forest, result.action_N)

    def act(states_NW: np.ndarray, seeds_N: np.ndarray) -> Thoughts:
        per_thread = -(-len(states_NW) // len(evaluators))
        pairs = zip(room_for(min(_AT_ONCE, per_thread)), evaluators, strict=True)
        workers = [lambda some_NW, s=search, e=evaluate: searched(s, e, some_NW) for search, evaluate in pairs]
        found, lines = zip(*_shared_out(workers, states_NW), strict=True)
        return replace(_joined(found), lines_NL=np.concatenate(lines))

    return Agent(name, act)


def _by_the_clock(
    game: Game, config: Any, most_ms: float, evaluate: Any
) -> Callable[[np.ndarray, np.ndarray, float], Thoughts]:
    """Every position has its milliseconds, and one core; there is room for `most_ms` of thought."""
    import torch

    from selfplay.search.search import Result, Search
    from selfplay.search.timed import TimedSearch

    timed = TimedSearch(game, config, most_ms) if config.rule == "gumbel" else None
    search = None if timed else Search(game, config, games=1)

    def think(state_W: np.ndarray, ms: float) -> Result:
        if timed:
            timed.milliseconds = ms
            return timed.run(state_W, evaluate)
        assert search
        return search.run(state_W[None], evaluate, milliseconds=ms)

    def within(states_NW: np.ndarray, seeds_N: np.ndarray, ms: float) -> Thoughts:
        torch.set_num_threads(1)  # of this thread
        return _joined([think(state_W, ms) for state_W in states_NW])

    return within


def _joined(found: Sequence[Any]) -> Thoughts:
    """The results of searches, one after the other, as one answer."""
    return Thoughts(
        actions_N=np.concatenate([result.action_N for result in found]),
        policy_NA=np.concatenate([result.policy_NA for result in found]),
        visits_NA=np.concatenate([result.visits_NA for result in found]),
        value_N=np.concatenate([result.value_N for result in found]),
        proven_N=np.concatenate([result.proven_N for result in found]),
        wdl_N3=np.concatenate([result.wdl_N3 for result in found]),
    )


def _engine(
    game: Game,
    name: str,
    path: str,
    args: str = "",
    ms: float = 1000.0,
    tolerance: float = 500.0,
    memory: int = 1024,
) -> Agent:
    from selfplay.outside import ForfeitError, OutsideEngine

    engine = OutsideEngine(game, path, args, milliseconds=ms, tolerance=tolerance, megabytes=memory)

    def act(states_NW: np.ndarray, seeds_N: np.ndarray) -> Thoughts:
        actions_N = np.full(len(states_NW), -1)
        forfeits = {}
        for n, state_W in enumerate(states_NW):
            try:
                actions_N[n] = engine.move(state_W)
            except ForfeitError as forfeit:
                forfeits[n] = str(forfeit)
        return Thoughts(actions_N=actions_N, forfeits=forfeits)

    return Agent(name, act, ms=ms)


def _human(game: Game, name: str) -> Agent:
    raise ValueError("`human` plays in `selfplay play` and `selfplay serve`, not in matches or measurements")


@dataclass(frozen=True)
class _Kind:
    make: Callable[..., Agent]
    options: dict[str, type]
    path_is: str = ""
    """what the path that comes first names, for those that take one"""
    starts_programs: bool = False


_NETWORK = "a network, as in mcts:runs/NAME"
_KINDS = {
    "random": _Kind(_random, {}),
    "rules": _Kind(_rules, {}),
    "alphabeta": _Kind(_alphabeta, {"depth": int, "nodes": int, "ms": float, "without": str, "preset": str}),
    "rollout": _Kind(_rollout, {"sims": int}),
    "solver": _Kind(_solver, {"last": int}),
    "net": _Kind(_net, {"device": str, "dtype": str}, path_is=_NETWORK),
    "mcts": _Kind(
        _mcts, {"sims": int, "ms": float, "rule": str, "c_scale": float, "device": str, "dtype": str}, path_is=_NETWORK
    ),
    "engine": _Kind(
        _engine,
        {"args": str, "ms": float, "tolerance": float, "memory": int},
        path_is="a program, as in engine:engines/pbrain-name,ms=100",
        starts_programs=True,
    ),
    "human": _Kind(_human, {}),
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
    if base in ("net", "mcts"):  # once, so that `again` plays with these weights though a run goes on
        from selfplay import checkpoint

        arguments["path"] = str(checkpoint.resolve(arguments["path"], game.name))
    agent = _KINDS[base].make(game, name or spec.strip(), **arguments)
    return replace(agent, again=lambda: _KINDS[base].make(game, agent.name, **arguments))


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


def _legal(game: Game, states_NW: np.ndarray) -> np.ndarray:
    """bool [N, A]."""
    flags_NA = np.zeros((len(states_NW), game.actions), np.uint8)
    for state_W, flags_A in zip(states_NW, flags_NA, strict=True):
        game.legal(state_W, flags_A)
    return flags_NA.astype(bool)


def _planes(game: Game, states_NW: np.ndarray) -> np.ndarray:
    """float32 [N, P, H, W_]."""
    planes_NPHW = np.zeros((len(states_NW), game.planes, game.height, game.width), np.float32)
    for state_W, planes_PHW in zip(states_NW, planes_NPHW, strict=True):
        game.observe(state_W, planes_PHW)
    return planes_NPHW
