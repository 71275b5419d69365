"""The training loop: play, learn, measure, save. The only owner of state; everybody else consumes its records.

Randomness: every stream is seeded by (seed, generation, stream), so the same seed gives the same run on the
same machine, and a run that was killed and resumed equals one that never stopped.
"""

import dataclasses
import json
import math
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import games
from games import outcome
from selfplay.config import Config
from selfplay.ledger import Ledger
from selfplay.network.architectures import build, evaluation_flops
from selfplay.network.evaluator import NetworkEvaluator, pick_device
from selfplay.network.weights import weights_bytes
from selfplay.run import checkpoint
from selfplay.train.actor import Actor, Harvest
from selfplay.train.energy import EnergyMeter
from selfplay.train.initial import Parent
from selfplay.train.learner import Learner, Losses
from selfplay.train.memory import resident_mb
from selfplay.train.replay import Batch, Replay

# (weights file, totals so far, generation=, final=, dtype=) -> lines of evals.jsonl
EvaluateAgent = Callable[..., list[dict]]

_LEARNING = 1_000_003  # number of the learner's random stream; actors have 0, 1, ...


@dataclass(frozen=True, kw_only=True)
class Flight:
    """A game of self-play that is not over: T plies since its random opening."""

    start_W: np.ndarray
    """where the searches took over"""
    actions_T: np.ndarray
    wdl_T3: np.ndarray
    """the searches' chances to win, draw and lose, for the player who then moved"""


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One round of self-play and learning."""

    number: int
    ledger: Ledger
    """totals since the start of the run, and of what it began with: the axis of strength"""
    own: Ledger
    """of these, what this run has spent: what its limits look at"""
    metrics: dict[str, float]
    evals: list[dict]
    flight: Flight
    seconds: float
    done: bool


class Trainer:
    """Everything that a run carries from one generation to the next."""

    def __init__(self, config: Config, run_dir: Path, parent: Parent | None = None) -> None:
        """Goes on from the newest checkpoint; without one begins with the parent's weights, or with random ones."""
        self.config = config
        self.run_dir = run_dir
        self.game = games.make(config.game)
        self.device = pick_device(config.device)
        self.threads = config.threads or 1
        self.number = 0
        self.ledger = Ledger()  # of this run alone
        self.inherited = Ledger()  # what the weights had cost that it began with
        self.owed_steps = 0.0  # gradient steps that the reuse asks for and that are not yet taken
        self.evaluated_flops = 0.0  # training compute at the last evaluation
        self.energy = EnergyMeter()
        torch.manual_seed(config.seed)
        network = build(self.game, config.network.architecture)
        if parent is not None:
            network.load_state_dict(parent.network.state_dict())
            self.inherited = parent.spent or self.inherited
        self.flops = evaluation_flops(network, self.game)
        self.replay = Replay(self.game, config.replay)
        saved = checkpoint.newest(run_dir, checkpoint.STATE)
        assert saved or bool(config.init) == (parent is not None)
        state = json.loads(saved.path("state.json").read_text()) if saved else {}
        first = NetworkEvaluator(
            network,
            config.device,
            game=self.game,
            batch=config.play.games,
            dtype=state.get("dtype", config.network.dtype),
        )
        self.dtype = first.dtype
        self.learner = Learner(network, config.learn, self.device, self.dtype, self.threads)
        per_thread = math.ceil(config.play.positions / self.threads)
        evaluators = [first] + [
            NetworkEvaluator(network, config.device, game=self.game, batch=config.play.games, dtype=self.dtype)
            for _ in range(self.threads - 1)
        ]
        self.actors = [Actor(self.game, config, evaluator, per_thread) for evaluator in evaluators]
        if saved:
            self._restore(saved, state)

    @property
    def total(self) -> Ledger:
        """What this run and those before it have spent."""
        return self.inherited + self.ledger

    @property
    def done(self) -> bool:
        """Whether a limit of the config is reached."""
        config, ledger = self.config, self.ledger
        return bool(
            (config.minutes and ledger.train_seconds >= 60 * config.minutes)
            or (config.generations and self.number >= config.generations)
            or (config.flops and ledger.train_flops >= config.flops)
        )

    def play(self, simulations: int) -> list[Harvest]:
        """One generation of self-play with the averaged weights, every thread its share."""
        harvests: list[Harvest | BaseException | None] = [None] * self.threads

        def work(thread: int) -> None:
            torch.set_num_threads(1)  # of this thread: the cores are shared out among actors
            try:
                seed = np.random.SeedSequence([self.config.seed, self.number, thread])
                self.actors[thread].evaluator.load(self.learner.average)
                harvests[thread] = self.actors[thread].play(seed, simulations)
            except BaseException as error:
                harvests[thread] = error

        workers = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(self.threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        for harvest in harvests:
            if isinstance(harvest, BaseException):
                raise harvest
        return [harvest for harvest in harvests if isinstance(harvest, Harvest)]

    def learn(self, new_positions: int) -> tuple[Losses, int]:
        """The gradient steps that the new positions pay for; returns the losses and the steps."""
        config = self.config
        self.owed_steps += config.learn.reuse * new_positions / config.learn.batch
        steps = int(self.owed_steps)
        self.owed_steps -= steps
        rng = np.random.default_rng(np.random.SeedSequence([config.seed, self.number, _LEARNING]))

        def batches() -> Iterator[Batch]:
            for _ in range(steps):
                yield self.replay.sample(
                    rng,
                    config.learn.batch,
                    root_value_mix=config.learn.root_value_mix,
                    symmetries=config.knowledge.symmetry,
                )

        return self.learner.learn(batches(), self.ledger.positions), steps

    def generation(self, evaluate_agent: EvaluateAgent | None) -> Generation:
        """Play, learn, and where it is due measure strength."""
        self.number += 1
        started = time.perf_counter()
        simulations = self.config.search.simulations_at(self.ledger.positions)
        self.energy.joules()  # what was drawn between generations is not the training's
        harvests = self.play(simulations)
        for harvest in harvests:
            self.replay.add(
                harvest.states_MW, harvest.policies_MA, harvest.wdl_M3, harvest.facts_M["z"], harvest.facts_M["reply"]
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
        metrics = {
            "loss/total": losses.total,
            "loss/policy": losses.policy,
            "loss/value": losses.value,
            "loss/reply": losses.reply,
            "learn/gradient_norm": losses.gradient_norm,
            "learn/learning_rate": self.learner.learning_rate(self.ledger.positions),
            "learn/samples_per_s": samples / max(learn_seconds, 1e-9),
            "learn/reuse": self.ledger.samples / self.ledger.positions,
            "learn/window": self.replay.window,
            **play_metrics(harvests, play_seconds),
            "play/simulations": simulations,
            "memory/rss_mb": resident_mb(),
        }
        due = self.done or self.config.eval.due(self.total.train_flops, self.evaluated_flops)
        evals = self._evaluate(evaluate_agent) if evaluate_agent and due else []
        return Generation(
            number=self.number,
            ledger=self.total,
            own=self.ledger,
            metrics=metrics,
            evals=evals,
            flight=self.flight(),
            seconds=time.perf_counter() - started,
            done=self.done,
        )

    def flight(self) -> Flight:
        """The game in flight that has come furthest, of the first thread's."""
        slots = self.actors[0].slots
        g = int(slots.count_G.argmax())
        plies = int(slots.count_G[g])
        return Flight(
            start_W=(slots.states_GTW[g, 0] if plies else slots.state_GW[g]).copy(),
            actions_T=slots.facts_GT["action"][g, :plies].copy(),
            wdl_T3=slots.wdl_GT3[g, :plies].copy(),
        )

    def _evaluate(self, evaluate_agent: EvaluateAgent) -> list[dict]:
        started = time.perf_counter()
        self.evaluated_flops = self.total.train_flops
        with tempfile.TemporaryDirectory(prefix="selfplay-") as folder:
            weights = Path(folder) / checkpoint.WEIGHTS
            weights.write_bytes(weights_bytes(self.learner.average, self.game.name))
            lines = evaluate_agent(weights, self.total, generation=self.number, final=self.done, dtype=self.dtype)
        self.ledger += Ledger(eval_seconds=time.perf_counter() - started)
        return lines

    def save(self) -> None:
        """Write a whole checkpoint."""

        def arrays(path: Path, state: dict[str, np.ndarray]) -> None:
            with path.open("wb") as file:
                np.savez(file, **state)  # pyright: ignore[reportArgumentType]

        in_flight = {f"{i}/{key}": value for i, actor in enumerate(self.actors) for key, value in actor.state().items()}
        counters = {
            "number": self.number,
            "ledger": dataclasses.asdict(self.ledger),
            "inherited": dataclasses.asdict(self.inherited),
            "owed_steps": self.owed_steps,
            "evaluated_flops": self.evaluated_flops,
            "dtype": self.dtype,
        }
        checkpoint.write(
            self.run_dir,
            self.number,
            {
                "weights.safetensors": weights_bytes(self.learner.average, self.game.name),
                "learner.pt": checkpoint.state_bytes(self.learner.state()),
                "replay.npz": lambda path: arrays(path, self.replay.state()),
                "games.npz": lambda path: arrays(path, in_flight),
                "state.json": json.dumps(counters).encode(),
            },
        )

    def _restore(self, saved: checkpoint.Checkpoint, state: dict) -> None:
        self.number = state["number"]
        self.ledger = Ledger(**state["ledger"])
        self.inherited = Ledger(**state.get("inherited", {}))  # runs from before there was --init have none
        self.owed_steps = state["owed_steps"]
        self.evaluated_flops = state["evaluated_flops"]
        self.learner.restore(checkpoint.load_state(saved.path("learner.pt")))
        self.replay.restore(checkpoint.load_arrays(saved.path("replay.npz")))
        in_flight = checkpoint.load_arrays(saved.path("games.npz"))
        for i, actor in enumerate(self.actors):
            actor.restore({key[len(f"{i}/") :]: value for key, value in in_flight.items() if key.startswith(f"{i}/")})


def play_metrics(harvests: list[Harvest], seconds: float) -> dict[str, float]:
    """What one generation's self-play was like; see selfplay/run/metrics.py for each name."""
    facts = np.concatenate([harvest.facts_M for harvest in harvests])
    policies_MA = np.concatenate([harvest.policies_MA for harvest in harvests])
    states_MW = np.concatenate([harvest.states_MW for harvest in harvests])
    results = np.concatenate([harvest.results for harvest in harvests])
    lengths = np.concatenate([harvest.lengths for harvest in harvests])
    evaluations = sum(harvest.evaluations for harvest in harvests)
    hits = sum(harvest.cache_hits for harvest in harvests)
    busy = sum(harvest.seconds for harvest in harvests)
    network = sum(harvest.network_seconds for harvest in harvests)
    reached_M = outcome.value(facts["z"].astype(np.float64))
    entropy_M = -(policies_MA * np.log(np.maximum(policies_MA, 1e-12))).sum(axis=1)
    rows = np.ascontiguousarray(states_MW).view(np.dtype((np.void, states_MW.shape[1] * 8)))
    return {
        "policy/entropy": float(entropy_M.mean()),
        "policy/kl_search_net": float(facts["divergence"].mean()),
        "value/calibration": calibration_error(facts["net_value"], reached_M),
        "value/accuracy": float((np.sign(np.round(facts["net_value"])) == reached_M).mean()),
        "games/length": float(lengths.mean()) if len(lengths) else 0.0,
        "games/first_player_score": float((1.0 - results / 2.0).mean()) if len(results) else 0.5,
        "games/draws": float((results == outcome.DRAWN).mean()) if len(results) else 0.0,
        "games/redrawn_openings": sum(harvest.redrawn for harvest in harvests) / max(len(results), 1),
        "games/distinct_positions": len(np.unique(rows)) / len(rows),
        "proven/share": float((facts["proven"] > 0).mean()),
        "play/positions_per_s": len(facts) / seconds,
        "play/evaluations_per_s": evaluations / seconds,
        "play/simulations_per_s": sum(harvest.simulations for harvest in harvests) / seconds,
        "play/network_share": network / busy,
        "play/tree_share": 1.0 - network / busy,
        "play/cache_hits": hits / max(hits + evaluations, 1),
    }


def calibration_error(predicted_M: np.ndarray, reached_M: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error of values in [-1, 1]: the mean distance of prediction from outcome by bin."""
    bin_M = np.clip(((predicted_M + 1.0) / 2.0 * bins).astype(int), 0, bins - 1)
    total = np.bincount(bin_M, minlength=bins)
    gap = np.bincount(bin_M, predicted_M, bins) - np.bincount(bin_M, reached_M, bins)
    return float(np.abs(gap).sum() / max(total.sum(), 1))


def train(
    config: Config, run_dir: Path, *, evaluate_agent: EvaluateAgent | None = None, parent: Parent | None = None
) -> Iterator[Generation]:
    """Train in `run_dir` until the config's budget is spent; goes on from its newest checkpoint if it has one.

    Each generation is yielded before its checkpoint is written, so that a consumer's records are never behind.
    """
    trainer = Trainer(config, run_dir, parent)
    while not trainer.done:
        yield trainer.generation(evaluate_agent)
        trainer.save()
