"""A whole run from Python: who hears of a generation, when, and what is on disk by then."""

import dataclasses
import json

import pytest
from optional import present

import games
from selfplay import cli
from selfplay.arena import training
from selfplay.config import ConfigError, RenamedSetting
from selfplay.run import checkpoint, folder, limits
from selfplay.train.pool import LocalPool

TINY = {"game": "tictactoe", "generations": 3}


def opened(run_dir, given=TINY, **more):
    config, found = training.configured(given, preset="tiny", run_dir=run_dir)
    assert found == run_dir
    return training.opened(config, run_dir, command=["a test"], **more)


def generations_in(run_dir, name):
    return [line["generation"] for line in folder.read_lines(run_dir / name)]


def replaced(line):
    """Without the clock."""
    return dataclasses.replace(line, seconds=0.0, joules=None)


def complete(run_dir):
    """The newest generation whose checkpoint says that all is done; 0 before there is one."""
    found = checkpoint.newest(run_dir, checkpoint.STATE)
    return found.complete if found else 0


def test_consumers_hear_of_a_generation_after_its_lines_and_before_its_checkpoint(tmp_path):
    run_dir, heard = tmp_path / "r", []

    def first(generation):
        number = generation.number
        assert generations_in(run_dir, folder.METRICS) == list(range(1, number + 1))
        assert complete(run_dir) == number - 1
        assert max(checkpoint.folders(run_dir), default=0) == number - (not generation.evals)
        if generation.evals:
            assert generations_in(run_dir, folder.EVALS)[-1] == number
            written = json.loads((run_dir / folder.CROSSOVER).read_bytes())
            assert written["rungs"] == present(run.crossover).as_dict()["rungs"]
            assert run.lines[-len(generation.evals) :] == generation.evals
        heard.append(("first", number))

    with opened(run_dir) as run:
        for generation in run.generations([first, lambda generation: heard.append(("second", generation.number))]):
            assert complete(run_dir) == generation.number, "it may be stopped here at no loss"
            heard.append(("handed out", generation.number))
    assert heard == [(who, number) for number in (1, 2, 3) for who in ("first", "second", "handed out")]


def test_matches_are_told_of_as_they_are_played(tmp_path):
    told, shown = [], []
    given = TINY | {"generations": 1, "eval": {"untrained": True}}
    with opened(tmp_path / "r", given) as run:
        (generation,) = run.generations(
            on_match_start=told.append,
            on_match_end=lambda line: told.append((line.agent, line.opponent)),
            show_activity=shown.append,
        )
    assert told == [
        "mcts:sims=2 against random, 4 games",
        ("mcts:sims=2", "random"),
        "mcts:sims=2 against random, 4 games",
        ("mcts:sims=2", "random"),
        "net against random, 4 games",
        ("net", "random"),
    ]
    assert [line.agent for line in generation.evals] == ["mcts:sims=2", "net"]
    first, *others = run.lines
    assert (first.generation, first.flops, first.seconds, others) == (0, 0.0, 0.0, generation.evals)
    assert generations_in(tmp_path / "r", folder.EVALS) == [0, 1, 1]
    assert (shown[0].kind, shown[0].generation) == ("matches", 0)  # it moves from the first moment
    found = present(run.crossover).crossings[0]
    assert found.untrained == (first.score, first.score_low, first.score_high)


def test_stopped_between_two_matches_it_goes_on_with_the_second(tmp_path):
    """What was played is on disk when it is told; what had been overtaken by a match played before is on paper, too."""
    unbroken = tmp_path / "unbroken"
    with opened(unbroken) as run:
        expected = list(run.generations())
    run_dir, told = tmp_path / "r", []

    def stop(line):
        assert folder.read_lines(run_dir / folder.EVALS)[-1] == line.as_dict()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), opened(run_dir) as run:
        list(run.generations(on_match_end=stop))
    assert (complete(run_dir), list(checkpoint.folders(run_dir))) == (0, [1])
    assert generations_in(run_dir, folder.METRICS) == []
    heard = []
    with opened(run_dir) as run:
        first, *_ = list(run.generations([heard.append], on_match_end=lambda line: told.append(line.agent)))
    assert told[0] == "net"
    assert (first.number, [*map(replaced, first.evals)]) == (1, [*map(replaced, expected[0].evals)])
    assert [one.number for one in heard] == [1, 2, 3]
    assert [replaced(line) for line in run.lines] == [
        replaced(line) for generation in expected for line in generation.evals
    ]
    rungs = [json.loads((where / folder.CROSSOVER).read_bytes())["rungs"] for where in (run_dir, unbroken)]
    here, there = ([(one["agent"], one["flops_low"], one["score_at_end"]) for one in each] for each in rungs)
    assert here == there


def test_a_limit_that_is_raised_leaves_out_the_matches_that_were_to_be_the_last(tmp_path):
    def stop(line):
        raise KeyboardInterrupt

    given = TINY | {"eval": {"per_decade": 0}}
    with pytest.raises(KeyboardInterrupt), opened(tmp_path / "r", given) as run:
        list(run.generations(on_match_end=stop))
    with opened(tmp_path / "r", given | {"generations": 4}) as run:
        third, fourth = run.generations()
    assert (third.number, third.evals, fourth.number) == (3, [], 4)
    assert [line.generation for line in run.lines] == [3, 4, 4], "the one that was played counts"


def test_it_says_how_long_the_matches_at_the_end_will_take(tmp_path):
    shown = []
    with opened(tmp_path / "r") as run:
        generations = run.generations(show_activity=shown.append)
        first = next(generations)
        left = run.seconds_left(first)
        # A sixth of a second at least for two matches of 4 games, of which nothing was known but a guess.
        assert present(left) > present(limits.seconds_left(run.run.config, first.own, 1))
        *_, last = generations
        assert run.seconds_left(last) == 0
    final = [now for now in shown if now.final]
    assert {(now.agent, now.opponent) for now in final} == {("mcts:sims=2", "random"), ("net", "random")}
    assert all(now.seconds_left is not None for now in final)
    assert next(now.kind for now in shown if now.generation == 2) == "play"


def test_what_a_consumer_raises_costs_that_generation_alone(tmp_path):
    run_dir = tmp_path / "r"

    def full(generation):
        if generation.number == 2:
            raise OSError("no room for the log")

    with pytest.raises(OSError, match="no room for the log"), opened(run_dir) as run:
        list(run.generations([full]))
    assert list(checkpoint.folders(run_dir)) == [1]
    with opened(run_dir) as run:
        assert [generation.number for generation in run.generations()] == [2, 3]
    assert generations_in(run_dir, folder.METRICS) == [1, 2, 3]


def test_it_is_the_run_of_the_command(tmp_path):
    """Stopped by its reader and taken up again, too."""
    with opened(tmp_path / "here") as run:
        next(run.generations())
    with opened(tmp_path / "here") as run:
        list(run.generations())
    argv = ["train", "--config", "tiny", "--game", "tictactoe", "--generations", "3", "--quiet"]
    assert cli.guarded([*argv, "--run", str(tmp_path / "there")]) == 0
    here, there = (checkpoint.resolve(str(tmp_path / name)).read_bytes() for name in ("here", "there"))
    assert here == there


def test_whoever_is_handed_in_plays_the_games(tmp_path):
    """A pool that asks another one, and counts."""

    class Counting:
        def __init__(self, pool):
            self.pool, self.dtype, self.played = pool, pool.dtype, []

        def play(self, network, number, simulations, allowance, watch):
            self.played.append((number, simulations))
            return self.pool.play(network, number, simulations, allowance, watch)

        def ongoing(self):
            return self.pool.ongoing()

        def state(self):
            return self.pool.state()

        def restore(self, state):
            self.pool.restore(state)

    with opened(tmp_path / "r") as run:
        pool = Counting(LocalPool(games.make("tictactoe"), run.run.config))
        list(run.generations(pool=pool))
    assert pool.played == [(1, 4), (2, 4), (3, 4)]


def test_settings_are_those_of_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, run_dir = training.configured({"game": "gomoku9", "minutes": 3})
    assert (config.network.architecture, config.minutes) == ("resnet:4x32", 3.0)
    assert run_dir == folder.default_dir(games.make("gomoku9").name)
    with pytest.warns(RenamedSetting):
        config, _ = training.configured({"learn": {"reuse": 2.5}}, preset="tiny")
    assert config.learn.replay_ratio == 2.5
    with pytest.raises(ConfigError, match=r"unknown setting 'search\.simulation'"):
        training.configured({"search": {"simulation": 3}})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"generations": 0}, "no end is set"),
        ({"eval": {"opponents": ["nobody"]}}, "nobody"),
        ({"network": {"architecture": "resnet"}}, "resnet"),
    ],
)
def test_a_mistake_is_answered_before_there_is_a_folder(tmp_path, given, said):
    with pytest.raises(ValueError, match=said), opened(tmp_path / "r", TINY | given):
        pass
    assert not (tmp_path / "r").exists()
