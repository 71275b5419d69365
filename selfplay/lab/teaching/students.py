"""Who learns with a piece of human knowledge or without: one training, and what its network knows at an age."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from selfplay.config import Config, KnowledgeConfig, LearnConfig, NetworkConfig, PlayConfig, ReplayConfig, SearchConfig
from selfplay.lab import ruler, trainings
from selfplay.lab.teaching import concepts, expert, views
from selfplay.network.architectures import evaluation_flops
from selfplay.players.agent import Agent
from selfplay.players.make import make_agent


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What a learner is given besides the rules."""

    symmetry: bool = False
    """positions are shown in a random symmetry of the board"""
    look_ahead: bool = False
    """its search proves wins and losses, and sees threats before the network is asked; in training and in play"""
    threats: bool = False
    """cells that complete a line are drawn on the board"""
    taught: float = 0.0
    """share of the compute in which an expert's games are learned from, instead of own ones"""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all arms have in common: strings and numbers, as the parameters of a cell are."""

    network: str
    simulations: int
    """of the search, in training and in play"""
    depth: int
    """of the expert"""
    positions: int = 2048
    """of a generation"""
    device: str = "cpu"
    first: float
    last: float
    """training compute of the youngest and of the oldest network, in FLOPs"""
    count: int
    """of networks, evenly apart in the logarithm of compute"""

    @property
    def ages(self) -> list[float]:
        """Training compute, FLOPs."""
        return np.geomspace(self.first, self.last, self.count).tolist()

    @staticmethod
    def names() -> list[str]:
        """Of these."""
        return [each.name for each in fields(Setting)]

    @property
    def told(self) -> dict[str, Any]:
        """These, which decide a training besides its arm and its seed."""
        return {name: getattr(self, name) for name in Setting.names()}

    def config(self, arm: Arm, seed: int) -> Config:
        """Of a training."""
        return Config(
            seed=seed,
            device="cuda" if self.device == "cuda" else "cpu",
            search=SearchConfig(simulations=self.simulations, prove=arm.look_ahead, lookahead=arm.look_ahead),
            play=PlayConfig(positions=self.positions, games=max(8, self.positions // 32), opening_plies=8),
            network=NetworkConfig(architecture=self.network, dtype="float32"),
            replay=ReplayConfig(minimum=8 * self.positions),
            learn=LearnConfig(batch=max(64, self.positions // 8), warmup_steps=50),
            knowledge=KnowledgeConfig(symmetry=arm.symmetry),
        )


def train(folder: Path, arm: Arm, setting: Setting, seed: int) -> list[trainings.Age]:
    """The ages of a training whose networks lie in `folder`."""
    until = math.inf if arm.taught == 1 else arm.taught * setting.last
    pool = expert.pool(setting.depth, until)
    return trainings.train(
        folder, setting.config(arm, seed), ages=setting.ages, game=views.connect4(arm.threats), pool=pool
    )


def measure(
    folder: Path,
    age: trainings.Age,
    arm: Arm,
    setting: Setting,
    decisions: ruler.Decisions,
    lesson: expert.Examples,
    questions: Mapping[str, concepts.Questions],
) -> tuple[dict[str, Any], float]:
    """What the network of an age knows, alone and as it plays, which is with the search that its arm learns by; and the
    FLOPs that it took to ask.

    flops, games  that it had cost
    kept, alone   share of decisions kept as it plays, and by the network alone
    predicts      share of the expert's moves that the network alone would make
    PIECE         how far it has come from chance, 0, to right in every position that this piece decides, 1
    """
    game = views.connect4(arm.threats)
    network = trainings.network(folder, age, game)
    before = network.evaluations
    alone = trainings.player(folder, age, 0, game=game)
    whole = trainings.player(folder, age, setting.simulations, game=game, look_ahead=arm.look_ahead)
    found: dict[str, Any] = {
        "flops": age.flops,
        "games": age.games,
        "kept": ruler.kept(whole, decisions).kept,
        "alone": ruler.kept(alone, decisions).kept,
        "predicts": float((_moves(alone, lesson.states_NW) == lesson.actions_N).mean()),
    }
    for piece, asked in questions.items():
        found[piece] = (asked.answered(_moves(alone, asked.states_NW)) - asked.chance) / (1 - asked.chance)
    return found, (network.evaluations - before) * evaluation_flops(network.module, game)


def _moves(agent: Agent, states_NW: np.ndarray) -> np.ndarray:
    return agent.act(states_NW, np.zeros(len(states_NW), np.uint64)).actions_N


def rules(decisions: ruler.Decisions, depth: int) -> dict[str, float]:
    """How many decisions those keep who do not learn, and what each piece of knowledge is worth to a player of rules.

    expert, rules, chance  share of decisions kept by the expert, by all five rules, by any legal move
    PIECE, `PIECE, half`   how much less all rules but this one keep, with half its 95 % interval
    """

    def kept_by(pieces: Sequence[str]) -> np.ndarray:
        return concepts.kept(decisions.states_NW, decisions.values_NA, pieces)

    whole_N = kept_by(concepts.PIECES)
    found = {
        "expert": ruler.kept(make_agent(f"alphabeta:depth={depth}", views.connect4(False)), decisions).kept,
        "rules": float(whole_N.mean()),
        "chance": float(kept_by(()).mean()),
    }
    for piece in concepts.PIECES:
        lost_N = whole_N - kept_by([other for other in concepts.PIECES if other != piece])
        found |= {piece: float(lost_N.mean()), f"{piece}, half": float(1.96 * lost_N.std() / math.sqrt(len(lost_N)))}
    return found
