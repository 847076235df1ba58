# pyright: basic
"""A cluster of three nodes, of which one is killed in the middle."""

import subprocess
import sys
from pathlib import Path

import pytest

from nasbridge.adapters._conformance import chain, facts, score
from nasbridge.adapters.ray_tune import load, results

pytestmark = [pytest.mark.frameworks, pytest.mark.xdist_group("ray_tune")]

PROGRAM = """
import sys, time
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from nasbridge import Experiment, RegularizedEvolution
from nasbridge.adapters._conformance import chain, score

QUICK = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 300,
         "health_check_failure_threshold": 3}

def evaluate(architecture, trial):
    (trial.directory / "node").write_text(ray.get_runtime_context().get_node_id())
    made = score(architecture)
    for step in (1, 2, 3):
        time.sleep(0.3)
        trial.report(step, score=made["score"] * step / 3)
    return made

class Killer:
    def __init__(self, cluster, node):
        self.cluster, self.node, self.ended, self.is_dead = cluster, node, set(), False

    def begun(self, history): ...

    def finished(self, trial):
        self.ended.add(trial.number)
        for place in Path(sys.argv[1], "trials").iterdir():
            is_there = (place / "node").read_text() == self.node.node_id
            if is_there and int(place.name) not in self.ended and not self.is_dead:
                self.is_dead = True  # in the middle of a trial
                self.cluster.remove_node(self.node, allow_graceful=False)

if __name__ == "__main__":
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "_system_config": QUICK}
    )
    node = [cluster.add_node(num_cpus=1) for _ in range(2)][-1]
    experiment = Experiment(
        chain(), evaluate, {"score": "max"}, RegularizedEvolution(10, 5), trials=24, seed=3
    )
    try:
        experiment.run(
            "ray_tune", sys.argv[1], 3, Killer(cluster, node), address=cluster.address, retries=2
        )
    finally:
        cluster.shutdown()
"""


def test_a_node_that_is_killed_costs_no_trial(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with (tmp_path / "output.txt").open("w+") as output:
        done = subprocess.run(
            [sys.executable, str(program), str(tmp_path / "run")],
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=300,
            check=False,
        )
        output.seek(0)
        assert done.returncode == 0, output.read()
    history = load(tmp_path / "run", chain())
    assert sorted(trial.number for trial in history) == list(range(24))  # none lost, none twice
    assert len({trial.architecture.canonical for trial in history}) == 24
    for trial in history:
        assert (trial.state, dict(trial.values)) == ("complete", score(trial.architecture))
        assert [step.step for step in trial.curve] == [1, 2, 3]
    assert sum(trial.notes.get("workers_lost", 0) for trial in history) >= 1
    shown = results(tmp_path / "run")
    assert len(shown) == len(facts(history))
    nodes = {file.read_text() for file in (tmp_path / "run" / "trials").glob("*/node")}
    assert len(nodes) >= 2  # both that are left have worked
