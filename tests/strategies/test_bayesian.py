# pyright: reportPrivateUsage=false
"""Bayesian optimization: Gaussian process, hyperparameters, acquisition, features, behaviour."""

import math

import numpy
import pytest
from numpy.typing import NDArray

from nasbridge import (
    BayesianOptimization,
    Chain,
    Choice,
    Integer,
    Real,
    Search,
    Space,
    StrategyError,
    Trial,
    layer,
    library,
)
from nasbridge.strategies import Problem, objectives_from
from nasbridge.strategies import gaussian_process as gp
from nasbridge.strategies.acquisition import (
    expected_improvement,
    hypervolume_improvement,
    scalarized_improvement,
    thompson,
)
from nasbridge.strategies.bayesian import (
    BayesianState,
    _candidates,
    _parents,
)
from nasbridge.strategies.features import Features
from nasbridge.strategies.gaussian_process import GaussianProcess, Hyperparameters, KernelView, fit
from nasbridge.strategies.surrogate import Member, alternatives, fitted
from nasbridge.strategies.surrogate import kept as kept_of

Array = NDArray[numpy.float64]

RNG = numpy.random.default_rng(0)


def squares(one: Array, other: Array) -> Array:
    return (one[:, None] - other[None]) ** 2


def view(one: Array, other: Array) -> KernelView:
    return KernelView(one, other, numpy.array(range(one.shape[1]), dtype=numpy.intp))


def test_the_gradient_of_the_posterior_density_agrees_with_finite_differences() -> None:
    one, other = RNG.random((12, 3)), RNG.random((12, 1))
    views, values = [view(one, one), view(other, other)], RNG.standard_normal(12)
    mode = gp.prior_mode(views)
    point = mode + 0.3 * RNG.standard_normal(len(mode))
    slope = gp._objective(views, values, point, mode)[1]
    for k, step in enumerate(1e-5 * numpy.eye(len(point))):
        above = gp._objective(views, values, point + step, mode)[0]
        below = gp._objective(views, values, point - step, mode)[0]
        assert slope[k] == pytest.approx((above - below) / 2e-5, rel=1e-4, abs=1e-6)


def test_the_posterior_interpolates_observations_and_widens_away_from_them() -> None:
    x = numpy.linspace(0, 1, 8)[:, None]
    y = numpy.sin(6 * x[:, 0])
    process = GaussianProcess.of([view(x, x)], y, Hyperparameters(((math.log(0.3),),), (0.0,), -12))
    mean, deviation = process.predict([view(x, x)])
    assert mean == pytest.approx(y, abs=1e-3)
    assert deviation.max() < 0.02
    far = numpy.array([[3.0]])
    mean, deviation = process.predict([view(far, x)])
    assert abs(mean[0]) < 0.05
    assert deviation[0] > 0.9
    joint = process.posterior_covariance([view(far, x)], [view(far, far)])
    assert joint[0, 0] == pytest.approx(deviation[0] ** 2)


def test_fitting_finds_noise_and_irrelevant_features() -> None:
    rng = numpy.random.default_rng(1)
    x = rng.random((80, 2))
    clean = numpy.sin(8 * x[:, 0])
    noisy = clean + rng.standard_normal(80)
    fitted = fit([view(x, x)], clean / clean.std())
    assert fitted.lengths[0][1] > fitted.lengths[0][0] + 1  # the second feature is irrelevant
    assert fit([view(x, x)], noisy / noisy.std()).noise > fitted.noise + 2


def test_predictions_are_calibrated() -> None:
    """About 95 % of held-out values lie within two standard deviations."""
    rng = numpy.random.default_rng(2)
    x = rng.random((140, 3))
    y = numpy.sin(5 * x[:, 0]) + x[:, 1] ** 2 + 0.2 * rng.standard_normal(140)
    y = (y - y.mean()) / y.std()
    seen, held = slice(0, 60), slice(60, 140)
    hyper = fit([view(x[seen], x[seen])], y[seen])
    process = GaussianProcess.of([view(x[seen], x[seen])], y[seen], hyper)
    mean, deviation = process.predict([view(x[held], x[seen])])
    spread = numpy.sqrt(deviation**2 + math.exp(hyper.noise))
    assert 0.88 < (numpy.abs(mean - y[held]) < 2 * spread).mean() <= 1.0


def test_normal_scores_depend_on_ranks_only() -> None:
    assert gp.normal_scores([1, 2, 3, -1e9]) == pytest.approx(gp.normal_scores([1, 2, 3, 0]))
    assert gp.normal_scores([5, 5, 5]) == pytest.approx([0, 0, 0])
    assert gp.normal_scores([1, 2]) == pytest.approx([-0.6745, 0.6745], abs=1e-4)


def test_warped_scores_keep_differences_of_good_values() -> None:
    near, far = gp.warped_scores([0, 1, 2, 3, 3.1]), gp.warped_scores([0, 1, 2, 3, 30])
    assert near[4] - near[3] < 0.2 < 1 < far[4] - far[3]
    outlier = gp.warped_scores([-1e9, 1, 2, 3, 3.1])
    assert outlier == pytest.approx(near)
    assert near.mean() == pytest.approx(0)
    assert near.std() == pytest.approx(1)
    assert list(gp.warped_scores([4, 4, 4])) == [0, 0, 0]
    huge = gp.warped_scores([0, 1e200, 2e200, 3e200, 3.1e200])
    assert huge == pytest.approx(near)


def test_the_optimum_of_a_smooth_function_is_found() -> None:
    """With ranks alone, the regret with these seeds is 0.05, 0.18 and 0.94."""

    def branin(x: float, y: float) -> float:
        bend = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
        return bend**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10

    space = Space({"x": Real(-5, 10), "y": Real(0, 15)})
    for seed in range(3):
        search, found = Search(BayesianOptimization(), space, {"v": "min"}, seed), math.inf
        for number in range(60):
            architecture = search.ask(number)
            value = branin(architecture["x"], architecture["y"])
            search.tell(Trial(number, architecture, "complete", {"v": value}))
            found = min(found, value)
        assert found - 0.397887 < 0.01


def test_expected_improvement_agrees_with_samples() -> None:
    draws = numpy.random.default_rng(0).normal(0.3, 0.7, 400_000)
    expected = numpy.maximum(draws - 0.5, 0).mean()
    found = expected_improvement(numpy.array([0.3]), numpy.array([0.7]), 0.5)
    assert found[0] == pytest.approx(expected, rel=0.01)


def test_thompson_samples_have_the_posterior_moments() -> None:
    covariance = numpy.array([[1.0, 0.8], [0.8, 1.0]])
    rng = numpy.random.default_rng(0)
    draws = numpy.array(
        [thompson(numpy.array([1.0, -1.0]), covariance, rng) for _ in range(20_000)]
    )
    assert draws.mean(axis=0) == pytest.approx([1, -1], abs=0.03)
    assert numpy.cov(draws.T) == pytest.approx(covariance, abs=0.04)


def test_hypervolume_improvements_without_noise_are_exact() -> None:
    observed = numpy.array([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])
    reference = -0.2  # a tenth of the range below the worst value
    means = numpy.array([[1.0, 2.0, 3.0, 0.5], [2.0, 2.0, -5.0, 0.5]])
    found = hypervolume_improvement(means, numpy.full((2, 4), 1e-9), observed, RNG)
    assert found == pytest.approx([1.0, 3.0, 0.0, 0.0], abs=1e-6)
    wider = hypervolume_improvement(
        numpy.array([[3.0], [0.0]]), numpy.full((2, 1), 1e-9), observed, RNG
    )
    assert wider[0] == pytest.approx(-reference)


def test_scalarizations_prefer_dominating_points() -> None:
    observed = RNG.random((3, 20))
    means = numpy.array([[2.0, 0.1]] * 3)
    found = scalarized_improvement(means, numpy.full((3, 2), 0.01), observed, RNG)
    assert found[0] > found[1] >= 0


def test_label_counts_distinguish_the_order_of_operations() -> None:
    space = library.nas_bench_201()
    features = Features(space)
    labels = ["none"] * 6
    names = [decision.name for decision in space.decisions]

    def cell(first: str, last: str) -> dict[str, str]:
        chosen = dict(zip(names, labels, strict=True))
        return chosen | {"cell.edge_0_1": first, "cell.edge_1_3": last}

    one = features.row(space.architecture(cell("nor_conv_3x3", "avg_pool_3x3")))
    other = features.row(space.architecture(cell("avg_pool_3x3", "nor_conv_3x3")))
    equivalent = features.row(
        space.architecture(cell("nor_conv_3x3", "avg_pool_3x3") | {"cell.edge_0_2": "skip_connect"})
    )
    heights = features.views([one], [other, equivalent])
    assert [float(part.squared_distances([0.0])[0, 1]) for part in heights] == [0, 0]
    assert all(part.squared_distances([0.0])[0, 0] > 0 for part in heights)
    assert not one.encoding.size  # label counts cover every decision


def test_unused_operations_count_if_equivalents_are_allowed() -> None:
    space = library.nas_bench_201()
    names = [decision.name for decision in space.decisions]
    none = dict.fromkeys(names, "none")
    dead = space.architecture(
        none | {"cell.edge_0_1": "nor_conv_3x3"}
    )  # not connected to the output
    for allow_equivalent in (False, True):
        features = Features(space, allow_equivalent)
        views = features.views([features.row(space.architecture(none))], [features.row(dead)])
        distances = [
            float(view.squared_distances([0.0] * view.group_count)[0, 0]) for view in views
        ]
        assert any(distances) == allow_equivalent


def test_numbers_and_conditions_have_a_separate_kernel() -> None:
    space = Space({"lr": Real(1e-4, 1, log=True), "n": Choice({"a": Integer(1, 3), "b": 0})})
    features = Features(space)
    (one,) = features.views(
        [features.row(space.architecture({"lr": 1e-4, "n": "a", "n.a": 1}))],
        [features.row(space.architecture({"lr": 1.0, "n": "b"}))],
    )
    assert one.group_count == 3
    assert one.squared_distances([0.0, 50.0, 50.0])[0, 0] == pytest.approx(1.0)


def run(search: Search, trials: int) -> list[float]:
    found: list[float] = []
    for number in range(trials):
        architecture = search.ask(number)
        value = -sum((architecture[f"x{k}"] - 0.7) ** 2 for k in range(3))
        if architecture["x0"] < 0.2:
            value = -1e6  # an outlier
        search.tell(Trial(number, architecture, "complete", {"v": value}))
        found.append(value)
    return found


@pytest.mark.parametrize("acquisition", ["ei", "thompson"])
def test_a_smooth_optimum_is_found_despite_outliers(acquisition: str) -> None:
    space = Space({f"x{k}": Real(0, 1) for k in range(3)})
    strategy = BayesianOptimization(initial=8, acquisition=acquisition)  # type: ignore[arg-type]
    best = [max(run(Search(strategy, space, {"v": "max"}, seed), 40)) for seed in range(3)]
    assert sum(best) / 3 > -0.02


def test_a_running_trial_lowers_the_acquisition_of_similar_architectures() -> None:
    space = Space({"x": Real(0, 1)})
    strategy = BayesianOptimization(initial=2)
    state = strategy.start(Problem(space, objectives_from({"v": "max"}), 0))
    for number, x in enumerate((0.0, 0.15, 0.4, 1.0)):
        trial = Trial(number, space.architecture({"x": x}), "complete", {"v": -((x - 0.6) ** 2)})
        state = strategy.observe(state, trial)
    near = space.architecture({"x": 0.61})

    def acquire(state: BayesianState) -> tuple[float, float]:
        surrogate = state.surrogate()
        rows = [surrogate.features.row(near)]
        views = surrogate.features.views(rows, surrogate.rows)
        acquired = strategy._acquire(surrogate, [near], numpy.random.default_rng(0))
        return float(acquired[0]), float(surrogate.processes[0].predict(views)[1][0])

    running = strategy.observe(state, Trial(4, space.architecture({"x": 0.6})))
    (before, wide), (after, narrow) = acquire(state), acquire(running)
    assert after < 0.5 * before
    assert narrow < 0.5 * wide


def test_the_predicted_value_of_a_running_trial_may_be_the_best() -> None:
    """Otherwise a second worker would propose the same improvement again."""
    space = Space({"x": Real(0, 1)})
    strategy = BayesianOptimization(initial=2)
    state = strategy.start(Problem(space, objectives_from({"v": "max"}), 0))
    for number, x in enumerate([0.0, 0.2, 0.4, 0.6]):
        state = strategy.observe(
            state, Trial(number, space.architecture({"x": x}), "complete", {"v": x})
        )
    above = strategy.observe(state, Trial(4, space.architecture({"x": 0.7})))
    observed, with_running = state.surrogate(), above.surrogate()
    assert with_running.best > observed.best
    assert with_running.best == with_running.values[0, -1]
    assert with_running.values.shape == (1, 5)


def test_failing_regions_are_avoided() -> None:
    space = Space({f"x{k}": Choice(list("abcd")) for k in range(5)})

    def failures(seed: int, report: bool) -> int:
        search = Search(BayesianOptimization(), space, {"v": "max"}, seed)
        failed = 0
        for number in range(60):
            architecture = search.ask(number)
            fails = architecture["x0"] == "a"
            failed += fails
            state = "failed" if fails and report else "complete"
            value = sum(label != "b" for label in architecture.choices.values())
            search.tell(Trial(number, architecture, state, {"v": value}))  # type: ignore[arg-type]
        return failed

    assert sum(failures(s, True) for s in range(4)) < sum(failures(s, False) for s in range(4))


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_equal_blocks_is_learned_where_it_matters(seed: int) -> None:
    options = {name: layer(name) for name in ("A", "B", "C", "D")}
    space = Chain(*(Choice(options) for _ in range(6)))
    gains = numpy.random.default_rng(seed).normal(size=(6, 4))
    search = Search(BayesianOptimization(), space, {"v": "max"}, seed)
    best = -numpy.inf
    for number in range(60):
        architecture = search.ask(number)
        chosen = [list(options).index(str(label)) for label in architecture.choices.values()]
        value = float(sum(row[k] for row, k in zip(gains, chosen, strict=True)))
        best = max(best, value)
        search.tell(Trial(number, architecture, "complete", {"v": value}))
    assert best == pytest.approx(gains.max(axis=1).sum())


def test_the_simplest_features_are_used_where_the_evidence_is_no_larger() -> None:
    space = Chain(*(Choice({name: layer(name) for name in "ABCD"}) for _ in range(6)))
    choices = alternatives(Problem(space, objectives_from({"v": "max"}), 0))
    assert len(choices) == 2
    members: list[Member] = []
    for number in range(40):
        one = space.sample(numpy.random.default_rng(number))
        members.append((one, (float(list(one.choices.values()).count("A")),)))
    used, hyper = fitted(choices, members, warped=False)
    assert used is choices[0]
    assert len(hyper) == 1


def test_a_model_of_many_trials_keeps_the_best_and_the_latest() -> None:
    architecture = Space({"a": Integer(0, 9)}).architecture({"a": 0})
    scores = RNG.permutation(400).astype(float)
    observed = [(architecture, (float(score),)) for score in scores]
    kept = [score for _, (score,) in kept_of(observed)]
    older, latest = scores[:272], scores[272:]
    assert kept[128:] == latest.tolist()
    assert sorted(kept[:128]) == sorted(older)[-128:]


def test_rounding_errors_do_not_change_the_order_of_candidates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    space = Space({f"x{k}": Choice(list("abcd")) for k in range(3)})
    strategy = BayesianOptimization(initial=2)
    state = strategy.start(Problem(space, objectives_from({"v": "max"}), 0))
    for number in range(4):
        one = space.sample(numpy.random.default_rng(number))
        state = strategy.observe(state, Trial(number, one, "complete", {"v": number}))

    def nearly_equal(_: object, __: object, candidates: list[object], ___: object) -> Array:
        return 1 + 1e-9 * numpy.arange(len(candidates), dtype=numpy.float64)

    monkeypatch.setattr(BayesianOptimization, "_acquire", nearly_equal)
    first = next(strategy.propose(state, numpy.random.default_rng(0)))
    assert first == next(_candidates(state, _parents(state), numpy.random.default_rng(0)))


def test_fitted_hyperparameters_are_rounded() -> None:
    x = numpy.random.default_rng(3).random((20, 2))
    hyper = fit([view(x, x)], numpy.sin(5 * x[:, 0]))
    values = [*hyper.lengths[0], *hyper.weights, hyper.noise]
    assert values == [round(value, 2) for value in values]


def test_a_scalarization_is_the_least_scaled_score_to_the_power_of_the_objectives() -> None:
    """Zhang & Golovin 2020, equation 1."""
    observed = numpy.array([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    means = numpy.array([[3.0], [4.0], [5.0]])
    found = scalarized_improvement(
        means, numpy.full((3, 1), 1e-12), observed, numpy.random.default_rng(5)
    )
    weights = numpy.abs(numpy.random.default_rng(5).standard_normal(3))
    weights /= numpy.linalg.norm(weights)

    def scalar(point: Array) -> float:
        return float(((point + 0.1) / weights).min() ** 3)

    assert found[0] == pytest.approx(scalar(means[:, 0]) - scalar(observed[:, 1]))


def test_settings_are_checked() -> None:
    with pytest.raises(StrategyError, match="initial=1 of BayesianOptimization"):
        BayesianOptimization(initial=1)
    with pytest.raises(StrategyError, match=r'acquisition=.ucb. .*give "ei" or "thompson"'):
        BayesianOptimization(acquisition="ucb")  # type: ignore[arg-type]
    with pytest.raises(StrategyError, match=r'"thompson" .* supports one objective only'):
        Search(
            BayesianOptimization(acquisition="thompson"),
            Space({"a": Integer(0, 1)}),
            {"v": "max", "w": "min"},
        )
