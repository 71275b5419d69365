"""Lessons: a network goes on learning for so much compute, from a judge's moves or from results alone.

A lesson is a run of the trainer with another pool. Where a judge teaches, the learner plays as it does in training, by
its search, and every position gets the judge's policy for a target in the place of that search's. Where results alone
teach, the learner plays by its policy, without search, against an opponent, and the moves that it made are its targets,
weighted by the points that the game brought: on average it is shown each move as often as it plays it, times what it
then gets. Playing, judging and learning are charged alike, so a dear judge teaches fewer positions.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from games.game import Game
from games.outcome import LOSS
from selfplay.config import Config
from selfplay.lab.judging import games, judges
from selfplay.lab.judging.judges import Judge
from selfplay.network.architectures import Network
from selfplay.network.frozen import FrozenNetwork
from selfplay.train.actor import Allowance, Harvest
from selfplay.train.initial import InitialWeights
from selfplay.train.pool import LocalPool, OngoingGame, Watch
from selfplay.train.trainer import Trainer

MakeJudge = Callable[[FrozenNetwork], Judge]
"""the judge while the learner is as it is now"""

_PROBED = 64  # positions of random play that tell what a judge will cost
_FIRST, _MOST = 4, 256  # games against an opponent, before the bill is looked at


@dataclass(frozen=True, kw_only=True)
class Taught:
    """What came of a lesson."""

    network: FrozenNetwork
    flops: float
    positions: int
    """that it was taught"""
    points: float
    """of the learner, a game of the first generation; 1/2 against itself"""


def by_judge(start: FrozenNetwork, make_judge: MakeJudge, config: Config) -> Taught:
    """The start network after a lesson by a judge, of `config.flops`. The same config gives the same network."""
    return _teach(start, _Judged(start.game, make_judge, config), config)


def by_results(start: FrozenNetwork, make_opponent: MakeJudge | None, config: Config) -> Taught:
    """The start network after it was told results alone, of games against an opponent or, without one, itself."""
    return _teach(start, _Results(start.game, make_opponent, config), config)


def _teach(start: FrozenNetwork, pool: "_Judged | _Results", config: Config) -> Taught:
    initial = InitialWeights(weights=Path(start.source), network=start.module, game=start.game.name, spent=None)
    trainer = Trainer(start.game, config, pool, initial=initial)
    while not trainer.done:
        trainer.learned()
    return Taught(
        network=FrozenNetwork.of(trainer.learner.average, start.game),
        flops=trainer.ledger.train_flops,
        positions=trainer.ledger.positions,
        points=pool.points,
    )


class _Judged:
    """Plays as in training, and has what was played judged."""

    def __init__(self, game: Game, make_judge: MakeJudge, config: Config) -> None:
        self._players = LocalPool(game, config)
        self.dtype = self._players.dtype
        self.points = 0.5
        self._game = game
        self._make_judge = make_judge
        rng, anybody = np.random.default_rng(0), judges.at_random(game)
        self._probe = games.play(game, anybody, None, _PROBED, opening_plies=0, rng=rng).states_MW[::7][:_PROBED]

    def play(
        self, network: Network, number: int, simulations: int, allowance: Allowance, watch: Watch
    ) -> list[Harvest]:
        learner = FrozenNetwork.of(network, self._game)
        judge, each = self._make_judge(learner), judges.cost_of(learner)
        # What is judged has to be paid for: play ends sooner.
        probed = games.play(
            self._game, judges.at_random(self._game), None, 8, opening_plies=0, rng=np.random.default_rng(0)
        )
        price = judge(probed.states_MW[:_PROBED]).flops / each / _PROBED
        allowance = replace(allowance, evaluations_per_position=allowance.evaluations_per_position + price)
        harvests = self._players.play(network, number, simulations, allowance, watch)
        return [self._judged(harvest, judge, each) for harvest in harvests]

    def _judged(self, harvest: Harvest, judge: Judge, each: float) -> Harvest:
        if not len(harvest.states_MW):
            return harvest
        verdict = judge(harvest.states_MW)
        evaluations = harvest.evaluations + round(verdict.flops / each)
        return replace(harvest, policies_MA=verdict.policy_NA, evaluations=evaluations)

    def ongoing(self) -> OngoingGame:
        return self._players.ongoing()

    def state(self) -> dict[str, np.ndarray]:
        return self._players.state()

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self._players.restore(state)


class _Results:
    """Plays by the learner's policy; results are all that is learned from."""

    def __init__(self, game: Game, make_opponent: MakeJudge | None, config: Config) -> None:
        self.dtype = config.network.dtype
        self.points = 0.5
        self._game = game
        self._make_opponent = make_opponent
        self._config = config

    def play(
        self, network: Network, number: int, simulations: int, allowance: Allowance, watch: Watch
    ) -> list[Harvest]:
        """Games until there are as many positions as the config asks for, or the allowance is spent."""
        began, learner = time.perf_counter(), FrozenNetwork.of(network, self._game)
        policy, each = judges.network_policy(learner), judges.cost_of(learner)
        opponent = self._make_opponent(learner) if self._make_opponent else None
        rng, plies = np.random.default_rng([self._config.seed, number]), self._config.play.opening_plies
        played: list[games.Played] = []
        count, wanted, flops = _FIRST, float(self._config.play.positions), 0.0
        while count > 0:
            played.append(games.play(self._game, policy, opponent, count, opening_plies=plies, rng=rng))
            positions = sum(len(some.states_MW) for some in played)
            flops += played[-1].flops
            spent = flops / each + allowance.evaluations_per_position * positions
            share = max(positions / wanted, spent / allowance.evaluations)
            count = min(_MOST, int(sum(len(some.points_G) for some in played) * (1 - share) / share))
        if number == 1:
            self.points = float(np.concatenate([some.points_G for some in played]).mean())
        facts_M = np.concatenate([some.facts_M for some in played])
        points_M = (LOSS - facts_M["z"]) / 2
        policies_MA = points_M[:, None] * np.eye(self._game.actions)[facts_M["action"]]
        return [
            Harvest(
                states_MW=np.concatenate([some.states_MW for some in played]),
                policies_MA=policies_MA.astype(np.float32),
                wdl_M3=np.eye(3, dtype=np.float32)[facts_M["z"]],  # no search has seen them: the result
                facts_M=facts_M,
                lengths=np.concatenate([some.lengths_G for some in played]),
                results=np.concatenate([some.results_G for some in played]),
                redrawn=0,
                simulations=0,
                evaluations=round(flops / each),
                cache_hits=0,
                network_seconds=0.0,
                seconds=time.perf_counter() - began,
            )
        ]

    def ongoing(self) -> OngoingGame:
        raise NotImplementedError

    def state(self) -> dict[str, np.ndarray]:
        raise NotImplementedError

    def restore(self, state: dict[str, np.ndarray]) -> None:
        raise NotImplementedError
