"""Bayesian optimization with a graph-aware Gaussian process."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from heapq import nlargest
from typing import Literal, final

import numpy
from numpy.random import Generator
from numpy.typing import NDArray

from ..spaces import Architecture, RealGrid, RealRange
from .acquisition import (
    expected_improvement,
    hypervolume_improvement,
    scalarized_improvement,
    thompson,
)
from .errors import StrategyError, check_count
from .features import Features
from .gaussian_process import Hyperparameters
from .mutation import mutated
from .pareto import dominates
from .strategy import Problem, Strategy
from .success import SuccessRecord, is_time_to_fit, weighted
from .surrogate import Member, Surrogate, alternatives, fitted
from .trial import Trial

__all__ = ["BayesianOptimization", "BayesianState"]

Array = NDArray[numpy.float64]

PARENTS = 5  # number of best architectures whose neighbours are candidates
FRONT = 12  # the same, with several objectives
NEIGHBORS = 40  # a parent with at most so many neighbours contributes all of them
MUTATIONS = 20  # random mutations of a parent with more neighbours, or with numeric decisions
RANDOM = 8  # number of random candidates, and of candidates that are mutated twice
CHEAP = 30  # the same in spaces of plain values, where features are cheap


@dataclass(frozen=True)
class BayesianState:
    """State of `BayesianOptimization`.

    Attributes:
        problem: The problem.
        alternatives: The features that the surrogate may use.
        features: Those of the largest evidence.
        warped: Whether scores are warped (`warped_scores`) instead of replaced by normal scores.
        observed: Architectures with their scores (larger is better), in the order of finishing. A
            score is NaN if a pruned trial lacks the objective.
        success: Which trials succeeded and which failed.
        running: Architectures of running trials.
        front: The Pareto front of `observed`; empty with one objective.
        hyper: The hyperparameters of each objective, fitted last.
        memo: Neighbours of architectures, which follow from the space alone.
    """

    problem: Problem
    alternatives: tuple[Features, ...]
    features: Features
    success: SuccessRecord
    warped: bool = False
    observed: tuple[Member, ...] = ()
    running: tuple[Architecture, ...] = ()
    front: tuple[Member, ...] = ()
    hyper: tuple[Hyperparameters, ...] = ()
    memo: dict[Architecture, tuple[Architecture, ...]] = field(
        default_factory=dict[Architecture, tuple[Architecture, ...]], compare=False, repr=False
    )

    def surrogate(self) -> Surrogate:
        """Return the surrogate, conditioned on observed and running trials."""
        return Surrogate.of(self.features, self.hyper, self.observed, self.running, self.warped)


@final
@dataclass(frozen=True)
class BayesianOptimization(Strategy[BayesianState]):
    """Bayesian optimization with a Gaussian process over architectures.

    Proposes the candidate with the largest expected improvement, EI = s (z Phi(z) + phi(z)) with z
    = (mu - best) / s, under a Gaussian process with a sum of Matern-5/2 kernels: one for the
    operations of the graph, one for operations with their inputs (Weisfeiler-Lehman labels of
    heights 0 and 1, as in NAS-BOWL), and one for all other decisions, with a length-scale for each.
    The first two do not know where in a network an operation stands, which matters in a chain of
    blocks with the same options. The last kernel therefore contains all decisions if the evidence
    of that model is larger (docs/benchmarks/positions.md), and always with `allow_equivalent`.
    Hyperparameters maximize the marginal likelihood times a prior. Candidates are neighbours and
    mutations of the best architectures, and random architectures.

    The process models normal scores of the values, so outliers have no influence. With one
    objective and real decisions, values above the median keep their differences (warped scores),
    because in a continuous space ranks do not show how close good values are to each other.

    Running trials count as observed at their predicted mean, so parallel proposals spread out. A
    pruned trial counts with the last values that it reported; an objective that it lacks counts as
    observed at its predicted mean. With more than 256 trials the model uses the 128 best and the
    128 latest.

    A failed trial has no value. The expected improvement is multiplied by the probability of
    success (`SuccessModel`: a Gaussian process classifier with length-scales of its own), and
    candidates below 0.7 of the largest probability come last.

    With several objectives there is a process for each, and proposals are random until each has two
    values. With two objectives, the acquisition is the expected hypervolume improvement; with more,
    the expected improvement of a random hypervolume scalarization.

    Deviations from NAS-BOWL: a sum of Matern kernels of log counts instead of a product kernel,
    rank-based scores, and neighbours of the best architectures as candidates.

    Args:
        initial: Number of random architectures before the first model, at least 2.
        acquisition: "ei" for expected improvement; "thompson" for a joint posterior sample of all
            candidates, with one objective only.

    Raises:
        StrategyError: A setting is out of bounds; or, from `start`, "thompson" is used with
            several objectives.

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
        Weisfeiler-Lehman Kernels, arXiv:2006.07556 (NAS-BOWL); Ginsbourger et al. 2010, Kriging Is
        Well-Suited to Parallelize Optimization, doi:10.1007/978-3-642-10701-6_6 (running trials);
        Gelbart et al. 2014, Bayesian Optimization with Unknown Constraints, arXiv:1403.5607;
        Song et al. 2024, The Vizier Gaussian Process Bandit Algorithm, arXiv:2408.11527 (warped
        scores); Emmerich et al. 2006, doi:10.1109/TEVC.2005.859463 (hypervolume improvement);
        Zhang & Golovin 2020, Random Hypervolume Scalarizations for Provable Multi-Objective Black
        Box Optimization, arXiv:2006.04655.
    """

    initial: int = 10
    acquisition: Literal["ei", "thompson"] = "ei"

    def __post_init__(self) -> None:
        check_count(self, "initial", least=2)
        if self.acquisition not in ("ei", "thompson"):
            raise StrategyError(
                f"invalid acquisition={self.acquisition!r} of BayesianOptimization: give "
                '"ei" or "thompson"'
            )

    @property
    def avoids_failures(self) -> bool:
        """False: the acquisition contains the probability of success."""
        return False

    def start(self, problem: Problem) -> BayesianState:
        if self.acquisition == "thompson" and len(problem.objectives) > 1:
            raise StrategyError(
                'acquisition="thompson" of BayesianOptimization supports one objective only: '
                'use "ei" for several'
            )
        is_real = any(isinstance(d.domain, RealRange | RealGrid) for d in problem.space.decisions)
        warped = is_real and len(problem.objectives) == 1
        choices, success = alternatives(problem), SuccessRecord.of(problem.space)
        return BayesianState(problem, choices, choices[0], success, warped)

    def observe(self, state: BayesianState, trial: Trial) -> BayesianState:
        if trial.state == "running":
            return replace(state, running=(*state.running, trial.architecture))
        scores = trial.partial_scores(state.problem.objectives)
        success = state.success.observe(trial, state.problem.objectives)
        if scores is None:
            return replace(state, success=success)
        if all(map(math.isnan, scores)):  # pruned before its first report
            return state
        member = trial.architecture, scores
        observed = (*state.observed, member)
        features, hyper = state.features, state.hyper
        if is_time_to_fit(len(observed)) or not hyper:
            features, hyper = fitted(state.alternatives, observed, state.warped)
        front = state.front if len(scores) == 1 else _extended(state.front, member)
        return replace(
            state, features=features, success=success, observed=observed, front=front, hyper=hyper
        )

    def propose(self, state: BayesianState, rng: Generator) -> Iterator[Architecture]:
        space = state.problem.space
        begun = state.success.number + len(state.running)
        if begun < self.initial or not state.hyper:
            while True:
                yield space.sample(rng)
        parents = _parents(state)
        candidates = list(_candidates(state, parents, rng))
        if candidates:
            acquired = self._acquire(state.surrogate(), candidates, rng)
            model = state.success.model()
            if model is not None:
                acquired = _rounded(acquired - min(float(acquired.min()), 0.0))
                acquired = weighted(acquired, model.probability(candidates))
            for position in numpy.argsort(-_rounded(acquired), kind="stable"):
                yield candidates[int(position)]
        while True:
            yield mutated(space, parents[int(rng.integers(len(parents)))], rng)

    def _acquire(
        self, surrogate: Surrogate, candidates: Sequence[Architecture], rng: Generator
    ) -> Array:
        rows = [surrogate.features.row(candidate) for candidate in candidates]
        views = surrogate.features.views(rows, surrogate.rows)
        if self.acquisition == "thompson":
            process = surrogate.processes[0]
            joint = process.posterior_covariance(views, surrogate.features.views(rows, rows))
            return thompson(process.predict(views)[0], joint, rng)
        means, deviations = zip(*(p.predict(views) for p in surrogate.processes), strict=True)
        if len(means) == 1:
            improvement = expected_improvement(means[0], deviations[0], surrogate.best)
        else:
            improve = hypervolume_improvement if len(means) == 2 else scalarized_improvement
            improvement = improve(
                numpy.array(means), numpy.array(deviations), surrogate.values, rng
            )
        return improvement


def _parents(state: BayesianState) -> list[Architecture]:
    """Return the best architectures; with several objectives, the Pareto front."""
    if len(state.problem.objectives) > 1:
        return [architecture for architecture, _ in state.front]
    scores = [score for _, (score,) in state.observed]
    best = nlargest(
        PARENTS, range(len(scores)), key=scores.__getitem__
    )  # the earliest of equal ones
    return [state.observed[k][0] for k in best]


def _candidates(
    state: BayesianState, parents: Sequence[Architecture], rng: Generator
) -> Iterator[Architecture]:
    tried = {architecture for architecture, _ in state.observed}
    tried.update(state.running, (architecture for architecture, _ in state.success.outcomes))
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
    """Return all neighbours if they are few, else random mutations; both with numeric decisions."""
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


def _rounded(values: Array) -> Array:
    """Round, so that differences between linear algebra libraries do not change the order."""
    largest = float(numpy.abs(values).max(initial=0.0))
    return numpy.round(values / largest, 6) if largest > 0 else values


def _extended(front: tuple[Member, ...], member: Member) -> tuple[Member, ...]:
    """Return a Pareto front after adding a member."""
    if any(dominates(scores, member[1]) for _, scores in front):
        return front
    return (*(one for one in front if not dominates(member[1], one[1])), member)
