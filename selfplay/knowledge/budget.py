"""What an alpha-beta search may spend, how its scores read, and the table that it remembers positions in."""

from dataclasses import dataclass

import numpy as np

# Scores: WIN - n is a win by the n-th stone of the game; what is below DECIDED is an evaluation, not a result.
WIN = 1_000_000
DECIDED = WIN - 1000
INFINITE = 2 * WIN
UNLIMITED = 1 << 62  # nodes, nanoseconds: more than any search lasts

# What a remembered score says about the true one.
EXACT, AT_LEAST, AT_MOST = 0, 1, 2

_LAST_EPOCH = 1 << 22


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


class Table:
    """A hash table of positions. T entries: the key, and packed stamp, score, depth, bound and move.

    An entry counts only for the position whose search wrote it (its stamp is that search's epoch), so an answer
    does not depend on what was searched before.
    """

    def __init__(self, size: int) -> None:
        self.keys_T = np.zeros(size, np.uint64)
        self.entries_T = np.zeros(size, np.int64)
        self._epoch = 1

    def epochs(self, count: int) -> int:
        """The first of `count` epochs that no entry carries."""
        if self._epoch + count > _LAST_EPOCH:
            self.entries_T[:] = 0
            self._epoch = 1
        first = self._epoch
        self._epoch += count
        return first
