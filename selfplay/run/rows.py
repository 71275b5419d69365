"""Lists of records that a run has written, and the record of a generation."""

import csv
import dataclasses
import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from selfplay.ledger import Ledger
from selfplay.run import folder
from selfplay.stats.records import brief

if TYPE_CHECKING:
    import pandas

Record = TypeVar("Record")
_TOTALS = frozenset(item.name for item in dataclasses.fields(Ledger)) | {"train_flops"}
_LARGEST = 1e30  # of a number; its square is one still


class Rows(list[Record]):
    """A list of records, oldest first, that can be made a table."""

    def to_pandas(self) -> "pandas.DataFrame":
        """One row a record, one column a field; a record within a record has columns of its own, as `forecast_flops`.

        Raises:
            ModuleNotFoundError: where pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError as error:
            if error.name != "pandas":
                raise
            raise ModuleNotFoundError(
                "to_pandas needs pandas, which is not installed here: pip install pandas", name="pandas"
            ) from None
        return pandas.DataFrame([dict(_flat(_as_dict(record))) for record in self])

    def to_csv(self) -> str:
        """The same table as text: a line of names, then a line for each record; the numbers of a list have columns of
        their own, as `pairs_0` to `pairs_4`, and what a record does not have is empty.
        Nothing at all where there is no record."""
        records = [dict(_numbered(_flat(_as_dict(record)))) for record in self]
        names = list(dict.fromkeys(name for record in records for name in record))
        file = io.StringIO()
        writer = csv.DictWriter(file, names, lineterminator="\n")
        if records:
            writer.writeheader()
        writer.writerows(records)
        return file.getvalue()


def _as_dict(record: Any) -> Mapping[str, Any]:
    return record if isinstance(record, Mapping) else record.as_dict()


def _flat(record: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, Any]]:
    """Name and value of each column; lists of records fit into none."""
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{where}{name}_")
        elif not (isinstance(value, list) and any(isinstance(item, Mapping) for item in value)):
            yield f"{where}{name}", value


def _numbered(columns: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Lists as a column for each of their items."""
    for name, value in columns:
        if isinstance(value, list | tuple):
            yield from ((f"{name}_{number}", item) for number, item in enumerate(value))
        else:
            yield name, value


class MetricsLine(Mapping[str, Any]):
    """A line of metrics.jsonl: what a generation measured, by name, as in `line["loss/policy"]`.

    `selfplay doctor --metrics` says what each name means. A value is None where it was infinite or no number.
    """

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "MetricsLine":
        """`ValueError` for a line that holds anything but numbers, totals that are none, or no generation."""
        if not folder.is_generation(raw.get("generation")):
            raise ValueError(f"generation is a whole number, not {brief(raw.get('generation'))}")
        for name, value in raw.items():
            total = name in _TOTALS
            if value is None and not total:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{name} is a number, not {brief(value)}")
            if not (0 if total else -_LARGEST) <= value <= _LARGEST:  # nor is nan
                raise ValueError(f"{name} is a number within its range, not {brief(value)}")
        return cls(raw)

    @property
    def generation(self) -> int:
        return self._raw["generation"]

    @property
    def ledger(self) -> Ledger:
        """What training had spent by then."""
        names = {item.name for item in dataclasses.fields(Ledger)}
        return Ledger(**{name: value for name, value in self._raw.items() if name in names})

    def __getitem__(self, name: str) -> Any:
        return self._raw[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def __repr__(self) -> str:
        return f"MetricsLine(generation={self.generation}, {len(self)} numbers)"
