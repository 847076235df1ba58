"""Reports and Optuna's pruners in the native integration, with one objective and several."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    SuccessiveHalvingPruner,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from nasbridge import BackendError, Experiment
from nasbridge import MedianPruner as OurMedianPruner
from nasbridge import testing as material
from nasbridge.adapters.optuna import NASSampler, Reporter, load, suggest
from nasbridge.engine import Silent
from nasbridge.testing import comparable, score, strategy

EVOLUTION = strategy("RegularizedEvolution")
SPACE = material.chain()


def sampler() -> NASSampler:
    return NASSampler(SPACE, strategy=EVOLUTION, seed=3)


def study_of(**settings: Any) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if "directions" not in settings:
        settings["direction"] = "maximize"
    return optuna.create_study(study_name="mine", sampler=sampler(), **settings)


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
def test_the_search_observes_what_optuna_pruners_prune(pruner: BasePruner) -> None:
    study = study_of(pruner=pruner)
    study.optimize(reporting, n_trials=40)
    rows = study.get_trials(deepcopy=False)
    pruned = [row for row in rows if row.state == TrialState.PRUNED]
    assert 5 < len(pruned) < 35
    log = sampler().follow(study)
    log.read()
    assert sorted(log.trials.finished) == list(range(40))
    for row in pruned:
        trial = log.trials.finished[row.number]
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


@pytest.mark.parametrize(("stored", "trials"), [(False, 30), (True, 8)], ids=["memory", "sqlite"])
def test_several_objectives_are_pruned_by_rank(stored: bool, trials: int, tmp_path: Path) -> None:
    """Optuna itself rejects reports in such studies; see `Reporter`."""
    study = study_of(
        storage=f"sqlite:///{tmp_path}/study.db" if stored else None,
        directions=["maximize", "minimize"],
        pruner=MedianPruner(n_startup_trials=3, n_warmup_steps=0),
    )
    study.set_metric_names(["score", "size"])
    study.optimize(both, n_trials=trials)
    rows = study.get_trials(deepcopy=False)
    assert 0.1 * trials < sum(row.state == TrialState.PRUNED for row in rows) < 0.9 * trials
    companion = optuna.load_study(
        study_name="mine (pruning)",
        storage=study._storage,  # pyright: ignore[reportPrivateUsage]
    )
    assert len(companion.trials) == trials
    assert {row.state for row in companion.trials} == {TrialState.COMPLETE, TrialState.PRUNED}
    history = load(study, SPACE)
    for trial in history.of_state("pruned"):
        assert trial.values == trial.curve[-1].metrics
        assert set(trial.values) == {"score", "size"}
    assert history.pareto
    with pytest.raises(NotImplementedError):
        study.ask().report(1.0, 1)


def test_steps_must_increase() -> None:
    reporter = Reporter(study_of().ask())
    reporter.report(3, value=1.0)
    with pytest.raises(BackendError, match="step 3 was reported after step 3: steps"):
        reporter.report(3, value=1.0)


def test_managed_and_native_trials_agree_under_an_optuna_pruner() -> None:
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
    managed = experiment.run("optuna", observer=Silent(), pruner=pruner)
    native = comparable(load(study, SPACE))
    assert [trial[:3] for trial in native] == [trial[:3] for trial in comparable(managed)]
    scores = [trial[3]["score"] for trial in native]
    assert scores == [trial[3]["score"] for trial in comparable(managed)]


def test_a_reporter_need_not_be_a_context_manager() -> None:
    def bare(trial: optuna.Trial) -> tuple[float, float]:
        metrics, reporter = score(suggest(trial, SPACE)), Reporter(trial)
        for step in range(1, 4):
            reporter.report(step, score=metrics["score"] * step / 3, size=metrics["size"])
            if reporter.should_prune():
                raise optuna.TrialPruned
        return metrics["score"], metrics["size"]

    found: list[list[TrialState]] = []
    for objective in (bare, both):
        study = study_of(
            directions=["maximize", "minimize"],
            pruner=MedianPruner(n_startup_trials=3, n_warmup_steps=0),
        )
        study.set_metric_names(["score", "size"])
        study.optimize(objective, n_trials=20)
        found.append([row.state for row in study.trials])
    assert found[0] == found[1]
    assert TrialState.PRUNED in found[0]


@pytest.mark.parametrize("directions", [["maximize"], ["maximize", "minimize"]])
def test_a_report_without_an_objective_warns(directions: list[str]) -> None:
    trial = study_of(directions=directions, pruner=MedianPruner()).ask()
    name = "'value'" if len(directions) == 1 else "'value_0' or 'value_1'"
    with pytest.warns(UserWarning, match=rf"report 'acc' instead of .*{name}.*set_metric_names"):
        Reporter(trial).report(1, acc=0.5)
    Reporter(study_of(directions=directions, pruner=NopPruner()).ask()).report(1, acc=0.5)


@pytest.mark.parametrize("backend", ["local", "optuna"])
def test_a_managed_run_whose_reports_lack_the_objective_warns(backend: str) -> None:
    def evaluate(architecture: Any, trial: Any) -> dict[str, float]:
        trial.report(1, acc=0.5)
        return score(architecture)

    searched = Experiment(SPACE, evaluate, {"score": "max"}, trials=12, pruner=OurMedianPruner())
    with pytest.warns(UserWarning, match=r"report 'acc' instead of the objective 'score'"):
        searched.run(backend, observer=Silent())
    if backend == "optuna":
        with pytest.warns(UserWarning, match=r"report 'acc' instead of the objective 'score'"):
            replace(searched, pruner=None).run("optuna", observer=Silent(), pruner="median")


def test_stored_bytes_are_linear_in_the_number_of_reports(tmp_path: Path) -> None:
    """A report is stored once, not with every later one again."""
    sizes: list[int] = []
    for steps in (20, 80):
        file = tmp_path / f"{steps}.log"
        storage = JournalStorage(JournalFileBackend(str(file)))
        study = study_of(storage=storage, pruner=NopPruner())
        study.set_metric_names(["score"])
        trial = study.ask()
        architecture, before = suggest(trial, SPACE), file.stat().st_size
        reporter = Reporter(trial)
        for step in range(steps):
            reporter.report(step, score=step / 7, loss=1 / (step + 1), size=3.0)
        sizes.append(file.stat().st_size - before)
        study.tell(trial, 1.0)
        (loaded,) = load(study, SPACE)
        assert loaded.architecture == architecture
        assert loaded.curve[7] == (7, {"score": 1.0, "loss": 1 / 8, "size": 3.0})
        assert [step for step, _ in loaded.curve] == list(range(steps))
    assert sizes[1] < 4.5 * sizes[0]
