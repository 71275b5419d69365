"""Small untrained networks whose outputs differ clearly from position to position, and what torch makes of them.

The softmax is written out, apart from the project's own.
"""

import numpy as np
import torch

from games.game import ONGOING
from selfplay.network import onnx_graph
from selfplay.network.architectures import build
from selfplay.network.weights import weights_bytes


def network_of(game, architecture, seed=0):
    """A network in eval mode whose outputs differ clearly from position to position."""
    torch.manual_seed(seed)
    network = build(game, architecture)
    planes = torch.from_numpy(planes_of(game, random_states(game, 64, seed=99)))
    with torch.no_grad():
        network(planes)  # moves the running statistics off 0 and 1
        for head in (network.policy, network.value):
            list(head.parameters())[-2].mul_(8.0)
    return network.eval()


def onnx_of(network, game):
    """Its ONNX file."""
    arrays = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    return onnx_graph.model(arrays, game, {"architecture": network.architecture})


def random_states(game, count, seed=0):
    rng = np.random.default_rng(seed)
    states = [game.initial()]
    while len(states) < count:
        state, status = game.after(states[-1], int(rng.choice(game.legal_actions(states[-1]))))
        states.append(state if status == ONGOING else game.initial())
    return np.stack(states)


def planes_of(game, states):
    return np.stack([game.planes_of(state) for state in states])


def outputs(network, planes):
    """Policy logits and win/draw/loss of a network as it was trained, the softmax written out."""
    with torch.no_grad():
        policy, value, _ = network(torch.from_numpy(planes))
    raised = np.exp(value.numpy().astype(np.float64))
    return policy.numpy(), raised / raised.sum(axis=1, keepdims=True)


def onnx_outputs(session, planes) -> tuple[np.ndarray, np.ndarray]:
    """The same of an ONNX Runtime session."""
    policy, wdl = session.run(["policy", "wdl"], {"planes": planes})
    return policy, wdl


def softmax(logits):
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def save_weights(path, network, game_name, extra=None):
    """Write a weights file."""
    path.write_bytes(weights_bytes(network, game_name, extra))
