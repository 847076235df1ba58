"""Acquisition functions: how much is to be gained by trying a candidate."""

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

DRAWS = 64  # of the posterior at each candidate, for several objectives
MARGIN = 0.1  # of the range by which the reference point is worse than the worst


def expected_improvement(mean: Array, deviation: Array, best: float) -> Array:
    """Return E[max(f - best, 0)] = s (z Phi(z) + phi(z)) with z = (m - best) / s.

    Args:
        mean: Of the posterior, shape (m,).
        deviation: Of the posterior, positive, shape (m,).
        best: The best value so far.

    References:
        Mockus 1975; Jones et al. 1998, Efficient Global Optimization, doi:10.1023/A:1008306431147.
    """
    z = (mean - best) / deviation
    below = numpy.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in z])
    density = numpy.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    gained: Array = deviation * (z * below + density)
    return gained


def thompson(mean: Array, covariance: Array, rng: Generator) -> Array:
    """Draw once from the joint posterior of all candidates.

    Args:
        mean: Of the posterior, shape (m,).
        covariance: Of the posterior, shape (m, m).
        rng: The source of randomness.

    References:
        Thompson 1933, doi:10.1093/biomet/25.3-4.285.
    """
    values, vectors = numpy.linalg.eigh(covariance)
    root = vectors * numpy.sqrt(numpy.maximum(values, 0.0)) @ vectors.T  # whatever the signs
    drawn: Array = mean + root @ rng.standard_normal(len(mean))
    return drawn


def scalarized_improvement(
    means: Array, deviations: Array, observed: Array, rng: Generator
) -> Array:
    """Return the expected improvement of a hypervolume scalarization of random weights.

    s(y) = min_j max(y_j - r_j, 0) / w_j with w drawn uniformly from the positive directions and r
    a little worse than the worst; the mean of s^k over all weights, for k objectives, is the
    hypervolume up to a constant.

    Args:
        means: Of the posteriors, shape (objectives, m).
        deviations: Of the posteriors, shape (objectives, m).
        observed: Shape (objectives, n); larger is better.
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
    gained = numpy.zeros(means.shape[1])
    for drawn in rng.standard_normal((DRAWS, count, 1)):
        gained += numpy.maximum(scalar(means + deviations * drawn) - best, 0.0)
    return gained / DRAWS


def hypervolume_improvement(
    means: Array, deviations: Array, observed: Array, rng: Generator
) -> Array:
    """Return the expected growth of the area that is dominated, for two objectives.

    Draws from the posteriors; of each draw the growth is exact: the area above the reference is cut
    into strips along the front.

    Args:
        means: Of the posteriors, shape (2, m).
        deviations: Of the posteriors, shape (2, m).
        observed: Shape (2, n); larger is better.
        rng: The source of randomness.

    References:
        Emmerich et al. 2006, doi:10.1109/TEVC.2005.859463.
    """
    reference = _reference(observed)[:, 0]
    front: list[tuple[float, float]] = []
    for x, y in sorted(zip(*observed.tolist(), strict=True), reverse=True):
        if not front or y > front[-1][1]:
            front.append((x, y))
    right = numpy.array([numpy.inf, *(x for x, _ in front)])  # of each strip
    left = numpy.array([*(x for x, _ in front), reference[0]])
    height = numpy.array([reference[1], *(y for _, y in front)])
    gained = numpy.zeros(means.shape[1])
    for drawn in rng.standard_normal((DRAWS, 2, 1)):
        x, y = means + deviations * drawn
        wide = numpy.minimum(x[:, None], right) - left
        high = y[:, None] - height
        gained += (numpy.maximum(wide, 0.0) * numpy.maximum(high, 0.0)).sum(axis=1)
    return gained / DRAWS


def _reference(observed: Array) -> Array:
    """Return a point a little worse than the worst, shape (objectives, 1)."""
    low, high = observed.min(axis=1, keepdims=True), observed.max(axis=1, keepdims=True)
    reference: Array = low - MARGIN * numpy.maximum(high - low, 1e-3)
    return reference
