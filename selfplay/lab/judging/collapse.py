"""Trainings that may collapse, watched generation by generation: what their games look like, and how strong they are.

S seeds, G generations, L of them at which strength was measured.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import games
from selfplay.config import Config, LearnConfig, NetworkConfig, PlayConfig, SearchConfig
from selfplay.lab import curves, ruler, trainings
from selfplay.lab import experiment as lab
from selfplay.network.frozen import FrozenNetwork
from selfplay.players.learned import from_network
from selfplay.players.make import make_agent
from selfplay.report import plots

RULES = ("puct", "gumbel")
GAME, OPPONENT = "gomoku9", "rules"
_LOOKS = 10  # at strength, in a training
_FEW_PLIES, _NEARLY_ALL = 15.0, 0.9  # of a collapsed training: plies of a game, points of who begins
_STRONGER = 0.1  # points of a game by which Gumbel is seen to be ahead


def config(rule: str, simulations: int, generations: int, seed: int) -> Config:
    """Of a small network that begins every game on the empty board, whose searches see no more than it shows them."""
    return Config(
        game=GAME,
        seed=seed,
        minutes=0.0,
        generations=generations,
        threads=trainings.THREADS,
        device="cpu",
        network=NetworkConfig(architecture="resnet:2x16", dtype="float32"),
        search=SearchConfig(rule=rule, simulations=simulations, prove=False, lookahead=False),  # pyright: ignore[reportArgumentType]
        play=PlayConfig(games=64, positions=2048, opening_plies=0),
        learn=LearnConfig(batch=256),
    )


def watched(asked: Config, pairs: int) -> tuple[dict[str, Any], float]:
    """Train for all generations. Of each the mean `length` of its games in plies and the share of points that went to
    the `first` player; of ten of them the `strength`: points a game against the rules, over `pairs` of games. And the
    FLOPs."""
    from selfplay.train.pool import LocalPool
    from selfplay.train.trainer import Trainer

    game = games.make(asked.game)
    trainer = Trainer(game, asked, LocalPool(game, asked))
    opponent, every = make_agent(OPPONENT, game), max(1, asked.generations // _LOOKS)
    found: dict[str, Any] = {"length": [], "first": [], "strength": [], "every": every}
    while not trainer.done:
        metrics = trainer.learned().metrics
        found["length"].append(round(metrics["games/length"], 3))
        found["first"].append(round(metrics["games/first_player_score"], 4))
        if trainer.number % every == 0:
            network = FrozenNetwork.of(trainer.learner.average, game)
            player = from_network(network, game, simulations=asked.search.simulations, dtype="float32")
            found["strength"].append(ruler.play(game, player, opponent, pairs, asked.seed).share)
    return found, trainer.ledger.train_flops


class Collapse:
    """Of both rules, all seeds."""

    def __init__(self, records: Sequence[lab.Record]) -> None:
        cells = [record for record in records if record.cell["task"] == "collapse"]
        self._of = {rule: [record for record in cells if record["rule"] == rule] for rule in RULES}
        self.seen = bool(cells)

    def of(self, rule: str, measure: str) -> np.ndarray:
        """[S, G], or [S, L] for strength."""
        return np.array([record[measure] for record in self._of[rule]])

    @property
    def every(self) -> int:
        """Generations from one look at strength to the next."""
        return int(self._of[RULES[0]][0]["every"])

    def warned(self) -> np.ndarray:
        """The generation [S] from which games of PUCT are few plies long and nearly all won by who begins; one more
        than there are where that does not come."""
        collapsed_SG = (self.of("puct", "length") < _FEW_PLIES) & (self.of("puct", "first") > _NEARLY_ALL)
        return _for_good(collapsed_SG)

    def told(self) -> np.ndarray:
        """The generation [S] from which PUCT is seen to be weaker than Gumbel; beyond the last where it is not."""
        weaker_SL = self.of("gumbel", "strength") - self.of("puct", "strength") > _STRONGER
        return _for_good(weaker_SL) * self.every

    def claims(self) -> Iterator[lab.Claim]:
        last = {rule: self.of(rule, "strength")[:, -1] for rule in RULES}
        first, length = self.of("puct", "first")[:, -1], self.of("puct", "length")[:, -1]
        yield curves.all_above_zero(
            "PUCT with few simulations collapses: at the end games are short, and nearly all are won by who begins",
            {
                "points of who begins, over 90 %": first - _NEARLY_ALL,
                "plies, below 15, in percent": 1 - length / _FEW_PLIES,
            },
        )
        yield curves.all_above_zero(
            "Gumbel learns with as few: at the end it has more points against the rules",
            {"ahead by": last["gumbel"] - last["puct"]},
        )
        first_told = "length of games and share of who begins tell it before strength does"
        if (self.warned() > self.of("puct", "length").shape[1]).any():
            yield lab.Claim(first_told, None, "not every training came to that")
            return
        yield curves.all_above_zero(first_told, {"earlier by": self.told() - self.warned()}, " generations", 1.0)

    def constants(self) -> Mapping[str, lab.Constant]:
        found = {"generation from which PUCT's games are short and one-sided": self._generation(self.warned())}
        found["generation from which PUCT is seen to be weaker"] = self._generation(self.told())
        for rule in RULES:
            found[f"points against the rules at the end, %, {rule}"] = curves.mean(
                100 * self.of(rule, "strength")[:, -1]
            )
        return found

    def _generation(self, of_S: np.ndarray) -> lab.Constant:
        """Over seeds; unknown where not every training came to it."""
        last = self.of("puct", "length").shape[1]
        return lab.Constant(None, last, None) if (of_S > last).any() else curves.mean(of_S)

    def picture(self) -> lab.Picture:
        figure = Figure(figsize=(13, 4.2), layout="constrained")
        panels = figure.subplots(1, 3)
        titles = {"length": "Plies of a game", "first": "Points of who begins", "strength": "Points against the rules"}
        for axes, (measure, title) in zip(panels, titles.items(), strict=True):
            for rule, colour in zip(RULES, (plots.COLOURS[1], plots.COLOURS[0]), strict=True):
                values_SG = self.of(rule, measure)
                x_G = np.arange(1, values_SG.shape[1] + 1) * (self.every if measure == "strength" else 1)
                axes.plot(x_G, values_SG.T, color=colour, linewidth=0.6, alpha=0.6)
                axes.plot(x_G, values_SG.mean(axis=0), color=colour, linewidth=2, label=rule)
            axes.set(title=title, xlabel="generation", ylim=(0, None if measure == "length" else 1.02))
            plots.plain(axes, legend=True)
        return lab.Picture(
            figure=figure,
            label="Length of games, points of who begins and strength over generations, for PUCT and Gumbel",
            caption="Gomoku 9x9, a small network, as many simulations for both: thick lines are means of the seeds."
            " Where a training collapses its games become short and are won by who begins.",
        )


def _for_good(true_SG: np.ndarray) -> np.ndarray:
    """The number [S], from 1, of the first column from which on all are true; one more than there are if none is."""
    return true_SG.shape[1] + 1 - np.cumprod(true_SG[:, ::-1], axis=1).sum(axis=1)
