"""Gaussian process regression with a sum of Matern kernels over several feature sets."""

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from statistics import NormalDist

import numpy
from numpy.typing import NDArray

__all__ = [
    "GaussianProcess",
    "Hyperparameters",
    "KernelView",
    "covariance",
    "fit",
    "kernel_slopes",
    "log_evidence",
    "maximize",
    "normal_scores",
    "prior_mode",
    "scaled_distances",
    "unpack",
    "warped_scores",
]

Array = NDArray[numpy.float64]

STRETCH = 1.5  # strength of the log warping, as in Vizier
STEPS = 30  # Rprop steps
JITTER = 1e-6  # added to the diagonal
LENGTH_PRIOR = 0.7  # standard deviation of the logarithm of a length-scale
NOISE_PRIOR = (-4.0, 1.5)  # mean and standard deviation of the logarithm of the noise variance


@dataclass(frozen=True)
class KernelView:
    """The features of two sets of points for one kernel; features are grouped.

    Each group of features has its own length-scale. Distances are computed from the features as a
    matrix product, because storing one distance matrix per group would take more memory and time.

    Attributes:
        left: Features of n points, shape (n, f).
        right: Features of m points, shape (m, f); the same array as `left` for one set of points.
        groups: The group of each feature, numbered from 0 without gaps, shape (f,).
    """

    left: Array
    right: Array
    groups: NDArray[numpy.intp]

    @cached_property
    def left_squared(self) -> Array:
        """The squared features of the left points."""
        return self.left**2

    @property
    def group_count(self) -> int:
        """The number of groups."""
        return int(self.groups[-1]) + 1

    def squared_distances(self, lengths: Sequence[float]) -> Array:
        """Return squared distances, with each group divided by its length-scale.

        Args:
            lengths: Logarithm of the length-scale of each group.

        Returns:
            Squared distances, shape (n, m).
        """
        scale = numpy.exp(-numpy.array(lengths))[self.groups]
        left, right = self.left * scale, self.right * scale
        left_norms = numpy.add.reduce(left * left, 1)
        right_norms = left_norms
        if self.left is not self.right:
            right_norms = numpy.add.reduce(right * right, 1)
        distances: Array = left_norms[:, None] + right_norms
        distances -= 2 * left @ right.T  # 2 * left is a new array: x @ x.T takes another routine
        return numpy.maximum(distances, 0.0, out=distances)

    def sum_by_group(self, values: Array) -> Array:
        """Sum values of features, shape (f,), by group."""
        sums: Array = numpy.bincount(self.groups, weights=values).astype(numpy.float64)
        return sums


@dataclass(frozen=True)
class Hyperparameters:
    """Hyperparameters of the covariance, all as logarithms.

    Attributes:
        lengths: For each view, the length-scale of each group.
        weights: For each view, the variance of its kernel.
        noise: The variance of the noise.
    """

    lengths: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    noise: float


def covariance(views: Sequence[KernelView], hyper: Hyperparameters) -> list[Array]:
    """Return the covariance of each view; the covariance of the process is their sum.

    k_v = w_v (1 + s + s^2 / 3) exp(-s) with s^2 = 5 sum_g d_g^2 / l_g^2, the Matern kernel of
    smoothness 5/2, where g counts the groups of the view.
    """
    return [_matern(s, decay) for s, decay in scaled_distances(views, hyper)]


def _matern(s: Array, decay: Array) -> Array:
    """Return (1 + s + s^2 / 3) w exp(-s), with few temporary arrays."""
    square = s * s
    square /= 3
    part = 1 + s
    part += square
    part *= decay
    return part


def scaled_distances(
    views: Sequence[KernelView], hyper: Hyperparameters
) -> list[tuple[Array, Array]]:
    """Return s and w_v exp(-s) of `covariance` for each view."""
    scaled: list[tuple[Array, Array]] = []
    for view, lengths, weight in zip(views, hyper.lengths, hyper.weights, strict=True):
        squares = view.squared_distances(lengths)
        squares *= 5
        s = numpy.sqrt(squares, out=squares)
        decay = weight - s
        scaled.append((s, numpy.exp(decay, out=decay)))
    return scaled


@dataclass(frozen=True)
class GaussianProcess:
    """The posterior of a Gaussian process with zero prior mean.

    Attributes:
        hyper: The hyperparameters.
        inverse: Inverse covariance of the observed points, noise included, shape (n, n).
        weights: The inverse times the observed values, shape (n,).
    """

    hyper: Hyperparameters
    inverse: Array
    weights: Array

    @classmethod
    def of(
        cls, views: Sequence[KernelView], values: Array, hyper: Hyperparameters
    ) -> "GaussianProcess":
        """Condition a process on observed values.

        Args:
            views: Views of the n observed points with themselves.
            values: The observed values, shape (n,).
            hyper: The hyperparameters.
        """
        noisy = _noisy(covariance(views, hyper), hyper)
        inverse = numpy.linalg.inv(noisy).astype(numpy.float64, copy=False)
        return cls(hyper, inverse, inverse @ values)

    def predict(self, views: Sequence[KernelView]) -> tuple[Array, Array]:
        """Return posterior means and standard deviations without noise.

        Args:
            views: Views of m points with the observed points.

        Returns:
            Means and standard deviations, each of shape (m,).
        """
        near = _total(covariance(views, self.hyper))
        prior = float(numpy.exp(self.hyper.weights).sum())
        variance = prior - numpy.einsum("ij,ij->i", near @ self.inverse, near)
        return near @ self.weights, numpy.sqrt(numpy.maximum(variance, 1e-12))

    def posterior_covariance(
        self, views: Sequence[KernelView], among: Sequence[KernelView]
    ) -> Array:
        """Return the posterior covariance of m points, shape (m, m).

        Args:
            views: Views of the m points with the observed points.
            among: Views of the m points with themselves.
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


def fit(views: Sequence[KernelView], values: Array) -> Hyperparameters:
    """Return the hyperparameters of maximum posterior density.

    Maximizes log p(values | hyper) + log p(hyper) by Rprop, starting from the mode of the prior.
    The prior favours length-scales near the root mean square distance, kernels of equal variance,
    and little noise. The result is rounded, so that rounding errors, which differ between linear
    algebra libraries, do not reach the proposals.

    Args:
        views: Views of the n observed points with themselves.
        values: The observed values, standardized, shape (n,).

    References:
        Rasmussen & Williams 2006, Gaussian Processes for Machine Learning, section 5.4.1; Blum &
        Riedmiller 2013, Optimization of Gaussian Process Hyperparameters using Rprop, ESANN.
    """
    start = prior_mode(views)
    return unpack(views, maximize(lambda point: _objective(views, values, point, start), start))


def log_evidence(views: Sequence[KernelView], values: Array, hyper: Hyperparameters) -> float:
    """Return the log marginal likelihood of observed values, up to a constant.

    Args:
        views: Views of the n observed points with themselves.
        values: The observed values, shape (n,).
        hyper: The hyperparameters.
    """
    noisy = _noisy(covariance(views, hyper), hyper)
    root = numpy.diagonal(numpy.linalg.cholesky(noisy))
    fitted = float(values @ numpy.linalg.solve(noisy, values))
    return -0.5 * fitted - float(numpy.log(root).sum())


def maximize(objective: Callable[[Array], tuple[float, Array]], start: Array) -> Array:
    """Maximize a function by Rprop, and round the result to two decimals.

    Args:
        objective: Returns the value and the gradient at a point.
        start: The first point, shape (p,).

    Returns:
        The best point that was visited, shape (p,).
    """
    point = start
    steps, before = [0.2] * len(start), [0.0] * len(start)
    best, best_value = point, -numpy.inf
    for _ in range(STEPS):
        value, slopes = objective(point)
        if value > best_value:
            best, best_value = point, value
        moved: list[float] = []
        for k, slope in enumerate(slopes.tolist()):  # few values: floats are faster than arrays
            agreement = slope * before[k]
            factor = 1.3 if agreement > 0 else 0.5 if agreement < 0 else 1.0
            steps[k] = min(max(steps[k] * factor, 0.01), 0.7)
            before[k] = slope if agreement >= 0 else 0.0
            moved.append(math.copysign(steps[k], before[k]) if before[k] else 0.0)
        point = point + numpy.array(moved)
    return numpy.round(best, 2)


def prior_mode(views: Sequence[KernelView]) -> Array:
    """Return the mode of the prior of the hyperparameters, as a vector for `unpack`."""
    lengths: list[float] = []
    for view in views:
        variances = view.sum_by_group(view.left.var(axis=0))
        spread = numpy.sqrt(2 * variances)  # root mean square distance
        lengths.extend(numpy.log(numpy.maximum(spread, 1e-3)) + 0.5 * numpy.log(len(spread)))
    return numpy.array([*lengths, *[-numpy.log(len(views))] * len(views), NOISE_PRIOR[0]])


def unpack(views: Sequence[KernelView], point: Array) -> Hyperparameters:
    """Return a vector of lengths by view, weights and noise as hyperparameters."""
    lengths: list[tuple[float, ...]] = []
    start = 0
    for view in views:
        lengths.append(tuple(map(float, point[start : start + view.group_count])))
        start += view.group_count
    return Hyperparameters(tuple(lengths), tuple(map(float, point[start:-1])), float(point[-1]))


def _objective(
    views: Sequence[KernelView], values: Array, point: Array, mode: Array
) -> tuple[float, Array]:
    """Return the log posterior density of the hyperparameters, and its gradient."""
    hyper = unpack(views, point)
    scaled = scaled_distances(views, hyper)
    parts = [(1 + s + s**2 / 3) * decay for s, decay in scaled]
    noisy = _noisy(parts, hyper)
    inverse = numpy.linalg.inv(noisy)
    weights = inverse @ values
    root = numpy.diagonal(numpy.linalg.cholesky(noisy))
    value = -0.5 * float(values @ weights) - float(numpy.log(root).sum())
    outer = 0.5 * (numpy.outer(weights, weights) - inverse)  # dL = sum(outer * dK)
    slope = kernel_slopes(views, hyper, scaled, parts, outer)
    slope.append(float(outer.trace()) * numpy.exp(hyper.noise))
    spread = [LENGTH_PRIOR] * (len(point) - len(views) - 1) + [1.0] * len(views) + [NOISE_PRIOR[1]]
    away = (point - mode) / spread
    return value - 0.5 * float(away @ away), numpy.array(slope) - away / spread


def kernel_slopes(
    views: Sequence[KernelView],
    hyper: Hyperparameters,
    scaled: Sequence[tuple[Array, Array]],
    parts: Sequence[Array],
    outer: Array,
) -> list[float]:
    """Return sum_ij outer_ij dK_ij / dh for each length-scale, then for each weight.

    Args:
        views: Views of n points with themselves.
        hyper: The hyperparameters h.
        scaled: `scaled_distances(views, hyper)`.
        parts: `covariance(views, hyper)`.
        outer: The derivative of an objective by the covariance K, symmetric, shape (n, n).
    """
    slope: list[float] = []
    for view, (s, decay), lengths in zip(views, scaled, hyper.lengths, strict=True):
        pull = 1 + s  # derivative of k by -log l, divided by d^2
        pull *= outer
        pull *= decay
        pull *= 5 / 3
        x = view.left  # sum_ij pull_ij (x_i - x_j)^2 for each feature; pull is symmetric
        moved = pull @ x
        moved *= x
        apart = 2 * (numpy.add.reduce(pull, 1) @ view.left_squared - numpy.add.reduce(moved, 0))
        slope.extend(view.sum_by_group(apart) * numpy.exp(-2 * numpy.array(lengths)))
    slope.extend(float((outer * part).sum()) for part in parts)
    return slope


def normal_scores(values: Sequence[float]) -> Array:
    """Return normal scores: the normal quantiles of the ranks; ties share their mean rank.

    Only the order of the values matters, so outliers have no influence on the other scores.

    Args:
        values: Finite numbers, at least one.

    Returns:
        A vector of the same length.
    """
    given = numpy.asarray(values)
    _, where, counts = numpy.unique(given, return_inverse=True, return_counts=True)
    ranks = numpy.cumsum(counts) - 0.5 * counts  # the mean rank, from 0 to n
    table = numpy.array(list(map(_quantile, (ranks / len(given)).tolist())))
    return table[where]


_quantile = lru_cache(maxsize=100_000)(NormalDist().inv_cdf)


def warped_scores(values: Sequence[float]) -> Array:
    """Return warped scores: differences between good values, but only ranks of bad ones.

    Values below the median are replaced by normal scores on the scale of the better half. Then all
    are stretched near the best value by a logarithm, and standardized.

    Args:
        values: Finite numbers, at least one; larger is better.

    Returns:
        A vector of the same length, with mean 0 and variance 1; or the normal scores, if no value
        is above the median.

    References:
        Song et al. 2024, The Vizier Gaussian Process Bandit Algorithm, arXiv:2408.11527
        (half-rank and log warping).
    """
    given, ranked = numpy.asarray(values, dtype=numpy.float64), normal_scores(values)
    above = given - numpy.median(given)
    if above.max() == 0:  # no value is above the median
        return ranked
    above /= above.max()  # normalize first, because squares could overflow
    width = math.sqrt(float((above[above >= 0] ** 2).mean()))
    halved = numpy.where(above >= 0, above, width * numpy.minimum(ranked, 0))
    below = (1 - halved) / (1 - halved.min())
    warped = -numpy.log1p(below * (STRETCH - 1))
    scores: Array = (warped - warped.mean()) / warped.std()
    return scores
