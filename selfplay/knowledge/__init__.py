"""Players made of human knowledge: what people know about a game, written down by hand.

One-ply `rules`, and `alphabeta` over a handcrafted evaluation, for the two kinds of game that we have
knowledge of; both from the rules of the game alone for any other. Nothing that learns may import this package.
"""
