"""Weights as a file: what it says of itself, and what is refused."""

import json
import resource

import numpy as np
import pytest
import torch
from networks import network_of, save_weights

import games
from selfplay.network.frozen import FrozenNetwork
from selfplay.network.weights import load_weights, weights_arrays, weights_metadata


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, network_of(games.make("connect4"), "mlp:1x8"), "connect4")
    return path


def rewritten(path, change):
    """The file with other metadata."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    change(header["__metadata__"])
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[start:])


def test_a_file_tells_the_planes_that_its_network_sees(path):
    expected = {"game": "connect4", "architecture": "mlp:1x8", "planes": "4"}
    assert weights_metadata(path).items() >= expected.items()


def test_weights_of_another_view_are_refused(path):
    rewritten(path, lambda metadata: metadata.update(planes="6"))
    with pytest.raises(ValueError, match="a network that sees 6 planes of connect4, which shows 4"):
        load_weights(path)


def test_files_from_before_views_load(path):
    rewritten(path, lambda metadata: metadata.pop("planes"))
    network, game = load_weights(path)
    assert (game, network.planes) == ("connect4", 4)


BIG = "resnet:100x4096"  # 113 GB in float32: 200 convolutions of 9 * 4096 * 4096 numbers


@pytest.mark.parametrize("architecture", [BIG, "mlp:2x8", "mlp:1x4096", "resnet:1x1"])
def test_another_architecture_than_that_of_the_arrays_takes_no_memory(path, architecture):
    rewritten(path, lambda metadata: metadata.update(architecture=architecture))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=f"does not hold a {architecture} for connect4: the tensor .* is missing"):
        load_weights(path)
    with pytest.raises(ValueError, match=r"w\.safetensors holds"):
        _ = FrozenNetwork.load(path, games.make("connect4")).module
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused_wherever_they_are_loaded(path, value):
    network = network_of(games.make("connect4"), "mlp:1x8")
    with torch.no_grad():
        next(network.parameters()).flatten()[3] = float(value)
    save_weights(path, network, "connect4")
    for load in (load_weights, weights_arrays, lambda path: FrozenNetwork.load(path, games.make("connect4"))):
        with pytest.raises(ValueError, match=r"w\.safetensors holds no network: its array .* is not finite"):
            load(path)
