"""One position, searched by the clock: a Gumbel search whose root moves are explored side by side.

Between two decisions of sequential halving the moves that are still considered do not influence each other. So
each has a tree of its own here, and one leaf of every tree is evaluated in the same call: the answer is that of
a search one simulation at a time, and a call for eight rows takes little longer than a call for one. What the trees
find is copied into the tree of the position, which holds no more than its moves and answers as that of any search.

L trees, A actions.
"""

import math
import time

import numpy as np
from numba import void

from games import interrupt
from games.game import ONGOING, Game
from games.kernel import direct, i64, kernel, words_W
from games.outcome import PROVEN_WIN, UNPROVEN, proof_of
from selfplay.config import SearchConfig
from selfplay.search import gumbel, rule, simulate, tree
from selfplay.search.backup import prove_parent
from selfplay.search.evaluate import Evaluate
from selfplay.search.search import Result, results_of, rules_of
from selfplay.search.tree import (
    FOREST,
    GUMBEL,
    INTERIOR,
    LEGAL_FN,
    NO_NOISE,
    NONE,
    RULES,
    STEP_FN,
    actions_N,
    add_node,
    nodes_N,
    noise_A,
    row_A,
)

_PER_MILLISECOND = 30  # simulations that a move's tree has room for: several times what a core can do
_FEWEST, _MOST = 256, 1 << 14


@kernel(void(nodes_N, row_A, i64), allocates=False)
def _add_move(tree_N, prior_A, action):
    add_node(tree_N, 1 + action, 0, action)
    tree_N[1 + action]["prior"] = prior_A[action]
    prior_A[action] = -1.0


@kernel(void(FOREST, words_W, row_A, row_A, RULES, LEGAL_FN, STEP_FN), allocates=False)
def expand_root(root, state_W, logits_A, wdl_3, rules, legal, step):
    """Make `root` the tree of one evaluated position: the move `a` leads to node 1 + a, now or in `update_root`."""
    simulate.reset(root, 0, state_W, 0, INTERIOR, NO_NOISE)
    tree_N, prior_A = root.nodes_GN[0], root.priors_GNA[0, 0]
    legal_count = legal(state_W, root.safe_GA[0])
    simulate.softmax_legal(prior_A, logits_A, root.safe_GA[0])
    tree_N[0]["value"] = wdl_3[0] - wdl_3[2]
    tree_N[0]["draw"] = wdl_3[1]
    tree_N[0]["open"] = legal_count
    rule.prepare_root(root, 0, legal_count, rules)
    for action in range(len(prior_A)):
        tree_N[1 + action]["visits"] = 0
        tree_N[1 + action]["proven"] = UNPROVEN
        if prior_A[action] > 0.0:
            status = step(state_W, action, root.states_GNW[0, 1 + action])
            if status != ONGOING:
                _add_move(tree_N, prior_A, action)
                tree_N[1 + action]["proven"] = proof_of(status)
                prove_parent(tree_N, 0, 1 + action)


@kernel(void(FOREST, actions_N, FOREST), allocates=False)
def update_root(root, action_L, forest):
    """Copy what the trees now say of their moves."""
    tree_N, prior_A = root.nodes_GN[0], root.priors_GNA[0, 0]
    for g, action in enumerate(action_L):
        found, node = forest.nodes_GN[g, 0], 1 + action
        if prior_A[action] > 0.0:
            _add_move(tree_N, prior_A, action)
        tree_N[node]["visits"] = found["visits"]
        tree_N[node]["value_sum"] = found["value_sum"]
        tree_N[node]["draw_sum"] = found["draw_sum"]
        if found["proven"] != UNPROVEN and tree_N[node]["proven"] == UNPROVEN:
            tree_N[node]["proven"] = found["proven"]
            tree_N[node]["plies"] = found["plies"]
            prove_parent(tree_N, 0, node)


@kernel(void(FOREST, RULES, noise_A), allocates=False)
def fill_scores(root, rules, score_A):
    gumbel.fill_scores(root.nodes_GN[0], root.priors_GNA[0, 0], root.root_scores_GA[0], rules, score_A)


_expand_root = direct(expand_root)
_update_root = direct(update_root)
_fill_scores = direct(fill_scores)
_reset_all = direct(simulate.reset_all)
_run_all = direct(simulate.run_all)
_expand_leaves = direct(simulate.expand_leaves)


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
            games=min(config.max_considered_actions, game.actions),
            simulations=self.capacity,
            fast_simulations=1,
            max_considered_actions=1,
            cache_bits=config.cache_bits,
        )
        self._root = tree.allocate(
            game,
            games=1,
            simulations=1,
            fast_simulations=1,
            max_considered_actions=1,
            cache_bits=0,
            nodes=1 + game.actions,
        )
        # A move that ends the game is known, if nothing else is.
        self._root_rules = self.rules._replace(rule=GUMBEL, prove=1)

    def run(self, state_W: np.ndarray, evaluate: Evaluate) -> Result:
        """The search's answer for a position that is not over, as a batch of one."""
        started = time.perf_counter()
        forest, root, game = self.forest, self._root, self.game
        if evaluate is not self._evaluate:
            forest.cache_key_E[:] = 0
            forest.cache_row_E[:] = NONE
            self._evaluate = evaluate
        logits_BA, wdl_B3 = evaluate(game.planes_of(state_W)[None])
        _expand_root(root, state_W, logits_BA[0], wdl_B3[0], self._root_rules, game.legal, game.step)
        forest.counts[:] = 0
        for field, value in (("budget", 0), ("simulations", 0), ("row", NONE), ("leaf", NONE)):
            forest.searches_G[field] = value
        node, children_A = root.nodes_GN[0, 0], root.nodes_GN[0, 1:]
        likeliest_A = np.argsort(-root.priors_GNA[0, 0], kind="stable")
        action_L = likeliest_A[root.priors_GNA[0, 0, likeliest_A] > 0][: len(forest.searches_G)]  # of unknown outcome
        _reset_all(forest, root.states_GNW[0, 1 + action_L], 0, INTERIOR, NO_NOISE)
        phases = max(1, math.ceil(math.log2(max(1, len(action_L)))))
        contends_A = root.safe_GA[0].astype(bool)
        for phase in range(phases):
            if phase:
                contends_A = self._best(contends_A, max(2, len(action_L) >> phase))
            trees_L = np.flatnonzero((contends_A & (children_A["proven"] == UNPROVEN))[action_L])
            if node["proven"] != UNPROVEN or not len(trees_L):
                break
            self._explore(trees_L, evaluate, started + self.milliseconds / 1000 * (phase + 1) / phases)
            _update_root(root, action_L, forest)
        contends_A &= children_A["proven"] != PROVEN_WIN
        root.root_visits_GA[0] = contends_A  # so that these come before the others
        root.counts[tree.EVALUATIONS] = 1 + forest.counts[tree.EVALUATIONS]
        result = results_of(root, self._root_rules, 1, int(children_A["visits"].sum()))
        if node["proven"] == UNPROVEN:  # the best may be a move that has no tree
            contends_A = contends_A if contends_A.any() else root.safe_GA[0].astype(bool)
            result.action_N[0] = self._best(contends_A, 1).argmax()
        return result

    def _best(self, contends_A: np.ndarray, count: int) -> np.ndarray:
        """Sequential halving: the `count` contenders that go on."""
        score_A = np.zeros(self.game.actions)
        _fill_scores(self._root, self._root_rules, score_A)
        ranked_A = np.argsort(np.where(contends_A, -score_A, np.inf), kind="stable")
        keeps_A = np.zeros(len(contends_A), bool)
        keeps_A[ranked_A[:count]] = True
        return keeps_A & contends_A & (score_A > -np.inf)

    def _explore(self, trees_L: np.ndarray, evaluate: Evaluate, deadline: float) -> None:
        """A simulation in each of the trees, again and again until the deadline, but one in any case."""
        forest, game = self.forest, self.game
        forest.searches_G["budget"] = 0
        forest.searches_G["budget"][trees_L] = self.capacity
        began = time.perf_counter()
        while rows := _run_all(forest, self.rules, game.step, game.legal, game.wins, game.observe):
            interrupt.check()
            logits_BA, wdl_B3 = evaluate(forest.planes_BPHW[:rows])
            _expand_leaves(forest, self.rules, logits_BA, wdl_B3)
            now = time.perf_counter()
            self._slowest = max(0.9 * self._slowest, now - began)
            if now + self._slowest > deadline:
                return
            began = now
