"""Which opponents a learner meets now: those against whom a match still tells something; and how long that takes."""

import math
from collections.abc import Sequence

from selfplay.config import EvalConfig
from selfplay.players.spec import Spec
from selfplay.stats.records import EvalLine, Lines

Pairing = tuple[str, str]
"""the learner as it plays, and the opponent"""

_BEATEN = 0.65  # an opponent is clearly overtaken when the score's lower bound was above this twice in a row
HOPELESS = 0.24  # 200 Elo above the learner: a score below this says little, and those above such an opponent less
AT_FIRST = 3  # opponents, the weakest
FEWEST_GAMES = 20  # of a match by the clock, when its share of the time allows no more
_PLIES = 30  # of a game, as a first guess
_SECONDS = 0.02  # of a game of two of whom nothing is known


def informative(lines: Lines, ladder: Sequence[str], agent: str) -> list[str]:
    """The opponents of the ladder (weakest first) that are worth playing now, from the agent's matches so far.

    A match between unequal players teaches little: scores of 24 to 76 % are within 200 Elo. Upwards from the
    strongest of the clearly overtaken ones (so that a fall is seen, and brings back those below) to the first that is
    200 Elo above the learner, with two at most that were never met. At first the weakest three.
    """
    met: dict[str, list[EvalLine]] = {}
    for line in lines:
        if line.agent == agent:
            met.setdefault(line.opponent, []).append(line)
    if not any(opponent in met for opponent in ladder):
        return list(ladder[:AT_FIRST])
    chosen: list[str] = []
    new = 0
    for opponent in ladder:
        chosen.append(opponent)
        matches = met.get(opponent, [])
        if not matches:
            new += 1
        if len(matches) > 1 and all(line.score_low > _BEATEN for line in matches[-2:]):
            chosen = [opponent]
        if new == 2 or (matches and matches[-1].score < HOPELESS):
            break
    return chosen


class Timetable:
    """How long matches take, from those of this process, and before those from how fast the players are; and how long
    those at the end of a run may take."""

    def __init__(self, config: EvalConfig) -> None:
        self.plies = float(_PLIES)
        """of a game, about"""
        self._config = config
        self._seconds_per_game: dict[Pairing, float] = {}  # in the last match
        self._thought: dict[str, float] = {}  # seconds of a player for its moves of a game, in its last match
        self._seconds_per_move: dict[str, float] = {}  # of a player, outside of matches

    def took(self, pairing: Pairing, games: int, seconds: float, thought: Sequence[float] = ()) -> None:
        """A match was played, in which the two have `thought` for so many seconds."""
        self._seconds_per_game[pairing] = seconds / games
        self._thought |= {player: spent / games for player, spent in zip(pairing, thought, strict=False)}

    def expect(self, player: str, seconds_per_move: float) -> None:
        """How fast a player is, as far as is known before its first match."""
        self._seconds_per_move[player] = seconds_per_move

    def seconds_per_game(self, pairing: Pairing) -> float:
        """Of these two; else of whoever plays the opponent by the clock, or what the two think for each by itself, or
        of the learner's other matches."""
        learner, opponent = pairing
        if opponent in self._config.equal_time:
            found = [spent for (_, other), spent in self._seconds_per_game.items() if other == opponent]
            return found[-1] if found else self.plies * float(Spec.parse(opponent).options.get("ms", 100)) / 1000
        if pairing in self._seconds_per_game:
            return self._seconds_per_game[pairing]
        both = [self._alone(player) for player in pairing]
        if both[0] is not None and both[1] is not None:
            # They think at the same time and on the same cores, so in matches each takes the other's time, too.
            return max(both[0], both[1]) if {*pairing} <= self._thought.keys() else both[0] + both[1]
        others = [spent for (name, _), spent in self._seconds_per_game.items() if name == learner]
        return sum(others) / len(others) if others else _SECONDS

    def _alone(self, player: str) -> float | None:
        """Seconds that a player thinks for in a game; None if nobody knows."""
        each = self._seconds_per_move.get(player)
        return self._thought.get(player, None if each is None else each * self.plies / 2)

    def final_seconds(self, train_seconds: float) -> float:
        """That the matches at the end may take, where they can be made to; infinite if they may take any."""
        return self._config.final_share * train_seconds or math.inf

    def a_round(self, opponent: str, most: int) -> int:
        """Games of a match that are played before the clock is looked at."""
        return min(most, FEWEST_GAMES if opponent in self._config.equal_time else self._config.games)

    def final_games(self, opponent: str, seconds_per_game: float, seconds: float) -> int:
        """Games of a match at the end that is given so many seconds: the rounds that come nearest to them, one at
        least."""
        most = self._config.final_games
        a_round = self.a_round(opponent, most)
        rounds = seconds / max(a_round * seconds_per_game, 1e-9)
        return most if rounds >= most / a_round else min(most, a_round * max(1, math.ceil(rounds - 0.5)))

    def expected(self, pairings: Sequence[Pairing], seconds: float) -> float:
        """How long these matches at the end will take, in at most so many seconds where they can be made to."""
        total = 0.0
        for number, pairing in enumerate(pairings):
            each = self.seconds_per_game(pairing)
            slot = max(0.0, seconds - total) / (len(pairings) - number)
            total += each * self.final_games(pairing[1], each, slot)
        return total
