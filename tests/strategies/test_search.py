"""`Search`: the guarantees for strategies and adapters."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy
import pytest
from numpy.random import Generator

from nasbridge import (
    Architecture,
    Choice,
    GridSearch,
    HistoryError,
    Integer,
    NasbridgeError,
    RandomSearch,
    Real,
    RegularizedEvolution,
    Search,
    Space,
    SpaceExhausted,
    Trial,
    library,
)
from nasbridge.spaces import SearchSpace
from nasbridge.strategies import Problem, Strategy
from nasbridge.strategies.search import generator

SPACE = Space({"a": Integer(0, 9), "b": Integer(0, 9)})
TINY = Space({"a": Integer(0, 3)})


def search(
    space: SearchSpace = SPACE, strategy: Strategy[Any] | None = None, seed: int = 0
) -> Search:
    return Search(strategy or RandomSearch(), space, {"score": "max"}, seed)


def finished(number: int, architecture: Architecture, state: str = "complete") -> Trial:
    values = {"score": 1.0} if state == "complete" else {}
    return Trial(number, architecture, state, values)  # type: ignore[arg-type]


@final
@dataclass(frozen=True)
class Stubborn(Strategy[Problem]):
    """Always proposes the same architecture."""

    def start(self, problem: Problem) -> Problem:
        return problem

    def propose(self, state: Problem, rng: Generator) -> Iterator[Architecture]:
        while True:
            yield state.space.architecture({"a": 0, "b": 0} if "b" in names(state) else {"a": 0})

    def observe(self, state: Problem, trial: Trial) -> Problem:
        return state


def names(problem: Problem) -> set[str]:
    return {decision.name for decision in problem.space.decisions}


def test_asking_again_returns_the_same_architecture() -> None:
    one = search()
    assert one.ask(0) == one.ask(0)
    assert dict(one.running) == {0: one.ask(0)}


def test_numbers_may_be_asked_in_any_order() -> None:
    one, other = search(), search()
    assert one.ask(5) == other.ask(5)
    assert one.ask(2) != one.ask(5)


@pytest.mark.parametrize("seed", [0, 1, -1, 2**63, 2**64, 2**64 + 1, -(2**70)])
def test_any_int_is_a_seed(seed: int) -> None:
    assert search(seed=seed).ask(0) == search(seed=seed).ask(0)
    assert generator(seed, 0).integers(2**62) == generator(seed % 2**64, 0).integers(2**62)


def test_seed_and_number_both_matter() -> None:
    drawn = {int(generator(s, n).integers(2**62)) for s in range(20) for n in range(20)}
    assert len(drawn) == 400


def test_the_generator_is_stable() -> None:
    """A change of these numbers changes all proposals, which needs a new major version."""
    assert [int(x) for x in generator(0, 0).integers(1000, size=6)] == [34, 11, 611, 241, 365, 111]
    assert [int(x) for x in generator(7, 3).integers(1000, size=4)] == [524, 482, 293, 724]


def test_proposals_are_stable() -> None:
    asked = [search(seed=1).ask(number) for number in range(4)]
    assert [(a["a"], a["b"]) for a in asked] == [(4, 3), (2, 0), (7, 3), (3, 6)]


def test_global_generators_do_not_matter() -> None:
    numpy.random.seed(0)  # noqa: NPY002  (proposals must not depend on the global generator)
    one = [search().ask(n) for n in range(5)]
    numpy.random.seed(1)  # noqa: NPY002
    assert one == [search().ask(n) for n in range(5)]


def test_a_trial_can_be_told_only_once() -> None:
    one = search()
    one.tell(finished(0, one.ask(0)))
    with pytest.raises(HistoryError, match="trial 0 was told before"):
        one.tell(finished(0, SPACE.architecture({"a": 1, "b": 1})))
    with pytest.raises(HistoryError, match=r"trial 0 has finished: ask for another"):
        one.ask(0)


def test_a_running_trial_cannot_be_told() -> None:
    with pytest.raises(HistoryError, match="trial 0 is running"):
        search().tell(finished(0, SPACE.architecture({"a": 1, "b": 1}), "running"))


@pytest.mark.parametrize("state", ["complete", "pruned", "failed", "running"])
def test_no_architecture_is_proposed_twice_in_any_state(state: str) -> None:
    one = search(TINY)
    for number in range(4):
        architecture = one.ask(number)
        if state != "running":
            one.tell(finished(number, architecture, state))
    with pytest.raises(SpaceExhausted, match=r"all 4 distinct architectures"):
        one.ask(4)


def test_trials_that_were_not_asked_for_count() -> None:
    one = search(TINY)
    for number in range(3):
        one.tell(finished(number, TINY.architecture({"a": number})))
    assert one.ask(3)["a"] == 3


def test_a_dropped_architecture_may_be_proposed_again() -> None:
    one = search(TINY, GridSearch())
    first = [one.ask(number) for number in range(4)]
    one.drop(1)
    assert one.ask(4) == first[1]


def test_adopting_another_architecture_frees_the_first() -> None:
    one = search(TINY, GridSearch())
    one.adopt(7, TINY.architecture({"a": 0}))
    one.adopt(7, TINY.architecture({"a": 1}))
    assert [one.ask(number)["a"] for number in range(3)] == [0, 2, 3]


@pytest.mark.parametrize("how", ["adopt", "tell", "drop"])
def test_a_freed_architecture_is_listed_again(how: str) -> None:
    """The search then equals one that was restored from the history."""
    one = search(TINY, GridSearch())
    assert one.ask(0)["a"] == 0
    if how == "adopt":
        one.adopt(0, TINY.architecture({"a": 2}))
    elif how == "tell":
        one.tell(finished(0, TINY.architecture({"a": 2})))
    else:
        one.drop(0)
    assert one.ask(1)["a"] == 0


def test_constraints_that_stop_a_mutation_do_not_stop_the_search() -> None:
    """No change of one decision keeps a == b."""
    space = Space({"a": Integer(1, 8), "b": Integer(1, 8)}).where(lambda x: x["a"] == x["b"])
    one = search(space, RegularizedEvolution(population=5, sample=2))
    for number in range(8):
        architecture = one.ask(number)
        assert architecture["a"] == architecture["b"]
        one.tell(finished(number, architecture))
    with pytest.raises(SpaceExhausted, match="all 8 distinct"):
        one.ask(8)


def test_a_tight_limit_on_parameters_is_met() -> None:
    space = library.residual_cnn().limit((28, 28, 1), parameters=9_000)
    one = search(space, RegularizedEvolution(population=5, sample=2))
    for number in range(12):
        architecture = one.ask(number)
        assert architecture.cost((28, 28, 1)).parameters <= 9_000
        one.tell(finished(number, architecture))


@pytest.mark.parametrize(
    ("do", "message"),
    [
        (lambda: Search(RandomSearch, TINY, {"s": "max"}), "invalid strategy=.*: give an instance"),  # type: ignore[arg-type]
        (lambda: search(seed=1.5), r"invalid seed=1.5: give an int"),  # type: ignore[arg-type]
        (lambda: search(seed=None), "invalid seed=None: give an int"),  # type: ignore[arg-type]
        (lambda: search().ask(-1), "invalid trial number -1: give an int of at least 0"),
        (lambda: search().ask("0"), "invalid trial number '0'"),  # type: ignore[arg-type]
        (lambda: search().drop(3), r"trial 3 is not running: the running trials are \[\]"),
        (lambda: search().equivalents(3), r"trial 3 is not running"),
        (lambda: RegularizedEvolution(population="10"), r"population='10' of Regularized"),  # type: ignore[arg-type]
        (lambda: RegularizedEvolution(sample=2.5), r"sample=2.5 of .* an int of at least 1"),  # type: ignore[arg-type]
        (lambda: GridSearch(points=True), r"points=True of GridSearch: give an int"),
    ],
)
def test_bad_arguments_are_named(do: Callable[[], object], message: str) -> None:
    with pytest.raises(NasbridgeError, match=message):
        do()


def test_equivalents_are_returned_by_number() -> None:
    one = search(TINY)
    architecture = TINY.architecture({"a": 2})
    one.adopt(0, architecture)
    one.tell(finished(1, architecture))
    one.adopt(2, architecture)
    assert one.equivalents(0) == {1, 2}
    one.drop(2)
    assert one.equivalents(0) == {1}


def test_a_repetitive_strategy_falls_back_to_other_candidates() -> None:
    one = search(SPACE, Stubborn())
    asked = [one.ask(number) for number in range(100)]
    assert len(set(asked)) == 100
    with pytest.raises(SpaceExhausted):
        one.ask(100)


def test_an_infinite_space_is_not_exhausted() -> None:
    """All infinitely many architectures are behind two of 400 options."""
    deep = Choice({"no": 0, "yes": Choice({"rate": Real(0, 1), "none": 0})})
    options = {**{f"o{k}": k for k in range(200)}, "real": Real(0, 1), "deep": deep}
    one = Search(RandomSearch(), Space({"c": Choice(options)}), {"score": "max"})
    for number in range(450):
        one.tell(Trial(number, one.ask(number), "complete", {"score": 0.0}))
    either = Space({"c": Choice({"a": 0, "b": 1, "real": Real(0, 1)})})
    plain = Search(RandomSearch(), either.where(lambda a: "c.real" not in a), {"score": "max"})
    assert plain.ask(0) != plain.ask(1)
    with pytest.raises(SpaceExhausted, match="its constraints leave too few"):
        plain.ask(2)


def test_an_infinite_space_is_sampled_when_no_candidate_is_new() -> None:
    space = Space({"rate": Real(0.0, 1.0)})

    @final
    @dataclass(frozen=True)
    class Half(Strategy[Problem]):
        def start(self, problem: Problem) -> Problem:
            return problem

        def propose(self, state: Problem, rng: Generator) -> Iterator[Architecture]:
            yield state.space.architecture({"rate": 0.5})

        def observe(self, state: Problem, trial: Trial) -> Problem:
            return state

    assert math.isinf(space.count())
    one = Search(Half(), space, {"score": "max"})
    assert one.ask(0)["rate"] == 0.5
    assert len({one.ask(number) for number in range(20)}) == 20


def test_proposals_meet_the_constraints() -> None:
    space = SPACE.where(lambda x: x["a"] < x["b"])
    one = search(space)
    asked = [one.ask(number) for number in range(45)]
    assert all(x["a"] < x["b"] for x in asked)
    with pytest.raises(SpaceExhausted, match="all 45"):
        one.ask(45)


def test_a_history_is_replayed_with_its_running_trials() -> None:
    one = search()
    trials = [finished(n, one.ask(n), ["complete", "failed", "pruned"][n % 3]) for n in range(6)]
    trials.append(finished(9, one.ask(9), "running"))
    for trial in trials[:6]:
        one.tell(trial)
    other = search()
    other.replay(trials)
    assert other.ask(9) == one.ask(9)
    assert other.ask(10) == one.ask(10)


def test_objectives_are_checked() -> None:
    with pytest.raises(ValueError, match=r"invalid direction 'up' of the objective 'x'.*max.*min"):
        Search(RandomSearch(), SPACE, {"x": "up"})
    with pytest.raises(ValueError, match="no objectives: give at least one"):
        Search(RandomSearch(), SPACE, {})


def test_options_are_read_and_labels_are_stored() -> None:
    space = Space({"kernel": Choice([(3, 3), (5, 5)])})
    asked = search(space).ask(0)
    assert asked["kernel"] in ((3, 3), (5, 5))
    assert isinstance(asked.choices["kernel"], str)
