"""The verbs of search: many positions in, for each a move, an improved policy and a value out."""

import time
from dataclasses import dataclass

import numpy as np

from games import interrupt
from games.game import Game
from games.kernel import direct
from selfplay.config import SearchConfig
from selfplay.search import root, simulate, tree
from selfplay.search.evaluate import Evaluate
from selfplay.search.tree import FULL, GIVEN_NOISE, GUMBEL, NO_NOISE, NUMBER, OWN_NOISE, Forest, Rules

_reset_all = direct(simulate.reset_all)
_run_all = direct(simulate.run_all)
_expand_leaves = direct(simulate.expand_leaves)
_summarise_all = direct(root.summarise_all)
_priors_of_roots = direct(root.priors_of_roots)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a search found for each of N positions; values as the player to move sees them."""

    action_N: np.ndarray  # int64; the move to play
    policy_NA: np.ndarray  # float32; the improved policy
    visits_NA: np.ndarray  # int32
    q_NA: np.ndarray  # float32; 0 where not visited
    priors_NA: np.ndarray  # float32; the evaluator's policy at the root
    wdl_N3: np.ndarray  # float32; win, draw, loss
    proven_N: np.ndarray  # int8; UNPROVEN, PROVEN_WIN, PROVEN_DRAW or PROVEN_LOSS
    plies_N: np.ndarray  # int32; to the end of the game where proven
    simulations: int
    evaluations: int
    """rows sent to the evaluator"""

    @property
    def value_N(self) -> np.ndarray:  # noqa: N802
        """float32 in [-1, 1]."""
        return self.wdl_N3[:, 0] - self.wdl_N3[:, 2]


def rules_of(config: SearchConfig) -> Rules:
    """The numbers that kernels need of a search config."""
    return Rules(
        rule=NUMBER[config.rule],
        prove=1 if config.prove else 0,
        lookahead=1 if config.prove and config.lookahead else 0,
        c_visit=config.c_visit,
        c_scale=config.c_scale,
        c_puct=config.c_puct,
        fpu_reduction=config.fpu_reduction,
        noise_fraction=config.noise_fraction,
        noise_total=config.noise_total,
        forced_playouts=config.forced_playouts,
    )


class Search:
    """Trees for up to `games` positions at once, up to `simulations` each, allocated once."""

    def __init__(self, game: Game, config: SearchConfig, *, games: int, simulations: int | None = None) -> None:
        simulations = simulations or config.simulations
        self.game = game
        self.config = config
        self.simulations = simulations
        self.rules = rules_of(config)
        self._evaluate: Evaluate | None = None
        self.forest = tree.allocate(
            game,
            games=games,
            simulations=simulations,
            fast_simulations=1,
            max_considered_actions=min(config.max_considered_actions, game.actions),
            cache_bits=config.cache_bits,
        )

    def forget(self) -> None:
        """Empty the evaluation cache: the evaluator's weights have changed."""
        self.forest.cache_key_E[:] = 0
        self.forest.cache_row_E[:] = tree.NONE

    def run(
        self,
        states_NW: np.ndarray,
        evaluate: Evaluate,
        *,
        simulations: int | None = None,
        noise: np.random.Generator | np.ndarray | None = None,
        milliseconds: float | None = None,
    ) -> Result:
        """Search N positions, none of them over, at once.

        `noise` explores at the root: it is drawn from a generator, or given as [N, A], Gumbel variates or a row of
        Dirichlet's distribution for each position. `milliseconds` stops all searches that long after the call (PUCT
        only: sequential halving must know its budget; see `timed`).
        """
        forest, n = self.forest, len(states_NW)
        if n > len(forest.searches_G):
            raise ValueError(f"{n} positions for a search of at most {len(forest.searches_G)}")
        if milliseconds is not None and self.rules.rule == GUMBEL:
            raise ValueError("a Gumbel search by the clock is a TimedSearch")
        budget = simulations or self.simulations
        if not 1 <= budget <= self.simulations:
            raise ValueError(f"{budget} simulations for a search of 1 to {self.simulations}")
        forest.halving_SMN[FULL, :, :budget] = tree.halving_table(forest.halving_SMN.shape[1] - 1, budget)
        if evaluate is not self._evaluate:
            self.forget()
            self._evaluate = evaluate
        kind = NO_NOISE
        if isinstance(noise, np.ndarray):
            kind = GIVEN_NOISE
            forest.root_scores_GA[:n] = noise
        elif noise is not None:
            kind = OWN_NOISE
            forest.rng_G[:] = noise.integers(2**63, size=len(forest.rng_G), dtype=np.uint64)
        forest.searches_G["row"] = tree.NONE
        forest.counts[:] = 0
        forest.searches_G["budget"][n:] = 0
        forest.searches_G["simulations"][n:] = 0
        forest.searches_G["leaf"][n:] = tree.NONE
        _reset_all(forest, states_NW, budget, FULL, kind)
        started = time.perf_counter()
        self._drive(evaluate, started + milliseconds / 1000 if milliseconds else None)
        return results_of(forest, self.rules, n, int(forest.counts[tree.SIMULATIONS]))

    def _drive(self, evaluate: Evaluate, deadline: float | None) -> None:
        forest, game = self.forest, self.game
        while rows := _run_all(forest, self.rules, game.step, game.legal, game.wins, game.observe):
            try:
                interrupt.check()
                logits_BA, wdl_B3 = evaluate(forest.planes_BPHW[:rows])
            except BaseException:  # the cache has promises to rows that will never come
                forest.counts[tree.ROWS] = 0
                self.forget()
                raise
            _expand_leaves(forest, self.rules, logits_BA, wdl_B3)
            if deadline is not None and time.perf_counter() >= deadline:
                return


def results_of(forest: Forest, rules: Rules, n: int, simulations: int) -> Result:
    """What the roots of the first `n` trees say, after so many simulations in all."""
    actions = forest.root_scores_GA.shape[1]
    action_N = np.zeros(n, np.int64)
    policy_NA = np.zeros((n, actions), np.float32)
    q_NA = np.zeros((n, actions), np.float32)
    visits_NA = np.zeros((n, actions), np.int32)
    wdl_N3 = np.zeros((n, 3), np.float32)
    _summarise_all(forest, rules, action_N, policy_NA, q_NA, visits_NA, wdl_N3)
    priors_NA = np.zeros((n, actions), np.float32)
    _priors_of_roots(forest, priors_NA)
    roots_N = forest.nodes_GN[:n, 0]
    return Result(
        action_N=action_N,
        policy_NA=policy_NA,
        visits_NA=visits_NA,
        q_NA=q_NA,
        priors_NA=priors_NA,
        wdl_N3=wdl_N3,
        proven_N=(roots_N["proven"] if rules.prove else np.zeros(n)).astype(np.int8),
        plies_N=roots_N["plies"].astype(np.int32),
        simulations=simulations,
        evaluations=int(forest.counts[tree.EVALUATIONS]),
    )
