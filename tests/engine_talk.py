"""A conversation with the engine's side of the Gomocup protocol, and somebody simple who thinks."""

from typing import Any, ClassVar

import numpy as np

from games import text
from selfplay.players.agent import Analysis


class FirstFree:
    """Plays the first free cell row by row, and remembers what it was asked."""

    asked: ClassVar[list[tuple[str, str, Any]]]
    stood_in = 0

    def __init__(self, spec, game, seed):
        if spec == "fifteen" and game.width != 15:
            raise ValueError(f"a network for 15, not for {game.width}")
        self.game = game
        type(self).asked = []

    def think(self, state_W, limit, asked):
        self.asked.append((self.game.name, text.render(self.game, state_W), limit))
        value = 0.25 - 0.5 * bool(state_W[0] & np.uint64(2))  # -0.25 with a stone of ours on 1,0
        return Analysis(actions_N=self.game.legal_actions(state_W)[:1], value_N=np.array([value]))


def converse(session, script):
    """Asserts that each line `> command` is answered by the lines below it, up to the next."""
    heard = []
    for line in script.strip().splitlines():
        if line.lstrip().startswith(">"):
            assert heard == [], f"before {line}"
            heard = session.answer(line.lstrip()[1:] + "\r\n", 0.0)
        else:
            assert heard and heard.pop(0) == line.strip(), f"instead of {line}: {heard}"
    assert heard == []
