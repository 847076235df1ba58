# pyright: basic
# NNI ships no types that can be relied on.
"""NNI's assessors in managed runs: they assess each report at once."""

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
        objective: The first objective.
        **settings: The assessor's settings. Curvefitting requires `epoch_num`: with NNI's default
            of 20 it would extrapolate to an epoch that a trial may never reach.

    Raises:
        BackendError: The name is unknown, or settings are missing or invalid.
    """
    if name not in ASSESSORS:
        close = get_close_matches(name.capitalize(), ASSESSORS, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise BackendError(
            f"unknown assessor {name!r}: {hint}choose one of {', '.join(ASSESSORS)}, or give "
            "assessor= an NNI assessor object"
        )
    if name == "Medianstop":
        settings = {"optimize_mode": f"{objective.direction}imize", **settings}
    if name == "Curvefitting" and "epoch_num" not in settings:
        raise BackendError(
            "the assessor Curvefitting requires the number of epochs of a trial: give it as an "
            "object, as assessor=CurvefittingAssessor(epoch_num=20)"
        )
    try:
        return ASSESSORS[name](**settings)
    except TypeError as error:
        raise BackendError(
            f"invalid settings of the assessor {name} ({error}): give those of NNI's {name}Assessor"
        ) from error


def check_assessor(assessor: Assessor, objective: Objective) -> None:
    """Check that an assessor has the direction of the objective.

    Raises:
        BackendError: It would stop the best trials.
    """
    wants_max = objective.direction == "max"
    if isinstance(assessor, CurvefittingAssessor) and not wants_max:
        raise BackendError(
            f"NNI's Curvefitting stops low values, and {objective.metric!r} is minimised: use "
            "assessor='Medianstop', or report an accuracy as the first objective"
        )
    if (
        isinstance(assessor, MedianstopAssessor)
        and getattr(assessor, "_high_better", wants_max) is not wants_max
    ):
        raise BackendError(
            f"the Medianstop assessor stops {'high' if wants_max else 'low'} values, and "
            f"{objective.metric!r} is {objective.direction}imised: give "
            f"MedianstopAssessor(optimize_mode='{objective.direction}imize'), or 'Medianstop'"
        )


@final
class Assessment:
    """An NNI assessor that assesses trials in the order of their reports.

    Args:
        assessor: The assessor.
        objectives: The experiment's objectives; the first one is assessed.
        before: The trials so far, which the assessor receives first.

    Raises:
        BackendError: The assessor has the opposite direction.
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
                    self.report(trial.number, step)
                self.end(trial)

    def report(self, number: int, step: Step) -> bool:
        """Pass on a report; return whether the trial should stop."""
        if self._metric not in step.metrics:
            return False
        values = self._values.setdefault(number, [])
        values.append(step.metrics[self._metric])
        verdict = self._assessor.assess_trial(str(number), list(values))
        return verdict is AssessResult.Bad or verdict is False

    def end(self, trial: Trial) -> None:
        """Pass on the end of a trial."""
        if self._values.pop(trial.number, None):
            self._assessor.trial_end(str(trial.number), trial.state == "complete")
