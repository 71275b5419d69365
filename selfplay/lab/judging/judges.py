"""Judges: asked about positions, each says how it would play there, and what the answer cost.

Costs are in FLOPs, so that a lesson by one judge can be compared with a lesson by another. A network's are those of its
evaluations. Programs without a network are charged what a network could have computed on the same core in their time,
by counts and prices that are the same on every machine.

N positions, W words, A actions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from games.game import Game
from selfplay.knowledge import oracle
from selfplay.knowledge.alphabeta import AlphaBeta
from selfplay.knowledge.budget import Budget
from selfplay.lab import ruler, trainings
from selfplay.lab.ruler import Decisions
from selfplay.network.architectures import evaluation_flops
from selfplay.network.frozen import FrozenNetwork
from selfplay.players.agent import Agent, Analysis, legal_moves
from selfplay.players.learned import from_network

SOLVED_FLOPS = 2e8
"""price of a position that the solver answers: ten milliseconds of a core, about what one takes early in a game"""

OWN_POLICY, OWN_SEARCH, ALPHA_BETA, SOLVER = "own policy", "own search", "alpha-beta", "solver"
ITSELF, OLDER, RANDOM = "itself", "older selves", "random moves"
"""names; search and alpha-beta are followed by their simulations and depth"""

_C_SCALE = 0.1  # the trust in values by which targets are made in training
_DTYPE = "float32"  # measured dtypes would give other numbers on another day


@dataclass(frozen=True)
class Verdict:
    """How a judge would play."""

    policy_NA: np.ndarray
    """float32; 0 where a move is illegal"""
    flops: float
    """what all of them cost"""


Judge = Callable[[np.ndarray], Verdict]
"""asked about states_NW, none of them over"""


def at_random(game: Game) -> Judge:
    """Every legal move alike, for nothing."""

    def judge(states_NW: np.ndarray) -> Verdict:
        legal_NA = legal_moves(game, states_NW)
        return Verdict((legal_NA / legal_NA.sum(axis=1, keepdims=True)).astype(np.float32), 0.0)

    return judge


def network_policy(network: FrozenNetwork) -> Judge:
    """The policy of a network, without search."""
    return _learned(from_network(network, network.game, policy_only=True, dtype=_DTYPE), cost_of(network))


def network_search(network: FrozenNetwork, simulations: int) -> Judge:
    """The improved policy of a search, as training has it for a target, without its noise. Every simulation is charged
    as an evaluation, and one for the root, though a search remembers some."""
    agent = from_network(network, network.game, simulations=simulations, c_scale=_C_SCALE, dtype=_DTYPE)
    return _learned(agent, (simulations + 1) * cost_of(network))


def _learned(agent: Agent, flops: float) -> Judge:
    def judge(states_NW: np.ndarray) -> Verdict:
        policy_NA = agent.act(states_NW, np.zeros(len(states_NW), np.uint64)).policy_NA
        assert policy_NA is not None
        return Verdict(policy_NA, flops * len(states_NW))

    return judge


def cost_of(network: FrozenNetwork) -> float:
    """FLOPs of one evaluation."""
    return evaluation_flops(network.module, network.game)


def alphabeta(game: Game, depth: int) -> Judge:
    """The one move of alpha-beta on its handcrafted evaluation."""
    searching = AlphaBeta(game, Budget(depth=depth))

    def judge(states_NW: np.ndarray) -> Verdict:
        found = searching.search(states_NW)
        return Verdict(_one_hot(found.actions_N, game.actions), trainings.NODE_FLOPS * float(found.nodes_N.sum()))

    return judge


def solver(game: Game) -> Judge:
    """All moves that keep what a position of Connect Four is worth, alike."""
    oracle.check(game)

    def judge(states_NW: np.ndarray) -> Verdict:
        scores_NA = oracle.scores(states_NW)
        worth_NA = np.where(scores_NA == oracle.ILLEGAL, -2, np.sign(scores_NA))
        best_NA = worth_NA == worth_NA.max(axis=1, keepdims=True)
        return Verdict((best_NA / best_NA.sum(axis=1, keepdims=True)).astype(np.float32), SOLVED_FLOPS * len(states_NW))

    return judge


def one_of(several: Sequence[Judge]) -> Judge:
    """Every move by another of them, drawn by lot, and charged so."""

    def judge(states_NW: np.ndarray) -> Verdict:
        verdicts = [each(states_NW) for each in several]
        policy_NA = np.stack([verdict.policy_NA for verdict in verdicts]).mean(axis=0)
        return Verdict(policy_NA, float(np.mean([verdict.flops for verdict in verdicts])))

    return judge


def named(name: str, game: Game, older: Sequence[FrozenNetwork] = ()) -> Callable[[FrozenNetwork], Judge]:
    """What makes the judge of that name while the learner is as it is; `older` are the learner's older selves."""
    if name in (OWN_POLICY, ITSELF):
        return network_policy
    if name.startswith(OWN_SEARCH):
        return lambda learner: network_search(learner, _number(name))
    same = one_of([network_policy(network) for network in older]) if name == OLDER else fixed(name, game)
    return lambda learner: same


def fixed(name: str, game: Game) -> Judge:
    """The judge of that name, of those that are no network."""
    if name.startswith(ALPHA_BETA):
        return alphabeta(game, _number(name))
    return {SOLVER: solver, RANDOM: at_random}[name](game)


def _number(name: str) -> int:
    return int(name.rpartition(" ")[2])


def _one_hot(actions_N: np.ndarray, actions: int) -> np.ndarray:
    return np.eye(actions, dtype=np.float32)[actions_N]


def drawn(policy_NA: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A move from each row, int64 [N], as often as the row says."""
    reached_NA = policy_NA.cumsum(axis=1, dtype=np.float64)
    aim_N = rng.random(len(policy_NA)) * reached_NA[:, -1]
    return (reached_NA <= aim_N[:, None]).sum(axis=1)


def divergence(policy_NA: np.ndarray, from_NA: np.ndarray) -> float:
    """KL(policy || from) in nats, the mean over positions."""
    ratio_NA = np.maximum(policy_NA, 1e-12) / np.maximum(from_NA, 1e-12)
    return float((policy_NA * np.log(ratio_NA)).sum(axis=1).mean())


def marks(policy_NA: np.ndarray, asked: Decisions) -> dict[str, Any]:
    """What policies are worth that were given for decisions: by the likeliest move `kept`, `by_stage`, `regret` and
    `number` as the ruler has them, kept in every `even` and every `odd` decision, and how often a move `drawn` from
    them would be kept."""
    values_NA = asked.values_NA
    keeps_NA = values_NA == values_NA.max(axis=1, keepdims=True)
    kept_N = keeps_NA[np.arange(len(policy_NA)), policy_NA.argmax(axis=1)]
    likeliest = Agent("likeliest", lambda states_NW, seeds_N: Analysis(actions_N=policy_NA.argmax(axis=1)))
    return {
        **ruler.kept(likeliest, asked).as_json(),
        "even": float(kept_N[::2].mean()),
        "odd": float(kept_N[1::2].mean()),
        "drawn": float((policy_NA * keeps_NA).sum(axis=1).mean()),
    }
