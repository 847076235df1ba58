# pyright: reportPrivateUsage=false
"""BANANAS against White et al. 2021: path encoding, ensemble, independent Thompson sampling."""

import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy
import numpy.typing
import pytest

from nasbridge import (
    Architecture,
    Bananas,
    Integer,
    Real,
    Search,
    Space,
    StrategyError,
    Trial,
    library,
)
from nasbridge.strategies import Problem, objectives_from
from nasbridge.strategies import ensemble as ensembles
from nasbridge.strategies.bananas import BananasState, PathEncoding
from nasbridge.strategies.ensemble import Ensemble

RNG = numpy.random.default_rng(0)
CELLS = library.nas_bench_201()


def test_the_gradient_of_the_ensemble_agrees_with_finite_differences() -> None:
    sizes, networks = [3, 4, 4, 1], 2
    parameters = [
        part
        for before, after in pairwise(sizes)
        for part in (
            RNG.standard_normal((networks, before, after)),
            0.1 * RNG.standard_normal((networks, 1, after)),
        )
    ]
    x, y = RNG.standard_normal((networks, 6, 3)), RNG.standard_normal((networks, 6))

    def loss() -> float:
        outputs = ensembles._forward(parameters, x)[-1][:, :, 0]
        return float(numpy.abs(outputs - y).mean(axis=1).sum())

    slopes = ensembles._gradients(parameters, x, y)
    for part, slope in zip(parameters, slopes, strict=True):
        for k in RNG.integers(part.size, size=5):
            flat = part.reshape(-1)
            before = flat[k]
            flat[k] = before + 1e-6
            above = loss()
            flat[k] = before - 1e-6
            below = loss()
            flat[k] = before
            assert slope.reshape(-1)[k] == pytest.approx((above - below) / 2e-6, abs=1e-4)


def test_an_ensemble_learns_and_its_networks_differ() -> None:
    x = RNG.integers(2, size=(120, 12)).astype(float)
    y = x[:, 0] * 3 + x[:, 1] - 2 * x[:, 2] * x[:, 3]
    trained = Ensemble.train(x[:80], y[:80], numpy.random.default_rng(1))
    predicted = trained.predict(x[80:])
    assert predicted.shape == (5, 40)
    assert numpy.corrcoef(predicted.mean(axis=0), y[80:])[0, 1] > 0.8
    assert predicted.std(axis=0).min() > 0
    initial = Ensemble.train(x[:80], y[:80], numpy.random.default_rng(1), epochs=0)
    assert initial.predict(x[80:]).std(axis=0).min() > 0


def test_the_encoding_contains_the_most_likely_paths() -> None:
    """As in the code of BANANAS, 30 of the 155 paths of a cell are all those of length 1 and 2."""
    encoding = PathEncoding.of(CELLS, 30)
    assert sorted(len(path) for _, path in encoding.paths) == [1] * 5 + [2] * 25
    assert len(PathEncoding.of(CELLS, 1000).paths) > 150  # of those that 500 random cells have
    names = [decision.name for decision in CELLS.decisions]
    conv = dict.fromkeys(names, "none") | {"cell.edge_0_3": "nor_conv_3x3"}
    unused = {**conv, "cell.edge_0_1": "skip_connect"}  # not connected to the output

    def paths(cell: dict[str, str]) -> list[tuple[str, ...]]:
        code = encoding.encode(CELLS.architecture(cell))
        return sorted(encoding.paths[k][1] for k in numpy.flatnonzero(code))

    assert paths(conv) == [("none", "none"), ("nor_conv_3x3",)]
    assert paths(unused) == [("none", "none"), ("nor_conv_3x3",), ("skip_connect", "none")]


def state_after(strategy: Bananas, values: list[float]) -> BananasState:
    """Return the state after trials on cells."""
    state = strategy.start(Problem(CELLS, objectives_from({"v": "max"}), 0))
    for number, value in enumerate(values):
        cell = CELLS.sample(numpy.random.default_rng(number))
        state = strategy.observe(state, Trial(number, cell, "complete", {"v": value}))
    return state


def test_a_diverged_value_has_the_influence_of_the_worst() -> None:
    strategy = Bananas(initial=10, networks=2)
    cell = [CELLS.sample(numpy.random.default_rng(20))]
    predicted = list[numpy.typing.NDArray[numpy.float64]]()
    for worst in (-1.0, -1e30):
        state = state_after(strategy, [worst, *range(9)])
        assert state.ensemble is not None
        predicted.append(state.ensemble.predict(state.encoded(cell)))
    assert (predicted[0] == predicted[1]).all()


def test_encodings_are_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nasbridge.strategies.bananas.MEMO", 4)
    state = state_after(Bananas(), [])
    cells = [CELLS.sample(numpy.random.default_rng(k)) for k in range(9)]
    for cell in cells:
        expected = state.encoding.encode(cell)
        assert (state.encoded([cell]) == expected).all()
        assert len(state.memo) <= 4
    assert len(state.encoded(cells)) == 9


def test_candidates_are_mutations_of_the_best_architecture() -> None:
    """Several edges change at once; the second best is mutated if the best has too few."""
    state = state_after(Bananas(), [0.1, 0.9, 0.5])
    second, best = (state.observed[k][0] for k in (2, 1))
    tried = {best, second}

    def mutations(parents: list[Architecture], candidates: int) -> list[Architecture]:
        strategy = Bananas(candidates=candidates)
        return strategy._mutations(CELLS, parents, tried, numpy.random.default_rng(0))

    def changes(one: Architecture, other: Architecture) -> int:
        return sum(one[name] != other[name] for name in one)

    made = mutations([best, second], 2)
    assert {changes(one, best) for one in made} <= {1, 2, 3, 4, 5, 6}
    many = mutations([best], 300)
    assert len(many) == len(set(many)) < 300
    assert Counter(changes(one, best) for one in many)[2] > 20
    assert not tried & set(many)
    assert min(changes(one, second) for one in mutations([best, second], 300)[len(many) :]) == 1


def test_adam_corrects_the_bias_of_its_moments() -> None:
    """Two steps by Kingma & Ba 2015, algorithm 1, with decay rates 0.9 and 0.99."""
    part = numpy.zeros(1)
    adam = ensembles._Adam([part], 0.01)
    first = second = expected = 0.0
    for time, slope in enumerate((1.0, -3.0, 0.5), 1):
        adam.step([numpy.array([slope])])
        first = 0.9 * first + 0.1 * slope
        second = 0.99 * second + 0.01 * slope**2
        root = math.sqrt(second / (1 - 0.99**time))
        expected -= 0.01 * first / (1 - 0.9**time) / (root + 1e-7)
        assert part[0] == pytest.approx(expected, rel=1e-9)


def test_each_candidate_has_an_independent_sample_of_the_ensemble() -> None:
    """Independent Thompson sampling: the uncertain candidate wins as often as its sample does."""
    space = Space({"x": Integer(0, 2)})
    strategy = Bananas(initial=2, candidates=30, parents=1)
    state = strategy.start(Problem(space, objectives_from({"v": "max"}), 0))
    for number in (0, 1):
        middle = space.architecture({"x": 1})
        state = strategy.observe(state, Trial(number, middle, "complete", {"v": 1.0}))
    assert state.ensemble is not None
    assert len(state.ensemble.weights[0]) == 5
    # the five networks predict 0 for one candidate, and -3, -2, -1, 0, 1 for the other: its mean
    # is less than 0 by 1 / sqrt(2) deviations
    slopes = numpy.array([-3.0, -2.0, -1.0, 0.0, 1.0])[:, None, None]
    flat = Ensemble((slopes,), (numpy.zeros((5, 1, 1)),), 0.0, 1.0)
    rng = numpy.random.default_rng(0)
    firsts = [next(strategy.propose(replace(state, ensemble=flat), rng))["x"] for _ in range(600)]
    assert 110 < firsts.count(2) < 180  # above 0 with probability 0.24
    assert firsts.count(0) + firsts.count(2) == 600


def test_other_decisions_are_encoded_beside_the_paths() -> None:
    space = Space({"net": CELLS, "rate": Real(1e-4, 1, log=True)})
    encoding = PathEncoding.of(space, 40)
    choices = dict(CELLS.sample(numpy.random.default_rng(0)).choices)
    low, high = (
        encoding.encode(space.architecture({f"{n}": v for n, v in choices.items()} | {"rate": r}))
        for r in (1e-4, 1.0)
    )
    assert len(low) == 41
    assert list(high - low) == [0.0] * 40 + [1.0]


def test_it_beats_random_search_on_cells() -> None:
    def best(seed: int) -> list[float]:
        search = Search(Bananas(), CELLS, {"v": "max"}, seed)
        found: list[float] = []
        for number in range(60):
            architecture = search.ask(number)
            labels = list(architecture.choices.values())
            value = sum(k * (label == "nor_conv_3x3") for k, label in enumerate(labels))
            search.tell(Trial(number, architecture, "complete", {"v": value}))
            found.append(value)
        return found

    runs = [best(seed) for seed in range(2)]
    assert min(max(run) for run in runs) >= 14  # of 15; random search reaches about 10
    assert all(sum(run[30:]) > 1.5 * sum(run[:10]) * 3 for run in runs)


def test_settings_are_checked() -> None:
    with pytest.raises(StrategyError, match="networks=1 of Bananas: give an int of at least 2"):
        Bananas(networks=1)
    with pytest.raises(StrategyError, match="Bananas supports one objective only: use NSGA2"):
        Search(Bananas(), Space({"a": Integer(0, 1)}), {"v": "max", "w": "min"})
