"""Tables of players that grew and think."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from selfplay.lab import curves
from selfplay.lab.experiment import Claim, Constant, Table
from selfplay.lab.thinking.players import Players
from selfplay.report import words
from selfplay.stats import seeds


def elo(players: Players) -> Table:
    """By age and thinking, with half the width of the interval over seeds."""
    mean_XT, half_XT = seeds.mean(players.elo_SXT)
    rows = [
        (words.flops(flops), *(f"{mean:+.0f} ± {half:.0f}" for mean, half in zip(mean_T, half_T, strict=True)))
        for flops, mean_T, half_T in zip(players.flops_X, mean_XT, half_XT, strict=True)
    ]
    return Table("Elo by training FLOPs, and simulations a move", ("training", *_numbers(players)), rows)


def frontier(players: Players, opponents: Sequence[str]) -> Table:
    """For each opponent the training from which so many simulations surely beat it: the lead in Elo is above 0 by its
    interval over seeds, there and at every later age."""
    rows: list[tuple[str, ...]] = []
    for opponent in opponents:
        lead_SXT = players.elo_SXT - players.ladder_S[opponent][:, None, None]
        sure = [seeds.overtaking(players.flops_X, lead_SX)[2] for lead_SX in np.moveaxis(lead_SXT, 2, 0)]
        said = ["–" if flops is None else words.flops(flops) for flops in sure]
        rows.append((words.label(opponent), *(said if any(sure) else ["by nobody here", *[""] * (len(sure) - 1)])))
    title = "Training FLOPs from which an opponent is surely beaten, by simulations a move"
    return Table(title, ("opponent", *_numbers(players)), rows)


def stages(players: Players) -> Table:
    """Mistakes of the youngest and the oldest network, alone and with the most thinking, in percent of decisions."""
    first, last = words.flops(players.flops_X[0]), words.flops(players.flops_X[-1])
    most = f"{players.thought_T[-1]:,} simulations"
    headers = ("plies", *(f"{age}, {how}" for age in (first, last) for how in ("alone", most)))
    rows = [
        (stage, *(curves.share(wrong_SXT[:, age, number]) for age in (0, -1) for number in (0, -1)))
        for stage, wrong_SXT in players.wrong_SXT.items()
    ]
    return Table("Real decisions that go wrong, by stage", headers, rows)


def replaces(claim: str, rate: Constant, value: float) -> Claim:
    """A claim that a rate of exchange is this, whose reason says how many times the thinking is replaced."""
    return replace(curves.contains(claim, rate, value), why=f"{curves.said(curves.powers(rate, -1))} times")


def replaces_less(claim: str, difference: Constant) -> Claim:
    """A claim that among strong players less is replaced, by the difference of their rate from that of weak ones."""
    why = f"{curves.said(curves.powers(difference, -1))} times as much among strong players as among weak ones"
    return replace(curves.above(claim, difference), why=why)


def _numbers(players: Players) -> list[str]:
    return ["alone", *(f"{number:,}" for number in players.thought_T[1:])]
