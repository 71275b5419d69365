"""The TensorBoard view of a run: every metric over generations; every match, and Elo, over training compute.

The two have writers, and so folders, of their own, since TensorBoard knows one kind of step in a folder: it is a
generation in `<run>/tensorboard`, and a FLOP of training in `<run>/tensorboard/strength`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from selfplay.report import words
from selfplay.run import atomic
from selfplay.run.metrics import METRICS, strength_name
from selfplay.stats.rating import Strength
from selfplay.stats.records import Lines

FOLDER, STRENGTH = "tensorboard", "strength"
_PLAYERS = {"mcts": "with search", "net": "network alone"}


class TensorBoard:
    """Writes events under `<run>/tensorboard`. What an earlier process wrote after `generation`, which training had
    reached with `flops`, is hidden."""

    def __init__(
        self, run_dir: Path, generation: int, flops: float, opponents: Sequence[str] = (), matches: Lines = ()
    ) -> None:
        """`opponents` are in the order of the charts; `matches` were played so far."""
        self._folder = run_dir / FOLDER
        self._writer = SummaryWriter(str(self._folder), purge_step=generation + 1)
        self._strength = SummaryWriter(str(self._folder / STRENGTH), purge_step=round(flops) + 1)
        self._opponents = opponents
        self._met: set[str] = set()
        rows = "\n".join(f"| {m.name} | {m.unit} | {m.meaning} | {m.healthy} | {m.otherwise} |" for m in METRICS)
        table = f"| name | unit | meaning | healthy | otherwise |\n|---|---|---|---|---|\n{rows}"
        self._writer.add_text("about/metrics", table, generation + 1)
        self._lay_out(matches)

    def write(self, generation: int, metrics: Mapping[str, float]) -> None:
        """Add one generation's metrics."""
        named = {name if "/" in name else f"total/{name}": value for name, value in metrics.items()}
        self._add(self._writer, generation, named)

    def write_strength(self, evals: Lines, strength: Strength, crossings: str) -> None:
        """Add an evaluation: scores with intervals, what all so far say of Elo, and the crossings in words."""
        scalars = {f"elo/{opponent}": elo for opponent, elo in strength.opponents.items()}
        scalars |= {f"elo/{agent.partition(':')[0]}": points[-1][1] for agent, points in strength.learner.items()}
        for match in evals:
            name = strength_name(match)
            scalars |= {name: match.score, f"{name}/low": match.score_low, f"{name}/high": match.score_high}
        self._lay_out(evals)
        flops = round(evals[-1].flops)
        self._strength.add_text("crossover", f"```\n{crossings}\n```", flops)
        self._add(self._strength, flops, scalars)

    def _add(self, writer: SummaryWriter, step: int, scalars: Mapping[str, float]) -> None:
        with atomic.naming(self._folder):
            for name, value in scalars.items():
                writer.add_scalar(name, value, step)
            writer.flush()

    def _lay_out(self, matches: Lines) -> None:
        """The page of custom scalars anew, where a match is the first of its kind: the last layout is the one shown."""
        new = {strength_name(match) for match in matches} - self._met
        if new:
            self._met |= new
            self._strength.add_custom_scalars(_layout(self._opponents, self._met))

    def close(self) -> None:
        """Close the files of events."""
        self._writer.close()
        self._strength.close()


def _layout(opponents: Sequence[str], met: set[str]) -> dict[str, dict[str, list]]:
    """The page of custom scalars: Elo with the ladder as reference lines, then each score within its interval, of the
    opponents that were met, weakest first."""
    scores = {
        f"{words.player(opponent)}, {said}": ["Margin", [name, f"{name}/low", f"{name}/high"]]
        for opponent in opponents
        for player, said in _PLAYERS.items()
        if (name := f"strength/{opponent}/{player}") in met
    }
    return {"strength": {"Elo among the ladder": ["Multiline", ["elo/.*"]], **scores}}
