"""Which runs are seeds of one setting, and what is said of those that are not."""

import pytest
from optional import present

from selfplay.config import Config, merged, to_toml
from selfplay.run import groups

TWO = {"search": {"simulations": 64, "prove": False}}


@pytest.fixture
def runs(tmp_path):
    def make(*changes):
        """Run folders with these settings, named by their place."""
        paths = []
        for number, change in enumerate(changes):
            paths.append(tmp_path / f"run{number}")
            paths[-1].mkdir()
            (paths[-1] / "config.toml").write_text(to_toml(merged(Config(), change)))
        return groups.opened(paths)

    return make


def names(found):
    return [[run.dir.name for run in group] for group in found]


def test_runs_of_one_setting_are_one_group_wherever_they_stand(runs):
    found = groups.by_setting(runs({}, TWO | {"seed": 1}, {"seed": 1}, TWO, {"seed": 2}))
    assert names(found) == [["run0", "run2", "run4"], ["run1", "run3"]]


@pytest.mark.parametrize(
    "change",
    [{"seed": 4}, {"minutes": 1}, {"flops": 1e13}, {"generations": 3}, {"device": "cpu"}, {"threads": 7},
     {"eval": {"games": 20, "simulations": 8, "opponents": ["rules"]}}],
)  # fmt: skip
def test_seeds_budgets_machines_and_evaluations_are_no_setting(runs, change):
    found = runs({}, change)
    assert len(groups.by_setting(found)) == 1
    assert groups.apart(found) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"learn": {"batch": 64}}, "learn.batch is 64, not 512"),
        ({"knowledge": {"symmetry": False}}, "knowledge.symmetry is false, not true"),
        ({"init": "pretrained"}, "init is pretrained, not none"),
        ({"network": {"architecture": "mlp:1x16"}}, "network.architecture is mlp:1x16, not resnet:3x32"),
        ({"learn": {"learning_rate": 0.001}}, "learn.learning_rate is 0.001, not 0.002"),
    ],
)
def test_what_decides_how_a_run_learns_is_a_setting_and_is_named(runs, change, said):
    first, other = runs({}, change)
    assert groups.apart([first, other]) == (
        f"{other.dir} is not another seed of {first.dir}: {said}; `selfplay compare {first.dir} -- {other.dir}` says"
        " what that changes"
    )
    assert groups.apart([other, other]) is None


def test_of_many_differences_three_are_named(runs):
    change = {"search": {"simulations": 64, "prove": False, "c_visit": 1.0}, "learn": {"batch": 64, "ema": 0.5}}
    said = present(groups.apart(runs({}, change), ["mine", "yours"]))
    assert said.startswith("yours is not another seed of mine: search.simulations is 64, not 32; ")
    assert "; and 2 more; `selfplay compare mine -- yours`" in said


def test_a_game_or_a_size_of_board_of_its_own_comes_first(runs):
    first, _, other = found = runs(
        {"game": "gomoku:size=9"}, TWO | {"game": "gomoku:size=9"}, {"game": "gomoku:size=7"}
    )
    assert groups.apart(found) == (
        f"{other.dir} is a run of gomoku:size=7, but {first.dir} of gomoku:size=9: games, and sizes of boards, share no"
        " scale"
    )
    with pytest.raises(ValueError, match="share no scale"):
        groups.seeds([run.dir for run in found])


def test_folders_that_are_no_runs_or_the_same_run(runs, tmp_path):
    (run,) = runs({})
    with pytest.raises(ValueError, match="nowhere is no run folder"):
        groups.opened([run.dir, tmp_path / "nowhere"])
    with pytest.raises(ValueError, match="is given twice: seeds are different runs"):
        groups.opened([run.dir, tmp_path / "." / "run0" / ".." / "run0"])
