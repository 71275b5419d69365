"""An agent's moves against perfect play in Connect Four.

A move is an outcome mistake if it turns a win into a draw or a loss, or a draw into a loss; it is the fastest if it
also wins as early, or loses as late, as can be. N positions, A actions; scores as in `oracle`.
"""

import hashlib
import io
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from games import files, text
from games.files import positions
from games.game import ONGOING, Game
from games.kernel import user_cache
from selfplay.players.agent import Agent
from selfplay.run import atomic
from selfplay.stats import score

_STAGES = (("beginning", 0, 14), ("middle", 15, 28), ("end", 29, 41))  # by moves played, as the public sets are cut
_STEP = 250  # positions between two lines of progress


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A named set of positions, none of them over, and the exact scores of their moves."""

    name: str
    states_NW: np.ndarray
    scores_NA: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Mark:
    """How an agent did on one suite; intervals are Wilson's, 95 %."""

    suite: str
    agent: str
    positions: int
    mistakes: int
    fastest: int
    seconds: float

    def as_dict(self) -> dict:
        kept, fastest = self.positions - self.mistakes, self.fastest
        kept_low, kept_high = score.wilson(kept / self.positions, self.positions)
        fastest_low, fastest_high = score.wilson(fastest / self.positions, self.positions)
        return {
            "suite": self.suite,
            "agent": self.agent,
            "positions": self.positions,
            "outcome_mistakes": self.mistakes,
            "outcome_mistake_rate": self.mistakes / self.positions,
            "outcome_mistake_rate_low": 1 - kept_high,
            "outcome_mistake_rate_high": 1 - kept_low,
            "keeps_outcome": kept / self.positions,
            "fastest": fastest / self.positions,
            "fastest_low": fastest_low,
            "fastest_high": fastest_high,
            "seconds": self.seconds,
        }


def grade(suite: Suite, agent: Agent, seed: int = 0) -> Mark:
    """Ask the agent for its move in every position of the suite."""
    seeds_N = np.random.default_rng(seed).integers(0, 1 << 63, len(suite.states_NW)).astype(np.uint64)
    started = time.perf_counter()
    actions_N = agent.act(suite.states_NW, seeds_N).actions_N
    seconds = time.perf_counter() - started
    best_N = suite.scores_NA.max(axis=1)
    chosen_N = suite.scores_NA[np.arange(len(actions_N)), actions_N]
    return Mark(
        suite=suite.name,
        agent=agent.name,
        positions=len(actions_N),
        mistakes=int((np.sign(chosen_N) != np.sign(best_N)).sum()),
        fastest=int((chosen_N == best_N).sum()),
        seconds=seconds,
    )


def labels(lines: Sequence[str], states_NW: np.ndarray, what: str) -> np.ndarray:
    """Exact scores of all moves [N, A], from the disk where they were computed before."""
    from selfplay.knowledge import oracle

    root = user_cache()
    path = root / f"scores-{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:16]}.npy"
    if path.exists():
        try:
            scores_NA = np.load(path)
            if scores_NA.shape == (len(lines), 7):
                return scores_NA
        except (ValueError, OSError, EOFError):
            print(f"{path} is damaged; the scores are computed again", file=sys.stderr)
    parts = []
    started = time.perf_counter()
    for start in range(0, len(lines), _STEP):
        parts.append(oracle.scores(states_NW[start : start + _STEP]))
        done = min(start + _STEP, len(lines))
        left = (time.perf_counter() - started) / done * (len(lines) - done)
        print(f"solving {what}: {done}/{len(lines)} positions, {left:.0f} s left", file=sys.stderr)
    scores_NA = np.concatenate(parts)
    content = io.BytesIO()
    np.save(content, scores_NA)
    try:
        root.mkdir(parents=True, exist_ok=True)
        atomic.write_file(path, content.getvalue())
    except OSError as error:
        print(f"the scores are not kept for the next time: {error}", file=sys.stderr)
    return scores_NA


def read_suite(game: Game, path: Path) -> Suite:
    """A file of lines `MOVES SCORE`, see `games.files.positions`; `ValueError` names the first that is none."""
    lines, numbers, given, states = [], [], [], []
    try:
        written = list(positions.lines(path))
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from error
    for number, line in written:
        try:
            position = positions.parse_open(game, line, scored=True)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from None
        lines.append(position.moves)
        numbers.append(number)
        given.append(position.score)
        states.append(position.state_W)
    if not lines:
        raise ValueError(f"{path} holds no positions")
    states_NW = np.array(states)
    scores_NA = labels(lines, states_NW, path.name)
    wrong = np.flatnonzero(scores_NA.max(axis=1) != given)
    if len(wrong):
        n = int(wrong[0])
        raise ValueError(f"{path}, line {numbers[n]}: the score is {scores_NA[n].max()}, not {given[n]}")
    return Suite(name=_title(path.name), states_NW=states_NW, scores_NA=scores_NA)


def _title(name: str) -> str:
    """`end, easy` for `Test_L3_R1`, else the name as it is."""
    match = re.fullmatch(r"Test_L([123])_R([123])", name)
    if not match:
        return name
    return f"{_STAGES[int(match[1]) - 1][0]}, {('easy', 'medium', 'hard')[int(match[2]) - 1]}"


def read_suites(game: Game, path: Path) -> list[Suite]:
    """The file, or every file of the folder, by name."""
    if not path.exists():
        raise ValueError(f"{path} is not there; --suite takes a file with lines `MOVES SCORE`, or a folder of them")
    return [read_suite(game, file) for file in files.paths(path)]


def random_suites(game: Game, positions: int, seed: int) -> list[Suite]:
    """Distinct positions of random play, `positions` for each stage of the game."""
    rng = np.random.default_rng([seed, positions])
    suites = []
    for name, fewest, most in _STAGES:
        lines: dict[str, np.ndarray] = {}
        while len(lines) < positions:
            played, state_W, status = [], game.initial(), ONGOING
            for _ in range(int(rng.integers(fewest, most + 1))):
                action = int(rng.choice(game.legal_actions(state_W)))
                state_W, status = game.after(state_W, action)
                played.append(action)
                if status != ONGOING:
                    break
            if status == ONGOING:
                lines.setdefault(text.format_moves(game, played), state_W)
        states_NW = np.array(list(lines.values()))
        scores_NA = labels(list(lines), states_NW, f"random positions, {name}")
        suites.append(Suite(name=name, states_NW=states_NW, scores_NA=scores_NA))
    return suites
