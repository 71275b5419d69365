"""Matches that were played, in a file, so that none is played twice.

A line of JSON for each: who, at which game, how many games from which openings (`seed`), and what came of it. A player
is named by its spec with the hash of its weights in place of a path, so a run that learned on is another player. The
games themselves are not kept. Of another version of this package nothing is taken: its players may play otherwise.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from games.game import Game
from selfplay import __version__
from selfplay.arena.match import MatchResult, play_match
from selfplay.arena.pacing import Pace, Watch
from selfplay.players.agent import Agent
from selfplay.players.make import make_agent
from selfplay.players.spec import Spec
from selfplay.run import checkpoint, folder


def identity(spec: Spec, game: Game) -> str | None:
    """What a player is known by whose match comes out the same whenever it is played; None for all others: players by
    the clock, programs from outside, people."""
    if "ms" in spec.options or spec.kind in ("engine", "human"):
        return None
    if spec.learned:
        weights = checkpoint.resolve(spec.path, game.name).read_bytes()
        spec = replace(spec, path=hashlib.sha256(weights).hexdigest())
    return replace(spec, options=dict(sorted(spec.options.items()))).format()


@dataclass(frozen=True)
class Entrant:
    """A player that is made only if a match has to be played."""

    name: str
    identity: str | None
    maker: Agent | Callable[[], Agent]
    """the player, or what makes it"""

    @classmethod
    def of(cls, text: str, game: Game, *, name: str = "") -> "Entrant":
        """The player that a spec names; `ValueError` for a spec or a file that is none."""
        spec = Spec.parse(text)
        return cls(name or text, identity(spec, game), lambda: make_agent(spec, game, name=name or text))

    @cached_property
    def agent(self) -> Agent:
        return self.maker if isinstance(self.maker, Agent) else self.maker()


@dataclass(frozen=True, kw_only=True)
class MatchKey:
    """What decides how a match comes out; `a` and `b` are identities."""

    game: str
    a: str
    b: str
    games: int
    seed: int
    version: str = __version__


class MatchStore:
    """The matches of one file, which is made with the first of them."""

    def __init__(self, path: Path) -> None:
        """Half of a last line, from a kill, and lines of another form are passed over."""
        self.path = path
        self._known: dict[MatchKey, dict[str, Any]] = {}
        for raw in path.read_bytes().splitlines() if path.exists() else ():
            try:
                line = json.loads(raw)
                self._known[MatchKey(**line["key"])] = line["result"]
            except (ValueError, TypeError, KeyError):
                continue

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: MatchKey) -> MatchResult | None:
        """The match, without its games; its players go by their identities."""
        stored = self._known.get(key)
        if stored is None:
            return None
        first, second = (Pace(**pace) for pace in stored["paces"])
        rest = {name: value for name, value in stored.items() if name not in ("paces", "pairs")}
        return MatchResult(
            game=key.game, a=key.a, b=key.b, seed=key.seed, pairs_5=tuple(stored["pairs"]), paces=(first, second),
            games=(), **rest,
        )  # fmt: skip

    def add(self, key: MatchKey, result: MatchResult) -> None:
        """Keep a match; the disk holds it when this returns."""
        names = ("wins", "draws", "losses", "distinct_games", "distinct_pairs")
        counts = {name: count for name in names if (count := getattr(result, name)) is not None}
        stored = {**counts, "pairs": list(result.pairs_5), "paces": [asdict(pace) for pace in result.paces]}
        folder.drop_torn_line(self.path)
        folder.append(self.path, [{"key": asdict(key), "result": stored}])
        self._known[key] = stored

    def match(
        self, game: Game, a: Entrant, b: Entrant, *, games: int, seed: int = 0, watch: Watch | None = None
    ) -> MatchResult:
        """The match from the file, or played now, and kept if it can be."""
        key = match_key(game, a.identity, b.identity, games=games, seed=seed)
        if key is not None and (known := self.get(key)) is not None:
            return replace(known, a=a.name, b=b.name)
        result = play_match(game, a.agent, b.agent, games=games, seed=seed, watch=watch)
        if key is not None:
            self.add(key, result)
        return result


def match_key(game: Game, a: str | None, b: str | None, *, games: int, seed: int) -> MatchKey | None:
    """The key of a match between these identities; None if one of them has none."""
    if a is None or b is None:
        return None
    return MatchKey(game=game.name, a=a, b=b, games=games, seed=seed)
