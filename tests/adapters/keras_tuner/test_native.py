# pyright: basic
"""The native integration: `NASTuner`, and `NASOracle` in tuners of Keras Tuner."""

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy
import pytest
from keras_tuner.src.engine.oracle import LOCKS

from nasbridge import (
    BackendError,
    Chain,
    Choice,
    History,
    Integer,
    MedianPruner,
    RandomSearch,
    RegularizedEvolution,
    Repeat,
    Search,
    Space,
    Trial,
    layer,
)
from nasbridge.adapters.keras_tuner import NASOracle, NASTuner, ReportEpochs, load, suggest
from nasbridge.engine import TooManyFailures
from nasbridge.spaces import variants_of

pytestmark = [
    pytest.mark.usefixtures("eager"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config"),
    pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer"),
]

RNG = numpy.random.default_rng(0)
X, Y = RNG.random((32, 6), "float32"), RNG.integers(3, size=32)
EVOLUTION = RegularizedEvolution(population=3, sample=2)
SPACE = Chain(
    Repeat(
        Choice({"dense": layer("Dense", units=Integer(2, 9)), "relu": layer("ReLU")}, name="op"),
        times=Integer(1, 3, name="depth"),
    ),
    layer("Dense", units=3, activation="softmax"),
)


def build_model(hp: Any) -> keras.Model:
    """A function with a conditional scope, and with a loop of unknown length."""
    hidden: list[Any] = [keras.Input((6,))]
    for number in range(hp.Int("layers", 1, 3)):
        hidden.append(keras.layers.Dense(hp.Int(f"units_{number}", 2, 8), activation="relu"))
    optimizer = hp.Choice("optimizer", ["sgd", "adam"])
    with hp.conditional_scope("optimizer", ["sgd"]):
        if optimizer == "sgd":
            optimizer = keras.optimizers.SGD(hp.Float("rate", 1e-3, 1e-1, sampling="log"))
    model = keras.Sequential([*hidden, keras.layers.Dense(3, activation="softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def searched(tuner: keras_tuner.Tuner, epochs: int = 1, **settings: Any) -> Any:
    tuner.search(X, Y, validation_data=(X, Y), epochs=epochs, verbose=0, **settings)
    return tuner


def tuner_of(directory: Path, space: Any = SPACE, **settings: Any) -> NASTuner:
    standard: dict[str, Any] = {"objective": "val_loss", "max_trials": 6, "seed": 3}
    return NASTuner(space, strategy=EVOLUTION, directory=directory, **standard | settings)


def called(function: Callable[[int, Any], None]) -> Any:
    """Return a callback that calls a function after each epoch."""
    return keras.callbacks.LambdaCallback(on_epoch_end=function)


def choices(trials: Iterable[Trial]) -> list[dict[str, object]]:
    return [dict(trial.architecture.choices) for trial in trials]


def assert_equals_a_bare_search(history: History, strategy: Any = EVOLUTION) -> None:
    """Check that a bare search proposes the same after the same trials."""
    search = Search(strategy, history.space, history.objectives, history.seed)
    for trial in history:
        assert search.ask(trial.number).choices == trial.architecture.choices
        search.tell(trial)


def test_nastuner_has_all_features_of_a_tuner(tmp_path: Path, capsys: Any) -> None:
    board = keras.callbacks.TensorBoard(str(tmp_path / "board"))
    tuner = tuner_of(tmp_path, executions_per_trial=2, max_trials=4)
    assert isinstance(tuner, keras_tuner.Tuner)
    searched(tuner, epochs=2, callbacks=[board])
    history = tuner.history
    assert [trial.state for trial in history] == ["complete"] * 4
    assert_equals_a_bare_search(history)
    for trial in history:
        assert [step.step for step in trial.curve] == [0, 1]
        best = min(trial.curve, key=lambda step: step.metrics["val_loss"])
        assert trial.values == best.metrics
        row = tuner.oracle.get_trial(str(trial.number))
        assert row.score == trial.values["val_loss"]
        assert len(row.metrics.get_history("val_loss")[0].value) == 2  # executions
    assert {f.name for f in (tmp_path / "board").glob("*/*")} >= {"execution0", "execution1"}
    (model,) = tuner.get_best_models()
    (best_hp,) = tuner.get_best_hyperparameters()
    assert model.count_params() == history.best.values["parameters"]
    assert tuner.hypermodel is not None
    assert tuner.hypermodel.build(best_hp).count_params() == model.count_params()
    tuner.results_summary()
    assert f"Score: {history.best.values['val_loss']}" in capsys.readouterr().out
    assert load(tuner).trials == load(tuner.project_dir).trials == history.trials


def test_trainings_are_seeded_and_no_model_is_built_in_advance(tmp_path: Path) -> None:
    built: list[object] = []

    def build(hp: Any) -> keras.Model:
        built.append(hp)
        return build_model(hp)

    first = tuner_of(tmp_path / "a", build, max_trials=3)
    assert not built
    second = tuner_of(tmp_path / "b", build, max_trials=3)
    values = [[dict(t.values) for t in searched(tuner).history] for tuner in (first, second)]
    assert values[0] == values[1]
    assert len(built) == 6


def test_an_interrupted_search_resumes(tmp_path: Path) -> None:
    expected = searched(tuner_of(tmp_path / "whole")).history

    def interrupt(epoch: int, logs: Any) -> None:
        if (tmp_path / "cut" / "untitled_project" / "trial_3").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        searched(tuner_of(tmp_path / "cut"), callbacks=[called(interrupt)])
    project = tmp_path / "cut" / "untitled_project"
    states = [trial.state for trial in load(project)]
    assert states == ["complete"] * 3 + ["running"]
    for name in (
        "oracle.json",
        "tuner0.json",
    ):  # half-written
        text = (project / name).read_text()
        (project / name).write_text(text[: len(text) // 2])
    history = searched(tuner_of(tmp_path / "cut")).history
    assert choices(history) == choices(expected)
    assert [dict(t.values) for t in history] == [dict(t.values) for t in expected]
    longer = searched(tuner_of(tmp_path / "cut", max_trials=8)).history
    assert choices(longer)[:6] == choices(expected)
    assert len(longer) == 8


def test_a_project_of_another_space_is_rejected(tmp_path: Path) -> None:
    searched(tuner_of(tmp_path, max_trials=1))
    other = Chain(layer("Dense", units=Integer(1, 3)))
    with pytest.raises(BackendError, match=r"space fingerprint .*another project_name"):
        tuner_of(tmp_path, other)
    tuner_of(tmp_path, other, overwrite=True)


def test_bad_trials_stop_early_and_are_reported(tmp_path: Path, capsys: Any) -> None:
    def worse(epoch: int, logs: Any) -> None:  # in trials 3 and 5
        began = len(list(tmp_path.glob("*/trial_*")))
        logs["val_loss"] = 1 / (epoch + 1) + (began in (4, 6))

    tuner = tuner_of(tmp_path, pruner=MedianPruner(startup=2), executions_per_trial=2)
    history = searched(tuner, epochs=3, callbacks=[called(worse)]).history
    assert [t.state for t in history] == ["complete"] * 3 + ["pruned", "complete", "pruned"]
    pruned = history[3]
    assert [step.step for step in pruned.curve] == [0, 1]
    assert pruned.values == pruned.curve[-1].metrics
    assert tuner.oracle.get_trial("3").status == "COMPLETED"
    assert {row.trial_id for row in tuner.oracle.get_best_trials(4)} == {"0", "1", "2", "4"}
    tuner.results_summary()
    assert "Trial 3 was stopped early at step 1" in capsys.readouterr().out
    assert_equals_a_bare_search(history)
    assert load(tuner.project_dir).trials == history.trials


def test_several_objectives_give_a_pareto_front(tmp_path: Path) -> None:
    tuner = tuner_of(tmp_path, objective={"val_accuracy": "max", "parameters": "min"})
    front = searched(tuner).pareto()
    assert front == load(tuner.project_dir).pareto
    points = [(-t.values["val_accuracy"], t.values["parameters"]) for t in tuner.history]
    expected = [
        p for p in points if not any(o != p and o[0] <= p[0] and o[1] <= p[1] for o in points)
    ]
    found = [(-t.values["val_accuracy"], t.values["parameters"]) for t in front]
    assert set(found) == set(expected)


def test_failed_and_oversized_models_are_skipped_and_reported(tmp_path: Path, capsys: Any) -> None:
    def build(hp: Any) -> keras.Model:
        if hp.Int("units", 1, 9) % 3 == 0:
            raise MemoryError("no memory for it")
        return build_model(hp)

    tuner = searched(tuner_of(tmp_path, build, max_trials=8, max_model_size=45))
    failed = tuner.history.of_state("failed")
    errors = {trial.notes["error"].split(":")[0] for trial in failed}
    assert errors == {"MemoryError", "FailedTrialError"}
    assert len(tuner.get_best_models(8)) == 8 - len(failed) > 0
    tuner.results_summary()
    shown = capsys.readouterr().out
    assert "MemoryError: no memory for it" in shown
    assert "Oversized model" in shown


def test_a_limited_space_bounds_the_proposals(tmp_path: Path) -> None:
    tuner = searched(tuner_of(tmp_path, SPACE.limit((6,), parameters=60)))
    assert all(trial.values["parameters"] <= 60 for trial in tuner.history)


def test_a_search_ends_after_its_seconds_or_with_its_space(tmp_path: Path) -> None:
    assert not searched(tuner_of(tmp_path / "a", max_seconds=0)).history
    few = Chain(layer("Dense", units=Choice([3, 4, 5])))
    assert len(searched(tuner_of(tmp_path / "b", few, max_trials=9)).history) == 3


@pytest.mark.parametrize("make", [NASTuner, keras_tuner.Tuner])
def test_every_search_of_a_tuner_has_its_own_seconds(make: Any, tmp_path: Path) -> None:
    slow = called(lambda epoch, logs: time.sleep(0.6))
    if make is NASTuner:
        tuner: Any = tuner_of(tmp_path, max_seconds=0.5)
    else:
        tuner = plain(tmp_path, NASOracle("val_loss", strategy=EVOLUTION, max_seconds=0.5))
    for searches in (1, 2, 3):
        assert len(load(searched(tuner, callbacks=[slow])).of_state("complete")) == searches


def test_consecutive_failures_end_the_search_and_release_the_lock(tmp_path: Path) -> None:
    def build(hp: Any) -> keras.Model:
        hp.Int("units", 1, 99)
        raise RuntimeError("always")

    tuner = tuner_of(tmp_path, build, oracle={"max_consecutive_failed_trials": 3})
    with pytest.raises(TooManyFailures, match=r"last 3 trials failed.*RuntimeError: always"):
        searched(tuner)
    assert not LOCKS[tuner.oracle].locked()
    assert len(load(tuner.project_dir).of_state("failed")) == 3
    with pytest.raises(TooManyFailures, match="last 3 trials failed"):
        searched(tuner)
    assert len(load(tuner.project_dir).of_state("failed")) == 6


def test_variants_are_compiled_like_their_model(tmp_path: Path) -> None:
    def half_error(true: Any, predicted: Any) -> Any:  # cannot be imported by another process
        mean: Any = keras.ops.mean(keras.ops.square(true - predicted), axis=-1)
        return mean / 2

    layers = [keras.Input((6,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(1)]
    model: Any = keras.Sequential(layers)
    optimizer: Any = keras.optimizers.SGD(0.25, momentum=0.5)
    metric: Any = keras.metrics.MeanAbsoluteError(name="distance")
    model.compile(optimizer, half_error, metrics=[metric], loss_weights=[2.0])
    model.fit(X, Y, verbose=0)
    kept = model.get_weights(), optimizer.iterations.numpy(), metric.result().numpy()
    space = variants_of(model).limit((6,), parameters=1000)
    tuner = searched(tuner_of(tmp_path, space, objective={"val_distance": "min"}, max_trials=3))
    build: Any = tuner.hypermodel.build
    variants = [build(row.hyperparameters) for row in tuner.oracle.trials.values()]
    for variant in variants:
        assert variant.optimizer.get_config() == optimizer.get_config()
        assert variant.optimizer is not optimizer
        assert variant.loss is half_error
        assert variant.get_compile_config()["loss_weights"] == [2.0]
    assert all("val_distance" in trial.values for trial in tuner.history)
    for before, after in zip(kept[0], model.get_weights(), strict=True):
        numpy.testing.assert_array_equal(before, after)
    assert kept[1:] == (optimizer.iterations.numpy(), metric.result().numpy())
    other: Any = tuner_of(
        tmp_path / "other", space, objective="val_loss", loss="mae", input_shape=(6,)
    )
    variant = other.hypermodel.build(tuner.oracle.get_trial("0").hyperparameters)
    assert (variant.loss, type(variant.optimizer)) == ("mae", keras.optimizers.SGD)


def plain(directory: Path, oracle: NASOracle, build: Any = build_model) -> keras_tuner.Tuner:
    return keras_tuner.Tuner(oracle=oracle, hypermodel=build, directory=directory)


def test_a_plain_function_forms_a_space(tmp_path: Path) -> None:
    def oracle() -> NASOracle:
        return NASOracle("val_loss", strategy=EVOLUTION, max_trials=10, seed=3)

    keras.utils.set_random_seed(0)  # a plain tuner does not seed trainings
    tuner = searched(plain(tmp_path / "a", oracle()))
    history = load(tuner)
    known = {decision.name: decision for decision in history.space.decisions}
    assert set(known) == {"layers", "units_0", "units_1", "units_2", "optimizer", "rate"}
    assert [c.decision for c in known["rate"].conditions[0]] == ["optimizer"]
    assert len(history) == 10
    for trial in history:
        assert ("rate" in trial.architecture) == (trial.architecture["optimizer"] == "sgd")
        row = tuner.oracle.get_trial(f"{trial.number:02d}")
        shown = {n: v for n, v in row.hyperparameters.values.items() if n in trial.architecture}
        assert shown == dict(trial.architecture)
    keras.utils.set_random_seed(0)
    again: Any = plain(tmp_path / "b", oracle())
    again.oracle.max_trials = 4
    assert len(load(searched(again))) == 4
    again.oracle.max_trials = 10  # a second search of one tuner continues the first
    assert choices(load(searched(again))) == choices(history)
    assert load(again.project_dir).trials == load(again).trials


def test_a_function_gets_the_proposals_of_a_bare_search(tmp_path: Path) -> None:
    hp = keras_tuner.HyperParameters()
    for number in range(3):
        hp.Int(f"units_{number}", 2, 8)
    hp.Int("layers", 1, 3)
    hp.Choice("optimizer", ["sgd", "adam"])
    with hp.conditional_scope("optimizer", ["sgd"]):
        hp.Float("rate", 1e-3, 1e-1, sampling="log")
    oracle = NASOracle("val_loss", 6, strategy=EVOLUTION, hyperparameters=hp, seed=3)
    tuner = searched(plain(tmp_path, oracle))
    assert_equals_a_bare_search(load(tuner))
    other = plain(tmp_path, NASOracle("val_loss", 6, strategy=EVOLUTION, seed=3))
    assert load(other).trials == load(tuner).trials


def test_a_function_may_contain_a_space(tmp_path: Path) -> None:
    """Other hyperparameters are drawn, with the same values in every process."""

    def build(hp: Any) -> keras.Model:
        model = suggest(hp, SPACE).build((6,))
        rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
        model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
        return model

    rates: list[list[float]] = []
    for place in ("a", "b"):
        oracle = NASOracle("val_loss", 4, strategy=RandomSearch(), space=SPACE, seed=3)
        tuner = searched(plain(tmp_path / place, oracle, build))
        assert_equals_a_bare_search(load(tuner), RandomSearch())
        rates.append([t.hyperparameters["rate"] for t in tuner.oracle.trials.values()])
    assert rates[0] == rates[1]
    assert len(set(rates[0])) == 4


@pytest.mark.filterwarnings("ignore:The use case of calling")
def test_report_epochs_reports_and_stops_in_any_tuner(tmp_path: Path) -> None:
    def worse(epoch: int, logs: Any) -> None:
        began = len(list(tmp_path.glob("*/trial_*")))
        logs["val_loss"] = 1 / (epoch + 1) + (began == 4)

    pruner = MedianPruner(startup=2)
    oracle = NASOracle(
        "val_loss", 5, strategy=EVOLUTION, space=Space({"units": Integer(3, 12)}), pruner=pruner
    )

    def build(hp: Any) -> keras.Model:
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(hp.Int("units", 3, 12))])
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    tuner = plain(tmp_path, oracle, build)
    history = load(searched(tuner, epochs=3, callbacks=[called(worse), ReportEpochs(tuner)]))
    assert [t.state for t in history] == ["complete"] * 3 + ["pruned", "complete"]
    assert [len(t.curve) for t in history] == [3, 3, 3, 2, 3]


def test_a_project_of_another_tuner_is_read_and_continued(tmp_path: Path) -> None:
    native = keras_tuner.RandomSearch(build_model, "val_loss", 3, seed=1, directory=tmp_path)
    searched(native)
    with pytest.raises(BackendError, match=r"objectives of .* not known.*objectives="):
        load(native.project_dir)
    begun = load(native.project_dir, objectives={"val_loss": "min"})
    assert [trial.values["val_loss"] for trial in begun] == [
        row.score for row in native.oracle.trials.values()
    ]
    tuner = searched(plain(tmp_path, NASOracle("val_loss", 5, strategy=EVOLUTION)))
    assert choices(load(tuner))[:3] == choices(load(native.project_dir))[:3]
    assert len(load(tuner)) == 5
    state = json.loads((Path(tuner.project_dir) / "oracle.json").read_text())
    assert len(state["end_order"]) == 5
