"""The window of past positions that is learned from: a bounded ring of packed states.

Shape letters: M positions, B rows of a batch, W words, A actions, P H W planes, S symmetries, C cells.
"""

from dataclasses import dataclass

import numpy as np
from numba import types, void

from games.game import Game
from games.kernel import OBSERVE, array, direct, kernel, planes_PHW
from games.outcome import LOSS, WIN
from selfplay.config import ReplayConfig
from selfplay.train import arrays
from selfplay.train.slots import MINE, THEIRS

_u64_BW = array(np.uint64, 2)
_i64_B = array(np.int64, 1)
_f32_BA = array(np.float32, 2)
_i64_SA = array(np.int64, 2)
_f32_BPHW = array(np.float32, 4)
_NO_REPLY = -1
_UNKNOWN = 0xFF  # a cell of both players: nobody knows how the game ended
_ROUNDING = 0.01  # of probabilities in half precision


@kernel(
    void(
        types.FunctionType(OBSERVE), _u64_BW, _i64_B, _i64_SA, _i64_SA, planes_PHW, _f32_BPHW, _f32_BA, _f32_BA, _i64_B,
        _i64_B,
    ),
    allocates=False,
)  # fmt: skip
def _observe_batch(
    observe, states_BW, symmetry_B, cells_SC, actions_SA, scratch_PHW, planes_BPHW, policy_in_BA, policy_BA, reply_in_B,
    reply_B,
):  # fmt: skip
    """Fill planes, policies and replies of a batch, each row turned by its symmetry."""
    planes, height, width = scratch_PHW.shape
    for row in range(len(states_BW)):
        symmetry = symmetry_B[row]
        observe(states_BW[row], scratch_PHW)
        for y in range(height):
            for x in range(width):
                cell = cells_SC[symmetry, y * width + x]
                for plane in range(planes):
                    planes_BPHW[row, plane, cell // width, cell % width] = scratch_PHW[plane, y, x]
        for action in range(policy_BA.shape[1]):
            policy_BA[row, actions_SA[symmetry, action]] = policy_in_BA[row, action]
        reply_B[row] = _NO_REPLY if reply_in_B[row] < 0 else actions_SA[symmetry, reply_in_B[row]]


_observe = direct(_observe_batch)


def pack_owners(owners_MC: np.ndarray) -> np.ndarray:
    """uint8 [M, 2, K] of EMPTY, MINE or THEIRS [M, C]: a bit for each cell of the player to move, then for each of the
    opponent's. A cell of both is one of which nobody knows."""
    return np.packbits(np.stack([owners_MC == MINE, owners_MC == THEIRS], axis=1), axis=2)


def _unpack_owners(owners_B2K: np.ndarray, cells: int) -> np.ndarray:
    """int64 [B, C] of EMPTY, MINE, THEIRS, or -1 for unknown."""
    mine_BC, theirs_BC = np.unpackbits(owners_B2K, axis=2, count=cells).swapaxes(0, 1).astype(np.int64)
    return np.where(mine_BC & theirs_BC, -1, MINE * mine_BC + THEIRS * theirs_BC)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Training rows, float32 but for `reply_B`."""

    planes_BPHW: np.ndarray
    policy_BA: np.ndarray
    value_B3: np.ndarray  # win, draw, loss of the player to move
    reply_B: np.ndarray  # int64; the opponent's next move, or -1
    owners_BC: np.ndarray | None = None  # int64; 0 empty, 1 the mover's, 2 the opponent's at the end; -1 unknown


class Replay:
    """Positions in order of arrival; the oldest give way."""

    def __init__(self, game: Game, config: ReplayConfig, *, owners: bool = False) -> None:
        """With `owners` it also keeps whose stone stood in each cell when the game was over."""
        self.game = game
        self.config = config
        capacity = config.capacity
        self.added = 0  # ever
        self._states_MW = np.zeros((capacity, game.words), np.uint64)
        self._policies_MA = np.zeros((capacity, game.actions), np.float16)
        self._wdl_M3 = np.zeros((capacity, 3), np.float16)
        self._z_M = np.zeros(capacity, np.int8)
        self._reply_M = np.zeros(capacity, np.int16)
        self._owners_M2K = np.zeros((capacity, 2, -(-game.cells // 8)), np.uint8) if owners else None
        self._scratch_PHW = np.zeros((game.planes, game.height, game.width), np.float32)

    @property
    def window(self) -> int:
        """How many of the newest positions are drawn from: KataGo's power law, bounded by what is there."""
        config = self.config
        ratio = max(self.added / config.minimum, 1.0)
        size = config.minimum * (1.0 + config.factor * (ratio**config.exponent - 1.0) / config.exponent)
        return min(int(size), self.added, config.capacity)

    def add(
        self,
        states_MW: np.ndarray,
        policies_MA: np.ndarray,
        wdl_M3: np.ndarray,
        z_M: np.ndarray,
        reply_M: np.ndarray,
        owners_M2K: np.ndarray | None = None,
    ) -> None:
        """Append M positions: states, improved policies, root values, results (0 win, 1 draw, 2 loss), replies, and
        who owned which cell at the end, a bit for each cell of both players; None where nobody knows."""
        rows = (self.added + np.arange(len(states_MW))) % self.config.capacity
        self._states_MW[rows] = states_MW
        self._policies_MA[rows] = policies_MA
        self._wdl_M3[rows] = wdl_M3
        self._z_M[rows] = z_M
        self._reply_M[rows] = reply_M
        if self._owners_M2K is not None:
            self._owners_M2K[rows] = _UNKNOWN if owners_M2K is None else owners_M2K
        self.added += len(states_MW)

    def sample(self, rng: np.random.Generator, rows: int, *, root_value_mix: float, symmetries: bool) -> Batch:
        """`rows` positions drawn uniformly from the window, with replacement."""
        game = self.game
        age = rng.integers(self.window, size=rows)
        at = (self.added - 1 - age) % self.config.capacity
        symmetry_B = rng.integers(game.symmetries, size=rows) if symmetries else np.zeros(rows, np.int64)
        planes_BPHW = np.empty((rows, game.planes, game.height, game.width), np.float32)
        policy_BA = np.empty((rows, game.actions), np.float32)
        reply_B = np.empty(rows, np.int64)
        _observe(
            game.observe,
            self._states_MW[at],
            symmetry_B,
            np.ascontiguousarray(game.cells_SC),
            np.ascontiguousarray(game.actions_SA),
            self._scratch_PHW,
            planes_BPHW,
            self._policies_MA[at].astype(np.float32),
            policy_BA,
            self._reply_M[at].astype(np.int64),
            reply_B,
        )
        value_B3 = root_value_mix * self._wdl_M3[at].astype(np.float32)
        value_B3[np.arange(rows), self._z_M[at]] += 1.0 - root_value_mix
        return Batch(
            planes_BPHW=planes_BPHW,
            policy_BA=policy_BA,
            value_B3=value_B3,
            reply_B=reply_B,
            owners_BC=None if self._owners_M2K is None else self._owners(self._owners_M2K[at], symmetry_B),
        )

    def _owners(self, owners_B2K: np.ndarray, symmetry_B: np.ndarray) -> np.ndarray:
        """Of a batch, each row turned by its symmetry."""
        owners_BC = _unpack_owners(owners_B2K, self.game.cells)
        turned_BC = np.empty_like(owners_BC)
        turned_BC[np.arange(len(owners_BC))[:, None], self.game.cells_SC[symmetry_B]] = owners_BC
        return turned_BC

    def state(self) -> dict[str, np.ndarray]:
        """Everything the window can still reach, oldest first, as arrays to save."""
        kept = min(self.added, self.config.capacity)
        at = (self.added - kept + np.arange(kept)) % self.config.capacity
        owners = {} if self._owners_M2K is None else {"owners_M2K": self._owners_M2K[at]}
        return {
            "added": np.array(self.added),
            "states_MW": self._states_MW[at],
            "policies_MA": self._policies_MA[at],
            "wdl_M3": self._wdl_M3[at],
            "z_M": self._z_M[at],
            "reply_M": self._reply_M[at],
            **owners,
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take back what `state` gave; `ValueError` for arrays that it cannot have given."""
        game, capacity = self.game, self.config.capacity
        arrays.expect(state, {"added": (np.int64, ()), "z_M": (np.int8, (None,))})
        added, kept = int(state["added"]), len(state["z_M"])
        if kept != min(added, capacity):
            raise ValueError(f"z_M has {kept:,} of {added:,} positions, where {capacity:,} have room")
        arrays.expect(
            state,
            {
                "states_MW": (np.uint64, (kept, game.words)),
                "policies_MA": (np.float16, (kept, game.actions)),
                "wdl_M3": (np.float16, (kept, 3)),
                "reply_M": (np.int16, (kept,)),
            },
        )
        for name, low, high in (
            ("policies_MA", 0.0, 1.0 + _ROUNDING),
            ("wdl_M3", -_ROUNDING, 1.0 + _ROUNDING),
            ("z_M", WIN, LOSS),
            ("reply_M", _NO_REPLY, game.actions - 1),
        ):
            arrays.within(name, state[name], low, high)
        if (row := game.first_impossible(state["states_MW"])) is not None:
            raise ValueError(f"row {row} of states_MW is no position of {game.name}")
        owners_M2K = state.get("owners_M2K")
        if owners_M2K is not None:
            arrays.expect(state, {"owners_M2K": (np.uint8, (kept, 2, -(-game.cells // 8)))})
        self.added = added - kept
        self.add(state["states_MW"], state["policies_MA"], state["wdl_M3"], state["z_M"], state["reply_M"], owners_M2K)
