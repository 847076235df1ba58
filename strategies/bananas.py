"""BANANAS: Bayesian optimization with an ensemble of neural networks on a path encoding."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import final

import numpy
from numpy.random import Generator
from numpy.typing import NDArray

from ..spaces import Architecture, SearchSpace, wl_graphs
from .ensemble import Ensemble
from .errors import StrategyError, check_count
from .features import Features
from .mutation import mutated
from .search import generator
from .strategy import Problem, Strategy
from .trial import Trial

__all__ = ["Bananas", "PathEncoding", "Pool"]

Array = NDArray[numpy.float64]

DRAWS = 500  # random architectures that tell which paths are likely
FIRST = 2**62  # generators of ensembles have numbers that no trial has


@dataclass(frozen=True)
class PathEncoding:
    """Which of the likeliest paths from input to output an architecture has.

    The space's own encoding of all decisions that choose no operation is appended, so that widths
    and rates are seen, too, and spaces without graphs.

    Attributes:
        features: What of the space is no path.
        paths: The paths that are asked for, likeliest first, each with the graph that it is in.
    """

    features: Features
    paths: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def of(cls, space: SearchSpace, length: int) -> "PathEncoding":
        """Find the likeliest paths in random architectures.

        Args:
            space: What is encoded.
            length: How many paths are kept.
        """
        rng = numpy.random.Generator(numpy.random.Philox(0))
        counted = Counter[tuple[str, tuple[str, ...]]]()
        for _ in range(DRAWS):
            counted.update(_paths(space.unconstrained().sample(rng)))
        ranked = sorted(counted, key=lambda path: (-counted[path], path))
        varying = [path for path in ranked if counted[path] < DRAWS]  # the others say nothing
        return cls(Features(space), tuple(varying[:length]))

    def encode(self, architecture: Architecture) -> Array:
        """Return 1 for each path that is there and 0 for the others, and the other decisions."""
        there = _paths(architecture)
        has = [float(path in there) for path in self.paths]
        return numpy.concatenate([has, self.features.numbers(architecture)])


def _paths(architecture: Architecture) -> set[tuple[str, tuple[str, ...]]]:
    return {
        (name, path)
        for name, sketch in wl_graphs(architecture).items()
        for path in sketch.paths(200)
    }


@dataclass(frozen=True)
class Pool:
    """What is known.

    Attributes:
        problem: What is searched.
        encoding: The path encoding.
        observed: Trials with a score, in the order in which they finished.
        ensemble: What was trained last.
        memo: Encodings, which follow from the space alone.
    """

    problem: Problem
    encoding: PathEncoding
    observed: tuple[tuple[Architecture, float], ...] = ()
    ensemble: Ensemble | None = None
    memo: dict[Architecture, Array] = field(
        default_factory=dict[Architecture, Array], compare=False, repr=False
    )

    def encoded(self, architectures: Sequence[Architecture]) -> Array:
        """Encode architectures, shape (n, paths)."""
        for architecture in architectures:
            if architecture not in self.memo:
                self.memo[architecture] = self.encoding.encode(architecture)
        return numpy.array([self.memo[architecture] for architecture in architectures])


@final
@dataclass(frozen=True)
class Bananas(Strategy[Pool]):
    """The published algorithm: five networks, path encoding, independent Thompson sampling.

    After `initial` random architectures, every `batch` finished trials an ensemble is trained
    anew on all of them. A proposal is the best of `candidates` mutations of the best
    architectures under a draw from N(mean, deviation) of the ensemble, independent for each.

    Training on all trials, the ensemble costs more with every batch, as published; at many hundred
    trials `BayesianOptimization` is quicker, and better.

    The networks have the paper's shape (10 layers of 20, Adam at .01, 150 epochs, mean absolute
    error). The paper's reference takes the ten best of one draw; here each of the ten proposals
    draws for itself, as they may be asked at any time. Pruned trials count with their last value,
    failed ones are left out.

    Args:
        initial: Random architectures before the first ensemble, at least 2.
        batch: Trials from one ensemble to the next (k in the paper), at least 1.
        candidates: Mutations that a proposal chooses from, at least 1.
        parents: The best architectures, which are mutated, at least 1.
        paths: Length of the truncated path encoding, at least 1.
        networks: Number of networks, at least 2.

    Raises:
        StrategyError: A setting is out of its bounds, or there are several objectives.

    Example:
        >>> from nasbridge import library
        >>> from nasbridge.strategies import Bananas, Search
        >>> search = Search(Bananas(), library.nas_bench_201(), {"accuracy": "max"}, seed=0)
        >>> len(search.ask(0))
        6

    References:
        White et al. 2021, BANANAS: Bayesian Optimization with Neural Architectures for Neural
        Architecture Search, arXiv:1910.11858.
    """

    initial: int = 10
    batch: int = 10
    candidates: int = 100
    parents: int = 10
    paths: int = 40
    networks: int = 5

    def __post_init__(self) -> None:
        least = {"initial": 2, "networks": 2}
        for name in ("initial", "batch", "candidates", "parents", "paths", "networks"):
            check_count(self, name, least=least.get(name, 1))

    def start(self, problem: Problem) -> Pool:
        if len(problem.objectives) > 1:
            raise StrategyError(
                "Bananas is for one objective: take NSGA2 or BayesianOptimization for several"
            )
        return Pool(problem, PathEncoding.of(problem.space, self.paths))

    def observe(self, state: Pool, trial: Trial) -> Pool:
        scores = trial.scores(state.problem.objectives)
        if scores is None:
            return state
        told = replace(state, observed=(*state.observed, (trial.architecture, scores[0])))
        beyond = len(told.observed) - self.initial
        if beyond < 0 or beyond % self.batch:
            return told
        return replace(told, ensemble=self._trained(told))

    def propose(self, state: Pool, rng: Generator) -> Iterator[Architecture]:
        space = state.problem.space
        if state.ensemble is None:
            while True:
                yield space.sample(rng)
        ranked = sorted(range(len(state.observed)), key=lambda k: (-state.observed[k][1], k))
        parents = [state.observed[k][0] for k in ranked[: self.parents]]
        tried = {architecture for architecture, _ in state.observed}
        while True:
            drawn = [
                mutated(space, parents[int(rng.integers(len(parents)))], rng)
                for _ in range(self.candidates)
            ]
            fresh = [one for one in dict.fromkeys(drawn) if one not in tried]
            if fresh:
                predicted = state.ensemble.predict(state.encoded(fresh))
                spread: Array = predicted.std(axis=0)
                sampled = predicted.mean(axis=0) + spread * rng.standard_normal(len(fresh))
                for k in numpy.argsort(-sampled, kind="stable"):
                    yield fresh[int(k)]
            yield space.sample(rng)

    def _trained(self, state: Pool) -> Ensemble:
        number = len(state.observed)
        return Ensemble.train(
            state.encoded([architecture for architecture, _ in state.observed]),
            numpy.array([score for _, score in state.observed]),
            generator(state.problem.seed, FIRST + number),
            networks=self.networks,
        )
