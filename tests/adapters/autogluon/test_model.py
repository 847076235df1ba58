# pyright: basic
"""`KerasModel` in AutoGluon on tables of every kind, and `nas_hyperparameters`."""

import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy
import pandas
import pytest
import tensorflow
from autogluon.tabular import TabularPredictor

from nasbridge import (
    BackendError,
    Chain,
    Choice,
    Integer,
    RandomSearch,
    RegularizedEvolution,
    Repeat,
    Space,
    layer,
    library,
)
from nasbridge.adapters.autogluon import (
    ArchitectureSpace,
    KerasModel,
    NASSearcher,
    load,
    nas_hyperparameters,
    to_native,
)
from nasbridge.adapters.autogluon.model import CELL
from nasbridge.adapters.autogluon.table import NUMERIC, TableEncoder, TargetEncoder
from nasbridge.spaces import SearchSpace

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.xdist_group("autogluon"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config"),
]

ROWS = 90
HERE = {"fold_fitting_strategy": "sequential_local"}  # instead of one Ray process per fold
EVOLUTION = RegularizedEvolution(population=2, sample=1)
SPACE = library.tabular(
    depth=(1, 2), width=(8, 16), expansion=1, activation="relu", embedding=(0, 2)
)
PLAIN = Chain(
    Repeat(layer("Dense", units=Integer(4, 9), activation="relu"), times=Integer(1, 2)),
    layer("Dense", units=10, activation="softmax"),
)


@pytest.fixture(autouse=True, scope="module")
def _eager() -> Iterator[None]:
    """Run eagerly: compiling such small networks takes longer than training them."""
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


def table(seed: int = 0) -> Any:
    """Return a table of numbers, categories and booleans with missing values."""
    rng = numpy.random.default_rng(seed)
    number = rng.normal(size=ROWS)
    colour = rng.choice(["red", "green", "blue"], size=ROWS)
    flag = rng.random(ROWS) < 0.5
    made = pandas.DataFrame(
        {
            "number": number.astype("float64"),
            "count": rng.integers(0, 50, ROWS),
            "colour": pandas.Series(colour, dtype="category"),
            "flag": flag,
            "weight": rng.choice([1.0, 2.0], ROWS),
        }
    )
    made.loc[::7, "number"] = numpy.nan
    made.loc[::11, "colour"] = None
    made["y"] = numpy.where(colour == "red", "a", numpy.where(number > 0, "b", "c"))
    return made


def fitted(place: Path, models: dict[Any, Any], data: Any = None, **settings: Any) -> Any:
    made = {name: settings.pop(name) for name in ("sample_weight",) if name in settings}
    kind, metric = settings.pop("problem", None), settings.pop("metric", None)
    predictor = TabularPredictor("y", kind, metric, path=str(place), verbosity=0, **made)
    data = table().drop(columns="weight") if data is None else data
    return predictor.fit(data, hyperparameters=models, **settings)


def of_one_model(place: Path, data: Any = None, space: SearchSpace = PLAIN, **settings: Any) -> Any:
    params = {"architecture": ArchitectureSpace(space), "epochs": 2, **settings.pop("params", {})}
    standard = {"fit_weighted_ensemble": False}
    return fitted(place, {KerasModel: params}, data, **standard | settings)


def model_of(predictor: Any, name: str | None = None) -> Any:
    return predictor._trainer.load_model(name or predictor.model_names()[0])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the predictor that several tests share."""
    return tmp_path_factory.mktemp("autogluon") / "predictor"


@pytest.fixture(scope="module")
def predictor(place: Path) -> Any:
    """A predictor with the best three networks of four trials, and a linear model."""
    ours = nas_hyperparameters(SPACE, strategy=EVOLUTION, trials=4, keep=3, epochs=3)
    return fitted(place, {**ours, "LR": {}})


def test_trials_are_in_the_leaderboard_and_the_ensemble(predictor: Any) -> None:
    history = load(predictor)
    assert [trial.state for trial in history] == ["complete"] * 4
    board = predictor.leaderboard(table()).set_index("model")
    ours = [name for name in board.index if name.startswith("KerasModel/")]
    assert len(ours) == 3
    assert {"LinearModel", "WeightedEnsemble_L2"} <= set(board.index)
    best = f"KerasModel/T{history.best.number + 1}"
    assert board.loc[best, "score_val"] == history.best.values["score_val"]
    assert history.best.values["parameters"] == model_of(predictor, best).to_keras().count_params()
    assert board["score_test"].notna().all()


def test_an_ensemble_is_refitted_on_all_rows(predictor: Any) -> None:
    name = f"KerasModel/T{load(predictor).best.number + 1}"
    epochs = model_of(predictor, name).params_trained["epochs"]
    made = predictor.refit_full(model=name)[name]
    full = model_of(predictor, made)
    assert full.params["epochs"] == full.measured["epochs"] == epochs
    assert full.measured["parameters"] == model_of(predictor, name).measured["parameters"]
    assert len(predictor.predict(table(), model=made)) == ROWS


LOAD = """
import sys, numpy, pandas, keras
from autogluon.tabular import TabularPredictor
assert keras.backend.backend() == sys.argv[4]
predictor = TabularPredictor.load(sys.argv[1], verbosity=0)
made = predictor.predict_proba(pandas.read_pickle(sys.argv[2]), model=sys.argv[5])
made.to_pickle(sys.argv[3])
if sys.argv[4] != "tensorflow":  # train under this backend
    from nasbridge import Chain, layer
    from nasbridge.adapters.autogluon import KerasModel
    table = pandas.read_pickle(sys.argv[2]).drop(columns="weight")
    other = TabularPredictor("y", path=sys.argv[3] + ".other", verbosity=0)
    network = next(Chain(layer("Dense", units=4), layer("ReLU")).enumerate())
    params = {"architecture": network, "epochs": 1, "batch_size": 64}
    other.fit(table, hyperparameters={KerasModel: params}, fit_weighted_ensemble=False)
    assert len(other.predict(table)) == len(table)
"""


@pytest.mark.parametrize("keras_backend", ["tensorflow", "torch"])
def test_a_fresh_process_predicts_the_same(
    predictor: Any, place: Path, tmp_path: Path, keras_backend: str
) -> None:
    """Under every Keras backend, regardless of the one that trained the model."""
    best = f"KerasModel/T{load(predictor).best.number + 1}"
    table().to_pickle(tmp_path / "table.pkl")
    paths = [str(place), *(str(tmp_path / name) for name in ("table.pkl", "made.pkl"))]
    environment = {**os.environ, "KERAS_BACKEND": keras_backend}
    command = [sys.executable, "-c", LOAD, *paths, keras_backend, best]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    made = pandas.read_pickle(tmp_path / "made.pkl")
    expected = predictor.predict_proba(table(), model=best)
    difference = (made - expected).abs().to_numpy().max()
    assert difference == 0 if keras_backend == "tensorflow" else difference < 1e-5


def test_numbers_are_predicted_in_their_own_scale(tmp_path: Path) -> None:
    data = table()[["number", "colour"]].assign(number=numpy.linspace(-1, 1, ROWS))
    data["y"] = 5000 + 100 * data["number"]
    params = {"epochs": 30, "learning_rate": 0.05, "batch_size": 64}
    predictor = of_one_model(tmp_path, data, params=params, problem="regression")
    error = (predictor.predict(data) - data["y"]).abs().mean()
    assert error < 20  # the mean as prediction has an error of 50


def test_two_classes_and_autogluons_own_metric(tmp_path: Path) -> None:
    data = table().drop(columns="weight").assign(y=table()["flag"].map({True: "x", False: "z"}))
    params = {"epochs": 12, "learning_rate": 0.05, "batch_size": 64}
    predictor = of_one_model(tmp_path, data, params=params, metric="roc_auc")
    assert predictor.problem_type == "binary"
    assert model_of(predictor).stopping_metric.name == "roc_auc"
    assert predictor.evaluate(data)["roc_auc"] > 0.9


def test_training_stops_early_and_takes_the_best_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored: list[float] = []
    score_of = KerasModel._score_of

    def counted(self: Any, *args: Any) -> Any:
        score = score_of(self, *args)

        def recorded(model: Any) -> float:
            scored.append(score(model))
            return scored[-1]

        return recorded

    monkeypatch.setattr(KerasModel, "_score_of", counted)
    params = {"epochs": 40, "patience": 3, "learning_rate": 0.0}  # no epoch improves
    predictor = of_one_model(tmp_path, params=params)
    assert model_of(predictor).params_trained["epochs"] == 1
    assert len(scored) == 1 + 3


def test_training_meets_the_time_limit(tmp_path: Path) -> None:
    params = {"epochs": 10_000, "patience": 10_000, "ag_args_fit": {"max_time_limit": 2}}
    predictor = of_one_model(tmp_path, params=params)
    assert 1 < predictor.leaderboard()["fit_time"][0] < 5


def test_the_learning_rate_follows_the_clock_if_time_is_short() -> None:
    from nasbridge.adapters.autogluon.network import Training, train

    source = keras.Input((1,), name="numbers")
    model = keras.Model({"numbers": source}, keras.layers.Dense(1)(source))

    def rate(rows: int, seconds: float) -> float:
        inputs, target = {"numbers": numpy.zeros((rows, 1), "float32")}, numpy.zeros((rows, 1))
        how = Training(1, 1, 2, "sgd", 0.1, 0.0, time.monotonic() + seconds)
        epochs, horizon = train(model, inputs, target, "mean_squared_error", None, None, how)
        assert epochs == horizon == 1  # at least one epoch
        return float(model.optimizer.learning_rate)

    assert rate(100, 3600) == pytest.approx(
        0.1
    )  # enough time: the rate does not depend on the clock
    assert 0.009 < rate(100_000, 6) < 0.05


def test_rows_of_weight_zero_are_ignored(tmp_path: Path) -> None:
    data = table()[["flag", "weight"]].assign(y=lambda t: numpy.where(t["flag"], 1.0, 0.0))
    wrong = data.assign(y=1 - data["y"], weight=0.0)
    both = pandas.concat([data.assign(weight=1.0), wrong], ignore_index=True)
    params = {"epochs": 20, "learning_rate": 0.05, "batch_size": 64}
    settings: dict[str, Any] = {"problem": "regression", "sample_weight": "weight"}
    predictor = of_one_model(tmp_path, both, params=params, tuning_data=data, **settings)
    assert (predictor.predict(data) - data["y"]).abs().mean() < 0.25


def test_settings_in_the_space_replace_those_of_the_model(tmp_path: Path) -> None:
    space = Space(
        {"network": PLAIN, "embedding": Choice([3]), "batch_size": Choice([16]), "epochs": 99}
    )
    model = model_of(of_one_model(tmp_path, space=space))
    assert model._embedding == 3
    assert model.params_trained["epochs"] <= 2  # epochs are not read from the space


def test_the_memory_estimate_grows_with_the_network() -> None:
    X = table().drop(columns="y")
    sizes = [
        KerasModel.estimate_memory_usage_static(
            X=X,
            problem_type="binary",
            num_classes=2,
            hyperparameters={"architecture": next(Chain(layer("Dense", units=n)).enumerate())},
        )
        for n in (10, 10_000_000)
    ]
    assert 500_000_000 < sizes[0] < 1_000_000_000
    assert sizes[1] - sizes[0] > 16 * 10_000_000


def test_an_invalid_architecture_is_an_error() -> None:
    with pytest.raises(
        BackendError, match=r"architecture=\['dense'\] is not an Architecture: give one of a space"
    ):
        KerasModel(problem_type="binary", hyperparameters={"architecture": ["dense"]}).fit(
            X=table()[["number"]], y=pandas.Series(numpy.arange(ROWS) % 2)
        )


def test_a_training_that_diverges_is_a_failed_trial(tmp_path: Path) -> None:
    ours = nas_hyperparameters(
        PLAIN, strategy=RandomSearch(), trials=2, epochs=2, learning_rate=1e30
    )
    data = table().drop(columns="weight").assign(y=numpy.linspace(0, 1, ROWS))
    predictor = fitted(tmp_path, ours, data, problem="regression", raise_on_no_models_fitted=False)
    for trial in load(predictor):
        assert trial.notes["error"].startswith("FloatingPointError: the training diverged")


def test_autogluons_own_random_search_as_the_baseline(tmp_path: Path) -> None:
    tuning = {"scheduler": "local", "searcher": "random", "num_trials": 2}
    params = {
        "space": PLAIN,
        **to_native(PLAIN),
        "epochs": 1,
        "ag_args": {"hyperparameter_tune_kwargs": tuning},
    }
    predictor = fitted(tmp_path, {KerasModel: params}, fit_weighted_ensemble=False)
    made = [model_of(predictor, name)._architecture for name in predictor.model_names()]
    assert len(made) == 2
    assert all(PLAIN.architecture(architecture) == architecture for architecture in made)


def test_the_first_level_of_a_stack_is_searched_alone(tmp_path: Path) -> None:
    ours = nas_hyperparameters(PLAIN, strategy=EVOLUTION, trials=3, epochs=1)
    tuning: Any = ours[KerasModel]["ag_args"]["hyperparameter_tune_kwargs"]
    searcher: NASSearcher = tuning["searcher"]
    settings: dict[str, Any] = {
        "num_bag_folds": 2,
        "num_stack_levels": 1,
        "ag_args_ensemble": HERE,
    }
    predictor = fitted(tmp_path, {**ours, "LR": {}}, dynamic_stacking=False, **settings)
    assert list(searcher.histories) == ["KerasModel_BAG_L1"]
    assert "LinearModel_BAG_L2" in predictor.model_names()


def test_a_table_becomes_arrays() -> None:
    data = table().drop(columns=["y", "weight", "flag"])
    encoder = TableEncoder(data, embed=True)
    made = encoder.arrays(data)
    assert (encoder.width, encoder.embedded, encoder.vocabulary) == (3, 1, 4)
    assert made["numbers"].shape == (ROWS, 3)  # two columns, and an indicator of missing values
    assert (made["numbers"][:, 2] == data["number"].isna()).all()
    assert (made["numbers"][::7, 0] == 0).all()
    known = data["number"].dropna()
    scaled = (data["number"] - known.mean()) / known.std(ddof=0)
    assert numpy.allclose(made["numbers"][1:7, 0], scaled[1:7], atol=1e-5)
    assert ((made["codes"][:, 0] == 0) == data["colour"].isna()).all()
    new = data.assign(colour="purple", count=numpy.inf)
    assert (encoder.arrays(new)["codes"] == 0).all()
    assert numpy.isfinite(encoder.arrays(new)["numbers"]).all()


@pytest.mark.parametrize("numeric", NUMERIC)
def test_arrays_take_no_more_memory_than_is_estimated(numeric: Any) -> None:
    rng = numpy.random.default_rng(0)
    data = pandas.DataFrame(rng.integers(0, 2, (50_000, 54)).astype("int8")).add_prefix("x")
    tracemalloc.start()
    try:
        TableEncoder(data, numeric).arrays(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < CELL * data.size


def test_few_categories_may_be_one_hot_encoded() -> None:
    data = table()[["colour"]]
    encoder = TableEncoder(data, embed=False)
    made = encoder.arrays(data)
    assert set(made) == {"numbers"}
    assert (made["numbers"].sum(axis=1) == 1).all()
    many = pandas.DataFrame({"id": pandas.Series([str(k) for k in range(100)], dtype="category")})
    assert TableEncoder(many, embed=False).vocabulary == 101


def test_quantiles_do_not_depend_on_the_scale() -> None:
    rng = numpy.random.default_rng(0)
    plain = pandas.DataFrame({"x": rng.normal(size=500)})
    steep = numpy.exp(3 * plain)
    made = [TableEncoder(t, "quantile").arrays(t)["numbers"][:, 0] for t in (plain, steep)]
    assert numpy.quantile(numpy.abs(made[0] - made[1]), 0.95) < 0.05  # except at both ends
    assert abs(made[0].std() - 1) < 0.1
    ties = pandas.DataFrame({"x": [0.0] * 50 + [1.0] * 50})
    low, high = TableEncoder(ties, "quantile").arrays(ties)["numbers"][[0, -1], 0]
    assert low == pytest.approx(-high, abs=0.02)


def test_targets_are_encoded_and_decoded() -> None:
    numbers = TargetEncoder(numpy.array([10.0, 20.0, 30.0]), "regression", 0)
    made = numbers.array(numpy.array([10.0, 20.0, 30.0]))
    assert made.mean() == pytest.approx(0)
    assert numpy.allclose(numbers.predictions(made), [10, 20, 30])
    classes = TargetEncoder(numpy.array([0, 1, 2]), "multiclass", 3)
    assert (classes.units, classes.activation) == (3, "softmax")
