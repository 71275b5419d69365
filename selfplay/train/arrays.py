"""Files of arrays that may come from a stranger: no larger in memory than on disk, and of the types and shapes that are
expected, before anything compiled indexes by what they hold.
"""

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

Shape = tuple[int | None, ...]
"""None stands for any length"""


def load(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an npz file as `np.savez` writes it, which compresses nothing.

    `ValueError` if it is none, would need unpickling, or would take more memory than the file has bytes.
    """
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > path.stat().st_size:
                raise ValueError("it is larger than it seems")
            if any(entry.header_offset < 0 or entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise ValueError("its table of contents does not fit it")
            for entry in entries:
                with archive.open(entry) as member:
                    found[entry.filename.removesuffix(".npy")] = _array(member, entry.file_size)
    except OSError:
        raise
    except Exception as error:  # what is damaged fails in any way
        raise ValueError(f"{path} is not a file of arrays: {error}") from error
    return found


def _array(member: Any, size: int) -> np.ndarray:
    """The array of a .npy file of so many bytes, whose header is believed only where it fits them."""
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(member)
    if version not in read_header:
        raise ValueError(f"a .npy file of version {version}")
    shape, by_columns, dtype = read_header[version](member)
    if dtype.hasobject:
        raise ValueError("it holds objects")
    content = member.read()
    if len(content) != math.prod(shape) * dtype.itemsize or len(content) > size:
        raise ValueError(f"an array of shape {shape} has {len(content):,} bytes")
    return np.frombuffer(bytearray(content), dtype).reshape(shape, order="F" if by_columns else "C")


def expect(state: Mapping[str, np.ndarray], expected: Mapping[str, tuple[Any, Shape]]) -> None:
    """`ValueError` that names the first array which is missing, or has another type or shape than (dtype, shape)."""
    for name, (dtype, shape) in expected.items():
        if name not in state:
            raise ValueError(f"{name} is missing")
        array, dtype = state[name], np.dtype(dtype)
        fits = len(array.shape) == len(shape) and all(
            there in (here, None) for here, there in zip(array.shape, shape, strict=True)
        )
        if array.dtype != dtype or not fits:
            wanted = tuple("any" if length is None else length for length in shape)
            raise ValueError(f"{name} is {array.dtype}{list(array.shape)}, not {dtype}{list(wanted)}")


def within(name: str, array: np.ndarray, low: float, high: float) -> None:
    """`ValueError` for a number outside of [low, high], or for one that is none (NaN)."""
    bad = ~((array >= low) & (array <= high))
    if bad.any():
        raise ValueError(f"{name} holds {array[bad].flat[0]}, not a number from {low:g} to {high:g}")
