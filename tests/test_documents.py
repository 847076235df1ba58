"""Every Python block of the README and of docs/ runs, each in a new folder."""

import multiprocessing
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
DOCUMENTS = {
    file.relative_to(REPOSITORY).as_posix(): file.read_text("utf-8")
    for file in [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
}
BLOCKS = {
    f"{name}#{number}": source
    for name, text in DOCUMENTS.items()
    for number, source in enumerate(PYTHON.findall(text))
}

IMAGES = """
import numpy

rng = numpy.random.default_rng(0)
x, y = rng.random((32, 8, 8, 1), "float32"), rng.integers(10, size=32)
x_val, y_val = x[:16], y[:16]
"""

BUILD_MODEL = """
import keras, keras_tuner

def build_model(hp):
    units = hp.Int("units", 4, 32, step=4)
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Dense(units, "relu")(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(10, "softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
"""

RAY = """
import ray

ray.init("local", num_cpus=2, include_dashboard=False)
"""

TUNER = {"epochs=5": "epochs=1", "max_trials=20": "max_trials=2"}


class Block(NamedTuple):
    """How a block is run.

    Attributes:
        contains: A text that identifies it, in case blocks are added or moved.
        before: What the reader's own code supplies.
        shorter: Numbers that only make it take longer, each of which occurs once.
        after: Assertions on the result.
        process: Whether it needs a new process, because it starts workers. The others are
            forked from one process that has loaded Keras.
        only_compiled: Why it is not run; the test that covers it instead.
    """

    contains: str
    before: str = ""
    shorter: Mapping[str, str] = {}
    after: str = ""
    process: bool = False
    only_compiled: str = ""


EXPECTED = {
    "README.md#0": Block(
        "KerasEvaluator",
        shorter={"epochs=5": "epochs=1", "trials=20": "trials=2"},
        after='if __name__ == "__main__":\n'
        "    assert len(history.of_state('complete')) == 2\n"
        "    assert model.count_params() == history.best.values['parameters']\n",
        process=True,
    ),
    "README.md#1": Block(
        "NASTuner",
        IMAGES,
        TUNER,
        "assert len(tuner.history.of_state('complete')) == 2\n"
        "assert model.predict(x, verbose=0).shape == (32, 10)\n",
    ),
    "README.md#2": Block(
        "NASSampler", after="assert len(study.trials) == 30 and study.best_value > 0\n"
    ),
    "docs/integrations/optuna.md#2": Block(
        "extra", after="assert len(study.trials) == 20 and study.best_value < 0.02\n"
    ),
    "docs/concepts/one_rule.md#0": Block("proposals(8)"),
    "docs/concepts/spaces.md#0": Block(
        "library.nas_bench_201",
        after="assert cells.count() == 15625\n"
        "assert best.cost((32, 32, 3)).parameters <= 300_000\n"
        "assert open('cell.svg').read().startswith('<svg')\n",
    ),
    "docs/concepts/spaces.md#1": Block(
        "Network(",
        after='assert sorted(model.output_names) == ["price", "topic"]\n'
        "assert space.count() == 4\n",
    ),
    "docs/concepts/strategies.md#0": Block("BayesianOptimization(initial=6)"),
    "docs/guides/moving.md#0": Block("continue_from"),
    "docs/integrations/autogluon.md#0": Block(
        "nas_hyperparameters",
        after="names = set(predictor.model_names())\n"
        "assert {'KerasModel/T1', 'KerasModel/T2', 'RandomForest'} <= names\n",
    ),
    "docs/integrations/autogluon.md#1": Block(
        "fit_in_two_passes", only_compiled="tests/adapters/autogluon/test_passes.py"
    ),
    "docs/integrations/autogluon.md#2": Block("TorchModel"),
    "docs/integrations/autokeras.md#0": Block(
        "NASBlock",
        IMAGES,
        {**TUNER, "epochs=5": "epochs=1, verbose=0"},
        "assert len(model.tuner.history.of_state('complete')) == 2\n",
    ),
    "docs/integrations/autokeras.md#1": Block("ImageClassifier"),
    "docs/integrations/keras_tuner.md#0": Block(
        "library.cnn",
        IMAGES,
        TUNER,
        "assert model.count_params() <= 50_000\n"
        "assert len(tuner.history.of_state('complete')) == 2\n",
    ),
    "docs/integrations/keras_tuner.md#1": Block(
        "NASOracle",
        IMAGES + BUILD_MODEL,
        TUNER,
        "assert len(tuner.get_best_models(2)) == 2\n",
    ),
    "docs/integrations/keras_tuner.md#2": Block(
        "variants_of(model)",
        IMAGES + BUILD_MODEL + "model = build_model(keras_tuner.HyperParameters())\n",
        TUNER,
        "assert 1 <= len(tuner.pareto()) <= 2\n",
    ),
    "docs/integrations/nni.md#0": Block(
        'run("nni"', only_compiled="tests/adapters/nni: a managed run with an assessor"
    ),
    "docs/integrations/nni.md#1": Block("to_native(space, nested=True)"),
    "docs/integrations/optuna.md#0": Block("MedianPruner"),
    "docs/integrations/optuna.md#1": Block(
        "NASSampler", after="assert len(study.trials) == 30 and study.best_value > 0\n"
    ),
    "docs/integrations/ray_tune.md#0": Block(
        'run("ray_tune"', only_compiled="tests/adapters/ray_tune/test_conformance.py"
    ),
    "docs/integrations/ray_tune.md#1": Block(
        "NASSearcher",
        RAY,
        {"num_samples=20": "num_samples=4"},
        "assert len(results) == len(searcher.history) == 4 and not results.errors\n",
        process=True,
    ),
}


def test_every_block_is_known() -> None:
    assert list(BLOCKS) == sorted(EXPECTED, key=list(BLOCKS).index)
    wrong = [name for name, block in EXPECTED.items() if block.contains not in BLOCKS[name]]
    assert not wrong, "these blocks were moved: change EXPECTED"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_link_targets_exist(document: str) -> None:
    folder = (REPOSITORY / document).parent
    links = {link for link in LINK.findall(DOCUMENTS[document]) if "://" not in link}
    assert not [link for link in sorted(links) if not (folder / link).exists()]


def test_the_index_reaches_every_page() -> None:
    reached, new = set[Path](), {REPOSITORY / "docs" / "index.md"}
    while new:
        page = new.pop()
        reached.add(page)
        links = (page.parent / link for link in LINK.findall(page.read_text("utf-8")))
        new |= {found.resolve() for found in links if found.suffix == ".md"} - reached
    assert set((REPOSITORY / "docs").rglob("*.md")) <= reached


@pytest.mark.frameworks
@pytest.mark.parametrize("name", EXPECTED)
def test_the_block_runs(name: str, tmp_path: Path) -> None:
    block, source = EXPECTED[name], BLOCKS[name]
    if block.only_compiled:
        compile(source, name, "exec")
        return
    for long, short in block.shorter.items():
        assert source.count(long) == 1
        source = source.replace(long, short)
    file, output = tmp_path / "block.py", tmp_path / "output.txt"
    output.touch()
    file.write_text(f"{block.before}\n{source}\n{block.after}")
    code = in_process(file, output) if block.process else in_fork(file, output)
    assert code == 0, output.read_text()


def in_process(file: Path, output: Path) -> int:
    """Run a program in a new process; return its exit code."""
    with output.open("w") as log:
        command = [sys.executable, str(file)]
        return subprocess.run(command, cwd=file.parent, stderr=log, check=False).returncode


def in_fork(file: Path, output: Path) -> int | None:
    """Run a program in a fork of a process that has loaded Keras; return its exit code."""
    process = multiprocessing.get_context("forkserver").Process(target=run, args=(file, output))
    process.start()
    try:
        process.join(300)
    finally:
        process.kill()  # a block that hangs must not outlive its test
        process.join()
    return process.exitcode


def run(file: Path, output: Path) -> None:
    """Run a program as Python does, in its folder, in this process."""
    os.chdir(file.parent)
    with output.open("w") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
    runpy.run_path(str(file), run_name="__main__")
