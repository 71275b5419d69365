"""How fast each part of training runs here, alone and together."""

import itertools
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import games
from selfplay.config import Config, SearchConfig, merged

if TYPE_CHECKING:
    from selfplay.train.replay import Batch

_OPENING_PLIES = 8  # random moves before a measured position, at most; as in the presets
_POSITIONS_PER_SLOT = 16  # of one round: searches in flight at its end are begun anew, so rounds are not short


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is measured."""

    game: str = "connect4"
    network: str = "resnet:3x32"
    games: int = 256
    threads: int = 1
    simulations: int = 32
    device: str = "auto"
    seconds: float = 3.0


def random_positions(game: games.Game, count: int, seed: int) -> np.ndarray:
    """Positions that are not over, uint64 [count, W], a random number of random moves from the start."""
    rng = np.random.default_rng(seed)
    states_NW = np.zeros((count, game.words), np.uint64)
    for n in range(count):
        state_W = game.initial()
        for _ in range(rng.integers(_OPENING_PLIES + 1)):
            next_W, status = game.after(state_W, rng.choice(game.legal_actions(state_W)))
            if status != games.ONGOING:
                break
            state_W = next_W
        states_NW[n] = state_W
    return states_NW


def check(setting: Setting) -> None:
    """`ValueError` for a network or a device that there is not: before the parts that need none are measured."""
    from selfplay.network import architectures
    from selfplay.network.evaluator import pick_device

    pick_device(setting.device)
    architectures.build(games.make(setting.game), setting.network)


def search(setting: Setting) -> dict[str, float]:
    """The tree alone, on one core: an evaluator that answers at once that all is even, and no cache of its answers.

    Once without the look ahead at each leaf, which is work of the rules, and once with it.
    """
    return {
        "simulations_per_s_per_core": _simulations_per_s(setting, lookahead=False),
        "with_lookahead": _simulations_per_s(setting, lookahead=True),
    }


def _simulations_per_s(setting: Setting, *, lookahead: bool) -> float:
    from selfplay.search.evaluate import uniform
    from selfplay.search.search import Search

    game = games.make(setting.game)
    config = SearchConfig(cache_bits=0, lookahead=lookahead)
    trees = Search(game, config, games=setting.games, simulations=setting.simulations)
    evaluate = uniform(game)
    # The first round loads or compiles the kernels.
    done, passed = 0, -1.0
    for round_number in itertools.count():
        states_NW = random_positions(game, setting.games, round_number)
        began = time.perf_counter()
        result = trees.run(states_NW, evaluate, noise=np.random.default_rng(round_number))
        if passed < 0:
            passed = 0.0
            continue
        passed += time.perf_counter() - began
        done += result.simulations
        if passed >= setting.seconds:
            return done / passed
    raise AssertionError


def gemm_gflops(dtype: Any, device: Any = "cpu", seconds: float = 0.2) -> float:
    """GFLOP/s of a square matrix product on one CPU core, or on the GPU: the ceiling of any network there."""
    import torch

    on_gpu = torch.device(device).type == "cuda"
    side, before = 4096 if on_gpu else 512, torch.get_num_threads()
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    torch.set_num_threads(1)
    try:
        torch.mm(left, right).sum().item()  # chooses its kernel
        began, times, passed = time.perf_counter(), 0, 0.0
        while passed < seconds:
            product = torch.mm(left, right)
            if on_gpu:
                product[0, 0].item()  # waits for the GPU
            times += 1
            passed = time.perf_counter() - began
    finally:
        torch.set_num_threads(before)
    return 2 * side**3 * times / passed / 1e9


def network(setting: Setting) -> dict[str, Any]:
    """The network alone, batches of `games` random positions: evaluations/s of a thread while all threads are at work.

    One thread alone is faster: the cores share caches, memory and power. Self-play can reach no more than this.
    """
    import torch

    from selfplay.network.architectures import build, evaluation_flops, parameter_count
    from selfplay.network.evaluator import NetworkEvaluator

    game = games.make(setting.game)
    torch.set_num_threads(1)
    model = build(game, setting.network).eval()
    evaluate = NetworkEvaluator(model, setting.device, game=game, batch=setting.games)
    planes_NPHW = np.stack([game.planes_of(state_W) for state_W in random_positions(game, setting.games, 0)])

    def evaluations_per_s(evaluate: NetworkEvaluator) -> float:
        torch.set_num_threads(1)  # of this thread
        evaluate(planes_NPHW)
        began, rows, passed = time.perf_counter(), 0, 0.0
        while passed < setting.seconds:
            evaluate(planes_NPHW)
            rows += setting.games
            passed = time.perf_counter() - began
        return rows / passed

    others = [
        NetworkEvaluator(model, setting.device, game=game, batch=setting.games, dtype=evaluate.dtype)
        for _ in range(setting.threads - 1)
    ]
    with ThreadPoolExecutor(setting.threads) as pool:
        rate = float(np.mean(list(pool.map(evaluations_per_s, [evaluate, *others]))))
    dtype = getattr(torch, evaluate.dtype)
    return {
        "evaluations_per_s": rate,
        "dtype": evaluate.dtype,
        "backend": "cuda graph" if evaluate.device.type == "cuda" else "eager cpu",
        "gflops": rate * evaluation_flops(model, game) / 1e9,
        "gemm_gflops": gemm_gflops(dtype, evaluate.device),
        "parameters": parameter_count(model),
        "flops_per_evaluation": evaluation_flops(model, game),
    }


def selfplay(setting: Setting) -> dict[str, float]:
    """Self-play as the trainer runs it, all threads, a network that has learned nothing."""
    import torch

    from selfplay.network.architectures import build
    from selfplay.network.evaluator import NetworkEvaluator
    from selfplay.train.actor import Actor

    game = games.make(setting.game)
    config = merged(Config(), {"search": {"simulations": setting.simulations}, "play": {"games": setting.games}})
    torch.set_num_threads(1)
    model = build(game, setting.network).eval()
    first = NetworkEvaluator(model, setting.device, game=game, batch=setting.games)
    evaluators = [first] + [
        NetworkEvaluator(model, setting.device, game=game, batch=setting.games, dtype=first.dtype)
        for _ in range(setting.threads - 1)
    ]
    actors = [Actor(game, config, evaluator, _POSITIONS_PER_SLOT * setting.games) for evaluator in evaluators]
    harvests, wall = [], 0.0
    with ThreadPoolExecutor(setting.threads) as pool:
        # In the first round every game is at its beginning; it is played and not counted.
        for round_number in itertools.count():
            seeds = np.random.SeedSequence(round_number).spawn(setting.threads)
            began = time.perf_counter()
            brought = list(pool.map(Actor.play, actors, seeds))
            if round_number:
                wall += time.perf_counter() - began
                harvests += brought
            if wall >= setting.seconds:
                break
    network_share = sum(harvest.network_seconds for harvest in harvests) / (setting.threads * wall)
    busy_share = sum(harvest.seconds for harvest in harvests) / (setting.threads * wall)
    return {
        "simulations_per_s": sum(harvest.simulations for harvest in harvests) / wall,
        "evaluations_per_s": sum(harvest.evaluations for harvest in harvests) / wall,
        "positions_per_s": sum(len(harvest.facts_M) for harvest in harvests) / wall,
        "games_per_min": 60 * sum(len(harvest.lengths) for harvest in harvests) / wall,
        "network_share": network_share,
        "tree_share": busy_share - network_share,
        "idle_share": 1 - busy_share,
    }


def train(setting: Setting) -> dict[str, float]:
    """Learning alone, on all threads: batches drawn from a replay buffer of random positions."""

    from selfplay.network.architectures import build
    from selfplay.network.evaluator import NetworkEvaluator
    from selfplay.train.learner import Learner
    from selfplay.train.replay import Replay

    game, config = games.make(setting.game), Config()
    model = build(game, setting.network)
    evaluator = NetworkEvaluator(model, setting.device, game=game, batch=setting.games)
    learner = Learner(model, config.learn, evaluator.device, evaluator.dtype, setting.threads)
    rows = 4 * setting.games
    replay = Replay(game, config.replay)
    replay.add(
        random_positions(game, rows, 0),
        np.full((rows, game.actions), 1 / game.actions, np.float32),
        np.full((rows, 3), 1 / 3, np.float32),
        np.zeros(rows, np.int8),
        np.zeros(rows, np.int16),
    )
    rng = np.random.default_rng(0)

    def batches(count: int) -> "Iterator[Batch]":
        for _ in range(count):
            yield replay.sample(rng, config.learn.batch, root_value_mix=config.learn.root_value_mix, symmetries=True)

    learner.learn(batches(2), 0)
    began, samples, passed = time.perf_counter(), 0, 0.0
    while passed < setting.seconds:
        learner.learn(batches(4), 0)
        samples += 4 * config.learn.batch
        passed = time.perf_counter() - began
    return {"samples_per_s": samples / passed}
