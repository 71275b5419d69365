"""The energy meter, on counters of our own."""

from selfplay.train.meters import EnergyMeter


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
