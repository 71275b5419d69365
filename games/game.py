"""A game: sizes, symmetries, and four compiled functions on a row of 64-bit words.

Shape letters, here and wherever games are used: W words of a state, A actions, P planes, H height,
W_ width (the last axis of planes), C cells = H * W_, S symmetries.

The laws every game obeys (tests/test_game_laws.py checks them by random play):

- a position is over, or it has a legal move;
- `step` leaves its input untouched and fills the whole of its output;
- `legal` fills the whole of its output with 0 or 1 and returns how many are 1;
- symmetries are permutations, the first is the identity, and they commute with all four functions;
- `wins`, a fifth that a game may add for speed, flags the moves of which `step` says that they win;
- `valid`, a sixth that it may add for strictness, is 1 for every position that play can reach and that is not over.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numba import types

from games.kernel import LEGAL, OBSERVE, VALID, WINS, array, flags_A, i64, kernel, planes_PHW

# What `step` returns.
ONGOING = 0
MOVER_WON = 1  # the player who has just moved; the player to move in the new state has lost
DRAW = 2
MOVER_LOST = 3  # as in misere games: the player to move in the new state has won

Legal = Callable[[np.ndarray, np.ndarray], int]
Step = Callable[[np.ndarray, int, np.ndarray], int]


@kernel(WINS, allocates=False)
def wins_by_stepping(state_W: np.ndarray, legal: Legal, step: Step, flags_A: np.ndarray, next_W: np.ndarray) -> int:
    """`wins` of a game that has no faster way than to try each move."""
    legal(state_W, flags_A)
    count = 0
    for action in range(len(flags_A)):
        if flags_A[action] == 1:
            flags_A[action] = step(state_W, action, next_W) == MOVER_WON
            count += flags_A[action]
    return count


@kernel(VALID, allocates=False)
def valid_by_observing(
    state_W: np.ndarray,
    legal: Legal,
    observe: Callable[[np.ndarray, np.ndarray], None],
    flags_A: np.ndarray,
    planes_PHW: np.ndarray,
) -> int:
    """`valid` of a game that says no more: no cell has two stones or half of one, and there is a move."""
    observe(state_W, planes_PHW)
    _, height, width = planes_PHW.shape
    for y in range(height):
        for x in range(width):
            own = planes_PHW[0, y, x]
            other = planes_PHW[1, y, x]
            if not ((own == 0.0 or own == 1.0) and (other == 0.0 or other == 1.0) and own + other <= 1.0):
                return 0
    return 1 if legal(state_W, flags_A) > 0 else 0


@kernel(
    i64(
        types.FunctionType(VALID), types.FunctionType(LEGAL), types.FunctionType(OBSERVE), array(np.uint64, 2),
        flags_A, planes_PHW,
    ),
    allocates=False,
)  # fmt: skip
def _first_impossible(
    valid: Any, legal: Any, observe: Any, states_MW: np.ndarray, scratch_A: np.ndarray, scratch_PHW: np.ndarray
) -> int:
    """The row of the first state that is not `valid`, or -1."""
    for row in range(len(states_MW)):
        if valid(states_MW[row], legal, observe, scratch_A, scratch_PHW) == 0:
            return row
    return -1


@dataclass(frozen=True)
class Side:
    """What people call one of the two players, and the colour of their stones."""

    name: str
    colour: str
    """#rrggbb"""

    def __post_init__(self) -> None:
        if not re.fullmatch("#[0-9a-f]{6}", self.colour):
            raise ValueError(f"a colour is written #rrggbb, not {self.colour!r}")

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green and blue, 0 to 255."""
        red, green, blue = bytes.fromhex(self.colour[1:])
        return red, green, blue


BLACK_AND_WHITE = Side("Black", "#202024"), Side("White", "#f6f4ee")
RED_AND_YELLOW = Side("Red", "#e23d37"), Side("Yellow", "#facc3c")


def _as_value(held: Any) -> Any:
    """Arrays and compiled functions as what two of them are compared by."""
    if isinstance(held, np.ndarray):
        return held.tolist()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if isinstance(held, Mapping):
        return dict(held)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if callable(held):
        return held.__module__, held.__qualname__  # which tells of what it closes over: see `kernel`
    return held


@dataclass(frozen=True, kw_only=True, eq=False)
class Game:
    """One game at one size. `name` is what `games.make` accepts and gives this game back.

    Two games are equal if all they hold is, functions being equal if they were compiled from the same definition with
    the same sizes. A copy is the game itself, which nothing changes; a pickle holds the name, and where a game was
    added by a file or a module, that.

    The functions, all compiled with the signatures of `games.kernel`:

    - `init(state_W)` writes the starting position.
    - `legal(state_W, flags_A) -> count` is only asked of a position that is not over.
    - `step(state_W, action, next_W) -> status`; the action must be legal. `next_W` may not be `state_W`.
    - `observe(state_W, planes_PHW)` shows the position to a network. Plane 0 holds the mover's stones,
      plane 1 the opponent's, plane 2 is one on every cell of the board (so that the edge can be seen
      through zero padding); a game may add more.
    - `valid(state_W, legal, observe, flags_A, planes_PHW) -> 0 or 1` says whether words that come from a file are a
      position of a game that is not over; what it leaves in the last two means nothing.
    - `wins(state_W, legal, step, flags_A, next_W) -> count` flags the moves that win at once, in a position that is
      not over; `legal` and `step` are the game's own, and what it leaves in `next_W` means nothing.
    """

    name: str
    kind: str  # the family, with one notation and one set of human-knowledge agents: "connect4", "gomoku"
    height: int
    width: int
    planes: int
    actions: int
    words: int
    max_plies: int
    in_a_row: int
    action_is: str  # "column" or "cell" (row-major from the top left): what an action number names
    cells_SC: np.ndarray  # int64; image under symmetry s of what stands in cell c stands in cells_SC[s, c]
    actions_SA: np.ndarray  # int64; likewise for actions
    init: Callable[[np.ndarray], None]
    legal: Legal
    step: Step
    observe: Callable[[np.ndarray, np.ndarray], None]
    wins: Callable[[np.ndarray, Legal, Step, np.ndarray, np.ndarray], int] = wins_by_stepping
    valid: Callable[..., int] = valid_by_observing
    title: str = ""
    """what people call it; by default its name"""
    sides: tuple[Side, Side] = ()  # pyright: ignore[reportAssignmentType]  # filled in below
    """who began the game, and the other; by default red and yellow where moves are columns, else black and white"""
    options: Mapping[str, int | str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if not self.sides:
            object.__setattr__(self, "sides", RED_AND_YELLOW if self.action_is == "column" else BLACK_AND_WHITE)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Game):
            return NotImplemented
        return self is other or self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self.name)

    def _identity(self) -> tuple[Any, ...]:
        """What is compared: each field as a value."""
        return tuple(_as_value(getattr(self, item.name)) for item in dataclasses.fields(self))

    def __copy__(self) -> "Game":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Game":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        from games import registry  # which knows games: here it would be a circle

        if registry.make(self.name) != self:
            raise TypeError(f"a game is pickled by its name, and make({self.name!r}) gives another than this one")
        return registry.remake, (self.name, registry.source(self.name))

    @property
    def cells(self) -> int:
        return self.height * self.width

    @property
    def symmetries(self) -> int:
        return len(self.cells_SC)

    def initial(self) -> np.ndarray:
        """The starting position, uint64 [W]."""
        state_W = np.zeros(self.words, np.uint64)
        self.init(state_W)
        return state_W

    def legal_actions(self, state_W: np.ndarray) -> np.ndarray:
        """Legal actions in ascending order, int64."""
        flags_A = np.zeros(self.actions, np.uint8)
        self.legal(state_W, flags_A)
        return np.flatnonzero(flags_A)

    def after(self, state_W: np.ndarray, action: int) -> tuple[np.ndarray, int]:
        """The next state and its status. `ValueError` if the action is not legal."""
        flags_A = np.zeros(self.actions, np.uint8)
        self.legal(state_W, flags_A)
        if not (0 <= action < self.actions and flags_A[action]):
            raise ValueError(f"action {action} is not legal here; legal are {np.flatnonzero(flags_A).tolist()}")
        next_W = np.zeros(self.words, np.uint64)
        return next_W, int(self.step(state_W, action, next_W))

    def first_impossible(self, states_MW: np.ndarray) -> int | None:
        """The row of the first of M states that is not a position of a game that is not over; None if all are.

        Whatever comes from a file is asked about before any other function sees it. An added game without a `valid` of
        its own is only asked what `observe` and `legal` tell.
        """
        scratch_A = np.zeros(self.actions, np.uint8)
        scratch_PHW = np.zeros((self.planes, self.height, self.width), np.float32)
        states_MW = np.ascontiguousarray(states_MW)
        row = int(_first_impossible(self.valid, self.legal, self.observe, states_MW, scratch_A, scratch_PHW))
        return None if row < 0 else row

    def plies(self, state_W: np.ndarray) -> int:
        """How many moves have been made: each adds a stone."""
        return int(self.planes_of(state_W)[:2].sum())

    def planes_of(self, state_W: np.ndarray) -> np.ndarray:
        """The network's view of a position, float32 [P, H, W]."""
        planes_PHW = np.zeros((self.planes, self.height, self.width), np.float32)
        self.observe(state_W, planes_PHW)
        return planes_PHW
