"""How near to perfect: a network alone and with more and more simulations, on all that perfect play can grade."""

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from games.game import Game
from selfplay.arena.perfect.conversion import Conversion, convert
from selfplay.arena.perfect.marks import Mark, Suite, grade
from selfplay.network.frozen import FrozenNetwork
from selfplay.players.agent import Agent
from selfplay.players.learned import from_network
from selfplay.search.evaluate import Evaluate

SIMULATIONS = (0, 1, 16, 64, 200, 600, 4096)
"""of a move; 0 is the likeliest move of the network alone"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One number of simulations."""

    simulations: int
    marks: Sequence[Mark]
    """one for each suite"""
    conversion: Conversion
    flops: float
    """of the network, for a move: evaluations that the search did not remember, two FLOPs for a multiply-add"""
    ms: float
    """for a move, many at a time on all cores"""

    def as_dict(self) -> dict:
        return {
            "simulations": self.simulations,
            "results": [mark.as_dict() for mark in self.marks],
            "conversion": self.conversion.as_dict(),
            "flops_per_move": self.flops,
            "ms_per_move": self.ms,
        }


class Counted(FrozenNetwork):
    """A network that counts the positions it is asked about."""

    def __init__(self, network: FrozenNetwork) -> None:
        super().__init__(network.game, network.metadata, network.arrays, network.source)
        self._counts: list[list[int]] = []  # a number for each evaluator, since each has a thread

    @property
    def evaluations(self) -> int:
        """Positions that players made of this network have asked it about, so far."""
        return sum(count for (count,) in self._counts)

    def evaluators(self, *, batch: int, device: str = "auto", dtype: str = "auto") -> list[Evaluate]:
        def counted(evaluate: Evaluate) -> Evaluate:
            count = [0]
            self._counts.append(count)

            def count_and_evaluate(planes_BPHW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
                count[0] += len(planes_BPHW)
                return evaluate(planes_BPHW)

            return count_and_evaluate

        return [counted(evaluate) for evaluate in super().evaluators(batch=batch, device=device, dtype=dtype)]


def rows(
    game: Game,
    network: FrozenNetwork,
    suites: Sequence[Suite],
    *,
    simulations: Sequence[int] = SIMULATIONS,
    openings: int | None = None,
    seed: int = 0,
) -> Iterator[Row]:
    """A row for each number of simulations; `openings` as in `convert`. What is done goes to stderr."""
    from selfplay.network.architectures import evaluation_flops

    counted = Counted(network)
    each = evaluation_flops(counted.module, game)
    for number in simulations:
        before = counted.evaluations
        agent = _player(counted, game, number)
        marks = []
        for suite in suites:
            marks.append(grade(suite, agent, seed))
            print(f"{suite.name}: {number} simulations, {marks[-1].seconds:.1f} s", file=sys.stderr)
        moves, evaluations = sum(mark.positions for mark in marks), counted.evaluations - before
        yield Row(
            simulations=number,
            marks=marks,
            conversion=convert(game, agent, seed, openings),
            flops=evaluations * each / moves,
            ms=1000 * sum(mark.seconds for mark in marks) / moves,
        )


def _player(network: FrozenNetwork, game: Game, simulations: int) -> Agent:
    if simulations == 0:
        return from_network(network, game, policy_only=True)
    return from_network(network, game, simulations=simulations)


def text(found: Sequence[Row]) -> str:
    """Suites down, simulations across: percent of the moves that keep the outcome, with standard errors.

    Then of all of them those that also win as early, or lose as late, as can be; won openings that were won; and costs.
    """
    lines = [["outcome kept, %", "of", *(f"{row.simulations:,}" if row.simulations else "network" for row in found)]]
    for number, first in enumerate(found[0].marks):
        marks = [row.marks[number] for row in found]
        shares = [_percent(mark.positions - mark.mistakes, mark.positions) for mark in marks]
        lines.append([first.suite, f"{first.positions:,}", *shares])
    moves = sum(mark.positions for mark in found[0].marks)
    fastest = [_percent(sum(mark.fastest for mark in row.marks), moves) for row in found]
    lines.append(["soonest win, latest loss", f"{moves:,}", *fastest])
    openings = found[0].conversion.openings
    lines.append(["won openings won", f"{openings:,}", *(_percent(row.conversion.won, openings) for row in found)])
    lines.append(["FLOPs a move", "", *(f"{row.flops:.1e}" for row in found)])
    lines.append(["ms a move", "", *(f"{row.ms:.2g}" for row in found)])
    first_width, *widths = (max(map(len, column)) for column in zip(*lines, strict=True))
    return "\n".join(
        "  ".join([name.ljust(first_width), *(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))])
        for name, *cells in lines
    )


def _percent(count: int, of: int) -> str:
    """`97.5 ±0.4`: with the standard error of a share, Laplace's so that 0 and all have one."""
    smoothed = (count + 1) / (of + 2)
    return f"{100 * count / of:.1f} ±{100 * math.sqrt(smoothed * (1 - smoothed) / of):.1f}"
