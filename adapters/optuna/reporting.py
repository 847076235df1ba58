"""Reporting and pruning in studies with one objective or several.

Optuna's own `report` and `should_prune` refuse studies with several objectives. There, each trial
has a companion in a second study of the same storage with a single objective, its standing: the
share of trials that do not dominate it at this step. Whatever pruner the user has chosen works on
that study, and the dashboard shows its curves.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import final

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
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from ...engine.driver import warn_no_objective
from ...engine.errors import BackendError
from ...strategies import Step, rank_at_step
from .filtered import ROW, view_of
from .trials import STEP, VOID, curve_of, note, objectives_of, rows_of, storage_of

__all__ = ["Reporter", "companion_of", "pruner_named"]

PRUNERS: Mapping[str, Callable[[], BasePruner]] = {
    "hyperband": HyperbandPruner,
    "median": MedianPruner,
    "successive-halving": SuccessiveHalvingPruner,
}

MEND = "report one of them, or name the study's own with study.set_metric_names([...])"


def pruner_named(name: str) -> BasePruner:
    """Return one of Optuna's pruners, with its default settings.

    Args:
        name: "hyperband", "median" or "successive-halving".

    Raises:
        BackendError: There is no pruner of this name.
    """
    if name not in PRUNERS:
        raise BackendError(
            f"there is no pruner {name!r} by name: take one of {', '.join(PRUNERS)}, or give "
            "pruner= any pruner of Optuna"
        )
    return PRUNERS[name]()


def companion_of(study: Study) -> Study:
    """Return the study that the pruner of a study with several objectives works on."""
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
    """Reports intermediate metrics of a trial and tells whether it should stop.

    As a context it ends the companion trial with the trial; otherwise the next reporter does.

    Args:
        trial: A running trial of Optuna.

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

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._study = trial.study
        self._objectives = objectives_of(self._study)
        self._curve: list[Step] = []
        self._ended: dict[int, tuple[Step, ...]] = {}  # the curves of finished rows
        self._is_judged = not isinstance(self._study.pruner, NopPruner)
        self._companion: Trial | None = None
        if self._is_judged and len(self._objectives) > 1:
            companion = companion_of(self._study)
            _settle(companion, self._study)
            self._companion = companion.ask()
            self._companion.set_user_attr(ROW, trial.number)

    def report(self, step: int, /, **metrics: float) -> None:
        """Report metrics at a step.

        Args:
            step: The epoch, or another count of work done; must grow.
            **metrics: Metrics by the study's metric names; others are stored beside them.

        Raises:
            BackendError: The step does not grow.
        """
        if self._curve and step <= self._curve[-1].step:
            raise BackendError(
                f"step {step} was reported after step {self._curve[-1].step}: steps must grow"
            )
        self._curve.append(Step(step, metrics))
        if self._is_judged:
            warn_no_objective(metrics, self._objectives, MEND)
        metric = self._objectives[0].metric
        if len(self._objectives) > 1 or set(metrics) != {metric}:  # more than Optuna stores
            note(self._study, _id(self._trial), f"{STEP}{step}", metrics)
        if len(self._objectives) == 1:
            if metric in metrics:
                self._trial.report(metrics[metric], step)
        elif self._companion is not None:
            compared = rank_at_step(self._curve, self._others(), self._objectives)
            if compared is not None:
                self._companion.report(compared[0], step)

    def should_prune(self) -> bool:
        """Tell whether the study's pruner wants the trial to stop."""
        judged = self._trial if len(self._objectives) == 1 else self._companion
        if not self._is_judged or judged is None:
            return False
        rows = self._view.get_trials(deepcopy=False)
        row = next((row for row in rows if _id(row) == _id(judged)), None)
        return row is not None and self._study.pruner.prune(self._view, row)

    @cached_property
    def _view(self) -> Study:
        companion = None if self._companion is None else self._companion.study
        return view_of(self._study, companion)

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
            curve = self._ended.get(row.number) or curve_of(row, self._objectives)
            if row.state.is_finished():
                self._ended[row.number] = curve
            others.append(curve)
        return others


def _id(row: Trial | FrozenTrial) -> int:
    return row._trial_id  # pyright: ignore[reportPrivateUsage]


def _settle(companion: Study, study: Study) -> None:
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
    with suppress(UpdateFinishedTrialError):  # another process was quicker
        companion.tell(
            row.number,
            values,
            state if reported else TrialState.FAIL,
            skip_if_finished=True,
        )
