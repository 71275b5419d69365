"""Matches of evaluations, made of the few fields that a test is about."""

from selfplay.stats.records import Crossing, EvalLine

SILENT = EvalLine(
    generation=1, flops=1e12, evaluations=1, games=1, seconds=1.0, agent="net", opponent="rules", simulations=0,
    wins=0, draws=0, losses=0, pairs=(0, 0, 0, 0, 0), distinct_games=0, score=0.5, score_low=0.0, score_high=1.0,
).as_dict()  # fmt: skip


def a_line(**given) -> EvalLine:
    """A match with these fields; the others say nothing."""
    return EvalLine.from_dict(SILENT | given)


def a_crossing(**given) -> Crossing:
    """An opponent that was overtaken, with these fields."""
    silent = {"status": "overtaken", "score_at_end": 0.6, "score_low": 0.55, "score_high": 0.65, "flops_at_end": 1e14}
    return Crossing(**(silent | given))


def met(a, b, elo_a, elo_b):
    """A thousand pairs whose points are just as Elo has it."""
    points = 1000 / (1 + 10 ** ((elo_b - elo_a) / 400))
    return [a, b, [1000 - points, 0, 0, 0, points]]
