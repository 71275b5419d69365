"""An obvious slow tree search, written from the papers: what the compiled search must agree with.

Gumbel: Danihelka et al. 2022, "Policy improvement by planning with Gumbel". PUCT: Silver et al. 2018, with the
first-play urgency of leela-zero and the forced playouts of Wu 2019. A node keeps dictionaries by action; every
value is seen by the player to move at the node, and everything is in double precision.

Also here: an evaluator made of a hash, so that every position has its own arbitrary logits and value, and an
exhaustive negamax.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from games import DRAW, MOVER_LOST, MOVER_WON, ONGOING, Game

Evaluate = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def _mixed(keys: np.ndarray) -> np.ndarray:
    """splitmix64's finaliser: uint64 to well-mixed uint64."""
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))


def hash_evaluator(actions: int, seed: int = 0) -> Evaluate:
    """Logits in [-2, 2) and win/draw/loss probabilities that look random, but depend on the position alone."""

    def evaluate(planes_BPHW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        bits_BX = planes_BPHW.reshape(len(planes_BPHW), -1).astype(np.uint64)
        weights_X = _mixed(np.arange(1, bits_BX.shape[1] + 1, dtype=np.uint64))
        keys_B = (bits_BX * weights_X).sum(axis=1, dtype=np.uint64) + np.uint64(seed)
        lanes_Y = np.arange(1, actions + 4, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        uniform_BY = (_mixed(keys_B[:, None] + lanes_Y) >> np.uint64(40)).astype(np.float64) / 2**24
        weights_B3 = uniform_BY[:, actions:] + 0.05
        wdl_B3 = weights_B3 / weights_B3.sum(axis=1, keepdims=True)
        return (4 * uniform_BY[:, :actions] - 2).astype(np.float32), wdl_B3.astype(np.float32)

    return evaluate


@dataclass
class Node:
    state_W: np.ndarray
    prior: dict[int, float] = field(default_factory=dict)  # softmax over the legal actions; empty when the game is over
    logits: dict[int, float] = field(default_factory=dict)
    value: float = 0.0  # the evaluator's, or exact when the game is over
    visits: dict[int, int] = field(default_factory=dict)
    totals: dict[int, float] = field(default_factory=dict)  # sum of values over the visits, seen by the mover here
    children: dict[int, "Node"] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        return not self.prior

    def q(self, action: int) -> float:
        return self.totals[action] / self.visits[action]

    @property
    def visited(self) -> list[int]:
        return [a for a in self.prior if self.visits[a] > 0]

    @property
    def mean(self) -> float:
        """Mean of the node's own value and of every value backed up through it."""
        return (self.value + sum(self.totals.values())) / (1 + sum(self.visits.values()))


def expand(game: Game, state_W: np.ndarray, status: int, evaluate: Evaluate) -> Node:
    if status == MOVER_WON:  # the player to move has lost
        return Node(state_W, value=-1.0)
    if status == MOVER_LOST:
        return Node(state_W, value=1.0)
    if status == DRAW:
        return Node(state_W, value=0.0)
    logits_BA, wdl_B3 = evaluate(game.planes_of(state_W)[None])
    logits = {int(a): float(logits_BA[0, a]) for a in game.legal_actions(state_W)}
    return Node(
        state_W,
        prior=softmax(logits),
        logits=logits,
        value=float(wdl_B3[0, 0]) - float(wdl_B3[0, 2]),
        visits=dict.fromkeys(logits, 0),
        totals=dict.fromkeys(logits, 0.0),
    )


def softmax(logits: dict[int, float]) -> dict[int, float]:
    top = max(logits.values())
    weights = {a: math.exp(x - top) for a, x in logits.items()}
    total = sum(weights.values())
    return {a: w / total for a, w in weights.items()}


def best(scores: dict[int, float]) -> int:
    """The action of the highest score; the lowest such action."""
    top = max(scores.values())
    return min(a for a, score in scores.items() if score == top)


def simulate(game: Game, node: Node, evaluate: Evaluate, choose: Callable[[Node, int], int], depth: int = 0) -> float:
    """One descent, which makes at most one node. Returns the value of `node` that it saw."""
    if node.over:
        return node.value
    action = choose(node, depth)
    if action in node.children:
        value = -simulate(game, node.children[action], evaluate, choose, depth + 1)
    else:
        next_W, status = game.after(node.state_W, action)
        child = node.children[action] = expand(game, next_W, status, evaluate)
        value = -child.value
    node.visits[action] += 1
    node.totals[action] += value
    return value


@dataclass
class Found:
    """What a search found; arrays over all actions, 0 for illegal and unvisited ones."""

    root: Node
    action: int
    policy_A: np.ndarray
    visits_A: np.ndarray
    q_A: np.ndarray
    value: float


def _found(game: Game, root: Node, action: int, policy: dict[int, float]) -> Found:
    policy_A, visits_A, q_A = np.zeros(game.actions), np.zeros(game.actions, np.int64), np.zeros(game.actions)
    for a in root.prior:
        policy_A[a], visits_A[a] = policy[a], root.visits[a]
        q_A[a] = root.q(a) if root.visits[a] else 0.0
    visits = visits_A.sum()
    tried_A = policy_A * (visits_A > 0)
    value = root.value
    if tried_A.sum() > 0:  # who follows the improved policy; the root's own evaluation counts as a visit
        value = (root.value + visits * (tried_A * q_A).sum() / tried_A.sum()) / (1 + visits)
    return Found(root, action, policy_A, visits_A, q_A, value)


# Gumbel -------------------------------------------------------------------------------------------------------


def considered_visits(considered: int, simulations: int) -> list[int]:
    """Sequential halving as a list: simulation i goes to an action that has been visited list[i] times.

    The budget is cut into ceil(log2(considered)) equal phases; in each, every remaining action is visited equally
    often (at least once), then the worse half is dropped, but never below two actions.
    """
    if considered <= 1:
        return list(range(simulations))
    phases = math.ceil(math.log2(considered))
    order: list[int] = []
    rounds_done, remaining = 0, considered
    while len(order) < simulations:
        for _ in range(max(1, simulations // (phases * remaining))):
            order += [rounds_done] * remaining
            rounds_done += 1
        remaining = max(2, remaining // 2)
    return order[:simulations]


def completed_sigma(node: Node, c_visit: float, c_scale: float) -> dict[int, float]:
    """sigma(completed Q) of each legal action: equations 8, 10 and 33 of the paper."""
    visited = node.visited
    total = sum(node.visits.values())
    mixed = node.value
    if visited:
        mass = sum(node.prior[a] for a in visited)
        average = sum(node.prior[a] * node.q(a) for a in visited) / mass
        mixed = (node.value + total * average) / (1 + total)
    scale = (c_visit + max(node.visits.values())) * c_scale
    return {a: scale * (node.q(a) if node.visits[a] else mixed) for a in node.prior}


def gumbel_search(
    game: Game,
    state_W: np.ndarray,
    evaluate: Evaluate,
    *,
    simulations: int,
    considered: int,
    c_visit: float,
    c_scale: float,
    gumbel_A: np.ndarray | None = None,
) -> Found:
    root = expand(game, state_W, ONGOING, evaluate)
    tried = dict.fromkeys(root.prior, 0)
    noise = {a: 0.0 if gumbel_A is None else float(gumbel_A[a]) for a in root.prior}
    order = considered_visits(min(considered, len(root.prior)), simulations)

    def scores(wanted: int) -> dict[int, float]:
        sigma = completed_sigma(root, c_visit, c_scale)
        return {a: noise[a] + root.logits[a] + sigma[a] for a in root.prior if tried[a] == wanted}

    def improved(node: Node) -> dict[int, float]:
        sigma = completed_sigma(node, c_visit, c_scale)
        return softmax({a: node.logits[a] + sigma[a] for a in node.prior})

    def choose(node: Node, depth: int) -> int:
        if depth == 0:
            action = best(scores(order[sum(tried.values())]))
            tried[action] += 1
            return action
        policy = improved(node)
        total = sum(node.visits.values())
        return best({a: policy[a] - node.visits[a] / (1 + total) for a in node.prior})

    for _ in range(simulations):
        simulate(game, root, evaluate, choose)
    return _found(game, root, best(scores(max(tried.values()))), improved(root))


# PUCT ---------------------------------------------------------------------------------------------------------


def puct_score(node: Node, action: int, c_puct: float, fpu_reduction: float) -> float:
    """Q + c P sqrt(N) / (1 + n), N the visits of all children, at least 1."""
    total = sum(node.visits.values())
    if node.visits[action]:
        q = node.q(action)
    else:
        q = node.mean - fpu_reduction * math.sqrt(sum(node.prior[a] for a in node.visited))
    return q + c_puct * node.prior[action] * math.sqrt(max(1, total)) / (1 + node.visits[action])


def puct_search(
    game: Game,
    state_W: np.ndarray,
    evaluate: Evaluate,
    *,
    simulations: int,
    c_puct: float,
    fpu_reduction: float,
) -> Found:
    root = expand(game, state_W, ONGOING, evaluate)

    def choose(node: Node, depth: int) -> int:
        return best({a: puct_score(node, a, c_puct, fpu_reduction) for a in node.prior})

    for _ in range(simulations):
        simulate(game, root, evaluate, choose)
    action = max(root.prior, key=lambda a: (root.visits[a], root.prior[a], -a))
    return _found(game, root, action, {a: root.visits[a] / sum(root.visits.values()) for a in root.prior})


# Exhaustive ---------------------------------------------------------------------------------------------------


def solve(game: Game, state_W: np.ndarray, memo: dict[bytes, tuple[int, int]]) -> tuple[int, int]:
    """(outcome for the player to move: 1, 0 or -1; plies to the end), both sides best: wins soonest, losses latest."""
    key = state_W.tobytes()
    if key not in memo:
        found = []
        for action in game.legal_actions(state_W):
            next_W, status = game.after(state_W, int(action))
            if status == MOVER_WON:
                found.append((1, 1))
            elif status == MOVER_LOST:
                found.append((-1, 1))
            elif status == DRAW:
                found.append((0, 1))
            else:
                outcome, plies = solve(game, next_W, memo)
                found.append((-outcome, plies + 1))
        memo[key] = max(found, key=lambda pair: (pair[0], -pair[0] * pair[1]))
    return memo[key]


def reachable(game: Game) -> list[tuple[np.ndarray, int]]:
    """Every position that is not over, with its ply, each once, in breadth-first order."""
    seen = {game.initial().tobytes()}
    found = [(game.initial(), 0)]
    for state_W, ply in found:  # grows while it is walked
        for action in game.legal_actions(state_W):
            next_W, status = game.after(state_W, int(action))
            if status == ONGOING and next_W.tobytes() not in seen:
                seen.add(next_W.tobytes())
                found.append((next_W, ply + 1))
    return found


def random_positions(game: Game, count: int, rng: np.random.Generator, least_plies: int = 0) -> np.ndarray:
    """Positions that are not over, after at least so many random moves; uint64 [count, W]."""
    found: list[np.ndarray] = []
    while len(found) < count:
        state_W = game.initial()
        status, ply, stop = ONGOING, 0, int(rng.integers(least_plies, game.max_plies))
        while status == ONGOING and ply < stop:
            state_W, status = game.after(state_W, int(rng.choice(game.legal_actions(state_W))))
            ply += 1
        if status == ONGOING:
            found.append(state_W)
    return np.stack(found)
