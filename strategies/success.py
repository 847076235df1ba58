"""Where trials succeed: a model of the probability that a trial does not fail."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from heapq import heappop, heappush

import numpy
from numpy.typing import NDArray

from ..spaces import Architecture, SearchSpace
from .classification import GaussianClassifier, fit_classifier
from .features import Features, Row
from .gaussian_process import Hyperparameters
from .trial import Objective, Trial

__all__ = ["SuccessModel", "SuccessRecord", "is_time_to_fit", "weighted"]

Array = NDArray[numpy.float64]

CAPACITY = 256  # maximum number of trials that a model is conditioned on
FITTED = 128  # maximum number of them that hyperparameters are fitted to
GROWTH = 1.25  # growth of the number of trials after which hyperparameters are fitted again
NO_STRUCTURE = -20.0  # logarithm of a variance that is practically zero
MARGIN = 0.7  # a candidate is safe from this share of the best candidate's probability on
REJECTED = 100  # candidates in a row that are passed over, before the safest of them is taken


@dataclass(frozen=True)
class SuccessRecord:
    """Which architectures succeeded and which failed.

    Attributes:
        features: The features of the space: all decisions, because where trials fail may depend on
            what equivalents do not share, and sizes, because memory and time do.
        outcomes: Architectures, and whether their trials succeeded, in the order of finishing; at
            most 256. Older trials are thinned out.
        number: The number of finished trials.
        hyper: The hyperparameters fitted last; None while all trials succeeded or all failed.
    """

    features: Features
    outcomes: tuple[tuple[Architecture, bool], ...] = ()
    number: int = 0
    hyper: Hyperparameters | None = None

    @classmethod
    def of(cls, space: SearchSpace) -> "SuccessRecord":
        """Return an empty record.

        Args:
            space: The space.
        """
        return cls(Features(space, allow_equivalent=True, with_sizes=True))

    def observe(self, trial: Trial, objectives: Sequence[Objective]) -> "SuccessRecord":
        """Return the record with one more finished trial.

        Args:
            trial: The trial. It failed if it has no scores; a pruned trial did not fail, and counts
                once it has reported something.
            objectives: The objectives.
        """
        scores = trial.partial_scores(objectives)
        if scores is not None and all(map(math.isnan, scores)):
            return self
        return self._add(trial.architecture, scores is not None)

    def _add(self, architecture: Architecture, succeeded: bool) -> "SuccessRecord":
        older = self.outcomes
        if len(older) == CAPACITY:  # drop every second one of the older half
            half = CAPACITY // 2
            older = (*older[:half:2], *older[half:])
        added = replace(self, outcomes=(*older, (architecture, succeeded)), number=self.number + 1)
        if not added._has_both():
            return added
        if self.hyper is None or is_time_to_fit(added.number):
            rows, labels = added._data()
            step = -(-len(rows) // FITTED)  # fitting to all of many trials would take a second
            views = self.features.views(rows[::step], rows[::step])
            return replace(added, hyper=fit_classifier(views, labels[::step]))
        return added

    def model(self) -> "SuccessModel | None":
        """Return the model of the outcomes; None while all trials succeeded or all failed."""
        if self.hyper is None or not self._has_both():
            return None
        rows, labels = self._data()
        views = self.features.views(rows, rows)
        flat = replace(self.hyper, weights=(NO_STRUCTURE,) * len(self.hyper.weights))
        classifier = GaussianClassifier.of(views, labels, self.hyper)
        constant = GaussianClassifier.of(views, labels, flat)
        penalty = 0.5 * len(self.hyper.weights) * math.log(len(rows))
        gain = classifier.evidence - constant.evidence - penalty
        share = 1 / (1 + math.exp(min(max(-gain, -500.0), 500.0)))
        return SuccessModel(self.features, rows, classifier, constant, share)

    def _has_both(self) -> bool:
        return len({succeeded for _, succeeded in self.outcomes}) == 2

    def _data(self) -> tuple[Sequence[Row], Array]:
        labels = numpy.array([float(succeeded) for _, succeeded in self.outcomes])
        return [self.features.row(architecture) for architecture, _ in self.outcomes], labels


@dataclass(frozen=True)
class SuccessModel:
    """The probability that a trial succeeds.

    Two models are averaged by their evidence: a Gaussian process classifier, and the same success
    rate everywhere. Fitting the classifier's weights costs half the logarithm of the number of
    trials each, as in the Bayesian information criterion. Where trials fail at random, the rate
    wins, and no region is avoided.

    Attributes:
        features: The features of the space.
        rows: The features of the finished trials.
        classifier: The classifier.
        constant: The classifier without structure.
        share: The weight of the classifier in the average.

    References:
        Gelbart et al. 2014, Bayesian Optimization with Unknown Constraints, arXiv:1403.5607;
        Gardner et al. 2014, Bayesian Optimization with Inequality Constraints, ICML.
    """

    features: Features
    rows: Sequence[Row]
    classifier: GaussianClassifier
    constant: GaussianClassifier
    share: float

    def probability(self, architectures: Sequence[Architecture]) -> Array:
        """Return the probability that a trial of each architecture succeeds.

        Args:
            architectures: Architectures of the space, m of them.

        Returns:
            Probabilities, shape (m,).
        """
        rows = [self.features.row(architecture) for architecture in architectures]
        views = self.features.views(rows, self.rows)
        structured, constant = (m.predict(views) for m in (self.classifier, self.constant))
        average: Array = self.share * structured + (1 - self.share) * constant
        return average

    @cached_property
    def _safe(self) -> float:
        """The smallest probability of a safe candidate, from those of the finished trials."""
        views = self.features.views(self.rows, self.rows)
        known = self.share * self.classifier.predict(views)
        return MARGIN * float((known + (1 - self.share) * self.constant.predict(views)).max())

    def filtered(self, candidates: Iterator[Architecture]) -> Iterator[Architecture]:
        """Yield the candidates that are safe, and the safest of many unsafe ones in a row.

        A candidate is safe if its probability of success is at least 0.7 of that of the safest
        finished trial. Nothing is lost: unsafe candidates come last, the safest first.

        Args:
            candidates: Candidates in order of preference.
        """
        passed = list[tuple[float, int, Architecture]]()
        in_a_row = 0
        for number, candidate in enumerate(candidates):
            chance = round(float(self.probability([candidate])[0]), 6)
            if chance >= self._safe:
                in_a_row = 0
                yield candidate
                continue
            heappush(passed, (-chance, number, candidate))
            in_a_row += 1
            if in_a_row == REJECTED:
                in_a_row = 0
                yield heappop(passed)[-1]
        while passed:
            yield heappop(passed)[-1]


def weighted(acquisition: Array, probability: Array) -> Array:
    """Return an acquisition times the probability of success; unsafe candidates come last.

    Without the order, a search would go on to try what must fail as soon as it has found the best
    of what succeeds: there, a large improvement remains expected.

    Args:
        acquisition: The acquisition of m candidates, at least 0.
        probability: The probability that each succeeds.

    Returns:
        Values from -1 to the largest acquisition, shape (m,).
    """
    is_safe = probability >= MARGIN * probability.max()
    values: Array = numpy.where(is_safe, acquisition * probability, probability - 1)
    return values


def is_time_to_fit(number: int) -> bool:
    """Return whether hyperparameters are fitted at this number of trials: 2, 3, 4, 5, 7, 9 ..."""
    due = 2
    while due < number:
        due = math.ceil(due * GROWTH)
    return due == number
