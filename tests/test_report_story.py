"""The picture for strangers: its sentence, its labels, and its dots, read from what was drawn."""

import dataclasses

import numpy as np
import pytest
from matplotlib.figure import Figure
from optional import present

from selfplay.report import story, words
from selfplay.stats import crossover
from selfplay.stats.records import EvalLine


def run(shift=0.0, late=0.0, games=400):
    """The lines of a run that gains 300 Elo a decade, level with rules at 1e12 and with depth 2 at 1e13 FLOPs; `late`
    decades later with all, `shift` with depth 2."""
    lines = []
    for generation, flops in enumerate(np.geomspace(1e12, 1e14, 9), start=1):
        for opponent, even in (("rules", 12.0), ("alphabeta:depth=2", 13.0 + shift), ("alphabeta:depth=12", 16.0)):
            score = 1 / (1 + 10 ** (-300 * (np.log10(flops) - even - late) / 400))
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


def story_of(*runs):
    return story.of(runs, crossover.together([crossover.record(lines, "connect4") for lines in runs]))


def told(*runs):
    return present(story_of(*runs))


@pytest.fixture(scope="module")
def two():
    return told(run(), run(shift=0.1))


def test_the_finding_is_the_strongest_opponent_overtaken_and_when(two):
    """Level with depth 2 at 1e13 and 1.26e13 FLOPs, at 1e11 a second: 112 seconds in the geometric mean."""
    told_of = "From nothing, it overtakes a program that looks 2 moves ahead in 1.9 minutes"
    assert two.finding == f"{told_of} (surely ahead at {words.long_minutes(two.levels[1].ahead)})"
    assert two.levels[1].minutes < two.levels[1].ahead < 4 * two.levels[1].minutes


def test_nothing_is_claimed_where_nothing_was_overtaken():
    found = told([line for line in run() if line.opponent == "alphabeta:depth=12"])
    assert found.finding == "From nothing but the rules, and human knowledge is still ahead"
    assert [level.overtaken for level in found.levels] == [False]


def test_a_game_that_is_not_known_here_has_its_story_too():
    found = present(story.of([run()], crossover.record(run(), "chess")))
    assert found.caption.startswith("Training time at chess. ")


def test_one_evaluation_is_no_story():
    assert story_of([line for line in run() if line.generation == 1]) is None
    assert story_of([line for line in run() if line.agent == "net"]) is None


def test_levels_stand_weakest_first_each_with_its_moment(two):
    names = ["one-ply rules", "a program that looks 2 moves ahead", "a program that looks 12 moves ahead"]
    assert [level.name for level in two.levels] == names
    assert [level.overtaken for level in two.levels] == [True, True, False]
    assert two.levels[1].minutes == pytest.approx(1.87, abs=0.1) and two.levels[2].minutes is None


def test_the_learner_meets_a_level_at_the_moment_at_which_it_overtook(two):
    level = two.levels[1]
    elo = np.interp(np.log(level.minutes), np.log(two.minutes), two.elo)
    assert elo == pytest.approx(level.elo, abs=15)


def test_the_band_holds_all_runs_and_the_mean(two):
    """A fifth of a decade apart: 60 Elo."""
    apart = told(run(), run(late=0.2))
    low, elo, high = map(np.array, (apart.low, apart.elo, apart.high))
    assert high - low == pytest.approx(60, abs=6)
    assert elo == pytest.approx((low + high) / 2)
    one = told(run())
    assert one.low == one.elo == one.high and "mean" not in one.caption
    assert "mean and range of 2 runs" in two.caption and "Connect Four" in two.caption


def test_what_is_drawn(two):
    axes = Figure().subplots()
    story.draw(axes, two)
    said = [text.get_text() for text in axes.texts]
    assert {level.name for level in two.levels} < set(said)
    assert sum("equal strength" in text for text in said) == 1
    dots = [np.asarray(line.get_xdata())[0] for line in axes.lines if line.get_marker() == "o"]
    assert dots == pytest.approx([level.minutes for level in two.levels[:2]])


def test_labels_keep_their_distance():
    assert story.spread([0.0, 1.0, 100.0], apart=10) == [0.0, 10.0, 100.0]
    assert story.spread([100.0, 5.0, 0.0], apart=10) == [100.0, 10.0, 0.0]


def test_round_times():
    times, names = story.ticks(0.4, 130)
    assert times == [0.5, 1, 2, 5, 10, 20, 30, 60, 120]
    assert names == ["30 s", "1 min", "2 min", "5 min", "10 min", "20 min", "30 min", "1 h", "2 h"]


def test_an_axis_says_where_it_begins_and_ends():
    """Where no round time is near, and where it is shorter than any."""
    assert story.ticks(0.02, 0.073)[1] == ["1.2 s", "2 s", "4.4 s"]
    assert story.ticks(0.0101, 0.0155)[1] == ["0.61 s", "0.93 s"]
    assert story.ticks(1.0, 15.0)[1] == ["1 min", "2 min", "5 min", "10 min", "15 min"]
    assert story.ticks(30, 150)[1] == ["30 min", "1 h", "2 h", "2.5 h"]


def test_chance_is_not_called_knowledge():
    """Level with the first opponent at 1e12 FLOPs, where the evaluations begin, at 10 seconds."""
    alone = told([dataclasses.replace(line, opponent="random") for line in run(late=-0.3) if line.opponent == "rules"])
    assert alone.finding == "Ahead of random moves at its first evaluation, after 10 seconds"
    assert "Dashed: random moves, the only opponent." in alone.caption
    assert "Dots" not in alone.caption and "knowledge" not in alone.caption
    lost = told([dataclasses.replace(line, opponent="random") for line in run() if line.opponent.endswith("12")])
    assert lost.finding == "From nothing but the rules, and not yet ahead of random moves"
    mixed = told([dataclasses.replace(line, opponent="random") if line.opponent == "rules" else line
                  for line in run(late=-0.3) if line.opponent != "alphabeta:depth=2"])  # fmt: skip
    assert mixed.finding == (
        "Ahead of random moves at its first evaluation, after 10 seconds; human knowledge is still ahead"
    )
    assert "Dashed: its opponents, which do not learn." in mixed.caption
    assert "Dashed: human knowledge, which does not learn. Dots:" in told(run()).caption


def test_what_search_alone_beats_was_not_overtaken():
    """Matches of the untrained network's search against one-ply rules, all or half of whose games it wins."""
    lines = run()
    row = next(line for line in lines if line.opponent == "rules" and line.agent == "mcts:sims=64")
    before = dataclasses.replace(row, generation=0, flops=0.0, seconds=0.0, wins=row.played, losses=0, score=1.0,
                                 score_low=0.96, score_high=1.0)  # fmt: skip
    alone = told([before, *(line for line in lines if line.opponent != "alphabeta:depth=2")])
    assert alone.finding == "Ahead of one-ply rules, though search alone beats it, before any training"
    assert alone.levels[0].untrained and alone.levels[0].minutes is None
    assert present(alone.untrained) > alone.levels[0].elo
    assert "Ring: the same search before any training." in alone.caption
    half = dataclasses.replace(before, wins=row.played // 2, losses=row.played // 2, score=0.5, score_low=0.4,
                               score_high=0.6)  # fmt: skip
    even = told([half, *lines], [half, *lines])
    assert not even.levels[0].untrained
    assert present(even.untrained) == pytest.approx(even.levels[0].elo, abs=5)
    assert told([half, *lines], lines).untrained is None  # it is not known of both
    axes = Figure().subplots()
    story.draw(axes, even)
    (ring,) = [line for line in axes.lines if line.get_marker() == "o" and line.get_markerfacecolor() == "white"]
    assert axes.get_xlim()[0] < np.asarray(ring.get_xdata())[0] < even.minutes[0]


def test_it_is_a_picture(two):
    assert story.picture(two).startswith(b"\x89PNG")
