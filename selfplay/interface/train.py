"""Training from Python: what `selfplay train` does, a generation at a time."""

import shlex
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfplay.arena import training
from selfplay.config import Config, ConfigError

if TYPE_CHECKING:
    from selfplay.train.pool import Pool
    from selfplay.train.trainer import Generation

_BUDGETS = ("minutes", "generations", "flops")


def train(
    game: str | None = None,
    minutes: float | None = None,
    *,
    generations: int | None = None,
    flops: float | None = None,
    seed: int | None = None,
    run_dir: str | Path | None = None,
    config: str | None = None,
    callbacks: Sequence[Callable[["Generation"], None]] = (),
    progress: bool = False,
    pool: "Pool | None" = None,
    **settings: Any,
) -> Generator["Generation", None, None]:
    """Train in a run folder, with the files of `selfplay train`; an existing folder is resumed.

    Args:
        game: as in `"connect4"` or `"gomoku:size=9"`; by default that of the folder, or Connect Four.
        minutes, generations, flops: where the whole run ends; one takes the place of the others.
        seed: 0 by default.
        run_dir: `runs/<game>` by default.
        config: name or path of a config file, in the place of the one made for the game.
        callbacks: get each generation when its lines are on the disk, before its checkpoint is, or before its mark
            where matches were played (`selfplay.arena.training`).
        progress: print a line for each generation.
        pool: who plays; by default threads of this process (`selfplay.train.pool`).
        settings: those of `selfplay train --help`, tables as dictionaries: `search={"simulations": 64}`.

    Returns:
        A generator of generations, each handed out when its checkpoint is on the disk. Closing it, or leaving its loop,
        ends the training at no loss and lets go of the folder.

    Raises:
        ValueError: at once, for an unknown game, folder or setting, one that would make it another run, or no end.
    """
    given = {"game": game, "minutes": minutes, "generations": generations, "flops": flops, "seed": seed, **settings}
    given = {name: value for name, value in given.items() if value is not None}
    said = [f"--{name} {shlex.quote(value)}" for name, value in _flags(given)]
    budgets = [name for name in _BUDGETS if name in given]
    if len(budgets) > 0:
        given |= {name: 0 for name in _BUDGETS if name not in budgets}
    wanted, folder = training.configured(given, preset=config, run_dir=None if run_dir is None else Path(run_dir))
    if not any((wanted.minutes, wanted.generations, wanted.flops)):
        raise ConfigError("no end is set: give minutes, generations or flops")
    command = ["selfplay", "train", *shlex.split(" ".join(said)), "--run", str(folder)]
    if config is not None:
        command += ["--config", config]
    return _generations(wanted, folder, command, callbacks, progress, pool)


def _flags(given: Mapping[str, Any], where: str = "") -> "Generator[tuple[str, str], None, None]":
    """The settings as flags of the command that does the same."""
    for name, value in given.items():
        if isinstance(value, Mapping):
            yield from _flags(value, f"{where}{name}.")
        else:
            yield f"{where}{name}", " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _generations(
    config: Config,
    run_dir: Path,
    command: Sequence[str],
    callbacks: Sequence[Callable[["Generation"], None]],
    progress: bool,
    pool: "Pool | None",
) -> Generator["Generation", None, None]:
    from selfplay.commands.train import onlookers
    from selfplay.report import page
    from selfplay.report.terminal import run as terminal_run

    def say(generation: "Generation") -> None:
        print(terminal_run.plain_line(config, generation, open_run.seconds_left(generation)))
        for line in generation.evals:
            print(terminal_run.match_line(line))

    def warn(line: str) -> None:
        warnings.warn(line, stacklevel=3)

    def pass_on(generation: "Generation") -> None:
        for note in generation.notes:
            warn(note)

    with training.opened(config, run_dir, command=command, warn=warn) as open_run, onlookers(open_run) as consumers:
        yield from open_run.generations([*consumers, pass_on, *([say] if progress else []), *callbacks], pool=pool)
    page.write(run_dir)
