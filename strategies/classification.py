"""Gaussian process classification by Laplace's approximation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from .gaussian_process import (
    Hyperparameters,
    KernelView,
    covariance,
    kernel_slopes,
    maximize,
    prior_mode,
    scaled_distances,
    unpack,
)

__all__ = ["GaussianClassifier", "evidence", "fit_classifier"]

Array = NDArray[numpy.float64]

BIAS = 4.0  # prior variance of the constant part of the latent function, in logits
WEIGHT_PRIOR = (1.0, 1.0)  # mean and deviation of the logarithm of the latent variance, all views
LENGTH_PRIOR = 0.7  # standard deviation of the logarithm of a length-scale
NEWTON = 20  # maximum number of Newton steps
CONVERGED = 1e-6  # change of a latent value, in logits


@dataclass(frozen=True)
class _Mode:
    """The mode of the latent function, and what follows from it.

    Attributes:
        latent: The latent values f at the mode, shape (n,).
        slope: Gradient of the log likelihood, shape (n,).
        inner: (K + W^-1)^-1, shape (n, n), where W is the negative Hessian of the log likelihood.
        evidence: Laplace's approximation of the log marginal likelihood.
    """

    latent: Array
    slope: Array
    inner: Array
    evidence: float


@dataclass(frozen=True)
class GaussianClassifier:
    """The posterior of a Gaussian process classifier with a logistic likelihood.

    The latent function is a constant with a normal prior plus a Gaussian process: where the process
    knows nothing, the probability is about the share of successes.

    Attributes:
        hyper: The hyperparameters of the process; the noise is not used.
        mode: The mode of the latent function.

    References:
        Rasmussen & Williams 2006, Gaussian Processes for Machine Learning, sections 3.4 and 5.5.1.
    """

    hyper: Hyperparameters
    mode: _Mode

    @classmethod
    def of(
        cls, views: Sequence[KernelView], labels: Array, hyper: Hyperparameters
    ) -> "GaussianClassifier":
        """Condition a classifier on labels.

        Args:
            views: Views of the n labelled points with themselves.
            labels: 1 for a success and 0 for a failure, shape (n,).
            hyper: The hyperparameters.
        """
        return cls(hyper, _mode(_latent_covariance(covariance(views, hyper)), labels))

    @property
    def evidence(self) -> float:
        """The log marginal likelihood of the labels, approximately."""
        return self.mode.evidence

    def predict(self, views: Sequence[KernelView]) -> Array:
        """Return the probability of success at m points.

        Args:
            views: Views of m points with the labelled points.

        Returns:
            Probabilities, averaged over the latent function, shape (m,).
        """
        near = _latent_covariance(covariance(views, self.hyper))
        prior = BIAS + float(numpy.exp(self.hyper.weights).sum())
        variance = prior - numpy.einsum("ij,ij->i", near @ self.mode.inner, near)
        shrunk = near @ self.mode.slope / numpy.sqrt(1 + numpy.pi / 8 * numpy.maximum(variance, 0))
        return _logistic(shrunk)


def fit_classifier(views: Sequence[KernelView], labels: Array) -> Hyperparameters:
    """Return the hyperparameters of maximum posterior density.

    Maximizes Laplace's approximation of log p(labels | hyper), plus log p(hyper), by Rprop.

    Args:
        views: Views of the n labelled points with themselves.
        labels: 1 for a success and 0 for a failure, shape (n,).
    """
    start = prior_mode(views)
    start[-len(views) - 1 : -1] += WEIGHT_PRIOR[0]
    spread = numpy.full(len(start), LENGTH_PRIOR)
    spread[-len(views) - 1 :] = WEIGHT_PRIOR[1]

    def objective(point: Array) -> tuple[float, Array]:
        value, slopes = evidence(views, labels, unpack(views, point))
        away = (point - start) / spread
        return value - 0.5 * float(away @ away), numpy.array([*slopes, 0.0]) - away / spread

    return unpack(views, maximize(objective, start))


def _latent_covariance(parts: Sequence[Array]) -> Array:
    total: Array = numpy.add.reduce(parts) + BIAS
    return total


def _logistic(values: Array) -> Array:
    halves: Array = numpy.tanh(values / 2)
    return (1 + halves) / 2


def _mode(prior: Array, labels: Array) -> _Mode:
    """Find the mode of the latent function by Newton's method (algorithm 3.1)."""
    latent = slope = numpy.zeros(len(labels))
    scaled = inner = numpy.eye(len(labels))
    for _ in range(NEWTON):
        chance = _logistic(latent)
        weight = numpy.maximum(chance * (1 - chance), 1e-9)
        root = numpy.sqrt(weight)
        scaled = root[:, None] * prior * root
        scaled.ravel()[:: len(scaled) + 1] += 1
        inverse = numpy.linalg.inv(scaled).astype(numpy.float64, copy=False)
        inner = root[:, None] * inverse * root
        target = weight * latent + labels - chance
        slope = target - inner @ (prior @ target)
        before, latent = latent, prior @ slope
        if numpy.abs(latent - before).max() < CONVERGED:
            break
    _, log_determinant = numpy.linalg.slogdet(scaled)
    signed = numpy.where(labels > 0.5, latent, -latent)
    likelihood = -float(numpy.logaddexp(0, -signed).sum())
    marginal = likelihood - 0.5 * float(slope @ latent) - 0.5 * float(log_determinant)
    return _Mode(latent, slope, inner, marginal)


def evidence(
    views: Sequence[KernelView], labels: Array, hyper: Hyperparameters
) -> tuple[float, list[float]]:
    """Return the evidence and its gradient by lengths and weights (algorithm 5.1)."""
    scaled = scaled_distances(views, hyper)
    parts = [(1 + s + s**2 / 3) * decay for s, decay in scaled]
    prior = _latent_covariance(parts)
    mode = _mode(prior, labels)
    chance = _logistic(mode.latent)
    third = -chance * (1 - chance) * (1 - 2 * chance)  # third derivative of the log likelihood
    variance = numpy.diagonal(prior) - numpy.einsum("ij,ij->i", prior @ mode.inner, prior)
    by_latent = 0.5 * variance * third
    moved = by_latent - mode.inner @ (prior @ by_latent)
    gradient = labels - chance
    outer = 0.5 * (numpy.outer(mode.slope, mode.slope) - mode.inner)
    cross = numpy.outer(moved, gradient)
    outer += 0.5 * (cross + cross.T)
    return mode.evidence, kernel_slopes(views, hyper, scaled, parts, outer)
