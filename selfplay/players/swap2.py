"""The opening rule swap2 of Gomoku: who begins puts a black, a white and a black stone; the other player takes either
colour, or puts a white and a black stone more and leaves the choice to the first. White moves next.

A player that can say what a position is worth goes by that: it proposes the most even three stones that it finds, and
of two colours takes the better. It never puts two stones more, because by its own judgement they gain nothing: the
choice of a colour is worth |v| to who has it, and of any five stones the other player has it, which leaves -|v|.
"""

from collections.abc import Callable, Iterator

import numpy as np

CANDIDATES = 8  # openings, of which the most even one is proposed
_SQUARE = 7  # side of the square in the middle that they lie in


def openings(size: int, seed: int) -> Iterator[list[int]]:
    """Cells of a black, a white and a black stone in the middle of a board, at random, without end."""
    rng = np.random.default_rng(seed)
    square = min(_SQUARE, size)
    corner = (size - square) // 2
    while True:
        rows, columns = np.divmod(rng.choice(square**2, 3, replace=False), square)
        yield ((corner + rows) * size + corner + columns).tolist()


def most_even(candidates: list[list[int]], value: Callable[[list[int]], float | None]) -> list[int]:
    """The one whose value (in [-1, 1], None: not known) is nearest to 0; the first of several."""
    return min(candidates, key=lambda cells: abs(value(cells) or 0.0))


def takes_black(value: float | None) -> bool:
    """Whether who chooses a colour after three or five stones takes Black; `value` is White's, who moves next."""
    return value is not None and value < 0
