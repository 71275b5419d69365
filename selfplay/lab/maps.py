"""Decision maps: what a classifier makes of every place of the plane, small enough to be kept with a cell.

A map has G x G pixels over the square from -1 to 1; what lies outside of the unit disc is left blank.
"""

import base64
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from selfplay.lab.experiment import Record
from selfplay.lab.supervised import spiral

_PIXELS = 128
_ARMS = ListedColormap(["#8fbfe0", "#f2c185"])
_WRONG = ListedColormap(["#7a1f1f"])
_THIN = ListedColormap(["#d8dbe0", "#4b5563"])
_INCHES = 1.9  # of a map's side


def points() -> np.ndarray:
    """The middles of the pixels, row by row from the top, [G * G, 2]."""
    step_G = (np.arange(_PIXELS) + 0.5) * 2 / _PIXELS - 1
    x_GG, y_GG = np.meshgrid(step_G, step_G[::-1])
    return np.stack([x_GG.ravel(), y_GG.ravel()], axis=1)


def packed(classes_N: np.ndarray) -> str:
    """Class 0 or 1 of every pixel as a short text."""
    return base64.b64encode(np.packbits(classes_N.astype(bool)).tobytes()).decode()


def unpacked(text: str) -> np.ndarray:
    """The classes again, float [G, G]; nan outside of the disc."""
    bits_N = np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8))[: _PIXELS**2]
    return _on_disc(bits_N.astype(float))


def _on_disc(values_N: np.ndarray) -> np.ndarray:
    outside_N = np.hypot(*points().T) > 1
    return np.where(outside_N, np.nan, values_N).reshape(_PIXELS, _PIXELS)


def grid_of(records: Sequence[Record], *, rows: str, columns: str, below: str) -> Figure:
    """The maps of records (their `map`) by two of their parameters, with a share of theirs `below`; in a first row the
    truth, where points fall, and the thin part."""
    found = {(record[rows], record[columns]): record for record in records}
    places_R, places_C = (list(dict.fromkeys(place[side] for place in found)) for side in (0, 1))
    width = max(3, len(places_C))
    figure = Figure(figsize=(0.9 + _INCHES * width, (_INCHES + 0.35) * (len(places_R) + 1)), layout="constrained")
    axes_RC = figure.subplots(len(places_R) + 1, width, squeeze=False)
    for axes in axes_RC.flat:
        axes.set_aspect("equal")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    _draw_world(*axes_RC[0, :3])
    for row, axes_C in zip(places_R, axes_RC[1:], strict=True):
        axes_C[0].set_ylabel(_called(row, rows), fontsize=10)
        for column, axes in zip(places_C, axes_C, strict=False):
            if row == places_R[0]:
                axes.set_title(_called(column, columns), fontsize=10)
            if record := found.get((row, column)):
                _draw_map(axes, record["map"])
                axes.set_xlabel(f"{below} part {record[below]:.0%}", fontsize=8.5)
    return figure


def _called(value: int | str, parameter: str) -> str:
    return value if isinstance(value, str) else f"{value:,} {parameter}"


def _draw_map(axes: Axes, text: str) -> None:
    found_GG, truth_GG = unpacked(text), _on_disc(spiral.arm(points()).astype(float))
    axes.imshow(found_GG, cmap=_ARMS, vmin=0, vmax=1, interpolation="nearest")
    axes.imshow(np.where(found_GG == 1 - truth_GG, 0.0, np.nan), cmap=_WRONG, interpolation="nearest")


def _draw_world(truth: Axes, falling: Axes, thin: Axes) -> None:
    truth.imshow(_on_disc(spiral.arm(points()).astype(float)), cmap=_ARMS, vmin=0, vmax=1, interpolation="nearest")
    truth.set_title("the truth", fontsize=10)
    falling.imshow(_on_disc(np.log10(spiral.density(points()))), cmap="Greys", interpolation="bilinear")
    falling.set_title("where points fall", fontsize=10)
    thin.imshow(
        _on_disc(spiral.thin(points()).astype(float)), cmap=ListedColormap(["#d8dbe0", "#4b5563"]), vmin=0, vmax=1
    )
    thin.set_title("the thin part (dark)", fontsize=10)
