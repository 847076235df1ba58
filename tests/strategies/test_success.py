"""Learning where trials fail: the classifier, the model, and what strategies do with it."""

from collections.abc import Callable
from typing import Any

import numpy
import pytest
from numpy.typing import NDArray

from nasbridge import (
    Architecture,
    Bananas,
    BayesianOptimization,
    Choice,
    Integer,
    LocalSearch,
    PolicyGradient,
    RandomSearch,
    Real,
    RegularizedEvolution,
    Repeat,
    Space,
    Trial,
    layer,
)
from nasbridge.spaces import SearchSpace
from nasbridge.strategies import Search, Strategy, objectives_from
from nasbridge.strategies.classification import (
    BIAS,
    GaussianClassifier,
    evidence,
    fit_classifier,
)
from nasbridge.strategies.gaussian_process import KernelView, covariance, prior_mode, unpack
from nasbridge.strategies.success import CAPACITY, MARGIN, SuccessModel, SuccessRecord, weighted

Array = NDArray[numpy.float64]

OBJECTIVES = objectives_from({"value": "max"})
SQUARE = Space({"x": Real(0, 1), "y": Real(0, 1)})
GROUPS = numpy.array([0, 1])


def is_low(points: Array) -> Array:
    """Return 1 below the boundary x y = 0.4, and 0 above."""
    return (points[:, 0] * points[:, 1] < 0.4).astype(numpy.float64)


def record_of(
    space: SearchSpace, works: Callable[[Architecture], bool], trials: int, seed: int = 0
) -> SuccessRecord:
    """Return the record of random trials."""
    record, rng = SuccessRecord.of(space), numpy.random.default_rng(seed)
    for number in range(trials):
        architecture = space.sample(rng)
        trial = Trial(number, architecture, "failed")
        if works(architecture):
            trial = Trial(number, architecture, "complete", {"value": 1.0})
        record = record.observe(trial, OBJECTIVES)
    return record


def model_of(record: SuccessRecord) -> SuccessModel:
    model = record.model()
    assert model is not None
    return model


def test_the_gradient_of_the_evidence_is_that_of_finite_differences() -> None:
    points = numpy.random.default_rng(0).random((40, 2))
    views, labels = [KernelView(points, points, GROUPS)], is_low(points)
    at = prior_mode(views) + numpy.array([0.2, -0.3, 1.0, 0.0])
    _, slopes = evidence(views, labels, unpack(views, at))
    for k, slope in enumerate(slopes):
        step = numpy.zeros(len(at))
        step[k] = 1e-4
        above, below = (evidence(views, labels, unpack(views, at + s))[0] for s in (step, -step))
        assert slope == pytest.approx((above - below) / 2e-4, rel=1e-3)


def test_the_classifier_is_calibrated_at_a_boundary() -> None:
    rng = numpy.random.default_rng(1)
    points, others = rng.random((60, 2)), rng.random((3000, 2))
    views, labels = [KernelView(points, points, GROUPS)], is_low(points)
    classifier = GaussianClassifier.of(views, labels, fit_classifier(views, labels))
    chance, truth = classifier.predict([KernelView(others, points, GROUPS)]), is_low(others)
    assert truth[chance > 0.9].mean() > 0.95
    assert truth[chance < 0.1].mean() < 0.05
    assert ((chance > 0.9) | (chance < 0.1)).mean() > 0.6  # it is sure of most of the square
    unsure = (chance > 0.25) & (chance < 0.75)
    assert 0.2 < truth[unsure].mean() < 0.8


def test_far_from_all_trials_the_probability_is_the_rate() -> None:
    points = numpy.concatenate([numpy.zeros((6, 1)), numpy.ones((3, 1))])
    labels = numpy.array([1.0] * 6 + [0.0] * 3)
    views = [KernelView(points, points, GROUPS[:1])]
    hyper = unpack(views, numpy.array([-1.5, 3.0, 0.0]))
    classifier = GaussianClassifier.of(views, labels, hyper)
    asked = numpy.array([[0.0], [1.0], [50.0]])
    near, failing, far = classifier.predict([KernelView(asked, points, GROUPS[:1])])
    assert near > 0.85
    assert failing < 0.2
    assert 0.4 < far < 0.6  # less sure than the rate of 2/3, because two places are few


def test_the_probability_is_averaged_over_the_latent_function() -> None:
    rng = numpy.random.default_rng(3)
    points, others = rng.random((12, 2)), rng.random((5, 2)) * 3
    views, labels = [KernelView(points, points, GROUPS)], is_low(points)
    hyper = unpack(views, numpy.array([-1.0, -1.0, 3.0, 0.0]))
    classifier = GaussianClassifier.of(views, labels, hyper)
    asked = [KernelView(others, points, GROUPS)]
    near = covariance(asked, hyper)[0] + BIAS
    mean = near @ classifier.mode.slope
    prior = BIAS + numpy.exp(3.0)
    deviation = numpy.sqrt(prior - ((near @ classifier.mode.inner) * near).sum(axis=1))
    draws = mean + deviation * rng.standard_normal((20_000, 1))
    average = (1 / (1 + numpy.exp(-draws))).mean(axis=0)
    assert classifier.predict(asked) == pytest.approx(average, abs=0.03)


@pytest.mark.parametrize("seed", range(3))
def test_failures_at_random_teach_nothing(seed: int) -> None:
    rng = numpy.random.default_rng(seed)
    model = model_of(record_of(SQUARE, lambda a: bool(rng.random() < 0.7), 80, seed))
    chance = model.probability([SQUARE.sample(rng) for _ in range(200)])
    assert chance.min() > MARGIN * chance.max()  # no candidate is avoided
    assert chance.mean() == pytest.approx(0.7, abs=0.12)


CASES: dict[str, tuple[SearchSpace, Callable[[Architecture], bool]]] = {
    "real": (SQUARE, lambda a: a["x"] * a["y"] < 0.4),
    "integer": (
        Space({"units": Integer(1, 256), "layers": Integer(1, 12)}),
        lambda a: a["units"] < 100,
    ),
    "categorical": (
        Space({"op": Choice(list("abcdef")), "n": Integer(1, 9)}),
        lambda a: a["op"] not in "ce",
    ),
    "graph": (
        Repeat(layer("Dense", units=Choice([16, 32, 64])), Integer(1, 8, name="depth")),
        lambda a: sum(a[name] for name in a if name != "depth") < 150,
    ),
}


@pytest.mark.parametrize(("space", "works"), CASES.values(), ids=CASES)
def test_the_model_learns_where_trials_fail(
    space: SearchSpace, works: Callable[[Architecture], bool]
) -> None:
    model = model_of(record_of(space, works, 60))
    rng = numpy.random.default_rng(1)
    others = [space.sample(rng) for _ in range(300)]
    found = model.probability(others) > 0.5
    assert numpy.mean(found == [works(other) for other in others]) > 0.85


def test_no_model_without_failures_or_without_successes() -> None:
    assert record_of(SQUARE, lambda a: True, 9).model() is None
    assert record_of(SQUARE, lambda a: False, 9).model() is None


def test_a_pruned_trial_did_not_fail_and_an_unreported_one_says_nothing() -> None:
    record = SuccessRecord.of(SQUARE)
    assert (
        record.observe(Trial(0, SQUARE.sample(numpy.random.default_rng(0)), "pruned"), OBJECTIVES)
        == record
    )


def test_older_trials_are_thinned_out() -> None:
    record = record_of(SQUARE, lambda a: True, 3 * CAPACITY)
    assert record.number == 3 * CAPACITY
    assert 0.7 * CAPACITY < len(record.outcomes) <= CAPACITY
    again = record_of(SQUARE, lambda a: True, CAPACITY)
    assert {a for a, _ in record.outcomes} & {a for a, _ in again.outcomes}


def test_unsafe_candidates_come_last_in_an_acquisition() -> None:
    given = numpy.array([9.0, 0.0, 1.0, 5.0])
    order = numpy.argsort(-weighted(given, numpy.array([0.3, 0.9, 0.9, 0.1])))
    assert order.tolist() == [2, 1, 0, 3]


def test_filtered_candidates_are_all_there_and_safe_ones_come_first() -> None:
    model = model_of(record_of(SQUARE, lambda a: a["x"] < 0.5, 60))
    rng = numpy.random.default_rng(2)
    candidates = [SQUARE.sample(rng) for _ in range(40)]
    found = list(model.filtered(iter(candidates)))
    assert sorted(a.key for a in found) == sorted(a.key for a in candidates)
    fails = [a["x"] > 0.6 for a in found]
    assert fails.index(True) > 15
    endless = model.filtered(a for a in iter(lambda: SQUARE.architecture({"x": 0.9, "y": 0.5}), 0))
    assert next(endless)["x"] == 0.9  # a strategy that knows nothing else is not stuck


def failures(strategy: Strategy[Any], seed: int) -> int:
    """Return how many of the last 20 of 60 trials have more than 600 units in all, and fail."""
    space = Space({"units": Integer(1, 256), "layers": Integer(1, 12)})
    search = Search(strategy, space, {"value": "max"}, seed)
    failed = list[bool]()
    for number in range(60):
        architecture = search.ask(number)
        size = architecture["units"] * architecture["layers"]
        failed.append(bool(size > 600))
        trial = Trial(number, architecture, "complete", {"value": size / 600})
        search.tell(Trial(number, architecture, "failed") if failed[-1] else trial)
    return sum(failed[-20:])


@pytest.mark.parametrize(
    "strategy",
    [
        BayesianOptimization(),
        BayesianOptimization(acquisition="thompson"),
        Bananas(),
        RegularizedEvolution(population=20, sample=5),
        LocalSearch(),
        PolicyGradient(),
    ],
    ids=lambda strategy: type(strategy).__name__,
)
def test_strategies_fail_less_often_than_random_search(strategy: Strategy[Any]) -> None:
    at_random = sum(failures(RandomSearch(), seed) for seed in range(2))
    assert sum(failures(strategy, seed) for seed in range(2)) < at_random / 2
