"""The `engine` command: an agent as a Gomoku engine for any manager that speaks the Gomocup (Piskvork) protocol."""

import argparse
import os
import queue
import select
import threading
import time

_HELP = """\
The engine reads commands from stdin and answers on stdout, one line each; nothing else is written there. It plays
Gomoku on boards of 5 to 20, by START and INFO rule: 0 freestyle, 1 exactly five, 4 Renju, 9 Caro, 8 Caro where six and
more win; 2 more for a continuous game. It knows START, RECTSTART (square), RESTART, BEGIN, TURN, BOARD, SWAP2BOARD,
TAKEBACK, PLAY, INFO, ABOUT, END.

Time: agents that take ms= (alphabeta, and mcts without sims=) think as long as INFO timeout_turn and time_left allow,
less a margin; ms= in the spec is the most they ever take, one second what they take if INFO says nothing. For an
agent that has not answered shortly before the limit one-ply rules answer, so no move is late. timeout_turn 0 is
answered at once. Compiled code is loaded during START: a few seconds, half a minute after an installation.

To add it to a manager, make a program of it. Managers want one file whose name begins with pbrain-; on Linux:

  printf '#!/bin/sh\\nexec %s engine --game gomoku --agent alphabeta\\n' "$(command -v selfplay)" > pbrain-selfplay
  chmod +x pbrain-selfplay

Managers on Linux take that file as the engine's command. Piskvork, on Windows, takes a file pbrain-selfplay.bat that
holds the line `@wsl /path/to/.venv/bin/selfplay engine --game gomoku --agent alphabeta`: double-click a player's name
in the status bar, or Players > Settings, and choose it. (By Piskvork's documentation; not tried here.) Managers choose
the working folder, so a run needs its full path, as in --agent mcts:/home/me/selfplay/runs/gomoku15.

{grammar}

examples:
  selfplay engine --game gomoku --agent alphabeta
  selfplay engine --game gomoku --agent mcts:runs/gomoku15
  printf 'START 15\\nINFO timeout_turn 500\\nBEGIN\\nEND\\n' | selfplay engine --game gomoku --agent alphabeta
  selfplay arena engine:pbrain-selfplay,ms=100 rules --game gomoku15 --games 20
"""
_ASKING = ("BEGIN", "TURN", "DONE")
_END_SECONDS = 0.5  # for an answer that is due when END comes; Piskvork waits 0.7 s before it kills


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `selfplay engine`."""
    from selfplay.players.spec import GRAMMAR

    parser.epilog = _HELP.format(grammar=GRAMMAR)
    parser.add_argument("--game", required=True, help="gomoku; START sets the size, INFO the rule (default freestyle)")
    parser.add_argument("--agent", required=True, metavar="SPEC", help="who thinks")
    parser.add_argument("--seed", type=int, default=0, help="decides all that is random (default 0)")
    parser.add_argument("--verbose", action="store_true", help="a DEBUG line before each move: its time and value")


def run(args: argparse.Namespace) -> int:
    """`selfplay engine`."""
    import games
    from selfplay.export.engine_protocol import Session
    from selfplay.players.spec import Spec

    game = games.make(args.game)
    if game.kind != "gomoku" or game.in_a_row != 5:
        raise ValueError(f"the protocol is for Gomoku, five in a row, not for {args.game!r}")
    if args.seed < 0:
        raise ValueError(f"--seed is at least 0, not {args.seed}")
    Spec.parse(args.agent)
    session = Session(args.agent, rule=str(game.options["rule"]), seed=args.seed, verbose=args.verbose)
    answers = os.fdopen(os.dup(1), "w")
    if os.path.sameopenfile(1, 2) and not os.isatty(2):  # Piskvork reads both as one
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    os.dup2(2, 1)  # whatever else is printed must not be read as an answer
    threading.Thread(target=_leave_when_nobody_listens, args=(answers.fileno(),), daemon=True).start()
    lines: queue.SimpleQueue[tuple[float, str] | None] = queue.SimpleQueue()
    thinking = threading.Event()
    threading.Thread(target=_read, args=(lines, thinking), daemon=True).start()
    while item := lines.get():
        asked, line = item
        if line.split()[:1] and line.split()[0].upper() in _ASKING:
            thinking.set()
        for answer in session.answer(line, asked):
            print(answer, file=answers, flush=True)
        thinking.clear()
    return 0


def _leave_when_nobody_listens(answers: int) -> None:
    """End the process once the manager has closed its end of the pipe: it has crashed, or did not say END."""
    if hasattr(select, "poll"):
        listener = select.poll()
        listener.register(answers, 0)  # the end of the other side is told in any case
        listener.poll()
        os._exit(0)


def _read(lines: queue.SimpleQueue, thinking: threading.Event) -> None:
    """Every line with the time at which it came, until END or nothing comes any more; then None.

    Questions that came before END are answered, but END does not wait long for one that is being thought about.
    """
    with open(0, encoding="utf-8", errors="replace", closefd=False) as stdin:
        for line in stdin:
            if line.strip().upper() == "END":
                lines.put(None)
                if thinking.is_set():
                    time.sleep(_END_SECONDS)
                    os._exit(0)
                return
            lines.put((time.monotonic(), line))
    lines.put(None)
