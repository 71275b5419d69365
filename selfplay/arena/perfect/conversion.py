"""Does an agent win what is won? Every opening that wins for who began, played out against perfect play.

G games, W words, A actions; scores as in `oracle`.
"""

import itertools
import sys
import time
from dataclasses import dataclass

import numpy as np

from games import text
from games.game import MOVER_WON, ONGOING, Game
from selfplay.arena.perfect.suites import either_way, labels
from selfplay.knowledge import oracle
from selfplay.players.agent import Agent
from selfplay.stats import score

LONGEST = 4  # plies of an opening
_SILENCE_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """How many of the won openings an agent won."""

    agent: str
    openings: int
    won: int

    def as_dict(self) -> dict:
        """With Wilson's 95 % interval of the share."""
        low, high = score.wilson(self.won / self.openings, self.openings)
        return {
            "agent": self.agent,
            "openings": self.openings,
            "won": self.won,
            "converted": self.won / self.openings,
            "converted_low": low,
            "converted_high": high,
        }


def won_openings(game: Game) -> np.ndarray:
    """uint64 [G, W]: of the empty board, and what may come after 2 and 4 plies, all that wins for who began.

    Each position once, mirror images taken for one.
    """
    found: dict[bytes, list[int]] = {}
    for plies in range(0, LONGEST + 1, 2):
        for line in itertools.product(range(game.width), repeat=plies):
            found.setdefault(either_way(game, line), list(line))
    states_GW = np.array([text.replay(game, line)[0] for line in found.values()])
    scores_GA = labels([text.format_moves(game, line) for line in found.values()], states_GW, "openings")
    return states_GW[scores_GA.max(axis=1) > 0]


def convert(game: Game, agent: Agent, seed: int = 0, openings: int | None = None) -> Conversion:
    """Play won openings out: the agent to win, perfect play against it, which resists for as long as it can.

    All of them, or `openings` of them, drawn by `seed`; so does the perfect player draw lots among equally good moves.
    How far it is goes to stderr now and then, since perfect play takes its time in the middle of a game.
    """
    rng = np.random.default_rng(seed)
    states_GW = won_openings(game)
    if openings is not None:
        states_GW = rng.permutation(states_GW)[:openings]
    openings, won, to_win, said = len(states_GW), 0, True, time.monotonic()
    while len(states_GW):
        if time.monotonic() - said > _SILENCE_S:
            said = time.monotonic()
            print(f"won openings: {len(states_GW)} of {openings} games go on", file=sys.stderr)
        if to_win:
            actions_G = agent.act(states_GW, rng.integers(0, 1 << 63, len(states_GW)).astype(np.uint64)).actions_N
        else:
            scores_GA = oracle.scores(states_GW)
            best_GA = scores_GA == scores_GA.max(axis=1, keepdims=True)
            actions_G = np.where(best_GA, rng.random(best_GA.shape), -1.0).argmax(axis=1)
        after = [game.after(state_W, int(action)) for state_W, action in zip(states_GW, actions_G, strict=True)]
        won += sum(status == MOVER_WON for _, status in after) if to_win else 0
        states_GW = np.array([state_W for state_W, status in after if status == ONGOING])
        to_win = not to_win
    return Conversion(agent=agent.name, openings=openings, won=won)
