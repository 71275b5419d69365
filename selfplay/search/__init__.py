"""Tree search batched over games: one leaf per game and network call, trees in preallocated arrays.

Shape letters: G games, N nodes of a tree (numbered in order of expansion, 0 is the root), A actions,
W words of a state, B rows of a network batch, E entries of the evaluation cache.
Values are those of the player to move at the node (see `games`).
"""
