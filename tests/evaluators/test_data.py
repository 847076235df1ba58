# pyright: basic
"""Data of every form that `model.fit` takes, and the errors that end a search (Keras)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy
import pytest
import tensorflow
import torch

from nasbridge import (
    Architecture,
    Chain,
    Choice,
    Experiment,
    ExperimentError,
    KerasEvaluator,
    Merge,
    NasbridgeError,
    Network,
    RandomSearch,
    layer,
)
from nasbridge.engine import ActiveTrial, Outcome, Silent, Task, evaluate_task
from nasbridge.evaluators.data import check_data, example_shape
from nasbridge.spaces import BuildError, UnknownLayer
from nasbridge.strategies import objectives_from

pytestmark = pytest.mark.filterwarnings("ignore:Even though the `tf.config")

SPACE = Chain(
    layer("Dense", units=Choice([4, 8], name="units"), activation="tanh"),
    layer("Dense", units=3, activation="softmax"),
)
SMALL = SPACE.architecture({"units": 4})
X = numpy.random.default_rng(0).normal(size=(12, 3)).astype("float32")
Y = numpy.arange(12) % 3
WEIGHTS = numpy.linspace(0, 1, 12)
ARRAYS = ((X, Y), (X, Y))


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """Three batches of four."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Any:
        return X[4 * index : 4 * index + 4], Y[4 * index : 4 * index + 4]


def dataset() -> Any:
    return tensorflow.data.Dataset.from_tensor_slices((X, Y)).batch(4)


def loader() -> Any:
    pairs = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    return torch.utils.data.DataLoader(pairs, batch_size=4)


def generator() -> Iterator[Any]:
    while True:
        yield from (Batches()[k] for k in range(3))


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    """Run TensorFlow eagerly: compiling these networks takes longer than training them."""
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


def outcome_of(directory: Path, **settings: Any) -> Outcome:
    made = KerasEvaluator(**{"data": ARRAYS, "epochs": 2, "optimizer": "sgd", **settings})
    task = Task(0, SMALL, 7, directory / "trial")
    objectives = objectives_from({"val_accuracy": "max"})
    return evaluate_task(made, task, objectives, lambda number, step: False)


def values(directory: Path, **settings: Any) -> Mapping[str, float]:
    outcome = outcome_of(directory, **settings)
    assert outcome.state == "complete", outcome.notes["traceback"]
    return outcome.values


STEPS = {"steps_per_epoch": 3, "validation_steps": 3}
FORMS: Mapping[str, Mapping[str, Any]] = {
    "PyDataset": {"data": (Batches(), Batches())},
    "PyTorch": {"data": (loader(), loader())},
    "generator": {"data": (generator, generator), **STEPS},
    "function of each": {"data": (dataset, loader)},
    "function of both": {"data": lambda: (dataset(), (X, Y)), "batch_size": 12},
    "endless": {"data": (lambda: dataset().repeat(), Batches()), "steps_per_epoch": 3},
}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, float]:
    """The metrics of a training with `tf.data.Dataset`."""
    tensorflow.config.run_functions_eagerly(True)
    return values(tmp_path_factory.mktemp("expected"), data=(dataset(), dataset()))


@pytest.mark.parametrize("form", FORMS)
def test_loaders_of_the_same_batches_train_alike(
    form: str, expected: Mapping[str, float], tmp_path: Path
) -> None:
    assert values(tmp_path, shuffle=False, **FORMS[form]) == pytest.approx(expected, rel=1e-4)


def test_settings_reach_keras(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    def spy(name: str) -> None:
        original = getattr(keras.Model, name)

        def called(model: Any, **given: Any) -> Any:
            seen.update(given)
            return original(model, **given)

        monkeypatch.setattr(keras.Model, name, called)

    spy("fit")
    spy("compile")
    settings = {
        "class_weight": {0: 1.0, 1: 2.0, 2: 3.0},
        "steps_per_epoch": 2,
        "validation_steps": 1,
        "weighted_metrics": ["accuracy"],
        "loss_weights": [0.5],
        "jit_compile": False,
        "steps_per_execution": 2,
    }
    found = values(tmp_path, metrics=[], batch_size=4, **settings)
    assert seen.items() >= settings.items()
    assert "val_accuracy" in found  # of the weighted metrics
    weighted = values(tmp_path, data=((X, Y, WEIGHTS), (X, Y, WEIGHTS)))
    assert seen["sample_weight"] is WEIGHTS
    assert weighted["val_loss"] != found["val_loss"]


def test_one_named_input_and_a_given_shape(tmp_path: Path) -> None:
    examples: Any = ({"table": X}, Y)
    named = tensorflow.data.Dataset.from_tensor_slices(examples).batch(4)
    assert values(tmp_path, data=(named, ({"table": X}, Y)))["epochs"] == 2

    def unknown() -> Any:
        return dataset().map(lambda x, y: (tensorflow.py_function(lambda z: z, [x], "float32"), y))

    with pytest.raises(BuildError, match="do not tell the shape of their inputs: give input_shape"):
        example_shape(unknown())
    assert values(tmp_path, data=(Batches(), dataset()), input_shape=(3,))["epochs"] == 2


def test_callbacks_may_take_the_trial_and_the_architecture(tmp_path: Path) -> None:
    seen: list[Any] = []

    def callbacks(epochs: int, trial: ActiveTrial, architecture: Architecture) -> list[Any]:
        seen.append((epochs, trial.directory, architecture))
        return [keras.callbacks.CSVLogger(trial.directory / "log.csv")]

    values(tmp_path, callbacks=callbacks)
    assert seen == [(2, tmp_path / "trial", SMALL)]
    assert (tmp_path / "trial" / "log.csv").read_text().count("\n") == 3

    made = KerasEvaluator(ARRAYS, epochs=1, optimizer="sgd", callbacks=callbacks)
    made.train(SMALL, directory=tmp_path / "final")
    assert (tmp_path / "final" / "log.csv").exists()
    with pytest.raises(ExperimentError, match="takes 2 arguments: give a function of epochs"):
        KerasEvaluator(ARRAYS, callbacks=lambda epochs, trial: [])


def no_data() -> Any:
    raise FileNotFoundError("train.csv")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": no_data}, "data cannot be made: FileNotFoundError: train.csv; fix <function no"),
        ({"data": (no_data, dataset)}, "function of the training data cannot be made: FileNot"),
        ({"data": lambda: X}, "data is a ndarray and not a pair"),
        ({"data": (lambda: X, dataset)}, "training data are a ndarray without targets"),
        ({"data": (generator, dataset)}, "no known end: give KerasEvaluator.*steps_per_epoch="),
        ({"data": (dataset, lambda: dataset().repeat())}, "no known end: .*validation_steps="),
        ({"data": (({"a": X, "b": X}, Y), (X, Y))}, "the inputs a, b, and the network has one"),
        ({"data": ((Y, Y), (Y, Y))}, "inputs have one axis only: give one row for each example"),
        ({"loss": "sparse_crossentropy"}, "'sparse_crossentropy' is not a known loss: did you me"),
        ({"optimizer": "adm"}, "'adm' is not a known optimizer: did you mean 'Adam'"),
        ({"metrics": ["acuracy"]}, "'acuracy' is not a known metric: "),
        ({"optimizer": 3}, "compile rejects the settings of KerasEvaluator .ValueError: Could not"),
        ({"monitor": "val_f1", "mode": "max"}, "'val_f1' is not among the metrics"),
    ],
)
def test_what_is_wrong_for_every_architecture_ends_the_search(
    settings: Any, message: str, tmp_path: Path
) -> None:
    made = KerasEvaluator(**{"data": ARRAYS, "optimizer": "sgd", "jobs": 0, **settings})
    experiment = Experiment(SPACE, made, {"val_accuracy": "max"}, RandomSearch(), trials=9)
    with pytest.raises(ExperimentError, match=message):
        experiment.run(directory=tmp_path, observer=Silent())
    stored = tmp_path / "history.jsonl"
    assert not stored.exists() or "complete" not in stored.read_text()


@pytest.mark.parametrize("backend", ["local", "keras_tuner"])
def test_unknown_layers_are_reported_before_the_first_trial(backend: str, tmp_path: Path) -> None:
    space = Chain(Choice({"one": layer("Dense", units=3), "two": layer("Dens", units=3)}))
    experiment = Experiment(space, KerasEvaluator(ARRAYS), {"val_accuracy": "max"}, trials=3)
    with pytest.raises(UnknownLayer, match="is not a Keras layer: did you mean 'Dense'"):
        experiment.run(backend, directory=tmp_path / "run", observer=Silent())
    assert not (tmp_path / "run").exists()


def test_a_function_is_warned_of_unknown_layers() -> None:
    experiment = Experiment(layer("Dens"), lambda *_: {"score": 1.0}, {"score": "max"}, trials=1)
    with pytest.warns(UserWarning, match=r"architecture\.build will fail: .*did you mean 'Dense'"):
        experiment.run(observer=Silent())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (X, "data is a ndarray and not a pair: give .training, validation."),
        ((X, Y), "training data are a ndarray without targets"),
        (((X, Y), (X,)), "validation data are a tuple of 1"),
        (((X, Y[:5]), (X, Y)), "training data have 12 inputs and 5 targets"),
        (((X, Y, WEIGHTS[:5]), (X, Y)), "training data have 12 inputs and 5 sample weights"),
        ((({"a": X, "b": X[:5]}, Y), (X, Y)), "training data have 12 inputs and 5 inputs"),
        ((generator(), (X, Y)), "can be read only once: give a function without arguments"),
        ((dataset(), None), "validation data are a NoneType without targets"),
    ],
)
def test_what_is_no_data_is_rejected(data: Any, message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        check_data(data)


def test_a_dataset_is_not_sent_to_a_worker() -> None:
    assert KerasEvaluator((dataset(), dataset())).jobs == 0
    made = KerasEvaluator((dataset(), dataset()), jobs=1)
    with pytest.raises(ExperimentError, match=r"a tf\.data\.Dataset cannot be sent to a worker"):
        Experiment(SPACE, made, {"val_accuracy": "max"}, trials=1).run(observer=Silent())


def test_a_network_with_two_inputs_is_trained_from_a_dict(tmp_path: Path) -> None:
    space = Network(
        {
            "small": (layer("Dense", units=Choice([2, 3])), "words"),
            "joined": (Chain(Merge("concatenate"), layer("Dense", units=3)), ("small", "table")),
        },
        inputs=("words", "table"),
        outputs=("joined",),
    )
    rng = numpy.random.default_rng(0)
    x = {"words": rng.random((12, 4)), "table": rng.random((12, 7))}
    data = (x, rng.integers(3, size=12))
    settings: dict[str, Any] = {"epochs": 1, "loss": logits(), "jobs": 0}
    evaluate = KerasEvaluator((data, data), **settings)
    objectives = {"val_accuracy": "max"}
    history = Experiment(space, evaluate, objectives, trials=2).run(directory=tmp_path / "run")
    assert len(history.of_state("complete")) == 2
    listed = ([*x.values()], data[1])
    with pytest.raises(NasbridgeError, match="2 inputs without names: give them as a dict"):
        Experiment(space, KerasEvaluator((listed, listed), **settings), objectives, trials=1).run()


def logits() -> Any:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
