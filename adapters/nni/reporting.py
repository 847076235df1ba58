# pyright: basic
# NNI ships no types that can be relied on.
"""NNI's assessors at work in our door: they judge at once what a trial reports."""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, final

from nni.algorithms.hpo.curvefitting_assessor import CurvefittingAssessor
from nni.algorithms.hpo.medianstop_assessor import MedianstopAssessor
from nni.assessor import Assessor, AssessResult

from ...engine.errors import BackendError
from ...strategies import Objective, Step, Trial

__all__ = ["Assessment", "assessor_named", "check_assessor"]

ASSESSORS: Mapping[str, Callable[..., Assessor]] = {
    "Curvefitting": CurvefittingAssessor,
    "Medianstop": MedianstopAssessor,
}


def assessor_named(name: str, objective: Objective, **settings: Any) -> Assessor:
    """Return one of NNI's assessors.

    Args:
        name: "Medianstop" or "Curvefitting".
        objective: What is optimized.
        **settings: The assessor's own; Curvefitting needs `epoch_num`, for NNI's default of 20
            would have it extrapolate to an epoch that no trial may ever reach.

    Raises:
        BackendError: There is no assessor of this name, or it needs settings.
    """
    if name not in ASSESSORS:
        close = get_close_matches(name.capitalize(), ASSESSORS, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise BackendError(
            f"there is no assessor {name!r} by name: {hint}take one of {', '.join(ASSESSORS)}, or "
            "give assessor= any assessor of NNI"
        )
    if name == "Medianstop":
        settings = {"optimize_mode": f"{objective.direction}imize", **settings}
    if name == "Curvefitting" and "epoch_num" not in settings:
        raise BackendError(
            "the assessor Curvefitting has to know how many epochs a trial has: give it as an "
            "object, as assessor=CurvefittingAssessor(epoch_num=20)"
        )
    try:
        return ASSESSORS[name](**settings)
    except TypeError as error:
        raise BackendError(
            f"the assessor {name} cannot be made ({error}): its settings are those of NNI's "
            f"{name}Assessor"
        ) from error


def check_assessor(assessor: Assessor, objective: Objective) -> None:
    """Make sure that an assessor does not stop the best trials.

    Args:
        assessor: The assessor.
        objective: What it will judge.

    Raises:
        BackendError: It takes the objective's direction for the opposite.
    """
    wants_max = objective.direction == "max"
    if isinstance(assessor, CurvefittingAssessor) and not wants_max:
        raise BackendError(
            f"NNI's Curvefitting stops what is low, and {objective.metric!r} is minimised: take "
            "assessor='Medianstop', or report an accuracy as the first objective"
        )
    if (
        isinstance(assessor, MedianstopAssessor)
        and getattr(assessor, "_high_better", wants_max) is not wants_max
    ):
        raise BackendError(
            f"the Medianstop assessor stops what is {'high' if wants_max else 'low'}, and "
            f"{objective.metric!r} is {objective.direction}imised: give "
            f"MedianstopAssessor(optimize_mode='{objective.direction}imize'), or 'Medianstop'"
        )


@final
class Assessment:
    """An assessor of NNI that judges trials in the order in which they report.

    Args:
        assessor: The assessor.
        objectives: The experiment's; the first one is assessed.
        before: The trials so far, which it has yet to hear of.

    Raises:
        BackendError: The assessor would stop the best trials.
    """

    def __init__(
        self, assessor: Assessor, objectives: Sequence[Objective], before: Sequence[Trial]
    ) -> None:
        check_assessor(assessor, objectives[0])
        self._assessor = assessor
        self._metric = objectives[0].metric
        self._values: dict[int, list[float]] = {}
        for trial in before:
            if trial.state != "running":
                for step in trial.curve:
                    self.reported(trial.number, step)
                self.ended(trial)

    def reported(self, number: int, step: Step) -> bool:
        """Take note of a report; tell whether the trial should stop."""
        if self._metric not in step.metrics:
            return False
        values = self._values.setdefault(number, [])
        values.append(step.metrics[self._metric])
        said = self._assessor.assess_trial(str(number), list(values))
        return said is AssessResult.Bad or said is False

    def ended(self, trial: Trial) -> None:
        """Take note of a trial's end."""
        if self._values.pop(trial.number, None):
            self._assessor.trial_end(str(trial.number), trial.state == "complete")
