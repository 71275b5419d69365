"""What an alpha-beta search may spend, and how its scores read."""

from dataclasses import dataclass

# Scores: WIN - n is a win by the n-th stone of the game; what is below DECIDED is an evaluation, not a result.
WIN = 1_000_000
DECIDED = WIN - 1000
INFINITE = 2 * WIN
UNLIMITED = 1 << 61  # nodes, nanoseconds: more than any search lasts


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The search ends when the first of these is spent; every position has its own budget.

    Depth 1 is always finished, in Gomoku with the answers to threats that hang on it: with `nodes=100` 125 nodes on
    average and 12,560 at most, in 54,590 moves on 15x15. A budget of a millisecond can take some twenty.
    """

    depth: int = 400
    """plies"""
    nodes: int = UNLIMITED
    """positions visited"""
    ms: float = 0.0
    """milliseconds; 0 means no such limit. Not repeatable, unlike the other two"""

    @property
    def nanoseconds(self) -> int:
        """`ms` as kernels take it: without a limit more than any search lasts."""
        return int(self.ms * 1e6) if self.ms > 0 else UNLIMITED
