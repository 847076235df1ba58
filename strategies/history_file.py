"""Histories as JSON Lines: one event a line, appended and flushed, never rewritten.

The first line says what was searched; then come the events "start", "report" and "finish" of
trials. A last line that a crash cut short is dropped; any other damage is an error that names the
file and the line.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, cast
from weakref import WeakSet

import numpy

from ..spaces import NasbridgeError, SearchSpace, SpaceError, from_json
from .errors import HistoryError
from .history import History
from .identity import difference
from .lock import try_lock
from .trial import Step, Trial, TrialState, objectives_from

__all__ = ["HistoryFile", "read_history", "write_history"]

FORMAT = "nasbridge-history"
VERSION = 1

Event = dict[str, Any]


def _plain(value: Any) -> Any:
    """Make a value JSON-ready; numbers that JSON has no word for become texts."""
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


def _metrics(values: Mapping[str, Any]) -> dict[str, float]:
    return {metric: float(value) for metric, value in values.items()}


class HistoryFile:
    """A history file that is being appended to; one process at a time.

    Args:
        path: The file; made if it does not exist, continued if it does.
        history: What is searched; its trials are not written.

    Raises:
        HistoryError: The file belongs to another experiment, or is written to already.
    """

    def __init__(self, path: Path, history: History) -> None:
        self.path, self._process = path, os.getpid()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = path.open("ab")
        except OSError as error:
            raise HistoryError(
                f"{path} cannot be written ({error.strerror}): give another directory"
            ) from error
        try:
            self._open(history)
        except BaseException:
            self.close()
            raise

    def _open(self, history: History) -> None:
        if not try_lock(self._file):
            raise HistoryError(
                f"{self.path} is being written by {self._writer()}: wait for it, or use another "
                "directory"
            )
        _OPEN.add(self)
        _drop_torn_line(self.path)
        if self.path.stat().st_size == 0:
            self._write(_header(history))
        else:
            _check_same(_read_header(self.path), history, self.path)

    def _writer(self) -> str:
        here = any(
            not other._file.closed
            and other._process == self._process  # a fork has the files of its parent
            and os.path.samestat(os.fstat(other._file.fileno()), os.fstat(self._file.fileno()))
            for other in list(_OPEN)
        )
        return "this process, which has not closed it" if here else "another process"

    def start(self, trial: Trial) -> None:
        """Note that a trial begins."""
        self._write(_start(trial))

    def report(self, number: int, step: Step) -> None:
        """Note what a trial reports on its way."""
        self._write(_report(number, step))

    def finish(self, trial: Trial) -> None:
        """Note how a trial ended."""
        self._write(_finish(trial))

    def close(self) -> None:
        """Close the file, so that another process may continue it."""
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
        line = json.dumps(_plain(event), allow_nan=False, separators=(",", ":"), default=repr)
        self._file.write(line.encode() + b"\n")
        self._file.flush()


_OPEN: WeakSet[HistoryFile] = WeakSet()  # those of this process


def _drop_torn_line(path: Path) -> None:
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    if end < len(content):
        os.truncate(path, end)


# ---------------------------------------------------------------------- events


def _header(history: History) -> Event:
    try:
        space: Any = json.loads(history.space.to_json())
    except SpaceError:  # it holds functions or classes: the reader must bring the space
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
    """Write a whole history to a new file."""
    if path.exists():
        raise HistoryError(f"{path} exists: remove it, or give another name")
    with HistoryFile(path, history) as file:
        for trial in history:
            file.start(trial)
            for step in trial.curve:
                file.report(trial.number, step)
            if trial.state != "running":
                file.finish(trial)


# ---------------------------------------------------------------------- reading


def read_history(path: Path, space: SearchSpace | None) -> History:
    """Read a history; see `History.load`."""
    header = _read_header(path)
    space = _space_of(header, space, path)
    try:
        objectives = objectives_from(cast(Event, header["objectives"]))
    except NasbridgeError as error:
        raise HistoryError(f"{path}, line 1: {error}") from error
    history = History(
        space,
        objectives,
        (),
        header["seed"],
        header["strategy"],
        header["metadata"],
        _skipped(header, path),
    )
    return replace(history, trials=_Folder(space, path).fold())


def _lines(path: Path) -> Iterator[tuple[int, Event]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise HistoryError(
            f"{path} cannot be read ({error.strerror}): is the path right?"
        ) from error
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):  # the torn one is last
        try:
            event = json.loads(line)
        except (ValueError, RecursionError) as error:
            mend = "remove the line if the trial is lost"
            if number == 1:
                mend = "it is no history that nasbridge has written, or its beginning is lost"
            raise HistoryError(f"{path}, line {number}: not JSON ({error}); {mend}") from error
        if not isinstance(event, dict):
            raise HistoryError(f"{path}, line {number}: {event!r} is no event")
        yield number, cast(Event, event)


def _read_header(path: Path) -> Event:
    header = next((event for _, event in _lines(path)), Event())
    if header.get("format") != FORMAT:
        raise HistoryError(f"{path}, line 1: this is no history of nasbridge")
    if header.get("version") != VERSION:
        raise HistoryError(
            f"{path}, line 1: a history of version {header.get('version')!r}, and this nasbridge "
            f"reads version {VERSION}: export it anew with the nasbridge that wrote it"
        )
    kinds = {
        "objectives": dict,
        "strategy": str,
        "seed": int,
        "fingerprint": str,
        "metadata": dict,
        "skipped": list,
    }
    for name, kind in kinds.items():
        if not isinstance(header.get(name), kind):
            raise HistoryError(f"{path}, line 1: {name!r} is missing or damaged")
    return header


def _skipped(header: Event, path: Path) -> tuple[int, ...]:
    """Return the numbers of trials that failed before sampling."""
    numbers = cast(list[object], header["skipped"])
    for number in numbers:
        if type(number) is not int or number < 0:
            raise HistoryError(
                f"{path}, line 1: invalid trial number {number!r} in 'skipped': numbers are "
                "integers of at least 0"
            )
    return tuple(cast(list[int], numbers))


def _space_of(header: Event, space: SearchSpace | None, path: Path) -> SearchSpace:
    if space is None:
        if header.get("space") is None:
            raise HistoryError(
                f"{path}: the space holds functions or classes, which a file cannot carry: "
                "give the space, as History.load(path, space=space), or on the command line "
                "--experiment FILE"
            )
        try:
            space = from_json(json.dumps(header["space"]))
        except NasbridgeError as error:
            raise HistoryError(f"{path}, line 1: {error}") from error
    if space.fingerprint != header["fingerprint"]:
        raise HistoryError(
            f"{path} is of another space: its decisions differ from those of the given one "
            f"(fingerprint {header['fingerprint']} against {space.fingerprint})"
        )
    return space


def _check_same(header: Event, history: History, path: Path) -> None:
    found = difference(header, _plain(_header(history)))
    if found:
        raise HistoryError(
            f"{path} is of another experiment, with {found}; continue it with the same settings, "
            "or use another directory"
        )


@dataclass
class _Folder:
    """Folds the events of a file into trials."""

    space: SearchSpace
    path: Path

    def fold(self) -> tuple[Trial, ...]:
        running: dict[int, Trial] = {}
        finished: dict[int, Trial] = {}
        lines = _lines(self.path)
        next(lines)
        for line, event in lines:
            try:
                self._apply(event, running, finished)
            except KeyError as error:
                raise HistoryError(f"{self.path}, line {line}: {error} is missing") from error
            except (NasbridgeError, TypeError, ValueError, AttributeError) as error:
                raise HistoryError(
                    f"{self.path}, line {line}: {type(error).__name__}: {error}"
                ) from error
        return (*finished.values(), *(running[number] for number in sorted(running)))

    def _apply(self, event: Event, running: dict[int, Trial], finished: dict[int, Trial]) -> None:
        number = event["number"]
        if not isinstance(number, int) or number < 0:
            raise HistoryError(f"the number {number!r} of a trial is no count")
        if event["event"] in ("report", "finish") and number not in running:
            raise HistoryError(f"trial {number} has not started, or has finished")
        match event["event"]:
            case "start":
                if number in finished:
                    raise HistoryError(f"trial {number} starts after it has finished")
                architecture = self.space.architecture(event["choices"])
                running[number] = Trial(number, architecture, started=_seconds(event["time"]))
            case "report":
                trial = running[number]
                step = Step(int(event["step"]), _metrics(event["metrics"]))
                running[number] = replace(trial, curve=(*trial.curve, step))
            case "finish":
                finished[number] = replace(
                    running.pop(number),
                    state=_state(event["state"]),
                    values=_metrics(event["values"]),
                    seconds=_seconds(event["seconds"]),
                    finished=_seconds(event["time"]),
                    notes=dict(event["notes"]),
                )
            case other:
                raise HistoryError(f"the event {other!r} is unknown")


def _seconds(value: Any) -> float | None:
    return None if value is None else float(value)


def _state(state: str) -> TrialState:
    if state not in ("complete", "pruned", "failed"):
        raise HistoryError(f"the state {state!r} is unknown")
    return cast(TrialState, state)
