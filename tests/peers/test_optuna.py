"""Optuna's own tests of samplers, as shipped in `optuna.testing`, run on `NASSampler`.

The sampler's space is a parameter that the tests do not suggest, so that it finds theirs in the
trials, or their distributions are the space.
"""

from collections.abc import Callable

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
    SingleOnlySamplerTestCase,
)

from nasbridge import NSGA2, Bananas, BayesianOptimization, RandomSearch, RegularizedEvolution
from nasbridge.adapters.optuna import NASSampler

pytestmark = pytest.mark.frameworks

UNUSED = {"unused": FloatDistribution(0.0, 1.0)}


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


class TestEverySampler(
    BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase
):
    """What Optuna demands of each of its samplers."""

    @pytest.fixture(params=[BayesianOptimization(), RegularizedEvolution(4, 2), RandomSearch()])
    def sampler(self, request: pytest.FixtureRequest) -> Callable[[], BaseSampler]:
        return lambda: NASSampler(UNUSED, strategy=request.param, seed=1)


@pytest.mark.xfail(
    strict=True, reason="a finite space is searched once: the study ends after three trials"
)
def test_a_finite_space() -> None:
    space = {"x": CategoricalDistribution([0, 1, 2])}
    BasicSamplerTestCase().test_single_parameter_objective(
        lambda: NASSampler(space, strategy=RandomSearch(), seed=1),
        lambda trial: trial.suggest_categorical("x", [0, 1, 2]),
    )


class TestSeveralObjectives(MultiObjectiveSamplerTestCase):
    """What it demands of samplers for several objectives."""

    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: NASSampler(UNUSED, strategy=NSGA2(population=4), seed=1)


class TestOneObjective(SingleOnlySamplerTestCase):
    """What it demands of samplers for one objective."""

    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: NASSampler(UNUSED, strategy=Bananas(), seed=1)
