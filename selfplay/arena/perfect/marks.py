"""An agent's moves against perfect play.

A move is an outcome mistake if it turns a win into a draw or a loss, or a draw into a loss; it is the fastest if it
also wins as early, or loses as late, as can be. N positions, A actions; scores as in `oracle`.
"""

import time
from dataclasses import dataclass

import numpy as np

from selfplay.players.agent import Agent
from selfplay.stats import score


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A named set of positions, none of them over, and the exact scores of their moves."""

    name: str
    states_NW: np.ndarray
    scores_NA: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Mark:
    """How an agent did on one suite; intervals are Wilson's, 95 %."""

    suite: str
    agent: str
    positions: int
    mistakes: int
    fastest: int
    seconds: float

    def as_dict(self) -> dict:
        kept, fastest = self.positions - self.mistakes, self.fastest
        kept_low, kept_high = score.wilson(kept / self.positions, self.positions)
        fastest_low, fastest_high = score.wilson(fastest / self.positions, self.positions)
        return {
            "suite": self.suite,
            "agent": self.agent,
            "positions": self.positions,
            "outcome_mistakes": self.mistakes,
            "outcome_mistake_rate": self.mistakes / self.positions,
            "outcome_mistake_rate_low": 1 - kept_high,
            "outcome_mistake_rate_high": 1 - kept_low,
            "keeps_outcome": kept / self.positions,
            "fastest": fastest / self.positions,
            "fastest_low": fastest_low,
            "fastest_high": fastest_high,
            "seconds": self.seconds,
        }


def grade(suite: Suite, agent: Agent, seed: int = 0) -> Mark:
    """Ask the agent for its move in every position of the suite."""
    seeds_N = np.random.default_rng(seed).integers(0, 1 << 63, len(suite.states_NW)).astype(np.uint64)
    started = time.perf_counter()
    actions_N = agent.act(suite.states_NW, seeds_N).actions_N
    seconds = time.perf_counter() - started
    best_N = suite.scores_NA.max(axis=1)
    chosen_N = suite.scores_NA[np.arange(len(actions_N)), actions_N]
    return Mark(
        suite=suite.name,
        agent=agent.name,
        positions=len(actions_N),
        mistakes=int((np.sign(chosen_N) != np.sign(best_N)).sum()),
        fastest=int((chosen_N == best_N).sum()),
        seconds=seconds,
    )
