"""Weights as a file: safetensors, with the game, the architecture and the planes that they were trained on.

Nothing read here can run code. What does without torch, which takes over a second to import, finds here the metadata
and the arrays alone.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from games.game import Game
from selfplay.run import formats

if TYPE_CHECKING:
    from selfplay.network.architectures import Network


def weights_bytes(network: "Network", game_name: str, extra: Mapping[str, str] | None = None) -> bytes:
    """A network as the content of a safetensors file; what it is stands in its metadata."""
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    content = save(tensors, {**(extra or {}), **described(network, game_name)})
    # The library writes metadata in random order; in a fixed one, equal weights are equal files. The layout is
    # eight bytes of length, little-endian, then JSON padded with spaces to that length, then the tensors.
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    return content[:8] + json.dumps(header, separators=(",", ":")).encode().ljust(start - 8) + content[start:]


def described(network: "Network", game_name: str) -> dict[str, str]:
    """What a weights file says of its network: the game, the architecture, and the number of planes that it sees."""
    written = {name: str(value) for name, value in formats.stamp().items()}
    return {"game": game_name, "architecture": network.architecture, "planes": str(network.planes), **written}


def check_planes(metadata: Mapping[str, str], game: Game) -> None:
    """`ValueError` for weights that were trained on another view of the game; files before version 0.2 do not tell."""
    planes = metadata.get("planes", str(game.planes))
    if planes != str(game.planes):
        raise ValueError(f"a network that sees {planes} planes of {game.name}, which shows {game.planes}")


def weights_metadata(path: Path) -> dict[str, str]:
    """What a weights file says of itself: at least its game and architecture. `ValueError` if it is none of ours."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except FileNotFoundError:
        raise ValueError(f"there is no weights file {path}") from None
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}") from error
    formats.check(metadata, path)
    for key in ("game", "architecture"):
        if key not in metadata:
            raise ValueError(f"{path} holds no network of this project: its metadata names no {key}")
    return metadata


def weights_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a weights file, for what does without torch; `ValueError` for a damaged file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}") from error
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{path} holds no network: its array {name} is not finite")
    return arrays


def load_weights(path: Path) -> "tuple[Network, str]":
    """(network in eval mode, name of its game); `ValueError` with one line for a damaged or foreign file."""
    import torch

    import games
    from selfplay.network.architectures import rebuilt

    metadata = weights_metadata(path)
    arrays = weights_arrays(path)
    try:
        game = games.make(metadata["game"])
        check_planes(metadata, game)
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        return rebuilt(game, metadata["architecture"], tensors), metadata["game"]
    except (RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"{path} does not hold a {metadata['architecture']} for {metadata['game']}: {reason}"
        ) from error
