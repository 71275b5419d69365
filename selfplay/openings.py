"""Distinct, balanced openings: lines of moves after which a game is still open.

Connect Four on 7 x 6 has a stored list of openings that are draws with perfect play, made once by
`python -m selfplay.openings`. Elsewhere random openings are searched a little, and the most even ones kept.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from games import text
from games.game import ONGOING, Game

_STORED = Path(__file__).with_name("openings_connect4.txt")
_STORED_COUNT = 2048
_CHOSEN_OF = 4  # candidates for each opening that is kept
_CENTRE = 7  # side of the square in the middle of a Gomoku board in which openings are played
_PLIES = {"connect4": (4, 8), "gomoku": (3, 6)}
_DEPTH = {"connect4": 8, "gomoku": 2}


def openings(game: Game, count: int, seed: int) -> list[list[int]]:
    """`count` openings as lists of actions, distinct as far as there are so many; the same for the same seed."""
    rng = np.random.default_rng([seed, 0x0BE])
    if game.name == "connect4":
        lines = [text.parse_moves(game, line) for line in _STORED.read_text().split()]
        found = [lines[i] for i in rng.permutation(len(lines))[:count]]
    else:
        found = _evenest(game, count, rng)
    return [found[i % len(found)] for i in range(count)]


def _evenest(game: Game, count: int, rng: np.random.Generator) -> list[list[int]]:
    candidates = []
    for _, candidate in zip(range(_CHOSEN_OF * count), _random_lines(game, rng, 4 * _CHOSEN_OF * count), strict=False):
        candidates.append(candidate)
    if not candidates:
        return [[]]
    states_NW = np.array([state_W for _, state_W in candidates])
    order = np.argsort(_unevenness(game, states_NW), kind="stable")
    kept = [candidates[i][0] for i in order[:count]]
    return [kept[i] for i in rng.permutation(len(kept))]


def _unevenness(game: Game, states_NW: np.ndarray) -> np.ndarray:
    """How far a shallow search finds each position from even; all the same where we know nothing of the game."""
    if game.kind not in _DEPTH:
        return np.zeros(len(states_NW))
    from selfplay.knowledge.alphabeta import AlphaBeta
    from selfplay.knowledge.budget import Budget

    return np.abs(AlphaBeta(game, Budget(depth=_DEPTH[game.kind])).search(states_NW).scores_N)


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


def drawn_connect4(count: int, seed: int = 0) -> list[str]:
    """Openings of Connect Four that perfect play draws, distinct also in the mirror; needs the oracle."""
    import games
    from selfplay import oracle

    game = games.make("connect4")
    oracle.check(game)
    lines: list[str] = []
    seen = set()
    for line, state_W in _random_lines(game, np.random.default_rng(seed), 1000 * count):
        mirrored, _ = text.replay(game, [int(game.actions_SA[1, action]) for action in line])
        if mirrored.tobytes() not in seen and oracle.scores(state_W[None]).max() == 0:
            seen.add(state_W.tobytes())
            lines.append(text.format_moves(game, line))
            if len(lines) == count:
                break
    return lines


if __name__ == "__main__":
    _STORED.write_text("\n".join(drawn_connect4(_STORED_COUNT)) + "\n")
    print(f"{_STORED}: {_STORED_COUNT} openings", file=sys.stderr)
