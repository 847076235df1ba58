# pyright: basic
"""Keras Tuner: what functions `build_model(hp)` declare and return, as teams write them."""

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


# ---------------------------------------------------------------------- objectives


def sized(hp: Any) -> keras.Model:
    return dense(hp.Int("units", 2, 40))


@pytest.mark.parametrize("make", [NASTuner, keras_tuner.Tuner])
def test_a_misspelt_objective_ends_the_search_with_an_error(make: Any, tmp_path: Path) -> None:
    wrong, epochs = {"val_acuracy": "max"}, list[int]()
    noting = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, _: epochs.append(epoch))
    if make is NASTuner:
        tuner = NASTuner(sized, EVOLUTION, wrong, 2, directory=tmp_path)
        said = pytest.raises(ExperimentError, match=r"no epoch tells of \['val_acuracy'\], only of")
    else:  # Keras Tuner looks for it when a training has ended
        oracle = NASOracle(EVOLUTION, wrong, 2)
        tuner = make(oracle=oracle, hypermodel=sized, directory=tmp_path)
        said = pytest.raises(TooManyFailures, match=r"last 2 trials failed.*val_acuracy")
    with said:
        searched(tuner, epochs=3, callbacks=[noting])
    assert epochs == ([0] if make is NASTuner else [0, 1, 2, 0, 1, 2])


def test_validation_may_be_rarer_than_epochs(tmp_path: Path) -> None:
    tuner = NASTuner(sized, EVOLUTION, "val_loss", 2, directory=tmp_path)
    searched(tuner, epochs=4, validation_freq=2)
    assert [trial.state for trial in tuner.history] == ["complete"] * 2
    assert [[step.step for step in trial.curve] for trial in tuner.history] == [[1, 3]] * 2


def test_the_flops_of_a_function_s_models_are_an_objective(tmp_path: Path) -> None:
    goal = {"val_loss": "min", "flops": "min"}
    tuner = searched(NASTuner(sized, GridSearch(), goal, 2, directory=tmp_path))
    for trial in tuner.history:
        assert trial.values["flops"] == flops(dense(int(trial.architecture["units"])))
    assert tuner.pareto()[0].architecture["units"] == 2


# ---------------------------------------------------------------------- arguments of every tuner


@pytest.mark.parametrize("make", [NASTuner, keras_tuner.GridSearch])
def test_models_are_compiled_as_a_tuner_says(make: Any, tmp_path: Path) -> None:
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
def test_what_is_for_a_space_is_refused_without(given: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=message):
        NASTuner(sized, GridSearch(), "val_loss", 1, directory=tmp_path, **given)


def test_settings_of_every_tuner_reach_the_oracle(tmp_path: Path) -> None:
    def build(hp: Any) -> keras.Model:
        return dense(hp.Int("units", 2, 9), hp.Choice("activation", ["relu", "tanh"]))

    hp = keras_tuner.HyperParameters()
    hp.Int("units", 4, 5)
    tuner = NASTuner(
        build,
        GridSearch(),
        "val_loss",
        9,
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
        GridSearch(),
        "val_loss",
        1,
        hyperparameters=hp,
        allow_new_entries=False,
        directory=tmp_path / "b",
    )
    with pytest.raises(RuntimeError, match="found new entries"):
        searched(refusing)


# ---------------------------------------------------------------------- what is known before


class Declaring(keras_tuner.HyperModel):  # type: ignore[misc]
    """A hypermodel that declares without building."""

    built = 0

    def declare_hyperparameters(self, hp: Any) -> None:
        hp.Int("units", 4, 8)

    def build(self, hp: Any) -> keras.Model:
        self.built += 1
        return dense(hp.get("units"))


@pytest.mark.parametrize("known", [False, True])
def test_what_a_hypermodel_declares_is_known_before(
    known: bool, tmp_path: Path, capsys: Any
) -> None:
    hp = keras_tuner.HyperParameters()
    hp.Boolean("other")
    model = Declaring()
    settings: dict[str, Any] = {"hyperparameters": hp} if known else {}
    tuner = NASTuner(model, GridSearch(), "val_loss", 2, directory=tmp_path, **settings)
    assert model.built == 0
    tuner.search_space_summary()
    assert "units (Int)" in capsys.readouterr().out
    history = searched(tuner).history
    assert [trial.architecture["units"] for trial in history] == [4, 5]
    assert model.built == 2


def test_summaries_need_no_hyperparameters(tmp_path: Path, capsys: Any) -> None:
    def build(hp: Any) -> keras.Model:
        raise OSError("no weights here")

    tuner = NASTuner(build, GridSearch(), "val_loss", 2, directory=tmp_path)
    tuner.search_space_summary()
    tuner.results_summary()
    assert "when the first trial calls it" in capsys.readouterr().out
    with pytest.raises(TooManyFailures, match="no weights here"):
        searched(tuner)
    tuner.results_summary()
    assert "Trial 1 failed: OSError: no weights here" in capsys.readouterr().out


# ---------------------------------------------------------------------- one name in two scopes


def equivalents(hp: Any) -> keras.Model:
    """One name in two scopes beside each other, and what hangs on it."""
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
def test_one_name_in_two_scopes_has_the_value_that_was_proposed(make: Any, tmp_path: Path) -> None:
    if make is NASTuner:
        tuner = NASTuner(equivalents, EVOLUTION, "val_loss", 8, seed=3, directory=tmp_path)
    else:
        oracle = NASOracle(EVOLUTION, "val_loss", 8, seed=3)
        tuner = make(oracle=oracle, hypermodel=equivalents, directory=tmp_path)
    trained: list[Any] = []
    model: Any = tuner.hypermodel
    build = model.build

    def noting(hp: Any) -> keras.Model:
        trained.append(build(hp))
        return trained[-1]

    model.build = noting
    history = load(searched(tuner))
    assert [trial.state for trial in history] == ["complete"] * 8
    assert {trial.architecture["kind"] for trial in history} == {"narrow", "wide"}
    for trial, network in zip(history, trained[-8:], strict=True):
        assert trial.architecture["units"] == network.layers[0].units
        assert ("few" in trial.architecture) == (trial.architecture["units"] <= 20)
    assert load(tuner.project_dir, objectives={"val_loss": "min"}).trials == history.trials


# ---------------------------------------------------------------------- before the first trial


@pytest.mark.parametrize(
    ("told", "overwrite", "models"), [(True, False, 0), (False, False, 1), (True, True, 1)]
)
def test_a_plain_tuner_builds_at_most_one_model_when_it_is_made(
    told: bool, overwrite: bool, models: int, tmp_path: Path
) -> None:
    """If the last row fails, Keras Tuner has changed: docs/integrations/keras_tuner.md has to."""
    built: list[str] = []

    def build(hp: Any) -> keras.Model:
        built.append(hp.Choice("kind", ["a", "b"]))
        for one in ("a", "b"):
            with hp.conditional_scope("kind", [one]):
                hp.Int(f"units_{one}", 2, 9)
        return dense(4)

    hp = keras_tuner.HyperParameters()
    build(hp)
    oracle = NASOracle(EVOLUTION, "val_loss", 3, hyperparameters=hp if told else None)
    tuner = keras_tuner.Tuner(
        oracle=oracle, hypermodel=build, directory=tmp_path, overwrite=overwrite
    )
    assert len(built) == 1 + models
    assert len(load(searched(tuner))) == 3
    assert len(built) == 1 + models + 3


# ---------------------------------------------------------------------- tuners of other libraries


@pytest.mark.parametrize("ours", [True, False])
def test_a_search_among_models_of_scikit_learn_is_read(ours: bool, tmp_path: Path) -> None:
    goal = keras_tuner.Objective("score", "max")
    oracle: Any = (
        NASOracle(EVOLUTION, goal, 5)
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


# ---------------------------------------------------------------------- what `fit` returns


class Measuring(keras_tuner.HyperModel):  # type: ignore[misc]
    """A hypermodel with a `fit` of its own, which returns a dict; some lack an objective."""

    def build(self, hp: Any) -> keras.Model:
        return dense(hp.Int("units", 2, 9))

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        told = model.fit(*args, **kwargs).history
        found = {"val_loss": min(told["val_loss"]), "latency": 1.0 / hp.get("units")}
        return found if hp.get("units") != 2 else {"val_loss": 1.0}


class Quick(Measuring):
    """It tells what no epoch does."""

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        model.fit(*args, **kwargs)
        return {"latency": 1.0 / hp.get("units")}


@pytest.mark.parametrize("executions", [1, 2])
def test_a_fit_returns_the_values_of_several_objectives(executions: int, tmp_path: Path) -> None:
    objective = {"val_loss": "min", "latency": "min"}
    tuner = NASTuner(
        Measuring(), GridSearch(), objective, 4, directory=tmp_path, executions_per_trial=executions
    )
    history = searched(tuner).history
    assert isinstance(tuner.hypermodel, Measuring)
    assert [trial.state for trial in history] == ["failed"] + ["complete"] * 3
    assert "the objectives ['latency'] are not among" in history[0].notes["error"]
    for trial in history.of_state("complete"):
        assert trial.values["latency"] == pytest.approx(1.0 / trial.architecture["units"])
        score = tuner.oracle.get_trial(str(trial.number)).score
        assert score == pytest.approx(trial.values["latency"] + trial.values["val_loss"])
    assert 0 < len(tuner.pareto()) <= 3
    assert load(tuner.project_dir).trials == history.trials


def test_a_fit_returns_what_no_epoch_tells(tmp_path: Path) -> None:
    tuner = NASTuner(Measuring(), GridSearch(), {"latency": "min"}, 4, directory=tmp_path)
    with pytest.raises(keras_tuner.errors.FatalValueError, match="specified objective, latency"):
        searched(tuner)  # as Keras Tuner has it where one objective is all
    tuner = NASTuner(Measuring(), GridSearch(), {"latency": "min"}, 4, directory=tmp_path / "b")
    tuner.hypermodel = Quick()
    found = [trial.values["latency"] for trial in searched(tuner).history]
    assert found == pytest.approx([1 / 2, 1 / 3, 1 / 4, 1 / 5])


# ---------------------------------------------------------------------- TensorBoard

BOARD_PARTS = ("train", "validation")
BOARD = """
import sys
if {hidden}:
    sys.modules["tensorflow"] = None
import keras, keras_tuner, numpy
from nasbridge import Chain, Integer, RandomSearch, layer
from nasbridge.adapters.keras_tuner import NASTuner
x, y = numpy.eye(3, dtype="float32"), numpy.arange(3)
space = Chain(layer("Dense", units=Integer(4, 9)), layer("Softmax"))
tuner = NASTuner(space, RandomSearch(), "val_loss", 2, directory={place!r})
board = keras.callbacks.TensorBoard({place!r} + "/board")
try:
    tuner.search(x, y, validation_data=(x, y), epochs=2, verbose=0, callbacks=[board])
except keras_tuner.errors.FatalError as error:
    print(error)
print([trial.state for trial in tuner.history])
"""


@pytest.mark.frameworks
@pytest.mark.parametrize("hidden", [False, True])
def test_a_board_under_another_keras_backend_asks_for_tensorflow(
    hidden: bool, tmp_path: Path
) -> None:
    code = BOARD.format(hidden=hidden, place=str(tmp_path))
    environment = {**os.environ, "KERAS_BACKEND": "jax"}  # there sooner than PyTorch
    told = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    written = {str(f.relative_to(tmp_path / "board")) for f in (tmp_path / "board").glob("*/*/*")}
    if hidden:
        assert "TensorBoard writes with TensorFlow" in told.stdout, told.stderr
        assert not written
    else:
        assert "['complete', 'complete']" in told.stdout, told.stderr
        expected = {f"{trial}/execution0/{part}" for trial in "01" for part in BOARD_PARTS}
        assert written == expected
        assert all(list((tmp_path / "board" / part).glob("*tfevents*")) for part in written)
