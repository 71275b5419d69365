"""How strong a player is, by two rulers: the solver of Connect Four (7 x 6), and matches.

The solver's ruler is a set of real decisions: positions in which some legal moves keep what the game is worth and
others do not. A move that does not keep it costs points of a game: 1 where a win becomes a loss, else 1/2.

N positions, W words, A actions.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import games
from games.game import Game
from selfplay.arena.match import play_match
from selfplay.arena.perfect import suites
from selfplay.knowledge import oracle
from selfplay.players.agent import Agent
from selfplay.players.make import make_agent
from selfplay.stats import rating

STAGES = ("0-5", "6-11", "12-17", "18+")
"""plies played before the decision"""
_PLIES = 6  # of a stage; the last one has all that come after
_SOLVED = "connect4"
_CLEARLY = 0.75  # points per game

available = oracle.available
"""whether the solver is installed"""


@dataclass(frozen=True)
class Decisions:
    """Positions, and what each move is worth there with perfect play after it."""

    states_NW: np.ndarray
    values_NA: np.ndarray
    """int8: 1 won, 0 drawn, -1 lost for the player to move; -2 where the move is illegal"""

    def stages(self) -> np.ndarray:
        """Of each position, its number in `STAGES`, int64 [N]."""
        return np.minimum(self.states_NW[:, 2].astype(np.int64) // _PLIES, len(STAGES) - 1)

    def as_json(self) -> dict[str, Any]:
        """For the result of a cell; 40 letters a position."""
        return {"count": len(self.states_NW), "states": _text(self.states_NW), "values": _text(self.values_NA)}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Decisions":
        states, values = (base64.b85decode(found[name]) for name in ("states", "values"))
        shape = (found["count"], -1)
        states_NW, values_NA = np.frombuffer(states, "<u8").reshape(shape), np.frombuffer(values, "i1").reshape(shape)
        return cls(states_NW.copy(), values_NA.copy())  # since kernels take no array that is only to be read


def _text(array: np.ndarray) -> str:
    return base64.b85encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()


def decisions(count: int, seed: int) -> Decisions:
    """`count` decisions of each stage of Connect Four, from games of alpha-beta in which one move in four is random;
    the same for the same seed. Those after ply 18 are shared out over the rest of the game."""
    *by_plies, _ = suites.decision_suites(games.make(_SOLVED), count, seed)
    early, late = by_plies[: len(STAGES) - 1], by_plies[len(STAGES) - 1 :]
    each = -(-count // max(1, len(late) - 1))  # games seldom come to the last plies
    parts = [(suite.states_NW[:count], suite.scores_NA[:count]) for suite in early]
    rest = [(suite.states_NW[:each], suite.scores_NA[:each]) for suite in late]
    parts.append((np.concatenate([states for states, _ in rest])[:count], np.concatenate([s for _, s in rest])[:count]))
    scores_NA = np.concatenate([scores for _, scores in parts])
    values_NA = np.where(scores_NA == oracle.ILLEGAL, -2, np.sign(scores_NA)).astype(np.int8)
    return Decisions(np.concatenate([states for states, _ in parts]), values_NA)


@dataclass(frozen=True, kw_only=True)
class Marks:
    """How a player did on decisions."""

    kept: float
    """share of its moves that keep what the game is worth; every stage counts as much as it has positions"""
    by_stage: Mapping[str, float]
    """the same, by `STAGES`"""
    regret: float
    """points of a game that a decision costs on average"""
    number: int
    """of decisions"""

    def as_json(self) -> dict[str, Any]:
        """For the result of a cell."""
        return {"kept": self.kept, "by_stage": dict(self.by_stage), "regret": self.regret, "number": self.number}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Marks":
        return cls(**found)


def kept(agent: Agent, asked: Decisions, seed: int = 0) -> Marks:
    """Ask for a move in every position."""
    seeds_N = np.random.default_rng(seed).integers(0, 1 << 63, len(asked.states_NW)).astype(np.uint64)
    actions_N = agent.act(asked.states_NW, seeds_N).actions_N
    chosen_N = asked.values_NA[np.arange(len(actions_N)), actions_N]
    assert (chosen_N > -2).all()
    lost_N = (asked.values_NA.max(axis=1) - chosen_N) / 2
    stages = {name: lost_N[asked.stages() == number] for number, name in enumerate(STAGES)}
    return Marks(
        kept=float((lost_N == 0).mean()),
        by_stage={name: float((some_N == 0).mean()) for name, some_N in stages.items() if len(some_N)},
        regret=float(lost_N.mean()),
        number=len(lost_N),
    )


class Score(NamedTuple):
    """What came of a match, as the first player sees it."""

    wins: int
    draws: int
    losses: int
    pairs_5: Sequence[float]
    """pairs of games with 0, 1/2, 1, 3/2 and 2 points, each distinct pair counted once: what ratings are made of"""

    @property
    def share(self) -> float:
        """Points per game."""
        return (self.wins + self.draws / 2) / (self.wins + self.draws + self.losses)


def play(game: Game, a: Agent, b: Agent, pairs: int, seed: int = 0) -> Score:
    """A match from so many openings, distinct as far as there are so many, each with both colours."""
    result = play_match(game, a, b, games=2 * pairs, seed=seed)
    return Score(result.wins, result.draws, result.losses, tuple(float(n) for n in result.evidence_5))


def pool(matches: Sequence[rating.Match], anchor: str) -> dict[str, float]:
    """Elo of all who played, by name, with `anchor` at 0. Intervals are for whoever has several pools: seeds."""
    names = list(dict.fromkeys(name for a, b, _ in matches for name in (a, b)))
    return {one.agent: one.elo for one in rating.rate(names, matches, anchors={anchor: 0.0}, resamples=2)}


def climb(
    game: Game, name: str, agent: Agent, ladder: Sequence[str], *, pairs: int, seed: int, start: int = 0
) -> tuple[list[rating.Match], int]:
    """Matches against the opponents of a ladder, weakest first, from `start` up to the first that is not clearly
    beaten, since games against the others tell next to nothing; and the number of the one met last."""
    matches: list[rating.Match] = []
    for number in range(start, len(ladder)):
        found = play(game, agent, make_agent(ladder[number], game), pairs, seed)
        matches.append((name, ladder[number], found.pairs_5))
        if found.share <= _CLEARLY:
            return matches, number
    return matches, len(ladder) - 1


def round_robin(game: Game, specs: Sequence[str], pairs: int, seed: int) -> list[rating.Match]:
    """Matches of each with the next two of a ladder."""
    players = [make_agent(spec, game) for spec in specs]
    return [
        (specs[i], specs[j], play(game, players[i], players[j], pairs, seed).pairs_5)
        for i in range(len(specs))
        for j in range(i + 1, min(i + 3, len(specs)))
    ]
