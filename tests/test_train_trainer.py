"""The training loop on Tic-Tac-Toe, in seconds: what it spends, that it repeats, and that it learns."""

import copy
import functools
import itertools
import math

import numpy as np
import pytest
import torch
from naive_games import DRAW, WIN, NaiveGomoku

import games
from selfplay.config import Config, EvalConfig, LearnConfig, NetworkConfig, PlayConfig, ReplayConfig, SearchConfig
from selfplay.ledger import Ledger
from selfplay.run import metrics
from selfplay.train.actor import UNLIMITED, Allowance, Harvest
from selfplay.train.pool import LocalPool, Progress
from selfplay.train.slots import FACT
from selfplay.train.statistics import calibration_error, play_metrics
from selfplay.train.trainer import Trainer, train

FLOPS = 2 * ((4 * 9) * 16 + 16 * 9 + 16 * 3)  # of one evaluation of mlp:1x16, by hand


def config(**settings):
    base = {
        "game": "tictactoe",
        "generations": 4,
        "minutes": 0.0,
        "device": "cpu",
        "threads": 1,
        "search": SearchConfig(simulations=4, cache_bits=8),
        "play": PlayConfig(games=8, positions=70, opening_plies=2, temperature_plies=4),
        "network": NetworkConfig(architecture="mlp:1x16", dtype="float32"),
        "replay": ReplayConfig(minimum=200, capacity=1000),
        "learn": LearnConfig(batch=32, replay_ratio=2.5, warmup_steps=4),
        "eval": EvalConfig(per_decade=4, first_flops=1.0, games=10, final_games=40),
    }
    return Config(**(base | settings))


def trainer_of(config):
    """A run that begins, played by threads of this process."""
    game = games.make(config.game)
    return Trainer(game, config, LocalPool(game, config))


def actors_of(trainer):
    assert isinstance(trainer.pool, LocalPool)
    return trainer.pool.actors


def lived(trainer, evaluate_agent=None):
    """Every generation of a run; nothing is written to disk."""
    generations = []
    while not trainer.done:
        generations.append(trainer.generation(evaluate_agent))
    return generations


def learned(trainer):
    return torch.nn.utils.parameters_to_vector(trainer.learner.average.parameters())


def without_clock(generation):
    clock = metrics.clock_names()
    return {name: value for name, value in generation.metrics.items() if name not in clock}


class Counting:
    """An evaluator that counts the rows it is asked for."""

    def __init__(self, evaluator):
        self.evaluator = evaluator
        self.rows = 0

    def __call__(self, planes_BPHW):
        self.rows += len(planes_BPHW)
        return self.evaluator(planes_BPHW)


def test_the_ledger_and_the_reuse_by_hand():
    trainer = trainer_of(config())
    (actor,) = actors_of(trainer)
    counting = actor.evaluator = Counting(actor.evaluator)
    positions = 0
    while not trainer.done:
        generation = trainer.generation(None)
        ledger = generation.ledger
        assert 70 <= ledger.positions - positions < 70 + 9
        positions = ledger.positions
        assert 0 <= 2.5 * positions - ledger.samples < 32  # what is owed is less than a batch
        assert ledger.samples == 32 * trainer.learner.steps
        assert ledger.evaluations == counting.rows > 0
        assert ledger.play_flops == FLOPS * ledger.evaluations
        assert ledger.learn_flops == 3 * FLOPS * ledger.samples
        assert trainer.replay.added == positions
        assert generation.metrics["learn/reuse"] == ledger.samples / positions
    assert trainer.number == 4


def test_searches_grow_with_the_positions_made():
    """Without proofs and cache a finished game of n moves took n searches, and those not over took no more each."""
    search = SearchConfig(simulations=12, first_simulations=3, growth_positions=200, prove=False, cache_bits=0)
    trainer = trainer_of(config(generations=12, search=search))
    before, expected = Ledger(), 0
    for generation in lived(trainer):
        made = generation.ledger.positions - before.positions
        each = (generation.ledger.simulations - before.simulations) / made
        expected = min(12, int(3 * (1 + before.positions / 200)))
        assert generation.metrics["play/simulations"] == expected
        assert expected * 0.5 < each < expected * 1.6
        before = generation.ledger
    assert expected == 12


def test_every_number_logged_has_its_row_in_the_table():
    for generation in lived(trainer_of(config(generations=2))):
        for name, value in generation.metrics.items():
            assert metrics.describe(name).name == name
            assert math.isfinite(value), name


@pytest.mark.parametrize("threads", [1, 2])
def test_one_seed_one_run(threads):
    runs = [trainer_of(config(seed=seed, threads=threads)) for seed in (3, 3, 4)]
    first, again, other_seed = ([without_clock(one) for one in lived(run)] for run in runs)
    assert first == again
    assert first != other_seed
    assert torch.equal(learned(runs[0]), learned(runs[1]))
    assert not torch.equal(learned(runs[0]), learned(runs[2]))


def test_measuring_strength_happens_when_due_and_teaches_nothing():
    """The callback draws from every global stream and spoils what it is given; what is learned stays the same."""
    seen = []

    def evaluate_agent(network, ledger, *, generation, final, dtype, own):
        played = torch.nn.utils.parameters_to_vector(network.parameters())
        assert torch.equal(played, learned(trainer)), "the averaged weights are the ones that play"
        assert dtype == "float32"
        seen.append((generation, ledger.train_flops, final))
        torch.manual_seed(0)
        np.random.seed(0)
        network.value.weight.data.zero_()
        return [{"generation": generation, "opponent": "nobody", "score": 0.5}]

    settings = config(generations=12)
    trainer, alone = trainer_of(settings), trainer_of(settings)
    measured, unmeasured = lived(trainer, evaluate_agent), lived(alone)
    assert torch.equal(learned(trainer), learned(alone))
    assert [without_clock(one) for one in measured] == [without_clock(one) for one in unmeasured]

    due, last = [], 0.0
    for generation in unmeasured:  # a quarter of a decade: each time 10 ** (1 / 4) of the last
        flops = generation.ledger.train_flops
        if flops >= last * 10**0.25 or generation.number == 12:
            due.append((generation.number, flops, generation.number == 12))
            last = flops
    assert seen == due
    assert 3 <= len(due) < 12
    for generation in measured:
        line = {"generation": generation.number, "opponent": "nobody", "score": 0.5}
        assert generation.evals == ([line] if generation.number in [number for number, *_ in due] else [])


@pytest.mark.parametrize(
    ("settings", "generations"),
    [({"generations": 2}, 2), ({"generations": 0, "flops": 1.0}, 1), ({"generations": 0, "minutes": 1e-9}, 1)],
)
def test_a_run_ends_at_its_limit(tmp_path, settings, generations):
    yielded = list(train(config(**settings), tmp_path))
    assert [one.number for one in yielded] == list(range(1, generations + 1))
    assert [one.done for one in yielded] == [False] * (generations - 1) + [True]
    assert list(train(config(**settings), tmp_path)) == []  # its checkpoint says that it is over


@pytest.mark.parametrize("share", [0.6, 1.7])
@pytest.mark.parametrize("threads", [1, 2])
def test_runs_of_one_limit_in_flops_end_at_equal_compute(share, threads):
    """However many generations that are, and whatever a generation costs."""
    one = lived(trainer_of(config(generations=1, threads=threads)))[-1].ledger.train_flops
    ends = []
    for seed, ratio, positions in ((0, 2.5, 300), (1, 4.0, 300), (2, 2.5, 550)):
        settings = config(
            generations=0, flops=15 * share * one, threads=threads, seed=seed,
            play=PlayConfig(games=4, positions=2 * positions, opening_plies=2, temperature_plies=4),
            learn=LearnConfig(batch=32, replay_ratio=ratio, warmup_steps=4),
        )  # fmt: skip
        generations = lived(trainer_of(settings))
        ends.append(generations[-1].ledger.train_flops / (15 * share * one))
        last = generations[-1].ledger
        assert last.samples == pytest.approx(ratio * last.positions, rel=0.05)  # as much is learned as is played
    assert ends == pytest.approx([1.0] * 3, abs=0.04)


def test_a_run_that_is_cut_by_its_limit_repeats_and_goes_on_from_a_checkpoint(tmp_path):
    settings = config(generations=0, flops=5e6)
    unbroken = list(train(settings, tmp_path / "a"))
    assert len(unbroken) > 2
    for _ in train(settings, tmp_path / "b"):
        break  # and goes on from there
    again = list(train(settings, tmp_path / "b"))
    assert [without_clock(one) for one in again] == [without_clock(one) for one in unbroken[1:]]


def test_a_run_of_a_few_seconds_ends_in_time():
    """A generation would take minutes; of the time play leaves to learning what that takes."""
    settings = config(
        generations=0, minutes=2 / 60, play=PlayConfig(games=64, positions=10**6, opening_plies=2),
        learn=LearnConfig(batch=32, replay_ratio=2.5, warmup_steps=4),
    )  # fmt: skip
    shown = []
    game = games.make(settings.game)
    trainer = Trainer(game, settings, LocalPool(game, settings), show_activity=shown.append)
    first, *others = lived(trainer)
    spent = trainer.ledger.train_seconds
    counted = [now for now in shown if (now.kind, now.generation) == ("play", 1) and now.of]
    assert counted, "how many positions it will be is said"
    assert max(now.of for now in counted) < 10**5, "and is no more than the time allows"
    assert 1.9 < spent < 6, "seconds; a busy machine may take longer over the last step"
    assert first.ledger.positions < 10**6
    assert len(others) < 10
    assert trainer.ledger.samples > 0


def test_a_run_by_compute_knows_from_its_first_generation_about_how_long_it_takes():
    """A position costs 4 evaluations of play and three times 2.5 of learning; the limit is a thousand positions."""
    each = trainer_of(config()).flops
    trainer = trainer_of(config(generations=0, flops=1000 * each * 11.5))
    # 100 positions in 4 s: a thousand in 40 s, which play is taken for two fifths of.
    assert trainer._whole("play", 100, 0, 4.0) == pytest.approx(100)
    # 80 positions have been played in 4 s, and half of their 10 steps of 32 taken in 3 s: 10 s are 1280 of 11500.
    trainer.ledger = Ledger(play_flops=80 * 4 * each, play_seconds=4.0)
    assert trainer._whole("learn", 5, 10, 7.0) == pytest.approx(10 * 11500 / (320 + 960))
    shown = []
    trainer = trainer_of(config(generations=0, flops=3e6))
    trainer.show_activity = shown.append
    trainer.generation(None)
    assert any(now.seconds_left is not None and now.train_seconds is not None for now in shown)


def test_a_limit_in_generations_cuts_nothing():
    free, limited = (lived(trainer_of(config(generations=3, flops=flops))) for flops in (0.0, 1e15))
    assert [without_clock(one) for one in free] == [without_clock(one) for one in limited]


def test_what_is_played_and_learned_is_counted_while_it_goes_on():
    shown = []
    game, settings = games.make("tictactoe"), config(generations=2, learn=LearnConfig(batch=32, replay_ratio=40))
    trainer = Trainer(game, settings, LocalPool(game, settings), show_activity=shown.append)
    generations = lived(trainer)
    assert [key for key, _ in itertools.groupby((now.kind, now.generation) for now in shown)] == [
        ("play", 1), ("learn", 1), ("play", 2), ("learn", 2)
    ]  # fmt: skip
    for number, generation in enumerate(generations, start=1):
        (*_, last) = [now for now in shown if (now.kind, now.generation) == ("play", number)]
        assert 0.9 < last.done / last.of < 1.2, "when the games are over, so is the count"
        steps = {now.of for now in shown if (now.kind, now.generation) == ("learn", number)}
        samples = generation.ledger.samples - (generations[0].ledger.samples if number == 2 else 0)
        assert steps == {samples // 32}


def test_how_many_positions_a_generation_will_search():
    """Of 1000 that are to be finished, while 200 more are under way at its end."""
    begun = Progress(finished=0, more=0, evaluations=0, seconds=0.0)
    assert begun.expected(1000, 200, UNLIMITED) == 1200
    assert begun.expected(1000, 200, Allowance(seconds=60.0)) == 0, "nobody knows"
    # 100 in 10 s. In 60 s that makes 600; with learning at 0.1 s for each that is finished 330: 33 s and 0.1 * 130.
    under_way = Progress(finished=0, more=100, evaluations=400, seconds=10.0)
    assert under_way.expected(1000, 200, UNLIMITED) == 1200
    assert under_way.expected(1000, 200, Allowance(seconds=1000.0)) == 1200
    assert under_way.expected(1000, 200, Allowance(seconds=60.0)) == 600
    assert under_way.expected(1000, 200, Allowance(seconds=46.0, seconds_per_position=0.1)) == 330
    assert under_way.expected(1000, 200, Allowance(evaluations=2000)) == 500
    # Towards the end it is what there is.
    over = Progress(finished=1000, more=150, evaluations=4600, seconds=115.0)
    assert over.expected(1000, 200, UNLIMITED) == 1150


def test_no_number_where_nothing_was_learned():
    """A batch is more than the first generation has positions for."""
    trainer = trainer_of(config(generations=2, learn=LearnConfig(batch=200, replay_ratio=2.5)))
    first, second = (one.metrics for one in lived(trainer))
    of_steps = {"loss/total", "loss/policy", "loss/value", "loss/reply", "learn/gradient_norm", "learn/samples_per_s",
                "learn/reuse"}  # fmt: skip
    assert not of_steps & first.keys()
    assert of_steps <= second.keys()
    assert second["learn/reuse"] > 0


def test_a_pool_of_another_dtype_does_not_go_on_with_a_run(tmp_path):
    settings = config(generations=1)
    assert len(list(train(settings, tmp_path))) == 1
    other = LocalPool(games.make("tictactoe"), settings)
    other.dtype = "bfloat16"
    with pytest.raises(ValueError, match="was begun in float32, and the pool plays in bfloat16"):
        list(train(config(generations=2), tmp_path, pool=other))


def test_pools_of_one_run_play_streams_of_their_own():
    """The second pool of one thread plays what the second thread of a larger pool plays."""
    game = games.make("tictactoe")
    network = trainer_of(config()).learner.average
    first, second = (LocalPool(game, config(), first_stream=stream).play(network, 1, 4) for stream in (0, 1))
    both = LocalPool(
        game, config(threads=2, play=PlayConfig(games=8, positions=140, opening_plies=2, temperature_plies=4))
    )
    for one, other in zip([*first, *second], both.play(network, 1, 4), strict=True):
        assert np.array_equal(one.states_MW, other.states_MW)
    assert not np.array_equal(first[0].states_MW, second[0].states_MW)


def test_what_fails_in_a_thread_fails_the_run():
    trainer = trainer_of(config(threads=2))

    def failing(planes_BPHW):
        raise ZeroDivisionError

    actors_of(trainer)[1].evaluator = failing
    with pytest.raises(ZeroDivisionError):
        trainer.generation(None)


def test_calibration_error_by_hand():
    """0.9 and 0.95 share the last of ten bins and miss by 0.15 together; -0.5 is alone and misses by 1.5."""
    found = calibration_error(np.array([0.9, 0.95, -0.5]), np.array([1.0, 1.0, 1.0]))
    assert found == pytest.approx((0.15 + 1.5) / 3)
    assert calibration_error(np.array([-1.0, 0.0, 1.0]), np.array([-1.0, 0.0, 1.0])) == 0.0


def test_play_metrics_by_hand():
    """A won game of three positions and a drawn one of one, the first two of which are the same."""
    facts = np.zeros(4, FACT)
    facts["z"] = [0, 2, 0, 1]
    facts["net_value"] = [0.85, 0.9, 0.7, 0.1]  # the second should be -1, and shares a bin with the first
    facts["divergence"] = [0.1, 0.2, 0.3, 0.4]
    facts["proven"] = [0, 0, 1, 2]
    harvest = Harvest(
        states_MW=np.array([[0, 1], [0, 1], [0, 2], [0, 3]], np.uint64),
        policies_MA=np.array([[0.5, 0.5], [1.0, 0.0], [1.0, 0.0], [0.5, 0.5]], np.float32),
        wdl_M3=np.zeros((4, 3), np.float32),
        facts_M=facts,
        lengths=np.array([3, 1], np.int32),
        results=np.array([0, 1], np.int8),
        redrawn=3,
        simulations=40,
        evaluations=30,
        cache_hits=10,
        network_seconds=1.5,
        seconds=2.0,
    )
    found = play_metrics([harvest], seconds=2.0)
    assert found == pytest.approx(
        {
            "policy/entropy": math.log(2) / 2,
            "policy/kl_search_net": 0.25,
            "value/calibration": (1.75 + 0.3 + 0.1) / 4,
            "value/accuracy": 0.75,
            "games/length": 2.0,
            "games/first_player_score": 0.75,
            "games/draws": 0.5,
            "games/redrawn_openings": 1.5,
            "games/distinct_positions": 0.75,
            "proven/share": 0.5,
            "play/positions_per_s": 2.0,
            "play/evaluations_per_s": 15.0,
            "play/simulations_per_s": 20.0,
            "play/network_share": 0.75,
            "play/tree_share": 0.25,
            "play/cache_hits": 0.25,
        },
        rel=1e-5,
    )


@functools.cache
def tictactoe_positions():
    """Every position that is not over, by the moves that lead there first: naive boards and our states."""
    game, found = games.make("tictactoe"), {}
    layer = [(NaiveGomoku(size=3, k=3), game.initial())]
    while layer:
        found |= {state.tobytes(): (naive, state) for naive, state in layer}
        following = {}
        for naive, state in layer:
            for action in naive.legal():
                after, _ = game.after(state, action)
                if after.tobytes() not in following:
                    child = NaiveGomoku(size=3, k=3)
                    child.board, child.mover = copy.deepcopy(naive.board), naive.mover
                    if child.play(action) is None:
                        following[after.tobytes()] = (child, after)
        layer = list(following.values())
    return found


def score_against_random(network):
    """Exact expected score, half with each colour, of the network's likeliest legal move - no search - against
    uniformly random play."""
    game, positions = games.make("tictactoe"), tictactoe_positions()
    keys = list(positions)
    with torch.no_grad():
        planes = torch.from_numpy(np.array([game.planes_of(positions[key][1]) for key in keys]))
        preferred = dict(zip(keys, network.play(planes)[0].numpy(), strict=True))

    @functools.cache
    def expected(key, networks_turn):
        naive, state = positions[key]
        moves = naive.legal()
        if networks_turn:
            moves = [max(moves, key=lambda action: preferred[key][action])]
        scores = []
        for action in moves:
            after, _ = game.after(state, action)
            if after.tobytes() in positions:
                scores.append(expected(after.tobytes(), not networks_turn))
            else:
                child = NaiveGomoku(size=3, k=3)
                child.board, child.mover = copy.deepcopy(naive.board), naive.mover
                result = child.play(action)
                assert result in (WIN, DRAW)
                scores.append(0.5 if result == DRAW else float(networks_turn))
        return sum(scores) / len(scores)

    start = game.initial().tobytes()
    return (expected(start, True) + expected(start, False)) / 2


def test_it_learns_tictactoe():
    """From hardly better than chance to 0.91 against random play by the network alone, as measured once."""
    trainer = trainer_of(
        config(
            generations=12,
            search=SearchConfig(simulations=16, cache_bits=10),
            play=PlayConfig(games=32, positions=800, opening_plies=3, temperature_plies=9),
            network=NetworkConfig(architecture="mlp:2x128", dtype="float32"),
            replay=ReplayConfig(minimum=4000, capacity=20000),
            learn=LearnConfig(batch=128, replay_ratio=8.0, warmup_steps=10, learning_rate=5e-3),
        ),
    )
    untrained = score_against_random(trainer.learner.average)
    lived(trainer)
    trained = score_against_random(trainer.learner.average)
    assert untrained < 0.75
    assert trained > 0.87
