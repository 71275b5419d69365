"""The laws of `games.game`, checked by random play: run `check_laws` on every game you write.

An `AssertionError` names the law that is broken.
"""

import numpy as np

from games.game import DRAW, MOVER_LOST, MOVER_WON, ONGOING, Game

_GARBAGE = 0xDEADBEEFDEADBEEF  # what outputs hold before a call, so that a cell left unwritten shows


def check_laws(game: Game, plays: int = 20, seed: int = 0) -> None:
    """Check the laws along `plays` random games, each also played in every symmetry of the board."""
    _check_tables(game)
    rng = np.random.default_rng(seed)
    for _ in range(plays):
        _check_play(game, rng)


def _check_tables(game: Game) -> None:
    expected = game.width if game.action_is == "column" else game.cells
    assert game.action_is in ("column", "cell"), f"action_is is 'column' or 'cell', not {game.action_is!r}"
    assert game.actions == expected, f"a game of {game.action_is}s on this board has {expected} actions"
    assert game.planes >= 3, "planes 0, 1 and 2 are own stones, the opponent's and the board"
    for name, table, size in (("cells_SC", game.cells_SC, game.cells), ("actions_SA", game.actions_SA, game.actions)):
        assert table.shape == (game.symmetries, size), f"{name} has shape [{game.symmetries}, {size}]"
        assert (np.sort(table, axis=1) == np.arange(size)).all(), f"each row of {name} is a permutation"
        assert (table[0] == np.arange(size)).all(), f"row 0 of {name} is the identity"


def _init(game: Game) -> np.ndarray:
    state_W = np.full(game.words, _GARBAGE, np.uint64)
    game.init(state_W)
    assert (state_W == game.initial()).all(), "init fills the whole of its output"
    return state_W


def _legal(game: Game, state_W: np.ndarray) -> np.ndarray:
    """Flags uint8 [A]."""
    before_W = state_W.copy()
    flags_A = np.full(game.actions, 77, np.uint8)
    count = game.legal(state_W, flags_A)
    assert (flags_A <= 1).all(), "legal fills the whole of its output with 0 or 1"
    assert count == flags_A.sum(), "legal returns how many flags are 1"
    assert count > 0, "a position that is not over has a legal move"
    assert (state_W == before_W).all(), "legal leaves its input untouched"
    return flags_A


def _step(game: Game, state_W: np.ndarray, action: int) -> tuple[np.ndarray, int]:
    before_W = state_W.copy()
    next_W = np.full(game.words, _GARBAGE, np.uint64)
    again_W = np.zeros(game.words, np.uint64)
    status = game.step(state_W, action, next_W)
    assert (state_W == before_W).all(), "step leaves its input untouched"
    assert game.step(state_W, action, again_W) == status, "step depends on nothing but its inputs"
    assert (next_W == again_W).all(), "step fills the whole of its output"
    known = (ONGOING, MOVER_WON, DRAW, MOVER_LOST)
    assert status in known, f"step returns ONGOING, MOVER_WON, DRAW or MOVER_LOST, not {status}"
    return next_W, status


def _check_wins(game: Game, state_W: np.ndarray, legal: np.ndarray) -> None:
    before_W, next_W = state_W.copy(), np.zeros(game.words, np.uint64)
    winning = [action for action in legal if game.step(state_W, action, next_W) == MOVER_WON]
    flags_A = np.full(game.actions, 77, np.uint8)
    count = game.wins(state_W, game.legal, game.step, flags_A, next_W)
    assert (flags_A <= 1).all(), "wins fills the whole of its output with 0 or 1"
    assert np.flatnonzero(flags_A).tolist() == winning, "wins flags the moves of which step says MOVER_WON"
    assert count == len(winning), "wins returns how many flags are 1"
    assert (state_W == before_W).all(), "wins leaves its input untouched"


def _observe(game: Game, state_W: np.ndarray) -> np.ndarray:
    """Planes float32 [P, H, W_]."""
    before_W = state_W.copy()
    planes_PHW = np.full((game.planes, game.height, game.width), np.nan, np.float32)
    game.observe(state_W, planes_PHW)
    assert not np.isnan(planes_PHW).any(), "observe fills the whole of its output"
    assert (state_W == before_W).all(), "observe leaves its input untouched"
    assert ((planes_PHW[:2] == 0) | (planes_PHW[:2] == 1)).all(), "planes 0 and 1 are 1 for a stone, else 0"
    assert not (planes_PHW[0] * planes_PHW[1]).any(), "a cell is not of both players"
    assert (planes_PHW[2] == 1).all(), "plane 2 is one on the whole board"
    return planes_PHW


def _check_move(game: Game, planes_PHW: np.ndarray, action: int, next_PHW: np.ndarray) -> None:
    """One stone more, where the action says, and the board handed to the other player."""
    assert (next_PHW[0] == planes_PHW[1]).all(), "after a step the opponent is the mover: plane 0 is the old plane 1"
    placed = np.flatnonzero(next_PHW[1] - planes_PHW[0])
    assert len(placed) == 1 and next_PHW[1].sum() == planes_PHW[0].sum() + 1, "a move adds one stone of the mover"
    named = placed[0] % game.width if game.action_is == "column" else placed[0]
    assert named == action, f"the stone stands on the {game.action_is} that the action names"


def _check_play(game: Game, rng: np.random.Generator) -> None:
    images = [_init(game) for _ in range(game.symmetries)]  # [S]: the same game, played in every symmetry
    planes_PHW = _observe(game, images[0])
    assert not planes_PHW[:2].any(), "the board is empty at the start"
    for ply in range(1, game.max_plies + 1):
        flags_A = _legal(game, images[0])
        for image_W, actions_A in zip(images, game.actions_SA, strict=True):
            assert (_legal(game, image_W)[actions_A] == flags_A).all(), "symmetries commute with legal"
        before_W = images[0]
        action = int(rng.choice(np.flatnonzero(flags_A)))
        stepped = [_step(game, image_W, int(game.actions_SA[s, action])) for s, image_W in enumerate(images)]
        images, status = [next_W for next_W, _ in stepped], stepped[0][1]
        next_PHW = _observe(game, images[0])
        _check_move(game, planes_PHW, action, next_PHW)
        flat_PC = next_PHW.reshape(game.planes, game.cells)
        for (image_W, image_status), cells_C in zip(stepped, game.cells_SC, strict=True):
            assert image_status == status, "symmetries commute with step"
            image_PC = _observe(game, image_W).reshape(game.planes, game.cells)
            assert (image_PC[:, cells_C] == flat_PC).all(), "symmetries commute with observe"
        _check_wins(game, before_W, np.flatnonzero(flags_A))
        planes_PHW = next_PHW
        if status != ONGOING:
            return
        possible = game.first_impossible(np.stack(images)) is None
        assert possible, "valid is 1 for every position that is reached and not over"
        assert ply < game.max_plies, "a game is over after max_plies plies at the latest"
