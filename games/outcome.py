"""How a game ends, and what is proven of how it will end: one encoding each. Kernels compile these numbers in.

Both are seen by the player to move, unless a name says whose they are. What `step` says of a move is a third thing
(ONGOING, MOVER_WON, DRAW and MOVER_LOST in `games.game`): it speaks of the player who has just moved.
"""

from typing import TypeVar

import numpy as np

from games.kernel import i64, kernel

Outcome = TypeVar("Outcome", int, np.ndarray)

# An outcome is the index of its probability in a row of win, draw and loss (`wdl_N3`).
WIN, DRAWN, LOSS = 0, 1, 2

# A proof: what perfect play leads to, or that nothing is known yet. That of an outcome is one more than the outcome.
UNPROVEN = 0
PROVEN_WIN = 1
PROVEN_DRAW = 2
PROVEN_LOSS = 3


@kernel(i64(i64), allocates=False)
def outcome_of(status: int) -> int:
    """The outcome of a finished game for who has made the last move: of MOVER_WON, DRAW, MOVER_LOST = 1, 2, 3."""
    return status - 1


@kernel(i64(i64), allocates=False)
def proof_of(status: int) -> int:
    """What the last move of a game proves of the position after it, for the player to move there."""
    return 4 - status


def value(outcome: Outcome) -> Outcome:
    """+1, 0 or -1 of an outcome, or of a whole array of them."""
    return 1 - outcome
