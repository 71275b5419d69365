"""From pairs of games to scores, Elo, curves, crossings, laws: pure functions on numpy; no player, no run, no torch."""
