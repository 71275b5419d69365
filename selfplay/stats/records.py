"""What is written down of a learner's strength, one type for each kind of record.

    EvalLine          one match of an evaluation        evals.jsonl, frontier.jsonl: a line each
    Forecast          when an opponent will be overtaken
    WrittenForecast   the same with its date            forecasts.jsonl: a line each
    GradedForecast    the same beside what happened     in a Crossing
    Crossing          when one was overtaken            crossover.json: an entry of "rungs"
    CrossoverRecord   all crossings                     crossover.json

Everything is seen by the learner: a score is the share of points (a draw is half) that it won, so 1 means that it won
every game. FLOPs are those of training, of self-play and of learning, 2 per multiply-add. Intervals are 95 %.

`as_dict` gives the record as JSON has it, key by key; `from_dict` reads it back. Optional keys may be missing, as they
are in older files, and are then None; keys that are not known here are passed over. A key that is missing otherwise,
or holds another type, is a `ValueError` that names it. Texts are printed: what of them is not fit for that is escaped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Self, cast, get_args, get_origin, get_type_hints

from selfplay.stats.score import evidence

AMOUNTS = ("evaluations", "games", "seconds", "jones_flops", "joules")
"""what training had spent, beside FLOPs: fields of `EvalLine` and of `Crossing`"""

Counts5 = tuple[int, int, int, int, int]
"""pairs of games in which a player got 0, 1/2, 1, 3/2 and 2 points"""

_LARGEST = 1e30  # of a number, so that its square is one still

_LATER = (
    "ahead_flops",
    "ahead_seconds",
    "untrained",
)  # of a `Crossing`: left out of JSON where there is nothing to say

Status = Literal["overtaken", "not overtaken"]


@dataclass(frozen=True, kw_only=True)
class EvalLine:
    """One match of the learner against a reference player, and what its training had spent by then."""

    generation: int
    flops: float
    """training compute"""
    evaluations: int
    """positions that self-play had the network evaluate"""
    games: int
    """games of self-play"""
    seconds: float
    """of self-play and learning, without evaluations"""
    jones_flops: float | None = None
    """of self-play alone, 1 per multiply-add (Jones 2021)"""
    joules: float | None = None
    """of self-play and learning; None where the machine does not tell"""
    agent: str
    """the learner as it played: `mcts:sims=64`, `mcts:ms=20`, `net`"""
    opponent: str
    """its spec"""
    simulations: int
    """of the learner's search for each move; 0 where it has no such number"""
    wins: int
    draws: int
    losses: int
    pairs: Counts5
    distinct_games: int
    score: float
    score_low: float
    score_high: float
    seed: int | None = None
    """of the run, which decides the openings"""
    distinct_pairs: int | None = None
    """of `pairs`, whose interval counts these alone; None if no pair was played twice"""
    ms_per_move: tuple[float, float] | None = None
    """milliseconds that the learner and the opponent took on average; of matches by the clock only"""

    @property
    def pairing(self) -> tuple[str, str]:
        """The learner as it played, and the opponent."""
        return self.agent, self.opponent

    @property
    def played(self) -> int:
        """Games of the match."""
        return self.wins + self.draws + self.losses

    @property
    def evidence_5(self) -> Sequence[float]:
        """`pairs`, each distinct one counted once."""
        return evidence(self.pairs, self.distinct_pairs)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        made = cls(**_fields(cls, raw))
        names = ("generation", "flops", "evaluations", "games", "seconds", "jones_flops", "joules", "simulations")
        names += ("wins", "draws", "losses", "distinct_games", "distinct_pairs")
        _no_less_than_0(made, names)
        for count in (*made.pairs, *(made.ms_per_move or ())):
            if count < 0:
                raise ValueError(f"pairs and ms_per_move are from 0 up, not {brief(count)}")
        if not 0 <= made.score <= 1:
            raise ValueError(f"score is from 0 to 1, not {brief(made.score)}")
        if not -1 <= made.score_low <= made.score_high <= 2:  # an interval by a simple rule may leave [0, 1]
            raise ValueError(f"score_low and score_high are no interval: {made.score_low}, {made.score_high}")
        return made

    def as_dict(self) -> dict[str, Any]:
        found = _as_json(self)
        for name in ("distinct_pairs", "ms_per_move"):
            if getattr(self, name) is None:
                del found[name]
        return found


Lines = Sequence[EvalLine]
"""the matches of one run, or the first of them, in the order in which they were played"""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """When an opponent will be overtaken, from the matches until `made_at_flops`."""

    agent: str
    opponent: str
    made_at_flops: float
    flops: float | None
    """None if it lies further ahead than a forecast looks"""
    flops_low: float
    flops_high: float | None
    """None if it lies further ahead than a forecast looks"""

    @property
    def pairing(self) -> tuple[str, str]:
        return self.agent, self.opponent

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        made = cls(**_fields(cls, raw))
        _no_less_than_0(made, ("made_at_flops", "flops_low", "flops", "flops_high"))
        _in_order(made)
        return made

    def as_dict(self) -> dict[str, Any]:
        return _as_json(self)


@dataclass(frozen=True, kw_only=True)
class WrittenForecast(Forecast):
    """A forecast as a run wrote it down, before the event."""

    generation: int
    written: str
    """when: ISO 8601, UTC"""


@dataclass(frozen=True, kw_only=True)
class GradedForecast(Forecast):
    """A forecast beside what happened; nothing is said while nothing has happened."""

    covered: bool | None
    """whether the interval held the crossing; False also once the run is beyond it"""
    ratio: float | None
    """crossing / forecast"""


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """When the learner overtook one opponent, in one run or in several seeds of one experiment."""

    opponent: str
    agent: str
    status: Status
    """"overtaken" (in every run), or "not overtaken", which is to be read as "beyond flops_low\""""
    flops: float | None
    """training compute of the crossing; None if it is yet to come, or came before the first evaluation"""
    flops_low: float
    """0 if it may have come before the first evaluation"""
    flops_high: float | None
    """None if it may come at any compute later"""
    evaluations: float | None = None
    """spent at the crossing, as those that follow; see `EvalLine`"""
    games: float | None = None
    seconds: float | None = None
    jones_flops: float | None = None
    joules: float | None = None
    ahead_flops: float | None = None
    """training compute at the evaluation since which it is overtaken: there the learner was surely ahead, as strong
    before it; None while it is not, and in records of before version 0.2"""
    ahead_seconds: float | None = None
    """of training, there"""
    untrained: tuple[float, float, float] | None = None
    """the score of the same player before any training, and its interval; None if they did not meet"""
    score_at_end: float
    """of the curve at the last evaluation; of several runs, the mean in logits"""
    score_low: float
    """overtaken is who has a lower bound above 1/2; of several runs, the lowest"""
    score_high: float
    """of several runs, the highest"""
    flops_at_end: float
    """training compute of the last evaluation; of several runs, the least"""
    forecast: GradedForecast | None = None
    """the first one with an upper bound that was made before the crossing; of several runs, the first that there is"""
    runs: tuple["Crossing", ...] = ()
    """the crossing in each run; none on those themselves"""

    @property
    def pairing(self) -> tuple[str, str]:
        return self.agent, self.opponent

    @property
    def overtaken(self) -> bool:
        return self.status == "overtaken"

    @property
    def beaten_untrained(self) -> bool:
        """Whether search alone, on a network that had learned nothing, was surely ahead: nothing was overtaken then."""
        return self.untrained is not None and self.untrained[1] > 0.5

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """`raw["runs"]` repeat neither the agent nor the opponent."""
        given = _fields(cls, raw, but=("forecast", "runs"))
        if (forecast := raw.get("forecast")) is not None:
            given["forecast"] = _nested("forecast", GradedForecast, forecast)
        runs, whose = _entries(raw, "runs"), {"agent": given["agent"], "opponent": given["opponent"]}
        given["runs"] = tuple(_nested(f"runs[{i}]", cls, run, whose) for i, run in enumerate(runs))
        made = cls(**given)
        _no_less_than_0(
            made, ("flops_low", "flops", "flops_high", "flops_at_end", "ahead_flops", "ahead_seconds", *AMOUNTS)
        )
        _in_order(made)
        return made

    def as_dict(self) -> dict[str, Any]:
        found = _as_json(self) | {"forecast": self.forecast and self.forecast.as_dict()}
        found["runs"] = [_without(run.as_dict(), "agent", "opponent", "runs") for run in self.runs]
        return _without(found, *(name for name in _LATER if found[name] is None))


@dataclass(frozen=True, kw_only=True)
class CrossoverRecord:
    """When the learner overtook each of its opponents."""

    game: str
    crossings: tuple[Crossing, ...]
    """player by player, in the order in which they first met"""

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        entries = _entries({"rungs": None, **_object("a crossover record", raw)}, "rungs")
        crossings = tuple(_nested(f"rungs[{i}]", Crossing, entry) for i, entry in enumerate(entries))
        return cls(**_fields(cls, raw, but=("crossings",)), crossings=crossings)

    def as_dict(self) -> dict[str, Any]:
        return {"game": self.game, "rungs": [crossing.as_dict() for crossing in self.crossings]}


def visible(text: str) -> str:
    """The text with all that a terminal would obey (control characters, escape sequences, letters that turn the
    direction of writing) or could not show as `\\x1b`, so that it can be read and does nothing."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def brief(value: Any) -> str:
    """A value as a message shows it, however long it is."""
    try:
        shown = repr(value)
    except (ValueError, RecursionError):  # a whole number of too many digits
        return f"such a {type(value).__name__}"
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _no_less_than_0(record: Any, names: Sequence[str]) -> None:
    for name in names:
        if (value := getattr(record, name)) is not None and value < 0:
            raise ValueError(f"{name} is from 0 up, not {brief(value)}")


def _in_order(found: Forecast | Crossing) -> None:
    """`ValueError` where an amount of compute is not within its interval."""
    known = [value for value in (found.flops_low, found.flops, found.flops_high) if value is not None]
    if known != sorted(known):
        raise ValueError(f"flops are within [flops_low, flops_high], not {brief(known)}")


def _without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}


def _as_json(record: Any) -> dict[str, Any]:
    """The fields of a record by name, tuples of numbers as lists."""
    values = {item.name: getattr(record, item.name) for item in fields(record)}
    return {name: list(cast("Counts5", value)) if isinstance(value, tuple) else value for name, value in values.items()}


@cache
def _kinds(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _fields(cls: Any, raw: Mapping[str, Any], but: Sequence[str] = ()) -> dict[str, Any]:
    """The fields of the record that `raw` holds, checked; those of `but` are left to the caller."""
    record, kinds = _object("a record", raw), _kinds(cls)
    given: dict[str, Any] = {}
    for item in fields(cls):
        if item.name in but:
            continue
        if item.name in record:
            value, kind = record[item.name], kinds[item.name]
            if not _is(value, kind):
                raise ValueError(f"{item.name} is {_said(kind)}, not {brief(value)}")
            given[item.name] = tuple(cast("list[Any]", value)) if isinstance(value, list) else value
            if isinstance(value, str):
                given[item.name] = visible(value)
        elif item.default is not None:  # None is the default of every optional key, and of nothing else
            raise ValueError(f"{item.name} is missing")
    return given


def _is(value: Any, kind: Any) -> bool:
    """Whether a value out of JSON is of this type; a whole number is also a number."""
    if isinstance(kind, UnionType):
        return any(_is(value, each) for each in get_args(kind))
    if get_origin(kind) is tuple:
        each = get_args(kind)
        if not isinstance(value, list | tuple):
            return False
        values = cast("Sequence[Any]", value)
        return len(values) == len(each) and all(map(_is, values, each))
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if kind in (int, float):
        number = isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)
        return number and -_LARGEST <= value <= _LARGEST  # nan is not
    return isinstance(value, kind)


def _said(kind: Any) -> str:
    """A type in words, for whoever wrote the file."""
    if isinstance(kind, UnionType):
        return " or ".join(_said(each) for each in get_args(kind))
    if get_origin(kind) is tuple:
        return f"a list of {len(get_args(kind))} numbers"
    if get_origin(kind) is Literal:
        return " or ".join(map(repr, get_args(kind)))
    return {int: "a whole number", float: "a number", str: "a text", bool: "true or false", NoneType: "null"}[kind]


def _entries(raw: Mapping[str, Any], name: str) -> Sequence[Any]:
    """A list of records that stands in another; none if it is missing."""
    entries = raw.get(name, [])
    if not isinstance(entries, list | tuple):
        raise ValueError(f"{name} is a list, not {brief(entries)}")
    return cast("Sequence[Any]", entries)


def _object(what: str, raw: Any) -> Mapping[str, Any]:
    """An object out of JSON, which may hold anything else in its place."""
    if not isinstance(raw, Mapping):
        raise ValueError(f"{what} is an object, not {brief(raw)}")
    return cast("Mapping[str, Any]", raw)


def _nested(where: str, cls: Any, raw: Any, more: Mapping[str, Any] | None = None) -> Any:
    """A record that stands in another; a mistake names the way to it."""
    record = _object(where, raw)
    try:
        return cls.from_dict({**(more or {}), **record})
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
