"""The energy meter, on counters of our own; and what a run will hold in memory, beside the arrays that it makes."""

import dataclasses

import pytest

import games
from selfplay import cli
from selfplay.config import Config, PlayConfig, ReplayConfig, SearchConfig
from selfplay.train import memory
from selfplay.train.actor import Actor
from selfplay.train.meters import EnergyMeter
from selfplay.train.replay import Replay


def counter(folder, name: str, microjoules: int, limit: int = 10_000_000) -> None:
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "energy_uj").write_text(f"{microjoules}\n")
    (folder / name / "max_energy_range_uj").write_text(f"{limit}\n")


def test_packages_are_added_up_and_their_parts_are_not(tmp_path):
    for name in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"):
        counter(tmp_path, name, 1_000_000)
    meter = EnergyMeter(tmp_path)
    assert meter.joules() == 0
    counter(tmp_path, "intel-rapl:0", 3_500_000)
    counter(tmp_path, "intel-rapl:1", 1_250_000)
    counter(tmp_path, "intel-rapl:0:0", 9_000_000)
    assert meter.joules() == 2.75
    assert meter.joules() == 0


def test_a_counter_that_starts_again_goes_on(tmp_path):
    counter(tmp_path, "intel-rapl:0", 9_000_000, limit=9_999_999)
    meter = EnergyMeter(tmp_path)
    counter(tmp_path, "intel-rapl:0", 500_000, limit=9_999_999)
    assert meter.joules() == 1.5


def test_a_machine_that_does_not_tell_has_none(tmp_path):
    assert EnergyMeter(tmp_path / "nowhere").joules() == 0
    counter(tmp_path, "intel-rapl:0", 1)
    meter = EnergyMeter(tmp_path)
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("denied")
    assert meter.joules() == 0


@pytest.mark.parametrize("name", ["connect4", "gomoku9"])
@pytest.mark.parametrize(
    "play, simulations, bits", [((64, 10), 50, 4), ((8, 4000), 5, 4), ((4, 10), 5, 16), ((64, 10), 1, 4)]
)
def test_what_a_thread_holds_is_foreseen(name, play, simulations, bits):
    """Whichever setting is large, but for tables of halving and the batch, which are small beside it."""
    game = games.make(name)
    config = Config(
        game=name,
        threads=1,
        search=SearchConfig(simulations=simulations, fast_simulations=1, cache_bits=bits),
        play=PlayConfig(games=play[0], positions=play[1]),
        replay=ReplayConfig(minimum=1, capacity=3000),
    )
    actor = Actor(game, config, lambda planes: None, play[1])  # pyright: ignore[reportArgumentType]  # is never asked
    replay = Replay(game, config.replay)
    held = sum(array.nbytes for array in (*actor.forest, *actor.slots))
    held += sum(array.nbytes for each, array in vars(replay).items() if each.endswith(("_MW", "_MA", "_M3", "_M")))
    asked = memory.needed(config, game)
    assert sum(asked.values()) == pytest.approx(held, rel=0.15)
    twice = memory.needed(dataclasses.replace(config, threads=2), game)
    assert [twice[each] / asked[each] for each in asked] == [2, 2, 1, 2, 1]


def test_more_than_the_machine_has_is_refused_before_a_folder_is_made(tmp_path, capsys):
    settings = ["--play.games", "16384", "--search.simulations", "100000", "--threads", "4"]
    run = ["train", "--config", "tiny", "--game", "connect4", "--run", str(tmp_path / "run"), *settings]
    assert cli.guarded(run) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("selfplay: these settings need ")
    assert "of it for threads x play.games x search.simulations, and this machine has" in said
    assert not (tmp_path / "run").exists()
