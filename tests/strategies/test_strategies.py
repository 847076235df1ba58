"""Every strategy of the table: reproducible, resumable, sparing, obedient, and better than chance.

A strategy joins by one line of `STRATEGIES`.
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
SINGLE = {"Bananas"}  # for one objective only
SLOW = {"Bananas", "BayesianOptimization", "PolicyGradient"}  # milliseconds a proposal
LEARNING = sorted(set(STRATEGIES) - {"GridSearch", "RandomSearch"})

every_strategy = pytest.mark.parametrize("name", STRATEGIES)
every_space = pytest.mark.parametrize("space", SPACES)


def outcome(number: int, architecture: Architecture) -> Trial:
    """What becomes of a trial: it fails, is pruned or completes, as its architecture decides."""
    if fate(architecture) == "failed":
        return Trial(number, architecture, "failed")
    pruned = weight("pruned", architecture.key) < 0.2
    return Trial(number, architecture, "pruned" if pruned else "complete", score(architecture))


def run(search: Search, trials: int, start: int = 0) -> list[Trial]:
    told: list[Trial] = []
    for number in range(start, trials):
        told.append(outcome(number, search.ask(number)))
        search.tell(told[-1])
    return told


def fresh(name: str, space: SearchSpace, several: bool = False, seed: int = 5) -> Search:
    objectives = OBJECTIVES if several else {"score": "max"}
    return Search(strategy(name), space, objectives, seed)


@cache
def all_proposals() -> dict[str, list[str]]:
    """What every strategy proposes in every space."""
    return {
        f"{name} {space} {several}": [
            trial.architecture.to_json() for trial in run(fresh(name, make(), several), 30)
        ]
        for name in STRATEGIES
        for space, make in SPACES.items()
        for several in (False, True)
        if name not in SINGLE or not several
    }


# ---------------------------------------------------------------------- determinism

OTHER_PROCESS = """
import json, runpy, sys
print(json.dumps(runpy.run_path(sys.argv[1])["all_proposals"]()))
"""


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_another_process_proposes_the_same(hash_seed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS, __file__],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == all_proposals()


@pytest.mark.parametrize("name", sorted(SINGLE))
def test_one_objective_means_one(name: str) -> None:
    with pytest.raises(StrategyError, match=f"{name} is for one objective: take "):
        fresh(name, chain(), several=True)


@every_space
@pytest.mark.parametrize(
    ("name", "several"),
    [(name, False) for name in STRATEGIES]
    + [(name, True) for name in sorted(set(STRATEGIES) - SINGLE)],
)
def test_a_replayed_history_continues_identically(name: str, space: str, several: bool) -> None:
    whole = run(fresh(name, SPACES[space](), several), 40)
    for cut in (1, 10, 11, 30):
        other = fresh(name, SPACES[space](), several)
        other.replay(whole[:cut])
        assert run(other, 40, start=cut) == whole[cut:]


@every_strategy
def test_a_strategy_can_be_pickled_compared_and_printed(name: str) -> None:
    made = strategy(name)
    assert pickle.loads(pickle.dumps(made)) == made
    assert hash(made) == hash(strategy(name))
    for setting, value in STRATEGIES[name].items():
        assert f"{setting}={value!r}" in repr(made)


@every_strategy
def test_histories_that_begin_alike_do_not_touch_each_other(name: str) -> None:
    """States are values: what one history leads to, another one from the same start never sees."""
    space = chain()
    problem = Problem(space, objectives_from({"score": "max"}), 5)
    made = strategy(name)
    trials = run(fresh(name, space), 30)
    turned = [
        replace(trial, values={"score": -trial.values["score"]} if trial.values else {})
        for trial in trials
    ]

    def proposed(state: Any) -> list[str]:
        return [a.key for a in islice(made.propose(state, generator(5, 99)), 5)]

    def fold(state: Any, told: Sequence[Trial]) -> Any:
        for trial in told:
            state = made.observe(state, trial)
        return state

    alone = proposed(fold(made.start(problem), turned))
    start = made.start(problem)
    one = fold(start, trials)
    proposed(one)
    assert proposed(fold(start, turned)) == alone
    assert proposed(one) == proposed(fold(made.start(problem), trials))


# ---------------------------------------------------------------------- sparing


@every_strategy
@every_space
def test_nothing_is_proposed_twice(name: str, space: str) -> None:
    trials = run(fresh(name, SPACES[space]()), 80)
    assert len({trial.architecture.canonical for trial in trials}) == 80
    assert {trial.state for trial in trials} == {"complete", "pruned", "failed"}


@every_strategy
def test_running_trials_are_not_proposed_again(name: str) -> None:
    """Four workers: a trial is told when three more have been asked."""
    search, asked = fresh(name, chain()), list[Architecture]()
    for number in range(60):
        asked.append(search.ask(number))
        if number >= 3:
            search.tell(outcome(number - 3, asked[number - 3]))
    assert len({architecture.canonical for architecture in asked}) == 60
    assert set(search.running) == {57, 58, 59}


@every_strategy
def test_a_proposal_depends_on_what_runs(name: str) -> None:
    """The same trials, the same running ones, the same number: the same proposal."""
    one, other = fresh(name, chain()), fresh(name, chain())
    trials = run(one, 20)
    other.replay(trials)
    for number in (20, 21, 22):
        other.adopt(number, one.ask(number))
    assert one.ask(23) == other.ask(23)


def is_deep(architecture: Architecture) -> bool:
    return bool(architecture["depth"] > 1)


def narrow() -> Space:
    return chain().where(lambda x: x["width"] == 8 and x["depth"] < 3)


def deep() -> Space:
    return few().where(is_deep)


def plain() -> Space:
    return Space({"units": Choice([16, 32, 64]), "depth": Integer(1, 4)})


@every_strategy
@pytest.mark.parametrize("make", [few, narrow, deep, plain])
def test_a_space_is_used_up_exactly(name: str, make: Callable[[], SearchSpace]) -> None:
    space = make()
    forms = sorted({architecture.canonical for architecture in space.enumerate()})
    search = fresh(name, space)
    trials = run(search, len(forms))
    assert sorted(trial.architecture.canonical for trial in trials) == forms
    for _ in range(2):
        with pytest.raises(SpaceExhausted):
            search.ask(len(forms))


@every_strategy
def test_constraints_are_obeyed(name: str) -> None:
    space = chain().where(is_deep).where(lambda x: x["width"] == 16)
    for trial in run(fresh(name, space), 40):
        assert trial.architecture["depth"] > 1
        assert trial.architecture["width"] == 16


# ---------------------------------------------------------------------- what it is for


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
    """How near to a planted optimum, of 9 decisions, 120 trials come; the mean of several runs."""
    space = planted()
    assert space.count() == 11_664
    best = space.architecture(
        {"branch": "left", "branch.left": "b", "branch.left.b": 3, "other": "right"}
        | {"other.right": 5, "part0": 0, "part1": 1, "part2": 2, "part3": 0}
    )
    found: list[float] = []
    for seed in range(3 if name in SLOW else 10):
        search, scores = Search(strategy(name), space, {"score": "max"}, seed), list[float]()
        for number in range(120):
            architecture = search.ask(number)
            scores.append(float(len(best.choices.items() & architecture.choices.items())))
            search.tell(Trial(number, architecture, "complete", {"score": scores[-1]}))
        found.append(max(scores))
    return sum(found) / len(found)


@pytest.mark.parametrize("name", LEARNING)
def test_a_planted_optimum_is_approached_better_than_by_chance(name: str) -> None:
    assert agreement(name) > agreement("RandomSearch") + 0.5


@pytest.mark.parametrize("name", LEARNING)
def test_the_smaller_is_sought_where_it_is_to_be_minimised(name: str) -> None:
    def mean_of_last(direction: str) -> float:
        search = Search(strategy(name), cell(), {"score": direction}, seed=1)
        last = [run_one(search, number) for number in range(100)][-40:]
        return sum(last) / len(last)

    assert mean_of_last("max") > mean_of_last("min") + 0.5


def run_one(search: Search, number: int) -> float:
    architecture = search.ask(number)
    values = score(architecture)
    search.tell(Trial(number, architecture, "complete", values))
    return values["score"]


# ---------------------------------------------------------------------- cost


@pytest.mark.parametrize("name", sorted(set(STRATEGIES) - {"Bananas"}))  # as published, it does
def test_work_does_not_grow_with_the_history(name: str) -> None:
    """Counts calls of Python functions, which no other process disturbs."""
    space = Space({f"part{k}": Choice([0, 1, 2, 3]) for k in range(12)})
    search = Search(strategy(name), space, {"score": "max"})
    calls = [0]

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

    work(range(50))
    early = work(range(50, 100))
    work(range(100, 250))
    assert work(range(250, 300)) < 1.5 * early
