"""A game in which the mover may lose: rules, records, environments, searches and learning on misere tic-tac-toe.

Perfect play draws, and of the nine first moves only the middle does: who begins there answers each move by its mirror
image, and never makes three in a row before the other (Golomb and Hales, "Hypercube tic-tac-toe", 2002).
"""

import functools

import gymnasium
import naive_search
import numpy as np
import pytest
from misere_game import misere_game
from test_train_actor import actor, games_in

import games
import games.registry
from games import record, text
from games.game import DRAW, MOVER_LOST
from games.laws import check_laws
from games.outcome import DRAWN, LOSS, PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN, WIN, outcome_of, proof_of, value
from selfplay.arena.match import play_match
from selfplay.config import SearchConfig
from selfplay.knowledge import generic
from selfplay.knowledge.budget import DECIDED, Budget
from selfplay.players.make import make_agent
from selfplay.search import rollout
from selfplay.search.evaluate import uniform
from selfplay.search.search import Search

X_LOSES = "a1 a2 b1 b2 c1"  # X is the first to join three
O_LOSES = "a1 a3 b2 b3 c2 c3"
ONE_LEFT = "a1 a2 b1 b2 c2 b3 a3 c3"  # c1 is left to X, and loses


@pytest.fixture(scope="module", autouse=True)
def misere():
    """The game, registered for the tests of this file."""
    patch = pytest.MonkeyPatch()
    patch.setattr(games.registry, "_FACTORIES", games.registry._FACTORIES | {"misere": misere_game})
    games.make.cache_clear()
    yield games.make("misere")
    patch.undo()
    games.make.cache_clear()


@functools.cache
def solved():
    memo = {}
    naive_search.solve(games.make("misere"), games.make("misere").initial(), memo)
    return memo


@functools.cache
def positions():
    """Every position that is not over."""
    return np.array([state_W for state_W, _ in naive_search.reachable(games.make("misere"))])


def outcomes():
    """1, 0 or -1 for the player to move, of each."""
    return np.array([solved()[state_W.tobytes()][0] for state_W in positions()])


def test_it_obeys_the_laws(misere):
    check_laws(misere, plays=30)


def test_a_status_as_outcome_and_as_proof():
    assert (outcome_of(MOVER_LOST), value(outcome_of(MOVER_LOST))) == (LOSS, -1)
    assert proof_of(MOVER_LOST) == PROVEN_WIN


def test_the_twin_finds_a_draw_by_the_middle_alone(misere):
    values = {}
    for action in range(9):
        next_W, _ = misere.after(misere.initial(), action)
        values[action] = -solved()[next_W.tobytes()][0]
    assert values == {action: 0 if action == 4 else -1 for action in range(9)}


def test_alphabeta_solves_every_position(misere):
    states_NW, limits = positions(), Budget(depth=9)
    seeds_N = np.arange(len(states_NW), dtype=np.uint64)
    context = generic.new_context(misere, limits)
    found = generic.search(misere, states_NW, seeds_N, generic.worths(misere, frozenset()), limits, context)
    scores_N = found[:, 1]
    assert (np.sign(scores_N) * (abs(scores_N) >= DECIDED) == outcomes()).all()
    for state_W, action, outcome in zip(states_NW, found[:, 0], outcomes(), strict=True):
        next_W, status = misere.after(state_W, int(action))
        assert (-1 if status == MOVER_LOST else 0 if status == DRAW else -solved()[next_W.tobytes()][0]) == outcome


def test_rules_do_not_lose_at_once(misere):
    state_W, _ = text.replay(misere, text.parse_moves(misere, "a1 a2 b1 b2"))
    played = generic.choose(misere, np.repeat(state_W[None], 100, axis=0), np.arange(100, dtype=np.uint64))
    assert {text.format_action(misere, int(action)) for action in played} == {"a3", "b3", "c3", "c2"}


@pytest.mark.parametrize("lookahead", [True, False])
@pytest.mark.parametrize("rule", ["gumbel", "puct"])
def test_search_with_proofs_is_right_about_every_position(misere, rule, lookahead):
    search = Search(misere, SearchConfig(rule=rule, lookahead=lookahead), games=256, simulations=2000)
    proven_as = {1: PROVEN_WIN, 0: PROVEN_DRAW, -1: PROVEN_LOSS}
    late = positions()[positions()[:, 2] >= 4]  # five cells are free: at most 325 positions follow
    for states_NW in np.array_split(late, -(-len(late) // 256)):
        found = search.run(states_NW, uniform(misere))
        for n, state_W in enumerate(states_NW):
            outcome = solved()[state_W.tobytes()][0]
            assert found.proven_N[n] == proven_as[outcome]
            next_W, status = misere.after(state_W, int(found.action_N[n]))
            reached = -1 if status == MOVER_LOST else 0 if status == DRAW else -solved()[next_W.tobytes()][0]
            assert reached == outcome


def test_without_proofs_search_learns_from_lost_games(misere):
    search = Search(misere, SearchConfig(prove=False, lookahead=False), games=1, simulations=400)
    state_W, _ = text.replay(misere, text.parse_moves(misere, "a1 a2 b1 b2 c3"))
    found = search.run(state_W[None], uniform(misere))
    assert text.format_action(misere, int(found.action_N[0])) != "c2"  # which would join three
    assert found.visits_NA[0, text.parse_action(misere, "c2")] < 100


def test_playouts_know_who_has_lost(misere):
    state_W, _ = text.replay(misere, text.parse_moves(misere, "a1 a2 b1 b2"))
    found = rollout.search(misere, state_W[None], np.zeros(1, np.uint64), 500)
    assert found.visits_NA[0, text.parse_action(misere, "c1")] < 60  # of 500 on five moves: it loses at once
    state_W, _ = text.replay(misere, text.parse_moves(misere, ONE_LEFT))
    assert rollout.search(misere, state_W[None], np.zeros(1, np.uint64), 10).values_N[0] == -1
    state_W, _ = text.replay(misere, text.parse_moves(misere, ONE_LEFT)[:-1])
    found = rollout.search(misere, state_W[None], np.zeros(1, np.uint64), 1000)
    assert found.values_N[0] > 0.9  # O takes c3, and X has to lose


def test_records_and_matches(misere):
    assert record.of_game(misere, "x", "o", text.parse_moves(misere, X_LOSES)).result == "0-1"
    assert record.of_game(misere, "x", "o", text.parse_moves(misere, O_LOSES)).result == "1-0"
    result = play_match(
        misere, make_agent("alphabeta:depth=9", misere), make_agent("random", misere), games=100, seed=0
    )
    assert result.wins > 70 and result.losses < 15  # from some openings even perfect play loses


def test_environments(misere):
    env = gymnasium.make("selfplay/Gomoku-v0", game="misere", opponent=_first_legal, first="agent")
    env.reset(seed=0)
    rewards = [env.step(text.parse_action(misere, cell))[1] for cell in ("a1", "b1", "c1")]
    assert rewards == [0.0, 0.0, -1.0]

    from games.pettingzoo_env import BoardGameAEC

    pairs = BoardGameAEC("misere")
    pairs.reset()
    for action in text.parse_moves(misere, X_LOSES):
        pairs.step(action)
    assert list(pairs.rewards.values()) == [-1.0, 1.0]


def _first_legal(state_W, rng):
    return int(np.flatnonzero((state_W[0] | state_W[1]) >> np.arange(9, dtype=np.uint64) & np.uint64(1) == 0)[0])


def test_self_play_teaches_who_has_lost(misere):
    harvest = actor("misere", 300, opening_plies=0).play(np.random.SeedSequence(1))
    seen = set()
    for game, rows in enumerate(games_in(harvest)):
        last = rows[-1]
        _, status = misere.after(harvest.states_MW[last], int(harvest.facts_M["action"][last]))
        last_mover = (len(rows) - 1) % 2
        assert harvest.lengths[game] == len(rows)
        assert harvest.results[game] == {DRAW: DRAWN, MOVER_LOST: (LOSS, WIN)[last_mover]}[status]
        for row in rows:
            made_it = harvest.facts_M["mover"][row] == last_mover
            assert harvest.facts_M["z"][row] == (DRAWN if status == DRAW else LOSS if made_it else WIN)
        seen.add((status, last_mover))
    assert seen == {(DRAW, 0), (MOVER_LOST, 0), (MOVER_LOST, 1)}
