"""Every number that a run logs: its name, its unit, what it means, where it should be, and what else it tells.

metrics.jsonl, TensorBoard and the terminal use these names; `selfplay doctor --metrics` prints the table. The bounds of
a healthy run stand here alone: `selfplay.report.health` checks a run by them.
"""

import math
from dataclasses import dataclass
from typing import Any

from selfplay.stats.records import EvalLine


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """A healthy number lies from `low` to `high`, both included."""

    low: float = -math.inf
    high: float = math.inf
    form: str = "{:.2f}"
    """how such a number is written, with its unit"""

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        """`at least 30 Elo`, `0.10 to 0.90`."""
        low, high = self.form.format(self.low), self.form.format(self.high)
        if math.isinf(self.high):
            return f"at least {low}"
        return f"at most {high}" if math.isinf(self.low) else f"{low} to {high}"


@dataclass(frozen=True)
class Metric:
    """One logged number. A name that ends in `*` stands for all that begin so."""

    name: str
    unit: str
    meaning: str
    typical: str
    """how it looks in a run that learns"""
    otherwise: str
    clock: bool = False
    """depends on the machine's clock or load: two runs of one seed differ in it"""
    bounds: Bounds | None = None
    """what the newest value of a healthy run keeps to, in any game and at any size; None where no number says it"""

    @property
    def healthy(self) -> str:
        return "; ".join(str(part) for part in (self.bounds, self.typical) if part)

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "meaning": self.meaning,
            "healthy": self.healthy,
            "otherwise": self.otherwise,
            "clock": self.clock,
        }


EVALUATION_SHARE = Bounds(high=0.35, form="{:.0%}")
"""of the run's time before its end, which holds the longest matches, that goes to matches"""


METRICS = (
    # Losses, each the mean over the samples of one generation.
    Metric(
        "loss/total",
        "nats",
        "what the gradient descends: policy, value, reply and ownership, the last three by their weights",
        "falls fast, then slowly; twenty minutes of Connect Four: from 3.2 to 1.2",
        "rises steadily: learning rate too high, or too much reuse; where it explodes, see learn/retreats",
    ),
    Metric(
        "loss/policy",
        "nats",
        "cross-entropy of the search's improved policy with the network's policy",
        "falls towards policy/entropy, which it cannot pass; Connect Four: from log(7) = 1.95 to 0.6",
        "stays at log(legal moves): nothing is learned; check the learning rate and the targets",
    ),
    Metric(
        "loss/value",
        "nats",
        "cross-entropy of the game's result, mixed with the root value, with the network's win/draw/loss",
        "begins near 1.1 (log 3) and falls to 0.3-0.8, as far as results can be foreseen",
        "falls towards 0 while strength stands still: the window is memorised; lower learn.replay_ratio or widen it",
    ),
    Metric(
        "loss/reply",
        "nats",
        "cross-entropy of the opponent's next policy with the auxiliary head's guess",
        "falls like loss/policy and stays above it",
        "no harm by itself: it only shapes the shared layers",
    ),
    Metric(
        "loss/ownership",
        "nats",
        "cross-entropy of what a cell holds when the game is over with the auxiliary head's guess, mean over cells",
        "begins at log(3) = 1.1 and falls fast, then slowly; Connect Four: to 0.6",
        "no harm by itself: it only shapes the shared layers",
    ),
    # Learning.
    Metric(
        "learn/gradient_norm",
        "1",
        "length of the gradient before clipping, mean over the steps",
        "well below the clip (learn.gradient_clip), fairly steady; Connect Four: 2 at first, then 0.9-1.2",
        "at the clip all the time: learning rate or batch do not fit; near 0: saturated or nothing left to learn",
    ),
    Metric(
        "learn/learning_rate",
        "1",
        "step size at the end of the generation: warm-up by steps, then a decay by positions made",
        "rises to learn.learning_rate, then falls as 1 / sqrt(1 + positions / learn.decay_positions)",
        "near 0 while strength still rises: raise learn.decay_positions",
    ),
    Metric(
        "learn/retreats",
        "times",
        "how often learning diverged; each time it goes back to the weights before, and on at a quarter of the rate",
        "",
        "above 0: learn.learning_rate is too high; what was learned since is sound, at the rate of learn/learning_rate",
        bounds=Bounds(high=0, form="{:.0f}"),
    ),
    Metric(
        "learn/samples_per_s",
        "samples/s",
        "training samples per second of learning",
        "the figure of `selfplay bench train`",
        "far below: other load on the machine",
        clock=True,
    ),
    Metric(
        "learn/reuse",
        "times",
        "samples trained on so far, divided by positions made so far",
        "learn.replay_ratio, a little less in the first generations",
        "another value: two runs with different reuse cannot be compared, it alone moves strength by hundreds of Elo",
    ),
    Metric(
        "learn/window",
        "positions",
        "how many of the newest positions are drawn from",
        "grows by the power law of [replay], up to replay.capacity",
        "at the capacity early: memory limits the window",
    ),
    # Policy and value.
    Metric(
        "policy/entropy",
        "nats",
        "mean entropy of the policy targets of the generation",
        "falls slowly; Connect Four: from 1.1 to 0.4",
        "near 0 early: no exploration left, play has collapsed into a few lines; constant: the search prefers nothing",
        bounds=Bounds(low=0.1),
    ),
    Metric(
        "policy/kl_search_net",
        "nats",
        "KL(search || network): how much the search still improves on the network's own policy",
        "falls slowly; Connect Four: from 0.6 to 0.1",
        "near 0: search adds nothing, give it more simulations; rising: the network is too small or learns too slowly",
        bounds=Bounds(low=0.02, form="{:.3f}"),
    ),
    Metric(
        "value/calibration",
        "1",
        "expected calibration error: mean distance of the predicted score from the reached one, in ten bins",
        "0.02-0.06 in Connect Four, more where a generation has few games",
        "above: over- or underconfident values mislead the search; more reuse usually makes it worse",
        bounds=Bounds(high=0.15),
    ),
    Metric(
        "value/accuracy",
        "share",
        "positions where the network's value, rounded to a win, a draw or a loss, is the game's result",
        "rises as values dare to be sure; Connect Four: from 0.1, since an untrained value says draw, to 0.75",
        "near 1: memorised; stands still: the value head does not learn",
    ),
    # Games.
    Metric(
        "games/length",
        "plies",
        "mean length of the finished games, opening moves included",
        "Connect Four: from about 20 up to 30-40 as defence is learned",
        "short and falling: one side blunders, or the openings are lost from the start",
    ),
    Metric(
        "games/first_player_score",
        "share",
        "mean score of the first player, a draw counting half",
        "0.45-0.6 from random openings; without them the first player has the advantage",
        "near 0 or 1: games no longer teach; raise play.opening_plies",
        bounds=Bounds(low=0.1, high=0.9),
    ),
    Metric(
        "games/draws",
        "share",
        "finished games that were drawn",
        "Connect Four: 0 at first, 0.1-0.4 in strong play",
        "near 1: nothing left to learn from results",
    ),
    Metric(
        "games/redrawn_openings",
        "times",
        "how often a game's random opening was drawn again because the network saw it lopsided, mean over the games",
        "0 where play.max_opening_value is 1; else near 0 at first, then up to play.opening_tries / 2",
        "at play.opening_tries: hardly any opening is even; raise play.max_opening_value",
    ),
    Metric(
        "games/distinct_positions",
        "share",
        "distinct positions among those that the generation added",
        "80-95 % in Connect Four",
        "below: the games repeat themselves; raise play.opening_plies or play.temperature_plies",
        bounds=Bounds(low=0.3, form="{:.0%}"),
    ),
    Metric(
        "proven/share",
        "share",
        "searches whose root was proven a win, draw or loss",
        "10-50 %, more with more simulations",
        "0 in a game with forced wins: proofs are off (search.prove) or broken",
        bounds=Bounds(low=0.001, form="{:.1%}"),
    ),
    # Speed, all over the seconds of self-play.
    Metric(
        "play/positions_per_s",
        "positions/s",
        "positions added to the replay buffer per second of self-play",
        "the figure of `selfplay bench selfplay`",
        "far below: other load on the machine",
        clock=True,
    ),
    Metric(
        "play/simulations",
        "simulations",
        "simulations of a full search in this generation",
        "grows from search.first_simulations to search.simulations",
        "any other number: a fault",
    ),
    Metric(
        "play/evaluations_per_s",
        "evaluations/s",
        "network evaluations per second of self-play, all threads together",
        "above 0.85 x threads x the figure of `selfplay bench network`",
        "far below while play/network_share is high: threads disturb each other",
        clock=True,
    ),
    Metric(
        "play/simulations_per_s",
        "simulations/s",
        "simulations per second of self-play; cache hits and proofs need no evaluation",
        "at or above play/evaluations_per_s",
        "far below: simulations are wasted on duplicates",
        clock=True,
    ),
    Metric(
        "play/network_share",
        "share",
        "share of the threads' time spent in the network",
        "80 % and more with the default network",
        "below: the tree is the cost; a larger network would be nearly free",
        clock=True,
        bounds=Bounds(low=0.5, form="{:.0%}"),
    ),
    Metric(
        "play/tree_share",
        "share",
        "share of the threads' time spent in the tree: selection, expansion, back-up, rules",
        "what play/network_share leaves; 20 % and less with the default network",
        "high: see play/network_share",
        clock=True,
    ),
    Metric(
        "play/cache_hits",
        "share",
        "leaves answered by the evaluation cache or by a duplicate in the same batch",
        "0.3-0.55 in Connect Four; grows as play becomes decided",
        "0: the cache is off (search.cache_bits) or broken",
    ),
    Metric(
        "memory/rss_mb",
        "MB",
        "resident memory of the process",
        "flat once the replay ring is full",
        "grows without end: a leak",
        clock=True,
    ),
    # Under `selfplay train --ray`.
    Metric(
        "pool/nodes",
        "nodes",
        "nodes that play",
        "all that are in the cluster",
        "fewer: one was lost, or all shares are played elsewhere",
        clock=True,
    ),
    Metric(
        "pool/processes",
        "processes",
        "processes that play",
        "as many as the run has threads, or the cluster cores",
        "fewer: some start, or nodes were lost",
        clock=True,
    ),
    Metric(
        "pool/lost",
        "processes",
        "processes that died since the session began; what they played was played again",
        "0",
        "grows: too little memory on a node, or an unsteady network",
        clock=True,
        bounds=Bounds(high=0, form="{:.0f}"),
    ),
    Metric(
        "pool/lag",
        "generations",
        "how much older than the newest the weights were that played",
        "ray.lag, less at the beginning and at the end",
        "any other number: a fault",
    ),
    Metric(
        "pool/busy",
        "share",
        "share of the processes' time, that of learning included, in which they play",
        "0.4 with a lag of 0, 0.9 with a lag of 1 and a learner that keeps up",
        "below 0.3: the learner is what takes the time, and more nodes would not help",
        clock=True,
    ),
    Metric(
        "node_evaluations_per_s/*",
        "evaluations/s",
        "network evaluations per second of play on the node of that address, all its processes together",
        "alike on like machines",
        "far below on one: other load there",
        clock=True,
    ),
    # Strength; never seen by what learns.
    Metric(
        "strength/*",
        "share",
        "score against the reference player of that name, over paired games from distinct openings",
        "rises past 0.5, the moment at which the reference is overtaken",
        "stands still for a third of the budget: compare with the curve of the preset in the README",
    ),
    Metric(
        "elo/*",
        "Elo",
        "strength of the learner and of each opponent on one scale, from all matches so far; the first opponent is 0",
        "the learner's rises past one opponent's after the other",
        "stands still: see strength",
    ),
    # Totals of the ledger since the start of the run.
    Metric("games", "games", "finished games of self-play", "grows", "stands still: games never end"),
    Metric("positions", "positions", "positions added to the replay buffer", "grows", "stands still: see games"),
    Metric("simulations", "simulations", "simulations of self-play", "grows", "stands still: see games"),
    Metric("evaluations", "evaluations", "network evaluations of self-play", "grows", "stands still: see games"),
    Metric(
        "samples",
        "samples",
        "training samples, counting each reuse",
        "learn.replay_ratio x positions",
        "see learn/reuse",
    ),
    Metric("play_flops", "FLOPs", "compute of self-play, 2 per multiply-add", "grows", "see play/evaluations_per_s"),
    Metric("learn_flops", "FLOPs", "compute of learning: three forward passes a sample", "grows", "see learn/reuse"),
    Metric("train_flops", "FLOPs", "play_flops + learn_flops: the axis of strength", "grows", "see its parts"),
    Metric("play_seconds", "s", "time of self-play", "about 40 % of both", "see play/positions_per_s", clock=True),
    Metric("learn_seconds", "s", "time of learning", "about 60 % of both", "see learn/samples_per_s", clock=True),
    Metric(
        "eval_seconds",
        "s",
        "time of matches against references; not part of the budget",
        f"{EVALUATION_SHARE} of the run, the long matches at its end aside",
        "high: lower eval.games or eval.per_decade",
        clock=True,
    ),
    Metric(
        "train_joules",
        "J",
        "energy that the processors drew during self-play and learning, all that ran on the machine",
        "grows",
        "0: the machine does not tell (no readable RAPL counters)",
        clock=True,
    ),
)

_BY_NAME = {metric.name: metric for metric in METRICS}


def describe(name: str) -> Metric:
    """The row of a logged name; `KeyError` for a name that stands in no row."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    return _BY_NAME[f"{name.partition('/')[0]}/*"]


def bounds_of(name: str) -> Bounds:
    """Of a metric that has bounds."""
    bounds = describe(name).bounds
    assert bounds is not None, name
    return bounds


def clock_names() -> frozenset[str]:
    """The names in which two runs of the same seed may differ."""
    return frozenset(metric.name for metric in METRICS if metric.clock)


def strength_name(match: EvalLine) -> str:
    """The metric of one match: `strength/rules/mcts`, `strength/rules/net`."""
    return f"strength/{match.opponent}/{match.agent.partition(':')[0]}"
