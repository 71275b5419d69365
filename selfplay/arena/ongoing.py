"""The games of a match while they are played: positions, whose turn it is, and what came of those that are over.

G games, W words. Game 2i and game 2i + 1 are a pair: opening i, first with `a` to move, then with `b`. Side 0 is
`a`, side 1 is `b`.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from games import record as records
from games import text
from games.game import ONGOING, Game
from games.outcome import outcome_of, value
from games.record import GameRecord
from selfplay.players.agent import Agent


class OngoingGames:
    """Games as they stand, each with the number that decides its seeds."""

    def __init__(self, game: Game, lines: Sequence[Sequence[int]], first_number: int, seed: int) -> None:
        self.game = game
        self.seed = seed
        self.lines = [list(line) for line in lines for _ in range(2)]
        self.opening_plies_G = [len(line) for line in self.lines]
        self.states_GW = np.array([text.replay(game, line)[0] for line in self.lines])
        self.points_G = np.full(len(self.lines), np.nan)  # for `a`
        self.side_G = np.arange(len(self.lines)) % 2  # who is to move
        self.plies = 0  # moves made by the players, in all games
        self.numbers_G = first_number + np.arange(len(self.lines))
        self.forfeits: dict[int, str] = {}  # who could not go on, and why

    def think(self, agent: Agent, games_G: np.ndarray, ply: int) -> np.ndarray:
        """The agent's moves in these games, `ply` moves after their openings; -1 where it forfeits."""
        analysis = agent.act(self.states_GW[games_G], _seeds(self.seed, self.numbers_G[games_G], ply))
        for n, why in analysis.forfeits.items():
            self.forfeits[int(games_G[n])] = f"{agent.name} {why}"
        return analysis.actions_N

    def play(self, g: int, action: int) -> None:
        """A move of whoever's turn it is in game g."""
        if g in self.forfeits:
            self.points_G[g] = float(self.side_G[g])
            return
        self.states_GW[g], status = self.game.after(self.states_GW[g], action)
        self.lines[g].append(action)
        self.plies += 1
        if status != ONGOING:
            won = value(outcome_of(status)) * (1 - 2 * self.side_G[g])  # side 0 is `a`
            self.points_G[g] = (1 + won) / 2
        self.side_G[g] = 1 - self.side_G[g]

    def records(self, a: Agent, b: Agent) -> Iterator[GameRecord]:
        """The finished games on paper."""
        for g, line in enumerate(self.lines):
            opening_plies = self.opening_plies_G[g]
            first, second = (a, b) if (g + opening_plies) % 2 == 0 else (b, a)
            yield records.of_game(
                self.game,
                first.name,
                second.name,
                line,
                opening_plies=opening_plies,
                forfeit=self.forfeits.get(g, ""),
            )


def _seeds(seed: int, numbers_G: np.ndarray, ply: int) -> np.ndarray:
    """A seed for each game at this ply, uint64; they differ in every game and ply."""
    first = np.random.SeedSequence([seed, ply]).generate_state(1, np.uint64)
    return first + numbers_G.astype(np.uint64) * np.uint64(0xD1B54A32D192ED03)
