"""Five pieces of human knowledge of Connect Four, each as a rule that names moves; and where each alone is right.

    win         complete a line
    block       take the cell where the opponent would complete one
    double      make two threats at once, or one straight above another, so that one of them stands
    handover    do not play below a cell where the opponent completes a line
    odd, even   when nothing presses, see to it that the last safe cells run out for the opponent: who began wants
                threats on odd rows, the other on even ones (Allis 1988; `selfplay.knowledge.connect4.zugzwang`)

In this order a later rule chooses among what the earlier ones leave. Bits as in `games.connect4`. N positions, W words,
A = 7 moves.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from games.bits import count_bits
from selfplay.knowledge import oracle
from selfplay.knowledge.connect4.lines import ONE, board_bits, floor_bits, winning_bits
from selfplay.knowledge.connect4.zugzwang import fill_out
from selfplay.lab.teaching import expert

PIECES = ("win", "block", "double", "handover", "odd, even")
TITLES = {
    "win": "complete four",
    "block": "block a four",
    "double": "make two threats at once",
    "handover": "do not hand over a win",
    "odd, even": "odd and even threats",
}
_HEIGHT, _WIDTH, _K = 6, 7, 4
_FEWEST_PLIES = 8  # before which the solver takes long
_DEPTH = 2  # of who plays the games that positions come from
_STRAY = 0.35  # share of their moves that are random
_AT_ONCE = 128  # games
_MOST_ROUNDS = 60

Word = Any  # uint64, as numpy and numba have it


def _columns(cells: Word) -> np.ndarray:
    """bool [A]: columns with one of these cells."""
    stack = (ONE << np.uint64(_HEIGHT)) - ONE
    return np.array([bool((cells >> np.uint64(column * (_HEIGHT + 1))) & stack) for column in range(_WIDTH)])


def _threats(own: Word, mask: Word) -> Word:
    """Empty cells that complete a line of `own`."""
    return winning_bits(own, _HEIGHT, _K) & board_bits(_HEIGHT, _WIDTH) & ~mask


def _playable(mask: Word) -> Word:
    return (mask + floor_bits(_HEIGHT, _WIDTH)) & board_bits(_HEIGHT, _WIDTH)


def _cells(bits: Word) -> list[Word]:
    found: list[Word] = []
    while bits:
        found.append(bits & (~bits + ONE))
        bits &= bits - ONE
    return found


def _doubles(moves: Word, own: Word, mask: Word) -> Word:
    """Those of the moves after which one of the mover's threats stands, whatever the opponent plays."""
    found = np.uint64(0)
    for stone in _cells(moves):
        threats, open_ = _threats(own | stone, mask | stone), _playable(mask | stone)
        now = threats & open_
        if count_bits(now) > 1 or (now and (threats >> ONE) & now):
            found |= stone
    return found


def _filling(moves: Word, own: Word, mask: Word) -> Word:
    """Those of the moves with the best end, if both then just fill the board."""
    board, other = board_bits(_HEIGHT, _WIDTH), mask ^ own
    ends: dict[int, Word] = {}
    for stone in _cells(moves):
        mine, theirs = _threats(own | stone, mask | stone), _threats(other, mask | stone)
        end = -fill_out(board & ~(mask | stone), theirs, mine, board, _HEIGHT)
        ends[end] = ends.get(end, np.uint64(0)) | stone
    return ends[max(ends)]


def moves(state_W: np.ndarray, pieces: Sequence[str] = PIECES) -> tuple[np.ndarray, str]:
    """bool [A]: what these rules leave, all legal moves if none applies; and the last rule that took some away."""
    own, mask = state_W[0], state_W[1]
    left = _playable(mask)
    mine, theirs = _threats(own, mask) & left, _threats(mask ^ own, mask)
    forced = {"win": mine, "block": theirs & left}
    last = ""
    for piece in PIECES:
        if piece not in pieces:
            continue
        if piece == "double":
            chosen = _doubles(left, own, mask)
        elif piece == "handover":
            chosen = left & ~(theirs >> ONE)
        elif piece == "odd, even":
            chosen = _filling(left, own, mask)
        else:
            chosen = forced[piece]
        if chosen and chosen != left:
            left, last = chosen, piece
            if piece in ("win", "block", "double"):
                break
    return _columns(left), last


def kept(states_NW: np.ndarray, values_NA: np.ndarray, pieces: Sequence[str] = PIECES) -> np.ndarray:
    """Chance [N] that who follows these rules, and plays any of the moves that they leave, keeps what a position is
    worth; values as in `ruler.Decisions`."""
    right_NA = values_NA == values_NA.max(axis=1, keepdims=True)
    left_NA = np.array([moves(state_W, pieces)[0] for state_W in states_NW])
    return (right_NA & left_NA).sum(axis=1) / left_NA.sum(axis=1)


@dataclass(frozen=True)
class Questions:
    """Positions in which one rule names all the right moves, and no other move is right."""

    states_NW: np.ndarray
    right_NA: np.ndarray
    """bool; the moves that keep what the game is worth"""

    @property
    def chance(self) -> float:
        """Share of right answers of who plays any legal move."""
        legal_N = [_columns(_playable(mask)).sum() for mask in self.states_NW[:, 1]]
        return float((self.right_NA.sum(axis=1) / legal_N).mean())

    def answered(self, actions_N: np.ndarray) -> float:
        """Share of right answers."""
        return float(self.right_NA[np.arange(len(actions_N)), actions_N].mean())

    def as_json(self) -> dict[str, Any]:
        """For the result of a cell."""
        states, right = self.states_NW.astype("<u8").tobytes(), np.packbits(self.right_NA, axis=1).tobytes()
        return {"states": base64.b85encode(states).decode(), "right": base64.b85encode(right).decode()}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Questions":
        states, right = (base64.b85decode(found[name]) for name in ("states", "right"))
        bits_NA = np.unpackbits(np.frombuffer(right, np.uint8)[:, None], axis=1)[:, :_WIDTH]
        return cls(np.frombuffer(states, "<u8").reshape(-1, 3).astype(np.uint64), bits_NA.astype(bool))


def questions(piece: str, count: int, seed: int) -> Questions:
    """Up to `count` distinct positions that this rule alone decides, from games of a weak expert and of chance.

    The rules before it have nothing to say there, and its moves are exactly those that perfect play calls right.
    """
    at = PIECES.index(piece)
    rng = np.random.default_rng([seed, at])
    states: list[np.ndarray] = []
    right: list[np.ndarray] = []
    seen: set[bytes] = set()
    for _ in range(_MOST_ROUNDS):
        if len(states) == count:
            break
        played = expert.play(_DEPTH, _AT_ONCE, rng, stray=_STRAY).states_MW
        for state_W in rng.permutation(played[played[:, 2] >= _FEWEST_PLIES]):
            if len(states) == count:
                break
            if state_W.tobytes() in seen:
                continue
            seen.add(state_W.tobytes())
            told_A, last = moves(state_W, PIECES[: at + 1])
            if last == piece and not moves(state_W, PIECES[:at])[1] and np.array_equal(told_A, _right(state_W)):
                states.append(state_W)
                right.append(told_A)
    return Questions(np.array(states, np.uint64).reshape(-1, 3), np.array(right, bool).reshape(-1, _WIDTH))


def _right(state_W: np.ndarray) -> np.ndarray:
    """bool [A]: the moves that keep what the position is worth."""
    scores_A = oracle.scores(state_W[None])[0]
    values_A = np.where(scores_A == oracle.ILLEGAL, -2, np.sign(scores_A))
    return values_A == values_A.max()
