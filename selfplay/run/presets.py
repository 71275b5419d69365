"""Presets: TOML files of deviations from the defaults, found by game, by name, or by path."""

from pathlib import Path
from typing import Any

import games
from games.registry import nearest
from selfplay.config import ConfigError, read_toml, with_present_names
from selfplay.run import formats

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped() -> dict[str, Path]:
    """The presets that come with the project, by name. An installed package holds its own copy of configs/."""
    inside = _PACKAGE / "configs"
    folder = inside if inside.is_dir() else _PACKAGE.parent / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read(name_or_path: str) -> dict[str, Any]:
    """The settings of a preset by name, or of any TOML file by path, under their present names."""
    path = Path(name_or_path)
    known = shipped()
    if path.exists() or path.suffix:
        settings = read_toml(path)
        formats.check(settings, path)
        return with_present_names({name: value for name, value in settings.items() if name not in formats.stamp()})
    if name_or_path not in known:
        raise ConfigError(
            f"no config file or preset {name_or_path!r}{nearest(name_or_path, list(known))};"
            f" presets: {', '.join(known)}"
        )
    return read_toml(known[name_or_path])


# For a game without a preset. A deeper search that knows the rules alone takes its time; generations are short and the
# first evaluation is early, since a small game is learned in a minute.
_ANY_GAME = {
    "play": {"positions": 4096},
    "replay": {"minimum": 16384},
    "eval": {
        "opponents": ["rules", "alphabeta:depth=2", "alphabeta:depth=4"],
        "first_flops": 1e11,
        "games": 60,
        "untrained": True,
    },
}


def for_game(name: str) -> dict[str, Any]:
    """The settings made for this game, or for the closest board of its kind; without their `game`."""
    wanted = games.make(name)
    found = [
        (settings, games.make(settings["game"]))
        for settings in map(read_toml, shipped().values())
        if "game" in settings
    ]
    alike = [(settings, game) for settings, game in found if game.kind == wanted.kind]
    if not alike:
        return _ANY_GAME
    closest, _ = min(alike, key=lambda pair: abs(pair[1].cells - wanted.cells))
    return {key: value for key, value in closest.items() if key != "game"}
