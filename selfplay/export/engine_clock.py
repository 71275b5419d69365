"""How long an engine may think, from what a Gomoku manager tells it. All times in milliseconds."""

from dataclasses import dataclass

UNLIMITED = 2**31 - 1  # as the protocol writes that there is no limit
_UNTOLD = 1000.0  # for a move, where the manager sets no limit
_MARGIN, _MARGIN_SHARE, _MOST_MARGIN = 20.0, 0.08, 500.0  # kept back: threads wake late, machines are busy
_LEAST = 1.0  # to think where there is no time
_FEWEST_MOVES, _USUAL_MOVES = 10, 30  # that a match may still have, by which its time is shared out


@dataclass
class Clock:
    """The limits as told, and what is left of them."""

    turn: float | None = None
    """for a move; 0 means as fast as possible"""
    match: float = 0.0
    """for all moves of a match; 0 means no limit"""
    left: float | None = None
    """of the match, as told last and counted down since"""

    def tell(self, key: str, value: float) -> None:
        """What INFO says."""
        told = None if value >= UNLIMITED else value
        if key == "timeout_turn":
            self.turn = told
        elif key == "timeout_match":
            self.match = told or 0.0
        elif key == "time_left":
            self.left = told

    def begin_match(self) -> None:
        """What was left was left of another match."""
        self.left = None

    def spend(self, elapsed: float) -> None:
        """Count down."""
        left = self._left()
        self.left = None if left is None else left - elapsed

    def limit(self, stones: int) -> float:
        """From the manager's question to our answer, with so many stones on the board."""
        limit = _UNTOLD if self.turn is None else self.turn
        left = self._left()
        if left is not None:
            moves = max(_FEWEST_MOVES, _USUAL_MOVES - stones / 2)
            share = max(0.0, left) / moves
            limit = share if self.turn is None else min(limit, share)
        return limit

    def _left(self) -> float | None:
        if self.left is None and self.match > 0:
            return self.match
        return self.left


def thinking(limit: float) -> float:
    """What of a limit can be spent on thinking."""
    return max(_LEAST, limit - _margin(limit))


def waiting(limit: float) -> float:
    """How long to wait for an answer, before another has to be given."""
    return max(_MARGIN, limit - _margin(limit) / 4)


def _margin(limit: float) -> float:
    return min(_MOST_MARGIN, max(_MARGIN, _MARGIN_SHARE * limit))
