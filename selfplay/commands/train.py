"""`selfplay train`: from flags to a config, and from a trainer's generations to TensorBoard and the terminal.

The flags are made with argparse from the dataclasses of `selfplay.config`. tyro and others of its kind would save some
lines, take longer to start, and answer a mistake with a page, where ours is one line that names the setting.
"""

import argparse
import ast
import contextlib
import dataclasses
import importlib
import inspect
import sys
import textwrap
from argparse import SUPPRESS
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from selfplay.arena import training
from selfplay.config import RENAMED, Config, ConfigError, number, shown, warn_of_old_name
from selfplay.report import words
from selfplay.report.terminal import run as terminal_run
from selfplay.report.terminal import starting
from selfplay.run import atomic, checkpoint, read
from selfplay.stats.records import visible

if TYPE_CHECKING:
    from selfplay.train.pool import Pool
    from selfplay.train.remote.ray_cluster import Cluster
    from selfplay.train.trainer import Generation

_BUDGETS = ("minutes", "generations", "flops")
_MOST_SEEDS = 1000
_EPILOG = """\
Of --minutes, --generations and --flops, the first to be reached ends the run.

examples:
  selfplay train --game connect4                        ten minutes; the same command goes on with a stopped run
  selfplay train --game connect4 --seed 1 --run runs/second
  selfplay train --game gomoku:size=7 --search.simulations 64 --minutes 30
  selfplay train --run runs/connect4 --minutes 60       the same run, longer
  selfplay train --game connect4 --seeds 3              three runs, and when they overtook each opponent
  selfplay train --game gomoku15 --init runs/gomoku9    begin with what was learned on another board
  selfplay train --config tiny --game tictactoe         the whole loop in seconds
  selfplay train --game gomoku15 --ray 10.0.0.1:6379    played by all machines of a Ray cluster (docs/many-machines.md)
"""


def settings(cls: Any = Config, where: str = "") -> Iterator[tuple[str, Any, Any, str]]:
    """(dotted name, type, default, sentence) of every setting; the sentence is the text after it in the source."""
    kinds, sentences = get_type_hints(cls), _sentences(cls)
    for item in dataclasses.fields(cls):
        kind = kinds[item.name]
        if dataclasses.is_dataclass(kind):
            yield from settings(kind, f"{where}{item.name}.")
        else:
            yield f"{where}{item.name}", kind, item.default, sentences.get(item.name, "")


def _sentences(cls: Any) -> dict[str, str]:
    """The text that follows each field in the source of a dataclass."""
    found, field = {}, ""
    for node in ast.iter_child_nodes(ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name)):
                field = name
            case ast.Expr(value=ast.Constant(value=str(text))) if field:
                found[field] = " ".join(text.split())
            case _:
                field = ""
    return found


def _value(name: str, kind: Any, words: list[str], default: Any) -> Any:
    """What was typed after a flag as a value of its setting; `ConfigError` if it is none."""
    if kind is bool:
        if words[0].lower() not in ("true", "false"):
            raise ConfigError(f"{name} is true or false, not {shown(words[0])}")
        return words[0].lower() == "true"
    if kind in (int, float):
        return number(name, kind, words[0], default)
    return tuple(words) if get_origin(kind) is tuple else words[0]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command; every setting of the config is one."""
    parser.usage = (
        "selfplay train [--game GAME] [--run DIR] [--minutes M] [--generations N] [--flops F] [--seed S]\n"
        "                      [--config FILE] [--init PATH] [--fresh] [--quiet] [--ray [ADDRESS]]\n"
        "                      [--SETTING VALUE ...]"
    )
    parser.epilog = _EPILOG
    parser.add_argument(
        "--config", metavar="FILE", help="TOML file, or the name of a preset, instead of the game's preset"
    )
    parser.add_argument(
        "--run", type=Path, metavar="DIR", help="run folder, created or continued (default: runs/<game>)"
    )
    parser.add_argument("--fresh", action="store_true", help="refuse to touch a run that exists")
    parser.add_argument(
        "--seeds", type=int, metavar="N", help="train N runs, one seed after the other, and report their spread"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but mistakes and the last line")
    parser.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="play on the Ray cluster at HOST:PORT, or auto for the one that runs on this machine; without an address"
        " on one of this machine's cores, begun for the run",
    )
    parser.add_argument(
        "--ray.actors",
        dest="ray_actors",
        nargs=1,
        metavar="N",
        help="the setting --threads by another name: shares of a generation, and processes at most (default: cores of"
        " the cluster when the run begins)",
    )
    group = parser.add_argument_group("settings")
    for name, kind, default, sentence in settings():
        metavar = "|".join(map(str, get_args(kind))) if get_origin(kind) is Literal else name.rpartition(".")[2].upper()
        words = " ".join(default) if isinstance(default, tuple) else "none" if default == "" else default
        group.add_argument(
            f"--{name}",
            dest=name,
            nargs="+" if get_origin(kind) is tuple else 1,
            metavar=metavar,
            help=f"{sentence} (default: {words})".replace("%", "%%").strip(),
        )
        for old in (old for old, new in RENAMED.items() if new == name):
            group.add_argument(
                f"--{old}", dest=name, nargs="+" if get_origin(kind) is tuple else 1, action=_OldName, help=SUPPRESS
            )


class _OldName(argparse.Action):
    """A flag by the name that its setting had before."""

    def __call__(
        self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        warn_of_old_name((option_string or "").removeprefix("--"))
        setattr(namespace, self.dest, values)


def _typed(args: argparse.Namespace) -> dict[str, Any]:
    """Settings given as flags, nested. A budget takes the place of the other budgets."""
    given: dict[str, Any] = {}
    for name, kind, default, _ in settings():
        if (words := getattr(args, name)) is not None:
            table, _, key = name.rpartition(".")
            (given.setdefault(table, {}) if table else given)[key] = _value(name, kind, words, default)
    if args.ray is None and (args.ray_actors or "ray" in given):
        raise ConfigError("--ray.actors and --ray.lag are of no effect without --ray")
    if args.ray_actors:
        given["threads"] = number("ray.actors", int, args.ray_actors[0], 2)
    budgets = [name for name in _BUDGETS if name in given]
    if budgets:
        given |= {name: 0 for name in _BUDGETS if name not in budgets}
    return given


def configured(args: argparse.Namespace, cluster: "Cluster | None" = None) -> tuple[Config, Path]:
    """The config and the folder of the run that the arguments ask for; on a cluster a new run has as many threads as
    that has cores, unless told otherwise."""
    given = _typed(args)
    config, run_dir = training.configured(given, preset=args.config, run_dir=args.run)
    if cluster is not None and not given.get("threads") and not checkpoint.folders(run_dir):
        given["threads"] = max(1, cluster.cores)
        return training.configured(given, preset=args.config, run_dir=args.run)
    return config, run_dir


def run(args: argparse.Namespace) -> int:
    """Train until the budget is spent, and say where the report is."""
    if args.ray is None:
        return _run(args, None)
    configured(args)  # mistakes are answered at once
    from selfplay.train.remote import ray_cluster

    with ray_cluster.connected(args.ray) as cluster:
        return _run(args, cluster)


def _run(args: argparse.Namespace, cluster: "Cluster | None") -> int:
    if args.seeds is None:
        _train(args, *configured(args, cluster), cluster)
        return 0
    if not 1 <= args.seeds <= _MOST_SEEDS:
        raise ConfigError(f"--seeds is from 1 to {_MOST_SEEDS}, not {args.seeds}")
    config, base = configured(args, cluster)
    first = config.seed if args.seed else 0
    dirs = []
    for seed in range(first, first + args.seeds):
        args.seed, args.run = [str(seed)], base.with_name(f"{base.name}-seed{seed}")
        _train(args, *configured(args, cluster), cluster)
        dirs.append(args.run)
    from selfplay.report import plots
    from selfplay.stats import crossover

    found = [read.Run(run_dir) for run_dir in dirs]
    if not args.quiet and any(one.evals for one in found):
        print(f"\n{len(dirs)} seeds; intervals over seeds")
        together = crossover.together([one.crossover for one in found])
        print(words.crossings(together.crossings, terminal_run.width()))
    picture = base.with_name(f"{base.name}.png")  # no name that `-seed*` means
    atomic.write_file(picture, plots.overlay_runs(found))
    print(f"seeds: {picture}")
    return 0


@contextmanager
def _pool(config: Config, run_dir: Path, cluster: "Cluster | None") -> "Iterator[Pool | None]":
    """Who plays, if it is not threads of this process."""
    if cluster is None:
        yield None
        return
    from selfplay.train import trainer
    from selfplay.train.remote import ray_cluster

    with ray_cluster.playing(cluster, config, trainer.dtype_of(run_dir)) as pool:
        yield pool


def _train(args: argparse.Namespace, config: Config, run_dir: Path, cluster: "Cluster | None") -> None:
    command = ["selfplay", *sys.argv[1:]]
    with training.opened(
        config, run_dir, command=command, fresh=args.fresh, warn=_warn, elsewhere=cluster is not None
    ) as open_run:
        title = f"{config.game} · {config.network.architecture} · seed {config.seed} · {run_dir}"
        try:
            with contextlib.ExitStack() as stack:
                importlib.import_module("selfplay.train.trainer")  # compiles
                from selfplay.report import health

                pool = stack.enter_context(_pool(config, run_dir, cluster))
                consumers = stack.enter_context(onlookers(open_run))
                watch = health.Watch(config, read.metrics(run_dir))
                starting.end()
                show = stack.enter_context(terminal_run.watching(config, title, open_run.lines, quiet=args.quiet))

                def show_generation(done: "Generation") -> None:
                    for note in (*done.notes, *(health.in_a_line(found) for found in watch.worsened(done.metrics))):
                        _warn(note)
                    show.generation(done, open_run.crossover if done.evals else None, open_run.seconds_left(done))

                trained = 0
                for _ in open_run.generations(
                    [*consumers, show_generation],
                    on_match_end=show.match,
                    show_activity=show.activity,
                    pool=pool,
                ):
                    trained += 1
        except BaseException as error:
            from selfplay.train.divergence import DivergedError

            whole, from_there = "nothing was kept", "begins anew"
            if found := checkpoint.folders(run_dir):
                kept, folder = found.popitem()
                names = {path.name for path in folder.iterdir()}
                played = sum(line.generation == kept for line in read.evals(run_dir))
                broken_off = checkpoint.PENDING in names and checkpoint.MEASURED not in names
                matches = f", and {played} of its matches" if broken_off and played else ""
                whole, from_there = f"generation {kept} is kept{matches}", "goes on from there"
            goes_on = "" if isinstance(error, DivergedError) else f"; the same command {from_there}"
            print(f"{whole}{goes_on}", file=sys.stderr)
            raise
        from selfplay.report import page  # matplotlib takes a second, of no use at the start

        if not args.quiet and open_run.lines:
            terminal_run.show_summary(open_run.lines)
            if before := words.untrained(open_run.lines):
                print(before)
            record = read.recorded_crossover(run_dir, open_run.game.name, open_run.lines)
            print(words.crossings(record.crossings, terminal_run.width()))
        print(f"report: {page.write(run_dir)}")
        if not args.quiet:
            print(terminal_run.what_next(read.Run(run_dir), trained))


def _warn(line: str) -> None:
    print(f"selfplay: warning: {visible(line)}", file=sys.stderr)


@contextmanager
def onlookers(open_run: training.Training) -> Iterator[list[training.Consumer]]:
    """The consumers that every run has, for those who look on from elsewhere: its latest game, and TensorBoard."""
    from selfplay.report import latest, tensorboard
    from selfplay.stats import rating

    run = open_run.run
    opponents = (*run.config.eval.opponents, *run.config.eval.equal_time)
    flops = read.last_flops(run.dir)
    events = tensorboard.TensorBoard(run.dir, run.complete, flops, opponents, open_run.lines)

    def write_latest(generation: "Generation") -> None:
        latest.write(run.dir, open_run.game, generation.number, generation.ongoing)

    def write_events(generation: "Generation") -> None:
        if generation.evals:
            assert open_run.crossover is not None
            crossings = words.crossings(open_run.crossover.crossings)
            elo = rating.strength(open_run.lines)
            events.write_strength(generation.evals, elo, crossings)
        events.write(generation.number, generation.metrics)

    try:
        yield [write_latest, write_events]
    finally:
        events.close()
