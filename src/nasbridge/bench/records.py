"""Records of runs: one JSON line for each table, method and seed."""

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
    """The budget of a run.

    Attributes:
        protocol: The protocol.
        limit: Number of evaluations; simulated seconds with the protocol "cost".
    """

    protocol: Protocol
    limit: float

    @property
    def evaluations(self) -> int:
        """The number of evaluations; 0 if the budget is in seconds."""
        return int(self.limit) if self.protocol == "queries" else 0


class Key(NamedTuple):
    """The identity of a run; each run is executed once.

    Attributes:
        table: Name of the table.
        protocol: The protocol.
        limit: The limit of the budget.
        method: Label of the method.
        seed: The seed.
    """

    table: str
    protocol: Protocol
    limit: float
    method: str
    seed: int


@final
@dataclass(frozen=True, slots=True)
class Record:
    """The result of a run: one method on one table with one seed.

    Attributes:
        table: Name of the table.
        protocol: The protocol.
        limit: The limit of the budget.
        method: Label of the method.
        seed: The seed.
        rows: The evaluated rows of the table, in order, with repetitions.
        seconds: CPU seconds of each proposal (ask and tell), without the evaluation.
    """

    table: str
    protocol: Protocol
    limit: float
    method: str
    seed: int
    rows: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def key(self) -> Key:
        """The identity of the run."""
        return Key(self.table, self.protocol, self.limit, self.method, self.seed)


@final
class Records:
    """A file of records in JSON Lines, appended to.

    Args:
        file: The file; created with the first record.

    Raises:
        BenchError: A line is not a record.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known = {record.key: record for record in self._read()}

    def __contains__(self, key: Key) -> bool:
        return key in self._known

    def __iter__(self) -> Iterator[Record]:
        return iter(self._known.values())

    def add(self, record: Record) -> None:
        """Append a record."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(record)) + "\n")
        self._known[record.key] = record

    def _read(self) -> Iterator[Record]:
        if not self._file.exists():
            return
        text = self._file.read_text("utf-8")
        whole, _, half = text.rpartition("\n")
        if half:  # a process was killed while writing the line
            self._file.write_text(whole + "\n" if whole else "", "utf-8")
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                yield _record(json.loads(line))
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise BenchError(
                    f"{self._file}, line {number}: invalid record of a benchmark: remove the line, "
                    "or choose another directory"
                ) from error


def _record(document: object) -> Record:
    fields = cast(dict[str, Any], document)
    rows, seconds = (tuple(fields.pop(name)) for name in ("rows", "seconds"))
    return Record(**fields, rows=rows, seconds=seconds)
