"""An agent's analysis of positions as plain data: what `selfplay analyze` prints and the page shows.

N positions, A actions.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from games import text
from games.game import ONGOING, Game
from games.outcome import PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN, UNPROVEN
from selfplay.players.agent import Agent, Analysis, position_seed

BATCH = 256  # positions that an agent is asked about at once
_PROVEN = {UNPROVEN: None, PROVEN_WIN: "win", PROVEN_DRAW: "draw", PROVEN_LOSS: "loss"}


def answers(
    game: Game, agent: Agent, lines: Iterable[str], seed: int = 0, batch_size: int = BATCH
) -> Iterator[dict[str, Any]]:
    """A record for each line of moves, in order; the agent is asked about `batch_size` positions at a time.

    What is random at a position depends on the seed and the position alone. A line that is no position, or one that is
    over, gives `moves` and `error`.
    """
    lines = iter(lines)
    while batch := [line.strip() for line in islice(lines, batch_size)]:
        records: list[dict[str, Any]] = []
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
            seeds_N = np.array([position_seed(seed, state_W) for state_W in states])
            analysis = agent.act(np.array(states), seeds_N)
            for n, record in enumerate(asked):
                record |= answer(game, analysis, n)
        yield from records


def answer(game: Game, analysis: Analysis, n: int) -> dict[str, Any]:
    """What an agent says of position n: move, value, policy, visits and proof. Moves are written as people type them.

    Values and proofs are seen by the player to move; None is what the agent has no notion of.
    """
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
        "proven": None if proven_N is None else _PROVEN[int(proven_N[n])],
    }


def full_answer(game: Game, analysis: Analysis, n: int) -> dict[str, Any]:
    """`answer`, the chances to win, draw and lose (`wdl`), and the moves that it expects, its own first (`line`)."""
    wdl_N3, lines_NL = analysis.wdl_N3, analysis.lines_NL
    return answer(game, analysis, n) | {
        "wdl": None if wdl_N3 is None else [round(float(p), 4) for p in wdl_N3[n]],
        "line": [] if lines_NL is None else [text.format_action(game, int(a)) for a in lines_NL[n] if a >= 0],
    }
