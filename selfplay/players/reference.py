"""Players that do not learn: chance, human knowledge, perfect play, and programs from outside.

N positions, W words, A actions.
"""

import copy
from dataclasses import replace
from typing import Any

import numpy as np

from games.game import Game
from games.outcome import PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN, UNPROVEN
from games.registry import nearest
from selfplay.players.agent import Agent, Analysis, legal_moves


def random_player(game: Game, name: str) -> Agent:
    from selfplay.search import rollout

    def act(states_NW: np.ndarray, seeds_N: np.ndarray) -> Analysis:
        legal_NA = legal_moves(game, states_NW)
        return Analysis(
            actions_N=rollout.pick(legal_NA, seeds_N),
            policy_NA=(legal_NA / legal_NA.sum(axis=1, keepdims=True)).astype(np.float32),
        )

    return Agent(name, act)


def rules_player(game: Game, name: str) -> Agent:
    from selfplay.knowledge.rules import Rules

    rules = Rules(game)
    return Agent(name, lambda states_NW, seeds_N: Analysis(actions_N=rules.choose(states_NW, seeds_N)))


def alphabeta_player(
    game: Game,
    name: str,
    depth: int | None = None,
    nodes: int | None = None,
    ms: float | None = None,
    without: str = "",
    preset: str = "",
) -> Agent:
    from selfplay.knowledge import alphabeta
    from selfplay.knowledge.budget import Budget
    from selfplay.knowledge.connect4 import alphazero_jl

    given: dict[str, Any] = {"depth": depth, "nodes": nodes, "ms": ms}
    given = {key: value for key, value in given.items() if value is not None}
    if preset:
        known = [alphazero_jl.NAME]
        if preset not in known:
            raise ValueError(f"alphabeta has no preset {preset!r}{nearest(preset, known)}; it has {', '.join(known)}")
        if without:
            raise ValueError(f"preset={preset} is played whole: without= is for our own pieces of knowledge")
        jl = alphabeta.AlphaZeroJl(game, Budget(**(given or {"depth": alphazero_jl.DEPTH})))
        return Agent(name, lambda states_NW, seeds_N: _judged(jl.search(states_NW, seeds_N)), ms=ms)
    own = alphabeta.AlphaBeta(game, Budget(**(given or {"depth": 4})), frozenset(filter(None, without.split("+"))))

    def act_timed(states_NW: np.ndarray, seeds_N: np.ndarray, ms: float) -> Analysis:
        hurried = copy.copy(own)
        hurried.budget = replace(own.budget, ms=ms)
        return _judged(hurried.search(states_NW, seeds_N))

    return Agent(
        name,
        lambda states_NW, seeds_N: _judged(own.search(states_NW, seeds_N)),
        ms=ms,
        act_timed=act_timed if ms is not None else None,
    )


def _judged(found: Any) -> Analysis:
    """The verdicts of an alpha-beta search."""
    return Analysis(actions_N=found.actions_N, value_N=found.values_N, proven_N=found.proven_N)


def rollout_player(game: Game, name: str, sims: int = 1000) -> Agent:
    from selfplay.search import rollout

    def act(states_NW: np.ndarray, seeds_N: np.ndarray) -> Analysis:
        found = rollout.search(game, states_NW, seeds_N, sims)
        return Analysis(
            actions_N=found.visits_NA.argmax(axis=1),
            policy_NA=(found.visits_NA / found.visits_NA.sum(axis=1, keepdims=True)).astype(np.float32),
            visits_NA=found.visits_NA,
            value_N=found.values_N,
        )

    return Agent(name, act)


def solver_player(game: Game, name: str, last: int | None = None) -> Agent:
    from selfplay.knowledge import oracle
    from selfplay.search import rollout

    oracle.check(game)

    def act(states_NW: np.ndarray, seeds_N: np.ndarray) -> Analysis:
        left_N = game.max_plies - states_NW[:, -1].astype(np.int64)
        knows_N = np.full(len(states_NW), True) if last is None else left_N <= last
        choices_NA = legal_moves(game, states_NW)
        value_N = np.zeros(len(states_NW), np.float32)
        proven_N = np.full(len(states_NW), UNPROVEN, np.int8)
        if knows_N.any():
            scores_NA = oracle.scores(states_NW[knows_N])
            best_N = scores_NA.max(axis=1)
            choices_NA[knows_N] = scores_NA == best_N[:, None]
            value_N[knows_N] = np.sign(best_N)
            proven_N[knows_N] = np.choose(np.sign(best_N) + 1, [PROVEN_LOSS, PROVEN_DRAW, PROVEN_WIN])
        return Analysis(
            actions_N=rollout.pick(choices_NA, seeds_N),
            policy_NA=(choices_NA / choices_NA.sum(axis=1, keepdims=True)).astype(np.float32),
            value_N=value_N,
            proven_N=proven_N,
        )

    return Agent(name, act)


def engine_player(
    game: Game,
    name: str,
    path: str,
    args: str = "",
    ms: float = 1000.0,
    tolerance: float = 500.0,
    memory: int = 1024,
) -> Agent:
    from selfplay.players.gomocup import ForfeitError, OutsideEngine

    engine = OutsideEngine(game, path, args, milliseconds=ms, tolerance=tolerance, megabytes=memory)

    def act(states_NW: np.ndarray, seeds_N: np.ndarray) -> Analysis:
        actions_N = np.full(len(states_NW), -1)
        forfeits = {}
        for n, state_W in enumerate(states_NW):
            try:
                actions_N[n] = engine.move(state_W)
            except ForfeitError as forfeit:
                forfeits[n] = str(forfeit)
        return Analysis(actions_N=actions_N, forfeits=forfeits)

    return Agent(name, act, ms=ms)


def human_player(game: Game, name: str) -> Agent:
    raise ValueError("`human` plays in `selfplay play` and `selfplay serve`, not in matches or measurements")
