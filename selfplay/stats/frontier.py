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
    found = []
    for crossing in crossover.record(lines, "").crossings:
        searched = re.fullmatch(r"mcts:sims=(\d+)", crossing.agent)
        if searched or crossing.agent == "net":
            found.append(Point(simulations=int(searched[1]) if searched else 1, crossing=crossing))
    return found if len({point.simulations for point in found}) >= _FEWEST else []
