"""Matches of evaluations, made of the few fields that a test is about."""

from selfplay.stats.records import EvalLine

SILENT = EvalLine(
    generation=1, flops=1e12, evaluations=1, games=1, seconds=1.0, agent="net", opponent="rules", simulations=0,
    wins=0, draws=0, losses=0, pairs=(0, 0, 0, 0, 0), distinct_games=0, score=0.5, score_low=0.0, score_high=1.0,
).as_dict()  # fmt: skip


def a_line(**given) -> EvalLine:
    """A match with these fields; the others say nothing."""
    return EvalLine.from_dict(SILENT | given)
