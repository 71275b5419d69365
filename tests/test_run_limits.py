"""Where a run ends: shares and rests by hand, and what is too little for another generation."""

import dataclasses

import pytest

from selfplay.config import Config
from selfplay.ledger import Ledger
from selfplay.run import limits

NOW = Ledger(play_flops=2.7e12, learn_flops=3e11, play_seconds=120.0, learn_seconds=60.0, eval_seconds=90.0)
PLAIN = dataclasses.replace(Config(), minutes=0)


def limited(**given):
    return dataclasses.replace(PLAIN, **given)


def test_the_share_of_the_budget_is_that_of_the_limit_which_ends_the_run():
    assert limits.spent(limited(minutes=12), NOW, 3) == 0.25
    assert limits.spent(limited(generations=6), NOW, 3) == 0.5
    assert limits.spent(limited(flops=4e12), NOW, 3) == 0.75
    assert limits.spent(limited(minutes=12, generations=6, flops=4e12), NOW, 3) == 0.75
    assert limits.spent(limited(generations=2), NOW, 3) == 1.0
    # 180 s of training are a quarter of the budget: 540 s are left. Four evaluations are due in each tenfold of compute
    # from 1e12 on: the 90 s were two, at 1e12 and 1.8e12; of the 12e12 there are two more, at 5.6e12 and 1e13.
    assert limits.seconds_left(limited(minutes=12), NOW, 3) == pytest.approx(540 + 2 * 45)
    rare = dataclasses.replace(PLAIN.eval, per_decade=0)
    assert limits.seconds_left(limited(minutes=12, eval=rare), NOW, 3) == pytest.approx(540)
    # Ten minutes, whose first twelve seconds had an evaluation of as long: the 1.7 decades that are left have six.
    early = Ledger(learn_flops=1.2e12, learn_seconds=12.0, eval_seconds=12.0)
    assert limits.seconds_left(limited(minutes=10), early, 1) == pytest.approx(588 + 6 * 12)
    assert limits.seconds_left(PLAIN, NOW, 3) is None
    assert limits.seconds_left(limited(minutes=12), Ledger(), 0) == 720
    assert limits.train_seconds_at_end(limited(generations=6), NOW, 3) == 360
    assert limits.train_seconds_at_end(limited(generations=6), Ledger(), 0) is None


@pytest.mark.parametrize(
    ("given", "ends"),
    [
        ({"flops": 3.05e12}, False),
        ({"flops": 3.02e12}, True),  # less than a hundredth is left
        ({"minutes": 3.2}, False),  # 12 s are left,
        ({"minutes": 3.02}, True),  # 1.2 s of three minutes
        ({"minutes": 60.0}, False),
        ({"generations": 3}, True),
        ({"generations": 4}, False),
        ({"generations": 4, "minutes": 3.0}, True),
        ({}, False),
    ],
)
def test_a_run_ends_where_no_generation_fits_any_more(given, ends):
    assert limits.reached(limited(**given), NOW, 3) is ends
    assert (limits.spent(limited(**given), NOW, 3) == 1.0) is ends


def test_of_a_long_run_no_more_than_seconds_are_left_out():
    day = limited(minutes=1440.0)
    assert not limits.reached(day, Ledger(play_seconds=86_400 - 6.0), 1)
    assert limits.reached(day, Ledger(play_seconds=86_400 - 4.0), 1)


def test_what_is_left():
    assert limits.left(limited(minutes=4.0, flops=4e12), NOW) == limits.Left(flops=1e12, seconds=60.0)
    assert limits.left(limited(generations=4), NOW) == limits.Left(flops=None, seconds=None)
