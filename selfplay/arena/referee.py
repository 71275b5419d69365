"""How strong the learner is right now: matches against the reference players of its config.

The trainer is handed a `Referee` from outside, so that nothing which learns can reach human knowledge.
"""

import time
from collections.abc import Callable, Iterator, Sequence

import games
from selfplay.arena import schedule
from selfplay.arena.match import MatchResult, play_match
from selfplay.config import Config
from selfplay.ledger import Ledger
from selfplay.network.architectures import Network
from selfplay.network.frozen import FrozenNetwork
from selfplay.players.agent import Agent
from selfplay.players.learned import from_network
from selfplay.players.make import make_agent
from selfplay.players.spec import Spec
from selfplay.stats.records import EvalLine, Lines

_FEWEST_GAMES = 20  # of a match by the clock, when its share of the time allows no more
_PLIES = 30  # of a game, as a first guess of how long a match by the clock takes


class Referee:
    """Plays the matches of a run's evaluations. It knows the earlier ones, and leaves out what they have settled.

    Openings and seeds are the same at every evaluation, so a curve does not move with them.
    """

    def __init__(
        self,
        config: Config,
        history: Lines = (),
        *,
        on_match_start: Callable[[str], None] = lambda text: None,
        on_match_end: Callable[[EvalLine], None] = lambda line: None,
    ) -> None:
        """`history` are the run's matches so far; `on_match_start` gets a text that names the match."""
        self.config = config
        self.game = games.make(config.game)
        self.lines = list(history)
        self.opponents = {
            spec: make_agent(spec, self.game) for spec in (*config.eval.opponents, *config.eval.equal_time)
        }
        for spec in config.eval.equal_time:
            if not self.opponents[spec].timed:
                raise ValueError(
                    f"eval.equal_time holds players that think by the clock, as alphabeta:ms=20, not {spec}"
                )
        self.results: dict[tuple[str, str], MatchResult] = {}
        """of the last evaluation, by the learner's name and the opponent's"""
        self._on_match_start, self._on_match_end = on_match_start, on_match_end
        self._seconds_per_game: dict[str, float] = {}  # of the last match against an opponent

    def __call__(
        self, network: Network | FrozenNetwork, ledger: Ledger, *, generation: int, final: bool, dtype: str = "auto"
    ) -> list[EvalLine]:
        """Play the matches of the network.

        `dtype` is that in which the network plays; by default the faster one, which a measurement decides and
        which is therefore not always the same. The `final` evaluation leaves nothing out, and plays more games.
        """
        started = time.perf_counter()
        config = self.config.eval
        games_each = config.final_games if final else config.games
        lines: list[EvalLine] = []
        self.results.clear()
        for learner, opponents in self._players(network, dtype, final):
            for opponent in opponents:
                games = games_each
                if opponent in config.equal_time and not final:
                    spent = ledger.eval_seconds + time.perf_counter() - started
                    games = min(games, self._affordable(opponent, spent, ledger.train_seconds))
                    if games < min(_FEWEST_GAMES, games_each):
                        continue
                self._on_match_start(f"{learner.name} against {opponent}, {games} games")
                result = self._match(learner, opponent, games)
                simulations = int(Spec.parse(learner.name, learner=True).options.get("sims", 0))
                lines.append(
                    eval_line(result, ledger, opponent=opponent, generation=generation, simulations=simulations)
                )
                self._on_match_end(lines[-1])
        self.lines += lines
        return lines

    def _players(
        self, network: Network | FrozenNetwork, dtype: str, final: bool
    ) -> Iterator[tuple[Agent, Sequence[str]]]:
        """The learner as it plays with search, by the network alone, and at equal time; each with its opponents."""
        config = self.config.eval
        frozen = network if isinstance(network, FrozenNetwork) else FrozenNetwork.of(network, self.game)
        searching = from_network(
            frozen, self.game, simulations=config.simulations, device=self.config.device, dtype=dtype
        )
        policy_only = from_network(frozen, self.game, policy_only=True, device=self.config.device, dtype=dtype)
        for learner in (searching, policy_only):
            ladder = config.opponents
            yield learner, ladder if final else schedule.informative(self.lines, ladder, learner.name)
        for opponent in config.equal_time:
            # At the clock's small batches the faster dtype is another one.
            yield from_network(frozen, self.game, ms=self.opponents[opponent].ms), (opponent,)

    def _affordable(self, opponent: str, spent: float, train_seconds: float) -> int:
        """How many games by the clock, in pairs, keep evaluation within its share of the run's time."""
        share, ms = self.config.eval.share, self.opponents[opponent].ms or 0.0
        left = share / (1 - share) * train_seconds - spent
        return 2 * int(max(0.0, left) / self._seconds_per_game.get(opponent, _PLIES * ms / 1000) / 2)

    def _match(self, learner: Agent, opponent: str, games: int) -> MatchResult:
        started = time.perf_counter()
        result = play_match(self.game, learner, self.opponents[opponent], games=games, seed=self.config.seed)
        self._seconds_per_game[opponent] = (time.perf_counter() - started) / games
        self.results[learner.name, opponent] = result
        return result


def eval_line(result: MatchResult, spent: Ledger, *, opponent: str, generation: int, simulations: int) -> EvalLine:
    """A match of a learner (`a`), whose training had `spent` so much, as a run writes it down.

    `opponent` is the spec by which the run knows `b`. `simulations` are the learner's, 0 where it has no such number.
    """
    low, high = result.interval
    ours, theirs = (round(1000 * pace.mean, 3) for pace in result.paces)
    return EvalLine(
        generation=generation,
        flops=spent.train_flops,
        evaluations=spent.evaluations,
        games=spent.games,
        seconds=spent.train_seconds,
        jones_flops=spent.jones_flops,
        joules=spent.train_joules or None,
        agent=result.a,
        opponent=opponent,
        simulations=simulations,
        wins=result.wins,
        draws=result.draws,
        losses=result.losses,
        pairs=result.pairs_5,
        distinct_games=result.distinct_games,
        distinct_pairs=result.distinct_pairs,
        score=result.score,
        score_low=low,
        score_high=high,
        seed=result.seed,
        ms_per_move=(ours, theirs) if result.paces[0].budget is not None else None,
    )
