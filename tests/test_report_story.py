"""The picture for strangers: its sentence, its labels, and its dots, read from what was drawn."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from selfplay.report import story
from selfplay.stats import crossover
from selfplay.stats.records import EvalLine

NAMES = {"rules": "one-ply rules", "alphabeta:depth=2": "a beginner", "alphabeta:depth=12": "a master"}


def run(shift=0.0, games=400):
    """The lines of a run that gains 300 Elo a decade, level with rules at 1e12 and with depth 2 at 1e13 FLOPs."""
    lines = []
    for generation, flops in enumerate(np.geomspace(1e12, 1e14, 9), start=1):
        for opponent, even in (("rules", 12.0), ("alphabeta:depth=2", 13.0 + shift), ("alphabeta:depth=12", 16.0)):
            score = 1 / (1 + 10 ** (-300 * (np.log10(flops) - even) / 400))
            won = round(games / 2 * score)
            lines.append(
                EvalLine.from_dict(
                    {
                        "generation": generation,
                        "flops": float(flops),
                        "seconds": flops / 1e11,
                        "evaluations": int(flops / 1e6),
                        "games": int(flops / 1e9),
                        "jones_flops": flops / 4,
                        "joules": None,
                        "agent": "mcts:sims=64",
                        "opponent": opponent,
                        "simulations": 64,
                        "wins": 2 * won,
                        "draws": 0,
                        "losses": games - 2 * won,
                        "pairs": [games // 2 - won, 0, 0, 0, won],
                        "distinct_games": games,
                        "score": won / (games / 2),
                        "score_low": 0.0,
                        "score_high": 1.0,
                        "seed": 0,
                    }
                )
            )
    return lines


@pytest.fixture(scope="module")
def drawn():
    evals = [run(), run(shift=0.1)]
    record = crossover.together([crossover.record(lines, "connect4") for lines in evals])
    axes = Figure().subplots()
    story.draw(axes, evals, record, NAMES.__getitem__)
    return axes, record


def test_the_sentence_is_the_last_opponent_overtaken_and_when(drawn):
    """Level with depth 2 at 1e13 and 1.26e13 FLOPs, at 1e11 a second: 112 seconds in the geometric mean."""
    assert (
        story.finding(drawn[1], NAMES.__getitem__) == "From nothing but the rules, it passes a beginner in 1.9 minutes"
    )


def test_nothing_is_claimed_where_nothing_was_overtaken():
    lines = [line for line in run() if line.opponent == "alphabeta:depth=12"]
    record = crossover.record(lines, "connect4")
    assert story.finding(record, NAMES.__getitem__) == "From nothing but the rules: not past human knowledge yet"


def test_human_knowledge_stands_as_levels_with_the_moment_of_overtaking(drawn):
    labels = [text.get_text() for text in drawn[0].texts]
    assert "a beginner, passed after 1.9 minutes" in labels
    assert "a master" in labels
    assert any(label.startswith("one-ply rules, passed") for label in labels)
    assert any("mean and range of 2 runs" in label for label in labels)
    dots = [line.get_xdata()[0] for line in drawn[0].lines if line.get_marker() == "o"]
    assert max(dots) == pytest.approx(1.87, abs=0.1)


def test_labels_keep_their_distance():
    assert story._spread([0.0, 1.0, 100.0], apart=10) == [0.0, 10.0, 100.0]
    assert story._spread([100.0, 5.0, 0.0], apart=10) == [100.0, 10.0, 0.0]


def test_it_is_a_picture():
    record = crossover.record(run(), "connect4")
    assert story.picture([run()], record, NAMES.__getitem__).startswith(b"\x89PNG")
