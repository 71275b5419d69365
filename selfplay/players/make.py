"""From a spec to the player that it names."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from games import interrupt
from games.game import Game
from selfplay.players import learned, reference
from selfplay.players.agent import Agent, Analysis
from selfplay.players.spec import Spec
from selfplay.run import folder

DEFAULT_GAME = "connect4"

_MAKERS: dict[str, Callable[..., Agent]] = {
    "random": reference.random_player,
    "rules": reference.rules_player,
    "alphabeta": reference.alphabeta_player,
    "rollout": reference.rollout_player,
    "solver": reference.solver_player,
    "net": learned.net_player,
    "mcts": learned.mcts_player,
    "engine": reference.engine_player,
    "human": reference.human_player,
}


def game_of(agents: Sequence[str]) -> str:
    """The game that is meant where none is named: of the first run that one of the agents plays by, or else the
    default. `ValueError` for what is no agent."""
    for spec in map(Spec.parse, agents):
        if spec.learned and spec.path != "pretrained":
            run_dir = Path(spec.path.partition("@")[0])
            if run_dir.is_dir() and (config := folder.recorded_config(run_dir)):
                return config.game
    return DEFAULT_GAME


def make_agent(spec: Spec | str, game: Game, *, name: str | None = None) -> Agent:
    """The agent that `spec` names, as a player of `game`; `ValueError` says in one line what cannot be.

    `name` is what the agent calls itself, by default its spec.
    """
    parsed = Spec.parse(spec) if isinstance(spec, str) else spec
    name = name or (spec.strip() if isinstance(spec, str) else spec.format())
    parsed.check_path()
    arguments = {**({"path": parsed.path} if parsed.path else {}), **parsed.options}

    def make() -> Agent:
        return _MAKERS[parsed.kind](game, name, **arguments)

    agent = _interruptible(make())
    return agent if agent.clone else replace(agent, clone=make)


def _interruptible(agent: Agent) -> Agent:
    """The same player, whom Ctrl-C and SIGTERM stop while it thinks."""

    def act(states_NW: np.ndarray, seeds_N: np.ndarray) -> Analysis:
        with interrupt.listening():
            return agent.act(states_NW, seeds_N)

    return replace(agent, act=act)


def opponent(spec: str, game: Game) -> Callable[[np.ndarray, np.random.Generator], int]:
    """The agent as an opponent in the environments of `games`, which find this function by its entry point."""
    agent = make_agent(spec, game)

    def choose(state_W: np.ndarray, rng: np.random.Generator) -> int:
        seeds_N = rng.integers(2**64, size=1, dtype=np.uint64)
        analysis = agent.act(state_W[None], seeds_N)
        if analysis.forfeits:
            raise ValueError(f"{agent.name} {analysis.forfeits[0]}")
        return int(analysis.actions_N[0])

    return choose
