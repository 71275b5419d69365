"""An agent that answers one position at a time, by a deadline.

W words.
"""

import time
from concurrent.futures import ThreadPoolExecutor, TimeoutError

import numpy as np

from games.game import Game
from selfplay.export import engine_clock
from selfplay.players.agent import Analysis, position_seed
from selfplay.players.make import make_agent
from selfplay.players.spec import Spec

_DEFAULT_MS = 1000.0  # what an agent that thinks by the clock makes room for, if its spec does not say
_WARM_MS = 50.0


class Player:
    """The agent of `spec` in one game. If it has not answered in time, a player of one-ply rules answers for it."""

    def __init__(self, spec: str, game: Game, seed: int) -> None:
        given = Spec.parse(spec)
        timed = given.by_the_clock(_DEFAULT_MS)
        self.game = game
        self.seed = seed
        self.stood_in = 0  # how often the agent was late
        self._agent = make_agent(timed, game)
        self._most_ms = self._agent.ms if timed == given else None  # what the user allows; None: any time
        self._stand_in = make_agent("rules", game)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="thinking")
        self._warm_up()

    def _warm_up(self) -> None:
        """The first answers load compiled code and take memory; they are nobody's move."""
        state_W = self.game.initial()
        self._stand_in.act(state_W[None], np.zeros(1, np.uint64))
        for _ in range(2 if self._agent.act_timed else 1):
            self._thread.submit(self._think, state_W, _WARM_MS).result()

    def think(self, state_W: np.ndarray, limit: float, asked: float) -> Analysis:
        """Its analysis of a position that is not over, `limit` milliseconds after `asked` (`time.monotonic`)."""
        spent = 1000 * (time.monotonic() - asked)
        thought = self._thread.submit(self._think, state_W, engine_clock.thinking(limit - spent))
        try:
            return thought.result((engine_clock.waiting(limit) - spent) / 1000)
        except TimeoutError:
            thought.cancel()
            self.stood_in += 1
            return self._stand_in.act(state_W[None], self._seeds(state_W))

    def _think(self, state_W: np.ndarray, ms: float) -> Analysis:
        if self._agent.act_timed is None:
            return self._agent.act(state_W[None], self._seeds(state_W))
        return self._agent.act_timed(state_W[None], self._seeds(state_W), min(ms, self._most_ms or ms))

    def _seeds(self, state_W: np.ndarray) -> np.ndarray:
        return np.array([position_seed(self.seed, state_W)])
