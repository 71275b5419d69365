"""What a plain install gives: the wheel holds the sources and all that the program reads beside them."""

from pathlib import Path

import pytest

import selfplay

wheel = pytest.importorskip("hatchling.builders.wheel", reason="needs hatchling")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def packed():
    """Names in the wheel, and where each comes from."""
    files = wheel.WheelBuilder(str(ROOT)).recurse_included_files()
    return {file.distribution_path: Path(file.path) for file in files}


def test_everything_beside_the_sources_is_in_it(packed):
    """The wheel is made of the two packages and of configs/, which it has where selfplay.run.presets looks for it."""
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in ("selfplay", "games")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    expected |= {f"selfplay/configs/{path.name}" for path in (ROOT / "configs").iterdir()}
    assert set(packed) == expected


@pytest.mark.parametrize(
    "name",
    [
        "selfplay/configs/connect4.toml",
        "selfplay/pretrained/connect4.safetensors",
        "selfplay/pretrained/connect4.md",
        "selfplay/pretrained/gomoku9.safetensors",
        "selfplay/pretrained/gomoku9.md",
        "selfplay/pretrained/gomoku15.safetensors",
        "selfplay/pretrained/gomoku15.md",
        "selfplay/arena/openings/connect4.txt",
        "selfplay/arena/openings/gomoku9.txt",
        "selfplay/arena/openings/gomoku15.txt",
        "selfplay/web/static/index.html",
    ],
)
def test_what_a_user_would_miss_first(packed, name):
    assert packed[name].stat().st_size > 0


def test_it_is_small(packed):
    assert sum(path.stat().st_size for path in packed.values()) < 3_000_000


def test_type_checkers_of_users_are_told_that_there_are_types(packed):
    assert {"selfplay/py.typed", "games/py.typed"} <= set(packed)


def test_the_version_stands_in_one_place_and_the_citation_names_it():
    metadata = wheel.WheelBuilder(str(ROOT)).metadata
    assert metadata.version == selfplay.__version__
    assert f"version: {metadata.version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## {metadata.version}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_license_travels_with_it():
    core = wheel.WheelBuilder(str(ROOT)).metadata.core
    assert (core.license_expression, core.license_files) == ("MIT", ["LICENSE"])
