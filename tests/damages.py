"""Damage of every kind to every kind of file of a run, drawn from a seed: what a disk does, and what strangers write.

Large version, also with one command or file alone:

    python tests/damages.py --cases 20000 --seed 1 [--only report] [--file evals.jsonl]
"""

import argparse
import collections
import contextlib
import io
import json
import os
import random
import re
import shutil
import signal
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfplay import cli
from selfplay.report import page
from selfplay.run import checkpoint, checksums, folder, formats

SECONDS = 30  # for one command, which takes less than one
GAME = "tictactoe"


def a_run(run_dir: Path) -> Path:
    """Three generations of the tiny preset, with every kind of file that a run folder may hold."""
    train = ["train", "--config", "tiny", "--game", GAME, "--run", str(run_dir), "--quiet"]
    assert cli.guarded(train) == 0
    for name in ("report.html", "curves.png", "frontier.png"):
        (run_dir / name).unlink(missing_ok=True)
    shutil.rmtree(run_dir / "tensorboard")
    lines = [json.loads(line) for line in (run_dir / folder.EVALS).read_text().splitlines()]
    more = [
        {**line, "flops": line["flops"] * 4**n, "generation": min(3, n), "wins": 1, "draws": 1, "losses": 2}
        for n in (1, 2, 3)
        for line in lines[:2]
    ]
    folder.append(run_dir / folder.EVALS, more)
    folder.append(run_dir / folder.FRONTIER, [{**line, "agent": "mcts:sims=8", "simulations": 8} for line in more])
    forecast = {"agent": lines[0]["agent"], "opponent": "random", "made_at_flops": 1e6, "flops": 2e6}
    forecast |= {"flops_low": 1e6, "flops_high": None, "generation": 3, "written": "2026-01-01T00:00:00+00:00"}
    folder.append(run_dir / folder.FORECASTS, [forecast])
    price = dict.fromkeys(("elo", "elo_low", "elo_high", "factor", "factor_low", "factor_high"), 1.5)
    growth = {"agent": "mcts:sims=2", "opponent": "random", "elo_per_decade": 100.0}
    prices = {**formats.stamp(), "agent": "rules", "growth": growth, "prices": [{"piece": "win", **price}]}
    (run_dir / folder.PRICES).write_text(json.dumps(prices))
    now = {"kind": "play", "generation": 3, "done": 1, "of": 9, "seconds_left": 5.0}
    (run_dir / folder.ACTIVITY).write_text(json.dumps(now))
    games = {"game": GAME, "first": "random", "second": "rules", "moves": "a1 b1", "result": "*"}
    (run_dir / folder.OVERTAKEN).write_text(json.dumps(games) + "\n")
    return run_dir


# What is done to a file: bytes in, bytes out.

ODD: list[Any] = [
    None, True, -1, 0, 10**400, -(10**400), 1e308, -1e308, float("nan"), float("inf"), 1e-320, 2**63, 2**64, 0.5,
    "", "x", "3", "\x1b[31mred", "\u202eright to left", "\ud800", "[/red] [bold]", "a" * 5000, "mcts:sims=64",
    "../../etc/passwd", "\0",
    [], {}, [1], [None] * 5, [[[]]], {"a": {"b": 1}}, [1e308] * 5, [-1] * 5, [10**30, 0, 0, 0, 10**30],
]  # fmt: skip


def _at(rng: random.Random, content: bytes) -> int:
    return rng.randrange(len(content)) if content else 0


def flip(rng: random.Random, content: bytes) -> bytes:
    at = _at(rng, content)
    return content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :] if content else b"\1"


def digit(rng: random.Random, content: bytes) -> bytes:
    places = [match.start() for match in re.finditer(rb"\d", content[:200_000])]
    if not places:
        return flip(rng, content)
    at = rng.choice(places)
    return content[:at] + str(rng.randrange(10)).encode() + content[at + 1 :]


def truncate(rng: random.Random, content: bytes) -> bytes:
    return content[: _at(rng, content)]


def empty(rng: random.Random, content: bytes) -> bytes:
    return b""


def zeros(rng: random.Random, content: bytes) -> bytes:
    at = _at(rng, content)
    return content[:at] + bytes(min(512, len(content) - at)) + content[at + 512 :]


def doubled(rng: random.Random, content: bytes) -> bytes:
    at = _at(rng, content)
    return content[:at] + content[at // 2 :]


def other(rng: random.Random, content: bytes) -> bytes:
    return rng.choice(
        [b"[]", b"{}", b"null", b"3", b'"x"', b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b"\n\n\n", b"0" * 5000,
         b"[]\n", b"{}\n", b"3\n", b'{"generation": 1}\n', b'{"generation": 1' + b"0" * 5000 + b"}\n", b"x = [\n" * 9]
    )  # fmt: skip


def reshape(rng: random.Random, content: bytes) -> bytes:
    """One value of JSON, of one line where there are several, is another or gone; a setting of TOML likewise."""
    try:
        return _dumped(_reshaped(rng, json.loads(content)))
    except ValueError:
        pass
    lines = content.splitlines(keepends=True)
    if not lines:
        return content
    at = rng.randrange(len(lines))
    try:
        lines[at] = _dumped(_reshaped(rng, json.loads(lines[at]))) + b"\n"
    except ValueError:
        key, is_one, _ = lines[at].partition(b" = ")
        new = _dumped(rng.choice(ODD))
        lines[at] = rng.choice([b"", key + is_one + new + b"\n", lines[at] * 2]) if is_one else b""
    return b"".join(lines)


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def _reshaped(rng: random.Random, value: Any) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.95:
        key = rng.choice(list(value))
        if rng.random() < 0.15:
            return {name: each for name, each in value.items() if name != key}
        return {**value, key: _reshaped(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.6:
        at = rng.randrange(len(value))
        return [*value[:at], _reshaped(rng, value[at]), *value[at + 1 :]]
    if isinstance(value, int | float) and rng.random() < 0.4:
        return rng.choice([-value, value * 10, value + 1, value * 1e9, 0])
    return rng.choice(ODD)


def rearray(rng: random.Random, content: bytes) -> bytes:
    """One array of an .npz file has another content, of another length at times."""
    import numpy as np

    try:
        with np.load(io.BytesIO(content)) as archive:
            arrays = dict(archive)
    except (ValueError, OSError, zipfile.BadZipFile):
        return content
    name = rng.choice(list(arrays))
    array = arrays[name]
    change: list[Callable[[], Any]] = [
        lambda: array[: len(array) // 2] if array.ndim else array[None],
        lambda: np.full_like(array, 127),
        lambda: np.zeros_like(array),
        lambda: array.astype(np.float64) * np.nan,
        lambda: array.astype(np.complex64),
        lambda: array.reshape(-1),
        lambda: array[..., None],
        lambda: ~array if array.dtype.kind in "ui" else -array,
        lambda: np.array(["text"]),
    ]
    arrays[name] = rng.choice(change)()
    if rng.random() < 0.1:
        del arrays[name]
    file = io.BytesIO()
    np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]
    return file.getvalue()


def retorch(rng: random.Random, content: bytes) -> bytes:
    """One value of a learner's state is another."""
    import torch

    try:
        state = torch.load(io.BytesIO(content), weights_only=True)
    except Exception:
        return content
    file = io.BytesIO()
    changed = rng.choice(
        [
            lambda: [1, 2],
            lambda: {**state, rng.choice(list(state)): rng.choice([None, 3, "x", {}, [], torch.zeros(3)])},
            lambda: _one_tensor(rng, state),
        ]
    )()
    torch.save(changed, file)
    return file.getvalue()


def _one_tensor(rng: random.Random, state: Any) -> Any:
    import torch

    part = rng.choice(["network", "average"])
    name = rng.choice(list(state[part]))
    tensor = state[part][name]
    new = rng.choice([tensor * float("nan"), tensor.to(torch.complex64), torch.zeros(1), tensor[None], tensor * 1e38])
    return {**state, part: {**state[part], name: new}}


ANY = (flip, truncate, empty, zeros, doubled, other)
TEXT = (*ANY, digit, digit, reshape, reshape, reshape, reshape)


def _changes(name: str) -> tuple[Callable[[random.Random, bytes], bytes], ...]:
    if name.endswith(".npz"):
        return (*ANY, rearray, rearray)
    if name.endswith(".pt"):
        return (*ANY, retorch)
    if name.endswith((".json", ".jsonl", ".toml")):
        return TEXT
    return ANY


@dataclass(frozen=True)
class Case:
    """One damage, and the command that meets it."""

    file: str
    """within the run folder"""
    change: str
    sealed: bool
    """whether the checksums were made to fit, or are gone"""
    command: str


class Damages:
    """Draws cases, and tries each on a copy of a run."""

    def __init__(self, whole: Path, where: Path) -> None:
        self.whole, self.where = whole, where
        self.files = sorted(str(path.relative_to(whole)) for path in whole.rglob("*") if path.is_file())
        self.files = [
            name for name in self.files if not name.endswith((".png", ".html", ".lock")) and "tfevents" not in name
        ]
        where.mkdir(exist_ok=True)
        self.other = Path(shutil.copytree(whole, where / "other"))

    def draw(self, rng: random.Random, only: str = "", file: str = "") -> Case:
        texts = [name for name in self.files if "/" not in name]
        names = [name for name in self.files if file in name] if file else rng.choice([texts, self.files])
        name = rng.choice(names)
        commands = COMMANDS if not only else {only: 1.0}
        command = rng.choices([*commands], [*commands.values()])[0]
        return Case(name, rng.choice(_changes(name)).__name__, rng.random() < 0.7, command)

    def tried(self, rng: random.Random, case: Case) -> str:
        """Try one; what was wrong with the answer, empty if nothing was."""
        run_dir = self.where / "r"
        shutil.rmtree(run_dir, ignore_errors=True)
        shutil.copytree(self.whole, run_dir)
        path = run_dir / case.file
        path.write_bytes(globals()[case.change](rng, path.read_bytes()))
        if case.sealed:
            self._seal(run_dir, path)
        return asked(case.command, run_dir, self.other, self.where)

    def _seal(self, run_dir: Path, path: Path) -> None:
        if path.parent == run_dir:
            shutil.rmtree(run_dir / checksums.DIR)
        elif path.parent.parent.name == "checkpoints" and path.name != checkpoint.MANIFEST:
            manifest = path.parent / checkpoint.MANIFEST
            content = json.loads(manifest.read_bytes())
            if path.name in content["sha256"]:
                content["sha256"][path.name] = checkpoint._sha256(path)
            manifest.write_text(json.dumps(content))


COMMANDS = {
    "doctor": 10, "crossover": 10, "compare": 8, "csv": 8, "server": 14, "python": 8, "arena": 6, "train": 10,
    "onnx": 2, "safetensors": 3, "report": 1.5, "measure": 2,
}  # fmt: skip
"""how often each is drawn"""


def asked(command: str, run_dir: Path, other: Path, where: Path, *, well: bool = False) -> str:
    """Ask a command of a run that is damaged, or `well`; what is wrong with how it answers."""
    run = str(run_dir)
    argv = {
        "doctor": ["doctor", run],
        "crossover": ["crossover", run],
        "compare": ["compare", run, "--", str(other)],
        "csv": ["export", run, "--format", "csv", "--out", str(where / "tables")],
        "onnx": ["export", run, "--format", "onnx", "--out", str(where / "out.onnx")],
        "safetensors": ["export", run, "--format", "safetensors", "--out", str(where / "out.safetensors")],
        "arena": ["arena", f"mcts:{run},sims=2", "random", "--game", GAME, "--games", "2"],
        "train": ["train", "--run", run, "--generations", "3", "--quiet"],
        "report": ["report", run],
        "measure": ["measure", run, "--opponents", "random", "--games", "2", "--final_games", "2"],
    }
    with warnings.catch_warnings(), limited():
        warnings.simplefilter("ignore", checksums.DamageWarning)
        if command == "server":
            return _served(run_dir)
        if command == "python":
            return _read(run_dir)
        out, err = io.StringIO(), io.StringIO()
        drawn = page.write
        if command == "train":  # whose picture takes ten times as long as all else, and is that of `report`
            page.write = lambda run_dir: run_dir
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = cli.guarded(argv[command])
            finally:
                page.write = drawn
    said = [line for line in err.getvalue().splitlines() if line.startswith("selfplay: ") and "warning:" not in line]
    rest = [line for line in err.getvalue().splitlines() if "Warning: " in line or "Traceback" in line]
    if controls(out.getvalue() + err.getvalue()):
        return "prints control characters"
    if code not in ((0,) if well else (0, 2)):
        return f"exit code {code}"
    if code == 2 and len(said) != 1:
        return f"{len(said)} lines for a mistake: {err.getvalue()[:500]}"
    if code == 2 and run not in said[0] and not any(name in said[0] for name in NAMES):
        return f"names no file: {said[0][:300]}"
    if code == 0 and (said or rest):
        return f"says {rest or said} and exits with 0"
    return ""


NAMES = (folder.CONFIG, folder.META, folder.METRICS, folder.EVALS, *checkpoint.STATE)


def controls(text: str) -> list[str]:
    return [letter for letter in text if not letter.isprintable() and letter not in "\n\r\t"]


def _read(run_dir: Path) -> str:
    """All of the Python interface; mistakes are `ValueError`s or of the system."""
    import selfplay

    run = None
    with contextlib.suppress(ValueError, OSError):
        run = selfplay.Run(run_dir)
    for part in ("metrics", "evals", "crossover", "frontier", "meta", "prices", "dtype", "last", "ages", "trained"):
        with contextlib.suppress(ValueError, OSError):
            if run is not None:
                getattr(run, part)
    return ""


def _served(run_dir: Path) -> str:
    """What the server's pages ask; the errors that they are told of."""
    from selfplay.web import catalogue, folders

    root = run_dir.parent
    for one in folders.summaries(root):
        json.dumps(one, allow_nan=False)
        if one["name"] == "other" and "error" in one:
            return f"another run is not shown: {one}"
    told = (ValueError, LookupError, OSError)
    looks: list[Callable[[], Any]] = [
        lambda: folders.full(catalogue.run_dir(root, run_dir.name)),
        lambda: folders.stamp(run_dir),
        lambda: folders.crossings(root, [run_dir.name]),
        lambda: folders.crossings(root, [run_dir.name, "other"]),
        lambda: [folders.recorded(root, each["file"]) for each in folders.record_files(root)],
        lambda: catalogue.players(root, catalogue.game(root, GAME)),
        lambda: catalogue.bounded(root, catalogue.game(root, GAME), f"net:{run_dir.name}"),
        lambda: catalogue.all_games(root),
    ]
    for look in looks:
        with contextlib.suppress(*told):
            json.dumps(look(), allow_nan=False)
    return ""


class HangsError(Exception):
    pass


@contextlib.contextmanager
def limited() -> Iterator[None]:
    def ring(number: int, frame: object) -> None:
        raise HangsError(f"longer than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def many(
    whole: Path, where: Path, cases: int, seed: int, only: str = "", file: str = ""
) -> Iterator[tuple[str, int, Case]]:
    """(what is wrong, number, case) of those of so many cases where something is; each is drawn from its number."""
    import traceback

    damages = Damages(whole, where)
    for number in range(seed * 1_000_000, seed * 1_000_000 + cases):
        if number % 1000 == 999:
            print(f"{number + 1} reached", flush=True)
        rng = random.Random(number)
        case = damages.draw(rng, only, file)
        try:
            wrong = damages.tried(rng, case)
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            ours = [step for step in traceback.extract_tb(error.__traceback__) if "/selfplay/" in step.filename]
            at = ours[-1] if ours else last
            wrong = f"{type(error).__name__}: {str(error)[:200]} at {at.filename}:{at.lineno} ({last.name})"
        if wrong:
            yield wrong, number, case


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", choices=["", *COMMANDS])
    parser.add_argument("--file", default="")
    args = parser.parse_args()
    os.environ.setdefault("MPLBACKEND", "agg")
    began = time.monotonic()
    kinds: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as name:
        where = Path(name) / "runs"
        where.mkdir()
        whole = a_run(Path(name) / "whole")
        for wrong, number, case in many(whole, where, args.cases, args.seed, args.only, args.file):
            kind = re.sub(r"\d+", "#", wrong)[:160]
            kinds[kind] += 1
            if kinds[kind] <= 2:
                print(f"{number} {case}\n    {wrong}", flush=True)
    print(f"{args.cases} cases in {time.monotonic() - began:.0f} s: {kinds.total()} answered wrongly")
    for kind, count in kinds.most_common():
        print(f"{count:6d}  {kind}")


if __name__ == "__main__":
    main()
