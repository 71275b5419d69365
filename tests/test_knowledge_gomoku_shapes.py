"""Gomoku's shape tables and the board that keeps them, against strings and by hand.

Many positions: SELFPLAY_TEST_POSITIONS=100000 pytest tests/test_knowledge_gomoku_shapes.py -k many_positions
"""

import os

import naive_gomoku as naive
import numpy as np
import pytest

import games
from games import text
from selfplay.knowledge.gomoku import board as gomoku_board
from selfplay.knowledge.gomoku import shapes
from selfplay.knowledge.gomoku.board import make, quad_at, unmake

POSITIONS = int(os.environ.get("SELFPLAY_TEST_POSITIONS", "2400"))
GAMES = [
    "gomoku:size=5",
    "gomoku9",
    "gomoku15",
    "gomoku:size=20",
    "gomoku:size=9,rule=standard",
    "gomoku:size=15,rule=standard",
]


def knowledge(game):
    exact = gomoku_board.exact_of(game)
    rng = np.random.default_rng(1)
    worths_Q = rng.integers(0, 100, shapes.QUADS) + (rng.integers(0, 100, shapes.QUADS) << 32)
    none_Q = np.zeros_like(worths_Q)
    tables = gomoku_board.geometry(game.width, exact, 2), shapes.shapes(exact), shapes.classes()
    return gomoku_board.Knowledge(*tables, worths_Q, none_Q, none_Q, tempo=11)


def empty_board(know):
    board = np.zeros(1, gomoku_board.BOARD)[0]
    gomoku_board.clear(board, know)
    return board


# Side X is about to play on `*`; # is the edge. Expected by hand: freestyle, standard.
@pytest.mark.parametrize(
    ("line", "freestyle", "standard"),
    [
        ("....XXX*X....", "five", "five"),
        ("...XXX*XX....", "five", "dead"),  # six
        ("....XX*XO....", "four", "four"),
        ("#*XXX.........", "four", "four"),
        ("....XXX*.....", "open four", "open four"),
        ("..X.XX*X.....", "open four", "four"),  # the gap would make six
        (".X.X*X.X.....", "open four", "open four"),  # two fours in one line
        ("O.XXX*.O.....", "open four", "open four"),
        ("X.XXX*.......", "open four", "four"),  # the left end would make six
        ("X.XXX*.X.....", "open four", "dead"),
        ("....XX*......", ("open three", 2), ("open three", 2)),
        ("....X.X*.....", ("open three", 1), ("open three", 1)),
        ("O.XX*..O.....", ("open three", 1), ("open three", 1)),
        ("O.XX*.O......", "three", "three"),
        ("#XX*..........", "three", "three"),
        ("O..X*.O......", "two", "two"),
        ("OX*..O.......", "dead", "dead"),  # four cells hold no five
        ("....X*.......", "open two", "open two"),
    ],
)
def test_shapes_by_hand(line, freestyle, standard):
    cells = line.lstrip("#")
    if not line.startswith("#"):
        cells = "O" + cells  # somewhere on a long line, nothing before it
    size = 20
    for name, expected in (("gomoku:size=20", freestyle), ("gomoku:size=20,rule=standard", standard)):
        know = knowledge(games.make(name))
        board = empty_board(know)
        for column, letter in enumerate(cells):
            if letter in "XO":
                make(board, know, 9 * size + column, 0 if letter == "X" else 1)
        found = quad_at(board, 9 * size + cells.index("*"), 0) & 15
        name, ways = expected if isinstance(expected, tuple) else (expected, None)
        assert naive.SHAPES[found] == name
        assert ways is None or found == naive.number((name, ways))


def stones_of(board, size):
    return {divmod(int(cell), size): int(board["stone"][cell]) - 1 for cell in np.flatnonzero(board["stone"])}


def assert_as_from_scratch(game, know, board):
    size, exact = game.width, bool(gomoku_board.exact_of(game))
    stones = stones_of(board, size)
    counts = np.zeros((2, shapes.CLASSES), np.int64)
    worth = [0, 0]
    for cell in range(size * size):
        if divmod(cell, size) in stones:
            continue
        for side in range(2):
            numbers = [naive.number(shape) for shape in naive.shapes_at(size, stones, side, divmod(cell, size), exact)]
            quad = sum(n << (4 * d) for d, n in enumerate(numbers))
            assert quad_at(board, cell, side) == quad
            class_ = naive.class_of(numbers)
            assert (board["classes"][cell] >> (4 * side)) & 15 == class_
            assert (int(board["members"][side][class_][cell >> 6]) >> (cell & 63)) & 1
            counts[side, class_] += 1
            worth[side] += int(know.worths_Q[quad])
            assert (class_ == naive.WINS) == naive.makes_five(size, stones, side, divmod(cell, size), exact)
    assert (board["counts"] == counts).all()
    assert sum(int(word).bit_count() for word in board["members"].reshape(-1)) == counts.sum()
    assert list(board["worth"]) == worth
    for side in range(2):
        assert gomoku_board.worth(board, know, side) == (worth[side] & 0xFFFFFFFF) - (worth[1 - side] >> 32) + 11
    near = {
        r * size + c
        for row, column in stones
        for r in range(max(0, row - 2), min(size, row + 3))
        for c in range(max(0, column - 2), min(size, column + 3))
    }
    words = board["near"][int(board["stones"])]
    assert {cell for cell in range(size * size) if (int(words[cell >> 6]) >> (cell & 63)) & 1} == near


@pytest.mark.parametrize("name", GAMES)
def test_a_board_kept_move_by_move_equals_one_from_scratch(name):
    game = games.make(name)
    know = knowledge(game)
    board = empty_board(know)
    rng = np.random.default_rng(game.cells)
    steps = 120 if game.cells < 200 else 60
    for step in range(steps):
        free = np.flatnonzero(board["stone"][: game.cells] == 0)
        if len(free) and (board["stones"] == 0 or rng.random() < 0.65):
            # Crowded boards have more shapes: mostly next to another stone.
            taken = np.flatnonzero(board["stone"])
            if len(taken) and rng.random() < 0.8:
                around = rng.choice(taken) + rng.choice([1, game.width, game.width + 1, game.width - 1]) * rng.choice(
                    [-2, -1, 1, 2]
                )
                free = free[free == around] if (free == around).any() else free
            make(board, know, int(rng.choice(free)), int(rng.integers(2)))
        else:
            unmake(board, know)
        if step % 6 == 0:
            assert_as_from_scratch(game, know, board)


def random_planes(count, size, rng):
    """Boards [N, 2, H, W] of the mover's and the other's stones, sparse and crowded, in heaps and spread out."""
    cells = size * size
    rank_NC = rng.random((count, cells))
    middle_N2 = rng.integers(0, size, (count, 2))
    rows, columns = np.divmod(np.arange(cells), size)
    away_NC = np.maximum(abs(rows - middle_N2[:, :1]), abs(columns - middle_N2[:, 1:]))
    order_NC = np.argsort(rank_NC + 0.15 * rng.integers(0, 3, (count, 1)) * away_NC, axis=1)
    place_NC = np.argsort(order_NC, axis=1)
    stones_N1 = rng.integers(0, cells, (count, 1))
    waiting_NC = (place_NC < stones_N1) & (place_NC % 2 == (stones_N1 + 1) % 2)  # the side that moved last
    moving_NC = (place_NC < stones_N1) & ~waiting_NC
    return np.stack([moving_NC, waiting_NC], axis=1).reshape(count, 2, size, size).astype(np.int64), stones_N1[:, 0]


def states_of(game, planes_N2HW, stones_N):
    """The words of these boards."""
    states_NW = np.zeros((len(planes_N2HW), game.words), np.uint64)
    side_words = (game.words - 1) // 2
    for side in range(2):
        bits_NC = planes_N2HW[:, side].reshape(len(planes_N2HW), -1).astype(np.uint64)
        for cell in range(game.cells):
            states_NW[:, side * side_words + cell // 64] |= bits_NC[:, cell] << np.uint64(cell % 64)
    states_NW[:, -1] = stones_N
    return states_NW


@pytest.mark.parametrize("name", GAMES)
def test_many_positions_equal_the_naive_twin(name):
    game = games.make(name)
    know = knowledge(game)
    exact, size, rng = bool(gomoku_board.exact_of(game)), game.width, np.random.default_rng(7)
    board = empty_board(know)
    left = POSITIONS // len(GAMES)
    while left > 0:
        count = min(left, 500)
        left -= count
        planes_N2HW, stones_N = random_planes(count, size, rng)
        numbers_SN4HW = [naive.numbers_of_boards(planes_N2HW[:, s], planes_N2HW[:, 1 - s], exact) for s in range(2)]
        for n, state_W in enumerate(states_of(game, planes_N2HW, stones_N)):
            mover = gomoku_board.read(board, know, state_W)
            assert mover == stones_N[n] % 2
            empty_C = planes_N2HW[n].sum(axis=0).reshape(-1) == 0
            expected = [0, 0]
            for side in range(2):
                numbers_4C = numbers_SN4HW[side ^ mover][n].reshape(4, -1)
                quads_C = (numbers_4C.astype(np.int64) << (4 * np.arange(4)[:, None])).sum(axis=0)[empty_C]
                found_C = board["shapes"][: game.cells][empty_C].astype(np.int64) >> (4 * side)
                assert (sum(((found_C >> (8 * d)) & 15) << (4 * d) for d in range(4)) == quads_C).all()
                expected[side] = int(know.worths_Q[quads_C].sum())
                five_C = (numbers_4C == naive.number(("five", 0))).any(axis=0)[empty_C]
                assert board["counts"][side][shapes.WINS] == five_C.sum()
            assert list(board["worth"]) == expected


@pytest.mark.parametrize("name", ["gomoku9", "gomoku:size=15,rule=standard"])
def test_taking_everything_back_leaves_the_board_as_it_was(name):
    game = games.make(name)
    know = knowledge(game)
    board, untouched = empty_board(know), empty_board(know)
    for cell in np.random.default_rng(0).permutation(game.cells):
        make(board, know, int(cell), int(board["stones"]) & 1)
    while board["stones"] > 0:
        unmake(board, know)
    for field in ("lines", "shapes", "classes", "stone", "counts", "members", "worth", "key"):
        assert (board[field] == untouched[field]).all(), field


def test_equal_positions_have_equal_keys_and_others_do_not():
    know = knowledge(games.make("gomoku9"))
    keys = []
    for order in ([3, 40, 7, 41], [7, 41, 3, 40], [3, 40, 7, 42], [40, 3, 41, 7]):
        board = empty_board(know)
        for i, cell in enumerate(order):
            make(board, know, cell, i & 1)
        keys.append(int(board["key"]))
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_a_state_is_read_with_the_mover_on_its_own_side():
    game = games.make("gomoku15")
    know = knowledge(game)
    state_W = game.initial()
    for action in (112, 0, 113):
        state_W, _ = game.after(state_W, action)
    board = np.zeros(1, gomoku_board.BOARD)[0]
    assert gomoku_board.read(board, know, state_W) == 1
    assert [int(board["stone"][cell]) for cell in (112, 0, 113)] == [1, 2, 1]


@pytest.mark.parametrize(
    ("line", "plies", "moves"),
    [
        ("h8 a1 i8 a3 j8 a5 k8 a7", 1, {"g8", "l8"}),
        ("h8 a1 i8 a3 j8 a5", 3, {"g8", "k8"}),
        ("h8 a2 i8 b2 j8 c2 o15 d2", 0, set()),  # o makes five first
        ("d4 c4 e4 a15 f4 o15 g6 a13 g7 o13", 5, {"g4"}),  # a four, and with g6 and g7 an open three
        ("d4 c4 e4 a15 f4 a14 g6 a13 g7 o13", 0, set()),  # but o can make a four on a12
        ("h8 a1 i8 c2 h9 o5 i10 o1", 5, {"g8"}),  # two open threes
        ("h8 a1 i8 a2 h9 a3 i10 o1", 0, set()),  # but o can make a four on a4
        ("h8 a1", 0, set()),
    ],
)
def test_wins_that_need_no_search_by_hand(line, plies, moves):
    game = games.make("gomoku15")
    know = knowledge(game)
    board = np.zeros(1, gomoku_board.BOARD)[0]
    side = gomoku_board.read(board, know, text.replay(game, text.parse_moves(game, line))[0])
    assert gomoku_board.plies_to_win(board, side) == plies
    if plies > 0:
        assert text.format_action(game, gomoku_board.winning_move(board, side, plies)) in moves
