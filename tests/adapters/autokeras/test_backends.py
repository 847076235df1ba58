# pyright: basic
"""The native integration under other Keras backends, and with a chief and workers."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.frameworks

SECONDS = 240  # timeout of a process

CODE = """
import sys
sys.modules["tensorflow"] = None  # nothing needs it
import autokeras, json, keras, numpy, os, time, types
from keras_tuner.src.distribute import oracle_chief
from sklearn.datasets import load_digits
from nasbridge import Chain, Choice, RandomSearch, Search, layer
from nasbridge.adapters.autokeras import NASBlock, NASTuner, load

# A chief sleeps for 20 seconds between two looks at its workers.
oracle_chief.time = types.SimpleNamespace(sleep=lambda seconds: time.sleep(min(seconds, 0.2)))
_, place, trials = sys.argv
images, digits = load_digits(return_X_y=True)
x, y = images[:500].reshape(-1, 8, 8, 1).astype("float32") / 16, digits[:500]
space = Chain(
    layer("Flatten"),
    layer("Dense", units=Choice([32, 64], name="width")),
    Choice({"relu": layer("ReLU"), "tanh": layer("Activation", activation="tanh")}, name="op"),
)
source = autokeras.ImageInput()
output = autokeras.ClassificationHead(dropout=0)(NASBlock(space)(source))
model = autokeras.AutoModel(
    source, output, tuner=NASTuner, strategy=RandomSearch(), objective="val_accuracy",
    others={"learning_rate": 1e-2}, max_trials=int(trials), seed=3, directory=place,
)
model.fit(x[:400], y[:400], validation_data=(x[400:], y[400:]), epochs=3, verbose=0)
found = {"backend": keras.backend.backend(), "states": [t.state for t in load(place)]}
if os.environ.get("KERASTUNER_TUNER_ID", "chief") == "chief":
    history = model.tuner.history
    search = Search(RandomSearch(), space, history.objectives, 3)
    asked = sorted(history, key=lambda t: t.number)  # a history is in the order of the ends
    model.export_model().save(place + "/best.keras")
    again = keras.models.load_model(place + "/best.keras", autokeras.CUSTOM_OBJECTS)
    labels = model.predict(x[400:], verbose=0).ravel().astype(int)
    found |= {
        "proposals": all(search.ask(t.number).choices == t.architecture.choices for t in asked),
        "best": history.best.values["val_accuracy"],
        "predicted": float((labels == y[400:]).mean()),
        "exported": float((again.predict(x[400:], verbose=0).argmax(1) == y[400:]).mean()),
    }
print(json.dumps(found))
"""


def started(place: Path, trials: int, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", CODE, str(place), str(trials)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    try:
        out, errors = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    result: dict[str, Any] = json.loads(out.splitlines()[-1])
    return result


def assert_found(found: dict[str, Any], trials: int) -> None:
    assert found["states"] == ["complete"] * trials
    assert found["proposals"]
    assert found["best"] > 0.5
    assert found["predicted"] == found["exported"] == pytest.approx(found["best"], abs=1e-6)


def test_a_block_is_searched_under_another_keras_backend(tmp_path: Path) -> None:
    found = result_of(started(tmp_path, 2, KERAS_BACKEND="torch"))
    assert found["backend"] == "torch"
    assert_found(found, 2)


def test_a_chief_and_a_worker_share_a_search(tmp_path: Path) -> None:
    """The chief provides the best network; the worker ends with its trials."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {
        "KERASTUNER_ORACLE_IP": "127.0.0.1",
        "KERASTUNER_ORACLE_PORT": str(port),
        "KERAS_BACKEND": "torch",
    }
    names = ("chief", "worker")
    processes = [started(tmp_path, 4, KERASTUNER_TUNER_ID=name, **common) for name in names]
    try:
        chief, worker = [result_of(process) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert_found(chief, 4)
    assert worker["states"]
