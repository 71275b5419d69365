"""Labelled sets and classifiers: against geometry by hand, naive twins, and a solver of a few lines."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import games
from games.game import DRAW, MOVER_WON
from selfplay.lab import maps
from selfplay.lab.supervised import learners, positions, spiral
from selfplay.lab.supervised.learners import Neighbours, NetworkSettings, train_network


def at(radius, degrees):
    angle = math.radians(degrees)
    return [radius * math.cos(angle), radius * math.sin(angle)]


def test_the_arms_wind_four_times():
    """To the left, away from the bulge, the angle is half a turn: the arm changes at every eighth of the radius."""
    middles = [at((i + 0.5) / 8, 180) for i in range(8)]
    assert spiral.arm(np.array(middles)).tolist() == [1, 0, 1, 0, 1, 0, 1, 0]
    for edge in np.arange(1, 8) / 8:
        inner, outer = spiral.arm(np.array([at(edge - 1e-3, 180), at(edge + 1e-3, 180)]))
        assert inner != outer


def test_an_arm_goes_on_round_the_origin():
    """Half a turn further an arm is half a winding further out, where the bulge does not reach (200 to 250 degrees)."""
    angles = np.arange(200, 250)
    radii = 0.5 + (angles - 200) / 360 / 4
    assert len(set(spiral.arm(np.array([at(*place) for place in zip(radii + 0.03, angles, strict=True)])))) == 1


def test_the_bulge_is_towards_the_corner():
    """There the edges lie 12 % further out: that of radius 0.75 at 0.84, less an eighth of a turn."""
    edge = 1.12 * (0.75 + 1 / 32)
    inner, outer = spiral.arm(np.array([at(edge - 1e-3, 45), at(edge + 1e-3, 45)]))
    assert inner != outer


def test_points_fall_as_the_density_says():
    """The share of samples in the thin part, and in a disc round a spot, against the density's mean over the plane."""
    rng = np.random.default_rng(0)
    sampled, even = spiral.sample(rng, 600_000), spiral.spread_evenly(rng, 400_000)
    density = spiral.density(even)
    assert np.hypot(*sampled.T).max() < 1
    for where in (spiral.thin, lambda points: np.hypot(points[:, 0] - 0.5, points[:, 1] + 0.3) < 0.2):
        expected = (density * where(even)).mean() / density.mean()
        assert where(sampled).mean() == pytest.approx(expected, rel=0.05)


def test_the_thin_part_is_a_fifth_of_the_plane_and_rarely_sampled():
    rng = np.random.default_rng(1)
    assert spiral.thin(spiral.spread_evenly(rng, 50_000)).mean() == pytest.approx(0.2, abs=0.01)
    assert spiral.thin(spiral.sample(rng, 50_000)).mean() < 0.02
    thin = spiral.sample_thin(rng, 5000)
    assert len(thin) == 5000 and spiral.thin(thin).all()


def test_the_density_knows_nothing_of_the_arms():
    sampled = spiral.sample(np.random.default_rng(2), 100_000)
    assert spiral.arm(sampled).mean() == pytest.approx(0.5, abs=0.02)


def test_examples_repeat_and_noise_turns_labels_round():
    clean, again, noisy = (spiral.examples(3, 10_000, noise) for noise in (0, 0, 0.1))
    assert (clean.inputs == again.inputs).all() and (clean.classes == spiral.arm(clean.inputs)).all()
    assert (noisy.inputs == clean.inputs).all()
    assert (noisy.classes != clean.classes).mean() == pytest.approx(0.1, abs=0.01)
    for test in spiral.tests(3, 100).values():
        assert len(test.inputs) == 100 and not (test.inputs[:, None] == clean.inputs).all(axis=2).any()


def test_polar_coordinates():
    found = spiral.polar(np.array([[0.5, 0], [0, 1], [-0.25, 0]]))
    assert found.tolist() == [[0, 0], [1, 0.5], [-0.5, 1]]


@pytest.mark.parametrize("features", [2, 3, 4, 20])
@pytest.mark.parametrize("neighbours", [1, 5])
def test_neighbours_are_those_of_a_naive_search(features, neighbours):
    rng = np.random.default_rng(features)
    examples, asked = rng.standard_normal((300, features)), rng.standard_normal((50, features))
    classes = rng.integers(0, 2, 300)
    expected = []
    for point in asked:
        nearest = sorted(range(300), key=lambda i: math.dist(point, examples[i]))[:neighbours]
        expected.append(int(sum(classes[i] for i in nearest) > neighbours / 2))
    assert Neighbours(examples, classes, neighbours).classify(asked).tolist() == expected


def test_the_nearer_neighbours_decide_a_tie():
    """Of five votes two are for class 2, whose voters are nearest, two for class 0, one for class 1."""
    examples = np.arange(1.0, 6)[:, None]
    assert Neighbours(examples, np.array([2, 0, 1, 2, 0]), 5).classify(np.array([[0.0]])).tolist() == [2]
    assert Neighbours(examples, np.array([0, 2, 1, 0, 2]), 5).classify(np.array([[0.0]])).tolist() == [0]


SMALL = NetworkSettings(width=8, depth=1, steps=300, batch=32)


def test_a_network_learns_what_a_line_parts():
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (500, 2))
    classes = (points[:, 0] + points[:, 1] > 0).astype(np.int64)
    several: list[dict[str, Any]] = [{}, {"focal": 2.0}, {"weight_decay": 0.1}, {"layer_norm": True}]
    for changes in several:
        found = train_network(points, classes, replace(SMALL, **changes), seed=0)
        assert (found.classify(points) == classes).mean() > 0.95, changes


def test_a_seed_repeats_a_network_and_leaves_torch_as_it_was():
    points = np.random.default_rng(0).uniform(-1, 1, (100, 2))
    classes = (points[:, 0] > points[:, 1] ** 2).astype(np.int64)
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    short = replace(SMALL, steps=5)
    weights = [
        torch.cat([p.flatten() for p in train_network(points, classes, short, seed)._module.parameters()])
        for seed in (0, 0, 1)
    ]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_the_flops_of_a_training():
    """2 x 8 + 8 x 3 = 40 weights; two FLOPs a multiply-add, forward and twice as much backward, 300 x 32 examples."""
    found = train_network(np.zeros((10, 2)), np.arange(10) % 3, SMALL, seed=0)
    assert found.flops == 40 * 2 * 3 * 300 * 32


def test_focal_loss_by_hand():
    """Chances of 1/2 and 9/10: ln 2 / 4, and -ln(0.9) / 100, by gamma = 2."""
    logits = torch.tensor([[0.0, 0.0], [0.0, math.log(9)]])
    found = float(learners._loss(logits, torch.tensor([0, 1]), 2.0))
    assert found == pytest.approx((math.log(2) / 4 - math.log(0.9) / 100) / 2)
    assert float(learners._loss(logits, torch.tensor([0, 1]), 0.0)) == pytest.approx((math.log(2) - math.log(0.9)) / 2)


def test_a_map_is_kept_as_text():
    """The right half of the plane is class 1; the corners are outside of the disc."""
    points = maps.points()
    found = maps.unpacked(maps.packed(points[:, 0] > 0))
    assert np.isnan(found[0, 0]) and found[64, 100] == 1 and found[64, 20] == 0
    assert points[0].tolist() == pytest.approx([-1 + 1 / 128, 1 - 1 / 128])  # row by row from the top left


def outcome(game, state):
    """1, 0 or -1 for the player to move, by trying everything."""
    best = -1
    for action in game.legal_actions(state):
        after, status = game.after(state, int(action))
        value = 1 if status == MOVER_WON else 0 if status == DRAW else -outcome(game, after)
        best = max(best, value)
        if best == 1:
            break
    return best


def test_labels_are_what_perfect_play_makes_of_a_position():
    pytest.importorskip("bitbully", reason="needs bitbully")
    game = games.make("connect4")
    states, letters = positions.chunk(0, 0), positions.labels(0, 0)
    assert len(states) == len(letters) == positions.CHUNK
    late = [i for i, state in enumerate(states) if state[2] >= 32][:60]
    assert len(late) == 60
    for i in late:
        assert positions.CLASSES.index(letters[i]) == outcome(game, states[i]) + 1
    assert {letters[i] for i in late} == set(positions.CLASSES)


def test_positions_have_20_to_34_stones_and_no_win_at_once():
    game = games.make("connect4")
    states = positions.chunk(7, 3)
    assert (positions.chunk(7, 3) == states).all() and not (positions.chunk(7, 4) == states).all()
    assert {int(state[2]) for state in states} == set(range(20, 35))
    for state in states[:200]:
        for action in game.legal_actions(state):
            assert game.after(state, int(action))[1] != MOVER_WON


def test_examples_are_the_first_of_a_seed():
    asked = []

    def labels_of(seed, number):
        asked.append((seed, number))
        return "-=+" * 667

    known = positions.examples(5, 2003, labels_of)
    assert asked == [(5, 0), (5, 1)]
    assert known.inputs.shape == (2003, 3) and (known.inputs[2000] == positions.chunk(5, 1)[0]).all()
    assert known.classes[:4].tolist() == [0, 1, 2, 0]


def test_the_board_and_what_people_see_of_it():
    """Own stones on the ground of columns 1 to 3, which threaten 4; the other's above each other in column 7."""
    game = games.make("connect4")
    state = game.initial()
    for column in (0, 6, 1, 6, 2, 6):  # the player to move has 1, 2, 3
        state, _ = game.after(state, column)
    bits = positions.board(state[None])
    assert bits.shape == (1, 84) and bits[0].sum() == 6
    assert bits[0, :42].reshape(6, 7)[5].tolist() == [1, 1, 1, 0, 0, 0, 0]
    assert bits[0, 42:].reshape(6, 7)[:, 6].tolist() == [0, 0, 0, 1, 1, 1]
    seen = positions.features(state[None])[0]
    assert seen.shape == (34,)
    own_odd, own_even, other_odd, other_even = seen[12], seen[13], seen[27], seen[28]
    assert (own_odd, own_even) == (0.5, 0)  # the cell at the bottom of column 4: row 1
    assert (other_odd, other_even) == (0, 0.5)  # the fourth cell of column 7
    assert seen[30] == 1  # which can be played at once
