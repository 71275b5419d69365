"""How strong the learner is right now: matches against the reference players of its config.

The trainer is handed a `Referee` from outside, so that nothing which learns can reach human knowledge.
"""

import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

import games
from games import interrupt, text
from games.game import ONGOING
from selfplay.arena import openings
from selfplay.arena.match import MatchResult, play_match
from selfplay.arena.schedule import AT_FIRST, FEWEST_GAMES, HOPELESS, Pairing, Timetable, informative
from selfplay.config import Config
from selfplay.ledger import Ledger
from selfplay.network.architectures import Network, build, evaluation_flops
from selfplay.network.frozen import FrozenNetwork
from selfplay.players.agent import Agent
from selfplay.players.learned import from_network
from selfplay.players.make import make_agent
from selfplay.players.spec import Spec
from selfplay.run.activity import Activity
from selfplay.stats.records import EvalLine, Lines

_REHEARSED = 8  # positions that an opponent answers before its first match
_SPEED = 1e11  # FLOPs a second of self-play, as a first guess
_LONG = 0.3  # seconds of an opponent's answers that are enough to know
_SURE = 0.25  # of a match: what it has taken by then says how long it takes, and no guess before it


class Referee:
    """Plays the matches of a run's evaluations. It knows the earlier ones, and leaves out what they have settled.

    Openings and seeds are the same at every evaluation, so a curve does not move with them. An evaluation that was
    broken off goes on with the matches that are missing.
    """

    def __init__(
        self,
        config: Config,
        history: Lines = (),
        *,
        on_match_start: Callable[[str], None] = lambda text: None,
        on_match_end: Callable[[EvalLine], None] = lambda line: None,
        show_activity: Callable[[Activity], None] = lambda now: None,
    ) -> None:
        """`history` are the run's matches so far; `on_match_start` gets a text that names the match. `show_activity`
        is called now and then while one is played."""
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
        self.results: dict[Pairing, MatchResult] = {}
        """of the last evaluation, as far as they were played here"""
        self._on_match_start, self._on_match_end = on_match_start, on_match_end
        self._show_activity = show_activity
        # A run that ends by the clock may have matches by the clock; others repeat game by game.
        self._timetable = Timetable(config.eval if config.minutes else replace(config.eval, final_share=0.0))
        self._timetable.plies = min(self._timetable.plies, self.game.max_plies)

    def rehearse(self) -> None:
        """Find out how fast the players are, so that how long matches take is known before the first: each opponent
        answers some openings, and of the learner its size tells until `hear` knows better."""
        flops = evaluation_flops(build(self.game, self.config.network.architecture), self.game)
        self._expect_learner(flops / _SPEED)
        states_NW = self._positions_of_a_game(_REHEARSED)
        seeds_N = np.arange(len(states_NW), dtype=np.uint64)
        for spec, opponent in self.opponents.items():
            if opponent.timed:
                continue
            seconds = math.inf
            for _ in range(2):  # what is made at the first answer is no part of the others
                with interrupt.listening():
                    began = time.perf_counter()
                    opponent.act(states_NW, seeds_N)
                    seconds = min(seconds, time.perf_counter() - began)
                if seconds > _LONG:
                    break
            self._timetable.expect(spec, seconds / len(states_NW))

    def _positions_of_a_game(self, count: int) -> np.ndarray:
        """Positions uint64 [count, W] from the openings on, each two random moves later than the one before: those of
        the end are much easier than those of the beginning."""
        rng = np.random.default_rng(self.config.seed)
        states = []
        for i, line in enumerate(openings.openings(self.game, count, self.config.seed)):
            state_W, _ = text.replay(self.game, line)
            for _ in range(2 * i):
                next_W, status = self.game.after(state_W, int(rng.choice(self.game.legal_actions(state_W))))
                if status != ONGOING:
                    break
                state_W = next_W
            states.append(state_W)
        return np.array(states)

    def hear(self, own: Ledger) -> None:
        """What self-play has taken so far: how fast the network is here, and how long games are."""
        if own.games and own.simulations:
            self._timetable.plies = min(self.game.max_plies, own.positions / own.games)
            self._expect_learner(own.play_seconds / own.simulations)

    def _expect_learner(self, seconds_per_simulation: float) -> None:
        simulations = self.config.eval.simulations
        self._timetable.expect(f"mcts:sims={simulations}", simulations * seconds_per_simulation)
        self._timetable.expect("net", seconds_per_simulation)

    def __call__(
        self,
        network: Network | FrozenNetwork,
        ledger: Ledger,
        *,
        generation: int,
        final: bool,
        dtype: str = "auto",
        own: Ledger | None = None,
    ) -> list[EvalLine]:
        """Play the matches of the network that are not played yet; the lines of all.

        `dtype` is that in which the network plays; by default the faster one, which a measurement decides and
        which is therefore not always the same. The `final` evaluation leaves nothing out, and plays more games. `own`
        is what the run itself has spent, of which matches take a share; by default the `ledger`. Generation 0 is the
        untrained network, of which search alone is measured, and no longer than matches may take of the run's minutes.
        """
        own = own or ledger
        self.results.clear()
        known = {line.pairing: line for line in self.lines if line.generation == generation}
        plan = self._plan(network, dtype, generation, final)
        missing = [(learner, opponent) for learner, opponent in plan if (learner.name, opponent) not in known]
        began = time.perf_counter()
        for number, (learner, opponent) in enumerate(missing):
            spent = time.perf_counter() - began
            if not generation and number and self._is_enough(self.lines[-1], spent):
                break
            rest = [(a.name, b) for a, b in missing[number:]]
            left = self._timetable.final_seconds(own.train_seconds) - spent if final else math.inf
            most = self._most_games(opponent, final, own.eval_seconds + spent, own.train_seconds)
            if not most:
                continue
            now = Activity(
                kind="matches",
                generation=generation,
                done=len(plan) - len(rest),
                of=len(plan),
                agent=learner.name,
                opponent=opponent,
                games=self._announced(rest[0], left / len(rest)) if final else most,
                openings=self._openings(most),
                final=final,
                seconds_left=self._timetable.expected(rest, left) if final else None,
            )
            result = self._match(learner, opponent, most, left / len(rest), now)
            simulations = int(Spec.parse(learner.name, learner=True).options.get("sims", 0))
            line = eval_line(result, ledger, opponent=opponent, generation=generation, simulations=simulations)
            known[line.pairing] = line
            self.lines.append(line)
            self._on_match_end(line)
        return [known[learner.name, opponent] for learner, opponent in plan if (learner.name, opponent) in known]

    def _is_enough(self, last: EvalLine, spent: float) -> bool:
        """Whether the untrained network has met enough opponents: those that are stronger than one that beats it
        clearly say no more, and a short run has no time for them."""
        limit = self.config.eval.share * 60 * self.config.minutes or math.inf
        return last.score < HOPELESS or spent >= limit

    def final_seconds(self, train_seconds: float) -> float:
        """How long the matches at the end will take, about, where training will have taken so long."""
        config = self.config.eval
        searching, alone = f"mcts:sims={config.simulations}", "net"
        pairings = [(learner, opponent) for learner in (searching, alone) for opponent in config.opponents]
        pairings += [("mcts:ms", opponent) for opponent in config.equal_time]
        return self._timetable.expected(pairings, self._timetable.final_seconds(train_seconds))

    def _plan(
        self, network: Network | FrozenNetwork, dtype: str, generation: int, final: bool
    ) -> list[tuple[Agent, str]]:
        """The learner as it plays with search, by the network alone, and at equal time; each with its opponents."""
        config = self.config.eval
        frozen = network if isinstance(network, FrozenNetwork) else FrozenNetwork.of(network, self.game)
        searching = from_network(
            frozen, self.game, simulations=config.simulations, device=self.config.device, dtype=dtype
        )
        if not generation:
            return [(searching, opponent) for opponent in config.opponents[:AT_FIRST]]
        policy_only = from_network(frozen, self.game, policy_only=True, device=self.config.device, dtype=dtype)
        # Without those of the untrained network, so that a run that has them meets whom another one does.
        earlier = [line for line in self.lines if line.generation not in (0, generation)]
        plan: list[tuple[Agent, str]] = []
        for learner in (searching, policy_only):
            ladder = config.opponents if final else informative(earlier, config.opponents, learner.name)
            plan += [(learner, opponent) for opponent in ladder]
        for opponent in config.equal_time:
            # At the clock's small batches the faster dtype is another one.
            plan.append((from_network(frozen, self.game, ms=self.opponents[opponent].ms), opponent))
        return plan

    def _most_games(self, opponent: str, final: bool, spent: float, train_seconds: float) -> int:
        """Of a match; 0 for one by the clock that has to wait."""
        config = self.config.eval
        if final:
            return config.final_games
        if opponent not in config.equal_time:
            return config.games
        most = min(config.games, self._affordable(opponent, spent, train_seconds))
        return most if most >= min(FEWEST_GAMES, config.games) else 0

    def _affordable(self, opponent: str, spent: float, train_seconds: float) -> int:
        """How many games by the clock, in pairs, keep evaluation within its share of the run's time."""
        share = self.config.eval.share
        left = share / (1 - share) * train_seconds - spent
        return 2 * int(max(0.0, left) / self._timetable.seconds_per_game(("", opponent)) / 2)

    def _announced(self, pairing: Pairing, seconds: float) -> int:
        """How many games a match at the end will have, about, that is given so many seconds."""
        return self._timetable.final_games(pairing[1], self._timetable.seconds_per_game(pairing), seconds)

    def _openings(self, games: int) -> int:
        """How many openings a match has; on a small board there are fewer than pairs of games."""
        return len({tuple(line) for line in openings.openings(self.game, games // 2, self.config.seed)})

    def _match(self, learner: Agent, opponent: str, most: int, seconds: float, now: Activity) -> MatchResult:
        """A match of so many games, or of fewer, in rounds, if it takes longer than `seconds`."""
        pairing = learner.name, opponent
        guess = self._timetable.seconds_per_game(pairing)
        after = None if now.seconds_left is None else max(0.0, now.seconds_left - guess * now.games)
        a_round = self._timetable.a_round(opponent, most)
        began = time.perf_counter()
        rounds = 0

        def over(pairs_5: object) -> bool:
            nonlocal rounds
            rounds += 1
            spent = time.perf_counter() - began
            return spent + spent / rounds / 2 >= seconds  # the end is where it is nearest

        def show(points_G: object, share: float) -> None:
            if after is None:
                self._show_activity(replace(now, share=share))
                return
            spent, sure = time.perf_counter() - began, min(1.0, share / _SURE)
            each = sure * spent / max(share * most, 1e-9) + (1 - sure) * guess
            games = self._timetable.final_games(opponent, each, seconds)
            share = min(1.0, share * most / games)
            left = max(0.0, each * games * (1 - share)) + after
            self._show_activity(replace(now, games=games, share=share, seconds_left=left))

        self._show_activity(now)
        self._on_match_start(f"{now.agent} against {now.opponent}, {now.games} games")
        result = play_match(
            self.game,
            learner,
            self.opponents[opponent],
            games=most,
            seed=self.config.seed,
            until=over if math.isfinite(seconds) and a_round < most else None,
            batch=a_round // 2,
            watch=show,
        )
        thought = [pace.seconds for pace in result.paces]
        self._timetable.took(pairing, result.played, time.perf_counter() - began, thought)
        self.results[pairing] = result
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
