"""Training compute against thinking time: from which compute on how many simulations a move overtake each opponent."""

import re
from dataclasses import dataclass

from selfplay.stats import crossover
from selfplay.stats.records import Crossing, Lines

_FEWEST = 3  # numbers of simulations: fewer make no frontier to see


@dataclass(frozen=True, kw_only=True)
class Point:
    """One point of the frontier of an opponent."""

    simulations: int
    """for each move; 1 for the network alone"""
    crossing: Crossing


def points(lines: Lines) -> list[Point]:
    """The crossings of every player with a number of simulations, from all of a run's matches.

    None if there are fewer than three such numbers. Players by the clock have none.
    """
    agents = {line.agent: _simulations(line.agent) for line in lines if line.flops > 0}
    if len({number for number in agents.values() if number is not None}) < _FEWEST:
        return []
    crossings = crossover.record(lines, "").crossings
    return [
        Point(simulations=number, crossing=crossing)
        for crossing in crossings
        if (number := agents[crossing.agent]) is not None
    ]


def _simulations(agent: str) -> int | None:
    if agent == "net":
        return 1
    searched = re.fullmatch(r"mcts:sims=(\d+)", agent)
    return int(searched[1]) if searched else None
