"""The experiments, a module each."""

import importlib

from selfplay.lab.experiment import Experiment

SENTENCES = {
    "exchange": "training against thinking, on Connect Four",
    "data": "a better prior against more data, on a spiral and on Connect Four",
}
NAMES = tuple(SENTENCES)


def load(name: str) -> Experiment:
    """One of `NAMES`."""
    return importlib.import_module(f"selfplay.lab.experiments.{name}").EXPERIMENT
