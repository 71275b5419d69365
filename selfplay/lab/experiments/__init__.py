"""The experiments, a module each."""

import importlib

from selfplay.lab.experiment import Experiment

SENTENCES = {
    "scaling": "how strength grows with compute, which size is best, and what small runs foretell",
    "exchange": "training against thinking, on Connect Four",
    "data": "a better prior against more data, on a spiral and on Connect Four",
    "knowledge": "what human knowledge is worth to who learns by itself, and when it stops",
    "judge": "the gap between who plays and who judges, and what that gap teaches",
}
NAMES = tuple(SENTENCES)


def load(name: str) -> Experiment:
    """One of `NAMES`."""
    return importlib.import_module(f"selfplay.lab.experiments.{name}").EXPERIMENT
