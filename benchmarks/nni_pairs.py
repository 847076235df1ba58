# pyright: basic
"""NNI with nasbridge beside NNI as it is: are networks those that were trained, and how fast.

    python benchmarks/nni_pairs.py   # writes docs/benchmarks/nni_measured.md; about 13 minutes

Pairs: 40 trials of examples/digits.py for one epoch each, two at a time. The processes that NNI
starts for them sleep at random before they ask for their parameters; three crash before they do.
Each trial saves the `keras.Model` that it has trained; wrong is one whose layers are not those of
the architecture in NNI's database. Time: ten trials of one second, two at a time, from the start
to the end of everything; both ways in turn. NNI as it is runs the same strategy, as a class by its
name, and trials that `import nni`. It is kept on the loopback address, too.
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
SHAPE = 8, 8, 1  # of the digits
CRASHES = (3, 11, 20)  # trials whose processes die before they ask

LATE = f"""
import os, random, sys, time
number = int(os.environ["NNI_TRIAL_SEQ_ID"])
time.sleep(random.Random(number).random() * 2)
if number in {CRASHES}:
    sys.exit(1)
"""

OURS = f"""{LATE}
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
    """Return the example's experiment, shorter; workers of the other one need not load it."""
    found: Experiment = load_module("digits", DIGITS).experiment
    evaluate: Any = found.evaluate
    return replace(found, evaluate=replace(evaluate, epochs=1, save=True), trials=40)


def evaluate_a_second(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Do what the sleeping trials of NNI do."""
    time.sleep(1)
    return {"score": float(trial.number)}


experiment = Experiment(
    Space({f"edge_{k}": Choice(list("abcde")) for k in range(8)}),
    evaluate_a_second,
    {"score": "max"},
    RandomSearch(),
    trials=10,
)


def ours(place: Path, wanted: Experiment, trial: str | None) -> tuple[float, History]:
    """Run under NNI with nasbridge; return the seconds that it took, and what it says."""
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
    """Run a file's experiment under NNI as it is; return the seconds that it took."""
    began = time.perf_counter()
    (place / "trial.py").write_text(trial)
    told = NNIExperiment("local")
    told.config.search_space = {}
    told.config.trial_command = f"{sys.executable} trial.py"
    told.config.trial_code_directory = str(place)
    told.config.trial_concurrency = 2
    told.config.max_trial_number = trials
    told.config.experiment_working_directory = str(place)
    told.config.tuner = CustomAlgorithmConfig(
        class_name="nasbridge.adapters.nni.NASTuner",
        code_directory=str(place),
        class_args={"experiment": str(file)},
    )
    os.environ["NODE_OPTIONS"], os.environ["NASBRIDGE_STOCK"] = NODE_OPTIONS, "1"
    try:
        told.start(free_port())
        while told.get_status() not in ("DONE", "ERROR", "STOPPED"):
            time.sleep(0.2)
        told.stop()
    finally:
        del os.environ["NODE_OPTIONS"], os.environ["NASBRIDGE_STOCK"]
    return time.perf_counter() - began


def layers(model: Any) -> str:
    """Return a network's layers with their settings and wires; a saved one has lists for tuples."""
    return json.dumps(model.get_config()["layers"])


def wrong(place: Path, is_ours: bool) -> tuple[int, int]:
    """Return how many trials have another network in NNI's database, and of how many."""
    file = database_at(place / "nni" if is_ours else place)
    import keras

    space = digits().space
    bad = checked = 0
    for job in read_database(file).jobs:
        folder = file.parent.parent / "environments" / "local-env" / "trials" / job.id
        if is_ours:
            folder = place / "trials" / f"{job.sequence:05d}"
        if job.record is not None and (folder / "model.keras").exists():
            trained = keras.models.load_model(folder / "model.keras")
            shown = architecture_from(job.record["parameters"], space).build(SHAPE)
            checked += 1
            bad += layers(trained) != layers(shown)
    return bad, checked


def pairs() -> str:
    """Run the digits both ways; return the rows of the table."""
    rows: list[str] = []
    with TemporaryDirectory() as name:
        place = Path(name)
        seconds, history = ours(place, digits(), OURS)
        failed = {trial.number for trial in history.of_state("failed")}
        if failed != set(CRASHES):
            raise SystemExit(f"the trials {sorted(failed)} failed, not {CRASHES}")
        bad, checked = wrong(place, True)
        rows.append(f"| nasbridge | {checked} | {bad} | {seconds:.0f} |")
        print(rows[-1], flush=True)
    with TemporaryDirectory() as name:
        place = Path(name)
        seconds = stock(place, DIGITS, 40, STOCK)
        bad, checked = wrong(place, False)
        rows.append(f"| NNI as it is | {checked} | {bad} | {seconds:.0f} |")
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
            mine, _ = ours(Path(one), experiment, None)
            times.append((mine, stock(Path(other), Path(__file__).resolve(), 10, SLEEPER)))
            print(times[-1], flush=True)
    ratio = statistics.median(theirs / mine for mine, theirs in times)
    timed = "\n".join(f"| {mine:.1f} | {theirs:.1f} |" for mine, theirs in times)
    arguments.output.write_text(
        f"""# NNI with nasbridge, and NNI as it is

Forty trials of `examples/digits.py`, two at a time: its networks in Keras, trained for one epoch
each instead of ten. The processes that NNI starts for trials sleep at random before they ask for
their parameters, and three crash before they do, which costs these trials alone. Each trial saves
the `keras.Model` that it has trained; its layers are compared with those of the architecture that
NNI's database has for the trial.

| | trials that trained | with another network in NNI's database | seconds |
|---|---|---|---|
{table}

(With nasbridge, workers load Keras once; NNI as it is loads it in each trial.)

Ten trials of one second, two at a time; seconds from start to end, both ways in turn. The median
ratio is {ratio:.1f}.

| nasbridge | NNI as it is (tuner by class name, `import nni` in trials) |
|---|---|
{timed}

Load average of the machine afterwards: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores. Made by
`python benchmarks/nni_pairs.py`; Python {platform.python_version()}, NNI {version("nni")}, Keras
{version("keras")}.
"""
    )
    print(arguments.output.read_text())


if __name__ == "__main__":
    main()
