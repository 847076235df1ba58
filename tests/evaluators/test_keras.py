# pyright: basic
"""`KerasEvaluator`: the best epoch, results, saved models and cleanup (Keras)."""

import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy
import pytest

from nasbridge import (
    Architecture,
    Chain,
    Choice,
    Experiment,
    ExperimentError,
    KerasEvaluator,
    Space,
    layer,
)
from nasbridge.engine import ActiveTrial, Outcome, Silent, Task, evaluate_task
from nasbridge.strategies import Step, objectives_from

SPACE = Chain(
    layer("Dense", units=Choice([4, 8], name="units"), activation="tanh"),
    layer("Dropout", rate=0.2),  # random during training
    layer("Dense", units=3, activation="softmax"),
)
SMALL = SPACE.architecture({"units": 4})
ACCURACY = {"val_accuracy": "max"}


def draw(seed: int, examples: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return examples of three classes that overlap slightly."""
    rng = numpy.random.default_rng(seed)
    y = rng.integers(3, size=examples)
    return (numpy.eye(3)[y] + rng.normal(scale=0.4, size=(examples, 3))).astype("float32"), y


DATA = (draw(0, 48), draw(1, 24))


def evaluator(**settings: Any) -> KerasEvaluator:
    """Return an evaluator of short trainings; the graph of plain SGD is built fastest."""
    return KerasEvaluator(**{"data": DATA, "epochs": 3, "optimizer": "sgd", **settings})


def never_stop(number: int, step: Step) -> bool:
    return False


def evaluate(
    made: KerasEvaluator,
    directory: Path,
    objectives: Mapping[str, Any] = ACCURACY,
    seed: int = 7,
    budget: float | None = None,
    report: Callable[[int, Step], bool] = never_stop,
) -> Outcome:
    task = Task(0, SMALL, seed, directory / "trial", budget)
    return evaluate_task(made, task, objectives_from(objectives), report)


def values(made: KerasEvaluator, directory: Path, **settings: Any) -> Mapping[str, float]:
    outcome = evaluate(made, directory, **settings)
    assert outcome.state == "complete", outcome.notes
    return outcome.values


Script = Mapping[str, Sequence[float]]
"""Metrics of each epoch, by name."""


class Scripted(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Sets the metrics of each epoch from a script, and all weights to the epoch."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self.script = script

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs.update({name: values[epoch] for name, values in self.script.items()})
        model: Any = self.model
        model.set_weights([numpy.full_like(w, epoch) for w in model.get_weights()])


def scripted(**script: Sequence[float]) -> Callable[[int], Sequence[Any]]:
    return lambda epochs: [Scripted(script)]


def marks(model: Any) -> set[float]:
    """Return the values of a model's weights, which are epochs of `Scripted`."""
    return {float(value) for weights in model.get_weights() for value in weights.ravel()}


def test_the_best_epoch_is_returned_and_saved(tmp_path: Path) -> None:
    script: Script = {
        "val_accuracy": [0.1, 0.9, 0.5],
        "val_loss": [0.3, 0.2, 0.1],
        "val_own": [1, 2, 3],
    }
    made = evaluator(callbacks=scripted(**script), save=True)
    given = values(made, tmp_path, objectives={"val_loss": "min", **ACCURACY})
    assert given.items() >= {"val_accuracy": 0.5, "val_loss": 0.1, "val_own": 3}.items()
    assert marks(keras.models.load_model(tmp_path / "trial" / "model.keras")) == {2}


def test_the_saved_model_has_the_metrics_that_are_returned(tmp_path: Path) -> None:
    """The objective is the highest loss, so the best epoch is not the last one."""
    made = evaluator(optimizer=keras.optimizers.SGD(0.1), batch_size=16, save=True)
    outcome = evaluate(made, tmp_path, {"val_loss": "max"})
    curve = [step.metrics["val_loss"] for step in outcome.curve]
    assert outcome.values["val_loss"] == max(curve) > curve[-1] + 0.01
    loaded: Any = keras.models.load_model(tmp_path / "trial" / "model.keras")
    tested = loaded.evaluate(*DATA[1], verbose=0, return_dict=True)
    assert tested["accuracy"] == pytest.approx(outcome.values["val_accuracy"])
    assert tested["loss"] == pytest.approx(outcome.values["val_loss"], rel=1e-4)


SCRIPT: Script = {
    "val_accuracy": [0.9, 0.9, 0.5],
    "val_loss": [0.3, 0.2, 0.4],
    "val_own": [1, 2, 3],
}


def test_the_evaluator_receives_the_objectives_of_the_experiment() -> None:
    made = evaluator(callbacks=scripted(**SCRIPT), jobs=0)
    history = Experiment(SPACE, made, {"val_loss": "min"}, trials=1).run(observer=Silent())
    assert history.best.values["val_own"] == 2
    with pytest.raises(ExperimentError, match="no metric selects the best epoch"):
        Experiment(SPACE, made, {"flops": "min"}, trials=1).run(observer=Silent())


def test_every_epoch_is_reported_with_the_size(tmp_path: Path) -> None:
    outcome = evaluate(evaluator(), tmp_path)
    assert [step.step for step in outcome.curve] == [1, 2, 3]
    cost = SMALL.cost((3,))
    for step in outcome.curve:
        assert step.metrics.keys() >= {"loss", "accuracy", "val_loss", "val_accuracy"}
        assert (step.metrics["parameters"], step.metrics["flops"]) == (cost.parameters, cost.flops)
    assert outcome.values["epochs"] == 3
    assert {**outcome.values} in [{**step.metrics, "epochs": 3.0} for step in outcome.curve]


def test_patience_ends_a_training(tmp_path: Path) -> None:
    script = [0.5, 0.6, 0.6, 0.5, 0.9]
    made = evaluator(epochs=5, patience=2, callbacks=scripted(val_accuracy=script))
    outcome = evaluate(made, tmp_path)
    assert (outcome.values["val_accuracy"], outcome.values["epochs"]) == (0.6, 4)
    assert [step.step for step in outcome.curve] == [1, 2, 3, 4]


def test_the_budget_is_the_number_of_epochs(tmp_path: Path) -> None:
    given: list[int] = []

    def callbacks(epochs: int) -> Sequence[Any]:
        given.append(epochs)
        return []

    made = evaluator(callbacks=callbacks)
    for budget, epochs in ((1.6, 2), (0.2, 1)):
        assert values(made, tmp_path, budget=budget)["epochs"] == epochs == given[-1]
    assert not list(tmp_path.iterdir()), "nothing is saved by default"


def test_a_seed_fixes_every_number(tmp_path: Path) -> None:
    def curve(seed: int) -> Sequence[Step]:
        return evaluate(evaluator(batch_size=16), tmp_path, seed=seed).curve

    first, other = curve(1), curve(2)
    assert curve(1) == first
    for metric in ("loss", "val_loss"):
        assert other[0].metrics[metric] != first[0].metrics[metric]


def test_data_are_made_once_and_not_pickled(tmp_path: Path) -> None:
    made: list[int] = []

    def data() -> Any:
        made.append(1)
        return DATA

    lazy = evaluator(data=data, epochs=1)
    assert not made
    assert values(lazy, tmp_path) == values(lazy, tmp_path)
    assert made == [1]
    assert pickle.loads(pickle.dumps(replace(lazy, data=DATA)))._loaded == []


def test_several_networks_and_decisions_beside_them(tmp_path: Path) -> None:
    rate = Choice({"some": 0.5, "none": 0.0}, name="rate")
    space = Space({"net": SPACE, "rate": rate})
    rates: list[float] = []

    def optimizer(architecture: Architecture) -> Any:
        rates.append(architecture["rate"])
        return keras.optimizers.SGD(architecture["rate"])

    made = evaluator(optimizer=optimizer, part="net")
    architecture = space.architecture({"units": 4, "rate": "none"})
    trial = ActiveTrial(Task(0, architecture, 0, tmp_path), never_stop, objectives_from(ACCURACY))
    made(architecture, trial)
    assert rates == [0.0]
    assert (
        len({step.metrics["val_loss"] for step in trial.curve}) == 1
    )  # at rate 0 nothing is learned


def test_pruned_and_failed_trainings_are_cleaned_up(tmp_path: Path) -> None:
    made = evaluator(save=True)
    clean = evaluate(made, tmp_path / "clean").curve
    pruned = evaluate(made, tmp_path / "pruned", report=lambda number, step: step.step == 2)
    assert (pruned.state, pruned.curve) == ("pruned", clean[:2])
    assert pruned.values == {**clean[0].metrics, **clean[1].metrics}
    assert not (tmp_path / "pruned").exists()
    assert keras.layers.Dense(1).name == "dense"  # automatic names start again

    failed = evaluate(evaluator(metrics=["no such metric"]), tmp_path / "failed")
    assert "no such metric" in failed.notes["error"]
    assert keras.layers.Dense(1).name == "dense"
    assert evaluate(made, tmp_path / "again").curve == clean


def test_the_dtype_policy_is_unchanged(tmp_path: Path) -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        values(evaluator(epochs=1), tmp_path)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy(before)


TARGETS = tuple((x, numpy.eye(3, dtype="float32")[y]) for x, y in DATA)
CROSSENTROPY = {"data": TARGETS, "loss": "categorical_crossentropy"}


def own_metric(targets: Any, predictions: Any) -> Any:
    return keras.ops.mean(keras.ops.abs(targets - predictions))


def test_keras_objects_are_copied_for_every_training(tmp_path: Path) -> None:
    """Also after pickling, as for another process."""
    schedule: Any = keras.optimizers.schedules.CosineDecay(0.5, 9)
    made = evaluator(
        data=TARGETS,
        epochs=2,
        optimizer=keras.optimizers.SGD(schedule, momentum=0.7),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.3),
        metrics=[keras.metrics.AUC(num_thresholds=9, name="auc"), "mae", own_metric],
    )
    first = evaluate(made, tmp_path, {"val_auc": "max"})
    assert first.values.keys() >= {"val_auc", "val_mae", "val_own_metric"}, first.notes
    for again in (made, pickle.loads(pickle.dumps(made))):
        assert evaluate(again, tmp_path, {"val_auc": "max"}).curve == first.curve
    assert not made.optimizer.built


class Share(keras.metrics.Mean):  # type: ignore[misc]
    """Omits its threshold from `get_config`."""

    def __init__(self, threshold: float = 0.5, **settings: Any) -> None:
        super().__init__(**settings)
        self.threshold = threshold


class Needy(keras.metrics.Mean):  # type: ignore[misc]
    """Cannot be recreated from its `get_config`."""

    def __init__(self, threshold: float, **settings: Any) -> None:
        super().__init__(**settings)


def test_objects_that_cannot_be_copied_are_rejected() -> None:
    evaluator(metrics=[Share(0.5)], loss=keras.losses.Huber(delta=1.0))
    with pytest.raises(ExperimentError, match=r"omits \{'delta': 3.0\}.* pass a function"):
        evaluator(loss=keras.losses.Huber(delta=3.0))
    with pytest.raises(ExperimentError, match=r"omits \{'threshold': 0.7\}"):
        evaluator(metrics=["accuracy", Share(0.7)])
    with pytest.raises(ExperimentError, match=r"copied for each training \(TypeError: .*threshold"):
        evaluator(metrics=[Needy(0.7)])


def test_a_function_replaces_an_object_that_cannot_be_copied(tmp_path: Path) -> None:
    huber = partial(keras.losses.huber, delta=3.0)
    made = pickle.loads(pickle.dumps(evaluator(data=TARGETS, loss=huber, epochs=1)))
    assert values(made, tmp_path)["val_loss"] > 0


def test_a_metric_of_several_numbers_is_an_error(tmp_path: Path) -> None:
    outcome = evaluate(
        evaluator(epochs=1, metrics=[keras.metrics.F1Score], **CROSSENTROPY), tmp_path
    )
    assert "the metric 'f1_score' is array([" in outcome.notes["error"]
    assert "average='macro'" in outcome.notes["error"]


def test_train_keeps_the_best_epoch_of_validation_data() -> None:
    script = scripted(val_accuracy=[0.1, 0.9, 0.5], val_loss=[0.3, 0.2, 0.1])
    made = evaluator(callbacks=script)
    assert marks(made.train(SMALL)) == {2}  # without a monitor the last epoch counts
    assert marks(replace(made, monitor="val_accuracy").train(SMALL, *DATA)) == {1}
    assert marks(replace(made, monitor="val_loss").train(SMALL, validation=DATA[1])) == {2}
    stopped = replace(made, monitor="val_accuracy", mode="min", patience=1)
    assert marks(stopped.train(SMALL, *DATA)) == {0}
    with pytest.raises(
        ExperimentError, match=r"selects the best epoch; pass KerasEvaluator\(\.\.\., mo"
    ):
        made.train(SMALL, *DATA)


def test_train_takes_data_epochs_and_seed() -> None:
    made = evaluator(epochs=2)
    x, y = DATA[0]

    def predictions(**settings: Any) -> Any:
        return made.train(SMALL, **settings).predict_on_batch(x)

    first = predictions()
    numpy.testing.assert_array_equal(predictions(train=(x, y), epochs=2, seed=0), first)
    assert (predictions(seed=1) != first).any()
    assert (predictions(epochs=1) != first).any()
    assert (predictions(train=(x, y[::-1])) != first).any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs=0: give at least 1"),
        ({"batch_size": 0}, "batch_size=0: give at least 1"),
        ({"patience": 0}, "patience=0: give at least 1"),
        ({"mode": "rise"}, "mode='rise': give 'max', 'min' or None"),
        ({"metrics": "accuracy"}, r"metrics='accuracy': give a list, as \['accuracy'\]"),
        ({"data": DATA[0]}, r"are a ndarray without targets: give \(training, validation\)"),
        ({"data": (DATA[0], (DATA[1][0], DATA[0][1]))}, "24 inputs and 48 targets"),
    ],
)
def test_invalid_settings_are_rejected(settings: Any, message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        evaluator(**settings)
