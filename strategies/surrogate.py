"""The surrogate of Bayesian optimization: Gaussian processes over the features of a space."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from ..spaces import Architecture
from .features import Features, Row
from .gaussian_process import (
    GaussianProcess,
    Hyperparameters,
    fit,
    log_evidence,
    normal_scores,
    warped_scores,
)
from .strategy import Problem

__all__ = ["Member", "Scores", "Surrogate", "alternatives", "fitted", "kept", "values_of"]

Array = NDArray[numpy.float64]
Scores = tuple[float, ...]
Member = tuple[Architecture, Scores]

CAPACITY = 256  # maximum number of trials that a surrogate is conditioned on


@dataclass(frozen=True)
class Surrogate:
    """One Gaussian process per objective, conditioned on observed and running trials.

    Attributes:
        features: The features of the space.
        rows: Features of the observed and running architectures.
        processes: The posterior of each objective.
        values: Scores of observed and predicted means of running trials, shape (objectives, rows).
        best: The best value of the first objective.
    """

    features: Features
    rows: Sequence[Row]
    processes: Sequence[GaussianProcess]
    values: Array
    best: float

    @classmethod
    def of(
        cls,
        features: Features,
        hyper: Sequence[Hyperparameters],
        observed: Sequence[Member],
        running: Sequence[Architecture],
        warped: bool,
    ) -> "Surrogate":
        """Condition processes on trials.

        Args:
            features: The features of the space.
            hyper: The hyperparameters of each objective.
            observed: Architectures with their scores.
            running: Architectures of running trials.
            warped: Whether scores are warped.
        """
        members = kept(observed)
        rows = [features.row(architecture) for architecture, _ in members]
        rows += [features.row(architecture) for architecture in running]
        values = numpy.full((len(hyper), len(rows)), numpy.nan)
        values[:, : len(members)] = values_of(members, warped)
        among = features.views(rows, rows)
        processes = list[GaussianProcess]()
        for value, its_hyper in zip(values, hyper, strict=True):
            unknown = numpy.isnan(value)
            if unknown.any():
                have = [
                    row for row, is_unknown in zip(rows, unknown, strict=True) if not is_unknown
                ]
                lack = [row for row, is_unknown in zip(rows, unknown, strict=True) if is_unknown]
                process = GaussianProcess.of(features.views(have, have), value[~unknown], its_hyper)
                value[unknown] = process.predict(features.views(lack, have))[0]
            processes.append(GaussianProcess.of(among, value, its_hyper))
        return cls(features, rows, processes, values, float(values[0].max()))


def alternatives(problem: Problem) -> tuple[Features, ...]:
    """Return the features that a surrogate may use, from the simplest on."""
    features = Features(problem.space, problem.allow_equivalent)
    if not features.covers_decisions:
        return (features,)
    return features, Features(problem.space, allow_equivalent=True)


def kept(observed: Sequence[Member]) -> Sequence[Member]:
    """Return at most `CAPACITY` trials for a model: the best half and the latest half."""
    if len(observed) <= CAPACITY:
        return observed
    latest = len(observed) - CAPACITY // 2
    ranks = numpy.nanmean(values_of(observed[:latest]), axis=0)
    best = numpy.argsort(-ranks, kind="stable")[: CAPACITY // 2]
    return [*(observed[int(k)] for k in sorted(best)), *observed[latest:]]


def values_of(observed: Sequence[Member], warped: bool = False) -> Array:
    """Return transformed scores, shape (objectives, n); an unknown score stays NaN."""
    values = numpy.array([scores for _, scores in observed], dtype=numpy.float64).T.copy()
    for column in values:
        known = ~numpy.isnan(column)
        if known.any():
            column[known] = (warped_scores if warped else normal_scores)(column[known].tolist())
    return values


def fitted(
    choices: Sequence[Features], observed: Sequence[Member], warped: bool
) -> tuple[Features, tuple[Hyperparameters, ...]]:
    """Return the features of the largest evidence, and the hyperparameters of each objective.

    There are no hyperparameters while an objective has fewer than two values.

    Args:
        choices: The features that may be used, from the simplest on.
        observed: Architectures with their scores.
        warped: Whether scores are warped.
    """
    members = kept(observed)
    values = values_of(members, warped)
    if min(numpy.count_nonzero(~numpy.isnan(value)) for value in values) < 2:
        return choices[0], ()
    fits = [_fit(features, members, values) for features in choices]
    penalty = 0.5 * math.log(len(members))  # of one more weight (Bayesian information criterion)
    gains = [evidence - number * penalty for number, (_, evidence) in enumerate(fits)]
    best = int(numpy.argmax(numpy.round(gains, 6)))
    return choices[best], fits[best][0]


def _fit(
    features: Features, members: Sequence[Member], values: Array
) -> tuple[tuple[Hyperparameters, ...], float]:
    """Return the hyperparameters of each objective, and the sum of their log evidences."""
    rows = [features.row(architecture) for architecture, _ in members]
    fitted, evidence = list[Hyperparameters](), 0.0
    for value in values:
        known = numpy.flatnonzero(~numpy.isnan(value))
        having = [rows[int(k)] for k in known]
        views = features.views(having, having)
        fitted.append(fit(views, value[known]))
        evidence += log_evidence(views, value[known], fitted[-1])
    return tuple(fitted), evidence
