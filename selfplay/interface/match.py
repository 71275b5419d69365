"""Matches between any two players."""

from games.game import Game
from selfplay.arena.match import MatchResult, play_match
from selfplay.interface.player import Player, Playing, player
from selfplay.run.read import Run


def match(
    a: "str | Player | Run | Playing",
    b: "str | Player | Run | Playing",
    *,
    games: int = 400,
    seed: int = 0,
    game: str | Game | None = None,
) -> MatchResult:
    """Play a match: half as many balanced openings as games, each with both colours.

    Args:
        a, b: players, or whatever `selfplay.player` makes one of.
        games: an even number.
        seed: decides the openings and all that is random.
        game: where neither `a` nor `b` is a `Player` or a `Run` and so says it.

    Returns:
        The match as `a` sees it: `.score` in [0, 1] with its 95 % `.interval`, `.elo` (None where every game went one
        way), `.wins`, `.draws`, `.losses`, and every game on paper in `.games`.

    Raises:
        ValueError: for players of two games, a spec that nobody knows, or an odd number of games.
    """
    if game is None:
        game = next((said for said in map(_game_of, (a, b)) if said is not None), None)
    first, second = (who if isinstance(who, Player) else player(who, game) for who in (a, b))
    if first.game.name != second.game.name:
        raise ValueError(f"{first.name} plays {first.game.name}, but {second.name} plays {second.game.name}")
    return play_match(first.game, first.agent, second.agent, games=games, seed=seed)


def _game_of(who: object) -> str | Game | None:
    return who.game if isinstance(who, Player) else who.config.game if isinstance(who, Run) else None
