# pyright: basic
# NNI ships no types that can be relied on.
"""NNI's assessors stop the bad trials, whichever way the metric goes."""

import re
from typing import Any

import pytest
from nni.algorithms.hpo.curvefitting_assessor import CurvefittingAssessor
from nni.algorithms.hpo.medianstop_assessor import MedianstopAssessor

from nasbridge import BackendError
from nasbridge.adapters.nni.reporting import Assessment, assessor_named
from nasbridge.spaces import Integer, Space
from nasbridge.strategies import Objective, Step, Trial

MAX, MIN = Objective("score", "max"), Objective("loss", "min")
ARCHITECTURE = next(iter(Space({"x": Integer(1, 2)}).enumerate()))


@pytest.mark.parametrize(
    ("assessor", "objective", "said"),
    [
        (CurvefittingAssessor(epoch_num=20), MIN, "stops what is low, and 'loss' is minimised"),
        (MedianstopAssessor(), MIN, "low.*'loss' is minimised.*optimize_mode='minimize'"),
        (MedianstopAssessor("minimize"), MAX, "high.*'score'.*optimize_mode='maximize'"),
    ],
)
def test_an_assessor_that_would_stop_the_best_is_refused(
    assessor: Any, objective: Objective, said: str
) -> None:
    with pytest.raises(BackendError, match=said):
        Assessment(assessor, [objective], [])


@pytest.mark.parametrize("objective", [MAX, MIN])
def test_medianstop_by_name_stops_what_is_worse(objective: Objective) -> None:
    curve = (Step(0, {objective.metric: 1.0}),)
    before = [Trial(k, ARCHITECTURE, "complete", {objective.metric: 1.0}, curve) for k in range(3)]
    assessment = Assessment(assessor_named("Medianstop", objective), [objective], before)
    better, worse = 1.0 + objective.sign, 1.0 - objective.sign
    assert not assessment.reported(3, Step(0, {objective.metric: better}))
    assert assessment.reported(4, Step(0, {objective.metric: worse}))


def test_curvefitting_by_name_needs_the_number_of_epochs() -> None:
    """NNI itself takes 20, however many a trial has."""
    said = re.escape("assessor=CurvefittingAssessor(epoch_num=20)")
    with pytest.raises(BackendError, match=f"how many epochs.*{said}"):
        assessor_named("Curvefitting", MAX)
    made: Any = assessor_named("Curvefitting", MAX, epoch_num=5)
    assert made.target_pos == 5
    with pytest.raises(BackendError, match=r"cannot be made.*epochs.*MedianstopAssessor"):
        assessor_named("Medianstop", MAX, epochs=5)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Medianstopp", "'Medianstopp' by name: did you mean 'Medianstop'"),
        ("curve-fitting", "did you mean 'Curvefitting'"),
        ("Nobody", "'Nobody' by name: take one of Curvefitting, Medianstop"),
    ],
)
def test_an_unknown_assessor_is_said(name: str, said: str) -> None:
    with pytest.raises(BackendError, match=said):
        assessor_named(name, MAX)
