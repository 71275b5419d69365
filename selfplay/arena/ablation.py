"""What a piece of human knowledge is worth: in Elo, and in the training compute that buys as much.

The Elo is that of the whole player against itself without the piece, the same budget on both sides; what it is in
compute a run's matches tell (`selfplay.stats.growth`).
"""

from dataclasses import asdict, dataclass
from typing import Any

from games.game import Game
from selfplay.arena import tournament
from selfplay.arena.match import MatchResult
from selfplay.knowledge.alphabeta import AlphaBeta
from selfplay.knowledge.budget import Budget
from selfplay.players.make import make_agent
from selfplay.players.spec import Spec
from selfplay.stats import growth
from selfplay.stats.growth import Factor, Growth
from selfplay.stats.records import Lines


def pieces(spec: str, game: Game) -> list[str]:
    """The pieces of knowledge that the player has; `ValueError` if it is not made of any."""
    parsed = Spec.parse(spec)
    if parsed.kind != "alphabeta":
        raise ValueError(f"--ablate takes a player made of pieces of knowledge, as alphabeta:nodes=20000, not {spec}")
    return [piece for piece in AlphaBeta(game, Budget(depth=1)).pieces if piece not in _missing(parsed)]


def without(spec: str, piece: str) -> str:
    """The spec of the player with one more piece of knowledge switched off."""
    parsed = Spec.parse(spec)
    kept = {key: value for key, value in parsed.options.items() if key != "without"}
    return Spec(parsed.kind, parsed.path, {**kept, "without": "+".join([*_missing(parsed), piece])}).format()


def _missing(spec: Spec) -> list[str]:
    """The pieces of knowledge that are switched off already."""
    return [piece for piece in str(spec.options.get("without", "")).split("+") if piece]


@dataclass(frozen=True, kw_only=True)
class AblationValue:
    """What one piece of knowledge is worth."""

    piece: str
    match: MatchResult
    """of the whole player (`a`) against itself without the piece (`b`)"""
    compute: Factor
    """of training compute that buys as much; unknown without a run"""

    def as_dict(self) -> dict[str, Any]:
        return {"piece": self.piece, **self.match.as_dict(), **asdict(self.compute)}


def values(
    game: Game,
    spec: str,
    *,
    games: int,
    seed: int = 0,
    lines: Lines = (),
    record: str | None = None,
    watching: tournament.Watching = tournament.unwatched,
) -> tuple[list[AblationValue], Growth | None]:
    """The value of each piece of the player's knowledge, and the growth by which its compute was reckoned.

    `lines` are the matches of a run; see `tournament.play` for `record` and `watching`.
    """
    known = pieces(spec, game)
    whole = make_agent(spec, game)
    couples = [(whole, make_agent(without(spec, piece), game)) for piece in known]
    results = tournament.play(game, couples, games=games, seed=seed, record=record, watching=watching)
    grown = growth.growth(lines, spec, seed)
    return [value(piece, result, grown, seed) for piece, result in zip(known, results, strict=True)], grown


def value(piece: str, match: MatchResult, grown: Growth | None, seed: int = 0) -> AblationValue:
    """The value of a piece, in compute too where the run tells."""
    compute = growth.factor(match.evidence_5, grown, seed) if grown else Factor()
    return AblationValue(piece=piece, match=match, compute=compute)
