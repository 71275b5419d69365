"""Checkpoints: a folder of files per generation, checked by a manifest, and the weights that play.

A run keeps `checkpoints/000012/` per generation. `manifest.json` holds the sha256 of every other file; the
folder appears by one rename, so a whole checkpoint is there or none. The newest two keep everything that a
run needs to go on; older ones keep `weights.safetensors` alone. Nothing read here can run code.
"""

import hashlib
import io
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from games import regular
from selfplay.run import atomic, formats
from selfplay.run.folder import no_run, runs_in
from selfplay.stats.records import visible

WEIGHTS = "weights.safetensors"
STATE = (WEIGHTS, "learner.pt", "replay.npz", "games.npz", "state.json")  # what a run needs to go on
PENDING = "pending.json"  # of a generation whose matches come after its checkpoint
MEASURED = "measured.json"  # its mark, once they are played and everybody has heard of it
MANIFEST = "manifest.json"
FULL_KEPT = 2
_NUMBER = re.compile("[0-9]{1,15}")
_LARGEST_MANIFEST = 1 << 20  # bytes
_PRETRAINED = Path(__file__).resolve().parent.parent / "pretrained"


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint. `files` are the names that its manifest vouches for."""

    folder: Path
    generation: int
    files: frozenset[str]

    def path(self, name: str) -> Path:
        """Where a file of this checkpoint is; `ValueError` if it has none of that name."""
        if name not in self.files:
            raise ValueError(f"{self.folder} holds no {name}; it holds {', '.join(sorted(self.files))}")
        return self.folder / name

    @property
    def complete(self) -> int:
        """The newest generation that is written down in full: this one, or the one before while matches are to come."""
        return self.generation - (PENDING in self.files and MEASURED not in self.files)


def _sha256(path: Path) -> str:
    with regular.opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manifest(generation: int, digests: Mapping[str, str]) -> bytes:
    return json.dumps({**formats.stamp(), "generation": generation, "sha256": digests}, indent=1).encode()


def _digests(folder: Path) -> dict[str, str]:
    """File names and checksums of a manifest; `ValueError` if it is not one, `OSError` if it cannot be read."""
    try:
        read = json.loads(regular.read(folder / MANIFEST, _LARGEST_MANIFEST))
        formats.check(read, folder / MANIFEST)
        digests = read["sha256"]
        # A manifest comes from outside: a name with a slash would lead out of the folder, and names are printed.
        sound = (Path(name).name == name and name.isprintable() for name in digests)
        if all(sound) and all(isinstance(value, str) for value in digests.values()):
            return digests
    except FileNotFoundError:
        raise ValueError(f"{MANIFEST} is missing") from None
    except formats.NewerFormatError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise ValueError(f"{MANIFEST} is damaged")


def folders(run_dir: Path) -> dict[int, Path]:
    """Checkpoint folders of a run by generation, oldest first, whole or not."""
    found = run_dir.joinpath("checkpoints").glob("[0-9]*")
    return dict(sorted((int(path.name), path) for path in found if _NUMBER.fullmatch(path.name) and path.is_dir()))


def checked(folder: Path, needs: Iterable[str]) -> Checkpoint:
    """The checkpoint in `folder`, each file of `needs` compared with its checksum; `ValueError` says what is wrong."""
    digests, needs = _digests(folder), set(needs)
    if needs.issuperset(STATE):  # to go on
        needs |= {PENDING, MEASURED} & digests.keys()
    for name in sorted(needs):
        if name not in digests:
            raise ValueError(f"{name} was not kept")
        if not (folder / name).is_file():
            raise ValueError(f"{name} is missing")
        if _sha256(folder / name) != digests[name]:
            raise ValueError(f"{name} is damaged")
    return Checkpoint(folder, int(folder.name), frozenset(digests))


@dataclass(frozen=True)
class Condition:
    """What the checksums say of a checkpoint."""

    generation: int
    damage: tuple[str, ...]
    """what is wrong with it, each in a few words; empty if it is as it was written"""
    plays: bool
    """its weights are whole"""
    goes_on: bool
    """a run can go on from it"""


def conditions(run_dir: Path) -> list[Condition]:
    """Every checkpoint of a run, compared with its checksums, oldest first."""
    return [_condition(generation, folder) for generation, folder in folders(run_dir).items()]


def _condition(generation: int, folder: Path) -> Condition:
    try:
        names = _digests(folder)
    except ValueError as error:
        return Condition(generation, (str(error),), plays=False, goes_on=False)
    damage = {}
    for name in names:
        try:
            checked(folder, [name])
        except ValueError as error:
            damage[name] = str(error)
    whole = names.keys() - damage.keys()
    return Condition(
        generation, tuple(damage.values()), plays=WEIGHTS in whole, goes_on=whole.issuperset({*STATE} | {*names})
    )


def _warn(line: str) -> None:
    print(f"selfplay: warning: {visible(line)}", file=sys.stderr)


def newest(
    run_dir: Path, needs: Iterable[str] = (WEIGHTS,), *, warn: Callable[[str], None] = _warn
) -> Checkpoint | None:
    """The newest checkpoint that has every file of `needs` whole; damaged ones are named in a warning and passed over.

    None where a run has no checkpoint yet. `ValueError` where it has some and none will do: to begin again
    from nothing is never what is wanted then.
    """
    needs = tuple(needs)
    candidates = folders(run_dir)
    reasons = []
    for folder in reversed(candidates.values()):
        try:
            return checked(folder, needs)
        except formats.NewerFormatError:  # to go on from an older one would throw away what came after it
            raise
        except ValueError as error:
            if "was not kept" not in str(error):
                warn(f"passed over {folder}: {error}")
            reasons.append(f"{folder.name}: {error}")
    if reasons and all(reason.endswith("was not kept") for reason in reasons):
        raise ValueError(
            f"{run_dir} keeps weights alone, so it cannot go on; --init {run_dir} begins a new run with them"
        )
    if reasons:
        raise ValueError(f"no whole checkpoint in {run_dir / 'checkpoints'} ({'; '.join(reasons[:3])})")
    return None


def write(run_dir: Path, generation: int, files: Mapping[str, bytes | Callable[[Path], None]]) -> Checkpoint:
    """Write `checkpoints/<generation>/`, then thin the older ones.

    `files` maps a name to its content, or to a function that writes it at the path it is given. When the disk
    is full, an `OSError` names the folder and every earlier checkpoint is as it was.
    """
    folder = run_dir / "checkpoints" / f"{generation:06d}"

    def fill(temporary: Path) -> None:
        digests = {}
        for name, content in files.items():
            path = temporary / name
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                content(path)
            digests[name] = _sha256(path)
        (temporary / MANIFEST).write_bytes(_manifest(generation, digests))

    atomic.write_folder(folder, fill)
    _thin(run_dir)
    return Checkpoint(folder, generation, frozenset(files))


def add(written: Checkpoint, name: str, content: bytes) -> Checkpoint:
    """Add a file to a whole checkpoint. A kill leaves it as it was, or with the file."""
    atomic.write_file(written.folder / name, content)
    digests = {**_digests(written.folder), name: hashlib.sha256(content).hexdigest()}
    atomic.write_file(written.folder / MANIFEST, _manifest(written.generation, digests))
    return Checkpoint(written.folder, written.generation, frozenset(digests))


def _thin(run_dir: Path) -> None:
    """Leave the weights alone in all but the newest checkpoints. The manifest goes first: a kill leaves a whole one."""
    for leftover in run_dir.joinpath("checkpoints").glob(f"{atomic.TEMPORARY}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    for generation, folder in list(folders(run_dir).items())[:-FULL_KEPT]:
        spare = [path for path in folder.iterdir() if path.name not in (WEIGHTS, MANIFEST)]
        if not spare:
            continue
        try:
            digests = _digests(folder)
        except ValueError:  # damaged: it is evidence, and newest() names it
            continue
        kept = {name: digest for name, digest in digests.items() if name == WEIGHTS}
        atomic.write_file(folder / MANIFEST, _manifest(generation, kept))
        for path in spare:
            path.unlink(missing_ok=True)  # a manifest that a kill left half written has just been taken for this one


def state_bytes(state: dict[str, Any]) -> bytes:
    """Tensors and plain values as the content of a file for `load_state`.

    Serialised in memory, because torch reports a full disk as a RuntimeError without a name.
    """
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def load_state(path: Path) -> dict[str, Any]:
    """What `state_bytes` wrote; `ValueError` for anything else, code above all."""
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # what is damaged fails in any way
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"{path} is not a learner's state: {reason}") from error


def resolve(spec: str, game_name: str | None = None) -> Path:
    """The weights file that a PATH of the agent grammar names.

    A run folder (its newest whole checkpoint), `RUN@12` (generation 12), a weights file, or `pretrained` (what
    ships with the package for `game_name`).
    """
    if spec == "pretrained":
        return _pretrained(game_name)
    path = Path(spec)
    if path.is_file():
        return path
    if path.is_dir():
        found = newest(path)
        if found is None:
            raise ValueError(no_run(path) if runs_in(path) else f"{path} holds no checkpoint yet")
        return found.path(WEIGHTS)
    if match := re.fullmatch(r"(.+)@(\d+)", spec):
        run_dir, generation = Path(match[1]), int(match[2])
        known = folders(run_dir)
        if generation in known:
            try:
                return checked(known[generation], (WEIGHTS,)).path(WEIGHTS)
            except ValueError as error:
                raise ValueError(f"checkpoint {known[generation]} cannot be used: {error}") from error
        if known:
            closest = min(known, key=lambda other: abs(other - generation))
            raise ValueError(
                f"{run_dir} has no checkpoint of generation {generation}; it has {min(known)} to {max(known)},"
                f" the nearest is {closest}"
            )
        raise ValueError(f"{run_dir} is no run folder with checkpoints")
    raise ValueError(
        f"no run folder or weights file {spec!r}; give a run folder, RUN@12, a .safetensors file or 'pretrained'"
    )


def _pretrained(game_name: str | None) -> Path:
    import games  # numba takes half a second, and most of this file does without

    shipped = {games.make(path.stem).name: path for path in sorted(_PRETRAINED.glob("*.safetensors"))}
    if game_name not in shipped:
        listing = f"there is one for {', '.join(shipped)}" if shipped else "none ship with this version"
        raise ValueError(f"no pretrained network for {game_name or 'an unnamed game'}: {listing}; train one first")
    return shipped[game_name]
