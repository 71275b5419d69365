"""What a search asks of a network."""

from collections.abc import Callable

import numpy as np

from games.game import Game

# float32 planes [B, P, H, W] -> policy logits [B, A] and win/draw/loss probabilities [B, 3] of the player to
# move, both float32 and C-contiguous. B may vary from call to call.
Evaluate = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def uniform(game: Game) -> Evaluate:
    """Every move alike, every position a draw: search without a network."""

    def evaluate(planes_BPHW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = len(planes_BPHW)
        wdl_B3 = np.zeros((rows, 3), np.float32)
        wdl_B3[:, 1] = 1.0
        return np.zeros((rows, game.actions), np.float32), wdl_B3

    return evaluate
