"""One test for each mistake that cost other projects weeks. Expected numbers are worked by hand from the papers."""

import math

import naive_search
import numpy as np
import pytest
from numpy.random import default_rng

import games
from games.outcome import PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN, UNPROVEN
from selfplay.config import SearchConfig
from selfplay.search import gumbel, puct
from selfplay.search.backup import backup, draw_of, q_of
from selfplay.search.evaluate import uniform
from selfplay.search.search import Search, rules_of
from selfplay.search.tree import NO_NOISE, NODE, NONE, OWN_NOISE

BOTH = pytest.mark.parametrize("rule", ["gumbel", "puct"])


def constant(game, wdl):
    """The same flat policy and the same result for everyone to move, everywhere."""

    def evaluate(planes_BPHW):
        count = len(planes_BPHW)
        return np.zeros((count, game.actions), np.float32), np.tile(np.array(wdl, np.float32), (count, 1))

    return evaluate


def played(game, actions):
    state_W, status = game.initial(), games.ONGOING
    for action in actions:
        state_W, status = game.after(state_W, action)
    assert status == games.ONGOING
    return state_W


def tree_of(children, *, untried=None, value=0.0):
    """A root with children (prior, visits, q), actions 0, 1, ...; q as the root's mover sees it."""
    tree_N = np.zeros(1 + len(children), NODE)
    tree_N["first_child"] = tree_N["next_sibling"] = tree_N["best_untried"] = tree_N["parent"] = NONE
    for a, (prior, visits, q) in enumerate(children):
        tree_N[1 + a]["parent"] = 0
        tree_N[1 + a]["action"] = a
        tree_N[1 + a]["prior"] = prior
        tree_N[1 + a]["visits"] = visits
        tree_N[1 + a]["value_sum"] = -q * visits
        tree_N[1 + a]["next_sibling"] = tree_N[0]["first_child"]
        tree_N[0]["first_child"] = 1 + a
    if untried:
        tree_N[0]["best_untried"], tree_N[0]["untried_prior"] = untried
    visits = sum(child[1] for child in children)
    tree_N[0]["visits"] = 1 + visits
    tree_N[0]["value_sum"] = value + sum(n * q for _, n, q in children)
    return tree_N


def test_a_proof_is_backed_up_in_place_of_the_leafs_value():
    """Root -> X -> (a proven draw, and a new leaf that X's mover loses by). X is thereby a proven draw: X and the
    root see 0 and a sure draw, not the leaf's win. Without proofs they see the leaf: -1 for X, +1 for the root."""
    for prove, expected in ((1, [0.0, 0.0, 1.0]), (0, [1.0, -1.0, 1.0])):
        tree_N = np.zeros(4, NODE)
        tree_N["parent"], tree_N["first_child"], tree_N["next_sibling"] = [NONE, 0, 1, 1], NONE, NONE
        tree_N[0]["first_child"], tree_N[1]["first_child"], tree_N[3]["next_sibling"] = 1, 3, 2
        tree_N[0]["open"], tree_N[1]["open"] = 5, 1
        tree_N[2]["proven"], tree_N[2]["plies"] = PROVEN_DRAW, 2
        tree_N[3]["proven"], tree_N[3]["plies"] = PROVEN_WIN, 7
        backup(tree_N, 3, 1.0, 0.0, 1, prove)
        assert tree_N["value_sum"][[0, 1, 3]].tolist() == expected
        assert tree_N["draw_sum"][[0, 1, 3]].tolist() == [prove, prove, 0.0]
        assert tree_N["visits"].tolist() == [1, 1, 0, 1]
        assert tree_N["proven"].tolist() == [UNPROVEN, PROVEN_DRAW if prove else UNPROVEN, PROVEN_DRAW, PROVEN_WIN]
        assert tree_N[0]["open"] == 5 - prove


def test_above_a_proven_draw_nothing_is_worth_less():
    """Root -> X -> (a proven draw, and a leaf that is good for its mover, so bad for X). X can take the draw."""
    tree_N = np.zeros(4, NODE)
    tree_N["parent"], tree_N["first_child"], tree_N["next_sibling"] = [NONE, 0, 1, 1], NONE, NONE
    tree_N[0]["first_child"], tree_N[1]["first_child"], tree_N[3]["next_sibling"] = 1, 3, 2
    tree_N[1]["can_draw"], tree_N[1]["open"], tree_N[2]["proven"] = 1, 3, PROVEN_DRAW
    backup(tree_N, 3, 0.5, 0.125, 0, 1)
    assert tree_N["value_sum"][[0, 1, 3]].tolist() == [0.0, 0.0, 0.5]
    assert tree_N["draw_sum"][[0, 1, 3]].tolist() == [1.0, 1.0, 0.125]
    backup(tree_N, 3, -0.5, 0.125, 0, 1)  # what is better than a draw for X counts as it is
    assert tree_N["value_sum"][[0, 1, 3]].tolist() == [-0.5, 0.5, 0.0]
    assert tree_N["draw_sum"][[0, 1, 3]].tolist() == [1.125, 1.125, 0.25]


@pytest.mark.parametrize(
    ("proven", "value", "draw"),
    [(PROVEN_WIN, -1.0, 0.0), (PROVEN_DRAW, 0.0, 1.0), (PROVEN_LOSS, 1.0, 0.0), (UNPROVEN, -0.25, 0.125)],
)
def test_what_was_thought_of_a_move_before_its_proof_does_not_stay(proven, value, draw):
    """Eight visits that saw 0.25 for the opponent and a draw once in eight."""
    tree_N = tree_of([(0.5, 8, -0.25)])
    tree_N[1]["draw_sum"], tree_N[1]["proven"] = 1.0, proven
    assert (q_of(tree_N, 1, 1), draw_of(tree_N, 1, 1)) == (value, draw)
    assert (q_of(tree_N, 1, 0), draw_of(tree_N, 1, 0)) == (-0.25, 0.125)


@pytest.mark.parametrize(
    ("children", "outcome", "plies"),
    [
        ([(PROVEN_WIN, 2), (PROVEN_WIN, 6), (PROVEN_WIN, 4)], PROVEN_LOSS, 7),  # the longest loss
        ([(PROVEN_WIN, 8), (PROVEN_DRAW, 3), (PROVEN_WIN, 2)], PROVEN_DRAW, 4),  # a draw rather than any loss
        ([(PROVEN_WIN, 8), (PROVEN_DRAW, 3), (PROVEN_LOSS, 2)], PROVEN_WIN, 3),  # one winning move is enough
    ],
)
def test_a_node_is_proven_by_its_children(children, outcome, plies):
    """(proven for the opponent, plies to the end) of each child; the last one is news."""
    tree_N = tree_of([(0.3, 1, 0.0)] * len(children))
    tree_N[0]["open"] = 1
    tree_N["proven"][1:], tree_N["plies"][1:] = zip(*children, strict=True)
    backup(tree_N, len(children), 0.0, 0.0, 1, 1)
    assert (tree_N[0]["proven"], tree_N[0]["plies"]) == (outcome, plies)


def choice(tree_N, *, forced=0, **settings):
    """The action that PUCT selects at the root."""
    picked = puct.select(tree_N, 0, rules_of(SearchConfig(rule="puct", **settings)), forced)
    return -2 - picked if picked < NONE else int(tree_N[picked]["action"])


def test_puct_takes_the_square_root_of_the_visits():
    """9 + 15 + 1 = 25 visits, c = 1. Exploration 0.2 * 5 / 10 = 0.1 against 0.75 * 5 / 16 = 0.234375: the first
    move is chosen exactly if its Q leads by more than 0.134375. (With N: 0.67; with sqrt(N + 1): 0.1370.)"""
    for lead, expected in ((0.1340, 1), (0.1347, 0)):
        tree_N = tree_of([(0.2, 9, 0.3 + lead), (0.75, 15, 0.3), (0.05, 1, -1.0)])
        assert choice(tree_N, c_puct=1.0) == expected


@pytest.mark.parametrize(("tried", "untried"), [(0, 1), (1, 0)])
def test_a_tie_of_a_tried_with_an_untried_move_goes_to_the_lower_action(tried, untried):
    """One visit, all values 0. PUCT with c = 1: 1/2 * 1 / 2 = 1/4 * 1. Gumbel: 3/4 - 1 / (1 + 1) = 1/4."""
    for rule in ("puct", "gumbel"):
        prior = 0.5 if rule == "puct" else 0.75
        tree_N = tree_of([(prior, 1, 0.0)], untried=(untried, 0.25))
        tree_N[1]["action"] = tried
        rules = rules_of(SearchConfig(rule=rule, c_puct=1.0, fpu_reduction=0.0))
        picked = puct.select(tree_N, 0, rules, 0) if rule == "puct" else gumbel.select(tree_N, 0, rules, np.zeros(3))
        assert picked == (1 if tried == 0 else -2 - untried)


@pytest.mark.parametrize(("value", "expected"), [(0.6, -2 - 1), (-0.6, 1)])
def test_gumbel_completes_untried_moves_at_a_root_that_is_gone_on_from(value, expected):
    """A child known from an earlier search, Q 0.1, against an untried move worth v_mix = (+-0.6 + 0.1) / 2."""
    tree_N = tree_of([(0.5, 1, 0.1)], untried=(1, 0.5))
    tree_N[0]["value"] = value
    prior_A, root_visits_A = np.array([-1.0, 0.5], np.float32), np.zeros(2, np.int32)
    rules = rules_of(SearchConfig(rule="gumbel"))
    assert gumbel.select_root(tree_N, prior_A, np.log([0.5, 0.5]), root_visits_A, 0, rules) == expected


def test_first_play_urgency():
    """Visited: priors 0.16 and 0.09, so sqrt of the visited mass is 0.5; 3 visits with Q 0.4 and 1 with Q 0, root's
    own value 0.3: mean 1.5 / 5 = 0.3. Untried: 0.3 - 0.4 * 0.5 = 0.1, and 1 * 0.75 * sqrt(4) = 1.5 on top: 1.6.
    The first move: Q + 0.16 * 2 / 4 = 0.4 + 0.08. With c = 0.2 it is 0.1 + 0.3 = 0.4 against 0.416."""
    tree_N = tree_of([(0.16, 3, 0.4), (0.09, 1, 0.0)], untried=(2, 0.75), value=0.3)
    assert choice(tree_N, c_puct=1.0, fpu_reduction=0.4) == 2
    assert choice(tree_N, c_puct=0.2, fpu_reduction=0.4) == 0
    assert choice(tree_N, c_puct=0.2, fpu_reduction=0.36) == 2  # 0.12 + 0.3 = 0.42


def test_forced_playouts():
    """k = 2, prior 1/8, 36 visits: sqrt(2 * 36 / 8) = 3 visits are forced, and not one more."""
    for visits, expected in ((2, 1), (3, 0)):
        tree_N = tree_of([(0.875, 36 - visits, 0.9), (0.125, visits, -0.9)])
        assert choice(tree_N, forced=1, forced_playouts=2.0, c_puct=0.5) == expected
        assert choice(tree_N, forced=0, forced_playouts=2.0, c_puct=0.5) == 0


def test_target_pruning():
    """100 visits, c = 1, k = 2. The leader scores 0.5 + 10 * 0.5 / 73 = 0.5685. The second move gives back all of its
    sqrt(2 * 100 / 8) = 5 forced visits; the third 2 of 3, and a lone visit goes too; the fourth, of Q 0.44, none:
    with 8 visits left it would score 0.44 + 1.25 / 9 = 0.579, more than the leader."""
    game = games.make("connect4")
    search = Search(game, SearchConfig(rule="puct", c_puct=1.0, forced_playouts=2.0), games=1, simulations=8)
    children = [(0.5, 72, 0.5), (0.125, 16, -0.5), (3 / 128, 3, -0.9), (0.125, 9, 0.44)]
    search.forest.nodes_GN[0, : len(children) + 1] = tree_of(children)
    allowed_A = np.array([1, 1, 1, 1, 0, 0, 0], np.uint8)
    for noise, expected in ((OWN_NOISE, [72, 11, 0, 9]), (NO_NOISE, [72, 16, 3, 9])):
        search.forest.searches_G[0]["noise"] = noise
        policy_A = np.zeros(7, np.float32)
        puct.fill_policy(search.forest.nodes_GN[0], noise, search.rules, allowed_A, policy_A)
        assert policy_A.tolist() == [*expected, 0, 0, 0]


@BOTH
def test_a_move_that_is_proven_lost_leaves_the_target(rule):
    """The first player threatens four in column 0. Only the block is not lost, and no proof says more than that."""
    game = games.make("connect4")
    state_W = played(game, (0, 1, 0, 3, 0))
    search = Search(game, SearchConfig(rule=rule, lookahead=False), games=1, simulations=200)
    found = search.run(state_W[None], constant(game, (0, 1, 0)))
    assert found.proven_N[0] == UNPROVEN
    assert (found.visits_NA[0] > 0).all()
    assert found.action_N[0] == 0
    np.testing.assert_allclose(found.policy_NA[0], [1, 0, 0, 0, 0, 0, 0], atol=1e-6)


@BOTH
def test_a_childs_value_is_seen_by_the_childs_mover(rule):
    """If whoever is to move wins, then every move looks lost to the player who makes it."""
    game = games.make("connect4")
    found = Search(game, SearchConfig(rule=rule), games=1, simulations=7).run(
        game.initial()[None], constant(game, (1, 0, 0))
    )
    assert found.visits_NA.tolist() == [[1] * 7]
    np.testing.assert_array_equal(found.q_NA, [[-1.0] * 7])
    np.testing.assert_allclose(found.value_N, [(1 - 7) / 8], atol=1e-6)


@BOTH
def test_win_draw_and_loss_of_the_root(rule):
    """0.3, 0.5, 0.2 for whoever is to move, the root and its 7 children seen once each: draws stay 0.5, the value is
    (0.1 - 7 * 0.1) / 8 = -0.075, so wins are (1 - 0.5 - 0.075) / 2."""
    game = games.make("connect4")
    search = Search(game, SearchConfig(rule=rule), games=1, simulations=7)
    found = search.run(game.initial()[None], constant(game, (0.3, 0.5, 0.2)))
    np.testing.assert_allclose(found.wdl_N3, [[0.2125, 0.5, 0.2875]], atol=1e-6)


def test_the_root_takes_each_childs_draws_by_the_improved_policy():
    """The root and its 7 children seen once each, all with chances of their own; the root's own count as one visit."""
    game = games.make("connect4")
    evaluate = naive_search.hash_evaluator(game.actions)
    found = Search(game, SearchConfig(c_scale=0.5), games=1, simulations=7).run(game.initial()[None], evaluate)
    assert found.visits_NA.tolist() == [[1] * 7]
    children = [game.after(game.initial(), action)[0] for action in range(7)]
    _, wdl_83 = evaluate(np.array([game.planes_of(state_W) for state_W in [game.initial(), *children]]))
    wanted_3 = (wdl_83[0] + 7 * found.policy_NA[0] @ wdl_83[1:, ::-1]) / 8
    np.testing.assert_allclose(found.wdl_N3[0], wanted_3, atol=1e-5)
    plain_3 = (wdl_83[0] + wdl_83[1:, ::-1].sum(axis=0)) / 8
    assert np.abs(wanted_3 - plain_3).min() > 1e-3  # by visits alone it would be another


@BOTH
@pytest.mark.parametrize("prove", [True, False])
def test_a_draw_is_not_a_win(rule, prove):
    """X O X / X O O / O X . with X to move: the last stone draws, whatever the evaluator believes."""
    game = games.make("tictactoe")
    state_W = played(game, (0, 1, 2, 4, 3, 5, 7, 6))
    for wdl in ((1, 0, 0), (0, 0, 1)):
        search = Search(game, SearchConfig(rule=rule, prove=prove), games=1, simulations=999)
        found = search.run(state_W[None], constant(game, wdl))
        assert found.q_NA[0, 8] == 0.0
        assert found.action_N[0] == 8
        if prove:
            assert found.proven_N[0] == PROVEN_DRAW
            assert found.wdl_N3.tolist() == [[0, 1, 0]]
        else:
            np.testing.assert_allclose(found.wdl_N3[0], [wdl[0] / 1000, 0.999, wdl[2] / 1000], atol=1e-6)


@BOTH
@pytest.mark.parametrize("prove", [True, False])
@pytest.mark.parametrize(
    ("actions", "winning"),
    [
        ((0, 3, 0, 3, 0, 3), 0),  # even ply: the first player completes column 0
        ((6, 3, 5, 3, 6, 3, 5), 3),  # odd ply: the second player completes column 3
        ((0, 3, 0, 3, 0, 3, 6), 3),  # odd ply: the second player has to take the win, not block
    ],
)
def test_the_root_player_of_any_ply_wins_for_himself(rule, prove, actions, winning):
    game = games.make("connect4")
    state_W = played(game, actions)
    found = Search(game, SearchConfig(rule=rule, prove=prove), games=1, simulations=64).run(
        state_W[None], constant(game, (0, 1, 0))
    )
    assert found.action_N[0] == winning
    assert found.q_NA[0, winning] == 1.0
    assert found.value_N[0] > 0.3  # though sequential halving has to look at losing moves too
    assert found.policy_NA[0].argmax() == winning
    if prove:
        assert found.proven_N[0] == PROVEN_WIN
        assert found.plies_N[0] == 1


@BOTH
def test_rows_of_a_batch_do_not_influence_each_other(rule):
    """Alone, in a batch, in another order, in a search with room for more: the same, to the last bit."""
    game = games.make("connect4")
    states_NW = naive_search.random_positions(game, 9, np.random.default_rng(1))
    evaluate = naive_search.hash_evaluator(game.actions)
    config = SearchConfig(rule=rule)
    together = Search(game, config, games=9, simulations=50).run(states_NW, evaluate)
    backwards = Search(game, config, games=20, simulations=50).run(states_NW[::-1].copy(), evaluate)
    one = Search(game, config, games=1, simulations=50)
    for n, state_W in enumerate(states_NW):
        alone = one.run(state_W[None], evaluate)
        for name in ("action_N", "policy_NA", "visits_NA", "q_NA", "wdl_N3", "proven_N", "plies_N"):
            np.testing.assert_array_equal(getattr(together, name)[n], getattr(alone, name)[0])
            np.testing.assert_array_equal(getattr(together, name)[n], getattr(backwards, name)[8 - n])


@BOTH
def test_logits_of_illegal_moves_change_nothing(rule):
    """Whatever the network says about a full column, the search is the same, and never goes there."""
    game = games.make("connect4")
    state_W = played(game, (0, 0, 0, 0, 0, 0, 3))
    evaluate = naive_search.hash_evaluator(game.actions)

    def tempted(planes_BPHW):
        logits_BA, wdl_B3 = evaluate(planes_BPHW)
        logits_BA[:, 0] = 1000.0
        return logits_BA, wdl_B3

    search = Search(game, SearchConfig(rule=rule, cache_bits=0), games=1, simulations=40)
    plain, other = search.run(state_W[None], evaluate), search.run(state_W[None], tempted)
    np.testing.assert_array_equal(plain.policy_NA, other.policy_NA)
    assert other.visits_NA[0, 0] == other.policy_NA[0, 0] == 0


def test_gumbel_target_does_not_depend_on_how_the_move_was_picked():
    """Under noise the target is still softmax(logits + sigma(completed Q)) of what was searched: no Gumbel in it."""
    game = games.make("connect4")
    state_W = game.initial()
    evaluate = naive_search.hash_evaluator(game.actions, 7)
    logits_A, wdl_3 = (batch[0].astype(float) for batch in evaluate(game.planes_of(state_W)[None]))
    prior_A = np.exp(logits_A) / np.exp(logits_A).sum()
    config = SearchConfig(rule="gumbel", max_considered_actions=4, c_visit=20.0, c_scale=0.05, prove=False)
    search = Search(game, config, games=64, simulations=12)
    found = search.run(np.tile(state_W, (64, 1)), evaluate, noise=default_rng(5))
    assert len({tuple(visits_A) for visits_A in found.visits_NA}) > 20
    for n in range(64):
        visits_A, q_A = found.visits_NA[n], found.q_NA[n].astype(float)
        seen_A = visits_A > 0
        average = (prior_A * q_A)[seen_A].sum() / prior_A[seen_A].sum()
        mixed = (wdl_3[0] - wdl_3[2] + 12 * average) / 13
        improved_A = logits_A + (20.0 + visits_A.max()) * 0.05 * np.where(seen_A, q_A, mixed)
        expected_A = np.exp(improved_A) / np.exp(improved_A).sum()
        np.testing.assert_allclose(found.policy_NA[n], expected_A, atol=1e-5)


def test_puct_target_is_the_share_of_visits():
    game = games.make("connect4")
    evaluate = naive_search.hash_evaluator(game.actions, 8)
    search = Search(game, SearchConfig(rule="puct", prove=False), games=32, simulations=30)
    found = search.run(np.tile(game.initial(), (32, 1)), evaluate, noise=default_rng(0))
    assert (found.visits_NA.sum(axis=1) == 30).all()
    np.testing.assert_allclose(found.policy_NA, found.visits_NA / 30, atol=1e-6)
    assert (found.visits_NA[np.arange(32), found.action_N] == found.visits_NA.max(axis=1)).all()


def test_pruned_target_takes_forced_visits_back():
    """With every position equal, all a move ever earns is its prior: forced visits to bad moves leave the target."""
    game = games.make("connect4:height=6,width=2,k=6")

    def evaluate(planes_BPHW):
        """The second column loses: whoever is to move after it wins."""
        count = len(planes_BPHW)
        odd_B = planes_BPHW[:, :2, :, 1].sum(axis=(1, 2)) % 2 == 1
        wdl_B3 = np.where(odd_B[:, None], [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]]).astype(np.float32)
        return np.zeros((count, 2), np.float32), wdl_B3

    settings = {"rule": "puct", "prove": False, "noise_fraction": 0.01, "c_puct": 0.2, "fpu_reduction": 0.0}
    states_NW = game.initial()[None]
    plain = Search(game, SearchConfig(**settings), games=1, simulations=5).run(
        states_NW, evaluate, noise=default_rng(0)
    )
    search = Search(game, SearchConfig(**settings, forced_playouts=2.0), games=1, simulations=5)
    forced = search.run(states_NW, evaluate, noise=default_rng(0))
    unforced = search.run(states_NW, evaluate, noise=None)
    assert forced.visits_NA[0, 1] > plain.visits_NA[0, 1]
    np.testing.assert_array_equal(unforced.visits_NA, plain.visits_NA)
    assert forced.policy_NA[0, 1] < forced.visits_NA[0, 1] / 5
    assert forced.policy_NA.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("considered", [1, 2, 4, 7])
def test_sequential_halving_samples_without_replacement(considered):
    """A search of as many simulations as moves considered visits that many different moves, whatever the noise."""
    game = games.make("connect4")
    search = Search(
        game, SearchConfig(max_considered_actions=considered, prove=False), games=64, simulations=considered
    )
    states_NW = np.tile(game.initial(), (64, 1))
    found = search.run(states_NW, naive_search.hash_evaluator(7), noise=default_rng(0))
    assert (np.sort(found.visits_NA, axis=1)[:, ::-1][:, :considered] == 1).all()
    assert (found.visits_NA.sum(axis=1) == considered).all()


def test_sequential_halving_shares_the_budget():
    """4 moves, 16 simulations, 2 phases of 8: two visits each, then four more for each of the better two."""
    game = games.make("connect4")
    search = Search(game, SearchConfig(max_considered_actions=4, prove=False), games=64, simulations=16)
    found = search.run(np.tile(game.initial(), (64, 1)), naive_search.hash_evaluator(7), noise=default_rng(0))
    assert np.sort(found.visits_NA, axis=1).tolist() == [[0, 0, 0, 2, 2, 6, 6]] * 64


def test_gumbel_noise_samples_moves_from_the_policy():
    """One simulation goes to argmax(gumbel + logits), which is a sample from softmax(logits)."""
    game = games.make("connect4")
    logits_A = np.log(np.array([0.30, 0.25, 0.15, 0.12, 0.10, 0.05, 0.03], np.float32))
    count = 20_000

    def evaluate(planes_BPHW):
        return np.tile(logits_A, (len(planes_BPHW), 1)), np.tile(np.array([0, 1, 0], np.float32), (len(planes_BPHW), 1))

    search = Search(game, SearchConfig(rule="gumbel"), games=count, simulations=1)
    states_NW = np.tile(game.initial(), (count, 1))
    found = search.run(states_NW, evaluate, noise=default_rng(1))
    expected_A = np.exp(logits_A) * count
    counts_A = found.visits_NA.sum(axis=0)
    assert ((counts_A - expected_A) ** 2 / expected_A).sum() < 22.5  # chi-square, 6 degrees of freedom, p = 0.001
    np.testing.assert_array_equal(found.visits_NA.argmax(axis=1), found.action_N)
    np.testing.assert_array_equal(search.run(states_NW, evaluate, noise=default_rng(1)).action_N, found.action_N)
    assert (search.run(states_NW, evaluate, noise=default_rng(2)).action_N != found.action_N).mean() > 0.5


def test_dirichlet_noise():
    """Of the legal moves alone, its alpha `total / legal`: Dirichlet of k moves and concentration s has mean 1 / k
    and variance (1 / k) (1 - 1 / k) / (s + 1)."""
    rng_G, draws = np.array([1, 2], np.uint64), 20_000
    noise_NA = np.zeros((draws, 5))
    for n in range(draws):
        prior_A = np.array([0.5, -1.0, 0.3, 0.2, -1.0], np.float32)
        puct.add_noise(prior_A, rng_G, n % 2, 0.25, 6.0, np.zeros(6))
        assert prior_A[1] == prior_A[4] == -1.0
        noise_NA[n] = (prior_A - 0.75 * np.array([0.5, 0, 0.3, 0.2, 0])) / 0.25
    legal_NA = noise_NA[:, [0, 2, 3]]
    np.testing.assert_allclose(legal_NA.sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(legal_NA.mean(axis=0), 1 / 3, atol=0.005)
    np.testing.assert_allclose(legal_NA.var(axis=0), (1 / 3) * (2 / 3) / 7, rtol=0.05)
    assert len(np.unique(legal_NA[:, 0])) > draws * 0.99  # never frozen


@BOTH
def test_noise_differs_by_game_and_by_seed_alone(rule):
    game = games.make("connect4")
    evaluate = naive_search.hash_evaluator(game.actions)
    search = Search(game, SearchConfig(rule=rule, noise_fraction=0.5), games=16, simulations=12)
    states_NW = np.tile(game.initial(), (16, 1))
    first, again, other = (search.run(states_NW, evaluate, noise=default_rng(seed)).visits_NA for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({tuple(visits_A) for visits_A in first}) > 4
    quiet, still = (search.run(states_NW, evaluate).visits_NA for _ in range(2))
    np.testing.assert_array_equal(quiet, still)
    assert (quiet == quiet[0]).all()


def test_given_noise_is_the_noise():
    """PUCT mixes a given row into the priors: 0.75 * 1/7 + 0.25 of the noise, which is all on one move. Gumbel adds it
    to the logits: with two moves considered they are those of the two largest variates."""
    game = games.make("connect4")
    noise_NA = np.zeros((1, 7))
    noise_NA[0, 5] = 1.0
    search = Search(game, SearchConfig(rule="puct", noise_fraction=0.25), games=1, simulations=1)
    assert search.run(game.initial()[None], uniform(game), noise=noise_NA).visits_NA[0].tolist() == [0] * 5 + [1, 0]
    prior_N = search.forest.nodes_GN["prior"][0]
    assert prior_N[1] == pytest.approx(0.75 / 7 + 0.25)
    assert search.forest.priors_GNA[0, 0].tolist() == pytest.approx([0.75 / 7] * 5 + [-1, 0.75 / 7])
    search = Search(game, SearchConfig(max_considered_actions=2, prove=False), games=1, simulations=2)
    noise_NA[0, 2] = 0.5
    found = search.run(game.initial()[None], uniform(game), noise=noise_NA)
    assert found.visits_NA[0].tolist() == [0, 0, 1, 0, 0, 1, 0]
    assert found.action_N[0] == 5


def test_logarithms_of_tiny_priors_stay_finite():
    """A policy that gives a move no chance at all must not make numbers that are not numbers."""
    game = games.make("connect4")

    def evaluate(planes_BPHW):
        logits_BA = np.tile(np.array([80, -80, 0, 0, 0, 0, -300], np.float32), (len(planes_BPHW), 1))
        return logits_BA, np.tile(np.array([0.5, 0, 0.5], np.float32), (len(planes_BPHW), 1))

    for rule in ("gumbel", "puct"):
        found = Search(game, SearchConfig(rule=rule), games=1, simulations=64).run(game.initial()[None], evaluate)
        assert math.isclose(found.policy_NA.sum(), 1.0, abs_tol=1e-5)
        assert np.isfinite(found.q_NA).all()
