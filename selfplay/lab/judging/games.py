"""Games between two judges, many at once, as examples to learn from.

G games, N of them that are not over, M positions in the order of their games, W words, A actions.
"""

from typing import NamedTuple

import numpy as np

from games.game import ONGOING, Game
from games.outcome import LOSS, outcome_of
from selfplay.lab.judging.judges import Judge, drawn
from selfplay.search.tree import NONE
from selfplay.train.slots import FACT


class Played(NamedTuple):
    """What the learner saw: positions in which it was to move, of games that are over."""

    states_MW: np.ndarray
    facts_M: np.ndarray
    """FACT: what was played, what was answered, and how the game ended for who was to move"""
    lengths_G: np.ndarray
    """plies, those of the opening included"""
    results_G: np.ndarray
    """WIN, DRAWN or LOSS of the player who began"""
    points_G: np.ndarray
    """of the learner; 1/2 where it plays both sides"""
    flops: float
    """of both players"""


def play(
    game: Game, learner: Judge, opponent: Judge | None, count: int, *, opening_plies: int, rng: np.random.Generator
) -> Played:
    """Games that begin with 0 to `opening_plies` random moves; then moves are drawn from the policy of who is to move.

    The learner begins every other game. Without an opponent it plays both sides, and sees the positions of both.
    """
    states_GW, plies_G = _openings(game, count, opening_plies, rng)
    sides_G, ongoing_N = np.arange(count) % 2, np.arange(count)
    results_G = np.zeros(count, np.int8)
    moves: list[np.ndarray] = []
    flops = 0.0
    while len(ongoing_N):
        states_NW = states_GW[ongoing_N]
        mine_N = (plies_G[ongoing_N] % 2 == sides_G[ongoing_N]) | (opponent is None)
        actions_N = np.zeros(len(ongoing_N), np.int64)
        for judge, turn_N in ((learner, mine_N), (opponent, ~mine_N)):
            if judge is not None and turn_N.any():
                verdict = judge(states_NW[turn_N])
                actions_N[turn_N] = drawn(verdict.policy_NA, rng)
                flops += verdict.flops
        moves.append(_moves(ongoing_N, states_NW, actions_N, mine_N, plies_G[ongoing_N] % 2))
        steps = zip(states_NW, actions_N, ongoing_N, strict=True)
        status_N = np.array([game.step(state_W, int(action), states_GW[g]) for state_W, action, g in steps])
        over_N = status_N != ONGOING
        ended_N = ongoing_N[over_N]
        of_mover_N = np.array([outcome_of(int(status)) for status in status_N[over_N]], np.int8)
        results_G[ended_N] = np.where(plies_G[ended_N] % 2 == 0, of_mover_N, LOSS - of_mover_N)
        plies_G[ongoing_N] += 1
        ongoing_N = ongoing_N[~over_N]
    states_MW, facts_M = _examples(np.concatenate(moves), results_G)
    points_G = np.where(sides_G == 0, LOSS - results_G, results_G) / 2 if opponent else np.full(count, 0.5)
    return Played(states_MW, facts_M, plies_G.astype(np.int32), results_G, points_G, flops)


def _openings(game: Game, count: int, plies: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Positions [G, W] after 0 to `plies` random moves, none of them over, and how many moves [G]."""
    states_GW = np.array([game.initial()] * count)
    plies_G = rng.integers(plies + 1, size=count)
    for g in range(count):
        made = 0
        while made < plies_G[g]:
            next_W, status = game.after(states_GW[g], int(rng.choice(game.legal_actions(states_GW[g]))))
            made = made + 1 if status == ONGOING else 0
            states_GW[g] = next_W if status == ONGOING else game.initial()
    return states_GW, plies_G


def _moves(
    games_N: np.ndarray, states_NW: np.ndarray, actions_N: np.ndarray, mine_N: np.ndarray, movers_N: np.ndarray
) -> np.ndarray:
    """What is remembered of one move in each game."""
    kind = [("game", np.int64), ("state", np.uint64, states_NW.shape[1:]), ("mine", np.bool_), ("fact", FACT)]
    moves_N = np.zeros(len(games_N), kind)
    moves_N["game"], moves_N["state"], moves_N["mine"] = games_N, states_NW, mine_N
    moves_N["fact"]["action"], moves_N["fact"]["mover"], moves_N["fact"]["full"] = actions_N, movers_N, 1
    return moves_N


def _examples(moves_M: np.ndarray, results_G: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """States and facts of the learner's moves, game by game, now that it is known what came of them."""
    moves_M = moves_M[np.argsort(moves_M["game"], kind="stable")]
    facts_M, results_M = moves_M["fact"].copy(), results_G[moves_M["game"]]
    facts_M["z"] = np.where(facts_M["mover"] == 0, results_M, LOSS - results_M)
    facts_M["reply"] = NONE
    same_game = moves_M["game"][1:] == moves_M["game"][:-1]
    facts_M["reply"][:-1][same_game] = facts_M["action"][1:][same_game]
    return moves_M["state"][moves_M["mine"]].copy(), facts_M[moves_M["mine"]]
