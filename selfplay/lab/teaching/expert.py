"""Learning from an expert's games, and what they cost.

The expert is alpha-beta with all that people know of Connect Four. It plays against itself from random openings, and
one move in ten is a random one; in every position the move that the expert would make is what is learned, with what it
thinks of the position and how the game ended.

Ledger: the expert costs `trainings.NODE_FLOPS` for each node that it visits, what a network could have computed in its
time.

G games, T plies, M positions, N positions of a set, W words, A actions.
"""

import base64
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import games
from games.game import MOVER_WON, ONGOING, Game
from games.outcome import DRAWN, LOSS, WIN
from selfplay.config import Config
from selfplay.knowledge.alphabeta import AlphaBeta
from selfplay.knowledge.budget import Budget
from selfplay.lab import trainings
from selfplay.network.architectures import Network, build, evaluation_flops
from selfplay.search.tree import NONE
from selfplay.train.actor import Allowance, Harvest
from selfplay.train.pool import LocalPool, OngoingGame, Pool, Watch
from selfplay.train.slots import FACT

_OPENING_PLIES = 8  # random moves at the beginning, at most
_STRAY = 0.1  # share of random moves after them
_LENGTH = 24  # positions of a game, about
_STREAM = 7_000_003  # of random numbers; actors have 0, 1, ...


@dataclass(frozen=True)
class Lesson:
    """Positions of an expert's games, in the order in which they were played."""

    states_MW: np.ndarray
    actions_M: np.ndarray
    """the expert's move, whether it was played or a random one"""
    values_M: np.ndarray
    """what it thinks of the position, in [-1, 1], as the player to move sees it"""
    outcome_M: np.ndarray
    """how the game ended for the player to move: WIN, DRAWN or LOSS"""
    reply_M: np.ndarray
    """what was played next, or NONE"""
    lengths_G: np.ndarray
    results_G: np.ndarray
    """for the player who began"""
    nodes: int


def play(depth: int, count: int, rng: np.random.Generator, *, stray: float = _STRAY) -> Lesson:
    """`count` games of an expert who searches so many plies deep; `stray` is the share of random moves."""
    game = games.make("connect4")
    expert = _expert(depth)
    states_GW = np.array([_opening(game, rng) for _ in range(count)])
    rows: list[list[tuple[np.ndarray, int, float, int]]] = [[] for _ in range(count)]  # state, move, value, played
    results_G, lengths_G = np.zeros(count, np.int8), np.zeros(count, np.int32)
    alive_G, nodes = np.arange(count), 0
    while len(alive_G):
        found = expert.search(states_GW[alive_G])
        nodes += int(found.nodes_N.sum())
        stray_G, chance_G = rng.random((2, len(alive_G)))
        over: list[int] = []
        for n, g in enumerate(alive_G.tolist()):
            state_W, action = states_GW[g].copy(), int(found.actions_N[n])
            legal = game.legal_actions(state_W)
            played = int(legal[int(chance_G[n] * len(legal))]) if stray_G[n] < stray else action
            rows[g].append((state_W, action, float(found.values_N[n]), played))
            states_GW[g], status = game.after(state_W, played)
            if status != ONGOING:
                over.append(g)
                first_moved = int(state_W[2]) % 2 == 0
                results_G[g] = DRAWN if status != MOVER_WON else WIN if first_moved else LOSS
                lengths_G[g] = int(state_W[2]) + 1
        alive_G = np.setdiff1d(alive_G, over)
    states_MW = np.array([row[0] for one in rows for row in one])
    mine_M = np.repeat(results_G, [len(one) for one in rows])
    return Lesson(
        states_MW=states_MW,
        actions_M=np.array([row[1] for one in rows for row in one]),
        values_M=np.array([row[2] for one in rows for row in one]),
        outcome_M=np.where(states_MW[:, 2] % 2 == 0, mine_M, LOSS - mine_M).astype(np.int8),
        reply_M=np.array([reply for one in rows for reply in [*(row[3] for row in one[1:]), NONE]]),
        lengths_G=lengths_G,
        results_G=results_G,
        nodes=nodes,
    )


@dataclass(frozen=True)
class Examples:
    """Positions, and what the expert would play there."""

    states_NW: np.ndarray
    actions_N: np.ndarray

    def as_json(self) -> dict[str, Any]:
        """For the result of a cell."""
        states = base64.b85encode(self.states_NW.astype("<u8").tobytes()).decode()
        return {"states": states, "actions": "".join(map(str, self.actions_N.tolist()))}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Examples":
        states_NW = np.frombuffer(base64.b85decode(found["states"]), "<u8").reshape(-1, 3).astype(np.uint64)
        return cls(states_NW, np.array([int(action) for action in found["actions"]]))


def examples(depth: int, count: int, seed: int) -> Examples:
    """`count` distinct positions of games that nobody learns from."""
    rng = np.random.default_rng([seed, _STREAM])
    found: dict[bytes, int] = {}
    while len(found) < count:
        lesson = play(depth, math.ceil(count / _LENGTH), rng)
        found |= {state_W.tobytes(): int(a) for state_W, a in zip(lesson.states_MW, lesson.actions_M, strict=True)}
    states_NW = np.array([np.frombuffer(state, np.uint64) for state in list(found)[:count]])
    return Examples(states_NW, np.array(list(found.values())[:count]))


def _expert(depth: int) -> AlphaBeta:
    return AlphaBeta(games.make("connect4"), Budget(depth=depth))


def _opening(game: Game, rng: np.random.Generator) -> np.ndarray:
    """The position after random moves that do not end the game."""
    while True:
        state_W, status = game.initial(), ONGOING
        for _ in range(int(rng.integers(_OPENING_PLIES + 1))):
            state_W, status = game.after(state_W, int(rng.choice(game.legal_actions(state_W))))
            if status != ONGOING:
                break
        if status == ONGOING:
            return state_W


def _harvest(lesson: Lesson, price: float, seconds: float) -> Harvest:
    """As if a search had found it: all belief on the expert's move, and its opinion as chances to win and lose."""
    count = len(lesson.states_MW)
    policies_MA = np.zeros((count, games.make("connect4").actions), np.float32)
    policies_MA[np.arange(count), lesson.actions_M] = 1.0
    wdl_M3 = np.zeros((count, 3), np.float32)
    wdl_M3[:, WIN], wdl_M3[:, LOSS] = (1 + lesson.values_M) / 2, (1 - lesson.values_M) / 2
    facts_M = np.zeros(count, FACT)
    facts_M["action"], facts_M["reply"], facts_M["z"] = lesson.actions_M, lesson.reply_M, lesson.outcome_M
    facts_M["mover"], facts_M["full"], facts_M["net_value"] = lesson.states_MW[:, 2] % 2, 1, lesson.values_M
    return Harvest(
        states_MW=lesson.states_MW,
        policies_MA=policies_MA,
        wdl_M3=wdl_M3,
        facts_M=facts_M,
        lengths=lesson.lengths_G,
        results=lesson.results_G,
        redrawn=0,
        simulations=0,
        evaluations=round(price),
        cache_hits=0,
        network_seconds=0.0,
        seconds=seconds,
    )


class ExpertPool:
    """The expert in the place of self-play, for good or until so much compute is spent."""

    def __init__(self, depth: int, until: float, evaluation_flops: float, config: Config, then: Pool) -> None:
        """`until` is training compute in FLOPs; `then` plays after it. `evaluation_flops` are those of the network."""
        self.depth = depth
        self.until = until / evaluation_flops
        self.node = trainings.NODE_FLOPS / evaluation_flops
        self.config = config
        self.then = then
        self.dtype = then.dtype
        self._spent = 0.0  # evaluations, those of learning included

    def play(
        self, network: Network, number: int, simulations: int, allowance: Allowance, watch: Watch
    ) -> list[Harvest]:
        if self._spent >= self.until:
            return self.then.play(network, number, simulations, allowance, watch)
        rng = np.random.default_rng(np.random.SeedSequence([self.config.seed, number, _STREAM]))
        harvests: list[Harvest] = []
        positions, spent = 0, 0.0
        learning = 3 * self.config.learn.replay_ratio  # evaluations, of a position
        most = min(allowance.evaluations, self.until - self._spent)
        while positions < self.config.play.positions and (not positions or spent < most):
            started = time.perf_counter()
            count = 1  # whose price tells how many the rest of the allowance is good for
            if positions:
                left = min(self.config.play.positions - positions, (most - spent) * positions / spent)
                count = max(1, math.floor(left / _LENGTH))
            lesson = play(self.depth, count, rng)
            price = self.node * lesson.nodes
            harvests.append(_harvest(lesson, price, time.perf_counter() - started))
            positions += len(lesson.states_MW)
            spent += price + learning * len(lesson.states_MW)
        self._spent += spent
        return harvests

    def ongoing(self) -> OngoingGame:
        return self.then.ongoing()

    def state(self) -> dict[str, np.ndarray]:
        return {**self.then.state(), "spent": np.array(self._spent)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self._spent = float(state["spent"])
        self.then.restore(state)


def pool(depth: int, until: float) -> Callable[[Game, Config, str], Pool]:
    """What `trainings.train` makes its pool by: self-play, after so much compute of learning from the expert."""

    def make(game: Game, config: Config, dtype: str) -> Pool:
        own = LocalPool(game, config, dtype)
        if not until:
            return own
        return ExpertPool(depth, until, evaluation_flops(build(game, config.network.architecture), game), config, own)

    return make
