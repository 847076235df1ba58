"""Policy gradient against its papers: each test fails for a common simplification."""

from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy
import pytest

from nasbridge import (
    Architecture,
    Choice,
    Integer,
    PolicyGradient,
    RandomSearch,
    Real,
    Search,
    Space,
    StrategyError,
    Trial,
)
from nasbridge.spaces import IntegerRange, SearchSpace
from nasbridge.strategies import Objective, Problem, Strategy
from nasbridge.strategies.partition import option_of, partition
from nasbridge.strategies.policy_gradient import (
    PolicyGradientState,
    compute_advantages,
    ppo_gradient,
    rank_rewards,
)
from nasbridge.strategies.search import generator
from nasbridge.strategies.trial import TrialState

BRANCHES = {
    "left": Choice({"a": Choice(["x", "y"]), "b": Integer(1, 3)}),
    "right": Choice(list("uvw")),
}
CONDITIONAL = Space(
    {"branch": Choice(BRANCHES), "depth": Integer(1, 40), "last": Choice(list("pq"))}
)
SMALL = Space({"branch": Choice(BRANCHES), "last": Choice(list("pq"))})
FLAT = Space({f"d{k}": Choice(list("abcd")) for k in range(4)})


def problem(space: SearchSpace, *objectives: str) -> Problem:
    return Problem(space, tuple(map(Objective, objectives or ("score",))), seed=3)


def options_of(state: PolicyGradientState, *architectures: Architecture) -> Any:
    rows = [state.options(architecture.choices) for architecture in architectures]
    return numpy.array(rows, dtype=numpy.intp)


def log_probs(state: PolicyGradientState, *architectures: Architecture) -> Any:
    chosen = options_of(state, *architectures)
    return state.network.forward(state.learned.vector, chosen).log_probs


def entropies(state: PolicyGradientState, *architectures: Architecture) -> Any:
    chosen = options_of(state, *architectures)
    return state.network.forward(state.learned.vector, chosen).entropies


def sampled(
    strategy: PolicyGradient, state: PolicyGradientState, number: int
) -> list[Architecture]:
    return list(islice(strategy.propose(state, numpy.random.default_rng(0)), number))


def observed(
    strategy: PolicyGradient,
    state: PolicyGradientState,
    architectures: list[Architecture],
    score: Callable[[Architecture], float],
    ends: Callable[[Architecture], TrialState] = lambda _: "complete",
) -> PolicyGradientState:
    """The state after trials of these architectures."""
    for number, architecture in enumerate(architectures):
        trial = Trial(number, architecture, ends(architecture), {"score": score(architecture)})
        state = strategy.observe(state, trial)
    return state


def count_of_b(architecture: Architecture) -> float:
    return float(sum(label == "b" for label in architecture.choices.values()))


def test_probabilities_are_conditional_and_sum_to_one() -> None:
    space, strategy = SMALL, PolicyGradient(batch=4, learning_rate=0.03)
    state = strategy.start(problem(space))
    state = observed(strategy, state, sampled(strategy, state, 8), lambda x: float(len(x)))
    every = list(space.enumerate())
    assert len(every) == (2 + 3 + 3) * 2
    logs = log_probs(state, *every)
    assert numpy.exp(logs.sum(axis=1)).sum() == pytest.approx(1)
    for architecture, row in zip(every, logs, strict=True):
        active = [decision.name in architecture for decision in space.decisions]
        assert ((row < 0) == active).all()
    last = {float(row[-1]) for row, x in zip(logs, every, strict=True) if x["last"] == "p"}
    assert len(last) == 8  # the choice depends on all previous choices


def test_samples_follow_the_probabilities_of_the_policy() -> None:
    """The first candidate follows the policy, the second the policy without the first."""
    strategy = PolicyGradient(batch=4, learning_rate=0.03, units=8)
    state = strategy.start(problem(SMALL))
    state = observed(strategy, state, sampled(strategy, state, 8), lambda x: float(len(x)))
    rng, draws = numpy.random.default_rng(0), 3000
    pairs = [tuple(islice(strategy.propose(state, rng), 2)) for _ in range(draws)]
    every = list(SMALL.enumerate())
    probs = numpy.exp(log_probs(state, *every).sum(axis=1))
    others = [numpy.delete(probs, k) for k in range(len(every))]
    seconds = probs * [(other / (1 - other)).sum() for other in others]
    assert probs.max() > 3 * probs.min()
    for position, expected in enumerate((probs, seconds)):
        drawn = Counter(pair[position] for pair in pairs)
        for architecture, prob in zip(every, expected.tolist(), strict=True):
            assert abs(drawn[architecture] - prob * draws) < 5 * (prob * draws) ** 0.5


def test_candidates_are_unique_and_end_with_the_space() -> None:
    strategy = PolicyGradient()
    drawn = sampled(strategy, strategy.start(problem(SMALL)), 100)
    assert len(drawn) == len(set(drawn)) == 16


def test_ranges_are_divided_into_bins_and_all_values_are_sampled() -> None:
    space = Space({"few": Integer(1, 4), "many": Integer(1, 40), "rate": Real(1e-4, 1.0, log=True)})
    strategy = PolicyGradient(points=4)
    state = strategy.start(problem(space))
    assert state.network.options == (4, 4, 4)
    drawn = sampled(strategy, state, 1500)
    assert {x["many"] for x in drawn} == set(range(1, 41))
    assert [state.options(x.choices) for x in drawn[:50]] == [
        (x["few"] - 1, (x["many"] - 1) // 10, int(numpy.log10(x["rate"]) + 4)) for x in drawn[:50]
    ]


@pytest.mark.parametrize(
    "domain",
    [
        IntegerRange(1, 7),
        IntegerRange(3, 50, step=4),
        IntegerRange(-20, 20),
        IntegerRange(1, 30, log=True),
        IntegerRange(8, 1000, step=8, log=True),
        IntegerRange(5, 5),
    ],
)
def test_each_integer_is_in_exactly_one_bin(domain: IntegerRange) -> None:
    parts = partition(domain, points=10)
    assert len(parts) == len(domain.values()) if len(domain.values()) <= 10 else len(parts) <= 10
    assert [value for part in parts for value in part.values()] == list(domain.values())
    for position, part in enumerate(parts):
        assert {option_of(parts, value) for value in part.values()} == {position}


def test_the_initial_weights_follow_the_seed_and_no_trial_shares_their_generator() -> None:
    strategy = PolicyGradient(units=5)
    one, same = (strategy.start(Problem(FLAT, (Objective("score"),), 3)) for _ in range(2))
    other = strategy.start(Problem(FLAT, (Objective("score"),), 4))
    assert (one.learned.vector == same.learned.vector).all()
    assert (one.learned.vector != other.learned.vector).any()
    assert generator(3, 2**64 - 1).random() != generator(3, 0).random()


def test_a_reward_is_the_share_of_trials_that_are_not_better() -> None:
    seen = numpy.array([[1.0], [2.0], [2.0], [1e9]])
    scores = numpy.array([[1e9], [2.0], [1.0], [-numpy.inf]])
    assert rank_rewards(scores, seen).tolist() == [1.0, 0.75, 0.25, 0.0]


def test_non_dominated_trials_have_the_full_reward() -> None:
    seen = numpy.array([[1.0, 9.0], [9.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    assert rank_rewards(seen, seen).tolist() == [1.0, 1.0, 0.5, 0.25]


def test_a_reward_compares_with_the_trials_of_earlier_batches() -> None:
    strategy = PolicyGradient(batch=4, units=8)
    state = strategy.start(problem(FLAT))
    for number, score in enumerate([1.0] * 4 + [0.0] * 4):
        one = FLAT.sample(numpy.random.default_rng(number))
        state = strategy.observe(state, Trial(number, one, "complete", {"score": score}))
    assert state.baseline == pytest.approx(0.5 + 0.5 * 0.95**4)  # four rewards of 1, then of 1/2


def test_a_batch_of_failed_trials_does_not_change_the_policy() -> None:
    failed = numpy.array([[-numpy.inf]] * 3)
    assert rank_rewards(failed, failed[:0]).tolist() == [0.0] * 3
    strategy = PolicyGradient(batch=4, entropy=0)
    start = strategy.start(problem(FLAT))
    state = observed(strategy, start, sampled(strategy, start, 4), count_of_b, lambda _: "failed")
    assert (state.learned.vector == start.learned.vector).all()
    assert state.baseline == 0


def test_the_baseline_moves_before_it_is_used() -> None:
    baseline, advantages = compute_advantages(numpy.array([1.0, 0.0]), baseline=0.5)
    first = 0.95 * 0.5 + 0.05 * 1.0
    second = 0.95 * first
    assert advantages == pytest.approx([1.0 - first, 0.0 - second])
    assert baseline == pytest.approx(second)


def test_the_baseline_starts_at_the_mean_of_the_first_batch() -> None:
    baseline, advantages = compute_advantages(numpy.array([0.7, 0.7]), baseline=None)
    assert baseline == pytest.approx(0.7)
    assert advantages == pytest.approx([0, 0])


def test_failing_choices_become_unlikely() -> None:
    strategy = PolicyGradient(batch=20, learning_rate=0.01, entropy=0)
    state = strategy.start(problem(FLAT))
    drawn = sampled(strategy, state, 20)

    def ends(architecture: Architecture) -> TrialState:
        return "failed" if architecture["d0"] == "a" else "complete"

    after = observed(strategy, state, drawn, lambda _: 1.0, ends)
    failed = next(x for x in drawn if x["d0"] == "a")
    assert log_probs(after, failed)[0, 0] < log_probs(state, failed)[0, 0] - 0.1


def test_a_pruned_trial_counts_with_its_last_value() -> None:
    strategy = PolicyGradient(batch=3)
    state = strategy.start(problem(FLAT))
    drawn = sampled(strategy, state, 3)
    complete = observed(strategy, state, drawn, count_of_b)
    pruned = observed(strategy, state, drawn, count_of_b, lambda _: "pruned")
    assert (pruned.learned.vector == complete.learned.vector).all()


def test_clipping_zeroes_the_gradient_beyond_the_range() -> None:
    ratios = numpy.array([[0.7, 1.0, 1.3]])
    assert ppo_gradient(ratios, numpy.array([2.0]), clip=0.2).tolist() == [[1.4, 2.0, 0.0]]
    assert ppo_gradient(ratios, numpy.array([-2.0]), clip=0.2).tolist() == [[0.0, -2.0, -2.6]]


def farthest(clip: float) -> float:
    """The largest probability ratio to the old policy after many epochs on one batch."""
    strategy = PolicyGradient(batch=20, epochs=60, learning_rate=0.001, clip=clip, entropy=0)
    state = strategy.start(problem(FLAT))
    drawn = sampled(strategy, state, 20)
    after = observed(strategy, state, drawn, count_of_b)
    return float(numpy.exp(log_probs(after, *drawn) - log_probs(state, *drawn)).max())


def test_clipping_bounds_the_change_of_many_epochs() -> None:
    assert farthest(clip=0.2) < 1.5
    assert farthest(clip=1e9) > 4


def test_clipping_has_no_effect_in_the_first_epoch() -> None:
    def once(**settings: Any) -> Any:
        strategy = PolicyGradient(batch=10, **settings)
        state = strategy.start(problem(CONDITIONAL))
        drawn = sampled(strategy, state, 10)
        return observed(strategy, state, drawn, lambda x: float(len(x))).learned.vector

    reinforce = once(algorithm="reinforce")
    assert (once(epochs=1, clip=1e-9) == reinforce).all()
    assert (once(epochs=2, clip=1e-9) != reinforce).any()


def test_the_entropy_bonus_moves_the_policy_towards_uniform() -> None:
    learner = PolicyGradient(batch=20, learning_rate=0.05, entropy=0)
    state = learner.start(problem(FLAT))
    for _ in range(3):
        state = observed(learner, state, sampled(learner, state, 20), count_of_b)
    drawn = sampled(learner, state, 20)
    bonus = PolicyGradient(batch=20, learning_rate=0.01, entropy=5)
    after = observed(bonus, state, drawn, count_of_b)
    without = observed(learner, state, drawn, count_of_b)
    assert entropies(after, *drawn).mean() > entropies(state, *drawn).mean() + 0.05
    assert entropies(after, *drawn).mean() > entropies(without, *drawn).mean() + 0.05


@pytest.mark.parametrize("algorithm", ["ppo", "reinforce"])
def test_states_are_not_modified_in_place_and_running_trials_change_nothing(algorithm: Any) -> None:
    strategy = PolicyGradient(batch=5, algorithm=algorithm)
    state = strategy.start(problem(CONDITIONAL))
    state = observed(strategy, state, sampled(strategy, state, 9), lambda x: float(len(x)))
    for array in (*state.learned[:3], state.seen):
        array.flags.writeable = False
    after = observed(strategy, state, sampled(strategy, state, 1), lambda x: float(len(x)))
    assert (after.learned.vector != state.learned.vector).any()
    assert len(state.batch) == 4
    assert strategy.observe(state, Trial(9, sampled(strategy, state, 1)[0])) is state


def test_trials_may_finish_in_any_order() -> None:
    search = Search(PolicyGradient(batch=6), CONDITIONAL, {"score": "max"}, seed=0)
    running: dict[int, Architecture] = {}
    for number in range(40):
        running[number] = search.ask(number)
        if number >= 5:
            first = max(running) if number % 2 else min(running)
            done = running.pop(first)
            search.tell(Trial(first, done, "complete", {"score": float(len(done))}))
    assert len(search.running) == 5


def best_of(strategy: Strategy[Any], seed: int) -> float:
    """Decisions that agree with a planted optimum behind two conditions, after 120 trials."""
    side = {
        "left": Choice({"a": Choice(list("xyz")), "b": Choice(list("xyz"))}),
        "right": Choice(list("uvwxyz")),
    }
    parts = {f"part{k}": Choice(list("abcd")) for k in range(4)}
    space = Space({"one": Choice(side), "two": Choice(side), **parts})
    planted = {"one": "left", "one.left": "b", "one.left.b": "z", "two": "right", "two.right": "w"}
    planted |= {"part0": "d", "part1": "a", "part2": "b", "part3": "d"}
    search, found = Search(strategy, space, {"score": "max"}, seed), 0.0
    for number in range(120):
        architecture = search.ask(number)
        score = float(len(planted.items() & architecture.choices.items()))
        search.tell(Trial(number, architecture, "complete", {"score": score}))
        found = max(found, score)
    return found


@pytest.mark.parametrize("algorithm", ["ppo", "reinforce"])
def test_it_finds_a_planted_optimum_behind_conditions(algorithm: Any) -> None:
    rate = {"ppo": 0.01, "reinforce": 0.03}[algorithm]
    strategy = PolicyGradient(10, rate, algorithm, units=32)
    learned = [best_of(strategy, seed) for seed in range(4)]
    drawn = [best_of(RandomSearch(), seed) for seed in range(4)]
    assert numpy.mean(learned) > numpy.mean(drawn) + 1.5


@pytest.mark.parametrize(
    "settings",
    [
        {"batch": 0},
        {"epochs": 0},
        {"units": 0},
        {"points": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"clip": 0.0},
        {"entropy": -1.0},
        {"algorithm": "a2c"},
    ],
)
def test_an_invalid_setting_is_named(settings: dict[str, Any]) -> None:
    with pytest.raises(StrategyError, match=next(iter(settings))):
        PolicyGradient(**settings)
