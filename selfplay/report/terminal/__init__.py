"""Views of the terminal: how a command starts, a run, matches, and a game that is played there."""
