"""Two settings compared: differences that are known from how the matches are made, and what few seeds cannot tell."""

import math

import numpy as np
import pytest
from matches import a_line
from optional import present

from selfplay.stats import comparison, score

ELO = 400 / math.log(10)
STEPS = np.arange(12.4, 14.3, 0.2)
OPPONENTS = {"weak": -1.0, "even": 0.0, "strong": 1.0}  # logits


def a_run(strength, opponents=OPPONENTS, agent="mcts:sims=64", steps=STEPS, pairs=4000):
    """The matches of a run whose strength in logits is that function of log10 FLOPs, with hardly any chance in them."""
    lines = []
    for number, x in enumerate(steps, start=1):
        for opponent, level in opponents.items():
            share = 1 / (1 + math.exp(level - strength(x)))
            won = round(pairs * share)
            lines.append(
                a_line(
                    generation=number, flops=10.0**x, agent=agent, opponent=opponent, wins=2 * won,
                    losses=2 * (pairs - won), pairs=(pairs - won, 0, 0, 0, won), score=share,
                )
            )  # fmt: skip
    return lines


def rising(offset=0.0, slope=2.0):
    return lambda x: slope * (x - 13.4) + offset


def settings(first, second, agent="mcts:sims=64", opponent=None, level=0.95):
    found = comparison.strengths([*first, *second], agent, opponent)
    return comparison.compare(found, range(len(first)), range(len(first), len(first) + len(second)), level)


def known(factor):
    """Its lower bound, itself, and its upper bound, which are there."""
    return present(factor.low), present(factor.value), present(factor.high)


SPREAD = (-0.1, 0.0, 0.1)  # of three seeds, in logits


def three(offset=0.0, **given):
    return [a_run(rising(offset + seed), **given) for seed in SPREAD]


@pytest.mark.parametrize("opponent", [None, "weak", "strong"])
def test_a_constant_lead_is_found_in_elo_and_in_compute(opponent):
    """0.4 logits are 69.5 Elo; at 2 logits a decade they are 0.2 decades, a factor of 1.585."""
    found = settings(three(0.4), three(), opponent=opponent)
    assert found.flops == pytest.approx(10**14.2, rel=0.03)
    assert found.elo == pytest.approx(0.4 * ELO, abs=4)
    assert found.second_needs.value == pytest.approx(1.585, rel=0.06)
    assert found.first_needs.value == pytest.approx(1 / 1.585, rel=0.06)
    assert found.gain == found.first_needs.inverse  # where both were seen
    low, _, high = known(found.gain)
    assert low < 1.585 < high
    assert found.stronger == "first"
    assert found.seeds == (3, 3) and found.over == "seeds and games"


def test_the_interval_is_welchs_of_the_seeds_strengths():
    """Seeds of -0.1, 0, 0.1 logits: variance 0.01 in both groups, 4 degrees of freedom, whose quantile is 2.776."""
    found = settings(three(0.4), three())
    half = 2.776 * math.sqrt(2 * 0.01 / 3) * ELO
    assert (found.elo_high - found.elo_low) / 2 == pytest.approx(half, rel=0.05)
    # Seeds twice as far apart: 0.04 / 3 and 0.01 / 3 give (0.05 / 3)^2 / (0.04^2 / 18 + 0.01^2 / 18) = 2.94, and 3.22.
    found = settings([a_run(rising(0.4 + 2 * seed)) for seed in SPREAD], three())
    half = 3.22 * math.sqrt(0.05 / 3) * ELO
    assert (found.elo_high - found.elo_low) / 2 == pytest.approx(half, rel=0.05)


def test_who_comes_first_does_not_matter():
    one, other = settings(three(0.4), three()), settings(three(), three(0.4))
    assert other.elo == pytest.approx(-one.elo)
    assert (other.elo_low, other.elo_high) == pytest.approx((-one.elo_high, -one.elo_low))
    for mine, theirs in ((one.second_needs, other.first_needs), (one.first_needs, other.second_needs)):
        assert (mine.value, mine.low, mine.high) == pytest.approx((theirs.value, theirs.low, theirs.high))
    assert other.stronger == "second"
    assert [1 / each for each in reversed(known(other.gain))] == pytest.approx(known(one.gain))


@pytest.mark.parametrize("lead", [0.0, 0.1, 0.2, 0.25, 0.5])
def test_the_factor_holds_1_just_when_the_difference_holds_0(lead):
    found = settings(three(lead), three())
    shown = found.elo_low > 0
    assert shown == (lead >= 0.25)  # half a width is 0.227 logits
    low, value, high = known(found.second_needs)
    assert (low > 1) == shown and low < value < high
    low, value, high = known(found.first_needs)
    assert (high < 1) == shown and low < value < high


def test_equal_compute_is_what_all_runs_reached():
    short = a_run(rising(), steps=STEPS[:6])
    found = settings(three(0.4), [*three()[:2], short])
    assert found.flops == pytest.approx(10 ** STEPS[5])
    assert found.at[-1].flops == found.flops and found.at[-1].elo == found.elo
    assert [one.flops for one in found.at] == sorted(one.flops for one in found.at)


def test_a_setting_that_went_on_says_where_it_got_as_strong():
    """The second setting, 1 logit behind, went on for a decade: it got there half a decade later, and that was seen."""
    longer = three(-1.0, steps=np.arange(12.4, 15.3, 0.2))
    seen, foreseen = settings(three(), longer), settings(three(), three(-1.0))
    assert seen.second_needs.value == pytest.approx(10**0.5, rel=0.06)
    _, _, high = known(seen.second_needs)
    assert high < 10**0.9
    assert foreseen.second_needs.high is None or foreseen.second_needs.high > high
    assert present(foreseen.second_needs.low) < 10**0.5


def test_what_no_amount_of_compute_that_is_looked_at_buys_is_beyond():
    """Both stand still, 4 logits apart."""
    high, low = ([a_run(rising(offset + seed, slope=0.0)) for seed in SPREAD] for offset in (2.0, -2.0))
    found = settings(high, low)
    assert found.stronger == "first"
    assert found.second_needs.high is None
    assert present(found.second_needs.low) > 1
    assert found.first_needs.value is None  # it was as strong from the beginning
    assert found.first_needs.low is None and present(found.first_needs.high) < 0.05


def test_few_games_make_the_interval_wide_even_if_seeds_happen_to_agree():
    """Three seeds of 20 pairs against each opponent, exactly alike."""
    sure, unsure = (settings([a_run(rising(0.4), pairs=n)] * 3, [a_run(rising(), pairs=n)] * 3) for n in (4000, 20))
    assert sure.stronger == "first"
    # One match of 20 pairs has a standard error of 0.5 / sqrt(20), 0.45 logits; some matches near the end count.
    assert unsure.elo_high - unsure.elo_low > 2 * (sure.elo_high - sure.elo_low)


def test_one_seed_is_taken_to_scatter_as_the_others_do():
    """Variance 0.01 for each; 2 degrees of freedom have the quantile 4.303."""
    found = settings([a_run(rising(0.4))], three())
    assert (found.elo_high - found.elo_low) / 2 == pytest.approx(4.303 * math.sqrt(0.01 * 4 / 3) * ELO, rel=0.05)
    assert found.over == "seeds and games"
    turned = settings(three(), [a_run(rising(0.4))])
    assert turned.elo_low == pytest.approx(-found.elo_high)


def test_one_seed_each_shows_nothing():
    found = settings([a_run(rising(2.0))], [a_run(rising())])
    assert found.over == "games" and found.elo_low > 0
    assert found.stronger is None


def test_a_higher_level_is_wider():
    assert settings(three(0.4), three(), level=0.99).elo_low < settings(three(0.4), three()).elo_low


def test_opponents_that_only_one_setting_met_are_put_on_the_scale_by_the_others():
    """The first meets who is strong, the second who is weak; both meet who is even. The lead is still 0.4 logits."""
    first = [a_run(rising(0.4 + seed), {"even": 0.0, "strong": 1.0}) for seed in SPREAD]
    second = [a_run(rising(seed), {"even": 0.0, "weak": -1.0}) for seed in SPREAD]
    found = comparison.strengths([*first, *second], "mcts:sims=64")
    assert found.opponents == pytest.approx({"even": 0, "strong": ELO, "weak": -ELO}, abs=2)
    assert comparison.compare(found, range(3), range(3, 6)).elo == pytest.approx(0.4 * ELO, abs=4)
    assert comparison.shared_opponents([*first, *second], "mcts:sims=64") == ["even"]


def test_a_checkpoint_that_is_off_is_off_against_all_opponents_at_once():
    """Four equal opponents at each checkpoint are no four checkpoints. With hardly any chance in the games, what a
    curve leaves open is how far checkpoints are off their trend, and more matches of the same ones tell no more of
    that; were each match off by itself, four would halve it."""
    four = {f"even{number}": 0.0 for number in range(4)}
    one_of, four_of = (a_run(rising(), opponents) for opponents in ({"even0": 0.0}, four))
    one, many = (comparison.strengths([lines], "mcts:sims=64") for lines in (one_of, four_of))
    assert many.sd_RG[0, many.end] == pytest.approx(one.sd_RG[0, one.end], rel=0.1)
    assert many.mean_RG[0, many.end] == pytest.approx(one.mean_RG[0, one.end], abs=0.02)


def test_players_and_opponents_that_runs_share():
    runs = [
        [*a_run(rising(), agent="net"), *a_run(rising(), agent="mcts:ms=20"), *a_run(rising())],
        [*a_run(rising()), *a_run(rising(), {"even": 0.0, "other": 0.0}, agent="net")],
    ]
    assert comparison.shared_agents(runs) == ["mcts:sims=64", "net"]
    assert comparison.shared_opponents(runs, "net") == ["even"]
    assert comparison.shared_agents([[], runs[0]]) == []


def test_the_mean_of_a_setting_and_its_band():
    found = comparison.strengths([*three(0.4), a_run(rising())], "mcts:sims=64", "even")
    middle, half = comparison.means(found, range(3))
    assert len(middle) == len(half) == found.end + 1
    assert middle[-1] == pytest.approx((2 * (14.2 - 13.4) + 0.4) * ELO, abs=6)
    assert half[-1] == pytest.approx(4.303 * 0.1 / math.sqrt(3) * ELO, rel=0.1)
    assert comparison.means(found, [3])[1][-1] < half[-1]  # of its games alone


@pytest.mark.parametrize(
    ("share", "freedom", "quantile"),
    [(0.975, 1, 12.706), (0.975, 2, 4.303), (0.975, 4, 2.776), (0.975, 30, 2.042), (0.995, 3, 5.841), (0.9, 10, 1.372),
     (0.975, 1e9, 1.960)],
)  # fmt: skip
def test_students_quantiles_are_those_of_the_published_table(share, freedom, quantile):
    assert float(score.student_quantile(share, np.array(freedom))) == pytest.approx(quantile, abs=0.0006)
