"""`selfplay export`: a trained network, or what a run has measured, as files for other programs.

N positions, W words of a state, P planes.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from games.game import ONGOING, Game
from selfplay.network.weights import load_weights, weights_bytes, weights_metadata
from selfplay.run import atomic, checkpoint

if TYPE_CHECKING:
    from selfplay.network.architectures import Network

_POSITIONS = 256  # on which an export is compared with the network
_EPILOG = """\
formats:
  safetensors   the weights, with game and architecture in the file: a PATH for every agent, as in mcts:FILE,sims=64
  onnx          float32, for onnxruntime and others: planes [B, P, H, W] in; policy logits [B, A] and probabilities
                [B, 3] to win, draw and lose out. The file's metadata say what the planes are. Compared with torch
                before it is written
  page          one HTML file that opens by double click and asks nobody for anything: the page of `serve` with the
                network inside, which searches there as well
  kaggle        Connect Four: one Python file for Kaggle's ConnectX with weights, rules and search in it, which needs
                numpy alone and thinks for half of the time that a move has
  csv           what the run has written down, as tables: the folder FILE with metrics.csv (a line for each generation)
                and evals.csv (a line for each match), a line of names first. Of several runs one table of each,
                with columns for the run, its seed and the settings in which the runs differ

RUN is a run folder (its newest checkpoint), RUN@12 (generation 12), a weights file, or `pretrained` with --game.
A file of that name is replaced, in one step.

examples:
  selfplay export runs/connect4 --format onnx --out connect4.onnx
  selfplay export runs/connect4@120 --format kaggle --out submission.py
  selfplay export runs/connect4 --format page --out connect4.html
  selfplay export runs/example-connect4 --format page --ages --out ages.html
  selfplay export pretrained --game connect4 --format safetensors --out connect4.safetensors
  selfplay export runs/connect4 --format csv --out tables
  selfplay export runs/a runs/b runs/c --format csv --out tables
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.epilog = _EPILOG
    parser.add_argument("runs", nargs="+", metavar="RUN", help="whose network; for csv, one run or more")
    parser.add_argument("--format", required=True, choices=("onnx", "page", "kaggle", "safetensors", "csv"))
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="what to write; for csv, a folder")
    parser.add_argument(
        "--ages", action="store_true", help="a page with the run as it was after about 1, 5, 20 and 60 minutes"
    )
    parser.add_argument("--game", help="the game, needed for `pretrained` alone")


def run(args: argparse.Namespace) -> int:
    """`selfplay export`."""
    if args.ages and args.format != "page":
        raise ValueError("--ages is for --format page")
    if args.format == "csv":
        return _tables(args.runs, args.out)
    if len(args.runs) > 1:
        raise ValueError(f"several runs are for --format csv; for {args.format} give one, as {args.runs[0]}")
    (args.run,) = args.runs
    import games

    wanted = games.make(args.game).name if args.game else None
    if args.run == "pretrained" and wanted is None:
        raise ValueError("pretrained networks ship for several games: say which by --game")
    out: Path = args.out
    if out.is_dir() or not out.parent.is_dir():
        raise ValueError(
            f"--out {out} is a folder" if out.is_dir() else f"--out {out}: there is no folder {out.parent}"
        )
    atomic.check_replaceable(out)  # before the network is compared, which takes a while
    if args.ages:
        return _write_ages(Path(args.run), out)
    weights = checkpoint.resolve(args.run, wanted)
    if out.exists() and out.samefile(weights):
        raise ValueError(f"--out {out} is the file to be exported")
    network, name = load_weights(weights)
    if wanted not in (None, name):
        raise ValueError(f"{args.run} holds a network for {name}, not for {wanted}")
    game = games.make(name)
    metadata = weights_metadata(weights) | {"source": _source(weights)}
    if args.format == "safetensors":
        content, compared = weights_bytes(network, name, metadata), ""
    else:
        content, compared = _foreign(args.format, network, game, metadata)
    replaced = ", in place of what was there" if out.exists() else ""
    atomic.write_file(out, content)
    print(f"wrote {out}: {network.architecture} for {name}, {len(content) / 1000:.0f} kB{replaced}{compared}")
    return 0


def _write_ages(run_dir: Path, out: Path) -> int:
    from selfplay.run import read
    from selfplay.web import alone

    found = read.Run(run_dir)
    content = alone.page_of_ages(found)
    atomic.write_file(out, content)
    print(f"wrote {out}: {found.config.game} at {len(found.ages)} ages, {len(content) / 1000:.0f} kB")
    return 0


def _tables(runs: Sequence[str], out: Path) -> int:
    """The lists of runs as CSV files in a folder, which is made if it is not there."""
    from selfplay.run import groups

    found = groups.opened(runs)
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out} is a file; tables are written into a folder")
    if out.resolve() in [run.dir.resolve() for run in found]:
        raise ValueError(f"--out {out} is the run folder itself: give another")
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in (
        ("metrics.csv", groups.together(found, lambda run: run.metrics)),
        ("evals.csv", groups.together(found, lambda run: run.evals)),
    ):
        atomic.write_file(out / name, rows.to_csv().encode())
        print(f"wrote {out / name}: {len(rows)} line{'' if len(rows) == 1 else 's'}")
    return 0


def _foreign(form: str, network: "Network", game: Game, metadata: Mapping[str, str]) -> tuple[bytes, str]:
    """A file for programs without torch, and how far it is from the network, in words."""
    states_NW = _positions(game)
    planes_NPHW = np.stack([game.planes_of(state_W) for state_W in states_NW])
    from selfplay.network import onnx_graph

    arrays = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    content = onnx_graph.model(arrays, game, metadata)
    if form == "kaggle":
        from selfplay.export import kaggle

        content = kaggle.submission(content, game, metadata)
        furthest = kaggle.difference(content, network, states_NW, planes_NPHW)
        return content, f"; probabilities differ from torch's by {furthest:.1e} at most"
    furthest = onnx_graph.difference(content, network, planes_NPHW)
    if form == "page":
        from selfplay.web import alone

        content = alone.page(content, game, metadata["source"])
    return content, f"; onnxruntime differs from torch by {furthest:.1e} at most"


def _positions(game: Game) -> np.ndarray:
    """Positions of random games, none of them over: uint64 [N, W]."""
    rng = np.random.default_rng(0)
    states = [game.initial()]
    while len(states) < _POSITIONS:
        state_W, status = game.after(states[-1], int(rng.choice(game.legal_actions(states[-1]))))
        states.append(state_W if status == ONGOING else game.initial())
    return np.stack(states)


def _source(weights: Path) -> str:
    """Run and generation, or the name of a file: no path of this machine goes into what is given away."""
    if weights.parent.parent.name == "checkpoints":
        return f"{weights.parents[2].name}@{int(weights.parent.name)}"
    return weights.name
