"""Players made of a network: its policy alone, and with a search.

N positions, W words, A actions, P planes.
"""

import ctypes
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from games.game import Game
from games.registry import nearest
from selfplay.network.weights import check_planes, load_weights, weights_arrays, weights_metadata
from selfplay.players.agent import Agent, Thoughts, legal_moves, one_core
from selfplay.search.evaluate import Evaluate

_AT_ONCE = 128  # positions in one batch of a thread
_CACHE_BITS = 15  # log2 of the entries of a search's evaluation cache: a few moves of a batch of games
_DEVICES = ("auto", "cpu", "cuda")
_DTYPES = ("auto", "float32", "bfloat16")
_C_SCALE = 0.5  # a trained network's values are worth more trust than in training: docs/what-was-tried.md
_CONSIDERED_BY_THE_CLOCK = 8  # root moves side by side: of 16, a round takes so long that few fit into 10 ms
_MOST_TIMED_SIMULATIONS = 1 << 14


def _evaluators(game: Game, path: str, device: str, dtype: str, batch: int = _AT_ONCE) -> list[Evaluate]:
    """A checkpoint of this very game as evaluators of up to `batch` rows, one for each thread."""
    for key, value, allowed in (("device", device, _DEVICES), ("dtype", dtype, _DTYPES)):
        if value not in allowed:
            raise ValueError(f"{key} is one of {', '.join(allowed)}, not {value!r}{nearest(value, list(allowed))}")

    from selfplay.run import checkpoint

    weights = checkpoint.resolve(path, game.name)
    metadata = weights_metadata(weights)
    if metadata["game"] != game.name:
        raise ValueError(f"{path} holds a network for {metadata['game']}, not for {game.name}")
    if dtype == "bfloat16" or _on_cuda(device):
        from selfplay.network.evaluator import NetworkEvaluator

        network, _ = load_weights(weights)
        first = NetworkEvaluator(network, device, game=game, batch=batch, dtype=dtype)
        threads = 1 if first.device.type == "cuda" else os.cpu_count() or 1
        return [first] + [
            NetworkEvaluator(network, device, game=game, batch=batch, dtype=first.dtype) for _ in range(threads - 1)
        ]

    from selfplay.network import onnx_graph, onnx_session

    try:
        check_planes(metadata, game)
        quick = onnx_session.few(onnx_graph.model(weights_arrays(weights), game, metadata))
    except ValueError as error:
        raise ValueError(f"{weights} holds {error}") from error
    return [
        onnx_session.by_rows(quick, many) for many in _loaded_later(weights, game, dtype, batch, os.cpu_count() or 1)
    ]


def _on_cuda(device: str) -> bool:
    """Whether `device` means CUDA here. Where there is no driver, nobody loads torch to ask it."""
    if device != "auto":
        return device == "cuda"
    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return False
    import torch

    return torch.cuda.is_available()


def _loaded_later(weights: Path, game: Game, dtype: str, batch: int, count: int) -> list[Evaluate]:
    """Evaluators by torch, on one core each, which load it when they are first called."""
    lock = threading.Lock()

    def later() -> Evaluate:
        loaded: list[Evaluate] = []

        def evaluate(planes_BPHW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            nonlocal dtype
            with lock:
                if not loaded:
                    from selfplay.network.evaluator import NetworkEvaluator

                    one_core()
                    network, _ = load_weights(weights)
                    loaded.append(made := NetworkEvaluator(network, "cpu", game=game, batch=batch, dtype=dtype))
                    dtype = made.dtype  # measured once for all
            return loaded[0](planes_BPHW)

        return evaluate

    return [later() for _ in range(count)]


def _shared_out(workers: Sequence[Callable[[np.ndarray], Any]], states_NW: np.ndarray) -> list[Any]:
    """The workers' answers for batches of positions, in order; each worker runs on a thread of its own."""

    def work(worker: Callable[[np.ndarray], Any], share_NW: np.ndarray) -> list[Any]:
        one_core()  # the cores are shared out among workers
        return [worker(share_NW[i : i + _AT_ONCE]) for i in range(0, len(share_NW), _AT_ONCE)]

    shares = [share_NW for share_NW in np.array_split(states_NW, len(workers)) if len(share_NW)]
    with ThreadPoolExecutor(len(workers)) as pool:
        answers = list(pool.map(work, workers[: len(shares)], shares))
    return [answer for some in answers for answer in some]


def net_player(game: Game, name: str, path: str, device: str = "auto", dtype: str = "auto") -> Agent:
    evaluators = _evaluators(game, path, device, dtype)

    def act(states_NW: np.ndarray, seeds_N: np.ndarray) -> Thoughts:
        workers = [lambda some_NW, evaluate=evaluate: evaluate(_planes(game, some_NW)) for evaluate in evaluators]
        logits, wdl = zip(*_shared_out(workers, states_NW), strict=True)
        logits_NA = np.where(legal_moves(game, states_NW), np.concatenate(logits).astype(np.float64), -np.inf)
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
        config = replace(config, considered=_CONSIDERED_BY_THE_CLOCK)
        evaluators = _evaluators(game, path, device, dtype, batch=min(config.considered, game.actions))
        within = _by_the_clock(game, config, ms, evaluators[0])
        return Agent(name, lambda states_NW, seeds_N: within(states_NW, seeds_N, ms), ms=ms, within=within)
    evaluators = _evaluators(game, path, device, dtype)

    from selfplay.search.root import principal
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
        one_core()
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


def _planes(game: Game, states_NW: np.ndarray) -> np.ndarray:
    """float32 [N, P, H, W_]."""
    planes_NPHW = np.zeros((len(states_NW), game.planes, game.height, game.width), np.float32)
    for state_W, planes_PHW in zip(states_NW, planes_NPHW, strict=True):
        game.observe(state_W, planes_PHW)
    return planes_NPHW
