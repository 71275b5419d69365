"""Positions of Connect Four with the exact scores of their moves: from files, of random play, decisions that matter.

N positions, W words, A actions; scores as in `oracle`.
"""

import hashlib
import io
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from games import files, text
from games.files import positions
from games.game import MOVER_WON, ONGOING, Game
from games.kernel import user_cache
from selfplay.arena.perfect.marks import Suite
from selfplay.knowledge import oracle
from selfplay.players.agent import Agent
from selfplay.players.make import make_agent
from selfplay.run import atomic

_STAGES = (("beginning", 0, 14), ("middle", 15, 28), ("end", 29, 41))  # by moves played, as the public sets are cut
_STEP = 250  # positions between two lines of progress
_STAGE_PLIES = 6  # of a stage of the decisions that matter
_STRAY = 0.25  # share of random moves in the games that they come from
_GAMES = 256  # at once
_MOST_ROUNDS = 100  # of them
_CANDIDATES = 6  # times as many positions are solved, at most, as decisions are wanted


def labels(lines: Sequence[str], states_NW: np.ndarray, what: str) -> np.ndarray:
    """Exact scores of all moves [N, A], from the disk where they were computed before."""
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


def decision_suites(game: Game, count: int, seed: int) -> list[Suite]:
    """Decisions that matter, up to `count` for each six plies of the game; then the quiet ones among all of them.

    A decision matters if some legal moves keep the outcome and others do not. It is quiet if nobody could win at once.
    The positions are distinct, mirror images taken for one, and come from games of alpha-beta of depth 4 in which one
    move in four is random. The last plies have fewer of them.
    """
    stages = [
        Suite(name=f"plies {low}-{low + _STAGE_PLIES - 1}", states_NW=states_NW, scores_NA=scores_NA)
        for low, states_NW, scores_NA in _decisions(game, count, np.random.default_rng([seed, count, _STAGE_PLIES]))
    ]
    states_NW = np.concatenate([stage.states_NW for stage in stages])
    scores_NA = np.concatenate([stage.scores_NA for stage in stages])
    quiet_N = np.array([_is_quiet(game, state_W) for state_W in states_NW])
    return [*stages, Suite(name="quiet", states_NW=states_NW[quiet_N], scores_NA=scores_NA[quiet_N])]


def _decisions(game: Game, count: int, rng: np.random.Generator) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """The first ply of each stage, its positions [N, W] and their scores [N, A]."""
    player = make_agent("alphabeta:depth=4", game)
    stages: list[dict[bytes, list[int]]] = [{} for _ in range(game.cells // _STAGE_PLIES)]
    for _ in range(_MOST_ROUNDS):
        for line in _stray_games(game, player, rng):
            for stage, lines in enumerate(stages):
                if stage * _STAGE_PLIES < len(line):
                    ply = int(rng.integers(stage * _STAGE_PLIES, min(len(line), (stage + 1) * _STAGE_PLIES)))
                    lines.setdefault(either_way(game, line[:ply]), line[:ply])
        if min(len(lines) for lines in stages[:-1]) >= _CANDIDATES * count:
            break
    for stage, lines in enumerate(stages):
        found: list[tuple[np.ndarray, np.ndarray]] = []
        candidates = list(lines.values())[: _CANDIDATES * count]
        for start in range(0, len(candidates), count):
            played = candidates[start : start + count]
            states_NW = np.array([text.replay(game, line)[0] for line in played])
            what = f"decisions, stage {stage + 1} of {len(stages)}"
            scores_NA = labels([text.format_moves(game, line) for line in played], states_NW, what)
            worst_N = np.where(scores_NA == oracle.ILLEGAL, np.inf, scores_NA).min(axis=1)
            matters_N = np.sign(scores_NA.max(axis=1)) != np.sign(worst_N)
            found += zip(states_NW[matters_N], scores_NA[matters_N], strict=True)
            if len(found) >= count:
                break
        if found:  # the last stage is seldom reached
            states, scores = zip(*found[:count], strict=True)
            yield stage * _STAGE_PLIES, np.array(states), np.array(scores)


def _stray_games(game: Game, player: Agent, rng: np.random.Generator) -> list[list[int]]:
    """The moves of games that `player` plays against itself, but for one move in four."""
    lines: list[list[int]] = [[] for _ in range(_GAMES)]
    states_GW, alive_G = np.array([game.initial()] * _GAMES), np.arange(_GAMES)
    while len(alive_G):
        seeds_G = rng.integers(0, 1 << 63, len(alive_G)).astype(np.uint64)
        actions_G = player.act(states_GW[alive_G], seeds_G).actions_N
        for g, action in zip(alive_G, actions_G, strict=True):
            chosen = int(rng.choice(game.legal_actions(states_GW[g])) if rng.random() < _STRAY else action)
            lines[g].append(chosen)
            states_GW[g], status = game.after(states_GW[g], chosen)
            if status != ONGOING:
                alive_G = alive_G[alive_G != g]
    return lines


def either_way(game: Game, line: Sequence[int]) -> bytes:
    """The position after these moves, the same for its mirror image."""
    mirrored = [game.width - 1 - action for action in line]
    return min(text.replay(game, moves)[0].tobytes() for moves in (line, mirrored))


def _is_quiet(game: Game, state_W: np.ndarray) -> bool:
    """Whether neither side would win by the next stone."""
    own, mask, plies = state_W
    turned_W = np.array([mask & ~own, mask, plies], np.uint64)
    return not any(
        game.after(some_W, int(action))[1] == MOVER_WON
        for some_W in (state_W, turned_W)
        for action in game.legal_actions(some_W)
    )
