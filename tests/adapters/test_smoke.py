# pyright: basic
"""One managed run and one native integration per backend: the adapters' part of `make quick`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nasbridge import Choice, Experiment, RandomSearch, Search, Space
from nasbridge.adapters import backend_names
from nasbridge.strategies import Trial
from nasbridge.testing import BackendHarness, comparable, evaluate_curve, reference, score

SPACE = Space({"units": Choice([16, 32, 64, 128]), "kernel": Choice([1, 3, 5])})
STRATEGY = RandomSearch()
TRIALS = 4

EXPERIMENT = Experiment(
    SPACE, evaluate_curve, {"score": "max"}, strategy=STRATEGY, trials=TRIALS, seed=3
)
EXPECTED = [dict(trial.architecture.choices) for trial in reference(EXPERIMENT)]

# Ray starts once for all tests of its group, and so does NNI's web server.
BACKENDS = [
    pytest.param(name, marks=pytest.mark.xdist_group(name)) if name in ("nni", "ray_tune") else name
    for name in backend_names()
]


def choices(trials: Any) -> list[dict[str, Any]]:
    return [dict(trial.architecture.choices) for trial in trials]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_managed_run(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if backend == "ray_tune":
        request.getfixturevalue("local_ray")
    harness = BackendHarness(backend)
    history = harness.run(EXPERIMENT, tmp_path / "run")
    assert comparable(history) == comparable(reference(EXPERIMENT))
    assert comparable(harness.load(tmp_path / "run")) == comparable(history)


def local(directory: Path) -> list[dict[str, Any]]:
    search, found = Search(STRATEGY, SPACE, {"score": "max"}, 3), list[Trial]()
    for number in range(TRIALS):
        architecture = search.ask(number)
        found.append(Trial(number, architecture, "complete", score(architecture)))
        search.tell(found[-1])
    return choices(found)


def optuna(directory: Path) -> list[dict[str, Any]]:
    from optuna import create_study

    from nasbridge.adapters.optuna import NASSampler, suggest

    study = create_study(direction="maximize", sampler=NASSampler(SPACE, STRATEGY, seed=3))
    study.optimize(lambda trial: score(suggest(trial, SPACE))["score"], n_trials=TRIALS)
    return [trial.params for trial in study.trials]


def keras_tuner(directory: Path) -> list[dict[str, Any]]:
    from nasbridge.adapters.keras_tuner import NASTuner

    class Scored(NASTuner):
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
            model: Any = self.hypermodel
            return score(model.architecture(trial.hyperparameters))

    tuner = Scored(
        SPACE,
        strategy=STRATEGY,
        objective={"score": "max"},
        max_trials=TRIALS,
        seed=3,
        input_shape=(4,),
        directory=directory,
    )
    tuner.search(verbose=0)
    return choices(tuner.history)


def nni(directory: Path) -> list[dict[str, Any]]:
    from nasbridge.adapters.nni import NASTuner

    tuner = NASTuner(strategy="RandomSearch", optimize_mode="maximize", seed=3)
    options = {"units": ["16", "32", "64", "128"], "kernel": ["1", "3", "5"]}
    tuner.update_search_space(
        {name: {"_type": "choice", "_value": labels} for name, labels in options.items()}
    )
    found: list[dict[str, Any]] = []
    for number in range(TRIALS):
        found.append(tuner.generate_parameters(number))
        tuner.receive_trial_result(number, found[-1], 1.0)
    return found


def ray_tune(directory: Path) -> list[dict[str, Any]]:
    from ray import tune

    from nasbridge.adapters.ray_tune import NASSearcher, architecture_from

    def train(config: dict[str, Any]) -> None:
        tune.report(score(architecture_from(config, SPACE)))

    searcher = NASSearcher(SPACE, strategy=STRATEGY, metric="score", mode="max", seed=3)
    tuner = tune.Tuner(
        train,
        tune_config=tune.TuneConfig(
            search_alg=searcher, num_samples=TRIALS, max_concurrent_trials=1, reuse_actors=True
        ),
        run_config=tune.RunConfig(storage_path=str(directory), verbose=0),
    )
    tuner.fit()
    return choices(searcher.history)


def autogluon(directory: Path) -> list[dict[str, Any]]:
    import pandas
    from autogluon.tabular import TabularPredictor

    from nasbridge.adapters.autogluon import ArchitectureSpace, NASSearcher

    searcher = NASSearcher(SPACE, strategy=STRATEGY, seed=3)
    tuning = {"scheduler": "local", "searcher": searcher, "num_trials": TRIALS}
    model = {
        "architecture": ArchitectureSpace(SPACE),
        "ag_args": {"hyperparameter_tune_kwargs": tuning},
    }
    table = pandas.DataFrame({"x": range(40), "y": [0.1 * k for k in range(40)]})
    TabularPredictor("y", "regression", path=str(directory), verbosity=0).fit(
        table, hyperparameters={"DUMMY": model}, fit_weighted_ensemble=False, dynamic_stacking=False
    )
    return choices(searcher.history)


NATIVE: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
    "autogluon": autogluon,
    "keras_tuner": keras_tuner,
    "local": local,
    "nni": nni,
    "optuna": optuna,
    "ray_tune": ray_tune,
}


@pytest.mark.parametrize("backend", [b for b in BACKENDS if b != "autokeras"])
def test_a_native_integration(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if backend == "ray_tune":
        request.getfixturevalue("local_ray")
    assert NATIVE[backend](tmp_path) == EXPECTED


@pytest.mark.filterwarnings("ignore:Even though the `tf.config")
def test_a_native_integration_of_autokeras(tmp_path: Path, eager: None) -> None:
    """AutoKeras trains what it builds, so its space is one of layers."""
    import autokeras
    import numpy

    from nasbridge import Chain, layer
    from nasbridge.adapters.autokeras import NASBlock, NASTuner

    space = Chain(layer("Dense", units=Choice([2, 4, 8], name="units")))
    source = autokeras.Input()
    model = autokeras.AutoModel(
        source,
        autokeras.RegressionHead()(NASBlock(space)(source)),
        tuner=NASTuner,
        strategy=STRATEGY,
        objective="val_loss",
        max_trials=2,
        seed=3,
        directory=tmp_path,
    )
    x = numpy.zeros((8, 3), "float32")
    model.fit(x, x[:, :1], epochs=1, verbose=0)
    history = model.tuner.history
    assert [trial.state for trial in history] == ["complete"] * 2
    search = Search(STRATEGY, space, history.objectives, 3)
    assert choices(history) == [dict(search.ask(number).choices) for number in range(2)]
