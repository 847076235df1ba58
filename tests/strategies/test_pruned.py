# pyright: reportPrivateUsage=false
"""Trials that were pruned with part of their objectives count by what they have."""

import math
from typing import Any

import numpy
import pytest

from nasbridge import (
    NSGA2,
    BayesianOptimization,
    Choice,
    LocalSearch,
    PolicyGradient,
    RegularizedEvolution,
    Search,
    Space,
    Trial,
)
from nasbridge.strategies import Problem, Strategy, objectives_from
from nasbridge.strategies.policy_gradient import rank_rewards
from nasbridge.strategies.trial import TrialState

SPACE = Space({f"x{k}": Choice(list("abcd")) for k in range(4)})
BOTH = objectives_from({"accuracy": "max", "params": "min"})


def trial(number: int, values: dict[str, float], state: TrialState = "pruned") -> Trial:
    labels = "abcd"
    choices = {f"x{k}": labels[number // 4**k % 4] for k in range(4)}
    return Trial(number, SPACE.architecture(choices), state, values)


def state_after(strategy: Strategy[Any], *trials: Trial) -> Any:
    state = strategy.start(Problem(SPACE, BOTH, 0))
    for one in trials:
        state = strategy.observe(state, one)
    return state


def test_known_scores_are_returned_with_gaps() -> None:
    scores = trial(0, {"accuracy": 0.9}).partial_scores(BOTH)
    assert scores is not None
    assert scores[0] == 0.9
    assert math.isnan(scores[1])
    assert trial(0, {"accuracy": 0.9, "params": 3.0}).partial_scores(BOTH) == (0.9, -3.0)
    assert trial(0, {"accuracy": 0.9}, "complete").partial_scores(BOTH) is None
    assert trial(0, {"accuracy": 0.9}, "failed").partial_scores(BOTH) is None
    assert trial(0, {"accuracy": math.nan}).partial_scores(BOTH) is None  # it diverged


def test_bayesian_optimization_models_each_objective_by_its_own_values() -> None:
    complete = [trial(k, {"accuracy": k / 50, "params": k % 7}, "complete") for k in range(30)]
    good = trial(200, {"accuracy": 0.95})
    state = state_after(BayesianOptimization(), *complete, good)
    assert all(succeeded for _, succeeded in state.success.outcomes)
    assert good.architecture in [architecture for architecture, _ in state.front]
    failed = state_after(BayesianOptimization(), *complete, trial(200, {"accuracy": math.nan}))
    assert failed.success.outcomes[-1] == (good.architecture, False)
    empty = state_after(BayesianOptimization(), *complete, trial(200, {}))
    assert empty == state_after(BayesianOptimization(), *complete)


def test_a_complete_trial_that_is_better_dominates_a_pruned_one() -> None:
    pruned = trial(0, {"accuracy": 0.5})
    better = trial(1, {"accuracy": 0.6, "params": 9.0}, "complete")
    state = state_after(BayesianOptimization(), pruned, better)
    assert [architecture for architecture, _ in state.front] == [better.architecture]


@pytest.mark.parametrize("strategy", [RegularizedEvolution(4), NSGA2(4), LocalSearch()])
def test_a_pruned_trial_joins_and_an_empty_one_does_not(strategy: Any) -> None:
    def members(*trials: Trial) -> list[Any]:
        state = state_after(strategy, *trials)
        if isinstance(strategy, LocalSearch):
            return [] if state.centre is None else [state.centre[0]]
        found = state.members if isinstance(strategy, RegularizedEvolution) else state.children
        return [one[0] if isinstance(one, tuple) else one.architecture for one in found]

    one = trial(0, {"accuracy": 0.9})
    assert members(one) == [one.architecture]
    assert members(trial(0, {})) == []


def test_the_reward_of_a_pruned_trial_is_above_that_of_a_failed_one() -> None:
    good = [trial(k, {"accuracy": 0.9}) for k in range(2)]
    bad = [trial(k, {}, "failed") for k in (2, 3)]
    strategy = PolicyGradient(batch=4, units=8)
    ranked = state_after(strategy, *good, *bad)
    assert ranked.seen.shape == (2, 2)
    partly = numpy.array([[0.5, math.nan]])
    assert rank_rewards(partly, numpy.array([[0.9, 1.0], [0.1, 1.0]])).tolist() == [0.5]
    assert len(state_after(strategy, trial(0, {})).batch) == 0
    assert (ranked.learned.vector != state_after(strategy).learned.vector).any()


@pytest.mark.parametrize(
    "strategy",
    [
        BayesianOptimization(initial=4),
        NSGA2(4),
        RegularizedEvolution(4, 2),
        LocalSearch(),
        PolicyGradient(4, units=8),
    ],
)
def test_a_search_continues_over_pruned_trials(strategy: Any) -> None:
    """Every other trial lacks an objective; the good labels are still preferred."""
    search = Search(strategy, SPACE, {"accuracy": "max", "params": "min"}, 0)
    found: list[int] = []
    for number in range(30):
        architecture = search.ask(number)
        count = sum(label == "c" for label in architecture.choices.values())
        values = {"accuracy": float(count), "params": float(-count)}
        if number % 2:
            del values["params"]
        search.tell(Trial(number, architecture, "pruned" if number % 2 else "complete", values))
        found.append(count)
    assert max(found) >= 2
