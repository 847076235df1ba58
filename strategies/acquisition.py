"""Acquisition functions of Bayesian optimization, for maximization."""

import math

import numpy
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = [
    "expected_improvement",
    "hypervolume_improvement",
    "scalarized_improvement",
    "thompson",
]

Array = NDArray[numpy.float64]

DRAWS = 64  # posterior samples per candidate, for several objectives
MARGIN = 0.1  # distance of the reference point from the worst value, as a share of the range


def expected_improvement(mean: Array, deviation: Array, best: float) -> Array:
    """Return the expected improvement, EI = s (z Phi(z) + phi(z)) with z = (mu - best) / s.

    Args:
        mean: Posterior means mu, shape (m,).
        deviation: Posterior standard deviations s, positive, shape (m,).
        best: The best observed value.

    References:
        Mockus 1975; Jones et al. 1998, Efficient Global Optimization, doi:10.1023/A:1008306431147.
    """
    z = (mean - best) / deviation
    below = numpy.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in z])
    density = numpy.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    improvement: Array = deviation * (z * below + density)
    return improvement


def thompson(mean: Array, covariance: Array, rng: Generator) -> Array:
    """Return one sample of the joint posterior of all candidates.

    Args:
        mean: Posterior mean, shape (m,).
        covariance: Posterior covariance, shape (m, m).
        rng: The source of randomness.

    References:
        Thompson 1933, doi:10.1093/biomet/25.3-4.285.
    """
    values, vectors = numpy.linalg.eigh(covariance)
    root = (
        vectors * numpy.sqrt(numpy.maximum(values, 0.0)) @ vectors.T
    )  # independent of the eigenvectors' signs
    drawn: Array = mean + root @ rng.standard_normal(len(mean))
    return drawn


def scalarized_improvement(
    means: Array, deviations: Array, observed: Array, rng: Generator
) -> Array:
    """Return the expected improvement of a random hypervolume scalarization.

    For k objectives it is E[max(s(f) - max_i s(y_i), 0)] with
    s(y) = min_j (max(y_j - r_j, 0) / w_j)^k, weights w uniform over the positive directions, and a
    reference point r slightly worse than the worst values. The mean of s over w is the hypervolume
    up to a constant. The expectation is over posterior samples.

    Args:
        means: Posterior means, shape (objectives, m).
        deviations: Posterior standard deviations, shape (objectives, m).
        observed: Observed values, shape (objectives, n); larger is better.
        rng: The source of randomness.

    References:
        Zhang & Golovin 2020, arXiv:2006.04655, equation 1 and lemma 5.
    """
    count = len(means)
    weights = numpy.abs(rng.standard_normal(count))
    weights = numpy.maximum(weights / numpy.linalg.norm(weights), 1e-3)[:, None]
    reference = _reference(observed)

    def scalar(values: Array) -> Array:
        least: Array = (numpy.maximum(values - reference, 0.0) / weights).min(axis=0)
        return least**count

    best = scalar(observed).max()
    improvement = numpy.zeros(means.shape[1])
    for drawn in rng.standard_normal((DRAWS, count, 1)):
        improvement += numpy.maximum(scalar(means + deviations * drawn) - best, 0.0)
    return improvement / DRAWS


def hypervolume_improvement(
    means: Array, deviations: Array, observed: Array, rng: Generator
) -> Array:
    """Return the expected hypervolume improvement, for two objectives.

    The expectation is over posterior samples. The improvement of a sample is exact: the area that
    the front does not dominate is divided into vertical strips at the points of the front.

    Args:
        means: Posterior means, shape (2, m).
        deviations: Posterior standard deviations, shape (2, m).
        observed: Observed values, shape (2, n); larger is better.
        rng: The source of randomness.

    References:
        Emmerich et al. 2006, doi:10.1109/TEVC.2005.859463.
    """
    reference = _reference(observed)[:, 0]
    front: list[tuple[float, float]] = []
    for x, y in sorted(zip(*observed.tolist(), strict=True), reverse=True):
        if not front or y > front[-1][1]:
            front.append((x, y))
    right = numpy.array([numpy.inf, *(x for x, _ in front)])  # right edge of each strip
    left = numpy.array([*(x for x, _ in front), reference[0]])
    height = numpy.array([reference[1], *(y for _, y in front)])
    improvement = numpy.zeros(means.shape[1])
    for drawn in rng.standard_normal((DRAWS, 2, 1)):
        x, y = means + deviations * drawn
        width = numpy.minimum(x[:, None], right) - left
        excess = y[:, None] - height
        improvement += (numpy.maximum(width, 0.0) * numpy.maximum(excess, 0.0)).sum(axis=1)
    return improvement / DRAWS


def _reference(observed: Array) -> Array:
    """Return the reference point, slightly worse than the worst values, shape (objectives, 1)."""
    low, high = observed.min(axis=1, keepdims=True), observed.max(axis=1, keepdims=True)
    reference: Array = low - MARGIN * numpy.maximum(high - low, 1e-3)
    return reference
