"""The TensorBoard view of a run: every metric, every match, and the Elo curve among the ladder's, over generations."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from selfplay.report import words
from selfplay.run import atomic
from selfplay.run.metrics import METRICS, strength_name
from selfplay.stats.rating import Strength
from selfplay.stats.records import Lines


class TensorBoard:
    """Writes events under `<run>/tensorboard`. What an earlier process wrote after `generation` is hidden."""

    def __init__(self, run_dir: Path, generation: int, opponents: Sequence[str] = ()) -> None:
        self._folder = run_dir / "tensorboard"
        self._writer = SummaryWriter(str(self._folder), purge_step=generation + 1)
        rows = "\n".join(f"| {m.name} | {m.unit} | {m.meaning} | {m.healthy} | {m.otherwise} |" for m in METRICS)
        table = f"| name | unit | meaning | healthy | otherwise |\n|---|---|---|---|---|\n{rows}"
        self._writer.add_text("about/metrics", table, generation + 1)
        self._writer.add_custom_scalars(_layout(opponents))

    def write(self, generation: int, metrics: Mapping[str, float]) -> None:
        """Add one generation's metrics."""
        self._add(generation, {name if "/" in name else f"total/{name}": value for name, value in metrics.items()})

    def write_strength(self, generation: int, evals: Lines, strength: Strength, crossings: str) -> None:
        """Add an evaluation: scores with intervals, what all so far say of Elo, and the crossings in words."""
        scalars = {f"elo/{opponent}": elo for opponent, elo in strength.opponents.items()}
        scalars |= {f"elo/{agent.partition(':')[0]}": points[-1][1] for agent, points in strength.learner.items()}
        for match in evals:
            name = strength_name(match)
            scalars |= {name: match.score, f"{name}/low": match.score_low, f"{name}/high": match.score_high}
        self._add(generation, scalars)
        self._writer.add_text("crossover", f"```\n{crossings}\n```", generation)

    def _add(self, generation: int, scalars: Mapping[str, float]) -> None:
        with atomic.naming(self._folder):
            for name, value in scalars.items():
                self._writer.add_scalar(name, value, generation)
            self._writer.flush()

    def close(self) -> None:
        """Close the file of events."""
        self._writer.close()


def _layout(opponents: Sequence[str]) -> dict[str, dict[str, list]]:
    """The page of custom scalars: Elo with the ladder as reference lines, and each score within its interval."""
    scores = {
        f"{words.player(opponent)}, {name}": ["Margin", _within(f"strength/{opponent}/{player}")]
        for opponent in opponents
        for player, name in (("mcts", "with search"), ("net", "network alone"))
    }
    return {"strength": {"Elo among the ladder": ["Multiline", ["elo/.*"]], **scores}}


def _within(name: str) -> list[str]:
    """The scalars of a score and of its interval."""
    return [name, f"{name}/low", f"{name}/high"]
