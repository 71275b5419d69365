"""Connect Four positions that the solver has labelled: what perfect play makes of them.

Positions are those of random play, 20 to 34 stones on the board, in which the player to move cannot win at once. They
come in chunks; a seed and the number of a chunk decide which. Everything is seen by the player to move.

N positions, F features, W words of a state.
"""

import functools
from collections.abc import Callable

import numpy as np

import games
from games.bits import count_bits
from games.game import ONGOING
from selfplay.knowledge import oracle
from selfplay.knowledge.connect4 import lines
from selfplay.knowledge.connect4.evaluation import middle_bits, odd_bits
from selfplay.knowledge.connect4.zugzwang import fill_out
from selfplay.lab.supervised.learners import Labelled

CHUNK = 2000
CLASSES = "-=+"
"""lost, drawn, won: class 0, 1, 2"""
_PLIES = (20, 34)  # with fewer the solver takes long, with more there is little left to tell

available = oracle.available


@functools.lru_cache(maxsize=256)
def chunk(seed: int, number: int) -> np.ndarray:
    """The positions of a chunk, uint64 [CHUNK, W]."""
    game = games.make("connect4")
    rng = np.random.default_rng([seed, number])
    flags_A, spare_W = np.zeros(game.actions, np.uint8), np.zeros(game.words, np.uint64)
    found: list[np.ndarray] = []
    while len(found) < CHUNK:
        state_W = game.initial()
        for chance in rng.random(int(rng.integers(_PLIES[0], _PLIES[1] + 1))):
            count = game.legal(state_W, flags_A)
            next_W = np.empty_like(state_W)
            if game.step(state_W, int(np.flatnonzero(flags_A)[int(chance * count)]), next_W) != ONGOING:
                break
            state_W = next_W
        else:
            if game.wins(state_W, game.legal, game.step, flags_A, spare_W) == 0:
                found.append(state_W)
    return np.array(found)


def labels(seed: int, number: int) -> str:
    """What perfect play makes of each position of a chunk, a letter of `CLASSES` each. The solver takes about a
    millisecond for one."""
    best_N = oracle.scores(chunk(seed, number)).max(axis=1)
    return "".join(CLASSES[int(outcome) + 1] for outcome in np.sign(best_N))


def examples(seed: int, count: int, labels_of: Callable[[int, int], str]) -> Labelled:
    """The first positions of a seed; `labels_of(seed, number)` gives the labels of a chunk."""
    states = np.concatenate([chunk(seed, number) for number in range(chunks(count))])
    letters = "".join(labels_of(seed, number) for number in range(chunks(count)))
    classes = np.array([CLASSES.index(letter) for letter in letters], np.int64)
    return Labelled(states[:count], classes[:count])


def chunks(count: int) -> int:
    """How many chunks hold so many positions."""
    return -(-count // CHUNK)


def board(states_NW: np.ndarray) -> np.ndarray:
    """The board as bits: own stones, then the other's, [N, 84]."""
    game = games.make("connect4")
    return np.array([game.planes_of(state_W)[:2].ravel() for state_W in states_NW], np.float32)


def features(states_NW: np.ndarray) -> np.ndarray:
    """What people look at, [N, 34]: open lines by direction and stones, threats by row, the centre, how full the board
    is, who is to move when it fills up, and who profits then. Scaled to about the size of 1."""
    return np.array([_features_of(int(state_W[0]), int(state_W[1])) for state_W in states_NW], np.float32)


def _features_of(own: int, mask: int) -> list[float]:
    height, width, k = 6, 7, 4
    board_bits, middle = lines.board_bits(height, width), middle_bits(height, width)
    odd = odd_bits(height, width)
    even = board_bits & ~odd
    other, empty = mask ^ own, board_bits & ~mask
    playable = (mask + lines.floor_bits(height, width)) & board_bits
    seen: list[float] = []
    threats: list[int] = []
    for mine, theirs in ((own, other), (other, own)):
        for shift in (1, height, height + 1, height + 2):
            seen += [count_bits(found) / 4 for found in lines.open_lines(mine, board_bits & ~theirs, shift, k)]
        threats.append(lines.winning_bits(mine, height, k) & empty)
        seen += [count_bits(threats[-1] & rows) / 2 for rows in (odd, even)]
        seen.append(count_bits(mine & middle) / 3)
    stones = count_bits(mask)
    outcome = fill_out(empty, threats[0], threats[1], board_bits, height)
    return [*seen, count_bits(threats[1] & playable), outcome, 2 * (stones & 1) - 1, stones / 42 - 0.5]
