"""BANANAS: Bayesian optimization with an ensemble of neural networks on a path encoding."""

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import final

import numpy
from numpy.random import Generator
from numpy.typing import NDArray

from ..spaces import Architecture, NoFeasible, SearchSpace, choice_paths
from .ensemble import Ensemble
from .errors import StrategyError, check_count
from .features import Features
from .gaussian_process import normal_scores
from .search import generator
from .strategy import Problem, Strategy
from .trial import Trial

__all__ = ["Bananas", "PathEncoding", "BananasState"]

Array = NDArray[numpy.float64]

DRAWS = 500  # random architectures that estimate how likely each path is
MEMO = 10_000  # encodings that are kept
FIRST = 2**62  # number of the first ensemble's generator, beyond all trial numbers


@dataclass(frozen=True)
class PathEncoding:
    """Truncated path encoding: which of the most likely input-output paths are present.

    The encoding of the decisions that do not choose an operation is appended, so that widths and
    rates, and spaces without graphs, are encoded too.

    Attributes:
        features: Encodes the decisions that do not choose an operation.
        paths: The paths, most likely first, each with the name of its graph.
    """

    features: Features
    paths: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def of(cls, space: SearchSpace, length: int) -> "PathEncoding":
        """Estimate the most likely paths of a space from random architectures.

        Args:
            space: The space.
            length: Maximum number of paths.
        """
        rng = numpy.random.Generator(numpy.random.Philox(0))
        counted = Counter[tuple[str, tuple[str, ...]]]()
        for _ in range(DRAWS):
            counted.update(_paths(space.unconstrained().sample(rng)))
        ranked = sorted(counted, key=lambda path: (-counted[path], path))
        varying = [
            path for path in ranked if counted[path] < DRAWS
        ]  # the others carry no information
        return cls(Features(space), tuple(varying[:length]))

    def encode(self, architecture: Architecture) -> Array:
        """Return 1 or 0 for each path, present or absent, then the encoding of other decisions."""
        present = _paths(architecture)
        has = [float(path in present) for path in self.paths]
        return numpy.concatenate([has, self.features.encoding(architecture)])


def _paths(architecture: Architecture) -> set[tuple[str, tuple[str, ...]]]:
    return {(name, path) for name, paths in choice_paths(architecture).items() for path in paths}


@dataclass(frozen=True)
class BananasState:
    """State of `Bananas`.

    Attributes:
        problem: The problem.
        encoding: The path encoding of the space.
        observed: Architectures with their scores (larger is better), in the order of finishing.
        ensemble: The ensemble trained last; None during the random phase.
        memo: Encodings of architectures, which follow from the space alone.
    """

    problem: Problem
    encoding: PathEncoding
    observed: tuple[tuple[Architecture, float], ...] = ()
    ensemble: Ensemble | None = None
    memo: dict[Architecture, Array] = field(
        default_factory=dict[Architecture, Array], compare=False, repr=False
    )

    def encoded(self, architectures: Sequence[Architecture]) -> Array:
        """Return the encodings of n architectures, shape (n, features)."""
        if len(self.memo) >= MEMO:
            self.memo.clear()
        for architecture in architectures:
            if architecture not in self.memo:
                self.memo[architecture] = self.encoding.encode(architecture)
        return numpy.array([self.memo[architecture] for architecture in architectures])


@final
@dataclass(frozen=True)
class Bananas(Strategy[BananasState]):
    """BANANAS: an ensemble of neural networks on path encodings, with Thompson sampling.

    The first `initial` architectures are random. Then, after every `batch` finished trials, an
    ensemble is trained on all of them. A proposal is the candidate with the largest sample of
    N(mean, deviation^2), the ensemble's predictive distribution, drawn independently for each
    candidate (ITS). The candidates are mutations of the best architecture; mutations of the second
    best follow, and so on, until there are `candidates` new ones. A mutation changes each of n
    decisions with probability 1 / n, and at least one.

    An architecture is encoded by which of the most likely paths through its graph it has. Options
    such as `none` and `skip_connect` belong to paths as all others.

    The networks are those of the paper's code: 10 layers of 20 units, trained for 150 epochs by
    Adam with learning rate 0.01 and decay rates 0.9 and 0.99 on the mean absolute error. The cost
    of training grows with the number of trials; with many hundred trials `BayesianOptimization` is
    faster. A pruned trial counts with its last value. A failed trial is ignored.

    Deviations from the paper's code: once trials have failed, `Search` passes over candidates that
    would probably fail (constrained sampling, in the order of the acquisition). It evaluates the
    `batch` best candidates of one set of samples; here each proposal draws its own candidates and
    samples, because trials may be asked for at any time. It trains on losses; here on normal scores
    of the values, so that one value of -1e30, from a diverged training, has no influence on the
    differences between the others. On NAS-Bench-201 neither is measurably better with five seeds
    (docs/benchmarks/bananas.md). It has fixed orders of paths for three spaces; here the likelihood
    of a path is estimated from 500 random architectures, and a path that all of them have is
    omitted. Its rate of mutation differs between spaces, such as 1 / 4 for the 6 edges of NAS-
    Bench-201; here it is 1 / n.

    Args:
        initial: Number of random architectures before the first ensemble, at least 2.
        batch: Number of finished trials between two ensembles (k in the paper), at least 1.
        candidates: Number of mutations of each parent, and of new candidates that suffice, at
            least 1.
        parents: Largest number of best architectures that are mutated, at least 1.
        paths: Maximum length of the truncated path encoding, at least 1.
        networks: Number of networks, at least 2.

    Raises:
        StrategyError: A setting is out of bounds; or, from `start`, there are several objectives.

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
    parents: int = 5
    paths: int = 40
    networks: int = 5

    def __post_init__(self) -> None:
        least = {"initial": 2, "networks": 2}
        for name in ("initial", "batch", "candidates", "parents", "paths", "networks"):
            check_count(self, name, least=least.get(name, 1))

    def start(self, problem: Problem) -> BananasState:
        if len(problem.objectives) > 1:
            raise StrategyError(
                "Bananas supports one objective only: use NSGA2 or BayesianOptimization for several"
            )
        return BananasState(problem, PathEncoding.of(problem.space, self.paths))

    def observe(self, state: BananasState, trial: Trial) -> BananasState:
        scores = trial.scores(state.problem.objectives)
        if scores is None:
            return state
        extended = replace(state, observed=(*state.observed, (trial.architecture, scores[0])))
        beyond = len(extended.observed) - self.initial
        if beyond < 0 or beyond % self.batch:
            return extended
        return replace(extended, ensemble=self._trained(extended))

    def propose(self, state: BananasState, rng: Generator) -> Iterator[Architecture]:
        space = state.problem.space
        if state.ensemble is None:
            while True:
                yield space.sample(rng)
        ranked = sorted(range(len(state.observed)), key=lambda k: (-state.observed[k][1], k))
        parents = [state.observed[k][0] for k in ranked[: self.parents]]
        tried = {architecture for architecture, _ in state.observed}
        while True:
            fresh = self._mutations(space, parents, tried, rng)
            if fresh:
                predicted = state.ensemble.predict(state.encoded(fresh))
                spread: Array = predicted.std(axis=0)
                sampled = predicted.mean(axis=0) + spread * rng.standard_normal(len(fresh))
                for k in numpy.argsort(-sampled, kind="stable"):
                    yield fresh[int(k)]
            yield space.sample(rng)

    def _mutations(
        self,
        space: SearchSpace,
        parents: Sequence[Architecture],
        tried: Set[Architecture],
        rng: Generator,
    ) -> list[Architecture]:
        """Return new mutations of the first parents, as many as are needed for `candidates`."""
        fresh = dict[Architecture, None]()
        for parent in parents:
            if len(fresh) >= self.candidates:
                break
            for _ in range(self.candidates):
                try:
                    mutated = space.mutate_each(parent, rng)
                except NoFeasible:  # another parent may have feasible mutations
                    break
                if mutated not in tried:
                    fresh[mutated] = None
        return list(fresh)

    def _trained(self, state: BananasState) -> Ensemble:
        number = len(state.observed)
        return Ensemble.train(
            state.encoded([architecture for architecture, _ in state.observed]),
            normal_scores([score for _, score in state.observed]),
            generator(state.problem.seed, FIRST + number),
            networks=self.networks,
        )
