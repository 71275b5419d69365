"""Self-play, replay, gradient steps, and the one loop that owns state."""
