# pyright: basic
"""Clusters: a node is killed during a run; no node has the resources of a trial."""

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from nasbridge import BackendError
from nasbridge.adapters.ray_tune import load, results
from nasbridge.adapters.ray_tune.resources import needed
from nasbridge.testing import chain, comparable, score

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("ray_cluster")]

PROGRAM = """
import sys, threading, time
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from nasbridge import Experiment, RegularizedEvolution
from nasbridge.testing import chain, score

# Busy machines answer late: a node is dead after two seconds without an answer.
QUICK = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 200,
         "health_check_failure_threshold": 10}

DOOMED, DEAD = Path(sys.argv[1] + ".doomed"), Path(sys.argv[1] + ".dead")

def evaluate(architecture, trial):
    node = ray.get_runtime_context().get_node_id()
    (trial.directory / "node").write_text(node)
    made = score(architecture)
    for step in (1, 2, 3):
        trial.report(step, score=made["score"] * step / 3)
        if step == 1 and node == DOOMED.read_text():
            (trial.directory / "waits").touch()
            time.sleep(600)  # its node is killed meanwhile
        while trial.number > 2 and not DEAD.exists():  # the first three are on one node each
            time.sleep(0.1)
    return made

def kill(cluster, node):
    while not any(Path(sys.argv[1]).glob("trials/*/waits")):
        time.sleep(0.1)
    cluster.remove_node(node, allow_graceful=False)
    DEAD.touch()

if __name__ == "__main__":
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "_system_config": QUICK}
    )
    node = [cluster.add_node(num_cpus=1) for _ in range(2)][-1]
    DOOMED.write_text(node.node_id)
    experiment = Experiment(
        chain(), evaluate, {"score": "max"}, RegularizedEvolution(10, 5), trials=12, seed=3
    )
    threading.Thread(target=kill, args=(cluster, node), daemon=True).start()
    try:
        experiment.run("ray_tune", sys.argv[1], 3, address=cluster.address, retries=2)
    finally:
        cluster.shutdown()
"""


def output_of(text: str, place: Path) -> str:
    """Run a program, and return its output."""
    program = place / "program.py"
    program.write_text(text)
    with TemporaryDirectory(prefix="ray") as own, (place / "output.txt").open("w+") as output:
        done = subprocess.run(
            [sys.executable, str(program), str(place / "run")],
            env={**os.environ, "RAY_TMPDIR": own},  # its address="auto" finds no other cluster
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=150,
            check=False,
        )
        output.seek(0)
        printed = output.read()
    assert done.returncode == 0, printed
    return printed


def test_a_killed_node_fails_no_trial(tmp_path: Path) -> None:
    output_of(PROGRAM, tmp_path)
    history = load(tmp_path / "run", chain())
    assert sorted(trial.number for trial in history) == list(range(12))  # none lost, none twice
    assert len({trial.architecture.canonical for trial in history}) == 12
    for trial in history:
        assert (trial.state, dict(trial.values)) == ("complete", score(trial.architecture))
        assert [step.step for step in trial.curve] == [1, 2, 3]
    assert sum(trial.notes.get("workers_lost", 0) for trial in history) == 1
    shown = results(tmp_path / "run")
    assert len(shown) == len(comparable(history))
    nodes = {file.read_text() for file in (tmp_path / "run" / "trials").glob("*/node")}
    assert (tmp_path / "run.doomed").read_text() not in nodes  # its trial ran again elsewhere


LACKING = """
import os, sys, warnings
from ray.cluster_utils import Cluster
from nasbridge import BackendError, Experiment, RandomSearch
from nasbridge.testing import chain, score

def evaluate(architecture, trial):
    (trial.directory / "gpu").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    return score(architecture)

def run(name, address=None, **resources):
    experiment = Experiment(chain(), evaluate, {"score": "max"}, RandomSearch(), trials=2)
    return experiment.run(
        "ray_tune",
        f"{sys.argv[1]}-{name}",
        2,
        address=address or cluster.address,
        resources=resources,
    )

def grow(message, *rest):
    print(message, flush=True)
    if "tray" in str(message):
        cluster.add_node(num_cpus=0, resources={"tray": 1})

if __name__ == "__main__":
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    os.environ["RAY_ADDRESS"] = cluster.address  # "auto" reads this first
    cluster.add_node(num_cpus=1, num_gpus=1)  # Ray does not look for the GPU
    try:
        for resources in ({"cpu": 2, "gpu": 0.5}, {"cpu": 100}):
            try:
                run("error", **resources)
            except BackendError as error:
                print(error, flush=True)
        print(len(run("shared", "auto", cpu=0.5, gpu=0.5)), "trials on half a GPU each", flush=True)
        os.environ["RAY_NODE_TYPE_NAME"] = "small"  # autoscalers set this for nodes that they start
        cluster.add_node(num_cpus=1)
        warnings.showwarning = grow
        print(len(run("growing", tray=0.5)), "trials on a node that came later", flush=True)
    finally:
        cluster.shutdown()
"""


def test_missing_resources_are_an_error_unless_nodes_may_join(tmp_path: Path) -> None:
    printed = output_of(LACKING, tmp_path)
    there = r"no node of this Ray cluster has it \(2 with: 1 CPU, 1 GPU.*; 2 CPU.*--num-gpus"
    assert re.search(f"needs 2 CPU, 0.5 GPU on one node, and {there}", printed)
    assert re.search(f"needs 100 CPU on one node, and {there}", printed)
    assert "2 trials on half a GPU each" in printed
    assert {file.read_text() for file in tmp_path.glob("run-shared/trials/*/gpu")} == {"0"}
    assert "2 trials on a node that came later" in printed
    assert re.search(r"0.5 tray on one node, and no node has it yet.*autoscaler.*small", printed)


DYING = """
import os, sys, time, warnings
from pathlib import Path
from ray.cluster_utils import Cluster
from nasbridge import BackendError, Experiment, RandomSearch
from nasbridge.testing import chain, score

QUICK = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 300,
         "health_check_failure_threshold": 3}

DOOMED = Path(sys.argv[1] + ".doomed")

def evaluate(architecture, trial):
    time.sleep(0.5)
    while DOOMED.exists():  # a worker must not end before its node is known to be dead
        time.sleep(0.1)
    return score(architecture)

class Killer:
    node = None

    def begun(self, history):
        print(len(history.of_state("complete")), "had ended before", flush=True)

    def finished(self, trial):
        if self.node is not None:
            DOOMED.touch()
            cluster.remove_node(self.node, allow_graceful=False)
            self.node = None

def run(node):
    DOOMED.unlink(missing_ok=True)
    killer = Killer()
    killer.node = node
    experiment = Experiment(chain(), evaluate, {"score": "max"}, RandomSearch(), trials=3)
    return experiment.run(
        "ray_tune", sys.argv[1], 1, killer, address=cluster.address, resources={"tray": 1},
        retries=2,
    )

def tray():
    return cluster.add_node(num_cpus=0, resources={"tray": 1})

def grow(message, *rest):
    print(message, flush=True)
    if "tray" in str(message):
        DOOMED.unlink()
        tray()

if __name__ == "__main__":
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "_system_config": QUICK}
    )
    try:
        try:
            run(tray())
        except BackendError as error:
            print(error, flush=True)
        os.environ["RAY_NODE_TYPE_NAME"] = "small"
        cluster.add_node(num_cpus=1)
        warnings.showwarning = grow
        print(*(trial.state for trial in run(tray())), "in the end", flush=True)
    finally:
        cluster.shutdown()
"""


def test_the_last_suitable_node_may_be_lost_during_the_run(tmp_path: Path) -> None:
    printed = output_of(DYING, tmp_path)
    assert re.search(r"needs 1 tray on one node, and no node of this Ray cluster has it", printed)
    assert "1 had ended before" in printed
    assert re.search(r"1 tray on one node, and no node has it yet.*autoscaler.*small", printed), (
        printed
    )
    assert "complete complete complete in the end" in printed


def test_invalid_amounts_are_errors() -> None:
    for resources, part in (
        ({"cpu": "two"}, "'cpu' is 'two'"),
        ({"cpu": -1}, "a number from 0"),
        ({"gpu": 1.5}, "a whole number"),
        ({"cpu": 0}, "at least one above 0"),
    ):
        with pytest.raises(BackendError, match=part):
            needed(resources)
    assert needed({"cpu": 2, "gpu": 0.5, "tray": 1}) == {"CPU": 2, "GPU": 0.5, "tray": 1}
