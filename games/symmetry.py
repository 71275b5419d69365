"""Tables of board symmetries: permutations of cells, row-major from the top left.

S symmetries, A actions, C cells. `table[s, c]` is where the content of `c` stands under symmetry `s`;
row 0 is the identity.
"""

import numpy as np


def mirror_columns(width: int) -> np.ndarray:
    """Columns left as they are, and left-right mirrored; int64 [2, width]."""
    columns = np.arange(width)
    return np.stack([columns, columns[::-1]])


def compose(height: int, width: int, columns_SA: np.ndarray) -> np.ndarray:
    """The cell table [S, height * width] of symmetries that only permute columns."""
    rows = np.arange(height)[:, None] * width
    return np.stack([(rows + columns).reshape(-1) for columns in columns_SA])


def dihedral(size: int) -> np.ndarray:
    """The eight symmetries of a square board; int64 [8, size * size]."""
    cells = np.arange(size * size).reshape(size, size)
    turned = [np.rot90(cells, turns) for turns in range(4)]
    sources = turned + [np.fliplr(board) for board in turned]
    # `sources` says which cell each place takes its content from; argsort turns it round.
    return np.stack([np.argsort(board.reshape(-1)) for board in sources])
