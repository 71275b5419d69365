"""The transposition table: what a search remembers of positions, shared by all alpha-beta searches."""

import numpy as np

# What a remembered score says about the true one.
EXACT, AT_LEAST, AT_MOST = 0, 1, 2

_LAST_AGE = 1 << 22


class TranspositionTable:
    """A hash table of positions. T entries: the key, and what the search packs into a word beside it.

    Every search has an age of its own, and an entry counts only for the search that wrote it (Gomoku by the clock also
    reads older ones), so an answer does not depend on what was searched before.
    """

    def __init__(self, size: int) -> None:
        self.keys_T = np.zeros(size, np.uint64)
        self.entries_T = np.zeros(size, np.int64)
        self._age = 1

    def ages(self, count: int) -> int:
        """The first of `count` ages that no entry carries."""
        if self._age + count > _LAST_AGE:
            self.entries_T[:] = 0
            self._age = 1
        first = self._age
        self._age += count
        return first
