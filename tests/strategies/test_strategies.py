"""All strategies: reproducible, resumable, no repetition, constraints, and better than chance.

A strategy is included by one line in `STRATEGIES`.
"""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import Any

import pytest

from nasbridge import (
    Architecture,
    Choice,
    Integer,
    RandomSearch,
    Search,
    Space,
    SpaceExhausted,
    StrategyError,
    Trial,
)
from nasbridge.spaces import SearchSpace
from nasbridge.strategies import Problem, objectives_from
from nasbridge.strategies.search import generator
from nasbridge.testing import (
    SPACES,
    STRATEGIES,
    cell,
    chain,
    fate,
    few,
    score,
    strategy,
    weight,
)

OBJECTIVES = {"score": "max", "size": "min"}
SINGLE = {"Bananas"}  # strategies for one objective only
SLOW = {"Bananas", "BayesianOptimization", "PolicyGradient"}  # milliseconds a proposal
LEARNING = sorted(set(STRATEGIES) - {"GridSearch", "RandomSearch"})

every_strategy = pytest.mark.parametrize("name", STRATEGIES)
every_space = pytest.mark.parametrize("space", SPACES)


def outcome(number: int, architecture: Architecture) -> Trial:
    """A finished trial whose state depends on its architecture."""
    if fate(architecture) == "failed":
        return Trial(number, architecture, "failed")
    pruned = weight("pruned", architecture.key) < 0.2
    return Trial(number, architecture, "pruned" if pruned else "complete", score(architecture))


def run(search: Search, trials: int, start: int = 0) -> list[Trial]:
    finished: list[Trial] = []
    for number in range(start, trials):
        finished.append(outcome(number, search.ask(number)))
        search.tell(finished[-1])
    return finished


def fresh(name: str, space: SearchSpace, several: bool = False, seed: int = 5) -> Search:
    objectives = OBJECTIVES if several else {"score": "max"}
    return Search(strategy(name), space, objectives, seed)


@cache
def first_trials(name: str, space: str, several: bool) -> list[Trial]:
    """The first 25 trials of a strategy; batches of 8 and 10 are updated at least twice."""
    return run(fresh(name, SPACES[space](), several), 25)


CASES = [
    *((name, space, False) for name in STRATEGIES for space in SPACES),
    *((name, "chain", True) for name in sorted(set(STRATEGIES) - SINGLE)),
]


def all_proposals() -> dict[str, list[str]]:
    """The proposals of every strategy in every space."""
    return {
        f"{name} {space} {several}": [
            trial.architecture.to_json() for trial in first_trials(name, space, several)
        ]
        for name, space, several in CASES
    }


OTHER_PROCESS = """
import json, runpy, sys
print(json.dumps(runpy.run_path(sys.argv[1])["all_proposals"]()))
"""


def test_proposals_do_not_depend_on_the_process() -> None:
    """The other process has another hash seed, so sets and dictionaries have another order."""
    hash_seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    done = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS, __file__],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == all_proposals()


@pytest.mark.parametrize("name", sorted(SINGLE))
def test_several_objectives_are_rejected_by_a_strategy_for_one(name: str) -> None:
    with pytest.raises(StrategyError, match=f"{name} supports one objective only: use "):
        fresh(name, chain(), several=True)


@pytest.mark.parametrize(("name", "space", "several"), CASES)
def test_a_replayed_history_continues_identically(name: str, space: str, several: bool) -> None:
    whole = first_trials(name, space, several)
    for cut in (10, 11, 21):  # before, after and between the updates of batches of 10
        other = fresh(name, SPACES[space](), several)
        other.replay(whole[:cut])
        assert run(other, len(whole), start=cut) == whole[cut:]


@every_strategy
def test_a_strategy_can_be_pickled_compared_and_printed(name: str) -> None:
    made = strategy(name)
    assert pickle.loads(pickle.dumps(made)) == made
    assert hash(made) == hash(strategy(name))
    for setting, value in STRATEGIES[name].items():
        assert f"{setting}={value!r}" in repr(made)


@every_strategy
def test_states_are_not_modified_in_place(name: str) -> None:
    """States are immutable: folding one history does not affect another from the same start."""
    space = chain()
    problem = Problem(space, objectives_from({"score": "max"}), 5)
    made = strategy(name)
    trials = first_trials(name, "chain", False)
    turned = [
        replace(trial, values={"score": -trial.values["score"]} if trial.values else {})
        for trial in trials
    ]

    def proposed(state: Any) -> list[str]:
        return [a.key for a in islice(made.propose(state, generator(5, 99)), 5)]

    def fold(state: Any, finished: Sequence[Trial]) -> Any:
        for trial in finished:
            state = made.observe(state, trial)
        return state

    alone = proposed(fold(made.start(problem), turned))
    start = made.start(problem)
    one = fold(start, trials)
    proposed(one)
    assert proposed(fold(start, turned)) == alone
    assert proposed(one) == proposed(fold(made.start(problem), trials))


@every_strategy
@every_space
def test_no_architecture_is_proposed_twice(name: str, space: str) -> None:
    trials = run(fresh(name, SPACES[space]()), 50)
    assert len({trial.architecture.canonical for trial in trials}) == 50
    assert {trial.state for trial in trials} == {"complete", "pruned", "failed"}


@every_strategy
def test_running_trials_are_not_proposed_again(name: str) -> None:
    """With four workers, a trial finishes after three more have started."""
    search, asked = fresh(name, chain()), list[Architecture]()
    for number in range(60):
        asked.append(search.ask(number))
        if number >= 3:
            search.tell(outcome(number - 3, asked[number - 3]))
    assert len({architecture.canonical for architecture in asked}) == 60
    assert set(search.running) == {57, 58, 59}


@every_strategy
def test_a_proposal_is_determined_by_finished_and_running_trials(name: str) -> None:
    """Equal finished trials, running trials and number give equal proposals."""
    one, other = fresh(name, chain()), fresh(name, chain())
    trials = run(one, 20)
    other.replay(trials)
    for number in (20, 21, 22):
        other.adopt(number, one.ask(number))
    assert one.ask(23) == other.ask(23)


def is_deep(architecture: Architecture) -> bool:
    return bool(architecture["depth"] > 1)


def narrow() -> SearchSpace:
    return chain().where(lambda x: x["width"] == 8 and x["depth"] < 3)


def deep() -> SearchSpace:
    return few().where(is_deep)


def plain() -> Space:
    return Space({"units": Choice([16, 32, 64]), "depth": Integer(1, 4)})


@every_strategy
@pytest.mark.parametrize("make", [few, narrow, deep, plain])
def test_a_finite_space_is_exhausted_exactly(name: str, make: Callable[[], SearchSpace]) -> None:
    space = make()
    forms = sorted({architecture.canonical for architecture in space.enumerate()})
    search = fresh(name, space)
    trials = run(search, len(forms))
    assert sorted(trial.architecture.canonical for trial in trials) == forms
    for _ in range(2):
        with pytest.raises(SpaceExhausted):
            search.ask(len(forms))


@every_strategy
def test_constraints_are_met(name: str) -> None:
    space = chain().where(is_deep).where(lambda x: x["width"] == 16)
    for trial in run(fresh(name, space), 40):
        assert trial.architecture["depth"] > 1
        assert trial.architecture["width"] == 16


def planted() -> Space:
    """A space of 11,664 architectures, with conditions."""
    branch = {
        "left": Choice({"a": Choice([1, 2, 3]), "b": Choice([1, 2, 3])}),
        "right": Choice([1, 2, 3, 4, 5, 6]),
    }
    parts = {f"part{k}": Choice([0, 1, 2]) for k in range(4)}
    return Space({"branch": Choice(branch), "other": Choice(branch), **parts})


@cache
def agreement(name: str) -> float:
    """Decisions of 9 that agree with a planted optimum after 120 trials, the mean over seeds."""
    space = planted()
    assert space.count() == 11_664
    best = space.architecture(
        {"branch": "left", "branch.left": "b", "branch.left.b": 3, "other": "right"}
        | {"other.right": 5, "part0": 0, "part1": 1, "part2": 2, "part3": 0}
    )
    found: list[float] = []
    for seed in range(2 if name in SLOW else 10):
        search, scores = Search(strategy(name), space, {"score": "max"}, seed), list[float]()
        for number in range(120):
            architecture = search.ask(number)
            scores.append(float(len(best.choices.items() & architecture.choices.items())))
            search.tell(Trial(number, architecture, "complete", {"score": scores[-1]}))
        found.append(max(scores))
    return sum(found) / len(found)


@pytest.mark.parametrize("name", LEARNING)
def test_a_planted_optimum_is_approached_better_than_by_random_search(name: str) -> None:
    assert agreement(name) > agreement("RandomSearch") + 0.5


@pytest.mark.parametrize("name", LEARNING)
def test_a_minimized_objective_is_minimized(name: str) -> None:
    def mean_of_last(direction: str) -> float:
        search = Search(strategy(name), cell(), {"score": direction}, seed=1)
        last = [run_one(search, number) for number in range(60)][-30:]
        return sum(last) / len(last)

    assert mean_of_last("max") > mean_of_last("min") + 0.5


def run_one(search: Search, number: int) -> float:
    architecture = search.ask(number)
    values = score(architecture)
    search.tell(Trial(number, architecture, "complete", values))
    return values["score"]


@pytest.mark.parametrize("name", sorted(set(STRATEGIES) - {"Bananas"}))  # it trains on all trials
def test_cost_does_not_grow_with_the_history(name: str) -> None:
    """Counts calls of Python functions, which are independent of the load of the machine."""
    space = Space({f"part{k}": Choice([0, 1, 2, 3]) for k in range(12)})
    search = Search(strategy(name), space, {"score": "max"})
    random, calls = Search(RandomSearch(), space, {"score": "max"}), [0]

    def add(numbers: Sequence[int]) -> None:
        """Add random trials, which cost no proposals."""
        for number in numbers:
            architecture = random.ask(number)
            search.tell(Trial(number, architecture, "complete", {"score": float(number)}))

    def count(frame: object, event: str, argument: object) -> None:
        calls[0] += event == "call"

    def work(numbers: Sequence[int]) -> int:
        before = calls[0]
        sys.setprofile(count)
        try:
            for number in numbers:
                architecture = search.ask(number)
                search.tell(Trial(number, architecture, "complete", {"score": float(number)}))
        finally:
            sys.setprofile(None)
        return calls[0] - before

    add(range(50))
    early = work(range(50, 75))
    add(range(75, 270))
    assert work(range(270, 295)) < 1.5 * early
