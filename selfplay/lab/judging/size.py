"""How large a preset of the experiment is, and the trainings and lessons that follow from that."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from selfplay.config import Config, LearnConfig, NetworkConfig, PlayConfig, SearchConfig
from selfplay.lab import trainings

TARGET = 32
"""simulations of the searches from which training takes its targets"""


@dataclass(frozen=True, kw_only=True)
class Size:
    """Of a preset."""

    seeds: int
    decisions: int
    """of each stage of the game"""
    network: str
    ages: int
    first: float
    """training compute of the first age in FLOPs"""
    per_decade: int = 3
    """ages in ten times the compute"""
    searches: Sequence[int] = (2, 4, 8, 16, TARGET, 64, 128, 256, 512)
    """simulations"""
    starts: Sequence[int]
    """ages whose networks are taught"""
    lesson: float
    """FLOPs of a lesson"""
    teachers: Sequence[int]
    """simulations of searches that teach"""
    depths: Sequence[int]
    """of alpha-beta that teaches"""
    collapses: int = 0
    """generations of the trainings that may collapse; 0 leaves them out"""
    games: int = 64
    """at once on each thread of a training"""
    positions: int = 2048
    """of a generation"""
    batch: int = 256
    device: Literal["cpu", "cuda"] = "cpu"

    @property
    def compute(self) -> list[float]:
        """Of each age, in FLOPs."""
        return [float(f"{self.first * 10 ** (age / self.per_decade):.3g}") for age in range(self.ages)]

    def training(self, seed: int) -> Config:
        """Of Connect Four by self-play, without an end."""
        return Config(
            game="connect4",
            seed=seed,
            threads=trainings.THREADS,
            device=self.device,
            network=NetworkConfig(architecture=self.network, dtype="float32"),
            search=SearchConfig(simulations=TARGET),
            play=PlayConfig(games=self.games, positions=self.positions, opening_plies=8),
            learn=LearnConfig(batch=self.batch, ema=0.995, decay_positions=500_000.0),
        )

    def lesson_of(self, seed: int) -> Config:
        """Of a lesson, which goes on from a training: fewer games at once, since little is played, and no faster steps
        than that training took at its end."""
        begun = self.training(seed)
        learn = replace(begun.learn, learning_rate=1e-3, warmup_steps=50)
        play = replace(begun.play, games=min(32, self.games))
        return replace(begun, minutes=0.0, flops=self.lesson, learn=learn, play=play)
