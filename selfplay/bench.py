"""`selfplay bench`: how fast each part runs here, alone and together."""

import argparse
import json
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

import games
from selfplay.config import Config

_EPILOG = """\
examples:
  selfplay bench search --game connect4 --games 256
  selfplay bench network --network resnet:5x64
  selfplay bench all --game gomoku15 --json
"""


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
        for _ in range(rng.integers(game.max_plies // 2)):
            next_W, status = game.after(state_W, rng.choice(game.legal_actions(state_W)))
            if status != games.ONGOING:
                break
            state_W = next_W
        states_NW[n] = state_W
    return states_NW


def search(setting: Setting) -> dict[str, float]:
    """The tree alone, on one core: an evaluator that answers at once that all is even."""
    from selfplay.evaluator import uniform
    from selfplay.search.search import Search

    game = games.make(setting.game)
    trees = Search(game, Config().search, games=setting.games, simulations=setting.simulations)
    evaluate = uniform(game)
    # The first round loads or compiles the kernels.
    done, passed = 0, -1.0
    for round_number in range(1_000_000):
        states_NW = random_positions(game, setting.games, round_number)
        trees.forget()
        began = time.perf_counter()
        result = trees.run(states_NW, evaluate, seed=round_number, noise=True)
        if passed < 0:
            passed = 0.0
            continue
        passed += time.perf_counter() - began
        done += result.simulations
        if passed >= setting.seconds:
            break
    return {"simulations_per_s_per_core": done / passed}


def gemm_gflops(dtype: Any, seconds: float = 0.2) -> float:
    """GFLOP/s of a square matrix product on one CPU core: the ceiling of any network there."""
    import torch

    side, before = 512, torch.get_num_threads()
    left, right = (torch.randn(side, side).to(dtype) for _ in range(2))
    torch.set_num_threads(1)
    try:
        torch.mm(left, right)  # chooses its kernel
        began, times, passed = time.perf_counter(), 0, 0.0
        while passed < seconds:
            torch.mm(left, right)
            times += 1
            passed = time.perf_counter() - began
    finally:
        torch.set_num_threads(before)
    return 2 * side**3 * times / passed / 1e9
