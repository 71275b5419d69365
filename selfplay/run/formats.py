"""Which version wrote a file of a run, and whether this one can read it.

`format` is a number that grows whenever the present reader would misread what it reads; `written_by` is the version of
this package. Both stand in every file of a run that is a table of names: config.toml, meta.json, crossover.json,
prices.json, in state.json and manifest.json of a checkpoint, and in the metadata of weights. Lines, arrays and
marks (metrics.jsonl, evals.jsonl, replay.npz, pending.json, ...) hold neither: their format is that of config.toml,
which everyone reads first, and of the manifest beside them.

| format | written by    | read as                                                                                     |
|--------|---------------|---------------------------------------------------------------------------------------------|
| 0      | until 0.1     | nothing says so; settings under their old names (`selfplay.config.RENAMED`), `owed_steps`   |
| 1      | 0.2           | it is                                                                                       |

Older files are read, and brought up to date when the run goes on; newer ones are refused in one line.
"""

from collections.abc import Mapping
from typing import Any

from selfplay import __version__

FORMAT = 1


class NewerFormatError(ValueError):
    """A file of a version that is yet to come, as seen from here."""


def stamp() -> dict[str, Any]:
    """What a file says of its format."""
    return {"format": FORMAT, "written_by": __version__}


def check(found: Mapping[str, Any], where: object) -> int:
    """The format of a file that holds `found`, 0 where it does not say; `ValueError` if it is none that is read here.

    `where` names the file. In the metadata of weights, which are texts, so is the number.
    """
    told = found.get("format", 0)
    number = int(told) if isinstance(told, str) and told.isdecimal() else told
    if not isinstance(number, int) or number < 0:
        raise ValueError(f"{where} is damaged: format is a whole number, not {told!r}")
    if number > FORMAT:
        raise NewerFormatError(
            f"{where} was written by selfplay {found.get('written_by', 'of a later version')}, in format {number};"
            f" this is {__version__}, which reads formats up to {FORMAT}"
        )
    return number
