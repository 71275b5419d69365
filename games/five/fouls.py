"""Where Black may not play by the rules of Renju: the fouls overline, double-four and double-three.

After the International Rules of Renju (Renju International Federation, renju.net/study/rifrules.php), sections 3 and 9:

- five in a row: exactly five black stones. It wins, whatever else the same stone makes.
- overline: six or more black stones in a row.
- four: four stones to which one more can be added to make five. Straight four: an unbroken four to which it can be
  added at either end.
- three: three stones to which one more can be added, without five at the same time, to make a straight four.
- double-four, double-three: a stone that makes more than one four, or three, meeting in it. Two fours may lie in one
  line, as in `x.xXx.x`.
- By 9.3 a three that cannot become a straight four by a move which is itself allowed is not counted; whether that move
  is a double-three is asked in the same way, and so on.

"Without five at the same time" is read as it is written, as by the program that judges Gomocup's games and by Rapfi: a
straight four that comes with a five in another direction makes no three. Some others count that three, after
Renju World of November 2000 (so the programs realcore and quintet).

A line is looked at through a window of five cells to either side of the stone: own and open cells as bits 0 to 10, the
stone itself bit 5. What lies behind a white stone or the edge is neither. A five that holds the stone, and the cells
beside it that must not be black, never lie further off.
"""

# A kernel's types are its numba signature, which type checkers cannot read.
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false

import numpy as np

from games.bits import ahead, behind
from games.five.stones import board_word
from games.kernel import i64, kernel, u64, words_W

_ONE = np.uint64(1)
_REACH = 5
_NEAR = 3
_OWN = 0x7FF  # the part of a window that holds black stones; the open cells stand above it
_OPEN_AT = 11

ALLOWED, FIVE, OVERLINE, DOUBLE_FOUR, DOUBLE_THREE = 0, 1, 2, 3, 4
_MAYBE = 5

_ENTRY, _REST = np.uint64(16), np.uint64(48)  # bits of an entry of the stack, and of the others of a word
_DEEPEST = 32


@kernel(i64(words_W, i64, i64, i64, i64, i64, i64, i64), allocates=False)
def _window(state_W, black, white, size, row, column, d_row, d_column):
    """The line through a cell that holds a black stone, or is about to."""
    own = 1 << _REACH
    open_ = 0
    for sign in (1, -1):
        r, c = row, column
        for j in range(1, _REACH + 1):
            r += sign * d_row
            c += sign * d_column
            if not (0 <= r < size and 0 <= c < size):
                break
            cell = r * size + c
            word, bit = cell >> 6, np.uint64(cell & 63)
            if (state_W[black + word] >> bit) & _ONE == _ONE:
                own |= 1 << (_REACH + sign * j)
            elif (state_W[white + word] >> bit) & _ONE == _ONE:
                break
            else:
                open_ |= 1 << (_REACH + sign * j)
    return own | (open_ << _OPEN_AT)


@kernel(i64(i64), allocates=False)
def _gap(cells):
    """Of the four or five lowest bits, of which all but one are set: which is not."""
    place = 0
    while (cells >> place) & 1 == 1:
        place += 1
    return place


@kernel(i64(i64), allocates=False)
def _stones(cells):
    """How many of five bits are set."""
    return (cells & 1) + ((cells >> 1) & 1) + ((cells >> 2) & 1) + ((cells >> 3) & 1) + ((cells >> 4) & 1)


@kernel(i64(i64), allocates=False)
def _is_five(own):
    """1 if the stone is one of exactly five in a row."""
    for first in range(1, _REACH + 1):
        if (own >> (first - 1)) & 0x7F == 0x3E:  # five, and no stone on either side
            return 1
    return 0


@kernel(i64(i64), allocates=False)
def _is_overline(own):
    """1 if the stone is one of six or more in a row."""
    for first in range(_REACH + 1):
        if (own >> first) & 0x3F == 0x3F:
            return 1
    return 0


@kernel(i64(i64), allocates=False)
def _fours(window):
    """How many fours hold the stone: each is four stones in five cells of which the fifth is open."""
    own = window & _OWN
    open_ = window >> _OPEN_AT
    count = 0
    last = -1  # the open cell of the four before, and where its five begins
    last_first = 0
    for first in range(1, _REACH + 1):
        around = (own >> (first - 1)) & 0x41
        if around == 0 and _stones(own >> first) == 4:
            gap = first + _gap(own >> first)
            if (open_ >> gap) & 1 == 1:
                count += 1
                # The two ends of an unbroken four are one four: a straight one.
                if last == last_first and gap == last + 5:
                    count -= 1
                last, last_first = gap, first
    return count


@kernel(i64(i64, i64), allocates=False)
def _straight_four_at(window, first):
    """Where in the window a further stone makes a straight four of the cells `first` to `first` + 3, or -1."""
    own = window & _OWN
    open_ = window >> _OPEN_AT
    if _stones((own >> first) & 0xF) != 3 or (open_ >> (first - 1)) & 1 == 0 or (open_ >> (first + 4)) & 1 == 0:
        return -1
    if (own >> (first - 2)) & 1 == 1 or (own >> (first + 5)) & 1 == 1:
        return -1  # an end would make six
    gap = first + _gap((own >> first) & 0xF)
    return gap if (open_ >> gap) & 1 == 1 else -1


@kernel(i64(i64), allocates=False)
def _d_row(d):
    """Rows from a cell to the next in one of the four directions."""
    return 0 if d == 0 else 1


@kernel(i64(i64), allocates=False)
def _d_column(d):
    """Likewise columns."""
    return 0 if d == 1 else -1 if d == 3 else 1


@kernel(i64(words_W, i64, i64, i64, i64), allocates=False)
def _at_first_sight(state_W, black, white, size, cell):
    """What a black stone on an empty cell is, or _MAYBE if it is a double-three as far as threes are counted without
    asking whether they can become straight fours."""
    row, column = cell // size, cell % size
    fours = 0
    lines = 0  # that may hold a three
    overline = 0
    for d in range(4):
        window = _window(state_W, black, white, size, row, column, _d_row(d), _d_column(d))
        own = window & _OWN
        others = own & (own - 1)
        if others & (others - 1) == 0:
            continue  # two stones at most
        if _is_five(own) == 1:
            return FIVE
        overline |= _is_overline(own)
        fours += _fours(window)
        for first in range(2, _REACH + 1):
            if _straight_four_at(window, first) >= 0:
                lines += 1
                break
    if overline == 1:
        return OVERLINE
    if fours > 1:
        return DOUBLE_FOUR
    return ALLOWED if lines < 2 else _MAYBE


@kernel(i64(words_W, i64, i64, i64, i64, i64, i64), allocates=False)
def _next_straight_four(state_W, black, white, size, cell, d, first):
    """From here on, in the order of directions and places, where a stone would make a straight four with that on the
    cell: `(that cell << 5) | (direction << 3) | first`, or -1."""
    row, column = cell // size, cell % size
    while d < 4:
        window = _window(state_W, black, white, size, row, column, _d_row(d), _d_column(d))
        while first <= _REACH:
            place = _straight_four_at(window, first)
            if place >= 0:
                return ((cell + (place - _REACH) * (_d_row(d) * size + _d_column(d))) << 5) | (d << 3) | first
            first += 1
        d += 1
        first = 2
    return -1


@kernel(i64(words_W, i64, i64, i64, i64), allocates=False)
def judge(state_W, black, white, size, cell):
    """What a black stone on an empty cell would be: ALLOWED, FIVE or a foul. Black's stones are the words from `black`
    on, White's those from `white` on; they are the same again afterwards.

    The stones that wait for what comes of a further one form a stack in eight words, the last of them in the lowest 16
    bits of `s0`: the cell, the direction and place that are being asked about, and whether a three was found before.
    So 32 stones wait at most. Each takes two threes of its own: in 360,000 boards strewn with stones at most 5 did.
    """
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = np.uint64(0)
    depth = 0
    verdict = _at_first_sight(state_W, black, white, size, cell)
    d, first, threes = 0, 2, 0
    if verdict != _MAYBE:
        return verdict
    state_W[black + (cell >> 6)] |= _ONE << np.uint64(cell & 63)
    while True:
        # The stone on `cell` is there; which further stone is to be asked about?
        found = _next_straight_four(state_W, black, white, size, cell, d, first) if threes < 2 else -1
        if found >= 0:
            next_, d, first = found >> 5, (found >> 3) & 3, found & 7
            verdict = _at_first_sight(state_W, black, white, size, next_)
            if verdict == _MAYBE and depth < _DEEPEST:
                s7 = (s7 << _ENTRY) | (s6 >> _REST)
                s6 = (s6 << _ENTRY) | (s5 >> _REST)
                s5 = (s5 << _ENTRY) | (s4 >> _REST)
                s4 = (s4 << _ENTRY) | (s3 >> _REST)
                s3 = (s3 << _ENTRY) | (s2 >> _REST)
                s2 = (s2 << _ENTRY) | (s1 >> _REST)
                s1 = (s1 << _ENTRY) | (s0 >> _REST)
                s0 = (s0 << _ENTRY) | np.uint64((cell << 6) | (d << 4) | ((first - 2) << 2) | threes)
                depth += 1
                cell, d, first, threes = next_, 0, 2, 0
                state_W[black + (cell >> 6)] |= _ONE << np.uint64(cell & 63)
                continue
        else:
            # All have been: take the stone back, and answer the one that waits.
            verdict = DOUBLE_THREE if threes == 2 else ALLOWED
            state_W[black + (cell >> 6)] ^= _ONE << np.uint64(cell & 63)
            if depth == 0:
                return verdict
            depth -= 1
            entry = np.int64(s0 & np.uint64(0xFFFF))
            cell, d, first, threes = entry >> 6, (entry >> 4) & 3, ((entry >> 2) & 3) + 2, entry & 3
            s0 = (s0 >> _ENTRY) | (s1 << _REST)
            s1 = (s1 >> _ENTRY) | (s2 << _REST)
            s2 = (s2 >> _ENTRY) | (s3 << _REST)
            s3 = (s3 >> _ENTRY) | (s4 << _REST)
            s4 = (s4 >> _ENTRY) | (s5 << _REST)
            s5 = (s5 >> _ENTRY) | (s6 << _REST)
            s6 = (s6 >> _ENTRY) | (s7 << _REST)
            s7 >>= _ENTRY
        if verdict == ALLOWED:
            threes += 1
            d, first = d + 1, 2  # one three a line
        else:
            first += 1


@kernel(u64(words_W, i64, i64, i64, i64, i64), allocates=False)
def _suspects(state_W, black, white, words, size, word):
    """64 cells at once: those that are empty and see two black stones, with no white one before them, within three
    cells on two lines, or three on one. No other can be a foul: of the three stones beside it in a four one at most is
    four cells away. (Lines that leave the board here run on in the next row: a few suspects more.)"""
    several = np.uint64(0)
    pairs = np.uint64(0)
    once = np.uint64(0)
    for d_row, d_column in ((0, 1), (1, 0), (1, 1), (1, -1)):
        step = d_row * size + d_column
        one = np.uint64(0)
        two = np.uint64(0)
        three = np.uint64(0)
        for sign in (1, -1):
            seen = ~np.uint64(0)
            for j in range(1, _NEAR + 1):
                if sign == 1:
                    whites = ahead(state_W, white, words, word, j * step)
                    blacks = ahead(state_W, black, words, word, j * step)
                else:
                    whites = behind(state_W, white, words, word, j * step)
                    blacks = behind(state_W, black, words, word, j * step)
                seen &= ~whites
                blacks &= seen
                three |= two & blacks
                two |= one & blacks
                one |= blacks
        several |= three
        pairs |= once & two
        once |= two
    return (several | pairs) & board_word(size, word) & ~(state_W[black + word] | state_W[white + word])


@kernel(u64(words_W, i64, i64, i64, i64, i64), allocates=False)
def fouls(state_W, black, white, words, size, word):
    """64 cells at once: where Black may not play, were it Black's turn. The stones are the same again afterwards."""
    suspects = _suspects(state_W, black, white, words, size, word)
    found = np.uint64(0)
    cell = 64 * word
    bit = _ONE
    while suspects != 0:
        if suspects & _ONE == _ONE and judge(state_W, black, white, size, cell) > FIVE:
            found |= bit
        suspects >>= _ONE
        bit <<= _ONE
        cell += 1
    return found
