"""Every setting of a run: frozen dataclasses, one per phase, and a strict loader for TOML files.

The presets in configs/ hold only deviations from these defaults, a reason on each line. Any setting is
also a dotted flag of `selfplay train`, as in `--search.simulations 64`. A setting that gets another name keeps the
old one, with a warning, for one version.
"""

import dataclasses
import json
import re
import sys
import tomllib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

from games import regular
from games.registry import nearest


class ConfigError(ValueError):
    """A setting that a user must mend; the message names it, and what is allowed."""


RENAMED = {
    "search.considered": "search.max_considered_actions",
    "play.opening_bound": "play.max_opening_value",
    "play.settled_draw": "play.draw_adjudication",
    "learn.reuse": "learn.replay_ratio",
    "eval.clocked": "eval.equal_time",
}
"""settings by the name that they had until version 0.1; they are still understood under it"""


class RenamedSetting(FutureWarning):
    """A setting was given under the name that it had until version 0.1."""


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


# What a config file may be at most; far below what takes minutes to read.
_LONGEST_TEXT = 500  # characters of a setting: a path, a player
_MOST_TEXTS = 40  # of a list; two such lists fit into a file, whatever is in them
_LARGEST_FILE = 2**18  # bytes
_LONGEST_LINE = 4000  # characters; a key of many dots takes tomllib a time that grows with their square


def _within(settings: Any, table: str = "", **bounds: tuple[float, float]) -> None:
    """`ConfigError` for the first number of `settings` that is not from its lowest to its highest value; nan never is.

    What is highest is far above what anybody means, and far below what no machine has the memory for.
    """
    for name, (low, high) in bounds.items():
        value, where = getattr(settings, name), f"{table}.{name}" if table else name
        _require(value >= low, f"{where} is at least {low}, not {shown(value)}")
        _require(value <= high, f"{where} is at most {high:,}, not {shown(value)}")


def _above_0(settings: Any, table: str, **highest: float) -> None:
    """The same for numbers that are above 0, and at most the given ones."""
    for name, high in highest.items():
        value = getattr(settings, name)
        _require(value > 0, f"{table}.{name} is above 0, not {shown(value)}")
        _require(value <= high, f"{table}.{name} is at most {high:,}, not {shown(value)}")


def shown(value: Any) -> str:
    """A value in a message, on one line and no longer than one."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, a list in a list in a list
        return "something too large to be shown"
    return text if len(text) <= 100 else f"{text[:100]}..."


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}  # of a unit, by its first letter
_EXAMPLES = {"minutes": "10", "flops": "1e14", "generations": "20", "threads": "2", "size": "9", "seed": "1",
             "seeds": "3", "port": "8000", "per_decade": "4"}  # fmt: skip


def number(flag: str, kind: type[int] | type[float], word: str, default: float | None = None) -> Any:
    """What was typed after a flag as a number; `ConfigError`, with an example, if it is none."""
    try:
        return kind(word)
    except ValueError:
        name = flag.rpartition(".")[2].removeprefix("--")
        example = _meant(name, kind, word) or (f"{default:g}" if default else _EXAMPLES.get(name, "100"))
        whole = "whole " if kind is int else ""
        said = f"{flag} is a {whole}number, not {shown(word)}; for example --{flag.removeprefix('--')} {example}"
        raise ConfigError(said) from None


def _meant(name: str, kind: type[int] | type[float], word: str) -> str:
    """The number that `10m`, `1e6`, `2.5k`, `10,000` or `10,5` is likely to mean; nothing for words."""
    match = re.fullmatch(r"([0-9][0-9,_]*(?:\.[0-9]+)?(?:[eE][0-9]{1,2})?) ?([a-zA-Z]*)", word)
    if match is None:
        return ""
    digits, unit = match[1].replace("_", ""), match[2].lower()
    if re.match(r"[1-9][0-9]{0,2}(,[0-9]{3})+(?![0-9,])", digits):  # thousands
        digits = digits.replace(",", "")
    elif digits.count(",") > 1 or ("," in digits and "." in digits):
        return ""
    value = float(digits.replace(",", "."))  # one comma alone: that of half of Europe
    if name in ("minutes", "seconds") and unit[:1] in _SECONDS:
        value *= _SECONDS[unit[0]] / _SECONDS[name[0]]
    elif unit:
        return ""
    if kind is int:
        return f"{value:.0f}" if value.is_integer() else ""
    return f"{value:g}"


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """Tree search: the rule at the root and inside the tree, and how much of it a move gets."""

    rule: Literal["gumbel", "puct"] = "gumbel"
    simulations: int = 32
    """simulations per full search"""
    first_simulations: int = 0
    """simulations per full search while a run is young; 0 means `simulations` from the start"""
    growth_positions: float = 1e6
    """by this many positions made, full searches have grown by `first_simulations`, until they reach `simulations`"""
    fast_simulations: int = 8
    """simulations of a fast search, whose position is not learned from"""
    full_fraction: float = 1.0
    """share of moves that get a full search (playout-cap randomisation); 1 turns it off"""
    max_considered_actions: int = 16
    """gumbel: actions sampled without replacement at the root, then halved"""
    c_visit: float = 50.0
    """gumbel: sigma(q) = (c_visit + max visits) * c_scale * q, with q in [-1, 1]"""
    c_scale: float = 0.1
    c_puct: float = 1.5
    """puct: weight of the exploration term"""
    fpu_reduction: float = 0.25
    """puct: an unvisited move is worth its parent's value less this times sqrt(visited prior mass)"""
    noise_fraction: float = 0.25
    """puct: share of Dirichlet noise in the root's prior; 0 turns it off"""
    noise_total: float = 10.0
    """puct: Dirichlet alpha summed over the legal moves"""
    forced_playouts: float = 0.0
    """puct: k of forced playouts and policy-target pruning; 0 turns both off"""
    prove: bool = True
    """carry proven wins, draws and losses up the tree, and use them in targets and move choice"""
    lookahead: bool = True
    """ask the rules about each new leaf before the evaluator (needs prove): a winning move proves it, moves that leave
    a threat standing are struck out, and a single answer is played at once"""
    cache_bits: int = 17
    """log2 of the entries of each thread's evaluation cache; 0 turns it off"""

    def __post_init__(self) -> None:
        _within(
            self,
            "search",
            simulations=(1, 100_000),
            fast_simulations=(1, 100_000),
            max_considered_actions=(1, 10_000),
            c_visit=(0, 1e9),
            fpu_reduction=(0, 1e9),
            noise_total=(0, 1e9),
            forced_playouts=(0, 1e9),
        )
        _require(
            0 <= self.first_simulations <= self.simulations,
            f"search.first_simulations is 0 to search.simulations ({self.simulations}),"
            f" not {shown(self.first_simulations)}",
        )
        _above_0(self, "search", growth_positions=1e18, c_puct=1e9, c_scale=1e9)
        _require(0 < self.full_fraction <= 1, f"search.full_fraction is in (0, 1], not {shown(self.full_fraction)}")
        _require(0 <= self.noise_fraction < 1, f"search.noise_fraction is in [0, 1), not {shown(self.noise_fraction)}")
        _require(0 <= self.cache_bits <= 24, f"search.cache_bits is 0 to 24, not {shown(self.cache_bits)}")

    def simulations_at(self, positions: int) -> int:
        """Simulations per full search once a run has made so many positions. As in the learning rate, no clock and no
        budget enters, so that a run that is continued, or killed and resumed, takes the same steps."""
        if not self.first_simulations:
            return self.simulations
        return min(self.simulations, int(self.first_simulations * (1.0 + positions / self.growth_positions)))


@dataclass(frozen=True, kw_only=True)
class PlayConfig:
    """Self-play: how many games at once, and where their variety comes from."""

    games: int = 256
    """games at once on each thread: the batch of the network"""
    positions: int = 32768
    """positions added to the replay buffer by one generation, all threads together"""
    opening_plies: int = 4
    """each game begins with 0 to this many uniformly random moves, the number drawn uniformly"""
    max_opening_value: float = 1.0
    """random moves are drawn again where the network values the position beyond this for either side; 1 takes any"""
    opening_tries: int = 16
    """how often they are drawn again at most; an evaluation each"""
    draw_adjudication: float = 1.0
    """where a search sees a draw with more than this probability, the next move of the game gets a fast search, whose
    position is not learned from; 1 turns it off"""
    temperature_plies: int = 12
    """first plies in which a move is sampled from the improved policy instead of the best one played"""

    def __post_init__(self) -> None:
        _within(
            self,
            "play",
            games=(1, 16_384),
            positions=(1, 10_000_000),
            opening_plies=(0, 10_000),
            opening_tries=(0, 10_000),
            temperature_plies=(0, 10_000),
        )
        _require(
            0 < self.max_opening_value <= 1, f"play.max_opening_value is in (0, 1], not {shown(self.max_opening_value)}"
        )
        _require(
            0 < self.draw_adjudication <= 1, f"play.draw_adjudication is in (0, 1], not {shown(self.draw_adjudication)}"
        )


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The value/policy network."""

    architecture: str = "resnet:3x32"
    """`resnet:BLOCKSxFILTERS` with global pooling, or `mlp:LAYERSxWIDTH`"""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """what it plays and learns in; auto is the faster one here, measured once at the start of a run. Name it where
    two runs must be equal bit for bit and the two are about as fast, as on very small networks"""


@dataclass(frozen=True, kw_only=True)
class ReplayConfig:
    """The window of past positions that is learned from. It grows as KataGo's does (Wu 2019, appendix C):
    window(n) = minimum * (1 + factor * ((n / minimum) ** exponent - 1) / exponent) for n positions made."""

    minimum: int = 65536
    exponent: float = 0.75
    factor: float = 0.4
    capacity: int = 1_000_000
    """positions that the ring holds at most; bounds memory"""

    def __post_init__(self) -> None:
        _require(0 < self.exponent <= 1, f"replay.exponent is in (0, 1], not {shown(self.exponent)}")
        _within(self, "replay", factor=(0, 1e9), capacity=(1, 100_000_000))
        _require(1 <= self.minimum <= self.capacity, "replay.minimum is between 1 and replay.capacity")


@dataclass(frozen=True, kw_only=True)
class LearnConfig:
    """Gradient steps between two generations of self-play."""

    batch: int = 512
    replay_ratio: float = 4.0
    """how often each new position is trained on, on average: fixes the number of steps"""
    learning_rate: float = 2e-3
    warmup_steps: int = 200
    decay_positions: float = 1e6
    """the rate falls as 1 / sqrt(1 + positions / decay_positions): no clock and no budget in it"""
    weight_decay: float = 1e-4
    ema: float = 0.99
    """decay per step of the averaged weights that play"""
    root_value_mix: float = 0.25
    """share of the search's root value in the value target; the rest is the game's result"""
    reply_weight: float = 0.15
    """weight of the auxiliary loss on the opponent's reply"""
    ownership_weight: float = 0.0
    """weight of the auxiliary loss on whose stone, if any, stands in each cell when the game is over; 0 does without"""
    value_weight: float = 1.0
    gradient_clip: float = 5.0
    on_divergence: Literal["return", "stop"] = "return"
    """where losses or weights leave all bounds: return to the weights before that generation and learn on at a quarter
    of the rate, five times in a run at most; or stop, with what helps in a line. What had diverged is never saved"""

    def __post_init__(self) -> None:
        _within(
            self,
            "learn",
            batch=(2, 65_536),
            warmup_steps=(0, 10**12),
            weight_decay=(0, 1e9),
            reply_weight=(0, 1e9),
            ownership_weight=(0, 1e9),
            value_weight=(0, 1e9),
        )
        _above_0(self, "learn", replay_ratio=10_000, learning_rate=1e9, decay_positions=1e18, gradient_clip=1e9)
        _require(0 <= self.ema < 1, f"learn.ema is in [0, 1), not {shown(self.ema)}")
        _require(0 <= self.root_value_mix <= 1, f"learn.root_value_mix is in [0, 1], not {shown(self.root_value_mix)}")


@dataclass(frozen=True, kw_only=True)
class KnowledgeConfig:
    """Human knowledge that learning is allowed to use; each is a switch with a price."""

    symmetry: bool = True
    """show the learner every position in a random symmetry of the board"""


@dataclass(frozen=True, kw_only=True)
class EvalConfig:
    """Matches against reference players during training; they never influence what is learned."""

    opponents: tuple[str, ...] = ("rules", "alphabeta:depth=2", "alphabeta:depth=4", "alphabeta:depth=6")
    """the ladder of reference players, weakest first; rungs far above or below the learner are left out"""
    equal_time: tuple[str, ...] = ()
    """opponents by the clock, as alphabeta:ms=20; the learner gets the same milliseconds for a move, on one core"""
    games: int = 100
    """games of one match; half with each colour, from paired openings"""
    simulations: int = 64
    per_decade: int = 4
    """evaluations per tenfold of training compute (log-spaced); 0 evaluates at the end only"""
    first_flops: float = 1e12
    """training compute at which the first evaluation happens"""
    untrained: bool = False
    """before training, the untrained network's search meets the weakest opponents: what is search's merit is then not
    taken for that of training. The presets have it; runs begun from other weights never do"""
    final_games: int = 400
    """games of each match at the end of the run, where every opponent is met; fewer in a short run, see final_share"""
    final_share: float = 0.25
    """of the time of training; the matches at the end of a run of so many `minutes` have as many games as keep them
    within it, from `games` (20 by the clock) up to `final_games`. 0, and any run that ends by `generations` or `flops`
    and so repeats game by game: `final_games` each, however long they take"""
    share: float = 0.15
    """of the run's time; matches by the clock have as many games as keep evaluation within it, and wait for 20"""

    def __post_init__(self) -> None:
        for name in ("games", "final_games"):
            value = getattr(self, name)
            _require(value >= 2 and value % 2 == 0, f"eval.{name} is an even number from 2 up, not {shown(value)}")
        _within(
            self,
            "eval",
            games=(2, 100_000),
            final_games=(2, 100_000),
            simulations=(1, 100_000),
            per_decade=(0, 1000),
            first_flops=(0, 1e30),
            final_share=(0, 1000),
        )
        _require(0 <= self.share < 1, f"eval.share is in [0, 1), not {shown(self.share)}")

    def due(self, flops: float, last: float) -> bool:
        """Whether training compute calls for an evaluation, the last one having been at `last`."""
        return self.per_decade > 0 and flops >= max(self.first_flops, last * 10 ** (1 / self.per_decade))


@dataclass(frozen=True, kw_only=True)
class RayConfig:
    """Self-play on several machines, by `selfplay train --ray`; of no effect without it."""

    lag: int = 0
    """play up to so many generations ahead, while the learner learns, with weights that are as many generations older.
    0 waits for the newest, and gives the records of a run on one machine. More keeps all cores busy, and gives up that
    the games are those of the newest weights, and that a run that was stopped goes on as one that was not"""

    def __post_init__(self) -> None:
        _within(self, "ray", lag=(0, 64))


@dataclass(frozen=True, kw_only=True)
class Config:
    """All settings of one run."""

    game: str = "connect4"
    seed: int = 0
    init: str = ""
    """weights to begin with instead of random ones, learned on any board size of the game: a run folder, RUN@12, a
    weights file or pretrained. Their network is the run's; what they cost counts in its totals, not in its limits"""
    minutes: float = 10.0
    """training stops after this many minutes of self-play and learning (evaluation not counted)"""
    generations: int = 0
    """stop after this many generations; 0 means no such limit"""
    flops: float = 0.0
    """stop after this much training compute (FLOPs of play and learning); 0 means no such limit"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = 0
    """actor threads; 0 means one per core (CPU) or two (CUDA)"""
    search: SearchConfig = field(default_factory=SearchConfig)
    play: PlayConfig = field(default_factory=PlayConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    learn: LearnConfig = field(default_factory=LearnConfig)
    knowledge: KnowledgeConfig = field(default_factory=KnowledgeConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)
    ray: RayConfig = field(default_factory=RayConfig)

    def __post_init__(self) -> None:
        _within(
            self,
            seed=(0, 2**63 - 1),
            minutes=(0, 10_000_000),
            generations=(0, 1_000_000),
            flops=(0, 1e30),
            threads=(0, 1024),
        )


def _checked(value: Any, kind: Any, where: str) -> Any:
    """`value` as `kind`, or a `ConfigError`. A whole number may stand for a float; nothing else converts."""
    if dataclasses.is_dataclass(kind):
        _require(isinstance(value, dict), f"{where} is a table of settings, not {shown(value)}")
        return from_dict(kind, value, where)
    if get_origin(kind) is Literal:
        allowed = [str(option) for option in get_args(kind)]
        _require(
            value in get_args(kind),
            f"{where} is one of {', '.join(allowed)}, not {shown(value)}{_nearest(value, allowed)}",
        )
        return value
    if get_origin(kind) is tuple:
        items: list[Any] = list(cast("list[Any]", value)) if isinstance(value, list | tuple) else [None]
        _require(all(isinstance(item, str) for item in items), f"{where} is a list of texts, not {shown(value)}")
        _require(len(items) <= _MOST_TEXTS, f"{where} has at most {_MOST_TEXTS} items, not {len(items)}")
        return tuple(_checked(item, str, where) for item in items)
    if kind is float and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise ConfigError(f"{where} is at most {sys.float_info.max}, not {shown(value)}") from None
    if kind is str and isinstance(value, str):
        _require(len(value) <= _LONGEST_TEXT, f"{where} has at most {_LONGEST_TEXT} characters, not {len(value)}")
        whole = value.encode(errors="ignore").decode() == value  # no half of a character, as of a name in no encoding
        _require(whole, f"{where} is text that UTF-8 can hold, not {shown(value)}")
    _require(type(value) is kind, f"{where} is of type {kind.__name__}, not {type(value).__name__} ({shown(value)})")
    return value


def with_present_names(values: Mapping[str, Any], *, warn: bool = True) -> dict[str, Any]:
    """Nested settings of a `Config`, those under an older name moved to the present one, with a warning for each.

    `ConfigError` where one is given under both.
    """
    found: dict[str, Any] = {
        key: dict(cast("dict[str, Any]", value)) if isinstance(value, dict) else value for key, value in values.items()
    }
    for old, new in RENAMED.items():
        (table, old_key), (_, new_key) = old.split("."), new.split(".")
        if not isinstance(found.get(table), dict) or old_key not in found[table]:
            continue
        settings = cast("dict[str, Any]", found[table])
        _require(new_key not in settings, f"{old} is the old name of {new}: give one of them")
        settings[new_key] = settings.pop(old_key)
        if warn:
            warn_of_old_name(old)
    return found


def warn_of_old_name(old: str) -> None:
    """Say, once, how a setting is called now."""
    warnings.warn(f"{old} is called {RENAMED[old]} now", RenamedSetting, stacklevel=2)


def _nearest(word: Any, known: list[str]) -> str:
    """`nearest`, which takes minutes where a word is very long."""
    return nearest(word, known) if isinstance(word, str) and len(word) <= _LONGEST_TEXT else ""


def _unknown(path: str, key: str, known: Mapping[str, Any]) -> str:
    return f"unknown setting {shown(path)}{_nearest(key, list(known))}; known here: {', '.join(known)}"


def from_dict(cls: Any, values: dict[str, Any], where: str = "") -> Any:
    """A dataclass from nested dictionaries; unknown keys and wrong types raise `ConfigError`."""
    if cls is Config:
        values = with_present_names(values)
    kinds = get_type_hints(cls)
    for key in values:
        path = f"{where}.{key}" if where else key
        _require(key in kinds, _unknown(path, key, kinds))
    return cls(
        **{key: _checked(value, kinds[key], f"{where}.{key}" if where else key) for key, value in values.items()}
    )


def merged(base: Any, values: dict[str, Any], where: str = "") -> Any:
    """`base` with the given nested settings replaced; the same checks as `from_dict`."""
    if isinstance(base, Config):
        values = with_present_names(values)
    kinds = get_type_hints(base.__class__)
    checked: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{where}.{key}" if where else key
        _require(key in kinds, _unknown(path, key, kinds))
        old = getattr(base, key)
        if dataclasses.is_dataclass(old) and isinstance(value, dict):
            checked[key] = merged(old, cast("dict[str, Any]", value), path)
        else:
            checked[key] = _checked(value, kinds[key], path)
    return dataclasses.replace(base, **checked)


def read_toml(path: Path) -> dict[str, Any]:
    """The nested dictionary of a TOML file; `ConfigError` if it cannot be read as one."""
    try:
        with regular.opened(path) as file:
            raw = file.read(_LARGEST_FILE + 1)
        text = raw.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    _require(len(raw) <= _LARGEST_FILE, f"{path} is larger than {_LARGEST_FILE // 1024} KiB: it holds no settings")
    for number, line in enumerate(text.split("\n"), start=1):
        _require(len(line) <= _LONGEST_LINE, f"{path}, line {number}, is longer than {_LONGEST_LINE} characters")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{path} is not valid TOML: it is nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError; or plain, of a number of thousands of digits
        raise ConfigError(f"{path} is not valid TOML: {error}") from error


def to_toml(config: Any) -> str:
    """Text that `read_toml` and `from_dict` turn back into an equal config."""

    def literal(value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, tuple):
            items = [literal(item) for item in cast("tuple[Any, ...]", value)]
            line = f"[{', '.join(items)}]"
            return line if len(line) < _LONGEST_LINE // 2 else "[\n    " + ",\n    ".join(items) + ",\n]"
        if isinstance(value, str):
            # Escapes of JSON are escapes of TOML, which wants one more.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        return repr(value)

    plain: list[str] = []
    tables: list[str] = []
    for item in dataclasses.fields(config):
        value = getattr(config, item.name)
        if dataclasses.is_dataclass(value):
            tables.append(f"\n[{item.name}]\n{to_toml(value)}")
        else:
            plain.append(f"{item.name} = {literal(value)}\n")
    return "".join(plain) + "".join(tables)
