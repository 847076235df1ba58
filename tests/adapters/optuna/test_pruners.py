"""Optuna's pruners go on after an interruption as if there had been none."""

from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, SuccessiveHalvingPruner

from nasbridge import Experiment, RegularizedEvolution
from nasbridge import testing as material
from nasbridge.engine import Silent
from nasbridge.testing import comparable

LAST = 27  # steps of a trial

PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "hyperband": lambda: HyperbandPruner(min_resource=1, max_resource=LAST),
    "hyperband-auto": HyperbandPruner,
    "median": lambda: MedianPruner(n_startup_trials=3),
    "successive-halving": lambda: SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
}


def run(pruner: str, several: bool, interrupted: tuple[int, ...] = ()) -> list[Any]:
    """The facts of a search that is interrupted in some trials, each time in their third epoch."""
    left = list(interrupted)
    storage = optuna.storages.InMemoryStorage()

    def evaluate(architecture: Any, trial: Any) -> dict[str, float]:
        metrics = material.score(architecture)
        for step in range(1, LAST + 1):
            noise = 0.3 * material.weight(str(step), architecture.key)
            known = {"score": metrics["score"] * step / LAST + noise, "size": metrics["size"]}
            trial.report(step, **known if several else {"score": known["score"]})
            if trial.number in left and step == 3:
                left.remove(trial.number)
                raise KeyboardInterrupt
        return metrics

    objectives = {"score": "max", "size": "min"} if several else {"score": "max"}
    experiment = Experiment(
        material.chain(), evaluate, objectives, RegularizedEvolution(5, 2), trials=30, seed=3
    )
    while True:
        try:
            history = experiment.run(
                "optuna", observer=Silent(), storage=storage, pruner=PRUNERS[pruner]()
            )
        except KeyboardInterrupt:
            continue
        return comparable(history)


@pytest.mark.parametrize("several", [False, True], ids=["one", "several"])
@pytest.mark.parametrize("pruner", PRUNERS)
def test_an_interrupted_search_is_pruned_as_if_it_had_not_been(pruner: str, several: bool) -> None:
    expected = run(pruner, several)
    assert 3 < sum(fact[2] == "pruned" for fact in expected) < 30
    for interrupted in [(0, 6, 6), (9, 1, 10), (2, 3, 4, 8, 11, 17)]:
        assert run(pruner, several, interrupted) == expected
