"""Swap2 in the terminal: the stones and choices that come before a game (`selfplay.players.swap2`).

The person's answers while it lasts: stones, as `h8`, and `black`, `white` or `two` where there is a choice.
"""

from collections.abc import Callable

from games import text
from games.game import Game
from selfplay.players import swap2

_CHOICE = "your choice: `white` and you move next, `black`, or `two` and you put a white and a black stone more"
_LAST_CHOICE = "your choice: `white` and you move next, or `black`"


class Opening:
    """The opening of one game, until it is settled who plays Black.

    `actions` are the stones so far, which it adds to; `value()` is what the agent makes of the position that they lead
    to, seen by White, who moves next (None: it cannot say); `say(line)` tells the person, `show()` draws the board.
    """

    def __init__(
        self,
        game: Game,
        actions: list[int],
        *,
        agent: str,
        value: Callable[[], float | None],
        say: Callable[[str], None],
        show: Callable[[], None],
    ) -> None:
        self._game, self._actions, self._agent = game, actions, agent
        self._value, self._say, self._show = value, say, show
        self._stones = 0  # that the person has to put
        self.persons_side: int | None = None
        """0 Black, 1 White, once that is settled"""

    def begin(self, seed: int, *, person: bool) -> None:
        """The first three stones: the person's to put, or the agent's."""
        if person:
            self._stones = 3
            self._say("swap2: put a black, a white and a black stone, as in `h8 i9 g7`")
            return
        candidates = swap2.openings(self._game.width, seed)
        self._actions += swap2.most_even([next(candidates) for _ in range(swap2.CANDIDATES)], self._worth)
        self._say(f"{self._agent} puts {text.format_moves(self._game, self._actions)}")
        self._show()
        self._say(_CHOICE)

    def _worth(self, cells: list[int]) -> float | None:
        self._actions += cells
        found = self._value()
        del self._actions[:]
        return found

    def obey(self, typed: str) -> None:
        """What the person says; `ValueError` says what it could be."""
        if self._stones:
            self._put(typed)
            return
        word = typed.lower()
        if word == "black":
            self._settle(0)
        elif word == "white":
            self._settle(1)
        elif word == "two" and len(self._actions) == 3:
            self._stones = 2
            self._say("put a white and a black stone, as in `h9 g8`")
        else:
            raise ValueError(_CHOICE if len(self._actions) == 3 else _LAST_CHOICE)

    def _put(self, typed: str) -> None:
        put = text.parse_moves(self._game, typed)
        if len(put) > self._stones:
            raise ValueError(f"{self._stones} more to put, not {len(put)}")
        text.replay(self._game, [*self._actions, *put])  # says what is wrong
        self._actions += put
        self._stones -= len(put)
        self._show()
        if not self._stones:
            black = swap2.takes_black(self._value())
            self._say(f"{self._agent} takes {self._game.sides[0 if black else 1].name}")
            self._settle(1 if black else 0)

    def _settle(self, side: int) -> None:
        self.persons_side = side
