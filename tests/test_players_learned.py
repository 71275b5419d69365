"""Players made of weights in memory: the same as those made of the file, and as the weights were at that time."""

import functools
import re

import naive_knowledge as naive
import numpy as np
import pytest
import torch
from networks import network_of, save_weights
from optional import present

import games
from selfplay.arena.match import play_match
from selfplay.network import onnx_graph
from selfplay.network.frozen import FrozenNetwork, NotTrainedHere
from selfplay.players import learned
from selfplay.players.make import make_agent

SEEDS = np.arange(40, dtype=np.uint64)


@pytest.fixture
def game():
    return games.make("connect4")


@pytest.fixture
def states(game):
    """More than a small batch, so that torch answers too."""
    return naive.random_states(game, len(SEEDS), 6, seed=0)


@pytest.mark.parametrize(
    ("spec", "options"),
    [
        ("net:{},dtype=float32", {"policy_only": True, "dtype": "float32"}),
        ("mcts:{},sims=8,dtype=float32", {"simulations": 8, "dtype": "float32"}),
        ("mcts:{},sims=8,dtype=bfloat16", {"simulations": 8, "dtype": "bfloat16"}),
        ("mcts:{},sims=8,rule=puct,dtype=float32", {"simulations": 8, "rule": "puct", "dtype": "float32"}),
    ],
)
def test_weights_in_memory_play_the_games_that_their_file_plays(spec, options, game, tmp_path):
    network = network_of(game, "resnet:1x8")
    save_weights(tmp_path / "weights", network, "connect4")
    opponent = make_agent("rules", game)
    players = (
        learned.from_network(network, game, **options),
        make_agent(spec.format(tmp_path / "weights"), game, name="x"),
    )
    one, other = (play_match(game, player, opponent, games=40, seed=3) for player in players)
    assert (one.wins, one.draws, one.losses, one.pairs_5) == (other.wins, other.draws, other.losses, other.pairs_5)
    assert one.distinct_games == other.distinct_games > 20


def test_a_player_keeps_the_weights_that_it_was_made_of(game, states):
    network = network_of(game, "resnet:1x8")
    player = learned.from_network(network, game, policy_only=True, dtype="float32")

    def policy_of(player, count=4):
        return present(player.act(states[:count], SEEDS[:count]).policy_NA)

    before = policy_of(player)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(-1.0)
    assert np.array_equal(policy_of(player), before)
    np.testing.assert_allclose(policy_of(player, len(states))[:4], before, atol=1e-4)  # torch, loaded just now
    assert player.clone
    assert np.array_equal(policy_of(player.clone()), before)
    changed = learned.from_network(network, game, policy_only=True, dtype="float32")
    assert not np.allclose(policy_of(changed), before, atol=1e-2)


@pytest.mark.parametrize(("positions", "least", "threads"), [(1, 1, 0), (2, 1, 2), (127, 128, 0), (300, 128, 2)])
def test_a_few_positions_are_no_work_for_a_thread(positions, least, threads, monkeypatch):
    started, real = [0], learned.ThreadPoolExecutor
    monkeypatch.setattr(learned, "ThreadPoolExecutor", lambda n, **more: started.append(n) or real(n, **more))
    states_NW = np.arange(positions)[:, None]
    found = learned._shared_out([lambda some_NW: some_NW[:, 0]] * 3, states_NW, least=least)
    assert np.concatenate(found).tolist() == [*range(positions)] and started[-1] == threads


def test_the_onnx_file_is_made_once_for_all_players_of_the_same_weights(game, monkeypatch):
    made = []
    model = onnx_graph.model
    monkeypatch.setattr(onnx_graph, "model", lambda *given: made.append(1) or model(*given))
    frozen = FrozenNetwork.of(network_of(game, "resnet:1x8"), game)
    make = functools.partial(learned.from_network, frozen, game, device="cpu")
    players = [make(simulations=4), make(policy_only=True), make(ms=2.0)]
    assert players[2].clone
    players[2].clone()
    assert [player.name for player in players] == ["mcts:sims=4", "net", "mcts:ms=2"]
    assert made == [1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "takes simulations, ms or policy_only"),
        ({"simulations": 4, "ms": 2.0}, "takes simulations, ms or policy_only"),
        ({"ms": 2.0, "policy_only": True}, "takes simulations, ms or policy_only"),
        ({"simulations": 4, "device": "gpu"}, "device is one of auto, cpu, cuda, not 'gpu'"),
        ({"simulations": 4, "rule": "puckt"}, "did you mean 'puct'"),
    ],
)
def test_mistakes_cost_one_clear_line(options, said, game):
    with pytest.raises(ValueError) as error:
        learned.from_network(network_of(game, "mlp:1x8"), game, **options)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_network_that_is_blind_to_size_plays_another_board_after_a_warning(tmp_path):
    """As the same weights do in a network that was made for that board."""
    small, large = games.make("gomoku:size=5"), games.make("gomoku:size=8")
    network = network_of(small, "resnet:2x8")
    save_weights(tmp_path / "weights", network, small.name)
    line = f"{tmp_path / 'weights'} learned gomoku:size=5: it plays gomoku:size=8 without having been trained there"
    with pytest.warns(NotTrainedHere, match=re.escape(line)):
        player = make_agent(f"net:{tmp_path / 'weights'},dtype=float32", large)
    states_NW = naive.random_states(large, 20, 9, seed=0)
    found = player.act(states_NW, SEEDS[:20])
    own = learned.from_network(network, large, policy_only=True, dtype="float32").act(states_NW, SEEDS[:20])
    np.testing.assert_allclose(present(found.policy_NA), present(own.policy_NA), atol=1e-5)
    assert present(found.policy_NA).shape == (20, 64) and len(set(found.actions_N.tolist())) > 1
    with pytest.warns(NotTrainedHere):
        searched = make_agent(f"mcts:{tmp_path / 'weights'},sims=8", large).act(states_NW[:2], SEEDS[:2])
    assert present(searched.visits_NA).sum(axis=1).tolist() == [8, 8]


@pytest.mark.parametrize(
    ("architecture", "learned_on", "board"),
    [
        ("mlp:1x8", "gomoku:size=5", "gomoku:size=8"),
        ("resnet:1x8", "gomoku:size=5,k=4", "gomoku:size=5"),
        ("resnet:1x8", "gomoku:size=5", "gomoku:size=8,rule=caro"),
        ("resnet:1x8", "gomoku:size=5", "gomoku:size=8,rule=renju"),
    ],
)
def test_other_layers_winning_lengths_and_rules_are_refused(architecture, learned_on, board, tmp_path):
    small = games.make(learned_on)
    save_weights(tmp_path / "weights", network_of(small, architecture), small.name)
    with pytest.raises(ValueError, match=f"holds a network for {learned_on}, not for {board}"):
        make_agent(f"net:{tmp_path / 'weights'}", games.make(board))


def test_a_network_plays_no_other_game(game):
    other = games.make("connect4:height=5,width=5")
    frozen = FrozenNetwork.of(network_of(game, "mlp:1x8"), game)
    with pytest.raises(
        ValueError, match="the set of weights holds a network for connect4, not for connect4:height=5,width=5"
    ):
        learned.from_network(frozen, other, simulations=4)
