# pyright: basic
"""The native integration: `NASBlock` in AutoModels that `NASTuner` searches."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import autokeras
import keras
import keras_tuner
import numpy
import pytest
from autokeras.engine.tuner import AutoTuner
from autokeras.graph import Graph, load_graph

from nasbridge import (
    BackendError,
    Chain,
    Choice,
    Experiment,
    Integer,
    RandomSearch,
    Real,
    Search,
    Space,
    Trial,
    layer,
)
from nasbridge.adapters.autokeras import NASBlock, NASTuner, load
from nasbridge.adapters.autokeras.space import ProductSpace
from nasbridge.spaces import UnknownLayer
from nasbridge.testing import STRATEGIES, strategy

pytestmark = [
    pytest.mark.usefixtures("eager"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config"),
]


def proposed(model: Any) -> list[dict[str, Any]]:
    """Return the values of the networks that AutoKeras has built."""
    rows = model.tuner.oracle.trials.values()
    return [row.hyperparameters.values for row in rows]


def test_a_block_is_searched_and_no_value_is_drawn_unseeded(
    auto: Any, tmp_path: Path, capsys: Any
) -> None:
    model = auto.make(tmp_path)
    kind: type = type(model.tuner)
    assert issubclass(kind, AutoTuner)
    auto.fit(model, epochs=2)
    history = model.tuner.history
    assert history.space is auto.space
    assert (model.tuner.space, model.tuner.strategy, model.tuner.seed) == (
        auto.space,
        auto.evolution,
        3,
    )
    assert [trial.state for trial in history] == ["complete"] * 5
    auto.assert_equals_a_bare_search(history)
    kept = {"head/dropout": 0, "optimizer": "adam", "learning_rate": 1e-3}
    for trial, built in zip(history, proposed(model), strict=True):
        own = {f"nas_block/{name}": v for name, v in trial.architecture.choices.items()}
        assert built == own | kept
        assert [step.step for step in trial.curve] == [0, 1]
    again = auto.fit(auto.make(tmp_path / "again"), epochs=2).tuner.history
    assert auto.results(again) == auto.results(history)
    assert load(model).trials == load(tmp_path).trials == history.trials
    assert load(tmp_path).space == auto.space
    model.tuner.results_summary(1)
    assert "nas_block/depth" in capsys.readouterr().out


def test_proposals_equal_those_of_local(auto: Any, tmp_path: Path) -> None:
    """The objective is the number of parameters, which both evaluate to the same value."""
    whole = Chain(auto.space, layer("Dense", units=3))

    def evaluate(architecture: Any, trial: Any) -> dict[str, float]:
        made = whole.architecture(architecture.choices)
        return {"parameters": float(made.cost((6,)).parameters)}

    goal = {"parameters": "max"}
    local = Experiment(auto.space, evaluate, goal, auto.evolution, trials=8, seed=3).run("local")
    model = auto.fit(auto.make(tmp_path, objective=goal, max_trials=8))
    here = [dict(t.architecture.choices) for t in model.tuner.history]
    assert here == [dict(t.architecture.choices) for t in local]
    assert [t.values["parameters"] for t in model.tuner.history] == [
        t.values["parameters"] for t in local
    ]


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_name_of_a_block_does_not_change_proposals(auto: Any, name: str) -> None:
    joint = ProductSpace({"some_block": auto.space})
    goal = Experiment(auto.space, lambda a, t: {}, {"score": "max"}).objectives
    searches = [Search(strategy(name), space, goal, 3) for space in (auto.space, joint)]
    for number in range(15):
        alone, within = (search.ask(number) for search in searches)
        assert dict(within.choices) == {f"some_block/{k}": v for k, v in alone.choices.items()}
        for search, architecture in zip(searches, (alone, within), strict=True):
            search.tell(Trial(number, architecture, "complete", {"score": len(alone) + number % 3}))


def test_the_exported_network_loads_without_nasbridge(auto: Any, tmp_path: Path) -> None:
    model = auto.fit(auto.make(tmp_path, max_trials=2))
    exported = model.export_model()
    exported.save(tmp_path / "best.keras")
    numpy.save(tmp_path / "x.npy", auto.x)
    code = (
        "import sys, autokeras, keras, numpy\n"
        "model = keras.models.load_model('best.keras', autokeras.CUSTOM_OBJECTS)\n"
        "assert 'nasbridge' not in sys.modules\n"
        "numpy.save('y.npy', model.predict(numpy.load('x.npy'), verbose=0))\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, cwd=tmp_path)
    y = exported.predict(auto.x, verbose=0)
    numpy.testing.assert_allclose(numpy.load(tmp_path / "y.npy"), y, atol=1e-6)
    assert set(model.predict(auto.x, verbose=0).ravel()) <= {"0", "1", "2"}
    # Nothing was trained after the search, so the exported network has the score of the search.
    loss = exported.evaluate(auto.x[-4:], keras.utils.to_categorical(auto.y[-4:], 3), verbose=0)[0]
    assert loss == pytest.approx(model.tuner.history.best.values["val_loss"], rel=1e-5)
    saved: Any = keras.models.load_model(
        model.tuner.best_model_path, autokeras.CUSTOM_OBJECTS, compile=False
    )
    numpy.testing.assert_allclose(saved.predict(auto.x, verbose=0), y, atol=1e-6)


def test_a_refitted_network_predicts_and_is_exported(auto: Any, tmp_path: Path) -> None:
    model = auto.fit(auto.make(tmp_path, max_trials=2, refit=True), epochs=2)
    exported = model.export_model()
    (checkpoint,) = model.tuner.get_best_models()
    assert any(
        not numpy.allclose(new, old)
        for new, old in zip(exported.get_weights(), checkpoint.get_weights(), strict=True)
    )


def test_a_block_is_saved_with_its_space(auto: Any, tmp_path: Path) -> None:
    graph = load_graph(str(Path(auto.make(tmp_path).tuner.project_dir) / "graph"))
    assert isinstance(graph, Graph)
    (block,) = [block for block in graph.blocks if isinstance(block, NASBlock)]
    assert (block.space, block.name) == (auto.space, "nas_block")
    config = NASBlock(auto.space.where(lambda a: a["depth"] > 1), name="deep").get_config()
    json.dumps(config)
    with pytest.raises(BackendError, match="block 'deep' was not saved"):
        NASBlock.from_config(config)


def test_other_tuners_search_a_block(auto: Any, tmp_path: Path) -> None:
    source = autokeras.Input()
    output = auto.head()(NASBlock(auto.space)(source))
    model: Any = autokeras.AutoModel(
        source, output, tuner="random", max_trials=2, directory=tmp_path
    )
    auto.fit(model)
    history = load(model, objectives={"val_loss": "min"})
    assert {"nas_block/depth", "optimizer"} <= {d.name for d in history.space.decisions}
    rows = model.tuner.oracle.trials.values()
    assert [trial.values["val_loss"] for trial in history] == [row.score for row in rows]


def test_invalid_blocks_are_rejected(auto: Any, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="takes a space of networks, not 3"):
        NASBlock(3)  # type: ignore[arg-type]
    with pytest.raises(BackendError, match=r"NASBlock 'nas_block' is invalid.*values only"):
        NASBlock(Space({"units": Integer(1, 3)}))
    with pytest.raises(UnknownLayer, match="did you mean 'Dense'"):
        NASBlock(layer("Dens", units=Integer(1, 3)))
    with pytest.raises(BackendError, match="two blocks are called 'nas_block'"):
        auto.make(tmp_path, NASBlock(auto.space), NASBlock(auto.space))
    hp, two = keras_tuner.HyperParameters(), [keras.Input((6,)), keras.Input((6,))]
    with pytest.raises(BackendError, match=r"2 inputs.*autokeras\.Merge"):
        NASBlock(auto.space).build(hp, two)
    with pytest.raises(BackendError, match=r"shape \(None, 6\), with unknown sizes"):
        NASBlock(auto.space).build(hp, keras.Input((None, 6)))


def test_several_blocks_and_other_hyperparameters(auto: Any, tmp_path: Path) -> None:
    others = {
        "optimizer": "sgd",
        "learning_rate": Real(1e-4, 1e-1, log=True),
        "head/dropout": Choice([0.0, 0.5]),
    }
    blocks = [NASBlock(auto.space, name="first"), NASBlock(auto.space.where(deep), name="second")]
    settings = {"others": others, "strategy": RandomSearch(), "max_trials": 6}
    model = auto.fit(auto.make(tmp_path, *blocks, **settings))
    history = model.tuner.history
    auto.assert_equals_a_bare_search(history, RandomSearch())
    for trial, built in zip(history, proposed(model), strict=True):
        architecture = trial.architecture
        assert built == dict(architecture) | {"optimizer": "sgd"}
        assert architecture["second/depth"] > 1
        first = architecture.graph("first").vertices
        assert len(first) == 1 + architecture["first/depth"]
    assert {built["head/dropout"] for built in proposed(model)} == {0.0, 0.5}
    assert len({built["learning_rate"] for built in proposed(model)}) == 6
    assert load(tmp_path, history.space).trials == history.trials
    with pytest.raises(BackendError, match="blocks second were not saved"):
        load(tmp_path)
    with pytest.raises(BackendError, match=r"with others .*'optimizer': \{'value': 'sgd'\}"):
        auto.make(tmp_path, *copies(blocks), others={**others, "optimizer": "adam"})


def deep(architecture: Any) -> bool:
    return bool(architecture["depth"] > 1)


def copies(blocks: list[Any]) -> list[NASBlock]:
    return [NASBlock(block.space, name=block.name) for block in blocks]


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"optimizer": Choice(["adam", 1])}, "a Choice of numbers, of strings"),
        ({"optimizer": keras.optimizers.SGD}, "a Choice of numbers, of strings"),
        ({"nas_block/depth": 2}, "belongs to a NASBlock"),
    ],
)
def test_invalid_values_of_others_are_rejected(
    auto: Any, tmp_path: Path, others: Any, message: str
) -> None:
    with pytest.raises(BackendError, match=message):
        auto.make(tmp_path, others=others)


def test_a_strategy_searches_a_task(auto: Any, tmp_path: Path) -> None:
    """An unchanged `ImageClassifier`, restricted to small networks."""
    kept = {
        "image_block_1/block_type": "vanilla",
        "image_block_1/normalize": False,
        "image_block_1/augment": False,
        "image_block_1/conv_block_1/num_blocks": 1,
        "image_block_1/conv_block_1/separable": False,
        "optimizer": "adam",
        "learning_rate": 1e-3,
    }
    images = numpy.random.default_rng(1).random((24, 8, 8), "float32")

    def classifier(place: str) -> Any:
        model = autokeras.ImageClassifier(
            tuner=NASTuner,
            strategy=auto.evolution,
            others=kept,
            directory=tmp_path / place,
            max_trials=4,
            objective="val_loss",
            seed=3,
        )
        return auto.fit(model, images)

    model = classifier("a")
    history = model.tuner.history
    assert [trial.state for trial in history] == ["complete"] * 4
    opened = {decision.name for decision in history.space.decisions}
    assert opened >= {
        "image_block_1/conv_block_1/num_layers",
        "image_block_1/conv_block_1/filters_0_0",
        "classification_head_1/dropout",
    }
    assert not opened & kept.keys()
    for built in proposed(model):
        assert built.items() >= kept.items()
    assert len({str(sorted(trial.architecture.items())) for trial in history}) > 1
    assert auto.results(classifier("b").tuner.history) == auto.results(history)
    assert load(tmp_path / "a" / "image_classifier").trials == history.trials


def test_others_are_searched_without_a_block(auto: Any, tmp_path: Path) -> None:
    source = autokeras.Input(name="source")
    model: Any = autokeras.AutoModel(
        source,
        auto.head()(autokeras.DenseBlock(num_layers=1, name="dense")(source)),
        tuner=NASTuner,
        others={"dense/units_0": Integer(3, 7)},
        strategy=RandomSearch(),
        max_trials=3,
        directory=tmp_path,
    )
    auto.fit(model)
    units = [built["dense/units_0"] for built in proposed(model)]
    assert units == [trial.architecture["dense/units_0"] for trial in model.tuner.history]
    assert len({*units}) == 3
    assert all(unit in range(3, 8) for unit in units)


def test_text_and_tables(auto: Any, tmp_path: Path) -> None:
    words = numpy.array(["red fish", "blue fish", "one two", "two red"] * 6)
    tables = numpy.array([["a", "1"], ["b", "2"]] * 12)
    text, table = autokeras.TextInput(name="text"), autokeras.StructuredDataInput(name="table")
    reading = Chain(
        layer("Embedding", input_dim=20_001, output_dim=4),
        Choice(
            {
                "mean": layer("GlobalAveragePooling1D"),
                "gru": layer("GRU", units=Integer(2, 4)),
            },
            name="read",
        ),
    )
    both = autokeras.Merge(merge_type="concatenate")(
        [NASBlock(reading, name="words")(text), NASBlock(auto.space, name="numbers")(table)]
    )
    model: Any = autokeras.AutoModel(
        [text, table],
        [auto.head()(both), autokeras.RegressionHead(name="other")(both)],
        tuner=NASTuner,
        strategy=RandomSearch(),
        max_trials=2,
        directory=tmp_path,
        seed=4,
    )
    auto.fit(model, [words, tables], [auto.y, auto.x[:, :1]])
    failed = model.tuner.history.of_state("failed")
    assert not [trial.notes["traceback"] for trial in failed]
    history = model.tuner.history
    assert {name.split("/")[0] for t in history for name in t.architecture} == {"words", "numbers"}
    labels, numbers = model.predict([words, tables], verbose=0)
    assert (len(labels), len(numbers)) == (24, 24)
