# pyright: basic
# NNI ships no types that can be relied on.
"""NNI's assessors in managed runs: they stop bad trials, in the direction of the metric."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nni.algorithms.hpo.curvefitting_assessor import CurvefittingAssessor
from nni.algorithms.hpo.medianstop_assessor import MedianstopAssessor

from nasbridge import BackendError, Experiment, RandomSearch
from nasbridge.adapters.nni.reporting import Assessment, assessor_named
from nasbridge.engine import ActiveTrial
from nasbridge.engine.driver import Silent
from nasbridge.spaces import Architecture, Integer, Space
from nasbridge.strategies import History, Objective, Step, Trial
from nasbridge.testing import comparable

MAX, MIN = Objective("score", "max"), Objective("loss", "min")
ARCHITECTURE = next(iter(Space({"x": Integer(1, 2)}).enumerate()))


@pytest.mark.parametrize(
    ("assessor", "objective", "message"),
    [
        (CurvefittingAssessor(epoch_num=20), MIN, "stops low values, and 'loss' is minimised"),
        (MedianstopAssessor(), MIN, "low.*'loss' is minimised.*optimize_mode='minimize'"),
        (MedianstopAssessor("minimize"), MAX, "high.*'score'.*optimize_mode='maximize'"),
    ],
)
def test_an_assessor_of_the_wrong_direction_is_refused(
    assessor: Any, objective: Objective, message: str
) -> None:
    with pytest.raises(BackendError, match=message):
        Assessment(assessor, [objective], [])


@pytest.mark.parametrize("objective", [MAX, MIN])
def test_medianstop_by_name_stops_worse_trials(objective: Objective) -> None:
    curve = (Step(0, {objective.metric: 1.0}),)
    before = [Trial(k, ARCHITECTURE, "complete", {objective.metric: 1.0}, curve) for k in range(3)]
    assessment = Assessment(assessor_named("Medianstop", objective), [objective], before)
    better, worse = 1.0 + objective.sign, 1.0 - objective.sign
    assert not assessment.report(3, Step(0, {objective.metric: better}))
    assert assessment.report(4, Step(0, {objective.metric: worse}))


def test_curvefitting_by_name_requires_the_number_of_epochs() -> None:
    """NNI's default is 20, whatever the length of a trial."""
    fix = re.escape("assessor=CurvefittingAssessor(epoch_num=20)")
    with pytest.raises(BackendError, match=f"number of epochs.*{fix}"):
        assessor_named("Curvefitting", MAX)
    made: Any = assessor_named("Curvefitting", MAX, epoch_num=5)
    assert made.target_pos == 5
    with pytest.raises(BackendError, match=r"invalid settings.*epochs.*MedianstopAssessor"):
        assessor_named("Medianstop", MAX, epochs=5)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Medianstopp", "'Medianstopp': did you mean 'Medianstop'"),
        ("curve-fitting", "did you mean 'Curvefitting'"),
        ("Nobody", "'Nobody': choose one of Curvefitting, Medianstop"),
    ],
)
def test_an_unknown_assessor_is_refused(name: str, message: str) -> None:
    with pytest.raises(BackendError, match=message):
        assessor_named(name, MAX)


def evaluate_slope(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    for step in range(6):
        trial.report(step, score=architecture["slope"] * (step + 1.0))
    return {"score": architecture["slope"] * 6.0}


def evaluate_saturating(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Return a saturating learning curve, high for the first trial and low for others."""
    level = 0.9 if trial.number == 0 else 0.3
    for step in range(1, 9):
        accuracy = level * (1 - 0.5**step)
        trial.report(step, score=accuracy)
    return {"score": accuracy}


STEEP = Experiment(
    Space({"slope": Integer(1, 40)}),
    evaluate_slope,
    {"score": "max"},
    strategy=RandomSearch(),
    trials=12,
    seed=1,
)


def run(experiment: Experiment, directory: Path, assessor: Any) -> History:
    return experiment.run("nni", directory, 0, Silent(), assessor=assessor)


def test_a_resumed_assessor_continues_as_if_uninterrupted(fake: Any, tmp_path: Path) -> None:
    whole = run(STEEP, tmp_path / "whole", "Medianstop")
    pruned = whole.of_state("pruned")
    assert len(pruned) >= 2
    assert len(whole.of_state("complete")) >= 2
    assert all(trial.values == trial.curve[-1].metrics for trial in pruned)
    stopped = {number for number, status in fake.latest.ended.items() if status == "EARLY_STOPPED"}
    assert stopped == {trial.number for trial in pruned}
    run(replace(STEEP, trials=7), tmp_path / "halves", MedianstopAssessor("maximize"))
    resumed = run(STEEP, tmp_path / "halves", MedianstopAssessor("maximize"))
    assert comparable(resumed) == comparable(whole)


@pytest.mark.usefixtures("fake")
def test_curvefitting_stops_a_low_curve(tmp_path: Path) -> None:
    searched = replace(STEEP, evaluate=evaluate_saturating, trials=2)
    good, bad = run(searched, tmp_path, CurvefittingAssessor(epoch_num=8, start_step=6))
    assert (good.state, len(good.curve)) == ("complete", 8)
    assert (bad.state, len(bad.curve)) == ("pruned", 6)


@pytest.mark.frameworks
@pytest.mark.xdist_group("nni")
def test_nni_shows_an_assessed_trial_as_stopped_early(
    tmp_path: Path, jobs_in: Callable[[Path], dict[int, Any]]
) -> None:
    history = run(replace(STEEP, trials=6), tmp_path, "Medianstop")
    pruned = {trial.number for trial in history.of_state("pruned")}
    stored = jobs_in(tmp_path)
    assert pruned
    assert {n for n, job in stored.items() if job.status == "EARLY_STOPPED"} == pruned
    for trial in history:
        assert [step.metrics["score"] for step in trial.curve] == [
            value["default"] for _, value in sorted(stored[trial.number].reported.items())
        ]
