"""Renju and Caro: published fouls, a naive twin, games counted, and what ends a game."""

import os
from pathlib import Path

import naive_renju
import numpy as np
import pytest
from test_game_rules import plays_from

import games
from games.five.fouls import ALLOWED, DOUBLE_FOUR, DOUBLE_THREE, FIVE, OVERLINE, fouls, judge
from games.gomoku import position
from games.text import format_action, parse_action, parse_moves, replay

EXAMPLES = int(os.environ.get("SELFPLAY_EXAMPLES", "60"))  # boards of each kind; `make fuzz` sets more
CASES = [line.split("|") for line in Path(__file__).with_name("renju_fouls.txt").read_text().splitlines()]
CASES = [[part.split() for part in parts] for parts in CASES if len(parts) == 5 and not parts[0].startswith("#")]
NAMES = {ALLOWED: None, FIVE: None, OVERLINE: "overline", DOUBLE_FOUR: "double-four", DOUBLE_THREE: "double-three"}


def words_of(black, white, size):
    """The stones as a state's words, Black's first; `black` and `white` are cells."""
    side = (size * size + 63) // 64
    state_W = np.zeros(3 * side + 1, np.uint64)
    for cells, first in ((black, 0), (white, side)):
        for cell in cells:
            state_W[first + cell // 64] |= np.uint64(1) << np.uint64(cell % 64)
    return state_W


def fouls_of(black, white, size):
    """The cells of all fouls."""
    state_W = words_of(black, white, size)
    before_W, side = state_W.copy(), (size * size + 63) // 64
    found = [int(fouls(state_W, 0, side, side, size, word)) for word in range(side)]
    assert (state_W == before_W).all(), "the stones are the same again"
    return {64 * word + bit for word, bits in enumerate(found) for bit in range(64) if bits >> bit & 1}


def test_published_fouls():
    """121 positions of five other programs' tests, and what they say of 178 points and of all the rest of 52 boards."""
    game = games.make("gomoku:rule=renju")
    assert len(CASES) == 121
    for (source,), *stones, expected, allowed in CASES:
        black, white = ([parse_action(game, word) for word in words] for words in stones)
        found = {format_action(game, cell) for cell in fouls_of(black, white, 15)}
        if allowed == ["*"]:
            assert found == set(expected), (source, stones)
        else:
            assert set(expected) <= found and not found & set(allowed), (source, stones)


def test_fouls_are_those_of_the_naive_twin():
    """On boards strewn with stones, by name; 64 cells at once, and each alone."""
    rng = np.random.default_rng(0)
    seen = set()
    for number in range(EXAMPLES):
        size, black, white = [(6, 0.5, 0.3), (9, 0.45, 0.2), (9, 0.3, 0.05), (12, 0.3, 0.15)][number % 4]
        share, thrown = rng.uniform(0.3, 1), rng.random(size * size)
        blacks = np.flatnonzero(thrown < share * black).tolist()
        whites = np.flatnonzero(thrown > 1 - share * white).tolist()
        stones = [frozenset(divmod(cell, size) for cell in cells) for cells in (blacks, whites)]
        expected = {row * size + column: name for (row, column), name in naive_renju.fouls(*stones, size).items()}
        assert fouls_of(blacks, whites, size) == set(expected), (size, blacks, whites)
        state_W, side = words_of(blacks, whites, size), (size * size + 63) // 64
        for cell in set(range(size * size)) - {*blacks, *whites}:
            assert NAMES[judge(state_W, 0, side, size, cell)] == expected.get(cell), (size, blacks, whites, cell)
        seen |= set(expected.values())
    assert seen == {"overline", "double-four", "double-three"}


FORK = "h8 a1 h9 a2 i10 a4 j10 a5"  # Black may not play on h10: two threes


def test_a_foul_is_not_legal_for_black_alone():
    game = games.make("gomoku:rule=renju")
    state_W, _ = replay(game, parse_moves(game, FORK))
    foul = parse_action(game, "h10")
    assert set(range(225)) - set(game.legal_actions(state_W)) == {foul, *parse_moves(game, FORK)}
    assert np.argwhere(game.planes_of(state_W)[4]).tolist() == [[5, 7]]
    with pytest.raises(ValueError, match="move 9, h10: a foul"):
        replay(game, parse_moves(game, FORK + " h10"))
    state_W, _ = game.after(state_W, parse_action(game, "o15"))
    assert np.argwhere(game.planes_of(state_W)[4]).tolist() == [[5, 7]]  # White sees it too
    assert foul in game.legal_actions(state_W)


def test_five_takes_precedence_and_six_is_for_white():
    game = games.make("gomoku:rule=renju")
    cells = {name: parse_action(game, name) for name in ["c8", "d8", "e8", "f8", "g8", "h8", "h4", "h5", "h6", "h7"]}
    five_and_six = [cells[name] for name in ("c8", "d8", "e8", "f8", "g8", "h4", "h5", "h6", "h7")]
    far = [0, 2, 4, 6, 8, 10, 12, 14, 30]
    state_W = position(game, five_and_six, far)
    assert game.after(state_W, cells["h8"])[1] == games.MOVER_WON  # five down the column, six along the row
    state_W = position(game, [*five_and_six[:5]], far[:5])
    assert cells["h8"] not in game.legal_actions(state_W)
    state_W = position(game, five_and_six[:5], far[:6])  # White to move has the same row
    assert game.after(state_W, cells["h8"])[1] == games.MOVER_WON


FULL = """
XXOOXXOOX
OOXXOOXXO
XXOOXXOOX
OOXXOOXXO
XOXXX.XXO
OOXXOOXXO
OXOOXXOOX
OOXXOOXOO
XXOOXXOOX
"""


def test_black_without_a_move_draws():
    """The last free cell would make six in a row. Nobody passes, so White's last stone ends the game."""
    game = games.make("gomoku:size=9,rule=renju")
    stones = "".join(FULL.split())
    black, white = ([cell for cell, stone in enumerate(stones) if stone == owner] for owner in "XO")
    state_W, status = game.after(position(game, white[:-1], black), white[-1])
    assert status == games.DRAW
    assert np.argwhere(game.planes_of(state_W)[4]).tolist() == [[4, 5]]
    assert game.first_impossible(state_W[None]) == 0  # it is over
    assert game.first_impossible(position(game, white[:-1], black)[None]) is None


def test_perft_where_fouls_are():
    """Sequences of one, two and three moves, counted by the code that judges Gomocup's games (Piskvork's renju.cpp)."""
    game = games.make("gomoku:size=9,rule=renju")
    stones = {"black": "d5 e5 f4 f3 g7", "white": "a1 a9 i1 i9 b5"}
    black, white = ([parse_action(game, word) for word in words.split()] for words in stones.values())
    assert plays_from(game, position(game, black, white), 3) == [1, 69, 4830, 323862, 0, 0]


# rows of a line: what stands on it, `*` the stone that is about to be put; caro, caro6, standard
ENDS = [
    (".XXXX*.", 1, 1, 1),
    ("OXXXX*.", 1, 1, 1),
    (".XXXX*O", 1, 1, 1),
    ("OXXXX*O", 0, 0, 1),
    ("OXX*XXO", 0, 0, 1),
    ("OX.XX*O", 0, 0, 0),
    (".XXX*XX", 0, 1, 0),
    ("OXXX*XXO", 0, 1, 0),
    ("OXXXX*", 1, 1, 1),  # the edge does not close
    ("XXXX*O", 1, 1, 1),
]


@pytest.mark.parametrize(("row", "caro", "caro6", "standard"), ENDS)
def test_what_stands_at_the_ends_of_a_row(row, caro, caro6, standard):
    """In each direction, at the edge of the board and away from it."""
    size = 8
    begin = 0 if row[0] in "X*" else size - len(row) if row[-1] in "X*" else (size - len(row)) // 2
    for rule, wins in (("caro", caro), ("caro6", caro6), ("standard", standard)):
        game = games.make(f"gomoku:size={size},rule={rule}")
        for down, right in ((0, 1), (1, 0), (1, 1)):
            cells = [(begin + i) * (down * size + right) for i in range(len(row))]
            at = {stone: [cell for cell, found in zip(cells, row, strict=True) if found == stone] for stone in "XO*"}
            free = [cell for cell in range(64) if cell not in cells and (cell // size + cell % size * 2) % 5 == 4]
            other = at["O"] + free[: len(at["X"]) - len(at["O"])]  # as many as the mover, who began
            state_W = position(game, at["X"], other)
            assert game.first_impossible(state_W[None]) is None
            flags_A = np.zeros(game.actions, np.uint8)
            game.wins(state_W, game.legal, game.step, flags_A, game.initial())
            (last,) = at["*"]
            assert flags_A[last] == wins == (game.after(state_W, last)[1] == games.MOVER_WON), (rule, row)
