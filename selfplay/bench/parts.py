"""`selfplay bench`: how fast each part runs here, alone and together."""

import argparse
import dataclasses
import itertools
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import games
from selfplay.config import Config, SearchConfig, merged
from selfplay.run import session

if TYPE_CHECKING:
    from selfplay.train.replay import Batch

_EPILOG = """\
examples:
  selfplay bench search --game connect4 --games 256
  selfplay bench network --network resnet:5x64
  selfplay bench all --game gomoku15 --json
  selfplay bench knowledge --game gomoku15                 # alpha-beta and shapes, on one core
  selfplay bench agent --game gomoku9 --agent mcts:pretrained,ms=10    # a move: how long it takes, with how many visits
  selfplay bench serve --agent mcts:pretrained,sims=200    # a move in the page, for one and for ten people
  selfplay bench coverage    # not the machine: how often 95 % intervals hold the truth, by simulation; about a minute
"""
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


def _coverage(args: argparse.Namespace) -> dict[str, float]:
    from selfplay.stats import coverage

    return coverage.measure()


def _knowledge(args: argparse.Namespace) -> dict[str, float]:
    from selfplay.bench import knowledge

    return knowledge.measure(games.make(args.game), args.seconds)


def _agent(args: argparse.Namespace) -> dict[str, float]:
    from selfplay.bench import agent

    return agent.measure(games.make(args.game), args.agent, args.seconds)


def _serve(args: argparse.Namespace) -> dict[str, float]:
    from selfplay.bench import waiting

    return waiting.measure(games.make(args.game).name, args.agent)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    plain = Setting()
    parser.epilog = _EPILOG
    parser.add_argument(
        "part",
        nargs="?",
        choices=(*PARTS, "all", *APART),
        default="all",
        help=f"what to measure (default: all but {', '.join(APART)})",
    )
    parser.add_argument("--game", default=plain.game, help=f"default: {plain.game}")
    parser.add_argument("--network", default=plain.network, help=f"default: {plain.network}")
    parser.add_argument(
        "--games", type=int, default=plain.games, help=f"games at once per thread (default: {plain.games})"
    )
    parser.add_argument(
        "--threads", type=int, default=0, help="threads of network, selfplay and train (default: one per core)"
    )
    parser.add_argument(
        "--simulations", type=int, default=plain.simulations, help=f"per move (default: {plain.simulations})"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: auto")
    parser.add_argument(
        "--seconds", type=float, default=plain.seconds, help=f"for each part (default: {plain.seconds:g})"
    )
    parser.add_argument(
        "--agent",
        default="mcts:pretrained,sims=200",
        help="for agent, and whom people play against in serve (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


def run(args: argparse.Namespace) -> int:
    """Measure, and print figures with the machine they were taken on."""
    for name in ("games", "simulations", "seconds"):
        if getattr(args, name) <= 0:
            raise ValueError(f"--{name} is above 0, not {getattr(args, name)}")
    setting = Setting(
        game=games.make(args.game).name,
        network=args.network,
        games=args.games,
        threads=args.threads or session.cores(),
        simulations=args.simulations,
        device=args.device,
        seconds=args.seconds,
    )
    found: dict[str, Any] = {}
    for part in PARTS if args.part == "all" else (args.part,):
        found[part] = APART[part](args) if part in APART else PARTS[part](setting)
        if not args.json:
            figures = "  ".join(f"{name} {_figure(value)}" for name, value in found[part].items())
            print(f"{part:<10}{figures}", flush=True)
    found |= {"setting": dataclasses.asdict(setting), "machine": session.machine()}
    if args.json:
        print(json.dumps(found))
    return 0


def _figure(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.0f}"


PARTS = {"search": search, "network": network, "selfplay": selfplay, "train": train}
# Asked for by name: they are not about the speed of training.
APART = {"knowledge": _knowledge, "coverage": _coverage, "agent": _agent, "serve": _serve}
