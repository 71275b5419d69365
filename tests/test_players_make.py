"""Players by name: the grammar, its mistakes, and what every agent has to keep to."""

import itertools

import naive_knowledge as naive
import numpy as np
import pytest
from networks import save_weights
from optional import present

import games
from games import text
from games.outcome import PROVEN_WIN, UNPROVEN
from selfplay.arena.match import play_match
from selfplay.knowledge import oracle
from selfplay.players.make import make_agent
from selfplay.search import rollout

CHEAP = {
    "connect4": ["random", "rules", "alphabeta:depth=3", "rollout:sims=60", "solver:last=12"],
    "gomoku9": ["random", "rules", "alphabeta:depth=1", "rollout:sims=20"],
    "tictactoe": ["random", "rules", "alphabeta:depth=9", "rollout:sims=60"],
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A small untrained network of Connect Four."""
    import torch

    from selfplay.network import architectures

    torch.manual_seed(0)
    game = games.make("connect4")
    path = tmp_path_factory.mktemp("network") / "weights.safetensors"
    save_weights(path, architectures.build(game, "mlp:1x16"), game.name)
    return path


def seeds(count):
    return np.random.default_rng(7).integers(0, 1 << 63, count).astype(np.uint64)


def check_analysis(game, states_NW, analysis):
    legal = [set(game.legal_actions(state_W).tolist()) for state_W in states_NW]
    assert analysis.actions_N.shape == (len(states_NW),)
    assert all(int(action) in allowed for action, allowed in zip(analysis.actions_N, legal, strict=True))
    if analysis.policy_NA is not None:
        assert analysis.policy_NA.sum(axis=1) == pytest.approx(1, abs=1e-5)
        assert all(
            set(np.flatnonzero(p).tolist()) <= allowed for p, allowed in zip(analysis.policy_NA, legal, strict=True)
        )
    if analysis.value_N is not None:
        assert (np.abs(analysis.value_N) <= 1).all()


@pytest.mark.parametrize(("name", "spec"), [(name, spec) for name, specs in CHEAP.items() for spec in specs])
def test_agents_play_legal_moves_that_depend_on_position_and_seed_alone(name, spec):
    game = games.make(name)
    states_NW = np.concatenate([naive.random_states(game, 5, plies, seed=plies) for plies in (0, 2, game.cells // 3)])
    seeds_N = seeds(len(states_NW))
    agent = make_agent(spec, game)
    assert agent.name == spec
    analysis = agent.act(states_NW.copy(), seeds_N.copy())
    check_analysis(game, states_NW, analysis)
    order = np.random.default_rng(0).permutation(len(states_NW))
    mixed = agent.act(states_NW[order], seeds_N[order])
    assert (mixed.actions_N == analysis.actions_N[order]).all()
    alone = make_agent(spec, game).act(states_NW[:1], seeds_N[:1])
    assert alone.actions_N[0] == analysis.actions_N[0]


@pytest.mark.parametrize("spec", ["net:{}", "mcts:{},sims=8", "mcts:{},sims=8,rule=puct", "mcts:{},ms=3"])
def test_network_agents(spec, weights):
    game = games.make("connect4")
    states_NW = naive.random_states(game, 2 if ",ms=" in spec else 300, 6, seed=0)
    agent = make_agent(spec.format(weights), game)
    analysis = agent.act(states_NW, seeds(len(states_NW)))
    check_analysis(game, states_NW, analysis)
    assert agent.timed == (",ms=" in spec)
    if "sims=8" in spec:
        assert present(analysis.visits_NA).sum(axis=1).max() <= 8
        again = make_agent(spec.format(weights) + ",dtype=float32", game)
        assert (again.act(states_NW, seeds(300)).actions_N == again.act(states_NW, seeds(300)).actions_N).all()


def test_net_plays_the_likeliest_legal_move(weights):
    game = games.make("connect4")
    state_W, _ = text.replay(game, text.parse_moves(game, "444444"))
    analysis = make_agent(f"net:{weights}", game).act(state_W[None], seeds(1))
    policy_NA = present(analysis.policy_NA)
    assert policy_NA[0, 3] == 0
    assert analysis.actions_N[0] == policy_NA[0].argmax()


@pytest.mark.parametrize(
    ("spec", "game", "said"),
    [
        ("alphbeta", "connect4", "unknown agent 'alphbeta' (did you mean 'alphabeta'?)"),
        ("", "connect4", "unknown agent ''"),
        ("runs/x", "connect4", "unknown agent 'runs/x' (did you mean 'mcts:runs/x,sims=200'?)"),
        ("runs/x,sims=9", "connect4", "(did you mean 'mcts:runs/x,sims=9'?)"),
        ("alphabeta,depth=3", "connect4", "(did you mean 'alphabeta:depth=3'?)"),
        ("alphabeta:6", "connect4", "has no option '6' (did you mean 'alphabeta:depth=6'?)"),
        ("mcts:{},64", "connect4", "sims=64'?)"),
        ("alphabeta:dept=3", "connect4", "has no option 'dept=3' (did you mean 'depth'?); its options: depth="),
        ("alphabeta:depth", "connect4", "has no option 'depth'"),
        ("alphabeta:depth=x", "connect4", "option 'depth' of agent 'alphabeta' is a whole number above 0, not 'x'"),
        ("alphabeta:depth=0", "connect4", "is a whole number above 0, not '0'"),
        ("alphabeta:ms=nan", "connect4", "is a number above 0, not 'nan'"),
        ("alphabeta:depth=2,depth=3", "connect4", "gives option 'depth' twice"),
        ("alphabeta:without=zugzwan", "connect4", "(did you mean 'zugzwang'?)"),
        ("random:sims=3", "connect4", "has no option 'sims=3'; its options: none"),
        ("mcts", "connect4", "needs a network, as in mcts:runs/NAME"),
        ("mcts:{},sims=8,ms=3", "connect4", "takes sims= or ms=, not both"),
        ("mcts:{},rule=gumble", "connect4", "did you mean 'gumbel'"),
        ("net:{},device=gpu", "connect4", "device is one of auto, cpu, cuda, not 'gpu' (did you mean 'cuda'?)"),
        ("net:{},dtype=bfloat", "connect4", "not 'bfloat' (did you mean 'bfloat16'?)"),
        ("net:nowhere", "connect4", "no run folder or weights file 'nowhere'"),
        ("net:{}", "gomoku9", "holds a network for connect4, not for gomoku:size=9"),
        ("net:{}", "connect4:height=5,width=5", "holds a network for connect4, not for connect4:height=5,width=5"),
        ("solver", "gomoku9", "a perfect player of connect4 (7 x 6) only"),
        ("human", "connect4", "not in matches"),
    ],
)
def test_mistakes_cost_one_clear_line(spec, game, said, weights):
    with pytest.raises(ValueError) as error:
        make_agent(spec.format(weights), games.make(game))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_without_the_oracle_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(oracle, "available", lambda: False)
    with pytest.raises(ValueError, match="pip install bitbully"):
        make_agent("solver", games.make("connect4"))


def test_random_is_uniform():
    game = games.make("connect4")
    state_W, _ = text.replay(game, text.parse_moves(game, "444444"))
    counts = np.bincount(make_agent("random", game).act(np.repeat(state_W[None], 6000, axis=0), seeds(6000)).actions_N)
    assert counts[3] == 0
    assert all(abs(count - 1000) < 150 for count in np.delete(counts, 3))  # 5 standard deviations


def test_solver_is_perfect_and_fast_to_win():
    game = games.make("connect4")
    # These two rows of scores are from bitbully's own documentation.
    assert oracle.scores(game.initial()[None]).tolist() == [[-2, -1, 0, 1, 0, -1, -2]]
    state_W, _ = text.replay(game, text.parse_moves(game, "444444"))
    assert oracle.scores(state_W[None]).tolist() == [[-1, 0, 1, oracle.ILLEGAL, 1, 0, -1]]
    analysis = make_agent("solver", game).act(game.initial()[None], seeds(1))
    assert analysis.actions_N[0] == 3
    assert present(analysis.value_N)[0] == 1
    assert present(analysis.proven_N)[0] == PROVEN_WIN


def test_solver_last_is_random_before_and_perfect_after():
    game = games.make("connect4")
    agent = make_agent("solver:last=20", game)
    early = agent.act(np.repeat(game.initial()[None], 200, axis=0), seeds(200))
    assert set(early.actions_N.tolist()) == set(range(7))
    assert (early.proven_N == UNPROVEN).all()
    for plies, knows in ((21, False), (22, True)):
        analysis = agent.act(naive.random_states(game, 10, plies, seed=1), seeds(10))
        assert (analysis.proven_N != UNPROVEN).all() == knows


def test_rollout_finds_a_win_and_a_block():
    game = games.make("connect4")
    for line, best in (("112233", 3), ("11223", 3), ("121212", 0), ("12121", 0)):
        state_W, _ = text.replay(game, text.parse_moves(game, line))
        found = rollout.search(game, np.repeat(state_W[None], 8, axis=0), seeds(8), 400)
        assert (found.visits_NA.argmax(axis=1) == best).all(), line
        assert (found.visits_NA.sum(axis=1) == 400).all()
    won, _ = text.replay(game, text.parse_moves(game, "112233"))
    assert rollout.search(game, won[None], seeds(1), 400).values_N[0] > 0.8


def test_rollout_sees_that_a_position_is_lost():
    """Three on the floor with both ends open: whoever is to move cannot stop both."""
    game = games.make("connect4")
    state_W, _ = text.replay(game, text.parse_moves(game, "33445"))
    assert oracle.scores(state_W[None]).max() < 0
    assert rollout.search(game, state_W[None], seeds(1), 3000).values_N[0] < -0.8


def test_rollout_agrees_with_exhaustive_play_of_tictactoe():
    """Random play from the empty board: X wins 0.585, O 0.288, draws 0.127 (published); UCT must do better for X."""
    game = games.make("tictactoe")
    first = rollout.search(game, np.repeat(game.initial()[None], 3000, axis=0), seeds(3000), 1)
    assert first.values_N.mean() == pytest.approx(0.585 - 0.288, abs=0.06)  # 4 standard deviations
    deep = rollout.search(game, game.initial()[None], seeds(1), 20_000)
    assert abs(deep.values_N[0]) < 0.2  # a draw with good play


def test_baselines_rank_as_they_must():
    game = games.make("connect4")
    players = [make_agent(spec, game) for spec in ("random", "rules", "alphabeta:depth=4", "alphabeta:depth=8")]
    for weaker, stronger in itertools.pairwise(players):
        result = play_match(game, stronger, weaker, games=120)
        assert result.interval[0] > 0.5, (stronger.name, weaker.name)
    gomoku = games.make("gomoku15")
    players = [make_agent(spec, gomoku) for spec in ("random", "rules", "alphabeta:nodes=2000")]
    for weaker, stronger in itertools.pairwise(players):
        assert play_match(gomoku, stronger, weaker, games=40).interval[0] > 0.5
    assert play_match(game, make_agent("rollout:sims=100", game), make_agent("random", game), games=40).score > 0.9
