"""A whole run: from settings to its generations, each one written down and measured.

`selfplay train` and the Python interface both train by this:

    config, run_dir = configured({"game": "connect4", "minutes": 10})
    with opened(config, run_dir, command=["a notebook"]) as training:
        for generation in training.generations([print]): ...

Whoever wants to know of generations is a consumer, a function of a `Generation`. For each generation, in this order:

1. its line is added to metrics.jsonl;
2. after matches, crossover.json, forecasts.jsonl and overtaken.jsonl are brought up to date;
3. the consumers are called, in the order in which they were given;
4. its checkpoint is written, and
5. it is handed out by the generator.

So a run that is killed between 1 and 4 plays that generation again, its lines are cut off before, and consumers hear
of it twice; none is ever left out. What a consumer raises ends the run before the checkpoint.

Where a generation's strength is measured, its checkpoint is written first, then each match is added to evals.jsonl as
it ends; 1 to 3 follow, and 4 is a mark in the checkpoint. So a run that is killed after the first of them goes on with
the matches that are missing.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import games
from games import record as records
from games.game import Game
from selfplay.config import Config, ConfigError, merged, with_present_names
from selfplay.network.weights import weights_metadata
from selfplay.run import atomic, checkpoint, folder, limits, presets, read, session
from selfplay.run.activity import Activity, ActivityFile
from selfplay.stats.records import CrossoverRecord, EvalLine

if TYPE_CHECKING:
    from selfplay.train.initial import InitialWeights
    from selfplay.train.pool import Pool
    from selfplay.train.trainer import Generation

Consumer = Callable[["Generation"], None]
ShowActivity = Callable[[Activity], None]


def configured(
    given: Mapping[str, Any], *, preset: str | None = None, run_dir: Path | None = None
) -> tuple[Config, Path]:
    """The config and the folder of the run that is asked for.

    Args:
        given: settings, nested.
        preset: name or path of a config file, in the place of the one made for the game.
        run_dir: by default `runs/<game>`. A run that exists keeps its settings.

    Raises:
        ConfigError: for a setting that is unknown, wrong, or another one than that of the run that exists.
    """
    given = with_present_names(given)
    if preset is not None:
        given = _overlaid(presets.read(preset), given)
    if "game" in given:
        given["game"] = games.make(given["game"]).name
    recorded = folder.recorded_config(run_dir) if run_dir is not None else None
    game = given.get("game") or (recorded or Config()).game
    if run_dir is None:
        run_dir = folder.default_dir(game)
    if "," in str(run_dir):
        raise ConfigError(f"the name of a run folder holds no comma, or no agent could name it: {run_dir}")
    if given.get("init") and not checkpoint.folders(run_dir) and "architecture" not in given.get("network", {}):
        its = weights_metadata(checkpoint.resolve(given["init"], games.make(game).name))["architecture"]
        given = _overlaid(given, {"network": {"architecture": its}})
    ground = merged(Config(), {} if preset is not None else presets.for_game(game))
    return session.settle(run_dir, dataclasses.replace(ground, game=game), given), run_dir


def _overlaid(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        old = below.get(key)
        result[key] = _overlaid(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


class Training:
    """An open run, of which nobody else can write."""

    def __init__(self, run: session.OpenRun, game: Game, initial: "InitialWeights | None") -> None:
        self.run = run
        self.game = game
        self.initial = initial
        self.lines: list[EvalLine] = read.evals(run.dir)
        """every match of its evaluations so far"""
        self.crossover: CrossoverRecord | None = None
        """when each opponent was overtaken, as of the last evaluation of this session; None before the first"""
        self._final_seconds: Callable[[float], float] = lambda train_seconds: 0.0

    def generations(
        self,
        consumers: Sequence[Consumer] = (),
        *,
        on_match_start: Callable[[str], None] = lambda text: None,
        on_match_end: Callable[[EvalLine], None] = lambda line: None,
        show_activity: ShowActivity = lambda now: None,
        pool: "Pool | None" = None,
    ) -> Iterator["Generation"]:
        """Train until a limit of the config is reached. `show_activity` is called a few times a second. `pool` plays,
        by default threads of this process."""
        from selfplay.arena import moments
        from selfplay.arena.referee import Referee
        from selfplay.train import trainer

        run, won = self.run, self.run.dir / folder.WON
        if run.complete == run.generation:
            won.unlink(missing_ok=True)
        wins = moments.read_wins(won)

        def match_end(line: EvalLine) -> None:
            """Write the match down before anybody hears of it: what is told is never lost."""
            if line.generation == 0:  # no evaluation of a generation, which would hand it on
                self.lines.append(line)
            win = moments.best_win(referee.results[line.pairing]) if line.generation else None
            if win is not None:
                wins[line.pairing] = win
                with atomic.naming(won):
                    records.append(won, [win])
            run.record_matches([line])
            on_match_end(line)

        def show(now: Activity) -> None:
            now = replace(now, seconds_left=left.of(now))
            file.show(now)
            show_activity(now)

        referee = Referee(
            run.config, self.lines, on_match_start=on_match_start, on_match_end=match_end, show_activity=show
        )
        self._final_seconds = referee.final_seconds
        left = _TimeLeft(referee.final_seconds)

        def record(generation: "Generation") -> None:
            run.record(generation.number, generation.ledger, generation.metrics)
            referee.hear(generation.own)

        def tell_of_crossings(generation: "Generation") -> None:
            if generation.evals:
                earlier = [line for line in self.lines if line.generation != generation.number]
                self.lines = [*earlier, *generation.evals]
                self.crossover = moments.write_crossings(run.dir, self.game, self.lines, wins)
                moments.write_forecasts(run.dir, self.lines)
                wins.clear()
                won.unlink(missing_ok=True)

        referee.rehearse()
        with closing(ActivityFile(run.dir)) as file:
            yield from trainer.train(
                run.config,
                run.dir,
                evaluate_agent=referee,
                initial=self.initial,
                pool=pool,
                consumers=[record, tell_of_crossings, *consumers],
                show_activity=show,
            )

    def seconds_left(self, generation: "Generation") -> float | None:
        """After it, to the end of the run, about, the matches there included; None if nothing can be said yet."""
        spent = self.run.config, generation.own, generation.number
        training, whole = limits.seconds_left(*spent), limits.train_seconds_at_end(*spent)
        if training is None or whole is None or generation.done:
            return training
        return training + self._final_seconds(whole)


class _TimeLeft:
    """How long a run still takes, from what it does now."""

    def __init__(self, final_seconds: Callable[[float], float]) -> None:
        self._final_seconds = final_seconds
        self._end: float | None = None  # as it was last expected

    def of(self, now: Activity) -> float | None:
        """Seconds, about; those of the matches at the end come to those of training."""
        clock, left = time.monotonic(), now.seconds_left
        if left is None:  # matches on the way
            return None if self._end is None else max(0.0, self._end - clock)
        if now.train_seconds is not None:
            left += self._final_seconds(now.train_seconds)
        self._end = clock + left
        return left


@contextmanager
def opened(
    config: Config,
    run_dir: Path,
    *,
    command: Sequence[str],
    fresh: bool = False,
    warn: Callable[[str], None] = lambda line: None,
    elsewhere: bool = False,
) -> Iterator[Training]:
    """Create or continue a run, and hold its folder for the time of the block.

    Args:
        config: as `configured` gives it.
        command: what meta.json says of who trains here.
        fresh: refuse a run that exists.
        warn: told of what is no mistake and yet not as it seems.
        elsewhere: other machines play, so that their memory is no concern of this one.

    Raises:
        ConfigError: where no limit is set, so that the run would not end; where it needs more memory than there is.
        ValueError: for a device, opponents or a network that are none, and where another process trains in the folder.
    """
    if not any((config.minutes, config.generations, config.flops)):
        raise ConfigError("no end is set: give --minutes, --generations or --flops")
    if fresh:
        session.check_fresh(run_dir)
    # Imported here, so that all mistakes above are answered at once: torch takes seconds.
    from selfplay.network.evaluator import pick_device

    pick_device(config.device)
    from selfplay.arena.referee import Referee  # compiles
    from selfplay.network import architectures
    from selfplay.train import initial as initial_weights
    from selfplay.train import memory

    game = games.make(config.game)
    memory.check(dataclasses.replace(config, threads=1) if elsewhere else config, game)
    Referee(config)  # a mistake in the opponents is answered before the folder is made
    architectures.build(game, config.network.architecture)
    new = not checkpoint.folders(run_dir)
    initial = initial_weights.find(config.init, game, config.network.architecture) if config.init and new else None
    if initial is not None and initial.spent is None:
        warn(f"no run tells what {config.init} cost; compute counts from 0 here")
    record = initial and initial.record()
    with session.opened(run_dir, config, command=command, fresh=fresh, initial=record) as run:
        yield Training(run, game, initial)
