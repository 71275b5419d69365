"""The Gymnasium face: one player's seat in a board game, the other seat taken by an opponent.

    env = gymnasium.make("games:selfplay/ConnectFour-v0", opponent="rules", first="random")
    env = gymnasium.make("games:selfplay/Gomoku-v0", game="gomoku:size=9", render_mode="ansi")

`game` is any name that `games.make` takes. Importing `games` registers the ids. Players that respect a mask find it
where their library looks: `action_masks()` for MaskablePPO of sb3-contrib, and `info["action_mask"]`.
"""

import functools
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces

from games.draw import draw
from games.game import DRAW, MOVER_LOST, MOVER_WON, ONGOING, Game
from games.registry import make, nearest
from games.text import board_of, render

Opponent = Callable[[np.ndarray, np.random.Generator], int]
"""`opponent(state_W, rng) -> action`: a legal action where the game is not over; its chance comes from `rng`."""

OPPONENTS = "games.opponents"
"""Entry-point group of `resolve(spec, game) -> Opponent`, for players that live above the rules."""

NAMES = {"ConnectFour": "connect4", "Gomoku": "gomoku15", "TicTacToe": "tictactoe"}
"""The games as the registries of Gymnasium and PettingZoo call them."""

_FIRST = ("agent", "opponent", "random")


def random_opponent(game: Game) -> Opponent:
    """Uniform over the legal actions."""
    return functools.partial(_any_legal, game)  # which can be pickled


def _any_legal(game: Game, state_W: np.ndarray, rng: np.random.Generator) -> int:
    return int(rng.choice(game.legal_actions(state_W)))


def opponent_of(game: Game, opponent: "str | Opponent") -> Opponent:
    """`random`, a function as it is, or the player that an installed package knows by this name."""
    if callable(opponent):
        return opponent
    if opponent == "random":
        return random_opponent(game)
    entries = list(entry_points(group=OPPONENTS))
    if not entries:
        raise ValueError(f"unknown opponent {opponent!r}: no installed package has the entry point {OPPONENTS!r}")
    return entries[0].load()(opponent, game)


class BoardGameEnv(gymnasium.Env[np.ndarray, np.int64]):
    """One episode is one game.

    - Observation: the planes of `Game.observe`, float32 [P, H, W], as the player to move sees them. That is
      the agent, but for the last observation after a move of its own that ended the game.
    - Action: a column or a cell. `info["action_mask"]`, int8 [A], is 1 where it is legal, all 0 once over;
      `action_masks()` is the same as bool.
    - Reward: 1 for a win, -1 for a loss, 0 for a draw and while the game goes on. An illegal action ends
      the episode with `illegal_reward`. `info["result"]` then says "win", "loss", "draw" or "illegal".
    - `first`: who begins, "agent", "opponent" or "random"; `reset(options={"first": ...})` overrides it once.
    - Copies and pickles go on from the same position. An opponent known by name is made anew in them; a function is
      copied as Python copies functions.
    """

    metadata: ClassVar[dict[str, Any]] = {  # pyright: ignore[reportIncompatibleVariableOverride]  # no ClassVar there
        "render_modes": ["ansi", "rgb_array"],
        "render_fps": 2,
    }

    def __init__(
        self,
        game: str = "connect4",
        opponent: str | Opponent = "random",
        first: str = "random",
        illegal_reward: float = -1.0,
        render_mode: str | None = None,
    ) -> None:
        self.game = make(game)
        self.render_mode = one_of("render_mode", render_mode, (None, *self.metadata["render_modes"]))
        self.first = one_of("first", first, _FIRST)
        self.illegal_reward = float(illegal_reward)
        self._opponent_given = opponent
        self._opponent = opponent_of(self.game, opponent)
        shape_PHW = (self.game.planes, self.game.height, self.game.width)
        self.observation_space = spaces.Box(0.0, 1.0, shape_PHW, np.float32)
        self.action_space = spaces.Discrete(self.game.actions)
        self._state_W = self.game.initial()
        self._agent_began = True
        self._last_cell: int | None = None
        self._result: str | None = "not started"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_opponent"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._opponent = opponent_of(self.game, self._opponent_given)

    def action_masks(self) -> np.ndarray:
        """bool [A]: where an action is legal, as MaskablePPO of sb3-contrib asks for it."""
        return self._mask().astype(bool)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        first = one_of("first", (options or {}).get("first", self.first), _FIRST)
        self._agent_began = bool(self.np_random.integers(2)) if first == "random" else first == "agent"
        self._state_W = self.game.initial()
        self._last_cell = None
        self._result = None
        if not self._agent_began:
            self._play(self._opponents_action(), "loss")
        return self._observation(), self._info()

    def step(self, action: np.int64 | int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        if self._result is not None:
            raise gymnasium.error.ResetNeeded("call reset before step: no game is going on")
        if action not in self.game.legal_actions(self._state_W):
            self._result = "illegal"
        else:
            self._play(int(action), "win")
            if self._result is None:
                self._play(self._opponents_action(), "loss")
        rewards = {None: 0.0, "win": 1.0, "loss": -1.0, "draw": 0.0, "illegal": self.illegal_reward}
        return self._observation(), rewards[self._result], self._result is not None, False, self._info()

    def render(self) -> str | np.ndarray | None:
        board_HW = board_of(self.game, self._state_W)
        if self.render_mode == "rgb_array":
            return draw(self.game, board_HW, self._last_cell)
        if self.render_mode == "ansi":
            agent, opponent = "XO" if self._agent_began else "OX"
            told = f" - {self._result}" if self._result else ""
            return f"{render(self.game, self._state_W)}\nagent {agent}, opponent {opponent}{told}\n"
        gymnasium.logger.warn("render() draws nothing unless the environment is made with a render_mode")
        return None

    def _play(self, action: int, if_won: str) -> None:
        before_HW = board_of(self.game, self._state_W)
        self._state_W, status = self.game.after(self._state_W, action)
        self._last_cell = int(np.flatnonzero(board_of(self.game, self._state_W) - before_HW)[0])
        if status != ONGOING:
            if_lost = "loss" if if_won == "win" else "win"
            self._result = {MOVER_WON: if_won, DRAW: "draw", MOVER_LOST: if_lost}[status]

    def _opponents_action(self) -> int:
        # A copy: what an opponent does to its argument must not reach the game.
        return int(self._opponent(self._state_W.copy(), self.np_random))

    def _observation(self) -> np.ndarray:
        return self.game.planes_of(self._state_W)

    def _mask(self) -> np.ndarray:
        mask_A = np.zeros(self.game.actions, np.int8)
        if self._result is None:
            mask_A[self.game.legal_actions(self._state_W)] = 1
        return mask_A

    def _info(self) -> dict[str, Any]:
        mask_A = self._mask()
        return {"action_mask": mask_A} if self._result is None else {"action_mask": mask_A, "result": self._result}


def one_of(name: str, value: str | None, known: tuple[str | None, ...]) -> Any:
    if value not in known:
        words = [str(word) for word in known]
        raise ValueError(f"{name} is one of {', '.join(words)}, not {value!r}{nearest(str(value), words)}")
    return value


for _name, _game in NAMES.items():
    gymnasium.register(  # pyright: ignore[reportUnknownMemberType]  # gymnasium's types are partial
        f"selfplay/{_name}-v0", entry_point="games.gym_env:BoardGameEnv", kwargs={"game": _game}
    )
