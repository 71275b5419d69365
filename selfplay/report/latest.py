"""latest.jsonl of a run: a game of its self-play as it stands, for whoever looks on while it trains.

T plies of the game since its opening, W words of a state.
"""

import json
from pathlib import Path
from types import MappingProxyType

import numpy as np

from games import text
from games.game import ONGOING, Game
from games.record import UNFINISHED, GameRecord
from selfplay.run import atomic, folder
from selfplay.train.pool import OngoingGame


def write(run_dir: Path, game: Game, generation: int, ongoing: OngoingGame) -> None:
    """Put the game that a generation leaves ongoing in the place of the last one's."""
    line = json.dumps(record(game, generation, ongoing).as_dict()) + "\n"
    atomic.write_file(run_dir / folder.LATEST, line.encode())


def record(game: Game, generation: int, ongoing: OngoingGame) -> GameRecord:
    """The game, with the value of each search for a comment."""
    opening = moves_to(game, ongoing.start_W)
    score_T = ongoing.wdl_T3[:, 0] + ongoing.wdl_T3[:, 1] / 2
    comments = {
        len(opening) + t: f"The search expects {100 * score:.0f} % for the player to move."
        for t, score in enumerate(score_T)
    }
    return GameRecord(
        game=game.name,
        first="self-play",
        second="self-play",
        opening=text.format_moves(game, opening),
        moves=text.format_moves(game, [*opening, *ongoing.actions_T.tolist()]),
        result=UNFINISHED,
        comments=MappingProxyType(comments),
        note=f"generation {generation}",
    )


def moves_to(game: Game, state_W: np.ndarray) -> list[int]:
    """Moves that lead from the start to a position: its random opening, whose own order is not kept."""
    board_HW = text.board_of(game, state_W)

    def on(at_W: np.ndarray, moves: list[int]) -> list[int] | None:
        if np.array_equal(at_W, state_W):
            return moves
        for action in game.legal_actions(at_W).tolist():
            next_W, status = game.after(at_W, action)
            next_HW = text.board_of(game, next_W)
            within = ((next_HW == 0) | (next_HW == board_HW)).all()
            if status == ONGOING and within and (found := on(next_W, [*moves, action])) is not None:
                return found
        return None

    found = on(game.initial(), [])
    assert found is not None  # it was played
    return found
