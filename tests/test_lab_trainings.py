"""Trainings that are cells, and the rulers: on Tic-Tac-Toe in seconds, and on decisions that the solver knows."""

import functools
import itertools
from dataclasses import replace

import numpy as np
import pytest

import games
from selfplay.config import Config, LearnConfig, NetworkConfig, PlayConfig, ReplayConfig, SearchConfig
from selfplay.lab import ruler, trainings
from selfplay.network.weights import weights_arrays
from selfplay.players.agent import Agent, Analysis
from selfplay.players.make import make_agent
from selfplay.train.trainer import Trainer

CONFIG = Config(
    game="tictactoe",
    minutes=7.0,
    search=SearchConfig(simulations=4, cache_bits=8),
    play=PlayConfig(games=8, positions=70, opening_plies=2, temperature_plies=4),
    network=NetworkConfig(architecture="mlp:1x16", dtype="float32"),
    replay=ReplayConfig(minimum=200, capacity=1000),
    learn=LearnConfig(batch=32, replay_ratio=2.5, warmup_steps=4),
)
AGES = (0.0, 4e6, 9e6, 2e7)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of an experiment, and the ages of its training."""
    folder = tmp_path_factory.mktemp("experiment")
    return folder, trainings.train(folder / "one", CONFIG, ages=AGES)


def test_a_network_is_kept_at_every_age(trained):
    folder, ages = trained
    assert [age.weights for age in ages] == [f"one/age-{i}.safetensors" for i in range(4)]
    assert (ages[0].flops, ages[0].games, ages[0].generation) == (0, 0, 0)
    for age, asked in zip(ages[1:], AGES[1:], strict=True):
        assert 0.99 * asked <= age.flops <= 1.05 * asked
    for earlier, later in itertools.pairwise(ages):
        assert (earlier.games, earlier.positions, earlier.generation) < (later.games, later.positions, later.generation)
        one, other = (weights_arrays(folder / age.weights) for age in (earlier, later))
        assert any((one[name] != other[name]).any() for name in one)
    files = sorted(path.name for path in (folder / "one").iterdir())
    assert files == [*(f"age-{i}.safetensors" for i in range(4)), "ages.json"]
    assert trainings.Age.from_json(ages[2].as_json()) == ages[2]


def test_killed_at_every_generation_it_keeps_the_same_networks(trained, tmp_path, monkeypatch):
    """Three times with a checkpoint after each generation; then it goes on."""
    folder, whole = trained
    learned, calls = Trainer.learned, []

    def stopping(trainer):
        calls.append(trainer.number)
        if len(calls) % 2 == 0 and len(calls) < 8:
            raise KeyboardInterrupt
        return learned(trainer)

    monkeypatch.setattr(trainings, "_SAVES_S", -1.0)
    monkeypatch.setattr(Trainer, "learned", stopping)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            trainings.train(tmp_path / "one", CONFIG, ages=AGES)
    assert trainings.train(tmp_path / "one", CONFIG, ages=AGES) == whole
    assert calls[:7] == [0, 1, 1, 2, 2, 3, 3]
    for age in whole:
        assert (tmp_path / age.weights).read_bytes() == (folder / age.weights).read_bytes()


def test_what_is_finished_is_not_repeated_and_another_config_begins_anew(trained, tmp_path, monkeypatch):
    folder, whole = trained
    monkeypatch.setattr(Trainer, "learned", None)
    assert trainings.train(folder / "one", CONFIG, ages=AGES) == whole
    monkeypatch.undo()
    ages = (0.0, 1e6)
    first = trainings.train(tmp_path / "one", CONFIG, ages=ages)
    other = trainings.train(tmp_path / "one", replace(CONFIG, seed=1), ages=ages)
    again = trainings.train(tmp_path / "one", CONFIG, ages=ages[:1])
    assert again == first[:1] and first != other
    assert not (tmp_path / "one" / "age-1.safetensors").exists()
    assert (
        trainings.network(folder, whole[0]).arrays.keys() == weights_arrays(tmp_path / "one/age-0.safetensors").keys()
    )


def test_an_age_plays_with_and_without_search(trained):
    folder, ages = trained
    game = games.make("tictactoe")
    states = game.initial()[None]
    policy, search = (trainings.player(folder, ages[-1], number) for number in (0, 8))
    assert (policy.name, search.name) == ("net", "mcts:sims=8")
    analysis = search.act(states, np.zeros(1, np.uint64))
    assert analysis.visits_NA is not None and analysis.visits_NA.sum() == 8
    assert policy.act(states, np.zeros(1, np.uint64)).visits_NA is None
    with pytest.raises(ValueError, match="published without their networks"):
        trainings.player(folder, replace(ages[0], weights="gone/age-0.safetensors"), 0)


@functools.cache
def decisions():
    pytest.importorskip("bitbully", reason="needs bitbully")
    return ruler.decisions(8, seed=3)


def choosing(choose):
    """Who plays the best (`np.argmax`) or the worst move of a table of values."""

    def act(states_NW, seeds_N):
        table = {
            state.tobytes(): values_A
            for state, values_A in zip(decisions().states_NW, decisions().values_NA, strict=True)
        }
        return Analysis(actions_N=np.array([choose(table[state.tobytes()]) for state in states_NW]))

    return Agent("by the table", act)


def worst(values_A):
    return int(np.argmin(np.where(values_A == -2, 9, values_A)))


def test_decisions_by_stage_are_kept_by_the_solver_and_by_nobody_who_plays_the_worst():
    asked = decisions()
    assert np.bincount(asked.stages()).tolist() == [8, 8, 8, 8]
    legal_NA = asked.values_NA > -2
    for state, legal_A in zip(asked.states_NW, legal_NA, strict=True):
        assert np.flatnonzero(legal_A).tolist() == games.make("connect4").legal_actions(state).tolist()
    best = ruler.kept(make_agent("solver", games.make("connect4")), asked)
    assert (best.kept, best.regret, best.number) == (1, 0, 32)
    assert best.by_stage == dict.fromkeys(("0-5", "6-11", "12-17", "18+"), 1)
    wrong = ruler.kept(choosing(worst), asked)
    assert wrong.kept == 0 and set(wrong.by_stage.values()) == {0}
    lost = [max(values) - min(v for v in values if v > -2) for values in asked.values_NA.tolist()]
    assert wrong.regret == pytest.approx(sum(lost) / 2 / 32)
    assert ruler.Marks.from_json(wrong.as_json()) == wrong


def test_a_stage_is_marked_by_its_own_decisions():
    """The worst move in the opening, the best elsewhere."""

    def act(states_NW, seeds_N):
        best, bad = (choosing(choose).act(states_NW, seeds_N).actions_N for choose in (np.argmax, worst))
        return Analysis(actions_N=np.where(states_NW[:, 2] < 6, bad, best))

    marks = ruler.kept(Agent("blind at first", act), decisions())
    assert marks.by_stage == {"0-5": 0, "6-11": 1, "12-17": 1, "18+": 1} and marks.kept == 0.75


def test_decisions_are_kept_as_text():
    asked = decisions()
    again = ruler.Decisions.from_json(asked.as_json())
    assert (again.states_NW == asked.states_NW).all() and (again.values_NA == asked.values_NA).all()
    assert ruler.kept(make_agent("rules", games.make("connect4")), again).number == 32


def test_a_match_and_the_elo_of_a_pool():
    """Points of 3 to 1 are 400 log10(3) = 191 Elo; two such steps lie on top of each other."""
    game = games.make("tictactoe")
    found = ruler.play(game, make_agent("rules", game), make_agent("random", game), pairs=6)
    assert found.wins + found.draws + found.losses == 12 and sum(found.pairs_5) <= 6
    assert found.share > 0.5
    three_to_one = (250.0, 0, 0, 0, 750.0)
    elo = ruler.pool([("a", "b", three_to_one), ("b", "c", three_to_one)], anchor="c")
    assert elo == pytest.approx({"a": 381.7, "b": 190.8, "c": 0.0}, abs=3)
