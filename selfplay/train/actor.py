"""Self-play of one thread: the games of `slots`, their trees, and the network that evaluates their leaves.

M finished positions.
"""

import math
import time
from dataclasses import dataclass, replace

import numpy as np

from games.game import Game
from games.kernel import direct
from selfplay.config import Config
from selfplay.search import simulate, tree
from selfplay.search.evaluate import Evaluate
from selfplay.search.search import rules_of
from selfplay.search.tree import FULL, NONE
from selfplay.train import arrays
from selfplay.train.replay import pack_owners
from selfplay.train.slots import FACT, GAMES, POSITIONS, Plan, advance, allocate, restart

_ROUNDING = 1e-3  # of probabilities
_FINITE = float(np.finfo(np.float32).max)
_advance = direct(advance)
_restart = direct(restart)
_expand_leaves = direct(simulate.expand_leaves)


@dataclass(frozen=True, kw_only=True)
class Harvest:
    """What one thread's share of a generation brought in."""

    states_MW: np.ndarray
    policies_MA: np.ndarray
    wdl_M3: np.ndarray
    facts_M: np.ndarray
    owners_M2K: np.ndarray | None = None
    """as `replay.pack_owners` gives it; None where nobody kept how the games ended"""
    lengths: np.ndarray
    results: np.ndarray
    redrawn: int
    """openings drawn again, for being lopsided"""
    simulations: int
    evaluations: int
    cache_hits: int
    network_seconds: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What a generation may cost at most, with what will be learned from it. Play ends where the rest is what learning
    from its finished positions takes; one game at least is finished."""

    evaluations: float = math.inf
    """in evaluations of the network: of self-play, and learning at three for each sample"""
    evaluations_per_position: float = 0.0
    """that learning takes"""
    seconds: float = math.inf
    seconds_per_position: float = 0.0
    """that learning takes"""

    def of_one(self, threads: int) -> "Allowance":
        """The share of one of several threads, which play at the same time."""
        return replace(
            self, evaluations=self.evaluations / threads, seconds_per_position=self.seconds_per_position * threads
        )

    def spent(self, evaluations: int, seconds: float, positions: int) -> bool:
        """Whether play that took so much, and finished so many positions, has to end."""
        return positions > 0 and (
            evaluations + self.evaluations_per_position * positions >= self.evaluations
            or seconds + self.seconds_per_position * positions >= self.seconds
        )


UNLIMITED = Allowance()


class Actor:
    """One thread's games, trees and evaluator."""

    def __init__(self, game: Game, config: Config, evaluator: Evaluate, positions: int) -> None:
        search, play = config.search, config.play
        self.game = game
        self.evaluator = evaluator
        self.quota = positions
        self.rules = rules_of(search)
        self.plan = Plan(
            simulations=search.simulations,
            fast_simulations=search.fast_simulations,
            full_fraction=search.full_fraction,
            opening_plies=min(play.opening_plies, game.max_plies // 2),
            temperature_plies=play.temperature_plies,
            max_opening_value=play.max_opening_value,
            opening_tries=play.opening_tries if play.max_opening_value < 1.0 else 0,
            draw_adjudication=play.draw_adjudication,
        )
        self.forest = tree.allocate(
            game,
            games=play.games,
            simulations=search.simulations,
            fast_simulations=search.fast_simulations,
            max_considered_actions=min(search.max_considered_actions, game.actions),
            cache_bits=search.cache_bits,
        )
        self.slots = allocate(game, play.games, positions + game.max_plies)
        self._fresh = True

    @property
    def finished_positions(self) -> int:
        """Of this generation, in games that are over."""
        return int(self.slots.filled[POSITIONS])

    @property
    def finished_games(self) -> int:
        """Of this generation."""
        return int(self.slots.filled[GAMES])

    @property
    def evaluations(self) -> int:
        """By the network, in this generation."""
        return int(self.forest.counts[tree.EVALUATIONS])

    @property
    def ongoing_positions(self) -> int:
        """Searched, in games that are not over."""
        return int(self.slots.count_G.sum())

    def play(self, seed: np.random.SeedSequence, simulations: int = 0, allowance: Allowance = UNLIMITED) -> Harvest:
        """Play until the quota of positions is finished or the allowance spent, with the evaluator as it is now.

        Ongoing games stay, their current searches begin anew. All randomness comes from `seed`. Full searches have
        so many `simulations` from now on, at most those of the config; 0 leaves their number as it is.
        """
        forest, slots, game = self.forest, self.slots, self.game
        if simulations and simulations != self.plan.simulations:
            self.plan = self.plan._replace(simulations=simulations)
            halving_MN = tree.halving_table(forest.halving_SMN.shape[1] - 1, simulations)
            forest.halving_SMN[FULL, :, :simulations] = halving_MN
        forest.cache_key_E[:] = 0
        forest.cache_row_E[:] = NONE
        forest.counts[:] = 0
        forest.rng_G[:] = np.random.default_rng(seed).integers(2**63, size=len(forest.rng_G), dtype=np.uint64)
        slots.filled[:] = 0
        _restart(forest, slots, self.plan, game.step, game.legal, int(self._fresh))
        self._fresh = False
        network_seconds = 0.0
        started = time.perf_counter()
        functions = (game.step, game.legal, game.wins, game.observe)
        while (rows := _advance(forest, slots, self.rules, self.plan, *functions, self.quota)) >= 0:
            before = time.perf_counter()
            logits_BA, wdl_B3 = self.evaluator(forest.planes_BPHW[:rows])
            network_seconds += time.perf_counter() - before
            _expand_leaves(forest, self.rules, logits_BA, wdl_B3)
            spent = int(forest.counts[tree.EVALUATIONS]), time.perf_counter() - started
            if allowance.spent(*spent, positions=self.finished_positions):
                break
        positions, games, redrawn = slots.filled
        return Harvest(
            states_MW=slots.done_states_MW[:positions].copy(),
            policies_MA=slots.done_policies_MA[:positions].copy(),
            wdl_M3=slots.done_wdl_M3[:positions].copy(),
            facts_M=slots.done_facts_M[:positions].copy(),
            owners_M2K=pack_owners(slots.done_owners_MC[:positions]),
            lengths=slots.lengths[:games].copy(),
            results=slots.results[:games].copy(),
            redrawn=int(redrawn),
            simulations=int(forest.counts[tree.SIMULATIONS]),
            evaluations=int(forest.counts[tree.EVALUATIONS]),
            cache_hits=int(forest.counts[tree.HITS]),
            network_seconds=network_seconds,
            seconds=time.perf_counter() - started,
        )

    def state(self) -> dict[str, np.ndarray]:
        """The ongoing games, as arrays to save."""
        slots = self.slots
        longest = int(slots.count_G.max(initial=0))
        return {
            "state_GW": slots.state_GW,
            "ply_G": slots.ply_G,
            "count_G": slots.count_G,
            "tries_G": slots.tries_G,
            "states_GTW": slots.states_GTW[:, :longest],
            "policies_GTA": slots.policies_GTA[:, :longest],
            "wdl_GT3": slots.wdl_GT3[:, :longest],
            "facts_GT": slots.facts_GT[:, :longest].view(np.uint8),
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on with saved games. `ValueError` if they were saved with another number of slots, or cannot have been."""
        slots = self.slots
        if "ply_G" in state and state["ply_G"].shape != slots.ply_G.shape:
            raise ValueError(
                f"the run was saved with {len(state['ply_G'])} games per thread, not {len(slots.ply_G)}: "
                "play.games cannot change"
            )
        self._check(state)
        longest = state["states_GTW"].shape[1]
        slots.state_GW[:] = state["state_GW"]
        slots.ply_G[:] = state["ply_G"]
        slots.count_G[:] = state["count_G"]
        slots.tries_G[:] = state.get("tries_G", 0)  # runs from before openings were judged have none
        slots.states_GTW[:, :longest] = state["states_GTW"]
        slots.policies_GTA[:, :longest] = state["policies_GTA"]
        slots.wdl_GT3[:, :longest] = state["wdl_GT3"]
        slots.facts_GT[:, :longest] = np.ascontiguousarray(state["facts_GT"]).view(FACT)
        self._fresh = False

    def _check(self, state: dict[str, np.ndarray]) -> None:
        """`ValueError` for arrays that `state` cannot have given: the kernels index by what they hold."""
        game, games = self.game, len(self.slots.ply_G)
        arrays.expect(state, {"states_GTW": (np.uint64, (games, None, game.words))})
        longest = state["states_GTW"].shape[1]
        arrays.expect(
            state,
            {
                "state_GW": (np.uint64, (games, game.words)),
                "ply_G": (np.int32, (games,)),
                "count_G": (np.int32, (games,)),
                "policies_GTA": (np.float32, (games, longest, game.actions)),
                "wdl_GT3": (np.float32, (games, longest, 3)),
                "facts_GT": (np.uint8, (games, longest * FACT.itemsize)),
            },
        )
        ply_G, count_G = state["ply_G"], state["count_G"]
        arrays.within("ply_G", ply_G, 0, game.max_plies - 1)
        arrays.within("count_G", count_G, 0, min(longest, game.max_plies))
        if (count_G > ply_G).any():
            raise ValueError("count_G: more positions are recorded than plies were played")
        if "tries_G" in state:
            arrays.expect(state, {"tries_G": (np.int32, (games,))})
            arrays.within("tries_G", state["tries_G"], 0, max(self.plan.opening_tries, 0))
        played_GT = np.arange(longest) < count_G[:, None]
        facts_M = np.ascontiguousarray(state["facts_GT"]).view(FACT)[played_GT]
        arrays.within("policies_GTA", state["policies_GTA"][played_GT], 0.0, 1.0 + _ROUNDING)
        arrays.within("wdl_GT3", state["wdl_GT3"][played_GT], -_ROUNDING, 1.0 + _ROUNDING)
        for name, low, high in (("action", 0, game.actions - 1), ("mover", 0, 1), ("full", 0, 1)):
            arrays.within(f"facts_GT: {name}", facts_M[name], low, high)
        for name in ("net_value", "divergence"):
            arrays.within(f"facts_GT: {name}", facts_M[name], -_FINITE, _FINITE)
        for name, states_MW in (("state_GW", state["state_GW"]), ("states_GTW", state["states_GTW"][played_GT])):
            if (row := game.first_impossible(states_MW)) is not None:
                raise ValueError(f"row {row} of {name} is no position of {game.name}")
        if any(game.plies(state_W) != ply for state_W, ply in zip(state["state_GW"], ply_G, strict=True)):
            raise ValueError("ply_G and state_GW disagree on how many moves were made")
