"""Memory of a whole run, worker processes included, over 100 trials of the digits example.

    python benchmarks/memory.py            # writes docs/memory.md

TensorFlow keeps about 7 MB of every network that a process has trained, whatever is cleared; the
worker processes are therefore replaced now and then. The figure is the unique memory (USS) of the
process and its workers when a trial ends: the highest of trials 11 to 30, by when every worker has
been replaced at least once, against the highest of the last 20.
"""

import argparse
import platform
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "examples"))

from digits import SEED, SPACE, data  # noqa: E402  (an example is no package)

from nasbridge import Experiment, History, KerasEvaluator, RandomSearch, Trial  # noqa: E402

MB = 2**20


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
    """Notes the highest memory between two ends of trials, ten times a second."""

    def __init__(self) -> None:
        self.peaks: list[float] = []
        self._peak = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def begun(self, history: History) -> None:
        """Begin to look."""
        self._thread.start()

    def finished(self, trial: Trial) -> None:
        """Note the peak since the last trial."""
        self.peaks.append(self._peak)
        self._peak = 0.0

    def _look(self) -> None:
        process = psutil.Process()
        while not self._ended.wait(0.1):
            self._peak = max(self._peak, memory(process))


def main() -> None:
    """Run 100 trials and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=REPOSITORY / "docs" / "memory.md")
    arguments = parser.parse_args()

    watch = Watch()
    evaluate = KerasEvaluator(data, epochs=2, batch_size=64)
    experiment = Experiment(
        SPACE,
        evaluate,
        objectives={"val_accuracy": "max"},
        strategy=RandomSearch(),
        trials=arguments.trials,
        seed=SEED,
    )
    began = time.monotonic()
    history = experiment.run(jobs=arguments.jobs, observer=watch)
    seconds = time.monotonic() - began
    failed = len(history.of_state("failed"))
    early, late = max(watch.peaks[10:30]), max(watch.peaks[-20:])
    rows = "\n".join(
        f"| {first + 1} to {first + 10} | {max(watch.peaks[first : first + 10]):.0f} |"
        for first in range(0, len(watch.peaks), 10)
    )
    arguments.output.write_text(
        f"""# Memory over {arguments.trials} trials

Unique memory (USS) of the run and its {arguments.jobs} worker processes, peak in MB, over random
architectures of `examples/digits.py` (2 epochs each, {failed} failed, {seconds:.0f} s in all).
Growth from trials 11 to 30 to the last 20: **{late - early:+.0f} MB**.

| trials | peak MB |
|---|---|
{rows}

Made by `python benchmarks/memory.py`, seed {SEED}; Python {platform.python_version()}, Keras
{version("keras")}, TensorFlow {version("tensorflow-cpu")}.
"""
    )
    print(arguments.output.read_text())


if __name__ == "__main__":
    main()
