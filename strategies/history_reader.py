"""Reading histories from JSON Lines.

A truncated last line, left by a crash, is ignored. Any other damage is an error that names the file
and the line.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from reprlib import repr as shortened
from typing import cast

from ..spaces import NasbridgeError, SearchSpace, from_json
from .differences import space_difference
from .errors import HistoryError
from .history import History
from .history_lines import Event, lines_of, version_of
from .history_values import mapping, metrics, seconds, whole
from .trial import Step, Trial, TrialState, objectives_from

__all__ = ["read_header", "read_history"]


def read_history(path: Path, space: SearchSpace | None) -> History:
    """Read a history; see `History.load`."""
    lines = lines_of(path)
    header = _checked_header(next((event for _, event in lines), Event()), path)
    space = _space_of(header, space, path)
    try:
        objectives = objectives_from(cast(Event, header["objectives"]))
    except NasbridgeError as error:
        raise HistoryError(f"{path}, line 1: {error}") from error
    skipped = _skipped(header, path)
    history = History(
        space,
        objectives,
        (),
        header["seed"],
        header["strategy"],
        header["metadata"],
        skipped,
    )
    return replace(history, trials=_Folder(history, path).fold(lines))


def read_header(path: Path) -> Event:
    """Read and check the first line of a history file."""
    return _checked_header(next((event for _, event in lines_of(path)), Event()), path)


def _checked_header(header: Event, path: Path) -> Event:
    version_of(header, path)
    kinds = {
        "objectives": dict,
        "strategy": str,
        "seed": int,
        "fingerprint": str,
        "metadata": dict,
        "skipped": list,
    }
    for name, kind in kinds.items():
        if not isinstance(header.get(name), kind) or isinstance(header[name], bool):
            raise HistoryError(
                f"{path}, line 1: {name!r} is missing or invalid: restore the header, or export "
                "the run again"
            )
    return header


def _skipped(header: Event, path: Path) -> tuple[int, ...]:
    """Return the numbers without an architecture, checked."""
    numbers = cast(list[object], header["skipped"])
    for position, number in enumerate(numbers):
        if type(number) is not int or number < 0:
            raise HistoryError(
                f"{path}, line 1: invalid trial number {number!r} in 'skipped': numbers are "
                "integers of at least 0"
            )
        if number in numbers[:position]:
            raise HistoryError(
                f"{path}, line 1: trial number {number} is twice in 'skipped': remove one of them"
            )
    return tuple(cast(list[int], numbers))


def _space_of(header: Event, space: SearchSpace | None, path: Path) -> SearchSpace:
    if space is None:
        if header.get("space") is None:
            raise HistoryError(
                f"{path} does not describe its space, which holds functions or classes: pass "
                "the space, as History.load(path, space=space), or on the command line "
                "--experiment FILE"
            )
        try:
            space = from_json(json.dumps(header["space"]))
        except NasbridgeError as error:
            raise HistoryError(f"{path}, line 1: {error}") from error
    if space.fingerprint != header["fingerprint"]:
        found = f"fingerprint {header['fingerprint']}, not {space.fingerprint}"
        with suppress(NasbridgeError):  # a space with functions is not described
            stored = from_json(json.dumps(header.get("space")))
            found = space_difference(stored, space) or found
        raise HistoryError(
            f"{path} belongs to another space ({found}): pass the space that was searched"
        )
    return space


class _Folder:
    """Folds the events of a file into trials.

    A trial may start again before it finishes, after an interruption; its reports start over.
    """

    def __init__(self, history: History, path: Path) -> None:
        self._history, self._path = history, path
        self._skipped = frozenset(history.skipped)
        self._running: dict[int, Trial] = {}
        self._curves: dict[int, list[Step]] = {}
        self._finished: dict[int, Trial] = {}

    def fold(self, lines: Iterable[tuple[int, Event]]) -> tuple[Trial, ...]:
        """Return the trials that the events after the header describe."""
        for line, event in lines:
            try:
                self._apply(event)
            except KeyError as error:
                raise HistoryError(f"{self._path}, line {line}: {error} is missing") from error
            except NasbridgeError as error:
                raise HistoryError(f"{self._path}, line {line}: {error}") from error
        running = [
            replace(self._running[number], curve=tuple(self._curves[number]))
            for number in sorted(self._running)
        ]
        return (*self._finished.values(), *running)

    def _apply(self, event: Event) -> None:
        number = whole(event["number"], "trial number")
        if number in self._skipped:
            raise HistoryError(
                f"trial {number} is in 'skipped' of line 1, so it has no architecture: remove the "
                "number there, or the events of the trial"
            )
        if event["event"] in ("report", "finish") and number not in self._running:
            raise HistoryError(f"trial {number} has not started, or has finished")
        match event["event"]:
            case "start":
                self._start(number, event)
            case "report":
                self._report(number, event)
            case "finish":
                self._finish(number, event)
            case other:
                raise HistoryError(f"unknown event {shortened(other)}")

    def _start(self, number: int, event: Event) -> None:
        if number in self._finished:
            raise HistoryError(f"trial {number} starts after it has finished")
        choices = mapping(event["choices"], "choices")
        architecture = self._history.space.architecture(choices)
        self._running[number] = Trial(number, architecture, started=seconds(event["time"], "time"))
        self._curves[number] = []

    def _report(self, number: int, event: Event) -> None:
        step = Step(whole(event["step"], "step"), metrics(event["metrics"], "metrics"))
        self._curves[number].append(step)

    def _finish(self, number: int, event: Event) -> None:
        trial = replace(
            self._running.pop(number),
            state=_state(event["state"]),
            values=metrics(event["values"], "values"),
            curve=tuple(self._curves.pop(number)),
            seconds=seconds(event["seconds"], "seconds"),
            finished=seconds(event["time"], "time"),
            notes=mapping(event["notes"], "notes"),
        )
        names = [one.metric for one in self._history.objectives if one.metric not in trial.values]
        if trial.state == "complete" and names:
            raise HistoryError(
                f"trial {number} is complete, but has no value of {' or '.join(map(repr, names))}"
            )
        self._finished[number] = trial


def _state(state: object) -> TrialState:
    if state not in ("complete", "pruned", "failed"):
        raise HistoryError(f"unknown state {shortened(state)}")
    return state
