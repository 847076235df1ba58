# pyright: basic
"""NNI with nasbridge beside NNI as it is: are architectures those that were trained, and how fast.

    python benchmarks/nni_pairs.py          # writes docs/nni_measured.md; about five minutes

Pairs: 40 trials, two at a time, that sleep at random before they ask for their parameters; three
crash before they do. Each writes down what it trained; wrong is a pair of trial and parameters in
NNI's database that says something else. Time: ten trials of one second, two at a time, from the
start to the end of everything; both ways in turn. NNI as it is runs the same strategy, as a class
by its name, and trials that `import nni`. It is kept on the loopback address, too.
"""

import argparse
import json
import os
import platform
import random
import signal
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from nni.experiment import Experiment as NNIExperiment
from nni.experiment.config import CustomAlgorithmConfig

from nasbridge import Choice, Experiment, RandomSearch, Space
from nasbridge.adapters import ActiveTrial
from nasbridge.adapters._nni_database import read_database
from nasbridge.adapters._nni_history import database_at
from nasbridge.adapters._nni_manager import NODE_OPTIONS, free_port
from nasbridge.adapters.nni import architecture_from
from nasbridge.spaces import Architecture

REPOSITORY = Path(__file__).resolve().parent.parent
SPACE = Space({f"edge_{k}": Choice(list("abcde")) for k in range(8)})
CRASHES = (3, 11, 20)  # trials that die before they ask

TRIAL = """
import json, os, random, sys, time
number, seconds = int(os.environ["NNI_TRIAL_SEQ_ID"]), float(sys.argv[1])
if not seconds:
    time.sleep(random.Random(number).random() * 2)
    if number in {crashes}:
        sys.exit(1)
import nni
parameters = nni.get_next_parameter()
with open(os.path.join(os.environ["NNI_OUTPUT_DIR"], "trained.json"), "w") as file:
    json.dump(parameters["arch"], file)
time.sleep(seconds)
nni.report_final_result(float(number))
"""


def evaluate(architecture: Architecture, trial: ActiveTrial) -> dict[str, float]:
    """Do what the trials of NNI do: sleep, perhaps die, write down what is trained."""
    if trial.budget is None:
        time.sleep(random.Random(trial.number).random() * 2)
        if trial.number in CRASHES:
            os.kill(os.getpid(), signal.SIGKILL)
    (trial.directory / "trained.json").write_text(json.dumps(dict(architecture.choices)))
    time.sleep(trial.budget or 0)
    return {"score": float(trial.number)}


experiment = Experiment(SPACE, evaluate, {"score": "max"}, RandomSearch(), trials=40, seed=0)


def ours(place: Path, trials: int, seconds: float) -> float:
    """Run under NNI with nasbridge; return the seconds that it took."""
    began = time.perf_counter()
    wanted = Experiment(
        SPACE,
        evaluate,
        {"score": "max"},
        RandomSearch(),
        trials=trials,
        seed=0,
        budget=seconds or None,
    )
    wanted.run("nni", place, 2)
    return time.perf_counter() - began


def stock(place: Path, trials: int, seconds: float) -> float:
    """Run under NNI as it is; return the seconds that it took."""
    began = time.perf_counter()
    (place / "trial.py").write_text(TRIAL.replace("{crashes}", str(CRASHES)))
    told = NNIExperiment("local")
    told.config.search_space = {}
    told.config.trial_command = f"{sys.executable} trial.py {seconds}"
    told.config.trial_code_directory = str(place)
    told.config.trial_concurrency = 2
    told.config.max_trial_number = trials
    told.config.experiment_working_directory = str(place)
    told.config.tuner = CustomAlgorithmConfig(
        class_name="nasbridge.adapters.nni.NASTuner",
        code_directory=str(place),
        class_args={"experiment": str(Path(__file__).resolve())},
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


def wrong(place: Path, is_ours: bool) -> tuple[int, int]:
    """Return how many trials have other parameters in NNI's database, and of how many."""
    file = database_at(place / "nni" if is_ours else place)
    bad = checked = 0
    for job in read_database(file).jobs:
        folder = file.parent.parent / "environments" / "local-env" / "trials" / job.id
        if is_ours:
            folder = place / "trials" / f"{job.sequence:05d}"
        if job.record is not None and (folder / "trained.json").exists():
            trained = json.loads((folder / "trained.json").read_text())
            trained.pop("_name", None)
            checked += 1
            shown = architecture_from(job.record["parameters"], SPACE)
            bad += dict(shown.choices) != trained
    return bad, checked


def main() -> None:
    """Measure, write the tables, print them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=REPOSITORY / "docs" / "nni_measured.md")
    parser.add_argument("--pairs", type=int, default=2)
    arguments = parser.parse_args()
    rows: list[str] = []
    for name, way in (("nasbridge", ours), ("NNI as it is", stock)):
        with TemporaryDirectory() as place:
            seconds = way(Path(place), 40, 0.0)
            bad, checked = wrong(Path(place), way is ours)
            rows.append(f"| {name} | {checked} | {bad} | {seconds:.0f} |")
            print(rows[-1], flush=True)
    times: list[tuple[float, float]] = []
    for _ in range(arguments.pairs):
        with TemporaryDirectory() as one, TemporaryDirectory() as other:
            times.append((ours(Path(one), 10, 1.0), stock(Path(other), 10, 1.0)))
            print(times[-1], flush=True)
    ratio = statistics.median(theirs / mine for mine, theirs in times)
    pairs = "\n".join(f"| {mine:.1f} | {theirs:.1f} |" for mine, theirs in times)
    table = "\n".join(rows)
    arguments.output.write_text(
        f"""# NNI with nasbridge, and NNI as it is

Forty trials, two at a time, that sleep at random. Three crash: with NNI before they ask for their
parameters, with nasbridge as the evaluation begins, since there nothing of the user's runs earlier.

| | trials that trained | with other parameters in NNI's database | seconds |
|---|---|---|---|
{table}

Ten trials of one second, two at a time; seconds from start to end, both ways in turn. The median
ratio is {ratio:.1f}.

| nasbridge | NNI as it is (tuner by class name, `import nni` in trials) |
|---|---|
{pairs}

Load average of the machine afterwards: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores. Made by
`python benchmarks/nni_pairs.py`; Python {platform.python_version()}, NNI {version("nni")}.
"""
    )
    print(arguments.output.read_text())


if __name__ == "__main__":
    main()
