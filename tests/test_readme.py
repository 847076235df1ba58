"""Every Python block of the README runs, each in a process and a folder of its own."""

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

README = Path(__file__).resolve().parent.parent / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)

DATA = """
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


TABLE = """
import numpy, pandas

rng = numpy.random.default_rng(0)
table = pandas.DataFrame(rng.random((60, 3))).add_prefix("x")
table["target"] = (table["x0"] > 0.5).astype(int)
"""


class Block(NamedTuple):
    """A block of the README, and what is done to it.

    Attributes:
        holds: What tells it from the others.
        before: What the reader has.
        shorter: Numbers that only make it last.
        after: What must be so in the end.
    """

    holds: str
    before: str = ""
    shorter: Mapping[str, str] = {}
    after: str = ""


EXPECTED = [
    Block(
        "KerasEvaluator",
        DATA,
        {"epochs=5": "epochs=2", "trials=20": "trials=2"},
        'if __name__ == "__main__":\n'
        "    assert len(history.of_state('complete')) == 2\n"
        "    assert model.count_params() == history.best.values['parameters']\n"
        "    assert model.predict(x, verbose=0).shape == (32, 10)\n",
    ),
    Block(
        "library.nas_bench_201",
        after="assert cells.count() == 15625\n"
        "assert best.cost((32, 32, 3)).parameters <= 300_000\n"
        "assert open('cell.svg').read().startswith('<svg')\n",
    ),
    Block("NASSampler", after="assert len(study.trials) == 30 and study.best_value > 0\n"),
    Block(
        "library.cnn",
        DATA,
        {
            "epochs=5": "epochs=1",
            "max_trials=20": "max_trials=2",
            "population=10, sample=3": "2, 1",
        },
        "assert model.count_params() <= 50_000\n"
        "assert len(tuner.history.of_state('complete')) == 2\n",
    ),
    Block(
        "NASOracle",
        DATA + BUILD_MODEL,
        {"epochs=5": "epochs=1", "max_trials=20": "max_trials=2"},
        "assert len(tuner.get_best_models(2)) == 2\n",
    ),
    Block(
        "variants_of(model)",
        DATA + BUILD_MODEL + "model = build_model(keras_tuner.HyperParameters())\n",
        {
            "epochs=5": "epochs=1",
            "max_trials=20": "max_trials=2",
            "population=10, sample=3": "2, 1",
        },
        "assert 1 <= len(tuner.pareto()) <= 2\n",
    ),
    Block(
        "NASBlock",
        DATA,
        {"epochs=5": "epochs=1, verbose=0", "max_trials=20": "max_trials=2"},
        "assert len(model.tuner.history.of_state('complete')) == 2\n",
    ),
    Block(
        "NASSearcher",
        'import ray\nray.init("local", num_cpus=2, include_dashboard=False)\n',
        {"num_samples=20": "num_samples=4"},
        "assert len(results) == len(searcher.history) == 4 and not results.errors\n",
    ),
    Block(
        "nas_hyperparameters",
        TABLE,
        {"trials=20": "trials=2", "epochs=50": "epochs=1"},
        "names = set(predictor.model_names())\n"
        "assert {'KerasModel/T1', 'KerasModel/T2', 'RandomForest'} <= names\n",
    ),
]


# They start no processes; the one that they are forked from has loaded Keras once for all of them.
FORKED = {"NASBlock", "NASOracle", "variants_of(model)", "library.cnn", "nas_hyperparameters"}


def test_every_block_is_known() -> None:
    assert len(BLOCKS) == len(EXPECTED), "a block was added or taken away: change EXPECTED, too"


@pytest.mark.frameworks
@pytest.mark.parametrize("block", EXPECTED, ids=[block.holds for block in EXPECTED])
def test_the_block_runs(block: Block, tmp_path: Path) -> None:
    source = BLOCKS[EXPECTED.index(block)]
    assert block.holds in source
    for long, short in block.shorter.items():
        assert source.count(long) == 1
        source = source.replace(long, short)
    file, output = tmp_path / "block.py", tmp_path / "output.txt"
    output.touch()
    file.write_text(f"{block.before}\n{source}\n{block.after}")
    if block.holds in FORKED:
        process = multiprocessing.get_context("forkserver").Process(target=run, args=(file, output))
        process.start()
        try:
            process.join(300)
        finally:
            process.kill()  # what hangs must not outlive its test
            process.join()
        code = process.exitcode
    else:
        command = [sys.executable, str(file)]
        with output.open("w") as said:
            code = subprocess.run(command, cwd=tmp_path, stderr=said, check=False).returncode
    assert code == 0, output.read_text()


def run(file: Path, output: Path) -> None:
    """Run a program as Python does, in its folder, in this process."""
    os.chdir(file.parent)
    with output.open("w") as said:
        os.dup2(said.fileno(), sys.stderr.fileno())
    runpy.run_path(str(file), run_name="__main__")
