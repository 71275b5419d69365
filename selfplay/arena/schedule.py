"""Which opponents a learner meets now: those against whom a match still tells something; and how long that takes."""

import math
from collections.abc import Sequence

from selfplay.config import EvalConfig
from selfplay.players.spec import Spec
from selfplay.stats.records import EvalLine, Lines

Pairing = tuple[str, str]
"""the learner as it plays, and the opponent"""

_BEATEN = 0.65  # an opponent is clearly overtaken when the score's lower bound was above this twice in a row
_HOPELESS = 0.24  # 200 Elo above the learner: a score below this says little, and those above such an opponent less
FEWEST_GAMES = 20  # of a match by the clock, when its share of the time allows no more
_PLIES = 30  # of a game, as a first guess of how long a match by the clock takes
_SECONDS = 0.02  # of a game of others, likewise


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
        return list(ladder[:3])
    chosen: list[str] = []
    new = 0
    for opponent in ladder:
        chosen.append(opponent)
        matches = met.get(opponent, [])
        if not matches:
            new += 1
        if len(matches) > 1 and all(line.score_low > _BEATEN for line in matches[-2:]):
            chosen = [opponent]
        if new == 2 or (matches and matches[-1].score < _HOPELESS):
            break
    return chosen


class Timetable:
    """How long matches take, from those of this process; and how long those at the end of a run may take."""

    def __init__(self, config: EvalConfig) -> None:
        self._config = config
        self._seconds_per_game: dict[Pairing, float] = {}  # in the last match

    def took(self, pairing: Pairing, games: int, seconds: float) -> None:
        """A match was played."""
        self._seconds_per_game[pairing] = seconds / games

    def seconds_per_game(self, pairing: Pairing) -> float:
        """Of these two; else of whoever plays the opponent by the clock, or of the learner's other matches."""
        learner, opponent = pairing
        if opponent in self._config.equal_time:
            found = [spent for (_, other), spent in self._seconds_per_game.items() if other == opponent]
            return found[-1] if found else _PLIES * float(Spec.parse(opponent).options.get("ms", 100)) / 1000
        if pairing in self._seconds_per_game:
            return self._seconds_per_game[pairing]
        others = [spent for (name, _), spent in self._seconds_per_game.items() if name == learner]
        return sum(others) / len(others) if others else _SECONDS

    def final_seconds(self, train_seconds: float) -> float:
        """That the matches at the end may take, where they can be made to; infinite if they may take any."""
        return self._config.final_share * train_seconds or math.inf

    def expected(self, pairings: Sequence[Pairing], seconds: float) -> float:
        """How long these matches at the end will take, in at most so many seconds where they can be made to."""
        config, total = self._config, 0.0
        for number, pairing in enumerate(pairings):
            each = self.seconds_per_game(pairing)
            fewest = min(config.final_games, FEWEST_GAMES if pairing[1] in config.equal_time else config.games)
            slot = max(0.0, seconds - total) / (len(pairings) - number)
            total += min(config.final_games * each, max(fewest * each, slot))
        return total
