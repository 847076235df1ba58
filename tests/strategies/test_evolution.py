"""Regularized evolution against the paper: each test fails for a common simplification."""

from collections import Counter
from itertools import islice

import numpy
import pytest

from nasbridge.spaces import Architecture, Choice, Space
from nasbridge.strategies import (
    Objective,
    Problem,
    RegularizedEvolution,
    Search,
    StrategyError,
    Trial,
)
from nasbridge.strategies.evolution import EvolutionState
from nasbridge.strategies.trial import TrialState

SPACE = Space({f"d{k}": Choice(list("abcde")) for k in range(6)})
PROBLEM = Problem(SPACE, (Objective("score"),), seed=0)


def member(letters: str) -> Architecture:
    return SPACE.architecture({f"d{k}": letter for k, letter in enumerate(letters)})


def observed(
    strategy: RegularizedEvolution, *scores: tuple[str, float], state: TrialState = "complete"
) -> EvolutionState:
    """The population after trials with these letters and scores."""
    population = strategy.start(PROBLEM)
    for number, (letters, score) in enumerate(scores):
        trial = Trial(number, member(letters), state, {"score": score})
        population = strategy.observe(population, trial)
    return population


def children(
    strategy: RegularizedEvolution, state: EvolutionState, number: int
) -> list[Architecture]:
    rng = numpy.random.default_rng(0)
    return list(islice(strategy.propose(state, rng), number))


def changes(one: Architecture, other: Architecture) -> int:
    return sum(one.choices[name] != other.choices[name] for name in one.choices)


def test_the_oldest_member_is_removed_even_if_it_is_the_best() -> None:
    strategy = RegularizedEvolution(population=2, sample=2)
    state = observed(strategy, ("aaaaaa", 9.0), ("bbbbbb", 1.0), ("cccccc", 2.0))
    assert [scores for _, scores in state.members] == [(1.0,), (2.0,)]


def test_a_child_differs_from_the_best_in_exactly_one_decision() -> None:
    strategy = RegularizedEvolution(
        population=2, sample=40
    )  # the tournament contains the best with near certainty
    state = observed(strategy, ("aaaaaa", 9.0), ("bbbbbb", 1.0))
    assert {changes(child, member("aaaaaa")) for child in children(strategy, state, 300)} == {1}


def test_mutations_are_uniform_over_decisions_and_values() -> None:
    strategy = RegularizedEvolution(population=1, sample=1)
    state = observed(strategy, ("aaaaaa", 9.0))
    moved = Counter(
        (name, label)
        for child in children(strategy, state, 4800)
        for name, label in child.choices.items()
        if label != "a"
    )
    assert len(moved) == 6 * 4
    assert all(
        130 < times < 270 for times in moved.values()
    )  # 200 each, within 5 standard deviations


def test_the_sample_is_drawn_with_replacement() -> None:
    strategy = RegularizedEvolution(population=2, sample=2)
    state = observed(strategy, ("aaaaaa", 9.0), ("bbbbbb", 1.0))
    of_worse = sum(changes(c, member("bbbbbb")) == 1 for c in children(strategy, state, 2000))
    assert 400 < of_worse < 600  # both draws are the worse member with probability 1/4


def test_the_first_population_is_random_and_counts_running_trials() -> None:
    strategy = RegularizedEvolution(population=3, sample=3)
    state = observed(strategy, ("aaaaaa", 9.0), ("aaaaaa", 9.0))
    assert max(changes(c, member("aaaaaa")) for c in children(strategy, state, 50)) > 2
    state = strategy.observe(state, Trial(2, member("bbbbbb")))
    assert {changes(c, member("aaaaaa")) for c in children(strategy, state, 50)} == {1}


def test_the_age_of_a_member_is_the_order_of_finishing() -> None:
    strategy = RegularizedEvolution(population=2, sample=1)
    search = Search(strategy, SPACE, {"score": "max"})
    asked = [search.ask(number) for number in range(3)]
    for number in (2, 0, 1):
        search.tell(Trial(number, asked[number], "complete", {"score": 0.0}))
    members = search._state.members  # pyright: ignore[reportPrivateUsage]
    assert [architecture for architecture, _ in members] == [asked[0], asked[1]]


def test_a_pruned_trial_joins_with_its_last_value_and_a_failed_one_does_not() -> None:
    strategy = RegularizedEvolution(population=5, sample=1)
    assert [s for _, s in observed(strategy, ("aaaaaa", 3.0), state="pruned").members] == [(3.0,)]
    assert not observed(strategy, ("aaaaaa", 3.0), state="failed").members


def test_a_minimized_objective_is_minimized() -> None:
    strategy = RegularizedEvolution(population=2, sample=40)
    problem = Problem(SPACE, (Objective("loss", "min"),), seed=0)
    state = strategy.start(problem)
    for number, (letters, loss) in enumerate([("aaaaaa", 9.0), ("bbbbbb", 1.0)]):
        state = strategy.observe(state, Trial(number, member(letters), "complete", {"loss": loss}))
    assert {changes(child, member("bbbbbb")) for child in children(strategy, state, 50)} == {1}


def test_parents_are_non_dominated_members_of_the_tournament() -> None:
    strategy = RegularizedEvolution(population=3, sample=30)
    problem = Problem(SPACE, (Objective("score"), Objective("cost", "min")), seed=0)
    state = strategy.start(problem)
    rows = [("aaaaaa", 9.0, 5.0), ("bbbbbb", 1.0, 1.0), ("cccccc", 1.0, 5.0)]
    for number, (letters, score, cost) in enumerate(rows):
        values = {"score": score, "cost": cost}
        state = strategy.observe(state, Trial(number, member(letters), "complete", values))
    parents = [
        letters
        for child in children(strategy, state, 60)
        for letters, _, _ in rows
        if changes(child, member(letters)) == 1
    ]
    assert set(parents) == {"aaaaaa", "bbbbbb"}


def test_it_beats_random_search_on_a_planted_optimum() -> None:
    def best(strategy: RegularizedEvolution, seed: int) -> float:
        search = Search(strategy, SPACE, {"score": "max"}, seed)
        found = 0.0
        for number in range(120):
            architecture = search.ask(number)
            score = float(sum(label == "c" for label in architecture.choices.values()))
            search.tell(Trial(number, architecture, "complete", {"score": score}))
            found = max(found, score)
        return found

    evolved = [best(RegularizedEvolution(20, 5), seed) for seed in range(10)]
    drawn = [
        best(RegularizedEvolution(1000, 5), seed) for seed in range(10)
    ]  # the population never fills
    assert numpy.mean(evolved) > numpy.mean(drawn) + 0.8


@pytest.mark.parametrize("settings", [{"population": 0}, {"sample": 0}])
def test_an_invalid_setting_is_named(settings: dict[str, int]) -> None:
    with pytest.raises(StrategyError, match=next(iter(settings))):
        RegularizedEvolution(**settings)
