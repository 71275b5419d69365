"""Whether a run is well: what ails runs that do not learn, how it shows in their numbers, and what helps.

The table of `AILMENTS` is the one of docs/read-the-curves.md, of `selfplay doctor RUN` and of the report. A reading
is a number from the lines of metrics.jsonl and evals.jsonl; None where they cannot tell, or cannot yet.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from selfplay.config import Config
from selfplay.run.read import Metrics
from selfplay.stats import rating
from selfplay.stats.rating import strength
from selfplay.stats.records import Lines

_YOUNG = 10  # generations before which a run is not judged by what falls or rises
_TELLING = 30.0  # Elo; a standard error of growth with which a standstill is seldom mistaken
_BEATEN = 0.9  # a score above which an opponent no longer tells how strong the learner is


@dataclass(frozen=True, kw_only=True)
class Run:
    """What is looked at."""

    config: Config
    metrics: Metrics
    evals: Lines


@dataclass(frozen=True, kw_only=True)
class Ailment:
    """One row of the table; well is a reading from `low` to `high`."""

    symptom: str
    shows_in: str
    """the reading in words, with the names of metrics"""
    read: Callable[[Run], float | None]
    low: float = -math.inf
    high: float = math.inf
    form: str = "{:.2f}"
    """how a reading is written, with its unit"""
    cause: str
    remedy: str

    @property
    def healthy(self) -> str:
        """`at least 30 Elo`, `0.1 to 0.9`."""
        low, high = self.form.format(self.low), self.form.format(self.high)
        if math.isinf(self.high):
            return f"at least {low}"
        return f"at most {high}" if math.isinf(self.low) else f"{low} to {high}"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """An ailment looked for in a run."""

    ailment: Ailment
    reading: float | None

    def as_dict(self) -> dict[str, Any]:
        ailment = self.ailment
        words = {name: getattr(ailment, name) for name in ("symptom", "shows_in", "healthy", "cause", "remedy")}
        return {**words, "reading": self.reading, "verdict": self.verdict}

    @property
    def ill(self) -> bool:
        return self.reading is not None and not self.ailment.low <= self.reading <= self.ailment.high

    @property
    def verdict(self) -> str:
        return "not known" if self.reading is None else "look here" if self.ill else "well"

    @property
    def shown(self) -> str:
        return "" if self.reading is None else self.ailment.form.format(self.reading)


def examine(config: Config, metrics: Metrics, evals: Lines) -> list[Finding]:
    """Every ailment looked for, in the order of the table."""
    run = Run(config=config, metrics=metrics, evals=evals)
    return [Finding(ailment=ailment, reading=ailment.read(run)) for ailment in AILMENTS]


def table() -> str:
    """The table of ailments in Markdown."""
    rows = [
        f"| {a.symptom} | {a.shows_in} | {a.healthy} | {a.cause} | {a.remedy} |".replace("\n", " ") for a in AILMENTS
    ]
    return "\n".join(["| symptom | shows in | healthy | cause | remedy |", "|---|---|---|---|---|", *rows]) + "\n"


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
    lines = [line for line in run.evals if line.agent == agent and line.flops > 0]
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
    shares = [line.distinct_games / line.played for line in run.evals]
    return min(shares) if shares else None


def _evaluation_share(run: Run) -> float | None:
    """Of the run's time; the long matches at its end are left out, and those of an interrupted end with them."""
    lines = run.metrics[: -math.ceil(len(run.metrics) / 10)]
    if not lines:
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


AILMENTS = (
    Ailment(
        symptom="It does not get stronger",
        shows_in="`elo/mcts`: Elo among the opponents gained while training compute doubled for the last time",
        read=_growth,
        low=25,
        form="{:+.0f} Elo",
        cause="one of the rows below; or the run is at the end of what its network and its search can do",
        remedy="the other rows first; then more time, a larger `--network.architecture`, more `--search.simulations`",
    ),
    Ailment(
        symptom="It beats everyone, so nothing more can be seen",
        shows_in="`strength/*`: the lowest score with search of the last matches",
        read=_lowest_score,
        high=_BEATEN,
        form="{:.0%}",
        cause="the opponents are too weak to measure it",
        remedy="`selfplay measure RUN --opponents ...` with stronger ones; training itself is not concerned",
    ),
    Ailment(
        symptom="A loss is infinite or no number",
        shows_in="`loss/total`: generations in which it was",
        read=_not_numbers,
        high=0,
        form="{:.0f}",
        cause="steps so large that the weights left all bounds",
        remedy="begin anew with a lower `--learn.learning_rate`; what was learned is lost",
    ),
    Ailment(
        symptom="The policy does not learn",
        shows_in="`loss/policy`: by how much of its first value it has fallen",
        read=_fallen("loss/policy"),
        low=0.1,
        form="{:.0%}",
        cause="steps far too large (the loss jumps) or too small (it stands), or targets without a preference",
        remedy="the preset's `--learn.learning_rate`; then look at `policy/entropy`: as high as log(legal moves), the"
        " search prefers nothing and needs more `--search.simulations`",
    ),
    Ailment(
        symptom="The value does not learn",
        shows_in="`loss/value`: by how much of its first value it has fallen",
        read=_fallen("loss/value"),
        low=0.1,
        form="{:.0%}",
        cause="steps far too large; random openings that decide the games, so that results are noise; a small"
        " `learn.value_weight`; or, in a game of your own, a result of the wrong sign",
        remedy="the preset's `--learn.learning_rate` and `--learn.value_weight`; fewer `--play.opening_plies`;"
        " `games.laws.check_laws` and a naive twin of the rules",
    ),
    Ailment(
        symptom="Results are learned by heart",
        shows_in="`value/calibration`: how far predicted scores are from reached ones",
        read=_newest("value/calibration"),
        high=0.15,
        cause="each position is trained on too often, or the window is too small: the value is sure, and wrong",
        remedy="a lower `--learn.replay_ratio`, a larger `--replay.capacity`, a smaller network",
    ),
    Ailment(
        symptom="Play has collapsed into a few lines",
        shows_in="`policy/entropy`: how undecided the search is, in nats",
        read=_newest("policy/entropy"),
        low=0.1,
        cause="nothing makes the games differ, so that the policy confirms itself; or the game is too small for more",
        remedy="more `--play.opening_plies` and `--play.temperature_plies`; in a solved game nothing is wrong",
    ),
    Ailment(
        symptom="It plays the same games again and again",
        shows_in="`games/distinct_positions`: share of distinct positions in a generation",
        read=_newest("games/distinct_positions"),
        low=0.3,
        form="{:.0%}",
        cause="too little chance in the first moves; it will be blind elsewhere, though its losses look fine",
        remedy="more `--play.opening_plies` and `--play.temperature_plies`",
    ),
    Ailment(
        symptom="One side always wins",
        shows_in="`games/first_player_score`",
        read=_newest("games/first_player_score"),
        low=0.1,
        high=0.9,
        cause="the game is decided by who begins, so that results say nothing of the moves",
        remedy="more `--play.opening_plies` make starts more even",
    ),
    Ailment(
        symptom="Search adds nothing to the network",
        shows_in="`policy/kl_search_net`: how far the search moves the policy, in nats",
        read=_newest("policy/kl_search_net"),
        low=0.02,
        form="{:.3f}",
        cause="too few simulations to improve on the network; or there is nothing left to improve",
        remedy="more `--search.simulations`",
    ),
    Ailment(
        symptom="No win is ever proven",
        shows_in="`proven/share`: share of searches that end with a proof",
        read=_proofs,
        low=0.001,
        form="{:.1%}",
        cause="in a game with forced wins, rules that never end a game",
        remedy="`games.laws.check_laws` and a naive twin of the rules",
    ),
    Ailment(
        symptom="Every gradient is cut",
        shows_in="`learn/gradient_norm` over `learn.gradient_clip`",
        read=_at_the_clip,
        high=0.9,
        cause="batches too small or steps too large",
        remedy="a larger `--learn.batch`, a lower `--learn.learning_rate`",
    ),
    Ailment(
        symptom="It trains more or less often on a position than it was told",
        shows_in="`learn/reuse` over the setting `learn.replay_ratio`",
        read=_reuse,
        low=0.9,
        high=1.1,
        cause="a run younger than its `replay.minimum`; else a bug",
        remedy="wait; runs of different reuse cannot be compared",
    ),
    Ailment(
        symptom="Matches repeat a few games",
        shows_in="`distinct_games` of evals.jsonl: the lowest share of distinct games in a match",
        read=_distinct_matches,
        low=0.9,
        form="{:.0%}",
        cause="both players are deterministic and there are fewer openings than games",
        remedy="fewer `--eval.games`: games that are played twice tell nothing twice",
    ),
    Ailment(
        symptom="Matches eat the time",
        shows_in="`eval_seconds`: share of the run's time, before its end",
        read=_evaluation_share,
        high=0.35,
        form="{:.0%}",
        cause="many or slow opponents, met often",
        remedy="lower `--eval.games` or `--eval.per_decade`; `selfplay measure RUN` can do it later",
    ),
    Ailment(
        symptom="The network hardly works",
        shows_in="`play/network_share`: share of self-play's time in the network",
        read=_newest("play/network_share"),
        low=0.5,
        form="{:.0%}",
        cause="the tree is the cost, because the network is small",
        remedy="a larger `--network.architecture` is nearly free",
    ),
    Ailment(
        symptom="Self-play has slowed down",
        shows_in="`play/positions_per_s`: newest over the run's median",
        read=_slowed,
        low=0.6,
        form="x {:.2f}",
        cause="other work on the machine, heat, or a machine that swaps",
        remedy="look at `memory/rss_mb` and at what else runs; `selfplay bench all` says what the machine can do",
    ),
    Ailment(
        symptom="Memory grows",
        shows_in="`memory/rss_mb`: newest over that at half of the run",
        read=_memory_growth,
        high=1.5,
        form="x {:.2f}",
        cause="a leak, ours or of a library",
        remedy="stop it, and give the same command: it goes on from its last generation with nothing lost; tell us",
    ),
)
