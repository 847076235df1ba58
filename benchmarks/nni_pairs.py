# pyright: basic
"""NNI with nasbridge compared with unpatched NNI: wrong networks, and time per trial.

    python benchmarks/nni_pairs.py   # writes docs/benchmarks/nni_measured.md; about 13 minutes

Pairs: 40 trials of examples/digits.py for one epoch each, two at a time. Their processes sleep for
a random time before they request parameters, and three crash before that. Each trial saves its
trained `keras.Model`; a trial is wrong if the layers differ from those of the architecture in NNI's
database. Time: ten trials of one second, two at a time, from start to end; both variants alternate.
Unpatched NNI runs the same strategy as a tuner by class name, and trials that `import nni`. It also
listens on the loopback address only.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nni.experiment import Experiment as NNIExperiment
from nni.experiment.config import CustomAlgorithmConfig

from nasbridge import Choice, Experiment, History, RandomSearch, Space
from nasbridge.adapters.nni import architecture_from, manager
from nasbridge.adapters.nni.compat import NODE_OPTIONS
from nasbridge.adapters.nni.database import database_at, read_database
from nasbridge.adapters.nni.manager import CLIENT, free_port
from nasbridge.engine import ActiveTrial
from nasbridge.engine.modules import load_module
from nasbridge.spaces import Architecture

REPOSITORY = Path(__file__).resolve().parent.parent
DIGITS = REPOSITORY / "examples" / "digits.py"
SHAPE = 8, 8, 1  # of the digits images
CRASHES = (3, 11, 20)  # trials whose processes exit before they request parameters

LATE = f"""
import os, random, sys, time
number = int(os.environ["NNI_TRIAL_SEQ_ID"])
time.sleep(random.Random(number).random() * 2)
if number in {CRASHES}:
    sys.exit(1)
"""

BRIDGED = f"""{LATE}
os.execv(sys.executable, [sys.executable, "-I", "-S", {str(CLIENT)!r}])
"""

STOCK = f"""{LATE}
import nni
parameters = nni.get_next_parameter()
sys.path.insert(0, {str(REPOSITORY / "benchmarks")!r})
from nni_pairs import digits
from nasbridge.adapters.nni import architecture_from
experiment = digits()
evaluate = experiment.evaluate
train, validation = evaluate.data()
architecture = architecture_from(parameters, experiment.space)
model = evaluate.train(architecture, train, validation, seed=number)
model.save(os.path.join(os.environ["NNI_OUTPUT_DIR"], "model.keras"))
nni.report_final_result(model.evaluate(*validation, verbose=0, return_dict=True)["accuracy"])
"""

SLEEPER = """
import os, time
import nni
nni.get_next_parameter()
time.sleep(1)
nni.report_final_result(float(os.environ["NNI_TRIAL_SEQ_ID"]))
"""


def digits() -> Experiment:
    """Return a shorter version of the example's experiment, loaded only where it is needed."""
    found: Experiment = load_module("digits", DIGITS).experiment
    evaluate: Any = found.evaluate
    return replace(found, evaluate=replace(evaluate, epochs=1, save=True), trials=40)


def evaluate_a_second(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Sleep for a second, as the trials of unpatched NNI do."""
    time.sleep(1)
    return {"score": float(trial.number)}


experiment = Experiment(
    Space({f"edge_{k}": Choice(list("abcde")) for k in range(8)}),
    evaluate_a_second,
    {"score": "max"},
    RandomSearch(),
    trials=10,
)


def bridged(place: Path, wanted: Experiment, trial: str | None) -> tuple[float, History]:
    """Run an experiment under NNI with nasbridge; return the seconds and the history."""
    command = manager.COMMAND
    if trial is not None:
        (place / "trial.py").write_text(trial)
        manager.COMMAND = f'exec "$NASBRIDGE_PYTHON" -S "{place / "trial.py"}"'
    began = time.perf_counter()
    try:
        history = wanted.run("nni", place, 2)
    finally:
        manager.COMMAND = command
    return time.perf_counter() - began, history


def stock(place: Path, file: Path, trials: int, trial: str) -> float:
    """Run the experiment of a file under unpatched NNI; return the seconds."""
    began = time.perf_counter()
    (place / "trial.py").write_text(trial)
    running = NNIExperiment("local")
    running.config.search_space = {}
    running.config.trial_command = f"{sys.executable} trial.py"
    running.config.trial_code_directory = str(place)
    running.config.trial_concurrency = 2
    running.config.max_trial_number = trials
    running.config.experiment_working_directory = str(place)
    running.config.tuner = CustomAlgorithmConfig(
        class_name="nasbridge.adapters.nni.NASTuner",
        code_directory=str(place),
        class_args={"experiment": str(file)},
    )
    os.environ["NODE_OPTIONS"], os.environ["NASBRIDGE_STOCK"] = NODE_OPTIONS, "1"
    try:
        running.start(free_port())
        while running.get_status() not in ("DONE", "ERROR", "STOPPED"):
            time.sleep(0.2)
        running.stop()
    finally:
        del os.environ["NODE_OPTIONS"], os.environ["NASBRIDGE_STOCK"]
    return time.perf_counter() - began


def layers(model: Any) -> str:
    """Return the layers and connections of a network as JSON, which turns tuples into lists."""
    return json.dumps(model.get_config()["layers"])


def wrong(place: Path, is_bridged: bool) -> tuple[int, int]:
    """Return the number of trials with a wrong network, and the number of checked trials."""
    file = database_at(place / "nni" if is_bridged else place)
    import keras

    space = digits().space
    bad = checked = 0
    for job in read_database(file).jobs:
        folder = file.parent.parent / "environments" / "local-env" / "trials" / job.id
        if is_bridged:
            folder = place / "trials" / f"{job.sequence:05d}"
        if job.record is not None and (folder / "model.keras").exists():
            trained = keras.models.load_model(folder / "model.keras")
            shown = architecture_from(job.record["parameters"], space).build(SHAPE)
            checked += 1
            bad += layers(trained) != layers(shown)
    return bad, checked


def pairs() -> str:
    """Run the digits with both variants; return the table rows."""
    rows: list[str] = []
    with TemporaryDirectory() as name:
        place = Path(name)
        seconds, history = bridged(place, digits(), BRIDGED)
        failed = {trial.number for trial in history.of_state("failed")}
        if failed != set(CRASHES):
            raise SystemExit(f"the trials {sorted(failed)} failed instead of {CRASHES}")
        bad, checked = wrong(place, True)
        rows.append(f"| nasbridge | {checked} | {bad} | {seconds:.0f} |")
        print(rows[-1], flush=True)
    with TemporaryDirectory() as name:
        place = Path(name)
        seconds = stock(place, DIGITS, 40, STOCK)
        bad, checked = wrong(place, False)
        rows.append(f"| unpatched NNI | {checked} | {bad} | {seconds:.0f} |")
        print(rows[-1], flush=True)
    return "\n".join(rows)


def main() -> None:
    """Measure, write the tables, print them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--output", type=Path, default=REPOSITORY / "docs" / "benchmarks" / "nni_measured.md"
    )
    parser.add_argument("--pairs", type=int, default=3)
    arguments = parser.parse_args()
    table = pairs()
    times: list[tuple[float, float]] = []
    for _ in range(arguments.pairs):
        with TemporaryDirectory() as one, TemporaryDirectory() as other:
            seconds, _ = bridged(Path(one), experiment, None)
            times.append((seconds, stock(Path(other), Path(__file__).resolve(), 10, SLEEPER)))
            print(times[-1], flush=True)
    ratio = statistics.median(other / one for one, other in times)
    timed = "\n".join(f"| {one:.1f} | {other:.1f} |" for one, other in times)
    arguments.output.write_text(
        f"""# NNI with nasbridge, and unpatched NNI

Forty trials of `examples/digits.py`, two at a time, trained for one epoch instead of ten. The trial
processes of NNI sleep for a random time before they request their parameters, and three crash
before that; only these three trials fail. Each trial saves its trained `keras.Model`, whose layers
are compared with those of the architecture in NNI's database.

| | trained trials | different network in NNI's database | seconds |
|---|---|---|---|
{table}

(With nasbridge, each worker loads Keras once; unpatched NNI loads it in each trial.)

Ten trials of one second, two at a time; seconds from start to end, with alternating variants. The
median ratio is {ratio:.1f}.

| nasbridge | unpatched NNI (tuner by class name, `import nni` in trials) |
|---|---|
{timed}

Load average after the run: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores. Made by
`python benchmarks/nni_pairs.py`; Python {platform.python_version()}, NNI {version("nni")}, Keras
{version("keras")}.
"""
    )
    print(arguments.output.read_text())


if __name__ == "__main__":
    main()
