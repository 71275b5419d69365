"""`selfplay bench knowledge`: how fast alpha-beta and Gomoku's shapes are on one core."""

import time
from collections.abc import Callable

import numpy as np

import games
from games import text
from games.kernel import i64, kernel, words_W
from selfplay.arena import openings
from selfplay.knowledge.alphabeta import AlphaBeta
from selfplay.knowledge.budget import Budget
from selfplay.knowledge.gomoku import board as gomoku_board
from selfplay.knowledge.gomoku import driver
from selfplay.knowledge.gomoku.board import boards_t, i64s, knowledge_t
from selfplay.knowledge.gomoku.knowledge import knowledge

_OPENINGS = 20
_NODES = 100_000  # of one search
_STONES = 100_000  # of one position


@kernel(i64(boards_t, knowledge_t, words_W, i64s), allocates=False)
def _try_stones(board_1, know, state_W, cells_N):
    """Put a stone on each of these cells in turn, evaluate, and take it back; the sum, so that nothing is skipped."""
    board = board_1[0]
    side = gomoku_board.read(board, know, state_W)
    total = 0
    for cell in cells_N:
        gomoku_board.make(board, know, cell, side)
        total += gomoku_board.worth(board, know, 1 - side)
        gomoku_board.unmake(board, know)
    return total


def measure(game: games.Game, seconds: float) -> dict[str, float]:
    """Positions/s of alpha-beta from balanced openings, and in Gomoku stones/s put, evaluated and taken back."""
    states_NW = np.stack([text.replay(game, line)[0] for line in openings.openings(game, _OPENINGS, seed=0)])
    player = AlphaBeta(game, Budget(nodes=_NODES))

    def searched(n: int) -> int:
        return int(player.search(states_NW[n : n + 1]).nodes_N[0])  # of one position: on one core

    found = {"alphabeta_nodes_per_s": _rate(searched, seconds)}
    if player.pieces == list(driver.PIECES):
        board_1, know = np.zeros(1, gomoku_board.BOARD), knowledge(game)
        rng = np.random.default_rng(0)
        cells = [rng.choice(game.legal_actions(state_W), _STONES).astype(np.int64) for state_W in states_NW]

        def tried(n: int) -> int:
            _try_stones(board_1, know, states_NW[n], cells[n])
            return _STONES

        found["stones_per_s"] = _rate(tried, seconds)
    return found


def _rate(work: Callable[[int], int], seconds: float) -> float:
    """What `work` says it did, a second: openings in turn, after one that loads or compiles the kernels."""
    work(0)
    done, n, began = 0, 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        done += work(n % _OPENINGS)
        n += 1
    return done / (time.perf_counter() - began)
