"""Gaussian process regression on several views of the same things."""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from statistics import NormalDist

import numpy
from numpy.typing import NDArray

__all__ = [
    "GaussianProcess",
    "Hyperparameters",
    "View",
    "covariance",
    "fit",
    "graded_scores",
    "normal_scores",
]

Array = NDArray[numpy.float64]

STRETCH = 1.5  # of the good end, as in Vizier
STEPS = 30  # of the ascent
JITTER = 1e-6
LENGTH_PRIOR = 0.7  # standard deviation of the logarithm of a length-scale
NOISE_PRIOR = (-4.0, 1.5)  # mean and standard deviation of the logarithm of the noise variance


@dataclass(frozen=True)
class View:
    """Two sets of things under one view, whose features fall into parts.

    Distances are made of the features, not kept for each part: they are a product of matrices.

    Attributes:
        ours: Features of n things, shape (n, f).
        theirs: Features of m others, shape (m, f).
        parts: To which part each feature belongs, from 0 on without gaps, shape (f,).
    """

    ours: Array
    theirs: Array
    parts: NDArray[numpy.intp]

    @cached_property
    def ours_squared(self) -> Array:
        """The squares of our features."""
        return self.ours**2

    @property
    def count(self) -> int:
        """The number of parts."""
        return int(self.parts[-1]) + 1

    def squares(self, lengths: Sequence[float]) -> Array:
        """Return the squared distances with each part divided by its length-scale.

        Args:
            lengths: Logarithms of the length-scales of the parts.

        Returns:
            Distances of shape (n, m).
        """
        scale = numpy.exp(-numpy.array(lengths))[self.parts]
        ours, theirs = self.ours * scale, self.theirs * scale
        own_norms = numpy.add.reduce(ours * ours, 1)
        their_norms = own_norms
        if self.ours is not self.theirs:
            their_norms = numpy.add.reduce(theirs * theirs, 1)
        distances: Array = own_norms[:, None] + their_norms
        distances -= 2 * ours @ theirs.T  # of two arrays, lest another product be taken
        return numpy.maximum(distances, 0.0, out=distances)

    def by_part(self, of_features: Array) -> Array:
        """Add up numbers of the features, shape (f,), to numbers of the parts."""
        sums: Array = numpy.bincount(self.parts, weights=of_features).astype(numpy.float64)
        return sums


@dataclass(frozen=True)
class Hyperparameters:
    """What the covariance is made of, all as logarithms.

    Attributes:
        lengths: For each view, a length-scale for each of its parts.
        weights: For each view, its share of the variance.
        noise: The variance of the noise.
    """

    lengths: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    noise: float


def covariance(views: Sequence[View], hyper: Hyperparameters) -> list[Array]:
    """Return the covariance under each view; their sum is the whole.

    k_v = w_v (1 + s + s^2 / 3) exp(-s) with s^2 = 5 sum_p d_p^2 / l_p^2, the Matern function of
    smoothness 5/2.
    """
    return [_matern(s, decay) for s, decay in _scaled(views, hyper)]


def _matern(s: Array, decay: Array) -> Array:
    """Return (1 + s + s^2 / 3) w exp(-s); in place, as there are many."""
    square = s * s
    square /= 3
    part = 1 + s
    part += square
    part *= decay
    return part


def _scaled(views: Sequence[View], hyper: Hyperparameters) -> list[tuple[Array, Array]]:
    """Return s and w_v exp(-s) of `covariance` under each view."""
    scaled: list[tuple[Array, Array]] = []
    for view, lengths, weight in zip(views, hyper.lengths, hyper.weights, strict=True):
        squares = view.squares(lengths)
        squares *= 5
        s = numpy.sqrt(squares, out=squares)
        decay = weight - s
        scaled.append((s, numpy.exp(decay, out=decay)))
    return scaled


@dataclass(frozen=True)
class GaussianProcess:
    """A posterior: zero mean, and a covariance that is a sum over views.

    Attributes:
        hyper: The hyper-parameters.
        inverse: Inverse of the covariance of what was observed, noise included, shape (n, n).
        weights: The inverse times the observed values, shape (n,).
    """

    hyper: Hyperparameters
    inverse: Array
    weights: Array

    @classmethod
    def of(cls, views: Sequence[View], values: Array, hyper: Hyperparameters) -> "GaussianProcess":
        """Condition on observed values.

        Args:
            views: The observed beside themselves.
            values: What was observed, shape (n,).
            hyper: The hyper-parameters.
        """
        noisy = _noisy(covariance(views, hyper), hyper)
        inverse = numpy.linalg.inv(noisy).astype(numpy.float64, copy=False)
        return cls(hyper, inverse, inverse @ values)

    def predict(self, views: Sequence[View]) -> tuple[Array, Array]:
        """Return mean and standard deviation of the noise-free value of other things.

        Args:
            views: m things beside the observed.

        Returns:
            Two vectors of shape (m,).
        """
        near = _total(covariance(views, self.hyper))
        prior = float(numpy.exp(self.hyper.weights).sum())
        variance = prior - numpy.einsum("ij,ij->i", near @ self.inverse, near)
        return near @ self.weights, numpy.sqrt(numpy.maximum(variance, 1e-12))

    def covary(self, views: Sequence[View], among: Sequence[View]) -> Array:
        """Return the posterior covariance of m things, shape (m, m).

        Args:
            views: The m things beside the observed.
            among: The m things beside themselves.
        """
        near = _total(covariance(views, self.hyper))
        joint: Array = _total(covariance(among, self.hyper)) - near @ self.inverse @ near.T
        return joint


def _total(parts: Sequence[Array]) -> Array:
    return reduce(operator.add, parts)


def _noisy(parts: Sequence[Array], hyper: Hyperparameters) -> Array:
    noisy = parts[0].copy() if len(parts) == 1 else _total(parts)
    noisy.ravel()[:: len(noisy) + 1] += math.exp(hyper.noise) + JITTER  # the diagonal
    return noisy


# ---------------------------------------------------------------------- marginal likelihood


def fit(views: Sequence[View], values: Array) -> Hyperparameters:
    """Choose the hyper-parameters with the largest posterior, given what was observed.

    Maximises log p(values | hyper) + log p(hyper) by Rprop from the prior's mode. The prior lets a
    length-scale be about the median distance, weights share the variance equally, and noise be
    small. The result is rounded, so that no rounding error of linear algebra travels on.

    Args:
        views: The observed beside themselves.
        values: What was observed, standardised, shape (n,).

    References:
        Rasmussen & Williams 2006, Gaussian Processes for Machine Learning, section 5.4.1; Blum &
        Riedmiller 2013, Optimization of Gaussian Process Hyperparameters using Rprop, ESANN.
    """
    start = _prior_mode(views)
    point = start
    steps, before = [0.2] * len(start), [0.0] * len(start)
    best, best_value = point, -numpy.inf
    for _ in range(STEPS):
        value, slopes = _objective(views, values, point, start)
        if value > best_value:
            best, best_value = point, value
        moved: list[float] = []
        for k, slope in enumerate(slopes.tolist()):  # few: numbers are faster than arrays
            agreement = slope * before[k]
            factor = 1.3 if agreement > 0 else 0.5 if agreement < 0 else 1.0
            steps[k] = min(max(steps[k] * factor, 0.01), 0.7)
            before[k] = slope if agreement >= 0 else 0.0
            moved.append(math.copysign(steps[k], before[k]) if before[k] else 0.0)
        point = point + numpy.array(moved)
    return _unpack(views, numpy.round(best, 2))


def _prior_mode(views: Sequence[View]) -> Array:
    lengths: list[float] = []
    for view in views:
        spread = numpy.sqrt(2 * view.by_part(view.ours.var(axis=0)))  # root mean square distance
        lengths.extend(numpy.log(numpy.maximum(spread, 1e-3)) + 0.5 * numpy.log(len(spread)))
    return numpy.array([*lengths, *[-numpy.log(len(views))] * len(views), NOISE_PRIOR[0]])


def _unpack(views: Sequence[View], point: Array) -> Hyperparameters:
    lengths: list[tuple[float, ...]] = []
    start = 0
    for view in views:
        lengths.append(tuple(map(float, point[start : start + view.count])))
        start += view.count
    return Hyperparameters(tuple(lengths), tuple(map(float, point[start:-1])), float(point[-1]))


def _objective(
    views: Sequence[View], values: Array, point: Array, mode: Array
) -> tuple[float, Array]:
    """Return the logarithm of the posterior of the hyper-parameters, and its gradient."""
    hyper = _unpack(views, point)
    scaled = _scaled(views, hyper)
    parts = [(1 + s + s**2 / 3) * decay for s, decay in scaled]
    noisy = _noisy(parts, hyper)
    inverse = numpy.linalg.inv(noisy)
    weights = inverse @ values
    root = numpy.diagonal(numpy.linalg.cholesky(noisy))
    value = -0.5 * float(values @ weights) - float(numpy.log(root).sum())
    outer = 0.5 * (numpy.outer(weights, weights) - inverse)  # dL = sum(outer * dK)
    slope: list[float] = []
    for view, (s, decay), lengths in zip(views, scaled, hyper.lengths, strict=True):
        pull = 1 + s  # dk / d(-log l) / d^2
        pull *= outer
        pull *= decay
        pull *= 5 / 3
        x = view.ours  # sum_ij pull_ij (x_i - x_j)^2 of each feature, pull being symmetric
        moved = pull @ x
        moved *= x
        apart = 2 * (numpy.add.reduce(pull, 1) @ view.ours_squared - numpy.add.reduce(moved, 0))
        slope.extend(view.by_part(apart) * numpy.exp(-2 * numpy.array(lengths)))
    slope.extend(float((outer * part).sum()) for part in parts)
    slope.append(float(outer.trace()) * numpy.exp(hyper.noise))
    spread = [LENGTH_PRIOR] * (len(point) - len(views) - 1) + [1.0] * len(views) + [NOISE_PRIOR[1]]
    away = (point - mode) / spread
    return value - 0.5 * float(away @ away), numpy.array(slope) - away / spread


def normal_scores(values: Sequence[float]) -> Array:
    """Return the normal quantiles of the ranks, ties sharing their mean rank.

    So a few terrible values do not flatten the rest, and only the order counts.

    Args:
        values: Any finite numbers, at least one.

    Returns:
        A vector of the same length.
    """
    given = numpy.asarray(values)
    _, where, counts = numpy.unique(given, return_inverse=True, return_counts=True)
    ranks = numpy.cumsum(counts) - 0.5 * counts  # the mean rank, from 0 to n
    table = numpy.array(list(map(_quantile, (ranks / len(given)).tolist())))
    return table[where]


_quantile = lru_cache(maxsize=100_000)(NormalDist().inv_cdf)


def graded_scores(values: Sequence[float]) -> Array:
    """Return scores that keep by how much the good values differ, and only ranks of the bad ones.

    Below the median, values become normal quantiles of their ranks, as wide as the better half;
    then all are stretched at the good end by a logarithm, and standardised.

    Args:
        values: Any finite numbers, at least one; larger is better.

    Returns:
        A vector of the same length, of mean 0 and variance 1 unless all are equal.

    References:
        Song et al. 2024, The Vizier Gaussian Process Bandit Algorithm, arXiv:2408.11527
        (half-rank and log warping).
    """
    given, ranked = numpy.asarray(values, dtype=numpy.float64), normal_scores(values)
    above = given - numpy.median(given)
    if above.max() == 0:  # nothing is better than the median
        return ranked
    above /= above.max()  # before squares, which may be too large otherwise
    width = math.sqrt(float((above[above >= 0] ** 2).mean()))
    halved = numpy.where(above >= 0, above, width * numpy.minimum(ranked, 0))
    below = (1 - halved) / (1 - halved.min())
    warped = -numpy.log1p(below * (STRETCH - 1))
    scores: Array = (warped - warped.mean()) / warped.std()
    return scores
