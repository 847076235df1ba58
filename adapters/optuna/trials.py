"""Rows: the trials of an Optuna study as it stores them, read as ours.

A row is a trial of Optuna's; our trials are those rows that count. A void row is repeated by a
later one, which carries the number of the trial that it repeats; so our numbers have no gaps,
whatever was killed.
"""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast, final

from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from ...engine.errors import BackendError
from ...spaces import Architecture, InvalidArchitecture, Label, SearchSpace
from ...strategies import Objective, Step, Trial
from .space import label_in

__all__ = [
    "CHOICES",
    "FIXED",
    "INTERRUPTED",
    "NUMBER",
    "OWNER",
    "REFUSED",
    "RESULT",
    "STEP",
    "SURPLUS",
    "VOID",
    "Numbering",
    "RowReader",
    "curve_of",
    "fixed_of",
    "note",
    "objectives_of",
    "owner_of",
    "result_of",
    "row_of",
    "rows_of",
    "shown_of",
    "storage_of",
]

NUMBER = "nasbridge:number"  # user attribute: this row repeats an interrupted trial
VOID = "nasbridge:void"  # user attribute: why this row does not count, one of the next three
INTERRUPTED = "interrupted"  # it has to be repeated
REFUSED = "refused"  # what was enqueued is not of the space
SURPLUS = "surplus"  # it came too late, when nothing was left to do
FIXED = "fixed_params"  # system attribute, Optuna's own: what is given and not to be proposed
CHOICES = "nasbridge:choices"  # system attributes: what the sampler and the driver note
OWNER = "nasbridge:owner"
RESULT = "nasbridge:result"
STEP = "nasbridge:step:"  # and its number: metrics that Optuna does not store itself

_STATES: Mapping[TrialState, Any] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.WAITING: "running",  # enqueued: what it will be is known already
    TrialState.RUNNING: "running",
}
_ROW_STATES: Mapping[str, TrialState] = {
    **{ours: theirs for theirs, ours in _STATES.items()},
    "running": TrialState.FAIL,  # interrupted, when it is written as a row
}


def storage_of(study: Study) -> BaseStorage:
    """Return a study's storage.

    Optuna has no public way to it; its own samplers take this one.
    """
    return study._storage  # pyright: ignore[reportPrivateUsage]


def rows_of(study: Study) -> list[FrozenTrial]:
    """Return all rows, not copied; under Hyperband, too, which shows samplers one bracket only."""
    return storage_of(study).get_all_trials(
        study._study_id,  # pyright: ignore[reportPrivateUsage]
        deepcopy=False,
    )


def note(study: Study, row: int, key: str, value: Any) -> str:
    """Note something that is not for people's eyes on a row, by its id; return it as text."""
    text = json.dumps(value)
    storage_of(study).set_trial_system_attr(row, key, text)
    return text


def objectives_of(study: Study) -> tuple[Objective, ...]:
    """Return a study's objectives; metrics without names are "value", or "value_0" and so on."""
    whole: Study = getattr(study, "_study", study)  # Hyperband shows samplers a bracket's study
    directions, names = whole.directions, whole.metric_names
    if names is None:
        names = (
            ["value"] if len(directions) == 1 else [f"value_{k}" for k in range(len(directions))]
        )
    return tuple(
        Objective(name, "max" if direction == StudyDirection.MAXIMIZE else "min")
        for name, direction in zip(names, directions, strict=True)
    )


class Numbering:
    """Gives rows the numbers of our trials; rows must be shown in their order."""

    def __init__(self) -> None:
        self._extra = 0  # rows so far that repeat others
        self.next = 0  # the number of the next new trial

    def number(self, row: FrozenTrial) -> int:
        """Return the number of our trial."""
        repeated = row.user_attrs.get(NUMBER)
        self._extra += repeated is not None
        self.next = row.number + 1 - self._extra
        return row.number - self._extra if repeated is None else int(repeated)


def owner_of(row: FrozenTrial) -> str | None:
    """Return the process of ours that a row belongs to; see `identity`."""
    owner: str | None = row.system_attrs.get(OWNER)
    return None if owner is None else json.loads(owner)


def fixed_of(row: FrozenTrial) -> Mapping[str, Any]:
    """Return the parameters that whoever enqueued a row has fixed."""
    return cast(Mapping[str, Any], row.system_attrs.get(FIXED, {}))


def curve_of(row: FrozenTrial, objectives: Sequence[Objective]) -> tuple[Step, ...]:
    """Return what a row has reported, to us or to Optuna itself."""
    metric = objectives[0].metric
    steps: dict[int, Mapping[str, float]] = {
        step: {metric: value} for step, value in row.intermediate_values.items()
    }
    for key, text in row.system_attrs.items():
        if key.startswith(STEP):
            steps[int(key.removeprefix(STEP))] = json.loads(cast(str, text))
    return tuple(Step(step, steps[step]) for step in sorted(steps))


@final
class RowReader:
    """Reads rows as our trials; what a row's parameters say is what was evaluated.

    Args:
        space: The space.
        objectives: The study's objectives.
    """

    def __init__(self, space: SearchSpace, objectives: Sequence[Objective]) -> None:
        self._space = space
        self._objectives = objectives
        self._outside: dict[int, str] = {}  # what is wrong with rows that are ignored
        self._is_told = False

    def trial(self, row: FrozenTrial, number: int) -> Trial | None:
        """Read a row; None if it has no architecture of the space.

        Args:
            row: The row.
            number: The trial's number.
        """
        void = row.user_attrs.get(VOID)
        architecture = None if void in (REFUSED, SURPLUS) else self._architecture(row)
        if architecture is None:
            return None
        if void == INTERRUPTED:  # and not yet repeated
            return Trial(number, architecture, started=_seconds(row.datetime_start))
        return _trial(row, number, architecture, self._objectives)

    def warn(self) -> None:
        """Say once which of the rows read so far are ignored, being outside the space."""
        if self._is_told or not self._outside:
            return
        self._is_told = True
        row, why = next(iter(self._outside.items()))
        number = len(self._outside)
        others = f" and {number - 1} more are" if number > 1 else " is"
        warnings.warn(
            f"trial {row} of the study{others} outside the space, and ignored: {why}",
            stacklevel=2,
        )

    def _architecture(self, row: FrozenTrial) -> Architecture | None:
        """Settle on an architecture: parameters first, then what has been noted or enqueued."""
        known: dict[str, object] = dict(self._noted(row))
        if VOID in row.user_attrs or not row.state.is_finished():
            known |= fixed_of(row)
        known |= row.params
        choices: dict[str, Label] = {}
        for decision in self._space.decisions:
            if not decision.is_active(choices):
                continue
            if decision.name not in known:
                return None
            try:
                choices[decision.name] = label_in(decision, known[decision.name])
            except ValueError as error:
                if row.state.is_finished():  # otherwise it may still be refused
                    self._outside[row.number] = f"{decision.name}: {error}"
                return None
        return Architecture(self._space, choices)

    def _noted(self, row: FrozenTrial) -> Mapping[str, Label]:
        text = row.system_attrs.get(CHOICES)
        if text is None:
            return {}
        try:
            return self._space.architecture(json.loads(text)).choices
        except InvalidArchitecture as error:
            raise BackendError(
                f"trial {row.number} of the study is of another space ({error}): use another "
                "study_name, or the space that the study was made with"
            ) from error


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None


def _trial(
    row: FrozenTrial, number: int, architecture: Architecture, objectives: Sequence[Objective]
) -> Trial:
    curve = curve_of(row, objectives)
    if row.state == TrialState.RUNNING:
        owner = owner_of(row)
        notes = {} if owner is None else {"process": owner}
        started = _seconds(row.datetime_start)
        return Trial(number, architecture, curve=curve, started=started, notes=notes)
    result: dict[str, Any] = json.loads(cast(str, row.system_attrs.get(RESULT, "{}")))
    values: dict[str, float] = result.get("values", {})
    if not values and row.values is not None:
        values = dict(zip((o.metric for o in objectives), row.values, strict=True))
    if not values and row.state == TrialState.PRUNED:
        for step in curve:
            values |= step.metrics
    return Trial(
        number,
        architecture,
        _STATES[row.state],
        values,
        curve,
        result.get("seconds", row.duration.total_seconds() if row.duration else None),
        _seconds(row.datetime_start),
        result.get("finished", _seconds(row.datetime_complete)),
        result.get("notes", {}),
    )


def result_of(trial: Trial) -> dict[str, Any]:
    """Return what a finished trial's row notes under `RESULT`."""
    return {
        "values": trial.values,
        "seconds": trial.seconds,
        "finished": trial.finished,  # rows have local times, which are not always in order
        "notes": trial.notes,
    }


def shown_of(trial: Trial, objectives: Sequence[Objective]) -> dict[str, Any]:
    """Return what the dashboard shows of a trial beside parameters and objectives."""
    metrics = {o.metric for o in objectives}
    choices = trial.architecture.choices
    shown: dict[str, Any] = {
        "architecture": ", ".join(f"{name}={label}" for name, label in choices.items()),
        **{name: value for name, value in trial.values.items() if name not in metrics},
    }
    if "error" in trial.notes:
        shown["error"] = trial.notes["error"]
    return shown


def row_of(
    trial: Trial,
    objectives: Sequence[Objective],
    distributions: Mapping[str, BaseDistribution],
    finished: datetime,
) -> FrozenTrial:
    """Write one of our trials as a row, as if it had run here; a running one is interrupted.

    Args:
        trial: The trial.
        objectives: The study's objectives.
        distributions: Those of all decisions.
        finished: When it ended, as the row shall say; rows are told in this order.
    """
    choices = dict(trial.architecture.choices)
    metric = objectives[0].metric
    system = {CHOICES: json.dumps(choices)}
    for step, metrics in trial.curve:
        if len(objectives) > 1 or set(metrics) != {metric}:
            system[f"{STEP}{step}"] = json.dumps(metrics)
    user: dict[str, Any] = {VOID: INTERRUPTED}
    if trial.state != "running":
        system[RESULT] = json.dumps(result_of(replace(trial, finished=finished.timestamp())))
        user = shown_of(trial, objectives)
    reported: dict[int, float] = {}
    if len(objectives) == 1:
        reported = {s.step: s.metrics[metric] for s in trial.curve if metric in s.metrics}
    values = None
    if trial.state == "complete":
        values = [trial.values[o.metric] for o in objectives]
    elif trial.state == "pruned" and reported:  # as Optuna itself has it
        values = [reported[max(reported)]]
    return FrozenTrial(
        number=trial.number,
        state=_ROW_STATES[trial.state],
        value=None,
        values=values,
        datetime_start=datetime.fromtimestamp(trial.started) if trial.started else finished,
        datetime_complete=finished,
        params=choices,
        distributions={name: distributions[name] for name in choices},
        user_attrs=user,
        system_attrs=system,
        intermediate_values=reported,
        trial_id=-1,
    )
