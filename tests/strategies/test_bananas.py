# pyright: reportPrivateUsage=false
"""BANANAS against White et al. 2021: path encoding, ensemble, independent Thompson sampling."""

from dataclasses import replace
from itertools import pairwise

import numpy
import pytest

from nasbridge import Bananas, Integer, Real, Search, Space, StrategyError, Trial, library
from nasbridge.strategies import Problem, objectives_from
from nasbridge.strategies import ensemble as ensembles
from nasbridge.strategies.bananas import PathEncoding
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


def test_the_encoding_contains_the_most_likely_paths() -> None:
    encoding = PathEncoding.of(CELLS, 40)
    assert len(encoding.paths) == 40
    lengths = [len(path) for _, path in encoding.paths]
    assert max(lengths[:10]) <= max(lengths[-10:])  # short paths are more likely
    names = [decision.name for decision in CELLS.decisions]
    dead = dict.fromkeys(names, "none")
    conv = {**dead, "cell.edge_0_3": "nor_conv_3x3"}
    code = encoding.encode(CELLS.architecture(conv))
    assert [encoding.paths[k][1] for k in numpy.flatnonzero(code)] == [("nor_conv_3x3",)]
    unused = {**conv, "cell.edge_0_1": "nor_conv_1x1"}  # not connected to the output
    assert (encoding.encode(CELLS.architecture(unused)) == code).all()


def test_each_candidate_has_an_independent_sample_of_the_ensemble() -> None:
    """Independent Thompson sampling: of two candidates of equal mean, the uncertain one may win."""
    space = Space({"x": Integer(0, 2)})
    strategy = Bananas(initial=2, candidates=30, parents=1)
    state = strategy.start(Problem(space, objectives_from({"v": "max"}), 0))
    for number in (0, 1):
        middle = space.architecture({"x": 1})
        state = strategy.observe(state, Trial(number, middle, "complete", {"v": 1.0}))
    assert state.ensemble is not None
    assert len(state.ensemble.weights[0]) == 5
    # the five networks predict 0 for one candidate, and -2, -1, 0, 1, 2 for the other
    slopes = numpy.array([-2.0, -1.0, 0.0, 1.0, 2.0])[:, None, None]
    flat = Ensemble((slopes,), (numpy.zeros((5, 1, 1)),), 0.0, 1.0)
    rng = numpy.random.default_rng(0)
    firsts = [next(strategy.propose(replace(state, ensemble=flat), rng))["x"] for _ in range(600)]
    assert 230 < firsts.count(2) < 370  # the uncertain one is above 0 with probability 1/2
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
