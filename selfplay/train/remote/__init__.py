"""Self-play by processes elsewhere, on this machine or on others.

`pool` keeps the books: which share of which generation is played by whom, from which ongoing games. `worker` is what
runs in each process. `ray_cluster` starts such processes with Ray and carries what they exchange; it alone knows Ray.
"""
