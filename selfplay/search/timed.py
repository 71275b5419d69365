"""One position, searched by the clock: a Gumbel search whose root moves are explored side by side.

Between two decisions of sequential halving the moves that are still considered do not influence each other. So
each has a tree of its own here, and one leaf of every tree is evaluated in the same call: the answer is that of
a search one simulation at a time, and a call for eight rows takes little longer than a call for one.

M root moves (all legal ones, likeliest first), L trees, A actions.
"""

import math
import time

import numpy as np

from games.game import DRAW, MOVER_WON, ONGOING, Game
from games.kernel import direct
from games.outcome import PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN, UNPROVEN
from selfplay.config import SearchConfig
from selfplay.search import reuse, simulate, tree
from selfplay.search.evaluate import Evaluate
from selfplay.search.search import Result, rules_of
from selfplay.search.tree import INTERIOR, NONE

_reset_all = direct(reuse.reset_all)
_run_all = direct(simulate.run_all)
_expand_leaves = direct(simulate.expand_leaves)

_PER_MILLISECOND = 30  # simulations that a move's tree has room for: several times what a core can do
_FEWEST, _MOST = 256, 1 << 14
_VALUE = (0.0, -1.0, 0.0, 1.0)  # of a move that leads to a position proven so; 0 where nothing is
_PROVEN = {ONGOING: UNPROVEN, MOVER_WON: PROVEN_LOSS, DRAW: PROVEN_DRAW}  # what a step says of the position reached


class TimedSearch:
    """Gumbel search of one position at a time, `milliseconds` each; without noise, so that only the clock varies."""

    def __init__(self, game: Game, config: SearchConfig, milliseconds: float) -> None:
        self.game = game
        self.milliseconds = milliseconds
        self.rules = rules_of(config)
        self.capacity = max(_FEWEST, min(_MOST, int(_PER_MILLISECOND * milliseconds)))
        self._evaluate: Evaluate | None = None
        self._slowest = 0.0  # seconds of a round, so that none begins that would end too late
        self.forest = tree.allocate(
            game,
            games=min(config.considered, game.actions),
            simulations=self.capacity,
            fast_simulations=1,
            max_considered_actions=1,
            cache_bits=config.cache_bits,
        )

    def run(self, state_W: np.ndarray, evaluate: Evaluate) -> Result:
        """The search's answer for a position that is not over, as a batch of one."""
        started = time.perf_counter()
        forest = self.forest
        if evaluate is not self._evaluate:
            forest.cache_key_E[:] = 0
            forest.cache_row_E[:] = NONE
            self._evaluate = evaluate
        root = _Root(self.game, state_W, evaluate, self.rules)
        forest.counts[:] = 0
        for field, value in (("budget", 0), ("simulations", 0), ("row", NONE), ("leaf", NONE)):
            forest.searches_G[field] = value
        tree_of = root.unproven()[: len(forest.searches_G)]  # tree l is of move tree_of[l]
        _reset_all(forest, root.states_MW[tree_of], np.zeros(len(tree_of), np.uint8), 0, INTERIOR, 0, self.rules)
        phases = max(1, math.ceil(math.log2(max(1, len(tree_of)))))
        for phase in range(phases):
            if phase:
                root.keep(max(2, len(tree_of) >> phase))
            trees_L = np.flatnonzero(root.contends_M[tree_of] & (root.proven_M[tree_of] == UNPROVEN))
            if root.outcome != UNPROVEN or not len(trees_L):
                break
            self._explore(trees_L, evaluate, started + self.milliseconds / 1000 * (phase + 1) / phases)
            root.learn(tree_of, forest.nodes_GN[: len(tree_of), 0])
        return root.result(evaluations=1 + int(forest.counts[tree.EVALUATIONS]))

    def _explore(self, trees_L: np.ndarray, evaluate: Evaluate, deadline: float) -> None:
        """A simulation in each of the trees, again and again until the deadline, but one in any case."""
        forest, game = self.forest, self.game
        forest.searches_G["budget"] = 0
        forest.searches_G["budget"][trees_L] = self.capacity
        began = time.perf_counter()
        while rows := _run_all(forest, self.rules, game.step, game.legal, game.wins, game.observe):
            logits_BA, wdl_B3 = evaluate(forest.planes_BPHW[:rows])
            _expand_leaves(forest, self.rules, logits_BA, wdl_B3)
            now = time.perf_counter()
            self._slowest = max(0.9 * self._slowest, now - began)
            if now + self._slowest > deadline:
                return
            began = now


class _Root:
    """What is known of each legal move, likeliest first; values as the player to move at the root sees them."""

    def __init__(self, game: Game, state_W: np.ndarray, evaluate: Evaluate, rules: tree.Rules) -> None:
        legal = game.legal_actions(state_W)
        logits_BA, wdl_B3 = evaluate(game.planes_of(state_W)[None])
        weights = np.exp(logits_BA[0, legal].astype(np.float64) - logits_BA[0, legal].max())
        order = np.argsort(-weights, kind="stable")
        self.actions = game.actions
        self.rules = rules
        self.wdl_3 = wdl_B3[0].astype(np.float64)
        self.actions_M = legal[order]
        self.prior_M = weights[order] / weights.sum()
        self.states_MW = np.zeros((len(legal), game.words), np.uint64)
        reached = zip(self.actions_M.tolist(), self.states_MW, strict=True)
        statuses = [game.step(state_W, action, next_W) for action, next_W in reached]
        self.proven_M = np.array([_PROVEN[status] for status in statuses])  # for the player to move there
        self.plies_M = np.zeros(len(legal), int)  # from there to the end of the game, where proven
        self.visits_M = np.zeros(len(legal), int)
        self.value_M = np.choose(self.proven_M, _VALUE)  # to the player to move at the root
        self.draw_M = (self.proven_M == PROVEN_DRAW).astype(float)
        self.contends_M = self.proven_M != PROVEN_WIN

    @property
    def outcome(self) -> int:
        """What is proven of the root itself."""
        if (self.proven_M == PROVEN_LOSS).any():
            return PROVEN_WIN
        if (self.proven_M == UNPROVEN).any():
            return UNPROVEN
        return PROVEN_DRAW if (self.proven_M == PROVEN_DRAW).any() else PROVEN_LOSS

    def unproven(self) -> np.ndarray:
        """The moves of unknown outcome, likeliest first."""
        return np.flatnonzero(self.proven_M == UNPROVEN)

    def learn(self, tree_of: np.ndarray, roots_L: np.ndarray) -> None:
        """Take over what the trees now say of their moves."""
        visits_L = np.maximum(roots_L["visits"], 1)
        self.visits_M[tree_of] = roots_L["visits"]
        self.proven_M[tree_of] = roots_L["proven"]
        self.plies_M[tree_of] = roots_L["plies"]
        settled_L = roots_L["proven"] != UNPROVEN
        self.value_M[tree_of] = np.where(
            settled_L, np.choose(roots_L["proven"], _VALUE), -roots_L["value_sum"] / visits_L
        )
        self.draw_M[tree_of] = np.where(settled_L, roots_L["proven"] == PROVEN_DRAW, roots_L["draw_sum"] / visits_L)
        self.contends_M &= self.proven_M != PROVEN_WIN

    def _improved(self) -> np.ndarray:
        """Logit + sigma(completed Q) of each move: equations 8 and 33 of Danihelka et al. 2022."""
        seen_M = ((self.visits_M > 0) | (self.proven_M != UNPROVEN)) & (self.proven_M != PROVEN_WIN)
        visits, mass = self.visits_M[seen_M].sum(), self.prior_M[seen_M].sum()
        mixed = self.wdl_3[0] - self.wdl_3[2]
        if mass > 0:
            mixed = (mixed + visits * (self.prior_M * self.value_M)[seen_M].sum() / mass) / (1 + visits)
        factor = (self.rules.c_visit + self.visits_M.max()) * self.rules.c_scale
        return np.log(self.prior_M) + factor * np.where(seen_M, self.value_M, mixed)

    def keep(self, count: int) -> None:
        """Sequential halving: only the best `count` contenders go on."""
        ranked = np.argsort(np.where(self.contends_M, -self._improved(), np.inf), kind="stable")
        self.contends_M[ranked[count:]] = False

    def _allowed(self) -> np.ndarray:
        """Moves that proofs leave to choose from: wins, else draws or the longest loss, else all not lost."""
        if self.outcome == PROVEN_WIN:
            return self.proven_M == PROVEN_LOSS
        if self.outcome == PROVEN_DRAW:
            return self.proven_M == PROVEN_DRAW
        if self.outcome == PROVEN_LOSS:
            return self.plies_M == self.plies_M.max()
        return self.proven_M != PROVEN_WIN

    def result(self, evaluations: int) -> Result:
        allowed_M = self._allowed()
        improved_M = np.where(allowed_M, self._improved(), -np.inf)
        policy_M = np.exp(improved_M - improved_M.max())
        choices_M = allowed_M & self.contends_M
        best = np.where(choices_M if choices_M.any() else allowed_M, improved_M, -np.inf).argmax()
        visits = self.visits_M.sum()
        tried_M = np.where((self.visits_M > 0) | (self.proven_M != UNPROVEN), policy_M, 0.0)
        share_M = tried_M / max(tried_M.sum(), 1e-300)
        value = (self.wdl_3[0] - self.wdl_3[2] + visits * (share_M * self.value_M).sum()) / (1 + visits)
        draw = (self.wdl_3[1] + visits * (share_M * self.draw_M).sum()) / (1 + visits)
        outcome = self.outcome
        if outcome != UNPROVEN:
            value, draw = -_VALUE[outcome], float(outcome == PROVEN_DRAW)
        plies = self.plies_M[best] + 1 if outcome != UNPROVEN else 0

        def spread(values_M: np.ndarray, dtype: type) -> np.ndarray:
            values_1A = np.zeros((1, self.actions), dtype)
            values_1A[0, self.actions_M] = values_M
            return values_1A

        return Result(
            action_N=self.actions_M[[best]],
            policy_NA=spread(policy_M / policy_M.sum(), np.float32),
            visits_NA=spread(self.visits_M, np.int32),
            q_NA=spread(self.value_M, np.float32),
            wdl_N3=np.array([[(1 - draw + value) / 2, draw, (1 - draw - value) / 2]], np.float32),
            proven_N=np.array([outcome], np.int8),
            plies_N=np.array([plies], np.int32),
            simulations=int(visits),
            evaluations=evaluations,
        )
