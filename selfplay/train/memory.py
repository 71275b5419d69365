"""What the settings of a run hold in memory, so that too much is refused before anything is made.

Each setting has its own bound (`selfplay.config`); together they could still ask for more than any machine has, and a
process that touches that memory is killed without a word.
"""

import psutil

from games.game import Game
from selfplay.config import Config, ConfigError
from selfplay.search.tree import NODE, NODES_PER_SIMULATION, SEARCH
from selfplay.train.slots import FACT

_GB = 1e9


def needed(config: Config, game: Game) -> dict[str, float]:
    """Bytes of the arrays that grow with settings, by those settings: about, from below."""
    play, search, threads = config.play, config.search, config.threads or 1
    state, policy = 8 * game.words, 4 * game.actions
    nodes = NODES_PER_SIMULATION * search.simulations + 4
    tree = nodes * (NODE.itemsize + state + policy) + SEARCH.itemsize + 3 * policy
    position = state + policy + 12 + FACT.itemsize
    owners = 2 * -(-game.cells // 8) if config.learn.ownership_weight > 0 else 0
    entry = 20 + policy
    return {
        "threads x play.games x search.simulations": threads * play.games * tree,
        "threads x play.games x length of a game": threads * play.games * game.max_plies * position,
        "play.positions": play.positions * (position + game.cells + 5),
        "threads x 2^search.cache_bits": threads * 2**search.cache_bits * entry,
        "replay.capacity": config.replay.capacity * (state + policy / 2 + 9 + owners),
    }


def check(config: Config, game: Game) -> None:
    """`ConfigError` if that is more than this machine has."""
    found, there = needed(config, game), psutil.virtual_memory().total
    if sum(found.values()) > there:
        most, size = max(found.items(), key=lambda item: item[1])
        raise ConfigError(
            f"these settings need {sum(found.values()) / _GB:,.0f} GB of memory, {size / _GB:,.0f} of it for {most},"
            f" and this machine has {there / _GB:,.0f}"
        )
