"""Self-play, move by move: every recorded game is replayed by the rules written a second time."""

import copy
import functools
from dataclasses import replace

import numpy as np
import pytest
from naive_games import DRAW, WIN, NaiveConnect4, NaiveGomoku, other, result_of

import games
from selfplay.config import Config, PlayConfig, SearchConfig, merged
from selfplay.run import presets
from selfplay.train.actor import Actor
from selfplay.train.replay import Replay
from selfplay.train.slots import FACT

NAIVE = {"tictactoe": functools.partial(NaiveGomoku, size=3, k=3), "connect4": NaiveConnect4}
NO_REPLY = -1
Z_WIN, Z_DRAW, Z_LOSS = 0, 1, 2


def opinion(game):
    """An evaluator with a view of every position, the same for it in every batch."""
    rng = np.random.default_rng(7)
    inputs = game.planes * game.cells
    policy_weights, value_weights = rng.normal(0, 0.5, (inputs, game.actions)), rng.normal(0, 0.5, (inputs, 3))

    def evaluate(planes_BPHW):
        rows = planes_BPHW.reshape(len(planes_BPHW), -1).astype(np.float64)
        # One row at a time: a matrix product may round differently from batch to batch.
        logits = np.array([row @ policy_weights for row in rows]).reshape(-1, game.actions)
        wdl = np.exp(np.array([row @ value_weights for row in rows]).reshape(-1, 3))
        return logits.astype(np.float32), (wdl / wdl.sum(axis=1, keepdims=True)).astype(np.float32)

    return evaluate


def actor(name="tictactoe", positions=150, *, evaluate=None, slots=8, search=None, **play):
    game = games.make(name)
    config = Config(
        game=name,
        search=replace(SearchConfig(simulations=6, cache_bits=10), **(search or {})),
        play=replace(PlayConfig(games=slots, opening_plies=3, temperature_plies=4), **play),
    )
    return Actor(game, config, evaluate or opinion(game), positions)


@functools.cache
def harvest_of(name, positions=400, seed=1):
    return actor(name, positions).play(np.random.SeedSequence(seed))


def board_of(game, state):
    """The position as `naive_games` writes it, and the player to move."""
    mine, yours = game.planes_of(state)[:2]
    mover = "X" if mine.sum() == yours.sum() else "O"
    stones = [[mover if m else other(mover) if y else "." for m, y in zip(*rows, strict=True)] for rows in zip(mine, yours, strict=True)]  # fmt: skip # noqa: E501
    return stones, mover


def plies_of(game, state):
    return int(game.planes_of(state)[:2].sum())


def games_in(harvest):
    """Row numbers of each recorded game; a game ends where nobody replies."""
    ends = np.flatnonzero(harvest.facts_M["reply"] == NO_REPLY)
    return np.split(np.arange(len(harvest.facts_M)), ends[:-1] + 1)


def same(first, second):
    names = ("states_MW", "policies_MA", "wdl_M3", "facts_M", "lengths", "results")
    counts = ("simulations", "evaluations", "cache_hits")
    return all(getattr(first, name).tobytes() == getattr(second, name).tobytes() for name in names) and all(
        getattr(first, name) == getattr(second, name) for name in counts
    )


@pytest.mark.parametrize("name", ["tictactoe", "connect4"])
def test_every_game_replays_by_the_naive_rules(name):
    """Positions, movers, replies, results and lengths, from the first recorded position to the end."""
    game, harvest = games.make(name), harvest_of(name)
    recorded = games_in(harvest)
    assert len(recorded) == len(harvest.lengths) == len(harvest.results)
    assert harvest.owners_M2K is not None
    outcomes = set()
    for number, rows in enumerate(recorded):
        naive = NAIVE[name]()
        naive.board, naive.mover = board_of(game, harvest.states_MW[rows[0]])
        opening = plies_of(game, harvest.states_MW[rows[0]])
        assert opening <= 3
        result = None
        for t, row in enumerate(rows):
            fact = harvest.facts_M[row]
            assert result is None, "the game was over"
            assert board_of(game, harvest.states_MW[row]) == (naive.board, naive.mover)
            assert fact["mover"] == "XO".index(naive.mover) == (opening + t) % 2
            assert fact["action"] in naive.legal()
            assert fact["reply"] == (harvest.facts_M[rows[t + 1]]["action"] if t + 1 < len(rows) else NO_REPLY)
            result = naive.play(fact["action"])
        assert result in (WIN, DRAW)
        assert harvest.lengths[number] == opening + len(rows)
        winner = other(naive.mover) if result == WIN else None
        for row in rows:
            mover = "XO"[harvest.facts_M[row]["mover"]]
            assert harvest.facts_M[row]["z"] == (Z_DRAW if winner is None else Z_WIN if mover == winner else Z_LOSS)
        assert harvest.results[number] == {None: Z_DRAW, "X": Z_WIN, "O": Z_LOSS}[winner]
        at_the_end = "".join(map("".join, naive.board))
        for row in rows:
            mover = "XO"[harvest.facts_M[row]["mover"]]
            mine_C, theirs_C = np.unpackbits(harvest.owners_M2K[row], axis=1, count=game.cells)
            assert [stone == mover for stone in at_the_end] == mine_C.tolist()
            assert [stone == other(mover) for stone in at_the_end] == theirs_C.tolist()
        outcomes.add(winner)
    assert outcomes >= {"X", "O"}
    if name == "tictactoe":
        assert None in outcomes
        assert harvest.lengths.min() >= 5
        assert harvest.lengths.max() <= 9


@pytest.mark.parametrize("name", ["tictactoe", "connect4"])
def test_targets_are_distributions_over_legal_moves(name):
    game, harvest = games.make(name), harvest_of(name)
    for state, policy in zip(harvest.states_MW, harvest.policies_MA, strict=True):
        legal = game.legal_actions(state)
        assert policy[legal].sum() == pytest.approx(1.0, abs=1e-5)
        assert np.delete(policy, legal).sum() == 0.0
    assert harvest.policies_MA.min() >= 0.0
    assert np.abs(harvest.wdl_M3.sum(axis=1) - 1.0).max() < 1e-5
    assert harvest.wdl_M3.min() >= 0.0
    for proven, wdl in zip(harvest.facts_M["proven"], harvest.wdl_M3, strict=True):
        if proven:
            assert wdl.tolist() == np.eye(3)[proven - 1].tolist()


@pytest.mark.parametrize("name", ["tictactoe", "connect4"])
def test_the_networks_own_view_is_recorded_beside_the_searchs(name):
    """`net_value` and the divergence, recomputed from the evaluator where no proof stood in for it."""
    game = games.make(name)  # without the look ahead, after which moves that lose at once have no part in the policy
    harvest = actor(name, 400, search={"lookahead": False}).play(np.random.SeedSequence(1))
    rows = np.flatnonzero(harvest.facts_M["proven"] == 0)
    assert len(rows) > 100
    logits, wdl = opinion(game)(np.array([game.planes_of(state) for state in harvest.states_MW[rows]]))
    assert np.abs(harvest.facts_M["net_value"][rows] - (wdl[:, 0] - wdl[:, 2])).max() < 1e-5
    for row, row_logits in zip(rows, logits.astype(np.float64), strict=True):
        legal = game.legal_actions(harvest.states_MW[row])
        prior = np.exp(row_logits[legal]) / np.exp(row_logits[legal]).sum()
        policy = harvest.policies_MA[row][legal].astype(np.float64)
        likely = policy > 0
        divergence = (policy[likely] * np.log(policy[likely] / prior[likely])).sum()
        assert harvest.facts_M["divergence"][row] == pytest.approx(divergence, abs=1e-4)


def test_whole_games_until_the_quota_is_met():
    game = games.make("tictactoe")
    for positions in (1, 50, 150):
        harvest = actor(positions=positions).play(np.random.SeedSequence(3))
        assert positions <= len(harvest.states_MW) < positions + game.max_plies
        assert harvest.facts_M["reply"][-1] == NO_REPLY


def test_the_seed_decides_everything():
    first, again, other_seed = (actor().play(np.random.SeedSequence([5, seed])) for seed in (0, 0, 1))
    assert same(first, again)
    assert not same(first, other_seed)


def test_restored_games_go_on_bit_for_bit():
    judged = {"opening_plies": 8, "max_opening_value": 0.3}
    first = actor("connect4", 100, **judged)
    first.play(np.random.SeedSequence(4))
    saved = copy.deepcopy(first.state())
    assert saved["count_G"].max() > 0  # games really are in flight
    assert saved["tries_G"].max() > 0  # and an opening that no network has seen
    second = actor("connect4", 100, **judged)
    second.restore(saved)
    for seed in (2, 3):
        assert same(first.play(np.random.SeedSequence(seed)), second.play(np.random.SeedSequence(seed)))


def test_games_of_another_number_of_slots_are_refused():
    with pytest.raises(ValueError, match=r"^the run was saved with 8 games per thread, not 4: .*$"):
        actor(slots=4).restore(actor(slots=8).state())


def test_fast_searches_move_the_game_on_and_teach_nothing():
    game = games.make("tictactoe")
    harvest = actor(positions=300, search={"full_fraction": 0.3, "fast_simulations": 2}, opening_plies=0).play(
        np.random.SeedSequence(2)
    )
    assert (harvest.facts_M["full"] == 1).all()
    assert 0.2 < len(harvest.facts_M) / harvest.lengths.sum() < 0.4
    for state, fact in zip(harvest.states_MW, harvest.facts_M, strict=True):
        after, status = game.after(state, fact["action"])
        assert (status == games.ONGOING) == (fact["reply"] != NO_REPLY)  # also where the reply was searched fast
        if status == games.ONGOING:
            assert fact["reply"] in game.legal_actions(after)


def test_where_a_draw_is_settled_searches_are_fast_and_teach_nothing():
    """To this evaluator plies 4 to 9 are drawn. One simulation of a position and one below it: the searches of plies 4
    to 8 see nothing but draws, and the plies after them, 5 to 9, are passed over; from 10 on the game is open again."""
    game = games.make("gomoku9")

    def evaluate(planes_BPHW):
        plies_B = planes_BPHW[:, :2].sum(axis=(1, 2, 3))
        draw_B = ((plies_B >= 4) & (plies_B <= 9)).astype(np.float32)
        wdl_B3 = np.stack([(1 - draw_B) / 2, draw_B, (1 - draw_B) / 2], axis=1)
        return np.zeros((len(planes_BPHW), game.actions), np.float32), wdl_B3

    def recorded(draw_adjudication):
        search = {"simulations": 1, "fast_simulations": 1}
        play = {"opening_plies": 0, "draw_adjudication": draw_adjudication}
        one = actor("gomoku9", 300, evaluate=evaluate, slots=4, search=search, **play)
        harvest = one.play(np.random.SeedSequence(0))
        return [[plies_of(game, state) for state in harvest.states_MW[rows]] for rows in games_in(harvest)]

    for plies in recorded(1.0):
        assert plies == list(range(len(plies)))
    for plies in recorded(0.9):
        assert len(plies) > 10
        assert plies == [ply for ply in range(plies[-1] + 1) if not 5 <= ply <= 9]


def chosen_less_expected(harvest, rows):
    """By action: how often it was played less how often its policy says, in standard deviations."""
    policy = harvest.policies_MA[rows].astype(np.float64)
    played = np.eye(policy.shape[1])[harvest.facts_M["action"][rows]]
    return (played - policy).sum(axis=0) / np.sqrt((policy * (1 - policy)).sum(axis=0))


def test_early_moves_are_drawn_from_the_improved_policy():
    game = games.make("tictactoe")
    harvest = actor(positions=1500, opening_plies=0, temperature_plies=2).play(np.random.SeedSequence(4))
    plies = np.array([plies_of(game, state) for state in harvest.states_MW])
    assert np.abs(chosen_less_expected(harvest, plies < 2)).max() < 4.0
    likeliest = harvest.policies_MA.argmax(axis=1) == harvest.facts_M["action"]
    assert likeliest[plies >= 2].mean() > likeliest[plies < 2].mean() + 0.1


def test_the_target_does_not_know_how_the_move_is_picked():
    """One slot, first move: with and without temperature the same target, though not always the same move."""
    moves = []
    for seed in range(12):
        firsts = []
        for plies in (0, 9):
            one = actor(positions=1, slots=1, opening_plies=0, temperature_plies=plies)
            harvest = one.play(np.random.SeedSequence(seed))
            firsts.append((harvest.states_MW[0].tobytes(), harvest.policies_MA[0].tobytes()))
            moves.append(int(harvest.facts_M["action"][0]))
        assert firsts[0] == firsts[1]
    assert moves[::2] != moves[1::2]


def test_without_an_opening_games_begin_at_the_start():
    harvest = actor("connect4", 100, opening_plies=0).play(np.random.SeedSequence(0))
    for rows in games_in(harvest):
        assert not harvest.states_MW[rows[0]].any()


def test_openings_of_every_length_none_of_them_over():
    """Asked for 30 random plies a game of Connect Four gets at most half its 42; many such games would be over."""
    game = games.make("connect4")
    harvest = actor("connect4", 1200, opening_plies=30, search={"simulations": 1}).play(np.random.SeedSequence(0))
    lengths = set()
    for rows in games_in(harvest):
        board, _ = board_of(game, harvest.states_MW[rows[0]])
        assert [result_of(board, player, 4) for player in "XO"] == [None, None]
        lengths.add(plies_of(game, harvest.states_MW[rows[0]]))
    assert max(lengths) <= 21
    assert len(lengths) > 15
    assert min(lengths) <= 2


def opening_values(lean, **play):
    """The evaluator's value of each game's first recorded position, plies played there, the positions, and how often
    an opening was drawn again. Stones have random worths; `lean` is how far the player to move is ahead without any."""
    game = games.make("connect4")
    worth_C = np.random.default_rng(7).normal(0, 0.3, game.cells)

    def evaluate(planes_BPHW):
        stones_BC = (planes_BPHW[:, 0] - planes_BPHW[:, 1]).reshape(-1, game.cells)
        value_B = np.tanh(lean + (stones_BC * worth_C).sum(axis=1))
        wdl_B3 = np.stack([(1 + value_B) / 2, 0 * value_B, (1 - value_B) / 2], axis=1)
        return np.zeros((len(planes_BPHW), game.actions), np.float32), wdl_B3.astype(np.float32)

    one = actor("connect4", 600, evaluate=evaluate, opening_plies=10, **play)
    harvest = one.play(np.random.SeedSequence(0))
    firsts = harvest.states_MW[[rows[0] for rows in games_in(harvest)]]
    _, wdl = evaluate(np.array([game.planes_of(state) for state in firsts]))
    return wdl[:, 0] - wdl[:, 2], np.array([plies_of(game, state) for state in firsts]), firsts, harvest.redrawn


def won_at_once(game, state):
    return any(game.after(state, action)[1] == games.MOVER_WON for action in game.legal_actions(state))


@pytest.mark.parametrize("cache_bits", [0, 10])
def test_lopsided_openings_are_drawn_again(cache_bits):
    """With a bound: within it, by the evaluator and because no win is at hand; without: as they come."""
    game, search = games.make("connect4"), {"cache_bits": cache_bits}
    values, _, _, redrawn = opening_values(0.0, search=search)
    assert (np.abs(values) > 0.25).mean() > 0.3
    assert redrawn == 0
    values, _, firsts, redrawn = opening_values(0.0, search=search, max_opening_value=0.25, opening_tries=100)
    assert np.abs(values).max() <= 0.25
    assert np.abs(values).max() > 0.1
    assert not any(won_at_once(game, state) for state in firsts)
    assert redrawn > 0.3 * len(firsts)


def test_every_length_of_opening_keeps_its_share():
    """Drawn again they stay as long, and the bare board is played whatever its value; 11 lengths, evenly."""
    values, plies, _, _ = opening_values(0.3, max_opening_value=0.25, opening_tries=100)
    lengths = np.bincount(plies, minlength=11)
    assert values[plies == 0] == pytest.approx(np.tanh(0.3))
    assert lengths[0] > 0
    assert (lengths > 0).sum() >= 8
    assert lengths.max() <= len(plies) / 3


def test_an_opening_is_drawn_again_so_many_times_and_then_played():
    """One slot, one game, and an evaluator to whom all is lost: no opening will ever do."""
    game = games.make("tictactoe")

    def lost(planes_BPHW):
        wdl_B3 = np.tile(np.array([0, 0, 1], np.float32), (len(planes_BPHW), 1))
        return np.zeros((len(planes_BPHW), game.actions), np.float32), wdl_B3

    lengths = set()
    for seed in range(24):
        one = actor(positions=1, evaluate=lost, slots=1, max_opening_value=0.9, opening_tries=3)
        harvest = one.play(np.random.SeedSequence(seed))
        plies = plies_of(game, harvest.states_MW[0])
        assert harvest.redrawn == (3 if plies else 0)
        lengths.add(plies)
    assert lengths == {0, 1, 2, 3}


def test_searches_may_be_smaller_than_the_trees_have_room_for():
    """As a run's first ones are: the same games as with trees of that size."""
    small = actor("connect4", search={"simulations": 6}).play(np.random.SeedSequence(5))
    large = actor("connect4", search={"simulations": 24})
    assert same(large.play(np.random.SeedSequence(5), 6), small)
    again = actor("connect4", search={"simulations": 24})
    assert not same(again.play(np.random.SeedSequence(5)), small)


def test_simulations_of_a_search_by_hand():
    """Without proofs every simulation is made, in each move of the one game."""
    one = actor(positions=1, slots=1, opening_plies=0, search={"simulations": 8, "prove": False})
    harvest = one.play(np.random.SeedSequence(1), 5)
    assert harvest.simulations == 5 * harvest.lengths[0]


def bytes_of(arrays):
    return sum(array.nbytes for array in arrays)


def test_memory_of_gomoku_on_15x15():
    """What a thread of its preset allocates, counted by hand, and that trees, games and window are bounded by it.

    A position is 9 words, a row of numbers per move 225 floats. A node: its record of 64 bytes, position and priors;
    a full search has 3 * 256 + 4 of them. A position of a game or its harvest: position, policy, three values, fact;
    a harvest's also what each cell held at the end.
    """
    game = games.make("gomoku15")
    config = merged(Config(), presets.for_game("gomoku15"))
    one = Actor(game, config, opinion(game), config.play.positions // 2)
    slots, move = 64, 225 * 4
    nodes = slots * 772 * (64 + 9 * 8 + move)
    cache = 2**15 * (8 + move + 8 + 4)
    rows, owners = slots * 225 + (8192 + 225), (8192 + 225) * 225
    games_and_harvest = rows * (9 * 8 + move + 3 * 4 + FACT.itemsize) + owners
    assert bytes_of(one.forest) == pytest.approx(nodes + cache, rel=0.05)
    assert bytes_of(one.slots) == pytest.approx(games_and_harvest, rel=0.05)
    assert bytes_of(one.forest) + bytes_of(one.slots) < 110e6
    window = Replay(game, config.replay)
    kept = [value for value in vars(window).values() if isinstance(value, np.ndarray)]
    assert bytes_of(kept) == pytest.approx(500_000 * (9 * 8 + 225 * 2 + 3 * 2 + 1 + 2), rel=0.01)
    assert bytes_of(kept) < 270e6
