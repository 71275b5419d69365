"""Opponents by strength, each with what it can do in words: what a person chooses from who knows none of the players.

Their order is measured: docs/results/levels.json has what each level scores against the one below it. Where nothing
was measured, levels are called by what they do.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from games.game import Game


@dataclass(frozen=True)
class Level:
    """One opponent: its name, what it is in a sentence, and its spec."""

    name: str
    says: str
    spec: str


_PLAYOUTS = "Tries random games in its head: sees little, and blunders."
_RULES = "Looks one move ahead: takes a win, stops one, and overlooks traps."

MEASURED: Mapping[str, tuple[Level, ...]] = MappingProxyType(
    {
        "connect4": (
            Level("Beginner", _PLAYOUTS, "rollout:sims=30"),
            Level("Casual player", _RULES, "rules"),
            Level("Club player", "Looks two moves ahead, and knows good squares.", "alphabeta:depth=2"),
            Level("Strong player", "Looks six moves ahead.", "alphabeta:depth=6"),
            Level("Expert", "Learned by self-play; errs once in a hundred moves.", "mcts:pretrained,sims=200"),
            Level("Perfect", "Solved: never gives a win or a draw away.", "solver"),
        ),
        "gomoku:size=9": (
            Level("Beginner", _PLAYOUTS, "rollout:sims=100"),
            Level("Casual player", _RULES, "rules"),
            Level("Club player", "Looks a thousand positions ahead, and finds forced wins.", "alphabeta:nodes=1000"),
            Level("Expert", "Learned by self-play.", "mcts:pretrained,sims=200"),
        ),
        "gomoku:size=15": (
            Level("Beginner", _PLAYOUTS, "rollout:sims=100"),
            Level("Casual player", _RULES, "rules"),
            Level("Club player", "Looks a thousand positions ahead, and finds forced wins.", "alphabeta:nodes=1000"),
            Level("Expert", "Learned by self-play.", "mcts:pretrained,sims=200"),
        ),
    }
)
_UNMEASURED = (
    Level("Random", "Plays anything.", "random"),
    Level("Looks one move ahead", "Takes a win, and stops one.", "rules"),
    Level("Looks two moves ahead", "Sees what you can answer.", "alphabeta:depth=2"),
    Level("Looks four moves ahead", "Sees short traps.", "alphabeta:depth=4"),
)


def of(game: Game, *, ships: bool, solver: bool) -> list[dict[str, Any]]:
    """The levels of a game, weakest first; those that are not there are left out."""

    def there() -> Iterator[Level]:
        for level in MEASURED.get(game.name, _UNMEASURED):
            if ("pretrained" not in level.spec or ships) and (level.spec != "solver" or solver):
                yield level

    return [asdict(level) for level in there()]


def own(name: str, trained: str) -> dict[str, Any]:
    """A run of one's own, which has trained for so long, in words; as much search as the experts have."""
    said = f"Yours: {name}{trained and f', {trained}'}"
    return asdict(Level(said, "What your run has learned so far; 200 simulations a move.", f"mcts:{name},sims=200"))


def in_page(name: str) -> list[dict[str, Any]]:
    """The levels of a network that thinks in the page, by how long it does."""
    return [
        asdict(level)
        for level in (
            Level("Fast", "Plays the move that its network believes in most, without search.", f"page:{name}"),
            Level("Thorough", "Searches a tree of 100 positions before each move.", f"page:{name},sims=100"),
            Level("Patient", "Searches a tree of 400 positions before each move.", f"page:{name},sims=400"),
        )
    ]


def ages_in_page(name: str, ages: Mapping[int, str]) -> list[dict[str, Any]]:
    """The levels of a network that thinks in the page, by how long it had trained: in words, by generation."""
    says = "As it was then; searches a tree of 100 positions before each move."
    return [
        asdict(Level(f"After {trained}", says, f"page:{name}@{generation},sims=100"))
        for generation, trained in ages.items()
    ]
