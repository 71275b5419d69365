"""What compute was spent. FLOPs count 2 per multiply-add.

Play: one forward pass per evaluation. Learning: three forward passes per trained sample (forward, and a
backward of twice its cost). Evaluation against reference players is kept apart and is not training.
"""

from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Totals since the start of a run, or of those whose weights it began with; add two ledgers to join them."""

    games: int = 0
    positions: int = 0
    """positions added to the replay buffer"""
    simulations: int = 0
    evaluations: int = 0
    """network evaluations of self-play"""
    samples: int = 0
    """training samples, counting each reuse"""
    play_flops: float = 0.0
    learn_flops: float = 0.0
    play_seconds: float = 0.0
    learn_seconds: float = 0.0
    eval_seconds: float = 0.0
    train_joules: float = 0.0
    """energy of self-play and learning, with all else that ran on the machine; 0 where the machine does not tell"""

    @property
    def train_flops(self) -> float:
        """FLOPs of self-play and learning."""
        return self.play_flops + self.learn_flops

    @property
    def train_seconds(self) -> float:
        """Seconds of self-play and learning."""
        return self.play_seconds + self.learn_seconds

    @property
    def jones_flops(self) -> float:
        """Self-play alone at 1 per multiply-add: the convention of Jones 2021."""
        return self.play_flops / 2

    def __add__(self, other: "Ledger") -> "Ledger":
        mine, theirs = asdict(self), asdict(other)
        return replace(self, **{key: mine[key] + theirs[key] for key in mine})


def written(flops: float) -> str:
    """FLOPs as they are written everywhere: `1.5e14`; `0` for none."""
    mantissa, _, exponent = f"{flops:.1e}".partition("e")
    return f"{mantissa}e{int(exponent)}" if flops else "0"
