"""Who profits when the board fills up: odd and even threats, after Allis 1988, by playing the rest out on bitboards.

A threat is an empty cell that completes a line. Nobody wants to play below the other's threat, so the cells that
hurt nobody are filled first, and their number decides who must then give something up. That yields the known
rules - the first player wants threats on odd rows, the second on even ones; only the lowest useful threat of a column
counts; a threat straight above the other's is lost - and what follows where several columns are at stake.
Bits as in `connect4_lines`.
"""

from games.bits import count_bits
from games.kernel import i64, kernel, u64
from selfplay.knowledge.connect4.lines import ONE


@kernel(u64(u64, u64, i64), allocates=False)
def _and_above(bits, board, height):
    """The bits and every cell of the board above one of them."""
    for _ in range(1, height):
        bits |= (bits << ONE) & board
    return bits


@kernel(u64(u64), allocates=False)
def _lowest(bits):
    return bits & (~bits + ONE)


@kernel(i64(u64, u64, u64, u64, i64), allocates=False)
def fill_out(empty, mine, theirs, board, height):
    """1 if the mover wins when both just fill the board, -1 if the other does, 0 for a draw; no new threats arise.

    Whoever must play below a threat of their own rather does that than give the other a line: it costs the threat,
    and what is then free in the column may turn the order of moves round.
    """
    turn = 1
    while empty != 0:
        playable = empty & ~(empty << ONE)
        own, other = (mine, theirs) if turn == 1 else (theirs, mine)
        if playable & own != 0:
            return turn
        forced = playable & other
        if forced != 0:
            if forced & (forced - ONE) != 0:
                return -turn
            empty ^= forced
            turn = -turn
            continue
        threats = (mine | theirs) & empty
        harmful = _and_above((threats >> ONE) & empty, board, height)
        if count_bits(empty & ~harmful) & 1 == 1:
            turn = -turn
            own, other = other, own
        empty = harmful
        given = empty & ~(empty << ONE) & (own >> ONE) & ~(other >> ONE)
        if given == 0:
            return -turn if empty != 0 else 0
        chosen = _lowest(given)
        while given != 0:
            cell = _lowest(given)
            given ^= cell
            column = _and_above(cell, board, height) & ~(cell | cell << ONE)
            if count_bits(column & ~_and_above((threats & column) >> ONE & column, board, height)) & 1 == 1:
                chosen = cell
                break
        empty &= ~(chosen | chosen << ONE)
    return 0
