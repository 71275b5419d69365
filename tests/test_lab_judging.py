"""Judges and lessons of the lab: what they say, what it costs, and what a network learns of it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

import games
from games import text
from games.game import DRAW, MOVER_WON, ONGOING
from selfplay.config import Config, LearnConfig, NetworkConfig, PlayConfig, SearchConfig
from selfplay.lab import curves, trainings
from selfplay.lab.experiment import Cell, Constant, Earlier, Outcome, Record
from selfplay.lab.experiments import judge
from selfplay.lab.judging import collapse, effects, gap, judges, lessons
from selfplay.lab.judging import games as games_of
from selfplay.lab.judging.judges import Verdict
from selfplay.lab.ruler import Decisions
from selfplay.network.architectures import build
from selfplay.network.frozen import FrozenNetwork
from selfplay.stats import seeds

CONNECT4 = games.make("connect4")
TICTACTOE = games.make("tictactoe")


def network(game=CONNECT4, architecture="mlp:1x16", seed=0):
    torch.manual_seed(seed)
    return FrozenNetwork.of(build(game, architecture), game)


def positions(*lines):
    return np.array([text.replay(CONNECT4, line)[0] for line in lines])


def always(column, price=1e6):
    """A judge who would play one column."""
    return lambda states_NW: Verdict(np.eye(7, dtype=np.float32)[[column] * len(states_NW)], price * len(states_NW))


def test_the_solver_judges_by_what_is_kept():
    """The empty board is won in the middle alone (Allis 1988); after 4 3 it is known to be won as well."""
    pytest.importorskip("bitbully", reason="needs bitbully")
    verdict = judges.solver(CONNECT4)(positions([]))
    assert verdict.policy_NA[0].tolist() == [0, 0, 0, 1, 0, 0, 0] and verdict.flops == judges.SOLVED_FLOPS


def test_alphabeta_judges_by_one_move_and_is_charged_by_its_nodes():
    """Three in the first column win at once; deeper searches of an open position see more of it."""
    won = positions([0, 1, 0, 1, 0, 1])
    assert judges.alphabeta(CONNECT4, 2)(won).policy_NA[0].tolist() == [1, 0, 0, 0, 0, 0, 0]
    costs = [judges.alphabeta(CONNECT4, depth)(positions([])).flops for depth in (1, 4, 8)]
    assert costs == sorted(set(costs)) and costs[0] >= 2 * trainings.NODE_FLOPS


def test_a_network_judges_alone_or_by_search_and_is_charged_for_each_simulation():
    one, states = network(), positions([], [0, 1, 0, 1, 0, 1])
    alone, searched = judges.network_policy(one)(states), judges.network_search(one, 16)(states)
    weights = 42 * CONNECT4.planes * 16 + 16 * 7 + 16 * 3
    assert alone.flops == 2 * 2.0 * weights and searched.flops == 17 * alone.flops
    assert searched.policy_NA[1].argmax() == 0 and alone.policy_NA[1].max() < 0.5  # the rules show the search a win
    np.testing.assert_allclose(alone.policy_NA.sum(axis=1), 1, rtol=1e-5)


def test_one_of_several_judges_is_drawn():
    found = judges.one_of([always(0), always(6)])(positions([]))
    assert found.policy_NA[0].tolist() == [0.5, 0, 0, 0, 0, 0, 0.5] and found.flops == 1e6


@pytest.mark.parametrize(
    ("name", "policy"),
    [("random moves", [1 / 7] * 7), ("alpha-beta 3", [0, 0, 0, 1, 0, 0, 0]), ("solver", [0, 0, 0, 1, 0, 0, 0])],
)
def test_judges_by_name(name, policy):
    if name == "solver":
        pytest.importorskip("bitbully", reason="needs bitbully")
    found = judges.named(name, CONNECT4)(network())(positions([]))
    np.testing.assert_allclose(found.policy_NA[0], policy, rtol=1e-6)


def test_judges_by_name_that_are_the_learner_itself():
    learner, older = network(), network(seed=1)
    alone, hers = (judges.network_policy(each)(positions([])) for each in (learner, older))
    for name, flops, policy in (("own policy", 1, alone), ("own search 4", 5, None), ("older selves", 1, hers)):
        found = judges.named(name, CONNECT4, [older])(learner)(positions([]))
        assert found.flops == flops * alone.flops
        assert policy is None or found.policy_NA.tolist() == policy.policy_NA.tolist()


def test_moves_are_drawn_as_often_as_the_policy_says():
    policy_NA = np.tile(np.array([[0.0, 0.5, 0.0, 0.3, 0.2, 0.0]], np.float32), (40_000, 1))
    counts = np.bincount(judges.drawn(policy_NA, np.random.default_rng(0)), minlength=6) / 40_000
    np.testing.assert_allclose(counts, policy_NA[0], atol=0.01)
    assert counts[[0, 2, 5]].tolist() == [0, 0, 0]


def test_divergence_and_marks_by_hand():
    policy, other = np.array([[0.5, 0.5, 0.0]]), np.array([[0.25, 0.75, 0.0]])
    assert judges.divergence(policy, other) == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(2 / 3))
    asked = Decisions(positions([], [3], [3, 3]), np.array([[1, 0, -2], [0, -1, 0], [1, -1, -1]], np.int8))
    found = judges.marks(np.array([[0.6, 0.4, 0.0], [0.2, 0.5, 0.3], [0.3, 0.7, 0.0]], np.float32), asked)
    assert found["kept"] == pytest.approx(1 / 3)  # the first alone; the second gives a draw away, the third a win
    assert found["regret"] == pytest.approx((0.5 + 1) / 3)
    assert (found["even"], found["odd"]) == (0.5, 0.0)
    assert found["drawn"] == pytest.approx((0.6 + 0.5 + 0.3) / 3)


def replayed(game, found):
    """Check the examples of games in which the learner played both sides, one after the other."""
    ends = 0
    for i, (state_W, fact) in enumerate(zip(found.states_MW, found.facts_M, strict=True)):
        next_W, status = game.after(state_W, int(fact["action"]))
        if status == ONGOING:
            after = found.facts_M[i + 1]
            assert next_W.tolist() == found.states_MW[i + 1].tolist()
            assert fact["reply"] == after["action"] and fact["z"] == 2 - after["z"]
            assert fact["mover"] == 1 - after["mover"]
        else:
            assert fact["reply"] == -1 and fact["z"] == {MOVER_WON: 0, DRAW: 1}[status]
            assert found.lengths_G[ends] == game.plies(next_W)
            assert found.results_G[ends] == (fact["z"] if fact["mover"] == 0 else 2 - fact["z"])
            ends += 1
    return ends


def test_games_of_a_learner_against_itself_are_whole():
    rng = np.random.default_rng(0)
    found = games_of.play(TICTACTOE, judges.at_random(TICTACTOE), None, 40, opening_plies=3, rng=rng)
    assert replayed(TICTACTOE, found) == 40 and len(set(found.results_G.tolist())) == 3
    assert set(found.points_G.tolist()) == {0.5}


def test_against_an_opponent_the_learner_sees_its_own_positions():
    """Who stacks the first column against who stacks the last wins if and only if it begins."""
    rng = np.random.default_rng(0)
    found = games_of.play(CONNECT4, always(0), always(6), 4, opening_plies=0, rng=rng)
    assert found.points_G.tolist() == [1, 0, 1, 0] and found.results_G.tolist() == [0, 0, 0, 0]
    assert found.lengths_G.tolist() == [7, 7, 7, 7] and found.flops == 28e6
    assert len(found.states_MW) == 2 * 4 + 2 * 3
    assert set(found.facts_M["action"].tolist()) == {0}
    assert found.facts_M["reply"].tolist() == [6, 6, 6, -1, 6, 6, 6] * 2
    assert found.facts_M["z"].tolist() == [0] * 4 + [2] * 3 + [0] * 4 + [2] * 3
    assert [CONNECT4.plies(state_W) % 2 for state_W in found.states_MW] == [0] * 4 + [1] * 3 + [0] * 4 + [1] * 3


def config(flops):
    """Of a lesson in small steps."""
    return Config(
        seed=0, minutes=0.0, flops=flops, threads=1, device="cpu", search=SearchConfig(simulations=4, cache_bits=8),
        network=NetworkConfig(architecture="mlp:1x16", dtype="float32"), play=PlayConfig(games=8, positions=128),
        learn=LearnConfig(batch=32, learning_rate=1e-2, warmup_steps=5),
    )  # fmt: skip


def test_a_judge_is_imitated_at_the_price_of_all_that_it_takes():
    """A million FLOPs a position: as much as two hundred evaluations."""
    taught = lessons.by_judge(network(), lambda learner: always(3), config(6e8))
    policy_NA = judges.network_policy(taught.network)(positions([], [1], [3, 2, 1])).policy_NA
    assert policy_NA.argmax(axis=1).tolist() == [3, 3, 3]
    assert taught.flops == pytest.approx(6e8, rel=0.02)
    each = judges.cost_of(taught.network)
    assert 0.7 < taught.positions * (1e6 + 3 * 4 * each) / 6e8 < 1.0  # the rest is play


def test_a_lesson_is_the_same_for_the_same_config():
    first, again = (lessons.by_judge(network(), judges.network_policy, config(1e7)).network.arrays for _ in range(2))
    assert all((first[name] == again[name]).all() for name in first)
    assert any((first[name] != start).any() for name, start in network().arrays.items())


def test_results_alone_teach_what_wins():
    """Against who stacks the last column, who begins wins by any stack; nobody says so."""
    taught = lessons.by_results(network(), lambda learner: always(6, 0.0), config(2e8))
    rng = np.random.default_rng(1)
    before, after = (
        games_of.play(CONNECT4, judges.network_policy(each), always(6), 200, opening_plies=0, rng=rng).points_G.mean()
        for each in (network(), taught.network)
    )
    assert after > before + 0.1 and taught.points == pytest.approx(before, abs=0.25)
    assert taught.flops == pytest.approx(2e8, rel=0.05)


def test_rank_correlations_are_spearmans():
    rng = np.random.default_rng(0)
    first, second = rng.integers(5, size=(3, 12)), rng.integers(5, size=(3, 12))
    expected = [float(stats.spearmanr(a, b)[0]) for a, b in zip(first, second, strict=True)]  # pyright: ignore
    assert seeds.rank_correlation(first, second) == pytest.approx(expected)
    assert seeds.rank_correlation(np.ones((1, 4)), np.arange(4)[None]).tolist() == [0]


def records(task, by, values):
    """Of one seed and more: `values[who][seed, x]` over compute 1, 10, 100 .."""
    return [
        Record(cell=Cell(parameters={"task": task, by: who, "compute": 10.0**i}, seed=seed), seconds=1, finished="",
               commit=None, outcome=Outcome(dict.fromkeys(("kept", "even", "odd", "kl", "regret", "points"), value)))
        for who, rows in values.items() for seed, row in enumerate(rows) for i, value in enumerate(row)
    ]  # fmt: skip


def test_what_the_gap_foretells():
    """Three decades bring 3, 1 and 2 points; gaps are in that order in the first seed, in the reverse in the second."""
    policy = np.array([[50, 53, 54, 56], [50, 53, 54, 56]]) / 100
    gaps = np.array([[0.9, 0.3, 0.6, 0], [0.3, 0.9, 0.6, 0]])
    measured = gap.measured(records("gap", "simulations", {0: policy, 32: policy + gaps}))
    assert gap.foretold(measured, 32)[gap.GAP] == pytest.approx([1, -1])
    assert gap.gaps(measured["kept"])[32].values_SX == pytest.approx(gaps)


def test_effects_of_lessons():
    """Two judges besides the network itself, one better at first and one later; opponents of known evenness."""
    kept = {0: np.array([[0.5, 0.6]]), 8: np.array([[0.7, 0.65]])}
    after = {"own policy": [[0.5, 0.6]], "own search 8": [[0.6, 0.7]], "alpha-beta 2": [[0.65, 0.5]]}
    gains = {"itself": [[0.1, 0.1]], "random moves": [[0.0, 0.1]], "solver": [[0.02, 0.0]]}
    results = {name: kept[0] + gain for name, gain in gains.items()}
    lines = records("gap", "simulations", kept) + records("judge", "by", {"alpha-beta 2": [[0.62]]})
    lines += records("imitation", "by", after) + records("results", "by", results)
    found = effects.Effects(lines)
    assert {name: curve.values_SX[0].tolist() for name, curve in found.judges.items()} == {
        "own policy": [0.5, 0.6], "own search 8": [0.7, 0.65], "alpha-beta 2": [0.62, 0.62],
    }  # fmt: skip
    assert [float(rank_S[0]) for rank_S in found.rise().values()] == pytest.approx([0.5, 0.5])
    assert found.mean("random moves") == pytest.approx([0.05])
    assert found.handcrafted == ["alpha-beta 2"]
    assert found.helped["alpha-beta 2"].values_SX == pytest.approx(np.array([[0.05, -0.2]]))
    assert found.helps_no_more("alpha-beta 2").value == pytest.approx(10**0.2)
    assert found.overtaken("alpha-beta 2").value == pytest.approx(1)  # always


def test_an_inverted_u_has_a_negative_curvature():
    points = {str(p): [[p], [p]] for p in (0.0, 0.2, 0.5, 0.9)}
    gains = {name: [[0.1 - 3 * (p[0][0] - 0.5) ** 2], [(p[0][0] - 0.5) ** 2]] for name, p in points.items()}
    found = effects.Effects.__new__(effects.Effects)
    for name, each in (("points", points), ("results", gains)):
        setattr(found, name, {who: curves.Curve(np.array([1.0]), np.array(values)) for who, values in each.items()})
    assert found.curvature() == pytest.approx([-3, 1])


@pytest.mark.parametrize(
    ("one", "other", "held"),
    [
        ((5, 4, 6), (5.5, 4.5, 7), True),
        ((5, 4, 6), (9, 7, 20), False),
        ((5, 4, 8), (9, 7, 20), None),
        ((None, 6, None), (5, 4, 5.5), False),
        ((None, 6, None), (5, 4, 9), None),
        ((5, None, 6), (9, 7, None), False),
    ],
)
def test_events_that_come_together(one, other, held):
    assert effects.same_event("", {"": (Constant(*one), Constant(*other))}).held is held
    assert (
        effects.same_event(
            "", {"a": (Constant(5, 4, 6), Constant(5, 4, 6)), "b": (Constant(*one), Constant(*other))}
        ).held
        is held
    )


def test_a_training_is_watched():
    told = Config(
        game="tictactoe",
        seed=0,
        minutes=0.0,
        generations=2,
        threads=1,
        device="cpu",
        play=PlayConfig(games=4, positions=16),
        search=SearchConfig(rule="puct", simulations=2, cache_bits=8),
        learn=LearnConfig(batch=8),
        network=NetworkConfig(architecture="mlp:1x8", dtype="float32"),
    )
    found, flops = collapse.watched(told, 2)
    assert [len(found[name]) for name in ("length", "first", "strength")] == [2, 2, 2] and flops > 0
    assert all(5 <= plies <= 9 for plies in found["length"])  # nobody has three in a row before the fifth
    assert all(0 <= share <= 1 for share in found["first"] + found["strength"])


def test_what_warns_of_a_collapse():
    """PUCT collapses from the third generation on in one seed, never in the other; strength tells from the fourth."""
    first = {"length": [30, 9, 9, 9], "first": [0.5, 0.6, 0.95, 0.99], "strength": [0.4, 0.1], "every": 2}
    puct = [first, first | {"length": [30, 9, 9, 30], "strength": [0.4, 0.4]}]
    gumbel = [{"length": [30] * 4, "first": [0.5] * 4, "strength": [0.3, 0.6], "every": 2}] * 2

    def collapsed(puct):
        return collapse.Collapse([
            Record(cell=Cell(parameters={"task": "collapse", "rule": rule}, seed=seed), outcome=Outcome(result),
                   seconds=1, finished="", commit=None)
            for rule, results in (("puct", puct), ("gumbel", gumbel)) for seed, result in enumerate(results)
        ])  # fmt: skip

    found = collapsed(puct)
    assert found.warned().tolist() == [3, 5] and found.told().tolist() == [4, 4]
    assert len(list(found.claims())) == 3 and len(found.constants()) == 4
    earlier = [list(each.claims())[-1].held for each in (found, collapsed([first, first]))]
    assert earlier == [None, True]  # where one never collapses nothing can be earlier
    found.picture().figure.draw_without_rendering()


@pytest.fixture
def invented():
    """Every cell of the experiment, with results that nobody measured."""
    rng = np.random.default_rng(0)
    names = ("kept", "even", "odd", "kl", "regret", "points", "drawn")
    watched = {"length": [30.0, 20, 10] * 10, "first": [0.5, 0.9, 1] * 10, "strength": [0.1, 0.2] * 5, "every": 3}
    return [
        Record(cell=cell, seconds=1, finished="", commit=None,
               outcome=Outcome(watched if cell["task"] == "collapse" else dict.fromkeys(names, rng.random())))
        for cell in judge.grid("cpu-hour").cells
    ]  # fmt: skip


def test_the_experiment_concludes_and_draws(invented):
    """Claims, constants and pictures of a whole grid, and of the same one once more."""
    pytest.importorskip("bitbully", reason="needs bitbully")
    found, again = judge.conclude(invented), judge.conclude(invented)
    assert found == again and len(found.claims) == len({claim.claim for claim in found.claims}) == 12
    assert all(claim.held in (True, False, None) and "nan" not in claim.why for claim in found.claims)
    pictures = judge.draw(invented)
    assert list(pictures) == ["gap", "lessons", "crossings", "collapse"]
    for picture in pictures.values():
        picture.figure.draw_without_rendering()


def test_what_a_cell_of_the_experiment_gives(tmp_path):
    """A network that has hardly learned: a training, the gap below it, and a lesson, each from what was kept before."""
    pytest.importorskip("bitbully", reason="needs bitbully")
    cells = judge.grid("tiny").cells
    asked = Decisions(positions([], [3], [3, 3]), np.array([[-1] * 3 + [1] + [-1] * 3, [0] * 7, [1] * 7], np.int8))
    done: dict[str, Mapping[str, Any]] = {cells[0].key: asked.as_json()}
    earlier = Earlier(lambda cell: done[cell.key], tmp_path)
    first = {task: next(cell for cell in cells if cell["task"] == task) for task in ("training", "gap", "results")}
    for cell in first.values():
        done[cell.key] = judge.run(cell, earlier).result
    early, late = (age["flops"] for age in done[first["training"].key]["ages"])
    assert 1e7 <= early < 3e7 and late == pytest.approx(1e8, rel=0.1)
    assert done[first["gap"].key]["kl"] == 0 and done[first["gap"].key]["number"] == 3
    assert 0 <= done[first["results"].key]["points"] <= 1 and done[first["results"].key]["positions"] > 0
