"""The training loop: play, learn, measure, save. The only owner of state; everybody else consumes its records.

Randomness: every stream is seeded by (seed, generation, stream), so the same seed gives the same run on the
same machine, and a run that was killed and resumed equals one that never stopped.
"""

import copy
import dataclasses
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

import games
from games.game import Game
from selfplay.config import Config, LearnConfig
from selfplay.ledger import Ledger
from selfplay.network.architectures import build, evaluation_flops
from selfplay.network.evaluator import pick_device
from selfplay.network.weights import weights_bytes
from selfplay.run import checkpoint, formats, limits
from selfplay.run.activity import Activity
from selfplay.run.rows import MetricsLine
from selfplay.stats.records import EvalLine
from selfplay.train import arrays, divergence
from selfplay.train.actor import Allowance
from selfplay.train.initial import InitialWeights
from selfplay.train.learner import Learner, Losses
from selfplay.train.meters import EnergyMeter, resident_mb
from selfplay.train.pool import LocalPool, MeasuredPool, OngoingGame, Pool
from selfplay.train.replay import Batch, Replay
from selfplay.train.statistics import play_metrics

# (network, totals so far, generation=, final=, dtype=, own=) -> its matches
EvaluateAgent = Callable[..., list[EvalLine]]
ShowActivity = Callable[[Activity], None]

_LEARNING = 1_000_003  # number of the learner's random stream; actors have 0, 1, ...
_PLAY_SHARE = 0.4  # of the time of a generation, as a first guess
_LARGEST = 1e30  # of a number; its square is one still
_SHOWS_S = 0.25  # seconds between two looks at what is learned


@dataclass(frozen=True, kw_only=True)
class Learned:
    """A generation that has played and learned, and whose matches, if there are any, are to come."""

    metrics: dict[str, float]
    seconds: float
    scheduled: bool
    """whether its strength is to be measured, be it the last or not"""
    notes: Sequence[str] = ()
    """what the user should hear of, in a line each"""


def _nobody(now: Activity) -> None:
    """Shows nothing."""


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One round of self-play and learning."""

    number: int
    ledger: Ledger
    """totals since the start of the run, and of what it began with: the axis of strength"""
    own: Ledger
    """of these, what this run has spent: what its limits look at"""
    metrics: dict[str, float]
    evals: list[EvalLine]
    ongoing: OngoingGame
    seconds: float
    done: bool
    notes: Sequence[str] = ()
    """what the user should hear of, in a line each"""


class Trainer:
    """Everything that a run carries from one generation to the next."""

    def __init__(
        self,
        game: Game,
        config: Config,
        pool: Pool,
        *,
        initial: InitialWeights | None = None,
        show_activity: ShowActivity = _nobody,
    ) -> None:
        """A run that begins, with the weights of `initial` or with random ones."""
        self.game = game
        self.config = config
        self.pool = pool
        self.number = 0
        self.ledger = Ledger()  # of this run alone
        self.inherited = Ledger()  # what the weights had cost that it began with
        self.carried_steps = 0.0  # gradient steps that the replay ratio asks for and that are not yet taken
        self.evaluated_flops = 0.0  # training compute at the last evaluation
        self.notes: list[str] = []
        self.retreats = 0  # how often it diverged, and went on at a lower rate
        self.energy = EnergyMeter()
        torch.manual_seed(config.seed)
        network = build(game, config.network.architecture)
        if initial is not None:
            network.load_state_dict(initial.network.state_dict())
            self.inherited = initial.spent or self.inherited
        self.flops = evaluation_flops(network, game)
        taught = config.learn.ownership_weight > 0
        self.replay = Replay(game, config.replay, owners=taught)
        self.learner = Learner(
            network,
            config.learn,
            pick_device(config.device),
            pool.dtype,
            config.threads or 1,
            ownership=network.ownership(game) if taught else None,
        )
        self.show_activity = show_activity
        self._began = time.perf_counter()  # the generation,
        self._before = self.ledger  # after which had been spent so much

    @property
    def total(self) -> Ledger:
        """What this run and those before it have spent."""
        return self.inherited + self.ledger

    @property
    def done(self) -> bool:
        """Whether a limit of the config is reached."""
        return limits.reached(self.config, self.ledger, self.number)

    @property
    def allowance(self) -> Allowance:
        """What the next generation may cost, so that the run ends at its limit."""
        ledger, learn, rest = self.ledger, self.config.learn, limits.left(self.config, self.ledger)
        owed = self.carried_steps * learn.batch  # samples
        found = Allowance(evaluations_per_position=3 * learn.replay_ratio)
        if rest.flops is not None:
            found = replace(found, evaluations=rest.flops / self.flops - 3 * owed)
        if rest.seconds is not None and not ledger.samples:
            found = replace(found, seconds=_PLAY_SHARE * rest.seconds)
        elif rest.seconds is not None:
            each = ledger.learn_seconds / ledger.samples
            found = replace(found, seconds=rest.seconds - each * owed, seconds_per_position=each * learn.replay_ratio)
        return found

    def learn(self, new_positions: int) -> tuple[Losses, int]:
        """The gradient steps that the new positions pay for, as far as the limits allow; returns the losses and the
        steps. Steps that are left out are carried on, should the run be continued."""
        config = self.config
        self.carried_steps += config.learn.replay_ratio * new_positions / config.learn.batch
        steps, rest = int(self.carried_steps), limits.left(config, self.ledger)
        if rest.flops is not None:
            steps = min(steps, max(1, round(rest.flops / (3 * self.flops * config.learn.batch))))
        deadline = math.inf if rest.seconds is None else time.perf_counter() + rest.seconds
        rng = np.random.default_rng(np.random.SeedSequence([config.seed, self.number, _LEARNING]))
        shown = taken = 0

        def batches() -> Iterator[Batch]:
            nonlocal shown, taken
            for taken in range(1, steps + 1):
                now = time.perf_counter()
                if now >= deadline and taken > 1:
                    taken -= 1
                    return
                if now - shown >= _SHOWS_S:
                    shown = now
                    self._show("learn", taken, steps)
                yield self.replay.sample(
                    rng,
                    config.learn.batch,
                    root_value_mix=config.learn.root_value_mix,
                    symmetries=config.knowledge.symmetry,
                )

        before = copy.deepcopy(self.learner.state())
        while not self._healthy(losses := self.learner.learn(batches(), self.ledger.positions)):
            self._retreat(losses, before)
            self.ledger += Ledger(learn_flops=3 * self.flops * taken * config.learn.batch)  # in vain, and spent
            rng = np.random.default_rng(np.random.SeedSequence([config.seed, self.number, _LEARNING]))
        self.carried_steps -= taken
        return losses, taken

    def _healthy(self, losses: Losses) -> bool:
        numbers = (losses.total, losses.reply, losses.gradient_norm)
        return not divergence.diverged(losses.policy, losses.value, numbers, self.game.actions) and divergence.finite(
            self.learner.state()
        )

    def _retreat(self, losses: Losses, before: dict[str, Any]) -> None:
        """Back to `before`, at a lower rate; `DivergedError` where that is not wanted, or has not helped."""
        rate = self.config.learn.learning_rate * self.learner.rate_share
        where = f"generation {self.number} (loss {losses.total:.3g})"
        what = f"learning diverged in {where} at a learning rate of {rate:.2g}"
        if self.config.learn.on_divergence == "stop" or self.retreats == divergence.MOST_RETREATS:
            lower = min(rate * divergence.RETREAT, LearnConfig.learning_rate)
            raise divergence.DivergedError(f"{what}; give the same command with --learn.learning_rate {lower:.1g}")
        self.retreats += 1
        self.learner.restore(copy.deepcopy(before))  # the optimiser would go on in these very tensors
        self.learner.rate_share *= divergence.RETREAT
        self.notes.append(f"{what}; its steps are taken anew at {rate * divergence.RETREAT:.2g}")

    def _show(self, kind: Literal["play", "learn"], done: int, of: int) -> None:
        limit = (self.config, self._before, self.number - 1)
        left, whole = limits.seconds_left(*limit), limits.train_seconds_at_end(*limit)
        spent = time.perf_counter() - self._began
        if left is None and done and self.config.flops and not self.config.generations:
            left = whole = self._whole(kind, done, of, spent)
        if left is not None:
            left = max(0.0, left - spent)
        self.show_activity(
            Activity(
                kind=kind,
                generation=self.number,
                done=done,
                of=of,
                seconds_left=left,
                train_seconds=whole,
            )
        )

    def _whole(self, kind: Literal["play", "learn"], done: int, of: int, spent: float) -> float:
        """Seconds that training to a limit in FLOPs will take, about, from the first `spent` ones of its first
        generation."""
        learn = self.config.learn
        if kind == "play":
            each = self.flops * (self.config.search.simulations_at(0) + 3 * learn.replay_ratio)  # of a position
            return spent / min(1.0, _PLAY_SHARE * done * each / self.config.flops)
        played = self.ledger.play_seconds
        cost = self.ledger.play_flops + 3 * self.flops * of * learn.batch
        return (played + (spent - played) * of / done) * max(1.0, self.config.flops / cost)

    def generation(self, evaluate_agent: EvaluateAgent | None) -> Generation:
        """Play, learn, and where it is due measure strength."""
        return self.measured(self.learned(), evaluate_agent)

    def learned(self) -> Learned:
        """Play and learn."""
        self.number += 1
        self.notes = []
        started = self._began = time.perf_counter()
        self._before = self.ledger
        simulations = self.config.search.simulations_at(self.ledger.positions)
        self.energy.joules()  # what was drawn between generations is not the training's
        harvests = self.pool.play(
            self.learner.average,
            self.number,
            simulations,
            self.allowance,
            lambda done, of: self._show("play", done, of),
        )
        for harvest in harvests:
            self.replay.add(
                harvest.states_MW,
                harvest.policies_MA,
                harvest.wdl_M3,
                harvest.facts_M["z"],
                harvest.facts_M["reply"],
                harvest.owners_M2K,
            )
        play_seconds = time.perf_counter() - started
        positions = sum(len(harvest.states_MW) for harvest in harvests)
        evaluations = sum(harvest.evaluations for harvest in harvests)
        self.ledger += Ledger(
            games=sum(len(harvest.lengths) for harvest in harvests),
            positions=positions,
            simulations=sum(harvest.simulations for harvest in harvests),
            evaluations=evaluations,
            play_flops=self.flops * evaluations,
            play_seconds=play_seconds,
        )
        losses, steps = self.learn(positions)
        samples = steps * self.config.learn.batch
        learn_seconds = time.perf_counter() - started - play_seconds
        self.ledger += Ledger(
            samples=samples,
            learn_flops=3 * self.flops * samples,
            learn_seconds=learn_seconds,
            train_joules=self.energy.joules(),
        )
        of_steps = {  # which a generation of few positions may have none of
            "loss/total": losses.total,
            "loss/policy": losses.policy,
            "loss/value": losses.value,
            "loss/reply": losses.reply,
            **({"loss/ownership": losses.ownership} if self.learner.student.ownership else {}),
            "learn/gradient_norm": losses.gradient_norm,
            "learn/samples_per_s": samples / max(learn_seconds, 1e-9),
        }
        metrics = {
            **(of_steps if steps else {}),
            **({"learn/reuse": self.ledger.samples / self.ledger.positions} if self.ledger.samples else {}),
            "learn/retreats": self.retreats,
            "learn/learning_rate": self.learner.learning_rate(self.ledger.positions),
            "learn/window": self.replay.window,
            **play_metrics(harvests, play_seconds),
            **(self.pool.metrics() if isinstance(self.pool, MeasuredPool) else {}),
            "play/simulations": simulations,
            "memory/rss_mb": resident_mb(),
        }
        scheduled = self.config.eval.due(self.total.train_flops, self.evaluated_flops)
        if scheduled or self.done:
            self.evaluated_flops = self.total.train_flops
        return Learned(metrics=metrics, seconds=time.perf_counter() - started, scheduled=scheduled, notes=self.notes)

    def due(self, learned: Learned) -> bool:
        """Whether the generation's strength is to be measured: where it is scheduled, and at the end."""
        return learned.scheduled or self.done

    def measured(self, learned: Learned, evaluate_agent: EvaluateAgent | None) -> Generation:
        """The whole generation, its strength measured where that is due."""
        evals = self._evaluate(evaluate_agent) if evaluate_agent and self.due(learned) else []
        return Generation(
            number=self.number,
            ledger=self.total,
            own=self.ledger,
            metrics=learned.metrics,
            evals=evals,
            ongoing=self.pool.ongoing(),
            seconds=learned.seconds,
            done=self.done,
            notes=learned.notes,
        )

    def measure_untrained(self, evaluate_agent: EvaluateAgent) -> None:
        """Matches before the first generation, as generation 0, which has spent nothing."""
        self._evaluate(evaluate_agent)

    def _evaluate(self, evaluate_agent: EvaluateAgent) -> list[EvalLine]:
        started = time.perf_counter()
        network = copy.deepcopy(self.learner.average)  # whatever becomes of it, what is learned stays the same
        lines = evaluate_agent(
            network, self.total, generation=self.number, final=self.done, dtype=self.pool.dtype, own=self.ledger
        )
        self.ledger += Ledger(eval_seconds=time.perf_counter() - started)
        return lines

    def save(self, run_dir: Path, learned: Learned | None = None) -> checkpoint.Checkpoint:
        """Write a whole checkpoint into the run folder: of a generation that is complete, or has `learned` and whose
        matches are to come."""

        def arrays(path: Path, state: dict[str, np.ndarray]) -> None:
            with path.open("wb") as file:
                np.savez(file, **state)  # pyright: ignore[reportArgumentType]

        counters = {
            **formats.stamp(),
            "number": self.number,
            "ledger": dataclasses.asdict(self.ledger),
            "inherited": dataclasses.asdict(self.inherited),
            "carried_steps": self.carried_steps,
            "evaluated_flops": self.evaluated_flops,
            "dtype": self.pool.dtype,
            "learning_rate": self.config.learn.learning_rate,
            "rate_share": self.learner.rate_share,
            "retreats": self.retreats,
        }
        assert divergence.finite(self.learner.state())
        pending = {checkpoint.PENDING: json.dumps(dataclasses.asdict(learned)).encode()} if learned else {}
        return checkpoint.write(
            run_dir,
            self.number,
            {
                **pending,
                "weights.safetensors": weights_bytes(self.learner.average, self.game.name),
                "learner.pt": checkpoint.state_bytes(self.learner.state()),
                "replay.npz": lambda path: arrays(path, self.replay.state()),
                "games.npz": lambda path: arrays(path, self.pool.state()),
                "state.json": json.dumps(counters).encode(),
            },
        )

    def mark(self, saved: checkpoint.Checkpoint) -> None:
        """Say in the checkpoint that the matches of its generation are played, and that everybody has heard of it."""
        checkpoint.add(saved, checkpoint.MEASURED, json.dumps({"eval_seconds": self.ledger.eval_seconds}).encode())

    def restore(self, saved: checkpoint.Checkpoint) -> Learned | None:
        """Go on from a checkpoint of this run: with the matches of its generation, if they are to come. The pool has
        its dtype already."""
        state = restore_counters(saved)
        self.number = state["number"]
        self.ledger = Ledger(**state["ledger"])
        self.inherited = Ledger(**state["inherited"])
        self.carried_steps = state["carried_steps"]
        self.evaluated_flops = state["evaluated_flops"]
        if state["learning_rate"] == self.config.learn.learning_rate:  # else the user has chosen another one
            self.learner.rate_share, self.retreats = state["rate_share"], state["retreats"]
        for name, load, restore in (
            ("learner.pt", checkpoint.load_state, self.learner.restore),
            ("replay.npz", arrays.load, self.replay.restore),
            ("games.npz", arrays.load, self.pool.restore),
        ):
            found = load(saved.path(name))
            try:
                restore(found)
            except ValueError as error:
                raise ValueError(f"{saved.path(name)}: {error}") from error
        return self._restore_matches(saved)

    def _restore_matches(self, saved: checkpoint.Checkpoint) -> Learned | None:
        """What they had taken, or the generation whose matches are to come."""
        name = checkpoint.MEASURED if saved.complete == saved.generation else checkpoint.PENDING
        if name not in saved.files:
            return None
        try:
            found = json.loads(saved.path(name).read_bytes())
            if name == checkpoint.PENDING:
                return _learned(found)
            if not _counted(found["eval_seconds"]):
                raise ValueError("eval_seconds is no number from 0 up")
            self.ledger = replace(self.ledger, eval_seconds=float(found["eval_seconds"]))
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise ValueError(f"{saved.path(name)} does not tell of matches: {error!s:.100}") from error
        return None


def _learned(found: dict[str, Any]) -> Learned:
    """What `dataclasses.asdict` made of it; `ValueError` or `TypeError` if it is none."""
    learned = Learned(**found)
    MetricsLine.from_dict({"generation": 1, **learned.metrics})
    texts = isinstance(learned.notes, list) and all(isinstance(note, str) for note in learned.notes)
    if not (texts and _counted(learned.seconds) and isinstance(learned.scheduled, bool)):
        raise ValueError("notes, seconds or scheduled are of another type")
    return learned


def dtype_of(run_dir: Path) -> str:
    """In which a run plays and learns; empty where it has no checkpoint yet."""
    saved = checkpoint.newest(run_dir, checkpoint.STATE)
    return restore_counters(saved)["dtype"] if saved else ""


def restore_counters(saved: checkpoint.Checkpoint) -> dict[str, Any]:
    """The state.json of a checkpoint, an older one as it would be written today."""
    path = saved.path("state.json")
    try:
        state = json.loads(path.read_bytes())
        if formats.check(state, path) == 0:
            state.setdefault("inherited", {})  # from before there was --init
            if "owed_steps" in state:
                state["carried_steps"] = state.pop("owed_steps")
        # From before there were retreats; no rate is None, but then none was lowered either.
        state = {"learning_rate": None, "rate_share": 1.0, "retreats": 0, **state}
        numbers = [
            state["rate_share"],
            state["retreats"],
            state["number"],
            state["carried_steps"],
            state["evaluated_flops"],
        ]
        for name in ("ledger", "inherited"):
            numbers += dataclasses.asdict(Ledger(**state[name])).values()
        if state["dtype"] not in ("float32", "bfloat16") or not all(map(_counted, numbers)):
            raise ValueError("a number that is none, or is below 0")
        if state["number"] != saved.generation or not isinstance(state["retreats"], int):
            raise ValueError(f"it is of generation {state['number']}")
    except formats.NewerFormatError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is not the state of a run: {error!s:.100}") from error
    return state


def _counted(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LARGEST


def train(
    config: Config,
    run_dir: Path,
    *,
    evaluate_agent: EvaluateAgent | None = None,
    initial: InitialWeights | None = None,
    pool: Pool | None = None,
    consumers: Sequence[Callable[[Generation], None]] = (),
    show_activity: ShowActivity = _nobody,
) -> Iterator[Generation]:
    """Train in `run_dir` until the config's budget is spent; goes on from its newest checkpoint if it has one.

    Each generation is given to the `consumers`, one after the other; then its checkpoint is written, so that their
    records are never behind it; then it is yielded. Where its strength is measured, which takes a while, the checkpoint
    is written before, and marked after. `pool` plays, by default threads of this process; `ValueError` for one of
    another dtype than that in which the run was begun.
    """
    game = games.make(config.game)
    saved = checkpoint.newest(run_dir, checkpoint.STATE)
    assert saved or bool(config.init) == (initial is not None)
    dtype = restore_counters(saved)["dtype"] if saved else ""
    if pool is None:
        pool = LocalPool(game, config, dtype)
    elif dtype and pool.dtype != dtype:
        raise ValueError(f"{run_dir} was begun in {dtype}, and the pool plays in {pool.dtype}")
    trainer = Trainer(game, config, pool, initial=initial, show_activity=show_activity)
    learned = trainer.restore(saved) if saved else None
    if evaluate_agent and config.eval.untrained and saved is None and initial is None:
        trainer.measure_untrained(evaluate_agent)
    begun = saved if learned else None  # the checkpoint of a generation whose matches are to come
    while learned or not trainer.done:
        if learned is None:
            learned = trainer.learned()
            if evaluate_agent and trainer.due(learned):
                begun = trainer.save(run_dir, learned)
        generation = trainer.measured(learned, evaluate_agent)
        for consume in consumers:
            consume(generation)
        if begun:
            trainer.mark(begun)
        else:
            trainer.save(run_dir)
        learned = begun = None
        yield generation
