# pyright: basic
"""Model-building functions and hypermodels: what they declare, build and return."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from nasbridge import BackendError, GridSearch, RegularizedEvolution
from nasbridge.adapters.keras_tuner import NASOracle, NASTuner, load
from nasbridge.engine import ExperimentError, TooManyFailures
from nasbridge.spaces.keras import flops

pytestmark = [
    pytest.mark.usefixtures("eager"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config"),
    pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer"),
]

RNG = numpy.random.default_rng(0)
X, Y = RNG.random((32, 6), "float32"), RNG.integers(3, size=32)
EVOLUTION = RegularizedEvolution(population=3, sample=2)


def dense(units: int, activation: str = "relu") -> keras.Model:
    hidden = keras.layers.Dense(units, activation)
    model = keras.Sequential([keras.Input((6,)), hidden, keras.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def searched(tuner: keras_tuner.Tuner, epochs: int = 1, **settings: Any) -> Any:
    tuner.search(X, Y, validation_data=(X, Y), epochs=epochs, verbose=0, **settings)
    return tuner


def sized(hp: Any) -> keras.Model:
    return dense(hp.Int("units", 2, 40))


@pytest.mark.parametrize("make", [NASTuner, keras_tuner.Tuner])
def test_an_unknown_objective_ends_the_search_with_an_error(make: Any, tmp_path: Path) -> None:
    wrong, epochs = {"val_acuracy": "max"}, list[int]()
    record = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, _: epochs.append(epoch))
    if make is NASTuner:
        tuner = NASTuner(sized, wrong, 2, strategy=EVOLUTION, directory=tmp_path)
        raises = pytest.raises(ExperimentError, match=r"no epoch reports \['val_acuracy'\], only")
    else:  # Keras Tuner checks objectives after a training
        oracle = NASOracle(wrong, 2, strategy=EVOLUTION)
        tuner = make(oracle=oracle, hypermodel=sized, directory=tmp_path)
        raises = pytest.raises(TooManyFailures, match=r"last 2 trials failed.*val_acuracy")
    with raises:
        searched(tuner, epochs=3, callbacks=[record])
    assert epochs == ([0] if make is NASTuner else [0, 1, 2, 0, 1, 2])


def test_epochs_without_validation_are_left_out_of_the_curve(tmp_path: Path) -> None:
    tuner = NASTuner(sized, "val_loss", 2, strategy=EVOLUTION, directory=tmp_path)
    searched(tuner, epochs=4, validation_freq=2)
    assert [trial.state for trial in tuner.history] == ["complete"] * 2
    assert [[step.step for step in trial.curve] for trial in tuner.history] == [[1, 3]] * 2


def test_flops_of_a_function_s_models_may_be_an_objective(tmp_path: Path) -> None:
    goal = {"val_loss": "min", "flops": "min"}
    tuner = searched(NASTuner(sized, goal, 2, strategy=GridSearch(), directory=tmp_path))
    for trial in tuner.history:
        assert trial.values["flops"] == flops(dense(int(trial.architecture["units"])))
    assert tuner.pareto()[0].architecture["units"] == 2


@pytest.mark.parametrize("make", [NASTuner, keras_tuner.GridSearch])
def test_a_tuner_s_arguments_replace_those_of_compile(make: Any, tmp_path: Path) -> None:
    metric = keras.metrics.SparseCategoricalCrossentropy(name="entropy")
    settings: dict[str, Any] = {"objective": "val_loss", "max_trials": 1, "directory": tmp_path}
    if make is NASTuner:
        settings["strategy"] = GridSearch()
    optimizer = keras.optimizers.Adam(0.125)
    tuner = make(sized, optimizer=optimizer, loss="mse", metrics=[metric], **settings)
    model = tuner.hypermodel.build(keras_tuner.HyperParameters())
    tuner._override_compile_args(model)
    assert type(model.optimizer) is keras.optimizers.Adam
    assert float(model.optimizer.learning_rate) == 0.125
    assert model.loss == "mse"
    assert model._compile_metrics._user_metrics == [metric]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"input_shape": (6,)}, r"input_shape=\(6,\): this is for the networks of a space"),
        ({"part": "encoder"}, r"part='encoder': this is for the networks of a space"),
        ({"optimizer": lambda architecture: "adam"}, "an optimizer that is a function of the arch"),
    ],
)
def test_arguments_for_a_space_are_rejected_without_one(
    given: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(BackendError, match=message):
        NASTuner(sized, "val_loss", 1, strategy=GridSearch(), directory=tmp_path, **given)


def test_oracle_settings_of_every_tuner_are_accepted(tmp_path: Path) -> None:
    def build(hp: Any) -> keras.Model:
        return dense(hp.Int("units", 2, 9), hp.Choice("activation", ["relu", "tanh"]))

    hp = keras_tuner.HyperParameters()
    hp.Int("units", 4, 5)
    tuner = NASTuner(
        build,
        "val_loss",
        9,
        strategy=GridSearch(),
        hyperparameters=hp,
        tune_new_entries=False,
        max_retries_per_trial=2,
        directory=tmp_path,
    )
    assert tuner.oracle.max_retries_per_trial == 2
    history = searched(tuner).history
    assert [dict(trial.architecture) for trial in history] == [{"units": 4}, {"units": 5}]
    refusing = NASTuner(
        build,
        "val_loss",
        1,
        strategy=GridSearch(),
        hyperparameters=hp,
        allow_new_entries=False,
        directory=tmp_path / "b",
    )
    with pytest.raises(RuntimeError, match="found new entries"):
        searched(refusing)


class Declaring(keras_tuner.HyperModel):  # type: ignore[misc]
    """A hypermodel that declares its hyperparameters without building a model."""

    built = 0

    def declare_hyperparameters(self, hp: Any) -> None:
        hp.Int("units", 4, 8)

    def build(self, hp: Any) -> keras.Model:
        self.built += 1
        return dense(hp.get("units"))


@pytest.mark.parametrize("known", [False, True])
def test_declared_hyperparameters_are_known_before_the_search(
    known: bool, tmp_path: Path, capsys: Any
) -> None:
    hp = keras_tuner.HyperParameters()
    hp.Boolean("other")
    model = Declaring()
    settings: dict[str, Any] = {"hyperparameters": hp} if known else {}
    tuner = NASTuner(model, "val_loss", 2, strategy=GridSearch(), directory=tmp_path, **settings)
    assert model.built == 0
    tuner.search_space_summary()
    assert "units (Int)" in capsys.readouterr().out
    history = searched(tuner).history
    assert [trial.architecture["units"] for trial in history] == [4, 5]
    assert model.built == 2


def test_summaries_need_no_hyperparameters(tmp_path: Path, capsys: Any) -> None:
    def build(hp: Any) -> keras.Model:
        raise OSError("no weights here")

    tuner = NASTuner(build, "val_loss", 2, strategy=GridSearch(), directory=tmp_path)
    tuner.search_space_summary()
    tuner.results_summary()
    assert "The first trial declares" in capsys.readouterr().out
    with pytest.raises(TooManyFailures, match="no weights here"):
        searched(tuner)
    tuner.results_summary()
    assert "Trial 1 failed: OSError: no weights here" in capsys.readouterr().out


def two_scopes(hp: Any) -> keras.Model:
    """One name in two scopes, and a hyperparameter that depends on it."""
    kind = hp.Choice("kind", ["narrow", "wide"])
    units = 0
    for one in ("narrow", "wide"):
        with hp.conditional_scope("kind", [one]):
            declared = hp.Int("units", 2, 40)
            with hp.conditional_scope("units", list(range(2, 21))):
                hp.Boolean("few")
            if kind == one:
                units = declared
    return dense(units)


@pytest.mark.parametrize("make", [NASTuner, keras_tuner.Tuner])
def test_one_name_in_two_scopes_has_the_proposed_value(make: Any, tmp_path: Path) -> None:
    if make is NASTuner:
        tuner = NASTuner(two_scopes, "val_loss", 5, strategy=EVOLUTION, seed=3, directory=tmp_path)
    else:
        oracle = NASOracle("val_loss", 5, strategy=EVOLUTION, seed=3)
        tuner = make(oracle=oracle, hypermodel=two_scopes, directory=tmp_path)
    trained: list[Any] = []
    model: Any = tuner.hypermodel
    build = model.build

    def recorded(hp: Any) -> keras.Model:
        trained.append(build(hp))
        return trained[-1]

    model.build = recorded
    history = load(searched(tuner))
    assert [trial.state for trial in history] == ["complete"] * 5
    assert {trial.architecture["kind"] for trial in history} == {"narrow", "wide"}
    for trial, network in zip(history, trained[-5:], strict=True):
        assert trial.architecture["units"] == network.layers[0].units
        assert ("few" in trial.architecture) == (trial.architecture["units"] <= 20)
    assert load(tuner.project_dir, objectives={"val_loss": "min"}).trials == history.trials


@pytest.mark.parametrize(
    ("is_declared", "overwrite", "models"), [(True, False, 0), (False, False, 1), (True, True, 1)]
)
def test_a_plain_tuner_builds_at_most_one_model_in_its_constructor(
    is_declared: bool, overwrite: bool, models: int, tmp_path: Path
) -> None:
    """If the last row fails, Keras Tuner has changed, and its documentation page must follow."""
    built: list[str] = []

    def build(hp: Any) -> keras.Model:
        built.append(hp.Choice("kind", ["a", "b"]))
        for one in ("a", "b"):
            with hp.conditional_scope("kind", [one]):
                hp.Int(f"units_{one}", 2, 9)
        return dense(4)

    hp = keras_tuner.HyperParameters()
    build(hp)
    known = hp if is_declared else None
    oracle = NASOracle("val_loss", 2, strategy=EVOLUTION, hyperparameters=known)
    tuner = keras_tuner.Tuner(
        oracle=oracle, hypermodel=build, directory=tmp_path, overwrite=overwrite
    )
    assert len(built) == 1 + models
    assert len(load(searched(tuner))) == 2
    assert len(built) == 1 + models + 2


@pytest.mark.parametrize("ours", [True, False])
def test_a_search_with_the_scikit_learn_tuner_is_read(ours: bool, tmp_path: Path) -> None:
    goal = keras_tuner.Objective("score", "max")
    oracle: Any = (
        NASOracle(goal, 5, strategy=EVOLUTION)
        if ours
        else keras_tuner.oracles.RandomSearchOracle(goal, 5, seed=1)
    )

    def build(hp: Any) -> Ridge:
        return Ridge(hp.Float("alpha", 1e-3, 10, sampling="log"), fit_intercept=hp.Boolean("bias"))

    tuner = keras_tuner.SklearnTuner(
        oracle=oracle, hypermodel=build, metrics=[r2_score], directory=tmp_path, project_name="it"
    )
    tuner.search(X, Y)
    history = load(tuner)
    assert [dict(t.architecture) for t in history] == [
        row.hyperparameters.values for row in tuner.oracle.trials.values()
    ]
    assert [t.values["score"] for t in history] == [
        row.score for row in tuner.oracle.trials.values()
    ]
    for place in (tmp_path, tuner.project_dir):
        assert load(place, objectives={"score": "max"}).trials == history.trials


class Measuring(keras_tuner.HyperModel):  # type: ignore[misc]
    """A hypermodel whose `fit` returns a dict, which lacks an objective for two units."""

    def build(self, hp: Any) -> keras.Model:
        return dense(hp.Int("units", 2, 9))

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        history = model.fit(*args, **kwargs).history
        found = {"val_loss": min(history["val_loss"]), "latency": 1.0 / hp.get("units")}
        return found if hp.get("units") != 2 else {"val_loss": 1.0}


class Quick(Measuring):
    """Returns an objective that no epoch reports."""

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        model.fit(*args, **kwargs)
        return {"latency": 1.0 / hp.get("units")}


@pytest.mark.parametrize(("executions", "trials"), [(1, 4), (2, 2)])
def test_a_fit_returns_the_values_of_several_objectives(
    executions: int, trials: int, tmp_path: Path
) -> None:
    objective = {"val_loss": "min", "latency": "min"}
    tuner = NASTuner(
        Measuring(),
        objective,
        trials,
        strategy=GridSearch(),
        directory=tmp_path,
        executions_per_trial=executions,
    )
    history = searched(tuner).history
    assert isinstance(tuner.hypermodel, Measuring)
    assert [trial.state for trial in history] == ["failed"] + ["complete"] * (trials - 1)
    assert "the objectives ['latency'] are not among" in history[0].notes["error"]
    for trial in history.of_state("complete"):
        assert trial.values["latency"] == pytest.approx(1.0 / trial.architecture["units"])
        score = tuner.oracle.get_trial(str(trial.number)).score
        assert score == pytest.approx(trial.values["latency"] + trial.values["val_loss"])
    assert 0 < len(tuner.pareto()) < trials
    assert load(tuner.project_dir).trials == history.trials


def test_a_fit_may_return_an_objective_that_no_epoch_reports(tmp_path: Path) -> None:
    tuner = NASTuner(Measuring(), {"latency": "min"}, 4, strategy=GridSearch(), directory=tmp_path)
    with pytest.raises(keras_tuner.errors.FatalValueError, match="specified objective, latency"):
        searched(tuner)  # Keras Tuner's own error for a single objective
    tuner = NASTuner(
        Measuring(), {"latency": "min"}, 4, strategy=GridSearch(), directory=tmp_path / "b"
    )
    tuner.hypermodel = Quick()
    found = [trial.values["latency"] for trial in searched(tuner).history]
    assert found == pytest.approx([1 / 2, 1 / 3, 1 / 4, 1 / 5])


BOARD_PARTS = ("train", "validation")
BOARD = """
import sys
sys.modules["tensorflow"] = None
import keras, keras_tuner, numpy
from nasbridge import Chain, Integer, RandomSearch, layer
from nasbridge.adapters.keras_tuner import NASTuner
x, y = numpy.eye(3, dtype="float32"), numpy.arange(3)
space = Chain(layer("Dense", units=Integer(4, 9)), layer("Softmax"))
def search(name):
    place = {place!r} + "/" + name
    tuner = NASTuner(space, "val_loss", 2, strategy=RandomSearch(), directory=place)
    board = keras.callbacks.TensorBoard(place + "/board")
    try:
        tuner.search(x, y, validation_data=(x, y), epochs=1, verbose=0, callbacks=[board])
    except keras_tuner.errors.FatalError as error:
        print(error)
    print(name, [trial.state for trial in tuner.history])
search("without")
del sys.modules["tensorflow"]
search("with")
"""


@pytest.mark.frameworks
def test_tensorboard_under_another_keras_backend_requires_tensorflow(tmp_path: Path) -> None:
    code = BOARD.format(place=str(tmp_path))
    environment = {**os.environ, "KERAS_BACKEND": "jax"}  # loads faster than PyTorch
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert "TensorBoard writes with TensorFlow" in done.stdout, done.stderr
    assert not list((tmp_path / "without" / "board").glob("*/*/*"))
    assert "with ['complete', 'complete']" in done.stdout, done.stderr
    board = tmp_path / "with" / "board"
    written = {str(file.relative_to(board)) for file in board.glob("*/*/*")}
    assert written == {f"{trial}/execution0/{part}" for trial in "01" for part in BOARD_PARTS}
    assert all(list((board / part).glob("*tfevents*")) for part in written)
