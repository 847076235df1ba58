"""Reading histories from JSON Lines.

A truncated last line, left by a crash, is ignored. Any other damage is an error that names the file
and the line.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from ..spaces import NasbridgeError, SearchSpace, from_json
from .errors import HistoryError
from .history import History
from .trial import Step, Trial, TrialState, objectives_from

__all__ = ["FORMAT", "VERSION", "Event", "read_header", "read_history"]

FORMAT = "nasbridge-history"
VERSION = 1

Event = dict[str, Any]


def read_history(path: Path, space: SearchSpace | None) -> History:
    """Read a history; see `History.load`."""
    header = read_header(path)
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
    return replace(history, trials=_Folder(space, path, frozenset(skipped)).fold())


def _lines(path: Path) -> Iterator[tuple[int, Event]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise HistoryError(f"{path} cannot be read ({error.strerror}): check the path") from error
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):  # drop a truncated last line
        try:
            event = json.loads(line)
        except (ValueError, RecursionError) as error:
            fix = "remove the line to discard the event"
            if number == 1:
                fix = "give a history file that nasbridge wrote; this one has no intact header"
            raise HistoryError(f"{path}, line {number}: invalid JSON ({error}): {fix}") from error
        if not isinstance(event, dict):
            raise HistoryError(
                f"{path}, line {number}: invalid event {event!r}: remove the line to discard it"
            )
        yield number, cast(Event, event)


def read_header(path: Path) -> Event:
    """Read and check the first line of a history file."""
    header = next((event for _, event in _lines(path)), Event())
    if header.get("format") != FORMAT:
        raise HistoryError(
            f"{path}, line 1: not a header of a nasbridge history: give a file that nasbridge wrote"
        )
    if header.get("version") != VERSION:
        raise HistoryError(
            f"{path}, line 1: unsupported format version {header.get('version')!r}: this "
            f"nasbridge reads version {VERSION}; export the run again with the nasbridge that "
            "wrote it"
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
        raise HistoryError(
            f"{path} belongs to another space (fingerprint {header['fingerprint']}, not "
            f"{space.fingerprint}): pass the space that was searched"
        )
    return space


@dataclass
class _Folder:
    """Folds the events of a file into trials.

    A trial may start again before it finishes, after an interruption; its reports start over.
    """

    space: SearchSpace
    path: Path
    skipped: frozenset[int]

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
            raise HistoryError(f"invalid trial number {number!r}")
        if number in self.skipped:
            raise HistoryError(
                f"trial {number} is in 'skipped' of line 1, so it has no architecture: remove the "
                "number there, or the events of the trial"
            )
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
                raise HistoryError(f"unknown event {other!r}")


def _seconds(value: Any) -> float | None:
    return None if value is None else float(value)


def _state(state: str) -> TrialState:
    if state not in ("complete", "pruned", "failed"):
        raise HistoryError(f"unknown state {state!r}")
    return cast(TrialState, state)


def _metrics(values: Mapping[str, Any]) -> dict[str, float]:
    return {metric: float(value) for metric, value in values.items()}
