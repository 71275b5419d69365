"""The rules against numbers from outside: lines on a board, perft, games of tic-tac-toe, and worked positions."""

import numpy as np
import pytest
from naive_games import segments
from numba import types

import games
from games.kernel import LEGAL, STEP, i64, kernel, words_W
from games.text import parse_moves, replay

_ONE = np.uint64(1)


def connect4_state(game, own, others):
    """The state in which the mover's and the opponent's stones stand on these (row, column), row 0 at the top."""
    state_W = game.initial()
    for cells, words in ((own, (0, 1)), (others, (1,))):
        for row, column in cells:
            for word in words:
                state_W[word] |= _ONE << np.uint64(column * (game.height + 1) + game.height - 1 - row)
    state_W[2] = len(own) + len(others)
    return state_W


def gomoku_state(game, own, others):
    """Likewise for Gomoku."""
    state_W = game.initial()
    side = (game.cells + 63) // 64
    for cells, first_word in ((own, 0), (others, side)):
        for row, column in cells:
            cell = row * game.width + column
            state_W[first_word + cell // 64] |= _ONE << np.uint64(cell % 64)
    state_W[2 * side] = len(own) + len(others)
    return state_W


def connect4_statuses(game, line, spoiled=None):
    """Statuses of completing `line` with each of its cells in turn; the cell `spoiled` is the opponent's.

    What is below a cell of the line and not of it is filled by the opponent.
    """
    statuses = []
    for last in set(line) - {spoiled}:
        under_last = {(row, last[1]) for row in range(last[0] + 1, game.height)}
        below = {(row, c) for r, c in set(line) - {last} for row in range(r + 1, game.height)} | under_last
        above_last = {(row, last[1]) for row in range(last[0] + 1)}
        own = set(line) - {last, spoiled} - above_last
        others = (below | ({spoiled} if spoiled else set())) - own - above_last
        _, status = game.after(connect4_state(game, own, others), last[1])
        statuses.append((last, status))
    return statuses


# Lines of four on 7 x 6: 24 horizontal, 21 vertical, 12 on each diagonal.
@pytest.mark.parametrize(
    ("name", "count"), [("connect4", 69), ("connect4:height=7,width=8", 107), ("connect4:height=4,width=4", 10)]
)
def test_connect4_every_line_wins(name, count):
    game = games.make(name)
    lines = segments(game.height, game.width, 4)
    assert len(lines) == count
    for line in lines:
        vertical = line[0][1] == line[1][1]
        for last, status in connect4_statuses(game, line):
            # A vertical line is completed by its top stone alone; gravity allows no other.
            if not vertical or last == min(line):
                assert status == games.MOVER_WON, (line, last)
        for spoiled in line:
            for last, status in connect4_statuses(game, line, spoiled):
                assert status != games.MOVER_WON, (line, spoiled, last)


# k lines on n x n: 2 n (n - k + 1) straight, 2 (n - k + 1)^2 on diagonals.
@pytest.mark.parametrize(
    ("name", "count"), [("gomoku15", 572), ("gomoku9", 140), ("tictactoe", 8), ("gomoku:size=20,rule=standard", 1152)]
)
def test_gomoku_every_line_wins(name, count):
    game = games.make(name)
    lines = segments(game.height, game.width, game.in_a_row)
    assert len(lines) == count
    for line in lines:
        for last in line:
            own = set(line) - {last}
            _, status = game.after(gomoku_state(game, own, set()), last[0] * game.width + last[1])
            assert status == games.MOVER_WON, (line, last)
            spoiled = next(iter(own))
            state_W = gomoku_state(game, own - {spoiled}, {spoiled})
            _, status = game.after(state_W, last[0] * game.width + last[1])
            assert status == games.ONGOING, (line, last)


@pytest.mark.parametrize(("size", "sixes"), [(15, 500), (9, 104)])
def test_six_in_a_row_wins_in_freestyle_alone(size, sixes):
    freestyle = games.make(f"gomoku:size={size}")
    standard = games.make(f"gomoku:size={size},rule=standard")
    lines = segments(size, size, 6)
    assert len(lines) == sixes
    for line in lines:
        for last in line[1:-1]:  # the end stones would have made a five before
            own = set(line) - {last}
            action = last[0] * size + last[1]
            assert freestyle.after(gomoku_state(freestyle, own, set()), action)[1] == games.MOVER_WON
            assert standard.after(gomoku_state(standard, own, set()), action)[1] == games.ONGOING


def test_a_stone_more_on_an_overline_wins_nothing_in_standard():
    """Six in a row may stand on the board, made by joining; a seventh stone at either end is no five."""
    game = games.make("gomoku:size=9,rule=standard")
    for line in segments(9, 9, 7):
        for last in (line[0], line[-1]):
            state_W = gomoku_state(game, set(line) - {last}, set())
            assert game.after(state_W, last[0] * 9 + last[1])[1] == games.ONGOING, (line, last)


def test_a_five_and_a_six_at_once_win_in_standard():
    """The stone makes six in its row and exactly five in its column."""
    game = games.make("gomoku:size=15,rule=standard")
    own = {(7, column) for column in (4, 5, 6, 8, 9)} | {(row, 7) for row in (5, 6, 8, 9)}
    assert game.after(gomoku_state(game, own, set()), 7 * 15 + 7)[1] == games.MOVER_WON


def test_lines_do_not_run_over_the_edge():
    """Stones next to each other in memory, but not on the board."""
    game = games.make("gomoku9")
    own = {(3, 7), (3, 8), (4, 1), (4, 2)}
    assert game.after(gomoku_state(game, own, set()), 4 * 9 + 0)[1] == games.ONGOING
    game = games.make("connect4")
    own = {(0, 2), (1, 2), (5, 3)}  # the top of column 3, the bottom of column 4
    assert game.after(connect4_state(game, own, {(row, 2) for row in (3, 4, 5)} | {(2, 2)}), 3)[1] == games.ONGOING


def test_connect4_diagonal_longer_than_the_board_is_wide():
    """Eight on a diagonal do not fit on 7 columns, though a shift by more than 63 bits would find them."""
    game = games.make("connect4:height=8,width=7,k=8")
    diagonal = {(7 - column, column) for column in range(7)}
    own = (diagonal - {(1, 6)}) | {(1, 0)}
    others = {(row, column) for column in range(7) for row in range(8 - column, 8)}
    others |= {(row, 0) for row in range(2, 7)}
    assert game.after(connect4_state(game, own, others), 6)[1] == games.ONGOING


def test_a_full_column_is_not_legal():
    game = games.make("connect4")
    state_W, _ = replay(game, parse_moves(game, "111111"))
    assert game.legal_actions(state_W).tolist() == [1, 2, 3, 4, 5, 6]
    with pytest.raises(ValueError, match="action 0 is not legal here; legal are"):
        game.after(state_W, 0)


@pytest.mark.parametrize(
    ("name", "moves", "status"),
    [
        ("tictactoe", "a2 a1 a3 c2 b1 c1 b2 b3 c3", games.DRAW),
        ("tictactoe", "b1 b3 a3 c1 c3 c2 a2 b2 a1", games.MOVER_WON),  # the last free cell completes a line
        ("connect4", "666165577462463234152541333211132724554777", games.DRAW),
        ("connect4", "452122443333557614475355231164712717276666", games.MOVER_WON),
        ("connect4:height=4,width=4", "4333342144221121", games.DRAW),
    ],
)
def test_the_last_move_of_a_full_board(name, moves, status):
    game = games.make(name)
    actions = parse_moves(game, moves)
    assert len(actions) == game.max_plies
    assert replay(game, actions[:-1])[1] == games.ONGOING
    assert replay(game, actions)[1] == status


@kernel(i64[::1](types.FunctionType(LEGAL), types.FunctionType(STEP), i64, words_W, i64))
def count_plays(legal, step, actions, start_W, depth):
    """Plays that end after exactly `ply` plies or are cut there: [0..depth] all reached, then wins, then draws."""
    counts = np.zeros(depth + 3, np.int64)
    states = np.zeros((depth + 1, len(start_W)), np.uint64)
    flags = np.zeros((depth + 1, actions), np.uint8)
    tried = np.zeros(depth + 1, np.int64)
    states[0] = start_W
    counts[0] = 1
    ply = 0
    if depth > 0:
        legal(states[0], flags[0])
    while ply >= 0:
        action = tried[ply]
        if ply == depth or action == actions:
            ply -= 1
            continue
        tried[ply] += 1
        if flags[ply, action] == 0:
            continue
        status = step(states[ply], action, states[ply + 1])
        counts[ply + 1] += 1
        if status != 0:
            counts[depth + status] += 1
        elif ply + 1 < depth:
            ply += 1
            tried[ply] = 0
            legal(states[ply], flags[ply])
    return counts


def plays(game, depth):
    return plays_from(game, game.initial(), depth)


def plays_from(game, state_W, depth):
    """`count_plays` from a position."""
    return count_plays(game.legal, game.step, game.actions, state_W, depth).tolist()


def test_perft_of_connect4():
    """Move sequences of each length; a sequence ends where the game does."""
    counts = plays(games.make("connect4"), 8)
    assert counts[:9] == [1, 7, 49, 343, 2401, 16807, 117649, 823536, 5673234]


def test_every_game_of_tictactoe():
    """255,168 games: 131,184 won by who began, 77,904 by the other, 46,080 drawn."""
    game = games.make("tictactoe")
    *reached, wins, draws = plays(game, 9)
    assert reached[:6] == [1, 9, 72, 504, 3024, 15120]
    assert (wins, draws) == (131184 + 77904, 46080)
    # Who begins wins with an odd ply.
    by_depth = [plays(game, depth)[-2] for depth in range(10)]
    ended_at = np.diff(by_depth)
    assert ended_at[0::2].sum() == 131184 and ended_at[1::2].sum() == 77904


def distinct_positions(game, plies):
    """Distinct positions after each number of plies; games that are over are counted but not played on."""
    frontier, counts = {game.initial().tobytes()}, [1]
    for _ in range(plies):
        found, ongoing = set(), set()
        for state in frontier:
            state_W = np.frombuffer(state, np.uint64).copy()  # a buffer of bytes cannot be written to
            for action in game.legal_actions(state_W):
                next_W = np.zeros(game.words, np.uint64)
                status = game.step(state_W, action, next_W)
                found.add(next_W.tobytes())
                if status == games.ONGOING:
                    ongoing.add(next_W.tobytes())
        counts.append(len(found))
        frontier = ongoing
    return counts


def test_distinct_positions():
    """Connect Four: John Tromp's count (OEIS A212693). Tic-tac-toe: 5,478 in all."""
    assert distinct_positions(games.make("connect4"), 6) == [1, 7, 49, 238, 1120, 4263, 16422]
    assert sum(distinct_positions(games.make("tictactoe"), 9)) == 5478


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("conect4", "unknown game 'conect4' \\(did you mean 'connect4'\\?\\); known games: connect4"),
        ("connect4:hight=5", "has no option 'hight' \\(did you mean 'height'\\?\\)"),
        ("connect4:height=tall", "option 'height' of game 'connect4' is a whole number, not 'tall'"),
        ("connect4:height=8,width=8", "must be at most 64"),
        ("connect4:k=8", "k between 2 and the longer side"),
        ("connect4:k=1", "k between 2 and the longer side"),
        ("connect4:height=0", "cannot have height=0"),
        ("gomoku:size=21", "size is 3 to 20"),
        ("gomoku:size=2", "size is 3 to 20"),
        ("gomoku:size=5,k=6", "k is 2 to size"),
        ("gomoku:k=4,rule=renju", "renju is five in a row: k=4 goes with the other rules"),
        ("gomoku:rule=standart", "unknown rule 'standart' \\(did you mean 'standard'\\?\\)"),
    ],
)
def test_impossible_games(name, message):
    with pytest.raises(ValueError, match=message) as caught:
        games.make(name)
    assert "\n" not in str(caught.value)
