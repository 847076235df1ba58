# pyright: basic
"""Memory of a run and its worker processes over 100 trials of the digits example.

    python benchmarks/memory.py                          # writes docs/benchmarks/memory.md
    python benchmarks/memory.py --backend keras_tuner    # writes memory_keras_tuner.md there

TensorFlow leaks a few MB per trained network, even if the session is cleared; worker processes are
therefore replaced periodically. The figure is the peak unique memory (USS) of the process and its
workers during a trial: the maximum of the last 20 trials is compared with the maximum of trials 11
to 30, by when every worker has been replaced at least once.

For Keras Tuner, three ways are measured, each in a separate process: the managed run, the native
integration (`NASTuner`, which trains in its own process), and the tuner's first networks trained
in a loop by Keras alone.
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

from digits import SEED, SPACE, data  # noqa: E402  (examples are not a package)

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
FIRST = 20  # number of networks that Keras trains alone
EPOCHS, BATCH = 2, 64


def memory(process: psutil.Process) -> float:
    """Return the unique memory of a process and its descendants, in MB."""
    total = 0
    for each in (process, *process.children(recursive=True)):
        try:
            total += each.memory_full_info().uss
        except psutil.Error:  # the process has just ended
            continue
    return total / MB


class Watch:
    """Samples memory four times a second, and records the peak of each trial."""

    def __init__(self) -> None:
        self.peaks: list[float] = []
        self._peak = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def begun(self, history: History | None) -> None:
        """Start sampling."""
        self._thread.start()

    def finished(self, trial: Trial | None) -> None:
        """Record the peak since the last trial."""
        self.peaks.append(self._peak)
        self._peak = 0.0

    def _sample(self) -> None:
        process = psutil.Process()
        while not self._ended.wait(0.25):
            self._peak = max(self._peak, memory(process))


def run(watch: Watch, backend: str, trials: int, jobs: int) -> dict[str, int]:
    """Run an experiment as a managed run; return the number of failed trials."""
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
    """Search with a `NASTuner`; return the numbers of failed trials and of models still alive."""
    import keras  # a managed run imports neither in its main process

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
    """Train the tuner's first networks without a tuner, and clear the session before each."""
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


def measure(way: str, arguments: argparse.Namespace) -> None:
    """Measure one way in this process, and print the result as JSON."""
    watch, began = Watch(), time.monotonic()
    if way == RUN:
        counts = run(watch, arguments.backend, arguments.trials, arguments.jobs)
    else:
        counts = search(watch, arguments.trials) if way == TUNER else loop(watch)
    print(json.dumps({"peaks": watch.peaks, "seconds": time.monotonic() - began, **counts}))


def measured(way: str) -> dict[str, Any]:
    """Measure one way in a separate process."""
    command = [sys.executable, __file__, *sys.argv[1:], "--way", way]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(output.splitlines()[-1])


def grown(peaks: list[float]) -> str:
    """Return the growth of memory from trials 11 to 30 to the last 20."""
    return f"**{max(peaks[-20:]) - max(peaks[10:30]):+.0f} MB**"


def rows(columns: list[list[float]], trials: int) -> str:
    """Return the table rows of peaks, one for each ten trials."""
    lines: list[str] = []
    for first in range(0, trials, 10):
        parts = [peaks[first : first + 10] for peaks in columns]
        cells = " | ".join(f"{max(part):.0f}" if part else "" for part in parts)
        lines.append(f"| {first + 1} to {first + 10} | {cells} |")
    return "\n".join(lines)


def summary(found: dict[str, dict[str, Any]]) -> str:
    """Return the explanation of the table of Keras Tuner."""
    tuner, alone = found[TUNER], found[LOOP]
    shares = [
        f"{(max(peaks[FIRST - 5 : FIRST]) - max(peaks[:5])) / (FIRST - 5):.0f}"
        for peaks in (tuner["peaks"], alone["peaks"])
    ]
    return f"""
Growth of `NASTuner`, which trains in its own process: {grown(tuner["peaks"])}
({tuner["seconds"]:.0f} s, {tuner["failed"]} failed). For comparison: each of the first {FIRST}
networks left {shares[0]} MB under `NASTuner`, and {shares[1]} MB when Keras alone trained the same
networks in a loop that cleared its session and collected garbage. Keras models still alive after
the search: {tuner["alive"]}. If memory grows too much, use `experiment.run("keras_tuner")`, or
restart the script periodically: it continues the search.
"""


def page(found: dict[str, dict[str, Any]], arguments: argparse.Namespace) -> str:
    """Return the page."""
    managed = found[RUN]
    local = arguments.backend == "local"
    heads = "peak MB" if local else f'`{RUN}("{arguments.backend}")` | `{TUNER}` | {LOOP}'
    command = "benchmarks/memory.py" + ("" if local else f" --backend {arguments.backend}")
    return f"""# Memory over {arguments.trials} trials{"" if local else " under Keras Tuner"}

Unique memory (USS) of the run and its {arguments.jobs} worker processes, peak in MB, over random
architectures of `examples/digits.py` ({EPOCHS} epochs each, {managed["failed"]} failed, \
{managed["seconds"]:.0f} s in total).
Growth from trials 11 to 30 to the last 20: {grown(managed["peaks"])}.
{"" if local else summary(found)}
| trials | {heads} |
|---{"|---" * len(found)}|
{rows([one["peaks"] for one in found.values()], arguments.trials)}

Made by `python {command}`, seed {SEED}; Python
{platform.python_version()}, Keras {version("keras")}, TensorFlow {version("tensorflow-cpu")}.
"""


def main() -> None:
    """Measure each way over 100 trials, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", choices=["local", "keras_tuner"], default="local")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--output", type=Path, help="the page; docs/benchmarks/memory*.md by default"
    )
    parser.add_argument("--way", help="measure only this way, and print the result as JSON")
    arguments = parser.parse_args()
    if arguments.way:
        measure(arguments.way, arguments)
        return
    ways = [RUN] if arguments.backend == "local" else [RUN, TUNER, LOOP]
    ending = "" if arguments.backend == "local" else f"_{arguments.backend}"
    output = arguments.output or REPOSITORY / "docs" / "benchmarks" / f"memory{ending}.md"
    output.write_text(page({way: measured(way) for way in ways}, arguments))
    print(output.read_text())


if __name__ == "__main__":
    main()
