"""Bayesian optimization with a surrogate that knows what an architecture is."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from heapq import nlargest
from typing import Literal, final

import numpy
from numpy.random import Generator
from numpy.typing import NDArray

from ..spaces import Architecture, RealRange
from .acquisition import (
    expected_improvement,
    hypervolume_improvement,
    scalarized_improvement,
    thompson,
)
from .errors import StrategyError, check_count
from .features import Features, Row
from .gaussian_process import (
    GaussianProcess,
    Hyperparameters,
    View,
    covariance,
    fit,
    graded_scores,
    normal_scores,
)
from .mutation import mutated
from .pareto import dominates
from .strategy import Problem, Strategy
from .trial import Trial

__all__ = ["BayesianOptimization", "BayesianState"]

Array = NDArray[numpy.float64]
Scores = tuple[float, ...]
Member = tuple[Architecture, Scores]

GROWTH = 1.25  # of the number of trials until the hyper-parameters are fitted anew
CAPACITY = 256  # trials that a surrogate is conditioned on
PARENTS = 5  # the best ones, whose neighbours are candidates
FRONT = 12  # of the same, with several objectives
NEIGHBORS = 40  # of a parent, up to which all are candidates
MUTATIONS = 20  # of a parent that has more neighbours, or numbers to be moved far
RANDOM = 8  # candidates from anywhere, and as many that are mutated twice
CHEAP = 30  # of the same, in spaces of plain values, which need no graph


@dataclass(frozen=True)
class BayesianState:
    """What is known.

    Attributes:
        problem: What is searched.
        features: What of its architectures is compared.
        graded: Whether it counts by how much good scores differ, and not only their order.
        observed: Trials with a score, in the order in which they finished; larger is better.
        failed: Architectures of failed trials.
        running: Architectures of running trials.
        front: Of the observed, what none dominates; with one objective it is not kept.
        hyper: What was fitted last, for each objective.
        memo: Neighbourhoods, which follow from the space alone.
    """

    problem: Problem
    features: Features
    graded: bool = False
    observed: tuple[Member, ...] = ()
    failed: tuple[Architecture, ...] = ()
    running: tuple[Architecture, ...] = ()
    front: tuple[Member, ...] = ()
    hyper: tuple[Hyperparameters, ...] = ()
    memo: dict[Architecture, tuple[Architecture, ...]] = field(
        default_factory=dict[Architecture, tuple[Architecture, ...]], compare=False, repr=False
    )


@final
@dataclass(frozen=True)
class BayesianOptimization(Strategy[BayesianState]):
    """Proposes where a Gaussian process over architectures expects the largest improvement.

    The covariance adds up views of an architecture: the words of its graph (operations, and
    operations with their inputs, as in the Weisfeiler-Lehman kernel of NAS-BOWL) and its other
    decisions, each with a length-scale of its own; where twins count as different, all decisions
    enter there. Length-scales, weights and noise maximise the
    marginal likelihood. Scores enter as normal scores of their ranks, so that a few terrible
    trials flatten nothing; with one objective and decisions on real numbers, where an architecture
    can be as close to the best as one likes, the better half enters by how much it differs.
    Candidates are the neighbours of the best architectures, mutations of them, and random ones.

    Running trials count as observed at their predicted mean, so a batch spreads out. A pruned
    trial counts with its last value, which is lower than what it would have reached; a failed one
    has no value, but lowers the chances of what resembles it. With several objectives each has a
    process of its own, and a proposal is to enlarge the hypervolume: with two, its expected growth
    is computed; with more, that of a scalarization of random weights.
    Of many trials, the best and the latest are taken into account.

    Args:
        initial: Random architectures before the first model, at least 2.
        acquisition: "ei", expected improvement; or "thompson", one joint draw from the posterior,
            for one objective.

    Raises:
        StrategyError: A setting is out of its bounds, or does not suit the objectives.

    Example:
        >>> from nasbridge import library
        >>> from nasbridge.strategies import BayesianOptimization, Search, Trial
        >>> search = Search(BayesianOptimization(), library.nas_bench_201(), {"convs": "max"}, 0)
        >>> best = 0
        >>> for number in range(30):
        ...     architecture = search.ask(number)
        ...     convs = sum("3x3" in label for label in architecture.choices.values())
        ...     search.tell(Trial(number, architecture, "complete", {"convs": convs}))
        ...     best = max(best, convs)
        >>> best
        6

    References:
        Ru et al. 2021, Interpretable Neural Architecture Search via Bayesian Optimisation with
        Weisfeiler-Lehman Kernels, arXiv:2006.07556 (the words; sums instead of products, ranks,
        and mutation of the best are ours); Ginsbourger et al. 2010, Kriging is well-suited to
        parallelize optimization (running trials); Song et al. 2024, The Vizier Gaussian Process
        Bandit Algorithm, arXiv:2408.11527 (how good scores are kept apart); Zhang & Golovin 2020,
        Random Hypervolume Scalarizations for Provable Multi-Objective Black Box Optimization,
        arXiv:2006.04655.
    """

    initial: int = 10
    acquisition: Literal["ei", "thompson"] = "ei"

    def __post_init__(self) -> None:
        check_count(self, "initial", least=2)
        if self.acquisition not in ("ei", "thompson"):
            raise StrategyError(
                f'acquisition={self.acquisition!r} of BayesianOptimization: give "ei" or "thompson"'
            )

    def start(self, problem: Problem) -> BayesianState:
        if self.acquisition == "thompson" and len(problem.objectives) > 1:
            raise StrategyError(
                'acquisition="thompson" of BayesianOptimization is for one objective: '
                'give "ei" for several'
            )
        is_real = any(isinstance(d.domain, RealRange) for d in problem.space.decisions)
        graded = is_real and len(problem.objectives) == 1
        return BayesianState(problem, Features(problem.space, problem.allow_equivalent), graded)

    def observe(self, state: BayesianState, trial: Trial) -> BayesianState:
        if trial.state == "running":
            return replace(state, running=(*state.running, trial.architecture))
        scores = trial.scores(state.problem.objectives)
        if scores is None:
            return replace(state, failed=(*state.failed, trial.architecture))
        member = trial.architecture, scores
        observed = (*state.observed, member)
        hyper = state.hyper
        if _is_time_to_fit(len(observed)):
            hyper = _fitted(state, observed)
        front = state.front if len(scores) == 1 else _extended(state.front, member)
        return replace(state, observed=observed, front=front, hyper=hyper)

    def propose(self, state: BayesianState, rng: Generator) -> Iterator[Architecture]:
        space = state.problem.space
        begun = len(state.observed) + len(state.failed) + len(state.running)
        if begun < self.initial or len(state.observed) < 2:
            while True:
                yield space.sample(rng)
        parents = _parents(state)
        candidates = list(_candidates(state, parents, rng))
        if candidates:
            wanted = self._acquire(_Surrogate.of(state), candidates, rng)
            for position in numpy.argsort(-_rounded(wanted), kind="stable"):
                yield candidates[int(position)]
        while True:
            yield mutated(space, parents[int(rng.integers(len(parents)))], rng)

    def _acquire(
        self, surrogate: "_Surrogate", candidates: Sequence[Architecture], rng: Generator
    ) -> Array:
        rows = [surrogate.features.row(candidate) for candidate in candidates]
        views = surrogate.features.views(rows, surrogate.rows)
        if self.acquisition == "thompson":
            process = surrogate.processes[0]
            joint = process.covary(views, surrogate.features.views(rows, rows))
            return thompson(process.predict(views)[0], joint, rng)
        means, deviations = zip(*(p.predict(views) for p in surrogate.processes), strict=True)
        if len(means) == 1:
            gained = expected_improvement(means[0], deviations[0], surrogate.best)
        else:
            improve = hypervolume_improvement if len(means) == 2 else scalarized_improvement
            gained = improve(numpy.array(means), numpy.array(deviations), surrogate.values, rng)
        return gained * surrogate.feasibility(rows, views)


# ---------------------------------------------------------------------- candidates


def _parents(state: BayesianState) -> list[Architecture]:
    """Return the best architectures; with several objectives, those that none dominates."""
    if len(state.problem.objectives) > 1:
        return [architecture for architecture, _ in state.front]
    scores = [score for _, (score,) in state.observed]
    best = nlargest(PARENTS, range(len(scores)), key=scores.__getitem__)  # the first of equals
    return [state.observed[k][0] for k in best]


def _candidates(
    state: BayesianState, parents: Sequence[Architecture], rng: Generator
) -> Iterator[Architecture]:
    tried = {architecture for architecture, _ in state.observed}
    tried.update(state.running, state.failed)
    if len(parents) > FRONT:
        parents = [parents[int(k)] for k in rng.permutation(len(parents))[:FRONT]]
    for parent in parents:
        for near in _near(state, parent, rng):
            if near not in tried:
                tried.add(near)
                yield near
    for _ in range(CHEAP if state.problem.space.is_flat else RANDOM):
        for made in (state.problem.space.sample(rng), _twice_mutated(state, parents, rng)):
            if made not in tried:
                tried.add(made)
                yield made


def _near(state: BayesianState, parent: Architecture, rng: Generator) -> Sequence[Architecture]:
    """Return all neighbours where they are few, and random mutations where they do not suffice."""
    space = state.problem.space
    domains = [space.decision(name).domain for name in parent]
    moves = sum(domain.size - 1 if domain.width > 1 else 2 for domain in domains)
    near: tuple[Architecture, ...] = ()
    if moves <= NEIGHBORS:
        if parent not in state.memo:
            state.memo[parent] = tuple(space.neighbors(parent))
        near = state.memo[parent]
        if all(domain.width > 1 for domain in domains):
            return near
    return [*near, *(mutated(space, parent, rng) for _ in range(MUTATIONS))]


def _twice_mutated(
    state: BayesianState, parents: Sequence[Architecture], rng: Generator
) -> Architecture:
    parent = parents[int(rng.integers(len(parents)))]
    space = state.problem.space
    return mutated(space, mutated(space, parent, rng), rng)


def _rounded(wanted: Array) -> Array:
    """Round to what no linear algebra library disagrees about; ties are broken by order."""
    largest = float(numpy.abs(wanted).max(initial=0.0))
    return numpy.round(wanted / largest, 6) if largest > 0 else wanted


# ---------------------------------------------------------------------- the model


@dataclass(frozen=True)
class _Surrogate:
    """Processes over what was observed and is running, one for each objective.

    Attributes:
        features: What is compared.
        rows: What the processes are conditioned on.
        processes: The posteriors.
        values: Scores of the observed and predicted ones of the running, shape (objectives, rows).
        best: The best of the first objective.
        failed: Rows of failed architectures.
    """

    features: Features
    rows: Sequence[Row]
    processes: Sequence[GaussianProcess]
    values: Array
    best: float
    failed: Sequence[Row]

    @classmethod
    def of(cls, state: BayesianState) -> "_Surrogate":
        features = state.features
        kept = _kept(state.observed)
        observed = [features.row(architecture) for architecture, _ in kept]
        running = [features.row(architecture) for architecture in state.running]
        values = _values(kept, state.graded)
        views = features.views(observed, observed)
        processes = [
            GaussianProcess.of(views, value, hyper)
            for value, hyper in zip(values, state.hyper, strict=True)
        ]
        rows = [*observed, *running]
        if running:
            ahead, among = features.views(running, observed), features.views(rows, rows)
            predicted = numpy.array([process.predict(ahead)[0] for process in processes])
            values = numpy.concatenate([values, predicted], axis=1)
            processes = [
                GaussianProcess.of(among, value, process.hyper)
                for value, process in zip(values, processes, strict=True)
            ]
        failed = [features.row(architecture) for architecture in state.failed[-CAPACITY:]]
        return cls(features, rows, processes, values, float(values[0].max()), failed)

    def feasibility(self, rows: Sequence[Row], views: Sequence[View]) -> Array | float:
        """Return how likely candidates are not to fail: 1 + what did not, of all that is alike.

        Args:
            rows: The candidates.
            views: They beside what the processes are conditioned on.
        """
        if not self.failed:
            return 1.0
        hyper = self.processes[0].hyper
        fine, failed = (
            numpy.sum(covariance(part, hyper), axis=0).sum(axis=1)
            for part in (views, self.features.views(rows, self.failed))
        )
        share: Array = (1 + fine) / (1 + fine + failed)
        return share


def _kept(observed: Sequence[Member]) -> Sequence[Member]:
    """Return the trials that a model is made of: half of them the best, half the latest."""
    if len(observed) <= CAPACITY:
        return observed
    latest = len(observed) - CAPACITY // 2
    ranks = _values(observed[:latest]).mean(axis=0)
    best = numpy.argsort(-ranks, kind="stable")[: CAPACITY // 2]
    return [*(observed[int(k)] for k in sorted(best)), *observed[latest:]]


def _extended(front: tuple[Member, ...], member: Member) -> tuple[Member, ...]:
    """Add to a front what none of it dominates, and leave out what that dominates."""
    if any(dominates(scores, member[1]) for _, scores in front):
        return front
    return (*(one for one in front if not dominates(member[1], one[1])), member)


def _values(observed: Sequence[Member], graded: bool = False) -> Array:
    columns = zip(*(scores for _, scores in observed), strict=True)
    return numpy.array([(graded_scores if graded else normal_scores)(c) for c in columns])


def _is_time_to_fit(number: int) -> bool:
    """Tell whether so many trials are a quarter more than at the last time, from 2 on."""
    due = 2
    while due < number:
        due = math.ceil(due * GROWTH)
    return due == number


def _fitted(state: BayesianState, observed: Sequence[Member]) -> tuple[Hyperparameters, ...]:
    kept = _kept(observed)
    rows = [state.features.row(architecture) for architecture, _ in kept]
    views = state.features.views(rows, rows)
    return tuple(fit(views, value) for value in _values(kept, state.graded))
