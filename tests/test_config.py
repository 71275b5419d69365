"""Config files: read strictly, written back equal, and every preset valid."""

import dataclasses
import math
import time
import warnings

import pytest

import games
from selfplay.commands.train import settings
from selfplay.config import (
    Config,
    ConfigError,
    EvalConfig,
    RenamedSetting,
    SearchConfig,
    from_dict,
    merged,
    read_toml,
    to_toml,
    with_present_names,
)
from selfplay.run import presets


def test_toml_round_trip_keeps_every_kind_of_value(tmp_path):
    config = merged(
        Config(),
        {
            "game": 'odd "name" \\ here',
            "minutes": 2.5e-3,
            "flops": 1e22,
            "search": {"prove": False, "simulations": 7},
            "eval": {"opponents": ["rules", "alphabeta:depth=4"]},
        },
    )
    path = tmp_path / "config.toml"
    path.write_text(to_toml(config))
    assert from_dict(Config, read_toml(path)) == config


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"serch": {}}, r"unknown setting 'serch' \(did you mean 'search'\?\)"),
        ({"search": {"simulation": 3}}, r"unknown setting 'search.simulation' \(did you mean 'simulations'\?\)"),
        ({"search": {"simulations": "many"}}, "search.simulations is of type int, not str"),
        ({"search": {"simulations": True}}, "search.simulations is of type int, not bool"),
        ({"search": {"simulations": 3.0}}, "search.simulations is of type int, not float"),
        ({"search": {"prove": 1}}, "search.prove is of type bool, not int"),
        ({"search": 3}, "search is a table of settings, not 3"),
        ({"search": {"rule": "gumble"}}, r"one of gumbel, puct, not 'gumble' \(did you mean 'gumbel'\?\)"),
        ({"eval": {"opponents": "rules"}}, "eval.opponents is a list of texts"),
        ({"search": {"simulations": 0}}, "search.simulations is at least 1, not 0"),
        ({"search": {"full_fraction": 0}}, r"search.full_fraction is in \(0, 1\]"),
        ({"learn": {"ema": 1}}, r"learn.ema is in \[0, 1\)"),
        ({"replay": {"minimum": 10, "capacity": 9}}, "replay.minimum is between 1 and replay.capacity"),
        ({"minutes": -1}, "minutes is at least 0"),
        ({"search": {"first_simulations": 33}}, r"first_simulations is 0 to search.simulations \(32\), not 33"),
        ({"search": {"growth_positions": 0}}, "search.growth_positions is above 0, not 0"),
        ({"play": {"max_opening_value": 0}}, r"play.max_opening_value is in \(0, 1\], not 0"),
        ({"play": {"draw_adjudication": 0}}, r"play.draw_adjudication is in \(0, 1\], not 0"),
        ({"play": {"opening_tries": -1}}, "play.opening_tries is at least 0, not -1"),
    ],
)
def test_a_mistake_is_named(values, said):
    with pytest.raises(ConfigError, match=said):
        from_dict(Config, values)
    with pytest.raises(ConfigError, match=said):
        merged(Config(), values)


def test_whole_numbers_stand_for_floats():
    value = from_dict(Config, {"minutes": 3}).minutes
    assert value == 3.0
    assert isinstance(value, float)


def test_merged_leaves_the_rest_alone():
    base = Config(seed=5, eval=EvalConfig(games=8))
    changed = merged(base, {"eval": {"simulations": 3}})
    assert changed == dataclasses.replace(base, eval=EvalConfig(games=8, simulations=3))
    assert merged(base, {}) == base


def test_simulations_grow_by_positions_to_their_number():
    staged = SearchConfig(simulations=64, first_simulations=16, growth_positions=1000)
    assert [staged.simulations_at(n) for n in (0, 500, 1000, 2999, 3000, 10**9)] == [16, 24, 32, 63, 64, 64]
    assert SearchConfig(simulations=64).simulations_at(0) == 64


OLD_NAMES = {
    "search": {"considered": 4},
    "play": {"opening_bound": 0.5, "settled_draw": 0.9},
    "learn": {"reuse": 2.0},
    "eval": {"clocked": ["alphabeta:ms=20"]},
}
PRESENT_NAMES = {
    "search": {"max_considered_actions": 4},
    "play": {"max_opening_value": 0.5, "draw_adjudication": 0.9},
    "learn": {"replay_ratio": 2.0},
    "eval": {"equal_time": ["alphabeta:ms=20"]},
}


def test_settings_under_their_old_names_are_understood_with_a_warning(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        "seed = 3\n[search]\nconsidered = 4\n[play]\nopening_bound = 0.5\nsettled_draw = 0.9\n"
        '[learn]\nreuse = 2.0\n[eval]\nclocked = ["alphabeta:ms=20"]\n'
    )
    with pytest.warns(RenamedSetting) as told:
        assert presets.read(str(path)) == {"seed": 3, **PRESENT_NAMES}
    assert [str(one.message) for one in told] == [
        "search.considered is called search.max_considered_actions now",
        "play.opening_bound is called play.max_opening_value now",
        "play.settled_draw is called play.draw_adjudication now",
        "learn.reuse is called learn.replay_ratio now",
        "eval.clocked is called eval.equal_time now",
    ]
    wanted = from_dict(Config, PRESENT_NAMES)
    assert wanted.learn.replay_ratio == 2.0
    with pytest.warns(RenamedSetting):
        assert merged(Config(), OLD_NAMES) == wanted
    with pytest.warns(RenamedSetting):
        assert from_dict(Config, OLD_NAMES) == wanted
    assert OLD_NAMES["learn"] == {"reuse": 2.0}, "what was given is left as it was"


def test_an_old_name_beside_the_present_one_is_refused():
    with pytest.raises(ConfigError, match=r"learn\.reuse is the old name of learn\.replay_ratio: give one of them"):
        from_dict(Config, {"learn": {"reuse": 2.0, "replay_ratio": 3.0}})


def test_what_a_run_recorded_is_read_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert with_present_names(OLD_NAMES, warn=False) == PRESENT_NAMES


def test_broken_files_are_named(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text("minutes = = 3")
    with pytest.raises(ConfigError, match=r"broken\.toml is not valid TOML"):
        read_toml(path)
    with pytest.raises(ConfigError, match=r"cannot read .*missing\.toml: No such file"):
        read_toml(tmp_path / "missing.toml")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"cannot read .*broken\.toml"):
        read_toml(path)


@pytest.mark.parametrize("name", presets.shipped())
def test_every_preset_is_valid_and_holds_deviations_only(name):
    settings = read_toml(presets.shipped()[name])
    config = from_dict(Config, settings)
    games.make(config.game)
    same = [
        f"{table}.{key}"
        for table, values in settings.items()
        if isinstance(values, dict)
        for key in values
        if getattr(getattr(config, table), key) == getattr(getattr(Config(), table), key)
    ]
    assert same == []


@pytest.mark.parametrize("name", sorted(presets.shipped().keys() - {"tiny"}))
def test_every_line_of_a_preset_has_its_reason(name):
    lines = presets.shipped()[name].read_text().splitlines()
    settings = [line for line in lines if " = " in line and not line.startswith(("#", "game = "))]
    assert [line for line in settings if "  # " not in line] == []


@pytest.mark.parametrize(
    ("game", "preset"),
    [("connect4", "connect4"), ("gomoku9", "gomoku9"), ("gomoku:size=15", "gomoku15"), ("gomoku:size=10", "gomoku9"),
     ("gomoku:size=14", "gomoku15"), ("tictactoe", "gomoku9")],
)  # fmt: skip
def test_a_game_finds_its_preset_or_the_closest_of_its_kind(game, preset):
    expected = {key: value for key, value in read_toml(presets.shipped()[preset]).items() if key != "game"}
    assert presets.for_game(game) == expected


def test_presets_by_name_and_by_path(tmp_path):
    assert presets.read("tiny")["generations"] == 3
    (tmp_path / "mine.toml").write_text("seed = 9")
    assert presets.read(str(tmp_path / "mine.toml")) == {"seed": 9}
    with pytest.raises(ConfigError, match=r"no config file or preset 'tinny' \(did you mean 'tiny'\?\)"):
        presets.read("tinny")


# What is wrong with numbers and files in ways that only a machine, or a slip of the hand, comes to.


@pytest.mark.parametrize(
    "text", ["a\x00b", "tab\there", "line\nline", "\x1b[31m", "\x7f", 'quote " and \\', "\u2028", "é"]
)
def test_any_text_can_be_read_again(tmp_path, text):
    config = merged(Config(), {"init": text, "eval": {"opponents": [text, "rules"]}})
    path = tmp_path / "config.toml"
    path.write_bytes(to_toml(config).encode())
    assert from_dict(Config, read_toml(path)) == config


def test_the_longest_lists_can_be_read_again(tmp_path):
    longest = {"opponents": ["\x01" * 500] * 40, "equal_time": ["\x7f" * 500] * 40}
    config = merged(Config(), {"eval": longest})
    path = tmp_path / "config.toml"
    path.write_bytes(to_toml(config).encode())
    assert from_dict(Config, read_toml(path)) == config


def dotted(name, value):
    """{"play": {"games": 3}} for play.games."""
    table, _, key = name.rpartition(".")
    return {table: {key: value}} if table else {key: value}


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, kind, _, _ in settings() if kind in (int, float)])
def test_every_number_has_an_end_on_both_sides(name, kind):
    """10^30 games and minus one are both nobody's wish, in whatever setting; nan and infinity are no numbers."""
    for value in (kind(-1), -(10**30), 10**31, 10**400, *((math.nan, math.inf, -math.inf) if kind is float else ())):
        with pytest.raises(ConfigError) as told:
            merged(Config(), dotted(name, value))
        assert name in str(told.value)
        assert len(str(told.value)) < 300


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"seed": -1}, "seed is at least 0, not -1"),
        ({"flops": math.nan}, "flops is at least 0, not nan"),
        ({"play": {"games": 10**9}}, "play.games is at most 16,384, not 1000000000"),
        ({"minutes": 10**400}, "minutes is at most "),
        ({"seed": 16**5000}, "seed is at most .* not something too large to be shown"),
        ({"init": "\udcff"}, "init is text that UTF-8 can hold, not '.udcff'"),
        ({"init": "a" * 501}, "init has at most 500 characters, not 501"),
        ({"eval": {"opponents": ["rules"] * 41}}, "eval.opponents has at most 40 items, not 41"),
        ({"search": {"rule": ["gumbel"] * 1000}}, "one of gumbel, puct, not .*"),
        ({"a" * 100_000: 1}, "unknown setting 'aaa"),
    ],
)  # fmt: skip
def test_what_is_out_of_all_bounds_is_refused_in_a_line(values, said):
    started = time.perf_counter()
    with pytest.raises(ConfigError, match=said) as told:
        merged(Config(), values)
    assert len(str(told.value)) < 300
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("minutes = " + "1" * 400, "minutes is at most"),
        ("minutes = " + "1" * 3900, "minutes is at most"),
        ("seed = 0x" + "f" * 3900, "seed is at most"),
        ("x = " + "[" * 3000, "nested too deeply|is not valid TOML"),
        ("x = " + "[\n" * 100_000, "nested too deeply|is not valid TOML"),
        ("x = [" + "[" * 200 + "]" * 200 + "]", "unknown setting 'x'"),
        (".".join("a" * 50_000) + " = 1", "line 1, is longer than 4000 characters"),
        ("\n".join(["a." * 1900 + f"b{n} = 1" for n in range(60)]), "unknown setting 'a'"),
        ("#" + "\n#" * 300_000, "larger than 256 KiB"),
        ('init = "\x01"', "is not valid TOML"),
    ],
)
def test_no_file_takes_long_to_refuse(tmp_path, text, said):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    started = time.process_time()
    with pytest.raises(ConfigError, match=said) as told:
        from_dict(Config, read_toml(path))
    assert len(str(told.value)) < 300 + len(str(path))
    assert time.process_time() - started < 5
