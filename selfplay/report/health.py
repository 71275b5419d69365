"""Whether a run is well: what goes wrong in runs that do not learn, how it shows in their numbers, and what helps.

The table of `CHECKS` is the one of docs/read-the-curves.md, of `selfplay doctor RUN` and of the report. Bounds of
logged numbers stand beside them, in `selfplay.run.metrics`; those of what is computed from several stand here. A
reading is a number from the lines of metrics.jsonl and evals.jsonl; None where they cannot tell, or cannot yet.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from selfplay.config import Config
from selfplay.run.metrics import EVALUATION_SHARE, Bounds, bounds_of
from selfplay.run.read import Metrics
from selfplay.stats import rating
from selfplay.stats.rating import strength
from selfplay.stats.records import Lines

_YOUNG = 10  # generations before which a run is not judged by what falls or rises, and not spoken of while it trains
_TELLING = 30.0  # Elo; a standard error of growth with which a standstill is seldom mistaken
_BEATEN = 0.9  # a score above which an opponent no longer tells how strong the learner is


@dataclass(frozen=True, kw_only=True)
class Run:
    """What is looked at."""

    config: Config
    metrics: Metrics
    evals: Lines


@dataclass(frozen=True, kw_only=True)
class Check:
    """One row of the table; a reading within its bounds is well."""

    symptom: str
    shows_in: str
    """the reading in words, with the names of metrics"""
    read: Callable[[Run], float | None]
    bounds: Bounds
    """of the reading; where that is the newest value of a metric, they are the metric's"""
    cause: str
    fix: str
    learning: bool = False
    """whether the metrics of a young run tell it already, and what is trained while it lasts is wasted"""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a check says of a run."""

    check: Check
    reading: float | None

    def as_dict(self) -> dict[str, Any]:
        return {
            "symptom": self.check.symptom,
            "shows_in": self.check.shows_in,
            "healthy": str(self.check.bounds),
            "cause": self.check.cause,
            "remedy": self.check.fix,  # the key that scripts know
            "reading": self.reading,
            "verdict": self.verdict,
        }

    @property
    def failing(self) -> bool:
        return self.reading is not None and self.reading not in self.check.bounds

    @property
    def verdict(self) -> str:
        return "not known" if self.reading is None else "look here" if self.failing else "well"

    @property
    def said(self) -> str:
        """The verdict beside the symptom, as which `well` would read as its opposite."""
        return "no sign" if self.verdict == "well" else self.verdict

    @property
    def shown(self) -> str:
        return "" if self.reading is None else self.check.bounds.form.format(self.reading)


def examine(config: Config, metrics: Metrics, evals: Lines) -> list[Finding]:
    """What every check says, in the order of the table."""
    run = Run(config=config, metrics=metrics, evals=evals)
    return [Finding(check=check, reading=check.read(run)) for check in CHECKS]


def in_a_line(found: Finding) -> str:
    """What is wrong, by which number, and what helps."""
    check = found.check
    return f"{check.symptom} ({check.shows_in}: {found.shown}; healthy: {check.bounds}). Fix: {check.fix}"


class Watch:
    """What is said of a run while it trains: a check of learning that fails in two generations in a row, and was well
    or unknown before, is said once. Nothing of young runs, whose numbers jump."""

    def __init__(self, config: Config, metrics: Metrics) -> None:
        """`metrics`: of the generations before."""
        self._config, self._metrics = config, list(metrics)
        self._failed: set[str] = set()
        self._said = {found.check.symptom for found in self._failing()}

    def _failing(self) -> list[Finding]:
        if len(self._metrics) < _YOUNG:
            return []
        run = Run(config=self._config, metrics=self._metrics, evals=[])
        found = [Finding(check=check, reading=check.read(run)) for check in CHECKS if check.learning]
        return [finding for finding in found if finding.failing]

    def worsened(self, line: Mapping[str, Any]) -> list[Finding]:
        """What the metrics of one more generation add."""
        self._metrics.append(dict(line))
        failing = {found.check.symptom: found for found in self._failing()}
        twice = self._failed & failing.keys()
        new = [found for symptom, found in failing.items() if symptom in twice - self._said]
        self._said = (self._said & failing.keys()) | twice
        self._failed = set(failing)
        return new


def table() -> str:
    """The table of checks in Markdown."""
    rows = [f"| {c.symptom} | {c.shows_in} | {c.bounds} | {c.cause} | {c.fix} |".replace("\n", " ") for c in CHECKS]
    return "\n".join(["| symptom | shows in | healthy | cause | fix |", "|---|---|---|---|---|", *rows]) + "\n"


# Readings. The newest are medians over the last tenth of the generations, so that one of them decides nothing.


def _values(run: Run, name: str) -> list[float]:
    return [line[name] for line in run.metrics if line.get(name) is not None]


def _newest(name: str) -> Callable[[Run], float | None]:
    def read(run: Run) -> float | None:
        values = _values(run, name)
        return median(values[-math.ceil(len(values) / 10) :]) if values else None

    return read


def _fallen(name: str) -> Callable[[Run], float | None]:
    """By which share of its first value a number has fallen."""

    def read(run: Run) -> float | None:
        values, newest = _values(run, name), _newest(name)(run)
        return None if newest is None or len(values) < _YOUNG or not values[0] else 1 - newest / values[0]

    return read


def _not_numbers(run: Run) -> float | None:
    """Generations whose loss is infinite or no number; metrics.jsonl holds null for those."""
    losses = [line["loss/total"] for line in run.metrics if "loss/total" in line]
    return sum(loss is None for loss in losses) if losses else None


def _at_the_clip(run: Run) -> float | None:
    norm = _newest("learn/gradient_norm")(run)
    return None if norm is None else norm / run.config.learn.gradient_clip


def _reuse(run: Run) -> float | None:
    reuse = _newest("learn/reuse")(run)
    return None if reuse is None or len(run.metrics) < _YOUNG else reuse / run.config.learn.replay_ratio


def _searching(run: Run) -> str | None:
    """The learner's name as it plays with search, at fixed simulations where it does."""
    names = sorted({line.agent for line in run.evals} - {"net"}, key=lambda name: "sims" not in name)
    return names[0] if names else None


def _lowest_score(run: Run) -> float | None:
    """Of the last matches with search, the one that went worst."""
    agent = _searching(run)
    scores = {line.opponent: line.score for line in run.evals if line.agent == agent}
    return min(scores.values()) if scores else None


def _growth(run: Run) -> float | None:
    """Elo among the ladder gained while training compute doubled for the last time; E evaluations.

    None where the games are too few to tell growth from standstill, or the opponents too weak.
    """
    agent, lowest = _searching(run), _lowest_score(run)
    lines = [line for line in run.evals if line.agent == agent and line.flops > 0 and line.played]
    points = strength(lines).learner.get(agent or "", ())
    if len(points) < 2 or points[0][0] * 2 > points[-1][0] or (lowest or 0) > _BEATEN:
        return None
    flops_E, elo_E = np.array([flops for flops, _ in points]), np.array([elo for _, elo in points])
    information_E = np.zeros(len(points))  # of all games of an evaluation, in logits; drawn games tell more
    for line in lines:
        played = line.wins + line.draws + line.losses
        information_E[flops_E == line.flops] += played * max(line.score * (1 - line.score), 0.25 / played)
    at_half_E = np.array(
        [np.interp(math.log(flops_E[-1] / 2), np.log(flops_E), unit_E) for unit_E in np.eye(len(points))]
    )
    difference_E = np.eye(len(points))[-1] - at_half_E
    error = rating.ELO * math.sqrt(float(difference_E**2 @ (1 / information_E)))
    return float(difference_E @ elo_E) if error <= _TELLING else None


def _distinct_matches(run: Run) -> float | None:
    shares = [line.distinct_games / line.played for line in run.evals if line.played]
    return min(shares) if shares else None


def _evaluation_share(run: Run) -> float | None:
    """Of the run's time; the long matches at its end are left out, and those of an interrupted end with them. None of
    young runs: evaluations are spaced evenly in log compute, so they crowd at the beginning."""
    lines = run.metrics[: -math.ceil(len(run.metrics) / 10)]
    if len(run.metrics) < 2 * _YOUNG:
        return None
    seconds = [lines[-1].get(name, 0) for name in ("eval_seconds", "play_seconds", "learn_seconds")]
    return seconds[0] / sum(seconds) if sum(seconds) else None


def _slowed(run: Run) -> float | None:
    """Newest speed of self-play over the run's median."""
    values, newest = _values(run, "play/positions_per_s"), _newest("play/positions_per_s")(run)
    return None if newest is None or len(values) < _YOUNG else newest / median(values)


def _memory_growth(run: Run) -> float | None:
    """Newest resident memory over that at half of the generations, by when the threads hold what they will hold."""
    values, newest = _values(run, "memory/rss_mb"), _newest("memory/rss_mb")(run)
    return None if newest is None or len(values) < 2 * _YOUNG else newest / values[len(values) // 2]


def _proofs(run: Run) -> float | None:
    return _newest("proven/share")(run) if run.config.search.prove else None


CHECKS = (
    Check(
        symptom="It does not get stronger",
        shows_in="`elo/mcts`: Elo among the opponents gained while training compute doubled for the last time",
        read=_growth,
        bounds=Bounds(low=25, form="{:+.0f} Elo"),
        cause="one of the rows below; or the run is at the end of what its network and its search can do",
        fix="the other rows first; then more time, a larger `--network.architecture`, more `--search.simulations`",
    ),
    Check(
        symptom="It beats everyone, so nothing more can be seen",
        shows_in="`strength/*`: the lowest score with search of the last matches",
        read=_lowest_score,
        bounds=Bounds(high=_BEATEN, form="{:.0%}"),
        cause="the opponents are too weak to measure it",
        fix="`selfplay measure RUN --opponents ...` with stronger ones; training itself is not concerned",
    ),
    Check(
        symptom="A loss is infinite or no number",
        shows_in="`loss/total`: generations in which it was",
        read=_not_numbers,
        bounds=Bounds(high=0, form="{:.0f}"),
        cause="steps so large that the weights left all bounds",
        fix="begin anew with a lower `--learn.learning_rate`; it is of an earlier version, which saved such weights",
    ),
    Check(
        symptom="Learning diverged",
        shows_in="`learn/retreats`: how often",
        read=_newest("learn/retreats"),
        bounds=bounds_of("learn/retreats"),
        cause="steps so large that the weights left all bounds; it went on from those before, at a lower rate",
        fix="nothing is lost; go on with the rate of `learn/learning_rate`, as in `selfplay train --run RUN"
        " --learn.learning_rate 5e-4`",
    ),
    Check(
        symptom="The policy does not learn",
        shows_in="`loss/policy`: by how much of its first value it has fallen",
        read=_fallen("loss/policy"),
        bounds=Bounds(low=0.1, form="{:.0%}"),
        cause="steps far too large (the loss jumps) or too small (it stands), or targets without a preference",
        fix="the preset's `--learn.learning_rate`; then look at `policy/entropy`: as high as log(legal moves), the"
        " search prefers nothing and needs more `--search.simulations`",
        learning=True,
    ),
    Check(
        symptom="The value does not learn",
        shows_in="`loss/value`: by how much of its first value it has fallen",
        read=_fallen("loss/value"),
        bounds=Bounds(low=0.1, form="{:.0%}"),
        cause="steps far too large; random openings that decide the games, so that results are noise; a small"
        " `learn.value_weight`; or, in a game of your own, a result of the wrong sign",
        fix="the preset's `--learn.learning_rate` and `--learn.value_weight`; fewer `--play.opening_plies`;"
        " `games.laws.check_laws` and a naive twin of the rules",
        learning=True,
    ),
    Check(
        symptom="Results are learned by heart",
        shows_in="`value/calibration`: how far predicted scores are from reached ones",
        read=_newest("value/calibration"),
        bounds=bounds_of("value/calibration"),
        cause="each position is trained on too often, or the window is too small: the value is sure, and wrong",
        fix="a lower `--learn.replay_ratio`, a larger `--replay.capacity`, a smaller network",
        learning=True,
    ),
    Check(
        symptom="Play has collapsed into a few lines",
        shows_in="`policy/entropy`: how undecided the search is, in nats",
        read=_newest("policy/entropy"),
        bounds=bounds_of("policy/entropy"),
        cause="nothing makes the games differ, so that the policy confirms itself; or the game is too small for more",
        fix="more `--play.opening_plies` and `--play.temperature_plies`; in a solved game nothing is wrong",
        learning=True,
    ),
    Check(
        symptom="It plays the same games again and again",
        shows_in="`games/distinct_positions`: share of distinct positions in a generation",
        read=_newest("games/distinct_positions"),
        bounds=bounds_of("games/distinct_positions"),
        cause="too little chance in the first moves; it will be blind elsewhere, though its losses look fine",
        fix="more `--play.opening_plies` and `--play.temperature_plies`",
        learning=True,
    ),
    Check(
        symptom="One side always wins",
        shows_in="`games/first_player_score`",
        read=_newest("games/first_player_score"),
        bounds=bounds_of("games/first_player_score"),
        cause="the game is decided by who begins, so that results say nothing of the moves",
        fix="more `--play.opening_plies` make starts more even",
        learning=True,
    ),
    Check(
        symptom="Search adds nothing to the network",
        shows_in="`policy/kl_search_net`: how far the search moves the policy, in nats",
        read=_newest("policy/kl_search_net"),
        bounds=bounds_of("policy/kl_search_net"),
        cause="too few simulations to improve on the network; or there is nothing left to improve",
        fix="more `--search.simulations`",
    ),
    Check(
        symptom="No win is ever proven",
        shows_in="`proven/share`: share of searches that end with a proof",
        read=_proofs,
        bounds=bounds_of("proven/share"),
        cause="in a game with forced wins, rules that never end a game",
        fix="`games.laws.check_laws` and a naive twin of the rules",
        learning=True,
    ),
    Check(
        symptom="Every gradient is cut",
        shows_in="`learn/gradient_norm` over `learn.gradient_clip`",
        read=_at_the_clip,
        bounds=Bounds(high=0.9),
        cause="batches too small or steps too large",
        fix="a larger `--learn.batch`, a lower `--learn.learning_rate`",
        learning=True,
    ),
    Check(
        symptom="It trains more or less often on a position than it was told",
        shows_in="`learn/reuse` over the setting `learn.replay_ratio`",
        read=_reuse,
        bounds=Bounds(low=0.9, high=1.1),
        cause="a run younger than its `replay.minimum`; else a bug",
        fix="wait; runs of different reuse cannot be compared",
    ),
    Check(
        symptom="Matches repeat a few games",
        shows_in="`distinct_games` of evals.jsonl: the lowest share of distinct games in a match",
        read=_distinct_matches,
        bounds=Bounds(low=0.9, form="{:.0%}"),
        cause="both players are deterministic and there are fewer openings than games",
        fix="fewer `--eval.games`: games that are played twice tell nothing twice",
    ),
    Check(
        symptom="Matches eat the time",
        shows_in="`eval_seconds`: share of the run's time, before its end",
        read=_evaluation_share,
        bounds=EVALUATION_SHARE,
        cause="many or slow opponents, met often",
        fix="lower `--eval.games` or `--eval.per_decade`; `selfplay measure RUN` can do it later",
    ),
    Check(
        symptom="The network hardly works",
        shows_in="`play/network_share`: share of self-play's time in the network",
        read=_newest("play/network_share"),
        bounds=bounds_of("play/network_share"),
        cause="the tree is the cost, because the network is small",
        fix="a larger `--network.architecture` is nearly free",
    ),
    Check(
        symptom="Self-play has slowed down",
        shows_in="`play/positions_per_s`: newest over the run's median",
        read=_slowed,
        bounds=Bounds(low=0.6, form="x {:.2f}"),
        cause="other work on the machine, heat, or a machine that swaps",
        fix="look at `memory/rss_mb` and at what else runs; `selfplay bench all` says what the machine can do",
    ),
    Check(
        symptom="Processes of the cluster die",
        shows_in="`pool/lost`: how many, since the session began",
        read=_newest("pool/lost"),
        bounds=bounds_of("pool/lost"),
        cause="too little memory on a node, an unsteady network, or nodes that were taken away",
        fix="the run loses nothing but time; look at the node whose `node_evaluations_per_s/*` ends, and give it fewer"
        " cores (`ray start --num-cpus`)",
    ),
    Check(
        symptom="Memory grows",
        shows_in="`memory/rss_mb`: newest over that at half of the run",
        read=_memory_growth,
        bounds=Bounds(high=1.5, form="x {:.2f}"),
        cause="a leak, ours or of a library",
        fix="stop it, and give the same command: it goes on from its last generation with nothing lost; tell us",
    ),
)
