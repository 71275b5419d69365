"""The PettingZoo face: both seats of a board game, in turns (AEC). Needs the extra `pettingzoo`.

env = games.pettingzoo_env.BoardGameAEC("connect4")

Importing this module also registers its games with a PettingZoo that has a registry (1.26 and newer):

env = pettingzoo.make("aec", "selfplay/ConnectFour-v0")
"""

from typing import Any, ClassVar

import numpy as np
import pettingzoo  # pyright: ignore[reportMissingTypeStubs]
from gymnasium import spaces
from pettingzoo import AECEnv  # pyright: ignore[reportMissingTypeStubs]

from games.draw import draw
from games.game import ONGOING
from games.gym_env import NAMES, one_of
from games.outcome import outcome_of, value
from games.registry import make
from games.text import board_of, render

Observation = dict[str, np.ndarray]


class BoardGameAEC(AECEnv[str, Observation, int]):
    """One game between `player_0`, who begins, and `player_1`.

    - `observe(agent)` is what PettingZoo's own Connect Four gives: `observation`, the board as that agent sees it,
      and `action_mask`, int8 [A], 1 where that agent may play now, so all 0 for the agent that is not to move and
      once the game is over.
    - The board: the planes of `Game.observe`, float32 [P, H, W]. Plane 0 holds the agent's own stones and plane 1
      the other's, whoever is to move; all further planes are those that the player to move sees.
    - `infos[agent]["action_mask"]` is the same mask.
    - Reward: 1 for a win, -1 for a loss, 0 for a draw. An illegal action ends the game: `illegal_reward` for
      whoever played it, 0 for the other.
    """

    metadata: ClassVar[dict[str, Any]] = {  # pyright: ignore[reportIncompatibleVariableOverride]  # no ClassVar there
        "name": "selfplay_board_game_v0",
        "render_modes": ["ansi", "rgb_array"],
        "is_parallelizable": False,
        "render_fps": 2,
    }

    def __init__(self, game: str = "connect4", illegal_reward: float = -1.0, render_mode: str | None = None) -> None:
        super().__init__()
        self.game = make(game)
        self.render_mode = one_of("render_mode", render_mode, (None, *self.metadata["render_modes"]))
        self.illegal_reward = float(illegal_reward)
        self.possible_agents = ["player_0", "player_1"]
        shape_PHW = (self.game.planes, self.game.height, self.game.width)
        # One space for each agent: they are seeded apart.
        self._observation_spaces = {
            agent: spaces.Dict(
                {
                    "observation": spaces.Box(0.0, 1.0, shape_PHW, np.float32),
                    "action_mask": spaces.Box(0, 1, (self.game.actions,), np.int8),
                }
            )
            for agent in self.possible_agents
        }
        self._action_spaces = {agent: spaces.Discrete(self.game.actions) for agent in self.possible_agents}

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        return self._action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Begin a game. The rules hold no chance, so `seed` changes nothing."""
        self.agents = list(self.possible_agents)
        self.agent_selection = self.agents[0]
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self._state_W = self.game.initial()
        self._last_cell: int | None = None
        self._inform()

    def observe(self, agent: str) -> Observation:
        planes_PHW = self.game.planes_of(self._state_W)
        if agent != self.agent_selection:
            planes_PHW[[0, 1]] = planes_PHW[[1, 0]]
        return {"observation": planes_PHW, "action_mask": self._mask(agent)}

    def step(self, action: int | None) -> None:
        mover = self.agent_selection
        if self.terminations[mover]:
            self._was_dead_step(action)  # type: ignore[arg-type]  (None is what it expects)
            return
        other = self.possible_agents[1 - self.possible_agents.index(mover)]
        if action is None or action not in self.game.legal_actions(self._state_W):
            self._end({mover: self.illegal_reward, other: 0.0})
        else:
            before_HW = board_of(self.game, self._state_W)
            self._state_W, status = self.game.after(self._state_W, int(action))
            self._last_cell = int(np.flatnonzero(board_of(self.game, self._state_W) - before_HW)[0])
            if status != ONGOING:
                won = value(outcome_of(status))
                self._end({mover: float(won), other: -float(won)})
        self.agent_selection = other
        self._inform()
        self._accumulate_rewards()

    def render(self) -> str | np.ndarray | None:
        if self.render_mode == "rgb_array":
            return draw(self.game, board_of(self.game, self._state_W), self._last_cell)
        return render(self.game, self._state_W) + "\n" if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Nothing is open."""

    def _end(self, rewards: dict[str, float]) -> None:
        self.rewards = rewards
        self.terminations = dict.fromkeys(self.agents, True)

    def _mask(self, agent: str) -> np.ndarray:
        mask_A = np.zeros(self.game.actions, np.int8)
        if agent == self.agent_selection and not self.terminations[agent]:
            mask_A[self.game.legal_actions(self._state_W)] = 1
        return mask_A

    def _inform(self) -> None:
        self.infos: dict[str, dict[str, Any]] = {agent: {"action_mask": self._mask(agent)} for agent in self.agents}


if hasattr(pettingzoo, "register"):
    for _name, _game in NAMES.items():
        pettingzoo.register("aec", f"selfplay/{_name}-v0", "games.pettingzoo_env:BoardGameAEC", kwargs={"game": _game})
