"""Players made of a network: its policy alone, with a number of simulations, and with a search by the clock.

`from_network` makes all three from weights in memory; `net:PATH` and `mcts:PATH` of the grammar load a file first.

N positions, W words, A actions.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from games import interrupt
from games.game import Game
from selfplay.config import SearchConfig, from_dict
from selfplay.network.frozen import FrozenNetwork
from selfplay.players.agent import Agent, Analysis, legal_moves, one_core
from selfplay.players.spec import DEFAULT_SIMULATIONS
from selfplay.search.evaluate import Evaluate

if TYPE_CHECKING:
    from selfplay.network.architectures import Network
    from selfplay.search.search import Result, Search

Answer = TypeVar("Answer")

_AT_ONCE = 128  # positions in one batch of a thread
_CACHE_BITS = 15  # log2 of the entries of a search's evaluation cache: a few moves of a batch of games
_C_SCALE = 0.5  # a trained network's values are worth more trust than in training: docs/what-was-tried.md
_CONSIDERED_BY_THE_CLOCK = 8  # root moves side by side: of 16, a round takes so long that few fit into 10 ms
_MOST_TIMED_SIMULATIONS = 1 << 14


def from_network(
    network: "Network | FrozenNetwork",
    game: Game,
    *,
    simulations: int | None = None,
    ms: float | None = None,
    policy_only: bool = False,
    rule: str = "gumbel",
    c_scale: float = _C_SCALE,
    look_ahead: bool = True,
    device: str = "auto",
    dtype: str = "auto",
    name: str = "",
) -> Agent:
    """A player of `game` from a network in memory, as it is now.

    Args:
        network: players that are made of one `FrozenNetwork` share what it takes time to make of the weights.
        simulations: of a search of each position; this, `ms` or `policy_only` is given.
        ms: for each position, on one core.
        policy_only: the likeliest legal move, without search.
        rule: "gumbel" or "puct", and
        c_scale: the trust of a Gumbel search in values, both as in `SearchConfig`.
        look_ahead: whether a search proves wins and losses, and asks the rules about each new leaf; without, it knows
            of a leaf what the network says.
        device, dtype: as in `FrozenNetwork.evaluators`.
        name: by default `net`, `mcts:sims=64` or `mcts:ms=20`, as a run's records name its learner.

    Raises:
        ValueError: if the network is for another game, or the options do not go together.
    """
    if (simulations is not None) + (ms is not None) + policy_only != 1:
        raise ValueError("a player made of a network takes simulations, ms or policy_only: one of them")
    frozen = network if isinstance(network, FrozenNetwork) else FrozenNetwork.of(network, game)
    if frozen.game.name != game.name:
        raise ValueError(f"{frozen.source} holds a network for {frozen.game.name}, not for {game.name}")
    if policy_only:
        evaluators = frozen.evaluators(batch=_AT_ONCE, device=device, dtype=dtype)
        agent = Agent(name or "net", _PolicyOnly(game, evaluators).act)
    else:
        config = from_dict(
            SearchConfig,
            {
                "simulations": simulations or _MOST_TIMED_SIMULATIONS,
                "rule": rule,
                "cache_bits": _CACHE_BITS,
                "c_scale": c_scale,
                "prove": look_ahead,
                "lookahead": look_ahead,
            },
            "mcts",
        )
        if ms is None:
            evaluators = frozen.evaluators(batch=_AT_ONCE, device=device, dtype=dtype)
            agent = Agent(name or f"mcts:sims={simulations}", _Simulations(game, config, evaluators).act)
        else:
            config = replace(config, max_considered_actions=_CONSIDERED_BY_THE_CLOCK)
            batch = min(config.max_considered_actions, game.actions)
            evaluate, *_ = frozen.evaluators(batch=batch, device=device, dtype=dtype)
            by_the_clock = _ByTheClock(game, config, ms, evaluate)
            agent = Agent(name or f"mcts:ms={ms:g}", by_the_clock.act, ms=ms, act_timed=by_the_clock.act_timed)

    def clone() -> Agent:
        return from_network(
            frozen,
            game,
            simulations=simulations,
            ms=ms,
            policy_only=policy_only,
            rule=rule,
            c_scale=c_scale,
            look_ahead=look_ahead,
            device=device,
            dtype=dtype,
            name=name,
        )

    return replace(agent, clone=clone)


def net_player(game: Game, name: str, path: str, device: str = "auto", dtype: str = "auto") -> Agent:
    """`net:PATH`."""
    return from_network(_loaded(path, game), game, policy_only=True, device=device, dtype=dtype, name=name)


def mcts_player(
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
    """`mcts:PATH`."""
    if sims is not None and ms is not None:
        raise ValueError("mcts takes sims= or ms=, not both")
    return from_network(
        _loaded(path, game),
        game,
        simulations=None if ms is not None else sims or DEFAULT_SIMULATIONS,
        ms=ms,
        rule=rule,
        c_scale=c_scale,
        device=device,
        dtype=dtype,
        name=name,
    )


def _loaded(path: str, game: Game) -> FrozenNetwork:
    from selfplay.run import checkpoint

    return FrozenNetwork.load(checkpoint.resolve(path, game.name), game)


class _PolicyOnly:
    """The likeliest legal move."""

    def __init__(self, game: Game, evaluators: Sequence[Evaluate]) -> None:
        self._game = game
        self._workers = [lambda some_NW, e=evaluate: e(_planes(game, some_NW)) for evaluate in evaluators]

    def act(self, states_NW: np.ndarray, seeds_N: np.ndarray) -> Analysis:
        logits, wdl = zip(*_shared_out(self._workers, states_NW, least=_AT_ONCE), strict=True)
        logits_NA = np.where(legal_moves(self._game, states_NW), np.concatenate(logits).astype(np.float64), -np.inf)
        weights_NA = np.exp(logits_NA - logits_NA.max(axis=1, keepdims=True))
        policy_NA = (weights_NA / weights_NA.sum(axis=1, keepdims=True)).astype(np.float32)
        wdl_N3 = np.concatenate(wdl)
        return Analysis(
            actions_N=policy_NA.argmax(axis=1),
            policy_NA=policy_NA,
            priors_NA=policy_NA,
            value_N=wdl_N3[:, 0] - wdl_N3[:, 2],
            wdl_N3=wdl_N3,
        )


class _Simulations:
    """A search of a fixed number of simulations for each position, many positions at a time, on every core."""

    def __init__(self, game: Game, config: SearchConfig, evaluators: Sequence[Evaluate]) -> None:
        self._game = game
        self._config = config
        self._evaluators = evaluators
        self._searches: list[Search] = []
        self._room = 0  # positions that each of them can hold

    def act(self, states_NW: np.ndarray, seeds_N: np.ndarray) -> Analysis:
        per_thread = -(-len(states_NW) // len(self._evaluators))
        self._make_room(min(_AT_ONCE, per_thread))
        pairs = zip(self._searches, self._evaluators, strict=True)
        workers = [lambda some_NW, s=search, e=evaluate: _searched(s, e, some_NW) for search, evaluate in pairs]
        results, lines = zip(*_shared_out(workers, states_NW), strict=True)
        return replace(_joined(results), lines_NL=np.concatenate(lines))

    def _make_room(self, positions: int) -> None:
        """Memory is taken for no more positions at once than were ever asked for."""
        from selfplay.search.search import Search

        if positions > self._room:
            self._searches = [Search(self._game, self._config, games=positions) for _ in self._evaluators]
            self._room = positions


def _searched(search: "Search", evaluate: Evaluate, states_NW: np.ndarray) -> tuple["Result", np.ndarray]:
    """What a search found, and int64 [N, L], the moves that it expects."""
    from selfplay.search.root import principal

    result = search.run(states_NW, evaluate)
    return result, principal(search.forest, result.action_N)


class _ByTheClock:
    """A search of each position for some milliseconds, on one core. There is room for `most_ms` of thought."""

    def __init__(self, game: Game, config: SearchConfig, most_ms: float, evaluate: Evaluate) -> None:
        from selfplay.search.search import Search
        from selfplay.search.timed import TimedSearch

        self._most_ms = most_ms
        self._evaluate = evaluate
        gumbel = config.rule == "gumbel"
        self._search = TimedSearch(game, config, most_ms) if gumbel else Search(game, config, games=1)

    def act(self, states_NW: np.ndarray, seeds_N: np.ndarray) -> Analysis:
        return self.act_timed(states_NW, seeds_N, self._most_ms)

    def act_timed(self, states_NW: np.ndarray, seeds_N: np.ndarray, ms: float) -> Analysis:
        one_core()
        return _joined([self._think(state_W, ms) for state_W in states_NW])

    def _think(self, state_W: np.ndarray, ms: float) -> "Result":
        from selfplay.search.timed import TimedSearch

        if isinstance(self._search, TimedSearch):
            self._search.milliseconds = ms
            return self._search.run(state_W, self._evaluate)
        return self._search.run(state_W[None], self._evaluate, milliseconds=ms)


def _shared_out(
    workers: Sequence[Callable[[np.ndarray], Answer]], states_NW: np.ndarray, *, least: int = 1
) -> list[Answer]:
    """The workers' answers for batches of positions, in order; each worker runs on a thread of its own, as far as each
    has `least` positions, and a single one on this thread."""

    def work(worker: Callable[[np.ndarray], Answer], share_NW: np.ndarray) -> list[Answer]:
        one_core()  # the cores are shared out among workers
        found: list[Answer] = []
        for i in range(0, len(share_NW), _AT_ONCE):
            interrupt.check()
            found.append(worker(share_NW[i : i + _AT_ONCE]))
        return found

    count = max(1, min(len(workers), len(states_NW) // least))
    if count == 1:
        return work(workers[0], states_NW)
    shares = np.array_split(states_NW, count)
    with ThreadPoolExecutor(count, initializer=interrupt.follow, initargs=(interrupt.word(),)) as pool:
        answers = list(pool.map(work, workers[:count], shares))
    return [answer for some in answers for answer in some]


def _joined(results: Sequence["Result"]) -> Analysis:
    """The results of searches, one after the other, as one answer."""
    return Analysis(
        actions_N=np.concatenate([result.action_N for result in results]),
        policy_NA=np.concatenate([result.policy_NA for result in results]),
        priors_NA=np.concatenate([result.priors_NA for result in results]),
        visits_NA=np.concatenate([result.visits_NA for result in results]),
        q_NA=np.concatenate([result.q_NA for result in results]),
        value_N=np.concatenate([result.value_N for result in results]),
        proven_N=np.concatenate([result.proven_N for result in results]),
        wdl_N3=np.concatenate([result.wdl_N3 for result in results]),
    )


def _planes(game: Game, states_NW: np.ndarray) -> np.ndarray:
    """float32 [N, planes, height, width]."""
    planes_NPHW = np.zeros((len(states_NW), game.planes, game.height, game.width), np.float32)
    for state_W, planes_PHW in zip(states_NW, planes_NPHW, strict=True):
        game.observe(state_W, planes_PHW)
    return planes_NPHW
