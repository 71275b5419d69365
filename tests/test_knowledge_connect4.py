"""Human knowledge of Connect Four: the search against plain minimax, against perfect play, and by hand."""

import time

import naive_knowledge as naive
import numpy as np
import pytest

import games
from games import text
from selfplay.knowledge import oracle
from selfplay.knowledge.alphabeta import AlphaBeta
from selfplay.knowledge.budget import DECIDED, WIN, Budget
from selfplay.knowledge.connect4 import evaluation as connect4_evaluation
from selfplay.knowledge.connect4 import lines, zugzwang
from selfplay.knowledge.connect4 import search as connect4_alphabeta
from selfplay.knowledge.rules import Rules
from selfplay.knowledge.transposition import TranspositionTable

BOARDS = ["connect4", "connect4:height=4,width=5,k=3", "connect4:height=7,width=8", "connect4:height=6,width=5,k=5"]


def search(game, states_NW, without=frozenset(), **budget):
    return AlphaBeta(game, Budget(**budget), without).search(states_NW)


def position(line, name="connect4"):
    game = games.make(name)
    return game, text.replay(game, text.parse_moves(game, line))[0]


def bits(game, cells):
    """Cells (row from the top, column) as the bitboard of games.connect4."""
    return np.uint64(sum(1 << (column * (game.height + 1) + game.height - 1 - row) for row, column in cells))


@pytest.mark.parametrize("name", [*BOARDS, "connect4:height=31,width=2", "connect4:height=1,width=32"])
def test_winning_bits_are_the_cells_that_complete_a_line(name):
    game = games.make(name)
    board = lines.board_bits(game.height, game.width)
    rng = np.random.default_rng(1)
    every = [(row, column) for row in range(game.height) for column in range(game.width)]
    assert board == bits(game, every)
    for _ in range(60):
        own = {cell for cell in every if rng.random() < 0.45}
        found = lines.winning_bits(bits(game, own), game.height, game.in_a_row)
        assert found & board & ~bits(game, own) == bits(game, naive.completing(game, own))


WEIGHTS = ("few", "soon", "near", "centre", "rows", "zugzwang", "tempo")  # in the order in which the kernel takes them
SWITCHES = ("wins", "handover", "doubles")


def weights(game, without=frozenset()):
    return dict(zip(WEIGHTS, (int(worth) for worth in connect4_evaluation.worths(game, without)), strict=False))


def evaluation(game, state_W, worth):
    height, width, k = game.height, game.width, game.in_a_row
    own, mask = state_W[0], state_W[1]
    board = lines.board_bits(height, width)
    empty = board & ~mask
    return connect4_evaluation.evaluate(
        own,
        mask,
        lines.winning_bits(own, height, k) & empty,
        lines.winning_bits(mask ^ own, height, k) & empty,
        (mask + lines.floor_bits(height, width)) & board,
        height,
        width,
        k,
        board,
        connect4_evaluation.odd_bits(height, width),
        connect4_evaluation.middle_bits(height, width),
        worth,
    )


@pytest.mark.parametrize("name", BOARDS)
@pytest.mark.parametrize("without", [(), ("lines",), ("centre",), ("zugzwang",), ("tempo",), ("lines", "tempo")])
def test_evaluation_equals_its_twin(name, without):
    game = games.make(name)
    worth = connect4_evaluation.worths(game, frozenset(without))
    values = []
    for plies in (game.max_plies // 4, game.max_plies // 2):
        for state_W in naive.random_states(game, 25, plies, seed=2):
            found = evaluation(game, state_W, worth)
            assert found == naive.connect4_evaluation(game, state_W, weights(game, frozenset(without)))
            values.append(found)
    assert len(set(values)) > 2


def test_filling_the_board_equals_its_twin():
    outcomes = []
    for name in BOARDS:
        game = games.make(name)
        height, width, k = game.height, game.width, game.in_a_row
        board = lines.board_bits(height, width)
        for plies in (game.max_plies // 3, game.max_plies // 2, 2 * game.max_plies // 3):
            for own, mask, _ in naive.random_states(game, 40, plies, seed=plies):
                mine = lines.winning_bits(own, height, k) & board & ~mask
                theirs = lines.winning_bits(mask ^ own, height, k) & board & ~mask
                found = zugzwang.fill_out(board & ~mask, mine, theirs, board, height)
                assert found == naive.connect4_fill_out(game, np.array([own, mask, plies], np.uint64))
                outcomes.append(found)
    assert {outcome: outcomes.count(outcome) > 20 for outcome in (-1, 0, 1)} == {-1: True, 0: True, 1: True}


@pytest.mark.parametrize(
    ("white", "black", "outcome"),
    [
        # Columns a to g, rows from the bottom. After Allis 1988, "A knowledge-based approach of Connect-Four", on
        # zugzwang: White, who begins, controls odd threats, Black even ones.
        ("", "", 0),
        ("a3", "", 1),
        ("a4", "", 0),
        ("", "a3", 0),
        ("", "a4", -1),
        ("a3", "b4", 1),  # White's odd threat comes first
        ("a3", "b3", 0),  # both odd: each has to give up its own
        ("a3 b3", "c3", 1),  # one more odd threat than Black
        ("a3 a4", "", 1),
        ("a3", "a2", -1),  # in one column the lower threat decides: Black's even one ...
        ("a3", "a4", 1),  # ... or White's odd one below it
        ("a5", "a4", -1),
        ("a5", "a3", 1),  # Black's odd threat is of no use: Black has to fill it, and then to play below White's
        ("a3 b5", "b3", 1),  # White gives up a3, whose column then leaves Black to move
    ],
)
def test_odd_and_even_threats_decide_as_allis_says(white, black, outcome):
    board = lines.board_bits(6, 7)

    def cells(names):
        return np.uint64(sum(1 << ("abcdefg".index(name[0]) * 7 + int(name[1]) - 1) for name in names.split()))

    assert zugzwang.fill_out(board, cells(white), cells(black), board, 6) == outcome
    # The same with Black to move: White's first stone already stands in the corner of a column without threats.
    moved = board & ~(np.uint64(1) << np.uint64(6 * 7))
    assert zugzwang.fill_out(moved, cells(black), cells(white), board, 6) == -outcome


@pytest.mark.parametrize("name", BOARDS)
@pytest.mark.parametrize("without", [(), ("wins",), ("handover",), ("doubles",), ("wins", "handover", "doubles")])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_search_equals_minimax(name, depth, without):
    game = games.make(name)
    worth = weights(game)
    pieces = set(SWITCHES) - set(without)
    for plies, count in ((game.max_plies // 6, 2), (game.max_plies // 3, 2), (game.max_plies // 2, 2), (-7, 8)):
        states_NW = naive.random_states(game, count, plies % game.max_plies, seed=plies % 100)
        found = search(game, states_NW, frozenset(without), depth=depth)
        for n, state_W in enumerate(states_NW):
            reached = int(found.depths_N[n])  # a decided game needs no more depth
            assert reached == depth or found.proven_N[n]
            value, best = naive.connect4_minimax(
                game, state_W, reached, lambda s: naive.connect4_evaluation(game, s, worth), pieces
            )
            assert found.scores_N[n] == value
            assert found.actions_N[n] in best


def test_each_piece_of_knowledge_changes_what_is_found():
    game = games.make("connect4")
    states_NW = np.concatenate([naive.random_states(game, 40, plies, seed=4) for plies in (14, 20)])
    whole = search(game, states_NW, depth=2)
    for piece in connect4_alphabeta.PIECES:
        found = search(game, states_NW, frozenset({piece}), depth=2)
        assert (found.scores_N != whole.scores_N).any() or (found.nodes_N != whole.nodes_N).any(), piece


def test_small_boards_are_solved_to_the_end():
    """Values of the empty board after John Tromp's table for four in a row: 4 x 4, 4 x 5 and 5 x 4 are draws."""
    for name in ("connect4:height=4,width=4", "connect4:height=4,width=5", "connect4:height=5,width=4"):
        game = games.make(name)
        found = search(game, game.initial()[None], depth=game.max_plies)
        assert found.proven_N[0] == 2, name


def test_wins_and_losses_are_as_far_off_as_perfect_play_says():
    game = games.make("connect4")
    states_NW = np.concatenate([naive.random_states(game, 30, plies, seed=plies) for plies in (17, 21, 26)])
    exact_N = oracle.scores(states_NW).max(axis=1)
    found = search(game, states_NW, depth=9)
    plies_N = states_NW[:, 2].astype(int)
    # A score s is a win by a stone after which 42 - n cells are free: s = (42 - n) // 2 + 1.
    early = [game.max_plies - 2 * (abs(int(s)) - 1) for s in exact_N]
    decided = 0
    for n, value in enumerate(found.scores_N):
        if abs(value) >= DECIDED:
            decided += 1
            stone = WIN - abs(int(value))
            assert np.sign(value) * ((game.max_plies - stone) // 2 + 1) == exact_N[n]
        elif found.proven_N[n] == 2:
            assert exact_N[n] == 0
        else:
            assert exact_N[n] == 0 or early[n] - plies_N[n] > 8, "a win inside the horizon was missed"
    assert 30 < decided < len(states_NW)
    scores_NA = oracle.scores(states_NW)
    proven_N = found.proven_N > 0
    chosen_N = scores_NA[np.arange(len(states_NW)), found.actions_N]
    assert (chosen_N[proven_N] == exact_N[proven_N]).all(), "the fastest win, the longest defence"


def test_answers_do_not_depend_on_what_stands_beside_or_before():
    game = games.make("connect4")
    states_NW = naive.random_states(game, 21, 8, seed=3)
    player = AlphaBeta(game, Budget(depth=6))
    together = player.search(states_NW)
    again = player.search(states_NW)
    alone = [AlphaBeta(game, Budget(depth=6)).search(state_W[None]) for state_W in states_NW]
    for field in ("actions_N", "scores_N", "nodes_N", "depths_N"):
        assert (getattr(together, field) == getattr(again, field)).all()
        assert (getattr(together, field) == np.concatenate([getattr(one, field) for one in alone])).all()


def test_a_budget_of_nodes_is_kept_and_more_of_it_sees_deeper():
    game = games.make("connect4")
    states_NW = naive.random_states(game, 8, 6, seed=5)
    few, many = search(game, states_NW, nodes=500), search(game, states_NW, nodes=20_000)
    assert (few.nodes_N <= 501).all() and (many.nodes_N <= 20_001).all()
    assert (many.depths_N >= few.depths_N).all() and many.depths_N.sum() > few.depths_N.sum()
    least = search(game, states_NW, nodes=1)
    assert all(action in game.legal_actions(s) for action, s in zip(least.actions_N, states_NW, strict=True))


def test_a_budget_of_time_ends_the_search():
    game = games.make("connect4")
    started = time.perf_counter()
    found = search(game, game.initial()[None], ms=50.0)
    assert time.perf_counter() - started < 5  # far below what 42 plies take, far above 50 ms on a busy machine
    assert found.depths_N[0] >= 4
    assert found.actions_N[0] in range(7)


def test_a_proven_result_ends_the_search_before_its_time():
    game = games.make("connect4")
    states_NW = naive.random_states(game, 6, 32, seed=1)
    started = time.perf_counter()
    found = search(game, states_NW, ms=60_000.0)
    assert time.perf_counter() - started < 60
    assert (found.proven_N > 0).all()
    assert (np.sign(oracle.scores(states_NW).max(axis=1)) == np.sign(found.scores_N)).all()


def test_a_table_never_gives_two_searches_the_same_age():
    table = TranspositionTable(7)
    first = table.ages(5)
    assert table.ages(1) == first + 5
    table.entries_T[:] = -1
    table._age = (1 << 22) - 3
    assert table.ages(10) == 1
    assert (table.entries_T == 0).all()


def test_what_it_cannot_play_is_named():
    with pytest.raises(ValueError, match="k up to 8"):
        AlphaBeta(games.make("connect4:height=12,width=4,k=9"), Budget(depth=2))
    with pytest.raises(ValueError, match="did you mean 'lines'"):
        AlphaBeta(games.make("connect4"), Budget(depth=2), frozenset({"line"}))


def choices(line, name="connect4"):
    """Columns (1-7) that the rules choose over many seeds."""
    game, state_W = position(line, name)
    seeds_N = np.arange(400, dtype=np.uint64)
    actions_N = Rules(game).choose(np.repeat(state_W[None], 400, axis=0), seeds_N)
    return {text.format_action(game, int(action)) for action in actions_N}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", {"4"}),  # the middle
        ("121212", {"1"}),  # win upwards
        ("12121", {"1"}),  # block upwards
        ("112233", {"4"}),  # win sideways
        ("11223", {"4"}),  # block sideways
        ("6172635", {"4"}),  # win rather than block
        ("444444", {"3", "5"}),  # the middle is full: either neighbour
    ],
)
def test_rules_win_block_and_prefer_the_middle(line, expected):
    assert choices(line) == expected


def test_rules_do_not_hand_over_a_win():
    game = games.make("connect4")
    states_NW = np.concatenate([naive.random_states(game, 200, plies, seed=plies) for plies in (10, 16, 22)])
    checked = 0
    for state_W, action in zip(states_NW, Rules(game).choose(states_NW, np.arange(600, dtype=np.uint64)), strict=True):
        if naive.winning_actions(game, state_W):
            assert action in naive.winning_actions(game, state_W)
            continue
        harmless = []
        for move in game.legal_actions(state_W):
            next_W, status = game.after(state_W, int(move))
            if status != 0 or not naive.winning_actions(game, next_W):
                harmless.append(int(move))
        if harmless and len(harmless) < len(game.legal_actions(state_W)):
            checked += 1
            assert action in harmless
    assert checked > 100


def test_ties_of_the_rules_are_broken_evenly_by_seed():
    game, state_W = position("444444")
    seeds_N = np.random.default_rng(0).integers(0, 1 << 63, 4000).astype(np.uint64)
    states_NW = np.repeat(state_W[None], 4000, axis=0)
    left = (Rules(game).choose(states_NW, seeds_N) == 2).mean()
    assert 0.45 < left < 0.55  # 6 standard deviations
    assert (Rules(game).choose(states_NW, seeds_N) == Rules(game).choose(states_NW, seeds_N)).all()
