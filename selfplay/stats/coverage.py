"""Whether the intervals are true: how often they hold the truth for simulated players of known strength.

Scores are simulated as they come in practice. The two games of a pair share an opening, which may suit one player
(`_BOTH`) or one colour (`_COLOUR`), and may be drawn (`_DRAW`). A learner's strength rises with the logarithm of
compute: steeply, ever less so, unevenly, in half the runs towards a ceiling below 100 %; each checkpoint is a little
off; seeds cross at different compute; matches that are clearly won are played no more.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from selfplay.stats import comparison, crossover, rating, score
from selfplay.stats.records import Crossing, EvalLine

_BOTH, _COLOUR, _DRAW = 0.5, 0.8, 0.35  # logits: standard deviations over openings, and half the width of a draw
_WOBBLE = 0.1  # logits (17 Elo), standard deviation of a checkpoint around its trend
_SEEDS, _SEED_ELO = 0.1, 30.0  # standard deviations over seeds: of the crossing in decades, of a player in Elo
_CROSSING = (12.8, 14.2)  # log10 FLOPs, where the crossing may lie
_FIRST, _DECADES = 12.4, (1.6, 2.2)  # log10 FLOPs of the first evaluation; length of a run
_PER_DECADE = (4, 8)
_PAIRS, _FINAL_PAIRS = 50, 200
_LADDER, _FAR = (-3.0, -1.5, -0.5, 0.5, 1.5), 2.5  # logits: opponents, and from where a match is left out
_CHUNK = 100  # experiments at once


def _pair_table() -> tuple[np.ndarray, np.ndarray]:
    """Expected scores, ascending [K], and the chances of a pair's five results at each [K, 5]."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    weights_MM = np.outer(weights, weights) / weights.sum() ** 2
    strength_K11 = np.linspace(-30, 30, 3001)[:, None, None]
    games: list[tuple[np.ndarray, ...]] = []  # of the two sides: chances to lose, draw, win [K, M, M]
    for side in (1, -1):
        edge_KMM = strength_K11 + _BOTH * nodes[:, None] + side * _COLOUR * nodes[None, :]
        won, lost = 1 / (1 + np.exp(_DRAW - edge_KMM)), 1 / (1 + np.exp(_DRAW + edge_KMM))
        games.append((lost, 1 - won - lost, won))
    chances_K5 = np.zeros((len(strength_K11), 5))
    for i, first in enumerate(games[0]):
        for j, second in enumerate(games[1]):
            chances_K5[:, i + j] += (first * second * weights_MM).sum(axis=(1, 2))
    return chances_K5 @ np.arange(5) / 4, chances_K5


_SCORES_K, _CHANCES_K5 = _pair_table()


def draw_pairs(rng: np.random.Generator, score_X: np.ndarray, count: np.ndarray | int) -> np.ndarray:
    """Pentanomial counts [..., 5] of `count` pairs, for expected scores of any shape."""
    chances_X5 = np.stack([np.interp(score_X, _SCORES_K, _CHANCES_K5[:, i]) for i in range(5)], axis=-1)
    return rng.multinomial(count, chances_X5 / chances_X5.sum(axis=-1, keepdims=True))


def _logistic(strength: Any) -> Any:
    return 1 / (1 + np.exp(-strength))


def learner(rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """The expected score of a random learner at u decades beyond its crossing; 1/2 at 0."""
    rise = _rise(rng)
    top = rng.choice([1.0, rng.uniform(0.6, 1)])
    offset = -math.log(2 * top - 1) if top < 1 else 0.0

    return lambda u: top * _logistic(rise(u) + offset)


def _rise(rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Strength in logits over decades of compute, 0 at 0: steep, ever less so, and uneven."""
    slope, fading = rng.uniform(1.5, 5), rng.uniform(0.01, 1)
    swing, phase = rng.uniform(0, 0.2), rng.uniform(0, 2 * math.pi)

    def strength(u: np.ndarray) -> np.ndarray:
        return slope * (1 - np.exp(-fading * u)) / fading + swing * (np.sin(5 * u + phase) - math.sin(phase))

    return strength


def play_run(
    rng: np.random.Generator, expected: Callable[[np.ndarray], np.ndarray], crossing: float, opponent: str
) -> list[EvalLine]:
    """The matches of one run against one opponent that it crosses at 10 ** crossing FLOPs."""
    step, end = 1 / rng.integers(_PER_DECADE[0], _PER_DECADE[1] + 1), _FIRST + rng.uniform(*_DECADES)
    x_E = np.append(np.arange(_FIRST, end, step), end)
    clear = np.clip(expected(x_E - crossing), 1e-9, 1 - 1e-9)
    strength_E = np.log(clear / (1 - clear)) + _WOBBLE * rng.standard_normal(len(x_E))
    pairs_E5 = draw_pairs(rng, _logistic(strength_E), np.where(x_E == end, _FINAL_PAIRS, _PAIRS))
    lines: list[EvalLine] = []
    beaten = 0
    for number, (x, pairs_5) in enumerate(zip(x_E, pairs_E5.tolist(), strict=True), start=1):
        if beaten < 2 or x == end:
            lines.append(_line(number, float(x), pairs_5, opponent))
            beaten = beaten + 1 if lines[-1].score_low > 0.75 else 0
    return lines


def _line(number: int, x: float, pairs_5: Sequence[int], opponent: str) -> EvalLine:
    """A match at 10 ** x FLOPs; two games that cancel out count as two draws."""
    lost, drew_one, level, won_one, won = pairs_5
    mean, low, high = score.interval(pairs_5)
    return EvalLine(
        generation=number,
        flops=10**x,
        evaluations=round(10 ** (x - 7)),
        games=round(10 ** (x - 9)),
        seconds=10 ** (x - 11),
        agent="net",
        opponent=opponent,
        simulations=0,
        wins=2 * won + won_one,
        draws=drew_one + 2 * level + won_one,
        losses=2 * lost + drew_one,
        pairs=(lost, drew_one, level, won_one, won),
        distinct_games=2 * sum(pairs_5),
        score=mean,
        score_low=low,
        score_high=high,
    )


def level(rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """A learner that rises to 50 % and never passes it."""
    slope = rng.uniform(5, 15)
    return lambda u: _logistic(slope * (u + 0.7)) / 2


def crossings(experiments: Sequence[Sequence[list[EvalLine]]]) -> list[Crossing]:
    """The crossing of each experiment, which is a list of runs, one a seed, against an opponent of its own."""
    found: list[Crossing] = []
    for begin in range(0, len(experiments), _CHUNK):
        seeds = zip(*experiments[begin : begin + _CHUNK], strict=True)
        records = [crossover.record([line for lines in seed for line in lines], "") for seed in seeds]
        found += crossover.together(records).crossings
    return found


def _crossings(rng: np.random.Generator, experiments: int, seeds: int) -> dict[str, float]:
    """Of the crossing and, for one run, of the first forecast made before it."""
    truths_N = rng.uniform(*_CROSSING, experiments)
    runs: list[list[list[EvalLine]]] = []
    for number, truth in enumerate(truths_N):
        expected, spread = learner(rng), _SEEDS if seeds > 1 else 0.0
        runs.append([play_run(rng, expected, truth + spread * rng.normal(), str(number)) for _ in range(seeds)])
    held: list[bool] = []
    foreseen: list[bool] = []
    for truth, crossing in zip(10**truths_N, crossings(runs), strict=True):
        held.append(_within(truth, crossing.flops_low, crossing.flops_high))
        if made := crossing.forecast:
            foreseen.append(_within(truth, made.flops_low, made.flops_high))
    if seeds > 1:
        return {f"crossover_{seeds}_seeds": float(np.mean(held))}
    return {"crossover": float(np.mean(held)), "forecast": float(np.mean(foreseen))}


def _within(truth: float, low: float, high: float | None) -> bool:
    return low <= truth and (high is None or truth <= high)


def play_ladder(rng: np.random.Generator, strength: Callable[[np.ndarray], np.ndarray]) -> list[EvalLine]:
    """The matches of one run: against every opponent of `_LADDER` that it is not far from, and at its end against
    all."""
    step, end = 1 / rng.integers(_PER_DECADE[0], _PER_DECADE[1] + 1), _FIRST + rng.uniform(*_DECADES)
    x_E = np.append(np.arange(_FIRST, end, step), end)
    lines: list[EvalLine] = []
    for number, x in enumerate(x_E.tolist(), start=1):
        edge_O = float(strength(np.array(x))) + _WOBBLE * rng.standard_normal() - np.array(_LADDER)
        for opponent, edge in enumerate(edge_O.tolist()):
            if x == end or abs(edge) < _FAR:
                pairs_5 = draw_pairs(rng, _logistic(np.array(edge)), _FINAL_PAIRS if x == end else _PAIRS)
                lines.append(_line(number, x, pairs_5.tolist(), str(opponent)))
    return lines


def _moved(strength: Callable[[np.ndarray], np.ndarray], decades: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: strength(x + decades)


def _comparisons(rng: np.random.Generator, experiments: int, seeds: int) -> dict[str, float]:
    """Of two settings, of which one is ahead of the other by a factor of compute at any compute; in every second
    experiment by none, and then an interval without 0 is a difference seen wrongly."""
    held: dict[str, list[bool]] = {"difference": [], "compute": [], "catching_up": [], "against_one": [], "seen": []}
    for number in range(experiments):
        rise, crossing, gain = _rise(rng), rng.uniform(*_CROSSING), (number % 2) * rng.uniform(-0.5, 0.5)
        runs: list[list[EvalLine]] = []
        for ahead in (gain, 0.0):
            for _ in range(seeds):
                runs.append(play_ladder(rng, _moved(rise, ahead - crossing + _SEEDS * rng.normal())))
        first, second = range(seeds), range(seeds, 2 * seeds)
        found = comparison.strengths(runs, "net")
        told = comparison.compare(found, first, second)
        at = np.array(math.log10(told.flops) - crossing)
        truth = rating.ELO * float(rise(at + gain) - rise(at))
        held["difference"].append(told.elo_low <= truth <= told.elo_high)
        held["compute"].append(_within(10**gain, told.gain.low or 0.0, told.gain.high))
        held["catching_up"].append(_within(10**gain, told.second_needs.low or 0.0, told.second_needs.high))
        one = comparison.compare(comparison.strengths(runs, "net", "2"), first, second)
        held["against_one"].append(one.elo_low <= truth <= one.elo_high)
        if gain == 0:
            held["seen"].append(told.stronger is not None)
    return {f"{name}_{seeds}_seeds": float(np.mean(each)) for name, each in held.items()}


def _scores(rng: np.random.Generator, experiments: int) -> dict[str, float]:
    truths_N = _logistic(rng.uniform(-3, 3, experiments))
    counts_N = rng.choice([_PAIRS, _FINAL_PAIRS], experiments)
    pairs_N5 = draw_pairs(rng, truths_N, counts_N)
    intervals = [score.interval(pairs_5)[1:] for pairs_5 in pairs_N5.tolist()]
    return {"score": float(np.mean([low <= t <= high for t, (low, high) in zip(truths_N, intervals, strict=True)]))}


def _ratings(rng: np.random.Generator, experiments: int, seeds: int) -> dict[str, float]:
    """Two anchors and two players, each trained with `seeds` seeds; everyone meets everyone."""
    names, anchors = ["low", "high", "x", "y"], {"low": 0.0, "high": 200.0}
    held: list[bool] = []
    for _ in range(experiments):
        truth = {**anchors, **{name: rng.uniform(-200, 400) for name in names[2:]}}
        rated: list[list[rating.Rating]] = []
        for _ in range(seeds):
            elo = {name: truth[name] + (name not in anchors and seeds > 1) * _SEED_ELO * rng.normal() for name in names}
            matches: list[rating.Match] = []
            for a, b in itertools.combinations(names, 2):
                pairs_5 = draw_pairs(rng, np.array(score.expected(elo[a] - elo[b])), _PAIRS)
                matches.append((a, b, pairs_5.tolist()))
            resamples = 200 if seeds == 1 else 1  # over seeds their own intervals are not looked at
            rated.append(
                rating.rate(names, matches, anchors=anchors, resamples=resamples, seed=int(rng.integers(1 << 32)))
            )
        for entry in (rated[0] if seeds == 1 else rating.over_seeds(rated))[2:]:
            held.append(entry.elo_low <= truth[entry.agent] <= entry.elo_high)
    return {"elo" if seeds == 1 else f"elo_{seeds}_seeds": float(np.mean(held))}


def _false_alarms(rng: np.random.Generator, experiments: int) -> dict[str, float]:
    """How often a learner is said to have overtaken that rises to 50 % and no further."""
    runs = [[play_run(rng, level(rng), rng.uniform(*_CROSSING), str(number))] for number in range(experiments)]
    return {"overtaken_wrongly": float(np.mean([crossing.overtaken for crossing in crossings(runs)]))}


def _sequential(rng: np.random.Generator, experiments: int, low: float = 0, high: float = 100) -> dict[str, float]:
    """Errors of the sequential test, asked after every pair, where one of its two hypotheses is true."""
    errors = 0
    for number in range(experiments):
        truth, wrong = ((low, "H1"), (high, "H0"))[number % 2]
        pairs_5, state = np.zeros(5), score.sprt([0] * 5, low, high)
        while not state.decided:
            pairs_5 += draw_pairs(rng, np.array(score.expected(truth)), 1)
            state = score.sprt(pairs_5.tolist(), low, high)
        errors += state.decision == wrong
    return {"sprt_errors": errors / experiments}


def measure(experiments: int = 2000, seed: int = 0) -> dict[str, float]:
    """The share of simulated experiments in which each 95 % interval held the truth, and two shares of errors."""
    rng = np.random.default_rng(seed)
    return {
        "experiments": experiments,
        **_scores(rng, experiments),
        **_ratings(rng, experiments, 1),
        **_ratings(rng, experiments, 3),
        **_crossings(rng, experiments, 1),
        **_crossings(rng, experiments, 3),
        **_false_alarms(rng, experiments),
        **_sequential(rng, experiments),
        **_comparisons(np.random.default_rng(seed), experiments // 4, 3),
    }
