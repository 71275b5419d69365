"""Search with proofs and an evaluator that knows nothing, against exhaustive search."""

from functools import cache

import naive_search
import numpy as np
import pytest

import games
from games import DRAW, MOVER_WON, text
from games.gomoku import position
from games.outcome import PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN, UNPROVEN
from selfplay.config import SearchConfig
from selfplay.search.evaluate import uniform
from selfplay.search.search import Search

PROVEN_AS = {1: PROVEN_WIN, 0: PROVEN_DRAW, -1: PROVEN_LOSS}


@cache
def solved(name: str) -> dict[bytes, tuple[int, int]]:
    game, memo = games.make(name), {}
    naive_search.solve(game, game.initial(), memo)
    return memo


@cache
def positions(name: str) -> dict[int, np.ndarray]:
    """Every position that is not over, by ply."""
    by_ply: dict[int, list[np.ndarray]] = {}
    for state_W, ply in naive_search.reachable(games.make(name)):
        by_ply.setdefault(ply, []).append(state_W)
    return {ply: np.stack(states) for ply, states in by_ply.items()}


def outcome_of(game, state_W, action, memo) -> int:
    """Of a move, for the player who makes it, when both then play perfectly."""
    next_W, status = game.after(state_W, int(action))
    if status == MOVER_WON:
        return 1
    return 0 if status == DRAW else -memo[next_W.tobytes()][0]


def assert_sound(name, states_NW, found):
    """What is called proven is true, the root is consistent with it, and a proven move is a right move."""
    game, memo = games.make(name), solved(name)
    for n, state_W in enumerate(states_NW):
        outcome, plies = memo[state_W.tobytes()]
        if found.proven_N[n] == UNPROVEN:
            continue
        assert found.proven_N[n] == PROVEN_AS[outcome]
        assert found.value_N[n] == outcome
        assert found.wdl_N3[n].tolist() == [outcome == 1, outcome == 0, outcome == -1]
        assert found.plies_N[n] >= plies  # the tree may not hold the shortest line
        for action in np.flatnonzero(found.policy_NA[n]):
            assert outcome_of(game, state_W, action, memo) == outcome
        assert found.policy_NA[n, found.action_N[n]] > 0


@pytest.mark.parametrize("lookahead", [True, False])
@pytest.mark.parametrize("rule", ["gumbel", "puct"])
def test_every_position_of_tictactoe(rule, lookahead):
    """All 4520 positions: no false proof, no move that gives away half a point; from ply 5 on all is proven."""
    game, memo = games.make("tictactoe"), solved("tictactoe")
    assert sum(len(states_NW) for states_NW in positions("tictactoe").values()) == 4520
    search = Search(game, SearchConfig(rule=rule, lookahead=lookahead), games=256, simulations=2000)
    for ply, all_NW in positions("tictactoe").items():
        for states_NW in np.array_split(all_NW, -(-len(all_NW) // 256)):
            found = search.run(states_NW, uniform(game))
            assert_sound("tictactoe", states_NW, found)
            for n, state_W in enumerate(states_NW):
                assert outcome_of(game, state_W, found.action_N[n], memo) == memo[state_W.tobytes()][0]
            if ply >= 5:
                assert (found.proven_N != UNPROVEN).all()


@pytest.mark.parametrize(
    ("name", "least_ply", "outcome"),
    [
        ("connect4:height=4,width=4,k=3", 0, 1),
        ("connect4:height=3,width=4,k=3", 0, 1),
        ("connect4:height=4,width=3,k=4", 0, 0),
        ("connect4:height=4,width=4", 9, 0),
    ],
)
@pytest.mark.parametrize("rule", ["gumbel", "puct"])
def test_small_boards(name, least_ply, outcome, rule):
    """True proofs at every ply, complete ones in the endgame, and a won game is proven from its first move."""
    game = games.make(name)
    assert least_ply or solved(name)[game.initial().tobytes()][0] == outcome
    rng = np.random.default_rng(0)
    search = Search(game, SearchConfig(rule=rule), games=128, simulations=5000)
    for ply, all_NW in positions(name).items():
        if ply < least_ply:
            continue
        states_NW = all_NW[rng.permutation(len(all_NW))[:128]]
        found = search.run(states_NW, uniform(game))
        assert_sound(name, states_NW, found)
        if ply >= game.max_plies - 4 or (ply == 0 and outcome == 1):
            assert (found.proven_N != UNPROVEN).all()


def test_every_node_of_a_tree_is_proven_as_exhaustive_search_says():
    game, memo = games.make("connect4:height=4,width=4,k=3"), solved("connect4:height=4,width=4,k=3")
    for rule in ("gumbel", "puct"):
        search = Search(game, SearchConfig(rule=rule), games=1, simulations=3000)
        search.run(game.initial()[None], naive_search.hash_evaluator(game.actions, 5))
        checked = 0
        tree_N = search.forest.nodes_GN[0, : search.forest.searches_G[0]["size"]]
        for node, record in enumerate(tree_N):
            key = search.forest.states_GNW[0, node].tobytes()
            if record["proven"] != UNPROVEN and key in memo:  # finished games are not in the memo
                assert record["proven"] == PROVEN_AS[memo[key][0]]
                checked += 1
        assert checked > 50


@pytest.mark.parametrize("lookahead", [True, False])
def test_a_win_in_one_is_always_played(lookahead):
    """Without looking ahead, too: every legal move is tried once before a deeper win can be proven."""
    game, memo = games.make("connect4:height=4,width=4,k=3"), solved("connect4:height=4,width=4,k=3")
    states_NW = np.stack([s for all_NW in positions(game.name).values() for s in all_NW if memo[s.tobytes()] == (1, 1)])
    states_NW = states_NW[np.random.default_rng(0).permutation(len(states_NW))[:512]]
    search = Search(game, SearchConfig(rule="gumbel", lookahead=lookahead), games=512, simulations=16)
    found = search.run(states_NW, naive_search.hash_evaluator(game.actions), noise=np.random.default_rng(0))
    for n, state_W in enumerate(states_NW):
        assert game.after(state_W, int(found.action_N[n]))[1] == MOVER_WON
    assert (found.plies_N == 1).all()
    assert (found.proven_N == PROVEN_WIN).all()


def test_a_lost_position_is_defended_for_as_long_as_possible():
    """Of proven losses the longest is chosen; on these boards the tree's distances are nearly always exact."""
    name = "connect4:height=4,width=4,k=3"
    game, memo = games.make(name), solved(name)
    choices = [
        state_W
        for all_NW in positions(name).values()
        for state_W in all_NW
        if memo[state_W.tobytes()][0] == -1 and len(distances(game, state_W, memo)) > 1
    ]
    states_NW = np.stack(choices)[np.random.default_rng(0).permutation(len(choices))[:256]]
    found = Search(game, SearchConfig(rule="puct"), games=256, simulations=2000).run(states_NW, uniform(game))
    proven = np.flatnonzero(found.proven_N == PROVEN_LOSS)
    assert len(proven) > 200
    longest = [n for n in proven if found.action_N[n] in longest_moves(game, states_NW[n], memo)]
    assert len(longest) >= 0.97 * len(proven)


def after_each(game, state_W, memo) -> dict[int, int]:
    """Plies to the end after each legal move of a position that is not won at once."""
    return {int(a): memo[game.after(state_W, int(a))[0].tobytes()][1] for a in game.legal_actions(state_W)}


def distances(game, state_W, memo) -> set[int]:
    return set(after_each(game, state_W, memo).values())


def longest_moves(game, state_W, memo) -> list[int]:
    plies = after_each(game, state_W, memo)
    return [a for a in plies if plies[a] == max(plies.values())]


@pytest.mark.parametrize("rule", ["gumbel", "puct"])
def test_a_proven_win_is_won(rule):
    """Against random replies, each found from the position alone: no shuffling between wins that never come."""
    game = games.make("connect4:height=4,width=4,k=3")
    search = Search(game, SearchConfig(rule=rule), games=1, simulations=6000)
    rng = np.random.default_rng(0)
    for _ in range(5):
        state_W, status, mover_began = game.initial(), games.ONGOING, True
        while status == games.ONGOING:
            if mover_began:
                found = search.run(state_W[None], uniform(game))
                assert found.proven_N[0] == PROVEN_WIN
                action = int(found.action_N[0])
            else:
                action = int(rng.choice(game.legal_actions(state_W)))
            state_W, status = game.after(state_W, action)
            mover_began = not mover_began
        assert status == MOVER_WON
        assert not mover_began  # the first player made the last move


def test_proofs_can_be_turned_off():
    game = games.make("tictactoe")
    states_NW = positions("tictactoe")[6][:64]
    search = Search(game, SearchConfig(prove=False), games=64, simulations=200)
    found = search.run(states_NW, uniform(game))
    assert (found.proven_N == UNPROVEN).all()
    assert found.simulations == 64 * 200


@pytest.mark.parametrize("rule", ["gumbel", "puct"])
def test_looking_ahead_spares_the_evaluator_every_position_won_at_once(rule):
    name = "connect4:height=4,width=4,k=3"
    game, memo = games.make(name), solved(name)
    won = {game.planes_of(np.frombuffer(key, np.uint64).copy()).tobytes() for key in memo if memo[key] == (1, 1)}
    states_NW = np.concatenate([positions(name)[ply][:40] for ply in (0, 3, 6)])

    def asked_of_the_evaluator(lookahead):
        asked = []

        def evaluate(planes_BPHW):
            asked.extend(planes_PHW.tobytes() for planes_PHW in planes_BPHW)
            return naive_search.hash_evaluator(game.actions)(planes_BPHW)

        config = SearchConfig(rule=rule, lookahead=lookahead)
        found = Search(game, config, games=len(states_NW), simulations=100).run(states_NW, evaluate)
        assert_sound(name, states_NW, found)
        return set(asked)

    assert won & asked_of_the_evaluator(False)
    assert not won & asked_of_the_evaluator(True)


def cells(game, *names):
    """Cells of a Gomoku board by name, as in `e5`."""
    return [text.parse_action(game, name) for name in names]


@pytest.mark.parametrize("rule", ["gumbel", "puct"])
def test_gomoku_a_five_is_played_whatever_the_network_thinks_of_it(rule):
    """In the corner of the board, a five beside an open three of ours and one of theirs: 16 simulations for 225
    moves, and the network would never look there. The game is over at once, and all of the target says so."""
    game = games.make("gomoku15")
    mine, theirs = (
        cells(game, "a1", "a2", "a3", "a4", "g8", "h8", "i8"),
        cells(game, "k3", "l3", "m3", "o15", "o1", "c12"),
    )
    (five,) = cells(game, "a5")

    def evaluate(planes_BPHW):
        logits_BA = np.zeros((len(planes_BPHW), game.actions), np.float32)
        logits_BA[:, five] = -20.0
        return logits_BA, np.tile(np.array([0, 0, 1], np.float32), (len(planes_BPHW), 1))

    search = Search(game, SearchConfig(rule=rule), games=1, simulations=16)
    found = search.run(position(game, mine, theirs)[None], evaluate, noise=np.random.default_rng(0))
    assert (found.action_N[0], found.plies_N[0], found.value_N[0]) == (five, 1, 1.0)
    assert found.policy_NA[0, five] == 1.0


def test_gomoku_a_proven_win_takes_no_detours():
    """An open three is won by the third ply, and after every reply to the open four by the next one."""
    game = games.make("gomoku:size=7")
    state_W = position(game, cells(game, "c4", "d4", "e4"), cells(game, "a1", "g7", "a7"))
    search = Search(game, SearchConfig(max_considered_actions=49), games=48, simulations=6000)
    found = search.run(state_W[None], uniform(game))
    assert (found.proven_N[0], found.plies_N[0]) == (PROVEN_WIN, 3)
    assert int(found.action_N[0]) in cells(game, "b4", "f4")
    four_W, _ = game.after(state_W, int(found.action_N[0]))
    replies_NW = np.stack([game.after(four_W, int(reply))[0] for reply in game.legal_actions(four_W)])
    found = search.run(replies_NW, uniform(game), simulations=1)
    assert (found.plies_N == 1).all()
    for reply_W, action in zip(replies_NW, found.action_N, strict=True):
        assert game.after(reply_W, int(action))[1] == MOVER_WON
