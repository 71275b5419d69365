"""Weights as a file: what it says of itself, and what is refused."""

import json

import pytest
from networks import network_of, save_weights

import games
from selfplay.network.weights import load_weights, weights_metadata


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
