"""What the look ahead at a new leaf finds by the rules alone: threats, their answers, and positions beyond answer."""

import naive_search
import numpy as np
import pytest

import games
from games import MOVER_WON, ONGOING, text
from games.gomoku import position
from games.outcome import PROVEN_LOSS, PROVEN_WIN
from selfplay.config import SearchConfig
from selfplay.search.evaluate import uniform
from selfplay.search.search import Search

BOTH = pytest.mark.parametrize("rule", ["gumbel", "puct"])


def wins_at_once(game, state_W):
    return [action for action in game.legal_actions(state_W) if game.after(state_W, action)[1] == MOVER_WON]


def losing_at_once(game, state_W):
    """Moves after which some reply wins."""
    after = {action: game.after(state_W, action) for action in game.legal_actions(state_W)}
    return {action for action, (next_W, status) in after.items() if status == ONGOING and wins_at_once(game, next_W)}


def struck_out(game, state_W):
    """Legal moves that the root of a search leaves out; None if one wins at once."""
    search = Search(game, SearchConfig(), games=1, simulations=1)
    search.run(state_W[None], uniform(game))
    nodes_N = search.forest.nodes_GN[0][: search.forest.searches_G["size"][0]]
    if nodes_N[0]["proven"] == PROVEN_WIN and nodes_N[0]["plies"] == 1:
        return None
    tried = set(nodes_N["action"][nodes_N["parent"] == 0].tolist())
    untried = set(np.flatnonzero(search.forest.priors_GNA[0, 0] > 0).tolist())
    return set(game.legal_actions(state_W).tolist()) - tried - untried


@pytest.mark.parametrize("name", ["tictactoe", "gomoku:size=5,k=4", "gomoku:size=7,k=4,rule=standard", "connect4"])
def test_moves_that_leave_a_threat_standing_are_struck_out(name):
    """In Gomoku those are all that lose at once; in Connect Four a stone may also make room for a win above it, which
    is not looked for."""
    game = games.make(name)
    threatened = 0
    for state_W in naive_search.random_positions(game, 300, np.random.default_rng(3)):
        losing, struck = losing_at_once(game, state_W), struck_out(game, state_W)
        if struck is None or losing == set(game.legal_actions(state_W)):
            continue
        assert struck <= losing
        assert struck == losing or name == "connect4"
        threatened += len(struck) > 0
    assert threatened > 10


def cells(game, names):
    return [text.parse_action(game, name) for name in names.split()]


@BOTH
def test_an_open_four_is_seen_to_win(rule):
    """An open three, to move: one look at either open four proves it, and the evaluator is asked of the root alone."""
    game = games.make("gomoku9")
    state_W = position(game, cells(game, "d5 e5 f5"), cells(game, "a1 c9 i2"))
    fours = cells(game, "c5 g5")

    def evaluate(planes_BPHW):
        logits_BA, wdl_B3 = uniform(game)(planes_BPHW)
        logits_BA[:, fours] = 5.0
        return logits_BA, wdl_B3

    found = Search(game, SearchConfig(rule=rule), games=1, simulations=16).run(state_W[None], evaluate)
    assert (found.proven_N[0], found.plies_N[0], found.evaluations) == (PROVEN_WIN, 3, 1)
    assert found.action_N[0] in fours


@BOTH
def test_a_four_is_answered_without_asking_the_evaluator(rule):
    """A four with one end closed: of the position after it nobody is asked, but of the one after the only answer."""
    game = games.make("gomoku9")
    mine, theirs = "d5 e5 f5 a9", "c5 c2 i2 i9"
    (four, answer), asked = cells(game, "g5 h5"), []

    def evaluate(planes_BPHW):
        asked.extend(planes_PHW.tobytes() for planes_PHW in planes_BPHW)
        logits_BA, wdl_B3 = naive_search.hash_evaluator(game.actions)(planes_BPHW)
        logits_BA[:, four] = 20.0
        return logits_BA, wdl_B3

    state_W = position(game, cells(game, mine), cells(game, theirs))
    search = Search(game, SearchConfig(rule=rule), games=1, simulations=1)
    found = search.run(state_W[None], evaluate)
    after_four, _ = game.after(state_W, four)
    after_answer, _ = game.after(after_four, answer)
    assert losing_at_once(game, after_four) == set(game.legal_actions(after_four)) - {answer}
    assert asked == [game.planes_of(one_W).tobytes() for one_W in (state_W, after_answer)]
    _, wdl_B3 = naive_search.hash_evaluator(game.actions)(game.planes_of(after_answer)[None])
    assert found.q_NA[0, four] == pytest.approx(wdl_B3[0, 0] - wdl_B3[0, 2], abs=1e-6)  # two plies on: the same mover
    record = search.forest.nodes_GN[0, 1]
    assert record["value"] == pytest.approx(-found.q_NA[0, four], abs=1e-6)


@BOTH
def test_where_nothing_helps_a_move_is_played_nevertheless(rule):
    """Against an open four; all of 75 moves are tried, and all lose in two plies."""
    game = games.make("gomoku9")
    state_W = position(game, cells(game, "a1 c9 i2"), cells(game, "d5 e5 f5 g5"))
    search = Search(game, SearchConfig(rule=rule, max_considered_actions=81), games=1, simulations=200)
    found = search.run(state_W[None], uniform(game))
    assert (found.proven_N[0], found.plies_N[0], found.value_N[0]) == (PROVEN_LOSS, 2, -1.0)
    assert found.action_N[0] in game.legal_actions(state_W)
