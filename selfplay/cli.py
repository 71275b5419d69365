"""The command line. A subcommand is a module with `add_arguments(parser)` and `run(args) -> exit code`, imported
when it is called, so that help and mistakes answer at once.

Exit codes: 0 done, 1 done with bad lines of input, 2 a mistake of the user (one line on stderr), 130 Ctrl-C,
143 SIGTERM.
"""

import argparse
import contextlib
import difflib
import importlib
import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from selfplay.report.terminal import starting, stopping

COMMANDS = {
    "train": ("selfplay.commands.train", "learn a game by self-play; the same command goes on with a stopped run"),
    "arena": ("selfplay.commands.arena", "play matches between agents, with confidence intervals"),
    "analyze": ("selfplay.commands.analyze", "answer positions from stdin with moves and values, as JSON"),
    "measure": (
        "selfplay.commands.measure",
        "evaluate the checkpoints of a finished run anew, against other opponents",
    ),
    "eval": ("selfplay.commands.eval", "compare an agent with perfect play"),
    "crossover": ("selfplay.commands.crossover", "when a run overtook each opponent, with confidence intervals"),
    "compare": ("selfplay.commands.compare", "which of two settings is stronger at equal compute, and how surely"),
    "lab": ("selfplay.lab.command", "run an experiment: a question, its answer with intervals, a page"),
    "play": ("selfplay.commands.play", "play against any agent in the terminal, or go through recorded games"),
    "serve": ("selfplay.commands.serve", "play, look at runs and step through games in a browser"),
    "engine": ("selfplay.export.engine_command", "be a Gomoku engine for managers that speak the Gomocup protocol"),
    "export": (
        "selfplay.commands.export",
        "write a network as ONNX, weights, a page that plays or a Kaggle file, or a run as tables (CSV)",
    ),
    "report": ("selfplay.commands.report", "draw the curves of runs, and write their pages anew"),
    "bench": ("selfplay.bench.command", "measure search, network, self-play and learning"),
    "doctor": ("selfplay.commands.doctor", "say what this machine can do and what is missing"),
}
_EPILOG = """\
examples:
  selfplay train --game connect4
  selfplay arena mcts:runs/connect4,sims=64 alphabeta:depth=4 --game connect4
  selfplay COMMAND --help

SELFPLAY_DEBUG=1 shows where in the code an error arose.
"""


_ALSO_CALLED = {
    "lr": ("--learn.learning_rate",),
    "sims": ("--search.simulations", "--eval.simulations"),
    "gpu": ("--device",),
    "cuda": ("--device",),
    "epochs": ("--generations",),
    "iterations": ("--generations",),
    "time": ("--minutes",),
    "level": ("--agent",),
    "difficulty": ("--agent",),
    "opponent": ("--agent",),
    "board": ("--game", "--size"),
    "output": ("--out",),
}
"""flags by names that they have elsewhere"""
_NEAR = 0.6  # of difflib: below that, words have little in common


class _Parser(argparse.ArgumentParser):
    """Mistakes in one line with exit code 2, and the nearest match for an unknown option."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; see {self.prog} --help")

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        if separator := self.get_default("separator"):  # a command whose arguments come in groups, parted by --
            argv = [separator if word == "--" else word for word in argv]
        args, unknown = self.parse_known_args(argv)
        if unknown:
            word = unknown[0].partition("=")[0][:100]
            meant = self._meant(word, unknown[1] if len(unknown) > 1 else "")
            self.error(f"unknown argument {word}" + (f" (did you mean {' or '.join(meant)}?)" if meant else ""))
        return args

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        """What follows a flag; a number with an example where it is none."""
        if action.type not in (int, float):
            return super()._get_value(action, arg_string)  # pyright: ignore[reportAttributeAccessIssue]
        try:
            return action.type(arg_string)  # pyright: ignore[reportCallIssue]
        except ValueError:
            from selfplay.config import number  # which takes the rules of all games

            flag = action.option_strings[-1] if action.option_strings else action.dest
            return number(flag, action.type, arg_string, action.default)

    def _meant(self, word: str, following: str) -> list[str]:
        """What somebody may have meant who typed an argument that there is not, before another one."""
        known = [option for option in self._option_string_actions if option.startswith("--")]
        if not word.startswith("-"):
            if f"--{word}" in known:
                return [f"--{word} {following[:100]}".strip()]
            return [f"--game {word}"] if "--game" in known else []
        bare = word.lstrip("-")
        if same := [option for option in _ALSO_CALLED.get(bare.lower(), ()) if option in known]:
            return same
        ends: dict[str, list[str]] = {}  # a setting is often called by its last name
        for option in known:
            ends.setdefault(option.removeprefix("--").rpartition(".")[2], []).append(option)
        close = difflib.get_close_matches(bare.rpartition(".")[2], list(ends), n=1, cutoff=_NEAR)
        whole = difflib.get_close_matches(bare, [option.removeprefix("--") for option in known], n=1, cutoff=_NEAR)
        return [f"--{whole[0]}"] if whole and ("." in word or not close) else ends[close[0]] if close else []


def _overview() -> _Parser:
    from selfplay import __version__

    parser = _Parser(
        prog="selfplay",
        description="Self-play reinforcement learning for small games, measured against human knowledge.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, (_, sentence) in COMMANDS.items():
        commands.add_parser(name, help=sentence, add_help=False)
    return parser


def run(argv: Sequence[str]) -> int:
    """One command; its exit code. Raises what went wrong."""
    if argv and argv[0] == "help":
        argv = [*argv[1:2], "--help"]
    if not argv or argv[0] not in COMMANDS:
        if argv and not argv[0].startswith("-"):
            close = difflib.get_close_matches(argv[0], COMMANDS, n=1, cutoff=_NEAR)
            hint = f" (did you mean {close[0]}?)" if close else ""
            raise ValueError(f"unknown command {argv[0]!r}{hint}; commands: {', '.join(COMMANDS)}")
        if argv and len(argv) > 1 and not {"--help", "-h"} & set(argv):
            raise ValueError("a command is missing, as in selfplay play --game connect4; see selfplay --help")
        parser = _overview()
        parser.parse(argv)
        parser.print_help(sys.stderr)  # no command was given
        return 2
    if argv[0] == "train" and not {"--help", "-h"} & set(argv):
        starting.begin(quiet="--quiet" in argv)
    try:
        return _command(argv)
    finally:
        starting.end()


def _command(argv: Sequence[str]) -> int:
    module_name, sentence = COMMANDS[argv[0]]
    module = importlib.import_module(module_name)
    parser = _Parser(
        prog=f"selfplay {argv[0]}",
        description=sentence[0].upper() + sentence[1:] + ".",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    return module.run(parser.parse(argv[1:]))


def _said(error: Exception) -> str:
    """An error in one line, as a user reads it."""
    from selfplay.stats.records import visible

    if isinstance(error, OSError) and error.strerror:
        return visible(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return "not enough memory" + (f": {text}" if text else "")
    return visible(text) or type(error).__name__


_other_warnings = warnings.formatwarning


def _in_one_line(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> str:
    """Our own warnings as a user reads them, others as Python shows them."""
    from selfplay.stats.records import visible

    if category.__module__.startswith(("selfplay.", "games.")):
        return f"selfplay: warning: {visible(str(message))}\n"
    return _other_warnings(message, category, *where, **more)


class _StandardOutput(io.FileIO):
    """Standard output whose errors, a full disk for one, say whose they are."""

    def write(self, content: Any, /) -> int | None:
        try:
            return super().write(content)
        except OSError as error:
            raise OSError(error.errno, error.strerror, _STDOUT) from error


_STDOUT = "standard output"


def _open_streams() -> None:
    """What who started us has closed is empty or goes nowhere: the next file to be opened would take its number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, os.fdopen(number, mode))


def _prepare_streams() -> None:
    """A character that the terminal's encoding lacks ends nothing, and standard output names itself in errors."""
    before = sys.stdout
    raw = getattr(getattr(before, "buffer", None), "raw", getattr(before, "buffer", None))
    if isinstance(before, io.TextIOWrapper) and type(raw) is io.FileIO:
        ours: Any = _StandardOutput(before.fileno(), "w", closefd=False)
        buffer = ours if raw is before.buffer else io.BufferedWriter(ours)  # `python -u` has no buffer
        sys.stdout = io.TextIOWrapper(
            buffer, before.encoding, line_buffering=before.line_buffering, write_through=before.write_through
        )
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def guarded(argv: Sequence[str]) -> int:
    """`run`, with what goes wrong turned into one line and an exit code."""
    try:
        try:
            code = run(argv)
        except SystemExit as request:  # argparse, after --help and --version
            code = request.code if isinstance(request.code, int) else 0
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `selfplay ... | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13  # SIGPIPE, which Windows does not name
    except (ValueError, OSError, MemoryError) as error:
        if os.environ.get("SELFPLAY_DEBUG"):
            raise
        print(f"selfplay: {_said(error)}", file=sys.stderr)
        if isinstance(error, OSError) and error.filename == _STDOUT:  # what is left in its buffer goes nowhere
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except KeyboardInterrupt:
        print(stopping.STOPPED[signal.SIGINT], file=sys.stderr)
        return 128 + signal.SIGINT
    except stopping.Terminated:
        print(stopping.STOPPED[signal.SIGTERM], file=sys.stderr)
        return 128 + signal.SIGTERM


def main() -> NoReturn:
    """Entry point of the `selfplay` command."""
    _open_streams()
    stopping.handle()
    _prepare_streams()
    warnings.formatwarning = _in_one_line
    code = guarded(sys.argv[1:])
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    sys.stderr.flush()
    if any(thread.name != stopping.WATCHER for thread in threading.enumerate() if thread != threading.main_thread()):
        # Actor threads in the middle of a generation that will not be kept. To end the interpreter under compiled
        # code that runs without its lock can crash; what is on disk is whole at every instant.
        os._exit(code)
    sys.exit(code)
