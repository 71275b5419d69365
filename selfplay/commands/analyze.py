"""The `analyze` command: positions in as lines of moves, an agent's analysis out as lines of JSON.

N positions, A actions.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from games import text
from games.game import ONGOING, Game
from selfplay.players.agent import Agent, Analysis
from selfplay.players.spec import GRAMMAR

_BATCH = 256
_PROVEN = (None, "win", "draw", "loss")

_EXAMPLES = f"""\
One position a line on stdin: the moves so far, an empty line being the empty board. Connect Four: digits 1 to
7, as in 44352. Gomoku: h8 i9 ..., column letter and row number from the bottom left. One JSON object a line on
stdout, in order:

  move     what the agent plays
  value    in [-1, 1] for the player to move; null for agents that have no notion of it (random, rules)
  policy   how it spreads its belief over moves
  visits   simulations spent below each move; empty for agents that do not search by simulation
  proven   "win", "loss" or "draw" for the player to move, where the agent knows; else null

A line that is no position gives {{"moves", "error"}}, the others are still answered, and the exit code is 1.

{GRAMMAR}

examples:
  echo 44352 | selfplay analyze --game connect4 --agent mcts:runs/connect4,sims=400
  selfplay analyze --game connect4 --agent solver < positions.txt > answers.jsonl
  echo "h8 i9 h9" | selfplay analyze --game gomoku --size 15 --agent alphabeta:depth=3
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `selfplay analyze`."""
    parser.epilog = _EXAMPLES
    parser.add_argument("--game", required=True, help="the game, as in connect4 or gomoku:size=9")
    parser.add_argument("--agent", required=True, metavar="SPEC", help="who thinks")
    parser.add_argument("--size", type=int, help="side of the Gomoku board, short for --game gomoku:size=N")
    parser.add_argument("--seed", type=int, default=0, help="decides all that is random (default 0)")


def answers(game: Game, agent: Agent, lines: Iterable[str], seed: int = 0, batch_size: int = _BATCH) -> Iterator[dict]:
    """A record for each line, in order; positions are thought about `batch_size` at a time.

    What is random at a position depends on the seed and the position alone.
    """
    lines = iter(lines)
    while batch := [line.strip() for line in islice(lines, batch_size)]:
        records: list[dict] = []
        states, asked = [], []
        for moves in batch:
            records.append({"moves": moves})
            try:
                state_W, status = text.replay(game, text.parse_moves(game, moves))
                if status != ONGOING:
                    raise ValueError("the game is over")
            except ValueError as error:
                records[-1]["error"] = str(error)
            else:
                states.append(state_W)
                asked.append(records[-1])
        if asked:
            states_NW = np.array(states)
            seeds_N = np.array(
                [
                    np.random.SeedSequence([seed, *state_W.tolist()]).generate_state(1, np.uint64)[0]
                    for state_W in states
                ]
            )
            analysis = agent.act(states_NW, seeds_N)
            for n, record in enumerate(asked):
                record |= answer(game, analysis, n)
        yield from records


def answer(game: Game, analysis: Analysis, n: int) -> dict:
    """What an agent says of position n, as JSON."""
    if n in analysis.forfeits:
        return {"error": f"the agent {analysis.forfeits[n]}"}
    move = text.format_action(game, int(analysis.actions_N[n]))
    policy_NA, visits_NA, value_N, proven_N = (
        analysis.policy_NA,
        analysis.visits_NA,
        analysis.value_N,
        analysis.proven_N,
    )

    def by_move(numbers_A: np.ndarray, digits: int | None) -> dict[str, float]:
        chosen = np.flatnonzero(numbers_A)
        return {text.format_action(game, int(a)): round(numbers_A[a].item(), digits) for a in chosen}

    return {
        "move": move,
        "value": None if value_N is None else round(float(value_N[n]), 5) + 0.0,  # no -0.0
        "policy": {move: 1.0} if policy_NA is None else by_move(policy_NA[n], 6),
        "visits": {} if visits_NA is None else by_move(visits_NA[n], None),
        "proven": None if proven_N is None else _PROVEN[proven_N[n]],
    }


def run(args: argparse.Namespace) -> int:
    """`selfplay analyze`."""
    import games
    from selfplay.players.make import make_agent

    name = args.game
    if args.size is not None:
        if name.partition(":")[0] != "gomoku":
            raise ValueError(f"--size is for --game gomoku, not for {name}")
        name += f"{',' if ':' in name else ':'}size={args.size}"
    game = games.make(name)
    agent = make_agent(args.agent, game)
    failed = False
    batch_size = 1 if sys.stdin.isatty() else _BATCH  # a person waits for each answer
    for record in answers(game, agent, sys.stdin, args.seed, batch_size):
        failed = failed or "error" in record
        print(json.dumps(record))
    return 1 if failed else 0
