"""What it costs to have a generation played by processes of a Ray cluster instead of threads of this process."""

import dataclasses
import time
from statistics import median

import numpy as np

import games
from selfplay.config import Config, merged
from selfplay.network.architectures import build
from selfplay.run import presets
from selfplay.train.actor import UNLIMITED
from selfplay.train.pool import LocalPool
from selfplay.train.remote import ray_cluster
from selfplay.train.remote.worker import packed, weights_of


def measure(
    game_name: str, threads: int, positions: int = 0, *, address: str = "", rounds: int = 3
) -> dict[str, float]:
    """Positions per second of both, played in turns with the same weights, medians of the `rounds` after the first.

    Without an address, on a cluster of this machine's cores. `ValueError` should the two play different games.
    """
    config = dataclasses.replace(merged(Config(), presets.for_game(game_name)), game=game_name, device="cpu")
    config = dataclasses.replace(config, threads=threads)
    if positions:
        config = dataclasses.replace(config, play=dataclasses.replace(config.play, positions=positions))
    game = games.make(config.game)
    network = build(game, config.network.architecture).eval()
    here = LocalPool(game, config, config.network.dtype)
    local, remote, overheads, sizes = [], [], [], {}
    simulations = config.search.simulations_at(0)
    with ray_cluster.connected(address) as cluster, ray_cluster.playing(cluster, config, here.dtype) as there:
        for number in range(1, rounds + 2):
            began = time.perf_counter()
            mine = here.play(network, number, simulations)
            between = time.perf_counter()
            theirs = there.play(network, number, simulations, UNLIMITED, lambda done, of: None)
            ended = time.perf_counter()
            for one, other in zip(mine, theirs, strict=True):
                if not np.array_equal(one.states_MW, other.states_MW):
                    raise ValueError("the cluster plays other games: its processors are of another kind")
            made = sum(len(harvest.states_MW) for harvest in mine)
            if number > 1:  # in the first, all games begin at once
                local.append(made / (between - began))
                remote.append(made / (ended - between))
                overheads.append(1.0 - max(harvest.seconds for harvest in theirs) / (ended - between))
            arrays = [getattr(harvest, item.name) for harvest in mine for item in dataclasses.fields(harvest)]
            sent = sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))
            ongoing = sum(array.nbytes for actor in here.actors for array in packed(actor.state()).values())
            sizes = {"bytes_per_position": sent / made, "bytes_of_games_per_thread": ongoing / len(mine)}
    return {
        "threads": len(here.actors),
        "local_positions_per_s": median(local),
        "ray_positions_per_s": median(remote),
        "ray_to_local": median(there / here for here, there in zip(local, remote, strict=True)),
        "ray_share_not_played": median(overheads),  # of the time: while shares and weights travel
        **sizes,
        "bytes_of_weights": sum(array.nbytes for array in weights_of(network).values()),
    }
