"""Intermediate values and pruning, in studies with one objective or several.

Optuna's `report` and `should_prune` reject studies with several objectives. There, each trial has a
companion trial in a second study of the same storage, which has a single objective: the share of
trials that do not dominate the trial at the same step. The user's pruner works on that study, and
the dashboard plots its curves.
"""

import copy
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from typing import Any, cast, final

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    SuccessiveHalvingPruner,
)
from optuna.samplers import RandomSampler
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import BaseTrial, FrozenTrial, Trial, TrialState

from ...engine.driver import warn_no_objective
from ...engine.errors import BackendError
from ...strategies import Step, rank_at_step
from .attributes import (
    STEP,
    VOID,
    Numbering,
    id_of,
    objectives_of,
    rows_of,
    set_internal,
    storage_of,
)
from .trials import curve_of

__all__ = ["Reporter", "companion_of", "pruner_named"]

PRUNERS: Mapping[str, Callable[[], BasePruner]] = {
    "hyperband": HyperbandPruner,
    "median": MedianPruner,
    "successive-halving": SuccessiveHalvingPruner,
}
ROW = "nasbridge:row"  # user attribute of a companion trial: the row that it belongs to
FIX = "report one of them, or name the study's own with study.set_metric_names([...])"


def pruner_named(name: str) -> BasePruner:
    """Return an Optuna pruner with its default settings.

    Args:
        name: "hyperband", "median" or "successive-halving".

    Raises:
        BackendError: The name is unknown.
    """
    if name not in PRUNERS:
        raise BackendError(
            f"unknown pruner {name!r}: use one of {', '.join(PRUNERS)}, or pass an Optuna pruner "
            "object as pruner="
        )
    return PRUNERS[name]()


def companion_of(study: Study) -> Study:
    """Return the study on which the pruner of a study with several objectives works."""
    return optuna.create_study(
        storage=storage_of(study),
        study_name=f"{study.study_name} (pruning)",
        direction="maximize",
        sampler=RandomSampler(0),
        pruner=study.pruner,
        load_if_exists=True,
    )


@final
class Reporter:
    """Reports intermediate metrics of an Optuna trial, and returns whether to prune it.

    Used as a context manager, it ends the companion trial together with the trial; otherwise the
    next reporter of the study does.

    Args:
        trial: A running trial. Of a finished one or a `FixedTrial`, which is evaluated once more,
            nothing is stored, and it is never pruned.

    Example:
        >>> import optuna
        >>> from nasbridge.adapters.optuna import Reporter
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> def objective(trial):
        ...     width = trial.suggest_int("width", 1, 9)
        ...     with Reporter(trial) as reporter:
        ...         for epoch in range(3):
        ...             reporter.report(epoch, accuracy=width / 10, parameters=width**2)
        ...             if reporter.should_prune():
        ...                 raise optuna.TrialPruned
        ...     return width / 10, width**2
        >>> study = optuna.create_study(directions=["maximize", "minimize"])
        >>> study.set_metric_names(["accuracy", "parameters"])
        >>> study.optimize(objective, n_trials=5)
        >>> len(study.trials)
        5
    """

    def __init__(self, trial: BaseTrial) -> None:
        self._curve: list[Step] = []
        self._companion: Trial | None = None
        self._is_running = isinstance(trial, Trial)
        if isinstance(trial, Trial):
            self._begin(trial)

    def _begin(self, trial: Trial) -> None:
        self._trial = trial
        self._study = trial.study
        self._objectives = objectives_of(self._study)
        self._finished_curves: dict[int, tuple[Step, ...]] = {}  # by row
        self._is_judged = not isinstance(self._study.pruner, NopPruner)
        if self._is_judged and len(self._objectives) > 1:
            companion = companion_of(self._study)
            _end_abandoned(companion, self._study)
            self._companion = companion.ask()
            self._companion.set_user_attr(ROW, trial.number)

    def report(self, step: int, /, **metrics: float) -> None:
        """Report metrics at a step.

        Args:
            step: The epoch, or another increasing measure of work.
            **metrics: Values of the study's metric names. Values of other names are stored too.

        Raises:
            BackendError: The step does not increase.
        """
        if self._curve and step <= self._curve[-1].step:
            raise BackendError(
                f"step {step} was reported after step {self._curve[-1].step}: steps must increase"
            )
        self._curve.append(Step(step, metrics))
        if not self._is_running:
            return
        if self._is_judged:
            warn_no_objective(metrics, self._objectives, FIX)
        metric = self._objectives[0].metric
        if len(self._objectives) > 1 or set(metrics) != {metric}:  # more than Optuna stores
            set_internal(self._study, id_of(self._trial), f"{STEP}{step}", metrics)
        if len(self._objectives) == 1:
            if metric in metrics:
                self._trial.report(metrics[metric], step)
        elif self._companion is not None:
            ranked = rank_at_step(self._curve, self._others(), self._objectives)
            if ranked is not None:
                self._companion.report(ranked[0], step)

    def should_prune(self) -> bool:
        """Return whether the study's pruner stops the trial."""
        if not self._is_running:
            return False
        judged = self._trial if len(self._objectives) == 1 else self._companion
        if not self._is_judged or judged is None:
            return False
        rows = self._filtered.get_trials(deepcopy=False)
        row = next((row for row in rows if id_of(row) == id_of(judged)), None)
        return row is not None and self._study.pruner.prune(self._filtered, row)

    @cached_property
    def _filtered(self) -> Study:
        """The study that the pruner works on, as it should see it; writes reach the study."""
        if self._companion is None:
            seen, shown = self._study, _rows_that_count
        else:
            seen, shown = self._companion.study, partial(_companions_that_count, self._study)
        storage = cast(BaseStorage, _FilteredStorage(storage_of(seen), shown))
        return Study(seen.study_name, storage, RandomSampler(0), self._study.pruner)

    def close(self, state: TrialState = TrialState.COMPLETE) -> None:
        """End the companion trial, if there is one."""
        if self._companion is not None:
            study, number = self._companion.study, self._companion.number
            self._companion = None
            _end(study, study.get_trials(deepcopy=False)[number], state)

    def __enter__(self) -> "Reporter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            pruned = issubclass(kind, optuna.TrialPruned)
            self.close(TrialState.PRUNED if pruned else TrialState.FAIL)

    def _others(self) -> list[tuple[Step, ...]]:
        others: list[tuple[Step, ...]] = []
        for row in rows_of(self._study):
            if row.number == self._trial.number or VOID in row.user_attrs:
                continue
            curve = self._finished_curves.get(row.number) or curve_of(row, self._objectives)
            if row.state.is_finished():
                self._finished_curves[row.number] = curve
            others.append(curve)
        return others


def _end_abandoned(companion: Study, study: Study) -> None:
    """End the companions of trials that have ended without doing so, or were killed."""
    rows = rows_of(study)
    for row in companion.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        accompanied: int | None = row.user_attrs.get(ROW)
        if accompanied is not None and rows[accompanied].state.is_finished():
            _end(companion, row, rows[accompanied].state)


def _end(companion: Study, row: FrozenTrial, state: TrialState) -> None:
    reported = row.intermediate_values
    values = None
    if state == TrialState.COMPLETE and reported:
        values = reported[max(reported)]
    with suppress(UpdateFinishedTrialError):  # another process has finished it
        companion.tell(
            row.number,
            values,
            state if reported else TrialState.FAIL,
            skip_if_finished=True,
        )


@final
class _FilteredStorage:
    """A storage as pruners should see it: without void rows, numbered as trials.

    An interrupted trial leaves a void row and is repeated in another one. Pruners that compare with
    other trials would count it twice, and pruners that go by numbers, as Hyperband, would judge it
    differently. Here each trial has one row, as if nothing had been interrupted.

    Args:
        storage: The storage.
        shown: Returns the rows to be shown, given all rows.
    """

    def __init__(
        self, storage: BaseStorage, shown: Callable[[Sequence[FrozenTrial]], list[FrozenTrial]]
    ) -> None:
        self._storage = storage
        self._shown = shown

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        rows = self._shown(self._storage.get_all_trials(study_id, deepcopy=deepcopy))
        return rows if states is None else [row for row in rows if row.state in states]


def _rows_that_count(rows: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    numbering = Numbering()
    numbered = [(numbering.number(row), row) for row in rows]
    return _renumbered((n, row) for n, row in numbered if VOID not in row.user_attrs)


def _companions_that_count(study: Study, rows: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    numbering = Numbering()
    numbered = [(numbering.number(row), row) for row in rows_of(study)]
    numbers = {row.number: n for n, row in numbered if VOID not in row.user_attrs}
    accompanied = [(row.user_attrs.get(ROW), row) for row in rows]
    return _renumbered((numbers[k], row) for k, row in accompanied if k in numbers)


def _renumbered(numbered: Iterable[tuple[int, FrozenTrial]]) -> list[FrozenTrial]:
    shown: list[FrozenTrial] = []
    for number, row in sorted(numbered, key=lambda pair: pair[0]):
        if row.number != number:
            row = copy.copy(row)
            row.number = number
        shown.append(row)
    return shown
