"""Distinct, balanced openings: lines of moves after which a game is still open.

Some are stored, made once by `python -m selfplay.arena.openings`, also distinct under the symmetries of the board: of
Connect Four (7 x 6) 2048 that perfect play draws; of Gomoku on 9 x 9 and 15 x 15 the 512 most even of 2048, by the
score of a search of 4,000 nodes with everything that people know. Elsewhere as many are made as are asked for, the
most even of four times as many by a search of a moment.
"""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from games import text
from games.game import ONGOING, Game

FOLDER = Path(__file__).parent
STORED = {  # file and number of lines, by game; rules of overlines do not matter to so few stones
    "connect4": ("connect4.txt", 2048),
    "gomoku:size=9": ("gomoku9.txt", 512),
    "gomoku:size=15": ("gomoku15.txt", 512),
}
_CHOSEN_OF = 4  # candidates for each opening that is kept
_CENTRE = 7  # side of the square in the middle of a Gomoku board in which openings are played
_PLIES = {"connect4": (4, 8), "gomoku": (3, 6)}
_DEPTH = {"connect4": 8, "gomoku": 2}  # a search of a moment
_NODES = 4000  # of the search that chose the stored ones of Gomoku


def openings(game: Game, count: int, seed: int) -> list[list[int]]:
    """`count` openings as lists of actions, distinct as far as there are so many; the same for the same seed."""
    found = _chosen(game, count, seed)
    return [list(found[i % len(found)]) for i in range(count)]


@functools.lru_cache(maxsize=4)  # the matches of an evaluation have the same
def _chosen(game: Game, count: int, seed: int) -> list[list[int]]:
    """At most `count`, all distinct."""
    rng = np.random.default_rng([seed, 0x0BE])
    stored = STORED.get(game.name.removesuffix(",rule=standard"))
    if stored:
        lines = [text.parse_moves(game, line) for line in (FOLDER / stored[0]).read_text().splitlines()]
        return [lines[i] for i in rng.permutation(len(lines))[:count]]
    candidates = _first(_random_lines(game, rng, 4 * _CHOSEN_OF * count), _CHOSEN_OF * count)
    kept = _evenest(game, candidates, count, depth=_DEPTH.get(game.kind))
    return [kept[i] for i in rng.permutation(len(kept))] or [[]]


def _first(lines: Iterator[tuple[list[int], np.ndarray]], count: int) -> list[tuple[list[int], np.ndarray]]:
    return [line for _, line in zip(range(count), lines, strict=False)]


def _evenest(
    game: Game, candidates: list[tuple[list[int], np.ndarray]], count: int, **budget: int | None
) -> list[list[int]]:
    """The candidates that a search finds closest to even; the first ones where we know nothing of the game."""
    if not candidates or None in budget.values():
        return [line for line, _ in candidates[:count]]
    from selfplay.knowledge.alphabeta import AlphaBeta
    from selfplay.knowledge.budget import Budget

    states_NW = np.array([state_W for _, state_W in candidates])
    scores_N = AlphaBeta(game, Budget(**budget)).search(states_NW).scores_N  # type: ignore[arg-type]
    return [candidates[i][0] for i in np.argsort(np.abs(scores_N), kind="stable")[:count]]


def _random_lines(game: Game, rng: np.random.Generator, attempts: int) -> Iterator[tuple[list[int], np.ndarray]]:
    """Random openings that lead to distinct positions, none of them over."""
    fewest, most = _PLIES.get(game.kind, (2, 4))
    most = min(most, game.max_plies // 4)
    fewest = min(fewest, most)
    seen = set()
    for _ in range(attempts):
        state_W, status, line = game.initial(), ONGOING, []
        for _ in range(int(rng.integers(fewest, most + 1))):
            action = int(rng.choice(_near_the_centre(game, game.legal_actions(state_W))))
            state_W, status = game.after(state_W, action)
            line.append(action)
            if status != ONGOING:
                break
        if status == ONGOING and state_W.tobytes() not in seen:
            seen.add(state_W.tobytes())
            yield line, state_W


def _near_the_centre(game: Game, actions: np.ndarray) -> np.ndarray:
    if game.action_is != "cell":
        return actions
    rows, columns = actions // game.width - game.height // 2, actions % game.width - game.width // 2
    return actions[np.maximum(abs(rows), abs(columns)) <= _CENTRE // 2]


def _distinct(game: Game, lines: Iterator[tuple[list[int], np.ndarray]]) -> Iterator[tuple[list[int], np.ndarray]]:
    """Those that no symmetry of the board turns into an earlier one."""
    seen = set()
    for line, state_W in lines:
        images = {text.replay(game, actions_A[line].tolist())[0].tobytes() for actions_A in game.actions_SA}
        if not images & seen:
            seen.add(state_W.tobytes())
            yield line, state_W


def made(game: Game, count: int, seed: int = 0) -> list[str]:
    """Openings to be stored; those of Connect Four need the oracle."""
    from selfplay.knowledge import oracle

    lines = _distinct(game, _random_lines(game, np.random.default_rng(seed), 1000 * count))
    if game.name == "connect4":
        oracle.check(game)
        drawn = ((line, state_W) for line, state_W in lines if oracle.scores(state_W[None]).max() == 0)
        kept = [line for line, _ in _first(drawn, count)]
    else:
        kept = _evenest(game, _first(lines, _CHOSEN_OF * count), count, nodes=_NODES)
    return [text.format_moves(game, line) for line in kept]
