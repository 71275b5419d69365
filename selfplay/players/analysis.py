"""An agent's analysis of positions as plain data: what `selfplay analyze` prints and the page shows.

N positions, A actions.
"""

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, BinaryIO

import numpy as np

from games import text
from games.files import positions
from games.game import Game
from games.outcome import PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN, UNPROVEN
from selfplay.players.agent import Agent, Analysis, position_seed

BATCH = 256  # positions that an agent is asked about at once, at most
_SOON = 0.5  # seconds: a batch that takes longer keeps its first answer waiting
_PROVEN = {UNPROVEN: None, PROVEN_WIN: "win", PROVEN_DRAW: "draw", PROVEN_LOSS: "loss"}


class Arriving:
    """The lines of a stream as they arrive, for a program that writes one and waits for its answer."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lines: deque[str] = deque()
        self._rest = b""

    def take(self, most: int) -> list[str]:
        """What is there, `most` lines of it; waits for the first. Nothing once the stream has ended."""
        while not self._lines:
            content = self._stream.read1(1 << 16)  # pyright: ignore[reportAttributeAccessIssue]  # of stdin
            if not content and not self._rest:
                return []
            *whole, self._rest = (self._rest + content).split(b"\n")
            if not content:
                whole, self._rest = [self._rest], b""
            self._lines.extend(line.decode("utf-8", errors="replace") for line in whole)
        return [self._lines.popleft() for _ in range(min(most, len(self._lines)))]


class _Batches:
    """How many positions to ask about at once: as many as are answered soon, of a slow player one for each core."""

    def __init__(self, agent: Agent, most: int) -> None:
        self._most = most
        self._least = min(most, 1 if agent.timed else os.cpu_count() or 1)
        self.size = self._least

    def took(self, positions: int, seconds: float) -> None:
        soon = max(self._least, int(positions * _SOON / max(seconds, 1e-6)))
        if soon < self.size:
            self.size = soon
        elif positions == self.size:
            self.size = min(self._most, 4 * self.size, soon)


def answers(
    game: Game, agent: Agent, lines: Iterable[str] | Arriving, seed: int = 0, batch_size: int = BATCH
) -> Iterator[dict[str, Any]]:
    """A record for each line of moves, in order; the agent is asked about `batch_size` positions at a time, fewer if it
    is slow or no more have arrived.

    Lines are read as `games.files.positions` says; a score stands in the record, a remark alone gives none. What is
    random at a position depends on the seed and the position alone. A line that is no position, or one that is over,
    gives `moves` and `error`.
    """
    given = iter(()) if isinstance(lines, Arriving) else iter(lines)
    batches = _Batches(agent, batch_size)
    while batch := lines.take(batches.size) if isinstance(lines, Arriving) else list(islice(given, batches.size)):
        records: list[dict[str, Any]] = []
        states, asked = [], []
        for line in batch:
            moves = positions.without_remark(line)
            if moves is None:
                continue
            records.append({"moves": moves})
            try:
                position = positions.parse_open(game, moves)
            except ValueError as error:
                records[-1]["error"] = str(error)
            else:
                records[-1]["moves"] = position.moves
                if position.score is not None:
                    records[-1]["score"] = position.score
                states.append(position.state_W)
                asked.append(records[-1])
        if asked:
            seeds_N = np.array([position_seed(seed, state_W) for state_W in states])
            started = time.perf_counter()
            analysis = agent.act(np.array(states), seeds_N)
            batches.took(len(asked), time.perf_counter() - started)
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
    """`answer`, the chances to win, draw and lose (`wdl`), the moves that it expects, its own first (`line`), and by
    move what its network made of it before any search (`prior`) and its value for the player to move (`worth`)."""
    wdl_N3, lines_NL = analysis.wdl_N3, analysis.lines_NL
    priors_NA, visits_NA, q_NA = analysis.priors_NA, analysis.visits_NA, analysis.q_NA

    def by_move(numbers_A: np.ndarray, known_A: np.ndarray) -> dict[str, float]:
        return {text.format_action(game, int(a)): round(float(numbers_A[a]), 4) for a in np.flatnonzero(known_A)}

    return answer(game, analysis, n) | {
        "prior": {} if priors_NA is None else by_move(priors_NA[n], priors_NA[n]),
        "worth": {} if q_NA is None or visits_NA is None else by_move(q_NA[n], visits_NA[n]),
        "wdl": None if wdl_N3 is None else [round(float(p), 4) for p in wdl_N3[n]],
        "line": [] if lines_NL is None else [text.format_action(game, int(a)) for a in lines_NL[n] if a >= 0],
    }
