"""Writes the playthroughs that tests/test_game_text.py compares with: `python tests/golden/make_playthroughs.py`."""

from pathlib import Path

import numpy as np

import games
from games.text import format_action, format_moves, parse_moves, render

PLAYS = {  # file: game, moves
    "playthrough_connect4.txt": ("connect4", "435352617"),
    "playthrough_gomoku9.txt": ("gomoku9", "e5 d6 d5 c5 f5 e6 g5 f6 h5"),
    "playthrough_gomoku_standard.txt": ("gomoku:size=7,k=3,rule=standard", "a7 a1 b7 a3 d7 c1 c7 c3 d6 b2"),
    "playthrough_tictactoe.txt": ("tictactoe", "a2 a1 a3 c2 b1 c1 b2 b3 c3"),
}


def playthrough(name: str, line: str) -> str:
    """Everything the rules say along one game, as text."""
    game = games.make(name)
    text = [
        f"game {game.name}",
        f"board {game.height} x {game.width}, {game.in_a_row} in a row, {game.actions} actions ({game.action_is}s), "
        f"{game.words} words, {game.planes} planes, {game.symmetries} symmetries, at most {game.max_plies} plies",
    ]
    state_W, status, actions = game.initial(), games.ONGOING, parse_moves(game, line)
    for ply in range(len(actions) + 1):
        text += ["", f"after {ply} plies: {format_moves(game, actions[:ply]) or '-'}", render(game, state_W)]
        text.append(f"state {' '.join(f'{word:016x}' for word in state_W.tolist())}")
        text.append(f"status {('ongoing', 'the mover has won', 'draw')[status]}")
        text += planes(game, state_W)
        if status == games.ONGOING:
            text.append(f"legal {format_moves(game, game.legal_actions(state_W).tolist())}")
        if ply < len(actions):
            text.append(f"move {format_action(game, actions[ply])}")
            state_W, status = game.after(state_W, actions[ply])
    return "\n".join(text) + "\n"


def planes(game: games.Game, state_W: np.ndarray) -> list[str]:
    """The planes side by side, a line for each row of the board."""
    planes_PHW = game.planes_of(state_W)
    text = []
    for row in range(game.height):
        shown = ["".join(f"{value:g}" for value in plane_HW[row].tolist()) for plane_HW in planes_PHW]
        text.append("planes " + " ".join(shown))
    return text


if __name__ == "__main__":
    for file, (name, line) in PLAYS.items():
        path = Path(__file__).parent / file
        path.write_text(playthrough(name, line), encoding="utf-8")
        print(path)
