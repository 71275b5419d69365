"""Players made of human knowledge: what people know about a game, written down by hand.

One-ply `rules`, and `alphabeta` over a handcrafted evaluation, for the two kinds of game that we have
knowledge of. Nothing that learns may import this package.
"""
