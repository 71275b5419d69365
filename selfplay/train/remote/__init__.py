"""Self-play by processes elsewhere, on this machine or on others.

`pool` keeps the books: which share of which generation is played by whom, from which ongoing games. `worker` is what
runs in each process. `ray_cluster` has such processes on a Ray cluster, to which `ray_bridge`, a process of its
own, speaks; it alone knows Ray.
"""
