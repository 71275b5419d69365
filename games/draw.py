"""A board as a picture, drawn with numpy alone: a rack of discs for columns, stones on a grid for cells."""

import numpy as np

from games.game import Game

_CELL = 48  # pixels of one cell's side
_MARGIN = 24  # pixels around the cells
_FINE = 3  # drawn this many times finer, then averaged, so that edges are smooth

_RACK = {"ground": (28, 78, 156), "hole": (17, 38, 74), "mark": (255, 255, 255)}
_BOARD = {"ground": (222, 178, 108), "line": (94, 66, 30), "mark": (64, 190, 120)}


def draw(game: Game, board_HW: np.ndarray, last_cell: int | None = None) -> np.ndarray:
    """uint8 [height, width, 3] picture of `board_HW` (`games.text.board_of`), the stone on `last_cell` marked."""
    fine_cell, fine_margin = _CELL * _FINE, _MARGIN * _FINE
    rack = game.action_is == "column"
    colours = _RACK if rack else _BOARD
    stones = {1: game.sides[0].rgb, -1: game.sides[1].rgb}
    shape = (game.height * fine_cell + 2 * fine_margin, game.width * fine_cell + 2 * fine_margin, 3)
    picture = np.empty(shape, np.float32)
    picture[:] = colours["ground"]
    if not rack:
        _grid(picture, game, fine_cell, fine_margin)

    # Distance of each pixel of one cell from the cell's centre, in cell sides.
    axis = (np.arange(fine_cell) + 0.5) / fine_cell - 0.5
    down, right = axis[:, None], axis[None, :]
    distance = np.hypot(down, right)
    disc = distance < (0.40 if rack else 0.45)
    ring = (distance > 0.13) & (distance < 0.19)
    light = 1 + 0.25 * np.exp(-20 * ((down + 0.15) ** 2 + (right + 0.15) ** 2))  # from the upper left
    for cell, stone in enumerate(board_HW.reshape(-1).tolist()):
        top, left = (fine_margin + fine_cell * index for index in divmod(cell, game.width))
        tile = picture[top : top + fine_cell, left : left + fine_cell]
        if stone != 0:
            tile[disc] = (light[..., None] * np.array(stones[stone], np.float32)).clip(0, 255)[disc]
        elif rack:
            tile[disc] = colours["hole"]
        if cell == last_cell:
            tile[ring] = colours["mark"]
    height, width = shape[0] // _FINE, shape[1] // _FINE
    return picture.reshape(height, _FINE, width, _FINE, 3).mean(axis=(1, 3)).round().astype(np.uint8)


def _grid(picture: np.ndarray, game: Game, fine_cell: int, fine_margin: int) -> None:
    """Lines through the centres of the cells, from the first to the last."""
    half = _FINE // 2
    start = fine_margin + fine_cell // 2 - half
    rows = [start + fine_cell * row for row in range(game.height)]
    columns = [start + fine_cell * column for column in range(game.width)]
    for row in rows:
        picture[row : row + _FINE, start : columns[-1] + _FINE] = _BOARD["line"]
    for column in columns:
        picture[start : rows[-1] + _FINE, column : column + _FINE] = _BOARD["line"]
