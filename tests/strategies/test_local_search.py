"""Local search: steps to neighbours, and restarts at local optima."""

import numpy
import pytest

from nasbridge import Architecture, Integer, LocalSearch, Search, Space, StrategyError, Trial
from nasbridge.strategies import Problem, objectives_from

SPACE = Space({"a": Integer(0, 9), "b": Integer(0, 9)})


def differ(one: Architecture, other: Architecture) -> int:
    return sum(abs(one[name] - other[name]) for name in ("a", "b"))


def climb(improvement: str, count: int = 60) -> list[tuple[Architecture, float]]:
    search = Search(LocalSearch(improvement), SPACE, {"s": "max"}, seed=2)  # type: ignore[arg-type]
    trials: list[tuple[Architecture, float]] = []
    for number in range(count):
        architecture = search.ask(number)
        value = float(architecture["a"] + architecture["b"])
        search.tell(Trial(number, architecture, "complete", {"s": value}))
        trials.append((architecture, value))
    return trials


def test_the_first_better_neighbour_is_the_next_centre() -> None:
    centre, best = climb("first")[0]
    for architecture, value in climb("first")[1:]:
        assert differ(architecture, centre) == 1  # an architecture has at most 4 neighbours
        if value > best:
            centre, best = architecture, value
        if best == 18:
            break
    assert best == 18


def test_the_best_neighbour_is_the_next_centre_after_all_are_evaluated() -> None:
    trials = climb("best")
    centre, best = trials[0]
    seen = {trials[0][0]}
    near: list[tuple[Architecture, float]] = []
    for architecture, value in trials[1:]:
        assert differ(architecture, centre) == 1
        seen.add(architecture)
        near.append((architecture, value))
        if all(other in seen for other in SPACE.neighbors(centre)):
            above = [one for one in near if one[1] > best]
            if not above:
                break
            top = max(value for _, value in above)
            centre, best = next(one for one in above if one[1] == top)
            near = []
    assert best == 18


def test_a_local_optimum_restarts_the_search() -> None:
    trials = climb("first")
    top = next(k for k, (_, value) in enumerate(trials) if value == 18)
    later = [differ(architecture, trials[top][0]) for architecture, _ in trials[top + 3 :]]
    assert max(later) > 3


def test_neighbours_are_proposed_in_random_order() -> None:
    space = Space({f"x{k}": Integer(0, 9) for k in range(4)})
    strategy = LocalSearch()
    state = strategy.start(Problem(space, objectives_from({"s": "max"}), 0))
    middle = space.architecture({f"x{k}": 5 for k in range(4)})
    state = strategy.observe(state, Trial(0, middle, "complete", {"s": 1.0}))
    firsts = {next(strategy.propose(state, numpy.random.default_rng(k))) for k in range(40)}
    assert firsts == set(space.neighbors(middle))


def test_after_a_local_optimum_the_next_trial_is_the_centre() -> None:
    space = Space({"a": Integer(0, 9)})
    strategy = LocalSearch()
    state = strategy.start(Problem(space, objectives_from({"s": "max"}), 0))
    for number, (a, value) in enumerate([(5, 9.0), (4, 1.0), (6, 1.0), (0, 0.0)]):
        assert state.centre is None or state.centre[0]["a"] == 5
        trial = Trial(number, space.architecture({"a": a}), "complete", {"s": value})
        state = strategy.observe(state, trial)
    assert state.centre is not None
    assert state.centre[0]["a"] == 0


def test_settings_are_checked() -> None:
    with pytest.raises(StrategyError, match=r'improvement=.last. of LocalSearch: give "first" or'):
        LocalSearch("last")  # type: ignore[arg-type]
