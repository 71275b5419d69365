"""Which opponents a learner meets now: those against whom a match still tells something."""

from collections.abc import Sequence

from selfplay.stats.records import EvalLine, Lines

_BEATEN = 0.65  # an opponent is clearly overtaken when the score's lower bound was above this twice in a row
_HOPELESS = 0.24  # 200 Elo above the learner: a score below this says little, and those above such an opponent less


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
