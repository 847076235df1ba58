# pyright: basic
"""Memory of a whole run, worker processes included, over 100 trials of the digits example.

    python benchmarks/memory.py                          # writes docs/benchmarks/memory.md
    python benchmarks/memory.py --backend keras_tuner    # writes memory_keras_tuner.md there

TensorFlow keeps some MB of every network that a process has trained, whatever is cleared; the
worker processes are therefore replaced now and then. The figure is the unique memory (USS) of the
process and its workers when a trial ends: the highest of trials 11 to 30, by when every worker has
been replaced at least once, against the highest of the last 20.

Under Keras Tuner a `NASTuner` is measured beside, which trains in its own process, and what Keras
alone keeps of the tuner's first networks, trained in a loop. Each has a process of its own.
"""

import argparse
import gc
import json
import platform
import subprocess
import sys
import tempfile
import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "examples"))

from digits import SEED, SPACE, data  # noqa: E402  (an example is no package)

from nasbridge import (  # noqa: E402
    Experiment,
    History,
    KerasEvaluator,
    RandomSearch,
    Search,
    Trial,
)
from nasbridge.strategies import objectives_from  # noqa: E402

MB = 2**20
RUN, TUNER, LOOP = "experiment.run", "NASTuner", "Keras alone"
FIRST = 20  # networks that are trained by Keras alone
EPOCHS, BATCH = 2, 64


def memory(process: psutil.Process) -> float:
    """Return the unique memory of a process and all below it, in MB."""
    total = 0
    for each in (process, *process.children(recursive=True)):
        try:
            total += each.memory_full_info().uss
        except psutil.Error:  # it has just ended
            continue
    return total / MB


class Watch:
    """Notes the highest memory between two ends of trials, four times a second."""

    def __init__(self) -> None:
        self.peaks: list[float] = []
        self._peak = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def begun(self, history: History | None) -> None:
        """Begin to look."""
        self._thread.start()

    def finished(self, trial: Trial | None) -> None:
        """Note the peak since the last trial."""
        self.peaks.append(self._peak)
        self._peak = 0.0

    def _look(self) -> None:
        process = psutil.Process()
        while not self._ended.wait(0.25):
            self._peak = max(self._peak, memory(process))


def run(watch: Watch, backend: str, trials: int, jobs: int) -> dict[str, int]:
    """Run an experiment; return what its own process can say of it."""
    experiment = Experiment(
        SPACE,
        KerasEvaluator(data, epochs=EPOCHS, batch_size=BATCH),
        objectives={"val_accuracy": "max"},
        strategy=RandomSearch(),
        trials=trials,
        seed=SEED,
    )
    return {"failed": len(experiment.run(backend, jobs=jobs, observer=watch).of_state("failed"))}


def search(watch: Watch, trials: int) -> dict[str, int]:
    """Search with a tuner; return also how many networks are still alive when it has ended."""
    import keras  # the process of an experiment needs neither

    from nasbridge.adapters.keras_tuner import NASTuner

    class Watched(NASTuner):
        def on_trial_end(self, trial: Any) -> None:
            super().on_trial_end(trial)
            watch.finished(None)

    (x, y), validation = data()
    settings: dict[str, Any] = {"validation_data": validation, "batch_size": BATCH, "verbose": 0}
    with tempfile.TemporaryDirectory() as place:
        strategy, goal = RandomSearch(), "val_accuracy"
        tuner = Watched(SPACE, goal, trials, strategy=strategy, seed=SEED, directory=place)
        watch.begun(None)
        tuner.search(x, y, epochs=EPOCHS, **settings)
        failed = len(tuner.history.of_state("failed"))
    gc.collect()
    alive = sum(isinstance(thing, keras.Model) for thing in gc.get_objects())
    return {"failed": failed, "alive": alive}


def loop(watch: Watch) -> dict[str, int]:
    """Train the tuner's first networks without any tuner, and clear all after each."""
    import keras

    (x, y), validation = data()
    settings: dict[str, Any] = {"validation_data": validation, "batch_size": BATCH, "verbose": 0}
    search = Search(RandomSearch(), SPACE, objectives_from({"val_accuracy": "max"}), SEED)
    watch.begun(None)
    for number in range(FIRST):
        keras.backend.clear_session()
        gc.collect()
        model: Any = search.ask(number).build(x.shape[1:])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, epochs=EPOCHS, **settings)
        watch.finished(None)
    return {"failed": 0}


def measure(door: str, arguments: argparse.Namespace) -> None:
    """Measure one door in this process, and print what came out."""
    watch, began = Watch(), time.monotonic()
    if door == RUN:
        told = run(watch, arguments.backend, arguments.trials, arguments.jobs)
    else:
        told = search(watch, arguments.trials) if door == TUNER else loop(watch)
    print(json.dumps({"peaks": watch.peaks, "seconds": time.monotonic() - began, **told}))


def measured(door: str) -> dict[str, Any]:
    """Measure one door in a process of its own."""
    command = [sys.executable, __file__, *sys.argv[1:], "--door", door]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(told.splitlines()[-1])


def grown(peaks: list[float]) -> str:
    """Say by how much memory has grown from trials 11 to 30 to the last 20."""
    return f"**{max(peaks[-20:]) - max(peaks[10:30]):+.0f} MB**"


def rows(columns: list[list[float]], trials: int) -> str:
    """Return the rows of a table of peaks, each of ten trials."""
    lines: list[str] = []
    for first in range(0, trials, 10):
        parts = [peaks[first : first + 10] for peaks in columns]
        cells = " | ".join(f"{max(part):.0f}" if part else "" for part in parts)
        lines.append(f"| {first + 1} to {first + 10} | {cells} |")
    return "\n".join(lines)


def summary(found: dict[str, dict[str, Any]]) -> str:
    """Say what the table of Keras Tuner shows."""
    tuner, alone = found[TUNER], found[LOOP]
    shares = [
        f"{(max(peaks[FIRST - 5 : FIRST]) - max(peaks[:5])) / (FIRST - 5):.0f}"
        for peaks in (tuner["peaks"], alone["peaks"])
    ]
    return f"""
Growth of `NASTuner`, which trains in its own process: {grown(tuner["peaks"])}
({tuner["seconds"]:.0f} s, {tuner["failed"]} failed). Whose it is: of the first {FIRST} networks
each left {shares[0]} MB under `NASTuner`, and {shares[1]} MB where Keras alone trained the same
ones in a loop that cleared its session and collected garbage. When the search had ended, models of
Keras that were still alive: {tuner["alive"]}. Where that is too much, use
`experiment.run("keras_tuner")`, or start the script again now and then: it goes on where it was.
"""


def page(found: dict[str, dict[str, Any]], arguments: argparse.Namespace) -> str:
    """Return the page."""
    ours = found[RUN]
    local = arguments.backend == "local"
    heads = "peak MB" if local else f'`{RUN}("{arguments.backend}")` | `{TUNER}` | {LOOP}'
    command = "benchmarks/memory.py" + ("" if local else f" --backend {arguments.backend}")
    return f"""# Memory over {arguments.trials} trials{"" if local else " under Keras Tuner"}

Unique memory (USS) of the run and its {arguments.jobs} worker processes, peak in MB, over random
architectures of `examples/digits.py` ({EPOCHS} epochs each, {ours["failed"]} failed, \
{ours["seconds"]:.0f} s in all).
Growth from trials 11 to 30 to the last 20: {grown(ours["peaks"])}.
{"" if local else summary(found)}
| trials | {heads} |
|---{"|---" * len(found)}|
{rows([one["peaks"] for one in found.values()], arguments.trials)}

Made by `python {command}`, seed {SEED}; Python
{platform.python_version()}, Keras {version("keras")}, TensorFlow {version("tensorflow-cpu")}.
"""


def main() -> None:
    """Run 100 trials by each door and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", choices=["local", "keras_tuner"], default="local")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--output", type=Path, help="docs/benchmarks/memory.md, or its backend's own"
    )
    parser.add_argument("--door", help="measure one only, and print it as JSON")
    arguments = parser.parse_args()
    if arguments.door:
        measure(arguments.door, arguments)
        return
    doors = [RUN] if arguments.backend == "local" else [RUN, TUNER, LOOP]
    ending = "" if arguments.backend == "local" else f"_{arguments.backend}"
    output = arguments.output or REPOSITORY / "docs" / "benchmarks" / f"memory{ending}.md"
    output.write_text(page({door: measured(door) for door in doors}, arguments))
    print(output.read_text())


if __name__ == "__main__":
    main()
