"""What was measured: one JSON line for each table, contender and seed."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast, final

from .errors import BenchError
from .tables import Protocol

__all__ = ["Budget", "Key", "Record", "Records"]


@dataclass(frozen=True, slots=True)
class Budget:
    """When a contender has to stop.

    Attributes:
        protocol: What is measured.
        limit: Evaluations, or simulated seconds with the protocol "cost".
    """

    protocol: Protocol
    limit: float

    @property
    def evaluations(self) -> int:
        """The number of evaluations; 0 if seconds are the limit."""
        return int(self.limit) if self.protocol == "queries" else 0


class Key(NamedTuple):
    """What is run once.

    Attributes:
        table: The table's name.
        protocol: What is measured.
        limit: The budget.
        contender: The contender's label.
        seed: The seed.
    """

    table: str
    protocol: Protocol
    limit: float
    contender: str
    seed: int


@final
@dataclass(frozen=True, slots=True)
class Record:
    """One contender on one table with one seed.

    Attributes:
        table: The table's name.
        protocol: What was measured.
        limit: The budget.
        contender: The contender's label.
        seed: The seed.
        rows: The rows of the table that were evaluated, in order; repetitions count.
        seconds: CPU seconds of each proposal, asking and telling, without the evaluation.
    """

    table: str
    protocol: Protocol
    limit: float
    contender: str
    seed: int
    rows: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def key(self) -> Key:
        """What it is the result of."""
        return Key(self.table, self.protocol, self.limit, self.contender, self.seed)


@final
class Records:
    """A file of records, which only grows.

    Args:
        file: JSON Lines; made when the first record is added.

    Raises:
        BenchError: The file holds something else.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known = {record.key: record for record in self._read()}

    def __contains__(self, key: Key) -> bool:
        return key in self._known

    def __iter__(self) -> Iterator[Record]:
        return iter(self._known.values())

    def add(self, record: Record) -> None:
        """Write a record at the end of the file."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(record)) + "\n")
        self._known[record.key] = record

    def _read(self) -> Iterator[Record]:
        if not self._file.exists():
            return
        text = self._file.read_text("utf-8")
        whole, _, half = text.rpartition("\n")
        if half:  # the run was killed while writing it
            self._file.write_text(whole + "\n" if whole else "", "utf-8")
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                yield _record(json.loads(line))
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise BenchError(
                    f"line {number} of {self._file} is no result of a benchmark: mend or remove "
                    "it, or name another directory"
                ) from error


def _record(document: object) -> Record:
    fields = cast(dict[str, Any], document)
    rows, seconds = (tuple(fields.pop(name)) for name in ("rows", "seconds"))
    return Record(**fields, rows=rows, seconds=seconds)
