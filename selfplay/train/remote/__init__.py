"""Self-play by processes elsewhere, on this machine or on others.

`pool` keeps the books: which share of which generation is played by whom, from which ongoing games. `worker` is what
runs in each process. `ray_cluster` has such processes on a Ray cluster, to which `ray_bridge`, a process of its
own, speaks; it alone knows Ray.
"""

import importlib.util

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # hides GPUs from those who asked for none
}
"""for Ray, where the user has not decided otherwise"""


def check_installed() -> None:
    """`ValueError` where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise ValueError("--ray needs Ray, which is not installed here: pip install ray")
