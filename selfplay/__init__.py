"""Self-play reinforcement learning for small games, measured against human knowledge."""

__version__ = "0.2.0"
