"""One row of an Optuna study <-> one of our trials."""

import json
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, cast, final

import numpy
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from ...engine.errors import BackendError
from ...engine.native_values import read_label
from ...spaces import Architecture, InvalidArchitecture, Label, SearchSpace
from ...strategies import Objective, Step, Trial
from .attributes import (
    CHOICES,
    EXTRA,
    INTERRUPTED,
    REFUSED,
    RESULT,
    SEQUENCE,
    STEP,
    SURPLUS,
    VOID,
    fixed_of,
    owner_of,
)
from .joint_space import JointSpace, base_of

__all__ = ["NATIVE_STATES", "RowReader", "curve_of", "result_of", "row_of", "user_attributes_of"]

NATIVE_STATES: Mapping[str, TrialState] = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}
_STATES: Mapping[TrialState, Any] = {
    **{native: state for state, native in NATIVE_STATES.items()},
    TrialState.WAITING: "running",  # enqueued: its values are already fixed
    TrialState.RUNNING: "running",
}


def curve_of(row: FrozenTrial, objectives: Sequence[Objective]) -> tuple[Step, ...]:
    """Return the intermediate values of a row, reported through a `Reporter` or to Optuna."""
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
    """Reads rows as trials.

    A row's parameters are what was evaluated, so they take precedence over what was proposed or
    enqueued.

    Args:
        space: The space.
        objectives: The study's objectives.
        is_inferred: Whether the space was inferred from the study, not the one of its sampler.
    """

    def __init__(
        self, space: SearchSpace, objectives: Sequence[Objective], is_inferred: bool = False
    ) -> None:
        self._is_inferred = is_inferred
        self._space = space
        self._base = base_of(space)
        extra = space.extra if isinstance(space, JointSpace) else None
        self._extra = frozenset[str]() if extra is None else {d.name for d in extra.decisions}
        self._objectives = objectives
        self._outside: dict[int, str] = {}  # finished rows outside the space, and why
        self._has_warned = False

    def trial(self, row: FrozenTrial, number: int) -> Trial | None:
        """Return the trial of a row, under the given number; None without an architecture."""
        void = row.user_attrs.get(VOID)
        architecture = None if void in (REFUSED, SURPLUS) else self._architecture(row)
        if architecture is None:
            return None
        if void == INTERRUPTED:  # and not yet repeated
            return Trial(number, architecture, started=_seconds(row.datetime_start))
        return _trial(row, number, architecture, self._objectives)

    def warn(self) -> None:
        """Warn once that rows read so far are ignored because they are outside the space."""
        if self._has_warned or not self._outside:
            return
        self._has_warned = True
        row, why = next(iter(self._outside.items()))
        count = len(self._outside)
        others = f" and {count - 1} more are" if count > 1 else " is"
        warnings.warn(
            f"trial {row} of the study{others} outside the space, and ignored: {why}",
            stacklevel=2,
        )

    def _architecture(self, row: FrozenTrial) -> Architecture | None:
        """Return a row's architecture: its parameters, completed by its proposed values."""
        proposed = self._proposed(row)
        known: dict[str, object] = dict(proposed)
        if VOID in row.user_attrs or not row.state.is_finished():
            known |= fixed_of(row)
        known |= {n: v for n, v in row.params.items() if not self._is_proposed(row, n, proposed)}
        choices: dict[str, Label] = {}
        for decision in self._space.decisions:
            if not decision.is_active(choices):
                continue
            if decision.name not in known and decision.name in self._extra:
                # any value: the trial neither suggested the parameter, nor was it proposed
                rng = numpy.random.Generator(numpy.random.Philox(row.number))
                known[decision.name] = decision.domain.sample(rng)
            if decision.name not in known:
                if row.state in (TrialState.COMPLETE, TrialState.PRUNED) and choices:
                    self._outside[row.number] = f"{decision.name} was not suggested"
                return None
            try:
                choices[decision.name] = read_label(decision, known[decision.name])
            except ValueError as error:
                if row.state.is_finished():  # an unfinished row may still be refused
                    self._outside[row.number] = f"{decision.name}: {error}"
                return None
        return Architecture(self._space, choices)

    def _valid(self, labels: Mapping[str, Label]) -> Mapping[str, Label]:
        """Return the labels that the space has, under the names of its decisions."""
        valid: dict[str, Label] = {}
        for decision in self._space.decisions:
            if decision.name in labels:
                with suppress(ValueError):
                    valid[decision.name] = decision.domain.check(labels[decision.name])
        return valid

    def _is_proposed(self, row: FrozenTrial, name: str, proposed: Mapping[str, Label]) -> bool:
        """Return whether a parameter is what was proposed, as far as Optuna distinguishes values.

        It stores the first of equal options, such as 1 for True, and may turn tuples into lists;
        what was proposed is exact.
        """
        if name not in proposed:
            return False
        label, value, distribution = proposed[name], row.params[name], row.distributions[name]
        if type(label) is type(value) and label == value:  # a string is its own label
            return True
        option = self._space.decision(name).meaning(label)
        values = [label, option]
        with suppress(ValueError, TypeError):  # it has no JSON
            values.append(json.loads(json.dumps(option)))
        stored = distribution.to_internal_repr(value)
        return any(_position(distribution, other) == stored for other in values)

    def _proposed(self, row: FrozenTrial) -> Mapping[str, Label]:
        text = row.system_attrs.get(CHOICES)
        if text is None:
            return {}
        own: dict[str, Label] = json.loads(text)
        beside: dict[str, Label] = json.loads(row.system_attrs.get(EXTRA, "{}"))
        if self._is_inferred:
            return self._valid({**own, **beside})
        try:
            own = dict(self._base.architecture(own).choices)
            return own | {n: label for n, label in beside.items() if n in self._extra}
        except InvalidArchitecture as error:
            raise BackendError(
                f"trial {row.number} of the study is of another space ({error}): use another "
                "study_name, or the space that the study was made with"
            ) from error


def _position(distribution: BaseDistribution, value: object) -> float | None:
    """Return how Optuna stores a value; None if it is not of the distribution."""
    with suppress(ValueError, TypeError):
        return distribution.to_internal_repr(value)
    return None


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
    """Return what the row of a finished trial stores under `RESULT`."""
    return {
        "values": trial.values,
        "seconds": trial.seconds,
        "finished": trial.finished,  # rows have local times, which go back in autumn
        "notes": trial.notes,
    }


def user_attributes_of(trial: Trial, objectives: Sequence[Objective]) -> dict[str, Any]:
    """Return what the dashboard displays of a trial beside its parameters and objectives."""
    metrics = {o.metric for o in objectives}
    choices = trial.architecture.choices
    attributes: dict[str, Any] = {
        "architecture": ", ".join(f"{name}={label}" for name, label in choices.items()),
        **{name: value for name, value in trial.values.items() if name not in metrics},
    }
    if "error" in trial.notes:
        attributes["error"] = trial.notes["error"]
    return attributes


def row_of(
    trial: Trial,
    objectives: Sequence[Objective],
    distributions: Mapping[str, BaseDistribution],
    place: int,
) -> FrozenTrial:
    """Return the row that a trial would have left had it run in the study.

    The row of a running trial is an interrupted one.

    Args:
        trial: The trial.
        objectives: The study's objectives.
        distributions: The distributions of all decisions.
        place: Its position in the order in which the search observes trials.
    """
    finished = datetime.fromtimestamp(trial.finished or 0)
    choices = dict(trial.architecture.choices)
    metric = objectives[0].metric
    system = {CHOICES: json.dumps(choices)}
    for step, metrics in trial.curve:
        if len(objectives) > 1 or set(metrics) != {metric}:
            system[f"{STEP}{step}"] = json.dumps(metrics)
    user: dict[str, Any] = {VOID: INTERRUPTED}
    if trial.state != "running":
        system[RESULT] = json.dumps(result_of(trial))
        system[SEQUENCE] = json.dumps([trial.number, place])
        user = user_attributes_of(trial, objectives)
    reported: dict[int, float] = {}
    if len(objectives) == 1:
        reported = {s.step: s.metrics[metric] for s in trial.curve if metric in s.metrics}
    values = None
    if trial.state == "complete":
        values = [trial.values[o.metric] for o in objectives]
    elif trial.state == "pruned" and reported:  # as Optuna stores it
        values = [reported[max(reported)]]
    return FrozenTrial(
        number=trial.number,
        state=NATIVE_STATES.get(trial.state, TrialState.FAIL),
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
