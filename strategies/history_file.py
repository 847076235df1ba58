"""Writing histories as JSON Lines: one event per line, appended and flushed, never rewritten.

The first line is the header: space, objectives, strategy and seed. The events "start", "report" and
"finish" of trials follow. Each line has a checksum (see `history_lines`). A torn last line, left by
a crash, is removed when the file is opened again.
"""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, cast
from weakref import WeakSet

import numpy

from ..spaces import SpaceError
from .differences import difference
from .errors import HistoryError
from .history import History
from .history_lines import FORMAT, VERSION, Event, encoded, is_whole
from .history_reader import read_header
from .lock import try_lock
from .trial import Step, Trial

__all__ = ["HistoryFile", "write_history"]


def _plain(value: Any) -> Any:
    """Return a JSON-serializable value; NaN and infinities become strings."""
    if isinstance(value, Mapping):
        items = cast(Mapping[str, Any], value).items()
        return {str(name): _plain(part) for name, part in items}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in cast(list[Any], value)]
    if isinstance(value, numpy.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


class HistoryFile:
    """A history file open for appending, locked against other writers until it is closed.

    Args:
        path: The file; created if it does not exist, continued if it does.
        history: The settings of the experiment for the header; its trials are not written.

    Raises:
        HistoryError: The file belongs to another experiment, is open in another writer, or cannot
            be written.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from nasbridge.spaces import Integer, Space
        >>> from nasbridge.strategies import History, HistoryFile, Objective, Trial
        >>> space = Space({"units": Integer(1, 9)})
        >>> trial = Trial(0, space.architecture({"units": 3}), "complete", {"loss": 0.5})
        >>> with TemporaryDirectory() as directory:
        ...     path = Path(directory, "history.jsonl")
        ...     with HistoryFile(path, History(space, (Objective("loss", "min"),))) as file:
        ...         file.start(trial)
        ...         file.finish(trial)
        ...     History.load(path).best.values
        {'loss': 0.5}
    """

    def __init__(self, path: Path, history: History) -> None:
        self.path, self._process = path, os.getpid()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise HistoryError(
                f"{path} cannot be written ({error.strerror}): choose another directory"
            ) from error
        try:
            self._open(history)
        except BaseException:
            self.close()
            raise

    def _open(self, history: History) -> None:
        if not try_lock(self._file):
            raise HistoryError(
                f"{self.path} is open for writing in {self._writer()}: wait for it, or use "
                "another directory"
            )
        _OPEN.add(self)
        _drop_torn_line(self.path)
        self._version = VERSION
        if self.path.stat().st_size == 0:
            self._write(_header(history))
        else:
            header = read_header(self.path)
            self._version = header["version"]
            _check_same(header, history, self.path)

    def _writer(self) -> str:
        here = any(
            not other._file.closed
            and other._process == self._process  # a forked process inherits open files
            and os.path.samestat(os.fstat(other._file.fileno()), os.fstat(self._file.fileno()))
            for other in list(_OPEN)
        )
        return "this process" if here else "another process"

    def start(self, trial: Trial) -> None:
        """Append the start of a trial."""
        self._write(_start(trial))

    def report(self, number: int, step: Step) -> None:
        """Append intermediate metrics of a running trial."""
        self._write(_report(number, step))

    def finish(self, trial: Trial) -> None:
        """Append the result of a trial."""
        self._write(_finish(trial))

    def close(self) -> None:
        """Close the file and release its lock."""
        self._file.close()

    def __enter__(self) -> "HistoryFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, event: Event) -> None:
        """Append a line; a line that does not fit on a full disk is torn, as by a crash."""
        left = memoryview(encoded(_plain(event), self._version) + b"\n")
        try:
            if os.fstat(self._file.fileno()).st_nlink == 0:
                raise HistoryError(
                    f"{self.path} was deleted while it was written: the trials that it held are "
                    "lost, and so would be the next ones; start again in a new directory"
                )
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise HistoryError(
                f"{self.path} cannot be written ({error.strerror}): free space or restore access, "
                "then resume; the trials that have finished are kept"
            ) from error


_OPEN: WeakSet[HistoryFile] = WeakSet()  # the open files of this process


def _drop_torn_line(path: Path) -> None:
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    if is_whole(content[end:]):  # only its newline is missing
        with path.open("ab") as file:
            file.write(b"\n")
    elif end < len(content):
        os.truncate(path, end)


def _header(history: History) -> Event:
    try:
        space: Any = json.loads(history.space.to_json())
    except SpaceError:  # it holds functions or classes: the reader must supply the space
        space = None
    return {
        "format": FORMAT,
        "version": VERSION,
        "space": space,
        "fingerprint": history.space.fingerprint,
        "objectives": {o.metric: o.direction for o in history.objectives},
        "strategy": history.strategy,
        "seed": history.seed,
        "metadata": history.metadata,
        "skipped": history.skipped,
    }


def _start(trial: Trial) -> Event:
    return {
        "event": "start",
        "number": trial.number,
        "choices": dict(trial.architecture.choices),
        "time": trial.started,
    }


def _report(number: int, step: Step) -> Event:
    return {"event": "report", "number": number, "step": step.step, "metrics": step.metrics}


def _finish(trial: Trial) -> Event:
    return {
        "event": "finish",
        "number": trial.number,
        "state": trial.state,
        "values": trial.values,
        "seconds": trial.seconds,
        "time": trial.finished,
        "notes": trial.notes,
    }


def write_history(history: History, path: Path) -> None:
    """Write a history to a new file."""
    if path.exists():
        raise HistoryError(f"{path} exists: remove it, or choose another name")
    with HistoryFile(path, history) as file:
        for trial in history:
            file.start(trial)
            for step in trial.curve:
                file.report(trial.number, step)
            if trial.state != "running":
                file.finish(trial)


def _check_same(header: Event, history: History, path: Path) -> None:
    found = difference(header, _plain(_header(history)))
    if found:
        raise HistoryError(
            f"{path} is of another experiment, with {found}; continue it with the same settings, "
            "or use another directory"
        )
