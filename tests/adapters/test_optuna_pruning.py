"""Pruning by their door: Optuna's own pruners, with one objective and with several."""

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, SuccessiveHalvingPruner
from optuna.trial import TrialState

from nasbridge import BackendError, Experiment
from nasbridge.adapters import _conformance as material
from nasbridge.adapters._conformance import facts, score, strategy
from nasbridge.adapters._drive import Silent
from nasbridge.adapters.optuna import NASSampler, Reporter, load, suggest

EVOLUTION = strategy("RegularizedEvolution")
SPACE = material.chain()


def sampler() -> NASSampler:
    return NASSampler(SPACE, EVOLUTION, seed=3)


def study_of(**settings: Any) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if "directions" not in settings:
        settings["direction"] = "maximize"
    return optuna.create_study(study_name="theirs", sampler=sampler(), **settings)


def reporting(trial: optuna.Trial) -> float:
    final = score(suggest(trial, SPACE))["score"]
    for step in range(1, 10):
        trial.report(final * step / 9, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return final


@pytest.mark.parametrize(
    "pruner",
    [
        MedianPruner(n_startup_trials=3, n_warmup_steps=0),
        SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
        HyperbandPruner(min_resource=1, max_resource=9, reduction_factor=3),
    ],
    ids=lambda pruner: type(pruner).__name__,
)
def test_native_pruners_prune_and_the_strategy_is_told(pruner: BasePruner) -> None:
    study = study_of(pruner=pruner)
    study.optimize(reporting, n_trials=40)
    rows = study.get_trials(deepcopy=False)
    pruned = [row for row in rows if row.state == TrialState.PRUNED]
    assert 5 < len(pruned) < 35
    told = sampler()
    told.sync(study)
    assert sorted(told.trials) == list(range(40))
    for row in pruned:
        trial = told.trials[row.number]
        assert trial.state == "pruned"
        assert trial.values == {"value": row.intermediate_values[max(row.intermediate_values)]}
    assert len({SPACE.architecture(row.params).canonical for row in rows}) == 40


def both(trial: optuna.Trial) -> tuple[float, float]:
    metrics = score(suggest(trial, SPACE))
    with Reporter(trial) as reporter:
        for step in range(1, 4):
            reporter.report(step, score=metrics["score"] * step / 3, size=metrics["size"])
            if reporter.should_prune():
                raise optuna.TrialPruned
    return metrics["score"], metrics["size"]


@pytest.mark.parametrize("stored", [False, True], ids=["memory", "sqlite"])
def test_several_objectives_are_pruned_by_standing(stored: bool, tmp_path: Path) -> None:
    """Optuna itself refuses to report in such studies; see `Reporter`."""
    study = study_of(
        storage=f"sqlite:///{tmp_path}/study.db" if stored else None,
        directions=["maximize", "minimize"],
        pruner=MedianPruner(n_startup_trials=3, n_warmup_steps=0),
    )
    study.set_metric_names(["score", "size"])
    study.optimize(both, n_trials=30)
    rows = study.get_trials(deepcopy=False)
    assert 3 < sum(row.state == TrialState.PRUNED for row in rows) < 27
    companion = optuna.load_study(
        study_name="theirs (pruning)",
        storage=study._storage,  # pyright: ignore[reportPrivateUsage]
    )
    assert len(companion.trials) == 30
    assert {row.state for row in companion.trials} == {TrialState.COMPLETE, TrialState.PRUNED}
    history = load(study, SPACE)
    for trial in history.of_state("pruned"):
        assert trial.values == trial.curve[-1].metrics
        assert set(trial.values) == {"score", "size"}
    assert history.pareto
    with pytest.raises(NotImplementedError):
        study.ask().report(1.0, 1)


def test_a_reporter_refuses_steps_that_do_not_grow() -> None:
    reporter = Reporter(study_of().ask())
    reporter.report(3, value=1.0)
    with pytest.raises(BackendError, match=r"step 3 was reported after step 3: steps must grow"):
        reporter.report(3, value=1.0)


def test_facts_of_both_doors_agree_under_a_native_pruner() -> None:
    def reported(trial: optuna.Trial) -> float:
        metrics = score(suggest(trial, SPACE))
        for step in (1, 2, 3):
            trial.report(metrics["score"] * step / 3, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return metrics["score"]

    pruner = MedianPruner(n_startup_trials=3, n_warmup_steps=0)
    study = study_of(pruner=pruner)
    study.set_metric_names(["score"])
    study.optimize(reported, n_trials=40)
    experiment = Experiment(
        SPACE, material.evaluate_curve, {"score": "max"}, EVOLUTION, trials=40, seed=3
    )
    ours = experiment.run("optuna", observer=Silent(), pruner=pruner)
    theirs = facts(load(study, SPACE))
    assert [fact[:3] for fact in theirs] == [fact[:3] for fact in facts(ours)]
    assert [f[3]["score"] for f in theirs] == [f[3]["score"] for f in facts(ours)]
