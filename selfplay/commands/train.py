"""`selfplay train`: from flags to a config, and from a trainer's generations to files, TensorBoard and the terminal."""

import argparse
import ast
import dataclasses
import inspect
import sys
import textwrap
from argparse import SUPPRESS
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import games
from selfplay.config import RENAMED, Config, ConfigError, merged, warn_of_old_name
from selfplay.network.weights import weights_metadata
from selfplay.report import terminal_run
from selfplay.run import atomic, checkpoint, presets, read, session
from selfplay.run import folder as runs

_BUDGETS = ("minutes", "generations", "flops")
_EPILOG = """\
examples:
  selfplay train --game connect4                        ten minutes; the same command goes on with a stopped run
  selfplay train --game connect4 --seed 1 --run runs/second
  selfplay train --game gomoku:size=7 --search.simulations 64 --minutes 30
  selfplay train --run runs/connect4 --minutes 60       the same run, longer
  selfplay train --game connect4 --seeds 3              three runs, and when they overtook each opponent
  selfplay train --game gomoku15 --init runs/gomoku9    begin with what was learned on another board
  selfplay train --config tiny --game tictactoe         the whole loop in seconds
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


def _value(name: str, kind: Any, words: list[str]) -> Any:
    """What was typed after a flag as a value of its setting; `ConfigError` if it is none."""
    if kind is bool:
        if words[0].lower() not in ("true", "false"):
            raise ConfigError(f"{name} is true or false, not {words[0]!r}")
        return words[0].lower() == "true"
    if kind in (int, float):
        try:
            return kind(words[0])
        except ValueError:
            raise ConfigError(f"{name} is a {'whole ' if kind is int else ''}number, not {words[0]!r}") from None
    return tuple(words) if get_origin(kind) is tuple else words[0]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command; every setting of the config is one."""
    parser.usage = (
        "selfplay train [--game GAME] [--run DIR] [--minutes M | --generations N | --flops F] [--seed S]\n"
        "                      [--config FILE] [--init PATH] [--fresh] [--quiet] [--SETTING VALUE ...]"
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
    group = parser.add_argument_group("settings")
    for name, kind, default, sentence in settings():
        shown = "|".join(map(str, get_args(kind))) if get_origin(kind) is Literal else name.rpartition(".")[2].upper()
        words = " ".join(default) if isinstance(default, tuple) else "none" if default == "" else default
        group.add_argument(
            f"--{name}",
            dest=name,
            nargs="+" if get_origin(kind) is tuple else 1,
            metavar=shown,
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
    for name, kind, _, _ in settings():
        if (words := getattr(args, name)) is not None:
            table, _, key = name.rpartition(".")
            (given.setdefault(table, {}) if table else given)[key] = _value(name, kind, words)
    budgets = [name for name in _BUDGETS if name in given]
    if budgets:
        given |= {name: 0 for name in _BUDGETS if name not in budgets}
    return given


def _overlaid(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        old = below.get(key)
        result[key] = _overlaid(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def configured(args: argparse.Namespace) -> tuple[Config, Path]:
    """The config and the folder of the run that the arguments ask for."""
    given = _typed(args)
    if args.config is not None:
        given = _overlaid(presets.read(args.config), given)
    if "game" in given:
        given["game"] = games.make(given["game"]).name
    recorded = runs.recorded_config(args.run) if args.run is not None else None
    game = given.get("game") or (recorded or Config()).game
    run_dir = args.run if args.run is not None else runs.default_dir(game)
    if "," in str(run_dir):
        raise ConfigError(f"the name of a run folder holds no comma, or no agent could name it: {run_dir}")
    if given.get("init") and not checkpoint.folders(run_dir) and "architecture" not in given.get("network", {}):
        its = weights_metadata(checkpoint.resolve(given["init"], games.make(game).name))["architecture"]
        given = _overlaid(given, {"network": {"architecture": its}})
    preset = merged(Config(), {} if args.config is not None else presets.for_game(game))
    return session.settle(run_dir, dataclasses.replace(preset, game=game), given), run_dir


def run(args: argparse.Namespace) -> int:
    """Train until the budget is spent, and say where the report is."""
    if args.seeds is None:
        _train(args, *configured(args))
        return 0
    if args.seeds < 1:
        raise ConfigError(f"--seeds is at least 1, not {args.seeds}")
    first = int(args.seed[0]) if args.seed else 0
    _, base = configured(args)
    dirs = []
    for seed in range(first, first + args.seeds):
        args.seed, args.run = [str(seed)], base.with_name(f"{base.name}-seed{seed}")
        _train(args, *configured(args))
        dirs.append(args.run)
    from selfplay.commands import crossover as crossover_command
    from selfplay.commands import report
    from selfplay.stats import crossover

    found = [read.read(run_dir) for run_dir in dirs]
    if not args.quiet and any(one.evals for one in found):
        print(f"\n{len(dirs)} seeds; intervals over seeds")
        print(crossover_command.table(crossover.together([one.crossover for one in found]).crossings))
    picture = base.with_name(f"{base.name}-seeds.png")
    atomic.write_file(picture, report.overlay(dirs))
    print(f"seeds: {picture}")
    return 0


def _train(args: argparse.Namespace, config: Config, run_dir: Path) -> None:
    if not any((config.minutes, config.generations, config.flops)):
        raise ConfigError("no end is set: give --minutes, --generations or --flops")
    # Imported here, so that all mistakes above are answered at once: torch takes seconds.
    from selfplay.arena import moments
    from selfplay.arena import referee as evaluation
    from selfplay.commands import crossover as crossover_command
    from selfplay.network import architectures
    from selfplay.report import latest, tensorboard
    from selfplay.stats import rating
    from selfplay.train import initial as initials
    from selfplay.train import trainer

    evaluation.Referee(config)  # a mistake in the opponents is answered before the folder is made
    game = games.make(config.game)
    architectures.build(game, config.network.architecture)
    new = not checkpoint.folders(run_dir)
    initial = initials.find(config.init, game, config.network.architecture) if config.init and new else None
    if initial is not None and initial.spent is None:
        print(f"selfplay: warning: no run tells what {config.init} cost; compute counts from 0 here", file=sys.stderr)
    command, record = ["selfplay", *sys.argv[1:]], initial and initial.record()
    with session.opened(run_dir, config, command=command, fresh=args.fresh, initial=record) as folder:
        history = read.evals(run_dir)
        opponents = (*config.eval.opponents, *config.eval.equal_time)
        events = tensorboard.TensorBoard(run_dir, folder.generation, opponents)
        title = f"{config.game} · {config.network.architecture} · seed {config.seed} · {run_dir}"
        try:
            with terminal_run.watching(config, title, history, quiet=args.quiet) as show:
                referee = evaluation.Referee(config, history, on_match_start=show.doing, on_match_end=show.match)
                for generation in trainer.train(config, run_dir, evaluate_agent=referee, initial=initial):
                    folder.record(generation.number, generation.ledger, generation.metrics, generation.evals)
                    latest.write(run_dir, game, generation.number, generation.ongoing)
                    record = None
                    if generation.evals:
                        record = moments.write_crossings(run_dir, game, referee.lines, referee.results)
                        moments.write_forecasts(run_dir, referee.lines)
                        events.write_strength(
                            generation.number,
                            generation.evals,
                            rating.strength(referee.lines),
                            crossover_command.table(record.crossings),
                        )
                    events.write(generation.number, generation.metrics)
                    show.generation(generation, record)
        except BaseException:
            kept = max(checkpoint.folders(run_dir), default=None)
            whole = "nothing was kept" if kept is None else f"generation {kept} is kept"
            print(f"{whole}; the same command goes on from there", file=sys.stderr)
            raise
        finally:
            events.close()
        from selfplay.commands import report  # matplotlib takes a second, of no use at the start

        if not args.quiet and referee.lines:
            terminal_run.show_summary(referee.lines)
            print(crossover_command.table(read.recorded_crossover(run_dir, game.name, referee.lines).crossings))
        print(f"report: {report.write(run_dir)}")
